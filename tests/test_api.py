"""`import stylegan_pokemon as sp` does what the commands do, starts at once, and refuses in one sentence."""

import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import stylegan_pokemon as sp
from dataset_tool.forge import forge_folder
from stylegan_pokemon.baselines.build import build_generator
from stylegan_pokemon.baselines.config import BaselineConfig
from stylegan_pokemon.checkpoint import Networks, save
from stylegan_pokemon.cli.generate import main as generate
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("api")
    forge_folder(folder / "sprites", 24, "sprite", size=32, workers=1, progress=False)
    report = sp.convert(folder / "sprites", folder / "my32.zip", resolution=32, labels="folder")
    assert (report.pictures, len(report.problems)) == (24, 0)
    return folder / "my32.zip"


def test_the_import_takes_less_than_a_tenth_of_a_second_and_no_torch():
    script = (
        "import sys, time; started = time.process_time(); import stylegan_pokemon as sp\n"
        "assert time.process_time() - started < 0.1 and not {'torch', 'numpy'} & set(sys.modules); sp.load"
    )
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True)


def test_pictures_are_those_of_the_command(tmp_path):
    found = sp.generate("crayon32", seeds=[3, 9], trunc=0.7)
    arguments = ["--network", "crayon32", "--seeds", "3,9", "--trunc", "0.7", "--outdir", str(tmp_path)]
    assert CliRunner().invoke(generate, arguments).exit_code == 0
    for picture, seed in zip(found, (3, 9), strict=True):
        assert np.array_equal(picture, np.asarray(Image.open(tmp_path / f"seed{seed:04d}.png")))
    edited = sp.generate("crayon32", seeds=[3, 9], trunc=0.7, edit="1:+2")
    assert CliRunner().invoke(generate, [*arguments, "--edit", "1:+2"]).exit_code == 0
    assert np.array_equal(edited[1], np.asarray(Image.open(tmp_path / "seed0009.png")))
    assert not np.array_equal(edited, found)


def test_a_run_calls_back_at_every_tick_and_is_continued(data, tmp_path):
    ticks = []
    common = {"outdir": tmp_path, "metrics": "none", "device": "cpu", "batch": 4, "tick": 0.004}
    run = sp.finetune(data=data, kimg=0.008, on_tick=ticks.append, report=False, **common)
    assert [(tick["run"], tick["kimg"]) for tick in ticks] == [(run, 0.004), (run, 0.008)]
    assert not (run / "report.html").exists()
    assert sp.finetune(resume=run, kimg=0.012, on_tick=ticks.append) == run
    assert ticks[-1]["kimg"] == 0.012
    assert len(ticks) == 3
    assert (run / "report.html").is_file()
    assert sp.load(run).path == run / "snapshots" / "000000.012.safetensors"


def test_what_the_callback_raises_ends_the_run_which_can_be_continued(data, tmp_path):
    def stop(tick):
        raise RuntimeError(f"enough at {tick['kimg']}")

    common = {"outdir": tmp_path, "metrics": "none", "device": "cpu", "batch": 4, "tick": 0.004}
    with pytest.raises(RuntimeError, match=r"enough at 0\.004"):
        sp.finetune(data=data, kimg=0.008, on_tick=stop, **common)
    (run,) = tmp_path.iterdir()
    assert sp.finetune(resume=run) == run
    assert (run / "snapshots" / "000000.008.safetensors").is_file()


def test_a_network_is_measured(data):
    found = sp.measure("crayon32", data, num=32)
    assert found["samples"] == 32
    assert set(found["values"]) == {"swd"}
    assert 0 <= found["sprite"]["figures"]["whole"]["value"] <= 1


def test_a_baseline_network_is_measured_at_its_own_size(data, tmp_path):
    networks = Networks(G_ema=build_generator(BaselineConfig("dcgan-tricks", 28)))
    networks.record_architectures()
    save(tmp_path / "dcgan.safetensors", networks)
    assert sp.measure(tmp_path / "dcgan.safetensors", data, metrics="sprite", num=16)["samples"] == 16


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: sp.finetune(kimgs=3), "no option kimgs; did you mean kimg"),
        (lambda: sp.finetune(kimg="20"), "--kimg 20 must be a number"),
        (lambda: sp.finetune(batch=1.5), "--batch 1.5 must be a whole number"),
        (lambda: sp.finetune(data="none.zip"), "none.zip"),
        (lambda: sp.convert("none", "out.zip", colour=1), "no option colour; choose among resolution"),
        (lambda: sp.load("nonesuch64"), "nonesuch64"),
        (lambda: sp.generate("crayon32", seeds=[]), "seeds is empty"),
        (lambda: sp.generate("crayon32", class_="Fire"), "class"),
    ],
)
def test_bad_input_is_one_sentence(call, sentence):
    with pytest.raises(sp.UserError, match=sentence):
        call()
