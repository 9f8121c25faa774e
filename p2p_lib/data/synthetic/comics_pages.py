"""Whole comic pages whose colours are known: the same page as line art, as manga and in colour, panels and balloons included.

Rows of panels on white, a scene in each, the same two figures throughout, speech balloons on top. The plan, the colours, and
the printing come from generators of their own, so neither line art nor balloons tell anything about the colours.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from p2p_lib.data.synthetic.comics import draw_palette, drawn, face_box, printed, scene, with_effects
from p2p_lib.data.synthetic.comics_balloons import Balloon, plan_balloon, stamp
from p2p_lib.data.synthetic.comics_people import Character, plan_character
from p2p_lib.data.synthetic.comics_shapes import LINE, Shape, View
from p2p_lib.data.synthetic.comics_tones import BLACK, draw_printing
from p2p_lib.errors import ConfigError

Box = tuple[int, int, int, int]  # top, left, bottom, right; pixels, the last two outside
BORDER = 0.0022  # width of a panel's border, a share of the page's height; so are the next
PEN = 0.0021  # width of a contour
PITCH = 0.0027  # from dot to dot of a screen
LETTER = 0.015  # size of the lettering
TALL = 4  # stands for a band of a tall panel and two others beside it, where 1 to 3 are panels in a row


@dataclass(frozen=True)
class Page:
    """One page three times, and what is where on it."""

    line_art: np.ndarray  # uint8 (H, W, 3): clean black lines
    manga: np.ndarray  # uint8 (H, W, 3): ink, screentone, solid black
    colour: np.ndarray  # uint8 (H, W, 3): flat colours under the lines
    panels: list[Box]  # borders included
    balloons: np.ndarray  # bool (H, W): the white and the lettering in speech balloons, without their outlines


def page(seed: int, height: int = 2000, width: int = 1400) -> Page:
    """Draw a page of three to seven panels.

    Raises
    ------
    ConfigError : if a side is shorter than 200 pixels, which leaves no room for panels.
    """
    if min(height, width) < 200:
        raise ConfigError(f"A page needs at least 200 x 200 pixels, and this one has {height} x {width}; ask for a larger one.")
    plan_rng, color_rng, print_rng = (np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(3))
    palette = draw_palette(color_rng)
    cast = {owner: plan_character(plan_rng, 0, 0, 1) for owner in "ab"}
    pictures = [np.full((height, width, 3), 255, np.uint8) for _ in range(3)]
    artist = draw_printing(print_rng, max(2.5, PITCH * height))
    mask, said, boxes = np.zeros((height, width), bool), [], lay_out(plan_rng, height, width)
    border = max(1, round(BORDER * height))
    for box in boxes:
        shapes = with_effects(scene(plan_rng, lambda owner, figure: recast(cast[owner], figure)), plan_rng)
        view = look(plan_rng, box, shapes, PEN * height)
        panel_habits = draw_printing(print_rng, artist.pitch)
        how = replace(artist, bare=panel_habits.bare, hatched=panel_habits.hatched)  # the figures' tones stay through the page
        line_art, colour = drawn(shapes, palette, view)
        for picture, panel in zip(pictures, (line_art, printed(shapes, palette, view, how), colour), strict=True):
            _frame(picture, panel, box, border)
        said += _speak(plan_rng, box, _face(shapes, view, box), said, height)
    for balloon in said:
        stamp(pictures, mask, balloon)
    return Page(*pictures, boxes, mask)


def recast(known: Character, figure: Character) -> Character:
    """A figure that keeps its place and its mood, and looks like one that is known already."""
    mood = ("x", "y", "unit", "tilt", "turn", "gaze", "brow", "mouth", "sway")
    return replace(known, **{name: getattr(figure, name) for name in mood})


def lay_out(rng: np.random.Generator, height: int, width: int) -> list[Box]:
    """Three to seven panels in reading order: bands across the page, each of one to three panels or of a tall one and two."""
    margin, gutter = rng.uniform(0.022, 0.034) * height, rng.uniform(0.008, 0.014) * height
    while True:
        bands = [int(rng.choice((1, 2, 3, TALL), p=(0.25, 0.45, 0.15, 0.15))) for _ in range(rng.integers(2, 5))]
        counts = [3 if band == TALL else band for band in bands]
        if 3 <= sum(counts) <= 7 and bands.count(TALL) <= 1:
            break
    weights = rng.uniform(0.8, 1.25, len(bands)) * np.where(np.equal(bands, TALL), 1.8, 1)
    boxes: list[Box] = []
    for (top, bottom), band in zip(_divide(margin, height - margin, weights, 1.3 * gutter), bands, strict=True):
        count = 2 if band == TALL else band
        columns = _divide(margin, width - margin, rng.uniform(0.75, 1.3, count), gutter)
        tall = int(rng.integers(2)) if band == TALL else -1
        for index, (left, right) in enumerate(columns):
            rows = [(top, bottom)]
            if band == TALL and index != tall:
                rows = _divide(top, bottom, rng.uniform(0.8, 1.2, 2), 1.3 * gutter)
            boxes += [(round(up), round(left), round(down), round(right)) for up, down in rows]
    return boxes


def _divide(start: float, stop: float, weights: np.ndarray, gap: float) -> list[tuple[float, float]]:
    """Parts of the way from `start` to `stop`, as long as their weights say, with gaps between them."""
    lengths = np.asarray(weights) / np.sum(weights) * (stop - start - gap * (len(weights) - 1))
    starts = start + np.concatenate(((0,), np.cumsum(lengths + gap)[:-1]))
    return list(zip(starts.tolist(), (starts + lengths).tolist(), strict=True))


def look(rng: np.random.Generator, box: Box, shapes: list[Shape], contour: float) -> View:
    """The view that fills a box with a scene, around one of its faces; contours are `contour` pixels wide."""
    height, width = box[2] - box[0], box[3] - box[1]
    scale = max(height, width) * rng.uniform(0.92, 1.05)
    x, y = _somebody(shapes, narrow=width < 0.8 * height)
    left, top = (float(np.clip(at - side / scale / 2, -0.09, 1.09 - side / scale)) for at, side in ((x, width), (y + 0.05, height)))
    return View(height, width, scale, left, top, inking=contour / (LINE * scale))


def _somebody(shapes: list[Shape], narrow: bool) -> np.ndarray:
    """The middle of all the faces of a scene, or of the first one where there is room for one only."""
    return face_box([shape for shape in shapes if shape.part.startswith("a.")] if narrow else shapes).mean(0)


def _face(shapes: list[Shape], view: View, box: Box) -> np.ndarray:
    """The corners ((left, top), (right, bottom)) of the faces in a panel, in pixels of the page."""
    return (face_box(shapes) - (view.left, view.top)) * view.scale + (box[1], box[0])


def _frame(picture: np.ndarray, panel: np.ndarray, box: Box, border: int) -> None:
    """Put a panel into its box, in place, with a black border inside the box."""
    top, left, bottom, right = box
    picture[top:bottom, left:right] = BLACK
    inside = np.s_[border:-border, border:-border]
    picture[top:bottom, left:right][inside] = panel[inside]


def _speak(rng: np.random.Generator, box: Box, faces: np.ndarray, said: list[Balloon], height: int) -> list[Balloon]:
    """Up to two balloons for a panel, away from its faces and from each other; some reach over the panel's border."""
    top, left, bottom, right = box
    new: list[Balloon] = []
    for _ in range(rng.choice(3, p=(0.2, 0.5, 0.3))):
        balloon = plan_balloon(rng, max(8, round(LETTER * height)), max(1.0, 0.75 * BORDER * height))
        if 2 * balloon.rx > 0.75 * (right - left) or 2 * balloon.ry > 0.6 * (bottom - top):
            continue
        over = 0.008 * height if rng.random() < 0.3 else -0.006 * height
        reach = np.array((balloon.rx, balloon.ry)) * (1.2 if balloon.kind == "shout" else 1) - over
        places = rng.uniform(np.array((left, top)) + reach, np.array((right, bottom)) - reach, (24, 2))
        costs = [_cost(place, balloon, faces, box, said + new) for place in places]
        if min(costs) < np.inf:
            x, y = places[int(np.argmin(costs))]
            mouth = faces.mean(0) * (1, 0.6) + (0, 0.4 * faces[1, 1])
            new.append(replace(balloon, x=x, y=y, tip=tuple((np.array((x, y)) + _tail_length(balloon, mouth - (x, y))).tolist())))
    return new


def _tail_length(balloon: Balloon, way: np.ndarray) -> np.ndarray:
    """From the middle of a balloon towards a mouth, a little beyond its edge."""
    length = np.hypot(*way) + 1e-9
    edge = 1 / np.hypot(way[0] / length / balloon.rx, way[1] / length / balloon.ry)
    return way / length * min(0.8 * max(length, edge), edge + 2.2 * balloon.letter)


def _cost(place: np.ndarray, balloon: Balloon, faces: np.ndarray, box: Box, others: list[Balloon]) -> float:
    """How bad a place is: its share before faces, its depth in the panel; infinite upon a face or another balloon."""
    reach = 1.25 * np.array((balloon.rx, balloon.ry))
    for other in others:
        if (np.abs(place - (other.x, other.y)) < reach + 1.25 * np.array((other.rx, other.ry))).all():
            return np.inf
    hidden = np.clip(np.minimum(place + reach, faces[1]) - np.maximum(place - reach, faces[0]), 0, None).prod() / (2 * reach).prod()
    return float(3 * hidden + 0.3 * (place[1] - box[0]) / (box[2] - box[0])) if hidden < 0.4 else np.inf
