"""The CUDA kernels on a card: `pytest -m gpu`. Skipped elsewhere."""

import statistics
import time

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from stylegan_pokemon.ops import backend
from stylegan_pokemon.ops.bias_act import bias_act
from stylegan_pokemon.ops.cuda.cases import cases, disagreement
from stylegan_pokemon.ops.cuda.checking import kernels_of
from stylegan_pokemon.ops.cuda.trusted import trusted_kernels
from stylegan_pokemon.ops.upfirdn2d import downsample2d, upfirdn2d, upsample2d
from tests.ops import comparisons
from tests.ops.comparisons import activations, images, paddings

DTYPES = (torch.float32, torch.float16, torch.bfloat16)
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA card here"),
]


class OnTheCard:
    """Kernels of the card for tensors in the main memory, so that the CPU's comparisons serve it."""

    def __init__(self, kernels):
        self.kernels = kernels

    def __getattr__(self, name):
        if name.startswith("_"):  # hypothesis asks for what prints it
            raise AttributeError(name)

        def call(*arguments):
            there = [moved(a) if isinstance(a, torch.Tensor) else a for a in arguments]
            result = getattr(self.kernels, name)(*there)
            if result is there[0]:  # in place
                return arguments[0].copy_(result)
            return tuple(one.cpu() for one in result) if isinstance(result, tuple) else result.cpu()

        return call


def moved(x):
    """On the card with the same strides, which decide on the kernel; `cuda()` closes gaps."""
    return torch.empty_strided(x.shape, x.stride(), dtype=x.dtype, device="cuda").copy_(x)


@pytest.fixture(scope="module")
def kernels():
    return OnTheCard(kernels_of(0))


@pytest.mark.parametrize("case", cases(), ids=str)
def test_every_operation_agrees_with_plain_pytorch(case):
    assert disagreement(kernels_of(0), *case, torch.device("cuda:0")) is None


def test_all_operations_are_trusted_and_none_is_left_out(capsys):
    assert trusted_kernels(0) is not None
    assert "instead of a fused operation" not in capsys.readouterr().err
    assert backend.kernels_for(torch.zeros(1, 1, 2, 2, device="cuda")) is trusted_kernels(0)


@settings(max_examples=150, deadline=None)
@given(
    x=images(DTYPES),
    activation=activations,
    scaled=st.booleans(),
    noisy=st.sampled_from([0, 1, 2]),
    biased=st.booleans(),
)
def test_the_epilogue_and_its_gradients_equal_the_reference(kernels, x, activation, scaled, noisy, biased):
    comparisons.check_epilogue(kernels, x, activation, scaled, noisy, biased)


@settings(max_examples=80, deadline=None)
@given(x=images(DTYPES))
def test_factors_of_channels_and_their_sums_equal_the_reference(kernels, x):
    comparisons.check_scaling(kernels, x)


@settings(max_examples=150, deadline=None)
@given(
    x=images(DTYPES),
    length=st.sampled_from([4, 4, 4, 1, 2, 3, 12]),
    up=st.integers(1, 3),
    down=st.integers(1, 3),
    padding=paddings,
    flip=st.booleans(),
)
def test_resampling_equals_the_reference(kernels, x, length, up, down, padding, flip):
    comparisons.check_resampling(kernels, x, length, up, down, padding, flip)


@settings(max_examples=60, deadline=None)
@given(
    x=images(DTYPES),
    height=st.integers(1, 12),
    width=st.integers(1, 12),
    reach=st.floats(0.2, 3),
)
def test_sampling_and_its_adjoint_equal_the_reference(kernels, x, height, width, reach):
    comparisons.check_sampling(kernels, x, height, width, reach)


def test_scattering_and_sums_repeat_bit_for_bit():
    served = kernels_of(0)
    x = torch.randn(4, 3, 64, 64, device="cuda")
    grid = torch.rand(4, 64, 64, 2, device="cuda") - 0.5
    features = torch.randn(4, 64, 32, 32, device="cuda").contiguous(memory_format=torch.channels_last)
    once = (served.grid_scatter(x, grid, (32, 32)), served.channel_dot(features, features))
    for _ in range(5):
        again = (served.grid_scatter(x, grid, (32, 32)), served.channel_dot(features, features))
        assert all(torch.equal(a, b) for a, b in zip(once, again, strict=True))


def median_seconds(work):
    seconds = []
    for _ in range(20):
        started = time.perf_counter()
        work()
        torch.cuda.synchronize()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds[1:])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_fused_passes_are_no_slower_than_plain_pytorch(dtype):
    """Medians of one run on the card. In fp32 an H100 reached 0.64 of the speed of a copy."""
    taps, (n, c, r) = (0.125, 0.375, 0.375, 0.125), (16, 64, 256)  # 268 MB: not a matter of queueing
    x, half = (
        torch.randn(n, c, side, side, device="cuda").to(dtype).contiguous(memory_format=torch.channels_last)
        for side in (r, r // 2)
    )
    scale, bias, strength = (torch.rand(size, device="cuda").requires_grad_() for size in ((n, c), (c,), ()))
    noise = torch.randn(n, 1, r, r, device="cuda")
    factors = {"scale": scale, "noise": noise, "strength": strength}
    operations = {
        "layer": (lambda x: bias_act(x, bias, "lrelu", 1.0, 256.0, **factors), x.requires_grad_()),
        "low_pass": (lambda x: upfirdn2d(x, taps, padding=(2, 1, 2, 1)), x),
        "upsample": (lambda x: upsample2d(x, taps), half.requires_grad_()),
        "downsample": (lambda x: downsample2d(x, taps), x),
    }

    def forward_and_backward(function, images):
        y = function(images)
        grad = torch.randn_like(y)
        with torch.no_grad():
            forward = median_seconds(lambda: function(images))
        return forward, median_seconds(lambda: torch.autograd.grad(y, images, grad, retain_graph=True))

    for name, operation in operations.items():
        fused = forward_and_backward(*operation)
        with backend.using(None):
            plain = forward_and_backward(*operation)
        assert sum(fused) <= 1.1 * sum(plain), name
        if name == "layer":
            copied = x.detach()
            assert fused[0] <= median_seconds(copied.clone) / 0.7
