"""A readable table, a verdict whose commands can be copied, a status, and JSON for bug reports."""

import json

import pytest
from click.testing import CliRunner

from stylegan_pokemon.cli.doctor import doctor
from stylegan_pokemon.doctor import probe as probing
from stylegan_pokemon.doctor.examine import examine
from stylegan_pokemon.doctor.report import lines
from tests.doctor.machines import (
    CPU_TORCH,
    GTX_1080,
    RTX_3060,
    blind_torch,
    failing,
    machine,
    pip_torch,
    torch_for,
)

PASCAL_UNDER_13 = machine(
    failing(GTX_1080), torch=torch_for("13.0", failing(GTX_1080)), driver="580.95.05", compiler=None
)


@pytest.fixture
def ask(monkeypatch):
    """The command on a faked machine."""

    def run(facts, *arguments):
        monkeypatch.setattr(probing, "probe", lambda: facts)
        return CliRunner().invoke(doctor, list(arguments))

    return run


def test_a_gtx_1080_under_cuda_13_reads_the_command_on_a_line_of_its_own(ask):
    result = ask(PASCAL_UNDER_13)
    assert result.exit_code == 1
    output = result.stdout.splitlines()
    assert any(line.strip() == pip_torch("cu126") for line in output)
    assert any(line.startswith("PROBLEM  card") for line in output)
    assert any(
        line.startswith("Verdict: training runs on the CPU, but not everything works. Fix this:")
        for line in output
    )
    assert output.index("Notes:") > output.index("Then run `python -m stylegan_pokemon doctor` again.")


@pytest.mark.parametrize(
    ("facts", "device"), [(machine(), "the CPU"), (machine(GTX_1080), GTX_1080.name)], ids=["cpu", "card"]
)
def test_a_healthy_machine_is_status_0(ask, facts, device):
    result = ask(facts)
    assert result.exit_code == 0
    assert f"Verdict: ready. Training runs on {device}." in result.stdout
    assert "PROBLEM" not in result.stdout


def test_notes_alone_are_status_0(ask):
    result = ask(machine(compiler=None))
    assert result.exit_code == 0
    assert "Install g++" in result.stdout


def test_what_stops_training_says_so(ask):
    result = ask(machine(torch=None, missing_packages=("tqdm",)))
    assert result.exit_code == 1
    assert "training cannot start. Fix these 2, the most important first:" in result.stdout
    assert result.stdout.index("1. packages") < result.stdout.index("2. PyTorch")


def test_one_command_for_two_reasons_is_printed_once():
    facts = machine(GTX_1080, torch=blind_torch("13.0", "too old"), driver="535.183.01")
    text = "\n".join(lines(facts, examine(facts)))
    assert text.count(pip_torch("cu126")) == 1


def test_every_line_but_commands_fits_a_console():
    for facts in (
        PASCAL_UNDER_13,
        machine(RTX_3060, torch=CPU_TORCH),
        machine(plugged_cards=1, compiler=None),
    ):
        commands = {finding.command for finding in examine(facts)}
        assert all(len(line) <= 110 or line.strip() in commands for line in lines(facts, examine(facts)))


def test_every_problem_and_note_says_what_to_do():
    for facts in (PASCAL_UNDER_13, machine(torch=None), machine(compiler=None)):
        assert all(f.level == "ok" or f.advice.endswith(".") for f in examine(facts))


def test_json_holds_verdict_findings_and_facts(ask):
    result = ask(PASCAL_UNDER_13, "--json")
    assert result.exit_code == 1
    answer = json.loads(result.stdout)
    assert answer["ok"] is False
    assert answer["facts"]["torch"]["cards"][0]["capability"] == [6, 1]
    assert any(finding["command"] == pip_torch("cu126") for finding in answer["findings"])
