"""From videos to pairs, a drawing beside its frame, split by scene.

Frames of one scene are so alike that a network tested on one has been told the answer by the others. So whole scenes are held out,
and scenes that show the same shot again (shot, reverse shot, shot) stay together.
"""

from __future__ import annotations

import dataclasses
import functools
import io
import itertools
import logging
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image
from tqdm import tqdm

from p2p_lib.data.arrange import join_groups
from p2p_lib.data.cache import cached
from p2p_lib.data.frames import SceneFinder, clock, decoded, is_blank, part, probe, shows_tick, small_copy, watched
from p2p_lib.data.images import beside, save_image
from p2p_lib.data.paintings import begin, finish
from p2p_lib.data.split import Split, split_groups
from p2p_lib.data.works import perceptual_hash, same_work
from p2p_lib.errors import DataError
from p2p_lib.files import remove_partial

log = logging.getLogger("p2p_lib")
Draw = Callable[[list[np.ndarray]], list[np.ndarray]]
Make = Callable[[list[Image.Image]], list[Image.Image]]
Crop = tuple[int, int, int, int]
Rate = float | Literal["cuts"]

SURVEY_VERSION = 1  # to be raised when the same video would be judged otherwise
THUMBNAIL = 144  # pixels of the reduced square by which frames are compared
NEAR = 10
"""Bits of 256 in which the perceptual hash of a frame that repeats another differs at most. In films and panned cartoons, frames
1/25 s apart differ in 10 or more (median), those of an encoded still (x264, CRF 23 to 36) in up to 2."""
SAME_SHOT = 70
"""Bits in which frames of one shot may differ. Half a second apart, they differ in 50 to 130; of two shots that have nothing to do
with each other, the most alike of all their frames differ in 96 or more (171 pairs of shots)."""
BATCH = 8  # frames that are drawn at once; always the same ones, so that a network's rounding is the same after a restart
SAMPLES = 4  # pairs by which the use of disk is estimated
ROW = np.dtype([("time", "f8"), ("until", "f8"), ("blank", "?"), ("hash", "?", 256)])


@dataclasses.dataclass(frozen=True)
class Prepared:
    """What became of some videos: the fold of every pair, when their scenes begin (seconds), which scenes show the same shot, how
    many frames were left out because they repeat one of their scene or are blank, and what was wrong with the files."""

    folds: dict[str, Split]
    scenes: dict[str, list[float]]
    same_shots: list[list[str]]
    repeated: int
    blank: int
    problems: list[str]

    def __str__(self) -> str:
        counts = Counter(self.folds.values())
        lines = [f"{len(self.folds)} pairs: {', '.join(f'{counts[fold]} {fold}' for fold in ('train', 'val', 'test'))}."]
        lines += [f"{name}: {len(begins)} scenes." for name, begins in self.scenes.items()]
        if self.same_shots:
            lines += [f"Scenes that show the same shot, each kept in one fold ({len(self.same_shots)}):"]
            lines += ["  " + ", ".join(scenes) for scenes in self.same_shots]
        lines += [f"Left out: {self.repeated} frames that repeat one of their scene, {self.blank} blank ones."]
        return "\n".join(lines + self.problems)


@dataclasses.dataclass(frozen=True)
class Survey:
    """A look at every frame of a part of a video: a table of `ROW`, with which rows its scenes begin, and what is wrong with it."""

    path: Path
    name: str
    table: np.ndarray
    begins: list[int]
    problems: list[str]

    def scene_of(self, rows: np.ndarray) -> np.ndarray:
        """Numbers of the scenes that frames belong to, from 0."""
        return np.searchsorted(self.begins, rows, side="right") - 1

    def scene_name(self, scene: int) -> str:
        """``film-s0012``."""
        return f"{self.name}-s{scene:04}"


def prepare(
    videos: str | Path | Sequence[str | Path],
    out: str | Path,
    *,
    draw: Draw,
    rate: Rate = 1.0,
    start: float = 0,
    end: float | None = None,
    crop: Crop | None = None,
    size: int = 512,
    near: int = NEAR,
    seed: int = 0,
    workers: int | None = None,
    progress: bool = True,
) -> Prepared:
    """Pairs of frames of one or several videos in `out`: ``train|val|test/NAME.png``, the drawing on the left, 2 size x size.

    draw : draws frames, uint8 (H, W, 3) each, as uint8 (H, W); its name is part of the record.
    rate : frames a second, or "cuts" for one from the middle of each scene.
    start, end : which part of every video, in seconds; unset: to its end.
    crop : width, height, x and y of the part of the picture to use, of which the middle square is taken; unset: of all.
    near : a frame whose perceptual hash differs in at most so many of 256 bits from one of its scene repeats it and is left out.
    workers : threads that write; unset: as many as there are cores.

    Videos are decoded twice: to find scenes (kept in the cache) and to write. How much disk the pairs take is estimated and logged
    before. prepared.json says what was done; where it was interrupted, the same call goes on, to the same files. DataError for a
    file that is no video, fewer than three scenes, too little disk, and an `out` that holds anything else.
    """
    paths = [Path(path).expanduser() for path in ([videos] if isinstance(videos, str | Path) else videos)]
    out = Path(out).expanduser()
    if rate != "cuts" and not (isinstance(rate, int | float) and rate > 0):
        raise DataError(f"The rate is a number of frames a second above 0, or 'cuts'; {rate!r} came.")
    settings = {"rate": rate, "start": start, "end": end, "crop": crop and list(crop), "size": size, "near": near, "seed": seed}
    settings |= {"draw": draw_name(draw), "files": [[path.name, path.stat().st_size] for path in paths if path.is_file()]}
    if out.exists() and any(out.iterdir()):
        begin(out, settings)  # before the long look at the videos
    surveys = [survey(path, name, start, end, crop, progress) for path, name in zip(paths, _names(paths), strict=True)]
    picked = [pick(look, rate, start, near) for look in surveys]
    groups = group_scenes(surveys, [rows for rows, _, _ in picked])
    batches, prepared = _plan(surveys, picked, groups, seed)
    todo = [batch for batch in batches if not all((out / job.file).exists() for job in batch)]
    make = functools.partial(pairs, crop=crop, size=size, draw=draw)
    check_space([job for batch in todo for job in batch if not (out / job.file).exists()], out, make)
    begin(out, settings)
    _write(todo, out, make, workers, progress)
    finish(out, dataclasses.asdict(prepared))
    return prepared


@dataclasses.dataclass(frozen=True)
class Job:
    """A pair to make: the frame of `video` that is shown from `time` on, into `file` (relative to the output folder)."""

    video: Path
    time: float
    file: Path


def survey(path: Path, name: str, start: float, end: float | None, crop: Crop | None, progress: bool) -> Survey:
    """Look at every frame of a part of a video once; the next time, the cache knows."""
    video = probe(path)
    box = square_box((video.width, video.height), crop)
    scale = min(1.0, THUMBNAIL / (box[2] - box[0]))

    def make() -> tuple[np.ndarray, dict]:
        finder, rows, problems = SceneFinder(video.fps), [], []
        for frame in watched(path, video, start, end, progress=progress, report=problems.append):
            picture = frame.picture(scale)
            part_of_it = picture.resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX, box=[scale * at for at in box])
            finder.add(small_copy(picture))
            rows.append((frame.time, frame.until, is_blank(small_copy(part_of_it)), perceptual_hash(part_of_it)))
        return np.array(rows, ROW), {"begins": [0, *finder.cuts()], "problems": problems}

    version = [SURVEY_VERSION, path.stat().st_size, path.stat().st_mtime_ns]
    table, facts = cached(f"{path.stem[:40]}-scenes", [str(path.resolve()), start, end, crop], version, make)
    if not len(table):
        raise DataError(f"{path} has no frames {part(start, end)}; it lasts until {clock(video.duration)}.")
    for problem in facts["problems"]:
        log.warning(problem)
    return Survey(path, name, np.array(table), facts["begins"], facts["problems"])


def square_box(size: tuple[int, int], crop: Crop | None) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the middle square of a picture, or of the part of it that `crop` says; DataError where that is
    not inside the picture."""
    width, height, x, y = crop or (*size, 0, 0)
    if not (0 < width <= size[0] - x and 0 < height <= size[1] - y and x >= 0 and y >= 0):
        raise DataError(f"A crop of {width}x{height}+{x}+{y} does not fit into frames of {size[0]} x {size[1]}; make it smaller.")
    side = min(width, height)
    left, top = x + (width - side) // 2, y + (height - side) // 2
    return left, top, left + side, top + side


def pick(look: Survey, rate: Rate, start: float, near: int) -> tuple[np.ndarray, int, int]:
    """Rows of the frames to use; and how many were left out because they repeat one of their scene, and because they are blank."""
    table = look.table
    if rate == "cuts":
        rows, blank = _middles(look)
    else:
        shown = [shows_tick(time, until, start, rate) for time, until in zip(table["time"], table["until"], strict=True)]
        rows = np.flatnonzero(np.array(shown) & ~table["blank"])
        blank = int(np.sum(shown)) - len(rows)
    kept: list[int] = []
    scenes = look.scene_of(rows)
    for row, scene in zip(rows, scenes, strict=True):
        before = [other for other in kept if other >= look.begins[scene]]
        if not before or (table["hash"][before] != table["hash"][row]).sum(axis=1).min() > near:
            kept.append(int(row))
    return np.array(kept, int), len(rows) - len(kept), blank


def group_scenes(surveys: Sequence[Survey], picked: Sequence[np.ndarray]) -> dict[str, str]:
    """For every scene by name, the first of the scenes that show the same shot.

    Compared are the picked frames, and of every scene the first and the last, since a shot goes on where it was left.
    """
    names, hashes = [], []
    for look, rows in zip(surveys, picked, strict=True):
        shown = np.flatnonzero(~look.table["blank"])
        scenes = look.scene_of(shown)
        ends = [shown[np.flatnonzero(scenes == scene)[[0, -1]]] for scene in np.unique(scenes)]
        rows = np.unique(np.concatenate([rows, *ends])).astype(int)
        names += [look.scene_name(scene) for scene in look.scene_of(rows)]
        hashes.append(look.table["hash"][rows])
    if not names:
        raise DataError(f"All frames of {_listed(surveys)} are blank; choose another part.")
    return dict(zip(names, join_groups(names, [same_work(np.concatenate(hashes), SAME_SHOT)]), strict=True))


def frames_at(path: Path, times: Sequence[float]) -> Iterator[Image.Image]:
    """The frames of a video that begin at these times, which ascend, as pictures."""
    wanted = iter(times)
    time = next(wanted)
    for frame in decoded(path, time, report=lambda _: None):
        if abs(frame.time - time) < 1e-6:
            yield frame.picture()
            time = next(wanted, None)
            if time is None:
                return
    raise DataError(f"{path} has no frame at {clock(time)} any more; was it changed in the meantime?")


def pairs(pictures: Sequence[Image.Image], crop: Crop | None, size: int, draw: Draw) -> list[Image.Image]:
    """``[drawing | frame]``, RGB, 2 size x size, of every picture."""
    crops = [picture.crop(square_box(picture.size, crop)) for picture in pictures]  # nothing outside may shine in
    squares = [np.asarray(square.resize((size, size), Image.Resampling.BICUBIC)) for square in crops]
    return [beside(lines, frame) for lines, frame in zip(draw(squares), squares, strict=True)]


def check_space(todo: Sequence[Job], out: Path, make: Make) -> None:
    """Log how much disk the pairs will take, judged by a few of them; DataError where less is free."""
    if not todo:
        return
    samples = todo[:: max(1, len(todo) // SAMPLES)][:SAMPLES]
    sizes = [_png_size(image) for image in make([next(frames_at(job.video, [job.time])) for job in samples])]
    need = len(todo) * sum(sizes) / len(sizes)
    home = next(folder for folder in (out.absolute(), *out.absolute().parents) if folder.exists())
    free = shutil.disk_usage(home).free
    if need > free:
        raise DataError(
            f"{len(todo)} pairs take about {_in_words(need)}, but only {_in_words(free)} are free in {home}; "
            "make room, or choose a lower rate or size."
        )
    log.info("%d pairs will take about %s; %s are free.", len(todo), _in_words(need), _in_words(free))


def draw_name(draw: Draw) -> str:
    """What a drawing function is called: its `name`, else its __name__, else that of its class."""
    return str(getattr(draw, "name", None) or getattr(draw, "__name__", None) or type(draw).__name__)


def seconds(text: str) -> float:
    """A time as people write it, ``00:06:00``, ``6:00`` or ``360.5``, in seconds; DataError where it is none."""
    match = re.fullmatch(r"(?:(?:(\d+):)?([0-5]?\d):)?(\d+(?:\.\d+)?)", text.strip())
    if not match or (match[2] and float(match[3]) >= 60):
        raise DataError(f"{text!r} is not a time; expected hours:minutes:seconds like 00:06:00, or seconds.")
    return 3600 * int(match[1] or 0) + 60 * int(match[2] or 0) + float(match[3])


def geometry(text: str) -> Crop:
    """``480x480+80+0`` as (width, height, x, y); DataError where it is something else."""
    match = re.fullmatch(r"(\d+)x(\d+)\+(\d+)\+(\d+)", text.strip())
    if not match:
        raise DataError(f"{text!r} is not a crop; expected WIDTHxHEIGHT+LEFT+TOP like 480x480+80+0.")
    width, height, x, y = map(int, match.groups())
    return width, height, x, y


def _middles(look: Survey) -> tuple[np.ndarray, int]:
    """The middle one of the frames of each scene that are not blank, and how many scenes have none."""
    shown = np.flatnonzero(~look.table["blank"])
    scenes = look.scene_of(shown)
    members = [shown[scenes == scene] for scene in np.unique(scenes)]
    return np.array([rows[len(rows) // 2] for rows in members], int), len(look.begins) - len(members)


def _plan(
    surveys: Sequence[Survey], picked: Sequence[tuple[np.ndarray, int, int]], groups: dict[str, str], seed: int
) -> tuple[list[list[Job]], Prepared]:
    """The pairs to make, in batches of one video each, and what is to be reported of them."""
    scenes = [[look.scene_name(scene) for scene in look.scene_of(rows)] for look, (rows, _, _) in zip(surveys, picked, strict=True)]
    shots = [groups[scene] for scene in itertools.chain(*scenes)]
    if len(set(shots)) < 3:
        raise DataError(
            f"Training, validation and test want a scene each; {len(set(shots))} that differ came from {_listed(surveys)}; "
            "choose a longer part, or more videos."
        )
    folds = iter(split_groups(shots, seed))
    batches, of_file = [], {}
    for look, (rows, _, _), names in zip(surveys, picked, scenes, strict=True):
        jobs = []
        for row, scene in zip(rows, names, strict=True):
            file, fold = f"{scene}-f{row:06}.png", next(folds)
            of_file[file] = fold
            jobs.append(Job(look.path, float(look.table["time"][row]), Path(fold, file)))
        batches += [list(batch) for batch in _batched(jobs, BATCH)]
    together: dict[str, list[str]] = {}
    for scene, shot in groups.items():
        together.setdefault(shot, []).append(scene)
    return batches, Prepared(
        folds=of_file,
        scenes={look.path.name: [round(float(look.table["time"][row]), 6) for row in look.begins] for look in surveys},
        same_shots=[names for names in together.values() if len(names) > 1],
        repeated=sum(repeated for _, repeated, _ in picked),
        blank=sum(blank for _, _, blank in picked),
        problems=[problem for look in surveys for problem in look.problems],
    )


def _write(todo: Sequence[list[Job]], out: Path, make: Make, workers: int | None, progress: bool) -> None:
    """Write the pairs that are not there; a batch of which one is missing is drawn as a whole."""
    for fold in ("train", "val", "test"):
        remove_partial(out / fold)
    total = sum(map(len, todo))
    with ThreadPoolExecutor(workers) as pool, tqdm(desc="pairs", total=total, unit="img", disable=not progress) as bar:
        for video, batches in itertools.groupby(todo, key=lambda batch: batch[0].video):
            batches = list(batches)
            frames = frames_at(video, [job.time for batch in batches for job in batch])
            for batch in batches:
                missing = [
                    (image, out / job.file)
                    for image, job in zip(make(list(itertools.islice(frames, len(batch)))), batch, strict=True)
                    if not (out / job.file).exists()
                ]
                list(pool.map(lambda item: save_image(*item), missing))
                bar.update(len(batch))


def _batched(items: Sequence[Job], size: int) -> Iterator[Sequence[Job]]:
    for first in range(0, len(items), size):
        yield items[first : first + size]


def _names(paths: Sequence[Path]) -> list[str]:
    """What the pairs of every video are called by: its stem, numbered where several have the same."""
    stems = Counter(path.stem for path in paths)
    return [path.stem if stems[path.stem] == 1 else f"{path.stem}_{number}" for number, path in enumerate(paths, 1)]


def _listed(surveys: Sequence[Survey]) -> str:
    return ", ".join(look.path.name for look in surveys)


def _png_size(image: Image.Image) -> int:
    """Bytes on the disk, in blocks of 4 KiB."""
    file = io.BytesIO()
    image.save(file, format="PNG")
    return -(-file.tell() // 4096) * 4096


def _in_words(size: float) -> str:
    """``1.3 GB``."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"
