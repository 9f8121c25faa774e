"""Which pictures show the same work, and a split that never parts them.

A collection of paintings holds many of them twice: another scan, another size, the same haystack in another light. With one in
training and one held out, a network would be asked what it has already been told. So near-duplicates are found by their perceptual
hash, and a work goes into one fold with everything that looks like it.
"""

from __future__ import annotations

import dataclasses
import os
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from p2p_lib.data.cache import cached
from p2p_lib.data.images import read_image, to_rgb
from p2p_lib.data.split import Split, distance_blocks, split_groups
from p2p_lib.errors import DataError

SURVEY_VERSION = 1  # to be raised when the same files would be judged otherwise
THUMBNAIL = 128
HASH_SIDE = 16
NEAR = 88
"""Two hashes of 256 bits that differ in at most so many show the same work. Measured on 300 paintings by Monet: a copy that is
recompressed, resized, or 40% stronger in contrast differs in up to 14 bits, one that lost 5% at every border in 74 (median);
nine of the ten nearest pairs of different files, up to 88, are one motif painted twice."""
MOST_ALIKE = 24
GRAY_SPREAD = 12
"""A picture is grayscale where red, green and blue lie within so many levels of each other in 99% of it; Monet's palest: 30."""


@dataclasses.dataclass(frozen=True)
class Survey:
    """A look at every file: the usable ones with their perceptual hashes (N, 256), bool; the grayscale ones; what else is wrong."""

    files: list[Path]
    hashes: np.ndarray
    gray: list[Path]
    problems: dict[Path, str]


def survey(name: str, files: Sequence[Path]) -> Survey:
    """Look at `files` once; the next time, the cache (an entry called `name`) knows them."""

    def make() -> tuple[np.ndarray, dict]:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            looks = list(tqdm(pool.map(look, files), desc=f"surveying {name}", total=len(files), unit="img", delay=2, leave=False))
        hashes = [bits for bits, verdict in looks if verdict is None]
        return np.array(hashes, bool).reshape(-1, HASH_SIDE**2), {"verdicts": [verdict for _, verdict in looks]}

    version = [SURVEY_VERSION, [[str(path), path.stat().st_size, path.stat().st_mtime_ns] for path in files]]
    hashes, facts = cached(f"{name}-survey", [str(path.parent.resolve()) for path in files[:1]], version, make)
    verdicts = dict(zip(files, facts["verdicts"], strict=True))
    return Survey(
        files=[path for path, verdict in verdicts.items() if verdict is None],
        hashes=np.array(hashes),
        gray=[path for path, verdict in verdicts.items() if verdict == "grayscale"],
        problems={path: verdict for path, verdict in verdicts.items() if verdict not in (None, "grayscale")},
    )


def look(path: Path) -> tuple[np.ndarray | None, str | None]:
    """The perceptual hash (256,) of a picture and None; or None and "grayscale", or what is wrong with the file."""
    try:
        image = to_rgb(read_image(path))
    except DataError as error:
        return None, str(error)
    image = image.resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX)
    return (None, "grayscale") if is_grayscale(image) else (perceptual_hash(image), None)


def is_grayscale(image: Image.Image) -> bool:
    """Whether an RGB picture holds no colour, but for the noise of a JPEG file or of a scan."""
    pixels = np.asarray(image).astype(np.int16)
    return bool(np.percentile(pixels.max(axis=2) - pixels.min(axis=2), 99) <= GRAY_SPREAD)


def perceptual_hash(image: Image.Image) -> np.ndarray:
    """What a picture looks like from afar, bool (256,): the signs of its lowest frequencies (`imagehash.phash`)."""
    import imagehash

    return imagehash.phash(image, hash_size=HASH_SIDE).hash.flatten()


def same_work(hashes: np.ndarray, near: int = NEAR) -> np.ndarray:
    """Label pictures by the work they show: hashes (N, bits), bool -> ints (N,), equal for near-duplicates and for their
    near-duplicates in turn."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    links = [np.empty((2, 0), int)]
    for start, distances in distance_blocks(hashes):
        rows, columns = np.nonzero(distances <= near)
        links.append(np.stack([rows + start, columns]))
    first, second = np.concatenate(links, axis=1)
    graph = coo_array((np.ones(len(first), bool), (first, second)), shape=(len(hashes), len(hashes)))
    return connected_components(graph, directed=False)[1]


def near_limit(hashes: np.ndarray) -> int:
    """In how many bits the hashes (N, 256), bool, of two near-duplicates of one collection may differ: between 24 and `NEAR`.

    How near is near depends on how alike the collection is: two different shoes on white differ in 46 bits, two different facades
    hardly ever in less than 66. So the limit is 0.6 of what parts a picture from its nearest neighbour (median). Measured on
    facades, maps, shoes and faces: copies that were resized, recompressed and brightened differ in 2 to 17 bits (median), copies
    that lost 2% at every border in 43; of 180,000 pairs of different facades, three are within the limit of 58.
    """
    if len(hashes) < 2:
        return MOST_ALIKE
    nearest = []
    for start, distances in distance_blocks(hashes):
        distances[np.arange(len(distances)), start + np.arange(len(distances))] = np.inf  # not its own neighbour
        nearest.append(distances.min(axis=1))
    return int(np.clip(0.6 * np.median(np.concatenate(nearest)), MOST_ALIKE, NEAR))


def split_works(names: Sequence[str], works: np.ndarray, seed: int = 0, share: float = 0.1) -> list[Split]:
    """A fold for every picture, works never parted (see `split.split_groups`); a work goes by the first of its files' names.

    The checksum is the one that the paintings' published weights were trained and validated by.
    """
    first: dict[int, str] = {}
    for name, work in zip(names, works.tolist(), strict=True):
        first[work] = min(name, first.get(work, name))
    return split_groups([first[work] for work in works.tolist()], seed, share, checksum=zlib.crc32)
