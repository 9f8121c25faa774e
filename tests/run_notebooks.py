"""Run notebooks from top to bottom under nbval: in the lite profile, on procedural samples, each with a fresh folder for its runs.

    python tests/run_notebooks.py notebooks/*.ipynb

Cells tagged `nbval-check-output` must print what is saved; of the others only errors count. A notebook that takes longer than
$NOTEBOOK_SECONDS fails. The limit is generous: a lesson takes less than a minute with two cores to itself; here two run at once.

The file is also the pytest plugin that does this (`-p run_notebooks`).
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

import pytest

LIMIT = float(os.environ.get("NOTEBOOK_SECONDS", "180"))
WORKERS = 2


class Durations:
    """Adds up the time of every notebook; too much of it fails the session. Lives in the main process only."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)

    def too_slow(self) -> list[str]:
        return [name for name, seconds in self.seconds.items() if seconds > LIMIT]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds[report.nodeid.partition("::")[0]] += report.duration

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.too_slow() and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.section("notebooks")
        for name, seconds in sorted(self.seconds.items()):
            verdict = f"  FAILED: more than {LIMIT:.0f} s" if seconds > LIMIT else ""
            terminalreporter.line(f"{seconds:6.1f} s  {name}{verdict}", red=bool(verdict))


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Durations())


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Before a notebook's kernel starts: give it a folder of its own, so that a lesson and its solutions do not meet in one."""
    os.environ["P2P_RUNS"] = str(Path(os.environ["P2P_TEST_RUNS"]) / item.path.parent.name / item.path.stem)


def main(notebooks: list[str]) -> int:
    """Run them all; returns pytest's exit code. No notebooks are no error."""
    if not notebooks:
        print("There are no notebooks to run.")
        return 0
    cores = os.cpu_count() or 1
    runs = tempfile.mkdtemp(prefix="p2p-runs-")
    os.environ |= {"P2P_PROFILE": "lite", "P2P_TEST_RUNS": runs}
    os.environ.pop("P2P_DATA", None)
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, cores // WORKERS)))
    nbval = ["--nbval-lax", "--nbval-current-env", f"--nbval-cell-timeout={LIMIT:.0f}"]
    xdist = ["-n", str(WORKERS), "--dist", "loadfile"]
    try:
        return int(pytest.main(["-p", "run_notebooks", "-p", "no:cacheprovider", *nbval, *xdist, *notebooks]))
    finally:
        shutil.rmtree(runs, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
