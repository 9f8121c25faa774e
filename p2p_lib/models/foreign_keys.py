"""How the authors of other projects call the layers of our networks, and what the keys of a file alone tell of its network.

The maps go from our name of a layer, or of a module of many, to theirs. The readers take the shapes of all entries and answer with
the settings that they have found, none where nothing fits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from p2p_lib.models.foreign_family import Shapes
from p2p_lib.models.patchgan import STRIDES
from p2p_lib.models.unet import num_layers

Settings = Mapping[str, Any]
DEPTHS = range(5, 11)
MAX_BLOCKS = 64
MAX_SCALES = 5


def nested_unet_layers(depth: int) -> dict[str, str]:
    """A U-Net of nested blocks (junyanz' `UnetGenerator` and all that descend from it).

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


def nested(settings: Settings) -> dict[str, str]:
    """`nested_unet_layers` of a U-Net with these settings."""
    return nested_unet_layers(num_layers(settings["image_size"]))


def read_nested(shapes: Shapes) -> dict[str, Any]:
    """Depth and norm of such a U-Net."""
    depth = max((key.split(".").count("model") for key in shapes if key.startswith("model.model.")), default=0) - 1
    found = {"image_size": 2**depth} if depth in DEPTHS else {}
    return found | _norm(shapes)


def submodules(settings: Settings) -> dict[str, str]:
    """BicycleGAN's U-Net with the code at every layer: blocks with a `down`, a `submodule` and an `up`."""
    layers, block, depth = {}, "model", num_layers(settings["image_size"])
    for i in range(depth):
        layers[f"down.{i}.conv"] = f"{block}.down.{0 if i == 0 else 1}"
        layers[f"up.{depth - 1 - i}.conv"] = f"{block}.up.1"
        block += ".submodule"
    return layers


def read_submodules(shapes: Shapes) -> dict[str, Any]:
    """Depth of such a U-Net, and the length of its code, which the innermost layer is given beside the picture's channels."""
    depth = max((key.count("submodule") for key in shapes), default=-1) + 1
    if depth not in DEPTHS:
        return {}
    found: dict[str, Any] = {"image_size": 2**depth}
    outer, second = shapes.get("model.down.0.weight", ()), shapes.get("model.submodule.down.1.weight", ())
    if len(outer) == len(second) == 4 and 0 < second[1] - outer[0] < outer[1]:
        nz = second[1] - outer[0]
        found |= {"nz": nz, "in_channels": outer[1] - nz}
    return found


def read_input_code(shapes: Shapes) -> dict[str, Any]:
    """Depth of BicycleGAN's U-Net with the code at the input, and its input channels: those beside a code of 8."""
    channels = shapes.get("model.model.0.weight", (0, 0))
    known = {9: 1, 11: 3}.get(channels[1]) if len(channels) > 1 else None
    depth = {key: value for key, value in read_nested(shapes).items() if key == "image_size"}
    return depth | ({"in_channels": known} if known else {})


def resnet(settings: Settings) -> dict[str, str]:
    """junyanz' ResNet: its list has the padding as a layer of its own, so numbers are shifted, within a block, too."""
    n_blocks, second = settings["n_blocks"], 6 if settings["dropout"] else 5
    layers = {f"layers.{i}": f"model.{i + 1}" for i in range(9)}
    for i in range(9, 9 + n_blocks):
        for ours, number in {0: 1, 1: 2, 4: second, 5: second + 1}.items():
            layers[f"layers.{i}.change.{ours}"] = f"model.{i + 1}.conv_block.{number}"
    layers |= {f"layers.{i}": f"model.{i + 1}" for i in range(9 + n_blocks, 15 + n_blocks)}
    return layers | {f"layers.{15 + n_blocks}": f"model.{17 + n_blocks}"}


def read_resnet(shapes: Shapes) -> dict[str, Any]:
    """Number of blocks, norm, and whether there is a dropout between the two convolutions of a block."""
    blocks = {key.split(".")[1] for key in shapes if ".conv_block." in key}
    found = {"n_blocks": len(blocks)} if 1 <= len(blocks) <= MAX_BLOCKS else {}
    last = shapes.get(f"model.{17 + len(blocks)}.weight", ())
    found |= {"out_channels": last[0]} if len(last) == 4 and last[0] else {}
    dropout = any(key.endswith(".conv_block.6.weight") and len(shape) == 4 for key, shape in shapes.items())
    return found | {"dropout": dropout} | _norm(shapes)


def read_patchgan(shapes: Shapes) -> dict[str, Any]:
    """Receptive field and norm of junyanz' PatchGAN: its convolutions are the numbers 0, 2, 5, 8, ..."""
    return _field(shapes, "model") | _norm(shapes)


def read_pixelgan(shapes: Shapes) -> dict[str, Any]:
    """Norm of junyanz' PixelGAN."""
    return {"norm": "batch" if {"net.3.weight", "net.3.bias"} & shapes.keys() else "instance"}


def multiscale(settings: Settings) -> dict[str, str]:
    """BicycleGAN's discriminator of several scales."""
    return {f"scales.{i}.layers": f"model_{i}" for i in range(settings["n_scales"])}


def read_multiscale(shapes: Shapes) -> dict[str, Any]:
    """Number of scales, and the receptive field at each."""
    scales = {key.partition(".")[0] for key in shapes if key.startswith("model_")}
    found = {"n_scales": len(scales)} if 1 <= len(scales) <= MAX_SCALES else {}
    return found | _field(shapes, "model_0")


def encoder(settings: Settings) -> dict[str, str]:
    """BicycleGAN's ResNet encoder."""
    layers = {"mean": "fc.0", "log_variance": "fcVar.0", "first": "conv.0"}
    for i in range(settings["n_blocks"]):
        block = f"conv.{i + 1}"
        layers[f"blocks.{i}.change.2"] = f"{block}.conv.2"
        layers[f"blocks.{i}.change.5"] = f"{block}.conv.5.0"
        layers[f"blocks.{i}.shortcut.1"] = f"{block}.shortcut.1"
    return layers


def read_encoder(shapes: Shapes) -> dict[str, Any]:
    """Number of blocks."""
    blocks = {key.split(".")[1] for key in shapes if key.startswith("conv.") and ".shortcut." in key}
    return {"n_blocks": len(blocks)} if 1 <= len(blocks) <= MAX_BLOCKS else {}


def alexeylabs_unet(settings: Settings) -> dict[str, str]:
    layers = {"down.0.conv": "enc_conv_0.0", "down.7.conv": "bottleneck.0", "up.7.conv": "dec_conv_0.0"}
    layers |= _numbered("down", range(1, 7), lambda i: f"enc_conv_{i}.encode")
    return layers | _numbered("up", range(7), lambda j: f"dec_conv_{7 - j}.decode")


def alexeylabs_discriminator(settings: Settings) -> dict[str, str]:
    layers = {"steps.0.conv": "first_layer.0", "steps.4.conv": "last_layer.0"}
    return layers | _numbered("steps", range(1, 4), lambda i: f"model.{i - 1}.encode")


def annkka3_unet(settings: Settings) -> dict[str, str]:
    layers = {"down.7.conv": "bottleneck.0", "up.7.conv": "up8.0"}
    layers |= _numbered("down", range(7), lambda i: f"down{i + 1}.conv")
    return layers | _numbered("up", range(7), lambda j: f"up{j + 1}.conv")


def annkka3_discriminator(settings: Settings) -> dict[str, str]:
    return _numbered("steps", range(4), lambda i: f"down{i + 1}.conv") | {"steps.4.conv": "final"}


def jys1670_unet(settings: Settings) -> dict[str, str]:
    layers = {"down.0.conv": "enc_blocs.0.0", "down.7.conv": "bottleneck.0", "up.7.conv": "dec_final_block.1"}
    layers |= _numbered("down", range(1, 7), lambda i: f"enc_blocs.{i}.transform")
    layers |= _numbered("up", range(4), lambda j: f"dec_blocs.{j}.transform")
    return layers | _numbered("up", range(4, 7), lambda j: f"dec_blocs.{j}.transform", first=1)


def jys1670_discriminator(settings: Settings) -> dict[str, str]:
    layers = {"layers.0": "init_block.0", "layers.11": "remaining_blocks.3"}
    for i in range(3):
        layers |= {f"layers.{3 * i + 2 + j}": f"remaining_blocks.{i}.transform.{j}" for j in range(2)}
    return layers


def vladislav_unet(settings: Settings) -> dict[str, str]:
    ours = [f"down.{i}" for i in range(7)] + [f"up.{j}" for j in range(6)]
    theirs = ["in_layer", *(f"enc{i}" for i in range(5)), "bottleneck", *(f"dec{j}" for j in range(6))]
    layers = {f"{own}.norm": f"{name}.innorm" for own, name in zip(ours, theirs, strict=True)}
    layers |= {f"{own}.conv": f"{name}.conv{'.1' if own.startswith('up') else ''}" for own, name in zip(ours, theirs, strict=True)}
    return layers | {"up.6.conv": "out_layer.conv.1", "up.6.idle_norm": "out_layer.innorm"}


def vladislav_discriminator(settings: Settings) -> dict[str, str]:
    layers = {f"steps.{i}.conv": f"c{i}.conv" for i in range(7)} | {f"steps.{i}.norm": f"c{i}.innorm" for i in range(6)}
    return layers | {"steps.6.idle_norm": "c6.innorm"}


def pavel_unet(settings: Settings) -> dict[str, str]:
    layers = {"latent.fc": "fc", "up.6.conv": "final.1"} | _numbered("down", range(7), lambda i: f"down{i + 1}.model")
    return layers | _numbered("up", range(6), lambda j: f"up{j + 1}.model", first=1)


def _numbered(ours: str, numbers: range, theirs: Callable[[int], str], first: int = 0) -> dict[str, str]:
    """Steps of ours whose convolution and norm are two entries of a list of theirs."""
    layers = {f"{ours}.{i}.conv": f"{theirs(i)}.{first}" for i in numbers}
    return layers | {f"{ours}.{i}.norm": f"{theirs(i)}.{first + 1}" for i in numbers}


def _norm(shapes: Shapes) -> dict[str, str]:
    """Batch norm has a scale for every channel, the instance norm of these projects nothing."""
    scales = any(len(shape) == 1 and key.endswith(".weight") for key, shape in shapes.items())
    return {"norm": "batch" if scales else "instance"}


def _field(shapes: Shapes, name: str) -> dict[str, int]:
    """The receptive field of a PatchGAN whose convolutions are the numbers 0, 2, 5, 8, ... of a list `name`."""
    numbers = [
        int(number)
        for key in shapes
        if key.startswith(f"{name}.") and (number := key.split(".")[1]).isdecimal() and len(number) < 4
    ]
    between = max((number for number in numbers if number % 3 == 2), default=2) // 3  # convolutions but the first and the last
    strides = (2,) * between + (1, 1)
    field = next((field for field, known in STRIDES.items() if known == strides), None)
    return {"receptive_field": field} if field else {}
