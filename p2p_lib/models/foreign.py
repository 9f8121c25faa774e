"""Other people's checkpoints in our networks.

Public projects build the same few networks and name their layers as they like. A `Family` is one such network: what builds it, and
how its authors call every layer; `foreign_table` lists them all. A file is recognised by its keys and shapes alone; nothing in it
is run.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from p2p_lib.errors import CheckpointError
from p2p_lib.models.foreign_family import SHOWN, STATISTICS, Family, Shapes, without_module
from p2p_lib.models.foreign_table import ANIME2SKETCH, FAMILIES
from p2p_lib.state_dicts import listed, read_state_dict

SUFFIXES = {".pth", ".pt", ".bin", ".tar"}
"""What files written by `torch.save` are called."""

KNOWN_FROM = 0.5  # share of a family's keys


def anime2sketch(state_dict: Mapping[str, Tensor]) -> nn.Module:
    """The generator of Anime2Sketch: (N, 3, H, W) in [-1, 1] -> (N, 1, H, W) in [-1, 1], with the published weights."""
    return ANIME2SKETCH.load(state_dict)


def load(state_dict_or_path: Mapping[str, Tensor] | str | Path) -> nn.Module:
    """The network that a state dict, or a file that holds one, belongs to, in eval mode.

    Generators and discriminators answer as their authors' do: some discriminators with probabilities, and alexeylabs' generator
    takes and gives pictures in [0, 1]. CheckpointError where it is no network that is known, or where an entry does not fit.
    """
    if isinstance(state_dict_or_path, (str, Path)):
        state_dict_or_path = read_state_dict(Path(state_dict_or_path))
    return recognise(state_dict_or_path).load(state_dict_or_path)


def recognise(state_dict: Mapping[str, Tensor]) -> Family:
    """The family that these keys and shapes are nearest to, with its sizes as they are here.

    CheckpointError where not even half of its keys are there. Whether every entry fits is asked by `Family.load`, which can then
    say what does not.
    """
    if not all(isinstance(key, str) and isinstance(value, Tensor) for key, value in state_dict.items()):
        raise CheckpointError("This is no state dict, which is a dict of named tensors; give network.state_dict().")
    shapes = {key: tuple(value.shape) for key, value in without_module(state_dict).items()}
    fitted = [family.fitted(shapes) for family in FAMILIES]
    matches = [Match(family, shapes) for family in fitted if family.has_any(shapes)]
    best = max(matches, key=lambda match: match.likeness, default=None)
    if best is None or best.share < KNOWN_FROM:
        raise CheckpointError(_unknown(shapes, best))
    return best.family


class Match:
    """How well a family fits to the shapes of a file.

    share : how many of its keys are there, in [0, 1].
    likeness : how many of all keys, its own or the file's, agree in name, and in name and shape.
    """

    def __init__(self, family: Family, shapes: Shapes) -> None:
        self.family = family
        self.expected = {key: shape for key, (_, shape) in family.keys().items() if not key.endswith(STATISTICS)}
        got = {key: shape for key, shape in shapes.items() if not key.endswith(STATISTICS)}
        named = sum(key in got for key in self.expected)
        equal = sum(got.get(key) == shape for key, shape in self.expected.items())
        self.share = named / len(self.expected)
        self.likeness = (named + equal) / len(self.expected.keys() | got.keys())


def _unknown(shapes: Shapes, nearest: Match | None) -> str:
    """The sentence about weights that are of no family."""
    if not shapes:
        return "The weights are empty: there is not a single tensor in them."
    tensors = f"{len(shapes)} tensor" + "s" * (len(shapes) > 1)
    seen = f"The weights ({tensors}: {listed(list(shapes), SHOWN)}) are of no network that is known here"
    if nearest is None or not nearest.share:
        return f"{seen}, which are: {', '.join(family.title for family in FAMILIES)}."
    lacking = [key for key in nearest.expected if key not in shapes]
    return f"{seen}; nearest is {nearest.family.title}, of which {len(lacking)} tensors are missing: {listed(lacking, SHOWN)}."
