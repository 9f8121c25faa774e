"""The widgets where they are used: a JupyterLab with a kernel, and a browser that draws, uploads, downloads and drags.

Needs chromium and playwright, else all is skipped. Screenshots lie in $P2P_SCREENSHOTS (unset: the tests' temporary folder).
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from hashlib import sha256

import numpy as np
import pytest
from notebook_page import NEEDS_BROWSER, drag, fits, focus_order, nameless, opened_notebook, picture_in, run_cell
from PIL import Image

pytest.importorskip("anywidget", reason="anywidget is not installed")
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = NEEDS_BROWSER

CELLS = [
    "import ipywidgets\n"
    "import p2p_lib as p2p\n"
    "from p2p_lib.widgets import Compare, Playground\n"
    "from p2p_lib.widgets.drawing_sets import example_sources\n"
    "model = p2p.Translator.load('facades-tiny', 'cpu')\n"
    "source = example_sources(model.task)[1].resize((256, 256))\n"
    "calls = []\n"
    "model.netG.register_forward_pre_hook(lambda net, args: calls.append(net))\n"
    "live = lambda: len(getattr(ipywidgets.widgets.widget, '_instances', None) or ipywidgets.Widget.widgets)",
    "pad = Playground(model)\npad",
    "compare = Compare(source, model(source))\ncompare",
    "print('live widgets:', live())",
    "from hashlib import sha256\n"
    "from p2p_lib.widgets.base import from_png\n"
    "translated, drawing = len(calls), from_png(pad.drawing)\n"
    "right = model(drawing) == from_png(pad.picture)\n"
    "print(pad.number, pad.answered, translated, right, sha256(drawing.tobytes()).hexdigest())",
]
TAB_ORDER = ["Rectangle", "Size", "Undo", "Clear", "Upload a picture", "Download the result", "door", "Drawing pad"]
TAB_ORDER += [f"Example {i}" for i in (1, 2, 3, 4)]
DRAWING_MS = 2000
WAIT_MS = 20_000
SETTLE_S = 0.04  # as in parts.js
STROKES = """async (canvas, [count, milliseconds, last]) => {
    canvas.setPointerCapture = () => {}; // a made-up pointer cannot be captured
    const box = canvas.getBoundingClientRect();
    const fire = (type, x, y) => canvas.dispatchEvent(new PointerEvent(type, {
        bubbles: true, pointerId: 1, button: 0, clientX: box.left + x * box.width, clientY: box.top + y * box.height }));
    const stroke = (from, to) => (fire("pointerdown", ...from), fire("pointermove", ...to), fire("pointerup", ...to));
    const dot = (i) => [0.05 + (0.9 * (i % 40)) / 40, 0.05 + (0.9 * Math.floor(i / 40)) / 25];
    const start = performance.now();
    for (let done = 0; done < count; ) {
        const due = Math.min(count, Math.ceil(((performance.now() - start) / milliseconds) * count));
        for (; done < due; done++) done < count - 1 ? stroke(dot(done), dot(done)) : stroke(last.slice(0, 2), last.slice(2));
        await new Promise((go) => setTimeout(go, 4));
    }
    delete canvas.setPointerCapture;
    return performance.now() - start;
}"""
LAST = (0.8, 0.95, 0.97, 0.98)  # where the last stroke goes, a rectangle: no dot is there
WINDOW = (0.44, 0.3, 0.56, 0.45)  # left, top, right, bottom, as shares of the pad


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Iterator:
    with opened_notebook(tmp_path_factory.mktemp("lab"), CELLS) as page:
        page.locator(".p2p-compare").wait_for()
        yield page


def answer(page) -> np.ndarray:
    return picture_in(page, ".p2p-pad-result")


def after_change(page, act: Callable[[], object], timeout: float = WAIT_MS) -> np.ndarray:
    """The model's answer to what `act` has drawn; DRAWING_MS is what the pad promises, WAIT_MS for a machine with other work."""
    image = page.locator(".p2p-pad-result")
    before = image.get_attribute("src")
    act()
    playwright.expect(image).not_to_have_attribute("src", before, timeout=timeout)
    playwright.expect(image).to_have_attribute("aria-busy", "false", timeout=timeout)
    return answer(page)


def inside(picture: np.ndarray, share: tuple[float, float, float, float] = WINDOW) -> np.ndarray:
    height, width = picture.shape[:2]
    left, top, right, bottom = (round(s * side) for s, side in zip(share, (width, height) * 2, strict=True))
    return picture[top:bottom, left:right].astype(float)


def choose(page, label: str) -> None:
    page.locator(".p2p-pad").get_by_text(label, exact=True).click()


def press(page, name: str) -> None:
    page.locator(".p2p-pad").get_by_role("button", name=name, exact=True).click()


def upload(page, name: str, content: bytes) -> None:
    page.locator(".p2p-pad-file").set_input_files({"name": name, "mimeType": "image/png", "buffer": content})


def encoded(size: tuple[int, int], file_format: str = "PNG", **options) -> bytes:
    file = io.BytesIO()
    Image.linear_gradient("L").resize(size).convert("RGB").save(file, file_format, **options)
    return file.getvalue()


def moving_gif() -> bytes:
    frames = [Image.new("RGB", (32, 32), color) for color in ("red", "green", "blue")]
    file = io.BytesIO()
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])
    return file.getvalue()


def test_drawing_a_window_changes_the_picture_there_and_undo_restores_it(page, screenshot):
    screenshot(page, "1-start")
    after_change(page, lambda: press(page, "Clear"))
    choose(page, "facade")
    wall = after_change(page, lambda: drag(page, ".p2p-pad-canvas", (0.05, 0.05, 0.95, 0.95)))
    drawn = picture_in(page, ".p2p-pad-canvas")
    choose(page, "door")
    with_door = after_change(page, lambda: drag(page, ".p2p-pad-canvas", WINDOW), DRAWING_MS)
    screenshot(page, "2-door")
    assert (picture_in(page, ".p2p-pad-canvas") != drawn).any(axis=2).mean() == pytest.approx(0.018, abs=0.006)
    assert np.abs(inside(with_door) - inside(wall)).mean() > 5
    undone = after_change(page, lambda: press(page, "Undo"))
    assert np.array_equal(picture_in(page, ".p2p-pad-canvas"), drawn)
    assert np.array_equal(undone, wall)


def test_a_thousand_strokes_in_ten_seconds_are_few_drawings_and_the_last_one_counts(page):
    """Dots all over the pad and a last rectangle; far fewer drawings are translated, and the last one is right away.

    The strokes come from inside the page, by the clock: a mouse that is driven from outside takes longer than ten seconds.
    """
    after_change(page, lambda: press(page, "Clear"))
    choose(page, "Rectangle")
    choose(page, "window")
    before, _, translated, *_ = run_cell(page, 4).split()
    page.locator(".p2p-pad-canvas").scroll_into_view_if_needed()
    seconds = page.locator(".p2p-pad-canvas").evaluate(STROKES, [1000, 9500, LAST]) / 1000
    assert seconds <= 10
    playwright.expect(page.locator(".p2p-pad-result")).to_have_attribute("aria-busy", "false", timeout=DRAWING_MS)
    number, answered, translated_after, right, drawing = run_cell(page, 4).split()
    assert (answered, right) == (number, "True")
    sent = int(number) - int(before)
    assert 2 < sent <= seconds / SETTLE_S + 2
    assert 2 < int(translated_after) - int(translated) - 1 <= sent  # 1: that of the cell itself
    canvas = picture_in(page, ".p2p-pad-canvas")
    assert (canvas == (0, 128, 255)).all(axis=2).sum() >= 900  # 25 rows of 40, some on one pixel
    assert (inside(canvas, LAST) == (0, 128, 255)).all()
    assert drawing == sha256(canvas.tobytes()).hexdigest()  # what the kernel has translated is what the pad shows


def test_brush_draws_and_eraser_erases(page):
    after_change(page, lambda: press(page, "Clear"))
    blank = picture_in(page, ".p2p-pad-canvas")
    choose(page, "Brush")
    after_change(page, lambda: drag(page, ".p2p-pad-canvas", (0.1, 0.5, 0.9, 0.5)))
    stroke = picture_in(page, ".p2p-pad-canvas")
    assert 0.005 < (stroke != blank).any(axis=2).mean() < 0.1
    choose(page, "Eraser")
    after_change(page, lambda: drag(page, ".p2p-pad-canvas", (0.05, 0.5, 0.95, 0.5)))
    assert (picture_in(page, ".p2p-pad-canvas") != blank).any(axis=2).mean() < (stroke != blank).any(axis=2).mean() / 4


def test_keyboard_draws_a_rectangle_and_undoes_it(page, screenshot):
    after_change(page, lambda: press(page, "Clear"))
    blank = picture_in(page, ".p2p-pad-canvas")
    choose(page, "Rectangle")
    choose(page, "shop")
    page.locator(".p2p-pad-canvas").focus()

    def draw() -> None:
        for key in ("ArrowUp", "Enter", *["ArrowRight"] * 5, *["ArrowDown"] * 4, "Enter", "ArrowLeft"):
            page.keyboard.press(key)

    after_change(page, draw)
    screenshot(page, "3-keyboard")
    assert (picture_in(page, ".p2p-pad-canvas") == (175, 0, 0)).all(axis=2).sum() == 6 * 5
    assert page.locator(".jp-Notebook .jp-CodeCell").count() == len(CELLS)  # the keys did not reach JupyterLab
    after_change(page, lambda: page.keyboard.press("Control+z"))
    assert np.array_equal(picture_in(page, ".p2p-pad-canvas"), blank)


def test_upload_translate_download(page, screenshot, tmp_path):
    after_change(page, lambda: upload(page, "gradient.png", encoded((200, 120))))
    assert picture_in(page, ".p2p-pad-canvas").shape == (120, 200, 3)
    with page.expect_download() as download:
        page.locator(".p2p-pad").get_by_text("Download the result").click()
    assert download.value.suggested_filename == "facades.png"
    download.value.save_as(tmp_path / "result.png")
    with Image.open(tmp_path / "result.png") as result:
        assert (result.format, result.size) == ("PNG", (200, 120))
        assert np.array_equal(np.asarray(result.convert("RGB")), answer(page))
    screenshot(page, "4-upload")


def test_wrong_uploads_are_answered_and_the_pad_goes_on(page, screenshot):
    shown = picture_in(page, ".p2p-pad-canvas")
    status = page.locator(".p2p-pad-status")
    wrong = {
        "text.png": (b"this is no picture", "not a picture"),
        "wide.png": (encoded((30_000, 4)), "30,000 x 4 pixels"),
        "moving.gif": (moving_gif(), "3 frames"),
        "nothing.png": (b"", "empty"),
        "large.png": (bytes(9_000_000), "9.0 MB"),
        "half.png": (encoded((64, 64))[:-40], "truncated or damaged"),
    }
    for name, (content, sentence) in wrong.items():
        upload(page, name, content)
        playwright.expect(status).to_contain_text(sentence)
        playwright.expect(status).to_contain_text(name)
        assert np.array_equal(picture_in(page, ".p2p-pad-canvas"), shown), name
    screenshot(page, "5-wrong-upload")
    after_change(page, lambda: upload(page, "photo.jpg", encoded((1500, 600), "JPEG")))
    playwright.expect(status).to_contain_text("shrunk from 1,500 x 600 to 1,024 x 410")
    after_change(page, lambda: press(page, "Example 2"))
    assert answer(page).shape == (64, 64, 3)


def test_slider_moves_by_keyboard_and_mouse(page, screenshot):
    frame, slider = page.locator(".p2p-compare"), page.locator(".p2p-compare input")
    frame.scroll_into_view_if_needed()
    source = picture_in(page, ".p2p-compare-over")

    def shows_source() -> float:
        """Share of the slider's picture that is the source: label maps are blue, facades are not."""
        with Image.open(io.BytesIO(frame.screenshot())) as shot:
            shown = np.asarray(shot.convert("RGB").resize(source.shape[1::-1])).astype(int)
        return (np.abs(shown - source) < 40).all(axis=2).mean()

    slider.focus()
    page.keyboard.press("End")
    assert shows_source() > 0.85
    page.keyboard.press("Home")
    assert shows_source() < 0.3
    page.keyboard.press("ArrowRight")  # JupyterLab has uses of its own for the arrow keys
    assert float(slider.input_value()) == 1
    for _ in range(5):
        page.keyboard.press("PageUp")
    screenshot(page, "6-compare")
    drag(page, ".p2p-compare input", (0.5, 0.5, 0.25, 0.5))
    assert float(slider.input_value()) == pytest.approx(25, abs=4)


def test_everything_is_reached_by_tab_and_fits_into_900_pixels(page, screenshot):
    page.set_viewport_size({"width": 900, "height": 1400})
    pad = page.locator(".p2p-pad")
    pad.scroll_into_view_if_needed()
    screenshot(page, "7-narrow")
    assert fits(pad)
    press(page, "Example 1")
    choose(page, "Rectangle")
    choose(page, "door")
    pad.get_by_label("Rectangle").focus()
    assert focus_order(page, len(TAB_ORDER)) == TAB_ORDER
    assert nameless(pad) == 0
    page.set_viewport_size({"width": 1280, "height": 1400})


def test_running_a_cell_again_leaves_as_many_widgets(page):
    before = run_cell(page, 3)
    assert re.fullmatch(r"live widgets: \d+", before)
    for _ in range(20):
        run_cell(page, 1)
    assert run_cell(page, 3) == before
    playwright.expect(page.locator(".p2p-pad")).to_have_count(1)
    after_change(page, lambda: press(page, "Example 3"))
