"""What baselines minimise: cross-entropy towards soft, flipped or inverted labels, and WGAN-GP."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F

from stylegan_pokemon.baselines.recipes import Recipe

GRADIENT_PENALTY = 10.0  # WGAN-GP's λ (Gulrajani et al. 2017)
DRIFT = 1e-3  # keeps a critic's scores near 0 (Karras et al. 2017, appendix A.1)


def targets(n: int, recipe: Recipe, real: bool, source: torch.Generator) -> torch.Tensor:
    """[n, 1] labels for the discriminator: evenly from the recipe's range, some of the other kind's."""
    draw = torch.rand(2, n, 1, generator=source)
    own, other = recipe.real_labels, recipe.fake_labels
    if not real:
        own, other = other, own
    low, high = (torch.where(draw[0] < recipe.flipped, b, a) for a, b in zip(own, other, strict=True))
    return low + (high - low) * draw[1]


def cross_entropy(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Per picture, [N, 1]."""
    return F.binary_cross_entropy_with_logits(logits, labels.to(logits.device), reduction="none")


def generator_loss(logits: torch.Tensor, recipe: Recipe) -> torch.Tensor:
    """Per picture: towards the label that fakes should have; for a critic −score."""
    if recipe.critic:
        return -logits
    return cross_entropy(logits, torch.full_like(logits, recipe.generator_label))


def discriminator_loss(
    logits: torch.Tensor, recipe: Recipe, real: bool, source: torch.Generator
) -> torch.Tensor:
    """Per picture, [N, 1]."""
    if recipe.critic:
        return DRIFT * logits.square() - logits if real else logits
    return cross_entropy(logits, targets(len(logits), recipe, real, source))


def looks_real(logits: torch.Tensor, recipe: Recipe) -> torch.Tensor:
    """The logits as StyleGAN2's are: positive for what looks real."""
    return -logits if recipe.inverted else logits


def waits(fake_logits: torch.Tensor, recipe: Recipe) -> bool:
    """Whether the discriminator is so sure of fakes that it is not trained now."""
    return recipe.skip_above is not None and bool(fake_logits.sigmoid().mean() >= recipe.skip_above)


def gradient_penalty(
    critic: Callable[[torch.Tensor], torch.Tensor],
    reals: torch.Tensor,
    fakes: torch.Tensor,
    source: torch.Generator,
) -> torch.Tensor:
    """(‖∇ score‖ − 1)² [N] at points drawn evenly between real and generated pictures."""
    share = torch.rand(len(reals), 1, 1, 1, generator=source).to(reals.device)
    between = fakes.detach().lerp(reals, share).requires_grad_()
    (gradient,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    return (gradient.square().sum(dim=(1, 2, 3)).sqrt() - 1).square()
