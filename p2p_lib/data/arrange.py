"""Arranging the reader's own pairs: two folders into side-by-side files, and a folder into train, val and test.

Both write into a new folder, every file whole or not at all. Where they were interrupted, the same call goes on.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import os
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tqdm import tqdm

from p2p_lib.data.images import read_image, save_image, to_rgb
from p2p_lib.data.layout import PARTS, Layout, Pair, read_layout
from p2p_lib.data.pairs import OnError, check_aspect, existing_folder, pair_by_stem
from p2p_lib.data.split import Split, split_groups
from p2p_lib.data.works import near_limit, perceptual_hash, same_work
from p2p_lib.errors import DataError
from p2p_lib.files import atomic_write, atomic_write_text, remove_partial

RECORD = "arranged.json"


@dataclasses.dataclass(frozen=True)
class Combined:
    """What `combine` wrote, and which files it left out, and why."""

    out: Path
    pairs: int
    problems: dict[str, str]

    def __str__(self) -> str:
        lines = [f"{self.pairs} pairs, A left and B right, in {self.out}."]
        if self.problems:
            lines += [f"Left out ({len(self.problems)}):", *(f"  {name}: {what}" for name, what in self.problems.items())]
        return "\n".join(lines)


@dataclasses.dataclass(frozen=True)
class Arranged:
    """What `split` wrote: the fold of every pair, how many groups there are, and which pairs were kept together for their looks."""

    out: Path
    folds: dict[str, Split]
    groups: int
    alike: list[list[str]]

    def __str__(self) -> str:
        counts = Counter(self.folds.values())
        parts = ", ".join(f"{counts[part]} {part}" for part in PARTS)
        lines = [f"{len(self.folds)} pairs in {self.groups} groups: {parts}, in {self.out}."]
        if self.alike:
            lines += [
                f"Kept together because they look alike ({len(self.alike)}):",
                *("  " + ", ".join(same) for same in self.alike),
            ]
        return "\n".join(lines)


def combine(a: str | Path, b: str | Path, out: str | Path, *, size: int | None = None, on_error: OnError = "raise") -> Combined:
    """Two folders whose files pair by path and stem -> side-by-side PNG files, A left and B right, below `out`.

    `size` resizes both halves to size x size (bicubic); unset, halves stay as they are, and where B is of another size than A, it
    is resized to A's. DataError lists every file that does not pair or cannot be read, before anything is written, unless
    `on_error` is "skip"; DataError, too, where `out` holds anything else.
    """
    a, b, out = existing_folder(a), existing_folder(b), Path(out).expanduser()
    if size is not None and size < 1:
        raise DataError(f"The size of a half is at least 1 pixel; {size} came.")
    pairs, problems = pair_by_stem(a, b)
    if not pairs and not problems:
        raise DataError(f"There are no pictures in {a} and {b}.")
    tried = _on_all_cores(lambda pair: _problem(*pair, size), pairs, "reading")
    problems |= {f"{pair[0].parent.name}/{pair[0].name}": what for pair, what in zip(pairs, tried, strict=True) if what}
    if problems and on_error == "raise":
        listed = "\n".join(f"  {name}: {what}" for name, what in problems.items())
        raise DataError(
            f"{len(problems)} files of {a} and {b} do not make pairs; mend or remove them, or leave them out with --on_error "
            f"skip:\n{listed}"
        )
    good = [pair for pair, what in zip(pairs, tried, strict=True) if not what]
    if not good:
        raise DataError(f"No file of {a} has a usable partner of the same name in {b}.")
    _begin(out, [a, b], {"what": "combine", "size": size, "files": _fingerprint(path for pair in pairs for path in pair)})

    def write(pair: tuple[Path, Path]) -> None:
        target = out / pair[0].relative_to(a).with_suffix(".png")
        if not target.exists():
            save_image(side_by_side(*pair, size), target)

    _on_all_cores(write, good, "combining")
    return Combined(out, len(good), problems)


def side_by_side(a: Path, b: Path, size: int | None = None) -> Image.Image:
    """Two files as one RGB picture, the first left (see `combine`); DataError where they cannot be read or differ in shape."""
    images = []
    for path in (a, b):
        try:
            images.append(to_rgb(read_image(path)))
        except DataError as error:
            raise DataError(f"{path.parent.name}/{path.name} is {error}") from None
    left, right = check_aspect(images)
    shape = (size, size) if size else left.size
    both = Image.new("RGB", (2 * shape[0], shape[1]))
    for i, half in enumerate((left, right)):
        both.paste(half if half.size == shape else half.resize(shape, Image.Resampling.BICUBIC), (i * shape[0], 0))
    return both


def _problem(a: Path, b: Path, size: int | None) -> str | None:
    try:
        side_by_side(a, b, size)
    except DataError as error:
        return str(error)
    return None


def split(folder: str | Path, out: str | Path, *, group: str | None = None, share: float = 0.1, seed: int = 0) -> Arranged:
    """Copy the pairs of a folder into ``train/``, ``val/`` and ``test/`` below `out`; about `share` of them into val and test each.

    The folder holds ``source/`` and ``target/``, or side-by-side files. `group` is a regular expression that finds, in a file's
    name without suffix (with its subfolder, where there is one), what it has in common with others, the car or the scene: its
    first (...), or all that it matches. Pairs of a group stay in one split, and so do near-duplicates with their groups. The split
    is the same on every machine. DataError where files do not pair or cannot be read, where the expression does not match a name,
    for fewer than three groups, and where `out` holds anything else.
    """
    layout, out = read_layout(folder), Path(out).expanduser()
    _refuse_faults(layout)
    names = [pair.stem for pair in layout.pairs]
    groups = [_group_of(name, group) for name in names]
    looks = _on_all_cores(functools.partial(_hashes, two_folders=layout.two_folders), layout.pairs, "comparing")
    works = [same_work(hashes, near_limit(hashes)) for hashes in np.stack(looks, axis=1)]
    joined = join_groups(groups, works)
    folds = split_groups(joined, seed, share)
    settings = {"what": "split", "group": group, "share": share, "seed": seed}
    _begin(out, [layout.folder], settings | {"files": _fingerprint(path for pair in layout.pairs for path in pair.files)})

    def copy(item: tuple[Pair, Split]) -> None:
        pair, fold = item
        for path in pair.files:
            target = out / fold / path.relative_to(layout.folder)
            if not target.exists():
                with open(path, "rb") as source, atomic_write(target) as file:
                    shutil.copyfileobj(source, file)

    _on_all_cores(copy, list(zip(layout.pairs, folds, strict=True)), "copying")
    alike = [[names[i] for i in np.flatnonzero(labels == label)] for labels in works for label in np.unique(labels)]
    together = list(dict.fromkeys(tuple(same) for same in alike if len({groups[names.index(name)] for name in same}) > 1))
    return Arranged(out, dict(zip(names, folds, strict=True)), len(set(joined)), [list(same) for same in together])


def join_groups(groups: Sequence[str], labelings: Iterable[np.ndarray]) -> list[str]:
    """The name of everybody's group once groups are joined that share a label, in any of the labelings (N,), and so on in turn.

    A joined group has the name of the first of its groups.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    names, own = np.unique(np.array(groups), return_inverse=True)  # sorted, so that the first of a component is its leader
    nodes, first, second = len(names), [], []
    for labels in labelings:
        first.append(own)
        second.append(nodes + labels)
        nodes += labels.max() + 1
    edges = np.concatenate(first), np.concatenate(second)
    graph = coo_array((np.ones(len(edges[0]), bool), edges), shape=(nodes, nodes))
    component = connected_components(graph, directed=False)[1][: len(names)]
    _, leaders = np.unique(component, return_index=True)
    return [str(names[leaders[component[i]]]) for i in own]


def _group_of(name: str, expression: str | None) -> str:
    """What `expression` finds in a name: its first (...), or all of its match; unset: the name."""
    if expression is None:
        return name
    try:
        match = re.search(expression, name)
    except re.error as error:
        raise DataError(f"{expression!r} is not a regular expression: {error}.") from None
    if match is None:
        raise DataError(f"The expression {expression!r}, which names the group, does not match {name!r}; try (.*)_ or the like.")
    return next((part for part in match.groups() if part is not None), match[0])


def _hashes(pair: Pair, *, two_folders: bool) -> np.ndarray:
    """Perceptual hashes (K, 256) by which a pair is compared: of the target, since sources of different things look alike; of both
    halves where a side-by-side file does not say which is the target."""
    try:
        image = to_rgb(read_image(pair.files[-1]))
        if two_folders:
            to_rgb(read_image(pair.files[0]))
    except DataError as error:
        raise DataError(f"{pair.stem}: a file is {error}; `p2p data check` lists all that is wrong.") from None
    if two_folders:
        return perceptual_hash(image)[None]
    middle = image.width // 2
    halves = image.crop((0, 0, middle, image.height)), image.crop((middle, 0, image.width, image.height))
    return np.stack([perceptual_hash(half) for half in halves])


def _refuse_faults(layout: Layout) -> None:
    """DataError where a folder is split already, or its files do not pair."""
    if any(layout.parts):
        raise DataError(f"{layout.folder} is split already: it has {', '.join(f'{part}/' for part in layout.parts)}.")
    loose = [layout.name(path) for path in layout.unpaired]
    twice = [layout.name(path) for paths in layout.doubles for path in paths]
    if loose or twice:
        found = [f"without a partner: {', '.join(loose)}"] * bool(loose) + [f"twice the same name: {', '.join(twice)}"] * bool(
            twice
        )
        raise DataError(f"The files of {layout.folder} do not pair; mend or remove them ({'; '.join(found)}).")


def _begin(out: Path, sources: Sequence[Path], settings: dict[str, Any]) -> None:
    """Make `out` and note what is being done there, or go on where the same was interrupted; DataError where `out` holds anything
    else, or lies in the folder of the originals."""
    record = out / RECORD
    inside = next((folder for folder in sources if out.resolve().is_relative_to(folder.resolve())), None)
    if inside:
        raise DataError(f"{out} lies inside {inside}, whose files it would be mixed with; choose a folder outside.")
    if record.is_file() and json.loads(record.read_text()) == settings:
        for folder in [out, *(path for path in out.rglob("*") if path.is_dir())]:
            remove_partial(folder)
        return
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DataError(f"{out} holds something else, or the same made from other files or settings; choose a new folder.")
    out.mkdir(parents=True, exist_ok=True)
    atomic_write_text(record, json.dumps(settings, indent=1))


def _fingerprint(files: Iterable[Path]) -> str:
    """A checksum of the files' names, sizes and times."""
    facts = [[path.as_posix(), path.stat().st_size, path.stat().st_mtime_ns] for path in files]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def _on_all_cores(work: Callable[[Any], Any], items: Sequence[Any], what: str) -> list[Any]:
    """``[work(item) for item in items]`` by a pool of threads (pictures are decoded outside the interpreter's lock), with a bar."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(tqdm(pool.map(work, items), desc=what, total=len(items), unit="pair", delay=2, leave=False))
