"""Speech balloons and narration boxes: the white of a page that stays white when it is coloured.

In line art faces and shirts are white and enclosed as well. What tells a balloon from them is its lettering: many small pieces of
ink of one height, in lines, that do not touch the outline. A balloon without lettering is told by its outline, an ellipse.
"""

from __future__ import annotations

import numpy as np

from p2p_lib.data.panels import TOLERANCE, check_page, convex_hull, find_gutters, label_panels, paper_color

MIN_AREA, MAX_AREA = 0.0006, 0.12  # of the page
MIN_SIDE = 0.015  # of the page's shorter side
MAX_OF_PANEL = 0.5  # whatever takes up more of its panel is the panel
INK = 80  # levels darker than the paper


def find_balloons(page: np.ndarray) -> np.ndarray:
    """Find the insides of speech balloons and narration boxes.

    page : uint8 (H, W) or (H, W, 3), lines, grays or colours.

    Returns bool (H, W): the white within the outline, with its lettering and its tail; the outline itself is not part of it.
    """
    from scipy.ndimage import binary_dilation, binary_erosion, binary_fill_holes, find_objects, label

    page = check_page(page)
    paper = paper_color(page) if paper_color(page).min() > 127 else np.full(3, 255, np.int16)
    white = (page >= paper - TOLERANCE).all(axis=2)
    ink = page.min(axis=2) < int(paper.min()) - INK
    panels = label_panels(page)
    panel_areas = np.bincount(panels.ravel())
    white &= ~find_gutters(page)
    gap = max(1, round(min(white.shape) / 1000))
    square = np.ones((2 * gap + 1, 2 * gap + 1), bool)
    regions, _ = label(binary_erosion(white, square))  # a gap in an outline lets nothing out
    found = np.zeros(white.shape, bool)
    for number, place in enumerate(find_objects(regions), start=1):
        if min(side.stop - side.start for side in place) < MIN_SIDE * min(white.shape):
            continue
        place = tuple(slice(max(0, side.start - gap), side.stop + gap) for side in place)
        shape = binary_fill_holes(binary_dilation(regions[place] == number, square) & white[place])
        area = shape.sum()
        of_panel = area / max(1, panel_areas[panels[place][shape].max()])
        sensible = MIN_AREA * white.size <= area <= MAX_AREA * white.size and of_panel <= MAX_OF_PANEL
        if sensible and is_balloon(shape, ink[place] & shape, min(white.shape)):
            found[place] |= shape
    return found


def is_balloon(shape: np.ndarray, ink: np.ndarray, page_side: int) -> bool:
    """Whether a white shape with the ink inside it, bool (h, w) both, is a balloon of a page with that shorter side."""
    body = without_tail(shape)
    if body.sum() < 0.5 * shape.sum():
        return False
    fit = max(ellipse_overlap(body), box_overlap(body))
    if has_lettering(shape, ink, page_side, least=2 if fit > 0.93 else 5):
        return solidity(body) >= 0.85
    height, width = body.shape
    return ink.sum() < 0.003 * shape.sum() and ellipse_overlap(body) >= 0.95 and width >= 1.2 * height


def has_lettering(shape: np.ndarray, ink: np.ndarray, page_side: int, least: int) -> bool:
    """Whether the ink in a shape, bool (h, w), is so many letters or more: of one height, in lines, not sparse."""
    from scipy.ndimage import find_objects, label

    letters, _ = label(ink, np.ones((3, 3)))
    places = [(rows.start, columns.start, rows.stop, columns.stop) for rows, columns in find_objects(letters)]
    boxes = np.array(places, float).reshape(-1, 4)
    height, width = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    boxes = boxes[np.maximum(height, width) >= 3]  # specks
    if len(boxes) < least:
        return False
    height, width = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    size = np.median(height[height >= 0.5 * height.max()])  # of letters, not of dots
    if not 0.004 * page_side <= size <= 0.04 * page_side or size > 0.5 * min(shape.shape):
        return False
    if len(boxes) > 3 and max(np.ptp(width), np.ptp(height)) <= 0.1 * size:
        return False  # the windows of a house
    alike = np.mean((height >= 0.55 * size) & (height <= 1.6 * size))
    return alike >= 0.6 and nested(boxes) <= 0.1 and in_lines(boxes, size) >= 0.75 and 0.06 <= density(boxes, ink) <= 0.7


def nested(boxes: np.ndarray) -> float:
    """Share of boxes (n, 4) whose middle lies in another box, as a pupil lies in an eye."""
    top, left, bottom, right = boxes.T
    y, x = (top + bottom)[:, None] / 2, (left + right)[:, None] / 2
    inside = (y > top) & (y < bottom) & (x > left) & (x < right)
    np.fill_diagonal(inside, False)
    return float(inside.any(axis=1).mean())


def in_lines(boxes: np.ndarray, size: float) -> float:
    """Share of boxes (n, 4) that have a neighbour side by side with them in a line, or in a column, nearer than a letter's size."""
    top, left, bottom, right = boxes.T
    columns, rows = _side_by_side(left, right, size), _side_by_side(top, bottom, size)
    level, upright = _overlap(top, bottom) >= 0.5, _overlap(left, right) >= 0.5
    return float(max((columns & level).any(axis=1).mean(), (rows & upright).any(axis=1).mean()))


def _overlap(start: np.ndarray, stop: np.ndarray) -> np.ndarray:
    """How much of the shorter of two intervals lies in the other, (n, n); negative where there is a gap."""
    length = stop - start
    return (np.minimum(stop[:, None], stop) - np.maximum(start[:, None], start)) / np.minimum(length[:, None], length)


def _side_by_side(start: np.ndarray, stop: np.ndarray, size: float) -> np.ndarray:
    """Whether two intervals lie beside each other, (n, n): neither in one another, as pupil and eye, nor far apart."""
    gap = np.maximum(start[:, None], start) - np.minimum(stop[:, None], stop)
    return (gap <= 0.7 * size) & (_overlap(start, stop) <= 0.4)


def density(boxes: np.ndarray, ink: np.ndarray) -> float:
    """Share of ink in the block of text that the boxes (n, 4) make up."""
    (top, left), (bottom, right) = boxes[:, :2].min(axis=0).astype(int), boxes[:, 2:].max(axis=0).astype(int)
    return float(ink[top:bottom, left:right].mean())


def without_tail(shape: np.ndarray) -> np.ndarray:
    """A shape, bool (h, w), opened by a disc of a quarter of its greatest thickness, and cropped."""
    from scipy.ndimage import distance_transform_edt

    depth = distance_transform_edt(np.pad(shape, 1))
    radius = 0.5 * depth.max()
    body = distance_transform_edt(depth <= radius) < radius  # what lies within a disc of that radius
    rows, columns = np.flatnonzero(body.any(axis=1)), np.flatnonzero(body.any(axis=0))
    return body[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def ellipse_overlap(shape: np.ndarray) -> float:
    """Intersection over union of a cropped shape, bool (h, w), and the ellipse with the same axes along rows and columns."""
    height, width = shape.shape
    y, x = np.ogrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    ellipse = x**2 + y**2 <= 1
    return float((shape & ellipse).sum() / (shape | ellipse).sum())


def box_overlap(shape: np.ndarray) -> float:
    """Share of its own box that a cropped shape, bool (h, w), covers."""
    return float(shape.mean())


def solidity(shape: np.ndarray) -> float:
    """Share of its convex hull that a shape, bool (h, w), covers; 0 for a line."""
    hull = convex_hull(shape)
    return float(shape.sum() / hull[1]) if hull is not None else 0.0
