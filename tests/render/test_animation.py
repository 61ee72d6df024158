"""MP4, WebP and APNG play with the right frames, colours and timing, and appear whole or not at all."""

from __future__ import annotations

import struct

import imageio.v3 as iio
import numpy as np
import pytest
from PIL import Image

from stylegan_pokemon.errors import UserError
from stylegan_pokemon.render.animation import FORMATS, MAX_FPS, check_film, save_animation
from tests.render.conftest import blobs


def read_mp4(path):
    return iio.imread(path, plugin="FFMPEG"), iio.immeta(path, plugin="FFMPEG")


def test_mp4_holds_every_frame_at_the_right_pace_in_a_format_that_browsers_show(tmp_path):
    frames = blobs(count=10, size=32)
    save_animation(tmp_path / "x.mp4", iter(frames), fps=30, scale=2)
    video, meta = read_mp4(tmp_path / "x.mp4")
    assert video.shape == (10, 64, 64, 3)
    assert meta["fps"] == 30
    assert meta["duration"] == pytest.approx(10 / 30, abs=0.01)
    assert "h264" in meta["codec"]
    assert meta["pix_fmt"] == "yuv420p(tv, bt709, progressive)"  # primaries, transfer and matrix; else a/b/c
    box = (tmp_path / "x.mp4").read_bytes().partition(b"colrnclx")[2]
    assert struct.unpack(">3H", box[:6]) == (1, 1, 1)  # the same in the container


@pytest.mark.parametrize("colour", [(210, 40, 60), (255, 0, 0), (0, 255, 0), (0, 0, 255)])
def test_mp4_keeps_colours_and_white_stays_white(tmp_path, colour):
    flat = np.full((32, 32, 3), 255, dtype=np.uint8)
    flat[8:24, 8:24] = colour
    save_animation(tmp_path / "x.mp4", [flat] * 5, fps=25)
    video, _ = read_mp4(tmp_path / "x.mp4")
    assert np.abs(video[2, 2, 2].astype(int) - 255).max() <= 1
    assert np.abs(video[2, 16, 16].astype(int) - colour).max() <= 4


def test_mp4_of_odd_size_repeats_its_last_row_and_column(tmp_path):
    save_animation(tmp_path / "x.mp4", [np.full((15, 33, 3), 90, dtype=np.uint8)] * 3, fps=25)
    video, _ = read_mp4(tmp_path / "x.mp4")
    assert video.shape == (3, 16, 34, 3)
    assert np.abs(video.astype(int) - 90).max() <= 2


def test_mp4_holds_its_last_frame(tmp_path):
    save_animation(tmp_path / "x.mp4", blobs(count=4), fps=10, hold=1)
    assert len(read_mp4(tmp_path / "x.mp4")[0]) == 14


def test_webp_holds_every_frame_at_the_right_pace_and_loops(tmp_path):
    frames = blobs(count=10, size=32)
    save_animation(tmp_path / "x.webp", frames, fps=30, hold=1, scale=2)
    with Image.open(tmp_path / "x.webp") as image:
        assert (image.n_frames, image.size, image.info["loop"]) == (10, (64, 64), 0)
        durations, shown = [], []
        for i in range(10):
            image.seek(i)
            shown.append(np.asarray(image.convert("RGB")))
            durations.append(image.info["duration"])
    assert sum(durations) == round(1000 * (10 / 30 + 1))
    assert {*durations[:-1]} == {33, 34}
    large = [frame.repeat(2, axis=0).repeat(2, axis=1) for frame in frames]
    assert np.abs(np.array(shown).astype(int) - large).mean() < 4


@pytest.mark.parametrize("kind", FORMATS)
def test_a_film_that_fails_half_way_leaves_nothing_and_keeps_the_old_one(tmp_path, kind):
    def failing():
        yield from blobs(count=3)
        raise UserError("no more memory")

    path = tmp_path / f"x.{kind}"
    path.write_bytes(b"old")
    with pytest.raises(UserError, match="no more memory"):
        save_animation(path, failing(), fps=25)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    assert path.read_bytes() == b"old"


def test_a_missing_ffmpeg_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(tmp_path / "no-such-program"))
    with pytest.raises(UserError, match="--format gif or webp"):
        save_animation(tmp_path / "x.mp4", blobs(count=2), fps=25)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("kind", "fps"), [(kind, MAX_FPS[kind] + 1) for kind in FORMATS] + [("gif", 0.05)])
def test_a_pace_that_the_format_cannot_show_is_refused(tmp_path, kind, fps):
    with pytest.raises(UserError, match=f"--fps {fps:g}: {kind} shows 0.1 to"):
        save_animation(tmp_path / f"x.{kind}", blobs(count=2), fps=fps)


def test_an_unknown_suffix_lists_the_formats(tmp_path):
    with pytest.raises(UserError, match="gif, mp4, webp"):
        save_animation(tmp_path / "x.avi", blobs(count=2), fps=25)


def test_a_gif_that_does_not_fit_into_memory_is_refused_before_it_is_rendered():
    check_film("mp4", 25, 100_000, (512, 512))
    with pytest.raises(UserError, match=r"100000 frames .* --format mp4"):
        check_film("gif", 25, 100_000, (512, 512))
    with pytest.raises(UserError, match="an mp4 has no transparency; choose --format webp, apng or gif"):
        check_film("mp4", 25, transparent=True)


def shown(path, mode):
    """Every frame of a film as an array, and its duration in milliseconds."""
    with Image.open(path) as image:
        assert image.info.get("loop", 0) == 0
        frames, durations = [], []
        for i in range(image.n_frames):
            image.seek(i)
            frames.append(np.asarray(image.convert(mode)))
            durations.append(image.info["duration"])
    return np.array(frames), durations


def test_an_apng_holds_every_frame_exactly_and_loops(tmp_path):
    frames = blobs(count=6, size=32)
    frames.insert(3, frames[2])  # a still moment
    save_animation(tmp_path / "x.apng", frames, fps=30, hold=1, scale=2)
    found, durations = shown(tmp_path / "x.apng", "RGB")
    assert (tmp_path / "x.apng").read_bytes().startswith(b"\x89PNG")
    large = [frame.repeat(2, axis=0).repeat(2, axis=1) for frame in frames]
    assert np.array_equal(found, [large[i] for i in (0, 1, 2, 4, 5, 6)])
    assert sum(durations) == pytest.approx(1000 * (7 / 30 + 1), abs=1)


@pytest.mark.parametrize("kind", ["webp", "apng", "gif"])
def test_a_bar_follows_the_encoding_frame_by_frame(tmp_path, kind):
    path, counted = tmp_path / f"x.{kind}", []

    def encoding(frames):
        for frame in frames:
            counted.append(path.exists())
            yield frame

    save_animation(path, iter(blobs(count=9)), fps=10, encoding=encoding)
    assert counted == [False] * 9


def cutouts() -> list[np.ndarray]:
    """Discs that wander over nothing, with soft edges: what one frame covers the next one leaves."""
    frames = []
    y, x = np.mgrid[:32, :32]
    for i, colour in enumerate([(200, 30, 40), (30, 160, 60), (40, 60, 200), (0, 0, 0)]):
        alpha = np.clip(255 * (9 - np.hypot(x - 8 - 5 * i, y - 16)), 0, 255).astype(np.uint8)
        frames.append(np.dstack([np.broadcast_to(np.array(colour, np.uint8), (32, 32, 3)), alpha]))
    frames[-1][..., 3] = 0  # an empty frame
    return frames


@pytest.mark.parametrize("kind", ["webp", "apng", "gif"])
def test_transparent_films_show_each_frame_alone(tmp_path, kind):
    frames = cutouts()
    save_animation(tmp_path / f"x.{kind}", frames, fps=10, scale=2)
    found, durations = shown(tmp_path / f"x.{kind}", "RGBA")
    assert durations == [100] * 4
    for picture, frame in zip(found, frames, strict=True):
        large = frame.repeat(2, axis=0).repeat(2, axis=1)
        alpha = large[..., 3] if kind != "gif" else np.where(large[..., 3] >= 128, 255, 0)
        assert np.array_equal(picture[..., 3], alpha)
        seen = alpha == 255
        difference = np.abs(picture[seen, :3].astype(int) - large[seen, :3])
        assert difference.size == 0 or difference.mean() < (4 if kind == "webp" else 0.01)
