"""Lesson 9 as an app: the same page served by Voila, without code, in a browser."""

from __future__ import annotations

import contextlib
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from helpers import ROOT, python_path
from jupyter_lab import CHROMIUM, CHROMIUM_FLAGS, served
from notebook_page import NEEDS_BROWSER, drag, picture_in

pytest.importorskip("anywidget", reason="anywidget is not installed")
pytest.importorskip("voila", reason="voila is not installed")
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = NEEDS_BROWSER

NOTEBOOK = ROOT / "notebooks" / "09_playground.ipynb"
STARTUP_S = 60
PAGE_MS = 240_000  # the whole lesson runs before the page is there


@contextlib.contextmanager
def voila(folder: Path) -> Iterator[str]:
    """The lesson, served; its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = python_path() | {"P2P_PROFILE": "lite", "P2P_RUNS": str(folder / "runs"), "OMP_NUM_THREADS": "1"}
    environment.pop("P2P_DATA", None)
    command = [sys.executable, "-m", "voila", str(NOTEBOOK), "--no-browser", f"--port={port}", "--Voila.ip=127.0.0.1"]
    with served(command, folder, environment, folder / "voila.log") as server:
        _wait_for(f"http://127.0.0.1:{port}/voila/static/", server, folder / "voila.log")
        yield f"http://127.0.0.1:{port}/"


def _wait_for(address: str, server: subprocess.Popen, log: Path) -> None:
    """Until something answers there, whatever it says."""
    deadline = time.monotonic() + STARTUP_S
    while time.monotonic() < deadline and server.poll() is None:
        try:
            urllib.request.urlopen(address, timeout=5).close()
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.3)
        else:
            return
    raise RuntimeError(f"Voila did not start:\n{log.read_text()[-2000:]}")


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Iterator:
    with voila(tmp_path_factory.mktemp("voila")) as address, playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 1400})
        page.goto(address, timeout=PAGE_MS)
        page.locator(".p2p-pad").first.wait_for(timeout=PAGE_MS)
        yield page
        browser.close()


def test_page_has_the_widgets_and_no_code(page, screenshot):
    for widget, least in ((".p2p-pad", 6), (".p2p-explorer", 2), (".p2p-compare", 1), (".p2p-batch", 1)):
        playwright.expect(page.locator(widget).nth(least - 1)).to_be_attached(timeout=60_000)
    for pad in page.locator(".p2p-pad").all():  # several on one page: each has a tool and a colour in hand
        assert pad.locator("input[type=radio]:checked").count() == 2
    assert page.get_by_role("heading", name=re.compile("Playground")).count()
    assert 'Translator.load("facades")' not in page.content()
    assert "Traceback" not in page.locator("body").inner_text()
    screenshot(page, "voila")


def test_what_is_drawn_there_is_translated(page, screenshot):
    result = page.locator(".p2p-pad-result").first
    before = result.get_attribute("src")
    picture = picture_in(page, ".p2p-pad-result >> nth=0")
    drag(page, ".p2p-pad-canvas >> nth=0", (0.3, 0.3, 0.7, 0.7))
    playwright.expect(result).not_to_have_attribute("src", before, timeout=20_000)
    playwright.expect(result).to_have_attribute("aria-busy", "false", timeout=20_000)
    changed = np.abs(picture_in(page, ".p2p-pad-result >> nth=0").astype(int) - picture).mean(-1)
    assert changed[100:156, 100:156].mean() > 10
    screenshot(page, "voila_drawn")
