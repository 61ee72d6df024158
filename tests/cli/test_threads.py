"""Threads of a command do not keep cores that other programs need."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from stylegan_pokemon.cli.threads import share_cores

ROOT = Path(__file__).parents[2]


def test_waiting_is_short_unless_the_user_decides_it():
    for given, then in (
        ({}, {"GOMP_SPINCOUNT": "30000"}),
        ({"GOMP_SPINCOUNT": "5"}, {"GOMP_SPINCOUNT": "5"}),
        ({"OMP_WAIT_POLICY": "active"}, {"OMP_WAIT_POLICY": "active"}),
    ):
        share_cores(given)
        assert given == then


@pytest.mark.parametrize("launcher", ["finetune", "generate", "main"])
def test_every_command_says_so_before_pytorch_is_loaded(launcher):
    script = (
        "import os, sys\n"
        f"from stylegan_pokemon.cli.{launcher} import main\n"
        "assert 'torch' not in sys.modules\n"
        "sys.argv = ['program', '--version'] if main.__module__.endswith('main') else ['program', '--help']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "assert 'torch' not in sys.modules\n"
        "assert os.environ['GOMP_SPINCOUNT'] == '30000'\n"
    )
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_"))}
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=clean, check=True, capture_output=True)
