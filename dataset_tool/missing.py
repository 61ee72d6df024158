"""Report a missing package in one sentence. Most often an environment exists but is not activated.

Needs nothing but Python, so that every program can begin with it.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

_OURS = ("dataset_tool", "stylegan_pokemon")


@contextlib.contextmanager
def packages_needed() -> Iterator[None]:
    """Run the program; end it with one sentence and status 2 where this Python lacks a package it needs."""
    try:
        yield
    except ModuleNotFoundError as error:
        if "." in (name := error.name or ".") or name in _OURS:  # a part of a package that is there
            raise
        print(f"Error: {remedy(name, Path(__file__).parents[1])}", file=sys.stderr)
        raise SystemExit(2) from None


def remedy(package: str, checkout: Path) -> str:
    """What to do about a missing package, with the environment of a checkout where it has one."""
    lacks = f"this Python, {sys.executable}, lacks the package {package}; "
    if (checkout / ".venv").is_dir() and Path(sys.prefix).resolve() != (checkout / ".venv").resolve():
        name = ".venv" if Path.cwd() == checkout else checkout / ".venv"
        how = rf"{name}\Scripts\activate" if sys.platform == "win32" else f". {name}/bin/activate"
        return f"{lacks}activate the environment of this program first: {how}"
    return f"{lacks}install the program first (docs/quickstart.md, “Install”)"
