"""Losses equal their closed forms, and a split batch has the gradients of the whole one."""

import numpy as np
import pytest
import torch

from stylegan_pokemon.data.dataset import to_unit_range
from stylegan_pokemon.training import losses
from stylegan_pokemon.training.draws import micro_batches
from tests.training.pictures import tiny_trainer, write_dataset


def test_logistic_losses_are_minus_log_likelihoods():
    logits = torch.linspace(-4, 4, 9, dtype=torch.float64)[:, None]
    sigmoid = 1 / (1 + torch.exp(-logits))
    torch.testing.assert_close(losses.generator_loss(logits), -sigmoid.log())
    torch.testing.assert_close(losses.discriminator_real_loss(logits), -sigmoid.log())
    torch.testing.assert_close(losses.discriminator_fake_loss(logits), -(1 - sigmoid).log())


def test_r1_of_a_linear_critic_is_its_squared_weight():
    weight = torch.randn(3, 4, 4, dtype=torch.float64)
    reals = torch.randn(5, 3, 4, 4, dtype=torch.float64, requires_grad=True)
    penalty = losses.r1_penalty((reals * weight).sum(dim=(1, 2, 3)), reals)
    torch.testing.assert_close(penalty, weight.square().sum().expand(5))


def test_path_length_of_a_linear_generator_is_the_norm_of_its_jacobian_product():
    jacobian = torch.randn(6 * 8, 3 * 4 * 4, dtype=torch.float64)  # (num_ws·w_dim) × pixels
    ws = torch.randn(2, 6, 8, dtype=torch.float64, requires_grad=True)
    direction = torch.randn(2, 3, 4, 4, dtype=torch.float64)
    images = (ws.flatten(1) @ jacobian).view(2, 3, 4, 4)
    product = (direction.flatten(1) @ jacobian.T).view(2, 6, 8) / 4  # 1/√(4·4)
    expected = product.square().sum(dim=2).mean(dim=1).sqrt()
    torch.testing.assert_close(losses.path_lengths(images, ws, direction), expected)


def test_path_length_coefficients_have_the_gradient_of_the_penalty_with_its_moving_mean():
    lengths = torch.rand(7, dtype=torch.float64, requires_grad=True)
    mean = torch.tensor(0.4, dtype=torch.float64)
    moved = mean.lerp(lengths.mean(), 0.01)  # not detached: it is part of the penalty
    penalty = (lengths - moved).square().mean()
    (expected,) = torch.autograd.grad(penalty, lengths)
    coefficients, new_mean, value = losses.path_length_coefficients(lengths, mean, 0.01)
    torch.testing.assert_close(coefficients, expected)
    torch.testing.assert_close(new_mean, moved.detach())
    torch.testing.assert_close(value, penalty.detach())


def test_style_mixing_switches_latents_at_the_crossover():
    a, b = torch.zeros(3, 5, 2), torch.ones(3, 5, 2)
    mixed = losses.mix_styles(a, b, torch.tensor([1, 3, 5]))
    assert mixed[:, :, 0].tolist() == [[0, 1, 1, 1, 1], [0, 0, 0, 1, 1], [0, 0, 0, 0, 0]]


@pytest.mark.parametrize(("n", "largest"), [(16, 4), (16, 8), (8, 4), (12, 8), (8, 2), (8, 8), (6, 4)])
def test_micro_batches_cover_the_batch_once_and_keep_minibatch_std_groups(n, largest):
    parts = micro_batches(n, largest, group_size=4)
    assert sorted(torch.cat(parts).tolist()) == list(range(n))
    assert max(len(part) for part in parts) <= largest
    group = next(g for g in (4, 3, 2, 1) if n % g == 0)
    if largest < group:
        return  # smaller groups, as documented
    members = {frozenset(range(m, n, n // group)) for m in range(n // group)}
    found = set()
    for part in parts:
        own = part.reshape(group, -1)
        found |= {frozenset(own[:, m].tolist()) for m in range(own.shape[1])}
    assert found == members


@pytest.mark.parametrize(("batch_gpu", "recompute"), [(4, 0), (8, 0), (16, 8), (4, 16)])
def test_accumulated_gradients_equal_those_of_the_whole_batch(tmp_path, monkeypatch, batch_gpu, recompute):
    """Every phase, with augmentation, mixing and the path-length half defined on the whole batch.

    With recomputation too, one picture at a time.
    """
    monkeypatch.setattr("stylegan_pokemon.networks.recomputation._PIECE", 16)
    data = write_dataset(tmp_path / "data.zip")
    whole = tiny_trainer(data, batch=16, batch_gpu=16, p=0.5, aug="fixed")
    split = tiny_trainer(data, batch=16, batch_gpu=batch_gpu, p=0.5, aug="fixed")
    split.divide(batch_gpu, recompute)
    for trainer in (whole, split):
        trainer.fetch_reals()
    for one, two in zip(whole.phases, split.phases, strict=True):
        gradients = []
        for trainer, phase in ((whole, one), (split, two)):
            network = trainer.G if phase.name[0] == "G" else trainer.D
            network.requires_grad_(True)
            phase.loss(torch.Generator().manual_seed(3))
            gradients.append([p.grad for p in network.parameters()])
            network.requires_grad_(False).zero_grad(set_to_none=True)
        scale = max(g.abs().max() for g in gradients[0] if g is not None)
        for a, b in zip(*gradients, strict=True):
            assert (a is None) == (b is None)
            if a is not None:
                assert (a - b).abs().max() <= 2e-5 * scale, one.name
    torch.testing.assert_close(whole.pl_mean, split.pl_mean)


def test_pictures_become_unit_range_and_are_mirrored_where_asked():
    pictures = torch.arange(2 * 3 * 2 * 2, dtype=torch.uint8).reshape(2, 3, 2, 2) * 10
    images = to_unit_range(pictures, np.array([False, True]), torch.device("cpu"))
    torch.testing.assert_close(images[0], pictures[0].float() / 127.5 - 1)
    torch.testing.assert_close(images[1], pictures[1].flip(2).float() / 127.5 - 1)
    white = to_unit_range(
        torch.full((1, 3, 8, 8), 255, dtype=torch.uint8), np.array([False]), torch.device("cpu")
    )
    assert white.max() == white.min() == 1
