"""Launches within every card's limits, over all shapes of training from 32×32 to 1024×1024."""

from collections import defaultdict

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from stylegan_pokemon.augment.parameters import draw_parameters
from stylegan_pokemon.augment.pipeline import apply
from stylegan_pokemon.augment.sets import augment_set
from stylegan_pokemon.networks import discriminator, synthesis
from stylegan_pokemon.networks.config import DiscriminatorConfig, GeneratorConfig
from stylegan_pokemon.networks.discriminator import Discriminator
from stylegan_pokemon.networks.generator import Generator
from stylegan_pokemon.ops import backend
from stylegan_pokemon.ops.cuda import launches
from stylegan_pokemon.ops.cuda.kernels import CudaKernels
from stylegan_pokemon.ops.cuda.launches import MAX_GRID, MAX_SHARED, THREADS, all_instances
from stylegan_pokemon.training.systems import losses

CHANNELS = {
    32: (1024, 64),
    64: (4096, 128),
    128: (8192, 256),
    256: (16384, 512),
    512: (32768, 512),
    1024: (32768, 512),
}


class Kept:
    """A launcher that keeps launches, with the shapes of their arguments in place of these."""

    device_type = "cpu"

    def __init__(self):
        self.launches = []

    def launch(self, launch):
        shapes = tuple(a.shape if isinstance(a, torch.Tensor) else a for a in launch.arguments)
        self.launches.append((launch.kernel, launch.grid, launch.shared, shapes))


def launches_of(resolution, batch):
    """Of all four phases, on paper: fake tensors have shapes and no values."""
    base, widest = CHANNELS[resolution]
    kept = Kept()
    with FakeTensorMode(), backend.using(CudaKernels(kept)):
        G = Generator(GeneratorConfig(resolution, channel_base=base, channel_max=widest))
        D = Discriminator(DiscriminatorConfig(resolution, channel_base=base, channel_max=widest))
        ws = torch.randn(batch, G.num_ws, G.w_dim, requires_grad=True)
        pictures = G.synthesis(ws)
        D(pictures).sum().backward()
        lengths = losses.path_lengths(G.synthesis(ws), ws, torch.randn_like(pictures))
        lengths.sum().backward()
        reals = torch.randn_like(pictures).requires_grad_()
        losses.r1_penalty(D(reals), reals).sum().backward()
    return kept.launches


def augmentations_of(resolution, batch):
    kept = Kept()
    parameters = draw_parameters(
        augment_set("bgcfnc"), 0.85, batch, resolution, torch.Generator().manual_seed(0)
    )
    with backend.using(CudaKernels(kept)):
        pictures = torch.zeros(batch, 3, resolution, resolution, requires_grad=True)
        torch.autograd.grad(apply(pictures, parameters).sum(), pictures)
    return kept.launches


@pytest.mark.parametrize(("resolution", "planes"), [*((r, False) for r in CHANNELS), (64, True), (512, True)])
def test_all_launches_of_training_are_within_all_limits(resolution, planes, monkeypatch):
    """In half precision by pixels, in float32 by planes: see `memory_format`."""
    if planes:
        for module in (synthesis, discriminator):
            monkeypatch.setattr(module, "memory_format", lambda *_: torch.contiguous_format)
    found = launches_of(resolution, 4) + augmentations_of(resolution, 2)
    known, names = set(all_instances()), defaultdict(int)
    for kernel, grid, shared, _ in found:
        names[kernel.split("<")[0]] += 1
        assert kernel in known
        assert not planes or "true" not in kernel
        assert all(1 <= size <= most for size, most in zip(grid, MAX_GRID, strict=True))
        assert shared <= MAX_SHARED
    assert set(names) == {name.split("<")[0] for name in known}
    assert THREADS % 32 == 0


def test_features_are_read_in_vectors():
    """Of the wide layers' passes none goes number by number, in either direction."""
    for kernel, _, _, arguments in launches_of(64, 4):
        if kernel.startswith(("epilogue<", "pass_and_sum<")):
            channels = arguments[0][1]
            assert ("float,4,true" in kernel) == (channels % 4 == 0), kernel


def test_channels_last_images_are_never_copied():
    """No launch of features is on contiguous images: activations stay channels_last from end to end."""
    contiguous = [
        (kernel, arguments[0])
        for kernel, _, _, arguments in launches_of(64, 4)
        if kernel.startswith(("epilogue<", "pass_and_sum<")) and "false" in kernel
    ]
    assert all(shape[1] <= 3 or shape[2] == 1 for _, shape in contiguous), contiguous


@pytest.mark.parametrize("channels", [1, 3, 12, 64, 512, 513])
@pytest.mark.parametrize("pixels", [1, 16, 1000, 1 << 20])
@pytest.mark.parametrize("last", [True, False])
def test_every_pixel_and_channel_is_summed_once(channels, pixels, last):
    axis = channels if last else pixels
    for width in {1, 4 if axis % 4 == 0 else 1}:
        cut = launches.summing(channels, pixels, width, last, 3)
        assert cut.chunk * (cut.chunks - 1) < pixels <= cut.chunk * cut.chunks
        assert cut.chunk % ((THREADS // cut.lanes) * (1 if last else width)) == 0
        wide = cut.lanes * width if last else 1
        assert wide * (cut.groups - 1) < channels <= wide * cut.groups
        assert cut.chunks <= 256
        assert cut.shared <= MAX_SHARED


def test_images_beyond_32_bits_and_other_types_are_left_to_plain_pytorch():
    kernels = CudaKernels(Kept())
    meta = torch.empty(1, 32, 8192, 8192, device="meta")
    assert not kernels.supports(meta)
    assert not kernels.supports(torch.zeros(2, 3))
    assert not kernels.supports(torch.zeros(1, 1, 2, 2, dtype=torch.float64))
    kernels._launcher.device_type = "meta"
    assert not kernels.supports(meta)
    assert kernels.supports(meta[:, :, :4])


def test_more_images_than_a_grid_holds_are_walked():
    kept = Kept()
    CudaKernels(kept).scale_channels(torch.zeros(70000, 2, 1, 1), torch.zeros(70000, 2))
    assert kept.launches[0][1] == (1, 65535, 1)


def test_filters_longer_than_any_tile_are_computed_in_float32():
    kept = Kept()
    x = torch.randn(1, 5, 9, 9).to(torch.bfloat16).contiguous(memory_format=torch.channels_last)
    result = CudaKernels(kept).upfirdn2d(x, (0.01,) * 64, 1, 3, (64, 64, 64, 64), False, 1.0)
    assert not kept.launches
    assert result.dtype == torch.bfloat16
    assert result.is_contiguous(memory_format=torch.channels_last)
