"""A trained model as one file that runs without this library: ONNX, or a program of `torch.export`.

What is exported begins and ends with pictures, not with what a network sees: bytes of RGB go in and come out, and the codec lies
inside. Whoever uses the file cannot get a range, a colour space or the order of channels wrong. What the network itself answered
comes beside, for those who want more than 8 bits. Height and width are dynamic, in steps of what the network needs; mirroring a
picture at its borders, as `Translator` does it for any other size, is not part of the file.
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import importlib.util
import json
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from p2p_lib.codec import Codec
from p2p_lib.errors import ExportError
from p2p_lib.files import atomic_write
from p2p_lib.latent import random_latents
from p2p_lib.translator import Translator

if TYPE_CHECKING:
    from torch.export import ExportedProgram

TOLERANCE = 1e-3
"""How far ONNX Runtime's answer may be from torch's, which is in [-1, 1]."""

CHECKED_FROM = 64  # pixels: a network that takes any multiple of 4 is not checked on stamps
CHECKED_SIZES = ((1, 1), (1, 2), (2, 1))  # height and width, in units of the smallest
OPSET = 18
NEEDS = ("onnx", "onnxscript", "onnxruntime")
FACTS_FILE = "p2p_lib.json"  # in a file of torch.export: what ONNX calls metadata

SEEN = {
    "rgb": ("R, G, B / 127.5 - 1", "R, G, B, black..white as -1..1"),
    "lab": ("L / 50 - 1, with L of CIE L*a*b* (D65, 2 degrees) of the sRGB picture", "a / 110, b / 110; L is the picture's own"),
    "gray": ("gray / 127.5 - 1, with gray = 0.299 R + 0.587 G + 0.114 B rounded", "R, G, B, black..white as -1..1"),
    "sketch": ("R, G, B / 127.5 - 1", "gray, black..white as -1..1"),
    "ink": ("R, G, B / 127.5 - 1", "R, G, B, black..white as -1..1, before the drawing's strokes are laid over it"),
}
"""What a codec makes of a picture, and what the network's answer means."""

AFTERWARDS = {
    "lab": "clamped, rounded to 8 bits, Lab to sRGB",
    "ink": "clamped, times sqrt((g + 0.15) / (m + 0.15)), g the picture's gray in 0..1, m its mean over 9 x 9 pixels; rounded",
}
"""What lies between the network's answer and the picture, where that is more than rounding."""


class PictureModel(nn.Module):
    """A generator with its codec: a picture uint8 (1, H, W, 3) -> the same, translated, and the network's own answer (1, C, H, W).

    The axes are ordered as in ``numpy.asarray(PIL.Image)``. Where there is a latent code, `z` is (1, nz).
    """

    def __init__(self, netG: nn.Module, codec: Codec) -> None:
        super().__init__()
        self.netG, self.codec = netG, codec

    def forward(self, picture: Tensor, z: Tensor | None = None) -> tuple[Tensor, Tensor]:
        image = picture.permute(0, 3, 1, 2).contiguous()  # else sizes lead to strides, and those to guards against small pictures
        answer = self.netG(self.codec.encode_source(image), *([] if z is None else [z]))
        return self.codec.decode(answer, image).permute(0, 2, 3, 1), answer


@dataclasses.dataclass(frozen=True)
class Exported:
    """What was written, what the files say of themselves, and how far ONNX Runtime was from torch at each (height, width)."""

    files: list[Path]
    facts: dict[str, str]
    differences: dict[tuple[int, int], float]

    def __str__(self) -> str:
        lines = [f"Written: {', '.join(map(str, self.files))}"]
        lines += [f"  {name}: {text}" for name, text in self.facts.items() if name != "config"]
        lines += [f"ONNX Runtime at {w} x {h}: within {found:.1e} of torch." for (h, w), found in self.differences.items()]
        return "\n".join(lines)


def export(model: Translator, *, onnx: str | Path | None = None, pt2: str | Path | None = None) -> Exported:
    """Write a model as ONNX, as a program for ``torch.export.load``, or as both.

    An ONNX file is run by ONNX Runtime at three sizes and compared with torch before it is written (a network of one size alone: at
    that). ExportError where a package is missing, or where the two differ by more than `TOLERANCE`.
    """
    if onnx is None and pt2 is None:
        raise ExportError("There is nothing to write; say --onnx FILE.onnx, --pt2 FILE.pt2, or both.")
    if onnx is not None:
        require_onnx()
    network = PictureModel(copy.deepcopy(model.netG).cpu().float().to(memory_format=torch.contiguous_format), model.codec).eval()
    program, facts = trace(network, model), describe(model)
    files, differences = [], {}
    if onnx is not None:
        data = to_onnx(program, facts)
        differences = compare(data, network, model)
        files.append(Path(onnx).expanduser())
        with atomic_write(files[-1]) as file:
            file.write(data)
    if pt2 is not None:
        files.append(Path(pt2).expanduser())
        with atomic_write(files[-1]) as file:
            torch.export.save(program, file, extra_files={FACTS_FILE: json.dumps(facts)})
    return Exported(files, facts, differences)


def require_onnx() -> None:
    """ExportError unless all that writes and checks ONNX is installed."""
    missing = [name for name in NEEDS if importlib.util.find_spec(name) is None]
    if missing:
        raise ExportError(
            f"ONNX needs {', '.join(missing)}, which is not installed; pip install {' '.join(NEEDS)}, or write --pt2."
        )


def trace(network: PictureModel, model: Translator) -> ExportedProgram:
    """The network as a graph of torch's operators, for pictures of every size that it takes."""
    from torch.export import Dim

    height, width = smallest_size(model)
    dims: dict[int, Any] = {}
    if not model.side:
        height, width = 2 * height, 2 * width  # a dimension of 1, as at a U-Net's bottleneck, would be taken for a constant
        dims = {i: model.netG.multiple * Dim(name, min=1) for i, name in ((1, "rows"), (2, "columns"))}
    inputs = example(model, height, width)
    with torch.no_grad(), sizes_of_one_allowed():
        return torch.export.export(network, inputs, dynamic_shapes=(dims, {})[: len(inputs)], strict=False)


def sizes_of_one_allowed() -> AbstractContextManager[None]:
    """Trace without the guards that a dimension of the example is not 1, where this version of torch makes them.

    They would refuse pictures of the very size that a U-Net was trained at, since it makes 1 x 1 of them.
    """
    from torch.fx.experimental import _config

    return _config.patch(backed_size_oblivious=True) if hasattr(_config, "backed_size_oblivious") else contextlib.nullcontext()


def to_onnx(program: ExportedProgram, facts: dict[str, str]) -> bytes:
    """The program as an ONNX file with the weights inside, and with `facts` in its metadata."""
    import onnx

    made = torch.onnx.export(
        program, dynamo=True, opset_version=OPSET, output_names=["translated", "answer"], external_data=False, verbose=False
    )
    proto = made.model_proto
    onnx.helper.set_model_props(proto, facts)
    return proto.SerializeToString()


def compare(data: bytes, network: PictureModel, model: Translator) -> dict[tuple[int, int], float]:
    """Run an ONNX file at the sizes to be checked: how far its answer is from torch's, by (height, width).

    ExportError where that is more than `TOLERANCE`, or where a picture differs by more than the rounding of one level.
    """
    import onnxruntime

    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    names = [entry.name for entry in session.get_inputs()]
    found = {}
    height, width = smallest_size(model)
    for rows, columns in CHECKED_SIZES[: 1 if model.side else None]:
        inputs = example(model, rows * height, columns * width)
        with torch.no_grad():
            picture, answer = (output.numpy() for output in network(*inputs))
        values = {name: value.numpy() for name, value in zip(names, inputs, strict=True)}
        got_picture, got_answer = session.run(["translated", "answer"], values)
        difference = float(np.abs(got_answer - answer).max())
        levels = int(np.abs(got_picture.astype(int) - picture).max())
        if not difference <= TOLERANCE or levels > 1:
            size = f"{columns * width} x {rows * height}"
            raise ExportError(
                f"At {size} ONNX Runtime answers {difference:.1e} and {levels} levels away from torch, at most {TOLERANCE:g} and 1 "
                "are allowed; nothing was written: try other versions of onnxscript and onnxruntime, or --pt2."
            )
        found[rows * height, columns * width] = difference
    return found


def smallest_size(model: Translator) -> tuple[int, int]:
    """Height and width of the smallest picture to try: the network's one size, or a multiple of what it needs."""
    multiple = model.netG.multiple
    side = model.side or -(-CHECKED_FROM // multiple) * multiple
    return side, side


def example(model: Translator, height: int, width: int) -> tuple[Tensor, ...]:
    """Inputs to try: noise as a picture, uint8 (1, height, width, 3), and a latent code (1, nz) where there is one."""
    picture = torch.randint(0, 256, (1, height, width, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    return (picture, torch.from_numpy(random_latents(1, model.nz))) if model.nz else (picture,)


def describe(model: Translator) -> dict[str, str]:
    """What the file says of itself: what goes in and comes out, and what lies between picture and network."""
    before, after = SEEN[model.task.codec]
    multiple, side = model.netG.multiple, model.side
    steps = f"multiples of {multiple}; for other sizes mirror the picture at its borders, and crop the answer"
    sizes = f"{side} x {side} alone; resize the picture to it (bicubic, antialiased), and the answer back" if side else steps
    facts = {
        "model": model.task.name,
        "input picture": "uint8 (1, height, width, 3), RGB, as numpy.asarray gives it of a PIL image",
        "input z": f"float32 (1, {model.nz}), a latent code, normally distributed; zeros give the middle answer",
        "output translated": "uint8 (1, height, width, 3), RGB",
        "output answer": f"float32 (1, {model.codec.out_channels}, height, width), the network's own: {after}",
        "height and width": sizes,
        "inside, before the network": before,
        "inside, after the network": AFTERWARDS.get(model.task.codec, "clamped, rounded to 8 bits"),
        "config": json.dumps(dataclasses.asdict(model.task)),
    }
    return {name: text for name, text in facts.items() if name != "input z" or model.nz}
