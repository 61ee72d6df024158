"""Data and a way to train for tests of finetune.py."""

import pytest
from click.testing import CliRunner

from stylegan_pokemon.cli.finetune import finetune
from tests.training.pictures import write_dataset


@pytest.fixture
def data(tmp_path):
    return write_dataset(tmp_path / "discs.zip", classes=2)


@pytest.fixture
def run(tmp_path):
    def invoke(*arguments):
        return CliRunner().invoke(
            finetune,
            [
                *([] if "--metrics" in arguments else ["--metrics", "none"]),
                *map(str, arguments),
                *("--outdir", str(tmp_path / "runs"), "--device", "cpu"),
            ],
        )

    return invoke
