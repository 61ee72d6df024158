"""The sprite command, and sprites of generate.py, from the outside."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from dataset_tool.cli import cli as dataset_tool
from dataset_tool.convert import ConvertOptions, convert
from stylegan_pokemon.cli.generate import main as generate
from stylegan_pokemon.cli.sprite import sprite
from tests.conftest import ROOT
from tests.render.conftest import make_run
from tests.sprites.drawings import coverage, disc, laid


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """A working directory with three drawings of 64 × 64 in drawings/."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "drawings").mkdir()
    for name, colour in (("one", (30, 60, 140)), ("two", (200, 60, 40)), ("three", (20, 140, 60))):
        picture = laid(coverage(lambda x, y: disc(x, y, 18.6)), colour)
        Image.fromarray(picture).save(tmp_path / "drawings" / f"{name}.png")
    return tmp_path


def call(*words: str, command=sprite):
    return CliRunner().invoke(command, words)


def done(*words: str, command=sprite) -> str:
    result = call(*words, command=command)
    assert result.exit_code == 0, result.output
    return result.stdout


def refused(*words: str, command=sprite) -> str:
    """The one sentence of an error."""
    result = call(*words, command=command)
    assert result.exit_code == 2, result.output
    (sentence,) = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    return sentence


def read(path: str | Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGBA"))


def made(folder: str = "sprites") -> list[str]:
    return sorted(str(path.relative_to(folder).as_posix()) for path in Path(folder).rglob("*.*"))


def test_pictures_become_transparent_sprites_of_the_same_names(here):
    said = done("drawings")
    assert made() == ["one.png", "three.png", "two.png"]
    one = read("sprites/one.png")
    assert one[0, 0].tolist()[3] == 0
    assert np.abs(one[0, 0, :3].astype(int) - (30, 60, 140)).max() < 8  # bled
    assert one[32, 32].tolist() == [30, 60, 140, 255]
    assert "3 in sprites" in said
    assert "73% of the pixels" in said


def test_what_is_replaced_is_noted_and_sources_never_are(here):
    assert call("drawings").stderr == ""
    assert "replaced 3 pictures" in call("drawings").stderr
    assert "also among the pictures" in refused("drawings", "--outdir", "drawings")
    assert "one.png would be replaced" in refused("drawings/one.png", "--outdir", "drawings")
    assert read("drawings/one.png")[0, 0].tolist() == [255, 255, 255, 255]


def test_a_second_call_on_the_same_folder_leaves_its_own_sprites_out(here):
    done(".")
    first = made()
    done(".")
    assert made() == first == ["drawings/one.png", "drawings/three.png", "drawings/two.png"]


def test_sheets_of_generate_are_left_out_of_folders_with_a_note(here):
    sheet = Path("drawings/grid-seeds0-63.png")
    sheet.write_bytes(Path("drawings/one.png").read_bytes())
    result = call("drawings")
    assert made() == ["one.png", "three.png", "two.png"]
    assert "left out: grid-seeds0-63.png; name one to use it" in result.stderr
    done(str(sheet), "--outdir", "named")
    assert made("named") == ["grid-seeds0-63.png"]


def test_colours_of_a_dataset_with_alpha_are_straight(here):
    Path("soft").mkdir()
    shade = np.full((64, 64, 4), (200, 100, 60, 0), np.uint8)
    shade[16:48, 16:48, 3] = 128
    Image.fromarray(shade).save("soft/a.png")
    done("convert", "soft", "soft.zip", "--resolution", "64", "--alpha", command=dataset_tool)
    done("soft.zip")
    (name,) = made()
    assert np.abs(read(Path("sprites", name))[32, 32].astype(int) - (200, 100, 60, 128)).max() <= 1


def test_a_file_that_cannot_be_used_costs_itself(here):
    Path("drawings/broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    Path("drawings/notes.txt").write_text("no picture")
    Image.new("RGB", (32, 32), "white").save("drawings/empty.png")
    Image.new("RGBA", (32, 32)).save("drawings/clear.png")
    result = call("drawings")
    assert result.exit_code == 0
    assert made() == ["one.png", "three.png", "two.png"]
    assert "4 files cannot be used" in result.stderr
    for words in ("broken.png", "notes.txt", "nothing is left without its", "nothing in it is visible"):
        assert words in result.stderr
    assert "none of the files became a sprite" in refused("drawings/empty.png", "drawings/notes.txt")


def test_names_that_would_be_one_file_are_numbered(here):
    Image.open("drawings/one.png").save("drawings/one.bmp")
    done("drawings")
    assert made() == ["one-2.png", "one.png", "three.png", "two.png"]


def test_pixels_colours_and_an_atlas(here):
    said = done("drawings", "--pixels", "32", "--colors", "4", "--outline", "black", "--baseline", "--atlas")
    sheet, document = read("sprites/atlas.png"), json.loads(Path("sprites/atlas.json").read_text("utf-8"))
    colours = set()
    for name, entry in document["frames"].items():
        box = entry["frame"]
        frame = sheet[box["y"] : box["y"] + box["h"], box["x"] : box["x"] + box["w"]]
        assert (frame == read(f"sprites/{name}")).all()
        assert frame.shape == (32, 32, 4)
        assert set(np.unique(frame[..., 3])) == {0, 255}
        assert not frame[31, :, 3].any()
        assert frame[30, :, 3].any()  # the outline, below the line of row 29
        colours |= {tuple(colour) for colour in frame[..., :3].reshape(-1, 3).tolist()}
    palette = [tuple(bytes.fromhex(line)) for line in Path("sprites/palette.hex").read_text().split()]
    assert len(palette) <= 4
    assert colours <= set(palette)
    assert "atlas.tsx" in said
    names = "atlas-array.json atlas.json atlas.png atlas.tres atlas.tsx one.png palette.hex three.png two.png"
    assert made() == names.split()
    done("drawings", "--palette", "sprites/palette.hex", "--outdir", "again")
    assert Path("again/palette.hex").read_text() == Path("sprites/palette.hex").read_text()


def test_every_frame_of_a_film_is_read_and_tagged(here):
    frames = [
        Image.fromarray(laid(coverage(lambda x, y, s=shift: disc(x - s, y, 12.4)), (30, 60, 140)))
        for shift in (-6, 0, 6)
    ]
    for suffix in ("gif", "webp", "png"):
        film = f"walk-{suffix}.{suffix}"
        more = {"lossless": True} if suffix == "webp" else {}
        frames[0].save(film, save_all=True, append_images=frames[1:], duration=[80, 120, 80], loop=0, **more)
        done(film, "--center", "--atlas", "--outdir", suffix)
        document = json.loads(Path(suffix, "atlas-array.json").read_text("utf-8"))
        assert [entry["duration"] for entry in document["frames"]] == [80, 120, 80]
        assert document["meta"]["frameTags"][0]["name"] == f"walk-{suffix}"
        rows = [read(f"{suffix}/walk-{suffix}-000{i}.png")[32, :, 3] for i in range(3)]
        middle = [np.nonzero(row)[0].mean() for row in rows]
        assert np.diff(middle) == pytest.approx([6, 6], abs=0.6)  # centred together, so it still moves


def test_colours_of_a_set_with_alpha_are_what_they_were(here):
    Image.new("RGBA", (32, 32), (200, 100, 40, 128)).save("half.png")
    options = ConvertOptions(resolution=32, alpha=True)
    convert([Path("half.png")], Path("set.zip"), options, progress=False)
    done("set.zip", "--outdir", "out")
    (name,) = made("out")
    assert read(f"out/{name}")[16, 16] == pytest.approx([200, 100, 40, 128], abs=1)


def test_presets(here):
    done("drawings", "--preset", "rpgmaker", "--outdir", "rpg")
    assert made("rpg") == ["$one.png", "$three.png", "$two.png"]
    sheet = read("rpg/$one.png")
    assert sheet.shape == (192, 144, 4)
    assert (sheet[:48, :48] == sheet[48:96, 96:]).all()
    done("drawings", "--preset", "gba", "--outdir", "gba")
    with Image.open("gba/one.png") as image:
        assert (image.mode, image.size, image.getpixel((0, 0))) == ("P", (64, 64), 0)
        assert max(index for _, index in image.getcolors()) < 16
    assert "at most 15 colours" in refused("drawings", "--preset", "gba", "--colors", "16")


def test_pixel_art_keeps_hard_edges_and_its_colours(here):
    art = np.full((32, 32, 3), 255, np.uint8)
    art[6:26, 6:26] = (10, 10, 10)
    art[7:25, 7:25] = (120, 120, 120)
    large = art.repeat(4, axis=0).repeat(4, axis=1)
    Image.fromarray(large).save("art.png")
    done("art.png")
    found = read("sprites/art.png")
    inside = (large < 255).any(axis=2)
    assert (found[..., 3] == np.where(inside, 255, 0)).all()
    assert (found[..., :3][inside] == large[inside]).all()
    done("art.png", "--pixels", "32", "--outdir", "small")
    assert (read("small/art.png")[..., 3] == np.where((art < 255).any(axis=2), 255, 0)).all()


def test_a_closed_gap_and_a_missing_plain_background_are_told(here):
    y, x = np.mgrid[:64, :64]
    distance = np.hypot(x - 31.5, y - 31.5)
    ring = (distance > 20) & (distance < 23.5) & ~((y == 31) & (x > 32))
    Image.fromarray(np.where(ring, 0, 255).astype(np.uint8)).save("open.png")
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)).save("photo.png")
    told = call("open.png", "photo.png").stderr
    assert "gaps in outlines were closed, through which the body would have gone too: open" in told
    assert "no plain background to remove, so they stay opaque: photo" in told
    assert read("sprites/open.png")[32, 32].tolist() == [255] * 4


@pytest.mark.parametrize(("words", "sentence"), [
    (("--palette", "none.hex"), "has no colours"),
    (("--palette", "many.hex"), "has 1,000 colours"),
    (("--palette", "each"), "--palette each needs --colors"),
    (("--palette", "absent.gpl"), "cannot be read"),
    (("--outline", "blurple"), "--outline blurple is no colour"),
    (("--gap", "nan"), "--gap"),
    (("absent.png",), "absent.png does not exist"),
    (("long.png", "--atlas", "--no-transparent"), "graphics cards take up to 16384"),
])  # fmt: skip
def test_bad_input_is_one_sentence(here, words, sentence):
    Path("none.hex").write_text("")
    Path("many.hex").write_text("".join(f"{i:06x}\n" for i in range(1000)))
    Image.new("RGB", (16_400, 2)).save("long.png")
    assert sentence in refused("drawings", *words)
    assert not Path("sprites").exists()


def test_generate_writes_sprites_beside_its_pictures(here):
    make_run(here / "runs" / "00001-forge")
    plain = ["--seeds", "0-2", "--outdir", "out"]
    done(*plain, command=generate)
    assert not Path("out/sprites").exists()
    said = done(*plain, "--transparent", "--no-grid", command=generate)
    assert made("out/sprites") == ["seed0000.png", "seed0001.png", "seed0002.png"]
    assert "3 in out/sprites" in said.replace("\\", "/")
    done(*plain, "--pixels", "32", "--no-transparent", "--atlas", "--scale", "2", command=generate)
    assert read("out/sprites/seed0001.png").shape == (32, 32, 4)
    assert "--pixels does not apply to sweep" in refused("--pixels", "32", "sweep", command=generate)
    assert "has no colours" in refused(*plain, "--palette", _empty(here), command=generate)


def _empty(folder: Path) -> str:
    (folder / "none.hex").write_text("")
    return str(folder / "none.hex")


def test_sixty_four_pictures_take_less_than_two_seconds(here):
    for i in range(64):
        Image.open("drawings/one.png").save(f"drawings/{i:02d}.png")
    start = time.process_time()  # of this process: other work on the machine does not count
    done("drawings")
    assert time.process_time() - start < 2


def test_no_torch_is_loaded(here):
    code = (
        "import sys\nfrom stylegan_pokemon.cli.main import cli\n"
        "cli(['sprite', 'drawings', '--atlas', '--colors', '8'], standalone_mode=False)\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": str(ROOT), "PATH": ""})
