"""A picture of pictures: the faulty pairs first, each with its fault, then a sample of the others."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps

from p2p_lib.data.images import IMAGE_SUFFIXES, read_image, save_image, to_rgb
from p2p_lib.data.layout import Layout
from p2p_lib.data.look import Fault, Look
from p2p_lib.data.pairs import Side
from p2p_lib.errors import DataError

COLUMNS = 4
SIDE = 160
GAP = 12
CAPTION = 34
MOST_FAULTY, SAMPLE = 48, 16
RED, GRAY, BLACK = (190, 30, 30), (225, 225, 225), (60, 60, 60)


def write_sheet(path: Path, layout: Layout, looks: Sequence[Look], faults: Sequence[Fault], source_side: Side | None) -> Path:
    """Draw the sheet and write it to `path`, in the format of its suffix; DataError where that is none of a picture."""
    if path.suffix.lower() not in IMAGE_SUFFIXES:
        raise DataError(f"The contact sheet is a picture, .jpg or .png; {path.name} came.")
    tiles = [_tile(_pictures(files, looks, source_side), f"{kind}: {what}", files, layout) for kind, files, what in _mixed(faults)]
    faulty = {path for _, files, _ in faults for path in files}
    good = [look.pair.files for look in looks if not faulty & set(look.pair.files)]
    step = max(1, -(-len(good) // SAMPLE))
    tiles += [_tile(_pictures(files, looks, source_side), "", files, layout) for files in good[::step]]
    rows = -(-len(tiles) // COLUMNS)
    width, height = 2 * SIDE + 2 + GAP, SIDE + CAPTION + GAP
    sheet = Image.new("RGB", (COLUMNS * width + GAP, rows * height + GAP), "white")
    for i, tile in enumerate(tiles):
        sheet.paste(tile, (GAP + i % COLUMNS * width, GAP + i // COLUMNS * height))
    path.parent.mkdir(parents=True, exist_ok=True)
    save_image(sheet, path)
    return path


def _mixed(faults: Sequence[Fault]) -> list[Fault]:
    """At most 48 faults to show, some of every kind where there are more."""
    place: dict[str, int] = {}
    ranks = [place.__setitem__(kind, place.get(kind, -1) + 1) or place[kind] for kind, *_ in faults]
    shown = sorted(range(len(faults)), key=lambda i: (ranks[i], i))[:MOST_FAULTY]
    return [faults[i] for i in sorted(shown)]


def _pictures(files: Sequence[Path], looks: Sequence[Look], source_side: Side | None) -> list[Image.Image | None]:
    """The two pictures of a tile: source and target of a pair, or the two that are compared; None for what cannot be shown."""
    pair = next((look.pair.files for look in looks if set(files) <= set(look.pair.files)), tuple(files[:2]))
    pictures: list[Image.Image | None] = []
    for path in pair:
        try:
            pictures.append(to_rgb(read_image(path)))
        except DataError:
            pictures.append(None)
    if len(pictures) == 1 and pictures[0] is not None and source_side is not None:
        image = pictures[0]
        halves = [image.crop((0, 0, image.width // 2, image.height)), image.crop((image.width // 2, 0, image.width, image.height))]
        return halves if source_side == "left" else halves[::-1]
    on_the_right = len(pair) == 1 and "target" in pair[0].parts  # a target without its source
    return [None, *pictures] if on_the_right else [*pictures, None][:2]


def _tile(pictures: Sequence[Image.Image | None], fault: str, files: Sequence[Path], layout: Layout) -> Image.Image:
    """Two pictures in squares, below them the fault (red) and the name of the first file."""
    tile = Image.new("RGB", (2 * SIDE + 2, SIDE + CAPTION), "white")
    draw = ImageDraw.Draw(tile)
    for i, picture in enumerate(pictures):
        left = i * (SIDE + 2)
        if picture is None:
            draw.rectangle((left, 0, left + SIDE - 1, SIDE - 1), fill=GRAY)
            draw.text((left + SIDE // 2, SIDE // 2), "nothing to show", fill=BLACK, anchor="mm", font=ImageFont.load_default(12))
        else:
            tile.paste(ImageOps.pad(picture, (SIDE, SIDE), color=GRAY), (left, 0))
    names = " + ".join(dict.fromkeys(layout.name(path) for path in files[:2]))
    font = ImageFont.load_default(12)
    if fault:
        draw.rectangle((0, 0, tile.width - 1, SIDE - 1), outline=RED, width=3)
        while draw.textlength(fault, font=font) > tile.width - 4:
            fault = fault[:-2] + "…"
        draw.text((2, SIDE + 2), fault, fill=RED, font=font)
    while draw.textlength(names, font=font) > tile.width - 4:
        names = "…" + names[2:]
    draw.text((2, SIDE + (17 if fault else 2)), names, fill=BLACK, font=font)
    return tile
