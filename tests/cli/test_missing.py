"""Every program, started by a Python without its packages, says what to do instead of a traceback."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from dataset_tool.missing import packages_needed, remedy

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "program", [["generate.py"], ["finetune.py"], ["-m", "dataset_tool"], ["-m", "stylegan_pokemon"]]
)
def test_a_python_without_packages_is_one_sentence(program):
    bare = subprocess.run(
        [sys.executable, "-S", *program, "--help"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert bare.returncode == 2
    assert bare.stderr.startswith(f"Error: this Python, {sys.executable}, lacks the package click; ")
    assert len(bare.stderr.splitlines()) == 1


def test_the_environment_of_a_checkout_is_named(tmp_path, monkeypatch):
    assert remedy("torch", tmp_path).endswith("install the program first (docs/quickstart.md, “Install”)")
    (tmp_path / ".venv").mkdir()
    assert "activate the environment of this program first" in remedy("torch", tmp_path)
    assert str(tmp_path / ".venv") in remedy("torch", tmp_path)
    monkeypatch.chdir(tmp_path)
    assert str(tmp_path) not in remedy("torch", tmp_path)
    monkeypatch.setattr(sys, "prefix", str(tmp_path / ".venv"))  # it is active, and lacks the package
    assert remedy("torch", tmp_path).endswith("install the program first (docs/quickstart.md, “Install”)")


@pytest.mark.parametrize("module", ["dataset_tool.no_such_module", "numpy.no_such_module"])
def test_a_part_that_is_missing_of_what_is_there_is_a_fault_and_not_explained_away(module):
    with pytest.raises(ModuleNotFoundError), packages_needed():
        importlib.import_module(module)
