"""The command line for trained weights: ``p2p weights list | get | check | info``."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from p2p_lib import weights
from p2p_lib.cli import dispatch, new_parser
from p2p_lib.errors import CheckpointError, ConfigError, DownloadError, P2PError, did_you_mean
from p2p_lib.weights_record import Entry, sha256_of

HELP = """usage: p2p weights COMMAND ...    (p2p weights COMMAND --help says more)

  p2p weights list                    every name of the registry, and where its file is
  p2p weights get NAME ...            fetch the files of these names into the cache
  p2p weights check [NAME ...]        whether the files that are here are whole, and open
  p2p weights info NAME               the card of a model: what it does, how it was trained, how good it is"""


def run_weights_command(arguments: list[str]) -> int:
    """Parse, and call the command; returns the exit code."""
    commands = {"list": list_weights, "get": get, "check": check, "info": info}
    return dispatch(commands, arguments, HELP, group="weights ")


def list_weights(arguments: list[str]) -> int:
    """``p2p weights list``."""
    new_parser("weights list", "Every name of the registry, and where its file is.").parse_args(arguments)
    print(describe())
    return 0


def get(arguments: list[str]) -> int:
    """``p2p weights get``; what cannot be fetched does not keep the others from it."""
    parser = new_parser("weights get", "Fetch weights into the cache ($P2P_CACHE/weights, unset: ~/.cache/p2p_lib/weights).")
    parser.add_argument("names", metavar="NAME", nargs="+", help="names that `p2p weights list` shows")
    names = parser.parse_args(arguments).names
    entries = _entries(names)
    failed = 0
    for name in entries:
        try:
            print(f"{name} is in {_of_name(name, entries[name])}.")
        except (DownloadError, CheckpointError) as error:
            failed += 1
            print(f"p2p: {error}", file=sys.stderr)
    return 2 if failed else 0


def check(arguments: list[str]) -> int:
    """``p2p weights check``; exit code 1 where a file is not what it should be."""
    parser = new_parser(
        "weights check", "Size, sha256, and whether the network loads: of all files that are here, or of these names."
    )
    parser.add_argument("names", metavar="NAME", nargs="*", help="names that `p2p weights list` shows (all whose file is here)")
    names = parser.parse_args(arguments).names
    entries = _entries(names)
    here = {name: entry for name, entry in entries.items() if names or not _is_elsewhere(entry)}
    faults = {name: words for name, entry in here.items() if (words := fault(name, entry))}
    for name, words in faults.items():
        print(f"{name}: {words}")
    print(f"{len(here) - len(faults)} of {len(here)} files are as they should be.")
    return 1 if faults else 0


def info(arguments: list[str]) -> int:
    """``p2p weights info``."""
    parser = new_parser("weights info", "The card of a model: the registry's entry, and what the file says of its training.")
    parser.add_argument("name", metavar="NAME", help="a name that `p2p weights list` shows")
    name = parser.parse_args(arguments).name
    print(card(name, _entries([name])[name]))
    return 0


def describe() -> str:
    """The registry as a table: name, where the file is, how large it is, what it translates, under which licence."""
    rows = [("name", "where", "size", "translates", "licence")]
    for name, entry in weights.registry().items():
        rows.append((name, weights.locate(entry)[0], _size(entry), entry.get("title", ""), entry.get("licence", "")))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([*lines, "", f"The cache is {weights.download_folder()}; `p2p weights get NAME` fetches into it."])


def fault(name: str, entry: Entry) -> str | None:
    """What is wrong with the file of a name, in a sentence; None where its size, its sha256 and its network are right."""
    place, path = weights.locate(entry)
    if not path.is_file():
        return f"there is no {path}; `p2p weights get {name}` says how it comes there."
    try:
        weights.verify(name, path)
        _open(path)
    except P2PError as error:
        return str(error)
    except OSError as error:
        return f"{path} cannot be read ({error.strerror or error})."
    unknown = place == "bundled" and "sha256" not in entry
    return f"the registry has no sha256 of {path}, which lies beside it; add it to index.toml." if unknown else None


def card(name: str, entry: Entry) -> str:
    """The entry of a name; of a file of this course also its training and configuration, from the metadata."""
    place, path = weights.locate(entry)
    rows = [("name", name), ("where", f"{place} ({path})"), ("size", _size(entry))]
    rows += [(key, _words(value)) for key, value in entry.items() if key not in ("file", "size", "megabytes")]
    if path.is_file():
        if "sha256" not in entry:
            rows.append(("sha256", f"{sha256_of(path)} (of the file that is here)"))
        rows += _facts(path, known=set(entry))
    width = max(len(key) for key, _ in rows)
    return "\n".join(f"{key.ljust(width)}  {value}" for key, value in rows)


def _facts(path: Path, known: Iterable[str]) -> list[tuple[str, str]]:
    """What a file of this course says of itself: first of its training, then of its configuration; nothing for any other file."""
    from p2p_lib.checkpoint import load_weights

    if path.suffix != ".safetensors":
        return []
    _, facts = load_weights(path)
    config = facts.pop("config", {})
    rows = [(key, _words(value)) for key, value in _flat(facts) if key not in {*known, "format"}]
    return rows + [(f"config.{key}", _words(value)) for key, value in _flat(config)]


def _flat(facts: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """``{"metrics": {"test": {"l1": 0.2}}}`` -> ``[("metrics.test.l1", 0.2)]``."""
    rows: list[tuple[str, Any]] = []
    for key, value in facts.items():
        rows += _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else [(f"{prefix}{key}", value)]
    return rows


def _words(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(_words, value)) or "-"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _open(path: Path) -> None:
    """CheckpointError unless a network loads from the file."""
    from p2p_lib.models import foreign
    from p2p_lib.translator import Translator

    if path.suffix == ".safetensors":
        Translator.load(path, device="cpu")
    else:
        foreign.load(path)


def _of_name(name: str, entry: Entry) -> Path:
    """The file of a name of the registry, whatever files or folders of that name there are."""
    place, path = weights.locate(entry)
    return path if place == "bundled" else weights.fetch(name)


def _entries(names: list[str]) -> dict[str, Entry]:
    """The entries of these names, or all; ConfigError where there is none of a name."""
    entries = weights.registry()
    for name in names:
        if name not in entries:
            raise ConfigError(f"There are no weights {name!r}. {did_you_mean(name, entries)}")
    return {name: entries[name] for name in names or entries}


def _is_elsewhere(entry: Entry) -> bool:
    """Whether a file need not be here: others' files, until they are fetched."""
    return "sources" in entry and not weights.locate(entry)[1].is_file()


def _size(entry: Entry) -> str:
    """In MB: of the file that is here, else what the registry knows, else about what it will be."""
    path = weights.locate(entry)[1]
    size = path.stat().st_size if path.is_file() else entry.get("size")
    if size is not None:
        return f"{size / 1e6:.1f} MB"
    return f"about {entry['megabytes']} MB" if "megabytes" in entry else "-"
