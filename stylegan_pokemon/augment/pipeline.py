"""The adaptive discriminator augmentation pipeline: what it does to pixels.

All of it is differentiable twice with respect to the images, as R1 through the augmentation demands; the
random parameters are constants. Source: Karras et al. 2020 (ADA), appendix B.
"""

from __future__ import annotations

import torch

from stylegan_pokemon.augment.geometry import resample
from stylegan_pokemon.augment.parameters import Parameters, draw_parameters
from stylegan_pokemon.augment.sets import AugmentSet
from stylegan_pokemon.augment.wavelets import octave_bands
from stylegan_pokemon.ops.colour_transform import colour_transform


def augment(images: torch.Tensor, augset: AugmentSet, p: float, generator: torch.Generator) -> torch.Tensor:
    """Augment every image independently: `apply` with freshly drawn parameters.

    Args:
        images: [N, C, R, R] in [−1, 1]; C is 1 (grey), 3 (RGB) or 4 (RGB and straight alpha).
        augset: the transforms that take part.
        p: overall probability, 0 to 1; at 0 the images themselves are returned.
        generator: source of all randomness, on any device.
    """
    return apply(images, draw_parameters(augset, p, images.shape[0], images.shape[2], generator))


def apply(images: torch.Tensor, parameters: Parameters, premultiplied: bool = False) -> torch.Tensor:
    """Apply one set of parameters to each image.

    Colour transforms act on the first three channels of four, everything else on all channels. Transforms
    that no image of the batch undergoes cost nothing; if there are none, `images` itself is returned.

    Of premultiplied images all transforms but the geometric ones and cutout act on the first three channels
    alone, and colours that leave [0, alpha] are brought back to its ends. Invisible pixels (−1 in all
    channels) stay invisible. Cutout erases, and geometric transforms fill, with invisible pixels.

    Args:
        images: [N, C, R, R] in [−1, 1], float32 or float64, any memory format (it is kept); C is 1, 3 or 4.
        parameters: of N images of this resolution.
        premultiplied: whether the images have 4 channels with colours multiplied by alpha.

    Returns:
        [N, C, R, R], not clipped to [−1, 1]. An image without any transform is what it was.

    Raises:
        ValueError: number, size or channels of the images do not fit.
    """
    n, channels, height, width = images.shape
    if channels not in (1, 3, 4) or (premultiplied and channels != 4):
        raise ValueError(f"images to augment have 1, 3 or 4 channels, premultiplied ones 4, not {channels}")
    if (n, height, width) != (len(parameters), parameters.resolution, parameters.resolution):
        raise ValueError(
            f"the parameters are for {len(parameters)} images of {parameters.resolution} pixels square, "
            f"the images are {n} of {height}×{width}"
        )
    result = _apply_premultiplied(images, parameters) if premultiplied else _apply(images, parameters)
    if _is_channels_last(images):
        return result.contiguous(memory_format=torch.channels_last)
    return result


def _apply(images: torch.Tensor, parameters: Parameters) -> torch.Tensor:
    result = resample(images, parameters.geometry)
    if (parameters.color != torch.eye(4, dtype=torch.float64)).any():
        result = _transform_color(result, parameters.color)
    if (parameters.band_gains != 1).any():
        result = _filter_bands(result, parameters.band_gains)
    if parameters.noise_sigma.any():
        result = _add_noise(result, parameters.noise_sigma, parameters.noise_seed)
    return _cut_out(result, parameters.cutout) if parameters.cutout[:, 2].any() else result


def _apply_premultiplied(images: torch.Tensor, parameters: Parameters) -> torch.Tensor:
    changed = _changed(parameters)
    if not changed.any():
        return images
    shifted = resample(images + 1, parameters.geometry, reflect=False)  # invisible is 0
    colours, alpha = shifted[:, :3], shifted[:, 3:]
    if (parameters.color != torch.eye(4, dtype=torch.float64)).any():
        # A straight colour c in [−1, 1] becomes A c + b. What is stored, u = a (c + 1) with opacity a, thus
        # becomes A u + a (b + 1 − A·1), which is linear in u and in alpha = 2 a.
        linear, offset = parameters.color[:, :3, :3], parameters.color[:, :3, 3]
        of_alpha = (offset + 1 - linear.sum(dim=2)) / 2
        matrix = torch.cat([linear, of_alpha[:, :, None]], dim=2).to(images.device, images.dtype)
        colours = torch.einsum("nij,njhw->nihw", matrix, shifted)
    if (parameters.band_gains != 1).any():
        colours = _filter_bands(colours, parameters.band_gains)
    if parameters.noise_sigma.any():
        colours = _add_noise(colours, parameters.noise_sigma, parameters.noise_seed)
    # Alpha is not clipped, so that it always has a gradient: no region can stay invisible for want of one.
    result = torch.cat([torch.minimum(colours.clamp(min=0), alpha), alpha], dim=1)
    result = _cut_out(result, parameters.cutout) if parameters.cutout[:, 2].any() else result
    # D must see the faults of fakes; an image that nothing happens to keeps colours beyond its alpha.
    return torch.where(changed.to(images.device)[:, None, None, None], result - 1, images)


def _changed(parameters: Parameters) -> torch.Tensor:
    """Whether each image undergoes any transform, [N] bool."""
    geometry = (parameters.geometry != torch.eye(3, dtype=torch.float64)).flatten(1).any(dim=1)
    color = (parameters.color != torch.eye(4, dtype=torch.float64)).flatten(1).any(dim=1)
    bands = (parameters.band_gains != 1).any(dim=1)
    return geometry | color | bands | (parameters.noise_sigma != 0) | (parameters.cutout[:, 2] != 0)


def _transform_color(images: torch.Tensor, color: torch.Tensor) -> torch.Tensor:
    channels = images.shape[1]
    affine = color[:, :3].to(images.device, images.dtype)  # [N, 3, 4]
    if channels == 1:
        # Grey is r = g = b, and what comes out is made grey again by the mean of the rows.
        mean = affine.mean(dim=1, keepdim=True)
        return images * mean[:, :, :3].sum(dim=2)[:, :, None, None] + mean[:, :, 3:, None]
    colored = colour_transform(images[:, :3], affine)
    return colored if channels < 4 else torch.cat([colored, images[:, 3:]], dim=1)


def _filter_bands(images: torch.Tensor, gains: torch.Tensor) -> torch.Tensor:
    bands = octave_bands(images.shape[2], images.device, images.dtype)
    axis = torch.einsum("nb,bij->nij", gains.to(images.device, images.dtype), bands)[:, None]
    return axis @ (images @ axis.mT)


def _add_noise(images: torch.Tensor, sigma: torch.Tensor, seed: torch.Tensor) -> torch.Tensor:
    noise = torch.zeros(images.shape, device=images.device, dtype=images.dtype)
    for i in sigma.nonzero().squeeze(1).tolist():
        own = torch.Generator(images.device).manual_seed(int(seed[i]))
        noise[i].normal_(0, float(sigma[i]), generator=own)
    return images + noise


def _cut_out(images: torch.Tensor, cutout: torch.Tensor) -> torch.Tensor:
    resolution = images.shape[2]
    centres = (torch.arange(resolution, dtype=torch.float64) + 0.5) / resolution
    inside = (centres - cutout[:, :2, None]).abs() < cutout[:, 2:, None] / 2  # [N, (x, y), R]
    erased = inside[:, 1, :, None] & inside[:, 0, None, :]
    return images.masked_fill(erased[:, None].to(images.device), 0)


def _is_channels_last(images: torch.Tensor) -> bool:
    return images.is_contiguous(memory_format=torch.channels_last) and not images.is_contiguous()
