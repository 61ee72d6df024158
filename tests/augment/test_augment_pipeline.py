"""What the pipeline does to pixels: exact where mathematics says so, the same however a batch is split."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from stylegan_pokemon.augment.parameters import Transforms, compose, draw_parameters
from stylegan_pokemon.augment.pipeline import apply, augment
from stylegan_pokemon.augment.sets import augment_set

EVERYTHING = augment_set("bgcfnc")


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def noise_images(n=2, channels=3, resolution=16, dtype=torch.float64, seed=0):
    return torch.rand(n, channels, resolution, resolution, generator=seeded(seed), dtype=dtype) * 2 - 1


def smooth_images(n=2, channels=3, resolution=32, seed=0):
    """Random cosines of at most one period along either axis: little for a resampling to lose."""
    g = seeded(seed)
    grid = (torch.arange(resolution, dtype=torch.float64) + 0.5) / resolution
    result = torch.zeros(n, channels, resolution, resolution, dtype=torch.float64)
    for _ in range(4):
        fx, fy, phase = torch.rand(3, n, channels, 1, 1, generator=g, dtype=torch.float64)
        result += 0.2 * torch.cos(2 * math.pi * (fx * grid + fy * grid[:, None] + phase))
    return result


def with_transforms(images, **values):
    n = len(images)
    tensors = {
        key: torch.full((n,), float(value), dtype=torch.float64) if isinstance(value, (int, float)) else value
        for key, value in values.items()
    }
    return apply(images, compose(Transforms.neutral(n, **tensors), images.shape[2]))


# --- nothing to do ---


def test_at_p_0_the_images_themselves_come_back():
    images = noise_images(4)
    assert augment(images, EVERYTHING, 0.0, seeded()) is images


def test_an_image_that_draws_no_transform_keeps_its_bits_among_others_that_do():
    images = noise_images(24, dtype=torch.float32)
    parameters = draw_parameters(augment_set("bg"), 0.15, 24, 16, seeded(1))
    result = apply(images, parameters)
    untouched = (parameters.geometry == torch.eye(3)).flatten(1).all(dim=1)
    assert 0 < untouched.sum() < 24
    assert torch.equal(result[untouched], images[untouched])
    assert (result[~untouched] != images[~untouched]).flatten(1).any(dim=1).all()


# --- batches ---


@pytest.mark.parametrize("resolution", [8, 64])
def test_a_batch_looks_the_same_however_it_is_split_into_micro_batches(resolution):
    images = noise_images(6, resolution=resolution)
    parameters = draw_parameters(EVERYTHING, 0.8, 6, resolution, seeded(2))
    whole = apply(images, parameters)
    for micro in (1, 2, 4):
        parts = [apply(images[i : i + micro], parameters[i : i + micro]) for i in range(0, 6, micro)]
        torch.testing.assert_close(torch.cat(parts), whole, rtol=0, atol=1e-10)


def test_the_same_generator_state_gives_the_same_pixels():
    images = noise_images(4, dtype=torch.float32)
    first, again, other = (augment(images, EVERYTHING, 0.8, seeded(seed)) for seed in (3, 3, 4))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_channels_last_images_give_the_same_pixels_and_stay_channels_last():
    images = noise_images(5, resolution=32)
    last = images.contiguous(memory_format=torch.channels_last)
    for p in (0.0, 0.3, 1.0):
        parameters = draw_parameters(EVERYTHING, p, 5, 32, seeded(4))
        result = apply(last, parameters)
        assert result.is_contiguous(memory_format=torch.channels_last)
        torch.testing.assert_close(result, apply(images, parameters), rtol=0, atol=1e-10)


@pytest.mark.parametrize("resolution", [8, 16, 32, 64])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_every_size_and_number_of_channels_is_augmented(channels, resolution):
    images = noise_images(3, channels, resolution, dtype=torch.float32)
    result = augment(images, EVERYTHING, 1.0, seeded(5))
    assert result.shape == images.shape
    assert result.dtype == torch.float32
    assert result.isfinite().all()
    assert (result != images).flatten(1).any(dim=1).all()


def test_matrices_first_built_for_a_preview_still_serve_training():
    images = noise_images(2, resolution=24, dtype=torch.float32)
    with torch.inference_mode():
        augment(images, EVERYTHING, 1.0, seeded())
    images.requires_grad_()
    augment(images, EVERYTHING, 1.0, seeded()).sum().backward()
    assert images.grad.isfinite().all()


def test_images_that_do_not_fit_are_refused():
    parameters = draw_parameters(EVERYTHING, 0.5, 2, 16, seeded())
    with pytest.raises(ValueError, match="channels"):
        apply(noise_images(2, channels=2), parameters)
    with pytest.raises(ValueError, match="2 images of 16 pixels"):
        apply(noise_images(3), parameters)
    with pytest.raises(ValueError, match="8×8"):
        apply(noise_images(2, resolution=8), parameters)


# --- derivatives ---


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_first_and_second_derivatives_are_right(channels):
    images = noise_images(3, channels, 8).requires_grad_()
    parameters = draw_parameters(EVERYTHING, 0.8, 3, 8, seeded(6))
    assert torch.autograd.gradcheck(lambda x: apply(x, parameters), (images,), fast_mode=True)
    # The pipeline is affine: a square makes its second derivative differ from zero.
    assert torch.autograd.gradgradcheck(lambda x: apply(x, parameters).square(), (images,), fast_mode=True)


@pytest.mark.parametrize("p", [0.3, 1.0])
def test_the_gradient_is_the_adjoint_of_the_linear_part(p):
    """y = A x + b: the gradient of ⟨v, y⟩ is Aᵀ v, and ∇|Aᵀ v|²/2 with respect to v is A Aᵀ v."""
    parameters = draw_parameters(EVERYTHING, p, 5, 16, seeded(7))
    images = noise_images(5).requires_grad_()
    offset = apply(torch.zeros_like(images), parameters)
    v = noise_images(5, seed=1).requires_grad_()
    (adjoint,) = torch.autograd.grad((apply(images, parameters) * v).sum(), images, create_graph=True)
    other = noise_images(5, seed=2)
    forward = apply(other, parameters) - offset
    torch.testing.assert_close((forward * v).sum(), (other * adjoint).sum())
    (normal,) = torch.autograd.grad(adjoint.square().sum() / 2, v)
    torch.testing.assert_close(normal, apply(adjoint.detach(), parameters) - offset)


# --- geometry ---


def test_whole_pixel_shifts_move_pixels_and_reflect_at_the_border():
    images = noise_images(1, resolution=16)
    result = with_transforms(images, xint_x=2 / 16, xint_y=-1 / 16)  # right by 2, up by 1
    padded = np.pad(images.numpy(), ((0, 0), (0, 0), (1, 1), (2, 2)), mode="reflect")
    np.testing.assert_allclose(result.numpy(), padded[:, :, 2:18, 0:16], atol=1e-10)


def test_directions_are_those_that_the_names_say():
    images = smooth_images()
    inner = (slice(None), slice(None), slice(4, -4), slice(4, -4))
    for result, expected in (
        (with_transforms(images, xflip=1), images.flip(3)),
        (with_transforms(images, quarter_turns=1), images.rot90(1, (2, 3))),
        (with_transforms(images, quarter_turns=3), images.rot90(3, (2, 3))),
        (with_transforms(images, rotate_before=math.pi / 2), images.rot90(1, (2, 3))),
        (with_transforms(images, rotate_after=math.pi), images.flip(2, 3)),
    ):
        assert (images[inner] - expected[inner]).abs().max() > 0.3
        # sym6 is not quite symmetric: what it doubles lies 0.05 pixels off, and mirrored by as much.
        torch.testing.assert_close(result[inner], expected[inner], rtol=0, atol=0.02)


def test_scaling_magnifies_about_the_centre():
    offset = torch.arange(32, dtype=torch.float64) - 15.5

    def bump(width, height):
        return torch.exp(-((offset / width) ** 2) - (offset[:, None] / height) ** 2)[None, None]

    for values, expected in (
        ({"scale": 1.5}, bump(9.0, 9.0)),
        ({"aniso": 1.25}, bump(7.5, 4.8)),
        ({"scale": 1.5, "aniso": 1.25}, bump(11.25, 7.2)),
    ):
        result = with_transforms(bump(6.0, 6.0), **values)
        inner = (..., slice(4, -4), slice(4, -4))  # nearer the border reflections come in
        torch.testing.assert_close(result[inner], expected[inner], rtol=0, atol=0.01)


def test_the_anisotropic_scaling_lies_between_the_two_rotations():
    images = smooth_images()
    once = with_transforms(images, rotate_before=0.3, aniso=1.3, rotate_after=-0.8)
    steps = with_transforms(images, rotate_before=0.3)
    for values in ({"aniso": 1.3}, {"rotate_after": -0.8}):
        steps = with_transforms(steps, **values)
    inner = (slice(None), slice(None), slice(10, -10), slice(10, -10))
    torch.testing.assert_close(once[inner], steps[inner], rtol=0, atol=0.02)
    swapped = with_transforms(images, rotate_before=-0.8, aniso=1.3, rotate_after=0.3)
    assert (once[inner] - swapped[inner]).abs().max() > 0.1


@pytest.mark.parametrize("quarter_turns", [0, 1, 2, 3])
def test_the_fast_way_for_upright_images_equals_the_general_one(quarter_turns):
    images = noise_images(3, resolution=24)
    g = seeded(8)
    values = dict(
        quarter_turns=quarter_turns,
        xflip=torch.tensor([0.0, 1.0, 0.0], dtype=torch.float64),
        scale=torch.exp2(torch.randn(3, generator=g, dtype=torch.float64)),
        aniso=torch.exp2(torch.randn(3, generator=g, dtype=torch.float64)),
        xfrac_x=torch.randn(3, generator=g, dtype=torch.float64),  # as far as past the padding
        xfrac_y=torch.randn(3, generator=g, dtype=torch.float64),
    )
    upright = with_transforms(images, **values)
    turned = with_transforms(images, **values, rotate_before=1e-12)  # no rotation to speak of
    assert not torch.equal(upright, turned)
    torch.testing.assert_close(upright, turned, rtol=0, atol=1e-8)


def test_doing_nothing_the_long_way_changes_nothing():
    """Reduction undoes doubling exactly, which is why images without a transform may skip both."""
    images = noise_images(2, resolution=16)
    torch.testing.assert_close(with_transforms(images, rotate_before=1e-13), images, rtol=0, atol=1e-10)
    torch.testing.assert_close(with_transforms(images, scale=1 + 1e-13), images, rtol=0, atol=1e-10)


def test_far_outside_the_reflection_there_is_zero():
    images = noise_images(2, resolution=16) + 3
    for rotation in (0.0, 0.4):
        result = with_transforms(images, xfrac_x=9.0, rotate_after=rotation)
        assert torch.equal(result, torch.zeros_like(result))


# --- colour ---


def grey(images):
    return images.mean(dim=1, keepdim=True).expand_as(images)


def test_luma_flip_twice_is_the_identity_and_once_negates_luma_alone():
    images = noise_images()
    once = with_transforms(images, lumaflip=1)
    torch.testing.assert_close(with_transforms(once, lumaflip=1), images)
    torch.testing.assert_close(grey(once), -grey(images))
    torch.testing.assert_close(once - grey(once), images - grey(images))


def test_hue_keeps_the_grey_axis_and_all_lengths_and_turns_by_thirds_through_the_channels():
    images = noise_images()
    turned = with_transforms(images, hue=1.1)
    torch.testing.assert_close(grey(turned), grey(images))
    torch.testing.assert_close(turned.square().sum(1), images.square().sum(1))
    torch.testing.assert_close(with_transforms(grey(images), hue=1.1), grey(images))
    torch.testing.assert_close(with_transforms(images, hue=2 * math.pi / 3), images.roll(1, dims=1))


def test_saturation_multiplies_chroma_contrast_everything_and_brightness_adds():
    images = noise_images()
    expected = grey(images) + 1.7 * (images - grey(images))
    torch.testing.assert_close(with_transforms(images, saturation=1.7), expected)
    torch.testing.assert_close(with_transforms(images, contrast=1.7), images * 1.7)
    torch.testing.assert_close(with_transforms(images, brightness=0.3), images + 0.3)
    # Brightness comes first: contrast acts on what it has added.
    torch.testing.assert_close(with_transforms(images, brightness=0.3, contrast=2), (images + 0.3) * 2)


def test_grey_images_become_the_mean_of_what_their_colour_version_becomes():
    images = noise_images(4, channels=1)
    parameters = draw_parameters(augment_set("color"), 1.0, 4, 16, seeded(9))
    colored = apply(images.expand(-1, 3, -1, -1), parameters)
    torch.testing.assert_close(apply(images, parameters), colored.mean(dim=1, keepdim=True))


def test_alpha_follows_the_geometry_and_not_the_colours():
    images = noise_images(4, channels=4)
    colors = draw_parameters(augment_set("color"), 1.0, 4, 16, seeded(10))
    result = apply(images, colors)
    assert torch.equal(result[:, 3], images[:, 3])
    torch.testing.assert_close(result[:, :3], apply(images[:, :3], colors))
    everything = draw_parameters(augment_set("bgcf"), 1.0, 4, 16, seeded(10))
    geometry = draw_parameters(augment_set("bg"), 1.0, 4, 16, seeded(10))
    assert torch.equal(everything.geometry, geometry.geometry)
    shape = apply(images, geometry)
    assert not torch.allclose(shape[:, 3], images[:, 3])


# --- filter, noise, cutout ---


def band_responses(omega):
    """The four octave bands at angular frequency omega, from the transform of sym2 itself."""
    sym2 = np.array([-0.12940952255092145, 0.22414386804185735, 0.836516303737469, 0.48296291314469025])

    def low(w):
        return abs(np.sum(sym2 * np.exp(-1j * w * np.arange(4)))) ** 2 / 2

    a, b, c = low(omega), low(2 * omega), low(4 * omega)
    return np.array([a * b * c, a * b * (1 - c), a * (1 - b), 1 - a])


@pytest.mark.parametrize("resolution", [8, 32])
def test_each_band_is_amplified_by_its_gain(resolution):
    """On an axis continued by reflection, cosines that fit are eigenvectors of every symmetric filter."""
    factors = torch.tensor([[1.3, 0.4, 2.5, 0.7]], dtype=torch.float64)
    gains = compose(Transforms.neutral(1, band_factors=factors), resolution).band_gains[0].numpy()
    position = np.arange(resolution)
    for kx in range(0, resolution, 3):
        for ky in (0, 1, resolution - 1):
            wx, wy = np.pi * kx / (resolution - 1), np.pi * ky / (resolution - 1)
            wave = np.cos(wy * position)[:, None] * np.cos(wx * position)[None, :]
            images = torch.from_numpy(wave)[None, None].expand(1, 3, -1, -1)
            expected = wave * (gains @ band_responses(wx)) * (gains @ band_responses(wy))
            result = with_transforms(images, band_factors=factors)
            np.testing.assert_allclose(result[0, 1].numpy(), expected, atol=1e-9)


def test_bands_split_at_the_octaves():
    for band, omega in enumerate((np.pi / 32, 3 * np.pi / 16, 3 * np.pi / 8, 7 * np.pi / 8)):
        assert band_responses(omega).argmax() == band
        assert math.isclose(band_responses(omega).sum(), 1)


def test_equal_gains_leave_the_picture_as_it_is():
    images = noise_images(3, resolution=16)
    factors = torch.full((3, 4), 2.0, dtype=torch.float64)
    result = with_transforms(images, band_factors=factors)
    gain = compose(Transforms.neutral(3, band_factors=factors), 16).band_gains[0, 0]
    torch.testing.assert_close(result, images * gain**2)


def test_noise_has_the_deviation_that_was_drawn_and_belongs_to_its_image():
    images = torch.zeros(3, 3, 64, 64)
    sigma = torch.tensor([0.1, 0.0, 0.3], dtype=torch.float64)
    seeds = torch.tensor([5, 6, 7])
    result = with_transforms(images, noise_sigma=sigma, noise_seed=seeds)
    count = images[0].numel()
    for noise, s in zip(result, sigma.tolist(), strict=True):
        assert abs(noise.mean()) <= 5 * s / math.sqrt(count)
        assert abs(noise.std() - s) <= 5 * s / math.sqrt(2 * count)
    assert not torch.equal(result[0] * 3, result[2])
    alone = with_transforms(images[2:], noise_sigma=sigma[2:], noise_seed=seeds[2:])
    assert torch.equal(alone, result[2:])


@pytest.mark.parametrize("resolution", [8, 16, 64])
def test_cutout_erases_a_square_of_half_the_size(resolution):
    images = torch.ones(3, 3, resolution, resolution)
    boxes = torch.tensor([[0.5, 0.5, 0.5], [0.3, 0.7, 0.5], [0.01, 0.01, 0.5]], dtype=torch.float64)
    result = with_transforms(images, cutout=boxes)
    rows, columns = (result[:, 0] == 0).any(dim=2).sum(1), (result[:, 0] == 0).any(dim=1).sum(1)
    half = resolution // 2
    assert rows.tolist()[:2] == columns.tolist()[:2] == [half, half]
    assert rows[2] == columns[2] == round(0.26 * resolution)  # the rest lies outside
    for image, r, c in zip(result, rows, columns, strict=True):
        assert (image == 0).sum() == 3 * r * c
        assert set(image.unique().tolist()) == {0.0, 1.0}
    erased = (result[1, 0] == 0).nonzero().double().mean(dim=0) + 0.5
    torch.testing.assert_close(erased, torch.tensor([0.7, 0.3]).double() * resolution, rtol=0, atol=0.5)
