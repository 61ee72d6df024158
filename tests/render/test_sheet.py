"""Sheets say what every row and column is, and no label runs into a picture or another label."""

from __future__ import annotations

import numpy as np
import pytest

from stylegan_pokemon.render.lettering import PAPER, fit, font, lines, plain, width
from stylegan_pokemon.render.sheet import contact_sheet, plan
from stylegan_pokemon.render.sweep import PSIS, sweep_sheet

COLUMNS = [f"{psi:g}" for psi in PSIS]


def tiles(rows, columns, size):
    return [
        [np.full((size, size, 3), 10 * r + c, dtype=np.uint8) for c in range(columns)] for r in range(rows)
    ]


@pytest.mark.parametrize("size", [16, 32, 128, 256])
def test_every_tile_lies_unchanged_at_its_place(size):
    rows = ["seed 0\nwater", "seed 1\nfire", "seed 4294967295\npsychic"]
    sheet = contact_sheet(tiles(3, 12, size), rows, COLUMNS, title="Sweep", heading="psi", caption="x")
    at = plan(rows, COLUMNS, (size, size), title="Sweep", heading="psi")
    assert sheet.shape == (at.size[1], at.size[0], 3)
    for r in range(3):
        for c in range(12):
            x, y = at.place(r, c)
            assert (sheet[y : y + size, x : x + size] == 10 * r + c).all()


@pytest.mark.parametrize("size", [16, 32, 128, 256])
def test_labels_lie_beside_and_above_the_tiles_and_inside_the_sheet(size):
    rows, title = ["seed 0\nwater", "seed 4294967295\npsychic"], "Truncation sweep"
    sheet = contact_sheet(
        tiles(2, 12, size), rows, COLUMNS, title=title, heading="truncation psi", caption="x" * 400
    )
    at = plan(rows, COLUMNS, (size, size), title=title, heading="truncation psi")
    inked = (sheet != PAPER).any(axis=-1)
    frame = at.margin // 2
    assert not inked[:frame].any()
    assert not inked[-frame:].any()
    assert not inked[:, :frame].any()
    assert not inked[:, -frame:].any()
    for r in range(2):  # each row's label is at its height, left of the tiles, and apart from them
        top = at.place(r, 0)[1]
        assert inked[top : top + at.pitch[1], at.margin : at.left - at.text].any()
    assert not inked[at.top :, at.left - at.text + 1 : at.left][: 2 * at.pitch[1]].any()
    above = inked[at.top - round(1.6 * at.text) : at.top - round(0.6 * at.text)]
    for c in range(12):  # each column's label is centred above it
        x = at.place(0, c)[0]
        places = np.flatnonzero(above[:, max(0, x - at.text) : x + size + at.text].any(axis=0))
        assert len(places)
        assert abs(places.mean() - at.text - size / 2) < at.text


@pytest.mark.parametrize("size", [8, 16, 64])
def test_labels_never_overlap_even_over_the_smallest_tiles(size):
    columns = ["-0.123456", "1234.5", "-1"]
    at = plan(["a\nb", "c\nd"], columns, (size, size))
    assert at.pitch[0] >= max(width(label, at.text) for label in columns) + at.text
    assert at.pitch[1] >= 2 * 1.3 * at.text
    assert at.pitch[0] > size < at.pitch[1]


def test_text_grows_with_the_tiles_within_bounds():
    sizes = [plan(["a"], ["b"], (size, size)).text for size in (16, 160, 256, 1024)]
    assert sizes == [14, 20, 30, 30]


def test_letters_that_the_font_lacks_are_spelled_with_those_it_has():
    assert plain("Flabébé") == "Flabebe"
    assert plain("Nidoran♀ −1 × 2") == "Nidoran f -1 x 2"
    assert plain("水") in ("水", "?")
    box = font(20).getmask("\u6c34").getbbox()
    assert all(font(20).getmask(letter).getbbox() != box for letter in "Flabebe?·…-0123456789")


def test_long_text_is_shortened_in_its_middle():
    assert fit("short", 14, 400) == "short"
    text = fit("000032-a-very-long-name-of-a-network.safetensors", 14, 150)
    assert text.startswith("000032")
    assert text.endswith("tensors")
    assert "…" in text
    assert width(text, 14) <= 150
    assert fit("text", 14, 1) == ""


def test_a_sweep_shows_the_average_at_0_and_each_seed_at_its_psi(source):
    from stylegan_pokemon.render.images import rescale
    from stylegan_pokemon.render.pictures import RenderOptions, render_seeds

    sheet = sweep_sheet(source, [3, 4], [0, 0], [0, 0.5, 1])
    at = plan(
        ["seed 3", "seed 4"],
        ["0", "0.5", "1"],
        (128, 128),
        title="Truncation sweep",
        heading="truncation psi",
    )

    def tile(row, column):
        x, y = at.place(row, column)
        return sheet[y : y + 128, x : x + 128].astype(int)

    assert np.abs(tile(0, 0) - tile(1, 0)).max() <= 1
    for column, psi in enumerate([0, 0.5, 1]):
        (single,) = render_seeds(source, [4], [0], RenderOptions(psi))
        assert np.abs(tile(1, column) - rescale(single, 8)).max() <= 1
    assert np.abs(tile(0, 2) - tile(1, 2)).max() > 20


def test_a_sweep_names_the_class_of_each_row(conditional_source, monkeypatch):
    said = {}
    monkeypatch.setattr(
        "stylegan_pokemon.render.sweep.contact_sheet",
        lambda pictures, rows, columns, **rest: said.update(rows=rows, **rest) or pictures[0][0],
    )
    sweep_sheet(conditional_source, [0, 1], [1, 3], [1])
    assert said["rows"] == ["seed 0\nwater", "seed 1\n7"]
    sweep_sheet(conditional_source, [0, 1], [1, 1], [1])
    assert said["rows"] == ["seed 0", "seed 1"]
    assert said["title"] == "Truncation sweep: water"


def test_a_caption_takes_as_many_lines_as_it_needs():
    caption = "000032.safetensors · truncation psi 0.7 around the average of its own class · noise const"
    found = lines(caption, 14, 300)
    assert len(found) > 1
    assert " · ".join(found).startswith("000032.safetensors · truncation psi 0.7")
    assert all(width(line, 14) <= 300 for line in found)
    assert lines(caption, 14, 4000) == [caption]
    one, several = (
        contact_sheet(tiles(2, 2, 64), ["a", "b"], ["0", "1"], title="Classes", caption=words)
        for words in ("short", caption)
    )
    assert several.shape[0] > one.shape[0]
    assert np.array_equal(several[: one.shape[0] - 40], one[:-40])


@pytest.mark.parametrize("size", [16, 64, 256])
def test_footers_lie_below_their_columns_and_move_no_picture(size):
    pictures, footers = tiles(2, 3, size), ["whole 94 %\nSWD 47", "", "whole 100 %\nSWD 126"]
    words = {"title": "Sweep", "heading": "adaptation"}
    sheet = contact_sheet(pictures, ["a", "b"], ["0", "0.5", "1"], footers=footers, caption="x", **words)
    at = plan(["a", "b"], ["0", "0.5", "1"], (size, size), footers=footers, **words)
    for r in range(2):
        for c in range(3):
            x, y = at.place(r, c)
            assert (sheet[y : y + size, x : x + size] == 10 * r + c).all()
    bottom = at.place(1, 0)[1] + size
    inked = (sheet[bottom:] != PAPER).any(axis=-1)
    caption = np.flatnonzero(inked.any(axis=1))[-1] - at.text  # the last line; above it are the footers
    centres = []
    for c in range(3):
        x = at.place(0, c)[0] + size // 2
        below = inked[:caption, x - at.pitch[0] // 2 + 1 : x + at.pitch[0] // 2]
        centres.append(
            np.flatnonzero(below.any(axis=0)).mean() + 1 - at.pitch[0] // 2 if below.any() else None
        )
    assert centres[1] is None
    assert abs(centres[0]) < at.text > abs(centres[2])
    assert not inked[-at.margin // 2 :].any()
    assert at.pitch[0] >= width("whole 100 %", round(0.85 * at.text)) + at.text
    plain_sheet = contact_sheet(pictures, ["a", "b"], ["0", "0.5", "1"], caption="x", **words)
    assert plain_sheet.shape[0] < sheet.shape[0]
