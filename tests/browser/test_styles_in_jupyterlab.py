"""Styles where they are used, in a JupyterLab: the pad of a model with many answers, and the map between four styles."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from notebook_page import NEEDS_BROWSER, drag, fits, focus_order, nameless, opened_notebook, picture_in, run_cell
from PIL import Image

pytest.importorskip("anywidget", reason="anywidget is not installed")
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = NEEDS_BROWSER

CELLS = [
    "import ipywidgets\n"
    "import numpy as np\n"
    "import p2p_lib as p2p\n"
    "from p2p_lib.widgets import LatentExplorer, Playground\n"
    "from p2p_lib.widgets.base import from_png\n"
    "from p2p_lib.widgets.drawing_sets import example_sources\n"
    "model = p2p.Translator.load('faces-tiny', 'cpu')\n"
    "source = example_sources(model.task)[1]\n"
    "live = lambda: len(getattr(ipywidgets.widgets.widget, '_instances', None) or ipywidgets.Widget.widgets)",
    "pad = Playground(model)\npad",
    "explorer = LatentExplorer(model, source)\nexplorer",
    "print('live widgets:', live())",
    "assert pad.wait(20)\n"
    "eight = model(from_png(pad.drawing), n_samples=8, seed=pad.sampled)\n"
    "print(model(from_png(pad.drawing), z=pad.code) == from_png(pad.picture), pad.sampled,\n"
    "      eight == [from_png(one) for one in pad.samples], pad.code)",
    "assert explorer.wait(20)\n"
    "place = p2p.latent.between_four(p2p.latent.random_latents(4, model.nz, explorer.seed), explorer.x, explorer.y)\n"
    "print(np.allclose(explorer.code, place), model(source, z=place) == from_png(explorer.picture), explorer.seed)",
]
WAIT_MS = 20_000
PAD, MAP = ".p2p-explorer-pad", ".p2p-explorer-map"


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Iterator:
    with opened_notebook(tmp_path_factory.mktemp("lab"), CELLS) as page:
        page.locator(".p2p-explorer").wait_for()
        yield page


def after_change(page, selector: str, act: Callable[[], object]) -> np.ndarray:
    """The picture that `act` leads to; waits for it."""
    image = page.locator(selector)
    before = image.get_attribute("src")
    act()
    playwright.expect(image).not_to_have_attribute("src", before, timeout=WAIT_MS)
    playwright.expect(image).to_have_attribute("aria-busy", "false", timeout=WAIT_MS)
    return picture_in(page, selector)


def answer(page, act: Callable[[], object]) -> np.ndarray:
    return after_change(page, ".p2p-pad-result", act)


def explored(page, act: Callable[[], object]) -> np.ndarray:
    return after_change(page, ".p2p-explorer-result", act)


def button(page, name: str):
    return page.get_by_role("button", name=name, exact=True)


def samples(page) -> np.ndarray:
    """The eight styles, uint8 (8, H, W, 3)."""
    playwright.expect(page.locator(".p2p-style-sample")).to_have_count(8)
    return np.stack([picture_in(page, f".p2p-style-sample:nth-child({i}) img") for i in range(1, 9)])


def test_another_eight_styles_and_one_of_them_is_taken(page, screenshot):
    first = samples(page)
    assert len(np.unique(first.reshape(8, -1), axis=0)) == 8
    label = page.locator(".p2p-style").get_by_text("Eight styles, drawn with seed 1")
    button(page, "Another eight").click()
    label.wait_for(timeout=WAIT_MS)
    second = samples(page)
    assert not np.array_equal(first, second)
    taken = answer(page, lambda: button(page, "Take style 3").click())
    assert np.array_equal(taken, second[2])
    screenshot(page, "10-styles")
    assert run_cell(page, 4).startswith("True 1 True")


def test_sliders_move_the_style_by_keyboard(page):
    middle = answer(page, lambda: button(page, "Middle style").click())
    slider = page.get_by_label("Number 8 of the style")
    assert float(slider.input_value()) == 0
    slider.focus()
    moved = answer(page, lambda: page.keyboard.press("End"))
    assert np.abs(moved.astype(float) - middle).mean() > 5
    answer(page, lambda: page.keyboard.press("ArrowLeft"))
    assert run_cell(page, 4).endswith("[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 2.9]")
    assert np.array_equal(answer(page, lambda: button(page, "Middle style").click()), middle)


def test_the_style_stays_when_one_draws(page):
    answer(page, lambda: button(page, "Take style 2").click())
    answer(page, lambda: drag(page, ".p2p-pad-canvas", (0.3, 0.3, 0.7, 0.7)))
    code = run_cell(page, 4)
    assert code.startswith("True 1 True")  # the eight styles have followed
    answer(page, lambda: button(page, "Example 2").click())
    assert run_cell(page, 4).split("[")[1] == code.split("[")[1]


def test_style_of_a_photo_and_wrong_photos(page, screenshot):
    status = page.locator(".p2p-pad-status")
    file = io.BytesIO()
    Image.linear_gradient("L").resize((90, 60)).convert("RGB").save(file, "JPEG")

    def upload(name: str, content: bytes) -> None:
        page.locator(".p2p-style-file").set_input_files({"name": name, "mimeType": "image/jpeg", "buffer": content})

    before = run_cell(page, 4)
    upload("text.jpg", b"no photo")
    playwright.expect(status).to_contain_text("text.jpg cannot be used: not a picture")
    assert run_cell(page, 4) == before
    answer(page, lambda: upload("photo.jpg", file.getvalue()))
    playwright.expect(status).to_contain_text("The style of photo.jpg.")
    after = run_cell(page, 4)
    assert after.startswith("True") and after != before
    screenshot(page, "11-style-of-a-photo")


def test_the_answer_follows_the_pointer_and_the_arrow_keys(page, screenshot):
    page.locator(".p2p-explorer").scroll_into_view_if_needed()
    corners = [explored(page, lambda x=x, y=y: drag(page, PAD, (0.5, 0.5, x, y))) for x, y in ((0.05, 0.05), (0.95, 0.95))]
    assert np.abs(corners[0].astype(float) - corners[1]).mean() > 5
    assert run_cell(page, 5) == "True True 0"
    page.locator(PAD).focus()
    for key in ("ArrowLeft", "ArrowUp", "Shift+ArrowLeft"):
        explored(page, lambda key=key: page.keyboard.press(key))
    assert run_cell(page, 5) == "True True 0"
    assert page.locator(".jp-Notebook .jp-CodeCell").count() == len(CELLS)  # the keys did not reach JupyterLab
    page.locator(".p2p-explorer").scroll_into_view_if_needed()
    screenshot(page, "12-explorer")


def test_a_long_drag_ends_at_the_answer_of_its_end(page):
    box = page.locator(PAD).bounding_box()
    page.mouse.move(box["x"] + 5, box["y"] + 5)
    page.mouse.down()
    for i in range(200):
        page.mouse.move(box["x"] + box["width"] * (i % 50) / 50, box["y"] + box["height"] * i / 200)
    page.mouse.up()
    playwright.expect(page.locator(".p2p-explorer-result")).to_have_attribute("aria-busy", "false", timeout=WAIT_MS)
    assert run_cell(page, 5) == "True True 0"


def test_another_four_styles(page):
    shown = page.locator(MAP)
    before = shown.get_attribute("src")
    explored(page, lambda: button(page, "Another four styles").click())
    playwright.expect(shown).not_to_have_attribute("src", before, timeout=WAIT_MS)
    assert run_cell(page, 5) == "True True 1"


def test_everything_is_reached_by_tab_and_fits_into_900_pixels(page, screenshot):
    page.set_viewport_size({"width": 900, "height": 1400})
    pad, explorer = page.locator(".p2p-pad"), page.locator(".p2p-explorer")
    pad.scroll_into_view_if_needed()
    screenshot(page, "13-styles-narrow")
    assert fits(pad) and nameless(pad) == 0
    page.locator(".p2p-pad-canvas").focus()
    panel = [f"Number {i} of the style" for i in range(1, 9)] + ["Another eight", "Middle style", "Style from a photo"]
    expected = ["Drawing pad", *panel, *[f"Take style {i}" for i in range(1, 9)], "Example 1"]
    assert focus_order(page, len(expected)) == expected
    explorer.scroll_into_view_if_needed()
    screenshot(page, "14-explorer-narrow")
    assert fits(explorer) and nameless(explorer) == 0
    page.locator(PAD).focus()
    assert focus_order(page, 2) == ["Map of four styles and what lies between", "Another four styles"]
    page.set_viewport_size({"width": 1280, "height": 1400})


@pytest.mark.parametrize(("cell", "selector"), [(1, ".p2p-pad"), (2, ".p2p-explorer")])
def test_running_a_cell_again_leaves_as_many_widgets(page, cell, selector):
    before = run_cell(page, 3)
    for _ in range(20):
        run_cell(page, cell)
    assert run_cell(page, 3) == before
    playwright.expect(page.locator(selector)).to_have_count(1)
