"""The table of families: every network of other projects that is known here.

Where two would read the same keys and shapes, the first of `FAMILIES` is meant.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from p2p_lib.models import foreign_keys as keys
from p2p_lib.models import foreign_networks as networks
from p2p_lib.models.encoder import LatentEncoder
from p2p_lib.models.foreign_family import Family
from p2p_lib.models.foreign_smooth import SmoothUNet
from p2p_lib.models.patchgan import MultiScaleDiscriminator, PatchDiscriminator
from p2p_lib.models.resnet import ResNetGenerator
from p2p_lib.models.unet import UNetGenerator

RGB = {"in_channels": 3, "out_channels": 3, "ngf": 64}
PAIR = {"in_channels": 6, "ndf": 64}

ANIME = "Mukosame/Anime2Sketch"
JUNYANZ = "junyanz/pytorch-CycleGAN-and-pix2pix"
BICYCLE = "junyanz/BicycleGAN"
JYS = "jys1670/DataScienceProjects"
ALEXEY = "alexeylabs/pix2pix_implementation"
VLADISLAV = "Vladislav-IS/dls_project_pix2pix"
PAVEL = "PavelBogoslovskiy/Sketch2Photo"
ANNKKA = "annkka3/Deep_Learning_Project"


def unet_sizes(first: str, last: str, out_dimension: int = 1) -> dict[str, tuple[str, int]]:
    """Channels and width of a U-Net, from the shapes of its first and its last convolution."""
    first, last = f"{first}.weight", f"{last}.weight"
    return {"in_channels": (first, 1), "ngf": (first, 0), "out_channels": (last, out_dimension)}


def judge_sizes(first: str) -> dict[str, tuple[str, int]]:
    """Channels and width of a discriminator, from the shape of its first convolution."""
    return {"in_channels": (f"{first}.weight", 1), "ndf": (f"{first}.weight", 0)}


def of_name(name: str) -> Callable[[Mapping[str, Any]], dict[str, str]]:
    """A map of a single module, for every setting."""
    return lambda settings: {"layers": name}


ANIME_SETTINGS: Mapping[str, Any] = {
    "in_channels": 3,
    "out_channels": 1,
    "image_size": 256,
    "norm": "instance",
    "dropout": False,
}

ANIME2SKETCH = Family(
    name="anime2sketch",
    title="Anime2Sketch (default)",
    project=ANIME,
    kind="generator",
    build=UNetGenerator,
    settings=ANIME_SETTINGS,
    theirs=keys.nested,
    side=512,
    licence="MIT",
)
"""The line drawing of an anime picture, by Mukosame, Anime2Sketch 2021 (github.com/Mukosame/Anime2Sketch, MIT)."""

ANIME2SKETCH_IMPROVED = Family(
    name="anime2sketch-improved",
    title="Anime2Sketch (improved)",
    project=ANIME,
    kind="generator",
    build=SmoothUNet,
    settings=ANIME_SETTINGS,
    theirs=keys.nested,
    side=512,
    licence="MIT",
)

FAMILIES = (
    ANIME2SKETCH,
    ANIME2SKETCH_IMPROVED,
    Family(
        name="bicyclegan-input",
        title="BicycleGAN's U-Net (code at the input)",
        project=BICYCLE,
        kind="generator",
        build=UNetGenerator,
        settings=RGB | {"image_size": 256, "norm": "instance", "dropout": False, "nz": 8, "inject": "input"},
        theirs=keys.nested,
        sizes={"ngf": ("model.model.0.weight", 0), "out_channels": ("model.model.3.weight", 1)},
        options=keys.read_input_code,
        decoder_first=True,
    ),
    Family(
        name="bicyclegan-all",
        title="BicycleGAN's U-Net (code at every layer)",
        project=BICYCLE,
        kind="generator",
        build=UNetGenerator,
        settings=RGB | {"image_size": 256, "norm": "instance", "dropout": False, "nz": 8, "inject": "all"},
        theirs=keys.submodules,
        sizes={"ngf": ("model.down.0.weight", 0), "out_channels": ("model.up.1.weight", 1)},
        options=keys.read_submodules,
        decoder_first=True,
    ),
    Family(
        name="bicyclegan-encoder",
        title="BicycleGAN's encoder",
        project=BICYCLE,
        kind="encoder",
        build=LatentEncoder,
        settings={"in_channels": 3, "nz": 8, "nef": 64, "n_blocks": 4},
        theirs=keys.encoder,
        sizes={"in_channels": ("conv.0.weight", 1), "nef": ("conv.0.weight", 0), "nz": ("fc.0.weight", 0)},
        options=keys.read_encoder,
    ),
    Family(
        name="bicyclegan-discriminator",
        title="BicycleGAN's discriminator of several scales",
        project=BICYCLE,
        kind="discriminator",
        build=MultiScaleDiscriminator,
        settings={"in_channels": 3, "ndf": 64, "n_scales": 2, "receptive_field": 70},
        theirs=keys.multiscale,
        sizes=judge_sizes("model_0.0"),
        options=keys.read_multiscale,
    ),
    Family(
        name="junyanz-unet",
        title="junyanz' pix2pix U-Net",
        project=JUNYANZ,
        kind="generator",
        build=UNetGenerator,
        settings=RGB | {"image_size": 256, "norm": "batch", "dropout": True},
        theirs=keys.nested,
        sizes=unet_sizes("model.model.0", "model.model.3"),
        options=keys.read_nested,
    ),
    Family(
        name="junyanz-resnet",
        title="junyanz' CycleGAN ResNet",
        project=JUNYANZ,
        kind="generator",
        build=ResNetGenerator,
        settings=RGB | {"n_blocks": 9, "norm": "instance", "dropout": False},
        theirs=keys.resnet,
        sizes={"in_channels": ("model.1.weight", 1), "ngf": ("model.1.weight", 0)},
        options=keys.read_resnet,
    ),
    Family(
        name="junyanz-patchgan",
        title="junyanz' PatchGAN",
        project=JUNYANZ,
        kind="discriminator",
        build=PatchDiscriminator,
        settings=PAIR | {"receptive_field": 70, "norm": "batch"},
        theirs=of_name("model"),
        sizes=judge_sizes("model.0"),
        options=keys.read_patchgan,
    ),
    Family(
        name="junyanz-pixelgan",
        title="junyanz' PixelGAN",
        project=JUNYANZ,
        kind="discriminator",
        build=PatchDiscriminator,
        settings=PAIR | {"receptive_field": 1, "norm": "batch"},
        theirs=of_name("net"),
        sizes=judge_sizes("net.0"),
        options=keys.read_pixelgan,
    ),
    Family(
        name="jys1670",
        title="jys1670's U-Net",
        project=JYS,
        kind="generator",
        build=networks.jys1670_unet,
        settings=RGB,
        theirs=keys.jys1670_unet,
        sizes=unet_sizes("enc_blocs.0.0", "dec_final_block.1", out_dimension=0),
        decoder_first=True,
    ),
    Family(
        name="jys1670-discriminator",
        title="jys1670's PatchGAN",
        project=JYS,
        kind="discriminator",
        build=PatchDiscriminator,
        settings=PAIR | {"norm": "instance-affine", "padding": "reflect"},
        theirs=keys.jys1670_discriminator,
        sizes=judge_sizes("init_block.0"),
    ),
    Family(
        name="alexeylabs",
        title="alexeylabs' U-Net",
        project=ALEXEY,
        kind="generator",
        build=networks.alexeylabs_unet,
        settings=RGB,
        theirs=keys.alexeylabs_unet,
        sizes=unet_sizes("enc_conv_0.0", "dec_conv_0.0"),
        decoder_first=True,
        unit_range=True,
    ),
    Family(
        name="alexeylabs-discriminator",
        title="alexeylabs' PatchGAN",
        project=ALEXEY,
        kind="discriminator",
        build=networks.alexeylabs_discriminator,
        settings=PAIR,
        theirs=keys.alexeylabs_discriminator,
        sizes=judge_sizes("first_layer.0"),
    ),
    Family(
        name="vladislav",
        title="Vladislav-IS' U-Net",
        project=VLADISLAV,
        kind="generator",
        build=networks.vladislav_unet,
        settings=RGB,
        theirs=keys.vladislav_unet,
        sizes=unet_sizes("in_layer.conv", "out_layer.conv.1", out_dimension=0),
    ),
    Family(
        name="vladislav-discriminator",
        title="Vladislav-IS' discriminator",
        project=VLADISLAV,
        kind="discriminator",
        build=networks.vladislav_discriminator,
        settings=PAIR,
        theirs=keys.vladislav_discriminator,
        sizes=judge_sizes("c0.conv"),
    ),
    Family(
        name="pavel",
        title="PavelBogoslovskiy's U-Net",
        project=PAVEL,
        kind="generator",
        build=networks.pavel_unet,
        settings=RGB | {"nz": 8, "side": 128},
        theirs=keys.pavel_unet,
        sizes={"ngf": ("down1.model.0.weight", 0), "out_channels": ("final.1.weight", 0), "nz": ("fc.weight", 1)},
        decoder_first=True,
        side=128,
    ),
    Family(
        name="annkka3",
        title="annkka3's U-Net",
        project=ANNKKA,
        kind="generator",
        build=networks.annkka3_unet,
        settings=RGB,
        theirs=keys.annkka3_unet,
        sizes=unet_sizes("down1.conv.0", "up8.0"),
        decoder_first=True,
    ),
    Family(
        name="annkka3-discriminator",
        title="annkka3's PatchGAN",
        project=ANNKKA,
        kind="discriminator",
        build=networks.annkka3_discriminator,
        settings=PAIR,
        theirs=keys.annkka3_discriminator,
        sizes=judge_sizes("down1.conv.0"),
    ),
)
