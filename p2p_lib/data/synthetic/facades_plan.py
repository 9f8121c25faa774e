"""What the plan of a street is made of. The label map and the photo are both drawn from it, so they agree to the pixel.

Coordinates are those of the canvas: x to the right, y down, [0, 1] inside the picture; houses may reach beyond it.
"""

from __future__ import annotations

from dataclasses import dataclass

# What comes later hides what came before, as in the real label maps.
PAINT_ORDER = ("molding", "pillar", "window", "door", "shop", "blind", "cornice", "sill", "deco", "balcony")


@dataclass(frozen=True)
class Part:
    """One labelled rectangle [x0, x1) x [y0, y1); `form` says how the photo shows it (arched, gable, awning, ...)."""

    kind: str
    x0: float
    y0: float
    x1: float
    y1: float
    form: str = "plain"


@dataclass(frozen=True)
class Style:
    """A kind of house: size ranges, and the probability that a house (a storey for sill, cornice, molding) has something."""

    name: str
    share: float  # of all houses
    storey: tuple[float, float]  # height, as a share of the picture
    window: tuple[float, float]  # width, as a share of the bay
    cornice: float
    sill: float
    molding: float
    pillar: float
    balcony: float
    blind: float
    deco: float
    shop: float
    arched: float
    double: float
    mansard: float
    brick: float


STYLES = (
    # In the order of the fields above.
    Style("classic", 0.36, (0.15, 0.22), (0.38, 0.52), 0.75, 0.85, 0.45, 0.35, 0.45, 0.03, 0.55, 0.45, 0.25, 0.25, 0.30, 0.00),
    Style("palace", 0.14, (0.19, 0.27), (0.36, 0.48), 0.90, 0.80, 0.85, 0.90, 0.50, 0.02, 0.80, 0.30, 0.60, 0.10, 0.15, 0.00),
    Style("brick", 0.20, (0.15, 0.23), (0.40, 0.54), 0.45, 0.90, 0.25, 0.12, 0.30, 0.05, 0.30, 0.50, 0.40, 0.20, 0.05, 1.00),
    Style("rustic", 0.15, (0.16, 0.24), (0.30, 0.40), 0.15, 0.65, 0.25, 0.05, 0.35, 1.00, 0.15, 0.40, 0.05, 0.00, 0.35, 0.05),
    Style("modern", 0.15, (0.14, 0.20), (0.50, 0.82), 0.02, 0.40, 0.30, 0.12, 0.70, 0.20, 0.05, 0.45, 0.00, 0.45, 0.05, 0.12),
)


@dataclass(frozen=True)
class House:
    """A house between x0 and x1. From the top down: `top` of the facade label, `eaves` (below `top` under a mansard roof),
    `base` of the upper storeys, `ground`. A pitched roof of height `roof` above `top` has no label.

    `parts` are labelled, in paint order, and the wall too if `annotated`; `unlabelled` parts are in the photo only.
    """

    x0: float
    x1: float
    top: float
    eaves: float
    base: float
    ground: float
    roof: float
    style: Style
    parts: tuple[Part, ...]
    unlabelled: tuple[Part, ...] = ()
    annotated: bool = True


@dataclass(frozen=True)
class Street:
    """Houses, those behind first, and what stands before them; `ground` is where the pavement begins."""

    houses: tuple[House, ...]
    ground: float
    cars: tuple[tuple[float, float], ...]  # x of the middle, length
    trees: tuple[tuple[float, float], ...]  # x of the trunk, height
