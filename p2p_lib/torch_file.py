"""The files of `torch.save`, both kinds: what their pickle says (`unpickle`, which runs nothing), and the numbers of their tensors.

Since 1.6 torch writes a zip archive: the pickle is ``FOLDER/data.pkl``, and every storage is a record ``FOLDER/data/KEY``, which is
not compressed. Before that it wrote five pickles one after the other (a magic number, a version, the machine's habits, the content,
the keys of the storages), and then the storages, each after its number of elements. What a file declares is believed only as far as
the file is long.
"""

from __future__ import annotations

import contextlib
import io
import math
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from p2p_lib import unpickle
from p2p_lib.inert import DamagedError, Storage, StoredTensor

MAGIC = 0x1950A86A20F9469CFC6C  # the first pickle of the older kind
LONGEST_READ = 1 << 24  # bytes: of a pickle and of an archive's list of records; those of a large network have some 100 kB
CHUNK = 1 << 20
MOST_REPEATED = 1 << 30  # bytes by which the tensors may be larger than their file, since a view can repeat its numbers
MOST_DIMENSIONS = 64
LARGEST = 1 << 40  # of a size, a stride or an offset

DTYPES = {
    "FloatStorage": torch.float32,
    "DoubleStorage": torch.float64,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
    "ComplexFloatStorage": torch.complex64,
    "ComplexDoubleStorage": torch.complex128,
}

Place = Callable[[Storage], contextlib.AbstractContextManager[BinaryIO]]
"""The file where the bytes of a storage begin; DamagedError where there is no such storage, or one of another size."""


@contextlib.contextmanager
def opened(path: Path) -> Iterator[tuple[Any, Callable[[StoredTensor], Tensor]]]:
    """What the pickle in a file holds, and what reads a tensor of it, on the CPU, as long as the file is open.

    RefusedError where the pickle asks for a call; DamagedError, OSError or whatever `zipfile` raises where the file is broken or of
    another kind. Tensors that share a storage in the file share it here.
    """
    with _ShortReads(io.FileIO(path)) as file:
        size = path.stat().st_size
        is_zip = file.read(2) == b"PK"
        file.seek(0)
        content, place = _read_zip(file) if is_zip else _read_legacy(file, size)
        yield content, _Tensors(place, size).tensor


class _ShortReads(io.BufferedReader):
    """Gives no more at once than a pickle may be long, so that a number in a broken file cannot ask for all memory."""

    def read(self, size: int | None = -1, /) -> bytes:
        everything = size is None or size < 0
        read = super().read(LONGEST_READ + 1 if everything else min(size, LONGEST_READ + 1))
        if len(read) > LONGEST_READ:
            raise DamagedError("a part of it is too long")
        return read


class _Tensors:
    """The tensors of a file; each storage is read once, when the first of its tensors is asked for."""

    def __init__(self, place: Place, size: int) -> None:
        self.place = place
        self.unread = size
        self.room = size + MOST_REPEATED
        self.storages: dict[Storage, Tensor] = {}
        self.tensors: dict[StoredTensor, Tensor] = {}

    def tensor(self, stored: StoredTensor) -> Tensor:
        if stored not in self.tensors:
            self.room -= _checked_bytes(stored)
            if self.room < 0:
                raise DamagedError(f"its tensors claim to be more than {MOST_REPEATED >> 30} GB larger than the file")
            flat = self.storage(stored.storage)
            self.tensors[stored] = flat.as_strided(tuple(stored.size), tuple(stored.stride), stored.offset)
        return self.tensors[stored]

    def storage(self, storage: Storage) -> Tensor:
        if storage not in self.storages:
            dtype = _dtype(storage)
            count = storage.count * dtype.itemsize
            with self.place(storage) as file:
                self.unread -= count
                if self.unread < 0:  # records may overlap
                    raise DamagedError("it claims to hold more numbers than fit into it")
                self.storages[storage] = _bytes(file, count).view(dtype)
        return self.storages[storage]


def _read_zip(file: BinaryIO) -> tuple[Any, Place]:
    """What the archive's pickle holds, and where its storages are."""
    archive = zipfile.ZipFile(file)
    records = {info.filename: info for info in archive.infolist()}
    pickles = [name for name in records if name.count("/") == 1 and name.endswith("/data.pkl")]
    if len(pickles) != 1 or len(records) != len(archive.infolist()):
        raise DamagedError("it is a zip archive, but not one of torch.save")
    folder = pickles[0].partition("/")[0]
    if f"{folder}/constants.pkl" in records:
        raise DamagedError("it is a program of torch.jit.save, not weights")
    order = records.get(f"{folder}/byteorder")
    if order is not None and _stored(archive, order).read(LONGEST_READ) != b"little":
        raise DamagedError("its numbers are big-endian")

    def place(storage: Storage) -> BinaryIO:
        info = records.get(f"{folder}/data/{storage.key}")
        if info is None or info.file_size != storage.count * _dtype(storage).itemsize:
            raise DamagedError("the numbers of a tensor are missing")
        return _stored(archive, info)

    with _stored(archive, records[pickles[0]]) as record:
        content, _ = unpickle.read(io.BytesIO(record.read(LONGEST_READ)))
    return content, place


def _stored(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> BinaryIO:
    if info.compress_type != zipfile.ZIP_STORED:
        raise DamagedError("it is compressed, which torch.save never does")
    return archive.open(info)


def _read_legacy(file: BinaryIO, size: int) -> tuple[Any, Place]:
    """The same for a file of torch before 1.6."""
    head = io.BytesIO(file.read(LONGEST_READ))
    magic, _ = unpickle.read(head)
    if magic != MAGIC:
        raise DamagedError("it is a pickle, but not one of torch.save")
    unpickle.read(head)  # the version is 1001 in all
    habits, _ = unpickle.read(head)
    if type(habits) is not dict or habits.get("little_endian") is not True:
        raise DamagedError("its numbers are big-endian")
    content, storages = unpickle.read(head)
    keys, _ = unpickle.read(head)
    places = _places(file, size, head.tell(), _named(keys, storages))

    @contextlib.contextmanager
    def place(storage: Storage) -> Iterator[BinaryIO]:
        file.seek(places[storage])
        yield file

    return content, place


def _named(keys: Any, storages: dict[str, Storage]) -> list[Storage]:
    """The storages in the order in which their numbers follow."""
    if type(keys) is not list or not all(type(key) is str and key in storages for key in keys) or len(keys) != len(storages):
        raise DamagedError("the list of its tensors is wrong")
    return [storages[key] for key in keys]


def _places(file: BinaryIO, size: int, position: int, storages: list[Storage]) -> dict[Storage, int]:
    """Where the numbers of every storage begin."""
    places = {}
    for storage in storages:
        file.seek(position)
        if int.from_bytes(file.read(8), "little") != storage.count:
            raise DamagedError("it does not hold the numbers that it claims")
        places[storage] = position + 8
        position += 8 + storage.count * _dtype(storage).itemsize
        if position > size:
            raise DamagedError("it is cut off")
    return places


def _dtype(storage: Storage) -> torch.dtype:
    """Of storages as torch.save has always called them, also those that were on a GPU."""
    module, _, name = storage.kind.rpartition(".")
    if module not in ("torch", "torch.cuda") or name not in DTYPES:
        raise DamagedError("a tensor of it has numbers of an unknown kind")
    return DTYPES[name]


def _bytes(file: BinaryIO, count: int) -> Tensor:
    """The next `count` bytes, uint8 (count,)."""
    flat = torch.empty(count, dtype=torch.uint8)
    view = memoryview(flat.numpy())
    for start in range(0, count, CHUNK):
        part = view[start : start + CHUNK]
        read = file.read(len(part))
        if len(read) != len(part):
            raise DamagedError("it is cut off")
        part[:] = read
    return flat


def _checked_bytes(stored: StoredTensor) -> int:
    """How many bytes a tensor would take on its own; DamagedError where it reaches beyond its storage."""
    size, stride = stored.size, stored.stride
    if not (_are_whole(size) and _are_whole(stride) and _are_whole([stored.offset])) or len(size) != len(stride):
        raise DamagedError("a tensor of it has an impossible shape")
    steps = sum((count - 1) * step for count, step in zip(size, stride, strict=True))
    if 0 not in size and stored.offset + steps >= stored.storage.count:
        raise DamagedError("a tensor of it reaches beyond its numbers")
    return math.prod(max(count, 1) for count in size) * _dtype(stored.storage).itemsize


def _are_whole(numbers: Any) -> bool:
    """Whether these can be sizes or strides."""
    if type(numbers) not in (tuple, list) or len(numbers) > MOST_DIMENSIONS:
        return False
    return all(type(number) is int and 0 <= number < LARGEST for number in numbers)
