"""The report of an evaluation: one HTML page that needs no other file, to open in any browser, and one JSON file for machines."""

from __future__ import annotations

import base64
import dataclasses
import html
import io
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from p2p_lib.data.pairs import PairedImages
from p2p_lib.evaluation import BASELINES, BLUR, METRICS, MODEL, REFERENCES, Evaluation
from p2p_lib.files import atomic_write_text
from p2p_lib.gallery import results_picture
from p2p_lib.intervals import LEVEL, RESAMPLES, SEED, Estimate
from p2p_lib.translator import Translator

if TYPE_CHECKING:
    from matplotlib.figure import Figure

N_CASES = 6
N_GALLERY = 12
JPEG_QUALITY = 88
PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
  body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; color: #222; }}
  img {{ max-width: 100%; height: auto; }}
  figure {{ margin: 1rem 0; }}
  .wide {{ overflow-x: auto; }}
  table {{ border-collapse: collapse; margin: 0 0 1rem; font-variant-numeric: tabular-nums; }}
  th, td {{ padding: .3rem .7rem; text-align: right; border-bottom: 1px solid #ddd; white-space: nowrap; }}
  th:first-child, td:first-child {{ text-align: left; }}
  tr.model td {{ background: #eef5ff; font-weight: 600; }}
  td small {{ display: block; color: #666; font-weight: 400; }}
  dt {{ font-weight: 600; }}
  dd {{ margin: 0 0 .3rem 1.5rem; }}
</style>
<h1>{title}</h1>
<p>{summary}</p>
{tables}
<p>{notes}</p>
<dl>{metrics}</dl>
<h2>Best cases</h2>
<p>{ranked}</p>
<figure><img src="{best}" alt="Rows of source, generated picture and target, the best first"></figure>
<h2>Worst cases</h2>
<figure><img src="{worst}" alt="Rows of source, generated picture and target, the worst first"></figure>
<h2>Distributions</h2>
<p>One value a pair. Where the model's hill and that of a baseline lie over each other, the metric hardly tells them apart.</p>
<figure><img src="{distributions}" alt="Histograms of every metric"></figure>
<h2>Gallery</h2>
<p>Evenly spread over the pairs, not chosen by any score.</p>
<figure><img src="{gallery}" alt="Rows of source, generated picture and target"></figure>
</html>
"""


def write_report(evaluation: Evaluation, model: Translator, pairs: PairedImages, out: Path, *, name: str, split: str) -> Path:
    """Write OUT/report.json and OUT/index.html, both whole or not at all; returns the path of the page."""
    facts = as_json(evaluation, model, pairs, name, split)
    text = json.dumps(facts, indent=1, allow_nan=False)
    html_text = page(evaluation, model, pairs, name, split)
    atomic_write_text(out / "report.json", text + "\n")
    atomic_write_text(out / "index.html", html_text)
    return out / "index.html"


def as_json(evaluation: Evaluation, model: Translator, pairs: PairedImages, name: str, split: str) -> dict[str, Any]:
    """All numbers as plain JSON: `table` is answer -> metric -> value, low, high; `pairs` the model's values, pair by pair."""
    each = evaluation.each[MODEL]
    return {
        "model": name,
        "data": pairs.origin,
        "split": split,
        "image_size": model.task.image_size,
        "n_pairs": len(pairs),
        "intervals": {"method": "percentile bootstrap over pairs", "level": LEVEL, "resamples": RESAMPLES, "seed": SEED},
        "metrics": {key: {"title": METRICS[key].title, "better": METRICS[key].better} for key in evaluation.table[MODEL]},
        "table": {
            who: {key: {end: _finite(v) for end, v in dataclasses.asdict(estimate).items()} for key, estimate in row.items()}
            for who, row in evaluation.table.items()
        },
        "pairs": [{"name": pairs.names[i]} | {key: _finite(values[i]) for key, values in each.items()} for i in range(len(pairs))],
    }


def as_text(evaluation: Evaluation) -> str:
    """The table for a terminal: a line for every answer and metric, with its interval."""
    names = list(evaluation.table[MODEL])
    width = max(len(METRICS[name].title) for name in names)
    lines = []
    for name in names:
        lines.append(f"{METRICS[name].title:{width}}  {_better(name)}".rstrip())
        lines += [f"  {who:16} {row[name]}" for who, row in evaluation.table.items()]
    return "\n".join(lines)


def page(evaluation: Evaluation, model: Translator, pairs: PairedImages, name: str, split: str) -> str:
    """The HTML text, with its pictures in it."""
    key = "lpips" if "lpips" in evaluation.each[MODEL] else "ssim"
    order = np.argsort(evaluation.each[MODEL][key], kind="stable")
    order = order if METRICS[key].better == "lower" else order[::-1]
    count = min(N_CASES, len(pairs))
    spread = np.unique(np.linspace(0, len(pairs) - 1, N_GALLERY).round().astype(int))
    sheets = {"best": order[:count], "worst": order[::-1][:count], "gallery": spread}
    sheets = {what: _data_uri(results_picture(model, pairs.subset(index), len(index))) for what, index in sheets.items()}
    title = f"How good is {Path(name).name or name}?"
    summary = f"Measured on {len(pairs)} pairs of the {split} split at {model.task.image_size} px: {pairs.origin}."
    return PAGE.format(
        title=html.escape(title),
        summary=html.escape(summary),
        tables=html_tables(evaluation),
        notes=html.escape(notes()),
        metrics="".join(_explained(each) for each in evaluation.table[MODEL]),
        ranked=f"By {METRICS[key].title}, from the model's answers alone.",
        distributions=_figure_uri(distributions(evaluation)),
        **sheets,
    )


def html_tables(evaluation: Evaluation) -> str:
    """One table of what compares pictures, and one of the FCN-score where it was asked for; both have a row for every answer."""
    names = list(evaluation.table[MODEL])
    parts = [[name for name in names if name.startswith("fcn_") == of_labels] for of_labels in (False, True)]
    return "\n".join(f'<div class="wide"><table>{html_table(evaluation, part)}</table></div>' for part in parts if part)


def html_table(evaluation: Evaluation, names: list[str]) -> str:
    """A row for every answer, a column for every metric: the value, and under it the interval."""
    head = "".join(f"<th>{html.escape(METRICS[name].title)} {_arrow(name)}</th>" for name in names)
    rows = [f"<tr><th>answer</th>{head}</tr>"]
    for who, row in evaluation.table.items():
        cells = "".join(f"<td>{_number(row[name].value)}<small>{_interval(row[name])}</small></td>" for name in names)
        rows.append(f'<tr class="{"model" if who == MODEL else "other"}"><td>{html.escape(who)}</td>{cells}</tr>')
    return "".join(rows)


def notes() -> str:
    """What the rows are, and what an interval says."""
    return (
        f"Under each value is its {LEVEL:.0%} interval: what other pictures of the same kind would have shown, by the bootstrap "
        f"over pairs ({RESAMPLES} drawn sets, for FID and KID of many pictures 200). It says nothing of training again with "
        f"another seed. Needing no training: {' and '.join(BASELINES)}. Made of the truth: {', '.join(REFERENCES)}; blurred by a "
        f"Gaussian of {BLUR} of the height."
    )


def distributions(evaluation: Evaluation) -> Figure:
    """Histograms of the values pair by pair, a plot for every metric, of the model and of the answers that need no training."""
    from matplotlib.figure import Figure

    names = list(evaluation.each[MODEL])
    columns = min(3, len(names))
    rows = math.ceil(len(names) / columns)
    figure = Figure(figsize=(4 * columns, 2.8 * rows), layout="constrained")
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    shown = [who for who in (MODEL, *BASELINES, "another target") if who in evaluation.each]
    for ax, name in zip(axes, names, strict=False):
        values = [evaluation.each[who][name] for who in shown]
        bins = np.histogram_bin_edges(np.concatenate(values), 24)
        for who, of_one in zip(shown, values, strict=True):
            ax.hist(of_one, bins, alpha=0.55, label=who)
        ax.set(title=f"{METRICS[name].title} {_better(name)}".strip(), ylabel="pairs")
    for ax in axes[len(names) :]:
        ax.axis("off")
    figure.axes[0].legend(fontsize="small")
    return figure


def _explained(name: str) -> str:
    says = f"{METRICS[name].says} {_better(name)}".strip()
    return f"<dt>{html.escape(METRICS[name].title)}</dt><dd>{html.escape(says)}</dd>"


def _better(name: str) -> str:
    return f"({METRICS[name].better} is better)" if METRICS[name].better else ""


def _arrow(name: str) -> str:
    return {"lower": "&darr;", "higher": "&uarr;", "": ""}[METRICS[name].better]


def _number(value: float) -> str:
    return f"{value:.4f}" if abs(value) < 1 else f"{value:.2f}"


def _interval(estimate: Estimate) -> str:
    return f"{_number(estimate.low)} to {_number(estimate.high)}"


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _data_uri(picture: np.ndarray) -> str:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="JPEG", quality=JPEG_QUALITY, subsampling=0)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _figure_uri(figure: Figure) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
