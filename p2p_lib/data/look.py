"""A look at one pair: its files decoded once, at a reduced size, and everything measured that `check` compares afterwards."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, ImageStat

from p2p_lib.data.alignment import Shift, estimate_shift
from p2p_lib.data.images import CONVERTIBLE_MODES, SIXTEEN_BIT_MODES, read_image, to_rgb
from p2p_lib.data.layout import SIDES, Pair
from p2p_lib.data.pairs import ASPECT_TOLERANCE, Side
from p2p_lib.data.works import perceptual_hash
from p2p_lib.errors import DataError

LOOK_SIDE = 256
LEAST_SIDE = 32
BLANK_LEVELS = 2.0
"""A picture is blank where every colour deviates by less (standard deviation); a single thin line on white makes more than 5."""
SAME_LEVELS = 1.0
"""Source and target are the same where they differ by less, on average: what a JPEG file does to a picture."""
EXIF_ORIENTATION = 0x0112

Fault = tuple[str, tuple[Path, ...], str]
"""A kind of `check.KINDS`, the files, and what is wrong in a few words."""


@dataclasses.dataclass
class Look:
    """What is known of a pair: its faults, the (width, height) of its halves and the modes of its files, by file; and where both
    halves could be read, the target's perceptual hash (256,), a digest of the pixels, the shift, and how the halves differ in
    style (see `style`), unless one of them is blank."""

    pair: Pair
    faults: list[Fault] = dataclasses.field(default_factory=list)
    sizes: dict[Path, tuple[int, int]] = dataclasses.field(default_factory=dict)
    modes: dict[Path, str] = dataclasses.field(default_factory=dict)
    hash: np.ndarray | None = None
    digest: str | None = None
    shift: Shift | None = None
    style: np.ndarray | None = None

    def add(self, kind: str, what: str, *files: Path) -> None:
        """Note a fault of some files (unsaid: of all files of the pair)."""
        self.faults.append((kind, files or self.pair.files, what))


def look_at(pair: Pair, source_side: Side | None) -> Look:
    """Read a pair and measure it; what cannot be read is among the faults."""
    look = Look(pair)
    halves = read_halves(pair, source_side, look)
    if halves is None:
        return look
    source, target = halves
    look.digest = hashlib.sha256(source.tobytes() + target.tobytes()).hexdigest()
    blank = [side for side, half in enumerate(halves) if is_blank(half)]
    if blank:
        which = " and the ".join(SIDES[side] for side in blank)
        files = [pair.files[side] for side in blank] if len(pair.files) == 2 else pair.files
        what = f"the {which} {'is' if len(blank) == 1 else 'are'} one single colour; unless the scene is like that, export it again"
        look.add("blank", what, *files)
        return look
    look.hash = perceptual_hash(Image.fromarray(target))
    if np.abs(source.astype(np.int16) - target).mean() < SAME_LEVELS:
        look.add("identical", "source and target are the same picture; put the right one in its place")
        return look
    look.shift = estimate_shift(source, target)
    look.style = style(source) - style(target)
    return look


def read_halves(pair: Pair, source_side: Side | None, look: Look) -> tuple[np.ndarray, np.ndarray] | None:
    """Source and target, uint8 (h, w, 3), equally large and at most 256 pixels a side; None where that is impossible, which `look`
    then says."""
    images = [image for path in pair.files if (image := _read(path, look, halves=len(pair.files) == 1)) is not None]
    if len(images) < len(pair.files):
        return None
    if len(images) == 1:
        (image,), (path,) = images, pair.files
        width, height = look.sizes[path]
        if width % 1:
            look.add("odd width", f"{round(2 * width)} pixels wide, which cannot be cut into two halves; crop it to an even width")
            return None
        middle = image.width / 2
        images = [image.crop((0, 0, int(middle), image.height)), image.crop((int(np.ceil(middle)), 0, image.width, image.height))]
        images = images if source_side == "left" else images[::-1]
    else:
        (width, height), (other_width, other_height) = (look.sizes[path] for path in pair.files)
        if abs(width * other_height / (height * other_width) - 1) > ASPECT_TOLERANCE:
            what = f"{width} x {height}, but its partner is {other_width} x {other_height}; crop both to the same shape"
            look.add("aspect", what)
            return None
    if min(width, height) < LEAST_SIDE:
        look.add("tiny", f"{width:g} x {height} pixels hold too little to learn from; find a larger version, or remove the pair")
    scale = min(1, LOOK_SIDE / max(width, height))
    size = max(8, round(width * scale)), max(8, round(height * scale))
    first, second = (np.asarray(image.resize(size, Image.Resampling.BOX)) for image in images)
    return first, second


def _read(path: Path, look: Look, *, halves: bool) -> Image.Image | None:
    """A picture as RGB, reduced where the format can do that while it decodes (JPEG); None and a fault where it cannot be read."""
    if not path.stat().st_size:
        return look.add("unreadable", "an empty file (0 bytes); copy it again", path)
    try:
        image, size, mode, held = _decode(path)
    except DataError as error:
        return look.add("unreadable", f"{error}; save or download it again", path)
    look.sizes[path] = (size[0] / 2 if halves else size[0], size[1])
    look.modes[path] = mode
    named = Image.registered_extensions().get(path.suffix.lower())
    if held != named and (held, named) != ("MPO", "JPEG"):  # what phones write
        look.add("format", f"named {path.suffix}, but holds {held}; if it was meant to be lossless, export it again", path)
    if mode not in CONVERTIBLE_MODES | SIXTEEN_BIT_MODES:
        return look.add("mode", f"mode {mode} (32 bits), whose range is unknown; save it as 8-bit RGB", path)
    if mode in SIXTEEN_BIT_MODES or mode in ("CMYK", "YCbCr"):
        look.add("converted", f"mode {mode} is read as 8-bit RGB; save it as RGB if the colours come out wrong", path)
    return to_rgb(image)


def _decode(path: Path) -> tuple[Image.Image, tuple[int, int], str, str]:
    """A picture, upright, perhaps at a reduced size; the size it has in full, its mode, and the format of the file."""
    try:
        with Image.open(path) as image:
            size, mode = image.size, image.mode
            if image.getexif().get(EXIF_ORIENTATION, 1) >= 5:  # turned by a quarter
                size = size[::-1]
            image.draft(image.mode, (2 * LOOK_SIDE, LOOK_SIDE))
            image.load()
            return ImageOps.exif_transpose(image), size, mode, image.format
    except Exception:  # whatever it is, the full reader puts it into words
        image = read_image(path)
        return image, image.size, image.mode, image.format


def is_blank(picture: np.ndarray) -> bool:
    """Whether a picture uint8 (H, W, 3) shows a single colour."""
    return max(ImageStat.Stat(Image.fromarray(picture)).stddev) < BLANK_LEVELS


def style(picture: np.ndarray) -> np.ndarray:
    """What kind of picture it is, whatever it shows: uint8 (H, W, 3) -> seven numbers around 0 to 1.

    Colourfulness, brightness, contrast, strength of edges, share of flat surface, variety of colours (entropy), share of the most
    frequent colour: by these, drawings, label maps, maps and photos differ.
    """
    planes = np.ascontiguousarray(picture.transpose(2, 0, 1))
    colorfulness = (planes.max(axis=0) - planes.min(axis=0)).mean() / 255
    gray = planes.mean(axis=0, dtype=np.float32) / 255
    steps = np.abs(np.diff(gray, axis=1))
    red, green, blue = (planes >> 4).astype(np.int32)
    shares = np.bincount((red * 256 + green * 16 + blue).ravel()) / gray.size  # of 4,096 colours
    entropy = -(shares[shares > 0] * np.log2(shares[shares > 0])).sum() / 12
    flat = (steps < 1 / 255).mean()
    return np.array([colorfulness, gray.mean(), gray.std(), 4 * steps.mean(), flat, entropy, shares.max()])
