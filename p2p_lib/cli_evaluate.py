"""The command line for measuring: ``p2p evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from p2p_lib.cli import new_parser
from p2p_lib.errors import ConfigError

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

    from p2p_lib.data.pairs import PairedImages
    from p2p_lib.evaluation import Judges
    from p2p_lib.translator import Translator


def evaluate(arguments: list[str]) -> int:
    """``p2p evaluate``."""
    options = parser().parse_args(arguments)
    out = Path(options.out).expanduser()
    if out.exists() and not out.is_dir():
        raise ConfigError(f"{out} is a file; --out wants a folder for the report.")
    from p2p_lib import evaluation, report
    from p2p_lib.translator import Translator

    model = Translator.load(options.model)
    pairs = load(options, model, options.split, model.task.image_size)
    found = evaluation.evaluate(model, pairs, judges(options, model))
    page = report.write_report(found, model, pairs, out, name=options.model, split=options.split)
    print(report.as_text(found))
    print(f"Measured on {pairs.origin}, {model.task.image_size} px.")
    print(f"Report: {page}")
    return 0


def parser() -> ArgumentParser:
    """The options of ``p2p evaluate``."""
    made = new_parser("evaluate", "How good is a model: every metric with its interval, as a page and as JSON.")
    made.add_argument("model", metavar="MODEL", help="bundled name, weights file, or folder of a run")
    made.add_argument("data", metavar="DATA", help="a name that `p2p data list` shows, or a folder of pairs")
    made.add_argument("--split", choices=["train", "val", "test"], default="test", help="which pairs (test)")
    made.add_argument("--out", metavar="DIR", default="report", help="folder for index.html and report.json (report)")
    made.add_argument("--source_side", choices=["left", "right"], help="for side-by-side files: which half is given")
    made.add_argument("--lpips", metavar="DIR", help="weights of SqueezeNet and LPIPS, for LPIPS, FID-squeeze and KID-squeeze")
    made.add_argument("--inception", action="store_true", help="FID and KID; fetches 91 MB once, needs torch-fidelity")
    made.add_argument("--fcn", action="store_true", help="the FCN-score of facades; trains a segmenter once, some minutes")
    return made


def load(options: Namespace, model: Translator, split: str, size: int) -> PairedImages:
    """The pairs of a split that the options ask for, in the direction and with the codec of the model."""
    from p2p_lib import data

    side = options.source_side or model.task.source_side
    return data.load(options.data, split, size=size, source_side=side, colors=model.task.colors)


def judges(options: Namespace, model: Translator) -> Judges:
    """The networks that the options ask for; what is wrong with them is said before anything is measured."""
    from p2p_lib import fcn_score
    from p2p_lib.distributions import Inception
    from p2p_lib.evaluation import Judges
    from p2p_lib.lpips import Lpips

    lpips = Lpips(options.lpips) if options.lpips else None
    inception = Inception() if options.inception else None
    segmenter = None
    if options.fcn:
        side = min(fcn_score.SIDE, model.task.image_size)
        segmenter = fcn_score.segmenter_for(load(options, model, "train", side))
    return Judges(lpips, inception, segmenter)
