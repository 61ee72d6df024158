"""Colour profiles, made by the tests themselves: of grey, of CMYK, and of RGB under a wrong name."""

from __future__ import annotations

import struct

import numpy as np
from PIL import ImageCms


def srgb() -> bytes:
    """Return the profile of sRGB."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def renamed(profile: bytes, name: bytes = b"test") -> bytes:
    """Return a profile with its name sRGB replaced by another of four letters."""
    wide = b"".join(b"\0" + bytes([letter]) for letter in name)
    return profile.replace(b"\0s\0R\0G\0B", wide).replace(b"sRGB", name)


def exchanged_primaries() -> bytes:
    """Return the profile of sRGB with red and blue exchanged, still named sRGB."""
    profile = srgb()
    for first, second in ((b"rXYZ", b"bXYZ"), (b"rTRC", b"bTRC")):
        profile = profile.replace(first, b"____", 1).replace(second, first, 1).replace(b"____", second, 1)
    return profile


def grey(gamma: float) -> bytes:
    """Return a profile of grey pixels whose light is their code to the power `gamma`."""
    curve = b"curv" + struct.pack(">IIH", 0, 1, round(gamma * 256))
    return _icc(b"GRAY", b"XYZ ", {b"kTRC": curve})


def cmyk() -> bytes:
    """Return a profile of a press with four inks, a table with one colour for each of their mixtures."""
    mixtures = np.array(np.meshgrid(*[[0.0, 1.0]] * 4, indexing="ij")).reshape(4, -1).T
    cyan, magenta, yellow, black = mixtures.T
    lightness = (100 - 35 * cyan - 45 * magenta - 8 * yellow) * (1 - black)
    a = (-35 * cyan + 70 * magenta) * (1 - black)
    b = (-45 * cyan - 5 * magenta + 85 * yellow) * (1 - black)
    table = np.rint(np.stack([np.clip(lightness, 4, 100) * 2.55, a + 128, b + 128], axis=1)).astype(np.uint8)
    identity = struct.pack(">9i", *(np.eye(3, dtype=int) << 16).ravel())
    ramp = bytes(range(256))
    tag = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + identity + ramp * 4 + table.tobytes() + ramp * 3
    return _icc(b"CMYK", b"Lab ", {b"A2B0": tag}, kind=b"prtr")


def _icc(space: bytes, connection: bytes, tags: dict[bytes, bytes], kind: bytes = b"mntr") -> bytes:
    white = struct.pack(">3i", 0xF6D6, 0x10000, 0xD32D)  # D50
    description = b"desc\0\0\0\0" + struct.pack(">I", 5) + b"test\0" + bytes(78)
    tags = {b"desc": description, b"wtpt": b"XYZ \0\0\0\0" + white, **tags}
    body, table, start = b"", struct.pack(">I", len(tags)), 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        table += name + struct.pack(">II", start + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    header = struct.pack(">I4xI", start + len(body), 0x02100000) + kind + space + connection + bytes(12)
    header += b"acsp" + bytes(28) + white
    return header.ljust(128, b"\0") + table + body
