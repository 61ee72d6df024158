"""`make demo` in small: everything from the embedded checkpoint and forged sprites, with no option given."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from dataset_tool import forge
from stylegan_pokemon.cli import forged
from stylegan_pokemon.cli.demo import demo


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(forged, "COUNT", 16)
    monkeypatch.setattr("stylegan_pokemon.cli.demo._METRICS_NUM", 16)
    monkeypatch.setenv("STYLEGAN_POKEMON_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_the_demo_leaves_everything_it_promises(tmp_path, cache):
    result = CliRunner().invoke(demo, ["--kimg", "0.016", "--outdir", str(tmp_path / "runs")])
    assert result.exit_code == 0, result.output
    assert "starting from the embedded checkpoint creatures64.safetensors" in result.output
    (run,) = (tmp_path / "runs").iterdir()
    config = json.loads((run / "config.json").read_text(encoding="utf-8"))
    assert (config["images"], config["img_resolution"], len(config["classes"])) == (16, 64, 0)
    assert "16 pictures measured: FD" in result.output
    assert str(run / "report.html") in result.output
    assert (run / "report.html").is_file()
    kinds = {
        "adaptation.png": run,
        "progression.gif": run,
        "sweep*.png": run / "generated",
        "interpolation*.gif": run / "generated",
    }
    for pattern, folder in kinds.items():
        (path,) = folder.rglob(pattern)
        with Image.open(path) as picture:
            assert getattr(picture, "n_frames", 1) > 1 or path.suffix == ".png"
        assert str(path) in result.output
    assert "python finetune.py --data my64.zip" in result.output.partition("Next, with your own sprites:")[2]


def test_forged_sprites_are_drawn_once_and_kept(cache):
    first = forged.forged_dataset(16)
    written = first.stat().st_mtime_ns
    assert forged.forged_dataset(16) == first
    assert first.stat().st_mtime_ns == written
    assert forged.forged_dataset(32) != first
    assert sorted(path.name for path in first.parent.iterdir()) == [
        "forged-sprites-16.zip",
        "forged-sprites-32.zip",
    ]
    assert [folder.name for folder in cache.iterdir()] == [first.parent.name]


def test_another_artist_or_other_settings_draw_anew(cache, monkeypatch):
    first = forged.forged_dataset(16)
    monkeypatch.setattr(forged, "SEED", forged.SEED + 1)
    assert forged.forged_dataset(16) != first


@pytest.mark.parametrize("module", ["sprite_style.py", "anatomy/birds.py"])
def test_every_module_of_the_artist_counts(tmp_path, module):
    package = tmp_path / "forge"
    shutil.copytree(Path(forge.__file__).parent, package)
    before = forged._digest(package)
    assert forged._digest(package) == before
    with open(package / module, "a", encoding="utf-8") as file:
        file.write("# another beak\n")
    assert forged._digest(package) != before
