"""Fused operations train like plain PyTorch, and bfloat16 like float32, each within what is stated here."""

import pytest
import torch

from stylegan_pokemon.ops import backend
from stylegan_pokemon.ops.cpu.build import cpu_kernels
from tests.training.pictures import tiny_trainer, write_dataset

ITERATIONS = 20  # path lengths five times, R1 twice
SHAPE = {"channel_base": 512, "channel_max": 32, "map_layers": 2, "w_dim": 32, "p": 0.3, "aug": "fixed"}
NAMES = ("loss/G", "loss/D_fake", "loss/D_real", "scores/fake", "scores/real")
ROUNDING = 2.0**-24  # of float32
KERNELS = cpu_kernels()

needs_kernels = pytest.mark.skipif(KERNELS is None, reason="the CPU kernels could not be compiled here")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_dataset(tmp_path_factory.mktemp("data") / "discs.zip")


def perturb(trainer, seed):
    """Move every weight by about one rounding."""
    source = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for network in (trainer.G, trainer.D):
            for parameter in network.parameters():
                parameter.mul_(1 + ROUNDING * torch.randn(parameter.shape, generator=source))


def trajectory(data, kernels, precision="fp32", perturbed=None):
    """Losses and logits of every iteration [ITERATIONS, 5]."""
    rows = []
    with backend.using(kernels):
        trainer = tiny_trainer(data, precision=precision, **SHAPE)
        if perturbed is not None:
            perturb(trainer, perturbed)
        for _ in range(ITERATIONS):
            trainer.iteration()
            means = trainer.statistics.means()
            rows.append([means[name] for name in NAMES])
    return torch.tensor(rows, dtype=torch.float64)


@pytest.fixture(scope="module")
def plain(data):
    return trajectory(data, None)


@needs_kernels
def test_twenty_iterations_with_kernels_are_plain_pytorchs_but_for_rounding(data, plain):
    """Adam enlarges roundings; how far, plain PyTorch shows with weights that are one rounding off."""
    rounding = torch.stack([(trajectory(data, None, perturbed=seed) - plain).abs() for seed in range(3)])
    allowed = 4 * rounding.amax(dim=(0, 2)).cummax(dim=0).values + 4 * ROUNDING  # until each iteration
    difference = (trajectory(data, KERNELS) - plain).abs().amax(dim=1)
    assert (difference <= allowed).all(), (difference / allowed).max()
    assert difference[:16].max() < 1e-6


@needs_kernels
def test_bfloat16_trains_like_float32(data, plain):
    difference = (trajectory(data, KERNELS, precision="bf16") - plain).abs()
    assert difference[0].max() < 4e-3  # one pass: three digits of logits around 0.5
    assert difference.max() < 0.1  # after twenty iterations, of losses between 0.4 and 1.2
    assert difference.max() > 1e-5  # so it is bfloat16 indeed


def gradients(trainer):
    """Of one iteration's four phases, all at the first weights: {(phase, parameter): gradient}.

    No optimiser steps: Adam's first is as long however small the gradient, so a rounding that turns a sign
    would give the next phase another weight. At these weights biases and noise are 0: what they add is
    compared in the twenty iterations above and in tests/ops.
    """
    found = {}
    trainer.opt_G.step = trainer.opt_D.step = lambda: None
    check = trainer._check_gradients

    def grab(name, parameters):
        network = trainer.G if name[0] == "G" else trainer.D
        for key, parameter in network.named_parameters():
            found[name, key] = None if parameter.grad is None else parameter.grad.clone()
        return check(name, network.parameters())

    trainer._check_gradients = grab
    trainer.iteration()
    assert {phase for phase, _ in found} == {"Gmain", "Greg", "Dmain", "Dreg"}
    return found


@needs_kernels
@pytest.mark.parametrize("mode", ["fp32", "bf16"])
def test_every_gradient_of_the_four_phases_is_plain_pytorchs(data, mode):
    """float32: 1e-5 of the largest entry; bfloat16: the direction, cosine 0.98, of each phase as a whole."""
    with backend.using(None):
        expected = gradients(tiny_trainer(data, **SHAPE))
    with backend.using(KERNELS):
        found = gradients(tiny_trainer(data, precision=mode, **SHAPE))
    assert {key for key, g in found.items() if g is None} == {key for key, g in expected.items() if g is None}
    for phase in ("Gmain", "Greg", "Dmain", "Dreg"):
        keys = [key for key in found if key[0] == phase and found[key] is not None]
        pairs = [(found[key], expected[key]) for key in keys]
        if mode == "fp32":
            for key, (ours, theirs) in zip(keys, pairs, strict=True):
                assert (ours - theirs).abs().max() <= 1e-5 * theirs.abs().max(), key
        ours, theirs = (torch.cat([pair[i].flatten() for pair in pairs]) for i in (0, 1))
        assert torch.nn.functional.cosine_similarity(ours, theirs, dim=0) > 0.98, phase
