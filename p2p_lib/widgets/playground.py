"""`Playground`: draw, and see what the model makes of it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import traitlets
from PIL import Image, ImageOps

from p2p_lib.errors import P2PError
from p2p_lib.translator import Translator
from p2p_lib.viz import picture_grid, to_image
from p2p_lib.widgets.base import STATIC, CellWidget, from_png, to_png
from p2p_lib.widgets.drawing_sets import drawing_set, example_sources
from p2p_lib.widgets.newest import Newest
from p2p_lib.widgets.uploads import MAX_SIDE, read_upload

log = logging.getLogger("p2p_lib")


class Playground(CellWidget):
    """A drawing pad with the translated picture beside it, which follows as one draws.

    Brush, eraser and rectangle, the colours of the task (for facades its twelve classes), undo, clear, example inputs, upload and
    download. The pad has the size of what is on it: that of the model's training for a cleared pad, that of the file for an upload.
    Without widgets, ``viz.show_translation(picture, model)`` does the same.

    Parameters
    ----------
    model : a `Translator`.
    examples : inputs to offer, of any kind that `viz.to_image` takes, each at most 1,024 pixels wide and high; unset: procedural
        samples of the model's task. The first is on the pad at the start.

    The traits `drawing` and `picture` hold what is on the pad and its translation, each as the bytes of a PNG.
    """

    _esm = STATIC / "pad.js"
    _css = STATIC / "pad.css"

    title = traitlets.Unicode().tag(sync=True)
    colors = traitlets.List(traitlets.Dict()).tag(sync=True)
    blank = traitlets.Unicode("#ffffff").tag(sync=True)
    tool = traitlets.Unicode("brush").tag(sync=True)
    side = traitlets.Int(256).tag(sync=True)
    examples = traitlets.List(traitlets.Bytes()).tag(sync=True)
    drawing = traitlets.Bytes().tag(sync=True, echo_update=False, from_json=lambda content, widget: bytes(content))
    number = traitlets.Int(0).tag(sync=True, echo_update=False)  # counts the drawings that came
    picture = traitlets.Bytes().tag(sync=True)
    answered = traitlets.Int(0).tag(sync=True)  # the number of the drawing that `picture` and `note` belong to
    note = traitlets.Unicode().tag(sync=True)

    def __init__(self, model: Translator, examples: Sequence[str | Path | Image.Image | np.ndarray] | None = None) -> None:
        offer, side = drawing_set(model.task), model.side or model.task.image_size
        shown = example_sources(model.task) if examples is None else [_fitting(to_image(example)) for example in examples]
        first = shown[0] if shown else Image.new("RGB", (side, side), offer.blank)
        self._model = model
        self._queue = Newest(self._translate)
        super().__init__(
            title=model.task.name,
            colors=[{"name": name, "color": _hex(color)} for name, color in offer.colors.items()],
            blank=_hex(offer.blank),
            tool=offer.tool,
            side=side,
            examples=[to_png(example) for example in shown],
            drawing=to_png(first),
            picture=to_png(model(first)),
        )
        self.observe(lambda change: self._queue.put((change.new, self.drawing)), "number")
        self.on_msg(self._receive)

    def still(self) -> bytes:
        """Drawing and translation side by side, as a PNG."""
        pair = [np.asarray(from_png(content)) for content in (self.drawing, self.picture)]
        return to_png(Image.fromarray(picture_grid([pair])))

    def close(self) -> None:
        """Take the pad off the page; a drawing that still waits is not translated any more."""
        self._queue.drop()
        super().close()

    def wait(self, timeout: float | None = None) -> bool:
        """Block until the last drawing that came is translated; False where that takes longer than `timeout` seconds."""
        return self._queue.wait(timeout)

    def _translate(self, numbered: tuple[int, bytes]) -> None:
        """Answer one drawing, in the thread of the queue; whatever goes wrong, the pad is told, since it waits."""
        number, drawing = numbered
        answer: dict[str, Any] = {"answered": number}
        try:
            answer |= {"picture": to_png(self._model(from_png(drawing))), "note": ""}
        except Exception as error:
            expected = isinstance(error, P2PError)
            log.log(logging.DEBUG if expected else logging.ERROR, "A drawing could not be translated.", exc_info=error)
            answer["note"] = str(error) if expected else f"This drawing could not be translated ({error})."
        with self.hold_sync():
            for name, value in answer.items():
                setattr(self, name, value)

    def _receive(self, widget: Any, content: dict, buffers: list) -> None:
        """A file was uploaded: give it to the pad as a drawing, or say why not."""
        if content.get("kind") != "upload" or not buffers:
            return
        try:
            image, note = read_upload(str(content.get("name", "The file")), bytes(buffers[0]))
        except P2PError as error:
            self.send({"kind": "refused", "note": str(error)})
        else:
            self.send({"kind": "load", "note": note}, [to_png(image)])


def _fitting(image: Image.Image) -> Image.Image:
    return image if max(image.size) <= MAX_SIDE else ImageOps.contain(image, (MAX_SIDE, MAX_SIDE))


def _hex(color: tuple[int, int, int]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*color)
