"""The CUDA kernels' own source, run on the CPU, against the references; again under the address sanitizer."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from stylegan_pokemon.ops import backend
from stylegan_pokemon.ops.cuda.launches import all_instances
from tests.ops import comparisons
from tests.ops.comparisons import activations, images, paddings
from tests.ops.cuda.emulator import SANITIZED, emulated_kernels, shared_folder
from tests.training.pictures import tiny_trainer, write_dataset

DTYPES = (torch.float32, torch.float16, torch.bfloat16)
LARGEST = 19 if SANITIZED else 33
EXAMPLES = 0.3 if SANITIZED else 1
COMPILER = shutil.which(os.environ.get("CXX", "g++"))
pytestmark = pytest.mark.skipif(COMPILER is None, reason="there is no C++ compiler here")


def sanitized(folder):
    """The environment of a process under the address sanitizer; skips where the compiler has none."""
    command = [COMPILER, "-print-file-name=libasan.so"]
    runtime = subprocess.run(command, capture_output=True, text=True).stdout.strip()
    if not Path(runtime).is_absolute():
        pytest.skip("the compiler has no address sanitizer")
    options = {"LD_PRELOAD": runtime, "ASAN_OPTIONS": "detect_leaks=0"}
    return {
        **os.environ,
        **options,
        "STYLEGAN_POKEMON_EMULATION": "sanitized",
        "STYLEGAN_POKEMON_EMULATOR": str(folder),
    }


def examples(count):
    return settings(max_examples=int(count * EXAMPLES), deadline=None)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return shared_folder(tmp_path_factory)


@pytest.fixture(scope="module")
def kernels(folder):
    return emulated_kernels(folder)


@pytest.fixture(scope="module")
def backwards(folder):
    return emulated_kernels(folder, backwards=True)


@examples(60)
@given(
    x=images(DTYPES, largest=LARGEST),
    activation=activations,
    scaled=st.booleans(),
    noisy=st.sampled_from([0, 1, 2]),
    biased=st.booleans(),
)
def test_the_epilogue_and_its_gradients_equal_the_reference(kernels, x, activation, scaled, noisy, biased):
    comparisons.check_epilogue(kernels, x, activation, scaled, noisy, biased)


@examples(30)
@given(x=images(DTYPES, largest=LARGEST))
def test_factors_of_channels_and_their_sums_equal_the_reference(kernels, x):
    comparisons.check_scaling(kernels, x)


@examples(80)
@given(
    x=images(DTYPES, largest=LARGEST),
    length=st.sampled_from([4, 4, 4, 1, 2, 3, 12]),
    up=st.integers(1, 3),
    down=st.integers(1, 3),
    padding=paddings,
    flip=st.booleans(),
)
def test_resampling_equals_the_reference(kernels, x, length, up, down, padding, flip):
    comparisons.check_resampling(kernels, x, length, up, down, padding, flip)


@examples(30)
@given(
    x=images(DTYPES, largest=LARGEST),
    height=st.integers(1, 12),
    width=st.integers(1, 12),
    reach=st.floats(0.2, 3),
)
def test_sampling_and_its_adjoint_equal_the_reference(kernels, x, height, width, reach):
    comparisons.check_sampling(kernels, x, height, width, reach)


def test_a_clamp_may_be_a_whole_number_and_beyond_half_precision(kernels):
    x = torch.randn(1, 3, 4, 4) * 3
    y = kernels.epilogue(x, None, None, None, None, "linear", 1.0, 2)
    assert torch.equal(y, x.clamp(-2, 2))
    grad = kernels.epilogue_grad(x.half(), x.half(), "linear", 1.0, 1e6)
    assert torch.equal(grad, x.half())


@pytest.mark.parametrize("act", ["linear", "relu", "lrelu"])
def test_infinities_and_no_numbers_stay_what_they_are(kernels, act):
    comparisons.check_infinities(kernels, act)


def test_points_far_outside_and_no_numbers_take_zero(kernels):
    comparisons.check_points_outside(kernels)


@examples(20)
@given(x=images(DTYPES, channels=3, largest=LARGEST))
def test_colours_equal_the_reference(kernels, x):
    comparisons.check_colours(kernels, x)


@examples(20)
@given(x=images(DTYPES, largest=LARGEST), reach=st.floats(0.2, 3))
def test_results_do_not_depend_on_the_order_of_threads(kernels, backwards, x, reach):
    """Bit for bit: no thread reads what another has not written before a barrier, and sums have one order."""
    n, c, h, w = x.shape
    other = comparisons.alike(x)
    grid = (torch.rand(n, h, w, 2, generator=torch.Generator().manual_seed(1)) * 2 - 1) * reach
    taps = (0.1, 0.4, 0.3, 0.2)
    for found, again in zip(*(
        (
            *each.epilogue_backward(other, x, None, None, "lrelu", 1.4, 0.8),
            *each.scale_backward(x, other, comparisons.factors(n, c)),
            each.upfirdn2d(x, taps, 2, 1, (2, 1, 2, 1), False, 4.0),
            each.upfirdn2d(x, taps, 1, 2, (4, 4, 4, 4), False, 1.0),
            each.grid_scatter(x, grid, (h, w)),
        )
        for each in (kernels, backwards)
    ), strict=True):  # fmt: skip
        assert torch.equal(found, again)


@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_what_is_no_number_stays_so_where_values_are_scattered(kernels, value):
    values = torch.full((1, 1, 2, 2), value)
    assert kernels.grid_scatter(values, torch.zeros(1, 2, 2, 2), (4, 4)).isnan().all()


@pytest.mark.parametrize("size", [1e-30, 1e-15, 1e30])
def test_small_and_large_values_are_scattered_as_exactly_as_others(kernels, size):
    values = torch.rand(2, 3, 5, 4, generator=torch.Generator().manual_seed(0)) + 0.1
    grid = torch.rand(2, 5, 4, 2, generator=torch.Generator().manual_seed(1)) - 0.5
    result = kernels.grid_scatter(values * size, grid, (6, 6))
    expected = kernels.grid_scatter(values, grid, (6, 6)) * size
    assert torch.allclose(result, expected, rtol=1e-6, atol=0)


@pytest.mark.parametrize(("architecture", "conv_clamp"), [("skip", 0.8), ("resnet", None), ("orig", 0.8)])
def test_both_regularisers_have_the_gradients_of_the_plain_path(kernels, architecture, conv_clamp):
    comparisons.check_regularisers(kernels, architecture, conv_clamp)


def test_one_training_iteration_calls_every_kernel(kernels, tmp_path):
    """None is decoration: all four phases of an iteration, augmented, and its convolutions between them."""
    trainer = tiny_trainer(write_dataset(tmp_path / "data.zip"), batch=4, aug="fixed", p=0.8, cfg="auto")
    counts = kernels._launcher.counts
    counts.clear()
    with backend.using(kernels):
        trainer.iteration()
    assert set(trainer.phase_seconds) >= {"Gmain", "Greg", "Dmain", "Dreg"}
    called = {name.split("<")[0] for name in counts}
    assert called == {name.split("<")[0] for name in all_instances()}
    assert any("EpilogueBackward" in name for name in counts)
    assert any("ScaleAndDot" in name for name in counts)


@pytest.mark.skipif(SANITIZED, reason="this is the run under the sanitizer")
def test_no_access_is_out_of_bounds(folder):
    """All of the above in a process under the address sanitizer, which ends it at the first one that is."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", __file__]
    command += ["-k", "not regularisers"]  # which compare gradients; the iteration launches the same
    done = subprocess.run(command, env=sanitized(folder), capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]


@pytest.mark.skipif(SANITIZED, reason="this is the run under the sanitizer")
def test_the_sanitizer_sees_a_tensor_that_is_too_short(folder):
    """The test above can fail: one number too few ends the process."""
    program = (
        "import sys, torch; from tests.ops.cuda.emulator import Emulator;"
        "from stylegan_pokemon.ops.cuda.launches import Launch, Long;"
        "short = torch.zeros(1023 if sys.argv[2] == 'short' else 1024);"
        "arguments = (torch.zeros(1024), torch.zeros(1024), short, Long(1024), 1.0, 1.0, 1.0);"
        "Emulator(sys.argv[1]).launch(Launch('epilogue_grad<float,4>', (1, 1, 1), 0, arguments))"
    )
    for length, ends in (("right", False), ("short", True)):
        command = [sys.executable, "-c", program, str(folder), length]
        done = subprocess.run(command, env=sanitized(folder), capture_output=True, text=True, timeout=200)
        assert ("heap-buffer-overflow" in done.stderr) == ends == (done.returncode != 0), done.stderr[-2000:]
