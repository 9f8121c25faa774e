"""What is wrong with a folder of pairs: every fault names its files and says what to do.

Some faults are certain (a file that cannot be read), some are suspicions for somebody to look at (two pictures that look alike, a
pair that seems shifted); the contact sheet shows them, worst first.
"""

from __future__ import annotations

import dataclasses
import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from tqdm import tqdm

from p2p_lib.data.layout import SIDES, Layout, read_layout
from p2p_lib.data.look import LOOK_SIDE, Fault, Look, look_at
from p2p_lib.data.pairs import Side
from p2p_lib.data.split import leaks
from p2p_lib.data.works import near_limit
from p2p_lib.errors import DataError

KINDS = {
    "unreadable": "files that cannot be read",
    "mode": "files in a mode that cannot be used",
    "unpaired": "files without a partner",
    "same name": "files of the same name but for the suffix",
    "aspect": "pairs whose halves differ in shape",
    "odd width": "side-by-side files of an odd width",
    "identical": "pairs whose source is their target",
    "swapped": "pairs whose source and target seem exchanged",
    "shifted": "pairs whose target seems shifted against the source",
    "blank": "blank pictures",
    "tiny": "very small pictures",
    "size": "sizes unlike the rest",
    "copies": "the same pair twice in one split",
    "leak": "pairs that look alike across splits",
    "alike": "pairs that look alike (`p2p data split` keeps them together)",
    "converted": "files whose mode is converted",
    "format": "files in another format than their name says",
}
"""Every kind of fault, in the order of the report."""
NOTES = {"alike", "converted", "format"}
"""Kinds that are worth knowing and nothing wrong."""
MOST_NAMED = 20
USUAL = 2 / 3
FEWEST_FOR_STYLE = 5
SWAPPED = -0.3
"""Pairs are ranked from 1, as their source and target usually differ, to -1, the other way round. Measured on facades, maps, shoes
and faces: right ones reach down to 0.26, swapped ones up to -0.35, in folders of 6 pairs and more."""


@dataclasses.dataclass
class Report:
    """The outcome of `check`; print it for the table.

    `faults` are (kind, files, what is wrong); `ok` says whether there are none but `NOTES`.
    """

    layout: Layout
    looks: list[Look]
    faults: list[Fault]
    sheet: Path | None = None

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return all(kind in NOTES for kind, *_ in self.faults)

    def __str__(self) -> str:
        return "\n\n".join([self._table(), *self._lists(), self._verdict()])

    def _table(self) -> str:
        layout = "two folders, source/ and target/" if self.layout.two_folders else "side-by-side files"
        lines = [f"{self.layout.folder}: {layout}"]
        columns = SIDES if self.layout.two_folders else ("file",)
        for part in self.layout.parts:
            looks = [look for look in self.looks if look.pair.part == part]
            lines.append(f"  {part or 'all'}: {len(looks)} pairs")
            for i, side in enumerate(columns):
                files = [look.pair.files[i] for look in looks]
                sizes = [_written(look.sizes[path]) for look, path in zip(looks, files, strict=True) if path in look.sizes]
                modes = [look.modes[path] for look, path in zip(looks, files, strict=True) if path in look.modes]
                label = side if self.layout.two_folders else "each half"
                lines.append(f"    {label}: {_counts(sizes)}; {_counts(modes)}")
        if self.layout.others:
            suffixes = [path.suffix or path.name for path in self.layout.others]
            lines.append(f"  not pictures, ignored: {_counts(suffixes)}")
        return "\n".join(lines)

    def _lists(self) -> Iterable[str]:
        for kind, title in KINDS.items():
            faults = [fault for fault in self.faults if fault[0] == kind]
            if faults:
                lines = [f"  {', '.join(map(self.layout.name, files))}: {what}" for _, files, what in faults[:MOST_NAMED]]
                rest = [f"  and {len(faults) - MOST_NAMED} more"] if len(faults) > MOST_NAMED else []
                yield "\n".join([f"{title} ({len(faults)})", *lines, *rest])

    def _verdict(self) -> str:
        wrong = sum(kind not in NOTES for kind, *_ in self.faults)
        verdict = f"{wrong} {'thing' if wrong == 1 else 'things'} to look at." if wrong else "Nothing is wrong."
        return verdict + (f" Contact sheet: {self.sheet}" if self.sheet else "")


def check(folder: str | Path, *, source_side: Side | None = None, sheet: str | Path | None = None) -> Report:
    """Look at every pair below a folder, and write a contact sheet to `sheet`, unless it is None.

    The folder holds ``source/`` and ``target/``, or side-by-side files, where `source_side` says which half is the source; either
    in it or in its ``train/``, ``val/`` and ``test/``. DataError where there is no pair at all.
    """
    layout = read_layout(folder)
    if not layout.two_folders and source_side is None:
        raise DataError(
            f"{layout.folder} has no source/ and target/ in it; if its files are pairs side by side, say which half is the source: "
            "left or right."
        )
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        looks = pool.map(lambda pair: look_at(pair, source_side), layout.pairs)
        looks = list(tqdm(looks, desc=f"checking {layout.folder.name}", total=len(layout.pairs), unit="pair", delay=2, leave=False))
    faults = [*_faults_of_names(layout), *(fault for look in looks for fault in look.faults)]
    for compare in (_odd_sizes, _odd_modes, _swapped, _shifted, _copies, _alike):
        faults += compare(looks)
    faults.sort(key=lambda fault: list(KINDS).index(fault[0]))
    report = Report(layout, looks, faults)
    if sheet is not None:
        from p2p_lib.data.contact_sheet import write_sheet

        report.sheet = write_sheet(Path(sheet).expanduser(), layout, looks, faults, source_side)
    return report


def _faults_of_names(layout: Layout) -> Iterable[Fault]:
    for path, lacking in layout.unpaired.items():
        missing = layout.name(lacking / path.with_suffix(".*").name)
        yield "unpaired", (path,), f"there is no {missing}; add the partner, or remove the file"
    for first, *others in layout.doubles:
        yield "same name", (first, *others), "which of them is meant? keep one, rename the others"


def _odd_sizes(looks: Sequence[Look]) -> Iterable[Fault]:
    """Files whose size is not that of at least two thirds of the files on their side; none where sizes vary anyway."""
    usual = _usual(looks, lambda look: look.sizes)
    for look in looks:
        odd = [path for path, other in zip(look.pair.files, usual, strict=False) if other and look.sizes.get(path, other) != other]
        if odd and not {kind for kind, *_ in look.faults} & {"aspect", "odd width", "tiny"}:
            most = usual[look.pair.files.index(odd[0])]
            what = f"{_written(look.sizes[odd[0]])}, where most are {_written(most)}; resize or crop it like the rest"
            yield "size", tuple(odd), what


def _odd_modes(looks: Sequence[Look]) -> Iterable[Fault]:
    """Files whose mode is not that of at least two thirds of the files on their side."""
    usual = _usual(looks, lambda look: look.modes)
    for look in looks:
        told = {path for kind, files, _ in look.faults if kind in ("mode", "converted") for path in files}
        for path, most in zip(look.pair.files, usual, strict=False):
            if most and look.modes.get(path, most) != most and path not in told:
                yield "converted", (path,), f"mode {look.modes[path]}, where most are {most}; it is read as RGB"


def _usual(looks: Sequence[Look], facts: Callable[[Look], dict]) -> list:
    """What at least two thirds of the files have in common, for sources and targets each; None where they do not."""
    usual = []
    for files in zip(*(look.pair.files for look in looks), strict=True):
        values = Counter(facts(look)[path] for look, path in zip(looks, files, strict=True) if path in facts(look))
        most, count = values.most_common(1)[0] if values else (None, 0)
        usual.append(most if count >= max(2, USUAL * values.total()) else None)
    return usual


def _swapped(looks: Sequence[Look]) -> Iterable[Fault]:
    """Pairs that differ as the others do, but the other way round; none unless the others agree.

    In every feature of style, the usual difference between source and target is weighed by how constant it is: a robust linear
    discriminant of the two halves.
    """
    known = [look for look in looks if look.style is not None]
    if len(known) < FEWEST_FOR_STYLE:
        return
    styles = np.stack([look.style for look in known])
    usual = np.median(styles, axis=0)
    spread = 1.4826 * np.median(np.abs(styles - usual), axis=0) + 0.03  # a feature cannot be better than that
    weights = usual / spread**2
    scores = styles @ weights / max(usual @ weights, 1e-12)
    odd = scores < SWAPPED
    if odd.mean() > 0.25 or np.percentile(scores[~odd], 5) < 0.1:
        return
    for look in np.array(known, dtype=object)[odd]:
        yield "swapped", look.pair.files, "source and target look exchanged, compared with the rest; exchange them"


def _shifted(looks: Sequence[Look]) -> Iterable[Fault]:
    for look in looks:
        if look.shift is not None and look.shift.clear:
            scale = max(1.0, max(look.sizes[look.pair.files[-1]]) / LOOK_SIDE)
            down, right = round(look.shift.down * scale), round(look.shift.right * scale)
            ways = [f"{abs(down)} px {'down' if down > 0 else 'up'}"] * bool(down)
            ways += [f"{abs(right)} px to the {'right' if right > 0 else 'left'}"] * bool(right)
            yield "shifted", look.pair.files, f"the target lies about {' and '.join(ways)} of the source; align or remove the pair"


def _copies(looks: Sequence[Look]) -> Iterable[Fault]:
    """Pairs with the same pixels in one split."""
    for same in _grouped(looks, lambda look: (look.pair.part, look.digest)):
        if same[0].digest is not None and len(same) > 1:
            yield "copies", tuple(path for look in same for path in look.pair.files), "the same pixels; keep one of them"


def _alike(looks: Sequence[Look]) -> Iterable[Fault]:
    """Targets that look alike: across splits, the nearest first, and in a folder that is not yet split."""
    known = [look for look in looks if look.hash is not None]
    if len(known) < 2:
        return
    hashes = np.stack([look.hash for look in known])
    near = near_limit(hashes)
    split = any(look.pair.part for look in known)
    parts = [look.pair.part if split else str(i) for i, look in enumerate(known)]
    for i, j in leaks(hashes, parts, near):
        first, second = known[i], known[j]
        if not split and first.digest == second.digest:
            continue  # told as copies
        files = first.pair.files[-1], second.pair.files[-1]
        bits = int((hashes[i] != hashes[j]).sum())
        if split:
            yield "leak", files, f"{bits} of 256 bits apart: what is held out may have been learned; keep both in one split"
        else:
            yield "alike", files, f"{bits} of 256 bits apart"


def _grouped(looks: Sequence[Look], key: Callable[[Look], tuple]) -> list[list[Look]]:
    groups: dict[tuple, list[Look]] = {}
    for look in looks:
        groups.setdefault(key(look), []).append(look)
    return list(groups.values())


def _written(size: tuple[float, float]) -> str:
    return f"{size[0]:g} x {size[1]:g}"


def _counts(values: Sequence[str]) -> str:
    """``256 x 256 (39), 300 x 200``: the most frequent first, at most five."""
    common = Counter(values).most_common()
    words = [value if count == 1 else f"{value} ({count})" for value, count in common[:5]]
    return ", ".join(words + ([f"{len(common) - 5} more"] if len(common) > 5 else [])) or "none"
