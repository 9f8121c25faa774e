"""The tools that execute, clean and check notebooks, on notebooks made up here."""

from __future__ import annotations

import base64
import io
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from notebook_tools import METADATA, WIDGET_VIEW, clean, main
from PIL import Image

RUNNER = Path(__file__).with_name("run_notebooks.py")


def png(color: tuple[int, int, int, int]) -> str:
    file = io.BytesIO()
    Image.new("RGBA", (8, 8), color).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def cleaned(*outputs, **metadata):
    """The outputs of a cell after cleaning its notebook."""
    notebook = new_notebook(cells=[new_code_cell("1", outputs=list(outputs))], metadata=metadata)
    clean(notebook)
    assert notebook.metadata == METADATA
    return notebook.cells[0].outputs


def stream(text: str, name: str = "stderr"):
    return new_output("stream", name=name, text=text)


def write(path: Path, *sources: str) -> Path:
    nbformat.write(new_notebook(cells=[new_markdown_cell("# A notebook"), *map(new_code_cell, sources)]), path)
    return path


def test_progress_bars_keep_their_last_state():
    (output,) = cleaned(stream("\r 0%"), stream("\r50%\r100%\n"), stream("done\n"))
    assert output.text == "100%\ndone\n"


def test_progress_bars_that_vanish_leave_nothing():
    assert cleaned(stream("\r 50%"), stream("\r     \r")) == []


def test_streams_are_joined_but_not_mixed():
    pieces = [stream("a\n", "stdout"), stream("b\n", "stdout"), stream("c\n"), stream("d\n", "stdout")]
    texts = [output.text for output in cleaned(*pieces)]
    assert texts == ["a\nb\n", "c\n", "d\n"]


def test_figures_become_jpeg_over_white():
    data = {"image/png": png((255, 0, 0, 0)), "text/plain": "<Figure>"}
    (output,) = cleaned(new_output("display_data", data, metadata={"image/png": {"width": 8}}))
    assert set(output.data) == {"image/jpeg", "text/plain"}
    assert output.metadata == {"image/jpeg": {"width": 8}}
    assert np.asarray(Image.open(io.BytesIO(base64.b64decode(output.data["image/jpeg"])))).min() > 250


def test_a_jpeg_that_is_there_already_stays():
    (output,) = cleaned(new_output("display_data", {"image/png": png((0, 0, 0, 255)), "image/jpeg": "as it was"}))
    assert output.data == {"image/jpeg": "as it was"}


def test_widgets_are_not_saved():
    view = new_output("display_data", {WIDGET_VIEW: {"model_id": "1"}, "text/plain": "IntSlider()"})
    assert cleaned(view, widgets={"state": {}}) == []


def test_executes_on_procedural_samples_and_saves(tmp_path, monkeypatch):
    monkeypatch.setenv("P2P_DATA", str(tmp_path))
    path = write(tmp_path / "a.ipynb", "import os\nprint(*map(os.environ.get, ('P2P_PROFILE', 'P2P_RUNS', 'P2P_DATA')))", "1 + 1")
    assert main([str(path)]) == 0
    first, second = nbformat.read(path, as_version=4).cells[1:]
    assert first.outputs[0].text == "lite runs None\n"
    assert second.outputs[0].data["text/plain"] == "2"
    assert [first.execution_count, second.execution_count] == [1, 2]
    assert not first.metadata


def test_failing_notebook_is_left_as_it_was(tmp_path, capsys):
    path = write(tmp_path / "a.ipynb", "1 / 0")
    before = path.read_bytes()
    assert main([str(path)]) == 1
    assert path.read_bytes() == before
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_real_pictures_beside_a_notebook_are_refused(tmp_path, capsys):
    (tmp_path / "datasets").mkdir()
    assert main([str(write(tmp_path / "a.ipynb", "1"))]) == 1
    assert "must not be saved" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "seconds", "code", "says"),
    [("1", "100", 0, "1 passed"), ("1 / 0", "100", 1, "1 failed"), ("import time; time.sleep(2)", "1.5", 1, "more than 2 s")],
    ids=["good", "error", "too slow"],
)
def test_runner_fails_where_a_notebook_fails(tmp_path, monkeypatch, source, seconds, code, says):
    monkeypatch.setenv("NOTEBOOK_SECONDS", seconds)
    path = write(tmp_path / "a.ipynb", source)
    done = subprocess.run([sys.executable, RUNNER, path], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert says in done.stdout
