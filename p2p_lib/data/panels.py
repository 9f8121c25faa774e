"""The panels of a comic page: where they are, and in which order they are read.

A gutter is paper that can be reached from the edge of the page; whatever it does not reach is drawn. What hangs together is a
panel, unless a gutter runs straight across it: then a balloon or a figure had bridged that gutter. Pieces without a frame are
gathered where they stand close together.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from p2p_lib.data.boxes import Box, reading_order
from p2p_lib.errors import DataError

TOLERANCE = 24  # levels by which the paper of a scan or a JPEG may vary
MIN_SIDE = 0.05  # of the page's shorter side: page numbers and specks are smaller than that
MIN_AREA = 0.008  # of the page
REACH = 0.04  # of the page's shorter side: loose pieces nearer than this belong together
GUTTER = 0.08  # of the page's shorter side: no gutter is wider
OPEN, SHUT = 0.5, 0.2  # share of paper across a gutter at least, and just beside it at most
STEP = 5  # pixels within which the one turns into the other
ROUNDS = 4  # a page that is cut more often does not exist


class Piece(NamedTuple):
    """Something drawn that no gutter divides: its outer box, and its shape there with holes filled, bool (h, w)."""

    box: Box
    shape: np.ndarray


def find_panels(page: np.ndarray, *, right_to_left: bool = False) -> list[Box]:
    """Find the panels of a page.

    Parameters
    ----------
    page : uint8 (H, W) or (H, W, 3), lines, grays or colours on light or dark paper.
    right_to_left : read as manga is.

    Returns
    -------
    The boxes of the panels' frames in reading order; what sticks out of a frame does not count. A page that is one picture is one
    box, an empty one none.
    """
    return reading_order([frame(piece) for piece in find_pieces(page)], right_to_left)


def label_panels(page: np.ndarray) -> np.ndarray:
    """Which panel every pixel belongs to, with what sticks out of its frame: int32 (H, W), 0 on gutters and margins."""
    labels = np.zeros(page.shape[:2], np.int32)
    for number, piece in enumerate(find_pieces(page), start=1):
        part = labels[piece.box.slices]
        part[piece.shape & (part == 0)] = number
    return labels


def find_pieces(page: np.ndarray) -> list[Piece]:
    """What is drawn on a page (see `find_panels`), framed panels first."""
    gutters = find_gutters(page)
    framed, loose = [], []
    for piece in cut_at_gutters(gutters):
        (framed if is_framed(piece.shape) else loose).append(piece)
    gathered = gather([piece.box for piece in loose], [piece.box for piece in framed], gutters)
    framed = [piece for piece in framed if all(piece.box.common(box) < 0.8 * piece.box.area for box in gathered)]
    pieces = framed + [Piece(box, np.ones((box.bottom - box.top, box.right - box.left), bool)) for box in gathered]
    side, area = MIN_SIDE * min(gutters.shape), MIN_AREA * gutters.size
    return [piece for piece in pieces if min(piece.shape.shape) >= side and piece.box.area >= area]


def find_gutters(page: np.ndarray) -> np.ndarray:
    """Gutters and margins of a page: paper that is connected to the page's edge, bool (H, W).

    Gaps of up to two pixels in a frame do not let it in (four on a page of 2000 pixels, and so on).
    """
    from scipy.ndimage import binary_dilation, binary_erosion, label

    page = check_page(page)
    distance = np.abs(page.astype(np.int16) - paper_color(page)).max(axis=2)
    paper = distance <= TOLERANCE
    gap = max(1, round(min(paper.shape) / 1000))
    square = np.ones((2 * gap + 1, 2 * gap + 1), bool)
    regions, _ = label(binary_erosion(paper, square, border_value=1))
    edge = np.concatenate([regions[0], regions[-1], regions[:, 0], regions[:, -1]])
    reached = np.zeros(regions.max() + 1, bool)
    reached[edge] = True
    reached[0] = False
    return binary_dilation(reached[regions], square) & paper


def check_page(page: np.ndarray) -> np.ndarray:
    """uint8 (H, W) or (H, W, 3) -> (H, W, 3); DataError for anything else, and for a page without pixels."""
    gray = page.ndim == 2
    if page.dtype != np.uint8 or not (gray or (page.ndim == 3 and page.shape[2] == 3)):
        raise DataError(f"A page is a uint8 array (H, W) or (H, W, 3); got {page.dtype} {page.shape}: convert it with PIL to RGB.")
    if page.size == 0:
        raise DataError(f"A page needs at least one pixel; got the shape {page.shape}.")
    return np.repeat(page[..., None], 3, axis=2) if gray else page


def paper_color(page: np.ndarray) -> np.ndarray:
    """The colour of the paper between the panels, int16 (3,): the most frequent along the page's edge, if it is light or dark.

    Where pictures run off the page on all sides, the gutters are taken as white.
    """
    ring = max(1, round(0.012 * min(page.shape[:2])))
    strips = page[:ring], page[-ring:], page[:, :ring], page[:, -ring:]
    edge = np.concatenate([strip.reshape(-1, 3) for strip in strips]).astype(np.int16)
    gray = edge.mean(axis=1)
    counts = np.convolve(np.bincount(gray.astype(int), minlength=256), np.ones(9), "same")
    most = int(counts.argmax())
    alike = np.abs(gray - most) <= TOLERANCE / 2
    if alike.mean() < 0.35 or 60 < most < 170:
        return np.full(3, 255, np.int16)
    return np.median(edge[alike], axis=0).astype(np.int16)


def cut_at_gutters(gutters: np.ndarray) -> list[Piece]:
    """The connected pieces between the gutters, bridges over straight gutters removed."""
    from scipy.ndimage import binary_fill_holes, find_objects, label

    drawn = ~gutters
    smallest = MIN_SIDE * min(drawn.shape) / 4
    for _ in range(ROUNDS):
        labels, _ = label(drawn, np.ones((3, 3)))
        places = [(number, place) for number, place in enumerate(find_objects(labels), start=1) if _side(place) >= smallest]
        cuts = [(number, place, cut) for number, place in places for cut in straight_gutters(gutters, place)]
        if not cuts:
            break
        for number, _, cut in cuts:
            drawn[cut] &= labels[cut] != number
    return [Piece(_box(place), binary_fill_holes(labels[place] == number)) for number, place in places]


def straight_gutters(gutters: np.ndarray, place: tuple[slice, slice], edges: int = 2) -> list[tuple[slice, slice]]:
    """Bands of mostly paper that run across the box `place` from side to side, with so many straight edges of panels beside."""
    (top, bottom), (left, right) = ((side.start, side.stop) for side in place)
    widest = GUTTER * min(gutters.shape)
    part = gutters[place]
    down = [(slice(top + a, top + b), slice(left, right)) for a, b in gutter_bands(part.mean(axis=1), widest, edges)]
    across = [(slice(top, bottom), slice(left + a, left + b)) for a, b in gutter_bands(part.mean(axis=0), widest, edges)]
    return down or across


def gutter_bands(cover: np.ndarray, widest: float, edges: int = 2) -> list[tuple[int, int]]:
    """Where the share of paper along lines, (n,) in [0, 1], says that a gutter with straight edges lies: [start, stop) each.

    Sky that runs into the gutter has no such edges.
    """
    is_open = np.concatenate([[False], cover >= OPEN, [False]])
    starts, stops = np.flatnonzero(np.diff(is_open.astype(np.int8))).reshape(-1, 2).T
    bands = []
    for start, stop in zip(starts, stops, strict=True):
        before, after = cover[max(0, start - STEP) : start], cover[stop : stop + STEP]
        inside = start > 0 and stop < len(cover) and 2 <= stop - start <= widest
        if inside and sum(side.min() <= SHUT for side in (before, after)) >= edges:
            bands.append((int(start), int(stop)))
    return bands


def is_framed(shape: np.ndarray) -> bool:
    """Whether a shape, bool (h, w), is a panel by its form: a rectangle, or a quadrilateral where frames are slanted."""
    from skimage.measure import approximate_polygon

    if shape.mean() >= 0.85:
        return True
    hull = convex_hull(shape)
    if hull is None or shape.sum() < 0.88 * hull[1]:
        return False
    corners = np.append(hull[0], hull[0][:1], axis=0)
    return len(approximate_polygon(corners, 0.03 * np.hypot(*shape.shape))) - 1 <= 4


def convex_hull(shape: np.ndarray) -> tuple[np.ndarray, float] | None:
    """Corners (n, 2) and area of the convex hull of a shape, bool (h, w); None where the shape has no area."""
    from scipy.spatial import ConvexHull, QhullError

    rows = np.flatnonzero(shape.any(axis=1))
    if not len(rows):
        return None
    first, last = shape.argmax(axis=1)[rows], shape.shape[1] - shape[:, ::-1].argmax(axis=1)[rows]
    sides = [np.stack([row, column], axis=1) for row in (rows, rows + 1) for column in (first, last)]
    outline = np.concatenate(sides)  # the corners of pixels, so that even one pixel has an area
    try:
        hull = ConvexHull(outline)
    except QhullError:
        return None
    return outline[hull.vertices], float(hull.volume)  # in a plane, the "volume" is the area


def gather(loose: list[Box], framed: list[Box], gutters: np.ndarray) -> list[Box]:
    """Boxes around loose pieces that stand near together, with no straight gutter between them and no framed panel."""
    boxes: list[Box] = []
    waiting = sorted(loose, reverse=True)
    while waiting:
        one = waiting.pop()
        for other in boxes:
            both = one.union(other)
            near = one.grown(REACH * min(gutters.shape)).common(other) > 0
            covers = any(both.common(panel) > 0.1 * min(panel.area, both.area) for panel in framed)
            if near and not covers and not straight_gutters(gutters, both.slices, edges=1):
                boxes.remove(other)
                waiting.append(both)
                break
        else:
            boxes.append(one)
    return boxes


def frame(piece: Piece) -> Box:
    """The box of a panel's frame: without what sticks out of it, if its edges are straight."""
    top, bottom = _straight_ends(piece.shape.mean(axis=1))
    left, right = _straight_ends(piece.shape.mean(axis=0))
    return Box(piece.box.top + top, piece.box.left + left, piece.box.top + bottom, piece.box.left + right)


def _straight_ends(cover: np.ndarray) -> tuple[int, int]:
    """Where a frame begins and ends along one side, by how much of each line the shape covers, (n,)."""

    def first(cover: np.ndarray) -> int:
        start = int((cover >= 0.8).argmax())
        straight = 0 < start <= len(cover) / 3 and cover[max(0, start - STEP)] < OPEN
        return start if straight else 0  # a slanted edge covers more and more

    return first(cover), len(cover) - first(cover[::-1])


def _box(place: tuple[slice, slice]) -> Box:
    return Box(place[0].start, place[1].start, place[0].stop, place[1].stop)


def _side(place: tuple[slice, slice]) -> int:
    return min(side.stop - side.start for side in place)
