"""The widgets' side of Python, for styles and many pictures: codes of the pad and of the map, and what becomes of every file."""

from __future__ import annotations

import gc
import io
import threading
import zipfile

import numpy as np
import pytest
from PIL import Image

import p2p_lib as p2p
from p2p_lib.errors import DataError
from p2p_lib.latent import between_four, interpolate, random_latents, square

anywidget = pytest.importorskip("anywidget", reason="anywidget is not installed")

from ipywidgets import Widget  # noqa: E402
from widget_helpers import encoded, live, plain  # noqa: E402

from p2p_lib.widgets import BatchTranslate, Compare, LatentExplorer, Playground  # noqa: E402
from p2p_lib.widgets.base import from_png, to_png  # noqa: E402


@pytest.fixture(scope="module")
def faces() -> p2p.Translator:
    return p2p.Translator.load("faces-tiny", "cpu")


@pytest.fixture(scope="module")
def facades() -> p2p.Translator:
    return p2p.Translator.load("facades-tiny", "cpu")


@pytest.fixture
def pad(faces):
    pad = Playground(faces, [plain("white")])
    yield pad
    pad.close()


@pytest.fixture
def batch(facades, tmp_path):
    batch = BatchTranslate(facades, tmp_path / "out")
    batch.sent = []
    batch.send = lambda content, buffers=None: batch.sent.append((content, buffers))
    yield batch
    batch.close()


def message(widget: Widget, content: dict, *buffers: bytes) -> None:
    """What arrives when the browser sends a message."""
    widget._handle_msg({"content": {"data": {"method": "custom", "content": content}}, "buffers": list(buffers)})


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image).astype(float)


# The square of codes.


def test_square_has_its_corners_and_its_edges_are_arcs():
    corners = random_latents(4, 8, seed=3)
    codes = square(corners, 5)
    assert (codes.shape, codes.dtype) == ((5, 5, 8), np.float32)
    np.testing.assert_allclose([codes[0, 0], codes[0, -1], codes[-1, 0], codes[-1, -1]], corners, atol=1e-6)
    np.testing.assert_allclose(codes[0], interpolate(corners[0], corners[1], 5), atol=1e-6)
    np.testing.assert_allclose(codes[:, -1], interpolate(corners[1], corners[3], 5), atol=1e-6)
    np.testing.assert_allclose(between_four(corners, 0.25, 0.75), codes[3, 1], atol=1e-6)


# The pad of a model with many answers.


def test_pad_offers_the_middle_and_eight_styles(pad, faces):
    assert pad.code == [0.0] * 8 and pad.reads_photos
    assert from_png(pad.picture) == faces(plain("white"))
    assert [from_png(one) for one in pad.samples] == faces(plain("white"), n_samples=8, seed=0)


def test_a_model_with_one_answer_has_no_styles(facades):
    pad = Playground(facades, [plain()])
    assert (pad.code, pad.samples, pad.reads_photos) == ([], [], False)
    pad.close()


def test_a_code_is_followed_and_another_eight_come_for_the_same_drawing(pad, faces):
    code = random_latents(1, 8, seed=9)[0].tolist()
    pad.set_state({"code": code, "number": 1})
    assert pad.wait(10)
    assert from_png(pad.picture) == faces(plain("white"), z=code)
    assert pad.sampled == 0
    pad.set_state({"drawing": memoryview(to_png(plain("gray"))), "seed": 4, "number": 2})
    assert pad.wait(10)
    assert from_png(pad.picture) == faces(plain("gray"), z=code)
    assert [from_png(one) for one in pad.samples] == faces(plain("gray"), n_samples=8, seed=4)
    assert (pad.sampled, pad.answered, pad.note) == (4, 2, "")
    np.testing.assert_array_equal(pad.codes, random_latents(8, 8, seed=4))


def test_style_of_a_photo_and_of_what_is_none(pad, faces):
    sent = []
    pad.send = lambda content, buffers=None: sent.append(content)
    photo = Image.linear_gradient("L").resize((90, 70)).convert("RGB")
    message(pad, {"kind": "style", "name": "photo.png"}, encoded(photo))
    message(pad, {"kind": "style", "name": "text.png"}, b"words")
    taken, refused = sent
    assert taken == {"kind": "style", "note": "The style of photo.png.", "code": faces.encode(photo).tolist()}
    assert refused["kind"] == "refused" and refused["note"].startswith("text.png cannot be used: not a picture")


def test_a_newer_drawing_is_not_kept_waiting_by_eight_styles(pad, faces):
    """While the first sample is made, a newer drawing comes: the other seven are left, and all eight are of the newer one."""
    seen, begun, go = [], threading.Event(), threading.Event()

    def slow(image: Image.Image, z: list) -> Image.Image:
        seen.append(image.getpixel((0, 0)))
        if len(seen) == 2:
            begun.set()
            go.wait(10)
        return image

    pad._model, slow.nz = slow, 8
    first, second = ((9, 9, 9), (5, 5, 5))
    pad.set_state({"drawing": memoryview(to_png(plain(first))), "number": 1})
    assert begun.wait(10)
    pad.set_state({"drawing": memoryview(to_png(plain(second))), "number": 2})
    go.set()
    assert pad.wait(10)
    assert seen == [first] * 2 + [second] * 9
    assert {from_png(one).getpixel((0, 0)) for one in pad.samples} == {second}


# The explorer.


def test_explorer_answers_at_the_place_it_is_moved_to(faces):
    corners = random_latents(4, 8, seed=2)
    explorer = LatentExplorer(faces, plain("white"), corners)
    for number, (x, y) in enumerate([(0.0, 0.0), (1.0, 1.0), (0.3, 0.8)], 1):
        explorer.set_state({"x": x, "y": y, "number": number})
        assert explorer.wait(10)
        np.testing.assert_allclose(explorer.code, between_four(corners, x, y), rtol=1e-6)
        assert from_png(explorer.picture) == faces(plain("white"), z=explorer.code)
    before = explorer.map
    explorer.set_state({"seed": 1, "x": 0.0, "y": 0.0, "number": 4})
    assert explorer.wait(10)
    np.testing.assert_allclose(explorer.code, random_latents(4, 8, seed=1)[0], atol=1e-6)
    assert explorer.map != before
    explorer.close()


def test_map_shows_the_answers_of_the_square(faces):
    corners = random_latents(4, 8, seed=2)
    explorer = LatentExplorer(faces, plain("white"), corners)
    shown = pixels(from_png(explorer.map)).reshape(5, 64, 5, 64, 3)
    answers = faces(plain("white"), z=square(corners, 5).reshape(25, 8))
    np.testing.assert_array_equal(shown[1, :, 3], pixels(answers[5 + 3]))
    explorer.close()


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")  # what is refused goes without a noise
def test_explorer_refuses_what_has_no_codes(faces, facades):
    before = live()
    with pytest.raises(DataError, match="one answer"):
        LatentExplorer(facades, plain())
    gc.collect()
    assert live() == before
    with pytest.raises(DataError, match=r"four codes, \(4, 8\); got the shape \(2, 8\)"):
        LatentExplorer(faces, plain(), random_latents(2, 8))


# Many pictures.


def test_wrong_files_get_a_sentence_and_the_rest_goes_on(batch, facades, tmp_path):
    moving = encoded(plain(), "GIF", save_all=True, append_images=[plain("blue")])
    files = {"a.png": encoded(plain()), "text.png": b"words", "wide.png": encoded(plain(size=(30_000, 2))), "cat.gif": moving}
    files |= {"nothing.png": b"", "half.png": encoded(plain())[:-30], "../../b.jpg": encoded(plain("blue", (50, 30)), "JPEG")}
    message(batch, {"kind": "begin"})
    for name, content in files.items():
        message(batch, {"kind": "file", "name": name}, content)
    message(batch, {"kind": "file", "name": "a.png"}, encoded(plain("green")))
    message(batch, {"kind": "refuse", "name": "large.png", "note": "large.png has 9.0 MB."})
    assert [content for content, _ in batch.sent] == [{"kind": "took"}] * 10
    message(batch, {"kind": "start"})
    assert batch.wait(20)
    notes = {row.name: row.note for row in batch.rows if row.note}
    assert list(notes) == ["text.png", "wide.png", "cat.gif", "nothing.png", "half.png", "large.png"]
    assert all(note.startswith(name) and note.endswith(".") and "\n" not in note for name, note in notes.items())
    assert batch.note == "3 pictures translated, 6 that cannot be used."
    assert sorted(path.name for path in tmp_path.rglob("*.*")) == ["a-2.png", "a.png", "b.jpg"]
    with Image.open(tmp_path / "out" / "a-2.png") as result:
        np.testing.assert_array_equal(result, facades(plain("green")))
    shown = [(content["name"], len(buffers)) for content, buffers in batch.sent if content["kind"] == "row"]
    assert len(shown) == 9 and dict(shown)["a.png"] == 1 and dict(shown)["text.png"] == 0


def test_a_folder_is_its_twin_and_comes_as_a_zip(batch, facades, tmp_path, monkeypatch):
    for name in ("few/a.png", "few/deep/b.bmp", "c.gif"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        plain(size=(40, 30)).save(tmp_path / "in" / name)
    p2p.translator.translate_folder(facades, tmp_path / "in", tmp_path / "twin", progress=False)
    batch.translate_folder(tmp_path / "in")
    assert batch.wait(20)
    twin = {path.relative_to(tmp_path / "twin").as_posix(): path.read_bytes() for path in (tmp_path / "twin").rglob("*.*")}
    monkeypatch.setattr("p2p_lib.widgets.batch.PART", 1000)
    parts, of = [], 1
    while len(parts) < of:
        message(batch, {"kind": "zip", "part": len(parts)})
        content, buffers = batch.sent[-1]
        of = content["of"]
        parts += buffers
    assert len(parts) > 2
    with zipfile.ZipFile(io.BytesIO(b"".join(parts))) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == twin


def test_no_folder_and_nothing_to_download_are_sentences(batch, tmp_path):
    message(batch, {"kind": "folder", "path": str(tmp_path / "nowhere")})
    assert batch.note.startswith("There is no folder") and not batch.busy
    (tmp_path / "empty").mkdir()
    message(batch, {"kind": "folder", "path": str(tmp_path / "empty")})
    assert batch.note == f"There are no pictures in {tmp_path / 'empty'}."
    message(batch, {"kind": "zip", "part": 0})
    assert batch.sent[-1][0] == {"kind": "no zip", "note": "There is no result to download yet; choose pictures first."}


def test_stop_ends_after_the_picture_in_work(batch, facades, tmp_path):
    for i in range(5):
        plain(size=(32, 32)).save(tmp_path / f"{i}.png")
    begun, go = threading.Event(), threading.Event()

    class Slow:
        """A model that waits to be let go."""

        codec = facades.codec

        def __call__(self, image: Image.Image, **options) -> Image.Image:
            begun.set()
            go.wait(10)
            return image

    batch._model = Slow()
    batch.translate_folder(tmp_path)
    assert begun.wait(10) and batch.busy
    message(batch, {"kind": "folder", "path": str(tmp_path)})  # not now
    message(batch, {"kind": "stop"})
    go.set()
    assert batch.wait(10)
    assert (batch.done, batch.total, batch.busy) == (1, 5, False)
    assert batch.note == "1 picture translated; stopped before the rest."


def test_files_go_with_the_widget_unless_they_have_a_place(facades):
    batch = BatchTranslate(facades)
    batch._files.take("a.png", encoded(plain()))
    batch._start()
    assert batch.wait(10) and batch.rows[0].result.is_file()
    batch.close()
    assert not batch.rows[0].result.exists() and not batch.rows[0].source.exists()


# Three pictures, and what all widgets share.


def test_truth_is_the_third_picture():
    compare = Compare(plain(), plain("blue"), plain("green"), ["drawing", "made", "photo"])
    assert (compare.pair, compare.labels) == ([1, 2], ["drawing", "made", "photo"])
    assert from_png(compare.truth) == plain("green")
    assert from_png(compare.still()).width == 3 * 64 + 2 * p2p.viz.GAP
    compare.close()
    with pytest.raises(DataError, match="64 x 64 and 64 x 32"):
        Compare(plain(), plain(), plain(size=(64, 32)))
    with pytest.raises(DataError, match="name the 3 pictures, one each; got 2"):
        Compare(plain(), plain(), plain(), ["a", "b"])


MAKERS = {
    "styled pad": lambda faces: Playground(faces, [plain(size=(16, 16))]),
    "explorer": lambda faces: LatentExplorer(faces, plain(size=(16, 16))),
    "batch": lambda faces: BatchTranslate(faces),
    "truth": lambda faces: Compare(plain(), plain(), plain()),
}


@pytest.mark.parametrize("name", MAKERS)
def test_closing_leaves_no_widgets_and_each_has_a_still_picture(faces, name, monkeypatch):
    monkeypatch.setattr("p2p_lib.widgets.explorer.STEPS", 2)  # for speed
    monkeypatch.setattr("p2p_lib.widgets.styles.N_SAMPLES", 1)
    before = live()
    for _ in range(20):
        widget = MAKERS[name](faces)
        widget.close()
    assert live() == before
    assert from_png(widget.still()).width > 1
