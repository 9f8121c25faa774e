"""Evil archives: a clear sentence, no file outside the folder, nothing half-written."""

from __future__ import annotations

import bz2
import gzip
import io
import multiprocessing
import os
import random
import signal
import stat
import struct
import tarfile
import zipfile
from pathlib import Path

import pytest

from p2p_lib.data import unpack as module
from p2p_lib.data.unpack import unpack
from p2p_lib.errors import DataError

FILES = {"facades/train/1.jpg": b"one" * 1000, "facades/train/2.jpg": b"", "facades/val/3.jpg": b"three"}


def tar(path: Path, *members: tuple[str, bytes] | tarfile.TarInfo, mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as file:
        for member in members:
            if isinstance(member, tuple):
                info = tarfile.TarInfo(member[0])
                info.size = len(member[1])
                file.addfile(info, io.BytesIO(member[1]))
            else:
                file.addfile(member)
    return path


def special(name: str, kind: bytes, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


def zipped(path: Path, *members: tuple[str, bytes], mode: int = 0) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members:
            info = zipfile.ZipInfo("name")
            info.filename, info.external_attr, info.compress_type = name, mode << 16, zipfile.ZIP_DEFLATED
            file.writestr(info, data)
    return path


def content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock"}


def refused(archive: Path, home: Path, match: str, **limits: int) -> None:
    """The sentence, and that there is nothing but the archive anywhere."""
    before = files(home.parent)
    with pytest.raises(DataError, match=match) as caught:
        unpack(archive, home / "out", progress=False, **limits)
    assert "\n" not in str(caught.value)
    assert files(home.parent) == before
    assert [path for path in home.iterdir() if path.is_dir()] == []


@pytest.fixture
def home(tmp_path) -> Path:
    """A folder in a folder, so that what leaves it is seen."""
    (tmp_path / "outer" / "home").mkdir(parents=True)
    return tmp_path / "outer" / "home"


@pytest.mark.parametrize("make", [tar, zipped, lambda path, *members: tar(path, *members, mode="w")], ids=["gz", "zip", "tar"])
def test_an_archive(home, make):
    archive = make(home / "no suffix", *FILES.items())
    assert content(unpack(archive, home / "out")) == FILES
    assert sorted(path.name for path in home.iterdir()) == ["no suffix", "out"]


def test_folders_and_dots(home):
    folder = special("./a/empty/", tarfile.DIRTYPE)
    unpack(tar(home / "a.tgz", special("./", tarfile.DIRTYPE), folder, ("./a/./b", b"b")), home / "out")
    assert (home / "out" / "a" / "empty").is_dir()
    assert content(home / "out") == {"a/b": b"b"}


def test_no_permission_is_taken_from_an_archive(home):
    info = tarfile.TarInfo("run")
    info.mode = 0o6777
    unpack(tar(home / "a.tgz", info), home / "out")
    assert not (home / "out" / "run").stat().st_mode & (stat.S_ISUID | stat.S_ISGID | stat.S_IXUSR | stat.S_IWOTH)


NAMES = {
    "/tmp/p2p-evil": "an absolute path",
    "//server/share": "an absolute path",
    "../evil": "a path out of its folder",
    "a/../../evil": "a path out of its folder",
    "a/..": "a path out of its folder",
    "..\\evil": "a path with a backslash",
    "C:evil": "a path with a drive letter",
    "a/C:/evil": "a path with a drive letter",
    "a" * 300: "an overlong path",
    "a/" * 1000 + "a": "an overlong path",
}


@pytest.mark.parametrize("make", [tar, zipped])
@pytest.mark.parametrize(("name", "reason"), NAMES.items(), ids=range(len(NAMES)))
def test_names_that_lead_elsewhere(home, make, name, reason):
    refused(make(home / "evil", ("good", b"good"), (name, b"evil")), home, f"evil holds {reason}.*nothing was unpacked")


def test_a_name_cut_by_a_null_byte(home):
    archive = zipped(home / "evil.zip", ("good.jpgXexe", b""))
    archive.write_bytes(archive.read_bytes().replace(b"jpgX", b"jpg\0"))
    refused(archive, home, "a path with a null byte")


KINDS = {
    "symlink": (special("link", tarfile.SYMTYPE, "/etc"), "a link"),
    "symlink inside": (special("link", tarfile.SYMTYPE, "good"), "a link"),
    "hardlink": (special("link", tarfile.LNKTYPE, "../../secret"), "a link"),
    "device": (special("null", tarfile.CHRTYPE), "a device"),
    "block device": (special("disk", tarfile.BLKTYPE), "a device"),
    "pipe": (special("pipe", tarfile.FIFOTYPE), "a device or pipe"),
    "unknown": (special("odd", b"Z"), ""),
}


@pytest.mark.parametrize("kind", KINDS)
def test_only_plain_files(home, kind):
    (home.parent / "secret").write_text("secret")
    member, reason = KINDS[kind]
    archive = tar(home / "evil.tar.gz", ("good", b"good"), member, ("link/passwd", b"evil"))
    refused(archive, home, f"evil.tar.gz holds {reason}")


@pytest.mark.parametrize("mode", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO])
def test_links_and_devices_in_a_zip(home, mode):
    refused(zipped(home / "evil.zip", ("link", b"/etc"), mode=mode | 0o777), home, "a link|a device or pipe")


def test_too_many_files(home):
    members = [(str(i), b"") for i in range(3000)]
    refused(tar(home / "many.tgz", *members), home, "many.tgz holds more than 2,000 files", max_files=2000)
    refused(zipped(home / "many.zip", *members), home, "holds more than 2,000 files", max_files=2000)
    refused(tar(home / "folders.tgz", *[special(str(i), tarfile.DIRTYPE) for i in range(30)]), home, "more than 20", max_files=20)


@pytest.mark.parametrize("make", [tar, zipped])
def test_a_bomb(home, make):
    archive = make(home / "bomb", *[(str(i), bytes(1_000_000)) for i in range(12)])
    assert archive.stat().st_size < 20_000
    refused(archive, home, "bomb unpacks to more than 0.01 GB, which is taken for an attack", max_bytes=10_000_000)
    assert len(content(unpack(archive, home / "out", max_bytes=12_000_000))) == 12


def zip_that_lies(path: Path, true: bytes, claimed: int) -> Path:
    """Both headers of its only file say `claimed` where the file has another size."""
    data = zipped(path, ("a", true)).read_bytes()
    path.write_bytes(data.replace(struct.pack("<I", len(true)), struct.pack("<I", claimed)))
    return path


def test_a_zip_that_lies_about_its_sizes(home):
    bomb = zip_that_lies(home / "bomb.zip", bytes(50_000_123), 10)
    refused(bomb, home, "bomb.zip is cut short or damaged", max_bytes=1000)
    refused(zip_that_lies(home / "less.zip", b"abcdefg" * 99, 4_000_000_000), home, "taken for an attack", max_bytes=10**9)
    refused(zip_that_lies(home / "less.zip", b"abcdefg" * 99, 700), home, "is damaged: 'a' is 693 bytes long instead of 700")


def test_a_sparse_file_is_counted_as_it_is_written(home):
    """A tar of a few hundred bytes whose only file claims a terabyte of nothing."""
    info = tarfile.TarInfo("sparse")
    info.pax_headers = {
        "GNU.sparse.major": "0",
        "GNU.sparse.minor": "1",
        "GNU.sparse.size": "1000000000000",
        "GNU.sparse.map": "0,1",
    }
    info.size = 1
    with tarfile.open(home / "bomb.tar.gz", "w:gz", format=tarfile.PAX_FORMAT) as file:
        file.addfile(info, io.BytesIO(b"x"))
    refused(home / "bomb.tar.gz", home, "taken for an attack", max_bytes=10**9)


def test_a_header_that_would_fill_the_memory(home):
    info = special("x", tarfile.XHDTYPE)
    info.size = 10**11
    with gzip.open(home / "bomb.tar.gz", "wb") as file:
        file.write(info.tobuf(tarfile.GNU_FORMAT))
        file.write(bytes(10**6))
    refused(home / "bomb.tar.gz", home, r"a header of 10{11}\d* bytes|a header of")


def test_headers_without_end(home):
    info = special("x", tarfile.GNUTYPE_LONGNAME)
    info.size = 3
    block = info.tobuf(tarfile.GNU_FORMAT) + b"abc".ljust(512, b"\0")
    with gzip.open(home / "deep.tar.gz", "wb") as file:
        file.write(block * 5000)
    refused(home / "deep.tar.gz", home, "damaged")


@pytest.mark.parametrize("make", [tar, zipped, lambda path, *members: tar(path, *members, mode="w")], ids=["gz", "zip", "tar"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9])
def test_a_truncated_archive(home, make, share):
    archive = make(home / "cut", *[(f"folder/{i}", random.Random(i).randbytes(10_000 + i)) for i in range(9)])
    archive.write_bytes(archive.read_bytes()[: int(share * archive.stat().st_size)])
    refused(archive, home, "cut is (cut short or )?damaged.*")


def test_garbage_in_the_middle_is_no_end(home):
    """Python's tarfile takes a header that it cannot read for the end of the archive."""
    archive = tar(home / "a.tar", ("first", b"1" * 5000), ("second", b"2" * 5000), mode="w")
    data = bytearray(archive.read_bytes())
    at = data.index(b"second")
    data[at : at + 512] = b"?" * 512
    archive.write_bytes(data)
    refused(archive, home, "a.tar is cut short or damaged")


def test_a_flipped_bit_in_a_zip(home):
    archive = zipped(home / "a.zip", ("a", random.Random(0).randbytes(10_000)))
    data = bytearray(archive.read_bytes())
    data[5000] ^= 1
    archive.write_bytes(data)
    refused(archive, home, "a.zip is cut short or damaged")


def test_an_encrypted_zip(home):
    archive = zipped(home / "a.zip", ("a", b"secret"))
    data = bytearray(archive.read_bytes())
    data[6] |= 1  # the flag, in the file's header and in the directory
    data[data.index(b"PK\1\2") + 8] |= 1
    archive.write_bytes(data)
    refused(archive, home, r"a.zip is encrypted \('a'\); unpack it by hand with its password")


def test_a_zip_of_another_method(home):
    with zipfile.ZipFile(home / "a.zip", "w", zipfile.ZIP_BZIP2) as file:
        file.writestr("a", bytes(1000))
    refused(home / "a.zip", home, "packed by an unusual method")


@pytest.mark.parametrize("data", [b"", b"no archive", b"<html>busy</html>", bz2.compress(b"x"), b"Rar!\x1a\x07\x00"])
def test_what_is_no_archive(home, data):
    (home / "a.zip").write_bytes(data)
    refused(home / "a.zip", home, "a.zip is neither a .tar, a .tar.gz nor a .zip file")


def test_one_name_twice(home):
    refused(tar(home / "a.tgz", ("a", b"1"), ("a", b"2")), home, "a.tgz holds 'a' twice")
    refused(tar(home / "b.tgz", ("a", b"1"), ("a/b", b"2")), home, "b.tgz holds 'a/b' twice")


def test_a_folder_that_is_there_is_left_alone(home):
    archive = tar(home / "a.tgz", *FILES.items())
    (home / "out").mkdir()
    (home / "out" / "mine").write_text("mine")
    with pytest.raises(DataError, match="out is there already"):
        unpack(archive, home / "out")
    assert content(home / "out") == {"mine": b"mine"}


def test_a_full_disk_leaves_nothing(home, disk_full_after):
    archive = tar(home / "a.tgz", ("small", b"1"), ("large", bytes(10**7)))
    with disk_full_after(10**6), pytest.raises(OSError):
        unpack(archive, home / "out", progress=False)
    assert [path.name for path in home.iterdir() if path.suffix != ".lock"] == ["a.tgz"]


def unpack_and_die(archive: Path, folder: Path) -> None:
    """Until the first file is written."""
    write = module._write

    def write_and_die(*given, **options) -> None:
        write(*given, **options)
        os.kill(os.getpid(), signal.SIGKILL)

    module._write = write_and_die
    module.unpack(archive, folder, progress=False)


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="needs fork")
def test_what_a_killed_process_left_is_cleared_away(home):
    archive = tar(home / "a.tgz", *FILES.items())
    process = multiprocessing.get_context("fork").Process(target=unpack_and_die, args=(archive, home / "out"))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert content(home) != {"a.tgz": archive.read_bytes()}  # a file, and no folder `out`
    assert not (home / "out").exists()
    assert content(unpack(archive, home / "out")) == FILES
    assert sorted(path.name for path in home.iterdir()) == ["a.tgz", "out"]


def test_headers_with_flipped_bits(home):
    """Either the files are right and inside, or there is a sentence."""
    good = tar(home / "good.tar", *FILES.items(), mode="w").read_bytes()
    rng = random.Random(0)
    for trial in range(150):
        data = bytearray(good)
        for _ in range(rng.choice([1, 2, 8])):
            data[rng.randrange(512)] ^= 1 << rng.randrange(8)
        (home / "evil.tar").write_bytes(data)
        with pytest.raises(DataError):  # a header has a checksum
            unpack(home / "evil.tar", home / f"out{trial}", progress=False)
    assert sorted(files(home.parent)) == [home / "evil.tar", home / "good.tar"]
