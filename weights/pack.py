"""Put the generator of a finished run into weights/, in half precision, with its card in the metadata:

    python weights/pack.py RUN NAME --data "CMP facades, 400 pairs" --hardware "2 CPU cores"

Prints the entry for weights/index.toml.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import hashlib
from pathlib import Path

from p2p_lib import Translator
from p2p_lib.checkpoint import load_weights, save_weights


def pack(run: Path, name: str, data: str, hardware: str) -> Path:
    """Write weights/NAME.safetensors from the weights of `run`; returns its path."""
    _, facts = load_weights(run / "weights.safetensors")
    model = Translator.load(run)
    with open(run / "history.csv", newline="") as file:
        last = list(csv.DictReader(file))[-1]
    card = {"step": facts["step"], "data": data, "hardware": hardware, "seconds": float(last["seconds"])}
    card |= {"val_l1": float(last["val_l1"]), "val_psnr": float(last["val_psnr"])}
    path = Path(__file__).parent / f"{name}.safetensors"
    save_weights(path, model.netG.state_dict(), dataclasses.asdict(model.task), half=True, **card)
    return path


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("name")
    parser.add_argument("--data", required=True, help="what it was trained on")
    parser.add_argument("--hardware", required=True, help="what it was trained with")
    options = parser.parse_args()
    file = pack(options.run, options.name, options.data, options.hardware)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    print(f'[{options.name}]\nfile = "{file.name}"\nsha256 = "{digest}"\ndata = "{options.data}"')
