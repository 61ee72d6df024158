"""Colours and transparency of every kind of file agree with arithmetic and with an independent decoder.

Nothing may differ where nothing is converted. ImageMagick cuts off the low bytes of 16 bits, which the
specification rounds, and JPEG decoders round differently: one level each, and one where a profile is applied.
16 bits are rounded to 8 before a profile is applied, which costs up to five levels in the darkest colours of
a linear one. So does one step in the 8-bit table of the press.
"""

from __future__ import annotations

import functools
import itertools
import shutil
import struct
import subprocess
import zlib

import numpy as np
import pytest
from PIL import Image

from dataset_tool.reading.decode import decode
from tests.dataset_tool import profiles
from tests.dataset_tool.pictures import chunk, creature, encoded, noise, png

CONVERT = shutil.which("magick") or shutil.which("convert")
CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}
SIDE = 12


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(decode(data).image)


def samples(colour_type: int, bit_depth: int, seed: int = 0) -> np.ndarray:
    shape = (SIDE, SIDE, CHANNELS[colour_type])
    return np.random.default_rng(seed).integers(0, 2**bit_depth, shape)


def expected(values: np.ndarray, bit_depth: int, key: np.ndarray | None) -> np.ndarray:
    """Return RGBA by the formula of the PNG specification: v × 255 / top, to the nearest."""
    scaled = np.rint(values * 255 / (2**bit_depth - 1)).astype(np.uint8)
    alpha = scaled[:, :, -1:] if values.shape[2] in (2, 4) else np.full((SIDE, SIDE, 1), 255, np.uint8)
    if key is not None:
        alpha = np.where((values == key).all(axis=2, keepdims=True), 0, alpha).astype(np.uint8)
    colours = scaled[:, :, :3] if values.shape[2] >= 3 else np.repeat(scaled[:, :, :1], 3, axis=2)
    return np.concatenate([colours, alpha], axis=2)


def icc_chunk(profile: bytes) -> bytes:
    return chunk(b"iCCP", b"p\0\0" + zlib.compress(profile))


def png_corpus(profiled: bool):
    """Yield name, file, samples, depth and key of every mode × depth × transparency (× profile)."""
    for colour_type, depth in [
        *itertools.product((0,), (1, 2, 4, 8, 16)),
        *itertools.product((2, 4, 6), (8, 16)),
    ]:
        values = samples(colour_type, depth)
        made_for = (profiles.grey(1.0), profiles.grey(2.2)) if colour_type in (0, 4) else (
            profiles.exchanged_primaries(), profiles.renamed(profiles.srgb()))  # fmt: skip
        for profile in made_for if profiled else (None,):
            extra = icc_chunk(profile) if profile else b""
            yield f"{colour_type}-{depth}", png(values, colour_type, depth, extra), values, depth, None
            if colour_type in (0, 2):
                key = values[3, 5]
                keyed = extra + chunk(b"tRNS", struct.pack(f">{len(key)}H", *key))
                yield f"{colour_type}-{depth}-key", png(values, colour_type, depth, keyed), values, depth, key


@pytest.mark.parametrize("case", list(png_corpus(False)), ids=lambda case: case[0])
def test_png_of_every_depth_and_transparency_is_what_the_formula_says(case):
    _, data, values, depth, key = case
    assert (pixels(data) == expected(values, depth, key)).all()


@pytest.mark.parametrize("case", list(png_corpus(False)), ids=lambda case: case[0])
def test_an_interlaced_png_is_what_the_formula_says(case):
    _, _, values, depth, key = case
    colour_type = {count: kind for kind, count in CHANNELS.items()}[values.shape[2]]
    extra = b"" if key is None else chunk(b"tRNS", struct.pack(f">{len(key)}H", *key))
    data = png(values, colour_type, depth, extra, interlaced=True)
    assert (pixels(data) == expected(values, depth, key)).all()


@pytest.mark.parametrize("case", list(png_corpus(True)), ids=lambda case: case[0])
def test_a_profile_changes_no_transparency(case):
    _, data, values, depth, key = case
    assert (pixels(data)[:, :, 3] == expected(values, depth, key)[:, :, 3]).all()


@functools.cache
def corpus() -> dict[str, tuple[bytes, int]]:
    """Return files of every format, mode, profile and transparency, and how many levels they may differ."""
    files = {f"{name}.png": (data, depth // 16) for name, data, _, depth, _ in png_corpus(False)}
    for number, (name, data, values, depth, _) in enumerate(png_corpus(True)):
        files[f"{name}-icc{number}.png"] = data, 5 if depth == 16 and values.shape[2] < 3 else 1 + depth // 16
    colour, grey = noise((SIDE, SIDE)), noise((SIDE, SIDE), mode="L")
    palette = noise((SIDE, SIDE), mode="RGBA").quantize(16, method=Image.Quantize.FASTOCTREE)
    exchanged, smooth = profiles.exchanged_primaries(), creature(SIDE)
    files |= {
        "palette.png": (encoded(palette, "PNG"), 0),
        "palette-icc.png": (encoded(palette, "PNG", icc_profile=exchanged), 1),
        "palette-key.png": (encoded(colour.quantize(8), "PNG", transparency=3), 0),
        "one.png": (encoded(grey.convert("1"), "PNG"), 0),
        "grey.jpg": (encoded(grey, "JPEG", quality=100), 1),
        "grey-icc.jpg": (encoded(grey, "JPEG", quality=100, icc_profile=profiles.grey(1.0)), 2),
        "colour.jpg": (encoded(colour, "JPEG", quality=100, subsampling=0), 1),
        "colour-icc.jpg": (encoded(colour, "JPEG", quality=100, subsampling=0, icc_profile=exchanged), 2),
        "cmyk-icc.jpg": (encoded(_inks(), "JPEG", quality=100, icc_profile=profiles.cmyk()), 6),
        "lossless.webp": (encoded(smooth, "WEBP", lossless=True, exact=True), 0),
        "icc.webp": (encoded(smooth, "WEBP", lossless=True, exact=True, icc_profile=exchanged), 1),
        "palette.gif": (encoded(colour.quantize(8), "GIF"), 0),
        "key.gif": (encoded(colour.quantize(8), "GIF", transparency=2), 0),
        "colour.bmp": (encoded(colour, "BMP"), 0),
        "palette.bmp": (encoded(colour.quantize(8), "BMP"), 0),
        "alpha.bmp": (encoded(noise((SIDE, SIDE), mode="RGBA"), "BMP"), 0),
    }  # fmt: skip
    return files


def _inks() -> Image.Image:
    ramp = np.zeros((SIDE, SIDE, 4), np.uint8)
    for ink in range(4):
        ramp[:, 3 * ink : 3 * ink + 3, ink] = np.linspace(0, 250, SIDE).astype(np.uint8)[:, None]
    return Image.fromarray(ramp, "CMYK")


@pytest.fixture(scope="module")
def others(tmp_path_factory):
    """The corpus as ImageMagick decodes it, by name: int [H, W, 4]."""
    if CONVERT is None:
        pytest.skip("ImageMagick is not installed")
    folder = tmp_path_factory.mktemp("corpus")
    (folder / "srgb.icc").write_bytes(profiles.srgb())
    names = list(corpus())
    for name, (data, _) in corpus().items():
        (folder / name).write_bytes(data)
    command = [CONVERT, *names, "-profile", "srgb.icc", "-depth", "8", "RGBA:-"]
    raw = subprocess.run(command, cwd=folder, check=True, capture_output=True).stdout
    decoded = np.frombuffer(raw, np.uint8).reshape(len(names), SIDE, SIDE, 4).astype(int)
    return dict(zip(names, decoded, strict=True))


@pytest.mark.parametrize("name", corpus())
def test_every_kind_of_file_agrees_with_imagemagick(others, name):
    data, tolerance = corpus()[name]
    ours, theirs = pixels(data).astype(int), others[name]
    assert np.abs(ours[:, :, 3] - theirs[:, :, 3]).max() <= ("16" in name)
    visible = ours[:, :, 3] > 0
    assert np.abs(ours - theirs)[visible].max() <= tolerance


@pytest.mark.parametrize("gamma", [1.0, 2.2])
@pytest.mark.parametrize("mode", ["L", "LA"])
def test_a_grey_profile_does_what_its_formula_says(mode, gamma):
    picture = Image.new(mode, (256, 1))
    picture.putdata([(v, 99)[: len(mode)] if mode == "LA" else v for v in range(256)])
    light = (np.arange(256) / 255) ** gamma
    coded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055) * 255
    decoded = decode(encoded(picture, "PNG", icc_profile=profiles.grey(gamma)))
    result = np.asarray(decoded.image)[0]
    assert np.abs(result[:, :3] - coded[:, None]).max() <= 1
    assert (result[:, 3] == (99 if mode == "LA" else 255)).all()
    assert decoded.notes == ("colour profile converted to sRGB",)


@pytest.mark.parametrize("name", ["sRGB", "test"])
def test_a_profile_is_srgb_by_what_it_does_not_by_its_name(name):
    picture = noise((6, 6))
    same = decode(encoded(picture, "PNG", icc_profile=profiles.renamed(profiles.srgb(), name.encode())))
    assert (np.asarray(same.image)[:, :, :3] == np.asarray(picture)).all()
    assert same.notes == ()
    other = decode(
        encoded(picture, "PNG", icc_profile=profiles.renamed(profiles.exchanged_primaries(), name.encode()))
    )
    assert np.abs(np.asarray(other.image)[:, :, 2::-1].astype(int) - np.asarray(picture)).max() <= 1
    assert other.notes == ("colour profile converted to sRGB",)


@pytest.mark.parametrize(
    ("mode", "profile", "note"),
    [
        ("RGB", profiles.grey(1.0), "a colour profile for grey pixels is ignored: these are RGB"),
        ("L", profiles.exchanged_primaries(), "a colour profile for RGB pixels is ignored: these are grey"),
        ("RGBA", profiles.cmyk(), "a colour profile for CMYK pixels is ignored: these are RGB"),
        ("RGB", b"not a profile", "a colour profile that cannot be used is ignored"),
        ("RGB", profiles.srgb()[:200], "a colour profile that cannot be used is ignored"),
    ],
)
def test_a_profile_that_is_damaged_or_for_other_pixels_is_ignored_with_a_note(mode, profile, note):
    picture = noise((6, 6), mode=mode)
    decoded = decode(encoded(picture, "PNG", icc_profile=profile))
    assert (np.asarray(decoded.image) == np.asarray(picture.convert("RGBA"))).all()
    assert decoded.notes == (note,)


SRGB_PRIMARIES = (31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
P3_PRIMARIES = (31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)
GAMMA = {value: chunk(b"gAMA", struct.pack(">I", value)) for value in (0, 45455, 100000)}
CHROMA = {values: chunk(b"cHRM", struct.pack(">8I", *values)) for values in (SRGB_PRIMARIES, P3_PRIMARIES)}


@pytest.mark.parametrize(
    ("extra", "colour", "notes"),
    [
        (GAMMA[45455], (128, 60, 200), ()),
        (GAMMA[0], (128, 60, 200), ("an impossible gamma is ignored",)),
        (GAMMA[100000], (186, 132, 228), ("gamma converted to sRGB",)),
        (GAMMA[45455] + CHROMA[SRGB_PRIMARIES], (128, 60, 200), ()),
        (CHROMA[P3_PRIMARIES], (128, 60, 200), ("primaries without a gamma are ignored",)),
        (chunk(b"sRGB", b"\0") + GAMMA[100000] + CHROMA[P3_PRIMARIES], (128, 60, 200), ()),
        (icc_chunk(profiles.srgb()) + GAMMA[100000], (128, 60, 200), ()),
        (chunk(b"cICP", b"\1\x0d\0\1") + GAMMA[100000], (128, 60, 200), ()),
        (chunk(b"cICP", b"\x09\x10\0\1"), (128, 60, 200), ("a colour space of films (cICP) is ignored",)),
        (chunk(b"cICP", b"\x0c\x0d\0\1"), (138, 55, 207), ("primaries converted to sRGB",)),
        (GAMMA[45455] + chunk(b"cHRM", bytes(32)), (128, 60, 200), ("impossible primaries are ignored",)),
    ],
)
def test_of_several_descriptions_of_colour_the_one_that_the_png_specification_prefers_counts(
    extra, colour, notes
):
    decoded = decode(png(np.full((2, 2, 3), (128, 60, 200)), colour_type=2, extra=extra))
    assert np.abs(np.asarray(decoded.image)[0, 0, :3].astype(int) - colour).max() <= 1
    assert decoded.notes == notes


def bitmap(
    values: np.ndarray, bits: int, masks: tuple[int, ...] | None, header: int = 124, up: bool = False
) -> bytes:
    """Return a BMP written by hand from [H, W] numbers; without masks its compression is BI_RGB."""
    height, width = values.shape
    rows = values.astype(f"<u{bits // 8}")[:: -1 if up else 1]
    rows = np.pad(rows.view(np.uint8), ((0, 0), (0, -rows.nbytes // height % 4)))
    fields = struct.pack(
        "<IiiHHIIiiII", header, width, height if up else -height, 1, bits, 3 if masks else 0, 0, 0, 0, 0, 0
    )
    fields += struct.pack(f"<{len(masks)}I", *masks) if masks else b""
    fields = fields.ljust(header, b"\0")
    start = 14 + len(fields)
    return b"BM" + struct.pack("<IHHI", start + rows.size, 0, 0, start) + fields + rows.tobytes()


@pytest.mark.parametrize("up", [False, True])
@pytest.mark.parametrize(
    ("value", "bits", "masks", "header", "rgba"),
    [
        (0x40302010, 32, (0xFF0000, 0xFF00, 0xFF, 0xFF000000), 124, (0x30, 0x20, 0x10, 0x40)),
        (0x40302010, 32, (0xFF, 0xFF00, 0xFF0000, 0xFF000000), 108, (0x10, 0x20, 0x30, 0x40)),
        (0x40302010, 32, (0xFF0000, 0xFF00, 0xFF), 40, (0x30, 0x20, 0x10, 255)),
        (0x00302010, 32, (0xFF0000, 0xFF00, 0xFF, 0xFF000000), 124, (0x30, 0x20, 0x10, 255)),
        (0x40302010, 32, None, 40, (0x30, 0x20, 0x10, 0x40)),
        (0x00302010, 32, None, 40, (0x30, 0x20, 0x10, 255)),
        (0xBFF00000, 32, (0x3FF00000, 0xFFC00, 0x3FF, 0xC0000000), 56, (255, 0, 0, 170)),
        (0x8421, 16, (0x7C00, 0x3E0, 0x1F, 0x8000), 56, (8, 8, 8, 255)),
        (0x7C1F, 16, None, 40, (255, 0, 255, 255)),
        (0xF81F, 16, (0xF800, 0x7E0, 0x1F), 40, (255, 0, 255, 255)),
    ],
)
def test_bmp_of_any_masks_keeps_its_alpha(value, bits, masks, header, rgba, up):
    values = np.array([[value, value, value], [value ^ 0x10, value, value]])
    result = pixels(bitmap(values, bits, masks, header, up))
    assert tuple(result[0, 1]) == rgba
    assert (result[1, 0] != result[0, 1]).any()


def test_the_profile_inside_a_bmp_is_converted():
    profile = profiles.exchanged_primaries()
    data = bytearray(bitmap(np.full((2, 2), 0xFFC85A28), 32, (0xFF0000, 0xFF00, 0xFF, 0xFF000000)))
    data[70:74] = b"DEBM"
    data[126:134] = struct.pack("<II", len(data) - 14, len(profile))
    decoded = decode(bytes(data) + profile)
    assert np.abs(np.asarray(decoded.image)[0, 0].astype(int) - (40, 90, 200, 255)).max() <= 1
    assert decoded.notes == ("colour profile converted to sRGB",)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
def test_every_format_that_has_exif_is_rotated_by_it(format):
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = Image.new("RGB", (30, 20), "red")
    decoded = decode(encoded(picture, format, exif=exif.tobytes()))
    assert decoded.image.size == (20, 30)
    assert decoded.notes == ("rotated as its EXIF says",)
