"""The generator that pictures come from: loaded, checked, on its device, with the names of its classes."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from stylegan_pokemon.baselines.config import BaselineConfig
from stylegan_pokemon.checkpoint import load
from stylegan_pokemon.checkpoint.networks import AnyDiscriminator, AnyGenerator
from stylegan_pokemon.data.dataset import SizeOf
from stylegan_pokemon.errors import UserError
from stylegan_pokemon.files import sha256_of
from stylegan_pokemon.networks.blending import DEFAULT_ADAPTATION, adapt
from stylegan_pokemon.networks.discriminator import Discriminator
from stylegan_pokemon.networks.generator import Generator
from stylegan_pokemon.render.centres import Around, parse_around
from stylegan_pokemon.render.latents import class_index, one_hot, seed_classes, seed_latents
from stylegan_pokemon.render.refinement import GROWN_KIMG, LARGEST, STEPS, Refinement
from stylegan_pokemon.render.seeds import Key, StoredLatent, noise_seed
from stylegan_pokemon.render.truncation import truncated, truncated_ws


@dataclass(frozen=True)
class LoadedGenerator:
    """A generator ready to render."""

    G: AnyGenerator
    path: Path
    device: torch.device
    classes: Sequence[str] | None  # names by label, where the network knows them
    class_sizes: Sequence[int] = ()  # pictures that each class had in training, where the network knows it
    ends: tuple[Generator, Generator] | None = None  # of a fine-tuning run: at its start and at its end
    adaptation: float = 1.0  # where G lies between them
    shift: torch.Tensor | None = None  # [num_ws, w_dim], added to all ws; see `directions.edited`
    edits: str = ""  # what makes the shift
    D: AnyDiscriminator | None = None  # of the file, where it has one
    D_start: AnyDiscriminator | None = None  # of the start
    kimg: float = 0.0  # training by finetune.py, where it made the network
    refinement: Refinement | None = None  # of the latents of seeds

    @property
    def name(self) -> str:
        """The file's name, and the adaptation where it is not 1."""
        between = "" if self.adaptation == 1 else f" at adaptation {self.adaptation:g}"
        return self.path.name + between

    def at(self, adaptation: float) -> LoadedGenerator:
        """The same at another adaptation, 0 (start) to 1 (end), without refinement. Needs `ends`."""
        assert self.ends is not None
        return replace(self, G=adapt(*self.ends, adaptation), adaptation=adaptation, refinement=None)

    @property
    def pairs(self) -> list[tuple[Generator, Discriminator]]:
        """What can refine latents: generator and discriminator of the start, and those of this file."""
        start = (self.ends[0], self.D_start) if self.ends else (None, None)
        end = (self.G, self.D) if self.adaptation or self.D_start is None else (None, None)
        return [(G, D) for G, D in (start, end) if isinstance(G, Generator) and isinstance(D, Discriminator)]

    def sound_pairs(self) -> list[tuple[Generator, Discriminator]]:
        """`pairs`; raises UserError if a discriminator's weights are not numbers."""
        for _, D in self.pairs:
            _check_finite(D, self.path, "leave refining out (--refine 0) or use an earlier one")
        return self.pairs

    @property
    def usual_refinement(self) -> int:
        """The steps of `refined` when nobody says. A D judges alone only after a long training."""
        suits = len(self.pairs) > 1 or (self.pairs and self.kimg >= GROWN_KIMG)
        return STEPS if suits and self.G.img_resolution <= LARGEST else 0

    def refined(
        self, steps: int, progress: Callable[[Any], Any] = iter, batch: int | None = None
    ) -> LoadedGenerator:
        """The same with latents of seeds moved `steps` steps to where its discriminators see a creature.

        progress, batch: as `Refinement` takes them. Raises UserError without a discriminator or with one that
        diverged.
        """
        if not steps:
            return replace(self, refinement=None)
        if not self.pairs:
            raise UserError(
                f"--refine needs a discriminator of StyleGAN2, and {self.path} holds none; leave --refine"
                " out, or name a file that has one"
            )
        return replace(self, refinement=Refinement(self.sound_pairs(), steps, progress, batch))

    @property
    def unedited(self) -> LoadedGenerator:
        """The same without edits."""
        return self if self.shift is None else replace(self, shift=None, edits="")

    @property
    def draws_seeds_plainly(self) -> bool:
        """Whether a seed, its class and truncation tell all of its latent."""
        return self.refinement is None and not self.edits

    @property
    def size_of(self) -> SizeOf | None:
        """The `size_of` of a data set to measure with; a baseline system draws sizes that no zip has."""
        side = self.G.img_resolution
        return (lambda _: side) if isinstance(self.G.config, BaselineConfig) else None

    @property
    def without_classes(self) -> bool:
        """Whether every class draws alike: G still has the mapping network of a start without classes."""
        if self.adaptation == 1 or not isinstance(self.G, Generator) or self.G.c_dim < 2:
            return False
        embedding = self.G.mapping.embed.weight  # [features, classes]
        return bool((embedding == embedding[:, :1]).all())

    @property
    def learnt(self) -> list[int]:
        """The labels that training had pictures of; all labels if that is unknown."""
        labels = range(self.G.c_dim)
        known = len(self.class_sizes) == self.G.c_dim and any(self.class_sizes)
        return [label for label in labels if self.class_sizes[label]] if known else list(labels)

    @cached_property
    def fingerprint(self) -> str:
        """The SHA-256 of the network file, by which latents know their network; "" without a file."""
        return sha256_of(self.path) if self.path.is_file() else ""

    @property
    def facts(self) -> dict[str, Any]:
        """What latent files and pictures say of their network."""
        facts = {"network": self.path.name, "network_sha256": self.fingerprint}
        return facts if self.ends is None else facts | {"adaptation": self.adaptation}

    def labels(self, seeds: Sequence[Key], wanted: str | int | None) -> list[int]:
        """A label per seed: the class `wanted` (name or label) for all, or one of `learnt` from each seed.

        A stored latent has the class that its file names. Zeros for an unconditional network. Raises
        UserError for a class that does not exist.
        """
        if wanted is not None:
            return [class_index(wanted, self.classes, self.G.c_dim)] * len(seeds)
        if not self.G.c_dim:
            return [0] * len(seeds)
        learnt = self.learnt
        drawn = seed_classes([noise_seed(seed) for seed in seeds], len(learnt))
        return [
            learnt[place] if isinstance(seed, int) else self._class_of(seed, learnt[place])
            for seed, place in zip(seeds, drawn, strict=True)
        ]

    def class_name(self, label: int) -> str:
        """What a label is called; "" for an unconditional network."""
        if not self.G.c_dim:
            return ""
        if self.classes is None or len(self.classes) != self.G.c_dim:
            return f"class {label}"
        return str(self.classes[label])

    def _class_of(self, latent: StoredLatent, otherwise: int) -> int:
        label = latent.facts.get("class")
        return label if type(label) is int and 0 <= label < self.G.c_dim else otherwise

    def ws(
        self, keys: Sequence[Key], labels: Sequence[int], psi: float = 1.0, around: Around = "class"
    ) -> torch.Tensor:
        """Return ws [N, num_ws, w_dim] of seeds and stored latents, truncated by `psi` as in `truncated`.

        Then seeds are refined, where that is asked for, and edits come last. Raises UserError for a stored
        latent of another shape.
        """
        c = one_hot(labels, self.G.c_dim, self.device)
        drawn = [place for place, key in enumerate(keys) if isinstance(key, int)]
        ws = torch.empty(len(keys), self.G.num_ws, self.G.w_dim, device=self.device)
        with torch.no_grad():
            if drawn:
                seeds = [key for key in keys if isinstance(key, int)]
                z = seed_latents(seeds, self.G.z_dim, self.device)
                ws[drawn] = truncated(self.G, z, c[drawn], psi, around)
                if self.refinement is not None:
                    asked = [
                        (seed, labels[place], psi, around) for seed, place in zip(seeds, drawn, strict=True)
                    ]
                    ws[drawn] = self.refinement.of(asked, ws[drawn])
            stored = [place for place, key in enumerate(keys) if not isinstance(key, int)]
            if stored:
                latents = [
                    self._fitted(key, label)
                    for key, label in zip(keys, labels, strict=True)
                    if isinstance(key, StoredLatent)
                ]
                ws[stored] = truncated_ws(self.G, torch.stack(latents), c[stored], psi, around)
        return self.edited(ws)

    def edited(self, ws: torch.Tensor) -> torch.Tensor:
        """ws [..., num_ws, w_dim] with the shift of the edits, if any."""
        return ws if self.shift is None else ws + self.shift

    def _fitted(self, latent: StoredLatent, label: int) -> torch.Tensor:
        if latent.w is None:
            z, c = self.inputs([latent.facts["seed"]], [self._class_of(latent, label)])
            around = parse_around(str(latent.facts.get("around", "class")))
            return truncated(self.G, z, c, latent.facts["truncation"], around)[0]
        rows, width = latent.w.shape
        if width != self.G.w_dim or rows not in (1, self.G.num_ws):
            raise UserError(
                f"{latent.path} holds latents of {rows} × {width} numbers, and {self.path.name} takes"
                f" {self.G.num_ws} × {self.G.w_dim}; name a latent of this network"
            )
        return torch.from_numpy(latent.w).to(self.device).expand(self.G.num_ws, -1)

    def inputs(self, seeds: Sequence[int], labels: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
        """z [N, z_dim] and c [N, c_dim] of these seeds and labels, on the generator's device."""
        return seed_latents(seeds, self.G.z_dim, self.device), one_hot(labels, self.G.c_dim, self.device)

    def summary(self) -> str:
        """One line about the network, such as "64 × 64, RGB, 18 classes, adaptation 0.5, on cpu"."""
        colours = {1: "grey", 3: "RGB", 4: "RGB and alpha"}.get(self.G.img_channels, "unknown colours")
        classes = f"{self.G.c_dim} classes" if self.G.c_dim else "no classes"
        size = self.G.img_resolution
        between = "" if self.adaptation == 1 else f", adaptation {self.adaptation:g}"
        return f"{size} × {size}, {colours}, {classes}{between}, on {self.device}"


def load_generator(
    path: str | os.PathLike[str], device: torch.device, adaptation: float | None = None
) -> LoadedGenerator:
    """Load a network file for rendering: its G_ema, or its G where there is no average.

    adaptation: from 0, the start of the fine-tuning run that wrote the file, to 1, its end. None takes
    DEFAULT_ADAPTATION of a file that holds a start, and the generator as it is of any other.
    Raises UserError for a file without a generator, with weights that are not numbers, or without a start
    where an adaptation is given.
    """
    networks = load(path)
    G = networks.G_ema if networks.G_ema is not None else networks.G
    if G is None:
        raise UserError(f"{path} holds no generator; choose a network file that has one")
    started = networks.G_start is not None or adaptation is not None
    ends = networks.ends() if started else None
    for network in ends or (G,):
        _check_finite(network, path, "use an earlier one")
        network.eval().requires_grad_(False).to(device)
    said = networks.config or {}
    kimg = said.get("kimg")
    classes, sizes = said.get("classes"), said.get("class_sizes") or ()
    loaded = LoadedGenerator(G, Path(path), device, classes, sizes, ends)
    kimg = kimg if isinstance(kimg, int | float) else 0.0
    loaded = replace(loaded, D=networks.D, D_start=networks.D_start, kimg=kimg)
    return loaded if ends is None else loaded.at(DEFAULT_ADAPTATION if adaptation is None else adaptation)


def _check_finite(network: torch.nn.Module, path: str | os.PathLike[str], remedy: str) -> None:
    if not all(bool(torch.isfinite(tensor).all()) for tensor in network.state_dict().values()):
        raise UserError(f"{path} holds weights that are not numbers, its training diverged; {remedy}")
