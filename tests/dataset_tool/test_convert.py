"""The conversion as a whole: what the zip holds, equal bytes for equal input, and nothing half-written."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dataset_tool import archive as archive_module
from dataset_tool import workers
from dataset_tool.convert import ConvertOptions, convert
from dataset_tool.options import RESOLUTIONS
from dataset_tool.problems import ProblemsError, UserError
from tests.dataset_tool.pictures import creature, encoded, huge_png_header, noise, pixel_sprite, write

SMALL = ConvertOptions(resolution=16)


def metadata(path: Path) -> dict:
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read("dataset.json"))


def zoo(folder: Path) -> Path:
    """Write one picture of every kind, and one of every kind of problem, to `folder`."""
    write(folder / "1-rgba.png", creature(40))
    write(folder / "2-rgb.png", creature(40).convert("RGB"))
    write(
        folder / "3-palette.png",
        encoded(pixel_sprite(24).quantize(8, method=Image.Quantize.FASTOCTREE), "PNG"),
    )
    write(folder / "4-grey.png", creature(40).convert("L"))
    write(folder / "5-grey-alpha.png", creature(40).convert("LA"))
    write(folder / "6-photo.png", encoded(creature(40).convert("RGB"), "JPEG"))
    write(folder / "7.webp", encoded(creature(40), "WEBP", lossless=True))
    write(
        folder / "sub" / "8.gif", encoded(creature(40).quantize(16, method=Image.Quantize.FASTOCTREE), "GIF")
    )
    write(folder / "sub" / "9.bmp", encoded(creature(40).convert("RGB"), "BMP"))
    write(folder / "sub" / "10-wide.png", noise((50, 20)))
    write(folder / "bad" / "bomb.png", huge_png_header(100_000, 100_000))
    write(folder / "bad" / "empty.png", b"")
    write(folder / "bad" / "note.txt", b"a note")
    write(folder / "bad" / "transparent.png", Image.new("RGBA", (9, 9)))
    write(folder / "bad" / "truncated.png", encoded(creature(40), "PNG")[:-30])
    return folder


def contents(path: Path) -> tuple[list[Image.Image], dict]:
    with zipfile.ZipFile(path) as archive:
        metadata = json.loads(archive.read("dataset.json"))
        return [Image.open(io.BytesIO(archive.read(name))) for name in archive.namelist()[:-1]], metadata


def test_the_zip_has_the_layout_that_stylegan_tools_share(tmp_path):
    for index in range(3):
        write(tmp_path / "src" / f"{index + 1}.png", noise((40, 30), index, "RGBA"))
    options = ConvertOptions(resolution=32, labels="type")
    report = convert([tmp_path / "src"], tmp_path / "out.zip", options)
    assert report.pictures == 3
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        assert archive.namelist() == [*(f"00000/img{index:08d}.png" for index in range(3)), "dataset.json"]
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
        assert archive.testzip() is None
    pictures, metadata = contents(tmp_path / "out.zip")
    for picture in pictures:
        assert (picture.format, picture.mode, picture.size) == ("PNG", "RGB", (32, 32))
    assert metadata["labels"] == [[f"00000/img{index:08d}.png", 3] for index in range(3)]
    assert metadata["classes"][3] == "grass"
    assert metadata["sources"] == [[f"00000/img{index:08d}.png", f"{index + 1}.png"] for index in range(3)]
    assert set(dataclasses.asdict(options)) <= set(metadata["convert"])
    assert (metadata["convert"]["resolution"], metadata["convert"]["labels"]) == (32, "type")


def test_without_labels_there_are_none(tmp_path):
    write(tmp_path / "a.png", creature())
    convert([tmp_path / "a.png"], tmp_path / "out.zip", SMALL)
    metadata = contents(tmp_path / "out.zip")[1]
    assert metadata["labels"] is None
    assert metadata["classes"] is None


def test_pictures_are_numbered_in_folders_of_a_thousand():
    names = [archive_module.image_name(index) for index in (0, 999, 1000, 123_456)]
    assert names == [
        "00000/img00000000.png",
        "00000/img00000999.png",
        "00001/img00001000.png",
        "00123/img00123456.png",
    ]


def test_every_kind_of_file_is_converted_and_every_problem_is_told(tmp_path):
    report = convert([zoo(tmp_path / "src")], tmp_path / "out.zip", SMALL, progress=False)
    pictures, metadata = contents(tmp_path / "out.zip")
    assert [name for _, name in metadata["sources"]] == [
        "1-rgba.png", "2-rgb.png", "3-palette.png", "4-grey.png", "5-grey-alpha.png", "6-photo.png", "7.webp",
        "sub/8.gif", "sub/9.bmp", "sub/10-wide.png",
    ]  # fmt: skip
    assert {(picture.mode, picture.size) for picture in pictures} == {("RGB", (16, 16))}
    assert {problem.file: problem.reason.split(":")[0] for problem in report.problems} == {
        "bad/bomb.png": "a decompression bomb",
        "bad/empty.png": "empty file",
        "bad/note.txt": "text",
        "bad/transparent.png": "fully transparent",
        "bad/truncated.png": "truncated PNG",
    }
    assert (report.found, report.pictures, sum(report.filters.values())) == (15, 10, 10)


def test_strict_makes_any_problem_fatal_and_writes_nothing(tmp_path):
    options = dataclasses.replace(SMALL, strict=True)
    with pytest.raises(ProblemsError, match=r"5 of 15 files cannot be used.*--strict") as error:
        convert([zoo(tmp_path / "src")], tmp_path / "out" / "out.zip", options, progress=False)
    assert len(error.value.problems) == 5
    assert list((tmp_path / "out").iterdir()) == []
    shutil.rmtree(tmp_path / "src" / "bad")
    assert convert([tmp_path / "src"], tmp_path / "out.zip", options, progress=False).pictures == 10


def test_problems_of_labels_are_in_the_same_table(tmp_path):
    write(tmp_path / "src" / "25.png", creature())
    write(tmp_path / "src" / "egg.png", creature())
    write(tmp_path / "src" / "26.png", b"")
    report = convert(
        [tmp_path / "src"], tmp_path / "out.zip", ConvertOptions(16, labels="type"), progress=False
    )
    assert [problem.file for problem in report.problems] == ["26.png", "egg.png"]
    assert report.pictures == 1


@pytest.mark.parametrize(
    "options",
    [
        ConvertOptions(resolution=32),
        ConvertOptions(resolution=32, background="random", seed=7, trim=True, margin=5, dedupe=True),
        ConvertOptions(resolution=32, key=True, labels="folder", exclude=("1-*", "2-*", "bad*")),
    ],
    ids=["defaults", "random background", "folders"],
)
def test_equal_input_and_options_give_equal_bytes(tmp_path, monkeypatch, options):
    # One process, two processes, another place, another order of the file system, other times.
    monkeypatch.setattr(workers, "_ITEMS_WORTH_A_PROCESS", 4)
    source = zoo(tmp_path / "one" / "sprites")
    if options.labels:
        source = source.parent
        shutil.copytree(source / "sprites" / "sub", source / "more")
    moved = tmp_path / "two" / "elsewhere"
    shutil.copytree(source, moved, copy_function=shutil.copy)
    for path in moved.rglob("*"):
        os.utime(path, (10**9, 10**9))
    first, second, third = (tmp_path / f"{name}.zip" for name in "abc")
    convert([source], first, options, workers=1, progress=False)
    convert([source], second, options, workers=2, progress=False)
    convert([moved], third, options, workers=1, progress=False)
    assert first.read_bytes() == second.read_bytes() == third.read_bytes()


def test_a_zip_gives_the_same_pictures_as_the_folder_it_was_made_of(tmp_path):
    source = zoo(tmp_path / "sprites")
    shutil.rmtree(source / "bad")
    shutil.make_archive(str(tmp_path / "packed"), "zip", source)
    convert([source], tmp_path / "a.zip", SMALL, progress=False)
    convert([tmp_path / "packed.zip"], tmp_path / "b.zip", SMALL, progress=False)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_random_backgrounds_are_opaque_and_differ_by_picture_and_seed(tmp_path):
    for index in range(6):
        write(tmp_path / "src" / f"{index}.png", creature(40))
    corners = []
    for seed in (0, 1):
        convert(
            [tmp_path / "src"], tmp_path / f"{seed}.zip", ConvertOptions(16, background="random", seed=seed)
        )
        corners += [picture.getpixel((0, 15)) for picture in contents(tmp_path / f"{seed}.zip")[0]]
    assert len(set(corners)) == 12


@pytest.mark.parametrize("colour", ["black", "#ff8000", "teal"])
def test_the_background_is_exactly_the_wanted_colour(tmp_path, colour):
    write(tmp_path / "a.png", creature(40))
    convert([tmp_path / "a.png"], tmp_path / "out.zip", ConvertOptions(16, background=colour))
    (picture,) = contents(tmp_path / "out.zip")[0]
    assert picture.getpixel((0, 15)) == Image.new("RGB", (1, 1), colour).getpixel((0, 0))


@pytest.mark.skipif(os.name == "nt", reason="names are text on Windows")
def test_names_that_are_no_text_are_recorded_with_escapes(tmp_path):
    source = write(tmp_path / "src" / "1.png", creature())
    try:
        os.rename(source, os.path.join(os.fsencode(source.parent), b"caf\xe9.png"))
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    convert([tmp_path / "src"], tmp_path / "out.zip", SMALL, progress=False)
    assert contents(tmp_path / "out.zip")[1]["sources"] == [["00000/img00000000.png", "caf\\udce9.png"]]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_occurs_twice_in_a_zip_is_converted_once(tmp_path):
    with zipfile.ZipFile(tmp_path / "src.zip", "w") as archive:
        archive.writestr("1.png", encoded(Image.new("RGB", (20, 20), "red"), "PNG"))
        archive.writestr("1.png", encoded(Image.new("RGB", (20, 20), "blue"), "PNG"))
    report = convert([tmp_path / "src.zip"], tmp_path / "out.zip", SMALL, progress=False)
    assert contents(tmp_path / "out.zip")[0][0].getpixel((8, 8)) == (255, 0, 0)
    assert [problem.file for problem in report.problems] == ["1.png"]


@pytest.mark.parametrize("resolution", RESOLUTIONS)
def test_every_resolution_can_be_written(tmp_path, resolution):
    write(tmp_path / "a.png", creature(40))
    convert([tmp_path / "a.png"], tmp_path / "out.zip", ConvertOptions(resolution))
    assert contents(tmp_path / "out.zip")[0][0].size == (resolution, resolution)


def test_an_existing_zip_is_replaced_only_on_request(tmp_path):
    write(tmp_path / "1.png", creature())
    target = write(tmp_path / "out.zip", b"precious")
    with pytest.raises(UserError, match="--overwrite"):
        convert([tmp_path / "1.png"], target, SMALL)
    assert target.read_bytes() == b"precious"
    convert([tmp_path / "1.png"], target, SMALL, overwrite=True)
    assert zipfile.is_zipfile(target)


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_a_zip_that_cannot_be_finished_does_not_appear(tmp_path, monkeypatch, error):
    write(tmp_path / "src" / "1.png", creature())
    target = write(tmp_path / "out" / "out.zip", b"the old one")

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(archive_module.zipfile.ZipFile, "writestr", fail)
    expected = KeyboardInterrupt if error is KeyboardInterrupt else UserError
    with pytest.raises(expected):
        convert([tmp_path / "src"], target, SMALL, overwrite=True)
    assert {path.name: path.read_bytes() for path in target.parent.iterdir()} == {"out.zip": b"the old one"}


def test_a_disk_that_is_too_small_is_noticed_before_the_zip_is_written(tmp_path, monkeypatch):
    write(tmp_path / "1.png", creature())
    monkeypatch.setattr(
        archive_module.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9, 100)
    )
    with pytest.raises(UserError, match="make some room"):
        convert([tmp_path / "1.png"], tmp_path / "out.zip", SMALL)
    assert not (tmp_path / "out.zip").exists()


def test_nothing_to_convert_is_an_error(tmp_path):
    (tmp_path / "src").mkdir()
    with pytest.raises(ProblemsError, match="no file was found"):
        convert([tmp_path / "src"], tmp_path / "out.zip")
    write(tmp_path / "src" / "note.txt", b"text")
    with pytest.raises(ProblemsError, match="none of the 1 files found can be used") as error:
        convert([tmp_path / "src"], tmp_path / "out.zip")
    assert error.value.problems[0].file == "note.txt"
    with pytest.raises(ProblemsError, match=r"--include \*\.jpg matched nothing"):
        convert([tmp_path / "src"], tmp_path / "out.zip", ConvertOptions(include=("*.jpg",)))
    with pytest.raises(UserError, match="no source"):
        convert([], tmp_path / "out.zip")


@pytest.mark.parametrize(
    ("settings", "option"),
    [
        ({"resolution": 100}, "--resolution 100"),
        ({"resolution": 4}, "--resolution 4"),
        ({"resolution": 2048}, "--resolution 2048"),
        ({"resolution": 0}, "--resolution 0"),
        ({"filter": "best"}, "--filter best"),
        ({"margin": -1}, "--margin -1"),
        ({"margin": 41}, "--margin 41"),
        ({"margin": float("nan")}, "--margin nan"),
        ({"tolerance": 256}, "--tolerance 256"),
        ({"labels": "species"}, "--labels species"),
        ({"labels": "csv:"}, "--labels csv:"),
    ],
)
def test_options_that_cannot_be_used_are_one_sentence(settings, option):
    with pytest.raises(UserError, match=option):
        ConvertOptions(**settings)


@pytest.mark.parametrize("background", ["#12", "nowhere", "#11223380"])
def test_a_wrong_background_is_noticed_before_anything_is_read(tmp_path, background):
    with pytest.raises(UserError, match="--background"):
        convert([tmp_path / "gone"], tmp_path / "out.zip", ConvertOptions(background=background))


def test_a_destination_that_is_no_zip_is_one_sentence(tmp_path):
    write(tmp_path / "1.png", creature())
    with pytest.raises(UserError, match=r"does not end in \.zip"):
        convert([tmp_path / "1.png"], tmp_path / "out")
    (tmp_path / "folder.zip").mkdir()
    with pytest.raises(UserError, match="is a folder"):
        convert([tmp_path / "1.png"], tmp_path / "folder.zip")


def test_folders_of_the_destination_are_made(tmp_path):
    write(tmp_path / "1.png", creature())
    convert([tmp_path / "1.png"], tmp_path / "data" / "sets" / "out.zip", SMALL)
    assert (tmp_path / "data" / "sets" / "out.zip").is_file()


def test_a_data_set_that_is_converted_again_keeps_labels_classes_and_the_names_of_its_files(tmp_path):
    for name, colour in (("fire/4.png", "red"), ("fire/5.png", "red"), ("water/7.png", "blue")):
        write(tmp_path / "src" / name, Image.new("RGB", (80, 80), colour))
    convert([tmp_path / "src"], tmp_path / "64.zip", ConvertOptions(64, labels="folder"))
    settings = ConvertOptions(16, dedupe=True)
    report = convert([tmp_path / "64.zip"], tmp_path / "16.zip", settings)
    assert (report.pictures, report.problems) == (2, ())
    assert any("--labels none" in remark for remark in report.remarks)
    again = metadata(tmp_path / "16.zip")
    assert again["sources"] == [
        [f"00000/img0000000{k}.png", name] for k, name in enumerate(("fire/4.png", "water/7.png"))
    ]
    assert [again["classes"][number] for _, number in again["labels"]] == ["fire", "water"]
    convert([tmp_path / "16.zip"], tmp_path / "none.zip", ConvertOptions(8, labels="none"))
    dropped = metadata(tmp_path / "none.zip")
    assert (dropped["labels"], dropped["classes"], dropped["sources"]) == (None, None, again["sources"])
    convert([tmp_path / "none.zip"], tmp_path / "typed.zip", ConvertOptions(8, labels="type"))
    typed = metadata(tmp_path / "typed.zip")
    assert [typed["classes"][number] for _, number in typed["labels"]] == ["fire", "water"]


def test_labels_of_sources_are_kept_or_refused_but_never_lost(tmp_path):
    for name in ("a", "b"):
        write(tmp_path / name / "x" / "1.png", Image.new("RGB", (8, 8), "red"))
        write(tmp_path / name / "y" / "2.png", Image.new("RGB", (8, 8), "blue"))
        convert([tmp_path / name], tmp_path / f"{name}.zip", ConvertOptions(8, labels="folder"))
    both = [tmp_path / "a.zip", tmp_path / "b.zip"]
    convert(both, tmp_path / "both.zip", ConvertOptions(8))
    joined = metadata(tmp_path / "both.zip")
    assert [number for _, number in joined["labels"]] == [0, 1, 0, 1]
    assert [source for _, source in joined["sources"]] == ["a/x/1.png", "a/y/2.png", "b/x/1.png", "b/y/2.png"]
    with pytest.raises(UserError, match=r"a\.zip has labels.*--labels none"):
        convert([tmp_path / "a.zip", tmp_path / "b"], tmp_path / "o.zip", ConvertOptions(8))
    with zipfile.ZipFile(tmp_path / "a.zip", "a") as archive:
        archive.writestr("00000/new.png", encoded(Image.new("RGB", (8, 8)), "PNG"))
    report = convert([tmp_path / "a.zip"], tmp_path / "p.zip", ConvertOptions(8))
    assert [(row.file, row.reason) for row in report.problems] == [
        ("00000/new.png", "has no label, although others have one")
    ]
    assert [number for _, number in metadata(tmp_path / "p.zip")["labels"]] == [0, 1]
    assert convert([tmp_path / "a.zip"], tmp_path / "o.zip", ConvertOptions(8, labels="none")).pictures == 3


def test_labels_of_folders_below_are_said_to_be_unread_and_the_remedy_keeps_them(tmp_path):
    for split in ("train", "test"):
        for number in (0, 1):
            write(tmp_path / "set" / split / f"{number}.png", noise((8, 8), number))
        labels = {"labels": [["0.png", 0], ["1.png", 1]]}
        write(tmp_path / "set" / split / "dataset.json", json.dumps(labels).encode())
    report = convert([tmp_path / "set"], tmp_path / "o.zip", ConvertOptions(8))
    assert [row.file for row in report.problems] == ["test/dataset.json", "train/dataset.json"]
    assert all("labels are not read" in row.reason for row in report.problems)
    parts = [tmp_path / "train.zip", tmp_path / "test.zip"]
    for part in parts:
        convert([tmp_path / "set" / part.stem], part, ConvertOptions(8))
    convert(parts, tmp_path / "both.zip", ConvertOptions(8))
    assert [number for _, number in metadata(tmp_path / "both.zip")["labels"]] == [0, 1, 0, 1]


def test_patterns_are_tried_on_the_original_names_of_a_data_set(tmp_path):
    for name in ("fire/4-shiny.png", "fire/4.png", "water/7.png"):
        write(tmp_path / "src" / name, noise((8, 8), len(name)))
    convert([tmp_path / "src"], tmp_path / "a.zip", ConvertOptions(8, labels="folder"))
    options = ConvertOptions(8, include=("fire/*",), exclude=("*shiny*",))
    report = convert([tmp_path / "a.zip"], tmp_path / "b.zip", options)
    assert (report.remarks, report.problems) == (
        ("the data set's own labels are kept; --labels none leaves them out",),
        (),
    )
    assert [source for _, source in metadata(tmp_path / "b.zip")["sources"]] == ["fire/4.png"]


def test_odd_names_of_originals_in_a_data_set_do_no_harm(tmp_path):
    names = ["/root/a.png", "../up.png", "half \ud800.png", ""]
    with zipfile.ZipFile(tmp_path / "d.zip", "w") as archive:
        for index in range(len(names)):
            archive.writestr(f"{index}.png", encoded(noise((8, 8), index), "PNG"))
        sources = [[f"{index}.png", name] for index, name in enumerate(names)]
        archive.writestr("dataset.json", json.dumps({"labels": None, "sources": sources}))
    convert([tmp_path / "d.zip"], tmp_path / "o.zip", ConvertOptions(8))
    again = [source for _, source in metadata(tmp_path / "o.zip")["sources"]]
    assert again == ["root/a.png", "../up.png", "half \\ud800.png", "3.png"]
    with pytest.raises(ProblemsError):
        convert([tmp_path / "d.zip"], tmp_path / "p.zip", ConvertOptions(8, labels="folder", strict=True))


def test_the_report_counts_what_was_done(tmp_path):
    write(tmp_path / "1.png", pixel_sprite(12))
    write(tmp_path / "7.png", creature(60))
    report = convert([tmp_path], tmp_path / "out.zip", ConvertOptions(32, labels="type", exclude=("*.bmp",)))
    assert report.filters == {"pixel art by a whole factor": 1, "lanczos": 1}
    assert {row.name: row.pictures for row in report.classes if row.pictures} == {"water": 1, "grass": 1}
    assert report.remarks == ("--exclude *.bmp matched no file",)
    assert report.bytes == (tmp_path / "out.zip").stat().st_size


@pytest.mark.sprites
def test_the_819_real_sprites_become_a_data_set(sprites, tmp_path):
    report = convert(
        [sprites / "pokemon_rgba.zip"], tmp_path / "out.zip", ConvertOptions(64, labels="type"), workers=2
    )
    assert (report.pictures, report.problems, report.filters) == (819, (), {"lanczos": 819})
    assert sum(row.pictures for row in report.classes) == 819
    pictures, metadata = contents(tmp_path / "out.zip")
    # Official artwork on white: most corners are exactly white.
    assert np.mean([picture.getpixel((0, 0)) == (255, 255, 255) for picture in pictures]) > 0.9
    assert metadata["sources"][0][1] == "1.png"


@pytest.mark.sprites
def test_pixel_art_of_the_games_is_recognised(sprites, tmp_path):
    options = ConvertOptions(64, include=("normal/*",))
    report = convert([sprites / "sprites_gen5.zip"], tmp_path / "out.zip", options, workers=2)
    assert set(report.filters) == {"pixel art shrunk by box"}
    assert report.pictures == 754
