"""A progression shows every tick with its kimg and rests on the last; training can afford it each time."""

from __future__ import annotations

import time
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
import torch
from PIL import Image, ImageSequence

from stylegan_pokemon.errors import UserError
from stylegan_pokemon.render.directions import edited
from stylegan_pokemon.render.edits import parse_edits
from stylegan_pokemon.render.images import save_png, synthesize
from stylegan_pokemon.render.loaded import load_generator
from stylegan_pokemon.render.pictures import RenderOptions, render_seeds
from stylegan_pokemon.render.progression import (
    captioned,
    evenly,
    progression_from_fakes,
    progression_from_snapshots,
)
from stylegan_pokemon.render.runs import snapshots
from tests.render.conftest import CLASSES, blobs, make_run
from tests.render.gif_blocks import read_gif


def decode(path):
    with Image.open(path) as image:
        return [np.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(image)]


def test_fakes_become_one_frame_per_tick_and_the_last_is_held(run):
    path = progression_from_fakes(run)
    assert path == run / "progression.gif"
    assert [frame.delay for frame in read_gif(path).frames] == [20, 20, 220]
    for i, frame in enumerate(decode(path)):
        assert frame.shape[1] == 640  # 64 pixels, enlarged ten times
        assert frame[0, 0].tolist() == [255 - 40 * i] * 3
        assert np.abs(frame[160, 10 * (12 + 8 * i)].astype(int) - (200, 30, 60)).max() <= 2


def test_the_kimg_is_written_below_every_frame_and_a_bar_grows(run):
    frames = decode(progression_from_fakes(run))
    strips = [frame[320:] for frame in frames]
    assert all(not np.array_equal(a, b) for a, b in pairwise(strips))
    expected = captioned(np.zeros((320, 640, 3), np.uint8), "0.5 kimg", 0.05)[320:]
    assert np.abs(strips[1].astype(int) - expected).max() <= 3
    lengths = [
        int((np.abs(strip[0].astype(int) - strips[2][0, 0]).max(axis=-1) < 40).sum()) for strip in strips
    ]
    assert lengths == [1, 32, 640]


def test_the_caption_changes_no_pixel_of_the_picture():
    frame = blobs(1, size=64)[0]
    strip = captioned(frame, "4 kimg", 0.5)
    np.testing.assert_array_equal(strip[:64], frame)
    assert strip.shape == (88, 64, 3)


def test_of_many_ticks_evenly_spaced_ones_are_shown_first_and_last_among_them(tmp_path):
    assert evenly(range(5), 9) == [0, 1, 2, 3, 4]
    assert evenly(range(101), 5) == [0, 25, 50, 75, 100]
    run = tmp_path / "run"
    run.mkdir()
    for kimg in range(40):
        save_png(run / f"fakes{kimg:06d}.png", np.full((16, 16, 3), 6 * kimg, dtype=np.uint8))
    frames = decode(progression_from_fakes(run, max_frames=14))
    assert [int(frame[0, 0, 0]) for frame in frames] == [18 * i for i in range(14)]


def test_a_refresh_at_a_tick_is_cheap(tmp_path):
    for kimg, frame in enumerate(blobs(count=60, size=128)):
        save_png(tmp_path / f"fakes{kimg:06d}.png", frame.repeat(4, axis=0).repeat(4, axis=1))
    start = time.process_time()
    path = progression_from_fakes(tmp_path)
    assert time.process_time() - start < 15  # 1.5 s where it was written; slower machines have their share
    assert len(read_gif(path).frames) == 60
    assert path.stat().st_size < 2 * 2**20


def test_large_grids_are_reduced_by_a_whole_number(tmp_path):
    save_png(tmp_path / "fakes000000.png", np.full((1536, 2048, 3), 70, dtype=np.uint8))
    assert decode(progression_from_fakes(tmp_path))[0].shape[1] == 512
    wide = progression_from_fakes(tmp_path, tmp_path / "x.gif", scale=Fraction(1, 2))
    assert decode(wide)[0].shape[1] == 1024


def test_grey_and_alpha_pictures_are_shown_on_white(tmp_path):
    alpha = np.full((64, 64, 4), 40, dtype=np.uint8)
    alpha[..., 3] = 0
    save_png(tmp_path / "fakes000000.png", alpha)
    save_png(tmp_path / "fakes000001.png", np.full((64, 64, 1), 90, dtype=np.uint8))
    frames = decode(progression_from_fakes(tmp_path))
    assert [frame[5, 5].tolist() for frame in frames] == [[255] * 3, [90] * 3]


def test_snapshots_are_rendered_with_the_same_latents_and_the_final_frame_is_the_newest_network(tmp_path):
    run = make_run(tmp_path / "00000-x-none", classes=CLASSES)
    ticks = snapshots(run)
    newest = load_generator(ticks[-1].path, torch.device("cpu"))
    seeds, labels, look = [3, 1, 4, 5], [0, 1, 2, 3], RenderOptions(0.7)
    progression_from_snapshots(tmp_path / "x.gif", ticks, newest, seeds, labels, look)
    frames = decode(tmp_path / "x.gif")
    assert len(frames) == 3
    for tick, frame in zip(ticks, frames, strict=True):
        single = list(render_seeds(load_generator(tick.path, torch.device("cpu")), seeds, labels, look))[3]
        shown = frame[320:640:20, 320:640:20]
        assert np.abs(shown.astype(int) - single).mean() < 10  # 256 colours for three pictures of noise


def test_every_snapshot_is_edited_along_the_directions_of_the_newest(tmp_path):
    ticks = snapshots(make_run(tmp_path / "00000-x-none"))
    newest = edited(load_generator(ticks[-1].path, torch.device("cpu")), parse_edits("pca0:+20"))
    progression_from_snapshots(tmp_path / "x.gif", ticks, newest, [3], [0], RenderOptions())
    for tick, frame in zip(ticks, decode(tmp_path / "x.gif"), strict=True):
        plain = load_generator(tick.path, torch.device("cpu"))
        ws = plain.ws([3], [0]) + newest.shift
        (drawn,) = synthesize(plain.G, ws)
        (unedited,) = render_seeds(plain, [3], [0], RenderOptions())
        shown = frame[:640:40, :640:40].astype(int)
        assert np.abs(shown - drawn).mean() < 10
        assert np.abs(shown - unedited).mean() > 10


def test_a_run_without_pictures_is_one_sentence(tmp_path):
    with pytest.raises(UserError, match=r"no fakes<kimg>\.png yet"):
        progression_from_fakes(tmp_path)


def test_a_damaged_picture_is_named_and_the_old_animation_stays(run):
    old = progression_from_fakes(run).read_bytes()
    picture = run / "fakes000010.png"
    picture.write_bytes(picture.read_bytes()[:60])
    with pytest.raises(UserError, match=r"fakes000010.png, it is damaged"):
        progression_from_fakes(run)
    assert (run / "progression.gif").read_bytes() == old
