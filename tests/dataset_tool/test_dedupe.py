"""Copies of a picture are found whatever was done to the file; recoloured and other drawings are kept."""

from __future__ import annotations

import io
import json
import zipfile

import numpy as np
import pytest
from PIL import Image

from dataset_tool.convert import ConvertOptions, convert
from dataset_tool.dedupe import (
    _MAX_BITS,
    Duplicate,
    Signature,
    _bit_count,
    _colour_difference,
    find_duplicates,
    near_pairs,
    signature,
)
from tests.dataset_tool.pictures import creature, encoded, pixel_sprite, write


def page(picture: Image.Image, size: int = 256) -> Image.Image:
    """Return a drawing on white, `size` square, RGB."""
    sheet = Image.new("RGBA", picture.size, "white")
    sheet.alpha_composite(picture)
    return sheet.convert("RGB").resize((size, size), Image.Resampling.LANCZOS)


def jpeg(picture: Image.Image, quality: int) -> Image.Image:
    return Image.open(io.BytesIO(encoded(picture, "JPEG", quality=quality))).convert("RGB")


def moved(picture: Image.Image) -> Image.Image:
    sheet = Image.new("RGB", picture.size, "white")
    sheet.paste(picture.resize((150, 150), Image.Resampling.LANCZOS), (5, 60))
    return sheet


def is_near(first: Image.Image, second: Image.Image) -> bool:
    return bool(near_pairs([signature(first), signature(second)]))


CHANGES = {
    "nothing": lambda picture: picture,
    "JPEG 75": lambda picture: jpeg(picture, 75),
    "JPEG 30": lambda picture: jpeg(picture, 30),
    "half size": lambda picture: picture.resize((128, 128), Image.Resampling.BICUBIC),
    "twice the size": lambda picture: picture.resize((512, 512), Image.Resampling.LANCZOS),
    "another place and size": moved,
    "64 colours": lambda picture: picture.quantize(64).convert("RGB"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_copies_are_found(change):
    for colour in ((200, 60, 60), (40, 90, 200), (240, 210, 60)):
        original = page(creature(200, colour))
        assert is_near(original, CHANGES[change](original))


def test_recoloured_drawings_are_kept():
    colours = [(200, 60, 60), (200, 110, 60), (60, 140, 200), (90, 170, 90), (150, 80, 160)]
    assert near_pairs([signature(page(creature(200, colour))) for colour in colours]) == []


def test_mirrored_and_other_drawings_are_kept():
    drawings = [page(creature(200)), page(creature(200).transpose(Image.Transpose.FLIP_LEFT_RIGHT))]
    drawings += [
        page(pixel_sprite(24, seed).resize((240, 240), Image.Resampling.NEAREST)) for seed in range(20)
    ]
    assert near_pairs([signature(drawing) for drawing in drawings]) == []


def test_small_drawings_on_much_white_are_told_apart():
    sheets = []
    for seed in (1, 2):
        sheet = Image.new("RGB", (256, 256), "white")
        sprite = pixel_sprite(24, seed)
        sheet.paste(sprite, (100, 100), sprite)
        sheets.append(sheet)
    assert not is_near(*sheets)


def test_pictures_of_one_colour_are_compared_by_colour():
    assert is_near(Image.new("RGB", (64, 64), "red"), Image.new("RGB", (32, 32), "red"))
    assert not is_near(Image.new("RGB", (64, 64), "red"), Image.new("RGB", (64, 64), "blue"))


def flat(hash: int, level: int) -> Signature:
    return Signature(hash, bytes([level]) * 768, b"\xff" * 32)


def test_the_preferred_picture_is_kept_and_nothing_is_dropped_for_a_dropped_one():
    # Levels 2 apart are near, 4 apart are not: a and b, b and c are alike, a and c are not.
    chain = [flat(0, 100), flat(0, 102), flat(0, 104)]
    assert [row[:2] for row in find_duplicates(chain, [1, 1, 1])] == [(1, 0)]
    assert [row[:2] for row in find_duplicates(chain, [1, 2, 1])] == [(0, 1), (2, 1)]
    assert find_duplicates(chain[:1] * 3, [1, 1, 5]) == [Duplicate(0, 2, 0.0), Duplicate(1, 2, 0.0)]


def test_one_shape_in_many_colours_has_the_pairs_that_each_two_have_alone():
    """The cells that rule pairs out at once rule out none that is near."""
    colours = np.random.default_rng(1).integers(90, 140, (40, 3)).tolist()
    signatures = [signature(page(creature(200, tuple(colour)))) for colour in colours]
    alone = {(i, j) for i in range(40) for j in range(i) if _colour_difference(signatures[j], signatures[i])}
    found = {(j, i) for i, j, _ in near_pairs(signatures)}
    assert found == {
        (i, j) for i, j in alone if (signatures[i].hash ^ signatures[j].hash).bit_count() <= _MAX_BITS
    }
    assert 3 < len(found) < 400


def test_hashes_are_compared_across_blocks():
    generator = np.random.default_rng(0)
    signatures = [flat(int(value), 50) for value in generator.integers(0, 2**63, 4500)]
    signatures[4400] = flat(signatures[3].hash ^ 1, 50)
    assert near_pairs(signatures) == [(3, 4400, 0.0)]


def test_a_picture_that_occurs_ten_thousand_times_makes_as_many_pairs_and_one_is_kept():
    many = [flat(0, 102)] * 10_000
    assert near_pairs(many) == [(0, index, 0.0) for index in range(1, 10_000)]
    assert len(find_duplicates(many, [1] * 10_000)) == 9_999
    # Copies of what was dropped go with it, although they are compared with that one alone.
    chain = [flat(0, 100), flat(0, 102), flat(0, 102), flat(0, 104)]
    assert [row[:2] for row in find_duplicates(chain, [3, 2, 1, 1])] == [(1, 0), (2, 0)]


def test_bits_are_counted_like_python_counts_them():
    values = np.random.default_rng(0).integers(0, 2**63, 200, dtype=np.uint64)
    assert _bit_count(values).tolist() == [bin(int(value)).count("1") for value in values]


@pytest.mark.parametrize("background", ["white", "random"])
def test_convert_drops_duplicates_says_which_and_keeps_the_larger_one(tmp_path, background):
    source = tmp_path / "src"
    write(source / "1-small.png", creature(160))
    write(source / "2-large.png", creature(240))
    write(source / "3-photo.jpg", encoded(page(creature(240), 200), "JPEG", quality=60))
    write(source / "4-shiny.png", creature(240, (60, 120, 200)))
    options = ConvertOptions(resolution=64, dedupe=True, background=background)
    report = convert([source], tmp_path / "out.zip", options, progress=False)
    kept = {row.dropped: row.kept for row in report.duplicates}
    assert kept == {"1-small.png": "2-large.png", "3-photo.jpg": "2-large.png"}
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        names = [name for _, name in json.loads(archive.read("dataset.json"))["sources"]]
    assert names == ["2-large.png", "4-shiny.png"]


@pytest.mark.sprites
def test_no_two_of_the_819_real_sprites_are_taken_for_copies(sprites, tmp_path):
    options = ConvertOptions(resolution=64, dedupe=True)
    report = convert([sprites / "pokemon_rgba.zip"], tmp_path / "out.zip", options, workers=2, progress=False)
    assert (report.pictures, report.duplicates, report.problems) == (819, (), ())
