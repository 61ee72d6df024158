"""From a picture to the latent that draws it: optimisation in W from several starts, then in W+.

In W, whitened, all layers share one vector, as in everything that the network was trained on; in W+ each
layer has its own, which draws more but is edited worse (R. Abdal et al., "Image2StyleGAN", 2019).
Noise inputs stay as the network stores them, so that the latent alone draws the picture.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F

from stylegan_pokemon.checkpoint.networks import AnyGenerator
from stylegan_pokemon.networks.discriminator import Discriminator
from stylegan_pokemon.render.images import micro_batch
from stylegan_pokemon.render.whitening import Whitened

_COARSEST = 8  # pixels of the pyramid's last level
_THUMB = 32  # pixels a side at which the nearest samples are looked for
_RATE = 0.1  # of Adam, in standard deviations of w
_DIFFERENCE = 0.01  # of the derivatives, in the same
_DAMPING = tuple(10.0**k for k in range(-1, 6))  # times the damping so far
_AFFORDABLE = {"cpu": 2**21, "cuda": 2**25}  # w_dim · pixels of a picture, up to which rounds are worth it
_PULL = 1e-4  # towards the mean, per squared standard deviation
_PULL_TOGETHER = 1e-3  # of the layers' own vectors towards their common one, in W+
_FEATURES = 0.1  # weight of the discriminator's features beside pixels
_RISE, _FALL = 0.05, 0.4  # shares of the steps in which the rate rises from 0 and falls back to it


@dataclass(frozen=True)
class Recipe:
    """How much work a projection does.

    starts: samples nearest to the picture from which W is searched, each for a quarter of the steps. steps:
    of the best of them, half in W and, with `plus`, half in W+. rounds: of Gauss-Newton between these. In W
    pixels count alone, in W+ features do too. 0 steps and rounds return the nearest sample.
    """

    steps: int = 400
    starts: int = 4
    plus: bool = True
    rounds: int = 5

    @property
    def calls(self) -> int:
        """How often `project` calls `step`."""
        return self.steps // 4 + self.steps // 2 + self.rounds + (self.steps - self.steps // 2) * self.plus


@dataclass(frozen=True)
class Projection:
    """A latent found for a picture.

    w: [1, w_dim], the best in W. ws: [num_ws, w_dim], the best in W+, or w for every layer. label: the class
    of the start. distance_w, distance: what `Likeness` says of the pictures of w and ws.
    """

    w: torch.Tensor
    ws: torch.Tensor
    label: int
    distance_w: float
    distance: float


class Likeness:
    """How unlike pictures are to a target: pixels on a pyramid, and features of a discriminator.

    Args:
        target: [1, C, R, R] in [−1, 1].
        D: a discriminator of the same pictures, or None for pixels alone.
    """

    def __init__(self, target: torch.Tensor, D: Discriminator | None = None) -> None:
        self.target, self._D = target, D
        self._levels = pyramid(target)
        with torch.no_grad():
            self._features = None if D is None else D.trunk(target)[0]

    def pixels(self, images: torch.Tensor) -> torch.Tensor:
        """Mean squared differences [N] of images [N, C, R, R] from the target, over the levels."""
        return self.residuals(images).square().sum(dim=1)

    def residuals(self, images: torch.Tensor) -> torch.Tensor:
        """Differences [N, M] from the target whose squares add up to `pixels`."""
        pairs = list(zip(pyramid(self._seen(images)), self._levels, strict=True))
        return torch.cat([(a - b).flatten(1) / math.sqrt(b.numel() * len(pairs)) for a, b in pairs], dim=1)

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """Distances [N] of images [N, C, R, R]: 0 for the target itself; differentiable."""
        distance = self.pixels(images)
        if self._D is None:
            return distance
        assert self._features is not None
        apart = (self._D.trunk(self._seen(images))[0] - self._features).square().flatten(1).mean(dim=1)
        return distance + _FEATURES * apart / self._features.square().mean()

    def _seen(self, images: torch.Tensor) -> torch.Tensor:
        """Images without what nobody sees: values beyond −1 and 1 where the target reaches these."""
        hidden = (self.target.abs() >= 1) & (images * self.target >= 1)
        return torch.where(hidden, self.target, images)


class Space(Whitened):
    """The whitened W of a generator, with samples to start from.

    Args:
        G, labels: as for `Whitened`.
        count: samples, by default 512 at 64 × 64 and fewer for larger pictures; 4096 at most.
        progress: wraps the batches of samples, for a progress bar.
    """

    def __init__(
        self,
        G: AnyGenerator,
        labels: Sequence[int],
        device: torch.device,
        count: int | None = None,
        progress: Callable[[Any], Any] = iter,
    ) -> None:
        super().__init__(G, labels, device)
        count = count or max(64, min(512, 512 * 64 // G.img_resolution))
        self.samples, self.labels = self.ws[:count], self.labels[:count]
        with torch.no_grad():
            parts = progress(self.samples.split(micro_batch(G.img_resolution)))
            self.thumbs = torch.cat([_thumb(self.draw(part)) for part in parts])

    def draw(self, ws: torch.Tensor) -> torch.Tensor:
        """Pictures [N, C, R, R] of w [N, w_dim] or ws [N, num_ws, w_dim]; differentiable."""
        if ws.ndim == 2:
            ws = ws[:, None].expand(-1, self.G.num_ws, -1)
        return self.G.synthesis(ws, noise_mode="const")

    def affords_rounds(self) -> bool:
        """Whether rounds of Gauss-Newton take seconds; each draws as many pictures as w has numbers."""
        return self.G.w_dim * self.G.img_resolution**2 <= _AFFORDABLE.get(self.device.type, 0)

    def nearest(self, target: torch.Tensor, count: int) -> list[int]:
        """The samples whose pictures are nearest to the target [1, C, R, R] at 32 × 32, nearest first."""
        apart = (self.thumbs - _thumb(target)).square().flatten(1).mean(dim=1)
        return apart.argsort(stable=True)[:count].tolist()


def project(
    space: Space,
    likeness: Likeness,
    recipe: Recipe,
    step: Callable[[torch.Tensor], object] = lambda _: None,
) -> Projection:
    """Find the latent that draws the target of `likeness`.

    step: called after every step, with the ws [num_ws, w_dim] that are best at present.
    """
    found = space.nearest(likeness.target, recipe.starts)
    x = space.whiten(space.samples[found])

    def in_w(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return space.colour(x)[:, None].expand(-1, space.G.num_ws, -1), _PULL * x.square().mean(dim=1)

    quarter, half = recipe.steps // 4, recipe.steps // 2
    x, distances = _descend(space, likeness.pixels, x, in_w, quarter, step)
    best = int(distances.argmin())
    x, _ = _descend(space, likeness.pixels, x[best : best + 1], in_w, half, step)
    x = _gauss_newton(space, likeness, x, recipe.rounds, step)
    w, common = space.colour(x), x[0]
    with torch.no_grad():
        distance_w = float(likeness(space.draw(w)))
    ws, label = w.expand(space.G.num_ws, -1), space.labels[found[best]]
    if not recipe.plus:
        return Projection(w, ws, label, distance_w, distance_w)

    def in_w_plus(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        apart = (x - common).square().mean(dim=(1, 2))
        return space.colour(x), _PULL_TOGETHER * apart + _PULL * x.square().mean(dim=(1, 2))

    own = common.expand(1, space.G.num_ws, -1).clone()
    own, distances = _descend(space, likeness, own, in_w_plus, recipe.steps - half, step)
    return Projection(w, space.colour(own)[0], label, distance_w, float(distances[0]))


def _descend(
    space: Space,
    distance_of: Callable[[torch.Tensor], torch.Tensor],
    x: torch.Tensor,
    latents: Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]],
    steps: int,
    step: Callable[[torch.Tensor], object],
) -> tuple[torch.Tensor, torch.Tensor]:
    """Adam on x [N, …]; returns the x that were best on the way, and their distances [N].

    latents: ws [N, num_ws, w_dim] and penalties [N] of x.
    """
    x = x.detach().clone().requires_grad_()
    optimiser = torch.optim.Adam([x], betas=(0.9, 0.99))
    best, least = x.detach().clone(), torch.full((len(x),), math.inf, device=x.device)
    for i in range(steps + 1):
        ws, penalty = latents(x)
        distance = distance_of(space.draw(ws))
        better = distance.detach() < least
        least = torch.where(better, distance.detach(), least)
        best[better] = x.detach()[better]
        if i == steps:
            break
        for group in optimiser.param_groups:
            group["lr"] = _RATE * _pace(i / steps)
        (gradient,) = torch.autograd.grad((distance + penalty).sum(), x)
        x.grad = gradient
        optimiser.step()
        step(latents(best[least.argmin()][None])[0][0].detach())
    return best, least


@torch.no_grad()
def _gauss_newton(
    space: Space,
    likeness: Likeness,
    x: torch.Tensor,
    rounds: int,
    step: Callable[[torch.Tensor], object],
) -> torch.Tensor:
    """Least squares on x [1, w_dim] by K. Levenberg and D. Marquardt; returns the x with the least error.

    W has few dimensions, so a derivative by each of them is affordable, and near the picture this converges
    where Adam crawls. The pull towards the mean counts as in W.
    """
    pull, damping = _PULL / x.shape[1], 0.01
    eye = torch.eye(x.shape[1], device=x.device)

    def residuals(x: torch.Tensor) -> torch.Tensor:
        parts = x.split(micro_batch(space.G.img_resolution))
        return torch.cat([likeness.residuals(space.draw(space.colour(part))) for part in parts])

    def errors(x: torch.Tensor) -> torch.Tensor:
        return residuals(x).square().sum(dim=1) + pull * x.square().sum(dim=1)

    least = float(errors(x))
    for _ in range(rounds):
        here = residuals(x)
        slopes = ((residuals(x + _DIFFERENCE * eye) - here) / _DIFFERENCE).cpu().double()  # [w_dim, M]
        curvature = slopes @ slopes.T + pull * eye.cpu()
        gradient = slopes @ here[0].cpu().double() + pull * x[0].cpu()
        scale = curvature.diagonal().mean() * eye.cpu()
        dampings = [damping * factor for factor in _DAMPING]
        moves = [torch.linalg.solve(curvature + d * scale, gradient) for d in dampings]
        tried = x - torch.stack(moves).to(x)
        found = errors(tried)
        best = int(found.argmin())
        if float(found[best]) < least:
            x, least, damping = tried[best : best + 1], float(found[best]), dampings[best]
        step(space.colour(x).expand(space.G.num_ws, -1))
    return x


def _pace(t: float) -> float:
    """The share of the learning rate at t, 0 to 1, of the steps."""
    fall = min(1.0, (1 - t) / _FALL)
    return min(1.0, (t + 0.01) / _RISE) * (0.5 - 0.5 * math.cos(math.pi * fall))


def pyramid(images: torch.Tensor) -> list[torch.Tensor]:
    """Images [N, C, R, R] and their averages over 2 × 2 pixels, again and again, down to 8 × 8."""
    levels = [images]
    while levels[-1].shape[-1] > _COARSEST:
        levels.append(F.avg_pool2d(levels[-1], 2))
    return levels


def psnr(images: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Peak signal-to-noise ratio [N] in dB between pictures in [−1, 1], whose values beyond are cut off."""
    error = ((images.clamp(-1, 1) - target) / 2).square().flatten(1).mean(dim=1)
    return -10 * error.clamp_min(1e-10).log10()


def _thumb(images: torch.Tensor) -> torch.Tensor:
    return F.adaptive_avg_pool2d(images, min(_THUMB, images.shape[-1]))
