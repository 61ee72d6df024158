"""A person sees one sentence, never a traceback."""

from __future__ import annotations

import errno

import click
import pytest
from click.testing import CliRunner

from stylegan_pokemon.cli.errors import Command, Group
from stylegan_pokemon.errors import UserError


class _Refusing(click.ParamType):
    name = "refusing"

    def convert(self, value, param, ctx):
        raise UserError(f"--value {value} is bad; write 1")


def _group(action):
    @click.group(cls=Group)
    @click.option("--value", type=_Refusing())
    def group(value):
        pass

    @group.command()
    @click.option("--value", type=_Refusing())
    def act(value):
        action()

    return group


def _refuse():
    raise UserError("sprites.zip is empty; choose another file")


def _interrupt():
    raise KeyboardInterrupt


def _break():
    raise ZeroDivisionError


def test_user_error_is_one_sentence_on_stderr_with_status_2():
    result = CliRunner().invoke(_group(_refuse), ["act"])
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr == "Error: sprites.zip is empty; choose another file\n"


@pytest.mark.parametrize("arguments", [["--value", "x", "act"], ["act", "--value", "x"]])
def test_user_error_while_reading_options_is_one_sentence_too(arguments):
    result = CliRunner().invoke(_group(_refuse), arguments)
    assert result.exit_code == 2
    assert result.stderr == "Error: --value x is bad; write 1\n"


def test_ctrl_c_ends_with_status_130_and_no_traceback():
    result = CliRunner().invoke(_group(_interrupt), ["act"])
    assert result.exit_code == 130
    assert "Interrupted" in result.stderr
    assert "Traceback" not in result.stderr


def _deny():
    raise PermissionError(errno.EACCES, "Permission denied", "a\n.zip")


def test_a_file_that_the_system_refuses_is_one_sentence():
    result = CliRunner().invoke(_group(_deny), ["act"])
    assert result.exit_code == 2
    said = "cannot be read or written: Permission denied; check its permissions"
    assert result.stderr == f"Error: a\\n.zip {said}\n"


def test_a_programming_error_is_not_hidden():
    result = CliRunner().invoke(_group(_break), ["act"])
    assert isinstance(result.exception, ZeroDivisionError)


def test_commands_of_a_group_handle_errors_without_being_told():
    assert type(_group(_refuse).commands["act"]) is Command
