"""Made-up loafers and boots; each function piles up the parts of one."""

from __future__ import annotations

import numpy as np

from p2p_lib.data.synthetic.shoes_plan import (
    CANVAS,
    GOLD,
    METAL,
    PATENT,
    RUBBER,
    STEEL,
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


def loafer(rng: np.random.Generator, style: Style) -> Shoe:
    """A low shoe with an apron on the toe, perhaps a saddle across the instep, and a stacked heel."""
    shoe, heel = Shoe(style.thread), rng.uniform(0.035, 0.06)
    upper = _loafer_upper(rng, heel)
    lining(shoe, upper, 0.53, style, rise=0.05)
    shoe.add(upper.band((0, 1), (0, 1)), style.main, style.material, 0.5)
    apron = (
        [(0.04, 1), (0.05, 0.78), (0.2, 0.66), (0.42, 0.62)],
        [(0.42, 0.62), (0.47, 0.8), (0.5, 1)],
        [(0.5, 1), (0.3, 1), (0.04, 1)],
    )
    shoe.add(upper.panel(*apron), darker(style.main, 1.06), style.material, 0.6)
    shoe.seam(upper.curve([(0.05, 0.70), (0.2, 0.58), (0.42, 0.54)]))
    if rng.random() < 0.7:
        shoe.add(upper.band((0.38, 0.47), (0, 1)), style.accent, style.trim, 0.68)
        if rng.random() < 0.5:
            metal = GOLD if rng.random() < 0.5 else STEEL
            shoe.strap(upper.curve([(0.36, 0.82), (0.43, 0.74), (0.5, 0.84)]), 0.016, metal, METAL, 0.85)
    shoe.add(upper.band((0.88, 1), (0, 1)), style.accent, style.trim, 0.58)
    shoe.seam(upper.curve([(0.56, 0.90), (0.7, 0.86), (0.86, 0.88)]))
    _stacked_sole(shoe, style, upper, heel - 0.02)
    return shoe


def _loafer_upper(rng: np.random.Generator, heel: float) -> Upper:
    instep, back = rng.uniform(0.26, 0.31), rng.uniform(0.28, 0.33)
    foot = [(0, 0.02, heel + 0.01), (0.3, 0.28, heel - 0.005), (0.6, 0.58, heel), (1, 0.985, heel + 0.005)]
    top = [
        (0, 0.02, heel + 0.015),
        (0.06, 0.03, 0.115),
        (0.16, 0.10, 0.165),
        (0.3, 0.22, 0.19),
        (0.42, 0.33, 0.225),
        (0.5, 0.40, instep),
        (0.56, 0.45, instep - 0.005),
        (0.7, 0.62, 0.215),
        (0.85, 0.80, 0.235),
        (1, 0.955, back),
    ]
    return Upper(foot, top, bulge=0.025)


def _stacked_sole(shoe: Shoe, style: Style, upper: Upper, height: float) -> None:
    """A thin sole, and under it a heel of a given height."""
    bottom = [(0.0, height), (0.08, 0.016), (0.2, 0.0), (0.4, 0.0), (0.6, 0.35 * height), (0.76, height), (1.0, height)]
    shoe.add(sole_between(upper.curve([(0, 0), (0.5, 0), (1, 0)]), bottom), style.sole, RUBBER, 0.72)
    block = np.array([(0.75, height), (1.0, height), (0.99, 0.0), (0.765, 0.0)])
    shoe.add(block, darker(style.sole, 0.8), RUBBER, 0.7)


def boot(rng: np.random.Generator, style: Style) -> Shoe:
    """A boot to the ankle or the calf: laced, with elastic sides, or of rubber."""
    shoe, kind = Shoe(style.thread), rng.choice(("laced", "elastic", "rubber"), p=(0.5, 0.3, 0.2))
    lift, heel = rng.uniform(0.05, 0.08), rng.uniform(0.0, 0.06)
    upper = _boot_upper(rng.uniform(0.56, 1.05), lift, heel)
    lining(shoe, upper, 0.67, style, rise=0.045)
    if kind == "laced":
        tongue = moved(upper.at([(0.44, 0.99), (0.52, 1.0), (0.6, 1.0), (0.66, 1.03)]), -0.012, 0.01)
        shoe.strap(tongue, 0.06, style.accent, style.material, 0.4)
    shoe.add(upper.band((0, 1), (0, 1)), style.main, PATENT if kind == "rubber" else style.material, 0.5)
    if kind == "rubber" or rng.random() < 0.5:
        shoe.add(toe_cap(upper), style.accent, style.trim, 0.6)
    counter = upper.panel([(0.78, 0), (0.84, 0.2), (0.93, 0.36), (1, 0.4)], [(1, 0.4), (1, 0.2), (1, 0)])
    shoe.add(counter, style.accent, style.trim, 0.6)
    if kind == "laced":
        shoe.seam(upper.curve([(0.3, 0.86), (0.4, 0.55), (0.52, 0.6), (0.72, 1)]))
        laces(shoe, upper, style, np.linspace(0.34, 0.63, int(rng.integers(6, 10))))
    elif kind == "elastic":
        gore = upper.panel([(0.72, 1), (0.74, 0.6), (0.78, 0.36)], [(0.78, 0.36), (0.84, 0.6), (0.9, 1)])
        shoe.add(gore, darker(style.accent, 0.8), CANVAS, 0.42)
        shoe.strap(upper.at([(0.96, 0.94), (0.99, 1.08)]), 0.035, style.accent, CANVAS, 0.7)
    else:
        shoe.add(upper.band((0.66, 1), (0.9, 1)), style.accent, style.trim, 0.65)
        shoe.add(upper.band((0.9, 1), (0.55, 0.66)), style.lace, style.trim, 0.6)
    _boot_sole(shoe, style, upper, lift, heel)
    return shoe


def _boot_upper(tall: float, lift: float, heel: float) -> Upper:
    foot = [(0, 0.02, lift + 0.02), (0.3, 0.28, lift), (0.6, 0.58, lift + 0.5 * heel), (1, 0.985, lift + heel)]
    top = [
        (0, 0.02, lift + 0.025),
        (0.07, 0.035, lift + 0.105),
        (0.16, 0.10, lift + 0.155),
        (0.28, 0.215, lift + 0.19),
        (0.38, 0.31, lift + 0.25),
        (0.47, 0.375, lift + 0.34),
        (0.57, 0.425, 0.5 * (tall + lift + 0.36)),
        (0.66, 0.44, tall),
        (0.76, 0.54, tall - 0.01),
        (0.88, 0.70, tall - 0.01),
        (1, 0.82, tall + 0.01),
    ]
    return Upper(foot, top)


def _boot_sole(shoe: Shoe, style: Style, upper: Upper, lift: float, heel: float) -> None:
    """A thick sole with a welt, and a block of a heel."""
    line, rise = upper.curve([(0, 0.02), (0.5, 0.01), (1, 0.01)]), 0.02 + 0.8 * heel
    bottom = [(-0.005, lift - 0.01), (0.05, 0.012), (0.14, 0.0), (0.45, 0.0), (0.62, 0.5 * rise), (0.72, rise), (1.0, rise)]
    shoe.add(sole_between(line, bottom), style.sole, RUBBER, 0.72)
    block = np.array([(0.72, rise), (0.74, 0.0), (1.0, 0.0), (1.0, rise)])
    shoe.add(block, darker(style.sole, 0.85), RUBBER, 0.72)
    shoe.seam(moved(line, 0, -0.018))
