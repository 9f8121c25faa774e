"""The table of the course's tasks: one row each, and the configuration that a row stands for.

A `Task` is the one configuration object. It is built alike by ``p2p.task("facades", lr=1e-4)``, by ``p2p train facades --lr 1e-4``
and by a TOML file; it travels whole, and every checkpoint carries it.
"""

from __future__ import annotations

import dataclasses
import json
import os
from typing import Any, Literal, get_args, get_origin, get_type_hints

import torch

from p2p_lib.bicyclegan import BicycleGAN, BicycleObjective
from p2p_lib.codec import Codec, make_codec
from p2p_lib.data.augment import Augment, ColorJitter
from p2p_lib.data.pairs import OnError, Side
from p2p_lib.device import Precision, isolated_rng, resolve_precision
from p2p_lib.errors import ConfigError, did_you_mean
from p2p_lib.losses import GanMode
from p2p_lib.method import Method
from p2p_lib.models import LatentEncoder, MultiScaleDiscriminator, PatchDiscriminator, ResNetGenerator, UNetGenerator
from p2p_lib.models.blocks import Norm, Padding, init_weights
from p2p_lib.models.patchgan import output_size
from p2p_lib.models.unet import Inject, Upsample, num_layers
from p2p_lib.pix2pix import Objective, Pix2Pix
from p2p_lib.processes import ONE_PROCESS, Processes

Profile = Literal["full", "lite"]


@dataclasses.dataclass(frozen=True)
class Task:
    """Everything that decides how a model is trained. The defaults are the paper's recipe for facades.

    Args:
        name: The row of the table of tasks that this configuration started from.
        method: pix2pix, or BicycleGAN, which learns many answers to one source.
        profile: "full" is the paper's sizes on a GPU; "lite" about a minute on two CPU cores.
        dataset: A name of the catalog, or a folder of yours: pairs, for colouring any colour pictures, or shards, also by address.
        source_side: Which half of side-by-side files is the source; a dataset of the catalog knows, and turns round for the other.
        on_error: What to do about unusable files: "raise" stops with a report, "skip" trains without them.
        image_size: Side in pixels that the network is trained at, a power of two from 32 to 1024.
        jitter: Pairs are resized to image_size + jitter pixels and cropped at random (the paper: 286 to 256).
        hflip: Mirror pairs left-right at random.
        vflip: Mirror pairs upside down at random.
        zoom: Smallest side, as a share, of the random square that is cut out and resized back; 1 switches it off.
        redraw: Policy by which line drawings are replaced by others of the same picture (see data.redraw).
        source_jitter: How far brightness, contrast, saturation and hue of the source are jittered.
        codec: What the network sees: colours (sketch: answers gray; ink: answers what lies under the source's lines), or lightness
            only and answers a, b (lab) or colours (gray).
        generator: A U-Net, or a ResNet with 6 or 9 blocks.
        ngf: Filters in the first layer of the generator.
        norm: Normalisation of both networks.
        dropout: Whether the generator drops activations in training (the paper's only noise).
        upsample: How the generator doubles: transposed convolution, or resizing and a convolution.
        padding: How convolutions see beyond the border.
        skips: Whether the U-Net has its skip connections; without them it is the paper's encoder-decoder.
        source_skip: Whether the last layers of a U-Net also see the source, for lines one pixel wide.
        nz: Length of the latent code that chooses one of many answers; 0 for none. Given to pix2pix, it is random noise.
        inject: Where the U-Net is given the code: at its input, or at all of its layers down.
        nef: Filters in the first layer of BicycleGAN's encoder.
        ndf: Filters in the first layer of the discriminator.
        conditional: Whether pix2pix's discriminator sees the source beside the picture; BicycleGAN's never does.
        receptive_field: Side in pixels of the patch that each answer of the discriminator judges.
        n_scales: At how many sizes, each half of the last, BicycleGAN's discriminators see a picture.
        gan_mode: The adversarial loss.
        lambda_l1: Weight of the L1 loss; 0 leaves pix2pix the adversarial loss alone.
        lambda_gan: Weight of pix2pix's adversarial loss; 0 trains by L1 alone, without a discriminator.
        lambda_z: BicycleGAN's weight of finding the random code again.
        lambda_kl: BicycleGAN's weight of keeping codes normally distributed.
        d_loss_weight: Factor on the discriminator's loss.
        batch_size: Pairs a step, over all processes.
        accumulate: Parts of a batch that are computed one after another, for a GPU with little memory; batch norm sees the parts.
        epochs: How often every pair is seen.
        steps: Optimisation steps, instead of epochs; 0 goes by epochs.
        lr: Learning rate (Adam).
        lr_d_factor: The discriminator's learning rate, as a multiple of `lr`.
        betas: Adam's betas.
        decay_from: Share of training after which the learning rate falls linearly to zero; 1 switches it off.
        precision: Arithmetic of the networks; "auto" takes what is fast on the device.
        seed: Every random draw follows from it.
        eval_every: Steps between validations, each with a picture of fixed samples.
        save_every: Steps between checkpoints.
        keep_every: Epochs between generators that are kept, to choose from by eye; 0 keeps none.
    """

    name: str = "facades"
    method: Literal["pix2pix", "bicyclegan"] = "pix2pix"
    profile: Profile = "full"
    dataset: str = "facades"
    source_side: Side | None = None
    on_error: OnError = "raise"
    image_size: int = 256
    jitter: int = 30
    hflip: bool = True
    vflip: bool = False
    zoom: float = 1.0
    redraw: Literal["none", "manga", "any-light"] = "none"
    source_jitter: ColorJitter = (0.0, 0.0, 0.0, 0.0)
    codec: Literal["rgb", "lab", "gray", "sketch", "ink"] = "rgb"
    generator: Literal["unet", "resnet6", "resnet9"] = "unet"
    ngf: int = 64
    norm: Norm = "batch"
    dropout: bool = True
    upsample: Upsample = "transpose"
    padding: Padding = "zeros"
    skips: bool = True
    source_skip: bool = False
    nz: int = 0
    inject: Inject = "input"
    nef: int = 64
    ndf: int = 64
    conditional: bool = True
    receptive_field: int = 70
    n_scales: int = 2
    gan_mode: GanMode = "vanilla"
    lambda_l1: float = 100.0
    lambda_gan: float = 1.0
    lambda_z: float = 0.5
    lambda_kl: float = 0.01
    d_loss_weight: float = 0.5
    batch_size: int = 1
    accumulate: int = 1
    epochs: int = 200
    steps: int = 0
    lr: float = 2e-4
    lr_d_factor: float = 1.0
    betas: tuple[float, float] = (0.5, 0.999)
    decay_from: float = 0.5
    precision: Precision = "auto"
    seed: int = 0
    eval_every: int = 2000
    save_every: int = 2000
    keep_every: int = 0

    def __post_init__(self) -> None:
        self._check_choices()
        try:
            num_layers(self.image_size)
            output_size(self.image_size // 2 ** (max(self.n_scales, 1) - 1 if self.bicycle else 0), self.receptive_field)
        except ValueError as error:
            raise ConfigError(str(error)) from None
        for field in (
            "ngf",
            "ndf",
            "nef",
            "n_scales",
            "batch_size",
            "accumulate",
            "epochs",
            "lr",
            "lr_d_factor",
            "zoom",
            "eval_every",
            "save_every",
        ):
            if getattr(self, field) <= 0:
                raise ConfigError(f"{field} must be greater than 0; got {getattr(self, field)}.")
        weights = ("lambda_l1", "lambda_gan", "lambda_z", "lambda_kl", "d_loss_weight")
        for field in ("nz", "jitter", "steps", "keep_every", *weights, "decay_from"):
            if getattr(self, field) < 0:
                raise ConfigError(f"{field} must not be negative; got {getattr(self, field)}.")
        for field in ("zoom", "decay_from"):
            if getattr(self, field) > 1:
                raise ConfigError(f"{field} is a share between 0 and 1; got {getattr(self, field)}.")
        if not all(0 <= beta < 1 for beta in self.betas):
            raise ConfigError(f"betas are at least 0 and below 1; got {self.betas}.")
        if not (all(0 <= amount <= 1 for amount in self.source_jitter) and self.source_jitter[3] <= 0.5):
            raise ConfigError(f"source_jitter is between 0 and 1, for hue at most 0.5; got {self.source_jitter}.")
        self._check_latent()
        self.check_shares()
        self._check_ablations()

    def check_shares(self, n_processes: int = 1) -> None:
        """ConfigError unless a batch can be computed in equal shares by so many processes, each in `accumulate` parts."""
        n_shares = n_processes * self.accumulate * (2 if self.bicycle else 1)
        if self.batch_size % n_shares == 0:
            return
        shares = f"{n_processes} processes, " * (n_processes > 1) + f"accumulate {self.accumulate}" + ", halves" * self.bicycle
        near = sorted({max(self.batch_size // n_shares, 1) * n_shares, (self.batch_size // n_shares + 1) * n_shares})
        raise ConfigError(
            f"batch_size is a multiple of {n_shares} ({shares}), so that all shares are equal; got {self.batch_size}: "
            f"take {' or '.join(map(str, near))}."
        )

    def _check_choices(self) -> None:
        """Fields that take one of a few words hold one of them."""
        for field, kind in get_type_hints(Task).items():
            if get_origin(kind) is Literal and getattr(self, field) not in get_args(kind):
                raise ConfigError(f"{field} is one of {', '.join(get_args(kind))}; got {getattr(self, field)!r}.")

    def _check_latent(self) -> None:
        """What takes a latent code, and what needs one."""
        if self.nz and self.generator != "unet":
            raise ConfigError(
                f"Only a U-Net takes a latent code; got nz {self.nz} with generator {self.generator}: take unet, or nz 0."
            )
        if self.bicycle and self.nz == 0:
            raise ConfigError("method bicyclegan needs a latent code, and nz is 0; take nz 8, or method pix2pix.")
        if self.bicycle and self.ndf < 2 ** (self.n_scales - 1):
            least = 2 ** (self.n_scales - 1)
            raise ConfigError(
                f"Every scale halves the filters, so n_scales {self.n_scales} needs ndf {least} at least; got {self.ndf}."
            )
        if self.bicycle and self.batch_size % 2:
            even = f"{self.batch_size - 1} or {self.batch_size + 1}" if self.batch_size > 1 else "2"
            raise ConfigError(
                f"method bicyclegan splits every batch in two, so batch_size is even; got {self.batch_size}: take {even}."
            )

    def _check_ablations(self) -> None:
        """What can be taken away from a method, and what would leave nothing to learn from."""
        if not self.skips and self.generator != "unet":
            raise ConfigError(f"Only a U-Net has skips to leave out; got skips false with generator {self.generator}: take unet.")
        if self.bicycle and self.lambda_gan != 1:
            raise ConfigError(f"lambda_gan is for method pix2pix; for bicyclegan it is 1, and {self.lambda_gan} was given.")
        if not self.bicycle and self.lambda_gan == 0 == self.lambda_l1:
            raise ConfigError("lambda_gan and lambda_l1 are both 0, which leaves nothing to learn from; raise one of them.")

    @property
    def bicycle(self) -> bool:
        """Whether the method is BicycleGAN."""
        return self.method == "bicyclegan"

    @property
    def load_size(self) -> int:
        """Side in pixels that training pairs are resized to, before they are cropped at random to `image_size`."""
        return self.image_size + self.jitter

    @property
    def colors(self) -> bool:
        """Whether the task colours: single pictures are source and target at once, and the codec takes the colour away."""
        return self.codec in ("lab", "gray")

    def total_steps(self, n_pairs: int) -> int:
        """How many steps the whole training has, with `n_pairs` pairs to learn from."""
        return self.steps or -(-self.epochs * n_pairs // self.batch_size)

    def lr_factor(self, step: int, total: int) -> float:
        """The learning rate's factor at `step` of `total`: 1, then falling linearly, to reach 0 just after the last step."""
        start = self.decay_from * total
        return 1.0 if step < start else (total - step) / (total - start)

    def make_codec(self) -> Codec:
        """The codec of this task."""
        return make_codec(self.codec)

    def make_augment(self) -> Augment:
        """The augmentation of this task."""
        return Augment(self.image_size, self.hflip, self.vflip, self.zoom, self.redraw, self.source_jitter)

    def make_generator(self) -> UNetGenerator | ResNetGenerator:
        """A new generator, initialised from the seed."""
        codec = self.make_codec()
        options = {field: getattr(self, field) for field in ("ngf", "norm", "dropout", "upsample", "padding")}
        with isolated_rng():  # layers draw their first weights from the global generator
            if self.generator == "unet":
                options |= {field: getattr(self, field) for field in ("image_size", "skips", "source_skip", "nz", "inject")}
                netG = UNetGenerator(codec.in_channels, codec.out_channels, **options)
            else:
                n_blocks = int(self.generator.removeprefix("resnet"))
                netG = ResNetGenerator(codec.in_channels, codec.out_channels, n_blocks=n_blocks, **options)
        init_weights(netG, self.seed)
        return netG

    def make_discriminator(self, number: int = 1) -> PatchDiscriminator | MultiScaleDiscriminator:
        """A new discriminator, initialised from the seed and its `number`: of (source, image), or where the task is not
        conditional, and for BicycleGAN, of the image alone."""
        codec = self.make_codec()
        options = {field: getattr(self, field) for field in ("ndf", "receptive_field", "norm", "padding")}
        with isolated_rng():
            if self.bicycle:
                netD = MultiScaleDiscriminator(codec.out_channels, n_scales=self.n_scales, **options)
            else:
                netD = PatchDiscriminator(codec.in_channels * self.conditional + codec.out_channels, **options)
        init_weights(netD, self.seed + number)
        return netD

    def make_encoder(self) -> LatentEncoder | None:
        """A new encoder of targets, initialised from the seed, that halves them down to 8 x 8; None where the method has none."""
        if not self.bicycle:
            return None
        n_blocks = num_layers(self.image_size) - num_layers(32) + 1  # 32 -> 16 -> 8
        with isolated_rng():
            netE = LatentEncoder(self.make_codec().out_channels, self.nz, nef=self.nef, n_blocks=n_blocks, norm=self.norm)
        init_weights(netE, self.seed + 3)
        return netE

    def make_method(self, device: torch.device, processes: Processes = ONE_PROCESS) -> Method:
        """All networks on `device`, with their optimisers; `processes` train them together."""
        made = [self.make_generator(), self.make_discriminator()]
        if self.bicycle:
            made[1:] = [self.make_encoder(), made[1], self.make_discriminator(2)]
        networks = [net.to(device, memory_format=torch.channels_last) for net in made]
        options = {"lr": self.lr, "lr_d": self.lr * self.lr_d_factor, "betas": self.betas}
        options |= {"precision": resolve_precision(self.precision, device)}
        options |= {"accumulate": self.accumulate, "processes": processes}
        if not self.bicycle:
            objective = Objective(self.gan_mode, self.lambda_l1, self.d_loss_weight, self.lambda_gan)
            return Pix2Pix(*networks, objective, conditional=self.conditional, **options)
        objective = BicycleObjective(self.gan_mode, self.lambda_l1, self.lambda_z, self.lambda_kl, self.d_loss_weight)
        return BicycleGAN(*networks, objective, **options)


@dataclasses.dataclass(frozen=True)
class Row:
    """One row of the table: a title, the full recipe, and what the lite profile changes in it."""

    title: str
    full: dict[str, Any]
    lite: dict[str, Any] = dataclasses.field(default_factory=dict)


LITE: dict[str, Any] = {
    "jitter": 15,
    "image_size": 128,
    "ngf": 24,
    "ndf": 24,
    "batch_size": 4,
    "steps": 700,
    "lr": 8e-4,
    "lr_d_factor": 0.5,
    "decay_from": 0.5,
    "upsample": "nearest",
    "eval_every": 175,
    "save_every": 175,
}
"""What makes a task small enough for a minute on two CPU cores."""

PAINT: dict[str, Any] = {"dataset": "monet", "padding": "reflect"}
PAINT_LITE: dict[str, Any] = {"norm": "instance-affine", "image_size": 64, "jitter": 8, "ngf": 16, "ndf": 16}
"""Colouring as annkka3 trained it, for both routes: they differ in the codec and in nothing else. Lite is small enough for several
runs; instance norm and zero padding make short ones more colourful, and less different from seed to seed."""

INK: dict[str, Any] = {"redraw": "manga", "source_skip": True, "upsample": "nearest", "dropout": False, "batch_size": 8}
"""Line art by any hand: drawings are replaced in training, and thin lines reach the last layers."""
INK_LITE: dict[str, Any] = INK | {"image_size": 64, "jitter": 8}

LAPTOP: dict[str, Any] = {
    "image_size": 256,
    "jitter": 30,
    "ngf": 32,
    "ndf": 32,
    "norm": "instance-affine",
    "dropout": False,
    "upsample": "nearest",
    "batch_size": 2,
    "steps": 2000,
    "lr": 4e-4,
    "lr_d_factor": 0.5,
    "eval_every": 500,
    "save_every": 500,
}
"""256 px within ten minutes on two CPU cores, the same in both profiles."""

TASKS: dict[str, Row] = {
    "facades": Row("Label map to facade, the paper's recipe", {}),
    "facades-laptop": Row("Label map to facade at 256 px, in about ten minutes on two CPU cores", LAPTOP, LAPTOP),
    "sat2map": Row("Aerial photo to map, the paper's recipe", {"dataset": "maps"}),
    "map2sat": Row(
        "Map to aerial photo, the paper's recipe", {"dataset": "maps", "source_side": "right"}, {"source_side": "right"}
    ),
    "edges2shoes": Row("Edges to shoes, the paper's recipe", {"dataset": "edges2shoes", "batch_size": 4, "epochs": 15}),
    "facades-jys1670": Row(
        "Label map to facade as jys1670 trained it: instance norm, reflect padding, zooming crops, no decay",
        {"norm": "instance-affine", "padding": "reflect", "jitter": 0, "zoom": 0.895, "decay_from": 1.0},
        {"norm": "instance-affine", "padding": "reflect", "zoom": 0.895, "decay_from": 1.0},
    ),
    "facades-vladislav": Row(
        "Label map to facade as Vladislav-IS meant it: bilinear decoder, a discriminator that sees everything, 350 epochs",
        {"norm": "instance-affine", "upsample": "bilinear", "receptive_field": 382, "epochs": 350, "decay_from": 1.0},
        {"norm": "instance-affine", "upsample": "bilinear", "receptive_field": 142, "decay_from": 1.0},
    ),
    "edges2shoes-alexeylabs": Row(
        "Edges to shoes as alexeylabs trained it: batch 4, two learning rates, coloured edges, 13 epochs",
        {
            "dataset": "edges2shoes",
            "jitter": 0,
            "vflip": True,
            "source_jitter": (0.5, 0.5, 0.5, 0.5),
            "receptive_field": 94,
            "d_loss_weight": 1.0,
            "batch_size": 4,
            "epochs": 13,
            "lr": 1e-4,
            "lr_d_factor": 0.5,
            "decay_from": 1.0,
        },
        {"vflip": True, "source_jitter": (0.5, 0.5, 0.5, 0.5), "receptive_field": 94, "d_loss_weight": 1.0},
    ),
    "maps-annkka3": Row(
        "Aerial photo to map as annkka3 trained it: reflect padding",
        {"dataset": "maps", "padding": "reflect", "jitter": 0, "decay_from": 1.0},
        {"padding": "reflect"},
    ),
}
TASKS["paint-gray"] = Row(
    "Colour paintings from gray: three channels to guess", PAINT | {"codec": "gray"}, PAINT_LITE | {"codec": "gray"}
)
TASKS["paint-lab"] = Row(
    "Colour paintings in L*a*b*: two channels to guess", PAINT | {"codec": "lab"}, PAINT_LITE | {"codec": "lab"}
)
TASKS["anime"] = Row(
    "Line drawing to anime frame, trained on drawings by many hands", {"dataset": "anime", "epochs": 50} | INK, INK_LITE
)
ANY_LIGHT: dict[str, Any] = {"codec": "ink", "redraw": "any-light", "lambda_l1": 2000.0}
"""For stories of day and night: L1 outweighs a discriminator that would rather see strong colours than likely ones."""
TASKS["comics"] = Row(
    "Line drawing to comic panel, by any hand and in any light",
    {"dataset": "comics"} | INK | ANY_LIGHT,
    INK_LITE | ANY_LIGHT,
)
TASKS["anime-jys1670"] = Row(
    "Line drawing to anime frame as jys1670 trained it: 512 px, one program's drawings, batch 10, 50 epochs",
    {
        "dataset": "anime",
        "norm": "instance-affine",
        "padding": "reflect",
        "image_size": 512,
        "jitter": 0,
        "batch_size": 10,
        "epochs": 50,
        "decay_from": 1.0,
    },
    {"norm": "instance-affine", "padding": "reflect", "decay_from": 1.0},
)
MANY: dict[str, Any] = {"dataset": "faces", "method": "bicyclegan", "nz": 8, "gan_mode": "lsgan", "lambda_l1": 10.0} | {
    "d_loss_weight": 1.0
}
"""Many answers to one sketch: what both BicycleGANs have in common."""
MANY_LITE: dict[str, Any] = (
    MANY
    | {"image_size": 64, "jitter": 4, "ngf": 12, "ndf": 16, "nef": 16, "receptive_field": 34, "batch_size": 4, "steps": 450}
    | {"inject": "all", "norm": "instance-affine", "padding": "reflect", "dropout": False, "lambda_l1": 20.0, "lr": 1e-3}
    | {"eval_every": 150, "save_every": 150}
)
TASKS["faces"] = Row(
    "Sketch to many photos: BicycleGAN as its authors train it",
    MANY | {"inject": "all", "norm": "instance", "jitter": 0, "batch_size": 2, "epochs": 400},
    MANY_LITE,
)
TASKS["faces-pavel"] = Row(
    "Sketch to many photos as PavelBogoslovskiy trained it: 128 px, batch norm, three scales, batch 16, 150 epochs",
    MANY
    | {
        "image_size": 128,
        "jitter": 0,
        "hflip": False,
        "upsample": "nearest",
        "dropout": False,
        "n_scales": 3,
        "lambda_z": 0.6,
        "lambda_kl": 0.02,
        "batch_size": 16,
        "epochs": 150,
        "lr": 5e-4,
        "betas": (0.6, 0.999),
        "decay_from": 1.0,
    },
    MANY_LITE | {"norm": "batch", "lambda_z": 0.6, "lambda_kl": 0.02, "betas": (0.6, 0.999), "decay_from": 1.0},
)
TASKS["edges2cars-alexeylabs"] = dataclasses.replace(
    TASKS["edges2shoes-alexeylabs"],
    title="Edges to cars as alexeylabs trained it: the same, 33 epochs",
    full=TASKS["edges2shoes-alexeylabs"].full | {"dataset": "edges2cars", "epochs": 33},
)


def task(name: str = "facades", profile: Profile | None = None, **changes: Any) -> Task:
    """The configuration of a row of the table, with any field changed: ``p2p.task("facades", epochs=20)``.

    `profile` unset: $P2P_PROFILE, else "full" where there is a CUDA GPU, else "lite". ConfigError names the nearest task or field
    where one is misspelt.
    """
    if name not in TASKS:
        raise ConfigError(f"There is no task {name!r}. {did_you_mean(name, TASKS)}")
    profile = profile or default_profile()
    row = TASKS[name]
    settings = {"dataset": row.full.get("dataset", "facades")} | LITE | row.lite if profile == "lite" else row.full
    return task_from_dict({"name": name, "profile": profile} | settings | changes)


def tasks() -> dict[str, str]:
    """The names of all tasks with their titles."""
    return {name: row.title for name, row in TASKS.items()}


def default_profile() -> Profile:
    """$P2P_PROFILE, else "full" where there is a CUDA GPU, else "lite"."""
    profile = os.environ.get("P2P_PROFILE") or ("full" if torch.cuda.is_available() else "lite")
    if profile not in ("full", "lite"):
        raise ConfigError(f"P2P_PROFILE is full or lite; got {profile!r}.")
    return profile


def task_from_dict(config: dict[str, Any]) -> Task:
    """A Task from plain types (a checkpoint, a TOML file); ConfigError where a field is unknown."""
    known = {field.name for field in dataclasses.fields(Task)}
    for key in config:
        if key not in known:
            raise ConfigError(f"A task has no field {key!r}. {did_you_mean(key, known)}")
    return Task(**{key: tuple(value) if isinstance(value, list) else value for key, value in config.items()})


def to_toml(config: Task) -> str:
    """The configuration as TOML, one line a field; a field that is None is left out, as TOML has no word for it."""
    fields = {key: value for key, value in dataclasses.asdict(config).items() if value is not None}
    # these values are written alike in JSON and in TOML
    return "".join(f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in fields.items())
