"""What the browser tests share: a notebook in a JupyterLab, its cells, and what its widgets show. Needs playwright and chromium."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from jupyter_lab import CHROMIUM, CHROMIUM_FLAGS, TOKEN, jupyter_lab, write_notebook

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

NEEDS_BROWSER = [
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on the PATH"),
    pytest.mark.slow,
]
CELL_MS = 90_000
NAME_OF_FOCUSED = """(({ activeElement: one }) =>
    (one.getAttribute("aria-label") ?? one.labels?.[0]?.innerText ?? one.innerText).trim())(document)"""
PIXELS = """async (shown) => {
    if (shown.tagName === "IMG") await shown.decode();
    const canvas = document.createElement("canvas");
    canvas.width = shown.naturalWidth ?? shown.width;
    canvas.height = shown.naturalHeight ?? shown.height;
    canvas.getContext("2d").drawImage(shown, 0, 0);
    return [canvas.width, canvas.height, ...canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data];
}"""


@contextlib.contextmanager
def opened_notebook(folder: Path, cells: list[str]) -> Iterator:
    """A notebook of these cells in a browser of 1280 x 1400 pixels, all of them executed."""
    write_notebook(folder / "play.ipynb", cells)
    with jupyter_lab(folder) as address, playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 1400}, accept_downloads=True)
        page.goto(f"{address}doc/tree/play.ipynb?token={TOKEN}")
        page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").wait_for(timeout=60_000)  # the kernel is there
        for i in range(len(cells)):
            run_cell(page, i)
        yield page
        browser.close()


def run_cell(page, index: int) -> str:
    """Execute a cell and wait for its end; what it printed. JupyterLab loses keys while it starts: they are pressed again."""
    cell = page.locator(".jp-Notebook .jp-CodeCell").nth(index)
    prompt = cell.locator(".jp-InputPrompt")
    before, deadline = prompt.inner_text(), time.monotonic() + CELL_MS / 1000
    while not re.fullmatch(r"\[\d+\]:", prompt.inner_text()) or prompt.inner_text() == before:
        assert time.monotonic() < deadline, f"cell {index} did not run"
        if "*" not in prompt.inner_text():
            cell.locator(".cm-content").click()
            page.keyboard.press("Control+Enter")
        with contextlib.suppress(AssertionError):
            playwright.expect(prompt).to_have_text(re.compile(r"\[\d+\]:"), timeout=5000)
            playwright.expect(prompt).not_to_have_text(before, timeout=5000)
    text = cell.locator(".jp-OutputArea-output pre")
    return text.first.inner_text().strip() if text.count() else ""


def picture_in(page, selector: str) -> np.ndarray:
    """The pixels of a canvas or an <img> of the page, uint8 (H, W, 3), in its own size."""
    width, height, *values = page.locator(selector).evaluate(PIXELS)
    return np.array(values, np.uint8).reshape(height, width, 4)[..., :3]


def drag(page, selector: str, corners: tuple[float, float, float, float]) -> None:
    """Drag with the left button between two points, given as shares of an element's width and height."""
    target = page.locator(selector)
    target.scroll_into_view_if_needed()
    box = target.bounding_box()
    points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in (corners[:2], corners[2:])]
    page.mouse.move(*points[0])
    page.mouse.down()
    page.mouse.move(*points[1], steps=8)
    page.mouse.up()


def focus_order(page, count: int) -> list[str]:
    """The names of the focused element and of those that `count` - 1 tabs reach, up to the first colon of each."""
    order = []
    for _ in range(count):
        order.append(page.evaluate(NAME_OF_FOCUSED).split(":")[0])
        page.keyboard.press("Tab")
    return order


def nameless(frame) -> int:
    """How many controls of a widget a screen reader would have no name for."""
    return frame.locator("button, input, canvas, a, [tabindex]").evaluate_all(
        "all => all.filter(e => !(e.getAttribute('aria-label') || e.textContent || e.labels?.[0]?.textContent)).length"
    )


def fits(frame) -> bool:
    """Whether a widget neither scrolls sideways nor reaches out of the window."""
    return frame.evaluate("one => one.scrollWidth <= one.clientWidth && one.getBoundingClientRect().right <= innerWidth")
