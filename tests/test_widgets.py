"""The widgets' side of Python: what a pad offers, uploads, drawings that come too fast, and widgets that go away again."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from PIL import Image

import p2p_lib as p2p
from p2p_lib.errors import DataError

anywidget = pytest.importorskip("anywidget", reason="anywidget is not installed")

from widget_helpers import encoded, live, plain  # noqa: E402

from p2p_lib.widgets import Compare, Playground, base  # noqa: E402
from p2p_lib.widgets.base import from_png, to_png  # noqa: E402
from p2p_lib.widgets.drawing_sets import drawing_set, example_sources  # noqa: E402
from p2p_lib.widgets.newest import Newest  # noqa: E402
from p2p_lib.widgets.uploads import MAX_SIDE, read_upload  # noqa: E402


@pytest.fixture(scope="module")
def model() -> p2p.Translator:
    return p2p.Translator.load("facades-tiny", "cpu")


@pytest.fixture
def pad(model):
    pad = Playground(model)
    yield pad
    pad.close()


def send(pad: Playground, number: int, drawing: bytes) -> None:
    """What arrives when the browser sends a drawing: buffers are memoryviews."""
    pad.set_state({"drawing": memoryview(drawing), "number": number})


# The pad.


def test_pad_begins_with_an_example_and_its_translation(pad, model):
    first = example_sources(model.task)[0]
    assert from_png(pad.drawing) == first
    assert from_png(pad.picture) == model(first)
    assert len(pad.examples) == 4
    assert {entry["name"] for entry in pad.colors} >= {"window", "door", "shop"}
    assert len(pad.colors) == 12


def test_a_drawing_is_translated(pad, model):
    drawing = plain((0, 48, 255), (80, 48))
    send(pad, 1, to_png(drawing))
    assert pad.wait(10)
    assert from_png(pad.picture) == model(drawing)
    assert (pad.answered, pad.note) == (1, "")


def test_a_drawing_that_fails_is_answered_and_the_next_is_translated(pad, model):
    before = pad.picture
    send(pad, 1, b"no picture")
    assert pad.wait(10)
    assert (pad.answered, pad.picture) == (1, before)
    assert "could not be translated" in pad.note
    send(pad, 2, to_png(plain()))
    assert pad.wait(10)
    assert (from_png(pad.picture), pad.note) == (model(plain()), "")


def test_a_thousand_drawings_are_bounded_work_and_the_last_one_counts(pad):
    """Drawings a millisecond apart and a model that takes 20: about as many translations as fit into the time."""
    seen = []

    def slow(image: Image.Image) -> Image.Image:
        seen.append(image.getpixel((0, 0)))
        time.sleep(0.02)
        return image

    pad._model = slow
    drawings = [to_png(plain((i // 256, i % 256, 0), (8, 8))) for i in range(1000)]
    start = time.perf_counter()
    for number, drawing in enumerate(drawings, 1):
        send(pad, number, drawing)
        time.sleep(0.001)
    elapsed = time.perf_counter() - start
    assert pad.wait(1)  # nothing has piled up
    assert 1 < len(seen) <= elapsed / 0.02 + 2 < 1000
    assert seen[-1] == (999 // 256, 999 % 256, 0)
    assert pad.answered == 1000
    assert from_png(pad.picture).getpixel((0, 0)) == seen[-1]


def test_newest_skips_what_was_replaced_and_its_thread_ends():
    worked, begun, go = [], threading.Event(), threading.Event()
    queue = Newest(lambda item: (begun.set(), go.wait(5), worked.append(item)))
    queue.put(0)
    assert begun.wait(5)
    for item in range(1, 100):
        queue.put(item)
    assert not queue.wait(0.01)
    go.set()
    assert queue.wait(5)
    assert worked == [0, 99]
    for thread in threading.enumerate():
        if thread.name == "newest":
            thread.join(5)  # it is about to end; one that waits for more work would stay
            assert not thread.is_alive()


@pytest.mark.parametrize(
    ("task", "first", "count"),
    [("facades", "window", 12), ("map2sat", "building", 7), ("edges2shoes", "black", 2), ("sat2map", "black", 6)],
)
def test_colors_follow_the_task(task, first, count):
    colors = drawing_set(p2p.task(task, "lite")).colors
    assert (next(iter(colors)), len(colors)) == (first, count)


def test_examples_have_the_colors_of_the_classes():
    offer = drawing_set(p2p.task("facades", "lite"))
    pixels = np.concatenate([np.asarray(example).reshape(-1, 3) for example in example_sources(p2p.task("facades", "lite"))])
    exact = (pixels[:, None] == np.array(list(offer.colors.values()))).all(axis=2).any(axis=1)
    assert exact.mean() > 0.7  # the rest lies between two classes
    assert offer.blank in offer.colors.values()


def test_what_is_to_be_coloured_is_drawn_in_gray():
    task = p2p.task("paint-lab", "lite", image_size=32)
    pixels = np.concatenate([np.asarray(example).reshape(-1, 3) for example in example_sources(task)]).astype(int)
    assert np.ptp(pixels, axis=1).max() <= 1
    assert all(len(set(color)) == 1 for color in drawing_set(task).colors.values())


def test_own_folder_has_no_examples(pad):
    task = p2p.task("facades", "lite", dataset="somewhere/pairs")
    assert example_sources(task) == []


# Uploads.


def moving_gif() -> bytes:
    return encoded(plain(), "GIF", save_all=True, append_images=[plain("blue")])


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("text.png", b"words", "text.png cannot be used: not a picture"),
        ("wide.png", encoded(plain(size=(30_000, 2)), "PNG"), "30,000 x 2 pixels"),
        ("cat.gif", moving_gif(), r"it moves \(2 frames\)"),
        ("nothing.png", b"", r"nothing.png is empty \(0 bytes\)"),
        ("half.png", encoded(plain(), "PNG")[:-30], "truncated or damaged"),
    ],
)
def test_wrong_uploads_are_one_sentence(name, content, message):
    with pytest.raises(DataError, match=message) as error:
        read_upload(name, content)
    assert "\n" not in str(error.value) and str(error.value).endswith(".")


@pytest.mark.parametrize(("file_format", "mode"), [("PNG", "RGBA"), ("PNG", "L"), ("JPEG", "RGB"), ("WEBP", "RGB"), ("GIF", "P")])
def test_pictures_are_read_as_rgb(file_format, mode):
    image, note = read_upload("a", encoded(plain(size=(30, 20)).convert(mode), file_format))
    assert (image.mode, image.size, note) == ("RGB", (30, 20), "")


def test_large_pictures_are_shrunk_and_it_is_said():
    image, note = read_upload("photo.jpg", encoded(plain(size=(3000, 1500)), "JPEG"))
    assert image.size == (MAX_SIDE, MAX_SIDE // 2)
    assert "photo.jpg was shrunk from 3,000 x 1,500 to 1,024 x 512 pixels" in note


def test_pad_answers_uploads(pad):
    sent = []
    pad.send = lambda content, buffers=None: sent.append((content, buffers))
    for name, content in (("bad.png", b"words"), ("good.png", encoded(plain(), "PNG"))):
        pad._handle_msg(
            {"content": {"data": {"method": "custom", "content": {"kind": "upload", "name": name}}}, "buffers": [content]}
        )
    (refused, _), (accepted, buffers) = sent
    assert refused["kind"] == "refused" and "bad.png" in refused["note"]
    assert accepted == {"kind": "load", "note": ""}
    assert from_png(buffers[0]) == plain()


# Compare, and what all widgets share.


def test_compare_takes_any_picture_and_refuses_other_shapes(tmp_path):
    plain().save(tmp_path / "a.png")
    compare = Compare(tmp_path / "a.png", np.zeros((128, 128, 3), np.uint8), labels=("photo", "black"))
    assert from_png(compare.source) == plain()
    assert from_png(compare.still()).width == 2 * 64 + p2p.viz.GAP
    with pytest.raises(DataError, match="64 x 64 and 64 x 32"):
        Compare(plain(), plain(size=(64, 32)))
    compare.close()


def test_front_ends_without_widgets_show_the_picture(pad):
    shown = pad._repr_mimebundle_()
    shown = shown[0] if isinstance(shown, tuple) else shown
    assert from_png(shown["image/png"]).size == (2 * 64 + p2p.viz.GAP, 64)


@pytest.mark.parametrize("make", [lambda model: Playground(model), lambda model: Compare(plain(), plain())])
def test_closing_leaves_no_widgets(model, make):
    make(model).close()
    before = live()
    for _ in range(20):
        make(model).close()
    assert live() == before


def test_running_a_cell_again_closes_what_it_had_made(model, monkeypatch):
    def run(cell: str, execution: int) -> Compare:
        monkeypatch.setattr(base, "running_cell", lambda: (cell, str(execution)))
        return Compare(plain(), plain())

    other = run("other", 0)
    both = [run("cell", 1), run("cell", 1)]  # two widgets of one execution live side by side
    before = live()
    assert {widget.model_id for widget in (other, *both)} <= before
    for execution in range(2, 22):
        both = [run("cell", execution), run("cell", execution)]
    assert len(live()) == len(before)
    assert {widget.model_id for widget in (other, *both)} <= live()
    for widget in (other, *both):
        widget.close()


def test_outside_a_notebook_there_is_no_cell():
    assert base.running_cell() is None
