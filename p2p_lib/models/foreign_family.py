"""A `Family`: one network of a public project, and how its authors' files are read into ours."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn

from p2p_lib.errors import CheckpointError
from p2p_lib.models.foreign_networks import UnitRange
from p2p_lib.state_dicts import listed

Kind = Literal["generator", "discriminator", "encoder"]
Shapes = Mapping[str, tuple[int, ...]]

MAX_CHANNELS = 2048  # a file that asks for more is damaged
MAX_VALUES = 250_000_000  # 1 GB
SHOWN = 3  # keys named in an error
STATISTICS = ("running_mean", "running_var", "num_batches_tracked")
CODECS = {(3, 3): "rgb", (3, 1): "sketch", (1, 3): "gray", (1, 2): "lab"}
"""Channels that a generator takes and gives -> what they mean (`p2p_lib.codec`)."""


@dataclasses.dataclass(frozen=True)
class Family:
    """One network of a public project.

    name : what the registry of weights and `Translator.load` call it; `title` is what people call it, `project` its repository on
        GitHub.
    kind : "generator" (pictures to pictures), "discriminator" or "encoder".
    build : makes the network from `settings`.
    settings : its arguments, those of the published files.
    theirs : settings -> our name of every layer, or of a module of many, and the authors' name of it.
    sizes : which of the settings are read from a file: setting -> key and dimension of its shape.
    options : reads further settings from all shapes of a file.
    decoder_first : the authors put the decoder's half before the skip, where our U-Nets have it behind.
    unit_range : the generator was trained on pictures in [0, 1].
    side : the size that pictures are resized to, because the network was trained on that alone; None where any size will do.
    licence : of the authors' code and weights; None where they do not say.
    """

    name: str
    title: str
    project: str
    kind: Kind
    build: Callable[..., nn.Module]
    settings: Mapping[str, Any]
    theirs: Callable[[Mapping[str, Any]], dict[str, str]]
    sizes: Mapping[str, tuple[str, int]] = dataclasses.field(default_factory=dict)
    options: Callable[[Shapes], dict[str, Any]] | None = None
    decoder_first: bool = False
    unit_range: bool = False
    side: int | None = None
    licence: str | None = None

    @property
    def source(self) -> str:
        """The page of its authors."""
        return f"https://github.com/{self.project}"

    @property
    def codec(self) -> str | None:
        """What a generator's input and answer mean, by their channels alone; None where no codec has these, or for other kinds."""
        channels = self.settings.get("in_channels"), self.settings.get("out_channels")
        return CODECS.get(channels) if self.kind == "generator" else None

    def fitted(self, shapes: Shapes) -> Family:
        """The family with its sizes and options as a file has them, as far as they can be read there."""
        found = {}
        for setting, (key, dimension) in self.sizes.items():
            shape = shapes.get(key, ())
            if dimension < len(shape) and 1 <= shape[dimension] <= MAX_CHANNELS:
                found[setting] = shape[dimension]
        if self.options:
            found |= self.options(shapes)
        return dataclasses.replace(self, settings={**self.settings, **found})

    def has_any(self, keys: Iterable[str]) -> bool:
        """Whether one of the keys may be of this family, by the name of its layer; much quicker than `keys`."""
        layers = tuple(f"{layer}." for layer in self.theirs(self.settings).values())
        return any(key.startswith(layers) for key in keys)

    def empty(self) -> nn.Module:
        """The network on torch's "meta" device: all shapes, no values yet."""
        with torch.device("meta"):
            return self.build(**self.settings)

    def keys(self) -> dict[str, tuple[str, torch.Size]]:
        """The authors' key of every entry -> ours, and its shape."""
        theirs = self.theirs(self.settings)
        return {_renamed(key, theirs): (key, value.shape) for key, value in self.empty().state_dict().items()}

    def load(self, state_dict: Mapping[str, Tensor]) -> nn.Module:
        """The network with these weights, in eval mode; CheckpointError names what is missing, too much or misshapen.

        The weights are copied. What old versions of PyTorch left out (the counters of batch norm) or put in (statistics of an
        instance norm that has none) is made up for.
        """
        keys = self.keys()
        entries = completed(without_module(state_dict), keys)
        faults = faults_of({key: shape for key, (_, shape) in keys.items()}, entries)
        if faults:
            raise CheckpointError(f"The weights are not those of {self.title}: {faults}.")
        if sum(shape.numel() for _, shape in keys.values()) > MAX_VALUES:
            raise CheckpointError(f"The weights of {self.title} have more than {MAX_VALUES} values, as no published file has.")
        net = self.empty().to_empty(device="cpu")
        net.load_state_dict({keys[key][0]: value for key, value in entries.items()})
        if self.decoder_first:
            _swap_halves(net)
        return net.eval()

    def generator(self, state_dict: Mapping[str, Tensor]) -> nn.Module:
        """The generator with these weights, for pictures in [-1, 1] whatever its authors' range.

        CheckpointError as `load`, or where the family translates no pictures.
        """
        if self.kind != "generator":
            raise CheckpointError(
                f"These are the weights of {self.title}, which translates no pictures; load those of a generator."
            )
        if self.codec is None:
            taken, given = self.settings["in_channels"], self.settings["out_channels"]
            known = ", ".join(f"{a} to {b}" for a, b in CODECS)
            raise CheckpointError(
                f"{self.title} takes {taken} channels here and gives {given}; pictures are translated from {known}."
            )
        net = self.load(state_dict)
        return UnitRange(net) if self.unit_range else net


def without_module(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The entries without the ``module.`` that `DataParallel` puts before every key."""
    return {key.removeprefix("module."): value for key, value in state_dict.items()}


def completed(entries: Mapping[str, Tensor], expected: Collection[str]) -> dict[str, Tensor]:
    """The entries with counters that old files lack, and without the statistics of norms that keep none."""
    counters = {key: torch.tensor(0) for key in expected if key.endswith("num_batches_tracked")}
    return counters | {key: value for key, value in entries.items() if key in expected or not key.endswith(STATISTICS)}


def faults_of(expected: Mapping[str, torch.Size], got: Mapping[str, Tensor]) -> str:
    """How the entries differ from what is expected, in words; empty where they do not."""
    missing = [key for key in expected if key not in got]
    unexpected = [key for key in got if key not in expected]
    misshapen = [
        f"{key} with the shape {tuple(got[key].shape)} instead of {tuple(shape)}"
        for key, shape in expected.items()
        if key in got and got[key].shape != shape
    ]
    unusable = [f"{key} ({got[key].dtype})" for key in expected if key in got and not _plain(got[key])]
    found = {"missing": missing, "unexpected": unexpected, "misshapen": misshapen, "no plain numbers in": unusable}
    return "; ".join(f"{word} {listed(keys, SHOWN)}" for word, keys in found.items() if keys)


def _swap_halves(net: nn.Module) -> None:
    """Let every decoder layer but the first take the skip before what comes from below, by turning round its weights."""
    for block in net.up[1:]:
        weight = block.conv.weight
        dimension = 0 if isinstance(block.conv, nn.ConvTranspose2d) else 1
        weight.data = weight.data.roll(weight.shape[dimension] // 2, dimension)


def _plain(value: Tensor) -> bool:
    return value.layout == torch.strided and not value.is_quantized and not value.is_complex()


def _renamed(key: str, theirs: Mapping[str, str]) -> str:
    """The authors' name of our entry `key`: the longest part of it that has one is replaced."""
    layer = key
    while layer not in theirs:
        layer = layer.rpartition(".")[0]
    return theirs[layer] + key[len(layer) :]
