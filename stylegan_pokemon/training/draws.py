"""Everything random that one phase of an iteration needs, drawn for the whole batch before it is split.

So a batch gives the same gradients in one piece or in micro-batches of at least a minibatch-std group, and
a phase is repeatable from its seed.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from stylegan_pokemon.networks.discriminator import minibatch_group_size
from stylegan_pokemon.networks.generator import Generator


@dataclass
class LatentDraw:
    """Inputs of the generator for n pictures, on the device of the network."""

    z: torch.Tensor  # [n, z_dim]
    z_other: torch.Tensor  # [n, z_dim], the second latent of style mixing
    crossover: torch.Tensor  # [n], first row of ws that comes from z_other
    noise: list[torch.Tensor] | None  # per convolution [n, 1, r, r]; None for a network without
    c: torch.Tensor | None  # [n, c_dim]

    def part(self, index: torch.Tensor) -> LatentDraw:
        """The pictures of one micro-batch."""
        return LatentDraw(
            self.z[index],
            self.z_other[index],
            self.crossover[index],
            None if self.noise is None else [noise[index] for noise in self.noise],
            None if self.c is None else self.c[index],
        )


def draw_latents(
    network: Generator,
    n: int,
    generator: torch.Generator,
    c: torch.Tensor | None,
    device: torch.device,
    style_mixing: float,
) -> LatentDraw:
    """Draw n latents, mixing partners, crossovers and noise from `generator` (a CPU generator).

    `style_mixing` is the share of pictures that switch to their partner at a random layer.
    """
    z = torch.randn(2, n, network.z_dim, generator=generator)
    mixed = torch.rand(n, generator=generator) < style_mixing
    rows = torch.randint(1, network.num_ws, (n,), generator=generator)
    crossover = torch.where(mixed, rows, torch.full_like(rows, network.num_ws))
    noise = network.synthesis.draw_noise(n, generator) if network.synthesis.config.use_noise else None
    z = z.to(device)
    return LatentDraw(z[0], z[1], crossover.to(device), noise, None if c is None else c.to(device))


def micro_batches(n: int, largest: int, group_size: int | None) -> list[torch.Tensor]:
    """Split n pictures into index vectors of at most `largest`, keeping minibatch-std groups together.

    With G the group size, group m of the whole batch has the members m, m + n/G, …; a micro-batch takes
    whole groups in that order, so that it forms the very groups that the whole batch would form. Where
    `largest` is smaller than a group, plain consecutive parts are taken and groups become smaller.
    """
    if largest >= n:
        return [torch.arange(n)]
    group = minibatch_group_size(n, group_size)
    if largest < group:
        return list(torch.arange(n).split(largest))
    members = torch.arange(n).reshape(group, n // group)  # [G, M]
    return [part.reshape(-1) for part in members.split(largest // group, dim=1)]


def random_labels(
    labels: torch.Tensor, classes: int, n: int, generator: torch.Generator, balanced: bool = False
) -> torch.Tensor:
    """One-hot labels [n, classes] for generated pictures, as frequent as in the data, or all equally."""
    labels = labels.unique() if balanced else labels
    chosen = labels[torch.randint(0, len(labels), (n,), generator=generator)]
    return torch.nn.functional.one_hot(chosen, classes).to(torch.float32)
