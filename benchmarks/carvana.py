"""Preparing Carvana-sized photos: how many a second with one and two workers, and one pair against the straightforward way.

    python benchmarks/carvana.py [--photos 200] [--drawn 8] [--rounds 3] [--repeats 15]

The photos are made up, 1918 x 1280: a few are drawn and saved, the rest are copies of their files under other names. The
straightforward way is scikit-image from end to end: imread, mask, pad, resize without antialiasing, Canny. What is compared is a
file read, cut out, resized and drawn, in turns; writing is left out.
"""

from __future__ import annotations

import argparse
import itertools
import os
import platform
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from p2p_lib.data.carvana import cut_out, drawing, prepare
from p2p_lib.data.images import read_image
from p2p_lib.data.synthetic.cars import photo_and_mask

WIDTH, HEIGHT, VIEWS, ALL_PHOTOS = 1918, 1280, 16, 5088
Files = tuple[Path, Path]


def draw_download(raw: Path, count: int, drawn: int) -> list[Files]:
    """`count` photos with masks in Kaggle's layout, `drawn` of them different."""
    files = [
        (raw / "train" / f"{name}.jpg", raw / "train_masks" / f"{name}_mask.gif") for name in itertools.islice(_names(), count)
    ]
    for path in files[0]:
        path.parent.mkdir(parents=True)
    rows = slice((WIDTH - HEIGHT) // 2, (WIDTH + HEIGHT) // 2)
    for index, (photo, mask) in enumerate(files[:drawn]):
        pixels, is_car = photo_and_mask(index, WIDTH, index % VIEWS)
        Image.fromarray(pixels[rows]).save(photo, quality=90)
        indices = Image.fromarray(is_car[rows].astype(np.uint8)).convert("P")
        indices.putpalette([0, 0, 0, 255, 255, 255])  # as Kaggle's
        indices.save(mask)
    for index, (photo, mask) in enumerate(files[drawn:]):
        shutil.copyfile(files[index % drawn][0], photo)
        shutil.copyfile(files[index % drawn][1], mask)
    return files[:drawn]


def _names() -> Iterator[str]:
    return (f"car{car:03}_{view + 1:02}" for car in itertools.count() for view in range(VIEWS))


def library(photo: Path, mask: Path) -> tuple[np.ndarray, np.ndarray]:
    car, cover = cut_out(read_image(photo), read_image(mask))
    return car, drawing()(car, cover)


def straightforward(photo: Path, mask: Path) -> tuple[np.ndarray, np.ndarray]:
    from skimage import color, feature, io, transform, util

    image, is_car = io.imread(photo), io.imread(mask)[0, ..., :1] > 0  # a GIF is read as a film of one RGB picture
    white = np.where(is_car, image, np.uint8(255))
    bar = (image.shape[1] - image.shape[0]) // 2
    padded = np.pad(white, ((bar, bar), (0, 0), (0, 0)), constant_values=255)
    car = transform.resize(padded, (256, 256), order=1, anti_aliasing=False)
    return util.img_as_ubyte(car), util.img_as_ubyte(~feature.canny(color.rgb2gray(car)))


def throughput(raw: Path, photos: int, workers: int) -> float:
    """Photos a second, from files to files."""
    with tempfile.TemporaryDirectory() as out:
        started = time.perf_counter()
        prepare(raw, Path(out) / "pairs", workers=workers, progress=False)
        return photos / (time.perf_counter() - started)


def milliseconds(work: Callable[[Path, Path], object], files: Files) -> float:
    started = time.perf_counter()
    work(*files)
    return 1e3 * (time.perf_counter() - started)


def spread(values: list[float], unit: str) -> str:
    low, median, high = statistics.quantiles(values, n=4)
    return f"{median:6.1f} {unit} ({low:.1f}-{high:.1f})"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=200)
    parser.add_argument("--drawn", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=15)
    options = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; median (quartiles)")
    with tempfile.TemporaryDirectory() as folder:
        drawn = draw_download(Path(folder), options.photos, options.drawn)
        size = statistics.mean(photo.stat().st_size for photo, _ in drawn)
        print(f"{options.photos} photos of {WIDTH} x {HEIGHT}, {options.drawn} of them different, {size / 1e3:.0f} kB each")
        for work in (straightforward, library):
            work(*drawn[0])  # the imports are not what is measured
        turns = itertools.islice(itertools.cycle(drawn), options.repeats)
        rounds = [[milliseconds(work, files) for work in (straightforward, library)] for files in turns]
        plain, ours = map(list, zip(*rounds, strict=True))
        ratio = statistics.median(plain) / statistics.median(ours)
        print(f"one pair: straightforward {spread(plain, 'ms')}   library {spread(ours, 'ms')}   {ratio:.2f}x, n = {len(ours)}")
        rates = [[throughput(Path(folder), options.photos, workers) for workers in (1, 2)] for _ in range(options.rounds)]
    one, two = (statistics.median(column) for column in zip(*rates, strict=True))
    ratios = [second / first for first, second in rates]
    print(f"files to files: one worker {one:.1f} photos/s, two {two:.1f}, ratios {', '.join(f'{ratio:.2f}' for ratio in ratios)}")
    print(f"estimate for {ALL_PHOTOS:,} photos: {ALL_PHOTOS / one:.0f} s with one worker, {ALL_PHOTOS / two:.0f} s with two")
