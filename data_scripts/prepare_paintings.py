"""Square pictures of chosen painters, split by work, from the download of "Best Artworks of All Time":

    python data_scripts/prepare_paintings.py best-artworks-of-all-time datasets/monet --artist Claude_Monet
    p2p train paint-lab

The download is at https://www.kaggle.com/datasets/ikarus777/best-artworks-of-all-time. The tasks paint-gray and paint-lab
find what is prepared as `datasets/monet`; for other painters and places, add `--dataset FOLDER`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from p2p_lib.data.paintings import prepare
from p2p_lib.errors import P2PError


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("raw", type=Path, help="the unpacked download, with images/images/Claude_Monet/*.jpg in it")
    parser.add_argument("out", type=Path, help="a new folder; it gets train/, val/, test/ and prepared.json")
    parser.add_argument("--artist", action="append", default=[], help="a painter's full or last name, as often as you like (all)")
    parser.add_argument("--size", type=int, default=286, help="side in pixels (%(default)s)")
    parser.add_argument(
        "--fit", choices=["crop", "letterbox"], default="crop", help="take the middle, or all of it between white bars"
    )
    parser.add_argument("--seed", type=int, default=0, help="another seed holds out other works (%(default)s)")
    options = parser.parse_args()
    try:
        print(prepare(options.raw, options.out, options.artist, size=options.size, fit=options.fit, seed=options.seed))
    except (P2PError, OSError) as error:
        print(f"prepare_paintings: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
