"""One door to every command."""

import pytest
from click.testing import CliRunner

from stylegan_pokemon.cli.main import _COMMANDS, cli


@pytest.mark.parametrize("flag", ["-h", "--help"])
@pytest.mark.parametrize("command", [[], *([name] for name in _COMMANDS)], ids=" ".join)
def test_every_command_helps_by_both_flags(command, flag):
    result = CliRunner().invoke(cli, [*command, flag], prog_name="stylegan_pokemon")
    assert result.exit_code == 0, result.output
    assert result.output.startswith(f"Usage: {' '.join(['stylegan_pokemon', *command])} ")


def test_every_command_is_listed_with_a_line_of_its_own():
    listed = CliRunner().invoke(cli, ["--help"]).output
    for name, (_, text) in _COMMANDS.items():
        assert f"  {name:<10}{text}" in listed


def test_an_unknown_command_is_one_sentence_and_status_2():
    result = CliRunner().invoke(cli, ["paint"])
    assert result.exit_code == 2
    assert "No such command 'paint'" in result.output
