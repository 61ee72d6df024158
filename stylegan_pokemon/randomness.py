"""Randomness derived from (seed, rank, images shown, purpose), never from how the process got there.

A resumed run therefore repeats an uninterrupted one, and a change of logging changes no weight.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def derive_seed(seed: int, purpose: str, *indices: int) -> int:
    """Return a 63-bit seed that depends on all arguments and on nothing else.

    `seed` is the run's seed, `purpose` names the consumer ("latents", "augment", …), `indices` are
    integers such as rank, images shown so far, retry count. Distinct argument lists give independent
    streams (BLAKE2b of their text).
    """
    text = "/".join([str(int(seed)), purpose, *(str(int(index)) for index in indices)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little") >> 1


def generator(seed: int, purpose: str, *indices: int, device: torch.device | str = "cpu") -> torch.Generator:
    """Return a torch.Generator on `device`, seeded by `derive_seed` of the same arguments."""
    import torch

    return torch.Generator(device=device).manual_seed(derive_seed(seed, purpose, *indices))
