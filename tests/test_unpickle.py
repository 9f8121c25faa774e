"""Hostile files: nothing that a pickle asks for is run or imported, and none takes much time or memory."""

from __future__ import annotations

import contextlib
import copyreg
import io
import os
import pickle
import socket
import subprocess
import sys
import time
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from p2p_lib import inert, unpickle
from p2p_lib.errors import CheckpointError
from p2p_lib.inert import DamagedError, RefusedError
from p2p_lib.state_dicts import read_state_dict

TOUCH = "touch sprung"
FORBIDDEN = {"import", "exec", "compile", "pickle.find_class", "os.system", "subprocess.Popen", "os.posix_spawn", "os.fork"}
FORBIDDEN |= {"socket.connect", "socket.getaddrinfo", "shutil.rmtree", "os.remove", "code.__new__", "ctypes.dlopen"}
HABITS = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}

watched: list[str] | None = None


def watch(event: str, arguments: tuple) -> None:
    """Note what Python itself reports of imports, processes and the like (there is no way to take such a hook off again)."""
    if watched is not None and event in FORBIDDEN:
        watched.append(event)


sys.addaudithook(watch)


class System:
    """Python pickles it as a call of os.system."""

    def __reduce__(self) -> tuple:
        return os.system, (TOUCH,)


class Plain:
    """Any class."""


class Hooked:
    """Springs when it is made, told its state, or given items."""

    def __new__(cls, *arguments: Any, **more: Any) -> Hooked:
        Path("sprung").touch()
        return super().__new__(cls)

    def __setstate__(self, state: Any) -> None:
        Path("sprung").touch()

    def __setitem__(self, key: Any, value: Any) -> None:
        Path("sprung").touch()

    def append(self, item: Any) -> None:
        Path("sprung").touch()

    extend = append

    def __hash__(self) -> int:
        Path("sprung").touch()
        return 1


def text(value: str) -> bytes:
    return b"X" + len(value).to_bytes(4, "little") + value.encode()


def name(dotted: str) -> bytes:
    return "c{}\n{}\n".format(*dotted.rsplit(".", 1)).encode()


def name_through(module: str, attributes: str) -> bytes:
    """Since protocol 4 a name may lead through attributes."""
    return b"\x80\x04" + text(module) + text(attributes) + b"\x93"


def call(function: bytes | str, *arguments: bytes) -> bytes:
    return (name(function) if isinstance(function, str) else function) + b"(" + b"".join(arguments) + b"tR"


def malicious() -> dict[str, tuple[bytes, str]]:
    """Kind -> a pickle without its end, and what our error says."""
    touch, write = text(TOUCH), text("open('sprung', 'w').close()")
    words = b"](" + text("touch") + text("sprung") + b"e"
    system, ours = call("os.system", touch), name(f"{__name__}.Hooked")
    hooked, nothing = ours + b")\x81", "no state dict"
    tensor, partial = b"(NK\x00))\x89", name("functools.partial")
    nested = pickle.dumps(System())
    scalar, float64 = "numpy._core.multiarray.scalar", call("numpy.dtype", text("f8"))
    return {
        "os.system": (system, "to run os.system"),
        "posix.system": (call("posix.system", touch), "to run os.system"),
        "eval": (call("builtins.eval", write), "to run builtins.eval"),
        "eval of Python 2": (call("__builtin__.eval", write), "to run builtins.eval"),
        "exec": (call("builtins.exec", write), "to run builtins.exec"),
        "Popen": (call("subprocess.Popen", words), "to run subprocess.Popen"),
        "getattr": (call(call("builtins.getattr", name("os.path"), text("os")), touch), "to run builtins.getattr"),
        "import and getattr": (
            call(call("builtins.getattr", call("builtins.__import__", text("os")), text("system")), touch),
            "to run builtins.__import__",
        ),
        "import": (call("importlib.import_module", text("springing")), "to run importlib.import_module"),
        "import alone": (name("springing.anything"), nothing),
        "partial": (call(call(partial, name("os.system"), touch)), "to run functools.partial"),
        "partial without a call": (partial + name("os.system") + b"\x85\x81)R", "to run a Instance"),
        "map": (call("builtins.list", call("builtins.map", name("os.system"), b"](" + touch + b"e")), "to run builtins.map"),
        "setstate": (hooked + b"}b", nothing),
        "new": (b"\x80\x04" + ours + touch + b"\x85}\x92", nothing),
        "append": (hooked + b"K\x01a(K\x01e", nothing),
        "set item": (hooked + b"K\x01K\x02s(K\x01K\x02u", nothing),
        "hash": (b"}" + hooked + b"K\x01s", nothing),
        "hash in a set": (b"\x80\x04\x8f(" + hooked + b"\x90", nothing),
        "INST": (f"(S'{TOUCH}'\nios\nsystem\n".encode(), "to run os.system"),
        "OBJ": (b"(" + name("os.system") + touch + b"o", "to run os.system"),
        "extension": (b"\x82\xf7" + touch + b"\x85R", "to run number 247 of the extensions"),
        "extension of two bytes": (b"\x83\xf8\x01" + touch + b"\x85R", "to run number 504 of the extensions"),
        "name through attributes": (call(name_through("shutil", "os.system"), touch), "to run shutil.os.system"),
        "name through torch": (
            call(name_through("torch", "serialization.os.system"), touch),
            "to run torch.serialization.os.system",
        ),
        "torch.load": (call("torch.serialization.load", text("inner.pt"), b"N", b"N", b"\x89"), "to run torch.serialization.load"),
        "pickle in a pickle": (call("pickle.loads", b"B" + len(nested).to_bytes(4, "little") + nested), "to run pickle.loads"),
        "torch file in a pickle": (
            call("torch.storage._load_from_bytes", b"B" + len(nested).to_bytes(4, "little") + nested),
            "to run torch.storage._load_from_bytes",
        ),
        "copyreg": (call("copy_reg._reconstructor", name("subprocess.Popen") * 2, words), "to run subprocess.Popen"),
        "torch.hub": (call("torch.hub._load_local", text("hub"), text("entry")), "to run torch.hub._load_local"),
        "numpy": (pickle.dumps(np.array([System()], dtype=object), 3)[:-1], r"to run numpy\.\S*_reconstruct"),
        "object as a number of numpy": (call(scalar, call("numpy.dtype", text("O")), system), "to run numpy.dtype"),
        "number of numpy that is a call": (call(scalar, float64, system), "to run os.system"),
        "number of numpy of another kind": (call(scalar, system, b"C\x08" + bytes(8)), "to run os.system"),
        "state of a number of numpy": (float64 + system + b"b", "to run os.system"),
        "codec": (call("_codecs.encode", text("x"), text("springing")), "to run _codecs.encode"),
        "codec of an object": (call("_codecs.encode", system, text("latin1")), "to run os.system"),
        "value": (pickle.dumps(OrderedDict(weight=System()), 2)[:-1], "to run os.system"),
        "key": (b"}" + system + b"K\x01s", "to run os.system"),
        "pairs of a dict": (call("collections.OrderedDict", b"](](" + text("weight") + system + b"ee"), "to run os.system"),
        "state of a dict": (call("collections.OrderedDict") + b"}" + text("_metadata") + system + b"sb", "to run os.system"),
        "hooks of a tensor": (call("torch._utils._rebuild_tensor_v2", tensor[1:], system), "to run os.system"),
        "call in a rebuilding": (
            call("torch._tensor._rebuild_from_type_v2", name("os.system"), name("torch.Tensor"), touch + b"\x85", b"}"),
            "to run os.system",
        ),
        "call of what a module is": (b"(" + text("module") + name("os.system") + b"NNtQ" + touch + b"\x85R", "to run os.system"),
        "state of a class": (name("torch.FloatStorage") + b"}" + text("dtype") + b"K\x01sb", "to change torch.FloatStorage"),
        "shadow of a storage": (
            call("torch._utils._rebuild_tensor_v2", name("torch.FloatStorage") + b")\x81}b" + tensor[2:], b"N"),
            "a tensor of a kind",
        ),
        "socket": (call("socket.create_connection", text("127.0.0.1") + b"K\x09\x86"), "to run socket.create_connection"),
        "control letters": (call("os.\x1b[31m" + "x" * 300), r"to run os\.\?\[31mx+\.\.\.; nothing"),
    }


MALICIOUS = malicious()
HARMLESS = {  # to Python itself, because they lack a server or a whole file of torch, or fail before
    "getattr", "partial without a call", "torch file in a pickle", "torch.load", "call of what a module is", "state of a class",
    "shadow of a storage", "socket", "control letters", "codec",
}  # fmt: skip


def in_zip(content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", content)
        archive.writestr("archive/version", "3\n")
    return file.getvalue()


def in_legacy(content: bytes) -> bytes:
    before = [pickle.dumps(value, protocol=2) for value in (0x1950A86A20F9469CFC6C, 1001, HABITS)]
    return b"".join([*before, content, pickle.dumps([], protocol=2)])


FORMS = {"zip": in_zip, "legacy": in_legacy, "bare": bytes}


EXTENSIONS = {247: "os", 504: "posix"}


@pytest.fixture
def traps(monkeypatch) -> Iterator[None]:
    """What the pickles name that is not there otherwise: modules that can be imported, and numbers that stand for os.system."""
    monkeypatch.syspath_prepend(".")
    spring = "from pathlib import Path\nPath('sprung').touch()\n"
    Path("springing.py").write_text(spring + "anything = 1")
    Path("hub").mkdir()
    Path("hub/hubconf.py").write_text(spring + "def entry(): pass")
    for number, module in EXTENSIONS.items():
        copyreg.add_extension(module, "system", number)
    yield
    for number, module in EXTENSIONS.items():
        copyreg.remove_extension(module, "system", number)
    sys.modules.pop("springing", None)


def watching(read: Callable[[], Any]) -> list[str]:
    """What Python reports while `read` reads."""
    global watched
    watched = []
    try:
        read()
        return watched
    finally:
        watched = None


@pytest.fixture(scope="module")
def warm(tmp_path_factory) -> None:
    """One good file and one bad one were read before, so that what is imported on first use is imported already."""
    folder = tmp_path_factory.mktemp("warm")
    torch.save({"weight": torch.zeros(1)}, folder / "good.pth")
    read_state_dict(folder / "good.pth")
    (folder / "bad.pth").write_bytes(in_zip(call("a.b") + b"."))
    with pytest.raises(CheckpointError, match="to run a.b; nothing was run"):
        read_state_dict(folder / "bad.pth")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", MALICIOUS)
def test_malicious_pickles_run_nothing(kind, form, traps, warm):
    content, said = MALICIOUS[kind]
    path = Path("evil.pth")
    path.write_bytes(FORMS[form](content + b"."))
    modules, storage = set(sys.modules), dict(vars(torch.FloatStorage))

    def read() -> None:
        with pytest.raises(
            CheckpointError, match="evil.pth is damaged" if said == "no state dict" and form == "bare" else said
        ) as caught:
            read_state_dict(path)
        assert "\n" not in str(caught.value)

    assert watching(read) == []
    assert not Path("sprung").exists()
    assert set(sys.modules) == modules
    assert dict(vars(torch.FloatStorage)) == storage


@pytest.mark.parametrize("kind", sorted(MALICIOUS.keys() - HARMLESS))
def test_the_traps_are_live(kind, traps):
    """Else the test above would pass whatever the reader did."""
    with contextlib.suppress(Exception):  # most are broken once they have sprung
        made = pickle.loads(MALICIOUS[kind][0] + b".")
        if isinstance(made, subprocess.Popen):
            made.wait()
    assert Path("sprung").exists()


def test_nothing_is_sent(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        address = text("127.0.0.1") + b"M" + server.getsockname()[1].to_bytes(2, "little") + b"\x86"
        tmp_path.joinpath("evil.pth").write_bytes(in_zip(call("socket.create_connection", address) + b"."))
        with pytest.raises(CheckpointError, match="to run socket.create_connection; nothing was run"):
            read_state_dict(tmp_path / "evil.pth")
        with pytest.raises(TimeoutError):
            server.accept()


def read_pickle(content: bytes) -> Any:
    return unpickle.read(io.BytesIO(content))[0]


@pytest.mark.parametrize("protocol", range(6))
def test_plain_contents_are_read_as_python_reads_them(protocol):
    shared = [1, -1, 2**70, 2.5, "ä\n'", b"\x00\xff" if protocol > 2 else "", None, True, (), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)]
    content = {"list": shared, "again": shared, "many": list(range(2000)), "nested": {"a": {"b": OrderedDict(c=shared)}}}
    content["bytearray"] = bytearray(b"abc") if protocol == 5 else None
    content["set"] = {"a", "b"} if protocol != 0 else None
    content["frozen"] = frozenset(["a"])
    read = read_pickle(pickle.dumps(content, protocol=protocol))
    assert read == content
    assert read["list"] is read["again"]


def test_a_content_that_holds_itself():
    content: list = []
    content.append(content)
    read = read_pickle(pickle.dumps(content))
    assert read[0] is read


@pytest.mark.parametrize("protocol", range(6))
def test_objects_are_the_names_of_their_classes_and_their_state(protocol):
    made = Plain()
    made.a, made.b = 1, [made]
    read = read_pickle(pickle.dumps(made, protocol=protocol))
    assert (type(read), read.kind.dotted) == (inert.Instance, f"{__name__}.Plain")
    assert read.state["a"] == 1
    assert read.state["b"][0] is read


NUMBERS = [np.float64(1.5), np.int64(3), np.float32(-1), np.bool_(True), np.uint8(7), np.complex64(1j), np.float16(2)]


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("module", ["numpy._core.multiarray", "numpy.core.multiarray"], ids=["numpy 2", "numpy 1"])
def test_numbers_of_numpy_are_stand_ins(protocol, module):
    """Beside which everything is as it was."""
    content = {"numbers": NUMBERS, "best": NUMBERS[0], "epoch": 3}
    made = pickle.dumps(content, protocol=protocol)
    if protocol < 4:  # from then on a name carries its length
        made = made.replace(b"numpy._core.multiarray", module.encode())
    read = read_pickle(made)
    assert [number.kind.dotted for number in read["numbers"]] == ["numpy.generic"] * len(NUMBERS)
    assert read["best"] is read["numbers"][0]
    assert read["epoch"] == 3


@pytest.mark.parametrize(
    "arguments",
    [
        (text("f8"), text("x")),
        (call("numpy.dtype", text("f8")), b"]"),
        (call("numpy.dtype", text("f8")), call("numpy.dtype", text("f8"))),
        (call("numpy.dtype", text("V8")), text("x")),
        (call("numpy.dtype", text("O"), b"\x89", b"\x88"), text("x")),
        (call("numpy.dtype", b"]"), text("x")),
        (call("numpy.dtype", name("builtins.object")), text("x")),
        (name("numpy.dtype f8") + b")\x81", text("x")),
        (call("numpy.dtype", text("f8")), call("_codecs.encode", text("x"), text("utf-7"))),
        (call("numpy.dtype", text("f8")), call("_codecs.encode", text("x"), text("latin1")) + b"]b"),
    ],
)
def test_what_is_no_number_of_numpy_is_refused(arguments):
    with pytest.raises(RefusedError):
        read_pickle(call("numpy._core.multiarray.scalar", *arguments) + b".")


BOMBS = {
    "deep lists": b"]" * 50_000 + b"a" * 49_999 + b".",
    "deep tuple": b")" + b"\x85" * 100_000 + b".",
    "deep key": b"})" + b"\x85" * 250_000 + b"K\x01s.",
    "deep name": b")" + b"\x85" * 100_000 + text("name") + b"\x93.",
    "deep state": b")" + b"\x85" * 100_000 + b"q\x00" + name("a.b") + b")\x81h\x00b.",
    "deep storage": b")" + b"\x85" * 100_000 + b"Q.",
    "memo": b"]r\xff\xff\xff\xff.",
    "endless memo": b"]p" + b"9" * 40 + b"\n.",
    "colliding memo": b"]" + b"".join(b"p%d\n" % (i * (2**61 - 1)) for i in range(30_000)) + b".",
    "huge text": b"X\xff\xff\xff\xff.",
    "huge bytes": b"\x8e" + b"\xff" * 7 + b"\x7f.",
    "huge frame": b"\x80\x04\x95" + b"\xff" * 7 + b"\x7f.",
    "huge number": b"I" + b"9" * 1_000_000 + b"\n.",
    "long fraction": b"F0." + b"9" * 4_000_000 + b"\n.",
    "colliding keys": b"}(" + b"".join(pickle.dumps(i * (2**61 - 1), 1)[:-1] + b"N" for i in range(30_000)) + b"u.",
    "copied set": b"](" + b"K\x01" * 20_000 + b"eq\x00" + (name("builtins.set") + b"h\x00\x85R") * 20_000 + b".",
    "copied state": b"}q\x00(" + b"]N" * 20_000 + b"u" + (name("a.b") + b")\x81h\x00}\x86b") * 20_000 + b".",
    "copied name": text("x" * 1_000_000) + b"q\x000" + b"h\x00h\x00\x93" * 20_000 + b".",
    "copied bytes": text("x" * 1_000_000)
    + b"q\x000]("
    + (name("_codecs.encode") + b"h\x00" + text("latin1") + b"\x86R") * 20_000
    + b"e.",
    "calls in calls": b"(" + (name("torch._tensor._rebuild_from_type_v2") + b"N(") * 3000 + b"tNttNt" * 3000 + b"R.",
    "empty": b"",
    "no end": b"]",
    "nothing": b".",
    "no mark": b"t.",
    "persistent text": b"Pos.system\n.",
}


@pytest.mark.parametrize("kind", BOMBS)
def test_bombs(kind, rss):
    """Time and memory stay small, whatever comes of it."""
    before, started = rss(), time.perf_counter()
    with contextlib.suppress(DamagedError, RefusedError):
        read_pickle(BOMBS[kind])
    assert time.perf_counter() - started < 5
    assert rss() - before < 200e6


@pytest.fixture
def rss() -> Callable[[], int]:
    resource = pytest.importorskip("resource")  # not on Windows
    return lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


def test_a_pickle_without_end_is_given_up(monkeypatch):
    monkeypatch.setattr(unpickle, "MOST_STEPS", 1000)
    assert read_pickle(b"}0" * 499 + b"}.") == {}
    with pytest.raises(DamagedError, match="more than 1,000 instructions"):
        read_pickle(b"}0" * 500 + b"}.")
