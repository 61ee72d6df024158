"""`python -m stylegan_pokemon metrics` from the outside: table, JSON, sheet, and what it says to a slip."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from stylegan_pokemon.checkpoint import zoo
from stylegan_pokemon.cli.main import cli
from stylegan_pokemon.cli.metrics import metrics
from tests.metrics.scripts import VGG, Inception, Plain, save
from tests.render.conftest import CLASSES, make_generator, make_run, write_snapshot
from tests.training.pictures import write_dataset


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("STYLEGAN_POKEMON_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    write_dataset(Path("data.zip"), 40)
    write_snapshot(Path("net.safetensors"), make_generator())
    save(Plain(), Path("plain.pt"))
    return tmp_path


def call(line: str):
    return CliRunner().invoke(metrics, line.split())


def done(line: str) -> str:
    result = call(line)
    assert result.exit_code == 0, result.output
    return result.stdout


def refused(line: str) -> str:
    result = call(line)
    assert result.exit_code == 2, result.output
    assert result.output.startswith("Error: ")
    assert result.output.count("\n") == 1
    return result.output


USUAL = "--network net.safetensors --data data.zip --num 24 --device cpu"
QUICK = f"{USUAL} --features plain.pt"


def test_the_default_is_a_table_with_a_word_of_explanation_and_what_was_used():
    said = done(f"{USUAL} --sheet nn.png --trunc 0.5")
    for words in (
        "net.safetensors, sha256 ", "data.zip, sha256 ", "24 against 40 real ones, truncation 0.5, seed 0",
        "efficientnet_lite1: efficientnet-lite1-77cc7160.pth, sha256 77cc7160d37b…, 1280 dimensions",
        "fd_efficientnet_lite1", "kid_efficientnet_lite1", "recall_efficientnet_lite1", "95 % interval",
        "floor",
        "share of the real pictures that the generator could have made", "copying", "diversity", "colour",
        "share of pictures whose creature is in one piece", "std. errors", "holes", "swd", "creatures  ",
        "times as far from real pictures as halves of them from each other, 20 against 20; by level: 16×16 ",
    ):  # fmt: skip
        assert words in said, words
    assert "fid" not in said.split()
    assert max(map(len, said.splitlines())) <= 180
    with Image.open("nn.png") as sheet:
        assert sheet.format == "PNG"


def test_sprites_and_style_alone_need_no_network():
    said = done("--network net.safetensors --data data.zip --num 24 --device cpu --metrics sprite,swd")
    assert "features " not in said
    assert "of the pictures are in pieces, of the real ones " in said


def test_the_centre_of_truncation_is_named():
    said = done(f"{QUICK} --metrics kid --trunc 0.5 --around centres:4")
    assert "real ones, truncation 0.5 around centres:4, seed 0" in said


def test_json_is_one_object_that_says_what_was_used():
    found = json.loads(done(f"{QUICK} --metrics fd,kid --json"))
    assert set(found["values"]) == {"fd_plain", "kid_plain"}
    assert (found["samples"], found["reals"], found["truncation_psi"]) == (24, 40, 1.0)
    assert len(found["network"]["sha256"]) == len(found["data"]["sha256"]) == 64
    assert found["features"]["plain"]["file"] == "plain.pt"


def test_num_is_by_default_what_training_measures():
    from stylegan_pokemon.metrics.names import metrics_num_of

    said = done(
        "--network net.safetensors --data data.zip --device cpu --features plain.pt --metrics kid --json"
    )
    assert json.loads(said)["samples"] == 40
    assert [metrics_num_of(64, n, "cpu") for n in (40, 819)] == [40, 400]
    assert [metrics_num_of(64, n, "cuda") for n in (819, 5000)] == [819, 1000]
    assert [metrics_num_of(size, 819, "cpu", "bf16") for size in (16, 64, 128)] == [100, 200, 400]


def test_a_run_is_its_newest_snapshot_and_classes_are_drawn_from_the_data():
    make_run(Path("runs/00003-x"), classes=CLASSES)
    write_dataset(Path("cond.zip"), 40, classes=4)
    line = "--network runs/00003-x --num 20 --device cpu --features plain.pt --metrics kid --json"
    found = json.loads(done(f"{line} --data cond.zip"))
    assert found["network"]["file"].endswith("000010.safetensors")
    assert "has 4 classes, but data.zip has no labels" in refused(f"{line} --data data.zip")


def write_pictures(folder: Path, count: int = 20, size: int = 16) -> Path:
    folder.mkdir()
    random = np.random.RandomState(0)
    for i in range(count):
        pixels = random.randint(0, 256, (size, size, 4 if i % 2 else 3)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{i}.{'png' if i % 3 else 'webp'}", lossless=True)
    return folder


def test_pictures_of_a_folder_and_of_a_zip_are_scored_alike():
    folder = write_pictures(Path("made"))
    with zipfile.ZipFile("made.zip", "w") as archive:
        archive.writestr("readme.txt", "not a picture")
        for path in folder.iterdir():
            archive.writestr(f"sub/{path.name}", path.read_bytes())
    rest = "--data data.zip --features plain.pt --device cpu --metrics fd,nn --json"
    a, b = (json.loads(done(f"--pictures {where} {rest}")) for where in ("made", "made.zip"))
    assert a["values"] == b["values"]
    assert a["samples"] == 20
    assert "truncation_psi" not in a
    assert "truncation" not in done("--pictures made --data data.zip --features plain.pt --device cpu")


def test_the_data_itself_is_a_copy_and_said_to_be():
    said = done("--pictures data.zip --data data.zip --features plain.pt --device cpu")
    assert "ALARM Memorising: 100.0% near copies" in said


def test_standard_files_are_fetched():
    assert "zoo fetch inception" in refused(f"{USUAL} --features standard")
    for name, network in (("inception", Inception()), ("vgg16", VGG())):
        there = zoo.entries("feature_networks")[name].path
        there.parent.mkdir(parents=True, exist_ok=True)
        save(network, there)
    found = json.loads(done(f"{USUAL} --features standard --metrics all --json"))
    assert {"fid", "kid", "is", "precision", "recall"} <= set(found["values"])
    there.write_bytes(Path("plain.pt").read_bytes())
    assert "has the checksum" in refused(f"{USUAL} --features standard")


def test_the_standard_files_are_listed_where_they_are_published():
    base = "https://nvlabs-fi-cdn.nvidia.com/stylegan2-ada-pytorch/pretrained/metrics/"
    found = {name: entry.url for name, entry in zoo.entries("feature_networks").items()}
    assert found == {"inception": base + "inception-2015-12-05.pt", "vgg16": base + "vgg16.pt"}
    assert "research and evaluation only" in zoo.entries("feature_networks")["vgg16"].licence.text
    listed = CliRunner().invoke(cli, ["zoo"]).output
    assert "inception" in listed
    assert "vgg16" in listed


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("--data data.zip", "either --network or --pictures is measured: name one of them"),
        (f"{USUAL} --pictures made", "both are given, leave one out"),
        (f"{QUICK} --metrics fid", "there is no metric “fid”"),
        (f"{QUICK} --metrics none", "measures nothing"),
        (f"{QUICK} --metrics fd --sheet nn.png", "add nn to --metrics"),
        (f"{QUICK} --sheet no/nn.png", "the folder no does not exist"),
        (f"{QUICK} --num 5", "at least 16 pictures"),
        (f"{QUICK} --around centres:1", "is no centre"),
        (f"{USUAL} --features nothing.pt", "--features nothing.pt does not exist"),
        ("--network nothing --data data.zip", "--network nothing does not exist"),
        ("--network net.safetensors --data nothing.zip", "nothing.zip does not exist"),
        ("--pictures nothing --data data.zip", "--pictures nothing does not exist"),
        ("--pictures net.safetensors --data data.zip", "holds no pictures"),
        ("--pictures cache --data data.zip", "does not exist"),
    ],
)
def test_a_slip_is_one_sentence(line, words):
    assert words in refused(line)


def test_pictures_that_cannot_be_compared_are_one_sentence():
    write_pictures(Path("small"), size=8)
    assert "have 8×8 pixels, but data.zip has 16×16" in refused(
        "--pictures small --data data.zip --device cpu"
    )
    mixed = write_pictures(Path("mixed"))
    Image.new("RGB", (8, 16)).save(mixed / "z.png")
    assert "z.png has 8×16 pixels, others have 16×16" in refused("--pictures mixed --data data.zip")
    (mixed / "z.png").write_bytes(b"no picture")
    assert "z.png is no readable picture" in refused("--pictures mixed --data data.zip")
    Path("empty").mkdir()
    assert "holds no pictures" in refused("--pictures empty --data data.zip")
    write_snapshot(Path("large.safetensors"), make_generator(img_resolution=32))
    said = refused("--network large.safetensors --data data.zip --device cpu")
    assert "makes pictures of 32×32, but data.zip has 16×16; convert the data with --resolution 32" in said


def test_the_command_is_listed():
    listed = CliRunner().invoke(cli, ["--help"]).output
    assert "metrics" in listed
    assert "Small sets fool FID" in CliRunner().invoke(cli, ["metrics", "-h"]).output


def test_a_damaged_picture_in_a_zip_is_named():
    with zipfile.ZipFile("bad.zip", "w") as archive:
        buffer = io.BytesIO()
        Image.new("RGB", (16, 16)).save(buffer, "PNG")
        archive.writestr("a.png", buffer.getvalue())
        archive.writestr("b.png", buffer.getvalue()[:40])
    assert "b.png is no readable picture" in refused("--pictures bad.zip --data data.zip")
