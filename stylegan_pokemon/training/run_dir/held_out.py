"""How far the discriminator tells training pictures from held-out ones, which it has never seen.

The scores of all pictures together drift from one iteration to the next, by more than those of two kinds of
pictures differ. So the discriminator is probed many times a tick, at the same moment with pictures of each
kind, and only differences between kinds are kept.
"""

from __future__ import annotations

import numpy as np

from stylegan_pokemon.data.dataset import SpriteDataset, to_unit_range
from stylegan_pokemon.randomness import derive_seed
from stylegan_pokemon.randomness import generator as derived
from stylegan_pokemon.training.systems.trainer import Trainer

_MOMENTS = 16  # in a tick
_KINDS = ("heldout", "train", "fake")
_NAME = "asked/"  # of the sums among the trainer's statistics, which states of earlier versions hold too


class HeldOutProbe:
    """Probes a trainer's discriminator with held-out pictures, training pictures and generated ones.

    A probe is a batch of each kind, with the augmentations of training (a batch is what D sees: its minibatch
    statistics enter the scores). It does not disturb training: no gradient, no counter, randomness of its
    own. Scores are summed in the trainer's statistics, which a state keeps.
    """

    def __init__(self, trainer: Trainer, heldout: SpriteDataset) -> None:
        self.trainer, self.heldout = trainer, heldout
        self._every = max(trainer.config.tick_kimg * 1000 / _MOMENTS, trainer.config.batch)

    def after_iteration(self) -> None:
        """Measure if one of a tick's moments has come; they depend on the pictures shown alone."""
        shown, batch = self.trainer.images_shown, self.trainer.config.batch
        if shown // self._every > (shown - batch) // self._every:
            self.measure()

    def measure(self) -> None:
        """Add the scores of a batch of each kind to the statistics."""
        trainer = self.trainer
        batch, shown = trainer.config.batch, trainer.images_shown
        for kind, dataset in zip(_KINDS, (self.heldout, trainer.dataset, None), strict=True):
            rng = derived(trainer.config.seed, f"{kind} scores", shown)
            images = labels = None
            if dataset is not None:
                items = _order(trainer, kind, len(dataset), batch)
                images = to_unit_range(dataset.images(items), _mirrored(trainer, items), trainer.device)
                labels = dataset.one_hot(items).to(trainer.device) if trainer.config.classes else None
            scores = trainer.scores(images, labels, batch, rng)
            trainer.statistics.report(f"{_NAME}{kind}", scores)
            trainer.statistics.report(f"{_NAME}{kind}_signs", scores.sign())
            if (loss := trainer.real_loss(scores)) is not None:
                trainer.statistics.report(f"{_NAME}{kind}_loss", loss)

    def figures(self, means: dict[str, float]) -> dict[str, float]:
        """A tick's means, with figures of held-out pictures and r_v in place of the probe's sums.

        The figures of held-out pictures are those of the training pictures over the whole tick,
        `scores/real` and so on, plus the mean difference between the two kinds in the probes. ADA's r_v =
        (E[D(train)] − E[D(held out)]) / (E[D(train)] − E[D(generated)]) (Karras et al. 2020, equation 1): 0
        without overfitting, 1 where held-out pictures look generated to D. While the denominator is not above
        0, that is while D tells nothing apart, there is no "r_v".
        """
        values = {name: value for name, value in means.items() if not name.startswith(_NAME)}
        probed = {name.removeprefix(_NAME): value for name, value in means.items() if name.startswith(_NAME)}
        if "heldout" not in probed:
            return values
        gap = probed["heldout"] - probed["train"]
        sign = values.get("signs/real", 0.0) + probed["heldout_signs"] - probed["train_signs"]
        values["scores/heldout"] = values.get("scores/real", 0.0) + gap
        values["signs/heldout"] = float(np.clip(sign, -1, 1))
        if "heldout_loss" in probed and "loss/D_real" in values:
            loss = values["loss/D_real"] + probed["heldout_loss"] - probed["train_loss"]
            values["loss/D_heldout"] = max(loss, 0.0)
        if probed["train"] > probed["fake"]:
            values["r_v"] = -gap / (probed["train"] - probed["fake"])
        return values


def _order(trainer: Trainer, kind: str, pictures: int, wanted: int) -> np.ndarray:
    """`wanted` numbers of pictures, drawn for this moment; a smaller set is repeated."""
    seed = derive_seed(trainer.config.seed, f"{kind} order", trainer.images_shown)
    return np.resize(np.random.Generator(np.random.PCG64(seed)).permutation(pictures), wanted)


def _mirrored(trainer: Trainer, items: np.ndarray) -> np.ndarray:
    """Half of them where training shows mirror images too."""
    return np.arange(len(items)) % 2 * trainer.config.mirror > 0
