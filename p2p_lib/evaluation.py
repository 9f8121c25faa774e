"""How good is a model on pairs it never saw: every metric with its interval, beside answers that need no training.

Next to the model stand copies of the source, the mean of all targets, and answers made of the truth itself: a blurred truth, the
truth of another pair, and the truth. A metric is worth what it says of those: one that prefers the mean picture cannot see detail,
one that likes another building's photo asks whether a picture looks real, not whether it is the right one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from p2p_lib import fcn_score, metrics
from p2p_lib.data.pairs import PairedImages
from p2p_lib.distributions import frechet_distance, kernel_distance, pooled, set_estimate
from p2p_lib.errors import DataError
from p2p_lib.fcn_score import Segmenter
from p2p_lib.intervals import Estimate, mean_estimate
from p2p_lib.lpips import Lpips
from p2p_lib.translator import Translator

BATCH = 8
BLUR = 0.006  # of a picture's side: 1.5 pixels at 256
MODEL, OWN_CODE = "model", "own code"
BASELINES = ("source", "mean target")
REFERENCES = ("another target", "blurred truth", "truth")
REAL = "real"  # the truth as the networks see it; no row of the table
Features = Callable[[Tensor], Tensor]
Rows = dict[str, Tensor]


@dataclasses.dataclass(frozen=True)
class Metric:
    """How a metric is called, and what it says; `better` is "lower", "higher", or "" where neither is."""

    title: str
    better: str
    says: str


METRICS: dict[str, Metric] = {
    "l1": Metric("L1", "lower", "mean difference of pixels, relative to white; likes blur"),
    "psnr": Metric("PSNR", "higher", "mean squared difference of pixels, in decibel, at most 100; likes blur"),
    "ssim": Metric("SSIM", "higher", "structure in windows of 7 x 7 pixels; 1 is equal"),
    "ciede2000": Metric("CIEDE2000", "lower", "difference of colours as eyes see it; about 1 is just noticeable"),
    "colorfulness": Metric(
        "colourfulness", "", "Hasler and Suesstrunk: 0 gray, 33 moderate, 109 extreme; to compare with the truth's"
    ),
    "lpips": Metric("LPIPS", "lower", "difference for a network that sees, SqueezeNet; 0 is equal"),
    "fid": Metric("FID", "lower", "generated and real pictures as two clouds, not pair by pair; depends on how many there are"),
    "kid": Metric(
        "KID", "lower", "the same without assuming Gaussians; without bias, so that the truth itself is a little below 0"
    ),
    "fid_squeeze": Metric("FID-squeeze", "lower", "FID's formula on SqueezeNet's features: not comparable with any FID"),
    "kid_squeeze": Metric(
        "KID-squeeze", "lower", "KID's formula on SqueezeNet's features, not comparable with any KID; the truth itself is below 0"
    ),
    "fcn_pixel_accuracy": Metric(
        "FCN pixel accuracy",
        "higher",
        "share of pixels that a segmenter, trained on real photos, reads as was asked for; of the truth: how well it reads",
    ),
    "fcn_class_accuracy": Metric("FCN class accuracy", "higher", "the same, mean over the classes"),
    "fcn_class_iou": Metric("FCN class IoU", "higher", "intersection over union of the classes, mean"),
}


Values = dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Judges:
    """The networks that look at pictures; each is left out where it is None.

    lpips : gives LPIPS, FID-squeeze and KID-squeeze. inception : uint8 (N, 3, H, W) -> features (N, 2048); FID and KID.
    segmenter : the FCN-score.
    """

    lpips: Lpips | None = None
    inception: Features | None = None
    segmenter: Segmenter | None = None


NO_JUDGES = Judges()


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """What was found: `table` is answer -> metric -> estimate, `each` answer -> metric -> one value a pair, (N,)."""

    table: dict[str, dict[str, Estimate]]
    each: dict[str, Values]


def evaluate(model: Translator, pairs: PairedImages, judges: Judges = NO_JUDGES, *, progress: bool = True) -> Evaluation:
    """Every metric of a model's answers to `pairs`, and of answers that need no training, with intervals.

    Of a model with many answers, "model" is the one at z = 0, and "own code" the one at the target's own code. DataError for
    fewer than two pairs, or where a judge cannot judge such pictures.
    """
    found = measure(model, pairs, judges, references=True, progress=progress)
    real = found.pop(REAL)
    rows = tqdm(found.items(), desc="drawing sets", unit="answer", disable=not progress)
    table = {who: summarised(values, real) for who, values in rows}
    return Evaluation(table, {who: {key: each for key, each in found[who].items() if key in METRICS} for who in found})


def measure(
    model: Translator, pairs: PairedImages, judges: Judges = NO_JUDGES, *, references: bool = False, progress: bool = True
) -> dict[str, Values]:
    """Answer -> metric -> one value a pair, (N,), and what metrics of the whole set are computed from: features and confusions.

    The entry `REAL` holds the features of the truth. `references`: whether answers made of the truth are measured, too.
    """
    if len(pairs) < 2:
        raise DataError(f"Measuring needs two pairs or more; got {len(pairs)}.")
    steps = tqdm(total=len(pairs), desc="measuring", unit="pair", disable=not progress)
    parts = []
    with steps:
        for source, target, rows in batches(model, pairs, references):
            parts.append(measure_batch(rows, source, target, model.task.colors, judges))
            steps.update(len(target))
    return {who: {key: np.concatenate([part[who][key] for part in parts]) for key in parts[0][who]} for who in parts[0]}


def batches(model: Translator, pairs: PairedImages, references: bool) -> Iterator[tuple[Tensor, Tensor, Rows]]:
    """Sources, targets, and every row's answers, uint8 (n, 3, H, W) each, a few pairs at a time."""
    mean = mean_target(pairs)
    for start in range(0, len(pairs), BATCH):
        index = range(start, min(start + BATCH, len(pairs)))
        source, target = pairs.batch(index)
        rows = {MODEL: model(source), "source": model.codec.seen(source), "mean target": mean.expand_as(target)}
        if model.netE is not None:
            codes = model.encode(target)
            rows[OWN_CODE] = torch.stack([model(picture, z=code) for picture, code in zip(source, codes, strict=True)])
        if references:
            others = pairs.batch([(i + 1) % len(pairs) for i in index])[1]
            rows |= dict(zip(REFERENCES, (others, blurred(target), target), strict=True))
        yield source, target, rows


def mean_target(pairs: PairedImages) -> Tensor:
    """The mean of all targets, uint8 (1, 3, H, W)."""
    total = sum(pairs[i][1].astype(np.int64) for i in range(len(pairs)))
    return torch.from_numpy(np.round(total / len(pairs)).astype(np.uint8)).permute(2, 0, 1)[None]


def blurred(pictures: Tensor) -> Tensor:
    """Pictures uint8 (N, 3, H, W) as an unsharp lens shows them: a Gaussian of 0.006 of the height."""
    from scipy.ndimage import gaussian_filter

    sigma = BLUR * pictures.shape[-2]
    return torch.from_numpy(gaussian_filter(pictures.numpy(), (0, 0, sigma, sigma)))


def measure_batch(rows: Rows, source: Tensor, target: Tensor, colors: bool, judges: Judges) -> dict[str, Values]:
    """Row -> what is measured -> one value, vector or matrix a pair; and `REAL`."""
    lpips, inception, segmenter = judges.lpips, judges.inception, judges.segmenter
    truth = lpips and lpips.activations(target)
    classes = segmenter and fcn_score.classes_of(source, segmenter.side)
    found: dict[str, dict[str, Tensor]] = {REAL: {}}
    if lpips:
        found[REAL]["squeeze"] = pooled(truth[-1])
    if inception:
        found[REAL]["inception"] = inception(target)
    for who, answer in rows.items():
        values = {"l1": metrics.l1(answer, target), "psnr": metrics.psnr(answer, target), "ssim": metrics.ssim(answer, target)}
        if colors:
            values |= {"ciede2000": metrics.mean_ciede2000(answer, target), "colorfulness": metrics.colorfulness(answer)}
        if lpips:
            seen = lpips.activations(answer)
            values |= {"lpips": lpips.distance(seen, truth), "squeeze": pooled(seen[-1])}
        if inception:
            values["inception"] = inception(answer)
        if segmenter:
            values["confusion"] = fcn_score.confusion(segmenter.read(answer), classes)
        found[who] = values
    return {who: {name: value.numpy() for name, value in values.items()} for who, values in found.items()}


def summarised(values: dict[str, np.ndarray], real: dict[str, np.ndarray]) -> dict[str, Estimate]:
    """The estimates of one row, in the order of `METRICS`."""
    found = {name: mean_estimate(each) for name, each in values.items() if name in METRICS}
    for features, ending in (("inception", ""), ("squeeze", "_squeeze")):
        if features in values:
            found[f"fid{ending}"] = set_estimate(frechet_distance, values[features], real[features])
            found[f"kid{ending}"] = set_estimate(kernel_distance, values[features], real[features])
    if "confusion" in values:
        found |= fcn_score.score_estimates(values["confusion"])
    return {name: found[name] for name in METRICS if name in found}
