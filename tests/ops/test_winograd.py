"""The 3×3 convolutions of the CPU kernels against PyTorch's in float64, and what decides who convolves."""

import ctypes
import platform
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

import stylegan_pokemon.ops.cpu as cpu
from stylegan_pokemon.ops import backend
from stylegan_pokemon.ops.conv2d import (
    conv2d,
    conv2d_weight_grad,
    conv_transpose2d,
    without_weight_gradients,
)
from stylegan_pokemon.ops.cpu.build import cpu_kernels
from stylegan_pokemon.ops.cpu.winograd import Winograd
from tests.ops import comparisons

KERNELS = cpu_kernels()
OURS = None if KERNELS is None else KERNELS.convolutions
pytestmark = pytest.mark.skipif(
    OURS is None or OURS.channels == 0, reason="the CPU kernels could not be compiled here"
)
# Standard normal images and weights: sums of C·9 products. Float32 keeps 24 bits; both methods lose some.
ROUNDING = 4e-7


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def images(n, channels, h, w, seed=0):
    return drawn(n, channels, h, w, seed=seed).contiguous(memory_format=torch.channels_last)


def error(found, expected):
    return float((found.double() - expected).abs().max() / expected.abs().max())


def check(ours, n, inner, outer, h, w, layout):
    """Forward, adjoint and weight's gradient, with weights in some memory order."""
    x, grad = images(n, inner, h, w), images(n, outer, h, w, seed=1)
    weight = drawn(outer, inner, 3, 3, seed=2)
    if layout == "channels_last":
        weight = weight.contiguous(memory_format=torch.channels_last)
    elif layout == "transposed":
        weight = weight.transpose(0, 1).contiguous().transpose(0, 1)
    elif layout == "turned":
        weight = weight.flip(2, 3).transpose(2, 3)
    assert ours.serves(x, weight)
    assert ours.serves(grad, weight, transposed=True)
    y = ours.conv3x3(x, weight)
    assert y.is_contiguous(memory_format=torch.channels_last)
    assert error(y, F.conv2d(x.double(), weight.double(), padding=1)) < ROUNDING * 3
    back = ours.conv3x3(grad, weight, transposed=True)
    assert error(back, F.conv_transpose2d(grad.double(), weight.double(), padding=1)) < ROUNDING * 3
    found = ours.conv3x3_weight_grad(x, grad)
    expected = torch.nn.grad.conv2d_weight(x.double(), weight.shape, grad.double(), padding=1)
    assert found.shape == weight.shape
    assert error(found, expected) < ROUNDING * 4


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 5),
    st.integers(1, 5),
    st.integers(1, 5),
    st.integers(8, 23),
    st.integers(8, 23),
    st.sampled_from(["contiguous", "channels_last", "transposed", "turned"]),
)
def test_every_convolution_equals_the_direct_one(n, inner, outer, h, w, layout):
    check(OURS, n, inner * OURS.channels, outer * OURS.channels, h, w, layout)


def test_it_rounds_no_more_than_the_direct_method_and_weights_gradients_not_twice_as_much():
    x, weight = images(4, 128, 32, 32), drawn(128, 128, 3, 3, seed=2)
    expected = F.conv2d(x.double(), weight.double(), padding=1)
    direct = F.conv2d(x, weight, padding=1)
    assert error(OURS.conv3x3(x, weight), expected) <= error(direct, expected)
    grad = images(4, 128, 32, 32, seed=1)
    expected = torch.nn.grad.conv2d_weight(x.double(), weight.shape, grad.double(), padding=1)
    direct = torch.nn.grad.conv2d_weight(x, weight.shape, grad, padding=1)
    ours = OURS.conv3x3_weight_grad(x, grad)
    assert (ours - expected).norm() <= 2 * (direct - expected).norm()


def compiled(folder, *flags):
    library = folder / "winograd.so"
    source = Path(cpu.__file__).with_name("winograd.cpp")
    command = ["c++", "-O2", "-std=c++17", "-shared", "-fPIC", "-fopenmp", *flags, str(source)]
    subprocess.run([*command, "-o", str(library)], check=True, capture_output=True)
    return Winograd(ctypes.CDLL(str(library)))


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="flags of x86 processors")
@pytest.mark.skipif(shutil.which("c++") is None, reason="no compiler named c++")
@pytest.mark.parametrize(
    ("flags", "channels", "needed"),
    [
        (["-march=x86-64"], 8, "sse2"),
        (["-march=x86-64", "-mavx"], 16, "avx"),
        (["-march=haswell"], 16, "avx2"),
        (["-march=skylake-avx512"], 32, "avx512f"),
    ],
)
def test_every_width_of_vectors_computes_the_same(tmp_path, flags, channels, needed):
    known = Path("/proc/cpuinfo")
    if not known.exists() or needed not in known.read_text().split():
        pytest.skip(f"this processor has no {needed}")
    ours = compiled(tmp_path, *flags)
    assert ours.channels == channels
    check(ours, 3, 2 * channels, 3 * channels, 9, 14, "contiguous")


@pytest.mark.skipif(shutil.which("c++") is None, reason="no compiler named c++")
def test_without_vector_types_or_threads_pytorch_convolves(tmp_path):
    ours = compiled(tmp_path, "-fno-openmp")
    assert ours.channels == 0
    assert not ours.serves(images(1, 64, 16, 16), drawn(64, 64, 3, 3))


def test_neither_the_batch_nor_the_threads_change_a_picture():
    x, grad, weight = images(5, 64, 19, 18), images(5, 96, 19, 18, seed=1), drawn(96, 64, 3, 3, seed=2)
    before, results = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            results.append((
                OURS.conv3x3(x, weight),
                OURS.conv3x3(grad, weight, transposed=True),
                OURS.conv3x3_weight_grad(x, grad),
            ))  # fmt: skip
    finally:
        torch.set_num_threads(before)
    for others in results[1:]:
        for first, other in zip(results[0], others, strict=True):
            assert torch.equal(first, other)
    alone = images(5, 64, 19, 18)[3:4].contiguous(memory_format=torch.channels_last)
    assert torch.equal(OURS.conv3x3(alone, weight), results[0][0][3:4])


class Spy:
    """Convolutions that count who asks."""

    def __init__(self):
        self.asked = []

    def __getattr__(self, name):
        return getattr(OURS, name)

    def conv3x3(self, x, weight, transposed=False):
        self.asked.append("transposed" if transposed else "forward")
        return OURS.conv3x3(x, weight, transposed)

    def conv3x3_weight_grad(self, x, grad):
        self.asked.append("weight")
        return OURS.conv3x3_weight_grad(x, grad)


@pytest.fixture
def spy(monkeypatch):
    spy = Spy()
    monkeypatch.setattr(KERNELS, "convolutions", spy)
    return spy


def test_training_asks_it_for_every_order_of_derivative(spy):
    x, weight = images(8, 32, 16, 16).requires_grad_(), drawn(32, 32, 3, 3, seed=2).requires_grad_()
    with without_weight_gradients():
        (grad,) = torch.autograd.grad(conv2d(x, weight, padding=1).square().sum(), x, create_graph=True)
    assert spy.asked == ["forward", "transposed"]
    found = torch.autograd.grad(grad.square().sum(), (x, weight))
    assert set(spy.asked) == {"forward", "transposed", "weight"}
    with backend.using(None):
        (grad,) = torch.autograd.grad(conv2d(x, weight, padding=1).square().sum(), x, create_graph=True)
        expected = torch.autograd.grad(grad.square().sum(), (x, weight))
    for ours, plain in zip(found, expected, strict=True):
        assert (ours - plain).abs().max() <= 2e-5 * plain.abs().max()


@pytest.mark.parametrize("architecture", ["skip", "resnet"])
def test_both_regularisers_of_wide_networks_have_the_gradients_of_the_plain_path(spy, architecture):
    """In two of three networks at least: in the third rounding may tip a number over a leaky ReLU's bend."""
    agreeing = 0
    for seed in range(3):
        pairs = comparisons.regularisers(KERNELS, architecture, None, channels=32, seed=seed)
        agreeing += all((a - b).abs().max() <= 1e-4 * b.abs().max() + 1e-8 for a, b in pairs)
    assert agreeing >= 2
    assert set(spy.asked) >= {"forward", "transposed"}


@pytest.mark.parametrize(
    ("x", "weight", "stride", "padding"),
    [
        (images(8, 32, 16, 16).double(), drawn(32, 32, 3, 3).double(), 1, 1),
        (images(8, 32, 16, 16).bfloat16(), drawn(32, 32, 3, 3).bfloat16(), 1, 1),
        (drawn(8, 32, 16, 16), drawn(32, 32, 3, 3), 1, 1),  # contiguous
        (images(8, 33, 16, 16), drawn(32, 33, 3, 3), 1, 1),
        (images(8, 32, 16, 16), drawn(3, 32, 3, 3), 1, 1),
        (images(8, 32, 4, 16), drawn(32, 32, 3, 3), 1, 1),
        (images(0, 32, 16, 16), drawn(32, 32, 3, 3), 1, 1),
        (images(8, 32, 16, 16), drawn(32, 32, 1, 1), 1, 0),
        (images(8, 32, 16, 16), drawn(32, 32, 3, 3), 2, 1),
        (images(8, 32, 16, 16), drawn(32, 32, 3, 3), 1, 0),
    ],
)
def test_what_it_does_not_serve_is_pytorch_s(spy, x, weight, stride, padding):
    y = conv2d(x, weight, stride, padding)
    assert torch.equal(y, F.conv2d(x, weight, stride=stride, padding=padding))
    conv_transpose2d(y, weight, stride, padding, size=tuple(x.shape[2:]))
    conv2d_weight_grad(x, y, weight.shape[2], stride, padding)
    assert spy.asked == []


X = images(8, 64, 16, 16)


@pytest.mark.parametrize(
    ("function", "weight"),
    [
        (conv2d, drawn(32, 32, 3, 3)),
        (conv2d, drawn(32, 64, 3, 3).double()),
        (conv2d, drawn(32, 64, 3, 3).bfloat16()),
        (conv_transpose2d, drawn(32, 64, 3, 3)),
        (conv_transpose2d, drawn(64, 64, 3, 3).double()),
    ],
)
def test_a_weight_that_does_not_suit_is_pytorch_s_error(spy, function, weight):
    with pytest.raises(RuntimeError):
        function(X, weight, 1, 1)
    assert spy.asked == []


@pytest.mark.parametrize("grad", [images(4, 64, 8, 8), images(8, 64, 16, 14), images(8, 64, 16, 16).double()])
def test_a_gradient_that_does_not_suit_is_pytorch_s_error(spy, grad):
    with pytest.raises(RuntimeError):
        conv2d_weight_grad(X, grad, 3, 1, 1)
    assert spy.asked == []


def test_nothing_but_the_tensors_decides_type_and_place():
    weight = drawn(64, 64, 3, 3)
    expected = OURS.conv3x3(X, weight)
    assert not OURS.serves(X, weight.to("meta"))
    assert not OURS.serves(X, drawn(64, 64, 3, 5))
    try:
        torch.set_default_dtype(torch.float64)
        with torch.device("meta"):
            found = OURS.conv3x3(X, weight), OURS.conv3x3_weight_grad(X, X)
    finally:
        torch.set_default_dtype(torch.float32)
    assert torch.equal(found[0], expected)
    assert found[1].dtype == torch.float32


@pytest.mark.skipif(platform.system() != "Linux", reason="limits the memory of a process as Linux does")
def test_short_memory_is_an_error_that_training_recovers_from():
    program = """
import resource, torch
from stylegan_pokemon.ops.cpu.build import cpu_kernels
from stylegan_pokemon.devices import is_shortage
ours = cpu_kernels().convolutions
x = torch.randn(1, 512, 32, 32).contiguous(memory_format=torch.channels_last)
weight = torch.randn(512, 512, 3, 3)
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (12 << 20), used + (12 << 20)))
try:
    ours.conv3x3(x, weight)
except RuntimeError as error:
    assert is_shortage(error), error
    print("recovered")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "recovered", done.stderr


def test_another_thread_keeps_its_gradients_of_weights():
    weight = drawn(4, 4, 3, 3).requires_grad_()
    found = []

    def other():
        conv2d(drawn(1, 4, 6, 6), weight).sum().backward()
        found.append(weight.grad is not None)

    with without_weight_gradients():
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert found == [True]


def test_few_tiles_have_the_direct_gradient_of_the_weight(spy):
    x, grad = images(2, 32, 16, 16), images(2, 32, 16, 16, seed=1)
    conv2d_weight_grad(x, grad, 3, 1, 1)
    assert spy.asked == []
    x, grad = images(8, 32, 16, 16), images(8, 32, 16, 16, seed=1)
    conv2d_weight_grad(x, grad, 3, 1, 1)
    assert spy.asked == ["weight"]
