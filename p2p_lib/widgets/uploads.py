"""Files that a reader gives to a widget: read, or refused with a sentence."""

from __future__ import annotations

import io

from PIL import Image, ImageOps

from p2p_lib.data.images import read_image, to_rgb
from p2p_lib.errors import DataError

MAX_SIDE = 1024  # of the pad, in pixels: what two cores translate while one waits
MAX_FILE_SIDE = 10_000


def read_upload(name: str, content: bytes) -> tuple[Image.Image, str]:
    """An uploaded file as RGB with sides of at most MAX_SIDE, and a sentence on what was changed, or "".

    DataError, with the file's name, for what is not one still picture of a reasonable size; checked before it is decoded.
    """
    check_upload(name, content)
    try:
        image = to_rgb(read_image(io.BytesIO(content)))
    except DataError as error:
        raise DataError(f"{name} cannot be used: {error}.") from None
    if max(image.size) <= MAX_SIDE:
        return image, ""
    small = fitting(image)
    sizes = [f"{width:,} x {height:,}" for width, height in (image.size, small.size)]
    return small, f"{name} was shrunk from {sizes[0]} to {sizes[1]} pixels; viz.show_translation takes it whole."


def fitting(image: Image.Image) -> Image.Image:
    """The picture itself, or shrunk to sides of at most MAX_SIDE."""
    return image if max(image.size) <= MAX_SIDE else ImageOps.contain(image, (MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS)


def check_upload(name: str, content: bytes) -> None:
    """DataError, with the file's name, where its length or its header already says that it cannot be used.

    Other damage is for `read_image` to find.
    """
    if not content:
        raise DataError(f"{name} is empty (0 bytes); choose another file.")
    try:
        _check(content)
    except DataError as error:
        raise DataError(f"{name} cannot be used: {error}.") from None


def _check(content: bytes) -> None:
    try:
        with Image.open(io.BytesIO(content)) as image:
            width, height, frames = *image.size, getattr(image, "n_frames", 1)
            moving = getattr(image, "is_animated", False) and image.format != "MPO"  # a phone's photo with a preview
    except Exception:
        return
    if max(width, height) > MAX_FILE_SIDE:
        raise DataError(f"{width:,} x {height:,} pixels, and the limit here is {MAX_FILE_SIDE:,}; make it smaller first")
    if moving:
        raise DataError(f"it moves ({frames} frames); save the one you want as PNG or JPEG")
