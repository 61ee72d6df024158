"""Activations lie as the device likes it, from end to end, with the same results and gradients."""

import pytest
import torch

from stylegan_pokemon.networks import discriminator, synthesis
from stylegan_pokemon.networks.config import DiscriminatorConfig, GeneratorConfig
from stylegan_pokemon.networks.discriminator import Discriminator
from stylegan_pokemon.networks.generator import Generator
from stylegan_pokemon.networks.layers import memory_format
from stylegan_pokemon.ops import backend, conv2d
from stylegan_pokemon.ops.cpu.winograd import Winograd

CUDA, CPU = torch.device("cuda"), torch.device("cpu")


def test_pixels_on_the_cpu_and_in_half_precision_planes_in_float32_on_a_card():
    assert memory_format(CPU, torch.float32) == torch.channels_last
    assert memory_format(CPU, torch.bfloat16) == torch.channels_last
    assert memory_format(CUDA, torch.float16) == torch.channels_last
    assert memory_format(CUDA, torch.bfloat16) == torch.channels_last
    assert memory_format(CUDA, torch.float32) == torch.contiguous_format


@pytest.mark.parametrize("kernels", ["fused", "plain"])
@pytest.mark.parametrize("architecture", ["skip", "resnet", "orig"])
def test_no_convolution_gets_another_layout(monkeypatch, architecture, kernels):
    shared = {"channel_base": 256, "channel_max": 16, "architecture": architecture}
    torch.manual_seed(0)
    G, D = (
        Generator(GeneratorConfig(32, w_dim=16, **shared)),
        Discriminator(DiscriminatorConfig(32, **shared)),
    )
    ws = torch.randn(4, G.num_ws, 16)
    found = []
    for layout in (torch.channels_last, torch.contiguous_format):
        for module in (synthesis, discriminator):
            monkeypatch.setattr(module, "memory_format", lambda *_, layout=layout: layout)
        seen = []

        def keep(*arguments, whole, seen=seen, **named):
            seen.append(next(a for a in arguments if isinstance(a, torch.Tensor)))
            return whole(*arguments, **named)

        with monkeypatch.context() as patch:
            for name in ("conv2d", "conv_transpose2d"):
                whole = getattr(conv2d.F, name)
                patch.setattr(conv2d.F, name, lambda *a, whole=whole, **n: keep(*a, whole=whole, **n))
            whole = Winograd.conv3x3  # with narrow vectors it serves these channels
            patch.setattr(Winograd, "conv3x3", lambda *a, whole=whole, **n: keep(*a, whole=whole, **n))
            with torch.no_grad(), backend.using(None) if kernels == "plain" else torch.no_grad():
                pictures = G.synthesis(ws, noise_mode="const")
                features = [x for x in seen if x.shape[1] > 3 and x.shape[2] > 1]
                D(pictures)
        assert len(features) >= 7
        wide = [x for x in seen if x.shape[1] > 3 and x.shape[2] > 1]
        assert len(wide) > len(features)
        assert all(x.is_contiguous(memory_format=layout) for x in wide)
        real = pictures.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(D(real).sum(), real, create_graph=True)
        gradient.square().sum().backward()
        found.append(
            [pictures, gradient.detach(), *(p.grad.clone() for p in D.parameters() if p.grad is not None)]
        )
        D.zero_grad(set_to_none=True)
    for one, other in zip(*found, strict=True):
        assert (one - other).abs().max() <= 1e-4 * one.abs().max() + 1e-7
