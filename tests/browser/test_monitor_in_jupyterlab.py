"""The training monitor where it is used: a JupyterLab with a kernel that trains, and a browser that watches and stops it.

Needs chromium and playwright, else all is skipped. Screenshots lie in $P2P_SCREENSHOTS (unset: the tests' temporary folder).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from notebook_page import NEEDS_BROWSER, fits, nameless, opened_notebook, playwright, run_cell

pytestmark = NEEDS_BROWSER

SETUP, TRAIN, STATE, RESUME, SLOWLY = range(5)
CELLS = [
    "import itertools, time, ipywidgets\n"
    "import p2p_lib as p2p\n"
    "from p2p_lib.widgets import TrainingMonitor\n"
    "task = p2p.task('facades', 'lite', image_size=64, steps=30, eval_every=5, save_every=100, ngf=8, ndf=8)\n"
    "pairs = p2p.data.load(task, 'val').subset(range(8))\n"
    "outs, pause = (f'run {i}' for i in itertools.count()), 0\n"
    "module = ipywidgets.widgets.widget\n"
    "live = lambda: len(module._instances if hasattr(module, '_instances') else ipywidgets.Widget.widgets)",
    "run = p2p.fit(task, next(outs), train=pairs, val=pairs, monitor=TrainingMonitor(), callbacks=[lambda _: time.sleep(pause)])",
    "print(run.step, run.finished, (run.out / 'last.pt').exists(), live())",
    "run = p2p.fit(task, run.out, resume=True, train=pairs, val=pairs, monitor=TrainingMonitor())",
    "pause = 3",
]
MONITOR = ".p2p-monitor"
WIDTH_AND_COLORS = """async (shown) => {
    await shown.decode();
    const context = Object.assign(document.createElement("canvas"), { width: shown.naturalWidth, height: shown.naturalHeight })
        .getContext("2d");
    context.drawImage(shown, 0, 0);
    const pixels = new Uint32Array(context.getImageData(0, 0, shown.naturalWidth, shown.naturalHeight).data.buffer);
    return [shown.naturalWidth, new Set(pixels).size];
}"""
CURVES, SAMPLES = f"{MONITOR} img >> nth=0", f"{MONITOR} img >> nth=1"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("lab")


@pytest.fixture(scope="module")
def page(folder) -> Iterator:
    with opened_notebook(folder, CELLS) as page:
        yield page


def cell(page, index: int):
    return page.locator(".jp-Notebook .jp-CodeCell").nth(index)


def put_in_line(page, index: int) -> None:
    """Ask for a cell to be executed, and do not wait for it."""
    cell(page, index).locator(".cm-content").click()
    page.keyboard.press("Control+Enter")


def outputs(page, index: int):
    return cell(page, index).locator(".jp-OutputArea-child")


def begin_slowly(page) -> None:
    """A training that takes three seconds a validation, up to its first pictures."""
    run_cell(page, SLOWLY)
    put_in_line(page, TRAIN)
    page.locator(CURVES).wait_for(timeout=60_000)
    page.locator(SAMPLES).wait_for()


def end_of(page, index: int) -> None:
    playwright.expect(cell(page, index).locator(".jp-InputPrompt")).to_have_text(re.compile(r"\[\d+\]:"), timeout=60_000)


def test_the_monitor_follows_and_its_button_leaves_a_resumable_checkpoint(page, screenshot):
    begin_slowly(page)
    (curves_width, colors), (samples_width, _) = (page.locator(shown).evaluate(WIDTH_AND_COLORS) for shown in (CURVES, SAMPLES))
    assert curves_width > 500 and colors > 10
    assert samples_width == 3 * 64 + 2 * 4
    page.locator(CURVES).evaluate("one => { one.isTheSame = true; }")
    before, height = page.locator(CURVES).get_attribute("src"), page.locator(MONITOR).bounding_box()["height"]
    playwright.expect(page.locator(CURVES)).not_to_have_attribute("src", before, timeout=30_000)
    assert page.locator(CURVES).evaluate("one => one.isTheSame")  # updated in place: nothing is taken away and put there again
    assert page.locator(MONITOR).bounding_box()["height"] == pytest.approx(height, abs=2)
    assert outputs(page, TRAIN).count() == 2
    screenshot(page, "monitor-1-training")
    stop = page.get_by_role("button", name="Stop and save")
    stop.focus()
    page.keyboard.press("Enter")
    put_in_line(page, STATE)  # the next cell waits for fit() and finds the run that it returns
    end_of(page, TRAIN)
    end_of(page, STATE)
    step, finished, saved, _ = run_cell(page, STATE).split()
    assert 10 <= int(step) < 30 and (finished, saved) == ("False", "True")
    screenshot(page, "monitor-2-stopped")
    run_cell(page, RESUME)
    assert run_cell(page, STATE).split()[:3] == ["30", "True", "True"]


def test_the_kernels_own_stop_saves_as_well(page):
    begin_slowly(page)
    page.locator('jp-button[data-command="notebook:interrupt-kernel"], [data-command="notebook:interrupt-kernel"]').first.click()
    end_of(page, TRAIN)
    step, finished, saved, _ = run_cell(page, STATE).split()
    assert int(step) < 30 and (finished, saved) == ("False", "True")
    assert not page.locator(MONITOR).count()


def test_it_is_named_and_fits_into_900_pixels(page, screenshot):
    page.set_viewport_size({"width": 900, "height": 1400})
    begin_slowly(page)
    monitor = page.locator(MONITOR)
    monitor.scroll_into_view_if_needed()
    screenshot(page, "monitor-3-narrow")
    assert fits(monitor) and nameless(monitor) == 0
    assert monitor.get_by_role("progressbar", name="Progress").count() == 1
    assert monitor.locator("button, input, a, [tabindex]:not([tabindex='-1'])").count() == 1  # one stop for the tab key
    monitor.get_by_role("button").click()
    end_of(page, TRAIN)
    page.set_viewport_size({"width": 1280, "height": 1400})


def test_running_a_cell_again_leaves_as_many_widgets_and_outputs(page):
    run_cell(page, RESUME)
    before = run_cell(page, STATE)
    for _ in range(20):
        run_cell(page, RESUME)
    assert run_cell(page, STATE) == before
    assert outputs(page, RESUME).count() == 2


def test_a_reloaded_notebook_shows_plain_pictures(page, folder, screenshot):
    page.keyboard.press("Control+s")
    page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").wait_for()
    page.wait_for_timeout(1000)
    saved = json.loads((folder / "play.ipynb").read_text())
    assert "widgets" not in saved["metadata"]
    kinds = [set(output["data"]) for output in saved["cells"][RESUME]["outputs"]]
    assert kinds == [{"image/png", "text/plain"}, {"image/jpeg", "text/plain"}]
    page.reload()
    pictures = cell(page, RESUME).locator(".jp-OutputArea-output img")
    playwright.expect(pictures).to_have_count(2, timeout=30_000)
    assert all(pictures.nth(i).evaluate("async one => { await one.decode(); return one.naturalWidth; }") > 150 for i in (0, 1))
    pictures.first.scroll_into_view_if_needed()
    screenshot(page, "monitor-4-reloaded")
    assert page.get_by_text(re.compile("Error displaying widget|Loading widget")).count() == 0
