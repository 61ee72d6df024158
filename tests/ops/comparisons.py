"""Kernels against their plain-PyTorch references in float64, for whichever kernels a test has.

Each function draws what hypothesis leaves open from a fixed seed, and asserts.
"""

import math

import torch
from hypothesis import strategies as st

from stylegan_pokemon.networks.config import DiscriminatorConfig, GeneratorConfig
from stylegan_pokemon.networks.discriminator import Discriminator
from stylegan_pokemon.networks.generator import Generator
from stylegan_pokemon.ops import backend, reference
from stylegan_pokemon.ops.layout import dense

TOLERANCE = {torch.float64: 1e-12, torch.float32: 2e-6, torch.bfloat16: 2**-8, torch.float16: 2**-10}
"""Relative to the largest value, or to the operands, of order 1; bfloat16 keeps 8 bits, float16 11."""
LAYOUTS = {
    "contiguous": lambda x: x.contiguous(),
    "channels_last": lambda x: x.contiguous(memory_format=torch.channels_last),
    "neither": lambda x: x.repeat(1, 1, 1, 2)[..., ::2] if x.numel() else x,
}


@st.composite
def images(draw, dtypes, channels=None, largest=33):
    shape = [draw(st.integers(0, 5)), channels or draw(st.integers(1, 40))]
    shape += [draw(st.integers(1, largest)), draw(st.integers(1, largest))]
    generator = torch.Generator().manual_seed(draw(st.integers(0, 1000)))
    x = torch.randn(shape, generator=generator, dtype=torch.float64).to(draw(st.sampled_from(dtypes)))
    return LAYOUTS[draw(st.sampled_from(list(LAYOUTS)))](x)


activations = st.sampled_from([(act, gain, clamp) for act in ("linear", "relu", "lrelu")
                               for gain in (1.0, math.sqrt(0.5)) for clamp in (None, 0.75)])  # fmt: skip
paddings = st.tuples(*[st.integers(-3, 6)] * 4)


def alike(x, seed=1):
    generator = torch.Generator().manual_seed(seed)
    y = torch.randn(x.shape, generator=generator, dtype=torch.float64).to(x.dtype)
    return y.contiguous(memory_format=torch.channels_last) if seed % 2 else y


def factors(*shape):
    return torch.rand(shape, generator=torch.Generator().manual_seed(5), dtype=torch.float64) + 0.5


def same(result, expected, dtype, slack=1.0):
    assert result.shape == expected.shape
    bound = TOLERANCE[dtype] * slack * max(1.0, float(expected.abs().max() if expected.numel() else 0))
    assert float((result.double() - expected).abs().max() if expected.numel() else 0) <= bound


def exactly(dtype):
    return torch.float64 if dtype == torch.float64 else torch.float32


def check_epilogue(kernels, x, activation, scaled, noisy, biased):
    """`noisy`: 0 for no noise, 1 for one image's for all, 2 for one each."""
    n, c, h, w = x.shape
    scale = factors(n, c) if scaled else None
    noise = [None, factors(1, 1, h, w), factors(n, 1, h, w)][noisy]
    strength = torch.tensor(0.3, dtype=torch.float64) if noisy else None
    bias = factors(c) - 1 if biased else None
    y = kernels.epilogue(x, scale, noise, strength, bias, *activation)
    assert y.dtype == x.dtype
    same(y, reference.epilogue(x.double(), scale, noise, strength, bias, *activation), x.dtype)
    own = dense(x).clone()
    assert kernels.epilogue(own, scale, noise, strength, bias, *activation, True) is own
    assert torch.equal(own, y)
    grad = alike(x)
    same(
        kernels.epilogue_grad(grad, y, *activation),
        reference.epilogue_grad(grad.double(), y.double(), *activation),
        x.dtype,
    )
    x_grad, sums = kernels.epilogue_backward(grad, y, scale, noise, *activation)
    expected, expected_sums = reference.epilogue_backward(
        grad.double(), y.double(), scale, noise, *activation
    )
    same(x_grad, expected, x.dtype)
    same(sums, expected_sums, exactly(x.dtype), slack=16)
    assert sums.dtype == exactly(x.dtype)


def check_scaling(kernels, x):
    scale, other = factors(*x.shape[:2]) - 1, alike(x, seed=2)
    same(kernels.scale_channels(x, scale), reference.scale_channels(x.double(), scale), x.dtype)
    expected = reference.channel_dot(x.double(), other.double())
    dot = kernels.channel_dot(x, other)
    same(dot, expected, exactly(x.dtype), slack=64)
    scaled, dot = kernels.scale_backward(x, other, scale)
    same(scaled, reference.scale_channels(x.double(), scale), x.dtype)
    same(dot, expected, exactly(x.dtype), slack=64)


def check_resampling(kernels, x, length, up, down, padding, flip):
    taps = tuple((factors(length) - 0.7).tolist())
    h, w = (e * up + a + b for e, a, b in ((x.shape[2], *padding[2:]), (x.shape[3], *padding[:2])))
    if min(h, w) < length or min(x.shape[2:]) * up < 4:
        padding = (length,) * 4
    result = kernels.upfirdn2d(x, taps, up, down, padding, flip, 1.7)
    same(result, reference.upfirdn2d(x.double(), taps, up, down, padding, flip, 1.7), x.dtype)
    if not x.is_contiguous() and x.is_contiguous(memory_format=torch.channels_last):
        assert result.is_contiguous(memory_format=torch.channels_last)


def check_sampling(kernels, x, height, width, reach):
    n, c, h, w = x.shape
    generator = torch.Generator().manual_seed(3)
    grid = (torch.rand(n, height, width, 2, generator=generator, dtype=torch.float64) * 2 - 1) * reach
    grid = grid.to(exactly(x.dtype))
    expected = reference.grid_gather(x.double(), grid.double())
    same(kernels.grid_gather(x, grid), expected, x.dtype, slack=40)
    values = alike(x.new_zeros(n, c, height, width))
    expected = reference.grid_scatter(values.double(), grid.double(), (h, w))
    same(kernels.grid_scatter(values, grid, (h, w)), expected, x.dtype, slack=40)


def check_points_outside(kernels):
    grid = torch.tensor([[[[1e30, 0.0], [0.0, -1e30], [3.0, 0.0], [math.inf, 0.0]]]])
    assert not kernels.grid_gather(torch.ones(1, 2, 5, 5), grid).any()


def check_colours(kernels, x):
    matrix = factors(x.shape[0], 3, 4) - 1
    expected = reference.colour_transform(x.double(), matrix)
    same(kernels.colour_transform(x, matrix), expected, x.dtype, slack=2)


def check_regularisers(kernels, architecture, conv_clamp):
    """R1 and path lengths through whole networks: double backward through every operation together."""
    for fused, plain in regularisers(kernels, architecture, conv_clamp):
        assert (fused - plain).abs().max() <= 1e-4 * plain.abs().max() + 1e-8


def regularisers(kernels, architecture, conv_clamp, channels=8, seed=0):
    """Gradients of both regularisers, and of their sum in all parameters: pairs of kernels' and plain."""
    shared = {"channel_base": 16 * channels, "channel_max": channels}
    shared |= {"conv_clamp": conv_clamp, "architecture": architecture}
    torch.manual_seed(seed)
    G = Generator(GeneratorConfig(16, z_dim=8, w_dim=8, num_layers=2, **shared))
    D = Discriminator(DiscriminatorConfig(16, **shared))
    for name, parameter in G.named_parameters():
        if name.endswith("noise_strength"):
            torch.nn.init.constant_(parameter, 0.5)
    ws, weights = torch.randn(4, G.num_ws, 8, requires_grad=True), torch.randn(4, 3, 16, 16)
    reals = torch.randn(4, 3, 16, 16, requires_grad=True)
    found = []
    for chosen in (kernels, None):
        with backend.using(chosen):
            pictures = G.synthesis(ws, noise_mode="const")
            (w_grad,) = torch.autograd.grad((pictures * weights).sum(), ws, create_graph=True)
            (r1,) = torch.autograd.grad(D(reals).sum(), reals, create_graph=True)
            parameters = [*G.synthesis.parameters(), *D.parameters()]
            penalty = w_grad.square().sum() + r1.square().sum()
            found.append([w_grad, r1, *torch.autograd.grad(penalty, parameters, materialize_grads=True)])
    return list(zip(*found, strict=True))


def check_infinities(kernels, act):
    """What overflowed stays infinite, or 0 where the activation says so; NaN stays NaN."""
    x = torch.tensor([-math.inf, -1.0, 0.0, math.inf, math.nan]).reshape(1, 1, 1, 5)
    for clamp in (None, 0.5):
        arguments = (None, None, None, None, act, 1.0, clamp)
        found, expected = kernels.epilogue(x, *arguments), reference.epilogue(x, *arguments)
        torch.testing.assert_close(found, expected, rtol=0, atol=0, equal_nan=True)
