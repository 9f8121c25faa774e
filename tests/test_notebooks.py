"""Hygiene of the notebooks as they are saved: what a reader sees on GitHub, Colab and Kaggle before running anything."""

from __future__ import annotations

import re
import statistics
from pathlib import Path

import nbformat
import pytest
from helpers import ROOT
from nbformat import NotebookNode
from notebook_tools import METADATA, WIDGET_VIEW, code_cells
from repository_address import address, badges

from p2p_lib.weights import locate, registry

LESSONS = sorted((ROOT / "notebooks").glob("*.ipynb"))
SOLUTIONS = sorted((ROOT / "notebooks" / "solutions").glob("*.ipynb"))
START = "00_start_here"

MAX_MEGABYTES = 1.5
CELLS = (35, 60)
CELLS_START = (15, 60)
MAX_CODE_LINES = 320
MAX_CELL_LINES = 40
MAX_MEDIAN_LINES = 6
MACHINE_PATHS = re.compile(
    r"(?<![\w.])(?:/home/\w|/root\b|/Users/\w|/tmp\b|/var/folders|/work/|[A-Z]:\\+Users)\S*|\S*(?:site|dist)-packages\S*"
)
LINKS = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")

every_notebook = pytest.mark.parametrize("path", LESSONS + SOLUTIONS, ids=lambda path: f"{path.parent.name}/{path.stem}")
every_lesson = pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)


def read(path: Path) -> NotebookNode:
    return nbformat.read(path, as_version=nbformat.NO_CONVERT)


def code_lines(cell: NotebookNode) -> int:
    """Lines that do something: neither empty nor a comment."""
    return sum(bool(line.strip()) and not line.lstrip().startswith("#") for line in cell.source.splitlines())


def is_setup(cell: NotebookNode) -> bool:
    return "setup" in cell.metadata.get("tags", [])


def headings(notebook: NotebookNode) -> list[str]:
    """Headings of the second level, in order."""
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    return re.findall(r"^## +(.+?)\s*$", text, re.MULTILINE)


def outputs(notebook: NotebookNode) -> list[NotebookNode]:
    return [output for cell in code_cells(notebook) for output in cell.outputs]


def texts(notebook: NotebookNode) -> list[str]:
    """Everything that can be read: sources, and outputs other than pictures."""
    found = [cell.source for cell in notebook.cells]
    for output in outputs(notebook):
        found.append(output.get("text", ""))
        found += [content for mime, content in output.get("data", {}).items() if mime.startswith("text/")]
        found += output.get("traceback", [])
    return found


# What holds for lessons and solutions alike.


@every_notebook
def test_is_a_valid_notebook_of_the_course(path):
    notebook = read(path)
    nbformat.validate(notebook)
    assert notebook.metadata == METADATA, "`make notebooks` puts this in order; widget state makes GitHub say 'Invalid Notebook'"


@every_notebook
def test_is_small(path):
    assert path.stat().st_size < MAX_MEGABYTES * 1e6


@every_notebook
def test_was_executed_from_top_to_bottom(path):
    cells = code_cells(read(path))
    assert all(cell.source.strip() for cell in cells), "there is an empty code cell"
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1)), "run `make notebooks`"


@every_notebook
def test_shows_no_error(path):
    notebook = read(path)
    assert not [output.ename for output in outputs(notebook) if output.output_type == "error"]
    assert not [text for text in texts(notebook) if "Traceback (most recent call last)" in text]


@every_notebook
def test_figures_are_jpeg_and_widgets_are_not_saved(path):
    kinds = {mime for output in outputs(read(path)) for mime in output.get("data", {})}
    assert not kinds & {"image/png", "image/svg+xml", WIDGET_VIEW}


@every_notebook
def test_names_no_path_of_a_machine(path):
    found = [match.group() for text in texts(read(path)) for match in MACHINE_PATHS.finditer(text)]
    assert not found


@every_notebook
def test_local_links_lead_somewhere(path):
    markdown = [cell.source for cell in read(path).cells if cell.cell_type == "markdown"]
    targets = [target.partition("#")[0] for text in markdown for target in LINKS.findall(text) if "://" not in target]
    assert not [target for target in targets if target and not (path.parent / target).exists()]


@every_notebook
def test_cells_are_short(path):
    lengths = [len(cell.source.splitlines()) for cell in code_cells(read(path))]
    assert max(lengths) <= MAX_CELL_LINES


@every_notebook
def test_badges_lead_to_this_very_notebook(path):
    line = badges(path.relative_to(ROOT).as_posix(), address())
    first, *rest = (cell.source for cell in read(path).cells)
    assert first.startswith("# ")
    assert line in first or path in SOLUTIONS
    assert not [text for text in (first.replace(line, ""), *rest) if "/blob/main/" in text], "a badge that leads elsewhere"


@every_notebook
def test_setup_cell_is_second_and_the_same_everywhere(path):
    notebook = read(path)
    setup = notebook.cells[1]
    assert [index for index, cell in enumerate(notebook.cells) if is_setup(cell)] == [1]
    assert f'REPOSITORY = "{address()}"' in setup.source
    assert setup.source == read(LESSONS[0]).cells[1].source


# What holds for lessons.


@every_lesson
def test_has_the_length_of_a_lesson(path):
    least, most = CELLS_START if path.stem == START else CELLS
    n_cells = len(read(path).cells)
    assert least <= n_cells <= most


@every_lesson
def test_code_comes_in_small_pieces(path):
    lengths = [code_lines(cell) for cell in code_cells(read(path)) if not is_setup(cell)]
    assert sum(lengths) <= MAX_CODE_LINES
    assert statistics.median(lengths) <= MAX_MEDIAN_LINES


@every_lesson
def test_ends_as_every_lesson_does(path):
    found = headings(read(path))
    expected = ["Summary", "Exercises", "Further reading"]
    if path.stem == START and "Exercises" not in found:
        expected.remove("Exercises")
    assert found[-len(expected) :] == expected


@every_lesson
def test_begins_with_a_trained_model_of_the_course(path):
    """One that needs no network connection, before anything is trained."""
    sources = [cell.source for cell in code_cells(read(path))]
    first = next(i for i, source in enumerate(sources) if "Translator.load(" in source)
    bundled = [name for name, entry in registry().items() if locate(entry)[0] == "bundled"]
    assert any(f'"{name}' in sources[first] for name in bundled)
    assert not any("p2p.fit(" in source or "step(" in source for source in sources[: first + 1])


@every_lesson
def test_exercises_have_solutions(path):
    has_exercises = "Exercises" in headings(read(path))
    assert (path.name in {solution.name for solution in SOLUTIONS}) == has_exercises


def test_solutions_belong_to_lessons():
    assert {path.name for path in SOLUTIONS} <= {path.name for path in LESSONS}
