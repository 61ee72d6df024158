"""The losses of StyleGAN2(-ADA), each a few lines of mathematics.

Non-saturating logistic loss (Goodfellow et al. 2014) · R1 (Mescheder et al. 2018) · path-length
regularisation (Karras et al. 2019, section 3.2) · style mixing (Karras et al. 2018, section 3.1).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

from stylegan_pokemon.ops.conv2d import without_weight_gradients


def generator_loss(fake_logits: torch.Tensor) -> torch.Tensor:
    """−log σ(D(G(z))) per picture, [N, 1] → [N, 1]."""
    return F.softplus(-fake_logits)


def discriminator_fake_loss(fake_logits: torch.Tensor) -> torch.Tensor:
    """−log(1 − σ(D(G(z)))) per picture."""
    return F.softplus(fake_logits)


def discriminator_real_loss(real_logits: torch.Tensor) -> torch.Tensor:
    """−log σ(D(x)) per picture."""
    return F.softplus(-real_logits)


def class_loss(logits: torch.Tensor, labels: torch.Tensor, frequencies: torch.Tensor) -> torch.Tensor:
    """−log p(label | real picture) of a discriminator's logits with every label, [N, classes] → [N, 1].

    The optimal logit for a label is log p(x|c)/q(x|c) (Miyato and Koyama 2018). While the same is drawn
    whatever the class, as when classes are new to a generator, p(c|x) is proportional to p(c)·exp(logit), and
    real pictures can teach it directly (Odena et al. 2017). Later, when classes are drawn as they are, the
    game's own optimum is 0 and this term pulls away from it, towards drawing what is typical of a class.
    labels: [N]; frequencies: p(c), [classes], 0 for a class without pictures.
    """
    return F.cross_entropy(logits + frequencies.log(), labels, reduction="none")[:, None]


def haze(images: torch.Tensor, background: torch.Tensor, foreground: float, reach: int) -> torch.Tensor:
    """How far the background of pictures [N, C, H, W] in [−1, 1] is from clean: per picture, [N].

    A pixel's distance from the `background` colour [C] is the largest of its channels', as a share of the
    full range; with alpha it is the opacity. The creature is what is farther than `foreground`. The
    loss adds up the distances of pixels more than `reach` rows or columns away from it, and divides by H·W.
    The creature gets no gradient: it cannot grow or shrink to please.
    """
    distance = distance_from(images, background)
    return (distance.abs() * _away(distance, foreground, reach)).mean(dim=(1, 2, 3))


def layout(
    images: torch.Tensor,
    before: torch.Tensor,
    background: torch.Tensor,
    cells: int,
    foreground: float,
    reach: int,
) -> torch.Tensor:
    """How far pictures [N, C, H, W] are from those of the start, `before`, in layout: per picture, [N].

    The layout is the mean distance from the `background` colour [C] in each of `cells`×`cells` squares, as in
    `haze`: where a drawing stands and how dark it is, whatever its hue and its details. The loss is the mean
    square of the difference, plus the mean distance of what is drawn more than `reach` rows or columns away
    from the creature of the start: bits that come off. After Ojha et al. 2021, who keep relations between
    pictures of a few-shot network; that each drawing keeps its place is simpler.
    """
    distance, start = distance_from(images, background), distance_from(before, background)
    # Not adaptive pooling, which has no deterministic gradient on a card.
    moved = F.avg_pool2d(distance - start, max(distance.shape[2] // cells, 1)).square().mean(dim=(1, 2, 3))
    return moved + (distance.abs() * _away(start, foreground, reach)).mean(dim=(1, 2, 3))


def _away(distance: torch.Tensor, foreground: float, reach: int) -> torch.Tensor:
    """1 more than `reach` rows or columns away from what is farther than `foreground`, else 0."""
    creature = (distance.detach() > foreground).to(torch.float32)
    return 1 - F.max_pool2d(creature, 2 * reach + 1, stride=1, padding=reach)


def distance_from(images: torch.Tensor, background: torch.Tensor) -> torch.Tensor:
    """From the background, [N, 1, H, W]: opacity with alpha, else the largest difference of a channel."""
    images = images.to(torch.float32)
    if images.shape[1] == 4:
        return (images[:, 3:] + 1) / 2
    return (images - background[:, None, None]).abs().amax(dim=1, keepdim=True) / 2


def r1_penalty(real_logits: torch.Tensor, reals: torch.Tensor) -> torch.Tensor:
    """|∇D(x)|² per picture, [N]; differentiable. `reals` [N, C, H, W] must require gradients."""
    with without_weight_gradients():
        (gradient,) = torch.autograd.grad(real_logits.sum(), reals, create_graph=True)
    return gradient.square().sum(dim=(1, 2, 3))


def path_lengths(
    images: torch.Tensor, ws: torch.Tensor, direction: torch.Tensor, differentiable: bool = True
) -> torch.Tensor:
    """|Jᵀ y| per picture, [N]; differentiable unless only the values are wanted.

    `direction` y is unit noise [N, C, H, W]; it is scaled by 1/√(H·W), so that the length does not depend on
    the resolution. The square is summed over w and averaged over the `num_ws` style inputs.
    """
    scaled = direction / math.sqrt(images.shape[2] * images.shape[3])
    with without_weight_gradients():
        (gradient,) = torch.autograd.grad((images * scaled).sum(), ws, create_graph=differentiable)
    return gradient.square().sum(dim=2).mean(dim=1).sqrt()


def path_length_coefficients(
    lengths: torch.Tensor, mean: torch.Tensor, decay: float
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The penalty mean((length − a)²), a = lerp(mean, mean(lengths), decay), as per-picture coefficients.

    `a` is part of the penalty's gradient, so a picture's share of it depends on the whole batch. Written as
    Σ cᵢ·lengthᵢ with constants cᵢ it has that same gradient however the batch is split.

    Returns (coefficients [N], the new mean [], the penalty's value []), all without gradients.
    """
    lengths = lengths.detach()
    average = mean.lerp(lengths.mean(), decay)
    deviation = lengths - average
    coefficients = 2 / lengths.shape[0] * (deviation - decay * deviation.mean())
    return coefficients, average, deviation.square().mean()


def mix_styles(ws: torch.Tensor, other: torch.Tensor, crossover: torch.Tensor) -> torch.Tensor:
    """Take row k of [N, num_ws, w_dim] from `ws` where k < crossover [N], else from `other`."""
    rows = torch.arange(ws.shape[1], device=ws.device)
    return torch.where((rows[None] < crossover.to(ws.device)[:, None])[:, :, None], ws, other)
