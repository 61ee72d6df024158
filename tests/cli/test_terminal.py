"""Programs outlive their terminal: closed, full or abandoned streams, other encodings, `~` in any path."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from dataset_tool.cli import cli as dataset_tool
from dataset_tool.parameters import PathType, path_or_name
from stylegan_pokemon.cli.finetune import finetune
from stylegan_pokemon.cli.main import cli
from tests.conftest import ROOT
from tests.training.pictures import write_dataset

pytestmark = pytest.mark.skipif(not Path("/dev/full").exists(), reason="shells of Linux")

TINY = [
    *("--channel-base", "128", "--channel-max", "8", "--map-layers", "1", "--w-dim", "16"),
    *("--cfg", "auto", "--resume", "none", "--device", "cpu", "--metrics", "none"),
    *("--batch", "8", "--tick", "0.016", "--kimg", "0.016"),
]
FULL = "Error: stdout cannot be written (No space left on device); the work continues without it\n"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_dataset(tmp_path_factory.mktemp("data") / "discs.zip", classes=2)


def shell(command: str, *arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program by a line of bash in which $RUN stands for it."""
    run = shlex.join([sys.executable, *map(str, arguments)])
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    line = ["bash", "-c", command.replace("$RUN", run)]
    return subprocess.run(line, env=environment, capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize(
    ("command", "status", "said"),
    [
        ("$RUN >&- 2>&- <&-", 0, ""),  # services, pythonw
        ("set -o pipefail; $RUN | true", 0, ""),  # the reader went away: its log is in the run directory
        ("$RUN >/dev/full", 0, FULL),  # a supervisor would train again: the run is complete
    ],
)
def test_a_run_is_worth_more_than_its_console(data, tmp_path, command, status, said):
    found = shell(command, ROOT / "finetune.py", *TINY, "--data", data, "--outdir", tmp_path)
    assert (found.returncode, found.stdout, found.stderr) == (status, "", said)
    (run,) = tmp_path.iterdir()
    assert (run / "stats.jsonl").read_text().count("\n") == 1
    assert (run / "state" / "000000016.safetensors").exists()


@pytest.mark.parametrize(
    "program",
    [
        (ROOT / "generate.py", "--network", "crayon32", "--seeds", "0-1"),
        ("-m", "dataset_tool", "convert", "$DATA", "out.zip", "--resolution", "16", "--exclude", "*.json"),
        ("-m", "dataset_tool", "inspect", "$DATA"),
    ],
    ids=lambda program: " ".join(map(str, program[:3])),
)
def test_a_program_whose_stdout_is_full_says_so_in_one_sentence(data, tmp_path, program):
    arguments = [data if argument == "$DATA" else argument for argument in program]
    found = shell(f"cd {tmp_path}; $RUN >/dev/full", *arguments)
    assert (found.returncode, found.stderr) == (1, FULL)


def test_a_program_whose_reader_has_gone_ends_as_usual(data):
    found = shell("set -o pipefail; $RUN | true", "-m", "dataset_tool", "inspect", data)
    assert (found.returncode, found.stderr) == (0, "")


def test_signs_that_an_encoding_lacks_are_escaped():
    program = "from dataset_tool.terminal import *\nwith steady_output(): print('×ψ–'); print(no_bar())"
    found = shell("$RUN", "-c", program, PYTHONIOENCODING="ascii")
    assert (found.stdout, found.stderr) == ("\\xd7\\u03c8\\u2013\nTrue\n", "")


def test_no_bar_is_drawn_without_stderr(monkeypatch):
    from dataset_tool.terminal import no_bar

    monkeypatch.setattr(sys, "stderr", None)
    assert no_bar()


def commands(command: click.Command, name: str = "", context: click.Context | None = None):
    context = click.Context(command, parent=context)
    yield name, command
    if isinstance(command, click.Group):
        for each in command.list_commands(context):
            yield from commands(command.get_command(context, each), f"{name} {each}", context)


PLACES = ("FILE", "DIR", "ZIP", "RUN", "IN", "OUT", "SRC", "DEST", "HTML", "WHAT", "KIND")


@pytest.mark.parametrize("program", [cli, dataset_tool], ids=["stylegan_pokemon", "dataset_tool"])
def test_every_option_that_takes_a_path_expands_the_home(program):
    unexpanded = []
    for name, command in commands(program):
        for parameter in command.params:
            words = (parameter.metavar or "").replace("|", " ").replace(".", " ").split()
            named = any(word in PLACES for word in words) or isinstance(parameter.type, click.Path)
            kind = parameter.type
            if named and not (isinstance(kind, PathType) or getattr(kind, "func", None) is path_or_name):
                unexpanded.append(f"{name} {parameter.opts[0]}")
    assert not unexpanded


def test_a_home_is_expanded_where_no_shell_has_done_it(data, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(data.parent))
    monkeypatch.setenv("USERPROFILE", str(data.parent))
    monkeypatch.chdir(tmp_path)
    said = CliRunner().invoke(finetune, [*TINY, "--data=~/discs.zip", "--outdir=~/runs", "--dry-run"])
    assert said.exit_code == 0, said.output
    assert str(data) in said.stdout
    assert path_or_name("csv:~/a.csv") == f"csv:{data.parent}/a.csv"
    assert path_or_name("ffhq512") == "ffhq512"
    assert not list(tmp_path.iterdir())
