"""Broken files of weights by the thousand: each is refused or read rightly, and none crashes, hangs or takes much memory.

    python tests/fuzz_state_dicts.py 2000 --seed 7

Good files of every kind are damaged at random, either anywhere in their bytes or in the instructions of their pickle (an archive
then gets the checksum of its new pickle, else nothing behind the checksum would ever be reached). They are read in a process of
its own, so that a crash is seen. Where a damaged file is read all the same, its tensors must be what `torch.load` says, or, in an
archive, whose checksums cover every number, what the good file held.
"""

from __future__ import annotations

import argparse
import io
import itertools
import pickletools
import random
import subprocess
import sys
import tempfile
import time
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from torch import Tensor, nn

from p2p_lib.errors import CheckpointError
from p2p_lib.state_dicts import read_state_dict

MOST_SECONDS = 10  # a file
MOST_MEMORY = 1 << 30  # bytes beyond what the process had before the first file
INTERESTING = (b"\x00", b"\xff", b"\x7f", b"\x80", b".", b"R", b"b", b"}", b"(", b"\xff\xff\xff\x7f", b"\xff" * 8)


def network() -> nn.Module:
    """Some of all that a pickled network may hold."""
    torch.manual_seed(0)
    block = nn.Sequential(nn.Conv2d(2, 3, 4), nn.BatchNorm2d(3), nn.LeakyReLU(0.2, inplace=True))
    net = nn.Sequential(block, nn.ConvTranspose2d(3, 2, 4), nn.ModuleDict({"again": block}))
    net.register_buffer("passing", torch.ones(2), persistent=False)
    net.register_buffer("turned", torch.arange(6).reshape(2, 3).T)
    return net


def specimens() -> dict[str, bytes]:
    """Good files, by the name that says their kind."""
    net = network()
    optimizer = torch.optim.Adam(net.parameters())
    contents = {"weights": net.state_dict(), "module": net}
    contents["several"] = {"gen_state_dict": net.state_dict(), "gen_op_state_dict": optimizer.state_dict()}
    contents["several"] |= {"epoch": 3, "best": np.float64(0.25), "steps": np.int64(7)}
    files = {}
    for name, content in contents.items():
        for kind in ("zip", "legacy"):
            file = io.BytesIO()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the older kind wants the classes' source
                torch.save(content, file, _use_new_zipfile_serialization=kind == "zip")
            files[f"{name}.{kind}"] = file.getvalue()
    tensors = {key: value.contiguous() for key, value in network().state_dict().items() if "again" not in key}
    return files | {"weights.safetensors": safetensors.torch.save(tensors)}


def broken_bytes(data: bytes, rng: random.Random) -> bytes:
    """A file with a few bytes flipped, replaced, cut, moved, left out or put in."""
    data = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 5))):
        at, other = rng.randrange(len(data) or 1), rng.randrange(len(data) or 1)
        length = rng.choice((1, 2, 8, 64, 500))
        match rng.randrange(6):
            case 0 if data:
                data[at] ^= 1 << rng.randrange(8)
            case 1:
                data[at : at + 1] = rng.choice(INTERESTING)
            case 2:
                del data[at:]
            case 3:
                data[at : at + length] = data[other : other + length]
            case 4:
                del data[at : at + length]
            case 5:
                data[at:at] = rng.randbytes(length)
    return bytes(data)


def broken_pickle(data: bytes, rng: random.Random) -> bytes:
    """A pickle with a few instructions left out, repeated, swapped or given another's argument."""
    marks = [position for _, _, position in pickletools.genops(data)] + [len(data)]
    steps = [data[start:end] for start, end in itertools.pairwise(marks)]
    for _ in range(rng.choice((1, 1, 2, 4))):
        at, other = rng.randrange(len(steps) - 1), rng.randrange(len(steps) - 1)
        match rng.randrange(5):
            case 0:
                del steps[at]
            case 1:
                steps.insert(at, steps[other])
            case 2:
                steps[at], steps[other] = steps[other], steps[at]
            case 3:
                steps[at] = steps[at][:1] + steps[other][1:]
            case 4:
                steps[at] = rng.choice(pickletools.opcodes).code.encode("latin-1") + steps[at][1:]
    return b"".join(steps)


def split_legacy(data: bytes) -> tuple[bytes, bytes, bytes]:
    """What is before, in and behind the fourth pickle of the older kind of file."""
    file, ends = io.BytesIO(data), []
    for _ in range(4):
        for _ in pickletools.genops(file):
            pass
        ends.append(file.tell())
    return data[: ends[2]], data[ends[2] : ends[3]], data[ends[3] :]


def with_broken_pickle(data: bytes, rng: random.Random) -> bytes:
    """The same file around a broken pickle."""
    if not zipfile.is_zipfile(io.BytesIO(data)):
        before, content, behind = split_legacy(data)
        return before + broken_pickle(content, rng) + behind
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(made, "w") as new:
        for info in old.infolist():
            record = old.read(info)
            new.writestr(info.filename, broken_pickle(record, rng) if info.filename.endswith("data.pkl") else record)
    return made.getvalue()


def mutants(count: int, seed: int) -> Iterator[tuple[str, bytes, bytes]]:
    """Kind, good file and broken file, `count` times."""
    rng, files = random.Random(seed), list(specimens().items())
    for i in range(count):
        kind, good = files[i % len(files)]
        in_pickle = not kind.endswith("safetensors") and rng.random() < 0.6
        yield f"{kind} ({'pickle' if in_pickle else 'bytes'})", good, (with_broken_pickle if in_pickle else broken_bytes)(good, rng)


def same(ones: dict[str, Tensor], others: object) -> bool:
    """Whether all tensors are equal, bit for bit."""
    if not isinstance(others, dict) or list(ones) != list(others):
        return False
    pairs = [(one, others[key]) for key, one in ones.items()]
    return all(one.dtype == other.dtype and one.shape == other.shape and bits(one).equal(bits(other)) for one, other in pairs)


def bits(tensor: Tensor) -> Tensor:
    return tensor.detach().contiguous().flatten().view(torch.uint8)


def check(path: Path, kind: str, good: bytes, broken: bytes, expected: dict[str, Tensor]) -> str:
    """Read a broken file: "refused", "unchanged" or "changed"; AssertionError where the answer is wrong."""
    path.write_bytes(broken)
    try:
        read = read_state_dict(path)
    except CheckpointError as error:
        assert str(error).startswith(str(path)) and "\n" not in str(error), error
        return "refused"
    for tensor in read.values():
        bits(tensor).max() if tensor.numel() else None  # touches every number
    if same(read, expected):
        return "unchanged"
    assert "zip (bytes)" not in kind, f"{kind}: another answer in spite of the checksums"
    try:
        theirs = torch.load(path, weights_only=True)
    except Exception:  # ours keeps whole modules, and names that it need not understand
        return "changed"
    if isinstance(theirs, dict) and all(isinstance(value, Tensor) for value in theirs.values()):
        assert same(read, theirs), f"{kind}: torch.load gives another answer"
    return "changed"


def most_memory() -> int:
    """The most bytes that this process has had so far."""
    import resource  # not on Windows

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


def fuzz(count: int, seed: int, folder: Path) -> dict[str, int]:
    """How many of the broken files had which end; a file that should not pass stays in the folder."""
    ends: dict[str, int] = {}
    answers: dict[bytes, dict[str, Tensor]] = {}
    path = folder / "broken.pth"
    for kind, good, broken in mutants(count, seed):
        if good not in answers:
            path.write_bytes(good)
            answers[good] = read_state_dict(path)
        before, memory = time.perf_counter(), most_memory()
        end = check(path, kind, good, broken, answers[good])
        assert time.perf_counter() - before < MOST_SECONDS, f"{kind} takes too long"
        assert (most_memory() - memory) < MOST_MEMORY, f"{kind} takes too much"
        ends[f"{kind}: {end}"] = ends.get(f"{kind}: {end}", 0) + 1
    return ends


def main() -> None:
    parser = argparse.ArgumentParser(description="Read broken files of weights.")
    parser.add_argument("count", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)  # given to the process that reads
    arguments = parser.parse_args()
    if arguments.folder:
        ends = fuzz(arguments.count, arguments.seed, arguments.folder)
        print("\n".join(f"{number:6} {end}" for end, number in sorted(ends.items())))
        return
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, str(arguments.count), "--seed", str(arguments.seed), "--folder", folder]
        code = subprocess.run(command, timeout=60 + arguments.count).returncode
        if code:
            kept = Path("broken.pth")
            kept.write_bytes((Path(folder) / "broken.pth").read_bytes())
            sys.exit(f"It ended with {code}; the file is {kept}.")


if __name__ == "__main__":
    main()
