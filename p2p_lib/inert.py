"""What stands in for the things that a pickle names, so that reading it (`unpickle`) imports and calls nothing.

A class or function is its dotted name, an object is the name of its class with its state, a tensor is the place of its numbers
in the file. The few calls without which no network can be read (`CALLS`) are done by functions of this module; every other one
raises RefusedError.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

LONGEST_NAME = 1000  # characters
SHOWN = 80  # characters of a name in a message
RENAMED = {"__builtin__": "builtins", "copy_reg": "copyreg", "posix": "os", "nt": "os"}  # as Python 2, Linux and Windows say it


class RefusedError(Exception):
    """The pickle asks for a call; the message says for which."""


class DamagedError(Exception):
    """The pickle makes no sense."""


@dataclasses.dataclass(frozen=True, eq=False, slots=True)
class Name:
    """What a pickle calls a class or function; it is never looked up."""

    dotted: str

    @classmethod
    def of(cls, module: Any, name: Any) -> Name:
        if type(module) is not str or type(name) is not str:
            raise DamagedError("a name that is no text")
        if len(module) + len(name) > LONGEST_NAME:
            raise DamagedError("a name without end")
        return cls(f"{RENAMED.get(module, module)}.{name}")


@dataclasses.dataclass(eq=False, slots=True)
class Instance:
    """An object of a class that we do not look up, with what its class would have got as its state."""

    kind: Name
    state: Any = None


@dataclasses.dataclass(frozen=True, slots=True)
class Storage:
    """A flat array of numbers that lies elsewhere in the file under `key`; `kind` is what torch calls its type."""

    kind: str
    key: str
    count: int


@dataclasses.dataclass(frozen=True, eq=False, slots=True)
class StoredTensor:
    """A tensor as a view of a storage, in elements, just as the file declares it: whoever reads it must check the bounds."""

    storage: Storage
    offset: Any
    size: Any
    stride: Any


@dataclasses.dataclass(frozen=True, eq=False, slots=True)
class Key:
    """Stands for a key that is no text. Nothing here needs one, and numbers or tuples can be chosen so that a dict hangs."""

    value: Any


def call(function: Any, arguments: Any) -> Any:
    """The answer of one of `CALLS`."""
    if type(function) is not Name or function.dotted not in CALLS:
        raise RefusedError(f"to run {shown(function)}")
    if type(arguments) is not tuple:
        raise DamagedError("arguments that are no tuple")
    return CALLS[function.dotted](*arguments)


def _tensor(storage: Any, offset: Any, size: Any, stride: Any, *notes: Any) -> StoredTensor:
    """torch's `_rebuild_tensor` and `_rebuild_tensor_v2`: notes are whether it has gradients, its hooks, and more since 2.0."""
    if type(storage) is not Storage or (len(notes) > 2 and notes[2]):
        raise DamagedError("a tensor of a kind that networks do not have")
    return StoredTensor(storage, offset, size, stride)


def _parameter(data: Any, *notes: Any) -> StoredTensor:
    if type(data) is not StoredTensor:
        raise DamagedError("a parameter without numbers")
    return data


def _tensor_with_notes(function: Any, kind: Any, arguments: Any, notes: Any) -> Any:
    """torch's `_rebuild_from_type_v2`: a tensor, or a subclass, with attributes."""
    return _parameter(call(function, arguments))


def _reconstructed(kind: Any, base: Any, state: Any) -> Instance:
    """copyreg's `_reconstructor`, by which the first two protocols make an object from nothing."""
    if type(base) is not Name or base.dotted != "builtins.object" or state is not None:
        raise RefusedError(f"to run {shown(base)}")
    return instance(kind)


def _ordered(pairs: Any = None) -> dict[Any, Any]:
    """`OrderedDict`, to which Python 2 gave its pairs as lists."""
    pairs = _taken(pairs)
    if any(type(pair) not in (list, tuple) or len(pair) != 2 for pair in pairs):
        raise DamagedError("a dict of what are no pairs")
    return {_key(key): value for key, value in pairs}


def _unordered(items: Any = None) -> set[Any]:
    return as_set(_taken(items))


def _encoded(text: Any, encoding: Any) -> Instance:
    """Bytes, which protocol 2 writes as a text. It stays one: else a short pickle could have a long text copied a million times."""
    if type(text) is not str or encoding != "latin1":
        raise RefusedError("to run _codecs.encode")
    return Instance(BYTES, text)


def _dtype(code: Any, *flags: Any) -> Instance:
    """numpy's `dtype` of a number. Its state (the byte order, and fields that a number has not) is kept like any other."""
    if type(code) is not str or code not in NUMBERS:
        raise RefusedError("to run numpy.dtype")
    return Instance(NUMBERS[code])


def _scalar(dtype: Any, data: Any) -> Instance:
    """A number of numpy, as training loops keep for the best loss; its value is needed by nobody here, and not worked out."""
    if type(data) is Instance and data.kind is BYTES:
        data = data.state
    if type(dtype) is not Instance or dtype.kind not in NUMBERS.values() or type(data) not in (bytes, str):
        raise RefusedError("to run numpy's scalar")
    return Instance(SCALAR)


def _taken(items: Any) -> list[Any]:
    """The items, which are taken out of their list: else a short pickle could have a long list copied a million times."""
    if items is None:
        return []
    if type(items) is not list:
        raise DamagedError("items that are no list")
    taken = items.copy()
    items.clear()
    return taken


def instance(kind: Any) -> Instance:
    if type(kind) is not Name:
        raise DamagedError("an object without a class")
    return Instance(kind)


def stored(label: Any) -> Storage | Name:
    """What torch calls something that it keeps outside the pickle: a storage, or the class of a module with its source code."""
    match label:
        case ("module", Name() as kind, _, _):
            return kind
        case ("storage", Name(dotted), str(key), _, int(count)) | ("storage", Name(dotted), str(key), _, int(count), None):
            return Storage(dotted, key, count)
    raise DamagedError("a tensor of which it does not say where its numbers are")


def attributes(state: Any) -> Any:
    """The state of an object; where its class has slots as well, those are left out."""
    match state:
        case (dict() as attributes, _):
            return attributes
    return state


def as_dict(items: list[Any]) -> dict[Any, Any]:
    return {_key(key): value for key, value in zip(items[::2], items[1::2], strict=True)}


def as_set(items: Any) -> set[Any]:
    return {_key(item) for item in items}


def _key(key: Any) -> Any:
    return key if type(key) is str else Key(key)


def shown(what: Any) -> str:
    """A name as it may stand in a message; any other thing as what it is."""
    if type(what) is not Name:
        return f"a {type(what).__name__}"
    text = "".join(letter if letter.isprintable() else "?" for letter in what.dotted)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


BYTES, SCALAR = Name("builtins.bytes"), Name("numpy.generic")
SIZES = {"b": (1,), "i": (1, 2, 4, 8), "u": (1, 2, 4, 8), "f": (2, 4, 8, 12, 16), "c": (8, 16, 24, 32)}
NUMBERS = {f"{kind}{size}": Name(f"numpy.dtype {kind}{size}") for kind, sizes in SIZES.items() for size in sizes}
"""What numpy calls the kinds of numbers -> their stand-ins; a kind that holds objects is none of them."""

CALLS: dict[str, Callable[..., Any]] = {
    "collections.OrderedDict": _ordered,
    "builtins.set": _unordered,
    "builtins.frozenset": _unordered,
    "copyreg._reconstructor": _reconstructed,
    "_codecs.encode": _encoded,
    "numpy.dtype": _dtype,
    "numpy._core.multiarray.scalar": _scalar,
    "numpy.core.multiarray.scalar": _scalar,  # before numpy 2
    "torch.Size": lambda size=(): size,
    "torch.device": lambda *where: Name("torch.device"),
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_parameter": _parameter,
    "torch._utils._rebuild_parameter_with_state": _parameter,
    "torch._tensor._rebuild_from_type_v2": _tensor_with_notes,
}
"""The calls that are answered, each by a function of this module."""
