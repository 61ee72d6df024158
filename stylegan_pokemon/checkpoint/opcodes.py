"""Reading a pickle without executing it: an interpreter of pickle's opcodes over inert stand-ins.

`pickletools.genops` only decodes the byte stream. The machine below keeps the stack and the memo that
pickle's documentation describes, and builds nothing but plain containers, numbers, text and what an explicit
table of stand-ins makes. A global outside that table is refused by name; no import, attribute look-up or call
of foreign code ever happens.
"""

from __future__ import annotations

import io
import pickletools
from collections.abc import Callable, Mapping
from typing import Any

from stylegan_pokemon.errors import UserError

Globals = Mapping[tuple[str, str], Any]
"""(module, name) → the inert stand-in: a callable for REDUCE, or a class made by `StandIn`."""

_MARK = object()
_PLAIN = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_EMPTY = {"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_SET": set, "EMPTY_TUPLE": tuple}
_LITERALS = {
    *("BININT", "BININT1", "BININT2", "INT", "LONG", "LONG1", "LONG4", "BINFLOAT", "FLOAT"),
    *("BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "UNICODE"),
    *("BINSTRING", "SHORT_BINSTRING", "STRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
}
_HASHABLE = (str, bytes, int, float, bool, type(None))


class StandIn:
    """Base of the classes that NEWOBJ and BUILD may touch: `set_state` receives BUILD's argument."""

    def set_state(self, state: Any) -> None:
        """Take over the pickled state; the default refuses it."""
        raise UserError(f"the pickle gives state to a {type(self).__name__}, which has none")


def read(stream: io.BytesIO, table: Globals, persistent: Callable[[Any], Any] | None = None) -> Any:
    """Interpret the one pickle that starts at the stream's position and return its value.

    Leaves the stream behind the pickle. `persistent` resolves persistent identifiers; without it they are
    refused. Raises UserError for anything that is no complete pickle within the table's limits.
    """
    try:
        return _Machine(table, persistent).run(stream)
    except UserError:
        raise
    except Exception as error:  # a broken stream can fail anywhere inside genops or a stand-in
        raise UserError(f"the pickle is damaged ({type(error).__name__}: {error})") from error


class _Machine:
    def __init__(self, table: Globals, persistent: Callable[[Any], Any] | None) -> None:
        self.table, self.persistent = table, persistent
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def run(self, stream: io.BytesIO) -> Any:
        for opcode, argument, _ in pickletools.genops(stream):
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
            self.memo[int(argument)] = stack[-1]
        elif name == "MEMOIZE":
            self.memo[len(self.memo)] = stack[-1]
        elif name == "POP":
            stack.pop()
        elif name == "POP_MARK":
            self._since_mark()
        elif name in ("TUPLE1", "TUPLE2", "TUPLE3"):
            n = int(name[-1])
            stack[-n:] = [tuple(stack[-n:])]
        elif name == "TUPLE":
            stack.append(tuple(self._since_mark()))
        elif name == "LIST":
            stack.append(self._since_mark())
        elif name == "DICT":
            items = self._since_mark()
            stack.append({})
            self._set_items(items)
        elif name == "APPEND":
            item = stack.pop()
            self._top(list).append(item)
        elif name == "APPENDS":
            items = self._since_mark()
            self._top(list).extend(items)
        elif name == "ADDITEMS":
            items = self._since_mark()
            self._top(set).update(_key(item) for item in items)
        elif name == "SETITEM":
            value, key = stack.pop(), stack.pop()
            self._set_items([key, value])
        elif name == "SETITEMS":
            self._set_items(self._since_mark())
        elif name == "GLOBAL":
            module, _, attribute = argument.partition(" ")
            stack.append(self._global(module, attribute))
        elif name == "STACK_GLOBAL":
            attribute, module = stack.pop(), stack.pop()
            stack.append(self._global(module, attribute))
        elif name in ("REDUCE", "NEWOBJ"):
            arguments, function = stack.pop(), stack.pop()
            stack.append(self._call(function, arguments))
        elif name == "BUILD":
            state = stack.pop()
            self._build(stack[-1], state)
        elif name == "BINPERSID":
            if self.persistent is None:
                raise UserError("the pickle refers to something outside itself, which no checkpoint does")
            stack.append(self.persistent(stack.pop()))
        else:
            raise UserError(f"the pickle uses {name}, which no checkpoint needs; it is refused")

    def _since_mark(self) -> list[Any]:
        for index in range(len(self.stack) - 1, -1, -1):
            if self.stack[index] is _MARK:
                items = self.stack[index + 1 :]
                del self.stack[index:]
                return items
        raise UserError("the pickle is damaged (a mark is missing)")

    def _top(self, kind: type) -> Any:
        if not isinstance(self.stack[-1], kind):
            raise UserError(f"the pickle is damaged (it fills something that is no {kind.__name__})")
        return self.stack[-1]

    def _set_items(self, items: list[Any]) -> None:
        target = self._top(dict)
        for key, value in zip(items[::2], items[1::2], strict=True):
            target[_key(key)] = value

    def _global(self, module: Any, name: Any) -> Any:
        if (module, name) not in self.table:
            raise UserError(
                f"the pickle asks for {module}.{name}, which is not on the list of harmless names"
            )
        return _Global(self.table[(module, name)], f"{module}.{name}")

    def _call(self, function: Any, arguments: Any) -> Any:
        if (
            not isinstance(function, _Global)
            or not callable(function.target)
            or not isinstance(arguments, tuple)
        ):
            raise UserError("the pickle calls something that is no known function; it is refused")
        return function.target(*arguments)

    def _build(self, target: Any, state: Any) -> None:
        if isinstance(target, StandIn):
            target.set_state(state)
        elif isinstance(target, dict) and isinstance(state, dict):
            target.update((_key(key), value) for key, value in state.items())
        else:
            raise UserError(f"the pickle gives state to a {type(target).__name__}; it is refused")


class _Global:
    """A name from the table. Wrapped, so that data can never be mistaken for something to call."""

    def __init__(self, target: Any, name: str) -> None:
        self.target, self.name = target, name


def target_of(value: Any) -> Any:
    """The stand-in behind a global that stands in the data as an argument (a dtype, say), else the value."""
    return value.target if isinstance(value, _Global) else value


def _key(value: Any) -> Any:
    flat = value if isinstance(value, tuple) else (value,)
    if not all(isinstance(item, _HASHABLE) for item in flat):
        raise UserError(f"the pickle uses a {type(value).__name__} as a key; it is refused")
    return value
