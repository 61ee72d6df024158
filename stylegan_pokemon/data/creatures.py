"""Which creatures are held out of training.

A held-out form of a creature that was trained on would be no test: `25.png`, `25-mega.png`, `shiny/25.png`
and `025_pikachu.png` stay together.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dataset_tool.creatures import creatures_of
from stylegan_pokemon.errors import UserError
from stylegan_pokemon.randomness import derive_seed


def held_out(sources: Sequence[str], share: float, seed: int, where: str) -> np.ndarray:
    """Which pictures to keep out of training, as a mask: whole creatures, about `share` of the pictures.

    sources: the file name of every picture. share: above 0 and below 1. The same set, share and seed hold
    out the same pictures. Creatures are drawn one by one, and taken if they still fit. Raises UserError,
    naming the set `where`, when nothing could be held out or nothing would be left.
    """
    creatures = np.array(creatures_of(sources))
    names, counts = np.unique(creatures, return_counts=True)
    wanted = max(round(share * len(creatures)), 1)
    if len(names) < 2:
        raise UserError(
            f"--holdout {share:g}: by the file names all pictures of {where} show one creature, {names[0]};"
            " leave it out, or convert the set from files named by creature"
        )
    order = np.random.RandomState(derive_seed(seed, "holdout") % 2**32).permutation(len(names))
    taken: list[int] = []
    for creature in order:
        if counts[taken].sum() + counts[creature] <= wanted:
            taken.append(int(creature))
    if not taken:  # each of them has more pictures than wanted
        taken = [int(order[np.argmin(counts[order])])]
    return np.isin(creatures, names[taken])
