"""Whether creatures of a type look like it: a classifier of types, trained on real sprites, is asked.

    python -m benchmarks.by_type --sprites pokemon.zip

A linear classifier on EfficientNet-Lite1's features of the real sprites says which type a generated picture
has; agreement with the type asked for is compared with chance. Beside it stands the classifier's accuracy
on real creatures that it has not seen, a fifth of them at a time. The distance to the set is compared with
that of a run without types of the same length, which is the other tables'. Both are asked at half of the
length, too: likeness comes first, types come later.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click
import numpy as np
import torch

from benchmarks import harness

_LOSSES = ("--class-loss", "0.5", "--uncond-loss", "1")
"""As finetune.py has them by default, but told: another default must not go on with runs of this one."""
_PER_TYPE = 100
_FOLDS = 5
_STEPS, _DECAY = 400, 1e-2

Classifier = Callable[[torch.Tensor], torch.Tensor]
"""Logits [N, classes] of features [N, D]."""


def classifier(features: torch.Tensor, labels: torch.Tensor, classes: int) -> Classifier:
    """Multinomial logistic regression on standardised features [N, D], classes weighted to count the same."""
    torch.manual_seed(0)
    mean, std = features.mean(0), features.std(0) + 1e-6
    linear = torch.nn.Linear(features.shape[1], classes)
    weight = 1 / torch.bincount(labels, minlength=classes).clamp_min(1).float()
    optimizer = torch.optim.AdamW(linear.parameters(), lr=1e-2, weight_decay=_DECAY)
    x = (features - mean) / std
    for _ in range(_STEPS):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(linear(x), labels, weight).backward()
        optimizer.step()

    return lambda inputs: linear((inputs - mean) / std)


def unseen(
    features: torch.Tensor, labels: torch.Tensor, classes: int, creatures: torch.Tensor
) -> torch.Tensor:
    """Classes [N] that classifiers give to creatures they were not trained on, a fifth of these at a time.

    creatures [N]: a number for each picture, the same for all forms of one.
    """
    found = torch.empty_like(labels)
    for fold in range(_FOLDS):
        held = creatures % _FOLDS == fold
        found[held] = classifier(features[~held], labels[~held], classes)(features[held]).argmax(1)
    return found


def features_of(pictures: np.ndarray) -> torch.Tensor:
    """Features [N, 1280] of pictures uint8 [N, 3, H, W]."""
    from stylegan_pokemon.metrics.features import load_default

    network = load_default(torch.device("cpu"))
    with torch.no_grad():
        parts = torch.from_numpy(pictures).split(32)
        return torch.cat([network.features(part) for part in parts])


def balanced_accuracy(predicted: torch.Tensor, labels: torch.Tensor) -> float:
    """Mean over the classes of the share that is right: 1/classes by chance."""
    return float(torch.stack([(predicted[labels == k] == k).float().mean() for k in labels.unique()]).mean())


def drawn(run: Path, kimg: float, per_type: int) -> tuple[np.ndarray, torch.Tensor]:
    """Pictures [N, 3, H, W] of every type, and the types asked for."""
    from stylegan_pokemon.render.loaded import load_generator
    from stylegan_pokemon.render.pictures import RenderOptions, render_seeds

    source = load_generator(harness.snapshot(run, kimg), torch.device("cpu"))
    labels = [label for label in range(source.G.c_dim) for _ in range(per_type)]
    pictures = np.stack(list(render_seeds(source, range(len(labels)), labels, RenderOptions())))
    return pictures.transpose(0, 3, 1, 2).copy(), torch.tensor(labels)


@click.command()
@harness.options
@click.option("--kimg", default=10 * harness.TICK, show_default=True, help="Length of both trainings.")
def main(sprites: str | None, quick: bool, kimg: float) -> None:
    """Train with and without types; ask the classifier."""
    from dataset_tool.creatures import creatures_of
    from stylegan_pokemon.data.dataset import SpriteDataset

    data = harness.dataset(sprites, quick, labels=True)
    kimg = harness.QUICK_SHARE if quick else kimg
    with SpriteDataset(data) as reals:
        pictures, labels = reals.images(range(len(reals))).numpy(), reals.labels
        classes = len(reals.facts.classes)
        _, creatures = np.unique(creatures_of(reals.sources), return_inverse=True)
    assert labels is not None
    features = features_of(pictures)
    accuracy = balanced_accuracy(unseen(features, labels, classes, torch.from_numpy(creatures)), labels)
    judge = classifier(features, labels, classes)
    moments = (kimg / 2, kimg)
    other = harness.table_run("fine-tuned", harness.SEED, harness.dataset(sprites, quick), quick, *moments)
    more = ("--mirror", "--cond", *_LOSSES, "--seed", harness.SEED)
    for at in moments:
        run = harness.trained(f"types-{harness.SEED}", data, at, min(harness.TICK, kimg / 2), *more)
    for at in moments:
        without = harness.distance(harness.snapshot(other, at), data, len(labels))
        found = harness.measured(harness.snapshot(run, at), data, len(labels))
        made, asked = drawn(run, at, 4 if quick else _PER_TYPE)
        agreement = balanced_accuracy(judge(features_of(made)).argmax(1), asked)
        row = {
            "kimg": at,
            "classifier_held_out_accuracy": accuracy,
            "agreement": agreement,
            "chance": 1 / classes,
            "times_chance": agreement * classes,
            "samples": len(asked),
            "fd_without_types": without,
        }
        harness.record("by type", f"seed {harness.SEED}, {at:g} kimg", row | found, data)


if __name__ == "__main__":
    main()
