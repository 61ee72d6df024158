"""Every CPU kernel against its plain-PyTorch reference in float64, on shapes and layouts drawn at random."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from stylegan_pokemon.ops import backend
from stylegan_pokemon.ops.bias_act import bias_act
from stylegan_pokemon.ops.cpu.build import cpu_kernels
from stylegan_pokemon.ops.scaling import channel_dot, scale_channels
from stylegan_pokemon.ops.upfirdn2d import upfirdn2d
from tests.ops import comparisons
from tests.ops.comparisons import LAYOUTS, activations, factors, images, paddings

KERNELS = cpu_kernels()
DTYPES = (torch.float64, torch.float32, torch.bfloat16)
pytestmark = pytest.mark.skipif(KERNELS is None, reason="the CPU kernels could not be compiled here")


@settings(max_examples=150, deadline=None)
@given(images(DTYPES), activations, st.booleans(), st.sampled_from([0, 1, 2]), st.booleans())
def test_the_epilogue_and_its_gradients_equal_the_reference(x, activation, scaled, noisy, biased):
    comparisons.check_epilogue(KERNELS, x, activation, scaled, noisy, biased)


@settings(max_examples=80, deadline=None)
@given(images(DTYPES))
def test_factors_of_channels_and_their_sums_equal_the_reference(x):
    comparisons.check_scaling(KERNELS, x)


@settings(max_examples=200, deadline=None)
@given(
    images(DTYPES),
    st.sampled_from([4, 4, 4, 1, 2, 3, 12]),
    st.integers(1, 3),
    st.integers(1, 3),
    paddings,
    st.booleans(),
)
def test_resampling_equals_the_reference(x, length, up, down, padding, flip):
    comparisons.check_resampling(KERNELS, x, length, up, down, padding, flip)


@settings(max_examples=60, deadline=None)
@given(images(DTYPES), st.integers(1, 12), st.integers(1, 12), st.floats(0.2, 3))
def test_sampling_and_its_adjoint_equal_the_reference(x, height, width, reach):
    comparisons.check_sampling(KERNELS, x, height, width, reach)


@pytest.mark.parametrize("act", ["linear", "relu", "lrelu"])
def test_infinities_and_no_numbers_stay_what_they_are(act):
    comparisons.check_infinities(KERNELS, act)


def test_points_far_outside_and_no_numbers_take_zero():
    comparisons.check_points_outside(KERNELS)


@settings(max_examples=40, deadline=None)
@given(images(DTYPES, channels=3))
def test_colours_equal_the_reference(x):
    comparisons.check_colours(KERNELS, x)


@pytest.mark.parametrize("layout", ["contiguous", "channels_last"])
@pytest.mark.parametrize("clamp", [None, 0.9])
@pytest.mark.parametrize("act", ["linear", "relu", "lrelu"])
def test_gradients_of_both_orders_are_right(layout, clamp, act):
    torch.manual_seed(0)
    x = LAYOUTS[layout](torch.randn(2, 3, 4, 3, dtype=torch.float64)).requires_grad_()
    scale, strength = (
        factors(2, 3).requires_grad_(),
        torch.tensor(0.4, dtype=torch.float64, requires_grad=True),
    )
    bias, noise = (factors(3) - 0.8).requires_grad_(), torch.randn(2, 1, 4, 3, dtype=torch.float64)

    def operation(x, scale, strength, bias):
        return bias_act(x, bias, act, 0.7, clamp, scale=scale, noise=noise, strength=strength)

    arguments = (x, scale, strength, bias)
    with backend.using(KERNELS):
        assert torch.autograd.gradcheck(operation, arguments, fast_mode=True)
        assert torch.autograd.gradgradcheck(operation, arguments, fast_mode=True)
        for function in (scale_channels, lambda a, s: scale_channels(a, channel_dot(a, a) * s)):
            assert torch.autograd.gradcheck(function, (x, scale), fast_mode=True)
            assert torch.autograd.gradgradcheck(function, (x, scale), fast_mode=True)

        def resampled(x):
            return upfirdn2d(x, (0.1, 0.4, 0.3, 0.2), up=2, down=3, padding=(2, 1, 3, 0), gain=2) ** 2

        assert torch.autograd.gradgradcheck(resampled, (x,), fast_mode=True)


@pytest.mark.parametrize("conv_clamp", [None, 0.8])
@pytest.mark.parametrize("architecture", ["skip", "resnet", "orig"])
def test_both_regularisers_have_the_gradients_of_the_plain_path(architecture, conv_clamp):
    comparisons.check_regularisers(KERNELS, architecture, conv_clamp)
