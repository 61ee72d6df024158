"""Stand-ins for generators whose faults are known, made of real pictures."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path

import numpy as np
import torch

from stylegan_pokemon.data.dataset import SpriteDataset
from stylegan_pokemon.metrics.evaluate import Settings, evaluate

NAMES = ("fd", "kid", "pr", "dc", "nn")


@functools.cache
def figures(data: Path) -> dict[str, dict]:
    """Measurements of five stand-ins against one half of a data set, by name; the other half is the good one.

    memorising: the training pictures with Gaussian noise of 6 grey levels. one: one held-out picture
    repeated, mean: the mean picture. few: ten held-out pictures repeated. Those repeated are unlike any
    training picture.
    """
    random = np.random.RandomState(0)
    with SpriteDataset(data) as whole, tempfile.TemporaryDirectory() as cache:
        order = random.permutation(len(whole))
        pictures = whole.images(order).permute(0, 2, 3, 1).numpy()
        half = len(whole) // 2
        rest, train = pictures[:half], pictures[half:]
        odd = rest[strangest(rest, train)]
        made = {
            "good": rest,
            "memorising": np.clip(train + random.randn(*train.shape) * 6, 0, 255).round().astype(np.uint8),
            "one": np.repeat(odd[:1], half, axis=0),
            "mean": np.repeat(train.mean(axis=0, keepdims=True).round().astype(np.uint8), half, axis=0),
            "few": np.tile(odd[:10], (half // 10 + 1, 1, 1, 1))[:half],
        }
        with Half(data, order[half:]) as dataset:
            settings = Settings(NAMES)
            device = torch.device("cpu")
            return {
                name: evaluate(x, dataset, settings, device, show_bar=False, cache=Path(cache))
                for name, x in made.items()
            }


def strangest(rest: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Indices of held-out pictures, those farthest from every training picture first."""
    x, y = (z.reshape(len(z), -1).astype(np.float64) / 255 for z in (rest, train))
    squares = (x**2).sum(axis=1)[:, None] + (y**2).sum(axis=1) - 2 * x @ y.T
    return np.argsort(-squares.min(axis=1))


class Half(SpriteDataset):
    """The pictures of a data set at some indices."""

    def __init__(self, data: Path, indices: np.ndarray) -> None:
        super().__init__(data)
        self._images = self._images[torch.from_numpy(indices)]
        self._entries = [self._entries[i] for i in indices]
        self.labels = None
        self.facts = type(self.facts)(**{**vars(self.facts), "images": len(indices), "sha256": "half"})


def lines(found: dict[str, dict]) -> list[str]:
    """The figures as a table."""
    suffix = "_efficientnet_lite1"
    columns = ("fd", "kid", "precision", "recall", "f1", "density", "coverage")
    rows = [("", *columns, "near copies", "pairwise", "twins", "alarms")]
    for name, each in found.items():
        copying = each["memorisation"]
        alarms = [key for key in ("memorisation", "diversity") if each[key]["alarm"]]
        rows.append((
            name,
            *(f"{each['values'][column + suffix]['value']:.3g}" for column in columns),
            f"{copying['near_copies']:.1%} (real {copying['near_copies_reals']:.1%})",
            f"{each['diversity']['ratio']:.2f}",
            f"{each['diversity']['duplicates']:.1%}",
            ", ".join(alarms) or "none",
        ))  # fmt: skip
    good = found["good"]["values"]
    rows.append(("floor", *(f"{good[column + suffix]['floor']:.3g}" for column in columns), "", "", "", ""))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
