"""Made-up pumps and sandals; each function piles up the parts of one."""

from __future__ import annotations

import numpy as np

from p2p_lib.data.synthetic.curves import smooth
from p2p_lib.data.synthetic.shoes_plan import (
    CORK,
    FAR_SIDE,
    GOLD,
    GUM,
    LINING,
    METAL,
    RUBBER,
    STEEL,
    Shoe,
    Style,
    Upper,
    arc,
    darker,
    lining,
    moved,
    sole_between,
    strap_over,
    toe_cap,
)

TOE_STRAPS = (
    ((0.18, 0.44),),
    ((0.16, 0.30), (0.38, 0.52)),
    ((0.16, 0.24), (0.30, 0.38), (0.44, 0.52)),
    ((0.15, 0.34), (0.48, 0.57)),
)


def pump(rng: np.random.Generator, style: Style) -> Shoe:
    """A court shoe, from a ballet flat to a stiletto, perhaps on a platform, with a cap, a bow or a strap."""
    shoe, platform, cut = Shoe(style.thread), rng.uniform(0.03, 0.07) * (rng.random() < 0.3), rng.uniform(0.22, 0.3)
    base, rise = 0.022 + platform, float(rng.choice((0.03, rng.uniform(0.14, 0.26), rng.uniform(0.3, 0.44))))
    upper = _pump_upper(rng, base, rise, cut)
    _heel(rng, shoe, style, base + rise)
    lining(shoe, upper, cut + 0.01, style, rise=0.055)
    if rng.random() < 0.3:
        _instep_strap(rng, shoe, style, upper)
    shoe.add(upper.band((0, 1), (0, 1)), style.main, style.material, 0.55)
    if rng.random() < 0.35:
        shoe.add(toe_cap(upper), style.accent, style.trim, 0.62)
    if rng.random() < 0.3:
        _bow(shoe, style, upper.at([(cut, 1)])[0])
    shoe.seam(upper.curve([(cut + 0.1, 0.86), (0.7, 0.9), (1, 0.93)]))
    line = upper.curve([(0, 0), (0.3, 0), (0.6, 0), (0.85, 0), (1, 0)])
    shoe.add(np.concatenate([moved(line, 0, 0.008), moved(line, 0, -0.014)[::-1]]), style.sole, RUBBER, 0.7)
    if platform:
        ball = moved(line[line[:, 0] < 0.5], 0, -0.012)
        bottom = [(0.03, 0.03), (0.08, 0.006), (0.2, 0.0), (0.36, 0.0), (0.5, 0.1 * rise)]
        shoe.add(sole_between(ball, bottom), style.sole, style.material, 0.7)
    return shoe


def _pump_upper(rng: np.random.Generator, base: float, rise: float, cut: float) -> Upper:
    """The upper over a sole at height `base` that rises by `rise` to the heel; its opening begins at s = `cut`."""
    point, back = rng.uniform(0.05, 0.09), rng.uniform(0.2, 0.26)
    foot = [
        (0, 0.02, base + 0.015),
        (0.12, 0.08, base),
        (0.3, 0.27, base),
        (0.45, 0.42, base + 0.22 * rise),
        (0.65, 0.62, base + 0.70 * rise),
        (0.82, 0.80, base + 0.96 * rise),
        (1, 0.97, base + 1.03 * rise),
    ]
    top = [
        (0, 0.02, base + 0.02),
        (0.07, 0.03, base + point),
        (0.16, 0.09, base + 0.105),
        (cut, cut - 0.08, base + 0.12),
        (cut + 0.08, cut + 0.01, base + 0.095 + 0.02 * rise),
        (0.52, 0.46, base + 0.08 + 0.36 * rise),
        (0.7, 0.66, base + 0.10 + 0.78 * rise),
        (0.88, 0.87, base + 0.16 + rise),
        (1, 0.96, base + back + 1.02 * rise),
    ]
    return Upper(foot, top)


def _heel(rng: np.random.Generator, shoe: Shoe, style: Style, height: float) -> None:
    """A stiletto or a block under the heel."""
    slim = rng.random() < 0.6
    tip = 0.03 if slim else rng.uniform(0.12, 0.17)
    front = [(0.76, height - 0.02), (0.93 - tip if slim else 0.82, 0.55 * height), (0.965 - tip, 0.0)]
    behind = [(0.965, 0.0), (0.965, 0.4 * height), (0.99, height + 0.03)]
    shoe.add(
        np.concatenate([smooth(np.array(front), 8), smooth(np.array(behind), 8)]),
        style.sole if slim else style.accent,
        style.material,
        0.4,
    )


def _instep_strap(rng: np.random.Generator, shoe: Shoe, style: Style, upper: Upper) -> None:
    """A strap over the instep with a buckle on the near side."""
    s = rng.uniform(0.5, 0.62)
    feet = upper.at([(s, 0.8), (s + 0.07, 0.8)])
    strap_over(shoe, style, feet, height=rng.uniform(0.07, 0.1), inside=False)
    shoe.add(moved(feet.mean(0) + arc(0.018, 0.022), 0.004, 0.045), GOLD, METAL, 0.9)


def _bow(shoe: Shoe, style: Style, where: np.ndarray) -> None:
    """Two loops and a knot."""
    for side in (-1, 1):
        loop = np.array([(0, 0), (side * 0.05, 0.035), (side * 0.075, 0.01), (side * 0.06, -0.03), (0, 0)])
        shoe.add(where + smooth(loop, 6), style.accent, style.trim, 0.75)
    shoe.add(where + arc(0.016, 0.02), style.accent, style.trim, 0.9)


def sandal(rng: np.random.Generator, style: Style) -> Shoe:
    """A footbed, flat or on a wedge, with straps over the toes and perhaps around the ankle."""
    shoe, thick, rise = Shoe(style.thread), rng.uniform(0.05, 0.085), float(rng.choice((0.01, rng.uniform(0.08, 0.24))))
    near = _footbed(thick, rise)
    far = near + FAR_SIDE * (0.4, 1.2) * np.sin(np.pi * np.clip(near[:, :1], 0, 1)) ** 0.6
    buckled, bed = rng.random() < 0.65, style.lining if rng.random() < 0.6 else GUM
    ankle = np.array([0.76, np.interp(0.76, *near.T) + rng.uniform(0.24, 0.34)])
    if buckled:
        shoe.strap(ankle + arc(0.19, 0.055, 0, np.pi), 0.035, darker(style.main, 0.6), LINING, 0.2)
    shoe.add(np.concatenate([near, far[::-1]]), bed, CORK, 0.25)
    if buckled:
        heel = np.array([(0.97, np.interp(0.97, *near.T)), (0.965, ankle[1] - 0.12), moved(ankle, 0.185, 0)])
        shoe.strap(smooth(heel, 8), 0.055, style.main, style.material, 0.55)
        shoe.strap(ankle + arc(0.19, 0.055, np.pi, 2 * np.pi), 0.04, style.main, style.material, 0.65)
        shoe.add(moved(ankle + arc(0.022, 0.026), -0.06, -0.053), GOLD if rng.random() < 0.5 else STEEL, METAL, 0.9)
    for ends in TOE_STRAPS[rng.integers(len(TOE_STRAPS))]:
        feet = np.stack([ends, np.interp(ends, *near.T) - 0.012], -1)
        strap_over(shoe, style, feet, height=0.12 + 0.12 * ends[0], inside=True)
    bottom = [(0.0, thick - 0.03), (0.05, 0.012), (0.14, 0.0), (0.6, 0.0), (0.98, 0.0), (1.0, thick + rise)]
    material = CORK if rng.random() < 0.5 else RUBBER
    shoe.add(sole_between(near, bottom), style.sole if rng.random() < 0.5 else GUM, material, 0.75)
    tread = sole_between(np.array([(0.02, 0.028), (0.5, 0.022), (0.985, 0.022)]), bottom[1:5])
    shoe.add(tread, darker(style.sole, 0.6), RUBBER, 0.72)
    return shoe


def _footbed(thick: float, rise: float) -> np.ndarray:
    """The near edge of the footbed, from toe to heel."""
    knots = [
        (0.0, thick + 0.01),
        (0.1, thick - 0.005),
        (0.3, thick - 0.005),
        (0.5, thick + 0.35 * rise),
        (0.75, thick + 0.9 * rise),
        (1.0, thick + rise + 0.02),
    ]
    return smooth(np.array(knots), 8)
