"""Damaged pictures end in a picture or in one sentence of the user's words, within bounded memory and time.

`FUZZ_PICTURES=200000 pytest tests/dataset_tool/test_fuzz_pictures.py --timeout 0` runs it at length.
"""

from __future__ import annotations

import os
import random
import struct
import time
import zlib

import numpy as np
import pytest
from PIL import Image

from dataset_tool.reading.decode import decode
from dataset_tool.reading.sniff import PictureError
from tests.dataset_tool import profiles
from tests.dataset_tool.mutation import JARGON, mutated
from tests.dataset_tool.pictures import chunk, creature, encoded, noise, png
from tests.dataset_tool.test_colour import bitmap, icc_chunk
from tests.dataset_tool.test_decode import BLUE, EMPTY, RED, animation

resource = pytest.importorskip("resource", reason="measures memory as Unix does")

COUNT = int(os.environ.get("FUZZ_PICTURES", "1500"))
SECONDS = 10.0  # of a processor, for one picture; one of MAX_PIXELS takes several
MEMORY_MIB = 3000  # a picture of MAX_PIXELS, its stages and frames
ANIMATED = {"save_all": True, "append_images": [BLUE, RED], "duration": 50}
SEEDS = {
    "png": encoded(creature(24), "PNG"),
    "png palette": encoded(creature(24).quantize(16, method=Image.Quantize.FASTOCTREE), "PNG"),
    "png 16": png(np.arange(192).reshape(8, 8, 3) * 300, 2, 16, chunk(b"tRNS", bytes(6))),
    "png grey 16": png(np.arange(128).reshape(8, 8, 2) * 500, 4, 16, icc_chunk(profiles.grey(1.0))),
    "png grey 2": png(np.arange(64).reshape(8, 8, 1) % 4, 0, 2, chunk(b"tRNS", b"\0\1")),
    "png icc": png(np.arange(192).reshape(8, 8, 3), 2, 8, icc_chunk(profiles.exchanged_primaries())),
    "png gamma": png(
        np.arange(192).reshape(8, 8, 3),
        2,
        8,
        chunk(b"gAMA", struct.pack(">I", 99999))
        + chunk(b"cHRM", struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000))
        + chunk(b"eXIf", b"MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0"),
    ),
    "apng": animation([EMPTY, EMPTY, BLUE, RED]),
    "apng hidden": animation([BLUE.resize((6, 6)), RED], hidden=RED, first=(6, 6)),
    "jpeg": encoded(creature(24).convert("RGB"), "JPEG", icc_profile=profiles.exchanged_primaries()),
    "jpeg progressive": encoded(creature(24).convert("RGB"), "JPEG", progressive=True),
    "jpeg grey": encoded(noise((24, 24), mode="L"), "JPEG", icc_profile=profiles.grey(2.2)),
    "jpeg cmyk": encoded(noise((24, 24)).convert("CMYK"), "JPEG", icc_profile=profiles.cmyk()),
    "webp": encoded(creature(24), "WEBP", icc_profile=profiles.exchanged_primaries()),
    "webp lossless": encoded(creature(24), "WEBP", lossless=True),
    "webp animated": encoded(EMPTY, "WEBP", lossless=True, **ANIMATED),
    "gif": encoded(noise((24, 24)).quantize(16), "GIF", transparency=2),
    "gif animated": encoded(EMPTY, "GIF", disposal=2, **ANIMATED),
    "bmp": encoded(noise((9, 9)), "BMP"),
    "bmp palette": encoded(noise((9, 9)).quantize(16), "BMP"),
    "bmp 32": bitmap(np.arange(81).reshape(9, 9) << 20, 32, (0xFF0000, 0xFF00, 0xFF, 0xFF000000)),
    "bmp 16": bitmap(np.arange(81).reshape(9, 9) << 5, 16, None, 40, True),
}


def mended(data: bytes) -> bytes:
    """Return a PNG whose checksums are right, as far as its chunks can be followed."""
    changed, position = bytearray(data), 8
    while position + 12 <= len(changed):
        (length,) = struct.unpack_from(">I", changed, position)
        end = position + 8 + length
        if end + 4 > len(changed):
            break
        struct.pack_into(">I", changed, end, zlib.crc32(changed[position + 4 : end]))
        position = end + 4
    return bytes(changed)


def test_damaged_pictures_end_in_a_picture_or_in_one_sentence():
    rng = random.Random(os.environ.get("FUZZ_SEED", "0"))
    names = sorted(SEEDS)
    outcomes = {"pictures": 0, "sentences": 0}
    slowest = 0.0
    for number in range(COUNT):
        name = names[number % len(names)]
        data = mutated(SEEDS[name], rng)
        if data[1:4] == b"PNG" and rng.random() < 0.8:
            data = mended(data)
        start = time.process_time()
        try:
            decoded = decode(data)
        except PictureError as error:
            outcomes["sentences"] += 1
            texts = [str(error)]
        else:
            outcomes["pictures"] += 1
            assert decoded.image.mode == "RGBA"
            decoded.image.load()
            texts = list(decoded.notes)
        slowest = max(slowest, time.process_time() - start)
        for text in texts:
            assert 5 <= len(text) < 200, (name, number, text)
            assert text.isprintable(), (name, number, text)
            assert not JARGON.search(text), (name, number, text)
        assert slowest < SECONDS, (name, number)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    print(f"{COUNT} mutations: {outcomes}, slowest {slowest:.2f} s, peak {peak} MiB")
    assert min(outcomes.values()) > 0
    assert peak < MEMORY_MIB
