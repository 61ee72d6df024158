"""Pictures small enough to travel inside a page, and encoded once: an earlier page is their cache."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import re
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from stylegan_pokemon.render.gif import save_gif
from stylegan_pokemon.render.runs import Tick

MAX_FRAMES = 101  # on the slider: 100 ticks and the start
FRAME_BYTES = 36_000  # of a grid on the slider; 101 of them are 4.8 MB in base64
STILL_BYTES = 200_000  # of a picture that stands by itself
FILM_BYTES = 800_000
_FRAME_SIDE, _STILL_SIDE = 640, 1280  # pixels of the longer side
_QUALITIES = (80, 65, 50, 38, 28)
_HOPELESS = 3  # times too large: the lowest quality is no more than that much smaller than the highest
_FILM_FRAMES, _FILM_SIDE, _FILM_DELAY, _FILM_HOLD = 24, 256, 20, 200  # pixels, hundredths of a second
_VERSION = (
    "1"  # changes when pictures are encoded in another way, so that those of older pages are not reused
)

_SOURCE = r"data:image/(?:webp|gif|png);base64,[A-Za-z0-9+/]+={0,2}"
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
            key = key_of(purpose, path.name, facts.st_size, facts.st_mtime_ns)
            with Image.open(path) as image:
                size = image.size
                if not 0 < size[0] * size[1] <= Image.MAX_IMAGE_PIXELS:
                    return None
                source = self._known.get(key) or encode(image)
        except Exception:  # whatever a damaged picture makes Pillow raise
            return None
        return Picture(key, source, *size)

    def made(self, key: str, make: Callable[[], str]) -> str:
        """What has the key in the earlier page, else what `make` returns."""
        return self._known.get(key) or make()


def key_of(*parts: object) -> str:
    """A short name for what is made of these parts, in pages of this version."""
    return hashlib.sha256("\0".join([_VERSION, *map(str, parts)]).encode()).hexdigest()[:24]


def thinned(pictures: Sequence[Tick], always: Iterable[float] = (), limit: int = MAX_FRAMES) -> list[Tick]:
    """About `limit` of the pictures at most: every 2ⁿ-th, the last, and those at the kimg in `always`.

    As a run grows, what was chosen before is chosen again, or every other of it.
    """
    every = _stride(len(pictures), limit)
    wanted = set(always)
    last = len(pictures) - 1
    return [p for i, p in enumerate(pictures) if i % every == 0 or i == last or p.kimg in wanted]


def film_frames(pictures: Sequence[Tick]) -> list[Tick]:
    """Every 2ⁿ-th picture, 24 at most: at most ticks of a long run the same; the slider has them too."""
    return list(pictures[:: _stride(len(pictures), _FILM_FRAMES)])


def _stride(count: int, limit: int) -> int:
    """The smallest power of two by which `count` things are counted in `limit` steps."""
    stride = 1
    while (count - 1) // stride + 1 > limit:
        stride *= 2
    return stride


def as_frame(image: Image.Image) -> str:
    """Encode a grid for the slider: at most 36 kB, small sprites enlarged to whole pixels."""
    return _within(image, _FRAME_SIDE, FRAME_BYTES)


def as_still(image: Image.Image) -> str:
    """Encode a picture that stands by itself: at most 200 kB."""
    return _within(image, _STILL_SIDE, STILL_BYTES)


def whole_film(path: Path) -> Picture | None:
    """The run's progression.gif as it is; None where there is none, or it is too large for a page."""
    with contextlib.suppress(OSError, ValueError, SyntaxError):
        if path.stat().st_size <= FILM_BYTES:
            with Image.open(path) as image:
                image.verify()
                size = image.size
            content = path.read_bytes()
            return Picture(
                key_of("film", hashlib.sha256(content).hexdigest()), _address("gif", content), *size
            )
    return None


def small_film(frames: Sequence[Picture], cache: Cache) -> Picture | None:
    """A film of these frames of the slider, 256 pixels wide; None where it cannot be made or is too large.

    Making one takes longer than all the rest of a refresh, so give frames that seldom change (`film_frames`).
    """
    if len(frames) < 2:
        return None
    key = key_of("small film", *(frame.key for frame in frames))
    try:
        source = cache.made(key, lambda: _small_film(frames))
        size = _image(source).size
    except Exception:  # frames of an earlier page that somebody damaged
        return None
    return Picture(key, source, *size) if len(source) <= 1.5 * FILM_BYTES else None


def _small_film(frames: Sequence[Picture]) -> str:
    pictures = []
    size: tuple[int, int] | None = None
    for frame in frames:
        # The encoded frame, not the file: a tenth of the pixels to decode where sprites are large.
        image = _image(frame.source).convert("RGB")
        image = image if max(image.size) <= _FILM_SIDE else _reduced(image, _FILM_SIDE)
        size = size or image.size
        pictures.append(np.asarray(image if image.size == size else image.resize(size)))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.gif"
        save_gif(path, pictures, [_FILM_DELAY] * (len(pictures) - 1) + [_FILM_HOLD])
        return _address("gif", path.read_bytes())


def _image(source: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2])))


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
                return _address("webp", buffer.getvalue())
            if buffer.tell() > _HOPELESS * limit:
                break
        image = image.resize((max(image.width // 2, 1), max(image.height // 2, 1)), Image.Resampling.BOX)


def _reduced(image: Image.Image, side: int) -> Image.Image:
    """By a whole number, so that no pixel is smeared over two; a little above `side` rather than far"
    " below."""
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


def _address(kind: str, content: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"
