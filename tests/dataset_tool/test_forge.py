"""The forge: the same creatures on every run, kinds that differ, three styles, and folders of them."""

from __future__ import annotations

import csv
import errno
import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image, ImageFilter

from dataset_tool.cli import cli
from dataset_tool.forge import STYLES, draw_creature, forge_folder
from dataset_tool.forge import folder as forge_folder_module
from dataset_tool.forge.anatomy import PLANS
from dataset_tool.forge.draft import Draft, Part, Stroke, fit
from dataset_tool.forge.names import STEMS, join_syllables
from dataset_tool.forge.palettes import SCHEMES, TYPES, hex_to_rgb, make_palette, to_oklab
from dataset_tool.forge.raster import bounding_box, outward, signed_area, swollen_mask
from dataset_tool.forge.shapes import ellipse
from dataset_tool.forge.sprite_style import render_sprite
from dataset_tool.forge.woodcut_style import render_woodcut
from dataset_tool.problems import UserError

SEED = 6
ROUND = len(PLANS)


@pytest.fixture(scope="module")
def sprites():
    """Two rounds of the deck: every body plan twice, in sprite style at 64 pixels."""
    return [draw_creature(SEED, index, "sprite", 64) for index in range(2 * ROUND)]


@pytest.fixture(scope="module")
def crayons():
    return [draw_creature(SEED, index, "crayon", 64) for index in range(ROUND)]


@pytest.fixture(scope="module")
def woodcuts():
    return [draw_creature(SEED, index, "woodcut", 64) for index in range(ROUND)]


def alpha(creature) -> np.ndarray:
    return np.asarray(creature.image)[..., 3]


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / (a | b).sum())


def test_same_seed_and_index_give_the_same_pixels_in_another_process(tmp_path):
    program = (
        "import sys; from dataset_tool.forge import draw_creature\n"
        "for style in ('crayon', 'sprite', 'woodcut'):\n"
        "    sys.stdout.buffer.write(draw_creature(3, 7, style, 64).image.tobytes())"
    )
    elsewhere = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout
    assert elsewhere == b"".join(draw_creature(3, 7, style, 64).image.tobytes() for style in STYLES)


def test_another_seed_gives_other_creatures():
    one, other = (draw_creature(seed, 7, "sprite", 64) for seed in (3, 4))
    assert one.image.tobytes() != other.image.tobytes()


def test_pictures_are_rgba_and_transparent_around_the_drawing(sprites, crayons, woodcuts):
    for creature in (*sprites, *crayons, *woodcuts):
        assert (creature.image.mode, creature.image.size) == ("RGBA", (64, 64))
        frame = np.ones((64, 64), bool)
        frame[1:-1, 1:-1] = False
        assert alpha(creature)[frame].max() == 0
        assert not np.asarray(creature.image)[alpha(creature) == 0].any()


def test_creatures_fill_three_fifths_to_nineteen_twentieths_of_the_frame_and_are_centred(
    sprites, crayons, woodcuts
):
    for creature in (*sprites, *crayons, *woodcuts):
        ys, xs = np.nonzero(alpha(creature))
        extent = max(np.ptp(xs), np.ptp(ys)) + 1
        assert 0.60 * 64 <= extent <= 0.95 * 64, creature.body
        assert abs(xs.min() + xs.max() - 63) <= 4, creature.body
        assert abs(ys.min() + ys.max() - 63) <= 4, creature.body


def test_every_round_deals_every_body_plan_once(sprites):
    for start in range(0, 2 * ROUND, ROUND):
        assert sorted(c.body.split("+")[0] for c in sprites[start : start + ROUND]) == sorted(PLANS)
    assert ROUND >= 20


def test_silhouettes_alone_tell_body_plans_apart():
    """The nearest other silhouette is the same plan's for 4 of 5 (chance: 1 of 62)."""
    names, shapes = [*PLANS, *PLANS], []
    for number, name in enumerate(names):
        draft = Draft(PLANS[name].types[0], np.random.default_rng(number))
        PLANS[name].draw(draft)
        palette = make_palette(draft.type, np.random.default_rng(number))
        picture = render_sprite(fit(draft.parts, 64, fill=0.85, flip=False), palette, 64)
        shapes.append(np.asarray(picture)[..., 3] > 127)
    hits = 0
    for index, name in enumerate(names):
        scores = [overlap(shapes[index], s) for s in shapes]
        scores[index] = -1.0
        hits += names[int(np.argmax(scores))] == name
    assert hits >= 0.8 * len(names)


def test_all_eighteen_types_occur_and_none_dominates():
    share = dict.fromkeys(TYPES, 0.0)
    for plan in PLANS.values():
        for type_ in plan.types:
            share[type_] += 1 / len(plan.types) / len(PLANS)
    assert len(share) == 18
    assert min(share.values()) > 0.5 / 18
    assert max(share.values()) < 2 / 18


def test_types_differ_in_colour(sprites):
    def mean_colour(type_: str) -> np.ndarray:
        pixels = np.concatenate([np.asarray(c.image)[alpha(c) > 200] for c in sprites if c.type == type_])
        return to_oklab(pixels[:, :3].mean(axis=0) / 255)

    fire, water, grass = (mean_colour(t) for t in ("fire", "water", "grass"))
    assert fire[1] > 0.03 > water[1]  # towards red
    assert water[2] < -0.01 < fire[2]  # towards blue
    assert grass[1] < -0.02  # towards green


def test_all_styles_draw_the_same_creature_differently(sprites, crayons, woodcuts):
    for sprite, *others in zip(sprites, crayons, woodcuts, strict=False):
        for other in others:
            assert (sprite.body, sprite.type, sprite.name) == (other.body, other.type, other.name)
            assert overlap(alpha(sprite) > 64, alpha(other) > 64) > 0.7, sprite.body
            assert sprite.image.tobytes() != other.image.tobytes()


def test_paper_shows_through_crayon_and_not_through_sprites_and_woodcuts():
    for index in range(5):
        sprite, crayon, woodcut = (
            alpha(draw_creature(SEED, index, style)) for style in ("sprite", "crayon", "woodcut")
        )
        # Away from the outer edge, whose antialiasing is translucent in all.
        inside = np.asarray(Image.fromarray(sprite).filter(ImageFilter.MinFilter(9))) == 255
        assert inside.mean() > 0.1
        assert (crayon[inside] < 128).mean() > 0.03
        assert (woodcut[inside] > 250).mean() > 0.999


def test_woodcuts_are_printed_in_indigo_and_vermilion_whatever_the_type(woodcuts, sprites):
    def share_of_other_hues(creature) -> float:
        pixels = np.asarray(creature.image)
        _, a, b = to_oklab(pixels[pixels[..., 3] == 255][:, :3] / 255).T
        hue, coloured = np.rad2deg(np.arctan2(b, a)) % 360, np.hypot(a, b) > 0.04
        indigo, vermilion = np.abs(hue - 262) < 25, np.abs(hue - 32) < 25
        # Not none: where the two blocks meet, antialiasing mixes them.
        return float((coloured & ~indigo & ~vermilion).mean())

    assert np.mean([share_of_other_hues(c) for c in woodcuts]) < 0.05
    assert np.mean([share_of_other_hues(c) for c in sprites]) > 0.3


def test_every_woodcut_has_some_vermilion(woodcuts):
    for creature in woodcuts:
        pixels = np.asarray(creature.image).astype(int)
        red, _, blue, opaque = pixels.transpose(2, 0, 1)
        assert ((red - blue > 60) & (opaque == 255)).sum() >= 4, creature.body


def test_outlines_of_woodcuts_swell_away_from_the_light():
    disc = Part("white", (ellipse(128, 128, 90, 90),), relief=0)
    palette = make_palette("water", np.random.default_rng(0))
    image = np.asarray(render_woodcut([disc], palette, 256, np.random.default_rng(0)))
    dark = (image[..., 3] > 127) & (image[..., :3].max(axis=-1) < 128)
    diagonal = dark[np.arange(256), np.arange(256)]  # the light is at the upper left
    assert diagonal[128:].sum() >= 2 * diagonal[:128].sum() > 0


def test_creases_show_on_woodcut_surfaces_of_their_own_colour():
    shell = Part("accent", (ellipse(128, 128, 90, 90),), relief=0)
    crease = Stroke(np.array([(80.0, 128.0), (128.0, 120.0), (176.0, 128.0)]), paint="accent")
    palette = make_palette("water", np.random.default_rng(0))
    plain, creased = (
        np.asarray(render_woodcut(parts, palette, 256, np.random.default_rng(0))).astype(int)
        for parts in ([shell], [shell, crease])
    )
    assert (np.abs(plain - creased).max(axis=-1) > 64).sum() > 96  # a pixel high all along its way


def test_growing_an_outline_by_its_directions_keeps_corners_sharp_and_circles_round():
    square = np.array([(20.0, 20.0), (60.0, 20.0), (60.0, 60.0), (20.0, 60.0)])
    for outline in (square, square[::-1]):
        box = bounding_box([outline], 12, 96)
        grown = swollen_mask([outline], [5 * outward(outline)], box)
        assert abs(grown.sum() - 50**2) < 60  # half a pixel around, for Pillow draws both edges
        assert grown[0, 0] == 0
    disc = ellipse(48, 48, 20, 20)
    assert np.allclose(outward(disc), (disc - 48) / 20, atol=0.01)
    assert abs(signed_area(disc) - np.pi * 20**2) < 5
    assert signed_area(disc[::-1]) == pytest.approx(-signed_area(disc))


def test_outlines_are_darker_than_shadows_and_shadows_than_surfaces():
    for type_ in TYPES:
        palette = make_palette(type_, np.random.default_rng(1))
        for role in ("body", "accent", "belly", "detail"):
            paint = palette[role]
            line, shade, base, light = (
                to_oklab(c)[0] for c in (paint.line, paint.shade, paint.base, paint.light)
            )
            assert line < shade < base <= light + 1e-6, (type_, role)


def test_oklab_matches_the_published_values():
    """Ottosson's conversion of the sRGB primaries, as CSS Color 4 quotes it."""
    for colour, expected in (
        ("#ffffff", (1.0, 0.0, 0.0)),
        ("#ff0000", (0.62796, 0.22486, 0.12585)),
        ("#00ff00", (0.86644, -0.23389, 0.17950)),
        ("#0000ff", (0.45201, -0.03246, -0.31153)),
    ):
        assert np.abs(to_oklab(hex_to_rgb(colour)) - expected).max() < 1e-4


def test_every_type_has_schemes_and_stems():
    assert set(SCHEMES) == set(STEMS) == set(TYPES)


def test_names_are_plain_ascii_and_seldom_repeat(sprites):
    names = [c.name for c in sprites]
    assert all(name.isascii() and name.isalpha() and 4 <= len(name) <= 20 for name in names)
    assert len(set(names)) > 0.95 * len(names)


def test_no_possible_name_is_that_of_a_pokemon():
    table = Path(__file__).resolve().parents[2] / "vendor" / "pokedex.csv"
    with open(table, encoding="utf-8", newline="") as file:
        taken = {"".join(filter(str.isalpha, field)).casefold() for row in csv.reader(file) for field in row}
    assert "bulbasaur" in taken
    for plan in PLANS.values():
        for type_, ending, link in itertools.product(set(plan.types), plan.endings, "aeio"):
            for stem in STEMS[type_]:
                assert join_syllables(stem, ending, link).casefold() not in taken


def test_folder_has_types_as_classes_and_does_not_depend_on_workers_or_count(tmp_path):
    def files(folder: Path) -> dict[str, bytes]:
        return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*.png")}

    (tmp_path / "two").mkdir()  # an empty folder is as good as none
    types = forge_folder(tmp_path / "two", 26, "sprite", SEED, size=32, workers=2, progress=False)
    forge_folder(tmp_path / "one", 12, "sprite", SEED, size=32, workers=1, progress=False)
    two, one = files(tmp_path / "two"), files(tmp_path / "one")
    assert len(two) == 26
    assert one == {name: data for name, data in two.items() if int(Path(name).name[:5]) < 12}
    assert types == {t: sum(n.startswith(f"{t}/") for n in two) for t in sorted(types)}
    for index in range(26):
        creature = draw_creature(SEED, index, "sprite", 32)
        data = two[f"{creature.type}/{index:05d}-{creature.name}.png"]
        assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["one", "two"]


def test_a_full_disk_leaves_nothing_behind(tmp_path, monkeypatch):
    def fail(*_arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(forge_folder_module, "draw_creature", fail)
    with pytest.raises(UserError, match="No space left"):
        forge_folder(tmp_path / "out", 2, progress=False)
    assert not list(tmp_path.iterdir())


def test_arguments_out_of_range_are_refused_in_one_sentence(tmp_path):
    for arguments in ((-1, 0, "crayon", 64), (0, -1, "crayon", 64), (0, 0, "oil", 64), (0, 0, "sprite", 8)):
        with pytest.raises(UserError):
            draw_creature(*arguments)
    with pytest.raises(UserError, match="workers"):
        forge_folder(tmp_path / "out", 1, workers=0)
    assert STYLES == ("crayon", "sprite", "woodcut")


def test_the_command_writes_a_folder_and_a_contact_sheet(tmp_path):
    out, sheet = tmp_path / "creatures", tmp_path / "sheet.png"
    result = CliRunner().invoke(
        cli, ["forge", str(out), "--count", "9", "--size", "32", "--seed", "2", "--sheet", str(sheet)]
    )
    assert result.exit_code == 0, result.output
    assert len(list(out.glob("*/*.png"))) == 9
    assert Image.open(sheet).size == (8 * 160, 2 * 160)
    assert f"9 creatures in {out}" in result.output


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["full"], "full"),
        (["file.txt"], "file.txt"),
        (["new", "--count", "0"], "--count"),
        (["new", "--style", "oil"], "--style"),
        (["new", "--seed", "-1"], "--seed"),
        (["new", "--size", "8"], "--size"),
        (["new", "--workers", "0"], "--workers"),
        (["new", "--sheet", "sheet.jpg"], "sheet.jpg"),
        (["new", "--sheet", "nowhere/sheet.png"], "nowhere"),
        (["file.txt/new"], "file.txt"),
    ],
)
def test_bad_input_is_one_sentence_and_status_2(tmp_path, monkeypatch, options, named):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "keep.txt").write_text("kept", encoding="utf-8")
    (tmp_path / "file.txt").write_text("kept", encoding="utf-8")
    result = CliRunner().invoke(cli, ["forge", *options])
    assert result.exit_code == 2
    message = result.output.strip().splitlines()[-1]
    assert message.startswith("Error: ")
    assert named in message
    assert "Traceback" not in result.output
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file.txt", "full"]


def test_help_needs_neither_numpy_nor_pillow():
    program = (
        "import sys, dataset_tool.forge.command\n"
        "assert not {'numpy', 'PIL', 'tqdm'} & set(sys.modules), sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
