"""`LatentExplorer`: a square of latent codes to move in, and the answer at each place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import traitlets
from PIL import Image

from p2p_lib.errors import DataError
from p2p_lib.latent import as_latents, between_four, check_takes_latent, random_latents, square
from p2p_lib.translator import Translator
from p2p_lib.viz import picture_grid, to_image
from p2p_lib.widgets.answering import Answering
from p2p_lib.widgets.base import Picture, from_png, front_end, to_png
from p2p_lib.widgets.uploads import fitting

STEPS = 5
MAP_SIDE = 96  # of a picture in the map, at most: it only shows the way


class LatentExplorer(Answering):
    """Four codes at the corners of a map and what lies between them; the answer at the cross follows the pointer.

    Mouse, touch or the arrow keys move the cross. Codes go along arcs (`latent.between_four`). `code` is the one at the cross, so
    ``model(other, z=explorer.code)`` puts it on another picture. Without widgets, ``viz.show_rows([model(source, z=row) for row in
    latent.square(corners)])`` is the map.

    Parameters
    ----------
    model : a `Translator` with a latent code; DataError where it has none.
    source : the picture to translate, of any kind that `viz.to_image` takes; shrunk to 1,024 pixels.
    corners : four codes (4, nz): top left, top right, bottom left, bottom right; for instance ``model.encode(photos)``. Unset:
        random ones, of seed 0.
    """

    _esm = front_end("parts.js", "explorer.js")
    _css = front_end("parts.css", "explorer.css")

    source = traitlets.Bytes().tag(sync=True)
    map = traitlets.Bytes().tag(sync=True)
    steps = traitlets.Int(STEPS).tag(sync=True)
    x = traitlets.Float(0.5).tag(sync=True, echo_update=False)
    y = traitlets.Float(0.5).tag(sync=True, echo_update=False)
    seed = traitlets.Int(0).tag(sync=True, echo_update=False)
    code = traitlets.List(traitlets.Float()).tag(sync=True)
    picture = traitlets.Bytes().tag(sync=True)

    def __init__(self, model: Translator, source: Picture, corners: np.ndarray | None = None) -> None:
        check_takes_latent(model.nz)
        self._model, self._image = model, fitting(to_image(source))
        self._corners = random_latents(4, model.nz) if corners is None else _four(corners, model.nz)
        self._corners_seed = 0
        place = between_four(self._corners, 0.5, 0.5)
        super().__init__(source=to_png(self._image), map=self._map(), **self._at(place))

    def still(self) -> bytes:
        """The picture beside its answer at the cross, as a PNG."""
        return to_png(Image.fromarray(picture_grid([[np.asarray(self._image), np.asarray(from_png(self.picture))]])))

    def _question(self) -> tuple[float, float, int]:
        return self.x, self.y, self.seed

    def _answers(self, question: tuple[float, float, int]) -> Iterator[dict[str, Any]]:
        x, y, seed = question
        other = seed != self._corners_seed
        if other:
            self._corners, self._corners_seed = random_latents(4, self._model.nz, seed), seed
        yield self._at(between_four(self._corners, x, y))
        if other:
            yield {"map": self._map()}

    def _at(self, code: np.ndarray) -> dict[str, Any]:
        return {"picture": to_png(self._model(self._image, z=code)), "code": code.tolist()}

    def _map(self) -> bytes:
        """STEPS x STEPS small answers, from corner to corner."""
        rows = [self._model(self._image, z=row) for row in square(self._corners, STEPS)]
        side = min(MAP_SIDE, max(self._image.size))
        small = [[np.asarray(answer.resize((side, side), Image.Resampling.BICUBIC)) for answer in row] for row in rows]
        return to_png(Image.fromarray(np.concatenate([np.concatenate(row, axis=1) for row in small])))


def _four(corners: np.ndarray, nz: int) -> np.ndarray:
    codes = as_latents(corners, nz).numpy()
    if codes.shape != (4, nz):
        raise DataError(f"corners are four codes, (4, {nz}); got the shape {codes.shape}.")
    return codes
