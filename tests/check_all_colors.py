"""Every one of the 16.7 million uint8 colours, to Lab and back: python tests/check_all_colors.py"""

from __future__ import annotations

import sys
from collections.abc import Iterable

import torch

from p2p_lib.color import lab_to_rgb, rgb_to_lab


def wrong_colors(reds: Iterable[int]) -> int:
    """How many of the colours with these reds do not come back exactly."""
    green, blue = torch.meshgrid(torch.arange(256), torch.arange(256), indexing="ij")
    wrong = 0
    for red in reds:
        colors = torch.stack([torch.full_like(green, red), green, blue]).to(torch.uint8)
        back = (lab_to_rgb(rgb_to_lab(colors)) * 255).round()
        wrong += int((back != colors).any(dim=0).sum())
    return wrong


if __name__ == "__main__":
    wrong = wrong_colors(range(256))
    print(f"{wrong} of {256**3} colours do not come back exactly.")
    sys.exit(wrong > 0)
