"""Augmentation of premultiplied pictures: colours stay within alpha, and the invisible stays invisible."""

from __future__ import annotations

import math

import pytest
import torch

from stylegan_pokemon.augment.parameters import Transforms, compose, draw_parameters
from stylegan_pokemon.augment.pipeline import apply
from stylegan_pokemon.augment.sets import augment_set

SIDE = 32
EVERYTHING = augment_set("bgcfnc")


def sprites(n: int = 12, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    """Soft discs of noise that reach up to the borders, premultiplied, [n, 4, 32, 32] in [−1, 1]."""
    g = torch.Generator().manual_seed(0)
    y, x = torch.meshgrid(*[torch.arange(SIDE, dtype=torch.float64)] * 2, indexing="ij")
    alpha = ((13 - torch.hypot(x - 15.5, y - 15.5)) / 3).clamp(0, 1).expand(n, 1, -1, -1)
    colours = torch.rand(n, 3, SIDE, SIDE, generator=g, dtype=torch.float64) * alpha
    return (torch.cat([colours, alpha], dim=1) * 2 - 1).to(dtype)


def neutral(n: int, **values: float):
    drawn = {name: torch.full((n,), float(value), dtype=torch.float64) for name, value in values.items()}
    return compose(Transforms.neutral(n, **drawn), SIDE)


def drawn(n: int, name: str, seed: int = 0):
    return draw_parameters(augment_set(name), 1.0, n, SIDE, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", ["blit", "geom", "color", "filter", "noise", "cutout", "bgcfnc"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_colours_never_leave_alpha(name, dtype):
    result = apply(sprites(12, dtype), drawn(12, name), premultiplied=True) + 1
    colours, alpha = result[:, :3], result[:, 3:]
    assert (colours <= alpha + 1e-6).all()
    assert (colours >= alpha.clamp(max=0) - 1e-6).all()


@pytest.mark.parametrize("seed", range(4))
def test_what_is_invisible_everywhere_stays_so_bit_by_bit(seed):
    invisible = torch.full((12, 4, SIDE, SIDE), -1.0)
    assert torch.equal(apply(invisible, drawn(12, "bgcfnc", seed), premultiplied=True), invisible)


def test_geometry_moves_all_four_channels_and_fills_with_the_invisible():
    images = sprites(2)
    shift = neutral(2, xint_x=10 / SIDE)
    result = apply(images, shift, premultiplied=True)
    torch.testing.assert_close(result[..., 10:], images[..., :-10], rtol=0, atol=1e-9)
    assert (result[..., :10] + 1).abs().max() < 1e-9
    # Half an image away nothing is left of the sprite, where reflection would show it again.
    gone = apply(images, neutral(2, xfrac_x=0.95, rotate_before=0.3), premultiplied=True)
    assert (gone[..., : SIDE // 2] + 1).abs().max() < 1e-9


def test_colour_transforms_are_those_of_the_straight_colours():
    images = sprites(6)
    visible = images[:, 3:] > -1
    alpha = (images[:, 3:] + 1) / 2
    straight = torch.where(visible, (images[:, :3] + 1) / alpha.clamp(min=1e-9) - 1, 0.0)
    colours = drawn(6, "color")
    result = apply(images, colours, premultiplied=True)
    # The transform of opaque pictures, clipped to what can be shown, then multiplied by alpha.
    expected = (apply(straight, colours).clamp(-1, 1) + 1) * alpha - 1
    torch.testing.assert_close(result[:, :3], expected, rtol=0, atol=1e-9)
    assert torch.equal(result[:, 3:], images[:, 3:])


def test_an_image_without_transforms_keeps_its_bits_even_with_colours_beyond_alpha():
    images = torch.rand(24, 4, SIDE, SIDE) * 2 - 1
    parameters = draw_parameters(augment_set("bg"), 0.15, 24, SIDE, torch.Generator().manual_seed(1))
    result = apply(images, parameters, premultiplied=True)
    untouched = (parameters.geometry == torch.eye(3)).flatten(1).all(dim=1)
    assert 0 < untouched.sum() < 24
    assert torch.equal(result[untouched], images[untouched])
    assert apply(images, neutral(24), premultiplied=True) is images


def test_micro_batches_are_augmented_as_the_whole_batch():
    images, parameters = sprites(6), drawn(6, "bgcfnc")
    parts = [apply(images[i : i + 2], parameters[i : i + 2], premultiplied=True) for i in range(0, 6, 2)]
    whole = apply(images, parameters, premultiplied=True)
    torch.testing.assert_close(torch.cat(parts), whole, rtol=0, atol=1e-10)


def test_gradients_of_first_and_second_order_are_exact():
    images = sprites(2)[..., 8:24, 8:24].contiguous().requires_grad_()
    turn = {"rotate_before": 0.4, "hue": 0.5, "saturation": 0.7, "contrast": 0.8}
    drawn = {name: torch.full((2,), value, dtype=torch.float64) for name, value in turn.items()}
    parameters = compose(Transforms.neutral(2, **drawn), 16)
    augmented = lambda x: apply(x, parameters, premultiplied=True)  # noqa: E731
    assert torch.autograd.gradcheck(augmented, (images,), fast_mode=True)
    assert torch.autograd.gradgradcheck(lambda x: augmented(x).square(), (images,), fast_mode=True)


def test_alpha_keeps_its_gradient_where_colours_are_cut():
    images = torch.full((1, 4, SIDE, SIDE), -1.01, requires_grad=True)  # just below invisible
    apply(images, neutral(1, hue=math.pi / 3), premultiplied=True).sum().backward()
    assert (images.grad[:, 3] > 0).all()


def test_only_four_channels_can_be_premultiplied():
    with pytest.raises(ValueError, match="premultiplied ones 4, not 3"):
        apply(torch.zeros(2, 3, SIDE, SIDE), neutral(2), premultiplied=True)
