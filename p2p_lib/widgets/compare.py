"""`Compare`: two pictures over each other, and a slider that uncovers one of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import traitlets
from PIL import Image
from torch import Tensor

from p2p_lib.errors import DataError
from p2p_lib.viz import picture_grid, to_image
from p2p_lib.widgets.base import STATIC, CellWidget, from_png, to_png

ASPECT_TOLERANCE = 0.02

Picture = str | Path | Image.Image | np.ndarray | Tensor


class Compare(CellWidget):
    """Before and after: left of the slider the source, right of it the result. Mouse, touch or the arrow keys move it.

    Pictures are of any kind that `viz.to_image` takes; sizes may differ, shapes may not (DataError). `labels` name the two.
    Without widgets, ``viz.show_rows([[source, result]])`` shows them side by side.
    """

    _esm = STATIC / "compare.js"
    _css = STATIC / "compare.css"

    source = traitlets.Bytes().tag(sync=True)
    result = traitlets.Bytes().tag(sync=True)
    labels = traitlets.List(traitlets.Unicode()).tag(sync=True)
    position = traitlets.Float(50).tag(sync=True, echo_update=False)

    def __init__(self, source: Picture, result: Picture, labels: tuple[str, str] = ("source", "result")) -> None:
        before, after = to_image(source), to_image(result)
        (width, height), (other_width, other_height) = before.size, after.size
        if abs(width * other_height / (height * other_width) - 1) > ASPECT_TOLERANCE:
            raise DataError(
                f"Compare lays pictures of one shape over each other; got {width} x {height} and {other_width} x {other_height}."
            )
        super().__init__(source=to_png(before), result=to_png(after), labels=list(labels))

    def still(self) -> bytes:
        """Both pictures side by side, as a PNG."""
        before, after = from_png(self.source), from_png(self.result)
        return to_png(Image.fromarray(picture_grid([[np.asarray(before), np.asarray(after.resize(before.size))]])))
