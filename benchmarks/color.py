"""sRGB to L*a*b* and back: scikit-image, the library, the library compiled, and kornia where it is installed, interleaved.

    python benchmarks/color.py [--repeats 15]

Prints, for a batch of pictures on the CPU (and on a GPU where there is one), the median time of each with quartiles, and how many
times faster than scikit-image it is. torch.compile needs a C++ compiler; without one it is left out, and a line says so.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec

import numpy as np
import skimage
import torch
from skimage.color import lab2rgb, rgb2lab

from p2p_lib.color import lab_to_rgb, rgb_to_lab
from p2p_lib.device import best_device

BATCH, SIDE = 16, 256
Candidates = dict[str, Callable[[], object]]


def candidates(device: torch.device) -> dict[str, Candidates]:
    """What is compared, by direction; the first of each is scikit-image."""
    rng = np.random.default_rng(0)
    levels = rng.integers(0, 256, (BATCH, SIDE, SIDE, 3), np.uint8)
    rgb = (levels / 255).astype(np.float32)
    lab = rgb2lab(rgb).astype(np.float32)
    x, y, z = (torch.from_numpy(array).permute(0, 3, 1, 2).contiguous().to(device) for array in (rgb, lab, levels))
    there: Candidates = {
        "scikit-image": lambda: rgb2lab(rgb),
        "library, float32": lambda: rgb_to_lab(x),
        "library, uint8": lambda: rgb_to_lab(z),
    }
    back: Candidates = {"scikit-image": lambda: lab2rgb(lab), "library, float32": lambda: lab_to_rgb(y)}
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


def seconds(work: Callable[[], object], device: torch.device) -> float:
    """The wall time of one call, the device's work included."""
    synchronize = torch.cuda.synchronize if device.type == "cuda" else lambda: None
    synchronize()
    started = time.perf_counter()
    work()
    synchronize()
    return time.perf_counter() - started


def measure(contestants: Candidates, device: torch.device, repeats: int) -> dict[str, list[float]]:
    """Times of all, taken in turns after two warm-up rounds."""
    rounds = [{name: seconds(work, device) for name, work in contestants.items()} for _ in range(repeats + 2)][2:]
    return {name: [times[name] for times in rounds] for name in contestants}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=15)
    options = parser.parse_args()
    print(f"torch {torch.__version__}, scikit-image {skimage.__version__}, {platform.machine()}, {torch.get_num_threads()} threads")
    print(f"{BATCH} pictures of {SIDE} x {SIDE}, n = {options.repeats}, median (quartiles)")
    for device in dict.fromkeys((torch.device("cpu"), best_device())):
        for title, contestants in candidates(device).items():
            print(title)
            times = measure(contestants, device, options.repeats)
            reference = statistics.median(times["scikit-image"])
            for name, values in times.items():
                low, median, high = (value * 1e3 for value in statistics.quantiles(values, n=4))
                print(f"  {name:20} {median:7.1f} ms ({low:.1f}-{high:.1f})   {reference * 1e3 / median:.1f}x")
