"""Pairs of edges and cars, split by car, from the download of Kaggle's Carvana Image Masking Challenge:

    python data_scripts/prepare_carvana.py carvana-image-masking-challenge datasets/edges2cars
    p2p train edges2cars-alexeylabs

The download is at https://www.kaggle.com/c/carvana-image-masking-challenge; accept the rules, and unpack train.zip and
train_masks.zip.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from p2p_lib.data.carvana import prepare
from p2p_lib.data.sketch import SKETCHES
from p2p_lib.errors import P2PError


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("raw", type=Path, help="the unpacked download, with train/*.jpg and train_masks/*_mask.gif in it")
    parser.add_argument("out", type=Path, help="a new folder; it gets train/, val/ and prepared.json")
    parser.add_argument("--size", type=int, default=256, help="side of a half in pixels (%(default)s)")
    parser.add_argument(
        "--fit", choices=["pad", "crop"], default="pad", help="all of the photo between white bars, or its middle (%(default)s)"
    )
    parser.add_argument("--sketch", choices=list(SKETCHES), default="opencv_canny", help="how the source is drawn (%(default)s)")
    parser.add_argument("--low", type=float, help="Canny's lower threshold (100; of --sketch canny: 0.1)")
    parser.add_argument("--high", type=float, help="Canny's upper threshold (200; of --sketch canny: 0.2)")
    parser.add_argument("--seed", type=int, default=0, help="another seed holds out other cars (%(default)s)")
    parser.add_argument("--workers", type=int, help="threads (as many as there are cores)")
    try:
        print(prepare(**vars(parser.parse_args())))
    except (P2PError, OSError) as error:
        print(f"prepare_carvana: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
