"""What is in a zip is told right, and what a training would trip over is named."""

from __future__ import annotations

import io
import json
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dataset_tool.convert import ConvertOptions, convert
from dataset_tool.inspect import as_json, as_text, inspect
from dataset_tool.problems import UserError
from dataset_tool.sheet import CELL, SheetRow, draw_sheet, spread, thumbnail
from tests.dataset_tool.pictures import creature, encoded, noise, write
from tests.dataset_tool.test_cutting import sheet
from tests.dataset_tool.test_remarks import creatures, strays


def foreign(path: Path, pictures: dict[str, bytes | Image.Image], metadata: object = None) -> Path:
    """Write a zip as another tool would have written it."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in pictures.items():
            archive.writestr(name, data if isinstance(data, bytes) else encoded(data, "PNG"))
        if metadata is not None:
            archive.writestr("dataset.json", metadata if isinstance(metadata, str) else json.dumps(metadata))
    return path


def faults(path: Path) -> dict[str, str]:
    return {problem.file: problem.reason for problem in inspect(path, progress=False).faults}


@pytest.fixture
def typed(tmp_path: Path) -> Path:
    colours = {
        "1.png": (40, 160, 60),
        "4.png": (220, 90, 30),
        "7.png": (60, 110, 220),
        "8.png": (90, 140, 230),
    }
    for name, colour in colours.items():
        write(tmp_path / "src" / name, creature(80, colour))
    write(tmp_path / "src" / "9-copy.png", creature(80, (90, 140, 230)))
    convert([tmp_path / "src"], tmp_path / "typed.zip", ConvertOptions(32, labels="type"), progress=False)
    return tmp_path / "typed.zip"


def test_counts_classes_sizes_and_duplicates(typed):
    result = inspect(typed, progress=False)
    assert (result.pictures, dict(result.sizes), dict(result.modes)) == (5, {"32×32": 5}, {"RGB": 5})
    assert result.bytes == typed.stat().st_size
    assert {row.name: row.pictures for row in result.classes if row.pictures} == {
        "fire": 1,
        "water": 3,
        "grass": 1,
    }
    assert len(result.classes) == 18
    assert [(pair.first, pair.second) for pair in result.duplicates] == [("8.png", "9-copy.png")]
    assert result.faults == ()
    assert result.options["resolution"] == 32


def test_mean_and_deviation_are_those_of_all_pixels(tmp_path):
    pictures = {f"{index}.png": noise((16, 16), index) for index in range(5)}
    result = inspect(foreign(tmp_path / "n.zip", pictures), progress=False)
    pixels = np.concatenate([np.asarray(picture).reshape(-1, 3) for picture in pictures.values()]).astype(
        float
    )
    assert np.allclose(result.mean, pixels.mean(axis=0), atol=1e-3)
    assert np.allclose(result.deviation, pixels.std(axis=0), atol=1e-3)


def test_the_page_and_the_json_say_the_same(typed):
    result = inspect(typed, progress=False)
    page, machine = as_text(result), json.loads(as_json(result))
    for text in (
        "5 × 32×32",
        "5 × RGB",
        "water",
        "no faults",
        "1 near-duplicate pair:",
        "9-copy.png",
        "labels type",
    ):
        assert text in page
    assert machine["pictures"] == 5
    assert machine["classes"][2] == {"number": 2, "name": "water", "pictures": 3}
    assert machine["duplicates"][0]["first"] == "8.png"


def test_the_contact_sheet_has_a_row_for_every_class_that_has_pictures(typed, tmp_path):
    inspect(typed, sheet=tmp_path / "sub" / "sheet.png", progress=False)
    with Image.open(tmp_path / "sub" / "sheet.png") as sheet:
        page = np.asarray(sheet.convert("RGB"))
    # Three rows; the widest, water, has three pictures. The cells are white, the page is not.
    white = (page == 255).all(axis=2)
    columns = np.flatnonzero(white.any(axis=0))
    assert columns[-1] - columns[0] + 1 == 3 * CELL + 2 * 4
    assert page.shape[0] == 16 + 20 + 16 + 3 * (CELL + 4) - 4 + 16
    # In the middle of the first cell of the fire row stands something orange.
    middle = page[16 + 20 + 16 + CELL // 2, columns[0] + CELL * 5 // 8].astype(int)
    assert middle[0] > middle[2] + 60


def test_without_labels_pictures_are_spread_over_the_sheet(tmp_path):
    pictures = {f"{index:04d}.png": Image.new("RGB", (8, 8), (index, 0, 0)) for index in range(256)}
    inspect(foreign(tmp_path / "n.zip", pictures), sheet=tmp_path / "sheet.png", progress=False)
    with Image.open(tmp_path / "sheet.png") as sheet:
        page = np.asarray(sheet.convert("RGB"))
    reds = {int(pixel[0]) for pixel in page[:, 60] if pixel[1] == 0} | {
        int(p[0]) for p in page[-60] if p[1] == 0
    }
    assert min(reds) == 0
    assert max(reds) == 255


def test_spread_takes_first_and_last_and_no_index_twice():
    assert spread(3, 12) == [0, 1, 2]
    assert spread(10, 1) == [0]
    assert spread(0, 5) == []
    for count in range(5, 60):
        chosen = spread(count, 5)
        assert (chosen[0], chosen[-1], len(set(chosen))) == (0, count - 1, 5)


def test_small_pictures_are_shown_enlarged_and_wide_ones_whole():
    cell = np.frombuffer(thumbnail(Image.new("RGB", (8, 4), "red")), np.uint8).reshape(CELL, CELL, 3)
    assert (cell[CELL // 2 - 32 : CELL // 2 + 32] == (255, 0, 0)).all()
    assert (cell[: CELL // 2 - 32] == 255).all()


@pytest.mark.parametrize("side", [8, 16, 32, 64, 128, 512])
def test_a_square_picture_of_any_resolution_fills_its_cell(side):
    cell = np.frombuffer(thumbnail(Image.new("RGB", (side, side), "red")), np.uint8)
    assert (cell.reshape(-1, 3) == (255, 0, 0)).all()


def test_an_empty_sheet_is_still_a_page():
    assert draw_sheet("nothing", []).width > 0
    assert draw_sheet("one", [SheetRow("", "", ())]).height > CELL


@pytest.mark.parametrize(
    ("pictures", "fault"),
    [
        ({"a.png": noise((16, 16)), "b.png": noise((16, 12))}, {"b.png": "16×12: not square"}),
        ({"a.png": noise((16, 16)), "b.png": noise((32, 32)), "c.png": noise((16, 16), 1)},
         {"b.png": "32×32, but others are 16×16"}),
        ({"a.png": noise((16, 16)), "b.png": noise((16, 16), mode="RGBA")},
         {"b.png": "RGBA, but others are RGB"}),
        ({"a.png": noise((16, 16)), "b.png": noise((16, 16), mode="L")},
         {"b.png": "grey, but others are RGB"}),
        ({"a.png": noise((20, 20))}, {"all pictures": "20×20: the side is not a power of two"}),
        ({"a.png": noise((16, 16)), "b.png": encoded(noise((16, 16)), "PNG")[:-20]},
         {"b.png": "truncated PNG: it ends before its last chunk"}),
        ({}, {"the zip": "holds no picture"}),
    ],
)  # fmt: skip
def test_pictures_that_training_would_trip_over_are_faults(tmp_path, pictures, fault):
    assert faults(foreign(tmp_path / "x.zip", pictures)) == fault


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes of POSIX")
def test_folders_and_pipes_are_named_and_never_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.zip")
    with pytest.raises(UserError, match=r"pipe\.zip is a device or a pipe, not a zip"):
        inspect(tmp_path / "pipe.zip")
    with pytest.raises(UserError, match="is a folder, not a zip"):
        inspect(tmp_path)


def test_a_zip_of_a_zip_says_what_it_holds(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("inner.zip", b"PK\x03\x04" + bytes(40))
    fault = faults(tmp_path / "x.zip")["the zip"]
    assert fault.startswith("holds no picture, but inner.zip, a zip archive: give")


def test_grey_data_sets_are_fine_as_long_as_all_are_grey(tmp_path):
    pictures = {f"{index}.png": noise((16, 16), index, "L") for index in range(3)}
    assert faults(foreign(tmp_path / "x.zip", pictures)) == {}


@pytest.mark.parametrize(
    ("metadata", "fault"),
    [
        ("{not json", {"dataset.json": "is no valid JSON from line 1 on"}),
        ([1], {"dataset.json": "is not a JSON object"}),
        ({"labels": 5}, {"dataset.json": "not a list of pairs"}),
        ({"labels": [["a.png", 0], ["b.png", True]]}, {"b.png": "not a class number"}),
        ({"labels": [["a.png", [0, 1]], ["b.png", [1, 0, 0]]]}, {"dataset.json": "different lengths"}),
        ({"labels": [["a.png", 0], ["b.png", 2]], "classes": ["x", "y"]}, {"dataset.json": "outside its 2"}),
        ({"labels": [["a.png", 0]]}, {"b.png": "has no label"}),
        ({"labels": [["a.jpg", 0]]}, {"dataset.json": "name none of the pictures: a.jpg is not there"}),
        ({"labels": [["a.png", 0], ["b.png", -1]]}, {"b.png": "not a class number"}),
        ({"labels": [["a.png", 0], ["b.png", [0.5, 1]]]}, {"b.png": "not a class number"}),
        ({"labels": [["a.png", 0], ["b.png", 1], ["a.png", 1]]}, {"a.png": "two labels"}),
    ],
)
def test_labels_that_training_would_trip_over_are_faults(tmp_path, metadata, fault):
    path = foreign(tmp_path / "x.zip", {"a.png": noise((16, 16)), "b.png": noise((16, 16), 1)}, metadata)
    found = faults(path)
    for name, words in fault.items():
        assert words in found[name]


def test_a_label_of_a_picture_that_is_gone_is_mentioned(tmp_path):
    labels = {"labels": [["a.png", 0], ["gone.png", 1]]}
    result = inspect(foreign(tmp_path / "x.zip", {"a.png": noise((16, 16))}, labels), progress=False)
    assert (result.faults, len(result.remarks)) == ((), 1)
    assert "gone.png" in result.remarks[0]


def test_foreign_labels_without_names_make_a_table_of_numbers(tmp_path):
    labels = {"labels": [["a.png", 7], ["b.png", 100_000]]}
    path = foreign(tmp_path / "x.zip", {"a.png": noise((8, 8)), "b.png": noise((8, 8), 1)}, labels)
    result = inspect(path, progress=False)
    assert [tuple(row) for row in result.classes] == [(7, "7", 1), (100_000, "100000", 1)]


def test_a_zip_without_metadata_is_fine_but_mentioned(tmp_path):
    result = inspect(foreign(tmp_path / "x.zip", {"a.png": noise((16, 16))}))
    assert result.faults == ()
    assert "no dataset.json" in result.remarks[0]


def test_what_else_is_in_the_zip_is_mentioned(tmp_path):
    entries = {"a.png": noise((16, 16)), "readme.txt": b"hello", "set/dataset.json": b"{}", ".DS_Store": b"x"}
    result = inspect(foreign(tmp_path / "x.zip", entries, {"labels": [["a.png", True]]}), progress=False)
    assert [problem.file for problem in result.faults] == ["a.png"]
    left_out, elsewhere, labels = result.remarks
    assert "readme.txt (" in left_out
    assert ".DS_Store" not in left_out
    assert "set/dataset.json is not above all pictures" in elsewhere
    assert "without --cond they stop no training" in labels


@pytest.mark.parametrize("separator", ["/", "\\"])
def test_a_zip_of_the_folder_is_the_data_set_in_it(tmp_path, separator):
    described = {
        "labels": [["./0/a.png", 1], ["0/b.png", 0]],
        "classes": ["x", "y"],
        "sources": [["0/a.png", "25.png"], ["0/b.png", "26.png"]],
    }
    pictures = {f"set/0/{name}.png".replace("/", separator): noise((16, 16), ord(name)) for name in "ab"}
    entries = {**pictures, "LICENSE": b"free", f"set{separator}dataset.json": json.dumps(described).encode()}
    path = foreign(tmp_path / "x.zip", entries)
    result = inspect(path, progress=False)
    assert [tuple(row) for row in result.classes] == [(0, "x", 1), (1, "y", 1)]
    assert (result.faults, len(result.remarks)) == ((), 1)
    report = convert([path], tmp_path / "again.zip", ConvertOptions(resolution=16), workers=1)
    assert [row.pictures for row in report.classes] == [1, 1]
    assert [problem.file for problem in report.problems] == ["LICENSE"]


def test_class_numbers_without_pictures_are_mentioned(tmp_path):
    pictures = {"a.png": noise((16, 16)), "b.png": noise((16, 16), 1)}
    path = foreign(tmp_path / "x.zip", pictures, {"labels": [["a.png", 1], ["b.png", 3]]})
    assert inspect(path, progress=False).remarks == (
        "no picture has 2 of the class numbers 0 to 3: number classes from 0 on without gaps",
    )


def test_compressed_entries_are_mentioned(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.png", encoded(noise((16, 16)), "PNG"))
    assert any("compressed" in remark for remark in inspect(tmp_path / "x.zip").remarks)


def test_jpeg_entries_are_read_too(tmp_path):
    result = inspect(foreign(tmp_path / "x.zip", {"a.jpg": encoded(noise((16, 16)), "JPEG")}))
    assert (result.pictures, result.faults) == (1, ())


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"no zip", "no zip: give a dataset zip"),
        (b"version https://git-lfs.github.com/spec/v1", "a Git LFS pointer, not a zip: .*`git lfs pull`"),
        (b"", "an empty file, not a zip: download or copy it again"),
        (encoded(noise((16, 16)), "PNG"), "a PNG picture, not a zip: give a dataset zip"),
    ],
)
def test_what_is_no_zip_is_one_sentence(tmp_path, content, what):
    with pytest.raises(UserError, match=rf"x\.zip is {what}"):
        inspect(write(tmp_path / "x.zip", content))
    with pytest.raises(UserError, match=r"gone\.zip does not exist"):
        inspect(tmp_path / "gone.zip")


def test_a_truncated_zip_is_one_sentence(typed):
    typed.write_bytes(typed.read_bytes()[:-200])
    with pytest.raises(UserError, match="damaged or incomplete"):
        inspect(typed)


def test_pictures_with_hidden_bombs_are_faults(tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.png", bytes(50 * 2**20))
        archive.writestr("a.png", encoded(noise((16, 16)), "PNG"))
    found = faults(write(tmp_path / "x.zip", buffer.getvalue()))
    assert "decompression bomb" in found["bomb.png"]


def test_a_sheet_shows_the_pictures_unlike_the_rest_first(tmp_path):
    (tmp_path / "in").mkdir()
    for n, picture in enumerate([*creatures(30), strays()["dark"]]):
        picture.save(tmp_path / "in" / f"{n + 1}.png")
    convert([tmp_path / "in"], tmp_path / "set.zip", ConvertOptions(resolution=64), workers=1, progress=False)
    found = inspect(tmp_path / "set.zip", sheet=tmp_path / "sheet.png", workers=1, progress=False)
    assert found.strays == (("31.png", "another background"),)
    assert "1 picture" in as_text(found)
    assert "31.png   another background" in as_text(found)
    with Image.open(tmp_path / "sheet.png") as sheet:
        dark = (np.asarray(sheet.convert("RGB")) == 0).all(axis=2)
    assert dark[52 : 52 + 128].sum() > 128 * 128 / 4  # the first row shows it
    assert not found.faults


def test_what_looks_like_a_sheet_in_the_set_is_told(tmp_path):
    sheet(4, 4, 64, 16).save(tmp_path / "all.png")
    convert([tmp_path / "all.png"], tmp_path / "set.zip", ConvertOptions(resolution=256), workers=1)
    (remark,) = inspect(tmp_path / "set.zip", workers=1, progress=False).remarks
    assert remark.endswith("holds 16): convert the set again with --sheet auto")
