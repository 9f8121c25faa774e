"""Colour spaces: sRGB to CIE L*a*b* and back, on tensors, on any device, differentiable.

A picture in RGB mixes two things that painters keep apart: how light a place is, and which colour it has. L*a*b* separates them.
L is the lightness, 0 (black) to 100 (white); a runs from green to red, b from blue to yellow, and gray has a = b = 0. Equal steps
are meant to look equally large. From sRGB three steps lead there:

1. *Linear light*: a display brightens its values by a curve, which is undone (sRGB, IEC 61966-2-1).
2. *XYZ*: a matrix turns red, green and blue light into the response of the CIE's standard observer; each is divided by white's.
3. *Lab*: f, in essence a cube root, as the eye compresses light: L = 116 f(Y) - 16, a = 500 (f(X) - f(Y)), b = 200 (f(Y) - f(Z)).

Both curves are straight lines near black, where a power would be infinitely steep. White is the daylight D65, seen at 2 degrees.
All constants are those of scikit-image, so that numbers can be compared.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from p2p_lib.errors import DataError

WHITE = (0.95047, 1.0, 1.08883)
"""XYZ of D65 for the observer at 2 degrees."""

XYZ_FROM_RGB = ((0.412453, 0.357580, 0.180423), (0.212671, 0.715160, 0.072169), (0.019334, 0.119193, 0.950227))
"""X, Y and Z of linear red, green and blue."""

RELATIVE_XYZ_FROM_RGB = torch.tensor(XYZ_FROM_RGB, dtype=torch.float64) / torch.tensor(WHITE, dtype=torch.float64)[:, None]
RGB_FROM_RELATIVE_XYZ = torch.linalg.inv(RELATIVE_XYZ_FROM_RGB).contiguous()

SRGB_KNEE = 0.04045  # of the stored value: below it the curve is a line
LINEAR_KNEE = 0.0031308  # the same place, in linear light
LAB_KNEE = 0.008856  # of X, Y, Z relative to white
F_KNEE = 0.2068966  # the same place, of f

BLOCK_PIXELS = 256 * 256  # that the CPU converts at a time


def rgb_to_lab(rgb: Tensor) -> Tensor:
    """sRGB -> CIE L*a*b* (D65, 2 degrees), as `skimage.color.rgb2lab` does it.

    Parameters
    ----------
    rgb : (..., 3, H, W), floats with black at 0 and white at 1, or uint8. Values beyond are accepted and give finite results.

    Returns
    -------
    Tensor
        (..., 3, H, W): L in 0..100, a in about -86..98, b in about -108..94. Of the input's dtype, and float32 for uint8; half
        precision is computed in float32. Gradients are finite everywhere.

    Raises
    ------
    DataError
        For other integers, and where the third dimension from the end is not 3.
    """
    _check_planes(rgb)
    if rgb.dtype == torch.uint8:
        return _in_blocks(_lab_from_bytes, rgb, torch.float32)
    return _in_blocks(_lab_from_floats, _computable(rgb), rgb.dtype)


def lab_to_rgb(lab: Tensor) -> Tensor:
    """CIE L*a*b* (D65, 2 degrees) -> sRGB, the inverse of `rgb_to_lab`.

    Most of Lab has no colour on a display: there the result lies outside [0, 1]. It is not clipped here, so that the caller can
    count what has to be clipped, and a gradient still tells the way back.

    Parameters
    ----------
    lab : (..., 3, H, W), floats.

    Returns
    -------
    Tensor
        (..., 3, H, W), of the input's dtype, in [0, 1] for the colours of a display; half precision is computed in float32.

    Raises
    ------
    DataError
        For integers, and where the third dimension from the end is not 3.
    """
    _check_planes(lab)
    return _in_blocks(_rgb_from_lab, _computable(lab), lab.dtype)


def _lab_from_bytes(rgb: Tensor) -> Tensor:
    """Step 1 for uint8: only 256 values occur, so their curve is computed once and looked up."""
    table = _linear_light(torch.arange(256, dtype=torch.float32, device=rgb.device) / 255)
    return _lab_from_light(table.index_select(0, rgb.flatten().int()).view(rgb.shape))


def _lab_from_floats(rgb: Tensor) -> Tensor:
    return _lab_from_light(_linear_light(rgb))


def _linear_light(rgb: Tensor) -> Tensor:
    """Step 1: sRGB values -> linear light."""
    return _piecewise(rgb, SRGB_KNEE, lambda v: v * (1 / 12.92), lambda v: _power((v + 0.055).mul_(1 / 1.055), 2.4))


def _lab_from_light(light: Tensor) -> Tensor:
    """Linear light (..., 3, H, W) -> Lab: steps 2 and 3."""
    xyz = _mix(RELATIVE_XYZ_FROM_RGB, light)
    fx, fy, fz = _piecewise(xyz, LAB_KNEE, lambda v: v * 7.787 + 16 / 116, lambda v: _power(v, 1 / 3)).unbind(-3)
    return torch.stack([116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)], dim=-3)


def _rgb_from_lab(lab: Tensor) -> Tensor:
    """The three steps backwards."""
    lightness, a, b = lab.unbind(-3)
    fy = (lightness + 16) / 116
    f = torch.stack([fy + a / 500, fy, fy - b / 200], dim=-3)
    xyz = _piecewise(f, F_KNEE, lambda v: (v - 16 / 116) * (1 / 7.787), lambda v: v * v * v)
    light = _mix(RGB_FROM_RELATIVE_XYZ, xyz)
    return _piecewise(light, LINEAR_KNEE, lambda v: v * 12.92, lambda v: _power(v, 1 / 2.4).mul(1.055).sub_(0.055))


def _in_blocks(convert: Callable[[Tensor], Tensor], x: Tensor, dtype: torch.dtype) -> Tensor:
    """convert(x) in `dtype`; on the CPU block by block, so that what lies between two steps never leaves the processor's cache.

    Where a gradient is wanted everything has to be kept anyway, and `torch.compile` fuses the steps itself.
    """
    if x.device.type != "cpu" or torch.compiler.is_compiling() or (x.requires_grad and torch.is_grad_enabled()):
        return convert(x).to(dtype)
    out = torch.empty(x.shape, dtype=dtype)
    rows = max(1, BLOCK_PIXELS // max(1, x.shape[-1]))
    pictures, results = x.reshape(-1, *x.shape[-3:]), out.view(-1, *x.shape[-3:])
    for picture, result in zip(pictures, results, strict=True):
        for block, place in zip(picture.split(rows, dim=1), result.split(rows, dim=1), strict=True):
            place.copy_(convert(block))
    return out


def _piecewise(x: Tensor, knee: float, line: Callable[[Tensor], Tensor], curve: Callable[[Tensor], Tensor]) -> Tensor:
    """line(x) up to the knee, curve(x) above.

    The curve is never shown a value below the knee: what it would answer there (NaN, infinite slopes) would leak into the gradient
    even where it is not chosen. Choosing by a weight of 0 or 1 is exact, and on the CPU many times faster than `torch.where`, which
    only `torch.compile` makes fast.
    """
    if torch.compiler.is_compiling():
        return torch.where(x > knee, curve(x.clamp_min(knee)), line(x))
    above = torch.gt(x.detach(), knee, out=torch.empty_like(x))  # as floats in one step
    return torch.lerp(line(x), curve(x.clamp_min(knee)), above)


def _power(x: Tensor, exponent: float) -> Tensor:
    """x ** exponent for x > 0, by way of logarithms: faster on the CPU, and as exact as Lab needs."""
    return torch.log2(x).mul_(exponent).exp2_()


def _mix(matrix: Tensor, planes: Tensor) -> Tensor:
    """The 3 x 3 matrix on every pixel of (..., 3, H, W). Not by matmul, which autocast and TF32 would round to a few digits."""
    columns = matrix.to(planes.device, planes.dtype).unsqueeze(-1).unsqueeze(-1).unbind(1)  # each (3, 1, 1)
    first, second, third = planes.split(1, dim=-3)
    return torch.addcmul(torch.addcmul(first * columns[0], second, columns[1]), third, columns[2])


def _computable(x: Tensor) -> Tensor:
    """Floats in a precision that Lab can be computed in: half precision becomes float32."""
    if not x.is_floating_point():
        raise DataError(f"Colours are floats, or uint8 where they are RGB; got {x.dtype}.")
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def _check_planes(x: Tensor) -> None:
    if x.ndim < 3 or x.shape[-3] != 3:
        raise DataError(f"Colours have the shape (..., 3, H, W); got {tuple(x.shape)}.")
