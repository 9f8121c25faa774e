"""What the tests of widgets share: pictures to give them, and which of them are alive."""

from __future__ import annotations

import io

from ipywidgets import Widget
from ipywidgets.widgets import widget as widget_module
from PIL import Image


def live() -> set:
    """Every widget that ipywidgets keeps (version 8, version 7)."""
    return set(widget_module._instances if hasattr(widget_module, "_instances") else Widget.widgets)


def plain(color: str | tuple = "red", size: tuple[int, int] = (64, 64)) -> Image.Image:
    return Image.new("RGB", size, color)


def encoded(image: Image.Image, file_format: str = "PNG", **options) -> bytes:
    file = io.BytesIO()
    image.save(file, file_format, **options)
    return file.getvalue()
