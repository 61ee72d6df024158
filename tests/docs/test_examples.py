"""The Python examples of README and the manual run as they stand."""

import pytest
from PIL import Image

from dataset_tool.forge import forge_folder
from tests.conftest import ROOT
from tests.docs.pages import DOCS, PAGES, README, blocks


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def test_readmes_example_draws_a_creature():
    (example,) = blocks(README, "python")
    exec(example, {})
    assert Image.open("creature.png").size == (64, 64)


def test_the_examples_of_the_python_page_run_one_after_the_other(tmp_path):
    forge_folder(tmp_path / "my_sprites", 40, "sprite", size=64, workers=1, progress=False)
    names = {}
    for example in blocks(DOCS / "python.md", "python"):
        exec(example, names)
    assert Image.open("creature.png").size == (64, 64)
    assert (tmp_path / "my64.zip").is_file()
    assert len(list((tmp_path / "runs").glob("*/snapshots/*.safetensors"))) == 1
    assert 0 <= names["found"]["sprite"]["figures"]["whole"]["value"] <= 1


def test_no_example_is_left_untested():
    pages = {page.name for page in PAGES if blocks(page, "python")}
    assert pages == {"README.md", "python.md", "checkpoints.md"}  # the last: tests/cli/test_convert_onnx.py
