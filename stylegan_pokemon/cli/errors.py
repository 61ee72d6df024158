"""How commands of the package begin and end: bad input is one sentence and status 2, Ctrl-C is status 130.

Training answers Ctrl-C, SIGTERM and SIGHUP itself, with a sentence that says how to continue and status 130,
143 or 129.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

import click

from dataset_tool.files import sentence_of
from dataset_tool.terminal import steady_output
from stylegan_pokemon.cli.threads import share_cores
from stylegan_pokemon.errors import Interrupted, UserError, printable


class _Failure(click.ClickException):
    exit_code = 2


@contextlib.contextmanager
def one_sentence() -> Iterator[None]:
    """Turn bad input into `Error: sentence` on stderr with status 2, and Ctrl-C into status 130.

    Bad input is a UserError, or a file that the system refuses to read or write.
    """
    try:
        yield
    except UserError as error:
        raise _Failure(str(error)) from error
    except OSError as error:
        if (text := sentence_of(error)) is None:
            raise
        raise _Failure(printable(text)) from error
    except Interrupted as end:
        click.echo(str(end))
        raise click.exceptions.Exit(end.status) from None
    except KeyboardInterrupt:
        click.echo("\nInterrupted; files already written are whole and stay.", err=True)
        raise click.exceptions.Exit(130) from None


class Command(click.Command):
    """A click command whose parameters and callback may raise UserError; -h helps like --help."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        given = kwargs.get("context_settings") or {}
        kwargs["context_settings"] = {"help_option_names": ["-h", "--help"], **given}
        super().__init__(*args, **kwargs)

    def main(self, *args: Any, **kwargs: Any) -> Any:
        share_cores(os.environ)
        with steady_output():
            return super().main(*args, **kwargs)

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        with one_sentence():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        with one_sentence():
            return super().invoke(ctx)


class Group(Command, click.Group):
    """A click group of such commands."""

    command_class = Command
    group_class = type
