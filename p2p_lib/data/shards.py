"""Pairs in tar shards, read where they lie: for datasets too large for memory, or for the disk.

Shards are as the webdataset package has them: plain tar files in which the members ``0000012.source.png``, ``0000012.target.png``
and ``0000012.json`` make a pair. Members are not compressed by the tar, so an index of offsets and sizes is all it takes to read
any pair at any moment, from a local file or by HTTP's Range. That keeps the order of training what it is for a folder, a random
permutation of all pairs in every epoch that follows from the seed, and with it the exact resume: nothing about the stream has to be
remembered. What each member should hold is checked by the CRC-32 in the index. Nothing is ever unpacked to a path.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import re
import threading
import zlib
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from p2p_lib.data.images import read_image, to_rgb
from p2p_lib.data.pairs import PairedImages, Report
from p2p_lib.data.places import CONNECTIONS, Folder, Place, Web
from p2p_lib.errors import DataError

INDEX = "{split}.index.json"
VERSION = 1
COLUMNS = 7  # shard; offset, size and CRC-32 of the source; the same of the target
SHA256 = re.compile(r"[0-9a-f]{64}")
SHARD_NAME = re.compile(r"[\w-][\w.-]*\.tar")
KEPT_BYTES = 256 * 2**20  # of compressed pictures in memory
MEMBER_BYTES = 256 * 2**20  # no picture is larger
ATTEMPTS = 3  # to read a pair that is not what the index says


@dataclasses.dataclass(frozen=True)
class Shard:
    """One tar file: its name in the folder, how many pairs are in it, its size in bytes and its checksum."""

    file: str
    pairs: int
    bytes: int
    sha256: str


@dataclasses.dataclass(frozen=True)
class Index:
    """What `write_shards` says of one split: the shards, the pairs' names, and where their halves lie.

    `rows` is int64 (N, 7): the number of the shard, and of source and target the offset, the size and the CRC-32. `size` is the
    side of the pictures; `origin` says in words where they came from.
    """

    size: int
    origin: str
    shards: list[Shard]
    names: list[str]
    rows: np.ndarray

    def to_json(self) -> str:
        fields = {"version": VERSION} | dataclasses.asdict(self) | {"rows": self.rows.tolist()}
        return json.dumps(fields, ensure_ascii=False)

    @classmethod
    def from_json(cls, data: bytes, where: str) -> Index:
        """Read what `to_json` wrote; DataError where it is anything else, for it may come from anywhere."""
        try:
            fields = json.loads(data)
            if fields.pop("version") != VERSION:
                raise DataError(f"{where} was made by another version of the course; make the shards again with `p2p data shard`.")
            fields["shards"] = [Shard(**shard) for shard in fields["shards"]]
            fields["rows"] = np.array(fields["rows"], np.int64).reshape(-1, COLUMNS)
            index = cls(**fields)
            index._check(where)
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
            raise DataError(f"{where} is no index of shards, or a damaged one ({type(error).__name__}: {error}).") from None
        return index

    def _check(self, where: str) -> None:
        sizes = self.rows[:, [2, 5]]
        names = all(SHARD_NAME.fullmatch(shard.file) and SHA256.fullmatch(shard.sha256) for shard in self.shards)
        inside = ((self.rows[:, 0] >= 0) & (self.rows[:, 0] < len(self.shards))).all() and (self.rows >= 0).all()
        if not (names and inside and len(self.names) == len(self.rows) > 0 and (sizes <= MEMBER_BYTES).all()):
            raise DataError(f"{where} is a damaged index of shards: names, offsets or sizes in it cannot be.")


class ShardedPairs(PairedImages):
    """Pairs that are read from shards when they are asked for; otherwise like `PairedImages`.

    Memory holds the index and at most `KEPT_BYTES` of pictures as they came, the longest unused making room. Every half is resized
    to size x size (bicubic) where the shards hold another size.
    """

    def __init__(self, place: Place, index: Index, size: int) -> None:
        self.place, self.index, self.size, self.rows = place, index, size, index.rows
        self.kept = Kept(KEPT_BYTES)
        self.pool = ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="shards")
        self.ahead: dict[int, Future] = {}
        digest = hashlib.sha256(index.rows.tobytes()).hexdigest()[:8]
        self.names, self.report = index.names, Report()
        self.origin = f"{len(self.rows)} pairs in shards at {place.name} ({digest}): {index.origin}"

    @property
    def array(self) -> np.ndarray:
        """Not to be had: DataError."""
        raise DataError(f"{self.place.name} is read pair by pair; what is asked for needs all at once: give a folder of pairs.")

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        source, target = self._decoded(range(len(self))[index])
        return source, target

    def batch(self, indices: Iterable[int]) -> tuple[Tensor, Tensor]:
        """Sources and targets at `indices`: two uint8 tensors (N, 3, H, W), read side by side.

        DataError where a shard does not hold what the index says, DownloadError where a server does not answer.
        """
        wanted = [range(len(self))[i] for i in indices]
        futures = [self.ahead.pop(i, None) or self.pool.submit(self._decoded, i) for i in wanted]
        both = torch.from_numpy(np.stack([future.result() for future in futures]))  # (N, 2, H, W, 3)
        source, target = both.permute(1, 0, 4, 2, 3)
        return source, target

    def read_ahead(self, indices: Iterable[int]) -> None:
        """Begin to read the pairs of the next batch; those that were announced before and never asked for are forgotten."""
        for future in self.ahead.values():
            future.cancel()
        self.ahead = {i: self.pool.submit(self._decoded, i) for i in indices}

    def subset(self, indices: Sequence[int]) -> ShardedPairs:
        """The pairs at `indices` alone."""
        chosen = list(indices)
        index = dataclasses.replace(self.index, names=[self.names[i] for i in chosen], rows=self.rows[chosen])
        return ShardedPairs(self.place, index, self.size)

    def swapped(self) -> ShardedPairs:
        """The other direction: what was the target is the source."""
        index = dataclasses.replace(self.index, rows=self.rows[:, [0, 4, 5, 6, 1, 2, 3]])
        return ShardedPairs(self.place, dataclasses.replace(index, origin=f"{index.origin}, source and target swapped"), self.size)

    def _decoded(self, i: int) -> np.ndarray:
        """One pair, uint8 (2, size, size, 3)."""
        halves = []
        for data in self._members(i):
            try:
                image = to_rgb(read_image(io.BytesIO(data)))
            except DataError as error:
                raise DataError(f"{self.names[i]} in {self._where(i)} is {error}.") from None
            halves.append(np.asarray(image.resize((self.size, self.size), Image.Resampling.BICUBIC)))
        return np.stack(halves)

    def _members(self, i: int) -> tuple[bytes, bytes]:
        """The files of a pair, from memory or from the shard; read again where they are damaged on the way."""
        kept = self.kept.get(i)
        if kept is not None:
            return kept
        shard, *spans = self.rows[i].tolist()
        spans = spans[:3], spans[3:]
        start, end = min(span[0] for span in spans), max(span[0] + span[1] for span in spans)
        for _ in range(ATTEMPTS):
            piece = self.place.read(self.index.shards[shard].file, start, end - start)  # the halves lie side by side
            members = tuple(piece[offset - start : offset - start + size] for offset, size, _ in spans)
            if all(zlib.crc32(data) == crc for data, (_, _, crc) in zip(members, spans, strict=True)):
                self.kept.put(i, members)
                return members
        raise DataError(
            f"{self.names[i]} in {self._where(i)} is not what the index says: the shard is damaged, cut short or another; make or "
            "copy the shards again."
        )

    def _where(self, i: int) -> str:
        return f"{self.place.name}/{self.index.shards[int(self.rows[i, 0])].file}"


class Kept:
    """The files of pairs that were read last, at most `limit` bytes of them."""

    def __init__(self, limit: int) -> None:
        self.limit, self.bytes = limit, 0
        self.items: OrderedDict[int, tuple[bytes, bytes]] = OrderedDict()
        self.lock = threading.Lock()

    def get(self, key: int) -> tuple[bytes, bytes] | None:
        with self.lock:
            if key in self.items:
                self.items.move_to_end(key)
            return self.items.get(key)

    def put(self, key: int, members: tuple[bytes, bytes]) -> None:
        with self.lock:
            if key in self.items:
                return
            self.items[key] = members
            self.bytes += sum(map(len, members))
            while self.bytes > self.limit:
                _, oldest = self.items.popitem(last=False)
                self.bytes -= sum(map(len, oldest))


def is_url(name: str) -> bool:
    """Whether a dataset is named by an address."""
    return name.startswith(("http://", "https://"))


def has_shards(name: str) -> bool:
    """Whether a dataset's name is that of shards: an address, or a folder with an index in it."""
    return is_url(name) or any(Path(name).expanduser().glob(INDEX.format(split="*")))


def load_shards(name: str, split: str, size: int) -> ShardedPairs:
    """The pairs of one split ("train", "val" or "test") of a folder of shards, or of the address of one, at size x size.

    Where there are no shards for "test", "val" takes their place. DataError where there is no index or where it is damaged,
    DownloadError where a server does not answer.
    """
    place: Place = Web(name) if is_url(name) else Folder(Path(name).expanduser())
    for part in dict.fromkeys([split, "val" if split == "test" else split]):
        file = INDEX.format(split=part)
        data = place.read_whole(file)
        if data is not None:
            index = Index.from_json(data, f"{place.name}/{file}")
            if isinstance(place, Web):
                place.whole = {shard.file: (shard.bytes, shard.sha256) for shard in index.shards}
            return ShardedPairs(place, index, size)
    raise DataError(f"There is no {INDEX.format(split=split)} at {place.name}; `p2p data shard` makes shards with their index.")
