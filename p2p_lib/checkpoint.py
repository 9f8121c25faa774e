"""The whole state of a training run in one file, and the generator alone in another.

Both hold tensors and plain types only, both are written whole or not at all, and both carry the configuration, so that either
is enough to rebuild its networks. The first (`last.pt`) is what training resumes from, exactly. The second
(`weights.safetensors`) is what people share.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from p2p_lib.errors import CheckpointError
from p2p_lib.files import atomic_write

FORMAT = 1
METADATA_KEY = "p2p"


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write a training state; on any failure (a full disk) the earlier file stays whole and CheckpointError says so."""
    try:
        with atomic_write(path) as file:
            torch.save({"format": FORMAT} | state, file)
    except (OSError, RuntimeError) as error:  # torch reports a failed write as RuntimeError
        raise _not_saved(path, error) from error


def load_checkpoint(path: Path, device: torch.device | str = "cpu") -> dict[str, Any]:
    """Read a training state, tensors and plain types only (`weights_only=True`: a file can run no code)."""
    if not path.is_file():
        raise CheckpointError(f"There is no checkpoint {path}.")
    try:
        state = torch.load(path, map_location=device, weights_only=True)
    except Exception as error:  # damaged bytes make the unpickler raise nearly anything
        raise CheckpointError(f"{path} is not a checkpoint of this course, or it is damaged ({_first_line(error)}).") from error
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise CheckpointError(f"{path} is not a training checkpoint of this course.")
    return state


def save_weights(path: Path, state_dict: dict[str, Tensor], config: dict[str, Any], *, half: bool = False, **facts: Any) -> None:
    """Write a generator's weights with its configuration (and any other `facts`, plain JSON) in the metadata.

    `half` stores floats as fp16: half the size, for weights that are only used, not trained on.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in state_dict.items()}
    if half:
        tensors = {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in tensors.items()}
    metadata = {METADATA_KEY: json.dumps({"format": FORMAT, "config": config} | facts)}
    try:
        with atomic_write(path) as file:
            file.write(safetensors.torch.save(tensors, metadata))
    except OSError as error:
        raise _not_saved(path, error) from error


def load_weights(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """A generator's state dict, floats in fp32, and the facts of its metadata ("config" among them)."""
    if not path.is_file():
        raise CheckpointError(f"There are no weights {path}.")
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    except (safetensors.SafetensorError, OSError) as error:
        raise CheckpointError(f"{path} is not a safetensors file, or it is damaged ({_first_line(error)}).") from error
    if METADATA_KEY not in metadata:
        raise CheckpointError(f"{path} carries no configuration; it was not written by this course.")
    floats = {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in tensors.items()}
    return floats, json.loads(metadata[METADATA_KEY])


def is_own(path: Path) -> bool:
    """Whether a file is one of `save_weights`, by what is in it, whatever it is called."""
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            return METADATA_KEY in (file.metadata() or {})
    except (safetensors.SafetensorError, OSError):
        return False


def _not_saved(path: Path, error: Exception) -> CheckpointError:
    reason = error.strerror if isinstance(error, OSError) else f"the disk is full or failing: {_first_line(error)}"
    earlier = "the earlier one is untouched" if path.exists() else "nothing is left of it"
    free = shutil.disk_usage(path.parent).free / 2**20
    return CheckpointError(f"{path} could not be written ({reason}; {free:,.0f} MB are free there); {earlier}.")


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
