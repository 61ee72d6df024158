"""`upfirdn2d` equals its definition, in every order of derivative, for any shape, padding and format."""

from contextlib import nullcontext

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import convolve2d

from stylegan_pokemon.ops import backend
from stylegan_pokemon.ops.upfirdn2d import binomial_filter, downsample2d, upfirdn2d, upsample2d


def by_definition(x, kernel, up, down, padding, flip, gain):
    left, right, top, bottom = padding
    images = x.numpy()
    n, c, h, w = images.shape
    zeros = np.zeros((n, c, h * up, w * up))
    zeros[:, :, ::up, ::up] = images
    zeros = np.pad(zeros, ((0, 0), (0, 0), (max(top, 0), max(bottom, 0)), (max(left, 0), max(right, 0))))
    zeros = zeros[:, :, max(-top, 0) :, max(-left, 0) :]
    zeros = zeros[:, :, : zeros.shape[2] - max(-bottom, 0), : zeros.shape[3] - max(-right, 0)]
    k = kernel.numpy()[::-1, ::-1] if flip else kernel.numpy()
    return np.array(
        [[convolve2d(p, k, mode="valid")[::down, ::down] * gain for p in image] for image in zeros]
    )


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_equals_the_definition_on_random_shapes(data):
    up, down = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 3))
    taps = data.draw(st.integers(1, 8))
    padding = data.draw(st.tuples(*[st.integers(-2, 6)] * 4))
    h, w = data.draw(st.integers(3, 9)), data.draw(st.integers(3, 9))
    flip, gain = data.draw(st.booleans()), data.draw(st.floats(0.5, 4))
    if h * up + padding[2] + padding[3] < taps or w * up + padding[0] + padding[1] < taps:
        return
    generator = torch.Generator().manual_seed(taps)
    x = torch.randn(2, 3, h, w, dtype=torch.float64, generator=generator)
    f = torch.randn(taps, dtype=torch.float64, generator=generator)
    expected = by_definition(x, torch.outer(f, f), up, down, padding, flip, gain)
    if data.draw(st.booleans()):
        x = x.to(memory_format=torch.channels_last)
    np.testing.assert_allclose(upfirdn2d(x, f, up, down, padding, flip, gain).numpy(), expected, atol=1e-10)
    with backend.using(None):  # plain PyTorch
        plain = upfirdn2d(x, f, up, down, padding, flip, gain)
    np.testing.assert_allclose(plain.numpy(), expected, atol=1e-10)


@pytest.mark.parametrize(
    ("up", "down", "padding"),
    [(1, 1, (1, 1, 1, 1)), (2, 1, (2, 1, 2, 1)), (1, 2, (1, 1, 1, 1)), (3, 2, (-1, 4, 2, 0))],
)
@pytest.mark.parametrize("taps", [4, 7])
@pytest.mark.parametrize("plain", [True, False])
def test_gradients_of_both_orders_are_right(up, down, padding, taps, plain):
    x = torch.randn(1, 2, 6, 5, dtype=torch.float64, requires_grad=True)
    f = torch.randn(taps, dtype=torch.float64)
    if 6 * up + padding[2] + padding[3] < taps:
        padding = (3, 3, 3, 3)

    def operation(images):
        with backend.using(None) if plain else nullcontext():
            return upfirdn2d(images, f, up, down, padding, gain=1.7)

    assert torch.autograd.gradcheck(operation, x, fast_mode=True)
    assert torch.autograd.gradgradcheck(operation, x, fast_mode=True)


def test_resampling_keeps_the_mean_and_the_memory_format():
    f = binomial_filter()
    x = torch.full((2, 3, 8, 8), 0.25).to(memory_format=torch.channels_last)
    up, down = upsample2d(x, f), downsample2d(x, f)
    assert up.shape == (2, 3, 16, 16)
    assert down.shape == (2, 3, 4, 4)
    torch.testing.assert_close(up[:, :, 2:-2, 2:-2], torch.full((2, 3, 12, 12), 0.25))
    torch.testing.assert_close(down[:, :, 1:-1, 1:-1], torch.full((2, 3, 2, 2), 0.25))
    assert up.is_contiguous(memory_format=torch.channels_last)
    assert down.is_contiguous(memory_format=torch.channels_last)


def test_an_empty_batch_passes_through():
    for kernels in (nullcontext(), backend.using(None)):
        with kernels:
            result = upfirdn2d(torch.zeros(0, 3, 8, 8), binomial_filter(), up=2, padding=(2, 1, 2, 1))
        assert result.shape == (0, 3, 16, 16)
