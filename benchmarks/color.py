"""sRGB to L*a*b* and back: scikit-image, the library, the library compiled, and kornia where it is installed, interleaved.

    python benchmarks/color.py [--repeats 15]

Prints, for a batch of pictures on the CPU (and on a GPU where there is one), the median time of each with quartiles, and how many
times faster than scikit-image it is. torch.compile needs a C++ compiler; without one it is left out, and a line says so.
"""

from __future__ import annotations

import argparse
from importlib import import_module
from importlib.util import find_spec

import numpy as np
import skimage
import torch
from clock import Contestants, in_turns, machine, report
from skimage.color import lab2rgb, rgb2lab

from p2p_lib.color import lab_to_rgb, rgb_to_lab
from p2p_lib.device import best_device

BATCH, SIDE = 16, 256


def candidates(device: torch.device) -> dict[str, Contestants]:
    """What is compared, by direction; the first of each is scikit-image."""
    rng = np.random.default_rng(0)
    levels = rng.integers(0, 256, (BATCH, SIDE, SIDE, 3), np.uint8)
    rgb = (levels / 255).astype(np.float32)
    lab = rgb2lab(rgb).astype(np.float32)
    x, y, z = (torch.from_numpy(array).permute(0, 3, 1, 2).contiguous().to(device) for array in (rgb, lab, levels))
    there: Contestants = {
        "scikit-image": lambda: rgb2lab(rgb),
        "library, float32": lambda: rgb_to_lab(x),
        "library, uint8": lambda: rgb_to_lab(z),
    }
    back: Contestants = {"scikit-image": lambda: lab2rgb(lab), "library, float32": lambda: lab_to_rgb(y)}
    try:
        forth, home = torch.compile(rgb_to_lab), torch.compile(lab_to_rgb)
        forth(x), home(y)
        there["library, compiled"], back["library, compiled"] = lambda: forth(x), lambda: home(y)
    except Exception as error:  # whatever the compiler's back end raises: a benchmark goes on without
        print(f"torch.compile does not work here ({type(error).__name__}) and is left out")
    if find_spec("kornia") is None:
        print("kornia is not installed and is left out")
    else:
        kornia = import_module("kornia")  # nothing that the course needs
        print(f"kornia {kornia.__version__}")
        there["kornia"] = lambda: kornia.color.rgb_to_lab(x)
        back["kornia"] = lambda: kornia.color.lab_to_rgb(y)
    return {f"RGB to Lab, {device.type}": there, f"Lab to RGB, {device.type}": back}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=15)
    options = parser.parse_args()
    print(f"{machine()}, scikit-image {skimage.__version__}")
    print(f"{BATCH} pictures of {SIDE} x {SIDE}, n = {options.repeats}, median (quartiles)")
    for device in dict.fromkeys((torch.device("cpu"), best_device())):
        for title, contestants in candidates(device).items():
            print(title)
            report(in_turns(contestants, options.repeats, warm_up=2), "ms", 1e3)
