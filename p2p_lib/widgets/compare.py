"""`Compare`: two pictures over each other, and a slider that uncovers one of them; with a third, a choice of the two."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import traitlets
from PIL import Image

from p2p_lib.errors import DataError
from p2p_lib.viz import picture_grid, to_image
from p2p_lib.widgets.base import STATIC, CellWidget, Picture, from_png, front_end, to_png

ASPECT_TOLERANCE = 0.02
LABELS = ("source", "result", "truth")


class Compare(CellWidget):
    """Before and after: left of the slider the source, right of it the result. Mouse, touch or the arrow keys move it.

    With `truth` there is a choice of which two are compared, to begin with result and truth. Pictures are of any kind that
    `viz.to_image` takes; sizes may differ, shapes may not (DataError). `labels` name the pictures; unset: source, result, truth.
    Without widgets, ``viz.show_rows([[source, result, truth]])`` shows them side by side.
    """

    _esm = front_end("parts.js", "compare.js")
    _css = STATIC / "compare.css"

    source = traitlets.Bytes().tag(sync=True)
    result = traitlets.Bytes().tag(sync=True)
    truth = traitlets.Bytes().tag(sync=True)  # b"" where there is none
    labels = traitlets.List(traitlets.Unicode()).tag(sync=True)
    pair = traitlets.List(traitlets.Int(), [0, 1]).tag(sync=True, echo_update=False)  # which two: left, right
    position = traitlets.Float(50).tag(sync=True, echo_update=False)

    def __init__(self, source: Picture, result: Picture, truth: Picture | None = None, labels: Sequence[str] | None = None) -> None:
        images = [to_image(one) for one in (source, result, truth) if one is not None]
        labels = list(LABELS[: len(images)] if labels is None else labels)
        if len(labels) != len(images):
            raise DataError(f"labels name the {len(images)} pictures, one each; got {len(labels)}: {', '.join(labels)}.")
        for other in images[1:]:
            _check_shapes(images[0], other)
        pictures = dict(zip(LABELS, map(to_png, images), strict=False))
        super().__init__(**pictures, labels=labels, pair=[1, 2] if truth is not None else [0, 1])

    def still(self) -> bytes:
        """The pictures side by side, as a PNG."""
        images = [from_png(content) for content in (self.source, self.result, self.truth) if content]
        return to_png(Image.fromarray(picture_grid([[np.asarray(image.resize(images[0].size)) for image in images]])))


def _check_shapes(before: Image.Image, after: Image.Image) -> None:
    (width, height), (other_width, other_height) = before.size, after.size
    if abs(width * other_height / (height * other_width) - 1) > ASPECT_TOLERANCE:
        raise DataError(
            f"Compare lays pictures of one shape over each other; got {width} x {height} and {other_width} x {other_height}."
        )
