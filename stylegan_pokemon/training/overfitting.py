"""How far the discriminator tells training pictures from pictures it never saw: the held-out ones.

What a discriminator says of all pictures together wanders from one iteration to the next, by more than what
it says of one picture and of another differs. So it is asked many times a tick, at the same moment about
pictures of each kind, and differences between kinds are what is kept.
"""

from __future__ import annotations

import numpy as np

from stylegan_pokemon.data.dataset import SpriteDataset, to_unit_range
from stylegan_pokemon.randomness import derive_seed
from stylegan_pokemon.randomness import generator as derived
from stylegan_pokemon.training.config import STYLEGAN2
from stylegan_pokemon.training.losses import discriminator_real_loss
from stylegan_pokemon.training.trainer import Trainer

_MOMENTS = 16  # in a tick
_KINDS = ("heldout", "train", "fake")
_NAME = "asked/"  # of the sums among the trainer's statistics


class Questions:
    """Asks a trainer's discriminator about held-out pictures, beside training pictures and generated ones.

    A question is a batch of each kind, with the augmentations of training (a batch is what D sees: its
    minibatch statistics enter the scores). Training is not disturbed: no gradient, no counter, and randomness
    of its own. Answers are summed in the trainer's statistics, which a state keeps.
    """

    def __init__(self, trainer: Trainer, heldout: SpriteDataset) -> None:
        self.trainer, self.heldout = trainer, heldout
        self._every = max(trainer.config.tick_kimg * 1000 / _MOMENTS, trainer.config.batch)

    def after_iteration(self) -> None:
        """Ask, if one of the moments has come; they depend on the number of pictures shown alone."""
        shown, batch = self.trainer.images_shown, self.trainer.config.batch
        if shown // self._every > (shown - batch) // self._every:
            self.ask()

    def ask(self) -> None:
        """Ask now."""
        trainer = self.trainer
        batch, shown = trainer.config.batch, trainer.images_shown
        for kind in _KINDS:
            dataset = {"heldout": self.heldout, "train": trainer.dataset, "fake": None}[kind]
            source = derived(trainer.config.seed, f"{kind} scores", shown)
            images = labels = None
            if dataset is not None:
                items = _order(trainer, kind, len(dataset), batch)
                images = to_unit_range(dataset.images(items), _mirrored(trainer, items), trainer.device)
                labels = dataset.one_hot(items).to(trainer.device) if trainer.config.classes else None
            scores = trainer.scores(images, labels, batch, source)
            trainer.statistics.report(f"{_NAME}{kind}", scores)
            trainer.statistics.report(f"{_NAME}{kind}_signs", scores.sign())
            if trainer.config.arch == STYLEGAN2:
                trainer.statistics.report(f"{_NAME}{kind}_loss", discriminator_real_loss(scores))

    def answers(self, means: dict[str, float]) -> dict[str, float]:
        """A tick's means, with the answers in their place: score, sign, loss of held-out pictures, and r_v.

        They are the training pictures' of the whole tick, `scores/real` and so on, and the mean difference
        between held-out and training pictures that were asked about together. ADA's r_v =
        (E[D(train)] − E[D(held out)]) / (E[D(train)] − E[D(generated)]) (Karras et al. 2020, equation 1): 0
        without overfitting, 1 where held-out pictures look generated to D. Without a denominator above 0,
        while D cannot tell anything, there is no "r_v".
        """
        values = {name: value for name, value in means.items() if not name.startswith(_NAME)}
        asked = {name.removeprefix(_NAME): value for name, value in means.items() if name.startswith(_NAME)}
        if "heldout" not in asked:
            return values
        gap = asked["heldout"] - asked["train"]
        sign = values.get("signs/real", 0.0) + asked["heldout_signs"] - asked["train_signs"]
        values["scores/heldout"] = values.get("scores/real", 0.0) + gap
        values["signs/heldout"] = float(np.clip(sign, -1, 1))
        if "heldout_loss" in asked and "loss/D_real" in values:
            loss = values["loss/D_real"] + asked["heldout_loss"] - asked["train_loss"]
            values["loss/D_heldout"] = max(loss, 0.0)
        if asked["train"] > asked["fake"]:
            values["r_v"] = -gap / (asked["train"] - asked["fake"])
        return values


def _order(trainer: Trainer, kind: str, pictures: int, wanted: int) -> np.ndarray:
    """`wanted` picture numbers of this moment's own; of a smaller set all, again and again."""
    seed = derive_seed(trainer.config.seed, f"{kind} order", trainer.images_shown)
    return np.resize(np.random.Generator(np.random.PCG64(seed)).permutation(pictures), wanted)


def _mirrored(trainer: Trainer, items: np.ndarray) -> np.ndarray:
    """Half of them where training shows mirror images too."""
    if not trainer.config.mirror:
        return np.zeros(len(items), bool)
    return (np.arange(len(items)) % 2).astype(bool)
