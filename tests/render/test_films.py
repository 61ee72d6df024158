"""Loops close: their frames follow closed forms whose period is the film's length."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from stylegan_pokemon.render.films import PATHS, film_frames, loop_around, loop_weights, pulse
from stylegan_pokemon.render.images import synthesize
from stylegan_pokemon.render.interpolation import interpolation_frames
from stylegan_pokemon.render.latents import seed_latents
from stylegan_pokemon.render.loaded import LoadedGenerator
from stylegan_pokemon.render.pictures import RenderOptions, render_seeds
from stylegan_pokemon.render.seeds import StoredLatent
from tests.render.conftest import make_generator


@pytest.mark.parametrize("harmonics", [1, 4])
@pytest.mark.parametrize("reach", [0.0, 0.6, 1.0])
def test_the_weights_of_a_loop_are_its_fourier_series(harmonics, reach):
    found = loop_weights(24, harmonics, reach).numpy()
    for i in range(24):
        expected = [math.sqrt(1 - reach**2)]
        for k in range(1, harmonics + 1):
            angle = 2 * math.pi * k * i / 24
            expected += [reach / math.sqrt(harmonics) * wave(angle) for wave in (math.cos, math.sin)]
        np.testing.assert_allclose(found[i], expected, atol=1e-12)
    np.testing.assert_allclose((found**2).sum(axis=1), 1)
    # The period is the film: twice the frames show the same loop at half the pace.
    np.testing.assert_allclose(loop_weights(48, harmonics, reach).numpy()[::2], found, atol=1e-12)


def latent(source, seed):
    return StoredLatent(Path("a.npz"), 0, 1, source.ws([seed], [1])[0].numpy(), {"class": 1})


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("around", ["class", "network", "centres:4"])
@pytest.mark.parametrize("stored", [False, True])
def test_a_loop_has_no_seam_and_repeats_no_frame(conditional_source, path, around, stored):
    key = latent(conditional_source, 5) if stored else 5
    options = RenderOptions(0.7, around=around)
    ws = torch.cat(list(loop_around(conditional_source, key, 1, 200, options, path=path)))[:, 0]
    assert ws.shape == (200, 16)
    steps = (ws.roll(-1, dims=0) - ws).norm(dim=1)
    assert float(steps.min()) > 0
    # The step over the seam is one among its neighbours, and no bend there is sharper than elsewhere.
    assert float(steps[-1]) < 1.2 * float(steps[[-2, 0]].max())
    bends = (ws.roll(-1, dims=0) - 2 * ws + ws.roll(1, dims=0)).norm(dim=1)
    assert float(bends[[0, -1]].max()) <= float(bends[1:-1].max())


@pytest.mark.parametrize("stored", [False, True])
def test_without_reach_a_loop_stays_at_its_seed(conditional_source, stored):
    key = latent(conditional_source, 5) if stored else 5
    ws = torch.cat(list(loop_around(conditional_source, key, 1, 5, RenderOptions(0.7), reach=0)))
    still = conditional_source.ws([key], [1], 0.7).expand(5, -1, -1)
    torch.testing.assert_close(ws, still, atol=1e-5, rtol=0)


def test_a_circle_goes_through_z_at_constant_speed(source):
    ws = torch.cat(list(loop_around(source, 5, 0, 36, RenderOptions(), reach=0.8)))
    z = seed_latents([5], 16)
    others = torch.randn(2, 16, generator=_loop_rng(5))
    t = 2 * math.pi * torch.arange(36) / 36
    path = 0.6 * z + 0.8 * (torch.cos(t)[:, None] * others[0] + torch.sin(t)[:, None] * others[1])
    torch.testing.assert_close(ws, source.G.mapping(path), atol=1e-5, rtol=0)


def _loop_rng(seed):
    from stylegan_pokemon.randomness import generator

    return generator(seed, "loop")


def test_a_pulse_is_a_cosine_of_truncation(conditional_source):
    ws = torch.cat(list(pulse(conditional_source, 3, 2, 40, RenderOptions(), psis=(-0.5, 1.5))))
    for i in (0, 7, 20, 33):
        psi = 0.5 - math.cos(2 * math.pi * i / 40)
        torch.testing.assert_close(ws[i], conditional_source.ws([3], [2], psi)[0], atol=1e-5, rtol=0)
    torch.testing.assert_close(ws[1:20], ws[21:].flip(0), atol=1e-5, rtol=0)


def test_films_beside_each_other_are_those_that_stand_alone(source):
    options = RenderOptions(0.8)
    both = list(interpolation_frames(source, [1, 2, 3, 4], [0] * 4, 3, options, cells=2, columns=2))
    alone = [list(interpolation_frames(source, seeds, [0] * 2, 3, options)) for seeds in ([1, 2], [3, 4])]
    assert len(both) == 6
    for frame, left, right in zip(both, *alone, strict=True):
        assert np.abs(frame.astype(int) - np.concatenate([left, right], axis=1)).max() <= 1


def test_a_film_from_class_to_class_shows_one_seed_in_each(conditional_source):
    options = RenderOptions(0.8)
    frames = list(interpolation_frames(conditional_source, [5] * 3, [0, 2, 1], 4, options))
    singles = render_seeds(conditional_source, [5] * 3, [0, 2, 1], options)
    for frame, single in zip(frames[::4], singles, strict=True):
        assert np.abs(frame.astype(int) - single).max() <= 1
    assert all(not np.array_equal(frames[i], frames[i - 1]) for i in range(12))


def test_transparent_films_keep_the_alpha_of_the_network():
    source = LoadedGenerator(make_generator(img_channels=4), Path("a"), torch.device("cpu"), None)
    ways = [iter([source.ws([1, 2], [0, 0])])]
    frames = list(film_frames(source, ways, RenderOptions(), transparent=True))
    for frame, picture in zip(frames, synthesize(source.G, source.ws([1, 2], [0, 0])), strict=True):
        assert np.array_equal(frame, picture)
        assert len(np.unique(frame[..., 3])) > 2
    ways = [iter([source.ws([1, 2], [0, 0])])]
    assert next(film_frames(source, ways, RenderOptions())).shape == (16, 16, 3)


def test_films_beside_each_other_leave_gradients_on_also_when_they_are_dropped(source):
    def ways():
        return [loop_around(source, seed, 0, 70, RenderOptions()) for seed in (1, 2)]

    for parts in zip(*ways(), strict=True):
        assert torch.is_grad_enabled()
        assert not any(part.requires_grad for part in parts)
    abandoned = [next(way) for way in ways()]
    assert torch.is_grad_enabled(), abandoned
