"""Whole comic pages in colour: panel by panel, at the scale that the network learned, under the page's own lines.

A network that learned at 128 pixels knows figures and lines of a certain size. So a panel is reduced until its shorter side is
about that size, translated, and enlarged again. The enlarged answer is soft: its lines are filled with the colours beside them,
and the lines of the page itself are multiplied onto it. Gutters, margins and speech balloons stay as they are.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from p2p_lib.codec import Codec, store
from p2p_lib.data.balloons import find_balloons
from p2p_lib.data.panels import find_pieces
from p2p_lib.errors import ConfigError, DataError
from p2p_lib.translator import FolderReport, Mode, Picture, Translator, to_tensor, translate_folder

SCALE = 1.5
"""Shorter side of a reduced panel, as a multiple of the size that the network was trained at."""

LINE = 0.006  # of the page's shorter side: what is dark and thinner than this is a line, else a tone
SCREEN = 0.003  # of the page's shorter side: width of the blur that turns a screentone into a gray
DIP, FAINT = 0.08, 6  # a line is darker by this share, and so many levels, than what is around it, after that blur


def color_page(
    model: Translator, page: Picture, *, scale: float = SCALE, mode: Mode = "eval", seed: int = 0, progress: bool = False
) -> Picture:
    """Colour a comic page, at 8 bits; back comes RGB of the same type, dtype and size.

    Parameters
    ----------
    page : what a `Translator` takes, but one picture. One without panels comes back as it is.
    scale : a panel is reduced until its shorter side is `scale` times the size that the model was trained at; never enlarged.
    mode, seed : see `Translator.__call__`.
    progress : show a bar, panel by panel.

    ConfigError for a scale that is not above 0, DataError for a batch and for what is no picture.
    """
    if not scale > 0:
        raise ConfigError(f"scale is greater than 0; got {scale}.")
    image, restore = to_tensor(page)
    if len(image) != 1:
        raise DataError(f"A page is one picture; got a batch of {len(image)}: colour them one by one.")
    source = _to_array(image[0])
    colored = source.copy()
    done = find_balloons(source)
    lines = near_lines(source)
    ink = find_ink(source, lines)
    shown = source if model.codec.keeps_lightness else without_screen(source, lines)
    for piece in tqdm(find_pieces(source), desc="colouring", unit="panel", disable=not progress):
        here = piece.box.slices
        inside = piece.shape & ~done[here]
        colored[here][inside] = color_panel(model, shown[here], ink[here], scale, mode, seed)[inside]
        done[here] |= piece.shape  # where the boxes of slanted panels overlap, a pixel belongs to one of them
    return restore(store(_to_image(colored).to(torch.float32) / 255, image.dtype))


def color_panel(
    model: Translator, panel: np.ndarray, ink: np.ndarray, scale: float, mode: Mode = "eval", seed: int = 0
) -> np.ndarray:
    """One panel in colour, uint8 (H, W, 3), from the panel, uint8 (H, W, 3), and its lines, (H, W) in [0, 1] (see `find_ink`).

    A codec that keeps the lightness of its source keeps the panel's lines with it: of its answer only the colours are enlarged.
    """
    height, width = panel.shape[:2]
    factor = min(1.0, scale * model.task.image_size / min(height, width))
    small = max(1, round(width * factor)), max(1, round(height * factor))
    answer = model(np.array(Image.fromarray(panel).resize(small, Image.Resampling.BOX)), mode=mode, seed=seed)
    if model.codec.keeps_lightness:
        colors = model.codec.encode_target(_to_image(answer))
        large = torch.nn.functional.interpolate(colors, size=(height, width), mode="bicubic")
        return _to_array(model.codec.decode(large.clamp(-1, 1), _to_image(panel))[0])
    small_ink = np.asarray(Image.fromarray(ink).resize(small, Image.Resampling.BOX))
    clean = Image.fromarray(without_lines(answer, small_ink)).resize((width, height), Image.Resampling.BICUBIC)
    return np.rint(np.asarray(clean, np.float32) * ink[..., None]).astype(np.uint8)


def find_ink(page: np.ndarray, lines: np.ndarray | None = None) -> np.ndarray:
    """The lines of a page, uint8 (H, W, 3), as a factor for colours: float32 (H, W), 1 on paper and tones, 0 on black lines.

    A line is what is dark and thin against its neighbourhood: the page divided by its morphological closing, which fills lines
    and leaves tones and black areas. The dots of a screentone are thin as well; so only what `near_lines` counts;
    `lines` is what it found, where that is known.
    """
    from scipy.ndimage import grey_closing

    gray = np.asarray(Image.fromarray(page).convert("L"))
    width = max(3, round(LINE * min(gray.shape)))
    tone = grey_closing(gray, size=(width, width))
    ink = (gray + np.float32(5)) / (tone + np.float32(5))  # 5 levels: noise in black areas is no line
    return np.where(near_lines(page) if lines is None else lines, ink, np.float32(1))


def near_lines(page: np.ndarray) -> np.ndarray:
    """Where a page, uint8 (H, W, 3), has lines, with their rims: bool (H, W).

    Blurred by about the distance of its dots, a screentone is an even gray; a line is still a dip.
    """
    from scipy.ndimage import gaussian_filter, grey_closing

    gray = np.asarray(Image.fromarray(page).convert("L"), np.float32)
    sigma = screen_blur(page)
    soft = gaussian_filter(gray, sigma)
    width = round(LINE * min(gray.shape) + 4 * sigma)
    around = grey_closing(soft, size=(width, width))
    return around - soft > DIP * around + FAINT


def without_screen(page: np.ndarray, lines: np.ndarray) -> np.ndarray:
    """A page, uint8 (H, W, 3), with its screentones as even grays and its lines (see `near_lines`) as they are: what a network
    should be shown."""
    from scipy.ndimage import gaussian_filter

    sigma = screen_blur(page)
    soft = gaussian_filter(page.astype(np.float32), (sigma, sigma, 0))
    return np.where(lines[..., None], page, np.rint(soft).astype(np.uint8))


def screen_blur(page: np.ndarray) -> float:
    """Width in pixels of the blur that makes a screentone even, for a page of this size."""
    return max(1.0, SCREEN * min(page.shape[:2]))


def without_lines(picture: np.ndarray, ink: np.ndarray) -> np.ndarray:
    """A picture, uint8 (h, w, 3), with the colours beside its lines in place of these; `ink` says where they are (see `find_ink`).

    The colours are averaged over a pixel or so, by weights that are near zero on lines (normalised convolution).
    """
    from scipy.ndimage import gaussian_filter

    weight = np.clip(ink, 0, 1)[..., None] ** 8 + 1e-4  # a power, since a reduced line is a pale gray
    beside = gaussian_filter(picture * weight, (1, 1, 0)) / gaussian_filter(weight, (1, 1, 0))
    paper = np.clip(ink, 0, 1)[..., None] ** 4
    return np.rint(np.clip(picture * paper + beside * (1 - paper), 0, 255)).astype(np.uint8)


@dataclasses.dataclass(frozen=True)
class PageTranslator:
    """A model that takes whole pages: what `translate_folder` needs of a `Translator`, with `color_page` in its place."""

    model: Translator
    scale: float = SCALE

    @property
    def codec(self) -> Codec:
        """The model's."""
        return self.model.codec

    def __call__(self, page: Picture, *, mode: Mode = "eval", seed: int = 0) -> Picture:
        return color_page(self.model, page, scale=self.scale, mode=mode, seed=seed)


def color_pages(
    model: Translator,
    source: str | Path,
    out: str | Path,
    *,
    scale: float = SCALE,
    overwrite: bool = False,
    mode: Mode = "eval",
    progress: bool = True,
) -> FolderReport:
    """`color_page` for every picture below `source` (or one file), into `out`; files and errors as in `translate_folder`."""
    return translate_folder(PageTranslator(model, scale), source, out, overwrite=overwrite, mode=mode, progress=progress)


def _to_array(image: Tensor) -> np.ndarray:
    """A picture (3, H, W) of any dtype -> uint8 (H, W, 3)."""
    if image.dtype == torch.uint16:
        image = image.to(torch.float32) / 65535
    unit = image if image.dtype == torch.uint8 else store(image.to(torch.float32), torch.uint8)
    return np.ascontiguousarray(unit.permute(1, 2, 0).cpu().numpy())


def _to_image(array: np.ndarray) -> Tensor:
    """uint8 (H, W, 3) -> uint8 (1, 3, H, W)."""
    return torch.from_numpy(array).permute(2, 0, 1)[None]
