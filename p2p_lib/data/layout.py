"""How a reader's own pairs lie in a folder: two folders or side-by-side files, with or without train/, val/ and test/."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from p2p_lib.data.images import find_images
from p2p_lib.data.pairs import existing_folder
from p2p_lib.errors import DataError

PARTS = ("train", "val", "test")
SIDES = ("source", "target")


@dataclasses.dataclass(frozen=True)
class Pair:
    """Where one pair lies: its files are (source, target), or a single one that holds both; `part` is "" in a folder unsplit."""

    part: str
    stem: str
    files: tuple[Path, ...]


@dataclasses.dataclass
class Layout:
    """What a folder holds: pairs; files without a partner, with the folder that lacks it; files of the same stem."""

    folder: Path
    two_folders: bool
    pairs: list[Pair] = dataclasses.field(default_factory=list)
    unpaired: dict[Path, Path] = dataclasses.field(default_factory=dict)
    doubles: list[list[Path]] = dataclasses.field(default_factory=list)
    others: list[Path] = dataclasses.field(default_factory=list)

    @property
    def parts(self) -> list[str]:
        """The splits that were found, in their order."""
        return [part for part in ("", *PARTS) if any(pair.part == part for pair in self.pairs)]

    def name(self, path: Path) -> str:
        """How a file is called in reports: as the folder sees it."""
        return path.relative_to(self.folder).as_posix()


def read_layout(folder: str | Path) -> Layout:
    """Look through a folder: ``source/`` and ``target/``, or side-by-side files, in it or in its ``train/``, ``val/``, ``test/``.

    Files of two folders pair by their path without suffix. DataError where there is no such folder, or no picture in it.
    """
    folder = existing_folder(folder)
    homes = {part: folder / part for part in PARTS if (folder / part).is_dir()} or {"": folder}
    two_folders = any((home / side).is_dir() for home in homes.values() for side in SIDES)
    found = Layout(folder, two_folders)
    for part, home in homes.items():
        _read_part(found, part, [home / side for side in SIDES] if two_folders else [home])
    if not found.pairs and not found.unpaired:
        raise DataError(
            f"There are no pairs in {folder}; expected source/ and target/, or side-by-side pictures, in it or in its train/, "
            "val/ and test/."
        )
    return found


def _read_part(found: Layout, part: str, homes: list[Path]) -> None:
    """Add what lies in one split: `homes` are its source and target folders, or the one that holds side-by-side files."""
    stems = [_by_stem(home) for home in homes]
    found.doubles += [paths for side in stems for paths in side.values() if len(paths) > 1]
    for stem in sorted(set().union(*stems)):
        files = tuple(side[stem][0] for side in stems if stem in side)
        if len(files) == len(homes):
            found.pairs.append(Pair(part, stem, files))
        else:
            found.unpaired[files[0]] = next(home for home, side in zip(homes, stems, strict=True) if stem not in side)
    for home in homes:
        pictures = set(find_images(home))
        found.others += [path for path in sorted(home.rglob("[!.]*")) if path.is_file() and path not in pictures]


def _by_stem(home: Path) -> dict[str, list[Path]]:
    """The pictures below a folder by their path without suffix; usually one each."""
    stems: dict[str, list[Path]] = {}
    for path in find_images(home):
        stems.setdefault(path.relative_to(home).with_suffix("").as_posix(), []).append(path)
    return stems
