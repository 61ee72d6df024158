"""Every program reads a dataset zip alike: what inspect calls faultless trains whole, and the reverse."""

from __future__ import annotations

import io
import json
import struct
import tempfile
import unicodedata
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from dataset_tool.inspect import inspect
from dataset_tool.reading.decode import decode
from dataset_tool.reading.pixels import decode_pixels
from stylegan_pokemon.data.dataset import SpriteDataset
from stylegan_pokemon.errors import UserError
from stylegan_pokemon.metrics.pictures import read_pictures
from stylegan_pokemon.render.images import on_white
from stylegan_pokemon.render.seeds import OVERVIEWS, overview_stem
from stylegan_pokemon.training.settings.check import check_data
from stylegan_pokemon.training.settings.options import Options
from tests.dataset_tool.pictures import chunk, encoded, noise, png

GREY = (("PNG", "L"), ("PNG", "1"), ("PNG", "I;16"), ("JPEG", "L"), ("BMP", "L"))
COLOUR = (
    ("PNG", "RGB"),
    ("PNG", "P"),
    ("JPEG", "RGB"),
    ("JPEG", "CMYK"),
    ("WEBP", "RGB"),
    ("GIF", "P"),
    ("BMP", "RGB"),
)
ALPHA = (("PNG", "RGBA"), ("PNG", "LA"), ("WEBP", "RGBA"))
PLAIN = {("PNG", "L"), ("PNG", "RGB"), ("PNG", "RGBA"), ("JPEG", "L"), ("JPEG", "RGB")}
NAMES = (
    "{}.png",
    "00000/{}.png",
    "00000\\{}.png",
    "e\u0301/{}.PNG",
    "{}.jpg",
    "{}.jpeg",
    "{}",
    "{}.webp",
    "{}.txt",
)
EXTRAS = {
    **{".DS_Store": b"\0", "Thumbs.db": b"x", "readme.txt": b"hello", "empty.txt": b"", "labels.csv": b"0,1"},
    **{
        "__MACOSX/._0.png": b"\0\5\x16\7",
        "@eaDir/0.png/THUMB.jpg": b"",
        "sub/dataset.json": b"{}",
        "sub/": b"",
    },
}
ODDITIES = ("size", "side", "mode", "shape", "cut", "flip", "twice", "empty", "text", "tiff", "unsafe")
LABELS = (
    *("none", "null", "empty", "list", "object", "one-hot", "floats", "backslashes", "decomposed", "named"),
    *("missing", "double", "bool", "negative", "vector", "huge", "gone", "broken", "no list", "few names"),
)


def drawing(format, mode, side, seed):
    if mode == "I;16":
        return encoded(
            Image.fromarray(np.random.default_rng(seed).integers(0, 65536, (side, side), np.uint16)), "PNG"
        )
    picture = noise((side, side), seed, "RGBA" if mode in ("RGBA", "LA") else "RGB")
    return encoded(picture.convert(mode), format)


def damaged(entries, oddity, format, mode, side):
    """The entries with one of them spoilt, or one more."""
    name, data = entries[-1]
    other = {
        "size": drawing("PNG", "RGB", 2 * side, 9),
        "mode": drawing("PNG", "LA", side, 9),
        "shape": encoded(noise((side, side + 1)), "PNG"),
        "cut": data[: len(data) // 2],
        "flip": bytes([*data[:-20], data[-20] ^ 255, *data[-19:]]),
        "empty": b"",
        "text": b"no picture",
        "tiff": encoded(noise((side, side)), "TIFF"),
    }
    if oddity in other:
        return [*entries, ("last.tif" if oddity == "tiff" else "last.png", other[oddity])]
    if oddity == "side":
        return [(name, drawing(format, mode, 12, 0)) for name, _ in entries]
    return [*entries, (name if oddity == "twice" else "../up.png", data)]


def description(habit, names):
    """The content of dataset.json."""
    names = [unicodedata.normalize("NFC", name.replace("\\", "/")) for name in names]
    count = len(names)
    pairs = [[name, k % 2] for k, name in enumerate(names)]
    one_hot = [[name, [1 - k % 2, k % 2]] for k, name in enumerate(names)]
    said = {
        "null": None, "empty": [], "list": pairs, "object": dict(pairs), "one-hot": one_hot, "named": pairs,
        "floats": [[name, [float(x) for x in vector]] for name, vector in one_hot],
        "backslashes": [[name.replace("/", "\\"), label] for name, label in pairs],
        "decomposed": [[unicodedata.normalize("NFD", name), label] for name, label in pairs],
        "missing": [*pairs[1:], ["gone.png", 0]], "double": [*pairs, [names[0], 5]],
        "bool": [[name, True] for name in names], "negative": [[name, -1] for name in names],
        "vector": [[name, [0.5, 0.5]] for name in names], "huge": [[name, 10**12] for name in names],
        "gone": [*pairs, ["gone.png", 1]], "no list": 5, "few names": [[name, count] for name in names],
    }[habit]  # fmt: skip
    classes = {"named": ["cats", "dragons"], "few names": ["cats"]}.get(habit)
    return json.dumps({"labels": said, "classes": classes}).encode()


@st.composite
def zips(draw):
    """A dataset zip as people make them, with a label habit and sometimes one oddity.

    Drawn are its entries, format and mode of those that are not odd, and how many are meant as pictures.
    """
    side = draw(st.sampled_from([8, 16]))
    kinds = draw(st.sampled_from([GREY, COLOUR, ALPHA, GREY[:1], COLOUR[:1], ALPHA[:1]]))
    entries, encodings = [], []
    name = draw(st.sampled_from(NAMES))
    for k in range(draw(st.integers(1, 4))):
        encodings.append(draw(st.sampled_from(kinds)))
        entries.append((name.format(k), drawing(*encodings[-1], side, k)))
    names, habit = [name for name, _ in entries], draw(st.sampled_from(LABELS))
    if oddity := draw(st.sampled_from([None, None, *ODDITIES])):
        entries = damaged(entries, oddity, *encodings[-1], side)
    count = len(entries)
    if habit != "none":
        entries.append(("dataset.json", b"{" if habit == "broken" else description(habit, names)))
    extras = draw(st.lists(st.sampled_from(list(EXTRAS)), unique=True, max_size=3))
    return [*entries, *((extra, EXTRAS[extra]) for extra in extras)], encodings, count


def write_zip(path, entries):
    with zipfile.ZipFile(path, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that stand twice
        for name, data in entries:
            info = zipfile.ZipInfo("x")
            info.filename = name
            archive.writestr(info, data)
    return path


def loaded(path):
    """What finetune takes of a zip, with --cond if it has labels, and its refusals with and without that."""
    try:
        with SpriteDataset(path) as data:
            facts = data.facts
            pictures = data.images(range(len(data))).permute(0, 2, 3, 1).numpy()
    except UserError as error:
        return None, str(error), str(error)
    try:
        check_data(Options(cond=bool(facts.classes or facts.label_fault)), facts)
    except UserError as error:
        return pictures, None, str(error)
    return pictures, None, None


@settings(max_examples=150, deadline=None)
@given(zips())
def test_inspect_is_clean_exactly_when_finetune_takes_every_picture_and_both_see_the_same_pixels(made):
    entries, encodings, count = made
    with tempfile.TemporaryDirectory() as folder:
        path = write_zip(Path(folder) / "z.zip", entries)
        inspection = inspect(path, workers=1, progress=False)
        pictures, refused, refused_with_cond = loaded(path)
    assert (inspection.faults == ()) == (refused_with_cond is None)
    if refused_with_cond and not refused:
        assert any(f"z.zip: {file}: {reason}" in refused_with_cond for file, reason in inspection.faults)
    if refused_with_cond is None:
        assert len(pictures) == inspection.pictures == count
        seen = np.stack([on_white(picture) for picture in pictures]).reshape(-1, 3).astype(np.float64)
        assert np.allclose(seen.mean(axis=0), inspection.mean, atol=0.5)
        assert np.allclose(seen.std(axis=0), inspection.deviation, atol=0.5)
        for k, encoding in enumerate(encodings):
            if encoding in PLAIN:
                with Image.open(io.BytesIO(entries[k][1])) as image:
                    assert np.array_equal(pictures[k].squeeze(), np.asarray(image))


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([(0, 1), (2, 3), (6, 4)]),
    st.integers(1, 9),
    st.integers(1, 9),
    st.sampled_from(["", "sRGB", "gAMA", "tRNS", "tEXt", "eXIf"]),
    st.integers(0, 9),
)
def test_plain_pngs_are_read_as_the_decoder_reads_them(kind, width, height, more, seed):
    colour_type, channels = kind
    samples = np.random.default_rng(seed).integers(0, 256, (height, width, channels), np.uint8)
    key = samples[0, 0].astype(">u2").tobytes()
    extra = {
        "": b"",
        "sRGB": chunk(b"sRGB", b"\0"),
        "gAMA": chunk(b"gAMA", struct.pack(">I", 45455)),
        "tRNS": chunk(b"tRNS", key) if channels < 4 else b"",
        "tEXt": chunk(b"tEXt", b"a\0b"),
        "eXIf": chunk(b"eXIf", b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"),
    }[more]
    data = png(samples, colour_type, extra=extra)
    found, truth = decode_pixels(data), decode(data)
    rgba = np.asarray(
        Image.fromarray(
            found.array.squeeze(2) if channels == 1 == found.array.shape[2] else found.array
        ).convert("RGBA")
    )
    assert np.array_equal(rgba, np.asarray(truth.image))
    if more in ("", "sRGB", "tEXt"):
        assert np.array_equal(found.array, samples)


@pytest.mark.parametrize("end", ["png", "gif", "webp"])
def test_pictures_to_be_measured_are_those_beside_the_sheets_of_generate(tmp_path, end):
    for seed in range(3):
        (tmp_path / f"seed000{seed}.png").write_bytes(encoded(noise((16, 16), seed), "PNG"))
    for kind in OVERVIEWS:
        sheet = tmp_path / f"{overview_stem(kind, range(3))}-psi0.7.{end}"
        sheet.write_bytes(encoded(noise((48, 16)), end.upper()))
    (tmp_path / "readme.txt").write_text("no picture")
    assert read_pictures(tmp_path).shape == (3, 16, 16, 3)


def test_pictures_to_be_measured_are_decoded_as_those_to_train_on(tmp_path):
    deep = np.random.default_rng(0).integers(0, 65536, (16, 16, 1), np.uint16)
    (tmp_path / "deep.png").write_bytes(png(deep, 0, 16))
    exif = Image.Exif()
    exif[0x0112] = 6
    (tmp_path / "turned.jpg").write_bytes(encoded(noise((16, 16)), "JPEG", exif=exif))
    measured = read_pictures(tmp_path)
    assert np.abs(measured[0, :, :, :1].astype(int) - deep // 257).max() <= 1
    with Image.open(tmp_path / "turned.jpg") as image:
        assert np.array_equal(measured[1], np.asarray(image.transpose(Image.Transpose.ROTATE_270)))
