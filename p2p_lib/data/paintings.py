"""From the download of "Best Artworks of All Time" (Kaggle) to square pictures of chosen painters, split by work.

The download holds a folder for every painter, ``images/images/Claude_Monet/Claude_Monet_1.jpg``. Some files are grayscale, many
show the same work, and hardly any is square.
"""

from __future__ import annotations

import dataclasses
import json
import unicodedata
import zlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from PIL import Image, ImageOps
from tqdm import tqdm

from p2p_lib.data.images import find_images, read_image, save_image, to_rgb
from p2p_lib.data.pairs import existing_folder
from p2p_lib.data.works import Split, same_work, split_works, survey
from p2p_lib.errors import DataError, did_you_mean
from p2p_lib.files import atomic_write_text

Fit = Literal["crop", "letterbox"]
RECORD = "prepared.json"


@dataclasses.dataclass(frozen=True)
class Prepared:
    """What became of a download: where every picture went, what was left out and why, and which pictures show the same work."""

    folds: dict[str, Split]
    gray: list[str]
    problems: dict[str, str]
    works: list[list[str]]

    def __str__(self) -> str:
        counts = Counter(self.folds.values())
        lines = [f"{len(self.folds)} pictures: {', '.join(f'{counts[fold]} {fold}' for fold in ('train', 'val', 'test'))}."]
        if self.works:
            lines += [f"Works that several files show, each kept in one fold ({len(self.works)}):"]
            lines += ["  " + ", ".join(work) for work in self.works]
        if self.gray:
            lines += [f"Grayscale files, left out ({len(self.gray)}):", *(f"  {name}" for name in self.gray)]
        if self.problems:
            lines += [
                f"Files that cannot be used ({len(self.problems)}):",
                *(f"  {name}: {what}" for name, what in self.problems.items()),
            ]
        return "\n".join(lines)


def find_artists(raw: str | Path) -> dict[str, Path]:
    """The painters of a download by name, each with the folder of the paintings; `raw` is the download or a folder inside it."""
    raw = existing_folder(raw)
    for home in (raw / "images" / "images", raw / "images", raw):
        artists = {folder.name: folder for folder in sorted(home.glob("*/")) if folder.name != "images" and find_images(folder)}
        if artists:
            return artists
    raise DataError(
        f"{raw} holds no folders of painters; expected images/images/Claude_Monet/*.jpg, as Kaggle's download has them."
    )


def pick_artist(name: str, artists: dict[str, Path]) -> Path:
    """The folder of a painter by full or last name, whatever its case, spaces and accents; DataError names the nearest."""
    matches = [artist for artist in artists if _plain(artist) == _plain(name)]
    matches = matches or [artist for artist in artists if _plain(artist).split("_")[-1] == _plain(name)]
    if len(matches) != 1:
        raise DataError(f"There is no painter {name!r}. {did_you_mean(name, artists)}")
    return artists[matches[0]]


def square(image: Image.Image, size: int, fit: Fit) -> Image.Image:
    """A picture as size x size without distortion: its middle ("crop"), or all of it between white bars ("letterbox")."""
    if fit == "crop":
        return ImageOps.fit(image, (size, size), Image.Resampling.BICUBIC)
    return ImageOps.pad(image, (size, size), Image.Resampling.BICUBIC, color="white")


def prepare(
    raw: str | Path,
    out: str | Path,
    artists: Sequence[str] = (),
    *,
    size: int = 286,
    fit: Fit = "crop",
    seed: int = 0,
    progress: bool = True,
) -> Prepared:
    """Square pictures of some painters (none named: of all) below `out`: ``train|val|test/Claude_Monet/NAME.png``.

    Grayscale files are left out, and near-duplicates go into one fold (see `works`); prepared.json says what was done. Where it was
    interrupted, the same call goes on. DataError where `out` holds anything else, where a painter is not there, or for fewer than
    three works.
    """
    out = Path(out).expanduser()
    known = find_artists(raw)
    folders = [pick_artist(artist, known) for artist in artists] or list(known.values())
    files = [path for folder in dict.fromkeys(folders) for path in find_images(folder)]
    begin(out, {"size": size, "fit": fit, "seed": seed, "files": [[path.name, path.stat().st_size] for path in files]})
    found = survey("-".join(folder.name for folder in folders), files)
    home = folders[0].parent
    names = [path.relative_to(home).as_posix() for path in found.files]
    labels = same_work(found.hashes)
    folds = split_works(names, labels, seed)
    stems = Counter(Path(name).with_suffix("") for name in names)
    pngs = [Path(name).with_suffix(".png") if stems[Path(name).with_suffix("")] == 1 else Path(name + ".png") for name in names]
    targets = [out / fold / png for png, fold in zip(pngs, folds, strict=True)]
    for path, target in tqdm(list(zip(found.files, targets, strict=True)), desc="preparing", unit="img", disable=not progress):
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            save_image(square(to_rgb(read_image(path)), size, fit), target)
    together = [[name for name, other in zip(names, labels, strict=True) if other == label] for label in dict.fromkeys(labels)]
    prepared = Prepared(
        folds=dict(zip(names, folds, strict=True)),
        gray=[path.relative_to(home).as_posix() for path in found.gray],
        problems={path.relative_to(home).as_posix(): what for path, what in found.problems.items()},
        works=[work for work in together if len(work) > 1],
    )
    finish(out, dataclasses.asdict(prepared))
    return prepared


def begin(out: Path, settings: dict) -> None:
    """Make `out` and note what is being done there; DataError where something else was."""
    settings = settings | {"files": zlib.crc32(json.dumps(settings["files"]).encode())}
    record = out / RECORD
    if record.exists():
        if json.loads(record.read_text())["settings"] != settings:
            raise DataError(
                f"{out} was prepared otherwise, from other files or with another size, fit or seed; choose another folder."
            )
        return
    if out.exists() and any(out.iterdir()):
        raise DataError(f"{out} is not empty; choose another folder.")
    out.mkdir(parents=True, exist_ok=True)
    atomic_write_text(record, json.dumps({"settings": settings}))


def finish(out: Path, prepared: dict[str, Any]) -> None:
    """Add to the record of `out`, which `begin` wrote, what became of the files."""
    record = json.loads((out / RECORD).read_text()) | prepared
    atomic_write_text(out / RECORD, json.dumps(record, indent=1, ensure_ascii=False))


def _plain(name: str) -> str:
    """A name without case, accents and spaces."""
    letters = unicodedata.normalize("NFKD", name)
    return "".join(letter for letter in letters if not unicodedata.combining(letter)).casefold().replace(" ", "_")
