"""Where trained weights are: a name of the registry, a file, or the folder of a run."""

from __future__ import annotations

import tomllib
from pathlib import Path

from p2p_lib.errors import CheckpointError, did_you_mean

WEIGHTS_FILE = "weights.safetensors"


def registry_folder() -> Path:
    """The folder with `index.toml` and the bundled files: beside the package in a checkout, inside it when installed."""
    package = Path(__file__).parent
    return next(folder for folder in (package / "bundled", package.parent / "weights") if (folder / "index.toml").is_file())


def registry() -> dict[str, dict[str, str]]:
    """The registry: name -> its entry in `weights/index.toml`."""
    return tomllib.loads((registry_folder() / "index.toml").read_text())


def find(name_or_path: str | Path) -> Path:
    """The weights file of a run's folder, a file itself, or that of a name of the registry; CheckpointError where there is none."""
    path = Path(name_or_path).expanduser()
    if path.is_dir():
        if (path / WEIGHTS_FILE).is_file():
            return path / WEIGHTS_FILE
        raise CheckpointError(f"{path} holds no {WEIGHTS_FILE}; it is not the folder of a training run, or nothing was saved yet.")
    if path.is_file():
        return path
    entries = registry()
    if str(name_or_path) in entries:
        return registry_folder() / entries[str(name_or_path)]["file"]
    raise CheckpointError(
        f"There are no weights {str(name_or_path)!r}: neither a file, nor the folder of a run, nor a bundled name. "
        f"{did_you_mean(str(name_or_path), entries)}"
    )
