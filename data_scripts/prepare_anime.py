"""Pairs of line drawings and pictures: frames of videos, split by scene, or panels of comic pages, split by episode:

    python data_scripts/prepare_anime.py episode01.mkv episode02.mkv datasets/anime --start 00:06:00 --end 00:21:00
    python data_scripts/prepare_anime.py film.mp4 datasets/film --cuts --crop 480x480+80+0 --sketch xdog
    python data_scripts/prepare_anime.py pages datasets/comics --size 256 --held-out ep15

Pages lie in a folder for every episode. How much disk frames take is said before they are written. Where it was interrupted, the
same command goes on.
"""

from __future__ import annotations

import argparse
import functools
import logging
import sys
from collections.abc import Callable
from pathlib import Path

from p2p_lib.data import anime, comics
from p2p_lib.data.anime import geometry, seconds
from p2p_lib.errors import P2PError
from p2p_lib.sketching import sketcher


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", type=Path, nargs="+", metavar="VIDEO", help="video files of any format, or a folder of pages")
    parser.add_argument("out", type=Path, metavar="OUT", help="a new folder; it gets train/, val/, test/ and prepared.json")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--rate", type=float, default=1.0, help="frames a second (%(default)s)")
    which.add_argument("--cuts", action="store_const", const="cuts", dest="rate", help="one frame from the middle of each scene")
    parser.add_argument("--start", default="0", help="where to begin in every video: 00:06:00, or seconds (%(default)s)")
    parser.add_argument("--end", help="where to stop (the end)")
    parser.add_argument("--crop", metavar="WxH+X+Y", help="part of the picture to use (its middle square)")
    parser.add_argument("--size", type=int, default=512, help="side of a half in pixels (%(default)s)")
    parser.add_argument(
        "--sketch", default="anime2sketch", help="how frames are drawn: anime2sketch, xdog, canny, ... (%(default)s)"
    )
    parser.add_argument("--seed", type=int, default=0, help="another seed holds out other scenes (%(default)s)")
    parser.add_argument("--held-out", nargs="+", default=[], metavar="EPISODE", help="of pages: what to validate on (a tenth)")
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    options = parser.parse_args()
    try:
        prepared = choose(options)(options.out, draw=sketcher(options.sketch), size=options.size, seed=options.seed)
    except (P2PError, OSError) as error:
        print(f"prepare_anime: {error}", file=sys.stderr)
        return 2
    print(prepared)
    return 0


def choose(options: argparse.Namespace) -> Callable:
    """What prepares such a source: pages where it is a folder, else videos."""
    if len(options.videos) == 1 and options.videos[0].is_dir():
        return functools.partial(comics.prepare, options.videos[0], held_out=options.held_out)
    return functools.partial(
        anime.prepare,
        options.videos,
        rate=options.rate,
        start=seconds(options.start),
        end=None if options.end is None else seconds(options.end),
        crop=None if options.crop is None else geometry(options.crop),
    )


if __name__ == "__main__":
    sys.exit(main())
