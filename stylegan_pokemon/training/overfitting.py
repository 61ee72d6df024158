"""How far the discriminator tells training pictures from pictures it never saw: the held-out ones."""

from __future__ import annotations

import numpy as np
import torch

from stylegan_pokemon.data.dataset import SpriteDataset
from stylegan_pokemon.randomness import derive_seed
from stylegan_pokemon.randomness import generator as derived
from stylegan_pokemon.training.draws import to_unit_range
from stylegan_pokemon.training.trainer import Trainer

_PICTURES = 128  # of each kind at most: some forward passes a tick, and a mean that is good to a tenth


def heldout_scores(trainer: Trainer, heldout: SpriteDataset) -> dict[str, float]:
    """Mean score and sign of held-out pictures, and ADA's r_v (Karras et al. 2020, equation 1).

    r_v = (E[D(train)] − E[D(held out)]) / (E[D(train)] − E[D(generated)]): 0 without overfitting, 1 where
    held-out pictures look generated to D. All three are measured now, with the same augmentations and in
    batches as in training (a batch is what D sees: its minibatch statistics enter the scores). Without a
    denominator above 0, while D cannot tell anything, there is no "r_v". Training is not disturbed: no
    gradient, no counter, and randomness of its own.
    """
    batch, shown = trainer.config.batch, trainer.images_shown
    rounds = max(min(len(heldout), _PICTURES) // batch, 1)
    means = {}
    for kind, dataset in (("heldout", heldout), ("train", trainer.dataset), ("fake", None)):
        source = derived(trainer.config.seed, f"{kind} scores", shown)
        order = _order(trainer, kind, len(dataset), rounds * batch) if dataset is not None else None
        scores = []
        for start in range(0, rounds * batch, batch):
            images = labels = None
            if dataset is not None and order is not None:
                items = order[start : start + batch]
                images = to_unit_range(
                    dataset.images(items), _mirrored(trainer, items, start), trainer.device
                )
                labels = dataset.one_hot(items).to(trainer.device) if trainer.config.classes else None
            scores.append(trainer.scores(images, labels, batch, source))
        means[kind] = torch.cat(scores)
    values = {"scores/heldout": _mean(means["heldout"]), "signs/heldout": _mean(means["heldout"].sign())}
    train, fake = _mean(means["train"]), _mean(means["fake"])
    if train > fake:
        values["r_v"] = (train - values["scores/heldout"]) / (train - fake)
    return values


def _order(trainer: Trainer, kind: str, pictures: int, wanted: int) -> np.ndarray:
    """`wanted` picture numbers in an order of this tick's own; of a smaller set all, again and again."""
    seed = derive_seed(trainer.config.seed, f"{kind} order", trainer.images_shown)
    return np.resize(np.random.Generator(np.random.PCG64(seed)).permutation(pictures), wanted)


def _mirrored(trainer: Trainer, items: np.ndarray, start: int) -> np.ndarray:
    """Half of them where training shows mirror images too."""
    if not trainer.config.mirror:
        return np.zeros(len(items), bool)
    return (np.arange(start, start + len(items)) % 2).astype(bool)


def _mean(values: torch.Tensor) -> float:
    return float(values.double().mean())
