"""The distances that `generate.py project` compares with, of the network's own and of training pictures."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stylegan_pokemon.cache import cache_folder
from stylegan_pokemon.cli.drawing import Drawing, progress_over
from stylegan_pokemon.cli.targets import as_target
from stylegan_pokemon.errors import UserError
from stylegan_pokemon.files import write_json
from stylegan_pokemon.randomness import generator

if TYPE_CHECKING:
    import torch

    from stylegan_pokemon.networks.discriminator import Discriminator
    from stylegan_pokemon.render.projection import Projection, Recipe, Space

_VERSION = 1  # of the projection; another one makes old files of the cache useless


class References:
    """Distances in W after projections by one recipe, from the cache where they are known.

    Args:
        count: how many of the network's own pictures, and of the training pictures in `data`; 0 for none.
        data: a dataset zip, or None.
    """

    def __init__(
        self,
        drawing: Drawing,
        space: Space,
        D: Discriminator | None,
        recipe: Recipe,
        count: int,
        data: Path | None,
    ) -> None:
        self._space, self._D, self._recipe = space, D, replace(recipe, plus=False)
        facts = drawing.generator.facts | asdict(self._recipe) | {"labels": sorted(set(space.labels))}
        key, targets = facts, []
        if data is not None:
            from stylegan_pokemon.data.dataset import SpriteDataset

            with SpriteDataset(data, subset=count, size_of=drawing.generator.size_of) as dataset:
                size = (dataset.facts.resolution, dataset.facts.channels)
                if size != (space.G.img_resolution, space.G.img_channels):
                    raise UserError(
                        f"--data {data} has pictures of {size[0]}×{size[0]} in {size[1]} channels, not as the"
                        " network draws; name the set it was trained on"
                    )
                images = dataset.images(list(range(len(dataset)))).numpy().transpose(0, 2, 3, 1)
                key = facts | {"data": dataset.facts.sha256, "of": count}  # another count, another choice
                targets = [as_target(image, space) for image in images]
        self.own = self._known(facts, "the network's own", count, self._own)
        self.training = self._known(key, "the training", len(targets), targets.__getitem__)

    def verdict(self, found: Projection) -> dict[str, Any]:
        """The verdict on a projection, for people and for its file."""
        from stylegan_pokemon.render.verdict import judge

        if not self.own:
            return {"words": f"none (distance {found.distance_w:.3g}; --compare 0)"}
        verdict = judge(found.distance_w, self.own, self.training)
        return asdict(verdict) | {"distance": found.distance_w, "own": self.own, "training": self.training}

    def _own(self, i: int) -> torch.Tensor:
        """A picture [1, C, R, R] of the network's own, which is not among the samples of the search."""
        import torch

        from stylegan_pokemon.render.latents import one_hot

        space, G = self._space, self._space.G
        z = torch.randn(1, G.z_dim, generator=generator(0, "references", i)).to(space.device)
        c = one_hot([space.labels[i % len(space.labels)]], G.c_dim, space.device)
        with torch.no_grad():
            return G.synthesis(G.mapping(z, c), noise_mode="const").clamp(-1, 1)

    def _known(
        self, facts: dict[str, Any], whose: str, count: int, target: Callable[[int], torch.Tensor]
    ) -> list[float]:
        """Distances of `count` targets, kept one by one so that Ctrl-C loses none."""
        from stylegan_pokemon.render.projection import Likeness, project

        text = json.dumps([_VERSION, whose, facts], sort_keys=True)
        path = cache_folder() / "projection" / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.json"
        known = _read(path)
        if len(known) < count:
            click.echo(f"compare   projecting {count - len(known)} of {whose} pictures, once")
        for i in progress_over("pictures", max(0, count - len(known)))(range(len(known), count)):
            likeness = Likeness(target(i), self._D)
            known.append(project(self._space, likeness, self._recipe).distance_w)
            with contextlib.suppress(UserError, OSError):
                path.parent.mkdir(parents=True, exist_ok=True)
                write_json(path, known)
        return known[:count]


def _read(path: Path) -> list[float]:
    with contextlib.suppress(OSError, ValueError):
        known = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(known, list) and all(isinstance(value, float) for value in known):
            return known
    return []
