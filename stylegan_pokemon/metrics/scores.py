"""Numbers of a generator alone: inception score and perceptual path length."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from stylegan_pokemon.checkpoint.networks import AnyGenerator

IS_SPLITS = 10
PPL_EPSILON = 1e-4
_PPL_KEPT = (1, 99)  # percentiles; the tails are rare leaps between classes
_PPL_SIZE = 256  # larger pictures are averaged down to it


def inception_score(log_probabilities: torch.Tensor, splits: int = IS_SPLITS) -> tuple[float, float]:
    """Inception score and its standard deviation over splits (T. Salimans et al. 2016).

    log_probabilities: of the classes, [N, K], N at least `splits`. exp of the mean divergence of a picture's
    classes from those of its split; the splits are consecutive.
    """
    logs = log_probabilities.double()
    values = []
    for i in range(splits):
        part = logs[i * len(logs) // splits : (i + 1) * len(logs) // splits]
        p = part.exp()
        marginal = p.mean(dim=0).log()
        # A class of probability 0 adds nothing, but would be 0 · (−∞).
        divergence = torch.where(p > 0, p * (part - marginal), 0.0).sum(dim=1).mean()
        values.append(float(divergence.exp()))
    return float(np.mean(values)), float(np.std(values))


def trimmed(distances: torch.Tensor) -> torch.Tensor:
    """Distances [N] without those beyond their 1st and 99th percentile, as path lengths are averaged."""
    values = distances.double().numpy()
    low = np.percentile(values, _PPL_KEPT[0], method="lower")
    high = np.percentile(values, _PPL_KEPT[1], method="higher")
    return torch.from_numpy(values[(values >= low) & (values <= high)])


@torch.no_grad()
def path_lengths(
    G: AnyGenerator,
    embed: Callable[[torch.Tensor], torch.Tensor],
    z: torch.Tensor,
    c: torch.Tensor,
    truncation_psi: float = 1.0,
    epsilon: float = PPL_EPSILON,
) -> torch.Tensor:
    """Squared change of the embedded picture per squared step, at the ends of paths in W, [N] float64.

    (T. Karras et al. 2019, section 4.1; end points and the whole picture, as since StyleGAN2.)

    z: [N, 2, z_dim], the ends of N paths. c: [N, c_dim], the same for both ends. embed: pictures
    [N, 3, H, W] with values 0 … 255 → vectors [N, …] whose squared distance counts. Noise is constant.
    """
    w = G.mapping(torch.cat([z[:, 0], z[:, 1]]), torch.cat([c, c]), truncation_psi=truncation_psi)
    start, end = w.chunk(2)
    # A picture and its neighbour in one batch: what depends on the batch cancels.
    images = G.synthesis(torch.cat([start, torch.lerp(start, end, epsilon)]), noise_mode="const").float()
    if images.shape[-1] > _PPL_SIZE:
        images = torch.nn.functional.avg_pool2d(images, images.shape[-1] // _PPL_SIZE)
    a, b = embed(_rgb(images * 127.5 + 128)).double().flatten(1).chunk(2)
    return ((a - b).square().sum(dim=1) / epsilon**2).cpu()


def _rgb(x: torch.Tensor) -> torch.Tensor:
    """Pictures of 1, 3 or 4 channels with values 0 … 255 as [N, 3, H, W]; alpha is laid over white."""
    if x.shape[1] == 1:
        return x.repeat(1, 3, 1, 1)
    if x.shape[1] == 4:
        alpha = (x[:, 3:] / 255).clamp(0, 1)
        return x[:, :3] * alpha + 255 * (1 - alpha)
    return x
