"""Line drawings of many pictures: by Anime2Sketch, a network, or by one of the formulas of `p2p_lib.data.sketch`.

Anime2Sketch has to be fetched once. Where that is not possible XDoG draws in its place, a warning says so, and the sketcher's
name, which is that of the one that really draws; a folder never holds the drawings of two.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from tqdm import tqdm

from p2p_lib.data.images import find_images, read_image, save_image, to_rgb
from p2p_lib.data.sketch import SKETCHES
from p2p_lib.errors import ConfigError, DataError, DownloadError, did_you_mean
from p2p_lib.files import atomic_write_text
from p2p_lib.translator import FolderReport, Translator

NETWORK = "anime2sketch"
SUBSTITUTE = "xdog"
RECORD = ".sketcher"
"""The file in a folder of drawings with the name of the one that drew them."""

log = logging.getLogger("p2p_lib")


@dataclasses.dataclass(frozen=True)
class Sketcher:
    """Draws pictures, uint8 (H, W, 3) of any sizes, as dark lines on white, uint8 (H, W); `name` says who really draws."""

    name: str
    draw: Callable[[Sequence[np.ndarray]], list[np.ndarray]]

    def __call__(self, pictures: Sequence[np.ndarray]) -> list[np.ndarray]:
        return self.draw(pictures)


def sketcher(name: str = NETWORK) -> Sketcher:
    """The sketcher called "anime2sketch", or one of `data.sketch.SKETCHES`; ConfigError where there is none of that name.

    Where the weights of Anime2Sketch cannot be fetched it is "xdog" instead, with a warning that says why and what to do.
    """
    if name == NETWORK:
        try:
            model = Translator.load(NETWORK)
        except DownloadError as error:
            log.warning("XDoG draws in place of Anime2Sketch, which differs from it. %s", error)
            return sketcher(SUBSTITUTE)
        return Sketcher(NETWORK, lambda pictures: by_network(model, pictures))
    if name not in SKETCHES:
        raise ConfigError(f"There is no sketcher {name!r}. {did_you_mean(name, [NETWORK, *SKETCHES])}")
    return Sketcher(name, lambda pictures: [SKETCHES[name](picture) for picture in pictures])


def by_network(model: Translator, pictures: Sequence[np.ndarray]) -> list[np.ndarray]:
    """What `model` draws: pictures uint8 (H, W, 3) -> drawings uint8 (H, W); those of one size go through it together."""
    drawings: list[np.ndarray] = [np.empty(0)] * len(pictures)
    shapes = [picture.shape for picture in pictures]
    for shape in dict.fromkeys(shapes):
        places = [i for i, other in enumerate(shapes) if other == shape]
        batch = torch.from_numpy(np.stack([pictures[i] for i in places])).permute(0, 3, 1, 2)
        for i, drawing in zip(places, model(batch), strict=True):
            drawings[i] = drawing[0].numpy()  # its three channels are equal
    return drawings


def sketch_folder(
    source: str | Path, out: str | Path, sketcher: Sketcher, *, batch_size: int = 8, overwrite: bool = False, progress: bool = True
) -> FolderReport:
    """Draw every picture below `source` into `out`: gray PNG files under the same relative path, ``.png`` for any suffix.

    Drawings that exist are left alone unless `overwrite`, so that a second call finishes what the first began. DataError where
    there is no picture, where two would get the same name, where `out` holds another sketcher's drawings or cannot be written.
    """
    source, out = Path(source).expanduser(), Path(out).expanduser()
    targets = _targets(source, out)
    _claim(out, sketcher.name, any(target.exists() for target in targets.values()))
    report = FolderReport(existing=[target for target in targets.values() if target.exists() and not overwrite])
    todo = [file for file, target in targets.items() if overwrite or not target.exists()]
    with tqdm(total=len(todo), desc=f"sketching ({sketcher.name})", unit="img", disable=not progress) as bar:
        for start in range(0, len(todo), batch_size):
            files = todo[start : start + batch_size]
            _sketch_batch({file: targets[file] for file in files}, sketcher, report)
            bar.update(len(files))
    return report


def _sketch_batch(targets: dict[Path, Path], sketcher: Sketcher, report: FolderReport) -> None:
    """Read, draw and write a few files, and note in the report what became of them."""
    pictures = {}
    for file in targets:
        try:
            pictures[file] = np.array(to_rgb(read_image(file)))
        except DataError as error:
            report.unreadable[file] = str(error)
    for file, drawing in zip(pictures, sketcher(list(pictures.values())), strict=True):
        try:
            save_image(Image.fromarray(drawing), targets[file])
        except OSError as error:
            raise DataError(f"{targets[file]} cannot be written ({error.strerror or error}).") from error
        report.written.append(targets[file])


def _targets(source: Path, out: Path) -> dict[Path, Path]:
    """Every picture below `source`, and where its drawing goes; DataError where that is not clear."""
    if out.resolve().is_relative_to(source.resolve()):
        raise DataError(f"The drawings would lie among the pictures in {source}; choose a folder outside of it.")
    targets: dict[Path, Path] = {}
    taken: dict[Path, Path] = {}
    for file in find_images(source):
        target = out / file.relative_to(source).with_suffix(".png")
        if target in taken:
            raise DataError(f"{taken[target]} and {file.name} would both be drawn as {target.name}; rename one of them.")
        targets[file], taken[target] = target, file
    if not targets:
        raise DataError(f"There are no pictures in {source}." if source.is_dir() else f"There is no folder {source}.")
    return targets


def _claim(out: Path, name: str, drawn: bool) -> None:
    """Write down who draws into `out`; DataError where somebody else did, or where nobody knows who."""
    record = out / RECORD
    try:
        before = record.read_text().strip() if record.is_file() else "an unknown sketcher" if drawn else name
        if before != name:
            raise DataError(
                f"{out} holds drawings by {before}, and {name} would draw now; "
                f"choose another folder, or write {name} into {record} if it drew them."
            )
        atomic_write_text(record, f"{name}\n")
    except OSError as error:
        raise DataError(f"{record} cannot be written ({error.strerror or error}).") from error
