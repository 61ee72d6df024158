"""Breeding: children take each group of layers from one parent, the other, or between, and mutate."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch

from stylegan_pokemon.errors import UserError
from stylegan_pokemon.randomness import generator as seeded
from stylegan_pokemon.render.images import comfortable_scale
from stylegan_pokemon.render.latents import one_hot
from stylegan_pokemon.render.layers import groups_of
from stylegan_pokemon.render.loaded import LoadedGenerator
from stylegan_pokemon.render.pictures import RenderOptions, sheet_tiles
from stylegan_pokemon.render.seeds import Key, StoredLatent, file_stem, key_name, noise_seed
from stylegan_pokemon.render.sheet import contact_sheet

_A_ROW = 8  # children of a row of the sheet


@dataclass(frozen=True)
class Creature:
    """A parent or child: ws [num_ws, w_dim], its class, and where it comes from.

    ancestors: name → the names of its parents, of itself and of all before it that were bred.
    """

    name: str
    w: torch.Tensor
    label: int
    generation: int = 0
    ancestors: dict[str, list[str]] = field(default_factory=dict)

    @property
    def lineage(self) -> dict[str, Any]:
        """What latent files and pictures say of it."""
        return {"generation": self.generation, "ancestors": self.ancestors}


def as_creatures(
    generator: LoadedGenerator, keys: Sequence[Key], labels: Sequence[int], options: RenderOptions
) -> list[Creature]:
    """Seeds and stored latents as parents; their generation is 0 where their file knows no other."""
    ws = generator.ws(keys, labels, options.truncation_psi, options.around)
    return [
        Creature(file_stem(key), w, label, *_lineage_of(key))
        for key, w, label in zip(keys, ws, labels, strict=True)
    ]


def offspring(
    generator: LoadedGenerator,
    parents: Sequence[Creature],
    count: int,
    *,
    mutation: float,
    seed: int,
    generation: int | None = None,
) -> tuple[str, list[Creature]]:
    """Breed `count` children and return a name for them all, and them.

    A child has two different parents, any two of more. Each group of layers is that of the first, that of the
    second, or a point between, each with a third of the probability. Then each group moves by `mutation` (0
    to 1) of the way to the w of a random seed. A child has the class of its first parent. generation: breed
    on at random, from children to their children, until this one. Raises UserError if parents are too old for
    it.
    """
    first = 1 + max(parent.generation for parent in parents)
    last = first if generation is None else generation
    if last < first:
        raise UserError(f"--generation {last}: children of these parents are of generation {first} or later")
    stem, children = "", list(parents)
    for number in range(first, last + 1):
        stem = f"gen{number}-{_checksum(parents, seed, mutation)}"
        rng = seeded(seed, "breeding", number)
        children = [
            _child(generator, children, f"{stem}-{i:03d}", number, mutation, rng) for i in range(count)
        ]
    return stem, children


def as_latents(children: Sequence[Creature], path: Path, **how: float) -> list[StoredLatent]:
    """The children as the latents of the file `path`, with their lineage and `how` they were bred."""
    return [
        StoredLatent(path, i, len(children), child.w.cpu().numpy(), {"lineage": child.lineage | how})
        for i, child in enumerate(children)
    ]


def family_sheet(
    generator: LoadedGenerator,
    parents: Sequence[Creature],
    children: Sequence[Creature],
    keys: Sequence[Key],
    options: RenderOptions,
    *,
    scale: Fraction | None = None,
    **how: float,
) -> np.ndarray:
    """Parents above their children as a labelled sheet, uint8 [H, W, 3]; children are numbered from 0.

    keys: of the parents. scale: of the tiles, by default a whole-number step to between 128 and 256 pixels.
    how: they were bred, for the caption.
    """
    scale = scale or comfortable_scale(generator.G.img_resolution, 128, 256)
    everyone = [*parents, *children]
    ws = torch.stack([creature.w for creature in everyone])
    noise = [*map(noise_seed, keys), *range(len(children))]
    tiles = sheet_tiles(generator, ws, noise, options, scale)
    old, young = tiles[: len(parents)], tiles[len(parents) :]
    columns = max(min(_A_ROW, len(young)), min(_A_ROW, len(old)))
    rows = [part[i : i + columns] for part in (old, young) for i in range(0, len(part), columns)]
    names = [key_name(key) for key in keys]
    labels = ["parents" + (f"\n{' x '.join(names)}" if len(names) == 2 else "")]
    labels += [""] * (-(-len(old) // columns) - 1)
    labels += [f"{i} to {min(i + columns, len(young)) - 1}" for i in range(0, len(young), columns)]
    return contact_sheet(
        rows,
        labels,
        [""] * columns,
        title=f"Generation {children[0].generation}",
        caption=" · ".join(
            [generator.name, children[0].name.rpartition("-")[0]]
            + [f"{name} {value}" for name, value in how.items()]
        ),
    )


def _child(
    generator: LoadedGenerator,
    parents: Sequence[Creature],
    name: str,
    generation: int,
    mutation: float,
    rng: torch.Generator,
) -> Creature:
    G = generator.G
    one, other = (parents[i] for i in torch.randperm(len(parents), generator=rng)[:2].tolist())
    c = one_hot([one.label], G.c_dim, generator.device)
    w = one.w.clone()
    for rows in groups_of(G.num_ws).values():
        kind = int(torch.randint(3, (), generator=rng))
        between = float(torch.rand((), generator=rng))
        share = (0.0, 1.0, between)[kind]
        z = torch.randn(1, G.z_dim, generator=rng).to(generator.device)
        with torch.no_grad():
            stranger = G.mapping(z, c)[0]
        part = list(rows)
        w[part] = one.w[part].lerp(other.w[part], share).lerp(stranger[part], mutation)
    ancestors = one.ancestors | other.ancestors | {name: [one.name, other.name]}
    return Creature(name, w, one.label, generation, ancestors)


def _checksum(parents: Sequence[Creature], seed: int, mutation: float) -> str:
    """Eight hexadecimal digits for what children come from, so that other children have other names."""
    digest = hashlib.sha256(repr((seed, mutation, [parent.label for parent in parents])).encode())
    for parent in parents:
        digest.update(parent.w.cpu().numpy().tobytes())
    return digest.hexdigest()[:8]


def _lineage_of(key: Key) -> tuple[int, dict[str, list[str]]]:
    """Generation and ancestors of a stored latent, as far as its file says them in earnest."""
    said = key.facts.get("lineage") if isinstance(key, StoredLatent) else None
    if not isinstance(said, dict):
        return 0, {}
    generation, ancestors = said.get("generation"), said.get("ancestors")
    if not isinstance(generation, int) or isinstance(generation, bool) or not 0 <= generation < 10_000:
        generation = 0
    listed = ancestors.items() if isinstance(ancestors, dict) else ()
    return generation, {
        name: parents
        for name, parents in listed
        if isinstance(parents, list) and all(isinstance(parent, str) for parent in parents)
    }
