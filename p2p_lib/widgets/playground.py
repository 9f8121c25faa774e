"""`Playground`: draw, and see what the model makes of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import traitlets
from PIL import Image

from p2p_lib.errors import P2PError
from p2p_lib.translator import Translator
from p2p_lib.viz import picture_grid, to_image
from p2p_lib.widgets.answering import Answering
from p2p_lib.widgets.base import from_png, front_end, to_png
from p2p_lib.widgets.drawing_sets import drawing_set, example_sources
from p2p_lib.widgets.styles import Styled, eight_styles, first_style, in_style
from p2p_lib.widgets.uploads import fitting, read_upload


class Playground(Styled, Answering):
    """A drawing pad with the translated picture beside it, which follows as one draws.

    Brush, eraser and rectangle, the colours of the task (for facades its twelve classes), undo, clear, example inputs, upload and
    download. The pad has the size of what is on it: that of the model's training for a cleared pad, that of the file for an upload.
    A model with many answers (BicycleGAN) has a style panel: a slider for every number of the code, eight answers with other codes,
    of which a click takes one, and the style of a photo. Without widgets, ``viz.show_translation(picture, model)`` does the same,
    and for styles ``model(picture, n_samples=8, seed=0)``, ``model(picture, z=code)`` and ``model.encode(photo)``.

    Parameters
    ----------
    model : a `Translator`.
    examples : inputs to offer, of any kind that `viz.to_image` takes, each at most 1,024 pixels wide and high; unset: procedural
        samples of the model's task. The first is on the pad at the start.

    The traits `drawing` and `picture` hold what is on the pad and its translation, as the bytes of a PNG, and `code` the style.
    """

    _esm = front_end("parts.js", "style.js", "pad.js")
    _css = front_end("parts.css", "style.css", "pad.css")

    title = traitlets.Unicode().tag(sync=True)
    colors = traitlets.List(traitlets.Dict()).tag(sync=True)
    blank = traitlets.Unicode("#ffffff").tag(sync=True)
    tool = traitlets.Unicode("brush").tag(sync=True)
    side = traitlets.Int(256).tag(sync=True)
    examples = traitlets.List(traitlets.Bytes()).tag(sync=True)
    drawing = traitlets.Bytes().tag(sync=True, echo_update=False, from_json=lambda content, widget: bytes(content))
    picture = traitlets.Bytes().tag(sync=True)

    def __init__(self, model: Translator, examples: Sequence[str | Path | Image.Image | np.ndarray] | None = None) -> None:
        offer, side = drawing_set(model.task), model.side or model.task.image_size
        shown = example_sources(model.task) if examples is None else [fitting(to_image(example)) for example in examples]
        first = shown[0] if shown else Image.new("RGB", (side, side), offer.blank)
        self._model = model
        super().__init__(
            title=model.task.name,
            colors=[{"name": name, "color": _hex(color)} for name, color in offer.colors.items()],
            blank=_hex(offer.blank),
            tool=offer.tool,
            side=side,
            examples=[to_png(example) for example in shown],
            drawing=to_png(first),
            picture=to_png(model(first)),
            **first_style(model, first),
        )
        self._sampled = (self.drawing, self.seed)  # what the eight styles belong to
        self.on_msg(self._receive)

    def still(self) -> bytes:
        """Drawing and translation side by side, as a PNG."""
        pair = [np.asarray(from_png(content)) for content in (self.drawing, self.picture)]
        return to_png(Image.fromarray(picture_grid([pair])))

    def _question(self) -> Question:
        return Question(self.drawing, list(self.code), self.seed)

    def _answers(self, question: Question) -> Iterator[dict[str, Any]]:
        """The picture, and then the eight styles of a new drawing or seed; a newer question stops these and asks for them again."""
        drawing, wanted = from_png(question.drawing), (question.drawing, question.seed)
        yield {"picture": to_png(in_style(self._model, drawing, question.code))}
        if question.code and wanted != self._sampled:
            eight = eight_styles(self._model, drawing, question.seed, lambda: not self._queue.waiting)
            if eight:
                self._sampled = wanted
                yield eight

    def _receive(self, widget: Any, content: dict, buffers: list) -> None:
        """A file was uploaded: give it to the pad as a drawing, or its style; or say why not."""
        if content.get("kind") not in ("upload", "style") or not buffers:
            return
        name = str(content.get("name", "The file"))
        try:
            image, note = read_upload(name, bytes(buffers[0]))
            code = self._model.encode(image).tolist() if content["kind"] == "style" else []
        except P2PError as error:
            self.send({"kind": "refused", "note": str(error)})
            return
        if content["kind"] == "upload":
            self.send({"kind": "load", "note": note}, [to_png(image)])
        else:
            self.send({"kind": "style", "note": f"The style of {name}.", "code": code})


@dataclasses.dataclass(frozen=True)
class Question:
    """What is asked of the model: a drawing as PNG, the code of its answer ([] where there are none), the seed of eight others."""

    drawing: bytes
    code: list[float]
    seed: int


def _hex(color: tuple[int, int, int]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*color)
