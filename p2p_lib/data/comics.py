"""From comic pages in colour to pairs, a drawing beside a square of a panel, split by episode.

Pages lie in a folder, one folder an episode. Panels of one page show the same people in the same light, and pages of one episode
often do, so whole episodes are held out; where there are no episodes, whole pages.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from p2p_lib.data.anime import Draw, draw_name
from p2p_lib.data.boxes import Box
from p2p_lib.data.images import beside, find_images, read_image, save_image, to_rgb
from p2p_lib.data.paintings import begin, finish
from p2p_lib.data.pairs import existing_folder
from p2p_lib.data.panels import find_panels
from p2p_lib.data.split import Split, split_groups
from p2p_lib.errors import DataError, did_you_mean

INSET = 0.004  # of the page's shorter side: the frame of a panel is no part of the picture
SMALLEST = 0.12  # of the page's shorter side: smaller panels show next to nothing
STEP = 0.85  # squares of a long panel lie at most so many of their sides apart
BLANK = 6.0  # levels: a square whose luminance varies less shows nothing


@dataclasses.dataclass(frozen=True)
class Prepared:
    """What became of some pages: the fold of every pair, the fold of every episode (or page), what could not be used."""

    folds: dict[str, Split]
    groups: dict[str, Split]
    problems: dict[str, str]

    def __str__(self) -> str:
        counts = Counter(self.folds.values())
        lines = [f"{len(self.folds)} pairs: {', '.join(f'{counts[fold]} {fold}' for fold in ('train', 'val', 'test'))}."]
        for fold in ("val", "test"):
            lines += [
                f"Held out for {fold}: {', '.join(name for name, other in self.groups.items() if other == fold) or 'nothing'}."
            ]
        return "\n".join(lines + [f"{name}: {what}" for name, what in self.problems.items()])


def prepare(
    pages: str | Path,
    out: str | Path,
    *,
    draw: Draw,
    size: int = 256,
    held_out: Sequence[str] = (),
    seed: int = 0,
    progress: bool = True,
) -> Prepared:
    """Pairs of all pages below `pages` in `out`: ``train|val|test/EPISODE-PAGE-pNN.png``, the drawing on the left, 2 size x size.

    draw : draws pictures, uint8 (H, W, 3) each, as uint8 (H, W); its name is part of the record.
    held_out : the episodes (folders; without folders, pages) to validate on, all others to train on; none named: about a tenth
        for "val" and as much for "test".

    Pages that cannot be read or show no panel are reported. prepared.json says what was done; where it was interrupted, the same
    call goes on. DataError where no page is usable, or where `out` holds anything else.
    """
    pages, out = existing_folder(pages), Path(out).expanduser()
    files = find_images(pages)
    if not files:
        raise DataError(f"There are no pictures in {pages}; expected comic pages, in a folder for every episode.")
    settings = {"size": size, "held_out": sorted(held_out), "seed": seed, "draw": draw_name(draw)}
    begin(out, settings | {"files": [[path.relative_to(pages).as_posix(), path.stat().st_size] for path in files]})
    groups = [path.relative_to(pages).parts[0] if path.parent != pages else path.stem for path in files]
    folds = split_episodes(groups, held_out, seed)
    names: dict[str, Split] = {}
    problems: dict[str, str] = {}
    for path, group, fold in zip(tqdm(files, desc="pages", unit="page", disable=not progress), groups, folds, strict=True):
        try:
            squares = page_squares(np.asarray(to_rgb(read_image(path))), size)
        except DataError as error:
            squares, problems[path.name] = [], str(error)
        if not squares and path.name not in problems:
            problems[path.name] = "shows no panel"
        stem = path.stem if path.stem.startswith(group) else f"{group}-{path.stem}"
        targets = [out / fold / f"{stem}-p{number:02}.png" for number in range(len(squares))]
        if not all(target.exists() for target in targets):
            for target, drawing, square in zip(targets, draw(squares), squares, strict=True):
                save_image(beside(drawing, square), target)
        names |= {target.name: fold for target in targets}
    if not names:
        raise DataError(f"None of the {len(files)} pictures in {pages} shows a panel in colour.")
    prepared = Prepared(names, dict(sorted(zip(groups, folds, strict=True))), problems)
    finish(out, dataclasses.asdict(prepared))
    return prepared


def split_episodes(groups: Sequence[str], held_out: Sequence[str] = (), seed: int = 0) -> list[Split]:
    """The fold of every page, given its episode; DataError where a name in `held_out` is none, or nothing is left to train on."""
    for name in held_out:
        if name not in groups:
            raise DataError(f"There is no episode {name!r} to hold out. {did_you_mean(name, groups)}")
    if not held_out:
        return split_groups(groups, seed)
    folds: list[Split] = ["val" if group in held_out else "train" for group in groups]
    if "train" not in folds:
        raise DataError("All episodes are held out, and none is left to train on; name fewer.")
    return folds


def page_squares(page: np.ndarray, size: int) -> list[np.ndarray]:
    """Squares of the panels of a page, uint8 (H, W, 3), in reading order: uint8 (size, size, 3) each; several of a long panel."""
    side = min(page.shape[:2])
    picture = Image.fromarray(page)
    squares = []
    for panel in find_panels(page):
        inner = panel.grown(-max(1, INSET * side))
        if min(inner.bottom - inner.top, inner.right - inner.left) < SMALLEST * side:
            continue
        for box in squares_of(inner):
            square = picture.resize((size, size), Image.Resampling.LANCZOS, box=(box.left, box.top, box.right, box.bottom))
            if np.asarray(square.convert("L")).std() >= BLANK:
                squares.append(np.asarray(square))
    return squares


def squares_of(panel: Box) -> list[Box]:
    """Squares as large as a panel's shorter side, evenly spaced along the longer one; of a nearly square panel its middle."""
    height, width = panel.bottom - panel.top, panel.right - panel.left
    side, rest = min(height, width), abs(height - width)
    count = 1 if rest < 0.3 * side else 1 + round(rest / (STEP * side) + 0.5)
    starts = [rest // 2] if count == 1 else [round(rest * number / (count - 1)) for number in range(count)]
    corners = [(panel.top, panel.left + start) if width > height else (panel.top + start, panel.left) for start in starts]
    return [Box(top, left, top + side, left + side) for top, left in corners]
