"""The style of a model with a latent code: its numbers, eight answers with other codes, and the code of a photo."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import traitlets
from PIL import Image

from p2p_lib.latent import random_latents
from p2p_lib.translator import Translator
from p2p_lib.widgets.base import to_png

N_SAMPLES = 8


class Styled(traitlets.HasTraits):
    """The traits of a widget whose model may have a latent code; `code` is empty where it has none.

    Without widgets, ``model(picture, n_samples=8, seed=seed)`` gives the eight answers, ``model(picture, z=code)`` that of a code,
    and ``model.encode(photo)`` the code of a photo.
    """

    code = traitlets.List(traitlets.Float()).tag(sync=True, echo_update=False)
    seed = traitlets.Int(0).tag(sync=True, echo_update=False)  # of the eight that are asked for
    sampled = traitlets.Int(0).tag(sync=True)  # the seed of the eight in `samples` and `codes`
    samples = traitlets.List(traitlets.Bytes()).tag(sync=True)
    codes = traitlets.List(traitlets.List(traitlets.Float())).tag(sync=True)
    reads_photos = traitlets.Bool(False).tag(sync=True)


def first_style(model: Translator, picture: Image.Image) -> dict[str, Any]:
    """The traits of `Styled` at the start: the middle code, and the eight of seed 0; {} where the model has no code."""
    if model.nz == 0:
        return {}
    return {"code": [0.0] * model.nz, "reads_photos": model.netE is not None} | eight_styles(model, picture, 0)


def in_style(model: Translator, picture: Image.Image, code: Sequence[float]) -> Image.Image:
    """The answer at a code; `code` is empty for a model that has none."""
    return model(picture, z=list(code)) if code else model(picture)


def eight_styles(model: Translator, picture: Image.Image, seed: int, go_on: Callable[[], bool] = lambda: True) -> dict[str, Any]:
    """The traits that show eight answers to a picture, those of ``model(picture, n_samples=8, seed=seed)``.

    `go_on` is asked before each; {} once it says no.
    """
    codes = random_latents(N_SAMPLES, model.nz, seed)
    samples = []
    for code in codes:
        if not go_on():
            return {}
        samples.append(to_png(model(picture, z=code)))
    return {"samples": samples, "codes": codes.tolist(), "sampled": seed}
