"""Pairs of pictures from a folder, decoded once into a memory-mapped cache.

Three layouts: side-by-side files that hold both halves (as the pix2pix authors publish theirs), two parallel folders whose files
pair by name, and single pictures that are source and target at once, for tasks that take the colour away and ask for it again.
Whatever is wrong with the files comes in one report that names each of them.
"""

from __future__ import annotations

import dataclasses
import functools
import logging
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor
from tqdm import tqdm

from p2p_lib.data.cache import cached
from p2p_lib.data.images import find_images, read_image, to_rgb
from p2p_lib.data.split import Fold, hold_out
from p2p_lib.errors import DataError

Side = Literal["left", "right"]
OnError = Literal["raise", "skip"]
Halves = tuple[Image.Image, ...]

CACHE_VERSION = 1  # to be raised when the same files would decode to other pixels
ASPECT_TOLERANCE = 0.02
log = logging.getLogger("p2p_lib")


@dataclasses.dataclass(frozen=True)
class Report:
    """What was found: `problems` maps a file to what is wrong with it, `notes` to how it was converted."""

    problems: dict[str, str] = dataclasses.field(default_factory=dict)
    notes: dict[str, str] = dataclasses.field(default_factory=dict)

    def __str__(self) -> str:
        return "\n".join(f"  {name}: {what}" for name, what in (self.problems | self.notes).items()) or "  nothing to report"


class PairedImages:
    """Pairs of equally sized pictures, at rest as uint8.

    ``pairs[i]`` is (source, target), two arrays (H, W, 3); ``pairs.batch(indices)`` two tensors (N, 3, H, W); ``pairs.names[i]``
    the file it came from; ``pairs.report`` what was left out or converted; ``pairs.origin`` says in words where they come from.
    """

    def __init__(self, array: np.ndarray, names: Sequence[str], origin: str, report: Report | None = None) -> None:
        self.array = array  # uint8 (N, 2, H, W, 3): sources and targets
        self.names = list(names)
        self.origin = origin
        self.report = report or Report()

    def __len__(self) -> int:
        return len(self.array)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        source, target = np.array(self.array[index])
        return source, target

    def batch(self, indices: Iterable[int]) -> tuple[Tensor, Tensor]:
        """Sources and targets at `indices`: two uint8 tensors (N, 3, H, W)."""
        both = torch.from_numpy(self.array[list(indices)])  # (N, 2, H, W, 3); indexing by a list copies out of the map
        source, target = both.permute(1, 0, 4, 2, 3)
        return source, target

    def read_ahead(self, indices: Iterable[int]) -> None:
        """These are asked for next: of use to pairs that come from far away; here all lie decoded already."""

    def subset(self, indices: Sequence[int]) -> PairedImages:
        """The pairs at `indices` alone."""
        return PairedImages(self.array[list(indices)], [self.names[i] for i in indices], self.origin, self.report)

    def swapped(self) -> PairedImages:
        """The other direction: what was the target is the source."""
        return PairedImages(self.array[:, ::-1], self.names, f"{self.origin}, source and target swapped", self.report)

    @classmethod
    def from_side_by_side(
        cls, folder: str | Path, source: Side, size: int, *, on_error: OnError = "raise", fold: Fold | None = None
    ) -> PairedImages:
        """Files that hold both pictures of a pair, left and right; `source` says which half the generator is given.

        `size`: both halves are resized to size x size (bicubic). DataError lists every file that cannot be used, unless `on_error`
        is "skip". `fold` takes the "train" or the "val" part of a folder that holds both (see `split.hold_out`).
        """
        folder = existing_folder(folder)
        files = [(path,) for path in find_images(folder)]
        split = functools.partial(split_halves, source=source)
        return _decode(folder, files, split, size, on_error, fold, layout=f"side-by-side files, source {source}")

    @classmethod
    def from_folders(
        cls,
        source_folder: str | Path,
        target_folder: str | Path,
        size: int,
        *,
        on_error: OnError = "raise",
        fold: Fold | None = None,
        key: Callable[[str], str] = str,
    ) -> PairedImages:
        """Two parallel folders whose files pair by path and stem: ``source/a.png`` with ``target/a.jpg``.

        `key` is for names that differ: files pair where it makes the same of their paths without suffix. The rest as in
        `from_side_by_side`; what does not pair is in the report, too.
        """
        source_folder, target_folder = existing_folder(source_folder), existing_folder(target_folder)
        files, problems = pair_by_stem(source_folder, target_folder, key)
        return _decode(source_folder, files, check_aspect, size, on_error, fold, layout="two folders", problems=problems)

    @classmethod
    def from_pictures(
        cls, folder: str | Path, files: Sequence[Path], size: int, *, on_error: OnError = "raise", part: str = "all"
    ) -> PairedImages:
        """Single pictures below `folder`, each the source and the target at once: their middle square, resized to size x size.

        `part` says in a word which of the folder's pictures `files` are. The rest as in `from_side_by_side`.
        """
        folder = existing_folder(folder)
        middle = functools.partial(middle_square, size=size)
        pairs = _decode(folder, [(path,) for path in files], middle, size, on_error, None, layout=f"pictures, {part}")
        pairs.array = np.broadcast_to(pairs.array, (len(pairs), 2, size, size, 3))  # a view: the pictures are stored once
        return pairs


def existing_folder(folder: str | Path) -> Path:
    """`folder` as a Path; DataError where there is none."""
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        raise DataError(f"There is no folder {folder}.")
    return folder


def pair_by_stem(
    source_folder: Path, target_folder: Path, key: Callable[[str], str] = str
) -> tuple[list[tuple[Path, Path]], dict[str, str]]:
    """Pair the files of two folders by what `key` makes of their path without suffix (unset: nothing else); returns the pairs and
    what does not pair, by file."""
    problems: dict[str, str] = {}

    def by_stem(folder: Path) -> dict[str, Path]:
        stems: dict[str, Path] = {}
        for path in find_images(folder):
            stem = key(path.relative_to(folder).with_suffix("").as_posix())
            if stem in stems:
                problems[_label(path)] = f"has the same stem as {stems[stem].name}"
            stems.setdefault(stem, path)
        return stems

    sources, targets = by_stem(source_folder), by_stem(target_folder)
    for stem in sorted(sources.keys() - targets.keys()):
        problems[_label(sources[stem])] = f"has no partner in {target_folder.name}/"
    for stem in sorted(targets.keys() - sources.keys()):
        problems[_label(targets[stem])] = f"has no partner in {source_folder.name}/"
    return [(sources[stem], targets[stem]) for stem in sorted(sources.keys() & targets.keys())], problems


def split_halves(images: Sequence[Image.Image], source: Side) -> Halves:
    """Cut a side-by-side picture in two: (source, target)."""
    (image,) = images
    if image.width % 2:
        raise DataError(f"{image.width} pixels wide: an odd width cannot be cut into two halves")
    left = image.crop((0, 0, image.width // 2, image.height))
    right = image.crop((image.width // 2, 0, image.width, image.height))
    return (left, right) if source == "left" else (right, left)


def middle_square(images: Sequence[Image.Image], size: int) -> Halves:
    """The largest square in the middle of a picture, resized without distortion."""
    (image,) = images
    return (ImageOps.fit(image, (size, size), Image.Resampling.BICUBIC),)


def check_aspect(images: Sequence[Image.Image]) -> Halves:
    """Two pictures of one pair must have the same shape, or resizing would shift one against the other."""
    source, target = images
    if abs(source.width * target.height / (source.height * target.width) - 1) > ASPECT_TOLERANCE:
        raise DataError(f"{source.width} x {source.height}, but its partner is {target.width} x {target.height}")
    return source, target


def decode_pair(
    files: Sequence[Path], split: Callable[[Sequence[Image.Image]], Halves], size: int
) -> tuple[np.ndarray | None, dict[str, str], dict[str, str]]:
    """Read one pair: uint8 (2, size, size, 3), or (1, ...) for a picture that is both halves, or None; what is wrong with its
    files, and how they were converted."""
    images, problems, notes = [], {}, {}
    for path in files:
        try:
            image = read_image(path)
            if image.mode != "RGB":
                notes[_label(path)] = f"mode {image.mode}, converted to RGB"
            images.append(to_rgb(image))
        except DataError as error:
            problems[_label(path)] = str(error)
    if problems:
        return None, problems, {}
    try:
        halves = split(images)
    except DataError as error:
        return None, {_label(files[0]): str(error)}, {}
    both = [np.asarray(half.resize((size, size), Image.Resampling.BICUBIC)) for half in halves]
    return np.stack(both), problems, notes


def _decode(
    folder: Path,
    files: list[tuple[Path, ...]],
    split: Callable[[Sequence[Image.Image]], Halves],
    size: int,
    on_error: OnError,
    fold: Fold | None,
    *,
    layout: str,
    problems: dict[str, str] | None = None,
) -> PairedImages:
    """All pairs, from the cache where the files are as they were; DataError with the report where one is unusable."""

    def make() -> tuple[np.ndarray, dict]:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            results = pool.map(lambda pair: decode_pair(pair, split, size), files)
            results = list(tqdm(results, desc=f"decoding {folder.name}", total=len(files), unit="pair", delay=2, leave=False))
        good = [(pair, decoded) for pair, (decoded, *_) in zip(files, results, strict=True) if decoded is not None]
        facts = {"names": [pair[0].relative_to(folder).as_posix() for pair, _ in good], "problems": {}, "notes": {}}
        for _, faults, notes in results:
            facts["problems"] |= faults
            facts["notes"] |= notes
        return np.stack([decoded for _, decoded in good]) if good else np.empty((0, 2, size, size, 3), np.uint8), facts

    if not files and not problems:
        raise DataError(f"There are no pictures in {folder}; expected {layout}.")
    if fold is not None:
        files = hold_out(files, fold, key=lambda pair: pair[0].stem)
    what = [str(folder.resolve()), layout, size, fold]
    version = [CACHE_VERSION, [[str(path), *_size_and_time(path)] for pair in files for path in pair]]
    array, facts = cached(folder.name, what, version, make)
    report = Report((problems or {}) | facts["problems"], facts["notes"])
    if report.problems and on_error == "raise":
        raise DataError(
            f"{len(report.problems)} files in {folder} cannot be used; mend or remove them, or leave them out with "
            f'on_error="skip":\n{Report(report.problems)}'
        )
    if not len(array):
        raise DataError(f"No usable pair is left in {folder}:\n{report}")
    if report.problems:
        log.warning("%d files of %s are left out:\n%s", len(report.problems), folder, Report(report.problems))
    return PairedImages(array, facts["names"], f"{len(array)} pairs from {folder}", report)


def _size_and_time(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def _label(path: Path) -> str:
    """How a file is named in reports: with its folder, since both folders of a pair hold the same names."""
    return f"{path.parent.name}/{path.name}"
