"""Reading a pickle without executing it: an interpreter of pickle's opcodes over inert stand-ins.

`pickletools.genops` only decodes the byte stream. The machine below keeps the stack and the memo that
pickle's documentation describes. It builds plain containers, numbers, text and what an explicit table of
stand-ins makes. A global outside that table is refused by name: no import, attribute look-up or call of
foreign code ever happens.

Hostile data can still be expensive: containers that hold each other exponentially often cost nothing until
they are compared, hashed or printed. So nothing here does that to a value whose type it has not checked, and
a stream has a bounded number of opcodes.
"""

from __future__ import annotations

import gc
import pickletools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO

from stylegan_pokemon.errors import UserError, shown

MAX_BYTES = 4 << 30
"""The largest checkpoint file that is read. No known one is a tenth of this."""

Globals = Mapping[tuple[str, str], Any]
"""(module, name) → the inert stand-in: a callable for REDUCE and NEWOBJ, or a value."""

_MARK = object()
_PLAIN = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_EMPTY = {"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_SET": set, "EMPTY_TUPLE": tuple}
_LITERALS = {
    *("BININT", "BININT1", "BININT2", "INT", "LONG", "LONG1", "LONG4", "BINFLOAT", "FLOAT"),
    *("BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "UNICODE"),
    *("BINSTRING", "SHORT_BINSTRING", "STRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
}
_HASHABLE = (str, bytes, int, float, bool, type(None))
_LONGEST_KEY = 4096  # characters; looking up a key must cost nothing
_LARGEST_KEY = 1 << 64


def insist(condition: bool, sentence: str) -> None:
    """Raise UserError with this sentence unless the condition holds."""
    if not condition:
        raise UserError(sentence)


class Budget:
    """What reading one file may cost, nested pickles included. Its methods raise UserError beyond that."""

    def __init__(self, file_bytes: int = 0, opcodes: int = 250_000) -> None:
        # One of 1024×1024 needs about 60,000, an official one perhaps 70,000; it copies nothing twice.
        self.opcodes = opcodes
        self.bytes = self.nested = 2 * file_bytes + (16 << 20)

    def step(self, count: int = 1) -> None:
        """Count opcodes, or what costs as much."""
        self.opcodes -= count
        insist(self.opcodes >= 0, "the pickle has more steps than any checkpoint needs")

    def copy(self, count: int) -> None:
        """Count bytes about to be copied."""
        self.bytes -= count
        insist(self.bytes >= 0, "the pickle unfolds to far more data than it holds")

    def open_nested(self, count: int) -> None:
        """Count the bytes of a nested container, each time that a reference has it read."""
        self.nested -= count
        insist(self.nested >= 0, "the pickle has the same data read more often than any checkpoint needs")


class StandIn:
    """Base of the objects that BUILD may touch: `set_state` receives BUILD's argument."""

    def set_state(self, state: Any) -> None:
        """Take over the pickled state; the default refuses it."""
        raise UserError(f"the pickle gives state to a {type(self).__name__}, which has none")


def read(
    stream: BinaryIO,
    table: Globals,
    persistent: Callable[[Any], Any] | None = None,
    budget: Budget | None = None,
) -> Any:
    """Interpret the one pickle that starts at the stream's position and return its value.

    Leaves the stream behind the pickle. `persistent` resolves persistent identifiers; without it they are
    refused. Raises UserError for anything that is no complete pickle within the table's limits.
    """
    try:
        with _no_collection():
            return _Machine(table, persistent, budget or Budget()).run(stream)
    except UserError:
        raise
    except Exception as error:  # a broken stream can fail anywhere inside genops or a stand-in
        raise UserError("the pickle is damaged or incomplete; copy or download it again") from error


@contextmanager
def _no_collection() -> Iterator[None]:
    """Pause garbage collection, which takes longer than making many small containers."""
    enabled = gc.isenabled()
    try:
        gc.disable()
        yield
    finally:
        if enabled:
            gc.enable()


def plain_dict(items: Any = ()) -> dict[Any, Any]:
    """Stand-in of the dictionary classes: a list or tuple of pairs as a dict."""
    sequence = isinstance(items, (list, tuple))
    pairs = sequence and all(isinstance(pair, (list, tuple)) and len(pair) == 2 for pair in items)
    insist(pairs, "the pickle makes a dictionary of something that is no list of pairs")
    return {hashable(key): value for key, value in items}


def plain_set(items: Any = ()) -> set[Any]:
    """Stand-in of `set`."""
    insist(isinstance(items, (list, tuple, set)), "the pickle makes a set of something that is no list")
    return {hashable(item) for item in items}


def hashable(value: Any) -> Any:
    """The value itself if it is a short plain key; UserError otherwise."""
    insist(isinstance(value, _HASHABLE), f"the pickle uses a {type(value).__name__} as a key; it is refused")
    size = len(value) if isinstance(value, (str, bytes)) else 0
    giant = size > _LONGEST_KEY or (isinstance(value, int) and abs(value) > _LARGEST_KEY)
    insist(not giant, "the pickle uses a giant key; it is refused")
    return value


class _Machine:
    def __init__(self, table: Globals, persistent: Callable[[Any], Any] | None, budget: Budget) -> None:
        self.table, self.persistent, self.budget = table, persistent, budget
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def run(self, stream: BinaryIO) -> Any:
        for opcode, argument, _ in pickletools.genops(stream):
            self.budget.step()
            if opcode.name == "STOP":
                insist(len(self.stack) == 1, "the pickle is damaged (it leaves more than one value)")
                return self.stack[0]
            self._step(opcode.name, argument)
        raise UserError("the pickle ends early")

    def _step(self, name: str, argument: Any) -> None:
        push = self.stack.append
        match name:
            case _ if name in _LITERALS:
                push(argument)
            case _ if name in _PLAIN:
                push(_PLAIN[name])
            case _ if name in _EMPTY:
                push(_EMPTY[name]())
            case "PROTO" | "FRAME":
                pass
            case "MARK":
                push(_MARK)
            case "BINGET" | "LONG_BINGET" | "GET":
                push(self.memo[argument])
            case "BINPUT" | "LONG_BINPUT" | "PUT":
                self.memo[argument] = self._value()
            case "MEMOIZE":
                self.memo[len(self.memo)] = self._value()
            case "POP":
                self.stack.pop()
            case "POP_MARK":
                self._since_mark()
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                push(tuple(reversed([self._pop() for _ in range(int(name[-1]))])))
            case "TUPLE":
                push(tuple(self._since_mark()))
            case "LIST":
                push(self._since_mark())
            case "DICT":
                push(self._pairs())
            case "APPEND":
                self._fill(list, "append", self._pop())
            case "APPENDS":
                self._fill(list, "extend", self._since_mark())
            case "ADDITEMS":
                self._fill(set, "update", list(map(hashable, self._since_mark())))
            case "SETITEM":
                value, key = self._pop(), self._pop()
                self._fill(dict, "update", {hashable(key): value})
            case "SETITEMS":
                self._fill(dict, "update", self._pairs())
            case "GLOBAL":
                push(self._global(*argument.split(" ", 1)))
            case "STACK_GLOBAL":
                attribute, module = self._pop(), self._pop()
                push(self._global(module, attribute))
            case "REDUCE" | "NEWOBJ":
                arguments, function = self._pop(), self._pop()
                push(self._call(function, arguments))
            case "BUILD":
                state = self._pop()
                self._build(self._value(), state)
            case "BINPERSID" if self.persistent is not None:
                push(self.persistent(self._pop()))
            case _:
                raise UserError(f"the pickle uses {name}, which no checkpoint needs; it is refused")

    def _value(self) -> Any:
        there = bool(self.stack) and self.stack[-1] is not _MARK
        insist(there, "the pickle is damaged (a value is missing)")
        return self.stack[-1]

    def _pop(self) -> Any:
        value = self._value()
        del self.stack[-1]
        return value

    def _since_mark(self) -> list[Any]:
        for index in range(len(self.stack) - 1, -1, -1):
            if self.stack[index] is _MARK:
                items = self.stack[index + 1 :]
                del self.stack[index:]
                return items
        raise UserError("the pickle is damaged (a mark is missing)")

    def _pairs(self) -> dict[Any, Any]:
        items = self._since_mark()
        return {hashable(key): value for key, value in zip(items[::2], items[1::2], strict=True)}

    def _fill(self, kind: type, method: str, what: Any) -> None:
        fits = isinstance(self._value(), kind)
        insist(fits, f"the pickle is damaged (it fills something that is no {kind.__name__})")
        getattr(self.stack[-1], method)(what)

    def _global(self, module: Any, name: Any) -> Any:
        texts = isinstance(module, str) and isinstance(name, str)
        insist(texts, "the pickle asks for a global whose name is no text; it is refused")
        asked = f"{shown(module)}.{shown(name)}"
        known = (module, name) in self.table
        insist(known, f"the pickle asks for {asked}, which is not on the list of harmless names")
        return _Global(self.table[(module, name)])

    def _call(self, function: Any, arguments: Any) -> Any:
        known = isinstance(function, _Global) and callable(function.target) and isinstance(arguments, tuple)
        insist(known, "the pickle calls something that is no known function; it is refused")
        self.budget.step(sum(len(a) for a in arguments if isinstance(a, (list, tuple, dict, set))))
        return function.target(*arguments)

    def _build(self, target: Any, state: Any) -> None:
        if isinstance(target, StandIn):
            target.set_state(state)
            return
        both = isinstance(target, dict) and isinstance(state, dict)
        insist(both, f"the pickle gives state to a {type(target).__name__}; it is refused")
        self.budget.step(len(state))
        target.update(state)


class _Global:
    """A name from the table. Wrapped, so that data can never be mistaken for something to call."""

    def __init__(self, target: Any) -> None:
        self.target = target


def target_of(value: Any) -> Any:
    """The stand-in behind a global that stands in the data as an argument (a dtype, say), else the value."""
    return value.target if isinstance(value, _Global) else value
