"""The Makefile, with a Python that only pretends: it makes the right environment, once, and installs the right things."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest
from helpers import ROOT

TARGETS = ("demo", "test", "lint", "notebooks", "test-browser", "test-colab", "bench", "clean", "address")

FAKE_PYTHON = """#!/bin/sh
echo "$@" >> {log}
case "$1 $2" in
    "-m venv") mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
    "--version "*) echo "Python {version}" ;;
    "-c "*version_info*) exit {too_old} ;;
esac
"""


@pytest.fixture
def make(tmp_path):
    """``make("lint")`` in a copy of the project's outside, with a fake Python; returns the process and what Python was told."""
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "tests").mkdir()
    shutil.copy(ROOT / "tests" / "colab-constraints.txt", tmp_path / "tests")
    log = tmp_path / "log"

    def run(*arguments: str, version: str = "3.12.1") -> tuple[subprocess.CompletedProcess, list[str]]:
        fake = tmp_path / "fake-python"
        fake.write_text(FAKE_PYTHON.format(log=log, version=version, too_old=int(version < "3.11")))
        fake.chmod(0o755)
        log.write_text("")
        environment = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
        command = ["make", *arguments, f"PYTHON={fake}", f"COLAB_PYTHON={fake}"]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        return done, log.read_text().splitlines()

    return run


@pytest.mark.parametrize("target", TARGETS)
def test_target_exists(make, target):
    done, _ = make("-n", target)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("target", "folder", "packages"),
    [
        ("demo", ".venv", "-e ."),
        ("test", ".venv", "-e .[notebooks,test]"),
        ("lint", ".venv", "-e .[notebooks,test]"),
        ("notebooks", ".venv", "-e .[notebooks,test]"),
        ("bench", ".venv", "-e .[notebooks,test]"),
        ("test-colab", ".venv-colab", "-e .[notebooks,test] -c tests/colab-constraints.txt"),
    ],
)
def test_target_makes_its_environment_once(make, target, folder, packages):
    done, told = make(target)
    assert done.returncode == 0, done.stderr
    assert f"-m venv {folder}" in told
    assert f"-m pip install --disable-pip-version-check {packages}" in told
    _, told_again = make(target)
    assert not [line for line in told_again if "venv" in line or "install" in line]


def test_changed_pyproject_is_installed_into_the_same_environment(make, tmp_path):
    make("demo")
    later = (tmp_path / ".venv" / ".installed-base").stat().st_mtime + 10
    os.utime(tmp_path / "pyproject.toml", (later, later))
    _, told = make("demo")
    assert any("pip install" in line for line in told)
    assert not any("-m venv" in line for line in told)


def test_old_python_is_refused_in_one_sentence(make):
    done, told = make("demo", version="3.10.4")
    assert done.returncode != 0
    assert "needs Python 3.11 or newer" in done.stderr
    assert "3.10.4" in done.stderr
    assert not any("venv" in line for line in told)
