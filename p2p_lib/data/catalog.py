"""Every dataset of the course: where it comes from, how its files lie, and which half is the source.

This is the only place that knows about left and right; everywhere else a pair is `source` and `target`.
"""

from __future__ import annotations

import dataclasses
import importlib
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np
from tqdm import tqdm

from p2p_lib.data import synthetic
from p2p_lib.data.cache import cached
from p2p_lib.data.pairs import OnError, PairedImages, Side
from p2p_lib.errors import DataError

log = logging.getLogger("p2p_lib")
SPLIT_SEEDS = {"train": 0, "val": 1_000_000, "test": 2_000_000}
SAMPLES = {"train": 240, "val": 60, "test": 60}


@dataclasses.dataclass(frozen=True)
class Dataset:
    """One row of the catalog.

    `source` is the half of a side-by-side file that the generator is given. `world` names the procedural stand-in,
    ``module:function`` below `p2p_lib.data.synthetic`, a function of (seed, size) that returns (source, target).
    """

    title: str
    source: Side
    world: str
    home: str
    terms: str


CATALOG: dict[str, Dataset] = {
    "facades": Dataset(
        title="CMP facades: label map -> photo",
        source="right",
        world="facades:facade",
        home="https://cmp.felk.cvut.cz/~tylecr1/facade/",
        terms="Tylecek and Sara 2013, Spatial Pattern Templates for Recognition of Objects with Regular Structure",
    ),
    "maps": Dataset(
        title="Google Maps: aerial photo -> map",
        source="left",
        world="maps:street_map",
        home="https://efrosgans.eecs.berkeley.edu/pix2pix/datasets/maps.tar.gz",
        terms="collected by the pix2pix authors from Google Maps; for research only",
    ),
    "edges2shoes": Dataset(
        title="UT Zappos50K: edges -> shoes",
        source="left",
        world="shoes:shoe",
        home="https://efrosgans.eecs.berkeley.edu/pix2pix/datasets/edges2shoes.tar.gz",
        terms="Yu and Grauman 2014; for academic use only",
    ),
    "edges2cars": Dataset(
        title="Carvana, prepared: edges -> cars",
        source="left",
        world="cars:car",
        home="https://www.kaggle.com/c/carvana-image-masking-challenge",
        terms="Kaggle competition rules",
    ),
}


class HasData(Protocol):
    """What `load` needs to know of a task."""

    dataset: str
    source_side: Side | None
    image_size: int
    load_size: int
    on_error: OnError


def load(
    task: str | HasData,
    split: str = "train",
    *,
    size: int | None = None,
    source_side: Side | None = None,
    on_error: OnError = "raise",
) -> PairedImages:
    """The pairs of one split ("train", "val" or "test") of a dataset.

    `task` is a task, a name of the catalog, or a folder of your own: with `source/` and `target/` in it, or with side-by-side
    files, where `source_side` says which half is given; either may lie in `train/` and `val/`, otherwise a tenth is held out as
    "val". `size`: pairs are resized to size x size; unset: what the task says, else 256.

    A dataset of the catalog is looked for in $P2P_DATA (unset: `datasets/`). Where it is not, procedural samples take its place; a
    warning says so, and so does `PairedImages.origin`.
    """
    if not isinstance(task, str):
        default_size = task.load_size if split == "train" else task.image_size
        return load(task.dataset, split, size=size or default_size, source_side=task.source_side, on_error=task.on_error)
    size = size or 256
    if task in CATALOG:
        folder = data_folder() / task
        if not folder.is_dir():
            return samples(task, split, size)
        return PairedImages.from_side_by_side(folder / split, CATALOG[task].source, size, on_error=on_error)
    if not Path(task).expanduser().is_dir():
        raise DataError(f"{task!r} is neither a dataset of the catalog ({', '.join(CATALOG)}) nor a folder.")
    return own_pairs(Path(task).expanduser(), split, size, source_side, on_error)


def data_folder() -> Path:
    """Where datasets are found: $P2P_DATA, else `datasets/` in the working folder; DataError if P2P_DATA names no folder."""
    folder = Path(os.environ.get("P2P_DATA") or "datasets").expanduser()
    if os.environ.get("P2P_DATA") and not folder.is_dir():
        raise DataError(f"P2P_DATA is {folder}, and there is no such folder.")
    return folder


def own_pairs(folder: Path, split: str, size: int, source_side: Side | None, on_error: OnError) -> PairedImages:
    """Pairs from a reader's own folder, in any of the layouts that `load` describes."""
    if split == "test" and not (folder / "test").is_dir():
        split = "val"
    fold = None if (folder / split).is_dir() else split
    home = folder if fold else folder / split
    if (home / "source").is_dir() and (home / "target").is_dir():
        return PairedImages.from_folders(home / "source", home / "target", size, on_error=on_error, fold=fold)
    if source_side is None:
        raise DataError(
            f"{home} has no source/ and target/ in it; if its files are pairs side by side, say which half is the source: "
            'source_side="left" or "right".'
        )
    return PairedImages.from_side_by_side(home, source_side, size, on_error=on_error, fold=fold)


def samples(name: str, split: str, size: int, count: int | None = None) -> PairedImages:
    """Procedural pairs in place of a dataset: `count` of them (240 for "train", 60 else), the same on every machine."""
    count = count or SAMPLES[split]
    world = _world(CATALOG[name].world)
    version = [path.read_text() for path in sorted(Path(synthetic.__file__).parent.glob("*.py"))]  # a changed world is drawn anew

    def make() -> tuple[np.ndarray, dict]:
        seeds = range(SPLIT_SEEDS[split], SPLIT_SEEDS[split] + count)
        return np.stack([np.stack(world(seed, size)) for seed in tqdm(seeds, desc="drawing samples", delay=2, leave=False)]), {}

    array, _ = cached(f"{name}-samples", [name, split, size, count], version, make)
    origin = f"{count} procedural samples in place of {CATALOG[name].title} (there is no {data_folder() / name})"
    log.warning("Using %s.", origin)
    return PairedImages(array, [f"sample {i}" for i in range(count)], origin)


def _world(path: str) -> Callable[[int, int], tuple[np.ndarray, np.ndarray]]:
    """The function that a catalog row names as ``module:function``."""
    module, function = path.split(":")
    return getattr(importlib.import_module(f"{synthetic.__name__}.{module}"), function)
