"""A trained model as one object: a picture in, a picture of the same kind and size out.

Any size fits. A U-Net wants sides that are multiples of 2^layers, so a picture is mirrored at its borders and cropped back
afterwards; a large one goes through in overlapping tiles that are blended, so that memory stays bounded and no seam shows.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor, nn
from tqdm import tqdm

from p2p_lib import weights
from p2p_lib.bicyclegan import join_weights, split_weights
from p2p_lib.checkpoint import is_own, load_weights
from p2p_lib.codec import LEVELS, to_network_range
from p2p_lib.data.images import find_images, read_image, save_image, to_rgb
from p2p_lib.device import autocast, best_device, isolated_rng, resolve_precision
from p2p_lib.errors import CheckpointError, ConfigError, DataError
from p2p_lib.latent import as_latents, check_takes_latent, random_latents
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
MAX_WORKERS = 4  # pictures of a folder under way at once, each with its own memory
MAX_ALIGN = 256  # larger networks begin their tiles at multiples of this
WRITABLE_SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"}


class Translator:
    """A generator with all that belongs to it; make one with `Translator.load`.

    ``model(picture)`` translates a PIL image (any mode, turned upright by its EXIF tag), an array (H, W), (H, W, 1 | 3 | 4), or a
    tensor (1 | 3, H, W) or (N, 1 | 3, H, W); uint8, uint16, or floats in [0, 1]. Back comes RGB of the same type, dtype and size.

    `side` is for a network that knows one size alone: every picture is resized to side x side whatever its aspect (bicubic), and
    the answer back to the picture's size.

    A model with a latent code (of `nz` numbers, else 0) has many answers. ``model(picture)`` gives the middle one, at
    z = 0, ``model(picture, n_samples=8, seed=0)`` a list of eight, ``model(picture, z=z)`` that of a code; ``model.encode(photo)``
    is the code of a photo.
    """

    def __init__(
        self,
        netG: nn.Module,
        task: Task,
        device: torch.device | None = None,
        *,
        side: int | None = None,
        netE: nn.Module | None = None,
    ) -> None:
        self.task = task
        self.side = side
        self.nz = getattr(netG, "nz", 0)
        self.device = device or best_device()
        self.codec = task.make_codec()
        self.netG = netG.to(self.device, memory_format=torch.channels_last).eval()
        self.netE = netE and netE.to(self.device, memory_format=torch.channels_last).eval()
        self.precision = "fp32" if self.device.type == "cpu" else resolve_precision("auto", self.device)

    @classmethod
    def load(cls, name_or_path: str | Path, device: torch.device | str | None = None) -> Translator:
        """From the folder of a run, a weights file, a name of the registry or an address; CheckpointError where that fails.

        Another project's file (.pth, .pt, .bin, .tar) is recognised by its keys (`p2p_lib.models.foreign`). What is
        not here, a name's file or that of an address (https://..., or a link to a file of Google Drive), is fetched on first use;
        DownloadError says what to do where that fails.
        """
        path = weights.find(name_or_path)
        device = torch.device(device) if device is not None else None
        if path.suffix.lower() in foreign.SUFFIXES and not is_own(path):
            return cls._load_foreign(path, device)
        state_dict, facts = load_weights(path)
        task = task_from_dict(facts["config"])
        netG, netE = task.make_generator(), task.make_encoder()
        generator, encoder = split_weights(state_dict)
        try:
            netG.load_state_dict(generator)
            if netE is not None:
                netE.load_state_dict(encoder)
        except RuntimeError as error:
            raise CheckpointError(f"The weights in {path} do not fit the network of their own configuration: {error}") from error
        return cls(netG, task, device, netE=netE)

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

    def weights(self) -> dict[str, Tensor]:
        """The state dict of generator and encoder, as a weights file holds it."""
        return join_weights(self.netG, self.netE)

    def __call__(
        self,
        picture: Picture,
        *,
        n_samples: int | None = None,
        z: np.ndarray | Tensor | Sequence | None = None,
        mode: Mode = "eval",
        seed: int = 0,
    ) -> Picture | list[Picture]:
        """Translate one picture (or a batch of tensors, all with the same code).

        n_samples : so many answers with random codes, as a list; the same `seed` gives the same, and more begin as fewer do.
        z : a code (nz,) for one answer, or codes (n, nz) for a list of n. Without `z` and `n_samples`, one answer with z = 0.
        mode : "eval" uses the running statistics of batch norm and no dropout: the same picture gives the same answer. "paper" does
            as Isola et al. (section 3.4): statistics of the picture itself, and dropout as the noise, drawn from `seed`.

        DataError for a `z` of the wrong shape, or for a model that has no latent code.
        """
        codes = self._codes(n_samples, z, seed)
        image, restore = to_tensor(picture)
        if codes is None or codes.ndim == 1:
            return restore(self._all_at(image, codes, mode, seed))
        return [restore(self._all_at(image, code, mode, seed)) for code in codes]

    def encode(self, photo: Image.Image | np.ndarray | Tensor) -> np.ndarray:
        """The latent code of a photo of any size, float32 (nz,): the mean of what the encoder answers; of a batch, (N, nz).

        Like the pairs in training, the photo is resized to the side that the model was trained at, whatever its aspect.
        ``model(sketch, z=model.encode(photo))`` draws the sketch in the photo's style. DataError where the model has no encoder.
        """
        if self.netE is None:
            raise DataError("This model has no encoder, so it cannot read a photo's code; BicycleGAN's models have one.")
        image = to_tensor(photo)[0].to(self.device)
        small = resize(to_network_range(image), (self.task.image_size,) * 2)
        target = self.codec.encode_target((small + 1) / 2)
        with torch.inference_mode(), autocast(self.device, self.precision):
            mean = self.netE(target.contiguous(memory_format=torch.channels_last))[0].float().cpu().numpy()
        return mean if isinstance(photo, Tensor) and photo.ndim == 4 else mean[0]

    def _codes(self, n_samples: int | None, z: np.ndarray | Tensor | Sequence | None, seed: int) -> Tensor | None:
        """The codes that a caller asks for, (nz,) or (n, nz); None for the middle. DataError where that is not possible."""
        if n_samples is None:
            return None if z is None else as_latents(z, self.nz)
        if z is not None:
            raise DataError("n_samples draws codes and z gives them; say one of the two.")
        self.check_samples(n_samples)
        return as_latents(random_latents(n_samples, self.nz, seed), self.nz)

    def check_samples(self, n_samples: int) -> None:
        """DataError unless the model can give so many answers to one picture."""
        check_takes_latent(self.nz)
        if n_samples < 1:
            raise DataError(f"n_samples is 1 or more; got {n_samples}.")

    def _all_at(self, image: Tensor, z: Tensor | None, mode: Mode, seed: int) -> Tensor:
        """Pictures (N, 3, H, W) translated with one code (nz,), as many at once as go together."""
        at_once = AT_ONCE.get(self.device.type, 1) if self.side and mode == "eval" else 1  # "paper": every picture's own statistics
        drawing = isolated_rng() if mode == "paper" else contextlib.nullcontext()  # the generator is one for all threads
        with torch.inference_mode(), normalisation_mode(self.netG, mode), drawing:
            if mode == "paper":
                torch.manual_seed(seed)
            return torch.cat([self._translate(some, z) for some in image.split(at_once)])

    def _translate(self, image: Tensor, z: Tensor | None) -> Tensor:
        """Pictures (N, 3, H, W) of any dtype and size -> the same, translated; N is 1 unless there is a fixed side."""
        if self.side:
            return self.codec.decode(self._answer_at_side(image, z), image, image.dtype)
        multiple = self.netG.multiple
        height, width = (_round_up(side, multiple) for side in image.shape[-2:])
        whole = height * width <= max(SINGLE_PASS_PIXELS, multiple**2)
        output = self._answer(image, z) if whole else self._answer_in_tiles(image, z, _round_up(MIN_TILE, multiple))
        return torch.cat([self._decode_rows(output, image, top) for top in range(0, image.shape[-2], DECODED_ROWS)], dim=-2)

    def _decode_rows(self, output: Tensor, image: Tensor, top: int) -> Tensor:
        """The decoded answer from the row `top` on, `DECODED_ROWS` of it at most."""
        first, end = max(0, top - self.codec.reach), top + DECODED_ROWS + self.codec.reach
        decoded = self.codec.decode(output[..., first:end, :], image[..., first:end, :], image.dtype)
        return decoded[..., top - first : top - first + DECODED_ROWS, :]

    def _answer_in_tiles(self, image: Tensor, z: Tensor | None, tile: int) -> Tensor:
        """`_answer` tile by tile; each is faded in and out over the overlap, and all are added up.

        All tiles begin at multiples of the network's coarsest steps, so that they agree on where those steps lie.
        """
        align = min(self.netG.multiple, MAX_ALIGN)
        rows, columns = (mirror_indices(side, align) for side in image.shape[-2:])
        height, width = len(rows.indices), len(columns.indices)
        total, weight = torch.zeros(1, self.codec.out_channels, height, width), torch.zeros(height, width)
        for top, left in itertools.product(tile_starts(height, tile, align), tile_starts(width, tile, align)):
            piece = image[:, :, rows.indices[top : top + tile]][..., columns.indices[left : left + tile]]
            answer = self._answer(piece, z).cpu()
            h, w = answer.shape[-2:]
            down = fade_window(h, first=top == 0, last=top + h == height)
            across = fade_window(w, first=left == 0, last=left + w == width)
            window = down[:, None] * across[None, :]
            total[..., top : top + h, left : left + w] += answer * window
            weight[top : top + h, left : left + w] += window
        return total.div_(weight)[:, :, rows.inner, columns.inner].to(image.device)

    def _answer(self, image: Tensor, z: Tensor | None) -> Tensor:
        """What the network answers to a picture (1, 3, H, W), mirrored at its borders and cropped back: (1, C, H, W) in [-1, 1]."""
        rows, columns = (mirror_indices(side, self.netG.multiple) for side in image.shape[-2:])
        x = self.codec.encode_source(image.to(self.device))[:, :, rows.indices][..., columns.indices]
        return self._run(x, z)[:, :, rows.inner, columns.inner].to(image.device)

    def _answer_at_side(self, image: Tensor, z: Tensor | None) -> Tensor:
        """What the network answers to pictures (N, 3, H, W), resized to its one size and back: (N, C, H, W) in [-1, 1]."""
        x = resize(self.codec.encode_source(image.to(self.device)), (self.side, self.side))
        return resize(self._run(x, z), image.shape[-2:]).to(image.device)

    def _run(self, x: Tensor, z: Tensor | None) -> Tensor:
        """The network's answer to its input, both (N, C, H, W) in [-1, 1] and float32; `z` (nz,) is the code for all of them."""
        code = [] if z is None else [z.to(x.device).expand(len(x), -1)]
        with autocast(self.device, self.precision):
            return self.netG(x.contiguous(memory_format=torch.channels_last), *code).float()


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
    model: Translator,
    source: str | Path,
    out: str | Path,
    *,
    overwrite: bool = False,
    mode: Mode = "eval",
    n_samples: int | None = None,
    progress: bool = True,
) -> FolderReport:
    """Translate every picture below `source` (or one file) into `out`, under the same relative path.

    A file that exists is left alone unless `overwrite`; formats that cannot hold colour pictures become ``NAME.png``. With
    `n_samples`, so many answers to each are written, as ``NAME_0.jpg``, ``NAME_1.jpg``, ..., the same number with the same code for
    all of them. DataError where there is no picture, where the model has one answer only, or where `out` cannot be written.

    Several pictures are under way at once, so that files are read and written while others are translated.
    """
    if n_samples is not None:
        model.check_samples(n_samples)
    source, out = Path(source).expanduser(), Path(out).expanduser()
    files = [source] if source.is_file() else find_images(source)
    home = source.parent if source.is_file() else source
    if not files:
        raise DataError(f"There are no pictures in {source}." if source.is_dir() else f"There is no folder {source}.")
    report = FolderReport()
    todo: dict[Path, list[Path]] = {}
    for file in files:
        targets = _targets(out / file.relative_to(home), n_samples)
        if overwrite or not all(path.exists() for path in targets):
            todo[file] = targets
        else:
            report.existing += targets

    def translate(file: Path) -> str | None:
        """Why a file cannot be used; None where it is translated and written."""
        try:
            picture = to_rgb(read_image(file))
        except DataError as error:
            return str(error)
        answers = [model(picture, mode=mode)] if n_samples is None else model(picture, mode=mode, n_samples=n_samples)
        for answer, path in zip(answers, todo[file], strict=True):
            try:
                save_image(answer, path, exact=model.codec.keeps_lightness)
            except OSError as error:
                raise DataError(f"{path} cannot be written ({error.strerror or error}).") from error
        return None

    with _workers(1 if mode == "paper" else len(todo)) as pool:
        faults = tqdm(pool.map(translate, todo), desc="translating", total=len(todo), unit="img", disable=not progress)
        for (file, targets), fault in zip(todo.items(), faults, strict=True):
            if fault is None:
                report.written += targets
            else:
                report.unreadable[file] = fault
    return report


def _targets(target: Path, n_samples: int | None) -> list[Path]:
    """Where the answers to one file are written."""
    if target.suffix.lower() not in WRITABLE_SUFFIXES:
        target = target.with_name(target.name + ".png")
    return [target] if n_samples is None else [target.with_stem(f"{target.stem}_{i}") for i in range(n_samples)]


@contextlib.contextmanager
def _workers(n_jobs: int) -> Iterator[ThreadPoolExecutor]:
    """A pool of threads that share torch's own among them: on a CPU, two pictures with a thread each are done sooner than one
    after the other with two. What has not begun when an error or Ctrl-C comes is dropped."""
    threads = torch.get_num_threads()
    n_workers = max(1, min(n_jobs, os.cpu_count() or 1, MAX_WORKERS))
    torch.set_num_threads(max(1, threads // n_workers))
    pool = ThreadPoolExecutor(n_workers)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(threads)


def _round_up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple


def _channels_first(array: np.ndarray) -> Tensor:
    return torch.from_numpy(np.require(array, requirements=["C", "W"])).permute(2, 0, 1)


def _channels_last(image: Tensor) -> np.ndarray:
    return image.permute(1, 2, 0).contiguous().numpy()
