"""``p2p weights list | get | check | info``."""

from __future__ import annotations

import shutil

import pytest
from http_server import Answer, serve
from test_weights import GOOD, NAME, SHA256, own_cache, registered  # noqa: F401 - fixtures

from p2p_lib import weights
from p2p_lib.cli import main
from p2p_lib.weights import WEIGHTS_FILE, download_folder, registry
from p2p_lib.weights_record import record, sha256_of


@pytest.fixture
def said(capsys):
    """``said("list")``: the exit code of ``p2p weights list``, its output, its errors."""

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(["weights", *arguments])
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def two_names(tmp_path, monkeypatch, finished_run):
    """A registry of its own: a bundled name, and one that nobody can fetch."""
    shutil.copy(finished_run.out / WEIGHTS_FILE, tmp_path / "one.safetensors")
    (tmp_path / "index.toml").write_text(
        f'[one]\nfile = "one.safetensors"\nsha256 = "{sha256_of(tmp_path / "one.safetensors")}"\nlicence = "MIT"\n'
        '[two]\nfile = "two.pth"\nsources = []\nunverified = true\npage = "https://example.org"\nmegabytes = 218\n'
    )
    monkeypatch.setattr(weights, "registry_folder", lambda: tmp_path)
    return tmp_path


def test_list(said):
    code, out, _ = said("list")
    lines = {line.split()[0]: line for line in out.splitlines() if line}
    assert code == 0
    assert set(registry()) <= set(lines)
    assert lines["facades"].split()[1:4] == ["bundled", "19.6", "MB"]
    assert "to be fetched " in lines[NAME] and "about 218 MB" in lines[NAME] and lines[NAME].endswith("MIT")
    assert "to be placed by hand" in lines["pavel"]
    assert str(download_folder()) in out


def test_list_says_what_is_in_the_cache(said):
    download_folder().mkdir(parents=True)
    (download_folder() / registry()[NAME]["file"]).write_bytes(GOOD)
    line = next(line for line in said("list")[1].splitlines() if line.startswith(f"{NAME} "))
    assert "in the cache" in line and f" {len(GOOD) / 1e6:.1f} MB" in line


def test_get(said, registered):  # noqa: F811
    with serve(Answer(GOOD)) as server:
        target = registered(server.url("/netG.pth"))
        code, out, _ = said("get", NAME)
    assert (code, out) == (0, f"{NAME} is in {target}.\n")
    assert said("check") == (0, "1 of 1 files are as they should be.\n", "")
    target.write_bytes(GOOD[:-1])
    code, out, _ = said("check")
    assert code == 1
    assert out.startswith(f"{NAME}: {target} is not the file that was here before under the name {NAME}: its sha256 is ")
    assert f"delete {record(target)}" in out and out.endswith("0 of 1 files are as they should be.\n")


def test_get_goes_on_after_a_failure(said, two_names):
    code, out, errors = said("get", "two", "one")
    assert code == 2
    assert out == f"one is in {two_names / 'one.safetensors'}.\n"
    assert errors.startswith("p2p: The weights two cannot be fetched by themselves: get them from https://example.org")


@pytest.mark.parametrize("command", ["get", "check", "info"])
def test_unknown_name(said, command):
    code, _, errors = said(command, "facade")
    assert code == 2
    assert "There are no weights 'facade'. Did you mean 'facades'?" in errors


def test_every_bundled_file_is_whole_and_loads(said):
    bundled = [entry for entry in registry().values() if "sources" not in entry]
    assert said("check") == (0, f"{len(bundled)} of {len(bundled)} files are as they should be.\n", "")


def damaged(folder):
    content = bytearray((folder / "one.safetensors").read_bytes())
    content[-1] ^= 1
    (folder / "one.safetensors").write_bytes(content)


def of_another_network(folder):
    index = folder / "index.toml"
    shutil.copy(folder / "one.safetensors", folder / "whole")
    (folder / "one.safetensors").write_bytes(b"no weights")
    index.write_text(index.read_text().replace(sha256_of(folder / "whole"), sha256_of(folder / "one.safetensors")))


def without_checksum(folder):
    index = folder / "index.toml"
    index.write_text("\n".join(line for line in index.read_text().splitlines() if not line.startswith("sha256")))


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (damaged, "is not the file that one stands for: its sha256 is"),
        (of_another_network, "is not a safetensors file, or it is damaged"),
        (without_checksum, "the registry has no sha256 of"),
        (lambda folder: (folder / "one.safetensors").unlink(), "there is no "),
    ],
)
def test_check_finds_faults(said, two_names, change, fault):
    assert said("check")[0] == 0
    change(two_names)
    code, out, _ = said("check")
    assert code == 1
    assert fault in out.splitlines()[0] and out.startswith("one: ")
    assert len(out.splitlines()) == 2


def test_check_of_a_name_that_is_not_here(said, two_names):
    code, out, _ = said("check", "two")
    assert code == 1
    assert out.startswith(f"two: there is no {download_folder() / 'two.pth'}; `p2p weights get two` says how it comes there.")


def test_card_of_our_own(said, two_names, finished_run):
    code, out, _ = said("info", "one")
    rows = dict(line.split(maxsplit=1) for line in out.splitlines() if " " in line.strip())
    assert code == 0
    assert rows["where"] == f"bundled ({two_names / 'one.safetensors'})"
    assert rows["step"] == "12"
    assert rows["config.image_size"] == "32"
    assert rows["config.dropout"] == "yes"
    assert rows["licence"] == "MIT"


def test_card_of_another_project(said, registered):  # noqa: F811
    registered("http://127.0.0.1:1/netG.pth", title="a drawing", metrics="none")
    _, out, _ = said("info", NAME)
    assert "a drawing" in out and "http://127.0.0.1:1/netG.pth" in out
    download_folder().mkdir(parents=True)
    (download_folder() / "anime2sketch.pth").write_bytes(GOOD)
    assert f"{SHA256} (of the file that is here)" in said("info", NAME)[1]


def test_help(said):
    assert said("--help")[:2] == (0, said()[1])
    assert "p2p weights check [NAME ...]" in said()[1]
    assert said("chek")[2].startswith("p2p: There is no command 'weights chek'. Did you mean 'check'?")
