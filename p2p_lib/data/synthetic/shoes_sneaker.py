"""Made-up sneakers: running and canvas shoes, low or high, with panels, laces, a logo and a layered sole."""

from __future__ import annotations

import numpy as np

from p2p_lib.data.synthetic.curves import smooth
from p2p_lib.data.synthetic.shoes_plan import (
    GUM,
    RUBBER,
    Shoe,
    Style,
    Upper,
    darker,
    laces,
    lining,
    moved,
    sole_between,
    toe_cap,
)

LOW = (
    (0.52, 0.43, 0.30),
    (0.60, 0.50, 0.375),
    (0.66, 0.55, 0.365),
    (0.78, 0.69, 0.31),
    (0.88, 0.82, 0.315),
    (0.96, 0.93, 0.375),
    (1, 0.965, 0.39),
)
HIGH = (
    (0.52, 0.42, 0.35),
    (0.58, 0.45, 0.44),
    (0.64, 0.48, 0.545),
    (0.68, 0.53, 0.55),
    (0.80, 0.69, 0.50),
    (0.94, 0.89, 0.54),
    (1, 0.94, 0.56),
)
COUNTERS = (((0.80, 0), (0.83, 0.4), (0.9, 0.7), (1, 0.8)), ((0.76, 0), (0.84, 0.5), (0.93, 1), (1, 1)))


def sneaker(rng: np.random.Generator, style: Style) -> Shoe:
    """A sneaker; the thickness of the sole, the wedge under the heel, the toe and the height of the collar vary."""
    shoe, high = Shoe(style.thread), rng.random() < 0.3
    upper = _upper(rng, high)
    lining(shoe, upper, 0.64, style, rise=0.05)
    tongue = moved(upper.at([(0.44, 0.98), (0.52, 1.0), (0.60, 1.0), (0.645, 1.1)]), -0.008, 0.012)
    shoe.strap(smooth(tongue, 5), 0.07, style.accent if rng.random() < 0.4 else style.main, style.material, 0.35)
    shoe.add(upper.band((0, 1), (0, 1)), style.main, style.material, 0.5)
    _panels(rng, style, shoe, upper)
    _logo(rng, style, shoe, upper)
    laces(shoe, upper, style, np.linspace(0.33, 0.6 if high else 0.57, int(rng.integers(5, 8)) + 2 * high))
    _sole(rng, style, shoe, upper)
    return shoe


def _upper(rng: np.random.Generator, high: bool) -> Upper:
    lift, wedge, toe = rng.uniform(0.06, 0.10), rng.uniform(0, 0.05), rng.uniform(-0.015, 0.025)
    foot = [
        (0, 0.02, lift + 0.025),
        (0.12, 0.10, lift + 0.005),
        (0.3, 0.29, lift),
        (0.6, 0.58, lift + 0.3 * wedge),
        (0.85, 0.85, lift + wedge),
        (1, 0.995, lift + wedge + 0.015),
    ]
    front = [
        (0, 0.02, lift + 0.03),
        (0.05, 0.03, lift + 0.09 + toe),
        (0.14, 0.09, lift + 0.135 + toe),
        (0.28, 0.215, lift + 0.17 + 0.5 * toe),
        (0.40, 0.325, lift + 0.215),
    ]
    collar = [(s, x, y + lift - 0.05 + 0.5 * wedge) for s, x, y in (HIGH if high else LOW)]
    return Upper(foot, front + collar)


def _panels(rng: np.random.Generator, style: Style, shoe: Shoe, upper: Upper) -> None:
    """Toe cap or mudguard, heel counter, eyestay, and the seam of the collar."""
    mudguard = upper.panel([(0, 0), (0.42, 0)], [(0.42, 0), (0.3, 0.28), (0.14, 0.5), (0.03, 0.8), (0, 1)])
    cap = toe_cap(upper) if rng.random() < 0.5 else mudguard
    counter = COUNTERS[rng.integers(len(COUNTERS))]
    shoe.add(cap, style.accent if rng.random() < 0.7 else style.sole, style.trim, 0.62)
    shoe.add(upper.panel(counter, [counter[-1], (1, 0.4), (1, 0)]), style.accent, style.trim, 0.62)
    eyestay = upper.panel(
        [(0.29, 1), (0.30, 0.8), (0.45, 0.72), (0.62, 0.70)],
        [(0.62, 0.70), (0.65, 0.85), (0.64, 1)],
        [(0.64, 1), (0.5, 1), (0.29, 1)],
    )
    shoe.add(eyestay, darker(style.main, 0.85) if rng.random() < 0.5 else style.accent, style.trim, 0.62)
    shoe.seam(upper.curve([(0.67, 0.86), (0.8, 0.84), (0.9, 0.86)]))


def _logo(rng: np.random.Generator, style: Style, shoe: Shoe, upper: Upper) -> None:
    """Stripes, a swoosh, a wave or a disc on the side, or nothing."""
    logo = rng.integers(5)
    if logo == 0:
        for s in (0.46, 0.54, 0.62):
            stripe = upper.panel([(s, 0.1), (s + 0.04, 0.1)], [(s + 0.02, 0.62), (s - 0.02, 0.62)])
            shoe.add(stripe, style.lace, style.trim, 0.7)
    elif logo == 1:
        swoosh = upper.panel(
            [(0.36, 0.42), (0.42, 0.22), (0.52, 0.18), (0.86, 0.58)], [(0.86, 0.58), (0.55, 0.38), (0.44, 0.38), (0.36, 0.42)]
        )
        shoe.add(swoosh, style.lace, style.trim, 0.7)
    elif logo == 2:
        shoe.strap(upper.curve([(0.4, 0.3), (0.53, 0.2), (0.67, 0.45), (0.78, 0.25)]), 0.025, style.lace, style.trim, 0.7)
    elif logo == 3:
        turn = np.linspace(0, 2 * np.pi, 24)
        shoe.add(upper.at(np.stack([0.76 + 0.065 * np.cos(turn), 0.62 + 0.15 * np.sin(turn)], -1)), style.lace, style.trim, 0.7)


def _sole(rng: np.random.Generator, style: Style, shoe: Shoe, upper: Upper) -> None:
    """A light midsole with a stripe or a wave in it, above a thin outsole."""
    top = upper.curve([(0, 0.03), (0.12, 0.02), (0.5, 0.02), (1, 0.02)])
    bottom = [(0.005, top[0, 1] - 0.03), (0.045, 0.02), (0.15, 0.0), (0.6, 0.0), (0.92, 0.0), (1.0, 0.025)]
    outsole = smooth(np.array([(0.03, 0.035), (0.15, 0.022), (0.6, 0.022), (0.92, 0.022), (1.008, 0.04)]), 8)
    shoe.add(sole_between(top, bottom), style.sole, RUBBER, 0.75)
    shoe.add(sole_between(outsole, bottom[1:]), style.accent if rng.random() < 0.5 else GUM, RUBBER, 0.72)
    x = np.linspace(0.05, 0.97, 40)
    wave = rng.choice((0.0, 0.009)) * np.sin(x * rng.uniform(12, 26))
    shoe.seam(np.stack([x, 0.5 * (np.interp(x, top[:, 0], top[:, 1]) + 0.024) + wave], -1))
