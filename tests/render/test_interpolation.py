"""Interpolations pass through their seeds, loop without a seam, and repeat no frame."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from stylegan_pokemon.render.interpolation import METHODS, SPACES, interpolation_frames, interpolation_loop
from stylegan_pokemon.render.latents import EASINGS, one_hot, seed_latents
from stylegan_pokemon.render.pictures import RenderOptions, render_seeds
from stylegan_pokemon.render.truncation import truncated

SEEDS = [5, 1, 9]


def loop(G, frames, labels=(0, 1, 2), **options):
    z, c = seed_latents(SEEDS, G.z_dim), one_hot(labels, G.c_dim)
    return torch.cat(list(interpolation_loop(G, z, c, frames, **options)))


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("easing", EASINGS)
@pytest.mark.parametrize("around", ["class", "network"])
def test_a_loop_passes_through_every_seed_with_its_class_and_truncation(
    conditional, space, method, easing, around
):
    options = {"space": space, "method": method, "easing": easing, "truncation_psi": 0.6, "around": around}
    ws = loop(conditional, 7, **options)
    assert ws.shape == (21, conditional.num_ws, conditional.w_dim)
    z, c = seed_latents(SEEDS, 16), one_hot([0, 1, 2], 4)
    if around == "network":
        keys = conditional.mapping(z, c, truncation_psi=0.6)
    else:
        keys = truncated(conditional, z, c, 0.6)
    torch.testing.assert_close(ws[::7], keys, atol=1e-5, rtol=0)


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("method", METHODS)
def test_the_last_frame_leads_into_the_first_and_no_frame_comes_twice(generator, space, method):
    ws = loop(generator, 16, space=space, method=method, easing="linear")[:, 0]
    steps = (ws.roll(-1, dims=0) - ws).norm(dim=1)
    assert float(steps.min()) > 0
    # The step over the seam, from the last frame to the first, is one among the steps of its own stretch.
    assert float(steps[-1]) < 1.5 * float(steps[-16:-1].max())
    assert float(steps[-1]) > 0.3 * float(steps[-16:-1].min())


def test_straight_lines_in_w_are_straight(generator):
    ws = loop(generator, 10, space="w", method="linear", easing="linear")[:11, 0]
    torch.testing.assert_close(ws[5], (ws[0] + ws[10]) / 2, atol=1e-5, rtol=0)


def test_great_circles_in_w_keep_the_distance_from_the_average(generator):
    ws = loop(generator, 10, space="w", method="spherical", easing="linear")[:11, 0]
    distance = (ws - generator.mapping.w_avg).norm(dim=1)
    expected = torch.linspace(0, 1, 11) * (distance[10] - distance[0]) + distance[0]
    torch.testing.assert_close(distance, expected, atol=1e-4, rtol=0)


def test_frames_are_the_pictures_of_the_seeds_at_the_keyframes(conditional_source):
    look = RenderOptions(0.8)
    frames = list(interpolation_frames(conditional_source, SEEDS, [0, 1, 2], 4, look))
    assert len(frames) == 12
    for frame, single in zip(
        frames[::4], render_seeds(conditional_source, SEEDS, [0, 1, 2], look), strict=True
    ):
        assert np.abs(frame.astype(int) - single).max() <= 1


def test_random_noise_flickers_and_comes_out_the_same_again(source):
    look = RenderOptions(noise_mode="random")
    looks = [dataclasses.replace(look, batch=batch) for batch in (1, 2)]
    first, again = (list(interpolation_frames(source, [3, 3], [0, 0], 2, look)) for look in looks)
    assert not np.array_equal(first[0], first[1])
    assert np.abs(np.array(first).astype(int) - again).max() <= 1
