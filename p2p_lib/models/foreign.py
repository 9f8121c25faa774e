"""Other people's checkpoints in our networks.

Public projects build the same few networks and name their layers as they like. A `Family` is one such network: which of ours
it is, and how its authors call every layer. A file is recognised by its keys and shapes alone; nothing in it is run.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Set
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from p2p_lib.errors import CheckpointError
from p2p_lib.models.unet import UNetGenerator, num_layers

SUFFIXES = {".pth", ".pt", ".bin"}
"""What files written by `torch.save` are called."""

KNOWN_FROM = 0.5  # share of a family's keys
SHOWN = 3  # keys named in an error


@dataclasses.dataclass(frozen=True)
class Family:
    """One network of a public project.

    name : what the registry of weights and `Translator.load` call it; `title` is what people call it.
    channels : what the generator takes and gives.
    settings : the other arguments of `UNetGenerator`.
    theirs : our name of every layer with parameters -> the authors'.
    codec : the codec that says what the network's input and answer mean (`p2p_lib.codec`).
    side : the size that pictures are resized to, because the network was trained on that alone; None where any size will do.
    """

    name: str
    title: str
    channels: tuple[int, int]
    settings: dict[str, Any]
    theirs: dict[str, str]
    codec: str
    side: int | None = None

    def empty(self) -> UNetGenerator:
        """The network on torch's "meta" device: all shapes, no values yet."""
        with torch.device("meta"):
            return UNetGenerator(*self.channels, **self.settings)

    def keys(self) -> dict[str, tuple[str, torch.Size]]:
        """The authors' key of every entry -> ours, and its shape."""
        found = {}
        for key, value in self.empty().state_dict().items():
            layer, _, entry = key.rpartition(".")
            found[f"{self.theirs[layer]}.{entry}"] = key, value.shape
        return found

    def load(self, state_dict: Mapping[str, Tensor]) -> UNetGenerator:
        """The network with these weights, in eval mode; CheckpointError names what is missing, too much or misshapen."""
        entries, keys = without_module(state_dict), self.keys()
        faults = _faults({key: shape for key, (_, shape) in keys.items()}, entries)
        if faults:
            raise CheckpointError(f"The weights are not those of {self.title}: {faults}.")
        netG = self.empty().to_empty(device="cpu")
        netG.load_state_dict({keys[key][0]: value for key, value in entries.items()})
        return netG.eval()


def nested_unet_layers(depth: int) -> dict[str, str]:
    """Our name of every layer -> that in a U-Net of nested blocks (junyanz' `UnetGenerator` and all that descend from it).

    There every block is a list that holds the next block: in the middle LeakyReLU, conv, norm, *block*, ReLU, conv, norm; the
    outermost begins with its conv and has no norms, the innermost has no block and one norm.
    """
    layers, block = {}, "model.model"
    for i in range(depth):
        outer, inner = i == 0, i == depth - 1
        j = depth - 1 - i  # our decoder counts from the bottleneck outwards
        layers[f"down.{i}.conv"] = f"{block}.{0 if outer else 1}"
        layers[f"up.{j}.conv"] = f"{block}.{3 if outer or inner else 5}"
        if not outer:
            layers[f"up.{j}.norm"] = f"{block}.{4 if inner else 6}"
        if not (outer or inner):
            layers[f"down.{i}.norm"] = f"{block}.2"
        block = f"{block}.{1 if outer else 3}.model"
    return layers


ANIME2SKETCH = Family(
    name="anime2sketch",
    title="Anime2Sketch (default)",
    channels=(3, 1),
    settings={"image_size": 256, "norm": "instance", "dropout": False},
    theirs=nested_unet_layers(num_layers(256)),
    codec="sketch",
    side=512,
)
"""The line drawing of an anime picture, by Mukosame, Anime2Sketch 2021 (github.com/Mukosame/Anime2Sketch, MIT)."""

FAMILIES = (ANIME2SKETCH,)


def anime2sketch(state_dict: Mapping[str, Tensor]) -> UNetGenerator:
    """The generator of Anime2Sketch: (N, 3, H, W) in [-1, 1] -> (N, 1, H, W) in [-1, 1], with the published weights."""
    return ANIME2SKETCH.load(state_dict)


def load(state_dict_or_path: Mapping[str, Tensor] | str | Path) -> UNetGenerator:
    """The network that a state dict, or a file that holds one, belongs to; CheckpointError where it is none that is known."""
    if isinstance(state_dict_or_path, (str, Path)):
        state_dict_or_path = read_state_dict(Path(state_dict_or_path))
    return recognise(state_dict_or_path).load(state_dict_or_path)


def recognise(state_dict: Mapping[str, Tensor]) -> Family:
    """The family with the most of these keys, if that is at least half of its own; else CheckpointError.

    Whether every entry fits is asked by `Family.load`, which can then say what does not.
    """
    names = without_module(state_dict).keys()
    share, nearest = max(((_share(family, names), family) for family in FAMILIES), key=lambda found: found[0])
    if share < KNOWN_FROM:
        known = ", ".join(family.title for family in FAMILIES)
        raise CheckpointError(f"The weights ({_listed(list(names))}) are of no network that is known here, which are: {known}.")
    return nearest


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """The tensors in a file of `torch.save`, with their names; a file that holds anything else is refused, and runs nothing.

    CheckpointError where it is damaged, a web page, or more than named tensors.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # damaged bytes make the unpickler raise nearly anything
        what = "a web page" if _begins_as_page(path) else "damaged, or holds more than tensors"
        raise CheckpointError(f"{path} is {what}; expected are the weights of a network, as torch.save writes them.") from error
    if not (isinstance(content, dict) and content and all(isinstance(value, Tensor) for value in content.values())):
        raise CheckpointError(f"{path} holds no state dict, which is a dict of named tensors; save network.state_dict() alone.")
    return dict(content)


def without_module(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The entries without the ``module.`` that `DataParallel` puts before every key."""
    return {key.removeprefix("module."): value for key, value in state_dict.items()}


def _share(family: Family, names: Set[str]) -> float:
    """How much of a family's keys is there, in [0, 1]."""
    keys = family.keys()
    return sum(key in names for key in keys) / len(keys)


def _faults(expected: Mapping[str, torch.Size], got: Mapping[str, Tensor]) -> str:
    """How the entries differ from what is expected, in words; empty where they do not."""
    missing = [key for key in expected if key not in got]
    unexpected = [key for key in got if key not in expected]
    misshapen = [
        f"{key} with the shape {tuple(got[key].shape)} instead of {tuple(shape)}"
        for key, shape in expected.items()
        if key in got and got[key].shape != shape
    ]
    found = {"missing": missing, "unexpected": unexpected, "misshapen": misshapen}
    return "; ".join(f"{word} {_listed(keys)}" for word, keys in found.items() if keys)


def _listed(keys: list[str]) -> str:
    more = f" and {len(keys) - SHOWN} more" if len(keys) > SHOWN else ""
    return ", ".join(keys[:SHOWN]) + more


def _begins_as_page(path: Path) -> bool:
    with open(path, "rb") as file:
        return file.read(1024).lstrip().lower().startswith((b"<!doctype html", b"<html"))
