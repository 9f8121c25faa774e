"""Datasets of the catalog, fetched: ``p2p data get NAME`` and ``p2p data list``."""

from __future__ import annotations

import contextlib
import logging
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from p2p_lib.data.catalog import CATALOG, Archive, Dataset, Kaggle, by_hand, data_folder, dataset
from p2p_lib.data.download import Patience, download, only_one
from p2p_lib.data.unpack import unpack
from p2p_lib.errors import DataError, DownloadError

log = logging.getLogger("p2p_lib")


def get(name: str, *, folder: Path | None = None, progress: bool = True, patience: Patience | None = None) -> Path:
    """The folder with the dataset `name`, fetched from the first mirror that works unless it is there already.

    `folder`: where it goes; unset: NAME in $P2P_DATA (unset: `datasets/`). It appears there whole or not at all. DataError where no
    mirror works: it names each and why, and says how to put the dataset there by hand.
    """
    row = dataset(name)
    home = Path(folder).expanduser() if folder else data_folder() / name
    if _is_here(home, row):
        return home
    if not row.mirrors:
        raise DataError(f"There is nothing to download for {name}: {by_hand(name)}.")
    with only_one(home):
        if _is_here(home, row):  # another process brought it meanwhile
            return home
        failures = []
        for mirror in row.mirrors:
            try:
                _fetch(mirror, row, home, progress, patience)
                return home
            except (DownloadError, DataError) as error:
                failures.append(str(error) if str(mirror) in str(error) else f"{mirror}: {error}")
                log.warning(failures[-1])
        raise DataError(
            f"{name} could not be fetched from any of its {len(failures)} mirrors ({' '.join(failures)}). Put it there by hand "
            f"({row.home}): {home} with {row.layout}."
        )


def describe() -> str:
    """The catalog as a table: name, whether it is here, what it weighs, what it is and where it comes from."""
    place = data_folder()
    rows = [("name", "here", "size", "dataset", "from")]
    for name, row in CATALOG.items():
        here = "yes" if (place / name).is_dir() else "no"
        rows.append((name, here, _size(row.megabytes), row.title, ", ".join(map(_site, row.mirrors)) or "(no download)"))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([*lines, "", f"Looked for in {place}; `p2p data get NAME` fetches one."])


def _is_here(home: Path, row: Dataset) -> bool:
    """Whether a dataset is in its folder; DataError where something else is."""
    if not home.is_dir() or not any(home.iterdir()):
        return False
    lacking = [part for part in row.holds if not (home / part).is_dir()]
    if lacking and not any((home / part / "source").is_dir() for part in ("", "train")):
        raise DataError(f"{home} is there, but holds no {' and no '.join(lacking)}; move it away, or complete it: {row.layout}.")
    return True


def _fetch(mirror: Archive | Kaggle, row: Dataset, home: Path, progress: bool, patience: Patience | None) -> None:
    """Bring the dataset from one mirror to `home`: fetched and sorted out beside it, then moved as a whole."""
    work = home.with_name(f".{home.name}.fetching")
    shutil.rmtree(work, ignore_errors=True)  # what a killed process left
    try:
        if isinstance(mirror, Archive):
            tree = _from_archive(mirror, home, work / "tree", progress, patience)
        else:
            tree = _from_kaggle(mirror, work, progress)
        found = _find(tree, mirror.folder if isinstance(mirror, Kaggle) else None, row)
        if not found.is_relative_to(work):  # kagglehub keeps its own copy, which others may use
            found = Path(shutil.copytree(found, work / "copy"))
        with contextlib.suppress(OSError):
            home.rmdir()  # an empty folder
        found.rename(home)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _from_archive(mirror: Archive, home: Path, tree: Path, progress: bool, patience: Patience | None) -> Path:
    """Download and unpack; an archive that the reader has put beside `home` is taken, and kept."""
    archive = home.with_name(Path(urlsplit(mirror.url).path).name)
    ours = not archive.exists()
    download(mirror.url, archive, sha256=mirror.sha256, progress=progress, patience=patience)
    try:
        return unpack(archive, tree, progress=progress)
    finally:
        if ours:
            archive.unlink()


def _from_kaggle(mirror: Kaggle, work: Path, progress: bool) -> Path:
    """A dataset as kagglehub keeps it; of a competition, the archives that are asked for, unpacked below `work`."""
    with _kaggle_explained(mirror):
        import kagglehub

        if not mirror.files:
            return Path(kagglehub.dataset_download(mirror.handle))
        archives = [Path(kagglehub.competition_download(mirror.handle, path=file)) for file in mirror.files]
    for archive in archives:
        unpacked = unpack(archive, work / "unpacked" / archive.stem, progress=progress)
        inner = unpacked / archive.stem  # train.zip holds train/
        (inner if inner.is_dir() else unpacked).rename(_made(work / "tree") / archive.stem)
    return work / "tree"


@contextlib.contextmanager
def _kaggle_explained(mirror: Kaggle) -> Iterator[None]:
    """Turn what kagglehub raises into a DownloadError; its errors have no base of their own, so all are caught."""
    try:
        yield
    except ImportError as error:
        raise DownloadError("this mirror needs the package kagglehub: pip install kagglehub.") from error
    except Exception as error:
        status = getattr(getattr(error, "response", None), "status_code", None)
        if status in (401, 403) or type(error).__name__ in ("UnauthenticatedError", "CredentialError"):
            rules = f", and accept the rules on {mirror}/rules" if mirror.files else ""
            sentence = f"Kaggle asks who you are: put an API token (https://www.kaggle.com/settings) into ~/.kaggle/{rules}."
        elif status == 404:
            sentence = "Kaggle has no such dataset any more."
        else:
            sentence = f"kagglehub reports: {' '.join(str(error).split())[:200] or type(error).__name__}."
        raise DownloadError(sentence) from error


def _find(tree: Path, name: str | None, row: Dataset) -> Path:
    """The folder of a tree that is the dataset: it has the name, if one is asked for, and holds what it must; the topmost."""
    folders = [tree, *sorted((path for path in tree.rglob("*") if path.is_dir()), key=lambda path: (len(path.parts), path))]
    for folder in folders:
        if name in (None, folder.name) and all((folder / part).is_dir() for part in row.holds):
            return folder
    wanted = f"folder {name}" if name else "folder"
    raise DataError(f"it holds no {wanted}{' with ' * bool(row.holds)}{' and '.join(row.holds)}; it must have been rearranged.")


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _size(megabytes: int | None) -> str:
    if megabytes is None:
        return "-"
    return f"{megabytes} MB" if megabytes < 1000 else f"{megabytes / 1000:.1f} GB"


def _site(mirror: Archive | Kaggle) -> str:
    return "Kaggle" if isinstance(mirror, Kaggle) else urlsplit(mirror.url).hostname
