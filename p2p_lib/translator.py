"""A trained model as one object: a picture in, a picture of the same kind and size out.

Any size fits. A U-Net wants sides that are multiples of 2^layers, so a picture is mirrored at its borders and cropped back
afterwards; a large one goes through in overlapping tiles that are blended, so that memory stays bounded and no seam shows.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor, nn
from tqdm import tqdm

from p2p_lib import weights
from p2p_lib.checkpoint import load_weights
from p2p_lib.codec import LEVELS
from p2p_lib.data.images import find_images, read_image, save_image, to_rgb
from p2p_lib.device import autocast, best_device, isolated_rng, resolve_precision
from p2p_lib.errors import CheckpointError, ConfigError, DataError
from p2p_lib.models import foreign
from p2p_lib.state_dicts import read_state_dict
from p2p_lib.tasks import Task, task_from_dict

Mode = Literal["eval", "paper"]
Picture = TypeVar("Picture", Image.Image, np.ndarray, Tensor)

SINGLE_PASS_PIXELS = 1024 * 1024  # larger pictures are tiled
MIN_TILE = 768
MARGIN = 64  # at a tile's border the network misses its neighbourhood: what it answers there is not used
RAMP = 128  # over which one tile's answer fades into the next
OVERLAP = 2 * MARGIN + RAMP
AT_ONCE = {"cuda": 8, "mps": 4, "cpu": 1}  # pictures of a fixed size that go through together; a CPU is fastest one by one
DECODED_ROWS = 512  # so that decoding a large picture takes little memory
MAX_ALIGN = 256  # larger networks begin their tiles at multiples of this
WRITABLE_SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"}


class Translator:
    """A generator with all that belongs to it; make one with `Translator.load`.

    ``model(picture)`` translates a PIL image (any mode, turned upright by its EXIF tag), an array (H, W), (H, W, 1 | 3 | 4), or a
    tensor (1 | 3, H, W) or (N, 1 | 3, H, W); uint8, uint16, or floats in [0, 1]. Back comes RGB of the same type, dtype and size.

    `side` is for a network that knows one size alone: every picture is resized to side x side whatever its aspect (bicubic), and
    the answer back to the picture's size.
    """

    def __init__(self, netG: nn.Module, task: Task, device: torch.device | None = None, *, side: int | None = None) -> None:
        self.task = task
        self.side = side
        self.device = device or best_device()
        self.codec = task.make_codec()
        self.netG = netG.to(self.device, memory_format=torch.channels_last).eval()
        self.precision = "fp32" if self.device.type == "cpu" else resolve_precision("auto", self.device)

    @classmethod
    def load(cls, name_or_path: str | Path, device: torch.device | str | None = None) -> Translator:
        """From the folder of a run, a weights file, or a name of the registry; CheckpointError where that is not possible.

        Another project's file (.pth, .pt, .bin, .tar) is recognised by its keys (`p2p_lib.models.foreign`). A name whose file is
        not bundled is fetched on first use; DownloadError says what to do where that fails.
        """
        path = weights.find(name_or_path)
        device = torch.device(device) if device is not None else None
        if path.suffix.lower() in foreign.SUFFIXES:
            return cls._load_foreign(path, device)
        state_dict, facts = load_weights(path)
        task = task_from_dict(facts["config"])
        netG = task.make_generator()
        try:
            netG.load_state_dict(state_dict)
        except RuntimeError as error:
            raise CheckpointError(f"The weights in {path} do not fit the network of their own configuration: {error}") from error
        return cls(netG, task, device)

    @classmethod
    def _load_foreign(cls, path: Path, device: torch.device | None) -> Translator:
        """From a file of another project.

        A generator with a latent code is given zeros, the middle of its answers. The task says what input and answer mean; only
        where the network is one of the course's own does `make_generator` build it again.
        """
        state_dict = read_state_dict(path)
        try:
            family = foreign.recognise(state_dict)
            netG = family.generator(state_dict)
        except CheckpointError as error:
            raise CheckpointError(f"{path} cannot be used: {error}") from error
        fields = {field.name for field in dataclasses.fields(Task)}
        settings = {"image_size": family.side or Task.image_size} | {k: v for k, v in family.settings.items() if k in fields}
        if family.settings.get("n_blocks") in (6, 9):
            settings["generator"] = f"resnet{family.settings['n_blocks']}"
        return cls(netG, Task(name=family.name, dataset=family.name, codec=family.codec, **settings), device, side=family.side)

    def __call__(self, picture: Picture, *, mode: Mode = "eval", seed: int = 0) -> Picture:
        """Translate one picture (or a batch of tensors).

        mode : "eval" uses the running statistics of batch norm and no dropout: the same picture gives the same answer. "paper" does
            as Isola et al. (section 3.4): statistics of the picture itself, and dropout as the noise, drawn from `seed`.
        """
        image, restore = to_tensor(picture)
        at_once = AT_ONCE.get(self.device.type, 1) if self.side and mode == "eval" else 1  # "paper": every picture's own statistics
        with torch.inference_mode(), normalisation_mode(self.netG, mode), isolated_rng():
            torch.manual_seed(seed)
            return restore(torch.cat([self._translate(some) for some in image.split(at_once)]))

    def _translate(self, image: Tensor) -> Tensor:
        """Pictures (N, 3, H, W) of any dtype and size -> the same, translated; N is 1 unless there is a fixed side."""
        if self.side:
            return self.codec.decode(self._answer_at_side(image), image, image.dtype)
        multiple = self.netG.multiple
        height, width = (_round_up(side, multiple) for side in image.shape[-2:])
        whole = height * width <= max(SINGLE_PASS_PIXELS, multiple**2)
        output = self._answer(image) if whole else self._answer_in_tiles(image, _round_up(MIN_TILE, multiple))
        strips = zip(output.split(DECODED_ROWS, dim=-2), image.split(DECODED_ROWS, dim=-2), strict=True)
        return torch.cat([self.codec.decode(answer, source, image.dtype) for answer, source in strips], dim=-2)

    def _answer_in_tiles(self, image: Tensor, tile: int) -> Tensor:
        """`_answer` tile by tile; each is faded in and out over the overlap, and all are added up.

        All tiles begin at multiples of the network's coarsest steps, so that they agree on where those steps lie.
        """
        align = min(self.netG.multiple, MAX_ALIGN)
        rows, columns = (mirror_indices(side, align) for side in image.shape[-2:])
        height, width = len(rows.indices), len(columns.indices)
        total, weight = torch.zeros(1, self.codec.out_channels, height, width), torch.zeros(height, width)
        for top, left in itertools.product(tile_starts(height, tile, align), tile_starts(width, tile, align)):
            piece = image[:, :, rows.indices[top : top + tile]][..., columns.indices[left : left + tile]]
            answer = self._answer(piece).cpu()
            h, w = answer.shape[-2:]
            down = fade_window(h, first=top == 0, last=top + h == height)
            across = fade_window(w, first=left == 0, last=left + w == width)
            window = down[:, None] * across[None, :]
            total[..., top : top + h, left : left + w] += answer * window
            weight[top : top + h, left : left + w] += window
        return total.div_(weight)[:, :, rows.inner, columns.inner].to(image.device)

    def _answer(self, image: Tensor) -> Tensor:
        """What the network answers to a picture (1, 3, H, W), mirrored at its borders and cropped back: (1, C, H, W) in [-1, 1]."""
        rows, columns = (mirror_indices(side, self.netG.multiple) for side in image.shape[-2:])
        x = self.codec.encode_source(image.to(self.device))[:, :, rows.indices][..., columns.indices]
        return self._run(x)[:, :, rows.inner, columns.inner].to(image.device)

    def _answer_at_side(self, image: Tensor) -> Tensor:
        """What the network answers to pictures (N, 3, H, W), resized to its one size and back: (N, C, H, W) in [-1, 1]."""
        x = resize(self.codec.encode_source(image.to(self.device)), (self.side, self.side))
        return resize(self._run(x), image.shape[-2:]).to(image.device)

    def _run(self, x: Tensor) -> Tensor:
        """The network's answer to its input, both (N, C, H, W) in [-1, 1] and float32."""
        with autocast(self.device, self.precision):
            return self.netG(x.contiguous(memory_format=torch.channels_last)).float()


def resize(x: Tensor, size: tuple[int, int]) -> Tensor:
    """(N, C, H, W) in [-1, 1] -> (N, C, *size), as Pillow's BICUBIC does it: smoothed before it shrinks, overshoot cut off."""
    if x.shape[-2:] == size:
        return x
    return nn.functional.interpolate(x, size, mode="bicubic", antialias=True).clamp_(-1, 1)


@contextlib.contextmanager
def normalisation_mode(netG: nn.Module, mode: Mode) -> Iterator[None]:
    """Run `netG` in the given inference mode and leave it, and its running statistics, as they were."""
    if mode not in ("eval", "paper"):
        raise ConfigError(f"mode is eval or paper; got {mode!r}.")
    statistics = {name: buffer.clone() for name, buffer in netG.named_buffers()} if mode == "paper" else {}
    netG.train(mode == "paper")
    try:
        yield
    finally:
        netG.eval()
        for name, buffer in netG.named_buffers():
            if name in statistics:
                buffer.copy_(statistics[name])


def to_tensor(picture: Image.Image | np.ndarray | Tensor) -> tuple[Tensor, Callable[[Tensor], Image.Image | np.ndarray | Tensor]]:
    """A picture of any kind as (N, 3, H, W), and the function that turns such a tensor back into that kind.

    DataError for shapes, dtypes and ranges that are not pictures.
    """
    if isinstance(picture, Image.Image):
        array = np.array(to_rgb(ImageOps.exif_transpose(picture)))
        return _channels_first(array)[None], lambda out: Image.fromarray(_channels_last(out[0]))
    if isinstance(picture, np.ndarray):
        array = picture[..., None] if picture.ndim == 2 else picture
        if array.ndim != 3:
            raise DataError(f"An array is (H, W) or (H, W, channels); got the shape {picture.shape}.")
        if array.dtype.kind not in "uif":
            raise DataError(f"Pictures are uint8, uint16, or floats in [0, 1]; got {array.dtype}.")
        if array.dtype.byteorder == ">":
            array = array.astype(array.dtype.newbyteorder("="))
        return check_image(_channels_first(array))[None], lambda out: _channels_last(out[0])
    if isinstance(picture, Tensor):
        if picture.ndim == 3:
            return check_image(picture)[None], lambda out: out[0]
        if picture.ndim == 4:
            return check_image(picture), lambda out: out
        raise DataError(f"A tensor is (channels, H, W) or (N, channels, H, W); got the shape {tuple(picture.shape)}.")
    raise DataError(f"A picture is a PIL image, an array or a tensor; got {type(picture).__name__}.")


def check_image(image: Tensor) -> Tensor:
    """(..., C, H, W) with three channels: grayscale is repeated, transparency goes over white. DataError if it is no picture."""
    if image.dtype not in LEVELS and not image.is_floating_point():
        raise DataError(f"Pictures are uint8, uint16, or floats in [0, 1]; got {image.dtype}.")
    if 0 in image.shape:
        raise DataError(f"The picture is empty: its shape is {tuple(image.shape)}.")
    if image.is_floating_point() and not (image.min() >= 0 and image.max() <= 1):
        raise DataError(f"Float pictures are in [0, 1]; got {float(image.min()):g} to {float(image.max()):g}.")
    channels = image.shape[-3]
    if channels in (2, 4):
        return _over_white(image)
    if channels not in (1, 3):
        raise DataError(f"A picture has 1 to 4 channels; got {channels}, in the shape {tuple(image.shape)}.")
    return image.expand(*image.shape[:-3], 3, *image.shape[-2:])


def _over_white(image: Tensor) -> Tensor:
    """Gray + alpha or RGB + alpha (..., 2 | 4, H, W) -> RGB over white, of the same dtype."""
    white = LEVELS.get(image.dtype, 1.0)
    color, alpha = (image.to(torch.float64) / white).split([image.shape[-3] - 1, 1], dim=-3)
    flat = (color * alpha + 1 - alpha) * white
    flat = flat.round().to(image.dtype) if image.dtype in LEVELS else flat.to(image.dtype)
    return flat.expand(*flat.shape[:-3], 3, *flat.shape[-2:])


@dataclasses.dataclass(frozen=True)
class Mirrored:
    """Positions to read so that a side grows to `len(indices)`, and where the original then lies."""

    indices: Tensor
    inner: slice


def mirror_indices(size: int, multiple: int) -> Mirrored:
    """Grow a side of `size` to the next multiple by mirroring at the borders (as often as it takes, down to a single pixel)."""
    grown = _round_up(size, multiple)
    before = (grown - size) // 2
    period = max(1, 2 * size - 2)
    positions = (torch.arange(grown) - before) % period
    return Mirrored(torch.where(positions < size, positions, period - positions), slice(before, before + size))


def tile_starts(size: int, tile: int, align: int) -> list[int]:
    """Where tiles begin along a side: at multiples of `align`, overlapping by at least OVERLAP; [0] where the side fits in one.

    `size` and `tile` are multiples of `align`.
    """
    step = max(align, (tile - OVERLAP) // align * align)
    return [*range(0, max(0, size - tile), step), max(0, size - tile)]


def fade_window(tile: int, *, first: bool, last: bool) -> Tensor:
    """Weights (tile,) along one side of a tile: 0 in a margin, rising smoothly (raised cosine) over a ramp to 1.

    The `first` and the `last` tile of a side keep their full weight up to the picture's own border.
    """
    window = torch.ones(tile)
    rise = torch.cat([torch.zeros(MARGIN), 0.5 - 0.5 * torch.cos(torch.pi * (torch.arange(RAMP) + 0.5) / RAMP)])
    if not first:
        window[: len(rise)] = rise
    if not last:
        window[-len(rise) :] = rise.flip(0)
    return window


@dataclasses.dataclass
class FolderReport:
    """What became of the files of a folder: written, left alone because they were there already, and unreadable with the reason."""

    written: list[Path] = dataclasses.field(default_factory=list)
    existing: list[Path] = dataclasses.field(default_factory=list)
    unreadable: dict[Path, str] = dataclasses.field(default_factory=dict)


def translate_folder(
    model: Translator, source: str | Path, out: str | Path, *, overwrite: bool = False, mode: Mode = "eval", progress: bool = True
) -> FolderReport:
    """Translate every picture below `source` (or one file) into `out`, under the same relative path.

    A file that exists is left alone unless `overwrite`; formats that cannot hold colour pictures become ``NAME.png``. DataError
    where there is no picture, or where `out` cannot be written.
    """
    source, out = Path(source).expanduser(), Path(out).expanduser()
    files = [source] if source.is_file() else find_images(source)
    home = source.parent if source.is_file() else source
    if not files:
        raise DataError(f"There are no pictures in {source}." if source.is_dir() else f"There is no folder {source}.")
    report = FolderReport()
    for file in tqdm(files, desc="translating", unit="img", disable=not progress):
        target = out / file.relative_to(home)
        if target.suffix.lower() not in WRITABLE_SUFFIXES:
            target = target.with_name(target.name + ".png")
        if target.exists() and not overwrite:
            report.existing.append(target)
            continue
        try:
            picture = to_rgb(read_image(file))
        except DataError as error:
            report.unreadable[file] = str(error)
            continue
        try:
            save_image(model(picture, mode=mode), target, exact=model.codec.keeps_lightness)
        except OSError as error:
            raise DataError(f"{target} cannot be written ({error.strerror or error}).") from error
        report.written.append(target)
    return report


def _round_up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple


def _channels_first(array: np.ndarray) -> Tensor:
    return torch.from_numpy(np.require(array, requirements=["C", "W"])).permute(2, 0, 1)


def _channels_last(image: Tensor) -> np.ndarray:
    return image.permute(1, 2, 0).contiguous().numpy()
