"""Bilinear sampling: right against SciPy and against PyTorch, and differentiable more than once."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.ndimage
import torch
import torch.nn.functional as F

from stylegan_pokemon.ops.grid_sample import grid_sample, grid_sample_reference


def random_case(n=2, channels=3, height=5, width=7, points=(4, 6), reach=1.6, seed=0):
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(n, channels, height, width, generator=g, dtype=torch.float64)
    grid = (torch.rand(n, *points, 2, generator=g, dtype=torch.float64) * 2 - 1) * reach
    return x, grid


@pytest.mark.parametrize("sample", [grid_sample, grid_sample_reference])
def test_it_interpolates_linearly_and_takes_zero_outside_as_scipy_does(sample):
    x, grid = random_case()
    result = sample(x, grid).numpy()
    column = ((grid[..., 0].numpy() + 1) * x.shape[3] - 1) / 2
    row = ((grid[..., 1].numpy() + 1) * x.shape[2] - 1) / 2
    for i in range(x.shape[0]):
        for c in range(x.shape[1]):
            expected = scipy.ndimage.map_coordinates(
                np.pad(x[i, c].numpy(), 8), [row[i] + 8, column[i] + 8], order=1, mode="constant"
            )
            np.testing.assert_allclose(result[i, c], expected, atol=1e-12)


@pytest.mark.parametrize("sample", [grid_sample, grid_sample_reference])
@pytest.mark.parametrize("shape", [(2, 1, 3, 4), (1, 3, 4, 2)])
def test_first_and_second_derivatives_are_right(sample, shape):
    n, channels, height, width = shape
    x, grid = random_case(n, channels, height, width, points=(3, 2))
    x.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: sample(x, grid), (x,))
    # The operation is linear: a square makes its second derivative differ from zero.
    assert torch.autograd.gradgradcheck(lambda x: sample(x, grid).square(), (x,))


def test_third_derivatives_are_right():
    x, grid = random_case(1, 1, 3, 3, points=(2, 2))
    x.requires_grad_()

    def gradient_through_the_cube(x):
        return torch.autograd.grad(grid_sample(x, grid).pow(3).sum(), x, create_graph=True)[0]

    assert torch.autograd.gradgradcheck(gradient_through_the_cube, (x,))


def test_no_gradient_flows_into_the_grid():
    x, grid = random_case()
    x.requires_grad_()
    grid.requires_grad_()
    grid_sample(x, grid).sum().backward()
    assert x.grad is not None
    assert grid.grad is None


def test_gradient_is_that_of_pytorch_in_float32_and_any_memory_format():
    x, grid = random_case(3, 3, 16, 12, points=(9, 9))
    x, grid = x.float(), grid.float()
    weight = torch.randn(3, 3, 9, 9, generator=torch.Generator().manual_seed(1))
    expected_input = x.clone().requires_grad_()
    expected = F.grid_sample(expected_input, grid, padding_mode="zeros", align_corners=False)
    (expected_grad,) = torch.autograd.grad((expected * weight).sum(), expected_input)
    for memory_format in (torch.contiguous_format, torch.channels_last):
        ours_input = x.contiguous(memory_format=memory_format).requires_grad_()
        ours = grid_sample(ours_input, grid)
        (grad,) = torch.autograd.grad((ours * weight).sum(), ours_input)
        torch.testing.assert_close(ours, expected)
        torch.testing.assert_close(grad, expected_grad)


def test_second_order_works_where_the_framework_s_own_operator_gives_up():
    x, grid = random_case()
    x.requires_grad_()
    weight = torch.ones(2, 3, 4, 6, dtype=torch.float64, requires_grad=True)
    (grad,) = torch.autograd.grad((grid_sample(x, grid) * weight).sum(), x, create_graph=True)
    (by_weight,) = torch.autograd.grad(grad.square().sum(), weight)
    (reference,) = torch.autograd.grad((grid_sample_reference(x, grid) * weight).sum(), x, create_graph=True)
    (expected,) = torch.autograd.grad(reference.square().sum(), weight)
    torch.testing.assert_close(by_weight, expected)
    assert by_weight.abs().max() > 0
