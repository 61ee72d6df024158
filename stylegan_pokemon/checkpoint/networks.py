"""What a checkpoint holds, whatever file it came from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from stylegan_pokemon.networks.discriminator import Discriminator
from stylegan_pokemon.networks.generator import Generator


@dataclass
class Networks:
    """Networks in eval mode on the CPU, with gradients switched off.

    `augment_p` is the strength of ADA when the file was written, None if unknown. `config` is plain JSON:
    "generator" and "discriminator" (the architectures), and what the writer added ("classes", "kimg", …).
    `source` says where the networks came from.
    """

    G: Generator | None = None
    D: Discriminator | None = None
    G_ema: Generator | None = None
    augment_p: float | None = None
    config: dict[str, Any] = field(default_factory=dict)
    source: str = ""

    def items(self) -> list[tuple[str, Generator | Discriminator]]:
        """The networks that are there, as (name, module)."""
        named = [("G", self.G), ("D", self.D), ("G_ema", self.G_ema)]
        return [(name, module) for name, module in named if module is not None]
