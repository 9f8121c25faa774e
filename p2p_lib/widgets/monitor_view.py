"""The monitor's widgets: they are opened and closed with a training, and what stays behind are plain pictures."""

from __future__ import annotations

import base64
import html
import io
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from IPython.display import display
from ipywidgets import HTML, Button, HBox, Image, VBox
from PIL import Image as Pictures

from p2p_lib.training import Event, Trainer
from p2p_lib.viz import plot_history
from p2p_lib.widgets.monitor import Progress, latest
from p2p_lib.widgets.waiting_clicks import WaitingClicks

TEXT_EVERY_S = 0.25
CURVES_EVERY_S = 1.0
CURVES_SHARE, CURVES_FREE_S = 0.05, 3.0  # drawing curves may take this share of the time, and so many seconds beyond
DPI = 90
NOTE = "Finishes the step and saves. The notebook's own stop button does the same, also where this one does not answer."


class MonitorView:
    """One training in one output of a cell; a context manager, with the `update` and `set_postfix` of a progress bar."""

    def __init__(self, trainer: Trainer, stop: Callable[[], None], smooth: int) -> None:
        self._trainer, self._stop, self._smooth = trainer, stop, smooth
        self._progress = Progress(trainer)
        self._drawn_rows, self._next_text, self._next_curves = 0, 0.0, 0.0
        self._drawing_s = 0.0  # spent on curves so far

    def __enter__(self) -> MonitorView:
        fit_in = {"max_width": "100%", "align_self": "flex-start", "margin": "0"}
        self._text, self._values = HTML(), HTML()
        self._button = Button(description="Stop and save", icon="stop", tooltip=NOTE, layout={"width": "auto"})
        self._button.on_click(self._clicked)
        self._curves, self._samples = Image(format="png", layout=fit_in), Image(format="jpeg", layout=fit_in)
        self._labels = [HTML("<strong>Curves</strong>"), HTML("<strong>Fixed samples</strong>")]
        self._note = HTML(f"<span>{html.escape(NOTE)}</span>")
        for hidden in (self._curves, self._samples, *self._labels):
            hidden.layout.display = "none"
        row = HBox([self._button, self._note], layout={"flex_flow": "row wrap", "align_items": "center"})
        parts = [self._text, row, self._values, self._labels[0], self._curves, self._labels[1], self._samples]
        self._box = VBox(parts, layout={"max_width": "100%"}).add_class("p2p-monitor")
        self._clicks = WaitingClicks(self._button)
        self._refresh_text("Training")
        self._show_samples(last_samples(self._trainer.out))
        self._refresh_curves()
        self._output = display(self._box, display_id=True)
        self._second = display({"text/plain": ""}, raw=True, display_id=True)
        return self

    def update(self, steps: int = 1) -> None:
        """A step is done."""
        self._clicks.handle()
        if time.monotonic() >= self._next_text:
            self._refresh_text("Stopping" if self._button.disabled else "Training")
        if len(self._trainer.history) > self._drawn_rows and time.monotonic() >= self._next_curves:
            self._refresh_curves()

    def set_postfix(self, losses: dict[str, str], refresh: bool = True) -> None:
        """The losses are in the history, which is shown."""

    def tell(self, event: Event) -> None:
        """A row of the history is closed, perhaps with samples."""
        if event.samples is not None:
            self._show_samples(to_jpeg(Pictures.fromarray(event.samples)))

    def _clicked(self, button: Button) -> None:
        """May run in a thread of the kernel."""
        self._stop()
        button.disabled, button.description = True, "Stopping"

    def _refresh_text(self, state: str) -> None:
        self._next_text = time.monotonic() + TEXT_EVERY_S
        trainer, name = self._trainer, html.escape(self._trainer.task.name)
        bar = f'<progress aria-label="Progress" max="{trainer.total_steps}" value="{trainer.step}" style="width: 100%"></progress>'
        self._text.value = f"<strong>{state} {name}</strong>: {self._progress}{self._progress.left()}<br>{bar}"
        self._values.value = "<br>".join(map(html.escape, latest(trainer.history)))

    def _refresh_curves(self) -> None:
        """Draw the rows so far; how soon again follows from how long drawing takes."""
        self._drawn_rows = len(self._trainer.history)
        if not self._drawn_rows:
            return
        started = time.monotonic()
        self._curves.value = curves_png(self._trainer.history, self._smooth)
        self._reveal(self._labels[0], self._curves)
        now = time.monotonic()
        self._drawing_s += now - started
        paid = self._progress.started + (self._drawing_s - CURVES_FREE_S) / CURVES_SHARE
        self._next_curves = max(now + CURVES_EVERY_S, paid)

    def _show_samples(self, jpeg: bytes) -> None:
        if jpeg:
            self._samples.value = jpeg
            self._reveal(self._labels[1], self._samples)

    def _reveal(self, *hidden: Any) -> None:
        for widget in hidden:
            widget.layout.display = None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Put plain pictures in the place of the widgets, and close these."""
        try:
            title = self._ending(error)
            history, samples = self._trainer.history, self._samples.value
            curves = {"image/png": curves_png(history, self._smooth, title)} if history else {}
            self._show_still(self._output, title, curves)
            self._show_still(self._second, "Fixed samples" if samples else "", {"image/jpeg": samples} if samples else {})
        finally:
            close(self._box)

    def _ending(self, error: BaseException | None) -> str:
        """How the training ended, in a line."""
        trainer = self._trainer
        if error is not None:
            how = f"broken off by {type(error).__name__}"
        else:
            how = "finished" if trainer.step >= trainer.total_steps else "stopped and saved (resume=True goes on)"
        return f"{trainer.task.name} {how}: {self._progress}"

    def _show_still(self, handle: Any, text: str, picture: dict[str, bytes]) -> None:
        encoded = {kind: base64.b64encode(content).decode() for kind, content in picture.items()}
        handle.update({"text/plain": text} | encoded, metadata={kind: {"alt": text} for kind in picture}, raw=True)


def curves_png(history: list[dict[str, float]], smooth: int, title: str = "") -> bytes:
    """`viz.plot_history` as a PNG."""
    figure, file = plot_history(history, smooth=smooth), io.BytesIO()
    if title:
        figure.suptitle(title, fontsize="medium")
    figure.savefig(file, format="png", dpi=DPI)
    return file.getvalue()


def to_jpeg(picture: Pictures.Image) -> bytes:
    """A sheet of samples, of a size that a notebook can keep; the exact pixels are in the folder of the run."""
    file = io.BytesIO()
    picture.convert("RGB").save(file, "JPEG", quality=90, subsampling=0)
    return file.getvalue()


def last_samples(out: Path) -> bytes:
    """The newest sheet of samples in the folder of a run that goes on, empty where there is none."""
    files = sorted((out / "samples").glob("step_*.png"))
    if not files:
        return b""
    with Pictures.open(files[-1]) as picture:
        return to_jpeg(picture)


def close(widget: Any) -> None:
    """Close a widget with its children, and the layouts and styles that ipywidgets has made for them and would keep."""
    for child in getattr(widget, "children", ()):
        close(child)
    for part in (widget.layout, getattr(widget, "style", None)):
        if part is not None:
            part.close()
    widget.close()
