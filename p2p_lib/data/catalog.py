"""Every dataset of the course: where it comes from, how its files lie, and which half is the source.

This is the only place that knows about left and right; everywhere else a pair is `source` and `target`.
"""

from __future__ import annotations

import dataclasses
import importlib
import logging
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import numpy as np
from tqdm import tqdm

from p2p_lib.data import synthetic
from p2p_lib.data.cache import cached
from p2p_lib.data.images import find_images
from p2p_lib.data.pairs import OnError, PairedImages, Side, existing_folder
from p2p_lib.data.works import same_work, split_works, survey
from p2p_lib.errors import DataError

log = logging.getLogger("p2p_lib")
SPLIT_SEEDS = {"train": 0, "val": 1_000_000, "test": 2_000_000}
SAMPLES = {"train": 240, "val": 60, "test": 60}


@dataclasses.dataclass(frozen=True)
class Dataset:
    """One row of the catalog.

    `source` is the half of a side-by-side file that the generator is given; None where files are single pictures, source and target
    at once. `world` names the procedural stand-in, ``module:function`` below `p2p_lib.data.synthetic`, a function of (seed, size)
    that returns (source, target), or such a single picture.
    """

    title: str
    source: Side | None
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
    "monet": Dataset(
        title="Paintings by Claude Monet, to be coloured",
        source=None,
        world="paintings:monet",
        home="https://www.kaggle.com/datasets/ikarus777/best-artworks-of-all-time",
        terms="the paintings are in the public domain",
    ),
    "malevich": Dataset(
        title="Paintings by Kazimir Malevich, to be coloured",
        source=None,
        world="paintings:malevich",
        home="https://www.kaggle.com/datasets/ikarus777/best-artworks-of-all-time",
        terms="the paintings are in the public domain",
    ),
}


class HasData(Protocol):
    """What `load` needs to know of a task."""

    dataset: str
    source_side: Side | None
    image_size: int
    load_size: int
    on_error: OnError

    @property
    def colors(self) -> bool:
        """Whether the task takes the colour away from single pictures and asks for it again."""


def load(
    task: str | HasData,
    split: str = "train",
    *,
    size: int | None = None,
    source_side: Side | None = None,
    colors: bool = False,
    on_error: OnError = "raise",
) -> PairedImages:
    """The pairs of one split ("train", "val" or "test") of a dataset.

    `task` is a task, a name of the catalog, or a folder of your own: with `source/` and `target/` in it, or with side-by-side
    files, where `source_side` says which half is given; either may lie in `train/` and `val/`, otherwise a tenth is held out as
    "val". With `colors`, as the colouring tasks ask, any folder of colour pictures will do: each is source and target at once, its
    middle square is taken, grayscale files are left out, and where the folder has no `train/`, a tenth is held out as "val" and as
    "test", near-duplicates together. `size`: pairs are resized to size x size; unset: what the task says, else 256.

    A dataset of the catalog is looked for in $P2P_DATA (unset: `datasets/`). Where it is not, procedural samples take its place; a
    warning says so, and so does `PairedImages.origin`.
    """
    if not isinstance(task, str):
        default_size = task.load_size if split == "train" else task.image_size
        options = {"source_side": task.source_side, "colors": task.colors, "on_error": task.on_error}
        return load(task.dataset, split, size=size or default_size, **options)
    size = size or 256
    if task in CATALOG:
        folder = data_folder() / task
        if not folder.is_dir():
            return samples(task, split, size)
        if CATALOG[task].source is None:
            return colored_pictures(folder, split, size, on_error)
        return PairedImages.from_side_by_side(folder / split, CATALOG[task].source, size, on_error=on_error)
    if not Path(task).expanduser().is_dir():
        raise DataError(f"{task!r} is neither a dataset of the catalog ({', '.join(CATALOG)}) nor a folder.")
    if colors and not any(has_pairs(Path(task).expanduser() / part) for part in ("", "train")):
        return colored_pictures(Path(task).expanduser(), split, size, on_error)
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
    if has_pairs(home):
        return PairedImages.from_folders(home / "source", home / "target", size, on_error=on_error, fold=fold)
    if source_side is None:
        raise DataError(
            f"{home} has no source/ and target/ in it; if its files are pairs side by side, say which half is the source: "
            'source_side="left" or "right".'
        )
    return PairedImages.from_side_by_side(home, source_side, size, on_error=on_error, fold=fold)


def has_pairs(folder: Path) -> bool:
    """Whether a folder holds `source/` and `target/`."""
    return (folder / "source").is_dir() and (folder / "target").is_dir()


def colored_pictures(folder: Path, split: str, size: int, on_error: OnError) -> PairedImages:
    """The colour pictures of one split of a folder, each source and target at once."""
    split_by_folders = (folder / "train").is_dir()
    if split == "test" and split_by_folders and not (folder / "test").is_dir():
        split = "val"
    home = existing_folder(folder / split) if split_by_folders else folder
    found = survey(folder.name, find_images(home))
    chosen = found.files
    if not chosen and not found.problems:
        raise DataError(f"There are no colour pictures in {home}; it holds {len(found.gray)} grayscale ones.")
    if found.gray:
        log.warning("%d of %s are grayscale and left out: %s", len(found.gray), home, ", ".join(path.name for path in found.gray))
    if chosen and not split_by_folders:
        names = [path.relative_to(folder).as_posix() for path in chosen]
        folds = split_works(names, same_work(found.hashes))
        chosen = [path for path, fold in zip(chosen, folds, strict=True) if fold == split]
    pairs = PairedImages.from_pictures(home, [*chosen, *found.problems], size, on_error=on_error, part=split)
    pairs.report.notes.update({path.name: "grayscale, left out" for path in found.gray})
    return pairs


def samples(name: str, split: str, size: int, count: int | None = None) -> PairedImages:
    """Procedural pairs in place of a dataset: `count` of them (240 for "train", 60 else), the same on every machine."""
    count = count or SAMPLES[split]
    world = _world(CATALOG[name].world)
    version = [path.read_text() for path in sorted(Path(synthetic.__file__).parent.glob("*.py"))]  # a changed world is drawn anew

    def make() -> tuple[np.ndarray, dict]:
        seeds = range(SPLIT_SEEDS[split], SPLIT_SEEDS[split] + count)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            drawn = pool.map(lambda seed: np.stack(world(seed, size)), seeds)
            drawn = list(tqdm(drawn, desc="drawing samples", total=count, delay=2, leave=False))
        return np.stack(drawn).reshape(count, -1, size, size, 3), {}

    array, _ = cached(f"{name}-samples", [name, split, size, count], version, make)
    origin = f"{count} procedural samples in place of {CATALOG[name].title} (there is no {data_folder() / name})"
    log.warning("Using %s.", origin)
    array = np.broadcast_to(array, (count, 2, size, size, 3))  # a single picture is source and target at once
    return PairedImages(array, [f"sample {i}" for i in range(count)], origin)


def _world(path: str) -> Callable[[int, int], tuple[np.ndarray, np.ndarray]]:
    """The function that a catalog row names as ``module:function``."""
    module, function = path.split(":")
    return getattr(importlib.import_module(f"{synthetic.__name__}.{module}"), function)
