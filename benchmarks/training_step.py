"""One training step: as the library runs it, against the straightforward way (fp32, contiguous tensors, plain Adam), interleaved.

    python benchmarks/training_step.py [--repeats 15]

Prints, for several sizes, the median time of each, with quartiles, and the ratio of the medians.
"""

from __future__ import annotations

import argparse

import torch
from clock import Contestants, in_turns, machine, report

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
    """The same networks in fp32, in the default memory layout, with torch's Adam as one gets it without asking for anything."""
    method = Pix2Pix(task.make_generator().to(device), task.make_discriminator().to(device), lr=task.lr, betas=task.betas)
    for name, network in method.networks.items():
        method.optimizers[name] = torch.optim.Adam(network.parameters(), lr=task.lr, betas=task.betas)
    return method


def contestants(task: p2p.Task) -> Contestants:
    """The straightforward and the library's step on one batch, each with networks of its own."""
    device = best_device()
    plain, ours = straightforward(task, device), task.make_method(device)
    shape = (2, task.batch_size, 3, task.image_size, task.image_size)
    source, target = (torch.rand(shape, generator=torch.Generator().manual_seed(0)) * 2 - 1).to(device)
    as_trained = [half.contiguous(memory_format=torch.channels_last) for half in (source, target)]
    return {"straightforward": lambda: plain.step(source, target), "library": lambda: ours.step(*as_trained)}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=15)
    options = parser.parse_args()
    print(f"{machine()}, library precision {resolve_precision('auto', best_device())}")
    print(f"n = {options.repeats}, median (quartiles)")
    for title, task in CASES.items():
        print(title)
        report(in_turns(contestants(task), options.repeats, warm_up=2), "ms", 1e3)
