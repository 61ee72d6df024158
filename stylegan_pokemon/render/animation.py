"""Animations as GIF, APNG, WebP or MP4, all from the same frames and with the same timing."""

from __future__ import annotations

import contextlib
import itertools
import math
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from PIL import Image

from stylegan_pokemon.errors import UserError
from stylegan_pokemon.files import whole_file
from stylegan_pokemon.render.gif import save_gif

FORMATS = ("gif", "mp4", "webp", "apng")
MAX_FPS = {"gif": 50, "mp4": 120, "webp": 90, "apng": 90}
"""Frames a second that each format can show: browsers slow down GIF frames under 2 hundredths of a second and
WebP and APNG frames of at most 10 milliseconds to a tenth of a second."""

_MP4_QUALITY = 18  # x264's constant rate factor; at 18 flat colours and outlines look like the source
_TO_BT709 = "scale=out_color_matrix=bt709:out_range=tv:flags=accurate_rnd+full_chroma_int"
# Tags of the frames reach both the stream and the container; options of the encoder do not override them.
_TAGS = "setparams=range=tv:colorspace=bt709:color_primaries=bt709:color_trc=bt709"
_WEBP_QUALITY = 85
_MEMORY = 2 * 2**30  # bytes of frames


def delays(seconds: Sequence[float], units: int) -> list[int]:
    """Round frame durations to whole 1/`units` of a second without letting the rounding add up.

    Each frame ends at the rounded end of the exact one, so that a film of any length is right to half a unit.
    """
    ends = [0.0]
    for duration in seconds:
        ends.append(ends[-1] + duration)
    marks = [math.floor(end * units + 0.5) for end in ends]
    return [later - earlier for earlier, later in itertools.pairwise(marks)]


def save_animation(
    path: str | os.PathLike[str],
    frames: Iterable[np.ndarray],
    *,
    fps: float,
    hold: float = 0,
    scale: int = 1,
    encoding: Callable[[Any], Any] = iter,
) -> None:
    """Write frames as the format that the suffix of `path` names, looping for ever, whole or not at all.

    frames: uint8 [H, W, 3], or [H, W, 4] with alpha where `check_film` allows it, all of one size, at least
    one; consumed one by one for MP4, kept in memory otherwise. fps: frames a second. hold: seconds that the
    last frame stays longer. scale: every pixel becomes scale × scale pixels. encoding: wraps the frames that
    were kept while they are encoded, for a progress bar. Frames that look the same may be stored as one that
    lasts longer. Raises UserError for an unknown suffix and for more frames a second than
    the format can show.
    """
    kind = Path(path).suffix[1:].lower()
    check_film(kind, fps)
    if kind == "mp4":
        _save_mp4(path, _held(frames, round(hold * fps)), fps, scale)
        return
    film = list(frames)
    seconds = [1 / fps] * (len(film) - 1) + [1 / fps + hold]
    if kind == "gif":
        save_gif(path, film, delays(seconds, 100), scale=scale, encoding=encoding)
        return
    bar = iter(encoding(film))
    if kind == "apng":
        _save_apng(path, film, delays(seconds, 1000), scale, bar)
    else:
        _save_webp(path, film, delays(seconds, 1000), scale, bar)
    for _ in bar:  # closes it
        pass


def check_film(
    kind: str, fps: float, count: int = 0, size: tuple[int, int] = (0, 0), transparent: bool = False
) -> None:
    """Raise UserError unless a film can be made: `kind` one of FORMATS, `fps` what it can show.

    count frames of this (width, height), before whole-number enlargement, must fit into memory but for an
    MP4; the others are looked at together. transparent: whether they have alpha, which an MP4 cannot hold.
    """
    if kind not in FORMATS:
        raise UserError(f"“{kind}” is no format for animations; choose one of {', '.join(FORMATS)}")
    if not 0.1 <= fps <= MAX_FPS[kind]:
        faster = "; --format mp4 goes up to 120" if kind != "mp4" and fps > 0.1 else ""
        raise UserError(f"--fps {fps:g}: {kind} shows 0.1 to {MAX_FPS[kind]} frames a second{faster}")
    if transparent and kind == "mp4":
        raise UserError("--transparent: an mp4 has no transparency; choose --format webp, apng or gif")
    width, height = size
    if kind != "mp4" and count * width * height * 3 > _MEMORY:
        raise UserError(
            f"{count} frames of {width} × {height} pixels are too many for a {kind}; "
            f"choose --format mp4, fewer --seeds or --frames, or a smaller --scale"
        )


class _Durations(list[int]):
    """Milliseconds of frames; Pillow's WebP writer asks for one after each frame, which advances the bar."""

    def __init__(self, milliseconds: list[int], bar: Iterator[Any]) -> None:
        super().__init__(milliseconds)
        self._bar = bar

    def __getitem__(self, i: Any) -> Any:
        next(self._bar, None)
        return super().__getitem__(i)


class _FrameCounter:
    """A file to write to; each chunk of an APNG that begins a frame advances the bar."""

    def __init__(self, file: IO[bytes], bar: Iterator[Any]) -> None:
        self._file, self._bar = file, bar

    def write(self, data: bytes) -> int:
        if data[4:8] == b"fcTL":
            next(self._bar, None)
        return self._file.write(data)


def _save_webp(
    path: str | os.PathLike[str],
    film: list[np.ndarray],
    milliseconds: list[int],
    scale: int,
    bar: Iterator[Any],
) -> None:
    images = [Image.fromarray(_enlarged(frame, scale)) for frame in film]
    if max(images[0].size) > 16383:
        raise UserError(f"{path}: a WebP holds at most 16383 pixels a side; choose a smaller --scale")
    with whole_file(path) as temporary:
        images[0].save(
            temporary,
            format="WEBP",
            save_all=True,
            append_images=images[1:],
            duration=_Durations(milliseconds, bar),
            loop=0,
            quality=_WEBP_QUALITY,
            method=4,
        )


def _save_apng(
    path: str | os.PathLike[str],
    film: list[np.ndarray],
    milliseconds: list[int],
    scale: int,
    bar: Iterator[Any],
) -> None:
    """Every colour and degree of alpha, losslessly; a frame that looks like the one before lengthens it."""
    images = [Image.fromarray(_enlarged(frame, scale)) for frame in film]
    with whole_file(path) as temporary, open(temporary, "wb") as file:
        images[0].save(
            cast(IO[bytes], _FrameCounter(file, bar)),  # Pillow's writer of PNG only writes
            format="PNG",
            save_all=True,
            append_images=images[1:],
            duration=milliseconds,
            loop=0,
            blend=0,  # a frame's rectangle replaces what is there, alpha too
        )


def _save_mp4(path: str | os.PathLike[str], frames: Iterable[np.ndarray], fps: float, scale: int) -> None:
    """H.264 in yuv420p, which every browser and player shows, with colours in BT.709 and labelled so."""
    import imageio_ffmpeg

    film = _even(frames, scale)
    first = next(film)
    with whole_file(path) as temporary:
        writer = imageio_ffmpeg.write_frames(
            str(temporary),
            (first.shape[1], first.shape[0]),
            fps=fps,
            codec="libx264",
            pix_fmt_out="yuv420p",
            macro_block_size=2,
            quality=None,
            ffmpeg_log_level="error",
            output_params=[
                *("-crf", str(_MP4_QUALITY), "-preset", "slow", "-movflags", "+faststart"),
                *("-vf", f"{_TO_BT709},{_TAGS}"),
            ],
        )
        with contextlib.closing(writer):
            for step, frame in enumerate(itertools.chain([None, first], film)):
                try:
                    writer.send(frame if frame is None else np.ascontiguousarray(frame))
                except (OSError, RuntimeError) as error:
                    doing = "start" if step == 0 else "finish"
                    raise UserError(
                        f"{path}: ffmpeg did not {doing} ({str(error).strip().splitlines()[0]}); "
                        f"choose --format gif or webp"
                    ) from error


def _held(frames: Iterable[np.ndarray], extra: int) -> Iterator[np.ndarray]:
    for frame in frames:
        yield frame
    for _ in range(extra):
        yield frame


def _even(frames: Iterable[np.ndarray], scale: int) -> Iterator[np.ndarray]:
    """Enlarge, and repeat the last row or column where a side is odd, since yuv420p takes pixels in pairs."""
    for frame in frames:
        large = _enlarged(frame, scale)
        odd = [(0, side % 2) for side in large.shape[:2]]
        yield np.pad(large, [*odd, (0, 0)], mode="edge") if any(pad[1] for pad in odd) else large


def _enlarged(frame: np.ndarray, scale: int) -> np.ndarray:
    return frame.repeat(scale, axis=0).repeat(scale, axis=1) if scale > 1 else frame
