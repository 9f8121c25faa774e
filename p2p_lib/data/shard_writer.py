"""Pairs to tar shards, each with its checksum, and an index of where every picture lies (`shards` reads them)."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import os
import re
import tarfile
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image
from tqdm import tqdm

from p2p_lib.data.catalog import CATALOG, data_folder
from p2p_lib.data.images import FINE
from p2p_lib.data.loading import HasData, load
from p2p_lib.data.pairs import PairedImages
from p2p_lib.data.shards import INDEX, Index, Shard
from p2p_lib.data.split import Split
from p2p_lib.errors import DataError
from p2p_lib.files import atomic_write, atomic_write_text, remove_partial

Format = Literal["png", "jpg"]
AT_ONCE = 64  # pairs that are packed before they are written
PILLOW_NAMES = {"png": "PNG", "jpg": "JPEG"}


@dataclasses.dataclass(frozen=True)
class Sharded:
    """What `shard` wrote, by split."""

    out: Path
    indices: dict[str, Index]

    def __str__(self) -> str:
        lines = [
            f"{split}: {len(index.names)} pairs of {index.size} px in {len(index.shards)} shards, "
            f"{sum(shard.bytes for shard in index.shards) / 1e6:.1f} MB; {index.origin}."
            for split, index in self.indices.items()
        ]
        return "\n".join([*lines, f"Train from them with --dataset {self.out}, or with the address of a server that has them."])


def shard(
    task: HasData, out: str | Path, *, size: int | None = None, pairs_per_shard: int = 1000, file_format: Format = "png"
) -> Sharded:
    """Write the splits of a task's data below `out` as ``train-00000.tar``, ..., each split with a ``train.index.json``.

    size : side of all pictures; unset: as the task trains ("train" larger, for the jitter) and validates.
    file_format : "png" keeps every pixel, so that training is the same as from the folder; "jpg" (quality 95) is smaller.

    "test" is written where it is not "val" again. The same call goes on where it was interrupted. DataError where `out` holds
    anything else.
    """
    out = Path(out).expanduser()
    if pairs_per_shard < 1 or (size is not None and size < 1):
        raise DataError(f"A shard holds at least 1 pair, and a side at least 1 pixel; got {pairs_per_shard} and {size}.")
    _begin(out)
    indices, splits = {}, ("train", "val", "test")
    loaded: dict[str, PairedImages] = {}
    for split in splits:
        loaded[split] = load(task, split, size=size)
        if split != "test" or not _same(loaded["test"], loaded["val"]):
            index = write_shards(loaded[split], out, split, pairs_per_shard, file_format)
            indices[split] = dataclasses.replace(index, origin=_without_home(index.origin, task.dataset))
    for split, index in indices.items():  # last: an index says that its shards are complete
        atomic_write_text(out / INDEX.format(split=split), index.to_json())
    return Sharded(out, indices)


def write_shards(pairs: PairedImages, out: Path, split: Split, pairs_per_shard: int, file_format: Format = "png") -> Index:
    """Write the shards of one split; returns the index, which is not written yet."""
    shards, rows = [], []
    with ThreadPoolExecutor(os.cpu_count()) as pool, tqdm(total=len(pairs), desc=f"sharding {split}", unit="pair") as bar:
        for first in range(0, len(pairs), pairs_per_shard):
            numbers = range(first, min(first + pairs_per_shard, len(pairs)))
            path = out / f"{split}-{len(shards):05d}.tar"
            with atomic_write(path) as file, tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as tar:
                for number, packed in zip(numbers, _packed(pool, pairs, numbers, file_format), strict=True):
                    rows.append([len(shards), *_add_pair(tar, number, pairs.names[number], packed, file_format)])
                    bar.update(1)
            with open(path, "rb") as file:
                shards.append(Shard(path.name, len(numbers), path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest()))
    return Index(pairs[0][0].shape[0], pairs.origin, shards, pairs.names, np.array(rows, np.int64))


def _packed(pool: ThreadPoolExecutor, pairs: PairedImages, numbers: range, file_format: Format) -> Iterator[list[bytes]]:
    """The files of pairs, packed on all cores, a few at a time."""
    for start in range(0, len(numbers), AT_ONCE):
        yield from pool.map(lambda number: _pack(pairs[number], file_format), numbers[start : start + AT_ONCE])


def _pack(pair: tuple[np.ndarray, np.ndarray], file_format: Format) -> list[bytes]:
    """A pair as one file for each half, or as a single one where both are the same picture."""
    files = []
    for picture in pair[: 1 if np.array_equal(*pair) else 2]:
        buffer, name = io.BytesIO(), PILLOW_NAMES[file_format]
        Image.fromarray(picture).save(buffer, format=name, **FINE.get(name, {}))
        files.append(buffer.getvalue())
    return files


def _add_pair(tar: tarfile.TarFile, number: int, name: str, packed: list[bytes], file_format: Format) -> list[int]:
    """Write the members of one pair; offset, size and CRC-32 of the source, and of the target."""
    spans = [
        _add(tar, f"{number:08d}.{side}.{file_format}", data) for side, data in zip(("source", "target"), packed, strict=False)
    ]
    _add(tar, f"{number:08d}.json", json.dumps({"name": name}).encode())
    return [*spans[0], *spans[-1]]


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> list[int]:
    """One member; no time and no owner, so that equal pairs make equal shards."""
    info = tarfile.TarInfo(name)
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))
    padded = -(-len(data) // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
    return [tar.offset - padded, len(data), zlib.crc32(data)]


def _without_home(origin: str, dataset: str) -> str:
    """Where pairs come from, without the path on this machine to their dataset: shards are made to be handed on."""
    home = data_folder() if dataset in CATALOG else Path(dataset).expanduser().parent
    return origin.replace(f"{home}{os.sep}", "")


def _same(first: PairedImages, second: PairedImages) -> bool:
    """Whether two splits are one, as where a dataset has no test pairs."""
    return first.origin == second.origin and first.names == second.names and np.array_equal(first[0], second[0])


def _begin(out: Path) -> None:
    """Make `out`, or clear away what an interrupted call left there; DataError where it holds anything else."""
    out.mkdir(parents=True, exist_ok=True)
    remove_partial(out)
    foreign = [path.name for path in out.iterdir() if not re.fullmatch(r"(train|val|test)-\d{5}\.tar", path.name)]
    if foreign:
        raise DataError(f"{out} holds {foreign[0]}; shards are written into a new folder.")
    for path in out.iterdir():
        path.unlink()
