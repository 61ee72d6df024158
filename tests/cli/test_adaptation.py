"""From a fine-tuning run to pictures between its start and its end, on the command line."""

import json
import shutil
import struct
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from stylegan_pokemon.checkpoint import load, save
from stylegan_pokemon.cli.convert import convert
from stylegan_pokemon.cli.finetune import finetune
from stylegan_pokemon.cli.generate import main as generate
from stylegan_pokemon.cli.metrics import metrics
from stylegan_pokemon.networks.blending import adapt
from stylegan_pokemon.render.loaded import load_generator
from tests.cli.trainings import SHORT
from tests.conftest import FIXTURES
from tests.metrics.scripts import Plain
from tests.metrics.scripts import save as save_script
from tests.training.pictures import write_dataset
from tests.training.sameness import assert_same_run, tensor_digests

SNAPSHOT = "snapshots/000000.032.safetensors"


def invoke(command, *arguments):
    return CliRunner().invoke(command, [*map(str, arguments)])


def done(command, *arguments):
    result = invoke(command, *arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def refused(command, *arguments):
    result = invoke(command, *arguments)
    assert result.exit_code == 2, result.output
    assert result.stderr.count("\n") == 1
    return result.stderr


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """`runs/` with one run from nothing and, from its weights, one without classes and one with them."""
    home = tmp_path_factory.mktemp("home")
    data = write_dataset(home / "discs.zip", count=16, classes=2)
    place = ["--data", data, "--outdir", home / "runs", "--device", "cpu"]
    done(finetune, *SHORT, *place)
    done(convert, home / "runs" / "00000-discs-fresh" / SNAPSHOT, home / "begin.safetensors", "--half")
    tune = [*place, "--resume", home / "begin.safetensors", "--metrics", "none", "--batch", "8"]
    said = done(finetune, *tune, "--kimg", "0.032", "--tick", "0.016", "--lr", "0.02")
    assert "adaptation.png shows networks between the start (0) and the end (1) of this run" in said
    done(finetune, *tune, "--kimg", "0.032", "--tick", "0.032", "--lr", "0.02", "--cond")
    return home


@pytest.fixture
def tuned(home, tmp_path) -> Path:
    """A copy of the run without classes."""
    return shutil.copytree(home / "runs" / "00001-discs-from-begin", tmp_path / "00001-discs-from-begin")


@pytest.fixture(scope="module")
def conditional(home) -> Path:
    return home / "runs" / "00002-discs-from-begin"


def drawn(network, folder, *options):
    plain = ["--seeds", "0-7", "--refine", "0", "--device", "cpu", "--outdir", folder]
    done(generate, "--network", network, *plain, *options)
    with Image.open(folder / "grid-seeds0-7.png") as picture:
        return np.asarray(picture)


def test_every_snapshot_holds_the_start_which_is_what_the_checkpoint_was(home, tuned):
    begin = tensor_digests(home / "begin.safetensors")
    for name in ("000000.016.safetensors", "000000.032.safetensors"):
        found = tensor_digests(tuned / "snapshots" / name)
        start = {key: value for key, value in found.items() if "_start." in key}
        assert start == {key.replace("G_ema.", "G_start.").replace("D.", "D_start."): value
                         for key, value in begin.items() if not key.startswith("G.")}  # fmt: skip
    with open(tuned / SNAPSHOT, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
    assert {entry["dtype"] for key, entry in header.items() if "_start." in key} == {"F16"}
    assert list(tensor_digests(tuned / "state" / "start.safetensors")) == list(start)
    with Image.open(tuned / "adaptation.png") as sheet:
        assert sheet.width > 5 * 128
    assert b"Between start and end" in (tuned / "report.html").read_bytes()


def test_a_run_from_nothing_keeps_no_start_and_is_refused_in_one_sentence(home):
    run = home / "runs" / "00000-discs-fresh"
    assert not (run / "adaptation.png").exists()
    assert not (run / "state" / "start.safetensors").exists()
    assert not any("_start" in name for name in tensor_digests(run / SNAPSHOT))
    why = "it was trained from nothing, so its start is noise; leave --adaptation out"
    for line in (["--adaptation", "0.5"], ["--adaptation", "1"], ["adaptation"]):
        assert why in refused(generate, "--network", run, *line)
    assert why in refused(convert, run / SNAPSHOT, home / "no.pkl", "--adaptation", "0.5")
    assert not (home / "no.pkl").exists()
    assert not (run / "generated").exists()


def test_at_0_it_draws_what_the_checkpoint_draws_and_at_1_what_it_draws_without(home, tuned, tmp_path):
    begin = drawn(home / "begin.safetensors", tmp_path / "a")
    end = drawn(tuned, tmp_path / "b")
    assert np.array_equal(drawn(tuned, tmp_path / "c", "--adaptation", 0), begin)
    assert np.array_equal(drawn(tuned, tmp_path / "d", "--adaptation", 1), end)
    between = drawn(tuned, tmp_path / "e", "--adaptation", 0.5)
    assert not np.array_equal(between, begin)
    assert not np.array_equal(between, end)


def test_classes_that_the_start_had_not_come_with_the_last_layers(home, conditional, tmp_path):
    """At kimg 0 all classes draw what the checkpoint drew without any: transfer begins them so."""
    begin = drawn(home / "begin.safetensors", tmp_path / "begin").astype(int)
    for adaptation in (0, 0.5):
        first, second = (
            drawn(conditional, tmp_path / f"{name}{adaptation}", "--class", name, "--adaptation", adaptation)
            for name in ("class0", "class1")
        )
        line = ["--network", conditional, "--seeds", "0", "--adaptation", adaptation, "--device", "cpu"]
        said = invoke(generate, *line, "--outdir", tmp_path / "said").stderr
        assert f"at adaptation {adaptation} all classes draw alike, since the start had none" in said
        assert np.array_equal(first, second)
        moved = np.abs(first - begin).max()
        assert moved <= 1 if adaptation == 0 else moved > 1  # the start is rounded to 16 bits
    assert "alike" not in invoke(generate, *line[:4], "--outdir", tmp_path / "said").stderr
    mapping = load_generator(conditional / SNAPSHOT, torch.device("cpu"), 1).G.mapping
    assert not torch.equal(*mapping(torch.ones(2, 16), torch.eye(2))[:, 0])


def test_every_command_takes_it_and_says_it_in_the_name_of_its_file(tuned):
    made = tuned / "generated"
    options = ["--network", tuned, "--adaptation", "0.5", "--device", "cpu"]
    assert "adaptation 0.5, on cpu" in done(generate, "--seeds", "0-1", "--trunc", "0.7", *options)
    picture = made / "000000.032" / "psi0.7-adaptation0.5" / "seed0000.png"
    text = Image.open(picture).text["Description"]
    assert "network 000000.032.safetensors at adaptation 0.5" in text
    done(generate, "sweep", "--seeds", "0-1", "--truncs", "0,1", *options)
    assert (made / "000000.032" / "sweep-seeds0-1-adaptation0.5.png").is_file()
    done(generate, "interpolate", "--seeds", "0-1", "--frames", "2", *options)
    assert list((made / "000000.032").glob("interpolation-*-psi1-adaptation0.5.gif"))
    said = done(generate, "progression", tuned, "--seeds", "0-1", "--adaptation", "0.5", "--device", "cpu")
    assert "progression-seeds0-1-psi1-adaptation0.5.gif" in said
    assert "(snapshots)" in said


def test_the_class_sheet_takes_it_too(conditional, tmp_path):
    done(generate, "classes", "--network", conditional, "--seeds", "0-1", "--adaptation", "0.5",
         "--outdir", tmp_path, "--device", "cpu")  # fmt: skip
    assert (tmp_path / "classes-seeds0-1-psi1-adaptation0.5.png").is_file()


def test_the_adaptation_command_writes_one_sheet(tuned, tmp_path):
    line = ["--seeds", "0-1", "adaptation", "--network", tuned, "--adaptations", "0,1", "--trunc", "0.7"]
    said = done(generate, *line, "--device", "cpu")
    path = tuned / "generated" / "000000.032" / "adaptation-seeds0-1-psi0.7.png"
    assert str(path) in said
    with Image.open(path) as sheet:
        assert sheet.height > 2 * 128


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("--adaptation 1.5", "--adaptation: 1.5 is not within 0 … 1"),
        ("--adaptation half", "--adaptation: “half” is not a number"),
        ("adaptation --adaptations 0,2", "--adaptations: 2 is not within 0 … 1"),
        (
            "--adaptation 0.5 adaptation",
            "--adaptation does not apply to adaptation; give --adaptations instead",
        ),
        ("adaptation --seeds 0-999", "--seeds × --adaptations make 5000 pictures; a sheet takes up to 4096"),
        (
            f"--network {FIXTURES / 'uncond32.pkl'} --adaptation 0",
            "uncond32.pkl: it holds no start (G_start)",
        ),
    ],
)
def test_what_cannot_be_is_one_sentence(home, monkeypatch, line, sentence):
    monkeypatch.chdir(home)
    assert sentence in refused(generate, *line.split())


def test_training_grids_cannot_be_adapted(tuned):
    said = refused(generate, "progression", tuned, "--source", "fakes", "--adaptation", "0.5")
    assert "--adaptation needs --source snapshots; leave one of the two out" in said


def test_a_continued_run_goes_on_with_the_same_start(home, tuned, tmp_path):
    parts = tmp_path / "parts"
    (parts / "00000-other").mkdir(parents=True)  # so that the run has the same name
    begin = ["--data", home / "discs.zip", "--resume", home / "begin.safetensors", "--outdir", parts]
    short = ["--metrics", "none", "--batch", "8", "--tick", "0.016", "--lr", "0.02", "--device", "cpu"]
    done(finetune, *begin, *short, "--kimg", "0.016")
    run = parts / "00001-discs-from-begin"
    (home / "begin.safetensors").rename(tmp_path / "away")  # the run directory is all that it needs
    try:
        done(finetune, "--resume", run, "--kimg", "0.032")
    finally:
        (tmp_path / "away").rename(home / "begin.safetensors")
    assert (run / "state" / "start.safetensors").read_bytes()
    shutil.rmtree(run / "generated", ignore_errors=True)
    assert_same_run(_without_report(run), _without_report(tuned))


def _without_report(run):
    (run / "report.html").unlink(missing_ok=True)
    return run


def test_an_older_run_goes_on_without_a_start_and_says_so_once(tuned):
    (tuned / "state" / "start.safetensors").unlink()
    said = done(finetune, "--resume", tuned, "--kimg", "0.064")
    assert said.count("note: snapshots are written without the start of the run, which --adaptation") == 1
    newest = tuned / "snapshots" / "000000.064.safetensors"
    assert [name for name, _ in load(newest).items()] == ["G", "D", "G_ema"]
    assert "grid" in done(generate, "--network", tuned, "--seeds", "0", "--device", "cpu")
    said = refused(generate, "--network", tuned, "--adaptation", "0.5")
    assert "000000.064.safetensors: it holds no start (G_start); snapshots of fine-tuning runs do" in said


def test_a_snapshot_with_a_start_is_a_checkpoint_like_any_other(home, tuned, tmp_path):
    arguments = ["--data", home / "discs.zip", "--resume", tuned / SNAPSHOT, "--outdir", tmp_path / "runs"]
    short = ["--metrics", "none", "--batch", "8", "--kimg", "0.008", "--device", "cpu"]
    done(finetune, *arguments, *short)
    (run,) = (tmp_path / "runs").iterdir()
    before, after = load(tuned / SNAPSHOT).G_ema, load(run / "snapshots" / "000000.008.safetensors").G_start
    for name, tensor in after.state_dict().items():
        assert torch.equal(tensor, before.state_dict()[name].half().float()), name


def position(tuned, adaptation=0.6):
    networks = load(tuned / SNAPSHOT)
    return adapt(networks.G_start, networks.G_ema, adaptation)


@pytest.mark.parametrize("suffix", [".pkl", ".safetensors"])
def test_convert_writes_the_network_that_generate_draws_with(tuned, tmp_path, suffix):
    out = tmp_path / f"out{suffix}"
    said = done(convert, tuned / SNAPSHOT, out, "--adaptation", "0.6")
    assert " at adaptation 0.6, " in said
    networks = load(out)
    assert networks.G_start is None
    assert networks.config["adaptation"] == 0.6
    expected = position(tuned).state_dict()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in networks.G_ema.state_dict().items())
    ours = drawn(tuned, tmp_path / "a", "--adaptation", "0.6")
    assert np.array_equal(drawn(out, tmp_path / "b"), ours)
    assert "it was written at one adaptation already" in refused(
        generate, "--network", out, "--adaptation", 0
    )


def test_convert_exports_a_position_as_onnx(tuned, tmp_path):
    said = done(convert, tuned / SNAPSHOT, tmp_path / "out.onnx", "--adaptation", "0.6")
    assert "G_ema at adaptation 0.6" in said
    z = torch.linspace(-1, 1, 32).reshape(2, 16)
    feeds = {"z": z.numpy(), "truncation_psi": np.array([0.7], np.float32)}
    session = onnxruntime.InferenceSession(tmp_path / "out.onnx")
    (found,) = session.run(["images"], feeds)
    expected = position(tuned)(z, truncation_psi=0.7, noise_mode="const").numpy()
    assert np.abs(found - expected).max() <= 1e-4 * np.abs(expected).max()
    assert json.loads(session.get_modelmeta().custom_metadata_map["config"])["adaptation"] == 0.6


def test_convert_keeps_the_start_unless_told_otherwise(tuned, tmp_path):
    assert "G, D, G_ema, G_start, D_start," in done(convert, tuned / SNAPSHOT, tmp_path / "all.safetensors")
    assert tensor_digests(tmp_path / "all.safetensors") == tensor_digests(tuned / SNAPSHOT)
    only = tmp_path / "only.safetensors"
    done(convert, tuned / SNAPSHOT, only, "--only", "G_ema,G_start")
    assert drawn(only, tmp_path / "a", "--adaptation", "0.6").any()
    said = refused(convert, tuned / SNAPSHOT, tmp_path / "g.pkl", "--only", "G", "--adaptation", "0.6")
    assert f"--only G: {tuned / SNAPSHOT} at adaptation 0.6 holds D, G_ema" in said


def test_metrics_measure_a_position_and_say_which(home, tuned, tmp_path):
    save_script(Plain(), tmp_path / "plain.pt")
    common = ["--data", home / "discs.zip", "--num", "16", "--device", "cpu", "--metrics", "kid",
              "--features", tmp_path / "plain.pt", "--json"]  # fmt: skip
    moved = tmp_path / "moved.safetensors"
    save(moved, load(tuned / SNAPSHOT).at(0.5))
    here, there, end = (
        json.loads(done(metrics, *common, "--network", *network))
        for network in ((tuned, "--adaptation", "0.5"), (moved,), (tuned,))
    )
    assert here["values"] == there["values"] != end["values"]
    assert [found["network"]["adaptation"] for found in (here, there, end)] == [0.5, 1, 1]
    said = done(metrics, *common[:-1], "--network", tuned, "--adaptation", "0.5")
    assert said.splitlines()[0].endswith("…, adaptation 0.5")
    said = refused(metrics, *common, "--pictures", home / "discs.zip", "--adaptation", "0.5")
    assert "--adaptation 0.5 is of a network, not of --pictures" in said
