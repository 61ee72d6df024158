"""The one exception that a person, not a programmer, is meant to read, and foreign text made fit for it."""

from __future__ import annotations

from typing import Any

from dataset_tool.problems import UserError

__all__ = ["UserError", "printable", "shown"]


def printable(text: str) -> str:
    """The text with "?" for every character that a terminal would obey instead of printing it."""
    return "".join(sign if sign.isprintable() else "?" for sign in text)


def shown(value: Any, longest: int = 80) -> str:
    """Text from a file, shortened and printable; for any other value its type alone."""
    if not isinstance(value, str):
        return f"a {type(value).__name__}"
    line = printable(" ".join(value[: longest + 1].split()))
    return line if len(value) <= longest else line[:longest] + "…"
