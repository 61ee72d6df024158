"""generate.py mix, directions, breed, loop, --edit and --around from the outside."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from stylegan_pokemon.cli.generate import main
from stylegan_pokemon.cli.generate_commands import COMMANDS
from stylegan_pokemon.render.stored import read_picture_facts
from tests.render.conftest import CLASSES, make_generator, write_snapshot


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """A working directory with a network with classes and one that draws alpha."""
    write_snapshot(tmp_path / "a.safetensors", make_generator(c_dim=4), classes=CLASSES)
    write_snapshot(tmp_path / "rgba.safetensors", make_generator(img_channels=4))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STYLEGAN_POKEMON_CACHE", str(tmp_path / "cache"))
    return tmp_path


def call(line: str, network: str = "a"):
    return CliRunner().invoke(main, [*line.split(), "--network", f"{network}.safetensors", "--outdir", "out"])


def done(line: str, network: str = "a") -> list[str]:
    """The names of the files that a command writes."""
    before = {path: path.stat().st_mtime_ns for path in Path("out").glob("*")}
    result = call(line, network)
    assert result.exit_code == 0, result.output
    return sorted(path.name for path in Path("out").iterdir() if before.get(path) != path.stat().st_mtime_ns)


def read(name: str) -> np.ndarray:
    with Image.open(Path("out", name)) as image:
        return np.asarray(image)


def test_mixtures_are_latents_too(here):
    stem = "mix-seeds0,2-with-4-5-coarse-psi0.7-fire"
    line = "mix --rows 0,2 --cols 4,5 --layers coarse --trunc 0.7 --class fire"
    assert done(line) == [f"{stem}.png"]
    assert done(f"{line} --save-latents") == [f"{stem}.{end}" for end in ("json", "npz", "png")]
    said = json.loads(Path("out", f"{stem}.json").read_text())["latents"][1]
    assert said["mixed"] == {"row": "seed 0", "column": "seed 5", "layers": "coarse"}
    assert len(done(f"--seeds out/{stem}.npz --no-grid")) == 4
    assert "may be truncated already" in call(f"--seeds out/{stem}.npz --no-grid --trunc 0.7").stderr


def test_a_png_is_drawn_again_with_the_class_that_it_shows(here):
    write_snapshot(Path("numbers.safetensors"), make_generator(c_dim=4), classes=["3", "2", "1", "0"])
    done("--seeds 5 --no-grid --class 3 --trunc 0.7 --edit pca0:+1", network="numbers")
    done("--seeds 6 --no-grid --class 2 --trunc 0.7 --noise-mode random", network="numbers")
    for name in ("seed0005.png", "seed0006.png"):
        source = Path("out", name).rename(name)
        done(f"--from-image {name} --no-grid", network="numbers")
        assert np.array_equal(read(name), np.asarray(Image.open(source)))


@pytest.mark.parametrize("edit", ["", "--edit pca0:+1"])
def test_a_png_of_another_network_is_noted(here, edit):
    done(f"--seeds 5 --no-grid {edit}")
    write_snapshot(Path("other.safetensors"), make_generator(1, c_dim=4), classes=CLASSES)
    result = call("--from-image out/seed0005.png --no-grid", network="other")
    assert result.stderr.count("is of a.safetensors, not of this other.safetensors") == 1


def test_directions_are_a_sheet_and_a_film_and_their_names_are_edits(here):
    assert done("directions --kind named --count 5 --no-film --seeds 1") == [
        "directions-seeds1-named-all-psi1.png"
    ]
    files = done("directions --only 0,pca1,fire --layers coarse --seeds 1 --format webp --amounts -2,2")
    assert files == [f"directions-seeds1-chosen-coarse-psi1.{end}" for end in ("png", "webp")]
    plain = [read(name) for name in done("--seeds 1 --no-grid")]
    for edit in ("0@coarse:+2", "pca1:-1,fire:+0.5", "bigger:3"):
        (name,) = done(f"--seeds 1 --no-grid --edit {edit}")
        assert not np.array_equal(read(name), plain[0])
    assert done("sweep --seeds 1 --edit fire:+1") == ["sweep-seeds1-edit-fire_+1.png"]
    assert done("interpolate --seeds 1,2 --frames 2 --edit 0:-1") == [
        "interpolation-seeds1-2-z-spherical-psi1-edit-0_-1.gif"
    ]


def test_children_are_pictures_a_sheet_and_latents_and_have_children(here):
    files = done("breed 3 7 --children 3 --seed 5")
    (stem,) = [Path(name).stem for name in files if name.endswith(".npz")]
    assert files == [
        f"breed-{stem}.png",
        *(f"{stem}-00{i}.png" for i in range(3)),
        *(f"{stem}.json", f"{stem}.npz"),
    ]
    assert read_picture_facts(Path("out", f"{stem}-001.png"))["lineage"].items() >= {
        "generation": 1, "mutation": 0.15, "seed": 5,
    }.items()  # fmt: skip
    pictures = [read(f"{stem}-00{i}.png") for i in range(3)]
    again = done(f"--seeds out/{stem}.npz --no-grid")
    assert all(np.array_equal(read(name), picture) for name, picture in zip(again, pictures, strict=True))


def test_names_of_children_do_not_grow_with_their_ancestors(here):
    files = done("breed 3 7 --children 2")
    for _ in range(3):
        one, other = (f"out/{name}" for name in files if name.endswith(("-000.png", "-001.png")))
        files = done(f"breed {one} {other} --children 2 --mutation 0")
    assert [re.sub("[0-9a-f]{8}", "…", name) for name in files] == [
        "breed-gen4-….png", "gen4-…-000.png", "gen4-…-001.png", "gen4-….json", "gen4-….npz",
    ]  # fmt: skip
    (name,) = done(f"sweep --seeds {one},{other},5 --edit {','.join(['fire:+1'] * 30)}")
    assert len(name) < 160


def test_loops_and_grids_of_films(here):
    assert done("loop --seeds 0-3 --frames 6 --format apng") == ["loop-seeds0-3-circle0.6-psi1.apng"]
    with Image.open("out/loop-seeds0-3-circle0.6-psi1.apng") as film:
        assert (film.n_frames, film.size) == (6, (256, 256))
    assert done("loop --path pulse --truncs -1,1 --frames 8") == ["loop-seeds0-pulse-1to1.gif"]
    files = done(
        "loop --path noise --reach 0.3 --frames 4 --seeds 2 --format webp --around centres:5 --trunc 0.7"
    )
    assert files == ["loop-seeds2-noise0.3-psi0.7-around-centres_5.webp"]
    assert done("interpolate --seeds 0-5 --grid 3x1 --frames 3 --scale 1") == [
        "interpolation-seeds0-5-z-spherical-psi1.gif"
    ]
    with Image.open("out/interpolation-seeds0-5-z-spherical-psi1.gif") as film:
        assert (film.n_frames, film.size) == (6, (48, 16))
    for classes, count in (("fire,7,1", 6), ("all", 8)):
        (name,) = done(f"interpolate --seeds 3 --classes {classes} --frames 2 --scale 1")
        assert name == "interpolation-seeds3-classes-z-spherical-psi1.gif"
        with Image.open(f"out/{name}") as film:
            assert film.n_frames == count


@pytest.mark.parametrize("kind", ["webp", "apng", "gif"])
def test_transparent_films_are_those_of_networks_with_alpha(here, kind):
    (name,) = done(f"loop --frames 3 --transparent --scale 1 --format {kind}", "rgba")
    assert name == f"loop-seeds0-circle0.6-transparent-psi1.{kind}"
    with Image.open(f"out/{name}") as film:
        alpha = np.asarray(film.convert("RGBA"))[..., 3]
    assert alpha.min() < 128 < alpha.max()


def test_help_lists_every_command_under_what_people_want():
    text = CliRunner().invoke(main, ["--help"]).stdout
    for heading, commands in COMMANDS.items():
        section = text.partition(f"\n{heading}:\n")[2].partition("\n\n")[0]
        assert [line.split()[0] for line in section.splitlines() if line[2:3].strip()] == list(commands)


BAD = {
    "--edit": "requires an argument",
    "--edit fire": "--edit: “fire” is no edit; write DIRECTION:AMOUNT, such as 0:+2.5",
    "--edit steel:1": "this network has no direction “steel”; choose fire, water, grass",
    "--edit b:1": "--edit: “b” may be bigger, brighter or bluer",
    "--edit 0@fine:1": "layers fine: this network has the layers 0-5",
    "--edit 99:1": "has the directions 0 to 15",
    "--around centre:4": "is no centre; choose class, network or centres:2",
    "mix --layers rough": "--layers: “rough” names no layers; choose coarse, middle, fine, all, or write 0-6",
    "mix --layers fine": "layers fine: this network has the layers 0-5",
    "mix --rows 0-99 --cols 0-99": "a sheet takes up to 4096",
    "mix --seeds 3": "No such option",
    "directions --only 0 --count 3": "--count and --only do not go together",
    "directions --only steel": "no direction “steel”",
    "directions --fps 3": "No such option",
    "breed": "Missing argument",
    "breed 3": "at least two different parents, such as: breed 3 7",
    "breed 3 3": "at least two different parents",
    "breed 3 x": "“x” is no seed, range or latent file",
    "breed 3 7 --mutation 2": "--mutation: 2 is not within 0 … 1",
    "breed 3 7 --generation 0": "'--generation'",
    "loop --path eight": "'eight' is not one of",
    "loop --reach 2": "--reach: 2 is not within 0 … 1",
    "loop --path pulse --reach 1": "--reach does not apply to --path pulse",
    "loop --path pulse --trunc 1": "--trunc does not apply to --path pulse",
    "loop --truncs 0,1": "--truncs does not apply to --path circle",
    "loop --path pulse --truncs 1": "--truncs: a pulse goes between two values",
    "loop --seeds 0-2 --grid 2x2": "--grid: 3 seeds do not fill 2x2",
    "loop --transparent": "--transparent: a.safetensors draws no transparency",
    "loop --transparent --format mp4": "--transparent: an mp4 has no transparency",
    "interpolate --grid 3": "--grid: “3” is no grid; write 1 to 16 columns and rows, such as 3x3",
    "interpolate --grid 0x3": "is no grid",
    "interpolate --seeds 0-6 --grid 2x2": "--grid: 7 seeds do not divide among 4 films",
    "interpolate --seeds 0-3 --grid 2x2": "at least two different seeds for each film, such as 0-7",
    "interpolate --classes fire --class fire": "--class and --classes do not go together",
    "interpolate --seeds 1 --classes fire": "--classes: one seed and one class make no film",
    "interpolate --seeds 1 --classes steel": "--classes: this network has no class “steel”",
    "--trunc 1 sweep": "--trunc does not apply to sweep; give --truncs instead",
}


@pytest.mark.parametrize("line", BAD)
def test_bad_input_is_one_sentence_and_leaves_nothing(here, line):
    result = CliRunner().invoke(
        main, ["--network", "a.safetensors", *line.split()] if "progression" not in line else line.split()
    )
    assert result.exit_code == 2, result.output
    assert BAD[line] in result.stderr
    assert result.stderr.splitlines()[-1].startswith("Error: ")
    assert "Traceback" not in result.output
    assert {path.name for path in here.iterdir()} <= {"a.safetensors", "rgba.safetensors", "cache"}


@pytest.mark.parametrize("command", ["mix", "directions", "breed", "loop"])
def test_help_of_the_editing_commands_has_their_defaults(command):
    result = CliRunner().invoke(main, [command, "--help"])
    assert result.exit_code == 0
    assert "default" in result.stdout
