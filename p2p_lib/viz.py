"""Pictures: grids of pictures as arrays, and figures (matplotlib)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GAP = 4
LABEL_HEIGHT = 18


def to_array(image: Tensor) -> np.ndarray:
    """A picture (3, H, W) uint8 as an array (H, W, 3), ready for imshow and Pillow."""
    return image.permute(1, 2, 0).cpu().numpy()


def picture_grid(rows: Sequence[Sequence[np.ndarray]], labels: Sequence[str] = ()) -> np.ndarray:
    """Equally sized pictures uint8 (H, W, 3) in rows and columns on white, with a label above every column; uint8 (H', W', 3)."""
    height, width = rows[0][0].shape[:2]
    top = LABEL_HEIGHT if labels else 0
    size = (len(rows[0]) * (width + GAP) - GAP, top + len(rows) * (height + GAP) - GAP)
    sheet = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(sheet)
    for column, label in enumerate(labels):
        draw.text((column * (width + GAP) + 2, 2), label, fill="black", font=ImageFont.load_default(12))
    for i, row in enumerate(rows):
        for j, picture in enumerate(row):
            sheet.paste(Image.fromarray(picture), (j * (width + GAP), top + i * (height + GAP)))
    return np.asarray(sheet)
