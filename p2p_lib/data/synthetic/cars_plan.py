"""What a made-up car is: the proportions of its body, its paint, its wheels and the light it stands in.

The car stands on the plane z = 0, x runs forward and y to its left, all in metres. `cars_mesh` makes surfaces of a plan, `cars`
makes pictures of the surfaces.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from p2p_lib.data.synthetic.canvas import Color


@dataclass(frozen=True)
class Shape:
    """The proportions of a kind of car; x is given as a share of half the length, heights in metres.

    Attributes
    ----------
    length, width : in metres.
    sill, nose, deck : heights of the lower edge of the body, of its nose and of its tail (or of the belt line at the tail).
    cabin : outline of the cabin from the foot of the windscreen over the roof to the foot of the rear window, (x, z).
    pillars : x of the pillars between the side windows.
    doors : x of the seams of the doors, from front to rear.
    axles, wheel : x of the front and the rear axle, radius of the wheels in metres.
    bed : x from where to where the cargo bed of a pick-up reaches.
    """

    length: float
    width: float
    sill: float
    nose: float
    deck: float
    cabin: tuple[tuple[float, float], ...]
    pillars: tuple[float, ...]
    doors: tuple[float, ...]
    axles: tuple[float, float]
    wheel: float
    bed: tuple[float, float] | None = None

    def stations(self) -> np.ndarray:
        """Cross sections of the lower body from nose to tail, rows (x share, sill height, deck height, half width share)."""
        sill, nose, deck, (cowl, cowl_height) = self.sill, self.nose, self.deck, self.cabin[0]
        return np.array(
            [
                (1.00, sill + 0.15, nose - 0.14, 0.68),
                (0.99, sill + 0.08, nose - 0.05, 0.79),
                (0.955, sill + 0.02, nose + 0.01, 0.89),
                (0.87, sill, nose + 0.06, 0.955),
                (0.66, sill, nose + 0.5 * (cowl_height - nose) + 0.05, 0.99),
                (cowl, sill, cowl_height + 0.01, 1.0),
                (-0.10, sill, cowl_height + 0.5 * (deck - cowl_height) + 0.02, 1.0),
                (-0.60, sill, deck + 0.01, 1.0),
                (-0.88, sill + 0.01, deck, 0.965),
                (-0.96, sill + 0.05, deck - 0.03, 0.91),
                (-0.99, sill + 0.11, deck - 0.11, 0.84),
                (-1.00, sill + 0.18, deck - 0.25, 0.76),
            ]
        )


SHAPES = {
    "sedan": Shape(
        length=4.7,
        width=1.82,
        sill=0.20,
        nose=0.70,
        deck=0.98,
        cabin=((0.42, 0.90), (0.14, 1.36), (0.02, 1.42), (-0.18, 1.43), (-0.36, 1.37), (-0.70, 0.98)),
        pillars=(-0.10, -0.44),
        doors=(0.33, -0.10, -0.46),
        axles=(0.62, -0.58),
        wheel=0.33,
    ),
    "coupe": Shape(
        length=4.4,
        width=1.84,
        sill=0.16,
        nose=0.62,
        deck=0.92,
        cabin=((0.36, 0.84), (0.06, 1.21), (-0.06, 1.26), (-0.22, 1.26), (-0.42, 1.18), (-0.82, 0.93)),
        pillars=(-0.30,),
        doors=(0.26, -0.30),
        axles=(0.62, -0.58),
        wheel=0.34,
    ),
    "hatchback": Shape(
        length=3.95,
        width=1.74,
        sill=0.20,
        nose=0.72,
        deck=0.98,
        cabin=((0.50, 0.93), (0.20, 1.42), (0.06, 1.49), (-0.30, 1.50), (-0.78, 1.42), (-0.96, 1.00)),
        pillars=(-0.12, -0.52),
        doors=(0.40, -0.12, -0.52),
        axles=(0.66, -0.62),
        wheel=0.31,
    ),
    "wagon": Shape(
        length=4.75,
        width=1.82,
        sill=0.20,
        nose=0.70,
        deck=0.98,
        cabin=((0.42, 0.90), (0.15, 1.38), (0.03, 1.44), (-0.40, 1.46), (-0.82, 1.40), (-0.97, 1.00)),
        pillars=(-0.10, -0.46),
        doors=(0.33, -0.10, -0.46),
        axles=(0.62, -0.58),
        wheel=0.33,
    ),
    "suv": Shape(
        length=4.65,
        width=1.90,
        sill=0.28,
        nose=0.88,
        deck=1.12,
        cabin=((0.44, 1.07), (0.22, 1.60), (0.08, 1.68), (-0.40, 1.69), (-0.80, 1.62), (-0.95, 1.14)),
        pillars=(-0.08, -0.48),
        doors=(0.36, -0.08, -0.48),
        axles=(0.62, -0.60),
        wheel=0.38,
    ),
    "pickup": Shape(
        length=5.2,
        width=1.92,
        sill=0.32,
        nose=0.92,
        deck=1.06,
        cabin=((0.40, 1.06), (0.20, 1.62), (0.08, 1.70), (-0.12, 1.70), (-0.22, 1.66), (-0.30, 1.08)),
        pillars=(0.02,),
        doors=(0.32, 0.02, -0.26),
        axles=(0.64, -0.58),
        wheel=0.39,
        bed=(-0.34, -0.95),
    ),
    "van": Shape(
        length=4.6,
        width=1.90,
        sill=0.22,
        nose=0.86,
        deck=1.08,
        cabin=((0.72, 1.04), (0.36, 1.74), (0.20, 1.84), (-0.50, 1.86), (-0.90, 1.80), (-0.97, 1.12)),
        pillars=(0.12, -0.38),
        doors=(0.50, 0.10, -0.40),
        axles=(0.68, -0.58),
        wheel=0.33,
    ),
}
PAINTS: tuple[Color, ...] = (
    (176, 22, 26),
    (28, 62, 150),
    (22, 24, 28),
    (212, 214, 216),
    (150, 154, 160),
    (86, 90, 98),
    (20, 84, 60),
    (226, 150, 22),
    (60, 130, 190),
    (110, 20, 40),
    (236, 196, 30),
    (150, 120, 90),
    (70, 40, 96),
    (224, 92, 30),
    (120, 160, 130),
    (24, 34, 62),
)
TRIMS: tuple[Color, ...] = ((200, 204, 208), (160, 164, 170), (70, 72, 76), (222, 222, 218))


@dataclass(frozen=True)
class CarPlan:
    """One car and its light: all that a picture needs but the angle it is seen from and the background."""

    shape: Shape
    paint: Color
    roof: Color
    trim: Color  # rims and handles
    style: tuple[float, float, float]  # of grille and lamps: heights, width of the grille, width of the tail lamps, 0..1
    spokes: int
    spoke_width: float  # share of the room between two spokes
    gloss: float
    glass: float  # how light the windows are, 0..1
    elevation: float  # of the camera, radians
    distance: float  # of the camera, metres
    lamp: tuple[float, float, float]  # direction of the main light in the camera's frame: right, towards the camera, up


def plan(seed: int) -> CarPlan:
    """Draw a car at random."""
    rng = np.random.default_rng(seed)
    shape = SHAPES[str(rng.choice(list(SHAPES)))]
    stretch = rng.uniform(0.95, 1.06, 5)
    shape = replace(
        shape,
        length=shape.length * stretch[0],
        width=shape.width * stretch[1],
        nose=shape.nose * stretch[2],
        wheel=shape.wheel * stretch[3],
        cabin=tuple((x, z + (z - shape.cabin[0][1]) * (stretch[4] - 1) * 2) for x, z in shape.cabin),
    )
    paint = tuple(np.clip(np.array(PAINTS[rng.integers(len(PAINTS))]) * rng.uniform(0.85, 1.15, 3), 8, 228).tolist())
    two_tone = rng.random() < 0.15
    return CarPlan(
        shape=shape,
        paint=paint,
        roof=(28, 28, 32) if two_tone else paint,
        trim=TRIMS[rng.integers(len(TRIMS))],
        style=tuple(rng.random(3).tolist()),
        spokes=int(rng.integers(5, 11)),
        spoke_width=rng.uniform(0.3, 0.6),
        gloss=rng.uniform(0.6, 1.2),
        glass=rng.uniform(0.0, 0.5),
        elevation=rng.uniform(0.11, 0.24),
        distance=rng.uniform(9, 13),
        lamp=(rng.choice((-1.0, 1.0)) * rng.uniform(0.3, 0.8), rng.uniform(0.3, 0.6), 1.0),
    )
