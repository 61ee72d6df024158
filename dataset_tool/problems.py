"""What can be wrong with the input: the exception that people read, and rows of the problem table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class UserError(Exception):
    """Bad input: a file, an option or the environment.

    The message is one sentence that names the file or option and says what to do. The command line
    prints it without a traceback and exits with status 2. What it quotes of files, control characters and
    line breaks too, is shown escaped.
    """

    def __str__(self) -> str:
        return printable(super().__str__())


class TooLargeError(UserError):
    """A download that has more bytes than the caller allows."""


class Problem(NamedTuple):
    """One row of the problem table: a file of the input and why it is not used."""

    file: str
    reason: str


class ProblemsError(UserError):
    """Bad input that is explained by a table: `problems` holds its rows, in the order of the input."""

    def __init__(self, message: str, problems: Sequence[Problem]) -> None:
        super().__init__(message)
        self.problems = tuple(problems)


def printable(text: str) -> str:
    """Return `text` with line breaks and terminal control codes escaped, as names of files may hold them."""
    return "".join(mark if mark.isprintable() else repr(mark)[1:-1] for mark in text)
