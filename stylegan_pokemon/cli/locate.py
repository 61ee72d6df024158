"""Network files for every command that takes one: from disk, by address, or by name in the zoo."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stylegan_pokemon.checkpoint import zoo
from stylegan_pokemon.checkpoint.pickles.opcodes import MAX_BYTES
from stylegan_pokemon.errors import UserError, shown
from stylegan_pokemon.render.runs import find_best, is_best

if TYPE_CHECKING:
    from stylegan_pokemon.checkpoint import Networks

LICENCE = "licence"  # in the configuration of networks that blend and average write


def locate_network(what: str, option: str, echo: Callable[[str], None] = click.echo) -> Path:
    """Return the path of the network `what`; one that is not here is downloaded, and its licence printed.

    what: a file, a URL, a name in the zoo, "best" for the best snapshot of the newest run in runs/, or
    RUN/best. option: where the user named it, such as "--resume". Raises UserError.
    """
    if is_best(what):
        try:
            return find_best(what, note=lambda text: click.echo(f"note: {text}", err=True))
        except UserError as error:
            raise UserError(f"{option} {what}: {error}") from error
    try:
        found = zoo.identify(what)
    except UserError as error:
        raise UserError(f"{option} {error}") from error
    if isinstance(found, Path):
        return found
    path = zoo.obtain(found, _download, echo)
    text = (
        found.licence.text if found.licence else "unknown; ask its publisher before you share what you make"
    )
    echo(f"licence of {found.name}: {text}")
    return path


def licence_of(path: Path, networks: Networks | None = None) -> str | None:
    """The licence of a file that the zoo knows, or that a blend's own `networks` name, or None."""
    for entry in zoo.entries().values():
        if entry.is_here and entry.path.resolve() == path.resolve() and entry.licence:
            return entry.licence.text
    said = networks.config.get(LICENCE) if networks is not None else None
    return shown(said, 1000) if isinstance(said, str) else None


def _download(url: str, path: Path) -> str:
    from dataset_tool.fetch import download
    from dataset_tool.problems import TooLargeError

    try:
        return download(url, path, max_bytes=MAX_BYTES)
    except TooLargeError as error:
        raise UserError(
            f"{zoo.without_secrets(url)} is larger than {MAX_BYTES / 2**30:g} GiB, as no checkpoint is"
        ) from error
