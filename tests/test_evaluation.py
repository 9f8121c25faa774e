"""`p2p evaluate`: metrics order answers as they should, agree with references, and the report holds what was found."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
import torch
from helpers import ROOT
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

import p2p_lib as p2p
from p2p_lib import evaluation, fcn_score, metrics, report
from p2p_lib.cli import main
from p2p_lib.data.images import save_image
from p2p_lib.errors import DataError
from p2p_lib.lpips import Lpips

DATA = ROOT.parent / "shared" / "data"
N_REAL = 24


@pytest.fixture(scope="module")
def found(finished_run, make_pairs) -> evaluation.Evaluation:
    return evaluation.evaluate(p2p.Translator.load(finished_run.out), make_pairs(11, 32), progress=False)


def test_psnr_and_ssim_are_scikit_images(make_pairs):
    a, b = (make_pairs(3, 40, seed).batch(range(3))[0] for seed in (0, 1))
    for i, (x, y) in enumerate(zip(a.permute(0, 2, 3, 1).numpy(), b.permute(0, 2, 3, 1).numpy(), strict=True)):
        assert float(metrics.psnr(a, b)[i]) == pytest.approx(peak_signal_noise_ratio(y, x), abs=1e-4)
        assert float(metrics.ssim(a, b)[i]) == pytest.approx(structural_similarity(x, y, channel_axis=2), abs=1e-4)


def test_rows_are_what_they_are_called(finished_run, make_pairs):
    """Batch by batch, of a number of pairs that is no multiple of the batch."""
    model, pairs = p2p.Translator.load(finished_run.out), make_pairs(11, 32)
    source, target = pairs.batch(range(11))
    parts = [rows for _, _, rows in evaluation.batches(model, pairs, references=True)]
    rows = {who: torch.cat([part[who] for part in parts]) for who in parts[0]}
    assert list(rows) == [evaluation.MODEL, *evaluation.BASELINES, *evaluation.REFERENCES]
    torch.testing.assert_close(rows["model"], model(source))
    assert (rows["source"] == source).all()
    assert (rows["truth"] == target).all()
    assert (rows["another target"] == target.roll(-1, 0)).all()
    torch.testing.assert_close(rows["mean target"][3].float(), target.float().mean(0), atol=0.51, rtol=0)
    assert (rows["blurred truth"] != target).any()


def test_means_and_values_belong_together(found):
    for who, row in found.table.items():
        for name, values in found.each[who].items():
            assert values.shape == (11,)
            assert row[name].value == pytest.approx(float(values.mean()), rel=1e-6)
            assert row[name].low <= row[name].value <= row[name].high


def test_truth_is_perfect(found):
    assert {name: one.value for name, one in found.table["truth"].items()} == {"l1": 0, "psnr": 100, "ssim": 1}


def test_one_pair_is_too_few(finished_run, make_pairs):
    with pytest.raises(DataError, match="two pairs or more; got 1"):
        evaluation.evaluate(p2p.Translator.load(finished_run.out), make_pairs(1, 32), progress=False)


def test_colouring_is_measured_by_colours(small_task, make_pairs):
    task = small_task(codec="lab")
    pairs = make_pairs(2, 32)
    pairs.array = np.broadcast_to(pairs.array[:, :1], pairs.array.shape)
    row = evaluation.evaluate(p2p.Translator(task.make_generator(), task), pairs, progress=False).table["source"]
    assert list(row) == ["l1", "psnr", "ssim", "ciede2000", "colorfulness"]
    assert row["colorfulness"].value < 1  # what the network is shown is gray


def test_report_is_one_file(found, finished_run, make_pairs, tmp_path):
    model, pairs = p2p.Translator.load(finished_run.out), make_pairs(11, 32)
    pairs.names[0] = "<b>&"
    path = report.write_report(found, model, pairs, tmp_path / "report", name="runs/<i>x", split="test")
    text = path.read_text(encoding="utf-8")
    sources = re.findall(r'src="([^"]{30})', text)
    assert len(sources) == 4
    assert all(source.startswith("data:image/") for source in sources)
    assert "href=" not in text and "http" not in text and "<i>" not in text
    facts = json.loads((tmp_path / "report" / "report.json").read_text())
    assert facts["table"]["model"]["l1"]["value"] == found.table["model"]["l1"].value
    assert [pair["name"] for pair in facts["pairs"]] == pairs.names
    assert facts["pairs"][4]["ssim"] == pytest.approx(found.each["model"]["ssim"][4])
    assert sorted(file.name for file in (tmp_path / "report").iterdir()) == ["index.html", "report.json"]


def test_cases_are_ranked_by_the_model(found, finished_run, make_pairs, monkeypatch):
    seen, pairs = [], make_pairs(11, 32)
    picture = np.zeros((2, 2, 3), np.uint8)
    monkeypatch.setattr(report, "results_picture", lambda model, shown, count: seen.append(shown.names[:count]) or picture)
    report.page(found, p2p.Translator.load(finished_run.out), pairs, "x", "test")
    best, worst, gallery = ([pairs.names.index(name) for name in names] for names in seen)
    values = found.each["model"]["ssim"]
    assert (values[best[0]], values[worst[0]]) == (values.max(), values.min())
    assert gallery == list(range(11))


@pytest.mark.slow
def test_command_line_on_procedural_samples(tmp_path, capsys):
    assert main(["evaluate", "facades-tiny", "facades", "--out", str(tmp_path / "report")]) == 0
    out = capsys.readouterr().out
    assert "Measured on 60 procedural samples" in out
    table = json.loads((tmp_path / "report" / "report.json").read_text())["table"]
    assert table["model"]["l1"]["high"] < table["source"]["l1"]["low"]
    assert table["model"]["ssim"]["low"] > table["source"]["ssim"]["high"]
    assert f"model            {table['model']['ssim']['value']:.4f} [" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nothing-like-it", "facades"], "nothing-like-it"),
        (["facades-tiny", "no/folder"], "neither a dataset of the catalog"),
        (["facades-tiny", "facades", "--lpips", "nowhere"], "There is no nowhere"),
        (["facades-tiny", "facades", "--out", "taken"], "taken is a file"),
        (["facades-tiny", "facades", "--splt", "val"], "Did you mean 'split'?"),
        (["facades-tiny", "own", "--fcn"], "needs label maps in the colours of CMP facades"),
    ],
)
def test_bad_input_is_one_sentence_and_leaves_nothing(arguments, said, tmp_path, capsys, make_pairs):
    (tmp_path / "taken").write_text("mine")
    for i, pair in enumerate(make_pairs(12, 64).array):
        for side, picture in zip(("source", "target"), pair, strict=True):
            save_image(Image.fromarray(picture), tmp_path / "own" / side / f"{i}.png")
    assert main(["evaluate", *arguments]) == 2
    err = capsys.readouterr().err
    assert said in err and "Traceback" not in err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["own", "taken"]


@pytest.mark.slow
def test_metrics_order_real_answers_as_they_should(monkeypatch):
    """On real facades: the truth is perfect, then the blurred truth, and the source is last; another building looks real, but is
    wrong. A segmenter trained for a moment reads real photos best."""
    if not (DATA / "facades" / "test").is_dir() or not (DATA / "weights").is_dir():
        pytest.skip("the real facades and the weights of LPIPS are not beside the project")
    monkeypatch.setenv("P2P_DATA", str(DATA))
    pairs = p2p.data.load("facades", "test", size=256).subset(range(N_REAL))
    small = p2p.data.load("facades", "train", size=64).subset(range(100))
    judges = evaluation.Judges(Lpips(DATA / "weights"), segmenter=fcn_score.train_segmenter(small, steps=300, progress=False))
    table = evaluation.evaluate(p2p.Translator.load("facades"), pairs, judges, progress=False).table
    values = {name: {who: row[name].value for who, row in table.items()} for name in table["truth"]}
    for name in ("l1", "lpips", "ssim", "psnr"):
        order = ["truth", "blurred truth", "another target", "source"]
        lower = [values[name][who] * (1 if evaluation.METRICS[name].better == "lower" else -1) for who in order]
        assert lower == sorted(lower), name
    assert (values["l1"]["truth"], values["lpips"]["truth"], values["ssim"]["truth"], values["psnr"]["truth"]) == (0, 0, 1, 100)
    for name in ("fid_squeeze", "kid_squeeze"):  # they do not see which picture belongs to which
        assert values[name]["another target"] == pytest.approx(values[name]["truth"], abs=1e-3 * values[name]["source"])
        assert values[name]["truth"] < values[name]["blurred truth"] < values[name]["source"]
    for name in ("fcn_pixel_accuracy", "fcn_class_iou"):
        assert values[name]["truth"] > max(values[name][who] for who in ("another target", "source", "mean target"))
    for name in ("l1", "lpips", "fid_squeeze"):
        assert values[name]["truth"] < values[name]["model"] < values[name]["source"]
