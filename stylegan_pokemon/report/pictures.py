"""Pictures small enough for a page, each encoded once: the page before is the cache."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from stylegan_pokemon.render.runs import Tick

MAX_FRAMES = 101  # on the slider: 100 ticks and the start
FRAME_BYTES = 36_000  # of a grid on the slider; 101 of them are 4.8 MB in base64
STILL_BYTES = 200_000  # of a single picture
_FRAME_SIDE, _STILL_SIDE = 640, 1280  # pixels of the longer side
_QUALITIES = (80, 65, 50, 38, 28)
_HOPELESS = 3  # times too large: the lowest quality is no more than that much smaller than the highest
_VERSION = "1"  # change it with the encoding, so that pictures of older pages are not reused

_SOURCE = r"data:image/webp;base64,[A-Za-z0-9+/]+={0,2}"
_CACHED = re.compile(rf'(?:data-key="([0-9a-f]{{24}})" src=|"([0-9a-f]{{24}})":)"({_SOURCE})"')


@dataclass(frozen=True)
class Picture:
    """A picture inside the page: `key` names its source file, size, time and encoding."""

    key: str
    source: str  # a data: address
    width: int  # pixels of the original
    height: int


class Cache:
    """Encoded pictures of an earlier page by key."""

    def __init__(self, page: Path) -> None:
        self._known: dict[str, str] = {}
        with contextlib.suppress(OSError, UnicodeDecodeError):
            for attribute, entry, source in _CACHED.findall(page.read_text(encoding="utf-8")):
                self._known[attribute or entry] = source

    def picture(self, path: Path, purpose: str, encode: Callable[[Image.Image], str]) -> Picture | None:
        """The picture at `path`, encoded only if the earlier page lacks it; None if it cannot be read.

        purpose: distinguishes encodings of one file.
        """
        try:
            facts = path.stat()
            parts = (_VERSION, purpose, path.name, facts.st_size, facts.st_mtime_ns)
            key = hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()[:24]
            with Image.open(path) as image:
                size = image.size
                if not 0 < size[0] * size[1] <= Image.MAX_IMAGE_PIXELS:
                    return None
                source = self._known.get(key) or encode(image)
        except Exception:  # whatever a damaged picture makes Pillow raise
            return None
        return Picture(key, source, *size)


def thinned(pictures: Sequence[Tick], best: float | None = None) -> list[Tick]:
    """About `MAX_FRAMES` of the pictures at most: every 2ⁿ-th, the last, and the one at `best` kimg.

    As a run grows, the choice stays the same, or every other picture of it stays: a refresh encodes little.
    """
    every, last = 1, len(pictures) - 1
    while last // every + 1 > MAX_FRAMES:
        every *= 2
    return [p for i, p in enumerate(pictures) if i % every == 0 or i == last or p.kimg == best]


def as_frame(image: Image.Image) -> str:
    """Encode a grid for the slider: at most 36 kB, small sprites enlarged to whole pixels."""
    return _within(image, _FRAME_SIDE, FRAME_BYTES)


def as_still(image: Image.Image) -> str:
    """Encode a single picture: at most 200 kB."""
    return _within(image, _STILL_SIDE, STILL_BYTES)


def _within(image: Image.Image, side: int, limit: int) -> str:
    """WebP of at most `limit` bytes: lower quality first, then fewer pixels."""
    image = _on_white(image)
    if max(image.size) > side:
        image = _reduced(image, side)
    elif (times := side // max(image.size)) > 1:
        # Lossy pictures halve the resolution of colour; enlarged twice, sprites keep theirs.
        image = image.resize(
            (image.width * min(times, 2), image.height * min(times, 2)), Image.Resampling.NEAREST
        )
    while True:
        for quality in _QUALITIES:
            buffer = io.BytesIO()
            image.save(buffer, "WEBP", quality=quality, method=3)
            if buffer.tell() <= limit:
                return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
            if buffer.tell() > _HOPELESS * limit:
                break
        image = image.resize((max(image.width // 2, 1), max(image.height // 2, 1)), Image.Resampling.BOX)


def _reduced(image: Image.Image, side: int) -> Image.Image:
    """Reduce by a whole number, so that no pixel is smeared over two: rather a little above `side`."""
    factor = max(round(max(image.size) / side), 1)
    image = image.reduce(factor)
    if max(image.size) > 1.25 * side:
        image.thumbnail((side, side), Image.Resampling.LANCZOS)
    return image


def _on_white(image: Image.Image) -> Image.Image:
    if "A" not in image.getbands() and "transparency" not in image.info:
        return image.convert("RGB")
    image = image.convert("RGBA")
    paper = Image.new("RGBA", image.size, "white")
    paper.alpha_composite(image)
    return paper.convert("RGB")
