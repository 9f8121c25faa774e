"""One training step: as the library runs it, against the straightforward way (fp32, contiguous tensors), interleaved.

    python benchmarks/training_step.py [--repeats 15]

Prints, for several sizes, the median time of each, with quartiles, and the ratio of the medians.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time

import torch
from torch import Tensor

import p2p_lib as p2p
from p2p_lib.device import best_device, resolve_precision
from p2p_lib.pix2pix import Pix2Pix

CASES = {
    "lite, 128 px, batch 4": p2p.task("facades", "lite"),
    "256 px, ngf 32, batch 2": p2p.task("facades", "full", ngf=32, ndf=32, batch_size=2),
    "full, 256 px, batch 1": p2p.task("facades", "full"),
    "256 px, batch 4": p2p.task("facades", "full", batch_size=4),
}


def straightforward(task: p2p.Task, device: torch.device) -> Pix2Pix:
    """The same networks in fp32 and in the default memory layout."""
    return Pix2Pix(task.make_generator().to(device), task.make_discriminator().to(device), lr=task.lr, betas=task.betas)


def seconds(method: Pix2Pix, source: Tensor, target: Tensor) -> float:
    """The wall time of one step, the device's work included."""
    synchronize = torch.cuda.synchronize if source.is_cuda else lambda: None
    synchronize()
    started = time.perf_counter()
    method.step(source, target)
    synchronize()
    return time.perf_counter() - started


def measure(task: p2p.Task, repeats: int) -> tuple[list[float], list[float]]:
    """Times of the straightforward and of the library's step, taken in turns after two warm-up rounds."""
    device = best_device()
    plain, ours = straightforward(task, device), task.make_method(device)
    shape = (2, task.batch_size, 3, task.image_size, task.image_size)
    source, target = (torch.rand(shape, generator=torch.Generator().manual_seed(0)) * 2 - 1).to(device)
    as_trained = [half.contiguous(memory_format=torch.channels_last) for half in (source, target)]
    rounds = [(seconds(plain, source, target), seconds(ours, *as_trained)) for _ in range(repeats + 2)][2:]
    first, second = zip(*rounds, strict=True)
    return list(first), list(second)


def spread(times: list[float]) -> str:
    low, median, high = statistics.quantiles(times, n=4)
    return f"{median * 1e3:6.0f} ms ({low * 1e3:.0f}-{high * 1e3:.0f})"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=15)
    options = parser.parse_args()
    device = best_device()
    name = torch.cuda.get_device_name() if device.type == "cuda" else f"{platform.machine()}, {torch.get_num_threads()} threads"
    print(f"torch {torch.__version__}, {device.type} ({name}), library precision {resolve_precision('auto', device)}")
    print(f"n = {options.repeats}, median (quartiles)")
    for title, task in CASES.items():
        plain, ours = measure(task, options.repeats)
        ratio = statistics.median(plain) / statistics.median(ours)
        print(f"{title:26} straightforward {spread(plain)}   library {spread(ours)}   {ratio:.2f}x")
