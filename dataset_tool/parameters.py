"""Types of command-line options that name files. `~` at the beginning of a path is the user's home.

Shells expand `--data ~/x.zip` but not `--data=~/x.zip`; services and Windows have no shell that would.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click


class PathType(click.Path):
    """A path, as pathlib.Path."""

    def __init__(self, **checks: Any) -> None:
        super().__init__(path_type=Path, **checks)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return super().convert(os.path.expanduser(value), param, ctx)


def path_or_name(value: str) -> str:
    """A path where a name, an address or csv:FILE may stand too, as text."""
    prefix = "csv:" if value.startswith("csv:") else ""
    return prefix + os.path.expanduser(value.removeprefix(prefix))
