"""What the widgets share: where their front ends lie, how pictures travel, and that none of them outlives its cell."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
from PIL import Image
from torch import Tensor

from p2p_lib.data.images import to_rgb

STATIC = Path(__file__).resolve().parents[1] / "static"

Picture = str | Path | Image.Image | np.ndarray | Tensor
"""What `viz.to_image` reads."""

_made: dict[str, tuple[str, list[CellWidget]]] = {}
"""Cell -> its latest execution, and the widgets made in that: ipywidgets itself keeps every widget until it is closed."""


class CellWidget(anywidget.AnyWidget):
    """A widget that is closed when the cell which made it runs again, together with the layout that ipywidgets makes for it."""

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        _adopt(self)

    def still(self) -> bytes:
        """The widget's present state as a PNG; front ends without widgets show this."""
        raise NotImplementedError

    def close(self) -> None:
        """Take the widget off the page and out of the kernel's memory; once more does nothing."""
        if self.comm is None:  # closed before, or never opened since its arguments were refused
            return
        self._leave()
        for _, widgets in _made.values():
            if self in widgets:
                widgets.remove(self)
        layout = self.layout
        super().close()
        layout.close()

    def _leave(self) -> None:
        """What else ends with the widget."""

    def _repr_mimebundle_(self, **options: Any) -> Any:
        bundle = super()._repr_mimebundle_(**options)
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        if data is not None:
            data["image/png"] = self.still()
        return bundle


def front_end(*names: str) -> str:
    """The text of some files of `static`, one after the other: a front end goes to the browser as one text and imports nothing."""
    return "\n".join((STATIC / name).read_text(encoding="utf-8") for name in names)


def running_cell() -> tuple[str, str] | None:
    """The identity of the cell that is running and of this execution of it; None outside notebooks, or where nobody says."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    parent = shell.get_parent() if hasattr(shell, "get_parent") else None
    cell = parent.get("metadata", {}).get("cellId") if parent else None
    return (cell, parent["header"]["msg_id"]) if cell else None


def _adopt(widget: CellWidget) -> None:
    """Remember which cell made the widget, and close what earlier executions of that cell made."""
    running = running_cell()
    if running is None:
        return
    cell, execution = running
    before, widgets = _made.get(cell, (execution, []))
    if before != execution:
        for old in list(widgets):
            old.close()
        widgets = []
    _made[cell] = (execution, [*widgets, widget])


def to_png(image: Image.Image) -> bytes:
    """A picture as the bytes of a PNG, compressed quickly rather than well."""
    file = io.BytesIO()
    image.save(file, "PNG", compress_level=1)
    return file.getvalue()


def from_png(content: bytes) -> Image.Image:
    """The picture in the bytes of a PNG that a front end has sent, as RGB over white."""
    with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
        return to_rgb(image)
