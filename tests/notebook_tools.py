"""Execute notebooks in place and save them as the course wants them: lite profile, JPEG figures, no traces of this machine.

    python tests/notebook_tools.py notebooks/*.ipynb              (make notebooks)
    python tests/notebook_tools.py --clean-only notebooks/*.ipynb

A notebook in which a cell fails is left as it was.
"""

from __future__ import annotations

import argparse
import base64
import io
import os
import re
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError
from nbformat import NotebookNode
from PIL import Image

METADATA = {
    "accelerator": "GPU",
    "colab": {"gpuType": "T4", "provenance": []},
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
CELL_METADATA = {"tags", "cellView", "jupyter"}
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
CELL_SECONDS = 600
JPEG_QUALITY = 85


def main(arguments: list[str] | None = None) -> int:
    """Execute or clean the named notebooks; exit code 1 where one fails."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebooks", nargs="+", type=Path)
    parser.add_argument("--clean-only", action="store_true", help="do not execute, only put outputs and metadata in order")
    options = parser.parse_args(arguments)
    return max([process(path, execute_it=not options.clean_only) for path in options.notebooks])


def process(path: Path, execute_it: bool) -> int:
    """Execute and clean one notebook, save it, say how long it took and how large it is; 0, or 1 where it failed."""
    started = time.perf_counter()
    try:
        notebook = nbformat.read(path, as_version=4)
        if execute_it:
            execute(notebook, path.resolve().parent)
    except (CellExecutionError, CellTimeoutError, RuntimeError, OSError) as error:
        print(f"{path} is left as it was: {error}", file=sys.stderr)
        return 1
    clean(notebook)
    nbformat.validate(notebook)
    nbformat.write(notebook, path)
    lines = sum(len(cell.source.splitlines()) for cell in notebook.cells if cell.cell_type == "code")
    print(
        f"{path}: {time.perf_counter() - started:.0f} s, {path.stat().st_size / 1e6:.2f} MB, {len(notebook.cells)} cells, "
        f"{lines} lines of code"
    )
    return 0


def execute(notebook: NotebookNode, folder: Path) -> None:
    """Run all cells in `folder`, in the lite profile on procedural samples; outputs say "runs" for the folder of the runs.

    What is saved must be the same for everybody and free of other people's pictures: so $P2P_DATA is hidden, and a folder
    `datasets/` beside the notebook is refused.
    """
    if (folder / "datasets").exists():
        raise RuntimeError(f"{folder / 'datasets'} holds real pictures, which must not be saved in a notebook; move it away first.")
    with tempfile.TemporaryDirectory() as runs:
        environment = os.environ | {"P2P_PROFILE": "lite", "P2P_RUNS": runs}
        environment.pop("P2P_DATA", None)
        client = NotebookClient(notebook, timeout=CELL_SECONDS, kernel_name="python3", record_timing=False)
        client.execute(cwd=str(folder), env=environment)
        for cell in code_cells(notebook):
            cell.outputs = [without_path(output, runs) for output in cell.outputs]


def without_path(output: NotebookNode, runs: str) -> NotebookNode:
    """An output whose text says "runs" instead of the temporary folder."""
    if "text" in output:
        output.text = output.text.replace(runs, "runs")
    for mime, content in output.get("data", {}).items():
        if mime.startswith("text/"):
            output.data[mime] = content.replace(runs, "runs")
    return output


def clean(notebook: NotebookNode) -> None:
    """Put metadata and outputs in order, in place."""
    notebook.metadata = nbformat.from_dict(METADATA)
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict({key: value for key, value in cell.metadata.items() if key in CELL_METADATA})
    for cell in code_cells(notebook):
        cell.outputs = [output for output in map(clean_output, joined_streams(cell.outputs)) if output is not None]


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def joined_streams(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Outputs, with neighbouring pieces of the same stream put together."""
    joined: list[NotebookNode] = []
    for output in outputs:
        if joined and output.output_type == "stream" == joined[-1].output_type and output.name == joined[-1].name:
            joined[-1].text += output.text
        else:
            joined.append(output)
    return joined


def clean_output(output: NotebookNode) -> NotebookNode | None:
    """One output as it is saved, or None for nothing: the last state of a progress bar, figures as JPEG, no live widgets."""
    if output.output_type == "stream":
        output.text = re.sub(r"[^\n]*\r(?!\n)", "", output.text)
        return output if output.text.strip() else None
    data = output.get("data", {})
    if data.pop(WIDGET_VIEW, None) and "image/png" not in data:
        return None  # without the widget's state, which GitHub cannot show, it is an error message; a still is shown instead
    if "image/png" in data:
        png = data.pop("image/png")
        data.setdefault("image/jpeg", to_jpeg(png))
        if "image/png" in output.metadata:
            output.metadata["image/jpeg"] = output.metadata.pop("image/png")
    return output


def to_jpeg(png: str) -> str:
    """A PNG as JPEG, over white, both in base64."""
    image = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGBA")
    sheet = Image.new("RGB", image.size, "white")
    sheet.paste(image, mask=image.getchannel("A"))
    file = io.BytesIO()
    sheet.save(file, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    return base64.b64encode(file.getvalue()).decode()


if __name__ == "__main__":
    sys.exit(main())
