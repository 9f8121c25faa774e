"""The weights in other people's files, read without running anything: state dicts, whole modules, several networks in one file.

Who saves a network with ``torch.save(network, path)`` saves a pickle of the object: the names of its classes, its attributes, and
among them its tensors. Here the classes are neither needed nor looked for; from the attributes that every `torch.nn.Module` has
follows the state dict that the network would give.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import safetensors
from torch import Tensor

from p2p_lib import torch_file
from p2p_lib.errors import CheckpointError
from p2p_lib.inert import DamagedError, Instance, RefusedError, StoredTensor

ONLY = "network"  # the name of a network that has none
WRAPPERS = ("state_dict", "model_state_dict", "model", "params")  # what people call the one that matters
GENERATOR = re.compile(r"(^|[._-])((net|model)_?)?(g|gen|generator)($|[._-])", re.IGNORECASE)
DEEPEST = 100  # modules within modules
DEEPEST_DICT = 4  # dicts within dicts, down to the tensors
MOST_ENTRIES = 100_000  # of all networks of a file, their modules counted too
LONGEST_KEY = 1000  # characters
LONGEST_REASON = 200  # characters of an error of zipfile or torch, which may quote the file

Entries = dict[str, StoredTensor]


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """The tensors of the network in a file, by name, as `network.state_dict()` would give them, on the CPU.

    Of a file with several networks it is the generator (the one called gen_state_dict, netG, generator or the like), else the one
    called state_dict, model, model_state_dict or params. Raises CheckpointError as `state_dicts` does, and where a file has several
    networks and none is called so.
    """
    networks = state_dicts(path)
    generators = [name for name in networks if GENERATOR.search(name)]
    for names in (list(networks), generators, [name for name in WRAPPERS if name in networks]):
        if len(names) == 1:
            return networks[names[0]]
    raise CheckpointError(f"{path} holds {len(networks)} networks ({listed(list(networks), 6)}); save the state dict of one alone.")


def state_dicts(path: Path) -> dict[str, dict[str, Tensor]]:
    """The networks in a file: what the file calls each ("network" where it has no name) -> its tensors, by name, on the CPU.

    The file is a `.safetensors`, or one of `torch.save` of any age that holds a state dict, a module, or a dict of such (names
    within names are joined by dots). The state of optimisers is left out. A network that stands there twice is listed once. No code
    in the file is run and no class that it names is imported; what it declares can take no more than 1 GB more memory than the file
    has bytes.

    Raises CheckpointError where the file is missing, empty, a web page, damaged or of another kind, holds no network, or asks for
    a call, which the message names.
    """
    path = Path(path)
    with _explained(path):
        head = _head(path)
        found = {ONLY: _safetensors(path)} if head[8:9] == b"{" else _torch_networks(path)
    if not any(found.values()):
        raise CheckpointError(f"{path} holds no state dict, which is a dict of named tensors; save network.state_dict() alone.")
    return found


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn whatever a broken or hostile file causes into a CheckpointError."""
    try:
        yield
    except CheckpointError:
        raise
    except RefusedError as refused:
        raise CheckpointError(f"{path} asks {refused}; nothing was run, and the file is not used.") from None
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read ({error.strerror or error}).") from error
    except Exception as error:  # zipfile and torch raise many kinds at nonsense
        reason = (str(error).splitlines() or [type(error).__name__])[0][:LONGEST_REASON]
        raise CheckpointError(f"{path} is damaged, or no file of weights ({reason}); fetch it again.") from error


def _head(path: Path) -> bytes:
    """The first bytes of the file; CheckpointError where these already say that it is something else."""
    if not path.is_file():
        raise CheckpointError(f"There is no file {path}.")
    with open(path, "rb") as file:
        head = file.read(1024)
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    what = "empty" if not head else "a tar archive" if head[257:262] == b"ustar" else ""
    if text.startswith((b"<!doctype html", b"<html")):
        what = "a web page"
    if what:
        raise CheckpointError(f"{path} is {what}; expected are the weights of a network, as torch.save writes them.")
    return head


def _safetensors(path: Path) -> dict[str, Tensor]:
    with safetensors.safe_open(path, framework="pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict


def _torch_networks(path: Path) -> dict[str, dict[str, Tensor]]:
    with torch_file.opened(path) as (content, tensor):
        search = _Search()
        networks = dict(search.networks(content))
        return {name: {key: tensor(stored) for key, stored in entries.items()} for name, entries in networks.items()}


class _Search:
    """Finds the networks in what a pickle holds, in a number of steps that a hostile file cannot raise."""

    def __init__(self) -> None:
        self.seen: set[int] = set()
        self.entries = 0

    def networks(self, content: Any, name: str = "", depth: int = 0) -> Iterator[tuple[str, Entries]]:
        if type(content) not in (dict, Instance) or depth > DEEPEST_DICT or id(content) in self.seen:
            return
        self.seen.add(id(content))
        if type(content) is Instance:
            entries = dict(self.module(content)) if _is_module(content) else {}
        else:
            entries = content if _is_state_dict(content) else {}
        if entries:
            yield name or ONLY, {self.key(key): value for key, value in entries.items()}
        elif type(content) is dict and not content.keys() >= {"state", "param_groups"}:  # the state of an optimiser
            for key, value in content.items():
                if type(key) is str:
                    yield from self.networks(value, self.key(f"{name}.{key}" if name else key), depth + 1)

    def module(self, module: Instance, prefix: str = "", depth: int = 0) -> Iterator[tuple[str, StoredTensor]]:
        """The entries of a module's state dict, in the order of `torch.nn.Module.state_dict`."""
        if not _is_module(module):
            raise DamagedError("one of its modules is none")
        if depth > DEEPEST:
            raise DamagedError("its modules lie too deep in each other")
        state = module.state
        passing = state.get("_non_persistent_buffers_set", set())
        for part, skipped in (("_parameters", set()), ("_buffers", passing), ("_modules", set())):
            for name, value in state[part].items():
                key = self.key(f"{prefix}{name}")
                if value is None or (type(skipped) is set and name in skipped):
                    continue
                if part == "_modules":
                    yield from self.module(value, f"{key}.", depth + 1)
                elif type(value) is StoredTensor:
                    yield key, value
                else:
                    raise DamagedError("one of its parameters is no tensor")

    def key(self, key: str) -> str:
        """The same key, counted."""
        self.entries += 1
        if self.entries > MOST_ENTRIES:
            raise DamagedError(f"it has more than {MOST_ENTRIES:,} entries")
        if len(key) > LONGEST_KEY or not key.isprintable():
            raise DamagedError("one of its entries has an impossible name")
        return key


def _is_state_dict(content: dict[Any, Any]) -> bool:
    return bool(content) and all(type(key) is str and type(value) is StoredTensor for key, value in content.items())


def _is_module(content: Any) -> bool:
    """Whether an object has what makes a `torch.nn.Module`."""
    state = content.state if type(content) is Instance else None
    return type(state) is dict and all(type(state.get(part)) is dict for part in ("_parameters", "_buffers", "_modules"))


def listed(names: list[str], most: int) -> str:
    """The first of the names, and how many more there are."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
