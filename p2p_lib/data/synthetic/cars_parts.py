"""The parts of a made-up car, back to front: tyres, body, what is laid on the body, cabin and windows, wheels, mirrors."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from p2p_lib.data.synthetic.canvas import Color
from p2p_lib.data.synthetic.cars_mesh import Body, surface
from p2p_lib.data.synthetic.cars_plan import CarPlan
from p2p_lib.data.synthetic.cars_stage import Camera, Layer, Stage

RUBBER, DARK, PLASTIC, GLASS = (24, 24, 26), (20, 20, 22), (44, 44, 48), (24, 30, 36)
HEADLAMP, TAILLAMP, PLATE, FOGLAMP = (214, 224, 232), (170, 14, 18), (226, 226, 220), (190, 196, 196)
TYRE_WIDTH, RIM, ARCH = 0.22, 0.68, 1.15  # metres; shares of the wheel's radius
LAMP_GLOSS, GLASS_GLOSS = 0.8, 1.7
SIDES = (-1, 1)


def layers(car: CarPlan, eye: Camera) -> list[Layer]:
    """Everything of a car that the camera may see, back to front."""
    stage = Stage(car, Body(car.shape), eye)
    sides = sorted((-1, 1), key=lambda side: side * eye.position[1])  # the far side first
    parts = [tread for side in sides for axle in car.shape.axles for tread in _treads(stage, axle, side)]
    parts += [_mirror(stage, sides[0])]
    parts += _lower_body(stage)
    parts += _cabin(stage, sides)
    parts += [part for side in sides for axle in car.shape.axles for part in _wheel(stage, axle, side)]
    parts += [_mirror(stage, sides[1])]
    return parts


def _treads(stage: Stage, axle: float, side: int) -> list[Layer]:
    """The tyre as seen from its tread: discs from the far to the near end of its width."""
    insets = np.linspace(0.02, 0.02 + TYRE_WIDTH, 6)
    discs = [stage.eye.project(stage.body.circle(axle, stage.car.shape.wheel, side, inset)) for inset in insets]
    return [Layer(discs, [RUBBER] * len(discs), [np.concatenate([disc, disc[:1]]) for disc in discs])]


def _wheel(stage: Stage, axle: float, side: int) -> list[Layer]:
    """The arch, the tyre and the rim with its spokes, on a side turned to the camera."""
    car, body, normal = stage.car, stage.body, (0.0, float(side), 0.0)
    radius = car.shape.wheel
    turn = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    around = np.stack([axle * body.half_length + 1.14 * radius * np.cos(turn), radius + 1.14 * radius * np.sin(turn)], -1)
    arch = stage.panel(body.on_side(around, side), normal, DARK)
    tyre = stage.panel(body.circle(axle, radius, side, 0.02), normal, RUBBER)
    rim = stage.panel(body.circle(axle, RIM * radius, side, 0.02), normal, car.trim, 0.5)
    if not rim.faces:
        return []
    hub, edge = body.circle(axle, 0.16 * radius, side, 0.02), body.circle(axle, (RIM - 0.07) * radius, side, 0.02)
    holes = Layer()
    for spoke in range(car.spokes):
        angles = 2 * np.pi * (spoke + np.array([0, 0.33, 0.67, 1]) * (1 - car.spoke_width)) / car.spokes
        cos, sin = np.cos(angles), np.sin(angles)
        middle, right, up = hub.mean(0), edge[0] - edge.mean(0), edge[8] - edge.mean(0)
        outer = middle + cos[:, None] * right + sin[:, None] * up
        inner = middle + 0.36 * (cos[[3, 0], None] * right + sin[[3, 0], None] * up)
        holes.faces.append(stage.eye.project(np.concatenate([outer, inner])))
        holes.colors.append(PLASTIC)
        holes.rims.append(np.concatenate([holes.faces[-1], holes.faces[-1][:1]]))
    return [arch, tyre, rim, holes]


def _mirror(stage: Stage, side: int) -> Layer:
    """A mirror: a small rounded box at the foot of the windscreen."""
    body = stage.body
    x = (stage.car.shape.cabin[0][0] - 0.10) * body.half_length
    turn = np.linspace(0, 2 * np.pi, 9)
    lengthwise = np.array([-0.06, -0.05, 0.03, 0.09, 0.11])
    swell = np.array([0.02, 1.0, 1.0, 0.7, 0.02])[:, None]
    middle = np.array([x, side * (body.half_width * 0.97 + 0.07), float(body.belt(np.array(x))) + 0.10])
    y, z = 0.13 * np.cos(turn) * swell, 0.075 * np.sin(turn) * swell
    points = middle + np.stack([np.broadcast_to(lengthwise[:, None], y.shape), y, z], -1)
    return stage.skin(surface(points, middle), stage.car.paint, stage.car.gloss)


def _lower_body(stage: Stage) -> list[Layer]:
    """The painted body with everything that is laid on it."""
    car, body = stage.car, stage.body
    shell = body.lower()
    caps = [stage.panel(shell.points[row], (end, 0, 0), car.paint, car.gloss) for row, end in ((0, 1), (-1, -1))]
    for cap in caps:
        cap.rims.clear()  # the skin goes on around the corner
    parts = [*caps, stage.skin(shell, car.paint, car.gloss, ends=(bool(caps[0].faces), bool(caps[1].faces)))]
    for side in SIDES:
        parts += _side_panels(stage, side)
    return parts + _deck_panels(stage) + _front_panels(stage) + _rear_panels(stage)


def _side_panels(stage: Stage, side: int) -> list[Layer]:
    """The sill, the seams of the doors and their handles."""
    shape, body, normal = stage.car.shape, stage.body, (0, side, 0)
    front, rear = (np.array(shape.axles) * body.half_length + np.array([-1, 1]) * ARCH * shape.wheel).tolist()
    sill = shape.sill + 0.07
    strip = np.concatenate([_line((front, 0), (rear, 0)), _line((rear, sill), (front, sill))])
    parts = [stage.panel(body.on_side(strip, side), normal, PLASTIC)]
    doors = [x * body.half_length for x in shape.doors]
    foot = sill + 0.06
    for start, stop in pairwise(doors):
        frame = (start, 2), (start, foot), (stop, foot), (stop, 2)
        seam = np.concatenate([_line(*edge) for edge in pairwise(frame)])
        parts.append(stage.seam(body.on_side(seam, side), normal))
        x, z = stop + 0.08, float(body.belt(np.array(stop))) - 0.13
        handle = np.array([(x, z), (x + 0.17, z), (x + 0.17, z + 0.035), (x, z + 0.035)])
        parts.append(stage.panel(body.on_side(handle, side), normal, stage.car.trim, stage.car.gloss))
    return parts


def _deck_panels(stage: Stage) -> list[Layer]:
    """The seams of the bonnet, and the open bed of a pick-up."""
    shape, body, up = stage.car.shape, stage.body, (0, 0, 1)
    length = body.half_length
    bonnet = np.concatenate([_line((shape.cabin[0][0] * length, 0.8), (0.95 * length, 0.62)), [(0.97 * length, 0.3)]])
    parts = [stage.seam(body.on_deck(bonnet * (1, side)), up) for side in SIDES]
    if shape.bed:
        start, stop = shape.bed[0] * length, shape.bed[1] * length
        bed = np.concatenate([_line((start, -0.8), (stop, -0.8)), _line((stop, 0.8), (start, 0.8))])
        parts.append(stage.panel(body.on_deck(bed), up, DARK))
    return parts


def _front_panels(stage: Stage) -> list[Layer]:
    """Grille, intake, plate and lamps."""
    shape, style = stage.car.shape, stage.car.style
    top, low = shape.nose - 0.07, shape.sill + 0.12
    height, width = 0.10 + 0.08 * style[0], 0.30 + 0.22 * style[1]
    grille = _box(-width, width, top - height, top - 0.02)
    parts = [_on_end(stage, grille, 1, DARK)]
    for share in (0.35, 0.7):
        bar = np.array([(-width, top - height * share), (width, top - height * share)])
        parts.append(stage.seam(stage.body.on_end(bar, 1), (1, 0, 0)))
    parts.append(_on_end(stage, _box(-0.55, 0.55, low - 0.03, low + 0.05), 1, PLASTIC))
    parts.append(_on_end(stage, _box(-0.17, 0.17, low + 0.05, low + 0.15), 1, PLATE))
    inner, outer = width + 0.08, 0.94
    for side in SIDES:
        lamp = np.array([(inner, top - 0.09), (inner + 0.02, top), (0.8, top + 0.05), (outer, top + 0.04), (outer, top - 0.04)])
        parts.append(_on_end(stage, lamp * (side, 1), 1, HEADLAMP, LAMP_GLOSS, side))
        parts.append(_on_end(stage, _box(side * 0.66, side * 0.8, low, low + 0.05), 1, FOGLAMP, LAMP_GLOSS, side))
    return parts


def _rear_panels(stage: Stage) -> list[Layer]:
    """Bumper, plate, lamps and the seam of the boot lid."""
    shape, style = stage.car.shape, stage.car.style
    top, low = shape.deck - 0.1, shape.sill + 0.14
    parts = [_on_end(stage, _box(-0.9, 0.9, low, low + 0.1), -1, PLASTIC)]
    parts.append(_on_end(stage, _box(-0.2, 0.2, low + 0.16, low + 0.27), -1, PLATE))
    lid = np.array([(-0.62, top + 0.1), (-0.58, low + 0.13), (0.58, low + 0.13), (0.62, top + 0.1)])
    parts.append(stage.seam(stage.body.on_end(lid, -1), (-1, 0, 0)))
    inner, tall = 0.45 + 0.25 * style[2], 0.08 + 0.16 * style[0]
    for side in SIDES:
        lamp = np.array([(inner, top - tall), (inner, top), (0.93, top + 0.02), (0.95, top - 0.8 * tall), (0.8, top - tall)])
        parts.append(_on_end(stage, lamp * (side, 1), -1, TAILLAMP, LAMP_GLOSS, side))
    return parts


def _on_end(stage: Stage, outline: np.ndarray, end: int, color: Color, gloss: float = 0.2, side: int = 0) -> Layer:
    """A panel on the nose (1) or tail (-1); one that wraps around a corner (`side`) is seen from that side too."""
    return stage.panel(stage.body.on_end(outline, end), (end, 0.5 * side, 0), color, gloss)


def _line(start: tuple[float, float], stop: tuple[float, float], count: int = 9) -> np.ndarray:
    return np.linspace(start, stop, count)


def _box(left: float, right: float, low: float, high: float) -> np.ndarray:
    """The outline of a rectangle with enough points to follow a rounded nose, (18, 2)."""
    return np.concatenate([_line((left, low), (right, low)), _line((right, high), (left, high))])


def _cabin(stage: Stage, sides: list[int]) -> list[Layer]:
    """Roof and sides in paint, then the windows on those sides that can be seen."""
    car, body = stage.car, stage.body
    parts = [stage.skin(body.beside_cabin(side), car.roof, car.gloss) for side in sides]
    parts += [stage.skin(body.over_cabin(np.linspace(0, 1, 26), np.linspace(-1, 1, 9)), car.roof, car.gloss)]
    tint = np.array(GLASS) * (1 + 2 * car.glass)
    spans = len(car.shape.cabin) - 1
    for start, stop in ((0.06, 0.94), (spans - 0.92, spans - 0.10)):
        pane = body.over_cabin(np.linspace(start, stop, 14) / spans, np.linspace(-0.88, 0.88, 15))
        parts.append(stage.skin(pane, tint, GLASS_GLOSS))
    return parts + [stage.skin(pane, tint, GLASS_GLOSS) for side in sides for pane in body.windows(side)]
