"""The parts of a portrait, from the background to the glasses."""

from __future__ import annotations

import numpy as np

from p2p_lib.data.synthetic.canvas import noise
from p2p_lib.data.synthetic.comics_shapes import curve, mirrored
from p2p_lib.data.synthetic.faces_layers import Layer, Sitter
from p2p_lib.data.synthetic.faces_plan import STYLES, Geometry


def layers(geometry: Geometry, size: int) -> list[Layer]:
    """The layers of a portrait, farthest first."""
    sitter = Sitter(geometry, size)
    strands = _strands(sitter)
    _background(sitter)
    _back_hair(sitter, strands)
    _bust(sitter)
    _head(sitter)
    for side in (-1, 1):
        _eye(sitter, side)
    _mouth(sitter)
    _beard(sitter)
    _front_hair(sitter, strands)
    _glasses(sitter)
    return sitter.layers


def _background(s: Sitter) -> None:
    glow = 1.06 - 0.1 * np.hypot(s.upright_x - s.geometry.light, s.upright_y + 0.4) / 3 - 0.05 * s.upright_y / 3
    s.add(np.ones_like(s.x), "background", glow)


def _strands(s: Sitter) -> np.ndarray:
    """Streaks that run down from the parting, or curls: how light they are, about 1."""
    g = s.geometry
    if STYLES[g.style].rough >= 0.03:
        return 0.6 + 0.8 * noise(s.rng, s.size, 36, 2)
    across, down = s.x - 0.5 * g.parting, s.y + 1.55
    at = (np.arctan2(across, down) / np.pi + 1) * 150 + g.wave * 5 * np.sin(3.5 * s.y + 2 * s.x)
    step = 48 / (np.hypot(across, down) * g.unit * s.size)  # strands a pixel: too many blur into one tone
    streaks = np.full_like(s.x, 0.96)
    for strength, density in ((0.42, 1.9), (0.4, 0.7)):
        profile = s.rng.random(600)
        wisp = np.interp(at * density % 599, range(600), profile) - 0.5
        streaks += strength * wisp * np.clip(1.6 - density * step, 0, 1)
    return streaks


def _outline(s: Sitter, low: float, wide: float = 1.0) -> np.ndarray:
    """The outer edge of the hair from the right end at y = `low` over the crown to the left end."""
    g, hair = s.geometry, STYLES[s.geometry.style]
    angle = np.linspace(-0.1, np.pi + 0.1, 180)
    phase, volume = s.rng.uniform(0, 6, 2), hair.volume * g.volume
    curl = 1 + hair.rough * (np.abs(np.sin(angle * 9 + phase[0])) + np.abs(np.sin(angle * 14 + phase[1])))
    lift = 1 + (0.5 * np.cos(angle - np.pi / 2 - g.parting) ** 3 if g.style == "quiff" else 0)
    arc = np.stack(((1.0 + 0.75 * volume) * np.cos(angle) * curl, -(1.31 + volume * lift) * np.sin(angle) * curl), 1)
    if low <= 0.5:
        return arc
    flare = (1.0 + 0.75 * volume) * wide
    side = np.array(((0.75, low), (1.0, 0.93 * low), (1.06, 0.6 * low)))
    return curve(np.vstack((side * (flare, 1), arc[8:-8:16], (side * (-flare, 1))[::-1])), closed=False)


def _back_hair(s: Sitter, strands: np.ndarray) -> None:
    hair = STYLES[s.geometry.style]
    if hair.bun:
        angle = np.linspace(0, 2 * np.pi, 40)
        ball = s.lambert(0.5 * np.sqrt(np.clip(1.1 - (s.x / 0.46) ** 2 - ((s.y + 1.5) / 0.42) ** 2, 0.05, None)))
        s.add(s.area(np.stack((0.46 * np.cos(angle), -1.5 + 0.42 * np.sin(angle)), 1)), "hair", strands * ball)
    if hair.length > 0.3:
        s.add(s.area(_outline(s, hair.length, 1.06)), "hair", 0.62 * strands)


def _bust(s: Sitter) -> None:
    """Shoulders, a neck in the shadow of the chin, a collar."""
    g = s.geometry
    folds = 0.14 * (noise(s.rng, s.size, (5, 3)) - 0.5)
    wide = g.shoulders
    right = ((wide + 0.25, 4.5), (wide + 0.12, 2.9), (wide, 2.35), (0.75 * wide, 2.02), (0.62, 1.75), (0.5, 1.6))
    cloth = 0.98 + 0.16 * np.tanh(g.light * s.upright_x) - 0.05 * (s.upright_y - 2) + folds
    s.add(s.area(curve(mirrored(right)), tilted=False), "garment", cloth)
    opening = {"crew": 2.0, "shirt": 2.3, "suit": 2.25, "turtle": 1.7, "vneck": 2.55}[g.collar]
    throat = (0.42 if g.collar == "crew" else 0.3, 0.5 * opening + 0.95)
    neck = mirrored(((0.0, opening), throat, (g.neck, 1.72), (g.neck, 1.3), (g.neck, 0.5)))
    pillar = s.lambert(np.sqrt(np.clip(1.3 - (s.upright_x / (g.neck + 0.1)) ** 2, 0.02, None)) * 0.5)
    under_chin = 0.6 + 0.4 * np.clip((s.upright_y - g.chin - 0.1 + 0.2 * s.upright_x * g.light) / 0.35, 0, 1)
    if g.collar == "suit":
        _suit(s, cloth)
    s.add(s.area(neck, tilted=False), "skin", pillar * under_chin)
    _collar(s, cloth)


def _suit(s: Sitter, cloth: np.ndarray) -> None:
    s.add(s.area(((-0.56, 1.8), (0.56, 1.8), (0, 4.2)), tilted=False), "white", 0.94 * cloth)
    s.add(s.area(((-0.13, 2.28), (0.13, 2.28), (0.22, 3.6), (-0.22, 3.6)), tilted=False), "accent", cloth)
    for side in (-1, 1):
        lapel = ((0.55, 1.66), (0.95, 1.95), (0.98, 2.45), (0.75, 2.5), (0.05, 4.2), (-0.1, 4.2), (0.35, 2.6))
        light = cloth * (1.12 if side * s.geometry.light > 0 else 0.86)
        s.add(s.area(np.multiply(lapel, (side, 1)), tilted=False), "garment", light)


def _collar(s: Sitter, cloth: np.ndarray) -> None:
    g = s.geometry
    for side in (-1, 1):
        light = cloth * (1.1 if side * g.light > 0 else 0.84)
        if g.collar in ("shirt", "suit"):
            wing = ((g.neck + 0.02, 1.45), (g.neck + 0.12, 1.7), (0.5, 2.3), (0.02, 2.28), (g.neck - 0.06, 1.68))
            s.add(s.area(np.multiply(wing, (side, 1)), tilted=False), "white" if g.collar == "suit" else "garment", light)
        elif g.collar == "vneck":
            band = ((g.neck - 0.08, 1.84), (g.neck + 0.04, 1.84), (0.0, 2.72), (0.0, 2.52), (0.3, 2.2))
            s.add(s.area(np.multiply(band, (side, 1)), tilted=False), "accent", light)
    if g.collar == "turtle":
        roll = mirrored(((0.0, 2.02), (g.neck, 1.9), (g.neck + 0.1, 1.62), (g.neck + 0.02, 1.42), (0.3, 1.5), (0.0, 1.53)))
        ribs = 1 + 0.06 * np.sin(40 * s.upright_x)
        s.add(s.area(curve(roll), tilted=False), "garment", cloth * ribs * 1.05)
    elif g.collar == "crew":
        arc = np.linspace(0.15, np.pi - 0.15, 20)
        ring = [np.stack((r * np.cos(arc), 1.62 + 0.68 * r * np.sin(arc)), 1) for r in (g.neck + 0.02, g.neck + 0.16)]
        s.add(s.area(np.vstack((ring[0], ring[1][::-1])), tilted=False), "accent", cloth)


def _head(s: Sitter) -> None:
    """Ears and the face without its features, shaded as a relief."""
    g = s.geometry
    height = _relief(s)
    light = s.lambert(height) * (1 + 0.02 * (noise(s.rng, s.size, 40, 1) - 0.5))
    for side in (-1, 1):
        angle = np.linspace(0, 2 * np.pi, 30)
        ear = np.stack((side * 1.0 - 0.06 * g.turn + 0.13 * np.cos(angle), 0.17 + 0.3 * np.sin(angle)), 1)
        rim = np.hypot((s.x - side * 1.02 + 0.06 * g.turn) / 0.08, (s.y - 0.14) / 0.2)
        s.add(s.area(ear), "skin", (0.86 + 0.12 * side * g.light) * (0.78 + 0.22 * np.clip(rim, 0, 1)))
    jaw = ((0.0, 1.3), (0.3 * g.jaw, 1.25), (0.64 * g.jaw, 0.96), (0.88 * g.jaw, 0.5))
    outline = mirrored((*jaw, (0.98, 0.0), (0.98, -0.5), (0.78, -1.0), (0.36, -1.27), (0.0, -1.31)))
    outline += np.clip(outline[:, 1:], 0, None) * (0.05 * g.turn, g.chin / 1.3 - 1)
    s.head = s.area(curve(outline))
    s.add(s.head, "skin", light)
    for side in (-1, 1):  # red cheeks, nostrils, and below a red tip of the nose
        s.add(0.2 * s.bump(0.55 * side, 0.5, 0.26, 0.2), "lips")
        s.add(0.8 * s.bump(0.45 * g.nose_width * side, g.nose_length + 0.06, 0.045, 0.022), "dark")
    s.add(0.12 * s.bump(0, g.nose_length, 0.14, 0.12), "lips")


def _relief(s: Sitter) -> np.ndarray:
    """The height of a face: an egg with sockets, nose, cheeks, lips and chin."""
    g = s.geometry
    height = 0.95 * np.sqrt(np.clip(1.16 - s.x**2 - (s.y / 1.42) ** 2, 0.01, None))
    height += 0.10 * s.bump(0, -0.55, 0.7, 0.4) + 0.08 * s.bump(0, g.chin - 0.16, 0.22, 0.14)
    ridge = np.clip((s.y + 0.1) / (g.nose_length + 0.1), 0, 1)
    nose = np.exp(-((s.face / (0.07 + 0.07 * ridge)) ** 2)) * ridge * np.clip((g.nose_length + 0.13 - s.y) / 0.2, 0, 1)
    height += 0.15 * nose + 0.08 * s.bump(0, g.nose_length, 0.12, 0.10)
    for side in (-1, 1):
        height += 0.07 * s.bump(side * 0.8 * g.nose_width, g.nose_length + 0.02, 0.08, 0.07)
        height += 0.08 * s.bump(side * 0.58, 0.36, 0.24, 0.18) - 0.085 * s.bump(side * g.eye_gap, -0.04, 0.25, 0.17)
        height += 0.05 * s.bump(side * g.eye_gap, 0.0, 0.16, 0.1)
        height -= 0.016 * s.bump(side * (g.mouth_width + 0.06), 0.78, 0.07, 0.2)
    return height + 0.05 * s.bump(0, g.mouth, 0.34, 0.2) - 0.03 * s.bump(0, g.mouth + 0.2, 0.22, 0.06)


def _eye(s: Sitter, side: int) -> None:
    """Socket, white, iris, pupil and its glint between two arched lids; the brow above."""
    g = s.geometry
    u = (s.face - side * g.eye_gap) / g.eye_width  # -1 and 1 at the corners
    tilt = g.eye_slant * u * -side
    arch = np.clip(1 - u**2, -0.5, 1)
    top, bottom = tilt - g.eye_height * arch, tilt + 0.75 * g.eye_height * arch
    opening = s.soft(np.minimum(s.y - top, bottom - s.y)) * (np.abs(u) < 1.05)
    s.add(0.25 * s.bump(side * g.eye_gap, -0.01, 1.3 * g.eye_width, 1.9 * g.eye_height), "dark")
    s.add(opening, "white", np.clip(0.72 + 2.2 * (s.y - top), 0, 0.94))
    reach = np.hypot(s.face - side * g.eye_gap - 0.02 * g.turn, s.y - tilt + 0.01)
    s.add(opening * s.soft(0.095 - reach), "iris", 0.75 + 3.4 * np.clip(reach - 0.035, 0, 0.05) + 1.5 * np.clip(s.y, 0, 0.1))
    s.add(opening * s.soft(0.042 - reach), "dark", 0.7)
    s.add(s.soft(0.024 - np.hypot(s.face - side * g.eye_gap - 0.03 * g.light, s.y + 0.035)), "white", 1.0)
    s.add(0.9 * s.soft(0.022 - np.abs(s.y - top)) * (np.abs(u) < 1.1), "dark")  # lashes; lid and crease
    s.add(0.35 * s.soft(0.01 - np.abs(s.y - bottom)) * (np.abs(u) < 1), "dark")
    s.add(0.4 * s.soft(0.012 - np.abs(s.y - top + 0.07)) * np.clip(1 - u**2, 0, 1), "dark")
    v = (s.face - side * (g.eye_gap + 0.02)) / (1.3 * g.eye_width)
    brow = -g.brow_height - 0.07 * (1 - v**2) - 0.02 * v * side
    weight = g.brow_weight * np.clip(1 - 0.5 * v * side, 0.3, 1)
    s.add(0.85 * s.soft(weight - np.abs(s.y - brow)) * np.clip(4 - 4 * np.abs(v), 0, 1), "hair", 0.8)


def _mouth(s: Sitter) -> None:
    """Two lips along a line that curves up into a smile, a shadow below them."""
    g = s.geometry
    u, y = s.face / g.mouth_width, s.y - g.mouth
    line = -g.smile * u**2 + 0.5 * g.smile
    arch = np.clip(1 - u**2, 0, 1)
    bow = g.lips * arch * (0.8 - 0.35 * np.exp(-((u / 0.16) ** 2)))
    inside = np.abs(u) < 1
    s.add(0.85 * s.soft(np.minimum(y - line + bow, line - y)) * inside, "lips", 0.84)
    s.add(0.85 * s.soft(np.minimum(y - line, line + 1.25 * g.lips * arch - y)) * inside, "lips", 1 + np.clip(y - line, 0, 0.08))
    s.add(0.75 * s.soft(0.014 - np.abs(y - line)) * np.clip(6 - 6 * np.abs(u), 0, 1), "dark", 1.2)
    s.add(0.22 * s.bump(0, g.mouth + 1.25 * g.lips + 0.06, 0.2, 0.035), "dark")


def _beard(s: Sitter) -> None:
    g = s.geometry
    if g.beard == "none":
        return
    reach = np.abs(s.face)
    droop = np.abs(s.y - g.mouth + 0.13 - 0.22 * reach**1.5)
    grown = moustache = s.soft(np.minimum(0.09 * (1.3 - reach / 0.5) - droop, 0.5 - reach))
    if g.beard != "moustache":
        cheeks = np.clip((s.y - g.mouth - 0.12 + 0.72 * reach**1.8) / 0.12, 0, 1) * np.clip((s.y - 0.12) / 0.2, 0, 1)
        grown = np.maximum(cheeks, moustache)
    grain = noise(s.rng, s.size, 50, 1)
    lips = s.soft(np.hypot(s.face / (g.mouth_width + 0.02), (s.y - g.mouth - 0.02) / 0.1) - 1)
    density = {"stubble": 0.34, "moustache": 0.9, "full": 0.92}[g.beard] * (0.75 + 0.25 * grain)
    s.add(density * grown * lips * s.head, "hair", 0.78 + 0.25 * grain)


def _front_hair(s: Sitter, strands: np.ndarray) -> None:
    """Hair between the outline and the hairline, down to the style's length at the sides, with a shine on its dome."""
    g, hair = s.geometry, STYLES[s.geometry.style]
    if hair.cover == 0:
        return
    x = np.linspace(-0.96, 0.96, 15)
    rise = np.abs((x - g.parting) / (1 + abs(g.parting))) ** (2.8 if g.style in ("fringe", "buzz", "afro", "curly") else 1.7)
    line = np.stack((x, hair.hairline + (-0.15 - hair.hairline) * np.clip(rise, 0, 1)), 1)
    low = max(0.1, hair.length)
    end = np.array(((0.8 if low > 0.5 else 1.0, low), (0.93, 0.45 * low)))
    inner = np.vstack((end * (-1, 1), line, end[::-1]))
    mask = s.area(np.vstack((_outline(s, low), curve(inner, closed=False))))
    dome = s.lambert(0.8 * np.sqrt(np.clip(1.9 - s.x**2 - (s.y / 1.5) ** 2, 0.05, None)))
    shine = 0.35 * np.exp(-(((np.hypot(s.x - 0.35 * g.light, s.y) - 1.05) / 0.16) ** 2)) * (s.y < 0)
    s.add(hair.cover * mask, "hair", strands * (0.75 * dome + 0.25) * (1 + shine))


def _glasses(s: Sitter) -> None:
    g = s.geometry
    if g.glasses == "none":
        return
    power, thick = (2, 0.022) if g.glasses == "round" else (5, 0.032)
    for side in (-1, 1):
        reach = ((np.abs(s.face - side * g.eye_gap) / 0.33) ** power + (np.abs(s.y - 0.03) / 0.26) ** power) ** (1 / power)
        s.add(0.08 * s.soft(0.28 * (1 - reach)), "white")
        s.add(s.soft(thick - np.abs(reach - 1) * 0.28), "frame")
        arm = (side * s.face > g.eye_gap + 0.32) & (np.abs(s.x) < 1.0)
        s.add(s.soft(0.02 - np.abs(s.y + 0.02)) * arm, "frame")
    s.add(s.soft(0.02 - np.abs(s.y - 0.0 + 0.3 * (0.01 - s.face**2))) * (np.abs(s.face) < g.eye_gap - 0.32), "frame")
