"""From a picture to a line drawing: edges as machines find them, and as people draw them.

Every function takes a picture, uint8 (H, W, 3), and returns a sketch, uint8 (H, W), dark lines on white (255), the same one every
time. From the most detailed to the least: `opencv_canny` and `canny` mark every edge, `xdog` draws soft strokes whose strength
follows the contrast, `contours` leaves what a doodle has: few, smooth, closed strokes. `drop_strokes` takes some away again, and
`manga`, which is no line drawing, lays screentone under them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

SHIFT = 15
TAN_22 = round((2**0.5 - 1) * 2**SHIFT)  # the tangent of 22.5 degrees, as OpenCV's integers have it
WHITE_FROM = 250  # a pixel is part of a white background where no channel is darker


def opencv_canny(image: np.ndarray, low: int = 100, high: int = 200) -> np.ndarray:
    """Canny's edges exactly as ``cv2.Canny(image, low, high)`` finds them, inverted: 0 on an edge, else 255.

    No blur; Sobel 3x3; in every pixel the channel with the largest gradient; |dx| + |dy| compared with `low` and `high`.
    After J. Canny 1986, A Computational Approach to Edge Detection, and OpenCV's documentation.
    """
    from scipy.ndimage import label

    dx, dy, strength = _strongest_gradient(image)
    strength = np.pad(strength, 1)
    stride, flat = strength.shape[1], strength.ravel()
    at = np.flatnonzero(strength > low)
    row, column = np.divmod(at, stride)
    dx, dy = dx[row - 1, column - 1], dy[row - 1, column - 1]
    run, rise = np.abs(dx) * TAN_22, np.abs(dy) << SHIFT
    level, steep = rise < run, rise > run + (np.abs(dx) << SHIFT + 1)  # gradients within 22.5 degrees of an axis
    step = np.where(level, 1, np.where(steep, stride, np.where((dx ^ dy) < 0, stride - 1, stride + 1)))
    ahead, here, behind = flat[at + step], flat[at], flat[at - step]
    crest = (here > behind) & ((here > ahead) | ((level | steep) & (here == ahead)))  # of equals, the first is kept
    edges = np.zeros(strength.shape, bool)
    edges.ravel()[at[crest]] = True
    strokes, count = label(edges, np.ones((3, 3)))
    keep = np.zeros(count + 1, bool)
    keep[strokes[edges & (strength > high)]] = True  # hysteresis: a stroke stays whole where it is strong once
    return _ink(keep[strokes][1:-1, 1:-1])


def canny(image: np.ndarray, sigma: float = 1.0, low: float = 0.1, high: float = 0.2) -> np.ndarray:
    """Canny's edges as `skimage.feature.canny` defines them: 0 on an edge, else 255.

    sigma : width of the blur in pixels; the larger, the fewer and smoother the edges.
    low, high : thresholds of the gradient of the luminance in [0, 1].
    """
    from skimage.feature import canny as find

    return _ink(find(_luminance(image), sigma=sigma, low_threshold=low, high_threshold=high, mode="nearest"))


def xdog(
    image: np.ndarray, sigma: float = 0.8, k: float = 1.6, p: float = 20.0, epsilon: float = -0.1, phi: float = 3.0
) -> np.ndarray:
    """Soft strokes: the eXtended Difference of Gaussians (Winnemoeller, Kyprianidis, Olsen 2012, equations 5 and 7).

    With the luminance in [0, 1] blurred by two Gaussians, ``S = (1 + p) G(sigma) - p G(k sigma)``; the sketch is white where
    ``S >= epsilon`` and ``1 + tanh(phi (S - epsilon))`` elsewhere.

    sigma : width of the strokes in pixels.
    k : ratio of the two blurs.
    p : how much the edges are sharpened.
    epsilon : below 0 only edges become dark; above 0 dark areas do, too, as in the paper's figures.
    phi : how abruptly white turns into black.
    """
    from scipy.ndimage import gaussian_filter

    gray = _luminance(image)
    fine, coarse = (gaussian_filter(gray, width, mode="nearest") for width in (sigma, k * sigma))
    sharpened = (1 + p) * fine - p * coarse
    tone = np.where(sharpened >= epsilon, 1, 1 + np.tanh(phi * (sharpened - epsilon)))
    return np.rint(255 * tone).astype(np.uint8)


def contours(
    image: np.ndarray,
    mask: np.ndarray | None = None,
    *,
    tones: int = 3,
    smooth: float = 0.015,
    tolerance: float = 0.01,
    shortest: float = 0.3,
    width: int = 1,
) -> np.ndarray:
    """What a doodle looks like: the outline of the thing, and of its darkest and brightest parts, in few smooth strokes.

    mask : bool (H, W), True on the thing; unset: whatever is not connected to the picture's margin by white.
    tones : into how many tones the thing is divided (Otsu's thresholds); strokes run between them.
    smooth, tolerance, shortest : width of the blur, how far a stroke may depart from the contour, and the length below which a
        stroke is left out; shares of the thing's longer side.
    width : of the strokes, in pixels.
    """
    from scipy.ndimage import binary_erosion, gaussian_filter
    from skimage.measure import approximate_polygon, find_contours, subdivide_polygon

    body = _not_background(image) if mask is None else np.asarray(mask, bool)
    if not body.any():
        return _ink(body)
    side = 1 + max(np.ptp(at) for at in np.nonzero(body))
    cover = gaussian_filter(body.astype(np.float64), smooth * side)
    gray = gaussian_filter(_luminance(image) * body, smooth * side) / np.maximum(cover, 1e-6)  # blurred within the thing alone
    inside = binary_erosion(body, iterations=max(1, round(2 * smooth * side)))
    lines = find_contours(cover, 0.5)
    for level in _tone_levels(gray[inside], tones):
        lines += find_contours(gray, level, mask=inside)
    lines = [line for line in lines if np.hypot(*np.diff(line, axis=0).T).sum() >= shortest * side]
    simple = [approximate_polygon(line, tolerance * side) for line in lines]
    return _draw([subdivide_polygon(line, degree=2) if len(line) > 3 else line for line in simple], image.shape[:2], width)


def manga(image: np.ndarray, period: float = 5.0, levels: int = 4, black: float = 0.02) -> np.ndarray:
    """As a manga page would print a picture: ink lines, dark areas in solid black, screentone for the tones between.

    period : of the screentone's grid, turned by 45 degrees, in pixels.
    levels : steps of tone from black to white; the lightest stays white paper.
    black : luminance below which XDoG (see `xdog`) fills an area with ink.
    """
    from scipy.ndimage import gaussian_filter

    tone = gaussian_filter(_luminance(image), 1.5)
    steps = np.clip(np.ceil(1.1 * levels * tone - 0.25) / levels, 0, 1)
    y, x = np.indices(tone.shape) * (2 * np.pi / (period * 2**0.5))
    threshold = 0.5 + 0.25 * (np.cos(x + y) + np.cos(x - y))
    dots = np.where(steps < 1, np.clip(6 * (steps - threshold) + 0.5, 0, 1), 1)
    return np.rint(dots * xdog(image, sigma=1.0, epsilon=black)).astype(np.uint8)


def drop_strokes(sketch: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """A sketch without some of its strokes (connected lines), each of which goes with a probability of `share`.

    Where all would go, the largest stays: a network can learn nothing from an empty sheet.
    """
    from scipy.ndimage import label

    strokes, count = label(sketch < 255, np.ones((3, 3)))
    if count == 0:
        return sketch.copy()
    drop = np.append(False, rng.random(count) < share)
    if drop[1:].all():
        drop[1 + np.bincount(strokes.ravel())[1:].argmax()] = False
    return np.where(drop[strokes], np.uint8(255), sketch)


SKETCHES: dict[str, Callable[..., np.ndarray]] = {
    "opencv_canny": opencv_canny,
    "canny": canny,
    "xdog": xdog,
    "contours": contours,
}


def _strongest_gradient(image: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sobel's dx, dy and |dx| + |dy| of the channel where that is largest, the first of equals; int32 (H, W) each."""
    padded = np.pad(image, ((1, 1), (1, 1), (0, 0)), "edge").astype(np.int16)
    down = padded[:-2] + 2 * padded[1:-1] + padded[2:]
    along = padded[:, :-2] + 2 * padded[:, 1:-1] + padded[:, 2:]
    dx, dy = down[:, 2:] - down[:, :-2], along[2:] - along[:-2]  # (H, W, 3)
    strength = np.abs(dx) + np.abs(dy)
    channel = strength.argmax(axis=2, keepdims=True)
    dx, dy, strength = (np.take_along_axis(each, channel, axis=2)[..., 0].astype(np.int32) for each in (dx, dy, strength))
    return dx, dy, strength


def _ink(edges: np.ndarray) -> np.ndarray:
    """True -> 0, False -> 255."""
    return np.where(edges, np.uint8(0), np.uint8(255))


def _luminance(image: np.ndarray) -> np.ndarray:
    """uint8 (H, W, 3) -> float64 (H, W) in [0, 1]."""
    return np.asarray(image) @ (np.array([0.2125, 0.7154, 0.0721]) / 255)  # the weights of skimage.color.rgb2gray


def _not_background(image: np.ndarray) -> np.ndarray:
    """True where white does not reach from the picture's margin, bool (H, W)."""
    from scipy.ndimage import binary_fill_holes

    return binary_fill_holes((image < WHITE_FROM).any(axis=2))


def _tone_levels(values: np.ndarray, tones: int) -> np.ndarray:
    """The luminances between which a thing falls into so many tones, or fewer where it has fewer."""
    from skimage.filters import threshold_multiotsu

    values = np.rint(values * 255).astype(np.uint8)
    tones = min(tones, len(np.unique(values)))
    return (threshold_multiotsu(values, tones) + 0.5) / 255 if tones > 1 else np.empty(0)


def _draw(lines: list[np.ndarray], shape: tuple[int, int], width: int) -> np.ndarray:
    """Draw polygons of (row, column) in black on white."""
    from PIL import Image, ImageDraw

    sheet = Image.new("L", shape[::-1], 255)
    pen = ImageDraw.Draw(sheet)
    for line in lines:
        pen.line([tuple(point) for point in line[:, ::-1].tolist()], fill=0, width=width, joint="curve")
    return np.array(sheet)
