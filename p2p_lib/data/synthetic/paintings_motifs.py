"""The motifs of the impressionist: each lays a landscape on an underpainting."""

from __future__ import annotations

import numpy as np

from p2p_lib.data.synthetic.canvas import blend
from p2p_lib.data.synthetic.paintings_landscape import HOURS, Landscape, Underpainting

VERTICAL = np.pi / 2


def _sky(under: Underpainting) -> None:
    hour, clouds = under.hour, np.clip((under.noise(3, 5, 4) - 0.47) * 4, 0, 1) * under.plan.abundance
    sky = blend(np.array(hour.zenith, np.float32), hour.low, np.clip(under.y / under.plan.horizon, 0, 1) ** 1.3)
    flow = 0.5 * (under.noise(2, 2, 1) - 0.5)
    under.lay(np.ones_like(under.x), blend(sky, np.add(hour.low, hour.sun) / 2, clouds), flow, 1.2)


def _sun(under: Underpainting, cx: float, cy: float) -> None:
    under.color = blend(under.color, (255, 214, 130), 0.6 * np.exp(-(under.reach(cx, cy, 0.22, 0.22) ** 2)))
    under.lay(under.reach(cx, cy, 0.038, 0.038) < 1, (255, 140, 70), 0.3, 0.5)


def _water(under: Underpainting, top, tint=(110, 150, 160), rough: float = 0.02) -> None:
    """Mirror what stands above `top`, a height or one for every point, into water below it, broken by ripples and glints."""
    depth, ripple = np.clip((under.y - top) / (1 - top), 0, 1), under.noise(7, 60, 2) - 0.5
    mirrored = under.at(under.color, under.x + 1.2 * rough * ripple, 2 * top - under.y + 6 * rough * ripple * (0.3 + depth))
    deep = under.lit(tint, 0.6 + 1.5 * ripple)
    under.lay(under.y > top, blend(mirrored * 0.94, deep, 0.3 + 0.3 * depth), 0.1 * ripple, 1.3)
    x, depth = under.rng.random((2, round(140 * under.plan.abundance)))
    y = under.at(np.broadcast_to(top, under.x.shape), x, 0.5) + 0.02 + 0.6 * depth**2
    glint = 0.6 * under.at(under.color, x, y) + 0.4 * under.lit((255, 250, 240), 1.0)
    under.touch(x, y, 0.008 + 0.02 * depth, 0.0025 + 0.003 * depth, 0.0, glint)


def _field(under: Underpainting, top: float, local) -> None:
    depth = np.clip((under.y - top) / (1 - top), 0, 1)
    tufts = under.noise(10, 14, 4) + 0.5 * (under.noise(2, 5) - 0.5)
    under.lay(under.ridge(top + 0.02, 0.02, 3), under.lit(local, 0.25 + 0.9 * tufts), VERTICAL * (0.2 + 0.8 * depth), 0.7)


def lilies(under: Underpainting) -> None:
    """A pond without a horizon: mirrored sky and willows, islands of lily pads, flowers, perhaps a bridge."""
    rng, plan = under.rng, under.plan
    willow = np.clip((under.noise(5, 1.2) - 0.45) * 5, 0, 1)
    green = ((74, 120, 76), (58, 92, 116), (106, 122, 64))[plan.season]
    sky = blend(np.array(under.hour.low, np.float32), under.hour.zenith, under.y)
    under.lay(np.ones_like(under.x), blend(sky, under.lit(green, under.noise(8, 3)), 0.85 * willow), VERTICAL, 1.2)
    x, y = rng.random(1200), np.sort(rng.uniform(0.02, 1, 1200))
    island = under.at(under.noise(2.5, 6, 2), x, y) + 0.25 * plan.abundance > 0.72
    x, y = x[island], y[island]
    wide = (0.012 + 0.034 * y) * rng.uniform(0.7, 1.3, len(x))
    leaves = np.array(((132, 178, 116), (150, 186, 150), (104, 150, 120)))[rng.integers(3, size=len(x))]
    under.touch(x, y + 0.3 * wide, wide, 0.34 * wide, 0.0, under.lit(leaves, np.zeros(len(x))))
    under.touch(x, y, wide, 0.34 * wide, 0.0, under.lit(leaves, rng.uniform(0.5, 1, len(x))))
    bloom = rng.random(len(x)) < 0.14
    petals = np.array(((250, 214, 224), (252, 240, 200), (232, 120, 140)))[rng.integers(3, size=bloom.sum())]
    x, y, wide = x[bloom], y[bloom], 0.32 * wide[bloom]
    under.touch(x, y - wide, wide, 0.7 * wide, 0.0, petals * 0.8)
    under.touch(x, y - 1.3 * wide, 0.7 * wide, 0.5 * wide, 0.3, petals)


def meadow(under: Underpainting) -> None:
    """A field of flowers under a wide sky, hills and a line of trees."""
    plan, rng = under.plan, under.rng
    _sky(under)
    under.lay(under.ridge(plan.horizon, 0.14, 3), under.lit((130, 150, 180), 0.2 + under.noise(6, 6)), 0.1)
    for cx in rng.random(4 * plan.count):
        under.foliage(cx, plan.horizon + 0.02, rng.uniform(0.04, 0.12), rng.uniform(0.08, 0.3), (106, 138, 66))
    _field(under, plan.horizon, ((142, 168, 84), (212, 188, 104), (160, 178, 120))[plan.season])
    x, depth = rng.random(1100), np.sort(rng.random(1100) ** 1.4)
    y = plan.horizon + 0.03 + depth * (1 - plan.horizon)
    patch = under.at(under.noise(4, 5), x, y) + 0.25 * plan.abundance > 0.65
    x, y, depth = x[patch], y[patch], depth[patch]
    petals = under.lit(((236, 62, 40), (236, 92, 60), (214, 130, 204))[plan.season], rng.uniform(0.6, 1.2, len(x)))
    under.touch(x, y, 0.004 + 0.012 * depth, 0.003 + 0.008 * depth, rng.uniform(-0.4, 0.4, len(x)), petals)


def haystacks(under: Underpainting) -> None:
    """One to three grain stacks with their long violet shadows, in stubble, grass or snow."""
    plan, rng = under.plan, under.rng
    _sky(under)
    if rng.random() < 0.4:
        _sun(under, 0.82, plan.horizon - 0.12)
    under.lay(under.ridge(plan.horizon, 0.09, 3), under.lit((120, 140, 170), 0.2 + 0.6 * under.noise(8, 8)), 0.1)
    _field(under, plan.horizon, ((214, 182, 104), (166, 178, 100), (240, 236, 240))[plan.season])
    for index in reversed(range(plan.count)):
        scale = (0.30, 0.17, 0.11)[index] * rng.uniform(0.85, 1.2)
        _stack(under, (0.36, 0.7, 0.88)[index] + rng.uniform(-0.05, 0.05), plan.horizon + 0.06 + 0.8 * scale, scale)


def _stack(under: Underpainting, cx: float, base: float, scale: float) -> None:
    x, y = (under.x - cx) / scale, (base - under.y) / scale
    cast = under.reach(cx - 0.8 * scale, base - 0.02 * scale, 1.1 * scale, 0.17 * scale) < 1
    under.lay(0.8 * cast, under.lit((120, 110, 150), 0.0))
    roof = y > 0.48 - 0.05 * np.cos(3 * x)
    edge = np.where(roof, 0.74 * np.clip((1.12 - y) / 0.62, 0, 1) ** 0.75, 0.52 + 0.14 * y)
    light = 0.35 + 0.9 * x + 0.6 * (under.noise(20, 20) - 0.5) + 0.22 * roof - 0.5 * (np.abs(y - 0.42) < 0.07)
    under.lay((np.abs(x) < edge) & (y > 0.06 * x**2), under.lit((226, 168, 96), light), VERTICAL + 0.7 * x * roof, 0.7)


def cliffs(under: Underpainting) -> None:
    """Sea below a rock wall, with an arch or a needle, sails far out."""
    plan, rng = under.plan, under.rng
    _sky(under)
    edge, crest, slope = rng.uniform(0.4, 0.62), rng.uniform(0.1, 0.26), rng.uniform(-0.1, 0.25)
    shore = plan.horizon + np.clip(edge + 0.1 - under.x, 0, 1) * rng.uniform(0.3, 0.7)
    strata, profile = under.noise(16, 3, 4), under.noise(1, 7, 3)[:, :1] - 0.5
    skyline = crest + slope * under.x + 0.1 * (under.noise(6, 1)[:1] - 0.5)
    wall = (under.x < edge + 0.14 * profile + 0.12 * (under.y - plan.horizon)) & (under.y > skyline)
    if rng.random() < 0.5:
        wall = wall & (under.reach(edge - 0.11, plan.horizon + 0.06, 0.045, 0.16) > 1)  # the arch
    if rng.random() < 0.5:
        wall = wall | (np.abs(under.x - edge - 0.13) < 0.16 * (under.y - plan.horizon + 0.22))  # the needle
    rock = ((232, 204, 170), (214, 160, 128), (206, 198, 204))[plan.season]
    under.lay(wall, under.lit(rock, 0.1 + 1.1 * strata + 0.4 * under.x / edge), VERTICAL + 0.6 * (strata - 0.5), 0.8)
    turf = wall & (under.y < skyline + 0.05 + 0.16 * (strata - 0.3)) & (under.x < edge + 0.05)
    under.lay(turf, under.lit((134, 160, 82), 0.3 + strata), 0.6, 0.6)
    _water(under, shore, ((70, 130, 150), (60, 100, 160), (110, 170, 150))[plan.season], 0.015)
    foam = rng.uniform(0, edge, 60)
    surf = under.at(shore, foam, 0.5) + rng.normal(0.004, 0.008, 60)
    under.touch(foam, surf, 0.014, 0.004, 0.0, under.lit((250, 250, 246), 1.0))
    for cx in rng.uniform(edge + 0.2, 0.97, plan.count):
        _sail(under, cx, plan.horizon + rng.uniform(0.01, 0.12))


def _sail(under: Underpainting, cx: float, base: float) -> None:
    tall = 0.04 + 0.5 * (base - under.plan.horizon)
    under.touch(cx, base, 0.4 * tall, 0.1 * tall, 0.0, np.multiply(under.hour.shade, 0.6))
    for x, middle, half in ((cx, 0.6, 0.5), (cx + 0.14 * tall, 0.45, 0.33)):
        under.touch(x, base - middle * tall, half * tall, 0.15 * tall, VERTICAL + 0.15, (248, 240, 228))


def poplars(under: Underpainting) -> None:
    """A row of tall trees along a river that mirrors them."""
    plan, rng = under.plan, under.rng
    _sky(under)
    bank, gap = plan.horizon + 0.14, rng.uniform(0.78, 0.88)
    under.lay(under.ridge(bank - 0.04, 0.1, 4), under.lit((130, 150, 160), 0.2 + 0.8 * under.noise(9, 9)), 0.3)
    local = ((120, 160, 76), (226, 168, 76), (150, 150, 100))[plan.season]
    for near in gap ** np.arange(3 + 2 * plan.count)[::-1]:
        cx, tall = 0.1 + 0.95 * (1 - near), near * (bank - 0.02) * rng.uniform(0.85, 1.05)
        trunk = (np.abs(under.x - cx) < 0.008 * near) & (under.y > bank - 0.8 * tall)
        under.lay(trunk, under.lit((120, 90, 80), 0.3), VERTICAL)
        under.foliage(cx, bank - 0.08 * tall, (0.05 + 0.02 * rng.random()) * near, 0.92 * tall, local)
    _field(under, bank - 0.02, (130, 158, 80))
    _water(under, bank + 0.02)


def harbour(under: Underpainting) -> None:
    """A low sun over misty water, masts and rowing boats: an impression."""
    plan, rng, hour = under.plan, under.rng, under.hour
    _sky(under)
    cx = rng.uniform(0.55, 0.85)
    _sun(under, cx, plan.horizon - rng.uniform(0.1, 0.24))
    mist = np.add(hour.low, hour.shade) / 2
    under.lay(0.8 * under.ridge(plan.horizon, 0.16, 12), mist, VERTICAL, 0.8)
    masts = rng.uniform(0.02, 0.6, 5 * plan.count)
    tall, lean = rng.uniform(0.05, 0.15, len(masts)), VERTICAL + rng.normal(0, 0.06, len(masts))
    under.touch(masts, plan.horizon - tall, tall, 0.003, lean, 0.8 * mist)
    _water(under, plan.horizon, (96, 136, 150), 0.03)
    y = plan.horizon + np.linspace(0.03, 0.5, 22) ** 1.2
    under.touch(cx + rng.normal(0, 0.02, 22), y, rng.uniform(0.01, 0.035, 22), 0.005, 0.0, (255, 168, 96))
    for x, depth in rng.uniform((0.1, 0.1), (0.8, 0.34), (plan.count, 2)):
        _boat(under, x, plan.horizon + depth, rng.uniform(0.3, 0.6) + 1.5 * depth)


def _boat(under: Underpainting, x: float, y: float, scale: float) -> None:
    dark = np.multiply(under.hour.shade, 0.5)
    under.touch(x, y, 0.1 * scale, 0.014 * scale, 0.03, dark)
    for shift, lean in ((-0.02, 1.4), (0.04, 1.8)):  # the rowers
        under.touch(x + shift * scale, y - 0.03 * scale, 0.03 * scale, 0.01 * scale, lean, dark)


MOTIFS = (lilies, meadow, haystacks, cliffs, poplars, harbour)


def plan_landscape(rng: np.random.Generator) -> Landscape:
    """Draw a motif, an hour and their parameters."""
    return Landscape(
        motif=MOTIFS[rng.integers(len(MOTIFS))],
        hour=HOURS[rng.integers(len(HOURS))],
        horizon=rng.uniform(0.34, 0.58),
        side=int(rng.choice((-1, 1))),
        count=int(rng.integers(1, 4)),
        abundance=rng.uniform(0.2, 1.0),
        season=int(rng.integers(3)),
        texture=int(rng.integers(2**31)),
    )
