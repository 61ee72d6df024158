"""generate.py from the outside: what it writes, where, and what it says to a slip."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from stylegan_pokemon.checkpoint import load, save
from stylegan_pokemon.cli.generate import main
from tests.conftest import ROOT
from tests.render.conftest import CLASSES, make_generator, make_run, write_snapshot
from tests.render.gif_blocks import read_gif


@pytest.fixture(scope="module")
def template(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("template")
    make_run(folder / "runs" / "00007-forge-crayon", classes=CLASSES)
    make_run(folder / "runs" / "00002-forge-none", kimgs=["000099"])
    return folder


@pytest.fixture
def here(template, tmp_path, monkeypatch) -> Path:
    """A working directory with two runs in runs/, the newer of them conditional."""
    shutil.copytree(template, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(line: str):
    return CliRunner().invoke(main, line.split())


def done(line: str) -> str:
    result = call(line)
    assert result.exit_code == 0, result.output
    return result.stdout


def read(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


NEWEST = Path("runs/00007-forge-crayon")


def test_without_a_command_the_newest_snapshot_of_the_newest_run_makes_pictures_and_a_grid(here):
    said = done("--trunc 0.7 --seeds 0-4")
    folder = NEWEST / "generated" / "000010" / "psi0.7"
    names = sorted(file.name for file in folder.iterdir())
    assert names == ["grid-seeds0-4.png", *(f"seed000{i}.png" for i in range(5))]
    assert read(folder / "seed0004.png").shape == (16, 16, 3)
    assert read(folder / "grid-seeds0-4.png").shape == (128, 640, 3)
    assert str(NEWEST / "snapshots" / "000010.safetensors") in said
    assert "16 × 16, RGB, 4 classes, on cpu" in said
    assert "drawn from each seed" in said
    assert str(folder / "grid-seeds0-4.png") in said


def test_sixty_four_seeds_are_the_default(here):
    done("--outdir out --no-grid")
    assert sorted(file.name for file in Path("out").iterdir()) == [f"seed{i:04d}.png" for i in range(64)]


def test_what_is_replaced_is_noted_in_one_line(here):
    assert call("--seeds 0-2 --outdir out").stderr == ""
    assert call("--seeds 0-4 --outdir out").stderr == f"note: replaced 3 pictures in out{os.sep}\n"
    sheet = "sweep --seeds 0 --truncs 0,1 --outdir out"
    assert call(sheet).stderr == ""
    assert call(sheet).stderr == f"note: replaced {Path('out', 'sweep-seeds0.png')}\n"


@pytest.mark.parametrize(
    "network",
    [
        "runs/00002-forge-none",
        "runs/00002-forge-none/snapshots/000099.safetensors",
        "runs/00002-forge-none/snapshots",
    ],
)
def test_a_network_can_be_a_file_or_a_run(here, network):
    assert "000099.safetensors (16 × 16, RGB, no classes" in done(
        f"--network {network} --seeds 0 --outdir out"
    )


def test_a_network_from_elsewhere_writes_here(here):
    write_snapshot(Path("mine.safetensors"), make_generator())
    done("--network mine.safetensors --seeds 3")
    assert Path("generated/mine/psi1/seed0003.png").is_file()


def test_official_files_are_networks_too(here, fixtures):
    done(f"--network {fixtures / 'uncond32.pkl'} --seeds 0-1 --outdir u")
    assert read(Path("u/seed0000.png")).shape == (32, 32, 3)
    said = done(f"--network {fixtures / 'cond32.pkl'} --class 2 --seeds 0-1 --outdir c")
    assert "class     class 2" in said


@pytest.mark.parametrize("name", ["uncond32", "cond32"])
def test_pictures_are_those_of_the_reference_implementation(here, fixtures, name):
    """The golden arrays hold z, c and the reference's pictures at psi 0.7; generate renders the same ones."""
    import torch

    from stylegan_pokemon.render.images import fakes_grid
    from stylegan_pokemon.render.loaded import load_generator

    golden = np.load(fixtures / f"{name}_golden.npz")
    source = load_generator(fixtures / f"{name}.pkl", torch.device("cpu"))
    z, c = torch.from_numpy(golden["z"]).float(), torch.from_numpy(golden["c"]).float()
    sheet = fakes_grid(source.G, z, c, 1, truncation_psi=0.7, around="network").reshape(8, 32, 32, 3)
    expected = np.clip(golden["img_const"].transpose(0, 2, 3, 1) * 127.5 + 128, 0, 255).astype(np.uint8)
    assert np.abs(sheet.astype(int) - expected).max() <= 1
    assert (sheet == expected).mean() > 0.99


def test_classes_without_pictures_are_left_out_of_the_sheet_and_named(here):
    networks = load(next((NEWEST / "snapshots").glob("*000010.safetensors")))
    networks.config["class_sizes"] = [5, 0, 0, 3]
    save(here / "few.safetensors", networks)
    result = call("classes --seeds 0-1 --network few.safetensors --outdir out")
    assert result.exit_code == 0, result.output
    assert "left out, since the last training had no pictures of them: water, Grass" in result.stderr
    assert "left out" not in call("classes --seeds 0-1 --outdir all").stderr
    (few,), (whole,) = (list((here / folder).glob("*.png")) for folder in ("out", "all"))
    assert read(few).shape[0] < read(whole).shape[0]


@pytest.mark.parametrize("command", ["classes --seeds 0-1", "sweep --class x", "interpolate --class x"])
def test_a_command_that_is_refused_leaves_no_folder(here, fixtures, command):
    result = call(f"{command} --network {fixtures / 'uncond32.pkl'} --outdir made")
    assert result.exit_code == 2
    assert "classes" in result.stderr
    assert not Path("made").exists()


def test_a_class_is_chosen_by_name_or_number(here):
    def grid(folder):
        return read(Path(folder, "grid-seeds0-3.png"))

    for option in ("--class water", "--class WATER", "--class 1"):
        said = done(f"{option} --seeds 0-3 --outdir {option.split()[1].lower()}x")
        assert "class     water" in said
    np.testing.assert_array_equal(grid("waterx"), grid("1x"))
    done("--class fire --seeds 0-3 --outdir firex")
    assert not np.array_equal(grid("firex"), grid("1x"))


def test_default_folders_tell_results_apart(here):
    done("--seeds 0 --class WATER --noise-mode none --trunc -0.5")
    assert (NEWEST / "generated" / "000010" / "psi-0.5-water-noise-none" / "seed0000.png").is_file()
    # The centre of truncation is a folder of its own, and in the picture's text.
    done("--seeds 0 --class 1 --trunc 0.5")
    done("--seeds 0 --class 1 --trunc 0.5 --around network")
    texts = [
        Image.open(NEWEST / "generated" / "000010" / name / "seed0000.png").text["Description"]
        for name in ("psi0.5-water", "psi0.5-water-around-network")
    ]
    assert ["network's average" in text for text in texts] == [False, True]


@pytest.mark.parametrize("noise_mode", ["const", "random", "none"])
def test_running_again_gives_the_same_bytes(here, noise_mode):
    for folder in ("a", "b"):
        done(f"--seeds 0-2 --noise-mode {noise_mode} --outdir {folder}")
    assert all((Path("b") / file.name).read_bytes() == file.read_bytes() for file in Path("a").iterdir())


def test_sweep_writes_one_labelled_sheet(here):
    said = done("sweep --seeds 0-1,5 --truncs -1,0,1.2")
    path = NEWEST / "generated" / "000010" / "sweep-seeds0-1,5.png"
    assert str(path) in said
    height, width, _ = read(path).shape
    assert width > 3 * 128
    assert height > 3 * 128


@pytest.mark.parametrize("space", ["z", "w"])
@pytest.mark.parametrize("method", ["linear", "spherical"])
def test_interpolate_writes_a_looping_gif(here, space, method):
    options = f"--seeds 0-2 --frames 4 --fps 10 --easing linear --space {space} --method {method}"
    said = done(f"interpolate {options} --trunc 0.8 --outdir out")
    path = Path(f"out/interpolation-seeds0-2-{space}-{method}-psi0.8.gif")
    assert f"{path} (12 frames, 1.2 s" in said
    gif = read_gif(path)
    assert gif.loops == 0
    assert gif.size == (256, 256)
    assert [frame.delay for frame in gif.frames] == [10] * 12


@pytest.mark.parametrize("kind", ["mp4", "webp"])
def test_interpolate_writes_mp4_and_webp(here, kind):
    import imageio.v3 as iio

    done(f"interpolate --seeds 0,3 --frames 5 --format {kind} --scale 2 --outdir out")
    (path,) = Path("out").iterdir()
    assert path.suffix == f".{kind}"
    if kind == "mp4":
        assert iio.imread(path, plugin="FFMPEG").shape == (10, 32, 32, 3)
    else:
        with Image.open(path) as image:
            assert (image.n_frames, image.size) == (10, (32, 32))


def test_progression_renders_the_snapshots_of_a_run(here):
    said = done(f"progression {NEWEST} --seeds 0-3 --class fire --trunc 0.7")
    path = NEWEST / "generated" / "progression-seeds0-3-psi0.7-fire.gif"
    assert str(path) in said
    assert "(snapshots)" in said
    assert [frame.delay for frame in read_gif(path).frames] == [20, 20, 220]


def test_progression_takes_edits(here):
    said = done("progression --seeds 0 --edit pca0:+2")
    assert f"{NEWEST / 'generated' / 'progression-seeds0-psi1-edit-pca0_+2.gif'} (" in said
    assert "--edit needs --source snapshots" in call("progression --edit pca0:+2 --source fakes").output


def test_progression_takes_fakes_when_told_or_when_there_is_but_one_snapshot(here):
    assert "(fakes)" in done(f"progression {NEWEST} --source fakes --fps 2 --hold 0")
    delays = [frame.delay for frame in read_gif(NEWEST / "generated" / "progression-fakes.gif").frames]
    assert delays == [50, 50, 50]
    assert "(fakes)" in done("progression runs/00002-forge-none")
    assert "(snapshots)" in done("progression runs/00002-forge-none --seeds 0-1")


def test_progression_without_a_run_takes_the_newest(here):
    assert str(NEWEST) in done("progression --source fakes --max-frames 2")
    assert len(read_gif(NEWEST / "generated" / "progression-fakes.gif").frames) == 2


@pytest.mark.parametrize(
    "line",
    [
        "--seeds 0-1 --class fire --network runs/00007-forge-crayon --outdir out {} --truncs 0,1",
        "--seeds 0-1 {} --class fire --network runs/00007-forge-crayon --outdir out --truncs 0,1",
        "--seeds 9 --class 3 {} --seeds 0-1 --class fire --truncs 0,1 --outdir out",
    ],
)
def test_options_mean_the_same_before_and_after_the_command_and_the_later_one_counts(here, line):
    done("sweep --seeds 0-1 --class fire --truncs 0,1 --outdir expected")
    done(line.format("sweep"))
    name = "sweep-seeds0-1-fire.png"
    assert [file.name for file in Path("out").iterdir()] == [name]
    assert (Path("out") / name).read_bytes() == (Path("expected") / name).read_bytes()


BAD = {
    "--seeds": "requires an argument",
    "--seeds 5-1": "--seeds: the range 5-1 runs backwards; write 1-5",
    "--seeds x": "--seeds: “x” is no seed, range or latent file",
    "--trunc 1e40": "--trunc: 1e40 is not within -100 … 100",
    "--trunc much": "--trunc: “much” is not a number; write one like 0.7",
    "--trunc nan": "--trunc: nan is not a finite number",
    "--trunc inf": "--trunc: inf is not a finite number",
    "--class steel": "--class: this network has no class “steel”; choose fire, water, Grass, 7, or a number",
    "--class 4": "--class: this network has no class “4”",
    "--network runs/00002-forge-none --class water": "--class: this network is unconditional",
    "--network nowhere": "--network nowhere does not exist",
    "--network empty": "no run with a snapshot in empty",
    "--network note.txt": "neither a .safetensors nor a .pkl",
    "--network broken.safetensors": "broken.safetensors",
    "--noise-mode loud": "'loud' is not one of 'const', 'random', 'none'",
    "--device warp": "--device warp is no device",
    "--batch 0": "'--batch'",
    "--scale 0": "--scale: “0” is no scale",
    "--scale 1.5": "--scale: “1.5” is no scale",
    "--scale 1/32 --seeds 0": "--scale 1/32 does not suit pictures of 16 × 16",
    "--outdir note.txt": "--outdir note.txt cannot be made",
    "--outdir note.txt/x": "--outdir note.txt/x cannot be made",
    "--frobnicate": "No such option",
    "frobnicate": "No such command",
    "--trunc 0.7 sweep": "--trunc does not apply to sweep; give --truncs instead",
    "--no-grid interpolate": "--grid does not apply to interpolate",
    "--network runs progression": "--network does not apply to progression",
    "sweep --truncs": "requires an argument",
    "sweep --truncs 0,much": "--truncs: “much” is not a number",
    "sweep --truncs 0,,1": "--truncs: “” is not a number",
    "sweep --seeds 0-999": "a sheet takes up to 4096",
    "interpolate --seeds 3": "--seeds: an interpolation needs at least two different seeds",
    "interpolate --seeds 3,3": "--seeds: an interpolation needs at least two different seeds",
    "interpolate --frames 1": "'--frames'",
    "interpolate --frames two": "'--frames'",
    "interpolate --fps 0": "--fps: 0 is not within 0.1 … 120",
    "interpolate --fps 60": "--fps 60: gif shows 0.1 to 50 frames a second; --format mp4 goes up to 120",
    "interpolate --easing bouncy": "'bouncy' is not one of",
    "interpolate --space x": "'x' is not one of 'z', 'w'",
    "interpolate --method curly": "'curly' is not one of",
    "interpolate --format avi": "'avi' is not one of",
    "interpolate --seeds 0-999 --frames 9000 --scale 1": "too many for a gif; choose --format mp4",
    "progression nowhere": "nowhere does not exist",
    "progression empty": "no run with a snapshot in empty",
    "progression note.txt": "note.txt is a file; name a run directory",
    "progression young --source fakes": "no fakes<kimg>.png yet",
    "progression young": "holds no snapshot yet",
    "progression --source fakes --seeds 0-3": "--seeds needs --source snapshots; leave one of the two out",
    "--class fire progression --source fakes": "--class needs --source snapshots",
    "progression --max-frames 1": "'--max-frames'",
    "progression --hold -1": "--hold: -1 is not within 0 … 60",
    "--background random": "--background random is for data sets; name one colour",
    "--background mauvish": "--background mauvish is no opaque colour",
    "progression --fps 51": "--fps: 51 is not within 0.1 … 50",
    "progression --source memory": "'memory' is not one of",
}


@pytest.mark.parametrize("line", BAD)
def test_bad_input_is_one_sentence_and_status_2(here, line):
    Path("empty").mkdir()
    Path("young").mkdir()
    Path("young/config.json").write_text("{}", encoding="utf-8")
    Path("note.txt").write_text("a note", encoding="utf-8")
    Path("broken.safetensors").write_bytes(b"not a network")
    result = call(line)
    assert result.exit_code == 2, result.output
    assert BAD[line] in result.stderr
    assert result.stderr.count("Error: ") == 1
    assert result.stderr.splitlines()[-1].startswith("Error: ")
    assert "Traceback" not in result.output
    assert not list(here.glob("**/*.gif"))
    assert not list(here.glob("**/*.tmp*"))


def test_best_takes_the_snapshot_that_best_json_names(here):
    snapshots = sorted(path.stem for path in (NEWEST / "snapshots").iterdir())
    assert snapshots[-1] != snapshots[0]
    result = call("--network best --seeds 1")
    assert result.exit_code == 2
    assert "--network best: the run runs/00007-forge-crayon has no best snapshot" in result.stderr
    (NEWEST / "best.json").write_text(f'{{"snapshot": "{snapshots[0]}.safetensors"}}')
    for network in ("best", "runs/best", "runs/00007-forge-crayon/best"):
        shutil.rmtree(NEWEST / "generated", ignore_errors=True)
        assert f"{snapshots[0]}.safetensors" in done(f"--network {network} --seeds 1")
        assert (NEWEST / "generated" / snapshots[0] / "psi1" / "seed0001.png").is_file()
    assert f"{snapshots[0]}.safetensors" in done("sweep --network best --seeds 1")


def test_no_run_at_all_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for line in ("--trunc 0.7", "sweep", "interpolate", "progression"):
        result = call(line)
        assert result.exit_code == 2
        assert (
            "train one with finetune.py" in result.stderr or "train a run with finetune.py" in result.stderr
        )


@pytest.mark.parametrize("command", [[], ["sweep"], ["interpolate"], ["progression"]])
def test_the_choices_and_defaults_of_the_command_line_are_those_of_the_code(command):
    from stylegan_pokemon.networks.synthesis import NOISE_MODES
    from stylegan_pokemon.render import animation, interpolation, latents, progression, sweep

    expected = {
        "noise_mode": set(NOISE_MODES),
        "easing": set(latents.EASINGS),
        "space": set(interpolation.SPACES),
        "method": set(interpolation.METHODS),
        "format_": set(animation.FORMATS),
    }
    defaults = {
        "truncs": list(sweep.PSIS),
        "max_frames": progression.MAX_FRAMES,
        "hold": progression.HOLD,
        "fps": progression.FPS if command == ["progression"] else 25.0,
    }
    found = main.get_command(None, command[0]) if command else main
    for parameter in found.params:
        if parameter.name in expected:
            assert set(parameter.type.choices) == expected[parameter.name]
        if parameter.name in defaults:
            assert parameter.type.convert(parameter.default, parameter, None) == defaults[parameter.name]


@pytest.mark.parametrize("command", [[], ["sweep"], ["interpolate"], ["progression"]])
def test_help_imports_no_torch(command):
    code = (
        "import sys\n"
        "from stylegan_pokemon.cli.generate import main\n"
        f"main({[*command, '--help']!r}, standalone_mode=False)\n"
        "sys.exit(bool({'torch', 'numpy', 'PIL'} & set(sys.modules)))\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, encoding="utf-8", cwd=ROOT, check=False
    )
    assert result.returncode == 0, result.stderr
    assert "Usage:" in result.stdout
    assert "default" in result.stdout


def test_the_launcher_is_a_manual_and_runs(here):
    launcher = (ROOT / "generate.py").read_text(encoding="utf-8")
    assert all(
        f"python generate.py {command}" in launcher for command in ("--trunc 0.7", "sweep", "interpolate")
    )
    line = [sys.executable, str(ROOT / "generate.py"), "--seeds", "2", "--outdir", "out"]
    result = subprocess.run(line, capture_output=True, encoding="utf-8", check=False)
    assert result.returncode == 0, result.stderr
    assert read(Path("out/seed0002.png")).shape == (16, 16, 3)
