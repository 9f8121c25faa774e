"""Picture files: find them in a folder, read any of them as 8-bit RGB, write them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from p2p_lib.errors import DataError
from p2p_lib.files import atomic_write

IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".gif"}
SIXTEEN_BIT_MODES = {"I;16", "I;16L", "I;16B", "I;16N"}
CONVERTIBLE_MODES = {"RGB", "L", "1", "P", "LA", "La", "PA", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr"}

FINE: dict[str, dict] = {"JPEG": {"quality": 95, "subsampling": 0}, "WEBP": {"quality": 95}}
EXACT: dict[str, dict] = {"JPEG": {"quality": 100, "subsampling": 0, "keep_rgb": True}, "WEBP": {"lossless": True}}
"""How to write the formats that lose something."""


def find_images(folder: Path) -> list[Path]:
    """Every picture file below `folder`, sorted; hidden files and folders are left out."""
    found = (path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file())
    return sorted(path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts))


def read_image(path: Path | BinaryIO) -> Image.Image:
    """Decode a file, or one that is open, and turn it upright (EXIF); DataError with one sentence where that is impossible."""
    try:
        with Image.open(path) as image:
            image.load()
            ImageOps.exif_transpose(image, in_place=True)  # otherwise every picture would be copied
            return image
    except UnidentifiedImageError:
        raise DataError("not a picture, or a damaged one") from None
    except Image.DecompressionBombError:
        raise DataError(f"larger than {2 * Image.MAX_IMAGE_PIXELS:,} pixels") from None
    except (OSError, SyntaxError, ValueError, EOFError) as error:  # what Pillow raises for truncated and broken files
        raise DataError(f"truncated or damaged ({error})") from None


def to_rgb(image: Image.Image) -> Image.Image:
    """Any picture as 8-bit RGB: transparency over white, 16-bit scaled by 65535, palettes and grayscale spread.

    DataError for modes whose range nobody knows (32-bit integers and floats).
    """
    if image.mode in SIXTEEN_BIT_MODES:
        return Image.fromarray((np.asarray(image).astype(np.uint32) * 255 + 32767) // 65535).convert("L").convert("RGB")
    if image.mode not in CONVERTIBLE_MODES:
        raise DataError(f"mode {image.mode}, whose range is unknown; save it as 8-bit RGB")
    if image.has_transparency_data:
        over_white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        over_white.alpha_composite(image.convert("RGBA"))
        return over_white.convert("RGB")
    return image.convert("RGB")


def beside(drawing: np.ndarray, picture: np.ndarray) -> Image.Image:
    """``[drawing | picture]``, RGB, of a drawing uint8 (H, W) and its picture uint8 (H, W, 3)."""
    return Image.fromarray(np.concatenate([np.repeat(drawing[..., None], 3, axis=2), picture], axis=1))


def save_image(image: Image.Image, path: Path, *, exact: bool = False) -> None:
    """Write a picture in the format of `path`'s suffix, atomically.

    `exact`: lossy formats keep every pixel (WebP) or come within a level or two (JPEG, as RGB and at quality 100, which makes a
    large file); otherwise they are written at quality 95 with colours at full resolution.
    """
    file_format = Image.registered_extensions()[path.suffix.lower()]
    encoded = io.BytesIO()  # given a file, Pillow's encoders take a write that a full disk has cut short for a whole one
    image.save(encoded, format=file_format, **(EXACT if exact else FINE).get(file_format, {}))
    with atomic_write(path) as file:
        file.write(encoded.getbuffer())
