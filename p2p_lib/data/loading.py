"""`load`: the pairs of one split of a dataset of the catalog, of a reader's own folder, or procedural samples in their place."""

from __future__ import annotations

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
from p2p_lib.data.catalog import CATALOG, SAMPLES, SPLIT_SEEDS, Dataset, by_hand, data_folder
from p2p_lib.data.images import find_images
from p2p_lib.data.pairs import OnError, PairedImages, Side, existing_folder
from p2p_lib.data.shards import has_shards, load_shards
from p2p_lib.data.works import same_work, split_works, survey
from p2p_lib.errors import DataError

log = logging.getLogger("p2p_lib")


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

    Shards that `shard_writer.shard` made are read pair by pair where they lie, in a folder or at an address (http, https); they
    know their source.

    A dataset of the catalog knows its source; the other `source_side` turns its direction round. It is looked for in $P2P_DATA
    (unset: `datasets/`). Where it is not, procedural samples take its place; a warning says so, and so does
    `PairedImages.origin`. Where there are no such samples either, DataError says how to get it. Where a dataset has no `test/`,
    "test" is "val".
    """
    if not isinstance(task, str):
        default_size = task.load_size if split == "train" else task.image_size
        options = {"source_side": task.source_side, "colors": task.colors, "on_error": task.on_error}
        return load(task.dataset, split, size=size or default_size, **options)
    size = size or 256
    if task in CATALOG:
        here = (data_folder() / task).is_dir()
        pairs = published_pairs(task, split, size, on_error) if here else samples(task, split, size)
        return in_direction(pairs, task, source_side)
    if has_shards(task):
        return load_shards(task, split, size)
    if not Path(task).expanduser().is_dir():
        raise DataError(f"{task!r} is neither a dataset of the catalog ({', '.join(CATALOG)}) nor a folder.")
    if colors and not any(has_pairs(Path(task).expanduser() / part) for part in ("", "train")):
        return colored_pictures(Path(task).expanduser(), split, size, on_error)
    return own_pairs(Path(task).expanduser(), split, size, source_side, on_error)


def in_direction(pairs: PairedImages, name: str, source_side: Side | None) -> PairedImages:
    """Pairs of a dataset of the catalog, turned round where `source_side` is not the dataset's own."""
    return pairs.swapped() if source_side not in (None, CATALOG[name].source) else pairs


def published_pairs(name: str, split: str, size: int, on_error: OnError) -> PairedImages:
    """The pairs of a dataset of the catalog that is in its folder, in its own layout or with `source/` and `target/`."""
    row, folder = CATALOG[name], data_folder() / name
    if row.prepare:
        raise DataError(f"{folder} holds {row.title} as downloaded, without pairs yet; {row.prepare}.")
    if row.source is None:
        return colored_pictures(folder, split, size, on_error)
    if split == "test" and not (folder / "test").is_dir():
        split = "val"
    if any(has_pairs(home, row) for home in (folder, folder / split)):
        return own_pairs(folder, split, size, row.source, on_error, row)
    return PairedImages.from_side_by_side(folder / split, row.source, size, on_error=on_error)


def own_pairs(
    folder: Path, split: str, size: int, source_side: Side | None, on_error: OnError, row: Dataset | None = None
) -> PairedImages:
    """Pairs from a reader's own folder, in any of the layouts that `load` describes, or in that of the dataset `row`."""
    if split == "test" and not (folder / "test").is_dir():
        split = "val"
    fold = None if (folder / split).is_dir() else split
    home = folder if fold else folder / split
    if has_pairs(home):
        return PairedImages.from_folders(home / "source", home / "target", size, on_error=on_error, fold=fold)
    if row and has_pairs(home, row):
        source, target = (home / name for name in row.folders)
        return PairedImages.from_folders(source, target, size, on_error=on_error, fold=fold, key=row.key)
    if source_side is None:
        raise DataError(
            f"{home} has no source/ and target/ in it; if its files are pairs side by side, say which half is the source: "
            'source_side="left" or "right".'
        )
    return PairedImages.from_side_by_side(home, source_side, size, on_error=on_error, fold=fold)


def has_pairs(folder: Path, row: Dataset | None = None) -> bool:
    """Whether a folder holds `source/` and `target/`, or what they are called in the dataset `row`."""
    names = [("source", "target"), *([row.folders] if row else [])]
    return any(all((folder / side).is_dir() for side in sides) for sides in names)


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
    """Procedural pairs in place of a dataset, the same on every machine.

    Unless they are asked for by `count`, there are 240 for "train" and 60 else, and a warning says that the dataset is missing.
    """
    asked_for, count = count is not None, count or SAMPLES[split]
    if CATALOG[name].world is None:
        raise DataError(f"There is no {data_folder() / name}, and nothing procedural to take its place; {by_hand(name)}.")
    world = _world(CATALOG[name].world)
    version = [path.read_text() for path in sorted(Path(synthetic.__file__).parent.glob("*.py"))]  # a changed world is drawn anew

    def make() -> tuple[np.ndarray, dict]:
        seeds = range(SPLIT_SEEDS[split], SPLIT_SEEDS[split] + count)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            drawn = pool.map(lambda seed: np.stack(world(seed, size)), seeds)
            drawn = list(tqdm(drawn, desc="drawing samples", total=count, delay=2, leave=False))
        return np.stack(drawn).reshape(count, -1, size, size, 3), {}

    array, _ = cached(f"{name}-samples", [name, split, size, count], version, make)
    origin = f"{count} procedural samples in place of {CATALOG[name].title}"
    if not asked_for:
        origin += f" (there is no {data_folder() / name})"
        log.warning("Using %s.", origin)
    array = np.broadcast_to(array, (count, 2, size, size, 3))  # a single picture is source and target at once
    return PairedImages(array, [f"sample {i}" for i in range(count)], origin)


def _world(path: str) -> Callable[[int, int], tuple[np.ndarray, np.ndarray]]:
    """The function that a catalog row names as ``module:function``."""
    module, function = path.split(":")
    return getattr(importlib.import_module(f"{synthetic.__name__}.{module}"), function)
