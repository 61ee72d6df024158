"""Every kind of picture file becomes the right RGBA pixels, or one clear reason why not."""

from __future__ import annotations

import contextlib
import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps, PngImagePlugin

from dataset_tool.reading.decode import MAX_PIXELS, decode, decode_frames
from tests.dataset_tool.pictures import chunk, creature, encoded, huge_png_header, noise, png
from tests.dataset_tool.profiles import exchanged_primaries, srgb

RAMP16 = np.array([[0, 1, 128, 257], [2570, 32768, 65278, 65535]], dtype=np.uint16)


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(decode(data).image)


def test_png_rgba_is_taken_as_it_is():
    picture = noise((7, 5), mode="RGBA")
    assert (pixels(encoded(picture, "PNG")) == np.asarray(picture)).all()


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_png_without_alpha_becomes_opaque(mode):
    picture = noise((7, 5), mode=mode)
    result = pixels(encoded(picture, "PNG"))
    assert (result[:, :, 3] == 255).all()
    assert (result[:, :, :3] == np.asarray(picture.convert("RGB"))).all()


def test_png_palette_with_transparency():
    palette = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255]], np.uint8)
    extra = chunk(b"PLTE", palette.tobytes()) + chunk(b"tRNS", bytes([0, 128]))
    result = pixels(png(np.array([[[0], [1], [2]]]), colour_type=3, extra=extra))
    assert result.tolist() == [[[255, 0, 0, 0], [0, 255, 0, 128], [0, 0, 255, 255]]]


def test_png_grey_with_alpha():
    samples = np.array([[[10, 0], [200, 255], [90, 77]]])
    assert pixels(png(samples, colour_type=4)).tolist() == [
        [[10, 10, 10, 0], [200, 200, 200, 255], [90, 90, 90, 77]]
    ]


def test_png_grey_of_16_bits_is_scaled_not_clipped():
    result = pixels(png(RAMP16[:, :, None], colour_type=0, bit_depth=16))
    assert (result[:, :, 0] == np.rint(RAMP16 / 257)).all()
    assert (result[:, :, 3] == 255).all()


@pytest.mark.parametrize(("colour_type", "channels"), [(2, 3), (4, 2), (6, 4)])
def test_png_colour_of_16_bits_is_scaled_to_within_a_level(colour_type, channels):
    samples = np.repeat(RAMP16[:, :, None], channels, axis=2)
    result = pixels(png(samples, colour_type, bit_depth=16)).astype(int)
    assert np.abs(result[:, :, 0] - RAMP16 / 257).max() <= 1
    if channels in (2, 4):
        assert np.abs(result[:, :, 3] - RAMP16 / 257).max() <= 1
    assert "16 bits per sample reduced to 8" in decode(png(samples, colour_type, bit_depth=16)).notes


@pytest.mark.parametrize("bit_depth", [1, 2, 4, 8, 16])
def test_png_grey_colour_key_is_transparent_at_every_depth(bit_depth):
    top = 2**bit_depth - 1
    key = top // 3 if bit_depth > 1 else 1
    samples = np.array([[[0], [key], [top - 1 if bit_depth > 1 else 0], [top if bit_depth > 1 else 0]]])
    data = png(samples, colour_type=0, bit_depth=bit_depth, extra=chunk(b"tRNS", struct.pack(">H", key)))
    assert pixels(data)[0, :, 3].tolist() == [255, 0, 255, 255]


@pytest.mark.parametrize("bit_depth", [8, 16])
def test_png_rgb_colour_key_is_transparent_at_every_depth(bit_depth):
    unit = 257 if bit_depth == 16 else 1
    samples = np.array([[[0, 0, 0], [10, 20, 30], [10, 20, 31]]]) * unit
    key = struct.pack(">HHH", *(value * unit for value in (10, 20, 30)))
    data = png(samples, colour_type=2, bit_depth=bit_depth, extra=chunk(b"tRNS", key))
    assert pixels(data)[0, :, 3].tolist() == [255, 0, 255]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_jpeg_is_rotated_as_its_exif_says(orientation):
    picture = creature(32).convert("RGB").crop((0, 0, 32, 20))
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(picture, "JPEG", exif=exif.tobytes(), quality=95)
    with Image.open(io.BytesIO(data)) as opened:
        upright = ImageOps.exif_transpose(opened).convert("RGB")
    decoded = decode(data)
    assert (np.asarray(decoded.image)[:, :, :3] == np.asarray(upright)).all()
    assert ("rotated as its EXIF says" in decoded.notes) == (orientation != 1)


def test_damaged_exif_is_no_reason_to_lose_the_picture():
    data = encoded(noise((8, 8)), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff" + b"\xff" * 20)
    assert decode(data).image.size == (8, 8)


def test_cmyk_jpeg_keeps_its_colours():
    colours = np.zeros((16, 48, 3), np.uint8)
    colours[:, :16], colours[:, 16:32], colours[:, 32:] = (255, 0, 0), (255, 255, 255), (0, 0, 0)
    picture = Image.fromarray(colours)
    result = pixels(encoded(picture.convert("CMYK"), "JPEG", quality=100, subsampling=0))[:, :, :3]
    assert np.abs(result[8, [8, 24, 40]].astype(int) - colours[8, [8, 24, 40]]).max() <= 4


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_an_embedded_colour_profile_is_converted_to_srgb(mode):
    colour = (200, 90, 40, 123)[: len(mode)]
    decoded = decode(encoded(Image.new(mode, (4, 4), colour), "PNG", icc_profile=exchanged_primaries()))
    result = np.asarray(decoded.image)[2, 2].astype(int)
    assert np.abs(result[:3] - (40, 90, 200)).max() <= 1
    assert result[3] == (123 if mode == "RGBA" else 255)
    assert decoded.notes == ("colour profile converted to sRGB",)


def test_an_embedded_srgb_profile_changes_nothing():
    picture = noise((6, 6))
    assert (pixels(encoded(picture, "PNG", icc_profile=srgb()))[:, :, :3] == np.asarray(picture)).all()


@pytest.mark.parametrize("lossless", [True, False])
def test_webp_with_alpha(lossless):
    picture = creature(48)
    result = np.asarray(decode(encoded(picture, "WEBP", lossless=lossless, exact=True, quality=90)).image)
    assert (result[:, :, 3] == np.asarray(picture)[:, :, 3]).all()
    visible = result[:, :, 3] > (0 if lossless else 250)
    difference = np.abs(result.astype(int) - np.asarray(picture).astype(int))[visible]
    assert difference.max() == 0 if lossless else difference.mean() < 6


def test_bmp():
    picture = noise((9, 6))
    assert (pixels(encoded(picture, "BMP"))[:, :, :3] == np.asarray(picture)).all()


@pytest.mark.parametrize("format", ["GIF", "PNG", "WEBP"])
def test_of_an_animation_the_first_frame_is_taken(format):
    frames = [Image.new("RGBA", (12, 12), colour) for colour in ((255, 0, 0, 255), (0, 255, 0, 255))]
    settings_of = {"lossless": True} if format == "WEBP" else {}
    data = encoded(frames[0], format, save_all=True, append_images=frames[1:], duration=50, **settings_of)
    decoded = decode(data)
    assert np.asarray(decoded.image)[5, 5].tolist() == [255, 0, 0, 255]
    assert decoded.notes == ("first frame of an animation",)


def test_gif_with_transparency():
    picture = creature(32).quantize(8, method=Image.Quantize.FASTOCTREE)
    data = encoded(picture, "GIF", transparency=picture.getpixel((0, 0)))
    result = pixels(data)
    assert result[0, 0, 3] == 0
    assert result[20, 16, 3] == 255


def test_text_of_any_length_and_any_odd_chunk_are_no_reason_to_lose_a_picture():
    info = PngImagePlugin.PngInfo()
    for number in range(70):
        info.add_text(f"workflow{number}", "x" * 1_100_000, zip=True)
    picture = noise((8, 8))
    extra = chunk(b"zTXt", b"broken") + chunk(b"iTXt", b"") + chunk(b"gAMA", b"1") + chunk(b"pHYs", b"")
    extra += (
        chunk(b"iCCP", b"") + chunk(b"eXIf", b"?") + chunk(b"prVt", bytes(99)) + chunk(b"tIME", b"") * 2000
    )
    data = encoded(picture, "PNG", pnginfo=info)
    decoded = decode(data[:33] + extra + data[33:-12] + extra + data[-12:] + b"junk after the end" * 99)
    assert (np.asarray(decoded.image)[:, :, :3] == np.asarray(picture)).all()
    assert decoded.notes == (
        "a colour profile that cannot be used is ignored",
        "an impossible gamma is ignored",
    )


@pytest.mark.parametrize("colour_type", [0, 2, 3, 6])
@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("depth", [8, 16])
def test_a_stream_that_ends_before_the_last_row_is_no_black_picture(colour_type, interlaced, depth):
    channels = {0: 1, 2: 3, 3: 1, 6: 4}[colour_type]
    depth = 8 if colour_type == 3 else depth
    data = bytearray(
        png(np.full((16, 16, channels), 1), colour_type, depth, chunk(b"PLTE", bytes(9)), interlaced)
    )
    assert decode(bytes(data)).image.size == (16, 16)
    data[23] = 18
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    with pytest.raises(ValueError, match="truncated PNG: it ends before its last pixel"):
        decode(bytes(data))


def animation(frames, hidden=None, first=(0, 0)):
    """Return an animated PNG of RGBA frames; the first lies at `first`, the others cover the canvas."""

    def control(number, size, place):
        return chunk(b"fcTL", struct.pack(">5IHHBB", number, *size, *place, 1, 10, 0, 0))

    def stream(image):
        rows = np.asarray(image)
        return zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))

    canvas = hidden or frames[0]
    body = chunk(b"IHDR", struct.pack(">IIBBBBB", *canvas.size, 8, 6, 0, 0, 0))
    body += chunk(b"acTL", struct.pack(">II", len(frames), 0))
    body += chunk(b"IDAT", stream(hidden)) if hidden else b""
    for number, frame in enumerate(frames):
        body += control(2 * number, frame.size, first if number == 0 else (0, 0))
        if number == 0 and not hidden:
            body += chunk(b"IDAT", stream(frame))
        else:
            body += chunk(b"fdAT", struct.pack(">I", 2 * number + 1) + stream(frame))
    return b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b"")


EMPTY, RED, BLUE = (
    Image.new("RGBA", (12, 12), colour) for colour in ((9, 9, 9, 0), (255, 0, 0, 255), (0, 0, 255, 255))
)


def test_the_still_picture_that_an_animated_png_hides_is_left_out():
    decoded = decode(animation([BLUE.resize((6, 6)), RED], hidden=EMPTY, first=(6, 6)))
    result = np.asarray(decoded.image)
    assert result[8, 8].tolist() == [0, 0, 255, 255]
    assert result[2, 2].tolist() == [0, 0, 0, 0]
    assert decoded.notes == (
        "first frame of an animation",
        "a still picture beside the animation is left out",
    )


def test_a_damaged_animation_leaves_its_still_picture():
    data = animation([BLUE, RED], hidden=RED, first=(90, 0))
    decoded = decode(data)
    assert np.asarray(decoded.image)[5, 5].tolist() == [255, 0, 0, 255]
    assert decoded.notes == ("a damaged animation: its still picture is used",)


@pytest.mark.parametrize("format", ["GIF", "PNG", "WEBP"])
@pytest.mark.parametrize("empty", [1, 3])
def test_of_an_animation_that_begins_empty_the_first_frame_that_shows_something_is_taken(format, empty):
    if format == "PNG":
        data = animation([EMPTY] * empty + [BLUE, RED])
    else:
        extra = {"lossless": True} if format == "WEBP" else {"disposal": 2}
        frames = [Image.new("RGBA", (12, 12), (number, 9, 9, 0)) for number in range(empty)] + [BLUE, RED]
        data = encoded(frames[0], format, save_all=True, append_images=frames[1:], duration=50, **extra)
    decoded = decode(data)
    assert np.asarray(decoded.image)[5, 5].tolist() == [0, 0, 255, 255]
    assert decoded.notes == ("first frame of an animation that is not empty",)


@pytest.mark.parametrize("format", ["PNG", "WEBP"])
def test_every_frame_of_a_film_is_what_decode_would_make_of_it(format):
    if format == "PNG":
        data = animation([RED, EMPTY, BLUE], hidden=EMPTY)
        text = chunk(b"zTXt", b"workflow\0\0" + zlib.compress(bytes(2**21)))
        profile = chunk(b"iCCP", b"x\0\0" + zlib.compress(exchanged_primaries()))
        data = data[:33] + text + profile + data[33:]
    else:
        more = {"lossless": True, "icc_profile": exchanged_primaries(), "duration": 100}
        data = encoded(RED, format, save_all=True, append_images=[EMPTY, BLUE], **more)
    frames = decode_frames(data)
    assert frames[0][0] == decode(data).image
    assert [image.getpixel((5, 5)) for image, _ in frames[::2]] == [(0, 0, 255, 255), (255, 0, 0, 255)]
    assert frames[1][0].getpixel((5, 5))[3] == 0
    assert [milliseconds for _, milliseconds in frames] == [100] * 3


def test_a_film_that_is_damaged_or_too_long_is_a_problem():
    data = animation([RED, BLUE])
    with pytest.raises(ValueError, match="a frame lies outside"):
        decode_frames(animation([RED, BLUE.resize((13, 12))]))
    with pytest.raises(ValueError, match="truncated PNG"):
        decode_frames(data[:-12])
    with pytest.raises(ValueError, match=r"a film of more than 10000 frames.*: cut it"):
        decode_frames(animation([RED.resize((1, 1))] * 10_001))


def test_what_the_only_frame_of_a_gif_leaves_out_is_transparent():
    data = bytearray(encoded(Image.new("P", (6, 6), 1), "GIF", optimize=False))
    data[6:10] = struct.pack("<HH", 12, 12)
    result = pixels(bytes(data))
    assert result[:6, :6, 3].min() == 255
    assert result[6:, :, 3].max() == result[:, 6:, 3].max() == 0


@pytest.mark.parametrize("size", [(100_000, 100_000), (8001, 8000), (2**31 - 1, 1)])
def test_a_header_that_claims_too_many_pixels_is_refused_before_decoding(size):
    with pytest.raises(ValueError, match="decompression bomb"):
        decode(huge_png_header(*size))


def test_the_pixel_bound_holds_for_other_formats_too():
    data = bytearray(encoded(Image.new("RGB", (8, 8)), "BMP"))
    data[18:26] = struct.pack("<ii", 30_000, 30_000)
    with pytest.raises(ValueError, match="decompression bomb"):
        decode(bytes(data))
    assert MAX_PIXELS < 30_000**2


KINDS = {
    "png": encoded(creature(40), "PNG"),
    "jpeg": encoded(creature(40).convert("RGB"), "JPEG"),
    "progressive jpeg": encoded(creature(40).convert("RGB"), "JPEG", progressive=True),
    "webp": encoded(creature(40), "WEBP"),
    "lossless webp": encoded(creature(40), "WEBP", lossless=True),
    "bmp": encoded(creature(40).convert("RGB"), "BMP"),
}


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=40, deadline=None)
@given(share=st.floats(0, 1, exclude_max=True))
def test_a_truncated_file_is_a_problem_wherever_it_was_cut(kind, share):
    data = KINDS[kind]
    with pytest.raises(ValueError, match=r"\w"):
        decode(data[: int(share * len(data))])


def test_a_gif_that_was_cut_inside_its_first_frame_is_a_problem():
    data = encoded(noise((40, 40)).quantize(64), "GIF")
    with pytest.raises(ValueError, match="GIF"):
        decode(data[: len(data) // 2])


@settings(max_examples=60, deadline=None)
@given(position=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255))
def test_a_damaged_png_is_never_taken_for_a_good_one(position, flip):
    good = KINDS["png"]
    place = int(position * len(good))
    bad = bytearray(good)
    bad[place] ^= flip
    try:
        result = np.asarray(decode(bytes(bad)).image)
    except ValueError:
        return
    # Only bytes that no pixel depends on may be damaged unnoticed.
    assert (result == np.asarray(decode(good).image)).all()


@settings(max_examples=150, deadline=None)
@given(data=st.binary(max_size=200), kind=st.sampled_from([*KINDS, "gif"]), keep=st.integers(4, 60))
def test_garbage_after_a_good_beginning_raises_nothing_but_a_reason(data, kind, keep):
    start = encoded(noise((16, 16)).quantize(16), "GIF") if kind == "gif" else KINDS[kind]
    with contextlib.suppress(ValueError):
        assert decode(start[:keep] + data).image.mode == "RGBA"
