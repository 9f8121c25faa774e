"""Files of weights: what torch itself gives is read, bit for bit, and every other file is refused in a sentence."""

from __future__ import annotations

import io
import pickle
import struct
import subprocess
import sys
import warnings
import zipfile
import zlib
from pathlib import Path
from typing import Any

import fuzz_state_dicts
import numpy as np
import pytest
import safetensors.torch
import torch
from helpers import python_path
from torch import Tensor, nn

from p2p_lib import torch_file
from p2p_lib.errors import CheckpointError
from p2p_lib.state_dicts import read_state_dict, state_dicts

KINDS = ("zip", "legacy")
THEIRS = """
import torch
from torch import nn

class Block(nn.Module):
    def __init__(self, channels, deeper=None):
        super().__init__()
        self.names = {"a": [1, 2.5, "x"], (1, 2): None, 3: {"set"}}
        self.size, self.device, self.dtype = torch.Size([1, 2]), torch.device("cpu"), torch.float16
        self.activation, self.other, self.kind = nn.functional.gelu, nn.functional.relu, nn.Conv2d
        self.conv = nn.ConvTranspose2d(channels, 3, 4, 2, 1, bias=False)
        self.norm = nn.BatchNorm2d(3)
        self.relu = nn.LeakyReLU(0.2, inplace=True)
        self.deeper = deeper
        self.register_module("none", None)
        self.register_parameter("scale", nn.Parameter(torch.rand(3)))
        self.register_parameter("unused", None)
        self.register_buffer("grid", torch.arange(6).reshape(2, 3).T)
        self.register_buffer("absent", None)
        self.register_buffer("passing", torch.ones(9), persistent=False)
        self.modern = nn.Buffer(torch.rand(2)) if hasattr(nn, "Buffer") else None  # since torch 2.5
        self.plain = torch.rand(4)
        self.register_forward_hook(hook)

def hook(*given):
    pass

class Generator(nn.Sequential):
    def __init__(self):
        super().__init__(Block(2, Block(4)), nn.Sequential(nn.Tanh(), nn.InstanceNorm2d(2)), nn.ModuleList([Block(1)]))
        self.last = nn.utils.spectral_norm(nn.Conv2d(3, 3, 3))
        self.again = self[0]
        self.list = nn.ParameterList([nn.Parameter(torch.rand(2)), nn.Parameter(torch.rand(1), requires_grad=False)])
"""
SAVING = """
import torch, theirs
torch.manual_seed(1)
net = theirs.Generator()
other = torch.nn.DataParallel(torch.nn.Linear(2, 3))
torch.save({k: v.clone() for k, v in net.state_dict().items()}, "expected.pth")
for kind in ("zip", "legacy"):
    for protocol in (2, 3, 4):
        torch.save(net, f"net.{protocol}.{kind}", pickle_protocol=protocol, _use_new_zipfile_serialization=kind == "zip")
    torch.save({"generator": net, "discriminator": other, "epoch": 3}, f"both.{kind}", _use_new_zipfile_serialization=kind == "zip")
"""


def save(content: Any, path: Path | str, kind: str = "zip", protocol: int = 2) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the older kind wants the source of classes
        torch.save(content, path, pickle_protocol=protocol, _use_new_zipfile_serialization=kind == "zip")
    return Path(path)


def assert_same(read: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert list(read) == list(expected)
    for key, value in expected.items():
        assert (read[key].dtype, read[key].shape, read[key].stride()) == (value.dtype, value.shape, value.stride()), key
        assert torch.equal(fuzz_state_dicts.bits(read[key]), fuzz_state_dicts.bits(value)), key
        assert not read[key].requires_grad


@pytest.fixture(scope="module")
def theirs(tmp_path_factory) -> Path:
    """Whole modules, of classes that are not to be found any more."""
    folder = tmp_path_factory.mktemp("theirs")
    (folder / "hidden").mkdir()
    (folder / "hidden" / "theirs.py").write_text(THEIRS)
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the older kind wants the source of classes
        patch.syspath_prepend(folder / "hidden")
        patch.chdir(folder)
        exec(SAVING, {})
    del sys.modules["theirs"]
    return folder


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_whole_modules_give_their_state_dict(theirs, kind, protocol):
    expected = torch.load(theirs / "expected.pth", weights_only=True)
    assert len(expected) > 40
    with pytest.raises((ModuleNotFoundError, AttributeError)):
        torch.load(theirs / f"net.{protocol}.{kind}", weights_only=False)
    assert_same(read_state_dict(theirs / f"net.{protocol}.{kind}"), expected)
    assert "theirs" not in sys.modules


@pytest.mark.parametrize("kind", KINDS)
def test_modules_in_a_dict(theirs, kind):
    read = state_dicts(theirs / f"both.{kind}")
    assert {name: len(entries) for name, entries in read.items()} == {
        "generator": len(torch.load(theirs / "expected.pth", weights_only=True)),
        "discriminator": 2,
    }
    assert list(read["discriminator"]) == ["module.weight", "module.bias"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_state_dicts_as_torch_reads_them(tmp_path, kind, protocol):
    base = torch.arange(24.0)
    content = {
        **{str(dtype): torch.arange(-5, 5).to(dtype) for dtype in torch_file.DTYPES.values()},
        "turned": base.reshape(4, 6).T,
        "part": base[3:9:2],
        "wide": torch.rand(1).expand(1000, 3),
        "none": torch.zeros(0, 3),
        "one": torch.tensor(7),
        "not finite": torch.tensor([float("nan"), float("inf"), -0.0]),
        "parameter": nn.Parameter(torch.rand(2, 2)),
        "ä.weight": torch.rand(3),
    }
    path = save(content, tmp_path / "weights.pth", kind, protocol)
    expected = torch.load(path, weights_only=False)  # the cautious way of torch does not know protocol 4
    read = read_state_dict(path)
    assert_same(read, {key: value.detach() for key, value in expected.items()})
    assert read["turned"].untyped_storage().data_ptr() == read["part"].untyped_storage().data_ptr()


def test_safetensors(tmp_path):
    expected = {"a": torch.rand(2, 3).half(), "b": torch.arange(3)}
    safetensors.torch.save_file(expected, tmp_path / "weights.bin")  # the name does not matter
    assert_same(read_state_dict(tmp_path / "weights.bin"), expected)


@pytest.mark.parametrize("kind", KINDS)
def test_several_networks_without_their_optimisers(tmp_path, kind):
    G, D = nn.Conv2d(1, 2, 3), nn.Linear(2, 2)
    optimizers = [torch.optim.Adam(net.parameters()) for net in (G, D)]
    for net, optimizer in zip((G, D), optimizers, strict=True):
        sum(p.sum() for p in net.parameters()).backward()
        optimizer.step()
    states = [optimizer.state_dict() for optimizer in optimizers]
    content = {"dis_state_dict": D.state_dict(), "gen_state_dict": G.state_dict(), "epoch": 3, "losses": [0.5, 0.25]}
    path = save(content | {"dis_op_state_dict": states[1], "gen_op_state_dict": states[0]}, tmp_path / "run.tar", kind)
    assert {name: list(entries) for name, entries in state_dicts(path).items()} == {
        "dis_state_dict": ["weight", "bias"],
        "gen_state_dict": ["weight", "bias"],
    }
    assert_same(read_state_dict(path), G.state_dict())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("protocol", [2, 4])
def test_numbers_of_numpy_beside_a_network(tmp_path, kind, protocol):
    """What training loops write down."""
    G = nn.Conv2d(1, 2, 3)
    G.best = np.float64(0.25)
    facts = {
        "best_loss": np.float64(0.25),
        "epoch": np.int64(12),
        "losses": [np.float32(1), np.float32(2)],
        "done": np.bool_(False),
    }
    path = save({"netG": G.state_dict(), **facts}, tmp_path / "run.pth", kind, protocol)
    assert_same(read_state_dict(path), G.state_dict())
    assert_same(read_state_dict(save({"netG": G, **facts}, path, kind, protocol)), G.state_dict())


def weights(value: float) -> dict[str, Tensor]:
    return {"weight": torch.full((2,), value)}


ONE, TWO = weights(1), weights(2)


@pytest.mark.parametrize(
    ("content", "names", "chosen"),
    [
        (ONE, ["network"], 1),
        ({"state_dict": ONE}, ["state_dict"], 1),
        ({"model": ONE, "epoch": 1}, ["model"], 1),
        ({"adam": {"state": {"weight": {"exp_avg": torch.zeros(2)}}, "param_groups": []}, "model": ONE}, ["model"], 1),
        ({"model": ONE, "state_dict": ONE}, ["model"], 1),
        ({"state_dict": ONE, "ema": TWO}, ["state_dict", "ema"], 1),
        ({"netD": ONE, "netG": TWO}, ["netD", "netG"], 2),
        ({"D": ONE, "G": TWO}, ["D", "G"], 2),
        ({"modelD": ONE, "modelG_state_dict": TWO}, ["modelD", "modelG_state_dict"], 2),
        ({"discriminator": ONE, "generator": TWO}, ["discriminator", "generator"], 2),
        ({"models": {"gen": ONE, "aged": TWO}}, ["models.gen", "models.aged"], 1),
        ({"G_A": ONE, "G_B": TWO}, ["G_A", "G_B"], None),
        ({"encoder": ONE, "decoder": TWO}, ["encoder", "decoder"], None),
    ],
)
def test_names_and_the_generator(tmp_path, content, names, chosen):
    path = save(content, tmp_path / "weights.pth")
    assert list(state_dicts(path)) == names
    if chosen is None:
        with pytest.raises(CheckpointError, match=rf"weights.pth holds 2 networks \({names[0]}, {names[1]}\); save the state"):
            read_state_dict(path)
    else:
        assert read_state_dict(path)["weight"][0] == chosen


@pytest.mark.parametrize("content", [{}, [], 3, torch.zeros(3), [ONE], {"weight": torch.zeros(1), "epoch": 1}, nn.ReLU(), {1: ONE}])
def test_files_without_a_network(tmp_path, content):
    with pytest.raises(CheckpointError, match=r"weights.pth holds no state dict, which is a dict of named tensors; save"):
        read_state_dict(save(content, tmp_path / "weights.pth"))


def archive(records: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as made:
        for name, content in records.items():
            made.writestr(name, content)
    return file.getvalue()


def saved(content: Any, kind: str = "zip") -> bytes:
    file = io.BytesIO()
    torch.save(content, file, _use_new_zipfile_serialization=kind == "zip")
    return file.getvalue()


def records(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        return {info.filename: file.read(info) for info in file.infolist()}


GOOD = {kind: saved({"weight": torch.rand(300)}, kind) for kind in KINDS}
GOOD["safetensors"] = safetensors.torch.save({"weight": torch.rand(300)})
RECORDS = records(GOOD["zip"])
NUMPY = io.BytesIO()
np.savez(NUMPY, weight=np.zeros(3))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is empty; expected are the weights of a network"),
        (b"\n <!DOCTYPE html><html>Quota exceeded</html>", "is a web page; expected are"),
        (b"\xef\xbb\xbf<HTML>", "is a web page"),
        (b"weights/netG.pth".ljust(257, b"\0") + b"ustar\x0000" + bytes(300), "is a tar archive"),
        (b"Quota exceeded", "is damaged, or no file of weights"),
        (bytes(1000), "is damaged, or no file of weights"),
        (GOOD["zip"][:-500], "is damaged"),
        (GOOD["zip"][:1000], "is damaged"),
        (GOOD["legacy"][:-1], r"is damaged, or no file of weights \(it is cut off\); fetch it again"),
        (GOOD["legacy"][:50], "is damaged"),
        (GOOD["legacy"].replace(b"little_endian", b"little_indian"), "big-endian"),
        (GOOD["safetensors"][:-1], "is damaged"),
        (GOOD["safetensors"][:20], "is damaged"),
        (b"\xff" * 7 + b"\x7f" + GOOD["safetensors"][8:], "is damaged"),
        (GOOD["zip"].replace(RECORDS["archive/data/0"], RECORDS["archive/data/0"][:-1] + b"\0"), "Bad CRC-32"),
        (NUMPY.getvalue(), r"damaged, or no file of weights \(it is a zip archive, but not one of torch.save\)"),
        (archive({}), "not one of torch.save"),
        (archive(RECORDS | {"archive/constants.pkl": b""}), "it is a program of torch.jit.save, not weights"),
        (archive(RECORDS | {"archive/byteorder": b"big"}), "its numbers are big-endian"),
        (archive(RECORDS | {"other/data.pkl": RECORDS["archive/data.pkl"]}), "not one of torch.save"),
        (archive(RECORDS, zipfile.ZIP_DEFLATED), "it is compressed"),
        (archive({key: value for key, value in RECORDS.items() if key != "archive/data/0"}), "numbers of a tensor are missing"),
        (archive(RECORDS | {"archive/data/0": bytes(1201)}), "numbers of a tensor are missing"),
        (pickle.dumps({"weight": [1]}), "it is a pickle, but not one of torch.save"),
        (GOOD["legacy"] + b"more", None),
    ],
)
def test_broken_files(tmp_path, data, said):
    path = tmp_path / "weights.pth"
    path.write_bytes(data)
    if said is None:
        assert list(read_state_dict(path)) == ["weight"]
        return
    with pytest.raises(CheckpointError, match=said) as caught:
        read_state_dict(path)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(f"{path} ")


def test_truncated_where_no_network_is(tmp_path):
    path = tmp_path / "weights.pth"
    path.write_bytes(saved({"model": ONE, "history": [torch.rand(9) for _ in range(30)]}, "legacy")[:-1])
    with pytest.raises(CheckpointError, match="it is cut off"):
        read_state_dict(path)


def test_missing_files(tmp_path):
    for path in (tmp_path / "weights.pth", tmp_path):
        with pytest.raises(CheckpointError, match="There is no file"):
            read_state_dict(path)


def opcodes(value: Any) -> bytes:
    return pickle.dumps(value, protocol=2)[2:-1]


def tensor(size: Any, stride: Any, offset: Any = 0, kind: str = "FloatStorage", key: str = "0", count: Any = 300) -> bytes:
    """The instructions of one tensor."""
    place = b"(" + opcodes("storage") + f"ctorch\n{kind}\n".encode() + opcodes(key) + opcodes("cpu") + opcodes(count) + b"tQ"
    view = b"".join(map(opcodes, (offset, size, stride, False, {})))
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + place + view + b"tR"


def read_entries(path: Path, entries: dict[str, bytes]) -> dict[str, Tensor]:
    content = b"}(" + b"".join(opcodes(key) + value for key, value in entries.items()) + b"u."
    path.write_bytes(archive(RECORDS | {"archive/data.pkl": content}))
    return read_state_dict(path)


@pytest.mark.parametrize(
    ("size", "stride", "offset", "said"),
    [
        ((300,), (1,), 0, None),
        ((10, 30), (30, 1), 0, None),
        ((1, 300), (10**9, 1), 0, None),
        ((100, 100), (0, 1), 200, None),
        ((0,), (1,), 0, None),
        ((0, 2**39), (1, 1), 0, "GB larger than the file"),
        ((301,), (1,), 0, "reaches beyond its numbers"),
        ((300,), (1,), 1, "reaches beyond its numbers"),
        ((2,), (300,), 0, "reaches beyond its numbers"),
        ((), (), 300, "reaches beyond its numbers"),
        ((2,), (-1,), 1, "impossible shape"),
        ((-1,), (1,), 0, "impossible shape"),
        ((1,), (1,), -1, "impossible shape"),
        ((True,), (1,), 0, "impossible shape"),
        ((1.0,), (1,), 0, "impossible shape"),
        ((1,), (1, 1), 0, "impossible shape"),
        (3, 1, 0, "impossible shape"),
        ("3", "1", 0, "impossible shape"),
        ((2**70,), (0,), 0, "impossible shape"),
        ((1,) * 65, (1,) * 65, 0, "impossible shape"),
        ((2**28 + 10**6,), (0,), 0, "more than 1 GB larger than the file"),
        ((2**39, 2**39), (0, 0), 0, "GB larger than the file"),
    ],
)
def test_tensors_stay_within_their_numbers(tmp_path, size, stride, offset, said):
    path = tmp_path / "weights.pth"
    if said is None:
        value = read_entries(path, {"weight": tensor(size, stride, offset)})["weight"]
        flat = torch.frombuffer(bytearray(RECORDS["archive/data/0"]), dtype=torch.float32)
        assert torch.equal(value, flat.as_strided(size, stride, offset))
    else:
        with pytest.raises(CheckpointError, match=said):
            read_entries(path, {"weight": tensor(size, stride, offset)})


def test_storages_are_what_they_are_said_to_be(tmp_path):
    path, whole = tmp_path / "weights.pth", tensor((1,), (1,))
    assert list(read_entries(path, {"a": whole, "b": whole})) == ["a", "b"]
    for other, said in [
        (tensor((1,), (1,), kind="IntStorage"), "numbers of two kinds in one place"),
        (tensor((1,), (1,), kind="QInt8Storage", key="1"), "numbers of an unknown kind"),
        (tensor((1,), (1,), key="1"), "numbers of a tensor are missing"),
        (tensor((1,), (1,), key="../version"), "numbers of a tensor are missing"),
    ]:
        with pytest.raises(CheckpointError, match=said):
            read_entries(path, {"a": whole, "b": other})
    for count in (299, 301, 0, -1, 2**62, -(2**62)):
        with pytest.raises(CheckpointError, match="are missing|beyond its numbers"):
            read_entries(path, {"a": tensor((1,), (1,), count=count)})


def test_expanded_tensors_are_counted_together(tmp_path):
    wide = tensor((2**27,), (0,))  # half a gigabyte
    with pytest.raises(CheckpointError, match="GB larger than the file"):
        read_entries(tmp_path / "weights.pth", {"a": wide, "b": wide, "c": wide})


def test_archive_whose_records_overlap(tmp_path):
    """Every record is the rest of the file, with the next one's header in it; together they are many times as long."""
    rest, infos = bytes(20_000), []
    for i in reversed(range(50)):
        info = zipfile.ZipInfo(f"archive/data/{i}")
        info.file_size = info.compress_size = len(rest)
        info.CRC = zlib.crc32(rest)
        infos.insert(0, info)
        rest = info.FileHeader() + rest
    entries = [opcodes(str(i)) + tensor((1,), (1,), 0, "ByteStorage", str(i), info.file_size) for i, info in enumerate(infos)]
    path = tmp_path / "weights.pth"
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("archive/data.pkl", b"}(" + b"".join(entries) + b"u.")
        offset = made.fp.tell()
        made.fp.write(rest)
        made.start_dir = made.fp.tell()
        for info in infos:
            info.header_offset = offset
            offset += len(info.FileHeader())
            made.filelist.append(info)
    with zipfile.ZipFile(path) as made:
        assert sum(info.file_size for info in made.infolist()) > 30 * path.stat().st_size
    with pytest.raises(CheckpointError, match=r"more numbers than fit into it|Overlapped"):  # newer zipfile sees it first
        read_state_dict(path)


def test_archive_with_an_endless_list_of_records(tmp_path):
    path = tmp_path / "weights.pth"
    bomb = b"PK\x01\x02" + bytes(42)
    list_ = bomb * (torch_file.LONGEST_READ // len(bomb) + 2)
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, len(list_), 0, 0)
    path.write_bytes(list_ + end)
    with pytest.raises(CheckpointError, match="a part of it is too long"):
        read_state_dict(path)


def module(**parts: bytes) -> bytes:
    """The instructions of an object with what makes a module."""
    state = {"_parameters": b"}", "_buffers": b"}", "_modules": b"}"} | parts
    return b"cany\nNet\n)\x81}(" + b"".join(opcodes(key) + value for key, value in state.items()) + b"ub"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (module(_modules=b"}X\x01\x00\x00\x00aK\x01s"), "modules is none"),
        (module(_parameters=b"}X\x01\x00\x00\x00aK\x01s"), "parameters is no tensor"),
        (module(_buffers=b"}X\x02\x00\x00\x00a\nK\x01s"), "an impossible name"),
        (module(_parameters=b"}K\x01K\x01s"), "is damaged"),
        (module(_non_persistent_buffers_set=b"K\x01", _buffers=b"}X\x01\x00\x00\x00aK\x01s"), "is no tensor"),
        (module(_modules=b"]"), "no state dict"),
    ],
)
def test_broken_modules(tmp_path, content, said):
    path = tmp_path / "weights.pth"
    path.write_bytes(archive(RECORDS | {"archive/data.pkl": content + b"."}))
    with pytest.raises(CheckpointError, match=said):
        read_state_dict(path)


def test_modules_within_themselves_and_doubled(tmp_path):
    inner = nn.Linear(1, 1)
    for _ in range(60):
        outer = nn.Module()
        outer.a = outer.b = inner
        inner = outer
    with pytest.raises(CheckpointError, match="more than 100,000 entries"):
        read_state_dict(save(inner, tmp_path / "doubled.pth"))
    net = nn.Linear(1, 1)
    net._modules["itself"] = net
    with pytest.raises(CheckpointError, match="too deep in each other"):
        read_state_dict(save(net, tmp_path / "endless.pth"))


def test_dicts_that_name_each_other(tmp_path):
    content: dict[str, Any] = {str(i): {} for i in range(300)}
    for one in content.values():
        one.update(content)
    with pytest.raises(CheckpointError, match="no state dict"):
        read_state_dict(save(content, tmp_path / "weights.pth"))


def test_fuzzed_files(tmp_path):
    """Some of what `python tests/fuzz_state_dicts.py` does by the thousand."""
    pytest.importorskip("resource")  # not on Windows
    ends = fuzz_state_dicts.fuzz(70, seed=3, folder=tmp_path)
    assert sum(ends.values()) == 70
    assert {end.rpartition(" ")[2] for end in ends} >= {"refused", "unchanged"}


@pytest.mark.slow
def test_many_fuzzed_files():
    script = Path(fuzz_state_dicts.__file__)
    subprocess.run([sys.executable, str(script), "400", "--seed", "5"], check=True, env=python_path(), timeout=400)
