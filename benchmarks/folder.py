"""Translating a folder: `translate_folder` (`p2p generate`) against a loop of single calls, interleaved.

    python benchmarks/folder.py [--pictures 24] [--repeats 5]

From PNG files to PNG files, 256 x 256, by the bundled models named below.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

from clock import in_turns, machine, report
from PIL import Image

import p2p_lib as p2p
from p2p_lib.data.synthetic import facades
from p2p_lib.translator import translate_folder

MODELS = ("facades", "facades-tiny")


def one_by_one(model: p2p.Translator, source: Path, out: Path) -> None:
    """A loop of single calls."""
    out.mkdir()
    for file in sorted(source.iterdir()):
        model(Image.open(file)).save(out / file.name)


def at_once(model: p2p.Translator, source: Path, out: Path) -> None:
    translate_folder(model, source, out, progress=False)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=24)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    print(f"{machine()}; {options.pictures} pictures, n = {options.repeats}, median (quartiles) for a picture")
    with tempfile.TemporaryDirectory() as name:
        source, out = Path(name) / "source", Path(name) / "out"
        source.mkdir()
        for seed in range(options.pictures):
            Image.fromarray(facades.facade(seed, 256)[0]).save(source / f"{seed:04}.png")
        for name in MODELS:
            model = p2p.Translator.load(name)

            def timed(translate, model=model):
                shutil.rmtree(out, ignore_errors=True)
                translate(model, source, out)

            print(name)
            work = {"a loop of single calls": lambda: timed(one_by_one), "translate_folder": lambda: timed(at_once)}
            report(in_turns(work, options.repeats), "ms", 1e3 / options.pictures)
