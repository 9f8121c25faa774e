"""Many pictures at once, and three pictures over each other, where they are used: in a JupyterLab."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator

import numpy as np
import pytest
from notebook_page import NEEDS_BROWSER, fits, focus_order, nameless, opened_notebook, picture_in, run_cell
from PIL import Image

pytest.importorskip("anywidget", reason="anywidget is not installed")
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = NEEDS_BROWSER

CELLS = [
    "import ipywidgets\n"
    "import p2p_lib as p2p\n"
    "from pathlib import Path\n"
    "from p2p_lib.widgets import BatchTranslate, Compare\n"
    "from p2p_lib.widgets.drawing_sets import example_sources\n"
    "model = p2p.Translator.load('facades-tiny', 'cpu')\n"
    "examples = example_sources(model.task)\n"
    "for i in range(30):\n"
    "    folder = Path('drawings', 'many' if i > 1 else 'few')\n"
    "    folder.mkdir(parents=True, exist_ok=True)\n"
    "    examples[i % 4].save(folder / f'{i}.png')\n"
    "live = lambda: len(getattr(ipywidgets.widgets.widget, '_instances', None) or ipywidgets.Widget.widgets)",
    "batch = BatchTranslate(model)\nbatch",
    "compare = Compare(examples[0], model(examples[0]), examples[1].rotate(180), ['labels', 'generated', 'photo'])\ncompare",
    "print('live widgets:', live())",
    "print([(row.name, bool(row.result), row.note) for row in batch.rows])",
]
WAIT_MS = 60_000
PAIRS = ["labels and generated", "generated and photo", "labels and photo"]


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Iterator:
    with opened_notebook(tmp_path_factory.mktemp("lab"), CELLS) as page:
        page.locator(".p2p-compare").wait_for()
        yield page


def encoded(size: tuple[int, int], file_format: str = "PNG", **options) -> bytes:
    file = io.BytesIO()
    Image.linear_gradient("L").resize(size).convert("RGB").save(file, file_format, **options)
    return file.getvalue()


def moving_gif() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (32, 32)).save(file, "GIF", save_all=True, append_images=[Image.new("RGB", (32, 32), "red")])
    return file.getvalue()


def choose(page, files: dict[str, bytes]) -> None:
    payload = [{"name": name, "mimeType": "image/png", "buffer": content} for name, content in files.items()]
    page.locator(".p2p-batch-file").set_input_files(payload)


def status_is(page, text: str) -> None:
    playwright.expect(page.locator(".p2p-batch .p2p-status")).to_have_text(text, timeout=WAIT_MS)


def download(page) -> dict[str, Image.Image]:
    with page.expect_download() as saved:
        page.get_by_role("button", name="Download all as a zip").click()
    assert saved.value.suggested_filename == "facades.zip"
    with zipfile.ZipFile(saved.value.path()) as archive:
        return {name: Image.open(io.BytesIO(archive.read(name))) for name in archive.namelist()}


def test_several_files_and_wrong_ones_among_them(page, screenshot):
    choose(
        page,
        {
            "a.png": encoded((60, 40)),
            "text.png": b"no picture",
            "wide.png": encoded((30_000, 4)),
            "moving.gif": moving_gif(),
            "nothing.png": b"",
            "large.png": bytes(9_000_000),
            "half.png": encoded((64, 64))[:-40],
            "b.jpg": encoded((90, 64), "JPEG"),
        },
    )
    status_is(page, "2 pictures translated, 6 that cannot be used.")
    wrong = page.locator(".p2p-batch-wrong")
    sentences = [
        "text.png cannot be used: not",
        "30,000 x 4 pixels",
        "2 frames",
        "nothing.png is empty",
        "9.0 MB",
        "half.png cannot",
    ]
    playwright.expect(wrong).to_have_count(6)
    for i, sentence in enumerate(sentences):
        playwright.expect(wrong.nth(i)).to_contain_text(sentence)
    page.locator(".p2p-batch").scroll_into_view_if_needed()
    screenshot(page, "20-batch")
    results = download(page)
    assert {name: (image.format, image.size) for name, image in results.items()} == {
        "a.png": ("PNG", (60, 40)),
        "b.jpg": ("JPEG", (90, 64)),
    }


def test_a_folder_and_one_that_is_not_there(page):
    page.get_by_label("Folder with pictures").fill("nowhere")
    page.keyboard.press("Enter")
    status_is(page, "There is no folder nowhere on the machine where the kernel runs.")
    page.get_by_label("Folder with pictures").fill("drawings")
    page.get_by_role("button", name="Translate the folder").click()
    status_is(page, "30 pictures translated.")
    playwright.expect(page.locator(".p2p-batch-done")).to_have_count(30)
    assert page.locator(".p2p-batch-progress").evaluate("bar => bar.value / bar.max") == 1
    assert sorted(download(page)) == sorted(f"{'many' if i > 1 else 'few'}/{i}.png" for i in range(30))
    status_is(page, "30 pictures translated.")


def test_stop_leaves_what_is_done(page):
    page.get_by_role("button", name="Translate the folder").click()
    page.locator(".p2p-batch").get_by_role("button", name="Stop").click()
    playwright.expect(page.locator(".p2p-batch .p2p-status")).to_contain_text("stopped before the rest", timeout=WAIT_MS)
    rows = eval(run_cell(page, 4))
    assert len(rows) == 30
    assert sum(done for _, done, _ in rows) == page.locator(".p2p-batch-done").count() < 30


def test_truth_is_compared_by_keyboard(page, screenshot):
    pictures = {name: picture_in(page, f".p2p-compare-{name}") for name in ("over", "under")}  # generated, photo
    radios = page.locator(".p2p-compare-pairs input")
    assert [radios.nth(i).evaluate("radio => radio.labels[0].innerText") for i in range(3)] == PAIRS
    radios.nth(1).focus()
    page.keyboard.press("ArrowUp")
    assert radios.nth(0).is_checked()
    assert np.array_equal(picture_in(page, ".p2p-compare-under"), pictures["over"])  # labels and generated
    labels = picture_in(page, ".p2p-compare-over")
    page.keyboard.press("ArrowUp")  # round to the last
    assert np.array_equal(picture_in(page, ".p2p-compare-over"), labels)
    assert np.array_equal(picture_in(page, ".p2p-compare-under"), pictures["under"])
    page.keyboard.press("Tab")
    slider = page.locator(".p2p-compare input")
    assert slider.evaluate("slider => slider === document.activeElement")
    assert slider.get_attribute("aria-label") == "How much of labels covers photo"
    page.locator(".p2p-compare").scroll_into_view_if_needed()
    screenshot(page, "21-compare-truth")


def test_everything_is_reached_by_tab_and_fits_into_900_pixels(page, screenshot):
    page.set_viewport_size({"width": 900, "height": 1400})
    batch = page.locator(".p2p-batch")
    batch.scroll_into_view_if_needed()
    screenshot(page, "22-batch-narrow")
    assert fits(batch) and nameless(batch) == 0
    page.locator(".p2p-batch-file").focus()
    expected = ["Choose pictures", "Folder with pictures", "Translate the folder", "Download all as a zip", "Results"]
    assert focus_order(page, len(expected)) == expected
    page.set_viewport_size({"width": 1280, "height": 1400})


@pytest.mark.parametrize(("cell", "selector"), [(1, ".p2p-batch"), (2, ".p2p-compare")])
def test_running_a_cell_again_leaves_as_many_widgets(page, cell, selector):
    before = run_cell(page, 3)
    assert re.fullmatch(r"live widgets: \d+", before)
    for _ in range(20):
        run_cell(page, cell)
    assert run_cell(page, 3) == before
    playwright.expect(page.locator(selector)).to_have_count(1)
