"""Pickles read as data: a pickle is a small program, and here nothing that it names is imported or called.

Python's own unpickler builds objects by calling what the pickle names, so a stranger's file can run anything. This reader follows
the same instructions (the module `pickletools` decodes and documents them) with the lifeless stand-ins of `inert`.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from typing import Any, BinaryIO

from p2p_lib import inert
from p2p_lib.inert import DamagedError, Instance, Name, RefusedError, Storage, StoredTensor

MOST_STEPS = 1_000_000  # instructions; a network takes about 30 for every tensor
MOST_SLOTS = 1 << 32  # what a memo may be numbered; pickle itself writes no more


def read(file: BinaryIO) -> tuple[Any, dict[str, Storage]]:
    """What the pickle at the file's position holds, up to its last instruction, and the storages that it speaks of, by key.

    RefusedError where it asks for a call, DamagedError where it cannot be read. Lists, dicts, texts and numbers are Python's own,
    an `OrderedDict` is a dict, and keys that are no texts are each a `Key`. What is read may contain itself, and may be nested
    deeper than Python's recursion goes.
    """
    machine = _Machine()
    try:
        for steps, (opcode, value, _) in enumerate(pickletools.genops(file)):
            if steps == MOST_STEPS:
                raise DamagedError(f"more than {MOST_STEPS:,} instructions")
            machine.step(opcode.name, value)
        return machine.stack.pop(), machine.storages
    except (RefusedError, DamagedError):
        raise
    except Exception as error:  # nonsense makes the instructions raise nearly anything
        raise DamagedError(str(error).partition("\n")[0] or type(error).__name__) from error


class _Machine:
    """The stack and the memo of a pickle that is being read."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}
        self.storages: dict[str, Storage] = {}

    def step(self, opcode: str, value: Any) -> None:
        """Follow one instruction, given the value that stands behind it."""
        if opcode in LITERALS:
            self.stack.append(value)
        elif opcode in CONSTANTS:
            self.stack.append(CONSTANTS[opcode]())
        elif opcode in STEPS:
            STEPS[opcode](self, value)
        else:
            raise DamagedError(f"the instruction {opcode}, which torch.save does not write")

    def pop_mark(self) -> list[Any]:
        """What was pushed since the last mark."""
        start = self.marks.pop()
        items = self.stack[start:]
        del self.stack[start:]
        return items

    def mark(self, _: None) -> None:
        self.marks.append(len(self.stack))

    def drop(self, _: None) -> None:
        self.stack.pop()

    def drop_marked(self, _: None) -> None:
        self.pop_mark()

    def repeat(self, _: None) -> None:
        self.stack.append(self.stack[-1])

    def put(self, slot: int | None) -> None:
        slot = len(self.memo) if slot is None else slot
        if not 0 <= slot < MOST_SLOTS:
            raise DamagedError("a memo without end")
        self.memo[slot] = self.stack[-1]

    def get(self, slot: int) -> None:
        self.stack.append(self.memo[slot])

    def make_tuple_of(self, count: int) -> None:
        items = [self.stack.pop() for _ in range(count)]
        self.stack.append(tuple(reversed(items)))

    def make_tuple(self, _: None) -> None:
        self.stack.append(tuple(self.pop_mark()))

    def make_list(self, _: None) -> None:
        self.stack.append(self.pop_mark())

    def make_dict(self, _: None) -> None:
        self.stack.append(inert.as_dict(self.pop_mark()))

    def make_set(self, _: None) -> None:
        self.stack.append(inert.as_set(self.pop_mark()))

    def append(self, items: list[Any]) -> None:
        """To a list; what a class of its own does with items is not known, so these are left out."""
        if type(self.stack[-1]) is list:
            self.stack[-1].extend(items)
        elif type(self.stack[-1]) is not Instance:
            raise DamagedError("items for what is no list")

    def set_items(self, items: list[Any]) -> None:
        if type(self.stack[-1]) is dict:
            self.stack[-1].update(inert.as_dict(items))
        elif type(self.stack[-1]) is not Instance:
            raise DamagedError("items for what is no dict")

    def add_items(self, items: list[Any]) -> None:
        if type(self.stack[-1]) is not set:
            raise DamagedError("items for what is no set")
        self.stack[-1].update(inert.as_set(items))

    def name(self, value: str) -> None:
        module, _, name = value.partition(" ")
        self.stack.append(Name.of(module, name))

    def name_on_stack(self, _: None) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        self.stack.append(Name.of(module, name))

    def call(self, _: None) -> None:
        arguments, function = self.stack.pop(), self.stack.pop()
        self.stack.append(inert.call(function, arguments))

    def call_in_line(self, value: str) -> None:
        """INST, from before Python 2.3: a class by name, called with what is marked."""
        self.name(value)
        raise RefusedError(f"to run {inert.shown(self.stack.pop())}")

    def call_marked(self, _: None) -> None:
        """OBJ, likewise: the class lies under its arguments."""
        raise RefusedError(f"to run {inert.shown(self.pop_mark()[0])}")

    def new(self, extra: int) -> None:
        """An object whose class makes it from nothing; what `__new__` would be told is not kept."""
        for _ in range(extra):
            self.stack.pop()
        self.stack.append(inert.instance(self.stack.pop()))

    def build(self, _: None) -> None:
        """Keep the state of an object, which its class may turn into attributes, or into anything; here nothing sees it."""
        state, target = self.stack.pop(), self.stack[-1]
        if type(target) is Instance:
            target.state = inert.attributes(state)
        elif type(target) not in (dict, StoredTensor):  # the notes on an OrderedDict or a tensor are not needed
            raise RefusedError(f"to change {inert.shown(target)}")

    def stored(self, _: None) -> None:
        stored = inert.stored(self.stack.pop())
        if type(stored) is Storage and self.storages.setdefault(stored.key, stored) != stored:
            raise DamagedError("numbers of two kinds in one place")
        self.stack.append(stored)

    def extension(self, number: int) -> None:
        raise RefusedError(f"to run number {number} of the extensions of copyreg")


# fmt: off
LITERALS = frozenset({
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "STRING", "BINSTRING", "SHORT_BINSTRING",
    "UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8",
})
# fmt: on
CONSTANTS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_TUPLE": tuple,
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
    "EMPTY_SET": set,
}
STEPS: dict[str, Callable[[_Machine, Any], None]] = {
    **dict.fromkeys(("PROTO", "FRAME", "STOP"), lambda machine, _: None),
    "MARK": _Machine.mark,
    "POP": _Machine.drop,
    "POP_MARK": _Machine.drop_marked,
    "DUP": _Machine.repeat,
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"), _Machine.put),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), _Machine.get),
    "TUPLE1": lambda machine, _: machine.make_tuple_of(1),
    "TUPLE2": lambda machine, _: machine.make_tuple_of(2),
    "TUPLE3": lambda machine, _: machine.make_tuple_of(3),
    "TUPLE": _Machine.make_tuple,
    "LIST": _Machine.make_list,
    "DICT": _Machine.make_dict,
    "FROZENSET": _Machine.make_set,
    "APPEND": lambda machine, _: machine.append([machine.stack.pop()]),
    "APPENDS": lambda machine, _: machine.append(machine.pop_mark()),
    "SETITEM": lambda machine, _: machine.set_items([machine.stack.pop(), machine.stack.pop()][::-1]),
    "SETITEMS": lambda machine, _: machine.set_items(machine.pop_mark()),
    "ADDITEMS": lambda machine, _: machine.add_items(machine.pop_mark()),
    "GLOBAL": _Machine.name,
    "STACK_GLOBAL": _Machine.name_on_stack,
    "REDUCE": _Machine.call,
    "INST": _Machine.call_in_line,
    "OBJ": _Machine.call_marked,
    "NEWOBJ": lambda machine, _: machine.new(1),
    "NEWOBJ_EX": lambda machine, _: machine.new(2),
    "BUILD": _Machine.build,
    "BINPERSID": _Machine.stored,
    **dict.fromkeys(("EXT1", "EXT2", "EXT4"), _Machine.extension),
}
"""What every instruction does; those that are missing (PERSID, buffers outside the file) torch.save does not write."""
