"""Flips, turns, scalings and translations of images, all of them in one resampling without aliasing.

The image is continued by reflection (or zeros) and doubled in size by sym6, sampled bilinearly at the
transformed positions at double density, and reduced again by the flipped sym6. An orthogonal wavelet makes
reduction undo doubling exactly, so that images with nothing to do are left alone.
Source: Karras et al. 2020 (ADA), appendix B.
"""

from __future__ import annotations

import torch

from stylegan_pokemon.augment.wavelets import SAMPLES_AFTER, SAMPLES_BEFORE, decimation, interpolation
from stylegan_pokemon.ops.grid_sample import grid_sample

_DOUBLED_PER_PIXEL = 2


def resample(images: torch.Tensor, geometry: torch.Tensor, reflect: bool = True) -> torch.Tensor:
    """Show in every image what its matrix says.

    Args:
        images: [N, C, R, R], float32 or float64.
        geometry: [N, 3, 3] float64 on the CPU; takes points of the result to points of the image, both in
            pixels from the centre.
        reflect: continue the images by reflection beyond their edges; else by zeros.

    Returns:
        The images [N, C, R, R]; differentiable any number of times with respect to `images`. What one image
        becomes does not depend, but for rounding, on the others of the batch.
    """
    identity = (geometry == torch.eye(3, dtype=geometry.dtype)).all(dim=2).all(dim=1)
    upright = (geometry[:, 0, 1] == 0) & (geometry[:, 1, 0] == 0)
    lying = (geometry[:, 0, 0] == 0) & (geometry[:, 1, 1] == 0)
    aligned = upright | lying
    result = images
    for chosen, method in ((aligned & ~identity, _resample_aligned), (~aligned, _resample_turned)):
        index = chosen.nonzero().squeeze(1)
        if len(index) == len(images):
            return method(images, geometry, reflect)
        if len(index):
            on_device = index.to(images.device)
            resampled = method(images.index_select(0, on_device), geometry[index], reflect)
            result = result.index_copy(0, on_device, resampled)
    return result


def _resample_aligned(images: torch.Tensor, geometry: torch.Tensor, reflect: bool) -> torch.Tensor:
    """Resample where rows stay rows or become columns: the whole chain is then one matrix for each axis."""
    resolution = images.shape[2]
    lying = geometry[:, 0, 0] == 0
    along_x = torch.where(lying, geometry[:, 1, 0], geometry[:, 0, 0])
    along_y = torch.where(lying, geometry[:, 0, 1], geometry[:, 1, 1])
    shift_x = torch.where(lying, geometry[:, 1, 2], geometry[:, 0, 2])
    shift_y = torch.where(lying, geometry[:, 0, 2], geometry[:, 1, 2])
    if lying.any():
        images = torch.where(lying.to(images.device)[:, None, None, None], images.mT, images)
    offset = _sample_offsets(resolution)
    columns = _axis_matrix(along_x[:, None] * offset + shift_x[:, None], images, reflect)
    rows = _axis_matrix(along_y[:, None] * offset + shift_y[:, None], images, reflect)
    return rows[:, None] @ (images @ columns.mT[:, None])


def _axis_matrix(positions: torch.Tensor, images: torch.Tensor, reflect: bool) -> torch.Tensor:
    """Return [N, R, R]: doubling, linear sampling at positions [N, S] (pixels from the centre), reduction."""
    resolution = images.shape[2]
    doubled = interpolation(resolution, images.device, images.dtype, reflect)
    row = _doubled_index(positions, resolution).clamp(0, len(doubled) - 1)
    lower = row.floor().clamp(max=len(doubled) - 2)
    fraction = (row - lower).to(images.device, images.dtype)[:, :, None]
    lower = lower.long().to(images.device)
    sampled = torch.lerp(doubled[lower], doubled[lower + 1], fraction)  # [N, S, R]
    return decimation(resolution, images.device, images.dtype) @ sampled


def _resample_turned(images: torch.Tensor, geometry: torch.Tensor, reflect: bool) -> torch.Tensor:
    """Resample under any matrix: doubling and reduction are separable, the sampling between them is not."""
    resolution = images.shape[2]
    offset = _sample_offsets(resolution)
    doubled = interpolation(resolution, images.device, images.dtype, reflect)
    # Of the doubled image only the part between the outermost positions that are read is computed.
    ends = offset[[0, -1]]
    corners = torch.cartesian_prod(ends, ends, torch.ones(1, dtype=torch.float64))
    reached = _doubled_index(corners @ geometry[:, :2].mT, resolution).flatten(0, 1)  # [N · 4, (x, y)]
    first = reached.amin(dim=0).floor().clamp(0, len(doubled) - 2).long()
    last = reached.amax(dim=0).floor().clamp(0, len(doubled) - 2).long() + 1
    columns, rows = (doubled[i : j + 1] for i, j in zip(first.tolist(), last.tolist(), strict=True))
    part = rows @ (images @ columns.T)

    # From pixels of the result to grid coordinates of that part: again one affine map for each image.
    size = last - first + 1
    linear = 2 * _DOUBLED_PER_PIXEL * geometry[:, :2, :2] / size[:, None]
    shift = (2 * (_doubled_index(geometry[:, :2, 2], resolution) - first) + 1) / size - 1
    affine = torch.cat([linear, shift[:, :, None]], dim=2).to(images.device, images.dtype)
    per_x, per_y, constant = affine[:, None, None].unbind(4)  # each [N, 1, 1, (x, y)]
    steps = offset.to(images.device, images.dtype)[:, None]
    sampled = grid_sample(part, per_x * steps + (per_y * steps[:, None] + constant))
    reduce = decimation(resolution, images.device, images.dtype)
    return reduce @ (sampled @ reduce.T)


def _sample_offsets(resolution: int) -> torch.Tensor:
    """Where the samples of one axis of the result lie, half a pixel apart, in pixels from the centre."""
    samples = torch.arange(-SAMPLES_BEFORE, 2 * (resolution - 1) + SAMPLES_AFTER + 1, dtype=torch.float64)
    return samples / 2 - (resolution - 1) / 2


def _doubled_index(positions: torch.Tensor, resolution: int) -> torch.Tensor:
    """Take pixels from the centre to (fractional) row numbers of `interpolation`."""
    first_pixel = (resolution - 1) / 2
    return 1 + _DOUBLED_PER_PIXEL * (positions + first_pixel + resolution - 1)
