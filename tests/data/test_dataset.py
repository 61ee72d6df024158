"""Reading a dataset zip, and the order in which its pictures are shown."""

import hashlib
import io
import json
import zipfile
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from stylegan_pokemon.data import dataset as module
from stylegan_pokemon.data.dataset import SpriteDataset
from stylegan_pokemon.data.sampler import batch_items, mirrored_items
from stylegan_pokemon.errors import UserError
from tests.training.pictures import write_dataset


def test_pictures_and_labels_come_back_as_written(tmp_path):
    path = write_dataset(tmp_path / "d.zip", classes=3)
    with SpriteDataset(path) as data, zipfile.ZipFile(path) as archive:
        assert (data.facts.images, data.facts.resolution, data.facts.channels) == (12, 16, 3)
        assert data.facts.classes == ("class0", "class1", "class2")
        expected = np.asarray(Image.open(archive.open("00000/img00000005.png")))
        assert np.array_equal(data.images([5])[0].permute(1, 2, 0).numpy(), expected)
        assert data.one_hot([0, 4]).tolist() == [[1, 0, 0], [0, 1, 0]]


@pytest.mark.parametrize(("mode", "channels"), [("L", 1), ("RGB", 3), ("RGBA", 4)])
def test_grey_colour_and_alpha_pictures_are_read(tmp_path, mode, channels):
    with SpriteDataset(write_dataset(tmp_path / "d.zip", mode=mode)) as data:
        assert data.images(range(3)).shape == (3, channels, 16, 16)


def test_a_set_that_does_not_fit_into_memory_is_read_from_the_zip(tmp_path, monkeypatch):
    path = write_dataset(tmp_path / "d.zip")
    with SpriteDataset(path) as held:
        expected = held.images([7, 2])
    monkeypatch.setattr(module, "_MEMORY_LIMIT", 0)
    with SpriteDataset(path) as data:
        assert data._images is None
        assert torch.equal(data.images([7, 2]), expected)


def test_a_subset_is_drawn_by_seed_and_changes_the_fingerprint(tmp_path):
    path = write_dataset(tmp_path / "d.zip", classes=2)
    with SpriteDataset(path) as whole, SpriteDataset(path, 5, 1) as one, SpriteDataset(path, 5, 2) as two:
        assert len(one) == len(two) == 5
        assert len({whole.facts.sha256, one.facts.sha256, two.facts.sha256}) == 3
        assert not torch.equal(one.images(range(5)), two.images(range(5)))


def rewritten(path, change):
    """The entries of a zip after `change(entries)`, in its place."""
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    change(entries)
    with zipfile.ZipFile(path, "w") as archive:
        for entry, content in entries.items():
            archive.writestr(entry, content)
    return path


@pytest.mark.parametrize("case", ["missing", "no zip", "empty", "mixed", "odd size", "broken picture"])
def test_bad_datasets_are_refused_by_name(tmp_path, case):
    path, name = tmp_path / "bad.zip", "00000/img00000003.png"
    if case == "no zip":
        path.write_text("<html>")
    elif case == "empty":
        zipfile.ZipFile(path, "w").close()
    elif case != "missing":
        write_dataset(path, resolution=12 if case == "odd size" else 16, classes=2)
    if case == "mixed":
        with zipfile.ZipFile(write_dataset(tmp_path / "o.zip", resolution=32)) as other:
            rewritten(path, lambda entries: entries.update({name: other.read(name)}))
    if case == "broken picture":
        rewritten(path, lambda entries: entries.update({name: entries[name][:50]}))
    with pytest.raises(UserError, match=r"bad\.zip"):
        SpriteDataset(path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda labels: labels[1:], "img00000000.png: has no label, although others have one"),
        (lambda labels: [[name, 2**70] for name, _ in labels], "is not a class number"),
        (lambda labels: [[name, bool(label)] for name, label in labels], "its label false is not a class"),
        (lambda labels: [[name, [0.5, 0.5]] for name, _ in labels], "its label [0.5, 0.5] is not a class"),
        (lambda labels: [[name, 2] for name, _ in labels], "a label outside its 2 classes"),
        (None, "dataset.json: is no valid JSON from line 1 on"),
    ],
)
def test_unusable_labels_stop_nothing_but_the_use_of_labels(tmp_path, change, words):
    def damage(entries):
        description = json.loads(entries["dataset.json"])
        if change:
            description["labels"] = change(description["labels"])
        entries["dataset.json"] = json.dumps(description).encode() if change else b"{"

    with SpriteDataset(rewritten(write_dataset(tmp_path / "bad.zip", classes=2), damage)) as data:
        assert (len(data), data.labels, data.facts.classes) == (12, None, ())
        assert words in data.facts.label_fault
        with pytest.raises(UserError, match=r"bad\.zip: .*; convert it with --labels"):
            data.one_hot([0])


def test_the_fingerprint_is_that_of_runs_before(tmp_path):
    """Runs are continued with the set that they began with, so its names, checksums and labels decide."""
    with SpriteDataset(write_dataset(tmp_path / "d.zip", classes=2)) as data:
        digest = hashlib.sha256()
        with zipfile.ZipFile(tmp_path / "d.zip") as archive:
            for name in sorted(archive.namelist())[:-1]:
                digest.update(f"{name} {zlib.crc32(archive.read(name)):08x}\n".encode())
        digest.update(np.array([0, 1] * 6, "<i8").tobytes())
        assert data.facts.sha256 == digest.hexdigest()


def test_within_a_pass_no_picture_repeats_and_the_order_depends_on_nothing_but_the_seed():
    shown = np.concatenate([batch_items(5, start, 8, 20) for start in range(0, 200, 8)])
    for k in range(0, 200, 20):
        assert sorted(shown[k : k + 20]) == list(range(20))
    assert not np.array_equal(shown[:20], shown[20:40])
    assert np.array_equal(shown, batch_items(5, 0, 200, 20))
    assert not np.array_equal(shown, batch_items(6, 0, 200, 20))


def test_with_mirroring_every_picture_comes_both_ways_in_a_pass():
    indices, mirrored = mirrored_items(batch_items(0, 0, 40, 40), 20)
    assert sorted(zip(indices.tolist(), mirrored.tolist(), strict=True)) == [
        (i, flag) for i in range(20) for flag in (False, True)
    ]


def test_a_picture_that_the_decoder_calls_a_syntax_error_is_refused_by_name(tmp_path):
    data = io.BytesIO()
    Image.fromarray(np.random.RandomState(0).randint(0, 256, (400, 400, 3), dtype=np.uint8)).save(data, "PNG")
    second = data.getvalue().index(b"IDAT", data.getvalue().index(b"IDAT") + 4)
    broken = bytearray(data.getvalue())
    broken[second : second + 4] = b"\x00\xff\x00\xff"
    with zipfile.ZipFile(tmp_path / "d.zip", "w") as archive:
        archive.writestr("img7.png", bytes(broken))
    with pytest.raises(UserError, match=r"img7\.png is no readable picture"):
        SpriteDataset(tmp_path / "d.zip")
