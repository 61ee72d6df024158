"""The exceptions whose message a user is meant to read, and foreign text made safe to print."""

from __future__ import annotations

from typing import Any

from dataset_tool.problems import UserError, printable

__all__ = ["Interrupted", "UserError", "printable", "shown"]


class Interrupted(Exception):
    """A signal has stopped training, and the state is written.

    The message is one sentence that says how to continue; `status` is the exit status of the program.
    """

    def __init__(self, message: str, signal_number: int) -> None:
        super().__init__(message)
        self.status = 128 + signal_number  # what a shell reports for a program that the signal ended


def shown(value: Any, longest: int = 80) -> str:
    """Text from a file, shortened and printable; for any other value its type alone."""
    if not isinstance(value, str):
        return f"a {type(value).__name__}"
    line = " ".join(value[:longest].split())
    return printable(line) + ("…" if len(value) > longest else "")
