"""Lesson 11 and the library say the same, its sweep resumes, and its first claim holds where it is cheap to see."""

from __future__ import annotations

import time
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from helpers import lesson_definitions

import p2p_lib as p2p
from p2p_lib import metrics
from p2p_lib.data import PairedImages
from p2p_lib.data.synthetic.facades import facade
from p2p_lib.errors import ConfigError


@pytest.fixture(scope="module")
def lesson() -> SimpleNamespace:
    """What the cells tagged "definition" define."""
    return lesson_definitions("11_ablations", p2p=p2p)


@pytest.fixture(scope="module")
def streets() -> PairedImages:
    """Procedural facades with label maps."""
    array = np.stack([np.stack(facade(seed, 32)) for seed in range(16)])
    return PairedImages(array, [str(i) for i in range(16)], "made-up streets")


def test_sharpness_is_the_library_s(lesson):
    pictures = torch.randint(256, (2, 3, 16, 16), generator=torch.Generator().manual_seed(0)).byte()
    torch.testing.assert_close(lesson.sharpness(pictures), metrics.sharpness(pictures))


BASE = {"profile": "lite", "image_size": 32, "jitter": 0, "ngf": 4, "ndf": 4, "receptive_field": 16, "steps": 2, "batch_size": 2}


def test_a_sweep_resumes(lesson, streets, tmp_path):
    variants = {"L1": {"lambda_gan": 0.0}, "GAN": {"lambda_l1": 0.0, "conditional": False}}
    first = lesson.sweep(variants, BASE, tmp_path, streets, streets)
    written = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/*.safetensors")}
    assert len(written) == 4
    time.sleep(0.01)
    again = lesson.sweep(variants | {"ED": {"skips": False}}, BASE, tmp_path, streets, streets)
    assert {path: path.stat().st_mtime_ns for path in written} == written
    source = streets.batch([0])[0]
    for name, model in first.items():
        assert torch.equal(model(source), again[name](source))
    assert not again["ED"].netG.skips  # rebuilt from its weights file
    with pytest.raises(ConfigError, match="lr was .* and is now 1.0"):
        lesson.sweep(variants, BASE | {"lr": 1.0}, tmp_path, streets, streets)


def test_l1_alone_is_blurrier(streets, tmp_path):
    """Than with a discriminator, the same generator and steps."""
    shared = BASE | {"ngf": 8, "ndf": 8, "steps": 80, "batch_size": 8, "lr": 2e-3, "lambda_l1": 10.0, "lr_d_factor": 1.0}
    source, target = streets.batch(range(len(streets)))
    found = {}
    for name, changes in {"L1": {"lambda_gan": 0.0}, "L1+cGAN": {}}.items():
        run = p2p.fit(p2p.task("facades", **shared | changes), tmp_path / name, train=streets, val=streets, progress=False)
        found[name] = float(metrics.sharpness(p2p.Translator.load(run.out)(source)).mean())
    truth = float(metrics.sharpness(target).mean())
    assert found["L1"] < 0.5 * truth
    assert found["L1"] < 0.8 * found["L1+cGAN"]
