"""Reading a pickle without executing it: an interpreter of pickle's opcodes over inert stand-ins.

`pickletools.genops` only decodes the byte stream. The machine below keeps the stack and the memo that
pickle's documentation describes, and builds nothing but plain containers, numbers, text and what an explicit
table of stand-ins makes. A global outside that table is refused by name; no import, attribute look-up or call
of foreign code ever happens.

Hostile data may still be built to be expensive: containers that hold each other exponentially often cost
nothing until somebody compares, hashes or prints them. So nothing here does that to a value whose type it
has not checked, and a stream has a bounded number of opcodes.
"""

from __future__ import annotations

import gc
import pickletools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO

from stylegan_pokemon.errors import UserError

MAX_BYTES = 4 << 30
"""Of a checkpoint file: no known one is a tenth of this; larger ones are refused before they fill memory."""

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


class Budget:
    """What reading one file may cost, nested pickles included."""

    def __init__(self, file_bytes: int = 0, opcodes: int = 250_000) -> None:
        # One of 1024×1024 needs about 60,000, an official one perhaps 70,000; it copies nothing twice.
        self.opcodes = opcodes
        self.bytes = self.nested = 2 * file_bytes + (16 << 20)

    def step(self, count: int = 1) -> None:
        """Count opcodes, or what costs as much. Raises UserError when there were too many."""
        self.opcodes -= count
        if self.opcodes < 0:
            raise UserError("the pickle has more steps than any checkpoint needs")

    def copy(self, count: int) -> None:
        """Count bytes about to be copied. Raises UserError when there were too many for the file's size."""
        self.bytes -= count
        if self.bytes < 0:
            raise UserError("the pickle unfolds to far more data than it holds")

    def open_nested(self, count: int) -> None:
        """Count the bytes of a container about to be read; a reference may have it read again and again."""
        self.nested -= count
        if self.nested < 0:
            raise UserError("the pickle has the same data read more often than any checkpoint needs")


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
        raise UserError(
            f"the pickle is damaged ({shown(type(error).__name__)}: {shown(str(error))})"
        ) from error


@contextmanager
def _no_collection() -> Iterator[None]:
    """No search for garbage: passes over all that lives take longer than making many small containers."""
    enabled = gc.isenabled()
    try:
        gc.disable()
        yield
    finally:
        if enabled:
            gc.enable()


def shown(value: Any, longest: int = 80) -> str:
    """Foreign text for a message, shortened; of anything but text only the type is told."""
    if not isinstance(value, str):
        return f"a {type(value).__name__}"
    line = printable(" ".join(value[: longest + 1].split()))
    return line if len(value) <= longest else line[:longest] + "…"


def printable(text: str) -> str:
    """The text without what a terminal would obey instead of printing it."""
    return "".join(sign if sign.isprintable() else "?" for sign in text)


def plain_dict(items: Any = ()) -> dict[Any, Any]:
    """Stand-in of the dictionary classes: a list or tuple of pairs as a dict."""
    result: dict[Any, Any] = {}
    if not isinstance(items, (list, tuple)):
        raise UserError("the pickle makes a dictionary of something that is no list of pairs")
    for pair in items:
        if not isinstance(pair, (list, tuple)) or len(pair) != 2:
            raise UserError("the pickle makes a dictionary of something that is no list of pairs")
        result[hashable(pair[0])] = pair[1]
    return result


def plain_set(items: Any = ()) -> set[Any]:
    """Stand-in of `set`."""
    if not isinstance(items, (list, tuple, set)):
        raise UserError("the pickle makes a set of something that is no list")
    return {hashable(item) for item in items}


def hashable(value: Any) -> Any:
    """The value itself if it is a short plain key; UserError otherwise."""
    if not isinstance(value, _HASHABLE):
        raise UserError(f"the pickle uses a {type(value).__name__} as a key; it is refused")
    size = len(value) if isinstance(value, (str, bytes)) else 0
    if size > _LONGEST_KEY or (isinstance(value, int) and abs(value) > _LARGEST_KEY):
        raise UserError("the pickle uses a giant key; it is refused")
    return value


class _Machine:
    def __init__(self, table: Globals, persistent: Callable[[Any], Any] | None, budget: Budget) -> None:
        self.table, self.persistent, self.budget = table, persistent, budget
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def run(self, stream: BinaryIO) -> Any:
        for opcode, argument, _ in pickletools.genops(stream):
            self.budget.step()
            name = opcode.name
            if name == "STOP":
                if len(self.stack) != 1:
                    raise UserError("the pickle is damaged (it leaves more than one value)")
                return self.stack[0]
            self._step(name, argument)
        raise UserError("the pickle ends early")

    def _step(self, name: str, argument: Any) -> None:
        stack = self.stack
        if name in _LITERALS:
            stack.append(argument)
        elif name in ("PROTO", "FRAME"):
            pass
        elif name in _PLAIN:
            stack.append(_PLAIN[name])
        elif name in _EMPTY:
            stack.append(_EMPTY[name]())
        elif name == "MARK":
            stack.append(_MARK)
        elif name in ("BINGET", "LONG_BINGET", "GET"):
            stack.append(self.memo[int(argument)])
        elif name in ("BINPUT", "LONG_BINPUT", "PUT"):
            self.memo[int(argument)] = self._value()
        elif name == "MEMOIZE":
            self.memo[len(self.memo)] = self._value()
        elif name == "POP":
            stack.pop()
        elif name == "POP_MARK":
            self._since_mark()
        elif name in ("TUPLE1", "TUPLE2", "TUPLE3"):
            n = int(name[-1])
            stack.append(tuple(reversed([self._pop() for _ in range(n)])))
        elif name == "TUPLE":
            stack.append(tuple(self._since_mark()))
        elif name == "LIST":
            stack.append(self._since_mark())
        elif name == "DICT":
            items = self._since_mark()
            stack.append({})
            self._set_items(items)
        elif name == "APPEND":
            item = self._pop()
            self._top(list).append(item)
        elif name == "APPENDS":
            items = self._since_mark()
            self._top(list).extend(items)
        elif name == "ADDITEMS":
            items = self._since_mark()
            self._top(set).update(hashable(item) for item in items)
        elif name == "SETITEM":
            value, key = self._pop(), self._pop()
            self._set_items([key, value])
        elif name == "SETITEMS":
            self._set_items(self._since_mark())
        elif name == "GLOBAL":
            module, _, attribute = argument.partition(" ")
            stack.append(self._global(module, attribute))
        elif name == "STACK_GLOBAL":
            attribute, module = self._pop(), self._pop()
            stack.append(self._global(module, attribute))
        elif name in ("REDUCE", "NEWOBJ"):
            arguments, function = self._pop(), self._pop()
            stack.append(self._call(function, arguments))
        elif name == "BUILD":
            state = self._pop()
            self._build(self._value(), state)
        elif name == "BINPERSID":
            if self.persistent is None:
                raise UserError("the pickle refers to something outside itself, which no checkpoint does")
            stack.append(self.persistent(self._pop()))
        else:
            raise UserError(f"the pickle uses {name}, which no checkpoint needs; it is refused")

    def _value(self) -> Any:
        if not self.stack or self.stack[-1] is _MARK:
            raise UserError("the pickle is damaged (a value is missing)")
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

    def _top(self, kind: type) -> Any:
        if not isinstance(self._value(), kind):
            raise UserError(f"the pickle is damaged (it fills something that is no {kind.__name__})")
        return self.stack[-1]

    def _set_items(self, items: list[Any]) -> None:
        target = self._top(dict)
        for key, value in zip(items[::2], items[1::2], strict=True):
            target[hashable(key)] = value

    def _global(self, module: Any, name: Any) -> Any:
        if not isinstance(module, str) or not isinstance(name, str):
            raise UserError("the pickle asks for a global whose name is no text; it is refused")
        if (module, name) not in self.table:
            raise UserError(
                f"the pickle asks for {shown(module)}.{shown(name)},"
                " which is not on the list of harmless names"
            )
        return _Global(self.table[(module, name)])

    def _call(self, function: Any, arguments: Any) -> Any:
        if (
            not isinstance(function, _Global)
            or not callable(function.target)
            or not isinstance(arguments, tuple)
        ):
            raise UserError("the pickle calls something that is no known function; it is refused")
        self.budget.step(sum(len(a) for a in arguments if isinstance(a, (list, tuple, dict, set))))
        return function.target(*arguments)

    def _build(self, target: Any, state: Any) -> None:
        if isinstance(target, StandIn):
            target.set_state(state)
        elif isinstance(target, dict) and isinstance(state, dict):
            self.budget.step(len(state))
            target.update(state)
        else:
            raise UserError(f"the pickle gives state to a {type(target).__name__}; it is refused")


class _Global:
    """A name from the table. Wrapped, so that data can never be mistaken for something to call."""

    def __init__(self, target: Any) -> None:
        self.target = target


def target_of(value: Any) -> Any:
    """The stand-in behind a global that stands in the data as an argument (a dtype, say), else the value."""
    return value.target if isinstance(value, _Global) else value
