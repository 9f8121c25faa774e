"""Train a generator of recipes.toml and pack it into weights/, in half precision, with its card in the metadata:

    make weights/NAME                                    # or: python weights/train.py NAME [--lpips DIR] [--out RUN]

Real data are looked for in $P2P_DATA. The run goes to runs/weights/NAME; stopped and started again, it goes on where it was, and a
finished one is only measured and packed. Prints the entry for index.toml. Needs nothing but torch, torchvision, numpy, pillow,
scikit-image, safetensors and tqdm; uses a GPU where there is one.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import hashlib
import platform
import tomllib
from pathlib import Path
from typing import Any

import torch
from measure import measure

import p2p_lib as p2p
from p2p_lib.checkpoint import load_weights, save_weights
from p2p_lib.data.catalog import SAMPLES, data_folder
from p2p_lib.data.loading import in_direction, samples
from p2p_lib.data.pairs import PairedImages
from p2p_lib.tasks import Task

HERE = Path(__file__).parent


@dataclasses.dataclass(frozen=True)
class Recipe:
    """A section of recipes.toml."""

    task: str
    profile: str
    data: str
    changes: dict[str, Any] = dataclasses.field(default_factory=dict)
    samples: int | None = None

    def make_task(self) -> Task:
        return p2p.task(self.task, self.profile, **self.changes)

    def pairs(self, split: str) -> PairedImages:
        """The pairs of a split: procedural ones where the recipe says so, else real ones and nothing in their place."""
        task = self.make_task()
        if self.samples is None:
            if not (data_folder() / task.dataset).is_dir():
                raise SystemExit(
                    f"There is no {data_folder() / task.dataset}: this recipe wants {self.data}; say where in P2P_DATA."
                )
            return p2p.data.load(task, split)
        size = task.load_size if split == "train" else task.image_size
        drawn = samples(task.dataset, split, size, self.samples if split == "train" else SAMPLES[split])
        return in_direction(drawn, task.dataset, task.source_side)


def recipes() -> dict[str, Recipe]:
    return {name: Recipe(**fields) for name, fields in tomllib.loads((HERE / "recipes.toml").read_text()).items()}


def pack(run: Path, name: str, recipe: Recipe, lpips: Path | None) -> Path:
    """Write weights/NAME.safetensors from the weights of `run`; returns its path."""
    _, facts = load_weights(run / "weights.safetensors")
    model = p2p.Translator.load(run)
    with open(run / "history.csv", newline="") as file:
        seconds = float(list(csv.DictReader(file))[-1]["seconds"])
    card = {"recipe": f"make weights/{name}", "data": recipe.data, "seed": model.task.seed, "step": facts["step"]}
    card |= {"hardware": hardware(), "seconds": round(seconds), "torch": torch.__version__}
    card["metrics"] = {split: measure(model, recipe.pairs(split), lpips=lpips) for split in ("val", "test")}
    path = HERE / f"{name}.safetensors"
    save_weights(path, model.weights(), dataclasses.asdict(model.task), half=True, **card)
    return path


def hardware() -> str:
    """What computes, in words."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    cpu_info = Path("/proc/cpuinfo")
    lines = cpu_info.read_text().splitlines() if cpu_info.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{torch.get_num_threads()} threads of a CPU ({models[0] if models else platform.machine()})"


def main() -> None:
    known = recipes()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=known)
    parser.add_argument("--out", type=Path, help="folder of the run (runs/weights/NAME)")
    parser.add_argument(
        "--lpips", type=Path, metavar="DIR", help="SqueezeNet and the LPIPS heads as .npz files, to measure LPIPS too"
    )
    options = parser.parse_args()
    recipe, out = known[options.name], options.out or Path("runs/weights") / options.name
    run = p2p.fit(recipe.make_task(), out, train=recipe.pairs("train"), val=recipe.pairs("val"), resume=True)
    if not run.finished:
        raise SystemExit(f"Stopped at step {run.step} of {run.total_steps}; the same command goes on.")
    path = pack(out, options.name, recipe, options.lpips)
    size, digest = path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest()
    print(f'[{options.name}]\nfile = "{path.name}"\nsize = {size}\nsha256 = "{digest}"\ndata = "{recipe.data}"')


if __name__ == "__main__":
    main()
