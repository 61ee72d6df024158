"""The real set as the metrics see it: computed once, then read from the cache."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import fields
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import safetensors
import torch
from safetensors.torch import load_file, save_file

from stylegan_pokemon.cache import cache_folder
from stylegan_pokemon.data.dataset import SpriteDataset
from stylegan_pokemon.errors import UserError
from stylegan_pokemon.files import whole_file
from stylegan_pokemon.metrics import pixels, sprite, swd
from stylegan_pokemon.metrics.features import FeatureNetwork, extract
from stylegan_pokemon.metrics.memorisation import Distances, measure
from stylegan_pokemon.metrics.values import numbers
from stylegan_pokemon.render.images import on_white

_VERSION = 2  # of how anything here is computed; another one makes old files of the cache useless
_AT_ONCE = 256  # pictures read from the data set
_MOST_COMPARED = 2000  # pictures whose nearest other one is looked for; a sample of larger sets
_SPLITS = 4  # into halves; the mean counts


class Reals:
    """Pictures of a data set with their features by a network, and what follows from them alone.

    Args:
        dataset: the real pictures, of 1, 3 or 4 channels; alpha is laid over white.
        network: the feature network; None for what needs none.
        folder: of the cache; None: `metrics` in the program's own.

    Without a writable cache everything is computed each time; a damaged file is replaced.
    """

    def __init__(
        self,
        dataset: SpriteDataset,
        network: FeatureNetwork | None,
        device: torch.device,
        folder: Path | None = None,
    ) -> None:
        self.dataset, self.network, self._device = dataset, network, device
        self._folder = folder or cache_folder() / "metrics"
        self._features: torch.Tensor | None = None

    def __len__(self) -> int:
        return len(self.dataset)

    def pictures(self, start: int, stop: int) -> np.ndarray:
        """The pictures from `start` to `stop` as uint8 [n, H, W, 3]."""
        return _rgb(self.dataset.pictures(list(range(start, min(stop, len(self))))))

    def parts(self) -> Iterator[np.ndarray]:
        """All pictures in their order, some hundred at a time, uint8 [n, H, W, 3]."""
        return (self.pictures(i, i + _AT_ONCE) for i in range(0, len(self), _AT_ONCE))

    @property
    def is_known(self) -> bool:
        """Whether the features need not be computed."""
        return self._features is not None or self._file("features").is_file()

    def features(self, advance: Callable[[int], object] = lambda _: None) -> torch.Tensor:
        """Features [N, D] float32, from the cache where they are known. advance: see `extract`."""
        if self._features is None:

            def compute() -> dict[str, torch.Tensor]:
                assert self.network is not None
                found = [extract(self.network, part, self._device, False, advance) for part in self.parts()]
                return {"features": torch.cat([features for features, _ in found])}

            self._features = self._kept("features", compute)["features"]
        return self._features

    def log_probabilities(self) -> torch.Tensor | None:
        """Logarithms of class probabilities [N, K] float32; None for a network without classes."""
        network = self.network
        if network is None or network.log_probabilities is None:
            return None

        def compute() -> dict[str, torch.Tensor]:
            found = [extract(network, part, self._device, True)[1] for part in self.parts()]
            return {"logs": torch.cat([logs for logs in found if logs is not None]).float()}

        return self._kept("log-probabilities", compute)["logs"]

    @cached_property
    def reduced(self) -> torch.Tensor:
        """The pictures as `pixels.reduced`, [N, 3, S, S]."""
        return torch.cat([pixels.reduced(part) for part in self.parts()])

    def distances(self) -> Distances:
        """Distance of each picture to its nearest other one, for a sample of 2000 from larger sets."""

        def compute() -> dict[str, torch.Tensor]:
            own = torch.from_numpy(self._sample())
            x, f = self.reduced, self.features()
            return vars(measure(x[own], f[own], x, f, own))

        found = self._kept("distances", compute)
        return Distances(**{field.name: found[field.name] for field in fields(Distances)})

    def sprites(self, alpha: bool) -> tuple[np.ndarray | None, dict[str, np.ndarray]]:
        """The set's background colour, None for many or alpha, and `sprite.measure` of at most 2000 pictures.

        alpha: whether the pictures' opacity tells the creature; else they are laid over white.
        """

        def compute() -> dict[str, torch.Tensor]:
            pictures = self.dataset.pictures(self._sample())
            pictures = pictures if alpha else _rgb(pictures)
            ground = None if alpha else sprite.background_of(pictures)
            figures = sprite.measure(pictures, ground)
            known = {} if ground is None else {"background": torch.from_numpy(ground)}
            return known | {name: torch.from_numpy(values) for name, values in figures.items()}

        found = self._kept(f"sprites {'alpha' if alpha else 'on white'}", compute, of_pixels=True)
        ground = found.pop("background", None)
        return None if ground is None else ground.numpy(), {k: v.numpy() for k, v in found.items()}

    def halves(self, count: int, split: int = 0) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Patches (see `swd.patches`) of two disjoint sets of `count` pictures, of a random division."""
        order = np.random.RandomState(split).permutation(len(self))

        def patches(items: np.ndarray) -> list[np.ndarray]:
            found = [
                swd.patches(_rgb(self.dataset.pictures(items[i : i + _AT_ONCE])), i)
                for i in range(0, count, _AT_ONCE)
            ]
            return [np.concatenate(level) for level in zip(*found, strict=True)]

        return patches(order[:count]), patches(order[count : 2 * count])

    def style(self, count: int) -> tuple[list[float], list[np.ndarray]]:
        """The reference of the sliced Wasserstein distance for sets of `count` pictures.

        Returns the distance between halves of the set at each level, the mean of 4 random divisions, and the
        `swd.deviations` of the first of them.
        """

        def compute() -> dict[str, torch.Tensor]:
            rounds, scales = [], []
            for split in range(_SPLITS):
                halves = self.halves(count, split)
                scales.append(swd.deviations(*halves))
                rounds.append(swd.distances(*(swd.projections(half, scales[-1]) for half in halves)))
            floor = torch.tensor(rounds, dtype=torch.float64).mean(dim=0)
            return {"floor": floor, "scale": torch.from_numpy(np.stack(scales[0]))}

        found = self._kept(f"swd of {count}", compute, of_pixels=True)
        return found["floor"].tolist(), list(found["scale"].numpy())

    def floors(self, names: tuple[str, ...]) -> dict[str, float]:
        """The metrics of one half of the set against the other: the mean of 4 random divisions.

        names: among fd, kid, pr, dc and is. A perfect generator comes near these. Its Fréchet distance can be
        lower: it is compared with the whole set, not a half, and that distance falls with the number of
        pictures.
        """
        found: dict[str, torch.Tensor] = {}
        for name in names:
            found |= self._kept(f"floors of {name}", partial(self._floors, name))
        return {key: float(value) for key, value in found.items()}

    def _floors(self, name: str) -> dict[str, torch.Tensor]:
        x = self.features()
        logs = self.log_probabilities() if name == "is" else None
        rounds = []
        for split in range(_SPLITS):
            order = torch.from_numpy(np.random.RandomState(split).permutation(len(x)))
            i, j = order[: len(x) // 2], order[len(x) // 2 :]
            rounds.append(numbers(name, x[i], x[j], None if logs is None else logs[i], limit=0))
        means = {key: np.mean([found[key]["value"] for found in rounds]) for key in rounds[0]}
        return {key: torch.tensor(float(mean), dtype=torch.float64) for key, mean in means.items()}

    def _sample(self) -> np.ndarray:
        """Indices of all pictures in random order, at most 2000."""
        return np.random.RandomState(0).permutation(len(self))[:_MOST_COMPARED]

    def _file(self, what: str, of_pixels: bool = False) -> Path:
        """The file of the cache. of_pixels: whether it is independent of the feature network."""
        network = "pixels"
        if not of_pixels:
            assert self.network is not None
            network = f"{self.network.name} {self.network.sha256}"
        facts = self.dataset.facts  # its hash is of the zip, whose pictures may be read at another size
        key = f"{_VERSION} {facts.sha256} {facts.resolution} {len(self)} {network} {what}"
        return self._folder / (hashlib.sha256(key.encode()).hexdigest()[:32] + ".safetensors")

    def _kept(
        self, what: str, compute: Callable[[], dict[str, torch.Tensor]], of_pixels: bool = False
    ) -> dict[str, torch.Tensor]:
        path = self._file(what, of_pixels)
        with contextlib.suppress(OSError, safetensors.SafetensorError):
            return load_file(path)
        found = compute()
        with contextlib.suppress(UserError, OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            with whole_file(path) as temporary:
                save_file({key: value.contiguous() for key, value in found.items()}, temporary)
        return found


def _rgb(pictures: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(on_white(pictures))
