"""Networks equal the reference implementation on its own golden outputs (tests/fixtures/*_golden.npz)."""

import numpy as np
import pytest
import torch

from stylegan_pokemon.checkpoint import load
from tests.conftest import FIXTURES, assert_matches

NAMES = ["uncond32", "cond32", "sg3_uncond32", "legacy32"]
"""StyleGAN2-ADA without and with labels, the StyleGAN3 code base, TensorFlow."""


def opened(name):
    return load(FIXTURES / f"{name}.pkl"), np.load(FIXTURES / f"{name}_golden.npz")


@pytest.fixture(scope="module", params=NAMES)
def case(request):
    return opened(request.param)


@pytest.fixture(scope="module", params=NAMES[:3])
def differentiated(request):
    """The cases whose golden files hold gradients; the TensorFlow one's do not."""
    return opened(request.param)


def tensors(golden, *names):
    return [torch.from_numpy(golden[name]) if golden[name].size else None for name in names]


def test_w_matches_to_1e_5(case):
    networks, golden = case
    z, c = tensors(golden, "z", "c")
    mapping = networks.G_ema.mapping
    assert_matches(mapping(z, c), golden["ws_psi1"], 1e-5)
    assert_matches(mapping(z, c, truncation_psi=0.7), golden["ws_psi07"], 1e-5)
    assert_matches(mapping(z, c, truncation_psi=0.5, truncation_cutoff=4), golden["ws_psi05_cut4"], 1e-5)


def test_images_match_to_1e_4(case):
    networks, golden = case
    z, c = tensors(golden, "z", "c")
    generator = networks.G_ema
    assert_matches(generator(z, c, truncation_psi=0.7, noise_mode="const"), golden["img_const"], 1e-4)
    assert_matches(generator(z, c, noise_mode="none"), golden["img_none"], 1e-4)


def test_logits_match_to_1e_4(case):
    networks, golden = case
    image, c = tensors(golden, "d_input", "c")
    assert_matches(networks.D(image, c), golden["d_logits"], 1e-4)


def test_r1_penalty_and_its_parameter_gradients_match_to_1e_3(differentiated):
    networks, golden = differentiated
    image, c = tensors(golden, "d_input", "c")
    discriminator = networks.D.requires_grad_(True)
    image = image.requires_grad_()
    (grad,) = torch.autograd.grad(discriminator(image, c).sum(), image, create_graph=True)
    penalty = grad.square().sum(dim=(1, 2, 3))
    assert_matches(penalty, golden["r1_penalty"], 1e-3)
    check_gradients(discriminator, penalty.mean(), golden, "r1_grad/")


def test_path_lengths_and_their_parameter_gradients_match_to_1e_3(differentiated):
    networks, golden = differentiated
    z, c, pl_y = tensors(golden, "z", "c", "pl_y")
    generator = networks.G_ema
    synthesis = generator.synthesis.requires_grad_(True)
    ws = generator.mapping(z, c).detach().requires_grad_()
    (grad,) = torch.autograd.grad((synthesis(ws, noise_mode="none") * pl_y).sum(), ws, create_graph=True)
    lengths = grad.square().sum(dim=2).mean(dim=1).sqrt()
    assert_matches(lengths, golden["pl_lengths"], 1e-3)
    check_gradients(synthesis, lengths.square().mean(), golden, "pl_grad/")


def check_gradients(module, value, golden, prefix):
    names, parameters = zip(*module.named_parameters(), strict=True)
    gradients = torch.autograd.grad(value, parameters, allow_unused=True)
    compared = 0
    for name, parameter, gradient in zip(names, parameters, gradients, strict=True):
        reference = golden[prefix + name]
        if reference.ndim == 0 and parameter.ndim != 0:
            reference = np.zeros(parameter.shape)  # a value that does not depend on this parameter
        assert_matches(torch.zeros_like(parameter) if gradient is None else gradient, reference, 1e-3)
        compared += 1
    assert compared == len([key for key in golden.files if key.startswith(prefix)])
