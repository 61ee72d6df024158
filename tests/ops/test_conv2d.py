"""Our convolutions equal PyTorch's, and so do their gradients of the first and second order."""

from contextlib import nullcontext

import pytest
import torch
import torch.nn.functional as F

from stylegan_pokemon.ops.bias_act import bias_act
from stylegan_pokemon.ops.conv2d import conv2d, conv_transpose2d, without_weight_gradients
from stylegan_pokemon.ops.modulated_conv2d import modulated_conv2d
from stylegan_pokemon.ops.scaling import scale_channels
from stylegan_pokemon.ops.upfirdn2d import binomial_filter, upfirdn2d

CASES = [(1, 1, 3, 8, 8), (2, 0, 3, 9, 9), (2, 0, 3, 8, 7), (1, 0, 1, 5, 6), (2, 1, 3, 8, 8)]


@pytest.mark.parametrize(("stride", "padding", "k", "h", "w"), CASES)
def test_convolution_and_both_orders_of_gradient(stride, padding, k, h, w):
    x = torch.randn(2, 3, h, w, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(4, 3, k, k, dtype=torch.float64, requires_grad=True)

    def ours(a, b):
        return conv2d(a, b, stride, padding)

    torch.testing.assert_close(ours(x, weight), F.conv2d(x, weight, stride=stride, padding=padding))
    assert torch.autograd.gradcheck(ours, (x, weight), fast_mode=True)
    assert torch.autograd.gradgradcheck(ours, (x, weight), fast_mode=True)


@pytest.mark.parametrize(("stride", "padding", "k", "h", "w"), CASES)
def test_transposed_convolution_and_both_orders_of_gradient(stride, padding, k, h, w):
    x = torch.randn(2, 3, h, w, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(3, 4, k, k, dtype=torch.float64, requires_grad=True)

    def ours(a, b):
        return conv_transpose2d(a, b, stride, padding)

    torch.testing.assert_close(ours(x, weight), F.conv_transpose2d(x, weight, stride=stride, padding=padding))
    assert torch.autograd.gradcheck(ours, (x, weight), fast_mode=True)
    assert torch.autograd.gradgradcheck(ours, (x, weight), fast_mode=True)


@pytest.mark.parametrize("size", [None, (15, 10), (16, 9), (16, 10)])
def test_transposed_convolutions_of_stride_2_in_bfloat16_are_those_of_the_same_numbers(size):
    """They are computed by phases; float64 tells what is right, results are rounded to bfloat16 once."""
    x = torch.randn(2, 5, 7, 4).bfloat16().contiguous(memory_format=torch.channels_last)
    weight = torch.randn(5, 3, 3, 3).bfloat16()
    extra = (0, 0) if size is None else (size[0] - 15, size[1] - 9)
    right = F.conv_transpose2d(x.double(), weight.double(), stride=2, output_padding=extra)
    found = conv_transpose2d(x, weight, stride=2, size=size)
    assert found.dtype == torch.bfloat16
    assert found.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(found.double(), right, rtol=2**-8, atol=1e-6)


@pytest.mark.parametrize("function", [conv2d, conv_transpose2d])
def test_a_gradient_without_those_of_weights_has_the_same_derivatives(function):
    """As R1 takes it: the penalty's gradient in the weight is whole, that of the score is not computed."""
    x = torch.randn(2, 4, 7, 7, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(4, 4, 3, 3, dtype=torch.float64, requires_grad=True)
    found = []
    for context in (nullcontext, without_weight_gradients):
        score = function(function(x, weight).square(), weight).square().sum()
        with context():
            (grad,) = torch.autograd.grad(score, x, create_graph=True)
        found.append(torch.autograd.grad(grad.square().sum(), (x, weight)))
    for usual, spared in zip(*found, strict=True):
        torch.testing.assert_close(usual, spared, rtol=0, atol=0)
    with without_weight_gradients():
        nothing = torch.autograd.grad(function(x, weight).sum(), weight, allow_unused=True)
    assert nothing == (None,)
    assert torch.autograd.grad(function(x, weight).sum(), weight)[0].abs().max() > 0


@pytest.mark.parametrize("act", ["linear", "relu", "lrelu"])
@pytest.mark.parametrize("clamp", [None, 0.7])
def test_bias_act_equals_its_definition(act, clamp):
    x = torch.randn(4, 6, 5, dtype=torch.float64, requires_grad=True)
    bias = torch.randn(6, dtype=torch.float64, requires_grad=True)
    y = bias_act(x, bias, act, gain=0.5, clamp=clamp)
    z = x + bias[:, None]
    expected = {
        "linear": z,
        "relu": z.clamp_min(0) * 2**0.5,
        "lrelu": torch.where(z > 0, z, 0.2 * z) * 2**0.5,
    }[act] * 0.5
    torch.testing.assert_close(y, expected if clamp is None else expected.clamp(-clamp, clamp))
    assert torch.autograd.gradcheck(lambda a, b: bias_act(a, b, act, 0.5, clamp), (x, bias), fast_mode=True)
    assert torch.autograd.gradgradcheck(
        lambda a, b: bias_act(a, b, act, 0.5, clamp), (x, bias), fast_mode=True
    )


@pytest.mark.parametrize("up", [1, 2])
@pytest.mark.parametrize("demodulate", [True, False])
def test_modulated_convolution_equals_per_sample_weights(up, demodulate):
    """The definition of the paper: scale the weights, normalise them, convolve each image with its own."""
    n, i, o = 3, 4, 5
    x = torch.randn(n, i, 8, 8, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(o, i, 3, 3, dtype=torch.float64, requires_grad=True)
    styles = torch.randn(n, i, dtype=torch.float64, requires_grad=True)
    f = binomial_filter().double()

    def operation(a, b, c):
        result, factors = modulated_conv2d(a, b, c, f, up=up, demodulate=demodulate)
        return result if factors is None else scale_channels(result, factors)

    y = operation(x, weight, styles)
    for image, style, result in zip(x, styles, y, strict=True):
        own = weight * style[None, :, None, None]
        if demodulate:
            own = own / (own.square().sum(dim=(1, 2, 3), keepdim=True) + 1e-8).sqrt()
        if up == 1:
            expected = F.conv2d(image[None], own, padding=1)
        else:
            expected = F.conv_transpose2d(image[None], own.transpose(0, 1), stride=2)
            expected = upfirdn2d(expected, f, padding=(1, 1, 1, 1), gain=4)
        torch.testing.assert_close(result[None], expected)
    small = [t.detach()[:2].clone().requires_grad_() for t in (x[:, :, :3, :3], weight, styles)]

    assert torch.autograd.gradcheck(operation, tuple(small), fast_mode=True)
    assert torch.autograd.gradgradcheck(operation, tuple(small), fast_mode=True)
