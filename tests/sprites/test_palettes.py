"""Palettes: files as their formats are documented, and nearest colours against OKLab written out."""

import struct

import numpy as np
import pytest
from PIL import Image

from stylegan_pokemon.errors import UserError
from stylegan_pokemon.sprites.palettes import as_indexed, chosen_palette, indexed, named_palette, recoloured

COLOURS = np.array([[0, 0, 0], [29, 43, 83], [255, 119, 168], [255, 255, 255]], np.uint8)


def _oklab(rgb):
    """Ottosson's definition, written out in float64."""
    x = np.asarray(rgb, np.float64) / 255
    x = np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)
    lms = np.cbrt(x @ np.array([[0.4122214708, 0.2119034982, 0.0883024619],
                                [0.5363325363, 0.6806995451, 0.2817188376],
                                [0.0514459929, 0.1073969566, 0.6299787005]]))  # fmt: skip
    long, medium, short = np.moveaxis(lms, -1, 0)
    lab = (
        0.2104542553 * long + 0.7936177850 * medium - 0.0040720468 * short,
        1.9779984951 * long - 2.4285922050 * medium + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * medium - 0.8086757660 * short,
    )
    return np.stack(lab, axis=-1)


def test_the_same_colours_come_from_every_format(tmp_path):
    rows = "".join(f"{r:3} {g:3} {b:3}\tname of {r}\n" for r, g, b in COLOURS)
    (tmp_path / "a.gpl").write_text(f"GIMP Palette\nName: Four\nColumns: 4\n# a comment 1 2 3\n{rows}")
    (tmp_path / "a.hex").write_text("000000\n1D2B53\r\n#ff77a8\nffffff\n")
    act = COLOURS.tobytes() + bytes(768 - 12)
    (tmp_path / "a.act").write_bytes(act + struct.pack(">HH", 4, 0xFFFF))
    Image.fromarray(COLOURS[None]).save(tmp_path / "a.png")
    for suffix in ("gpl", "hex", "act"):
        assert (named_palette(str(tmp_path / f"a.{suffix}")) == COLOURS).all()
    assert {tuple(c) for c in named_palette(str(tmp_path / "a.png"))} == {tuple(c) for c in COLOURS}
    (tmp_path / "old.act").write_bytes(act)  # without a count, 256 entries, of which 252 are black
    assert (named_palette(str(tmp_path / "old.act")) == COLOURS).all()


def test_built_in_palettes():
    assert len(named_palette("gameboy")) == 4
    assert len(named_palette("pico-8")) == 16
    assert named_palette("pico-8")[8].tolist() == [255, 0, 77]


@pytest.mark.parametrize(("name", "content", "words"), [
    ("none.hex", b"", "no colours"),
    ("none.gpl", b"GIMP Palette\n#\n", "no colours"),
    ("many.hex", "".join(f"{i:06x}\n" for i in range(1000)).encode(), "1,000 colours"),
    ("bad.hex", b"red\n", "no colour such as"),
    ("bad.gpl", b"RIFF", "first line"),
    ("high.gpl", b"GIMP Palette\n300 0 0\n", "0 … 255"),
    ("short.act", b"abc", "768"),
    ("bad.hex", b"\xff\xfe\x00", "no readable palette"),
    ("bad.png", b"\x89PNG\r\n\x1a\n", "no readable palette"),
    ("a.txt", b"", "is no palette"),
])  # fmt: skip
def test_a_palette_that_cannot_be_used_is_a_sentence(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=words):
        named_palette(str(tmp_path / name))
    with pytest.raises(UserError, match="cannot be read"):
        named_palette(str(tmp_path / "absent.gpl"))


def test_the_nearest_colour_is_the_nearest_in_oklab():
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (40, 40, 4), dtype=np.uint8)
    palette = named_palette("pico-8")
    distance = np.linalg.norm(_oklab(picture[..., :3])[:, :, None] - _oklab(palette), axis=-1)
    chosen = np.take_along_axis(distance, indexed(picture, palette)[..., None].astype(int), 2)[..., 0]
    assert (chosen <= distance.min(axis=2) + 1e-6).all()
    assert (recoloured(picture, palette)[..., 3] == picture[..., 3]).all()


def test_one_palette_serves_a_batch_and_keeps_rare_colours_apart():
    rng = np.random.default_rng(0)
    pictures = []
    for colour in ((120, 90, 60), (60, 60, 66), (150, 150, 155), (20, 160, 60)):
        noise = rng.normal(0, 12, (64, 64, 3)) + colour
        pictures.append(np.dstack([np.clip(noise, 0, 255), np.full((64, 64), 255)]).astype(np.uint8))
    pictures[-1][8:, :, 3] = 0  # of the green one only an eighth is visible
    palette = chosen_palette(pictures, 6)
    assert len(palette) <= 6
    assert np.linalg.norm(_oklab(palette) - _oklab((20, 160, 60)), axis=1).min() < 0.06
    assert (np.diff(_oklab(palette)[:, 0]) >= 0).all()


def test_few_colours_are_kept_exactly_and_hidden_ones_do_not_count():
    picture = np.zeros((2, 4, 4), np.uint8)
    picture[..., :3] = COLOURS
    picture[..., 3] = 255
    picture[1, :, :3], picture[1, :, 3] = (9, 200, 9), 0
    assert {tuple(c) for c in chosen_palette([picture], 4)} == {tuple(c) for c in COLOURS}


def test_of_a_named_palette_the_most_used_colours_are_taken():
    picture = np.full((8, 8, 4), 255, np.uint8)
    picture[:3, :, :3] = (255, 0, 77)
    assert chosen_palette([picture], 2, named_palette("pico-8")).tolist() == [[255, 241, 232], [255, 0, 77]]


def test_index_0_of_an_indexed_sprite_is_transparent(tmp_path):
    picture = np.zeros((8, 8, 4), np.uint8)
    picture[2:6, 2:6] = (*COLOURS[2], 255)
    as_indexed(picture, COLOURS).save(tmp_path / "x.png")
    with Image.open(tmp_path / "x.png") as image:
        assert image.mode == "P"
        assert (np.asarray(image) == np.where(picture[..., 3] > 0, 3, 0)).all()
        seen = np.asarray(image.convert("RGBA"))
    assert (seen[..., 3] == picture[..., 3]).all()
    assert (seen[2:6, 2:6, :3] == COLOURS[2]).all()
