"""Big-eyed characters: a plan of their features, and their shapes from the back hair to the glasses."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from p2p_lib.data.synthetic.comics_shapes import FINE, LINE, Pen, bows, box, curve, ellipse, mirrored


@dataclass(frozen=True)
class Character:
    """One figure: where it stands and every feature; lengths in units of half a face's width."""

    x: float
    y: float
    unit: float
    tilt: float
    turn: float  # -1 looks to the left, 1 to the right
    jaw: float
    eye: float
    gaze: str
    brow: float
    mouth: str
    part: float  # where the fringe parts, from -1 to 1
    fringe: float  # how low its middle hangs
    temples: float  # how low it hangs at the temples
    locks: tuple[float, ...]  # relative widths of the locks of the fringe
    crown: str
    back: str
    clothes: str
    build: float
    glasses: bool
    sway: float


CROWNS, BACKS = ("smooth", "spiky", "curly"), ("short", "short", "bob", "long", "ponytail", "twins", "buns")
CLOTHES, MOUTHS = ("tee", "hoodie", "sailor", "suit", "sweater", "dress"), ("smile", "open", "grin", "flat", "oh")


def plan_character(rng: np.random.Generator, x: float, y: float, unit: float) -> Character:
    """Draw the features of a figure whose head is at (x, y)."""
    return Character(
        x=x,
        y=y,
        unit=unit,
        tilt=rng.normal(0, 0.08),
        turn=rng.uniform(-1, 1),
        jaw=rng.uniform(-0.14, 0.12),
        eye=rng.uniform(0.85, 1.15),
        gaze=str(rng.choice(("open", "open", "open", "narrow", "shut"))),
        brow=rng.uniform(-0.12, 0.12),
        mouth=str(rng.choice(MOUTHS)),
        part=rng.uniform(-0.7, 0.7),
        fringe=rng.uniform(-0.75, -0.1),
        temples=rng.uniform(0.0, 0.75),
        locks=tuple(rng.uniform(0.5, 1.5, rng.integers(3, 8))),
        crown=str(rng.choice(CROWNS, p=(0.6, 0.22, 0.18))),
        back=str(rng.choice(BACKS)),
        clothes=str(rng.choice(CLOTHES)),
        build=rng.uniform(0.85, 1.15),
        glasses=bool(rng.random() < 0.18),
        sway=rng.uniform(-1, 1),
    )


def draw_character(pen: Pen, c: Character) -> None:
    """Back hair, body, head, face, front hair: from the farthest to the nearest."""
    body = replace(pen, origin=(c.x, c.y), unit=c.unit, weight=min(1.2, (c.unit / 0.2) ** 0.5))
    head = replace(body, tilt=c.tilt)
    _back_hair(head, c)
    _body(body, c)
    _skull(head, c)
    _mouth(head, c)
    for side in (-1, 1):
        _eye(head, c, side)
    _front_hair(head, c)
    if c.glasses:
        for side in (-1, 1):
            head.stroke(ellipse(side * 0.44 + 0.16 * c.turn, 0.3, 0.34, 0.32), FINE, closed=True)
        head.stroke(((-0.1 + 0.16 * c.turn, 0.26), (0.1 + 0.16 * c.turn, 0.26)), FINE)


def _back_hair(pen: Pen, c: Character) -> None:
    if c.back in ("bob", "long"):
        low, wide = (1.25, 1.15) if c.back == "bob" else (2.9, 1.3)
        tips = [(x * wide, low + 0.18 * (k % 2) + 0.1 * c.sway * x) for k, x in enumerate(np.linspace(-0.95, 0.95, 9))]
        top = curve(((1.12 * wide, 0.6 * low), (1.1, 0), (0.8, -1), (-0.8, -1), (-1.1, 0), (-1.12 * wide, 0.6 * low)), False)
        pen.fill(np.vstack((bows(tips, -0.12), top)), "hair", tone=-1)
    elif c.back in ("ponytail", "twins"):
        for side in (-1, 1) if c.back == "twins" else (1 if c.sway > 0 else -1,):
            tail = ((0.7, -0.7), (1.5, -0.75), (1.95, 0.1), (1.75, 1.2), (1.35 + 0.3 * c.sway, 2.3), (1.3, 1.1), (1.1, 0.2))
            pen.fill(curve(np.multiply(tail, (side, 1))), "hair", shadow=0.25)
            pen.stroke(curve(np.multiply(((1.1, -0.4), (1.5, 0.2), (1.5, 1.2)), (side, 1)), False))
            pen.fill(ellipse(0.92 * side, -0.62, 0.2, 0.2), "trim", FINE)
    elif c.back == "buns":
        for side in (-1, 1):
            pen.fill(ellipse(0.78 * side, -1.12, 0.42, 0.42), "hair", shadow=0.2)
            pen.stroke(ellipse(0.78 * side, -1.12, 0.2, 0.2, 0.5, 4.5))


def _skull(pen: Pen, c: Character) -> None:
    for side in (-1, 1):
        pen.fill(ellipse(0.92 * side - 0.08 * c.turn, 0.28, 0.17, 0.26), "skin")
        pen.stroke(ellipse(0.94 * side - 0.08 * c.turn, 0.28, 0.07, 0.14, 2, 5))
    chin = 0.1 * c.turn
    right = np.array(((0.0, 1.2), (0.3, 1.08), (0.66 + c.jaw, 0.72), (0.88, 0.15), (0.88, -0.4), (0.6, -0.9)))
    outline = mirrored(right)
    outline[:, 0] += chin * np.clip(outline[:, 1] + 0.2, 0, 1.4)
    face = curve(outline)
    pen.fill(face, "skin", 0.0, shadow=0.22)
    cast = np.add(bows(_fringe(c), -0.1), (0.06 * pen.light, 0.13))
    cast[:, 0] = np.clip(cast[:, 0], -0.86, 0.86)
    pen.fill(np.vstack((cast[3:-3], ((0.86, -0.5), (0.5, -0.95), (-0.5, -0.95), (-0.86, -0.5)))), "skin", 0.0, tone=-1)
    for side in (-1, 1):
        pen.fill(ellipse(side * (0.5 + c.jaw) + 0.12 * c.turn, 0.68, 0.15, 0.09), "blush", 0.0)
    pen.stroke(face, LINE, closed=True)


def _eye(pen: Pen, c: Character, side: int) -> None:
    far = 1 - 0.14 * max(0.0, side * c.turn)  # the eye on the far side of a turned head looks narrower
    x, y, rx, ry = 0.44 * side + 0.16 * c.turn, 0.3, 0.24 * c.eye * far, 0.29 * c.eye
    lift = c.brow * side
    pen.stroke(curve(((x - rx, y - 0.47 - lift), (x, y - 0.56), (x + rx, y - 0.47 + lift)), False), LINE)
    if c.gaze == "shut":
        pen.stroke(ellipse(x, y + 0.15, rx, 0.2, np.pi * 1.08, np.pi * 1.92), 1.3 * LINE)
        return
    ry *= 0.72 if c.gaze == "narrow" else 1.0
    pen.fill(ellipse(x, y, rx, ry), "white", 0.0)
    ix, iris = x + 0.05 * c.turn, 0.74 * rx
    pen.fill(ellipse(ix, y, iris, 0.86 * ry), "iris", 0.0)
    pen.fill(ellipse(ix, y, iris, 0.86 * ry, np.pi, 2 * np.pi - 0.01), "iris", 0.0, tone=-1)
    pen.stroke(ellipse(ix, y, iris, 0.86 * ry), FINE, closed=True)
    pen.fill(ellipse(ix, y + 0.02, 0.45 * iris, 0.45 * ry), "pupil", 0.0)
    pen.fill(ellipse(ix - 0.35 * iris * pen.light, y - 0.36 * ry, 0.3 * iris, 0.26 * ry), "white", 0.0)
    pen.fill(ellipse(ix + 0.35 * iris * pen.light, y + 0.42 * ry, 0.16 * iris, 0.13 * ry), "white", 0.0)
    lid = ellipse(x, y, 1.08 * rx, 1.04 * ry, np.pi * 1.02, np.pi * 1.98)
    pen.stroke(lid, 1.7 * LINE)
    pen.stroke(ellipse(x, y, rx, ry, np.pi * 0.25, np.pi * 0.75), FINE)


def _mouth(pen: Pen, c: Character) -> None:
    x, y = 0.14 * c.turn, 0.86
    pen.stroke(((x + 0.04 * c.turn, 0.52), (x + 0.07 * c.turn + 0.02, 0.6), (x, 0.62)), FINE)  # the nose
    if c.mouth == "open":
        lips = ((-0.22, -0.06), (0, -0.02), (0.22, -0.06), (0.12, 0.13), (-0.12, 0.13))
        pen.fill(curve(np.add(lips, (x, y))), "mouth")
        pen.fill(ellipse(x, y + 0.1, 0.1, 0.05), "tongue", 0.0)
    elif c.mouth == "grin":
        pen.fill(curve(((x - 0.24, y - 0.05), (x, y - 0.01), (x + 0.24, y - 0.05), (x, y + 0.12))), "white", FINE)
    elif c.mouth == "oh":
        pen.fill(ellipse(x, y, 0.08, 0.1), "mouth", FINE)
    else:
        sag = 0.07 if c.mouth == "smile" else -0.01
        pen.stroke(curve(((x - 0.2, y - sag / 2), (x, y + sag), (x + 0.2, y - sag / 2)), False), LINE)


def _fringe(c: Character) -> np.ndarray:
    """The lower edge of the front hair (N, 2), from the left temple to the right: roots and tips of locks in turn."""
    width = np.array(c.locks) / sum(c.locks)
    x = 1.96 * np.sort(np.concatenate((np.cumsum(width), np.cumsum(width) - width * (0.5 - 0.2 * c.sway), (0,)))) - 0.98
    hang = c.fringe + (c.temples - c.fringe) * np.abs((x - c.part) / (1 + abs(c.part))) ** 1.6
    hang[0::2] -= 0.3
    hang[1::2] += 0.35 * (width - width.mean())
    hang[[0, -1]] = 0.3
    return np.stack((x, hang), 1)


def _front_hair(pen: Pen, c: Character) -> None:
    angle = np.linspace(-0.25, np.pi + 0.25, 61)
    teeth = np.abs((angle * 11 / np.pi) % 1 - 0.5) * 2
    wave = {"smooth": 0 * angle, "spiky": 0.34 * (1 - teeth) ** 1.5, "curly": 0.2 * np.sqrt(np.abs(np.sin(angle * 8)))}[c.crown]
    crown = np.stack(((1.02 + wave) * np.cos(angle), -(1.3 + wave) * np.sin(angle)), 1)
    edge = _fringe(c)
    pen.fill(np.vstack((bows(edge, -0.1), crown)), "hair", shadow=0.16)
    if c.fringe > -0.45:  # under a higher fringe there is forehead
        shine = np.vstack((ellipse(0, -0.5, 0.72, 0.54, 3.6, 5.4), ellipse(0, -0.5, 0.72, 0.42, 3.7, 5.3)[::-1]))
        pen.fill(shine - (0.12 * pen.light, 0), "hair", 0.0, tone=1)
    for root in edge[2:-2:2]:
        whorl = np.array((0.4 * c.part, -1.2))
        pen.stroke(curve((root, root * (0.98, 1) - (0, 0.25), 0.5 * root + 0.5 * whorl), False))


def _body(pen: Pen, c: Character) -> None:
    w = c.build
    if c.clothes == "hoodie":
        pen.fill(ellipse(0, 1.75, 0.95 * w, 0.5), "top", tone=-1)
    torso = mirrored(((1.5 * w, 7), (1.5 * w, 4), (1.42 * w, 2.5), (1.12 * w, 2.02), (0.55, 1.82), (0.3, 1.7)))
    pen.fill(curve(torso), "skin" if c.clothes == "dress" else "top", shadow=0.4)
    for side in (-1, 1):
        pen.stroke(((1.02 * side * w, 2.9), (1.05 * side * w, 4), (1.0 * side * w, 7)))
    neck = ((-0.32, 0.8), (-0.34, 1.7), (0.0, 1.95), (0.34, 1.7), (0.32, 0.8))
    pen.fill(neck, "skin", 0.0)
    pen.fill(((-0.32, 1.05), (-0.33, 1.35), (0.1 * pen.light, 1.62), (0.33, 1.35), (0.32, 1.05)), "skin", 0.0, tone=-1)
    pen.stroke(neck, LINE)
    GARMENTS[c.clothes](pen, w)


def _tee(pen: Pen, w: float) -> None:
    pen.stroke(ellipse(0, 1.7, 0.45, 0.36, 0.1, np.pi - 0.1), LINE)
    pen.fill(ellipse(0, 3.0, 0.42, 0.42), "trim", shadow=0.1)


def _hoodie(pen: Pen, w: float) -> None:
    pen.fill(curve(mirrored(((0, 2.35), (0.4, 2.05), (0.8 * w, 1.7), (0.42, 1.72), (0, 2.1)))), "top")
    for side in (-1, 1):
        pen.fill(box(0.2 * side - 0.035, 2.15, 0.2 * side + 0.035, 2.9), "trim", FINE)
    pen.stroke(((-0.7, 4.6), (-0.5, 3.9), (0.5, 3.9), (0.7, 4.6)))


def _sailor(pen: Pen, w: float) -> None:
    for side in (-1, 1):
        flap = ((0.3, 1.62), (1.05 * w, 1.98), (0.95 * w, 2.5), (0, 2.75), (0.1, 2.3))
        pen.fill(np.multiply(flap, (side, 1)), "trim", shadow=0.12)
    for side in (-1, 1):
        pen.fill(curve(np.multiply(((0, 2.7), (0.35, 2.5), (0.55, 2.65), (0.5, 2.95), (0.2, 2.85)), (side, 1))), "accent")
    pen.fill(ellipse(0, 2.72, 0.11, 0.13), "accent", FINE)


def _suit(pen: Pen, w: float) -> None:
    pen.fill(((-0.36, 1.7), (0, 3.6), (0.36, 1.7), (0, 1.95)), "white", FINE)
    pen.fill(((-0.09, 2.0), (0.09, 2.0), (0.14, 2.9), (0, 3.3), (-0.14, 2.9)), "accent", FINE)
    for side in (-1, 1):
        lapel = ((0.32, 1.62), (0.02, 3.7), (0.62, 2.6), (0.5, 2.4), (0.66, 2.3))
        pen.fill(np.multiply(lapel, (side, 1)), "top", shadow=0.08)
        pen.fill(np.multiply(((0.3, 1.55), (0.38, 1.75), (0.16, 2.15), (0, 1.95)), (side, 1)), "white", FINE)


def _sweater(pen: Pen, w: float) -> None:
    pen.fill(curve(mirrored(((0.3, 1.86), (0.46, 1.7), (0.4, 1.32), (0.2, 1.4)))), "top", shadow=0.1)
    for y in (2.7, 3.05):
        hem = curve(((-w, y), (0, y + 0.1), (w, y)), False)
        pen.fill(np.vstack((hem, np.add(hem[::-1], (0, 0.2)))), "trim", FINE)


def _dress(pen: Pen, w: float) -> None:
    gown = mirrored(((1.5, 7), (0.85, 4.2), (0.98 * w, 2.75), (0.5, 2.55), (0, 2.75)))
    pen.fill(curve(gown), "top", shadow=0.3)
    for side in (-1, 1):
        pen.fill(np.multiply(((0.5, 1.84), (0.64, 1.88), (0.62, 2.62), (0.46, 2.6)), (side, 1)), "top", FINE)


GARMENTS = {"tee": _tee, "hoodie": _hoodie, "sailor": _sailor, "suit": _suit, "sweater": _sweater, "dress": _dress}


# --------------------------------------------------------------------------------------------------- backgrounds
