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
from stylegan_pokemon.training.planning import length
from stylegan_pokemon.training.settings.options import Options


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(forged, "COUNT", 16)
    monkeypatch.setattr("stylegan_pokemon.cli.demo._METRICS_NUM", 16)
    monkeypatch.setenv("STYLEGAN_POKEMON_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_the_demo_leaves_everything_it_promises(tmp_path, cache, monkeypatch):
    monkeypatch.setattr(length, "seconds_per_iteration", lambda trainer: 80.0)  # so a tick is an iteration
    monkeypatch.setattr(length, "LEAST_KIMG", 0.001)
    monkeypatch.setattr(length, "TICKS", 3)
    monkeypatch.setattr("stylegan_pokemon.cli.demo._SNAP", 3)
    result = CliRunner().invoke(demo, ["--outdir", str(tmp_path / "runs")])
    assert result.exit_code == 0, result.output
    assert "starting from the embedded checkpoint creatures64.safetensors" in result.output
    (run,) = (tmp_path / "runs").glob("0*")
    config = json.loads((run / "config.json").read_text(encoding="utf-8"))
    assert (config["images"], config["img_resolution"], len(config["classes"])) == (16, 64, 0)
    assert (config["kimg"], config["tick_kimg"]) == (0.024, 0.008)  # three iterations: four minutes
    assert "0.024 kimg long, about 4.0 minutes" in result.output
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
            assert getattr(picture, "n_frames", 1) > 3 or path.suffix == ".png"
        assert str(path) in result.output
    assert "python finetune.py --data my64.zip" in result.output.partition("Next, with your own sprites:")[2]


class Reached(Exception):
    pass


def stopped(*arguments, **keywords):
    raise Reached(arguments, keywords)


def test_what_the_checkpoint_draws_untouched_is_there_before_anything_that_takes_long(
    tmp_path, cache, monkeypatch
):
    """Before sprites are forged, and without waiting for kernels to be compiled."""
    monkeypatch.setattr("stylegan_pokemon.training.session.finetune", stopped)
    monkeypatch.setattr("stylegan_pokemon.ops.backend._providers", [stopped])
    result = CliRunner().invoke(demo, ["--outdir", str(tmp_path / "runs")])
    assert isinstance(result.exception, Reached)
    (grid,) = (tmp_path / "runs" / "creatures64").glob("grid*.png")
    assert str(grid) in result.output
    assert not cache.exists()
    with Image.open(grid) as picture:
        assert picture.size == (8 * 128, 4 * 128)


@pytest.mark.parametrize(
    ("asked", "minutes", "kimg"),
    [([], 4.0, Options.kimg), (["--kimg", "3"], None, 3.0), (["--kimg", "0.3"], None, 0.3)],
)
def test_kimg_fixes_the_length_which_is_four_minutes_else(tmp_path, cache, monkeypatch, asked, minutes, kimg):
    monkeypatch.setattr("stylegan_pokemon.training.session.finetune", stopped)
    monkeypatch.setattr("stylegan_pokemon.cli.generate.main", lambda *arguments, **keywords: None)
    result = CliRunner().invoke(demo, [*asked, "--outdir", str(tmp_path / "runs")])
    (options, *_), keywords = result.exception.args
    assert keywords["minutes"] == minutes
    assert options.kimg == kimg
    assert kimg / options.tick >= 6


def test_a_length_that_cannot_be_is_refused_before_anything_is_written(tmp_path):
    result = CliRunner().invoke(demo, ["--kimg", "-1", "--outdir", str(tmp_path / "runs")])
    assert result.exit_code == 2
    assert "--kimg -1 must be at least 0.001" in result.output
    assert not (tmp_path / "runs").exists()


def test_forged_sprites_are_drawn_once_and_kept(cache, monkeypatch):
    monkeypatch.setattr(forged, "COUNT", 2)
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
    monkeypatch.setattr(forged, "COUNT", 2)
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
