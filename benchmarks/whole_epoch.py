"""One whole epoch of pix2pix: `fit()` against the straightforward loop, interleaved.

    python benchmarks/whole_epoch.py [--pairs 100] [--repeats 3]

Both train the paper's networks on the same procedural facades at 256 px, from files on the disk: loader, jitter, both networks,
and a checkpoint at the end are in the time; networks are made anew for each. The straightforward loop is what one writes first: a
DataLoader that opens every file when its turn comes, Pillow's resize and crop, fp32, eager, the default layout, Adam as it is, and
`.item()` on the losses of every step.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import random
import tempfile
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from clock import in_turns, machine, report
from PIL import Image, ImageOps
from torch.utils.data import DataLoader, Dataset

import p2p_lib as p2p
from p2p_lib.data.pairs import PairedImages
from p2p_lib.data.synthetic import facades
from p2p_lib.device import best_device

BATCHES = (1, 4)


class PlainPairs(Dataset):
    """Side-by-side files, opened, resized, cropped and mirrored one at a time."""

    def __init__(self, folder: Path, load_size: int, size: int) -> None:
        self.files, self.load_size, self.size = sorted(folder.glob("*.png")), load_size, size

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        image = Image.open(self.files[index]).convert("RGB")
        left, top = (random.randint(0, self.load_size - self.size) for _ in range(2))
        mirrored = random.random() < 0.5
        halves = []
        for x in (0, image.width // 2):
            half = image.crop((x, 0, x + image.width // 2, image.height))
            half = half.resize((self.load_size, self.load_size), Image.Resampling.BICUBIC)
            half = half.crop((left, top, left + self.size, top + self.size))
            half = ImageOps.mirror(half) if mirrored else half
            halves.append(torch.from_numpy(np.array(half)).permute(2, 0, 1) / 127.5 - 1)
        return halves[0], halves[1]


def straightforward(task: p2p.Task, folder: Path, out: Path) -> None:
    """The loop as one writes it first."""
    device = best_device()
    netG, netD = task.make_generator().to(device), task.make_discriminator().to(device)
    optimizer_g, optimizer_d = (torch.optim.Adam(net.parameters(), lr=task.lr, betas=task.betas) for net in (netG, netD))
    loader = DataLoader(PlainPairs(folder, task.load_size, task.image_size), batch_size=task.batch_size, shuffle=True)
    losses = []
    for pair in loader:
        source, target = (half.to(device) for half in pair)
        fake = netG(source)
        real_logits, fake_logits = netD(source, target), netD(source, fake.detach())
        loss_d = F.binary_cross_entropy_with_logits(real_logits, torch.ones_like(real_logits))
        loss_d = (loss_d + F.binary_cross_entropy_with_logits(fake_logits, torch.zeros_like(fake_logits))) / 2
        optimizer_d.zero_grad()
        loss_d.backward()
        optimizer_d.step()
        logits = netD(source, fake)
        loss_g = F.binary_cross_entropy_with_logits(logits, torch.ones_like(logits)) + 100 * F.l1_loss(fake, target)
        optimizer_g.zero_grad()
        loss_g.backward()
        optimizer_g.step()
        losses.append((loss_d.item(), loss_g.item()))
    networks = {"netG": netG.state_dict(), "netD": netD.state_dict()}
    torch.save(networks | {"G": optimizer_g.state_dict(), "D": optimizer_d.state_dict(), "losses": losses}, out / "last.pt")


def library(task: p2p.Task, folder: Path, out: Path) -> None:
    """The same by `fit()`; its one validation, which the other loop lacks, is on a single pair."""
    train = PairedImages.from_side_by_side(folder, "left", task.load_size)
    val = PairedImages.from_side_by_side(folder, "left", task.image_size).subset([0])
    p2p.fit(task, out, train=train, val=val, progress=False)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    print(f"{machine()}; {options.pairs} pairs, n = {options.repeats}, median (quartiles) for a pair")
    with tempfile.TemporaryDirectory() as name:
        folder, runs = Path(name) / "pairs", (Path(name) / f"run{i}" for i in itertools.count())
        folder.mkdir()
        for seed in range(options.pairs):
            Image.fromarray(np.hstack(facades.facade(seed, 256))).save(folder / f"{seed:04}.png")
        for batch_size in BATCHES:
            task = dataclasses.replace(p2p.task("facades", "full"), batch_size=batch_size, epochs=1)

            def timed(loop, task=task):
                out = next(runs)
                out.mkdir()
                loop(task, folder, out)

            print(f"256 px, ngf 64, batch {batch_size}")
            work = {"straightforward": lambda: timed(straightforward), "library": lambda: timed(library)}
            report(in_turns(work, options.repeats), "ms", 1e3 / options.pairs)
