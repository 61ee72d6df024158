"""GIFs have one palette and no dithering, hold only what changed, and last as long as they should."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageSequence

from stylegan_pokemon.errors import UserError
from stylegan_pokemon.render.animation import delays, save_animation
from stylegan_pokemon.render.gif import save_gif
from stylegan_pokemon.sprites.quantize import PaletteIndex, oklab, shared_palette
from tests.render.conftest import blobs
from tests.render.gif_blocks import read_gif


def decode(path) -> list[np.ndarray]:
    with Image.open(path) as image:
        return [np.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(image)]


def test_all_frames_share_one_global_palette(tmp_path):
    save_gif(tmp_path / "x.gif", blobs(), [4] * 12)
    gif = read_gif(tmp_path / "x.gif")
    assert len(gif.palette) == 3 * 256
    assert len(gif.frames) == 12
    assert not any(frame.local_palette for frame in gif.frames)
    colours = {bytes(gif.palette[i : i + 3]) for i in range(0, 765, 3)}
    used = {colour.tobytes() for frame in decode(tmp_path / "x.gif") for colour in frame.reshape(-1, 3)}
    assert used <= colours


def test_a_gif_loops_for_ever_and_later_frames_are_drawn_over_earlier_ones(tmp_path):
    save_gif(tmp_path / "x.gif", blobs(), [4] * 12)
    gif = read_gif(tmp_path / "x.gif")
    assert gif.loops == 0
    assert {(frame.disposal, frame.transparent) for frame in gif.frames} == {(1, 255)}


def test_there_is_no_dithering_equal_colours_stay_equal(tmp_path):
    ramp = np.linspace(0, 255, 4096).astype(int)
    frame = np.stack([ramp.reshape(64, 64), ramp[::-1].reshape(64, 64), np.full((64, 64), 90)], axis=-1)
    frame = (frame // 3 * 3).astype(np.uint8).repeat(4, axis=1)
    save_gif(tmp_path / "x.gif", [frame, 255 - frame], [4, 4])
    for shown, wanted in zip(decode(tmp_path / "x.gif"), [frame, 255 - frame], strict=True):
        pairs = np.unique(np.concatenate([wanted, shown], axis=-1).reshape(-1, 6), axis=0)
        assert len(pairs) == len(np.unique(wanted.reshape(-1, 3), axis=0))


def test_pixel_art_is_kept_exactly_however_close_its_colours(tmp_path):
    rng = np.random.default_rng(0)
    colours = np.concatenate(
        [[[255, 255, 255], [254, 254, 254], [253, 255, 255]], rng.integers(0, 256, (252, 3))]
    )
    frames = [colours[rng.integers(0, 255, (40, 40))].astype(np.uint8) for _ in range(5)]
    save_gif(tmp_path / "x.gif", frames, [4] * 5, scale=2)
    for shown, wanted in zip(decode(tmp_path / "x.gif"), frames, strict=True):
        np.testing.assert_array_equal(shown, wanted.repeat(2, axis=0).repeat(2, axis=1))


def test_many_colours_come_out_close_and_the_background_exact(tmp_path):
    frames = blobs(count=16, size=48)
    assert len(np.unique(np.concatenate(frames).reshape(-1, 3), axis=0)) > 4000
    save_gif(tmp_path / "x.gif", frames, [4] * 16)
    for shown, wanted in zip(decode(tmp_path / "x.gif"), frames, strict=True):
        white = (wanted == 255).all(axis=-1)
        assert (shown[white] == 255).all()
        distance = np.linalg.norm(oklab(shown) - oklab(wanted), axis=-1)[~white]
        assert distance.mean() < 0.02  # just noticeable, side by side
        assert distance.max() < 0.06


def test_the_palette_is_better_than_median_cut():
    frames = blobs(count=16, size=48)
    strip = Image.fromarray(np.concatenate(frames))
    quantized = strip.quantize(255, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    theirs = np.asarray(quantized.convert("RGB"))
    palette = shared_palette(frames)
    ours = palette[PaletteIndex(palette)(np.concatenate(frames))]
    wanted = oklab(np.concatenate(frames))
    seen = ~(np.concatenate(frames) == 255).all(axis=-1)
    ours, theirs = (np.linalg.norm(oklab(x) - wanted, axis=-1)[seen] for x in (ours, theirs))
    assert ours.mean() < theirs.mean()
    assert np.percentile(ours, 99) < 0.8 * np.percentile(theirs, 99)


def test_only_the_rectangle_that_changed_is_stored(tmp_path):
    still = np.full((30, 40, 3), 255, dtype=np.uint8)
    moved = still.copy()
    moved[5:9, 20:27] = (200, 0, 0)
    save_gif(tmp_path / "x.gif", [still, moved], [10, 10], scale=3)
    gif = read_gif(tmp_path / "x.gif")
    assert gif.size == (120, 90)
    assert [frame.box for frame in gif.frames] == [(0, 0, 120, 90), (60, 15, 21, 12)]
    np.testing.assert_array_equal(decode(tmp_path / "x.gif")[1][::3, ::3], moved)


def test_a_film_is_smaller_than_pillows_own(tmp_path):
    frames = blobs(count=20, size=64)
    save_gif(tmp_path / "ours.gif", frames, [4] * 20)
    images = [Image.fromarray(frame) for frame in frames]
    images[0].save(
        tmp_path / "theirs.gif", save_all=True, append_images=images[1:], duration=40, optimize=True
    )
    assert (tmp_path / "ours.gif").stat().st_size < 0.8 * (tmp_path / "theirs.gif").stat().st_size


def test_equal_frames_are_stored_once_and_keep_their_time(tmp_path):
    a, b = blobs(count=2)
    save_gif(tmp_path / "x.gif", [a, a, a, b, b, a], [3, 4, 5, 6, 7, 8])
    assert [frame.delay for frame in read_gif(tmp_path / "x.gif").frames] == [12, 13, 8]


def test_time_that_one_frame_cannot_hold_goes_to_a_second_one(tmp_path):
    a, b = blobs(count=2)
    save_gif(tmp_path / "x.gif", [a, b, b], [5, 65000, 900])
    assert [frame.delay for frame in read_gif(tmp_path / "x.gif").frames] == [5, 65000, 900]
    np.testing.assert_array_equal(decode(tmp_path / "x.gif")[1], decode(tmp_path / "x.gif")[2])


@pytest.mark.parametrize("bad", [0, 1, 65536])
def test_delays_that_browsers_do_not_honour_are_refused(tmp_path, bad):
    with pytest.raises(UserError, match="--fps"):
        save_gif(tmp_path / "x.gif", blobs(2), [4, bad])
    assert not list(tmp_path.iterdir())


@given(fps=st.floats(0.1, 50), count=st.integers(1, 400), hold=st.floats(0, 60))
def test_rounded_delays_add_up_to_the_length_of_the_film(fps, count, hold):
    seconds = [1 / fps] * (count - 1) + [1 / fps + hold]
    rounded = delays(seconds, 100)
    assert abs(sum(rounded) - 100 * sum(seconds)) <= 0.5 + 1e-6
    assert min(rounded) >= 2
    assert max(rounded[:-1], default=0) - min(rounded[:-1], default=0) <= 1


@settings(deadline=None, max_examples=12)
@given(fps=st.sampled_from([0.5, 7, 12, 23.976, 24, 25, 30, 48, 50]), count=st.integers(2, 12))
def test_durations_read_back_from_the_file_are_those_asked_for(tmp_path_factory, fps, count):
    path = tmp_path_factory.mktemp("gif") / "x.gif"
    save_animation(path, blobs(count=count, size=8), fps=fps, hold=1.5)
    shown = [frame.delay for frame in read_gif(path).frames]
    assert len(shown) == count
    assert abs(sum(shown) / 100 - (count / fps + 1.5)) <= 0.005 + 1e-9
    assert min(shown) >= 2
    ends = np.cumsum(shown)[:-1]
    np.testing.assert_allclose(ends, [100 * (i + 1) / fps for i in range(count - 1)], atol=0.5 + 1e-9)
