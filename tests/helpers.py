"""What test modules import by name. Not in conftest.py: there is one in each folder, and only one module of that name."""

from __future__ import annotations

import math
import os
import zlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbformat
import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = ROOT.parent / "shared" / "checkpoints"


def lesson_definitions(name: str, **given: Any) -> SimpleNamespace:
    """What the cells tagged "definition" of a lesson define, with torch and `given` at hand."""
    cells = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4).cells
    definitions = [cell.source for cell in cells if "definition" in cell.metadata.get("tags", [])]
    names = {"torch": torch} | given
    exec("\n\n".join(definitions), names)
    return SimpleNamespace(**names)


def python_path() -> dict[str, str]:
    """The environment for a process that imports the library of this checkout, installed or not."""
    return os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}


def reference_entry(vector: dict, key: str, shape: list[int]) -> np.ndarray:
    """One entry of a public network's state dict, by the rule of the test vectors, seed 1."""
    rng = np.random.default_rng(zlib.crc32(f"1:{key}".encode()))
    if key.endswith("num_batches_tracked"):
        return np.array(0)
    if key.endswith("running_var"):
        return rng.uniform(0.5, 1.5, shape).astype(np.float32)
    value = rng.standard_normal(shape)
    if key.endswith("running_mean") or (len(shape) == 1 and key.endswith(".bias")):
        value *= 0.1
    elif len(shape) == 1:
        value = 1 + 0.1 * value
    else:  # in place, since there are millions
        last = vector["last_layer_scale"]
        value *= math.sqrt(max(shape[0], shape[1]) / math.prod(shape))
        value *= last["factor"] if key in last["keys"] else vector["hidden_weight_gain"]
    return value.astype(np.float32)
