"""From the photos and masks of Kaggle's Carvana challenge to pairs, edges beside the car on white, split by car.

The download holds `train/CAR_VIEW.jpg`, 16 views of every car, and `train_masks/CAR_VIEW_mask.gif`. The steps are those of an
earlier project, to the pixel: white where the mask is 0, white bars to a square, 256 x 256 (OpenCV's bilinear, without
antialiasing), OpenCV's Canny(100, 200), inverted, ``[edges | photo]``.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image
from tqdm import tqdm

from p2p_lib.data.images import beside, find_images, read_image, save_image, to_rgb
from p2p_lib.data.paintings import begin, finish
from p2p_lib.data.pairs import existing_folder
from p2p_lib.data.sketch import SKETCHES
from p2p_lib.data.split import Fold
from p2p_lib.errors import ConfigError, DataError, did_you_mean

Fit = Literal["pad", "crop"]
Draw = Callable[[np.ndarray, np.ndarray], np.ndarray]
HELD_OUT = 5
COEF = 2048  # OpenCV's bilinear weights are whole numbers that add up to this
MASK_MODES = {"P", "L", "1"}


@dataclasses.dataclass(frozen=True)
class Prepared:
    """What became of a download: the fold of every photo, the cars that were held out, and which files cannot be used and why."""

    folds: dict[str, Fold]
    held_out: list[str]
    problems: dict[str, str]

    def __str__(self) -> str:
        counts = Counter(self.folds.values())
        lines = [f"{len(self.folds)} pairs: {counts['train']} train, {counts['val']} val."]
        lines += [f"Cars held out ({len(self.held_out)}): {', '.join(self.held_out) or 'none, there is only one'}."]
        if self.problems:
            lines += [f"Files that cannot be used ({len(self.problems)}):"]
            lines += [f"  {name}: {what}" for name, what in self.problems.items()]
        return "\n".join(lines)


def prepare(
    raw: str | Path,
    out: str | Path,
    *,
    size: int = 256,
    fit: Fit = "pad",
    sketch: str = "opencv_canny",
    low: float | None = None,
    high: float | None = None,
    seed: int = 0,
    workers: int | None = None,
    progress: bool = True,
) -> Prepared:
    """Pairs of all photos below `raw`, in `out`: ``train|val/CAR_VIEW.png``, the sketch on the left, 2 size x size.

    fit : "pad" keeps the whole photo between white bars, "crop" its middle square.
    sketch, low, high : how the source is drawn; see `drawing`.
    seed : another one holds out other cars; see `held_out_cars`.
    workers : threads; unset: as many as there are cores.

    What cannot be used is left out and reported. prepared.json says what was done. Where it was interrupted, the same call goes on.
    DataError where `raw` holds no photos of which one can be used, or `out` anything else.
    """
    raw, out = existing_folder(raw), Path(out).expanduser()
    draw = drawing(sketch, low, high)
    files, problems = find_photos(raw)
    settings = {"size": size, "fit": fit, "sketch": sketch, "low": low, "high": high, "seed": seed}
    begin(out, settings | {"files": [[path.name, path.stat().st_size] for both in files for path in both]})
    held_out = held_out_cars([car_of(photo) for photo, _ in files], seed)
    folds: list[Fold] = ["val" if car_of(photo) in held_out else "train" for photo, _ in files]
    targets = [out / fold / f"{photo.stem}.png" for fold, (photo, _) in zip(folds, files, strict=True)]
    jobs = list(zip(files, targets, strict=True))
    verdicts = _on_all_cores(functools.partial(_prepare_one, size=size, fit=fit, draw=draw), jobs, workers, progress)
    names = [_label(photo) for photo, _ in files]
    problems |= {name: what for name, what in zip(names, verdicts, strict=True) if what}
    if all(verdicts):
        raise DataError(f"None of the {len(files)} photos in {raw} can be used; {names[0]}, for one: {verdicts[0]}.")
    prepared = Prepared(
        folds={name: fold for name, fold, what in zip(names, folds, verdicts, strict=True) if not what},
        held_out=sorted(held_out),
        problems=dict(sorted(problems.items())),
    )
    finish(out, dataclasses.asdict(prepared))
    return prepared


def find_photos(raw: Path) -> tuple[list[tuple[Path, Path]], dict[str, str]]:
    """Every photo of a download with its mask, and what has no partner, by file; DataError where `raw` is no such download."""
    if not (raw / "train").is_dir() or not (raw / "train_masks").is_dir():
        raise DataError(f"{raw} holds no train/ and train_masks/; unpack Kaggle's train.zip and train_masks.zip there.")
    masks = {path.stem.removesuffix("_mask"): path for path in find_images(raw / "train_masks")}
    photos: dict[str, Path] = {}
    problems: dict[str, str] = {}
    for path in find_images(raw / "train"):
        if path.stem not in masks:
            problems[_label(path)] = "has no mask in train_masks/"
        elif photos.setdefault(path.stem, path) != path:
            problems[_label(path)] = f"has the same name as {photos[path.stem].name}"
    for stem in masks.keys() - photos.keys():
        problems[_label(masks[stem])] = "has no photo in train/"
    if not photos:
        raise DataError(f"There are no photos with masks in {raw}; expected train/CAR_VIEW.jpg and train_masks/CAR_VIEW_mask.gif.")
    return [(photo, masks[stem]) for stem, photo in sorted(photos.items())], problems


def car_of(photo: Path) -> str:
    """The car that a photo shows: its name without the view, ``0cdf5b5d0ce1_01.jpg`` -> ``0cdf5b5d0ce1``."""
    return re.sub(r"_\d+$", "", photo.stem)


def held_out_cars(cars: Iterable[str], seed: int = 0, most: int = HELD_OUT) -> set[str]:
    """The cars to validate on: `most` of them, or a fifth (at least one) where there are few; none of a single one.

    The order is drawn by checksums of seed and car (SHA-256, since CRC-32 puts names that resemble each other side by side), so the
    split is the same on every machine.
    """
    ranked = sorted(set(cars), key=lambda car: hashlib.sha256(f"{seed}/{car}".encode()).digest())
    return set(ranked[: min(most, max(1, len(ranked) // 5))] if len(ranked) > 1 else [])


def drawing(sketch: str = "opencv_canny", low: float | None = None, high: float | None = None) -> Draw:
    """How to draw a cut-out photo, a function of (photo, mask): one of `SKETCHES`.

    `low`, `high`: the thresholds of the two kinds of Canny, where unset their defaults. ConfigError where there is no such sketch,
    or where it has no thresholds.
    """
    if sketch not in SKETCHES:
        raise ConfigError(f"There is no sketch {sketch!r}. {did_you_mean(sketch, SKETCHES)}")
    thresholds = {name: value for name, value in (("low", low), ("high", high)) if value is not None}
    if thresholds and "canny" not in sketch:
        raise ConfigError(f"The sketch {sketch!r} has no thresholds; leave out low and high, or choose canny or opencv_canny.")
    if sketch == "contours":
        return SKETCHES[sketch]
    return lambda photo, mask: SKETCHES[sketch](photo, **thresholds)


def make_pair(photo: Image.Image, mask: Image.Image, size: int = 256, fit: Fit = "pad", draw: Draw | None = None) -> Image.Image:
    """``[sketch | photo]``, RGB, 2 size x size; `draw` unset: the recipe's edges. DataError where the mask does not fit."""
    car, cover = cut_out(photo, mask, size, fit)
    lines = (draw or drawing())(car, cover)
    return beside(lines, car)


def cut_out(photo: Image.Image, mask: Image.Image, size: int = 256, fit: Fit = "pad") -> tuple[np.ndarray, np.ndarray]:
    """The car of a photo on white: uint8 (size, size, 3), and where it is, bool (size, size).

    As if all was masked, padded and then resized by OpenCV's INTER_LINEAR, in its whole numbers. But since that looks at four
    pixels of the photo for every one it makes, these four are picked first and nothing is done to the others.

    DataError where the mask is not as large as the photo, has several channels, or is 0 everywhere.
    """
    _check_mask(photo, mask)
    photo = photo if photo.mode == "RGB" else to_rgb(photo)
    side = max(photo.size) if fit == "pad" else min(photo.size)
    before, after = _bilinear_weights(side, size)  # (size,) each, of the neighbours at the left or above, and of the others
    rows, cover = [], np.zeros((size, size), np.uint8)
    for down in (0, 1):
        row = np.zeros((size, size, 3), np.int32)
        for right, weight in enumerate((before, after)):
            at = functools.partial(_neighbours, side=side, size=size, right=right, down=down)
            is_car = np.asarray(at(mask)) != 0
            row += np.where(is_car[..., None], np.asarray(at(photo)), 255) * weight[:, None]
            cover += is_car
        rows.append(row >> 4)
    above, below = ((row * weight[:, None, None]) >> 16 for row, weight in zip(rows, (before, after), strict=True))
    return ((above + below + 2) >> 2).astype(np.uint8), cover >= 2


def _check_mask(photo: Image.Image, mask: Image.Image) -> None:
    if mask.mode not in MASK_MODES:
        raise DataError(f"its mask has mode {mask.mode}, expected one channel with 0 outside the car")
    if mask.size != photo.size:
        raise DataError(f"{photo.width} x {photo.height}, but its mask is {mask.width} x {mask.height}")
    if mask.getbbox() is None:
        raise DataError("its mask is empty")


def _bilinear_weights(side: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """For every pixel of a resized line, the weights of the two that it lies between: int32 (size,) each, adding up to COEF."""
    position = (2 * np.arange(size) + 1) * side - size  # in units of 1 / (2 size) of a pixel, whole
    first, rest = np.divmod(position, 2 * size)
    weight = np.rint(rest * COEF / (2 * size)).astype(np.int32)
    weight = np.where(first < 0, COEF, np.where(first >= side - 1, 0, weight))  # beyond the margin there is nothing to weigh
    return COEF - weight, weight


def _neighbours(image: Image.Image, side: int, size: int, right: int, down: int) -> Image.Image:
    """For every pixel of the resized square, one of the four that it lies between; outside the photo 0, which is no car."""
    left, top = (side - image.width) // 2, (side - image.height) // 2
    safe = 1 / (4 * size)  # positions are multiples of twice this: rounding never picks the pixel before
    across = (side / size, 0, right - 0.5 - left + safe)
    along = (0, side / size, down - 0.5 - top + safe)
    return image.transform((size, size), Image.Transform.AFFINE, across + along, Image.Resampling.NEAREST, fillcolor=0)


def _prepare_one(job: tuple[tuple[Path, Path], Path], size: int, fit: Fit, draw: Draw) -> str | None:
    """Write one pair, unless it is there; returns what is wrong with its files, or None."""
    (photo, mask), target = job
    if target.exists():
        return None
    try:
        pair = make_pair(read_image(photo), _read_mask(mask), size, fit, draw)
    except DataError as error:
        return str(error)
    save_image(pair, target)
    return None


def _read_mask(path: Path) -> Image.Image:
    try:
        return read_image(path)
    except DataError as error:
        raise DataError(f"its mask is {error}") from None


def _on_all_cores(work: Callable, jobs: Sequence, workers: int | None, progress: bool) -> list:
    """``[work(job) for job in jobs]`` in threads: decoding, picking and encoding release Python's lock."""
    with ThreadPoolExecutor(workers or os.cpu_count()) as pool:
        try:
            return list(tqdm(pool.map(work, jobs), desc="preparing", total=len(jobs), unit="img", disable=not progress))
        except BaseException:  # interrupted, or the disk is full: what has not begun is not begun
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _label(path: Path) -> str:
    """``train/a.jpg``."""
    return f"{path.parent.name}/{path.name}"
