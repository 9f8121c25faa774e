"""How far the target of a pair is shifted against its source, though the two show different things.

Source and target share edges, not colours: a label map is dark where the photo is bright. So what is correlated are directions of
edges, not values: the gradient as a complex number, squared, so that dark-to-bright and bright-to-dark are the same direction. Its
phase correlation has a sharp peak at the shift (Fitch et al. 2002, Orientation Correlation). `skimage.registration` finds the same
peak, but does not tell how far it stands out, which is what decides whether to believe it.
"""

from __future__ import annotations

import dataclasses

import numpy as np

BORDER = 2  # pixels at the border, where the gradient sees the border itself
FARTHEST = 0.25  # of the side; a peak beyond is taken for chance
LEAST_SHIFT = 2.5
LEAST_PEAK = 7.0
LEAST_RATIO = {5.0: 2.2, LEAST_SHIFT: 2.8}
"""A shift is believed from 2.5 pixels, where its peak stands 7 deviations above the noise and, from 5 pixels, 2.2 times as high as
what lies within 2 pixels of no shift; below, 2.8 times, since labels are often drawn a little beside. Measured at 256 pixels on
1,174 pairs of facades, maps, shoes and faces as published: none is accused (one map, 4 pixels off, reaches 2.26 times). With one
half moved by 9 pixels, 96% of the facades, 87% of the maps and 99% of shoes and faces are found."""


@dataclasses.dataclass(frozen=True)
class Shift:
    """The target's shift against the source, in pixels of the pictures compared (down and right are positive), the height of its
    peak in deviations of the noise, and the height of the peak at no shift."""

    down: int
    right: int
    peak: float
    peak_at_zero: float

    @property
    def clear(self) -> bool:
        """Whether the pair is shifted, beyond doubt."""
        length = np.hypot(self.down, self.right)
        ratio = next((ratio for least, ratio in LEAST_RATIO.items() if length >= least), np.inf)
        return bool(self.peak >= LEAST_PEAK and self.peak >= ratio * max(self.peak_at_zero, 1))


def estimate_shift(source: np.ndarray, target: np.ndarray) -> Shift:
    """How far `target` is shifted against `source`, both uint8 (H, W, 3), of equal size; up to a quarter of their sides."""
    from scipy import fft, ndimage

    first, second = edge_directions(source), edge_directions(target)
    height, width = first.shape
    window = np.outer(np.hanning(height + 2)[1:-1], np.hanning(width + 2)[1:-1]).astype(np.float32) ** 0.25
    spectrum = fft.fft2(second * window) * np.conj(fft.fft2(first * window))
    surface = fft.ifft2(spectrum / (np.abs(spectrum) + 1e-12)).real  # phase alone: every frequency counts the same
    surface = np.fft.fftshift(ndimage.gaussian_filter(surface, 1, mode="wrap"))
    surface -= np.median(surface)
    surface /= 1.4826 * np.median(np.abs(surface)) + 1e-12  # robust standard deviations

    center_y, center_x = height // 2, width // 2
    reach_y, reach_x = int(height * FARTHEST), int(width * FARTHEST)
    near = surface[center_y - reach_y : center_y + reach_y + 1, center_x - reach_x : center_x + reach_x + 1]
    row, column = np.unravel_index(near.argmax(), near.shape)
    middle = surface[center_y - 2 : center_y + 3, center_x - 2 : center_x + 3]
    return Shift(int(row) - reach_y, int(column) - reach_x, float(near.max()), float(middle.max()))


def edge_directions(picture: np.ndarray) -> np.ndarray:
    """Edges of a picture uint8 (H, W, 3) as complex numbers (H, W): strength up to 1, and twice the angle across the edge."""
    from scipy import ndimage

    planes = np.ascontiguousarray(picture.transpose(2, 0, 1), np.float32)  # (3, H, W): several times as fast as (H, W, 3)
    down, right = np.gradient(ndimage.gaussian_filter(planes, 1, axes=(1, 2), truncate=3), axis=(1, 2))
    channel = (right**2 + down**2).argmax(axis=0)[None]  # the colour that changes most
    right, down = (np.take_along_axis(part, channel, axis=0)[0] for part in (right, down))
    strength = np.hypot(right, down)
    weight = strength / (strength + np.percentile(strength, 80) + 2)  # faint edges count, too; 2 levels are noise
    edges = (weight * (right + 1j * down) ** 2 / (strength**2 + 1e-6)).astype(np.complex64)
    edges -= edges.mean()
    edges[:BORDER] = edges[-BORDER:] = edges[:, :BORDER] = edges[:, -BORDER:] = 0
    return edges
