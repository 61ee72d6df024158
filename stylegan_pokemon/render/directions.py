"""Directions of w that change pictures in one way: closed form, principal components, named.

Closed-form factorisation (SeFa; Y. Shen and B. Zhou, "Closed-form factorization of latent semantics in GANs",
2021): what the styles' affine layers A amplify most, the eigenvectors of AᵀA. Principal components of w
(GANSpace; E. Härkönen et al. 2020). Named: how w changes on average with a class or a measure of the picture.
Whatever the direction, one unit is the standard deviation of w along it.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from stylegan_pokemon.cache import cache_folder
from stylegan_pokemon.errors import UserError
from stylegan_pokemon.files import whole_file
from stylegan_pokemon.networks.generator import Generator
from stylegan_pokemon.randomness import derive_seed
from stylegan_pokemon.render.edits import Edit, describe_edits
from stylegan_pokemon.render.images import synthesize
from stylegan_pokemon.render.latents import one_hot
from stylegan_pokemon.render.layers import rows_of
from stylegan_pokemon.render.looks import LOOKS, looks

if TYPE_CHECKING:
    from stylegan_pokemon.render.loaded import LoadedGenerator

_MEASURES = "looks1"  # another name where `looks` measures otherwise
SAMPLES = 4096  # latents behind standard deviations and principal components
_PICTURES = (256, 1024)  # behind measures of pictures: at least, and at most, at 64×64 and below


def sefa(G: Generator, layers: str = "all") -> torch.Tensor:
    """Closed-form directions [w_dim, w_dim], unit rows, the strongest first.

    They are the eigenvectors of AᵀA, where A stacks the affine weights of the convolutions that `layers`
    drive, and of the last ToRGB where nothing else reads its row. The largest component of each is positive.
    """
    affine = []
    for row in rows_of(layers, G.num_ws):
        block = getattr(G.synthesis, f"b{4 << (row + 1) // 2 if row < G.num_ws - 1 else G.img_resolution}")
        last = row == G.num_ws - 1
        layer = block.torgb if last else block.conv1 if row % 2 == 0 else block.conv0
        affine.append(layer.affine.weight.double().cpu() * layer.affine.weight_gain)
    A = torch.cat(affine)
    return _upright(torch.linalg.eigh(A.T @ A).eigenvectors.T.flip(0))


def principal_components(w: torch.Tensor) -> torch.Tensor:
    """Principal components [w_dim, w_dim] of w [N, w_dim], as rows: unit, the widest first, upright."""
    return _upright(torch.linalg.eigh(torch.cov(w.double().cpu().T)).eigenvectors.T.flip(0))


def regression(w: torch.Tensor, measures: torch.Tensor) -> torch.Tensor:
    """How w [N, w_dim] changes with each of measures [N, M] while the others stay: [M, w_dim].

    Least squares of w on all measures, each in its standard deviations, and a constant.
    """
    y = measures.double().cpu()
    y = (y - y.mean(dim=0)) / y.std(dim=0).clamp_min(1e-12)
    y = torch.cat([y, torch.ones(len(y), 1, dtype=y.dtype)], dim=1)
    return torch.linalg.lstsq(y, w.double().cpu(), driver="gelsd").solution[:-1]


def _upright(rows: torch.Tensor) -> torch.Tensor:
    largest = rows.gather(1, rows.abs().argmax(dim=1, keepdim=True))
    return rows * largest.sign()


@dataclass(frozen=True)
class _Meaning:
    """What a name stands for: a class, or a measure of the picture and its sign."""

    label: int | None = None
    measure: int = 0
    sign: int = 1


class Directions:
    """The directions of a network, each found when it is first asked for.

    progress: wraps the batches of pictures that measures are taken of, for a progress bar. What was found of
    them is kept in the program's cache.
    """

    def __init__(
        self, generator: LoadedGenerator, progress: Callable[[Sequence[int]], Iterable[int]] = iter
    ) -> None:
        self._generator, self._progress = generator, progress
        self._meanings = _meanings(generator)
        G = generator.G
        learnt = generator.learnt or [0]
        self._labels = torch.tensor([learnt[i % len(learnt)] for i in range(SAMPLES)])
        rng = torch.Generator().manual_seed(derive_seed(0, "directions"))
        z = torch.randn(SAMPLES, G.z_dim, generator=rng).to(generator.device)
        with torch.no_grad():
            self._w = G.mapping(z, one_hot(self._labels.tolist(), G.c_dim, generator.device))[:, 0].cpu()
        self._looks: torch.Tensor | None = None

    @property
    def names(self) -> list[str]:
        """What has a name, such as fire and bigger; numbers and pca0 … are further directions."""
        return list(self._meanings)

    def first(self, kind: str, count: int) -> list[str]:
        """The first directions of a kind: sefa, pca or named."""
        if kind == "named":
            return [name for name in self._meanings if self._meanings[name].sign > 0][:count]
        return [f"{'pca' if kind == 'pca' else ''}{i}" for i in range(min(count, self._w.shape[1]))]

    def find(self, direction: str, layers: str = "all") -> torch.Tensor:
        """Return what one unit of a direction adds to ws: [num_ws, w_dim], zero outside `layers`.

        direction: 0, 1, … of `sefa` over these layers; pca0, pca1, … of w; or a name, or the beginning of
        one. Raises UserError for what is unknown or ambiguous, and for a direction along which w does not
        change.
        """
        G = self._generator.G
        if re.fullmatch(r"\d+", direction, re.ASCII):
            if not isinstance(G, Generator):
                raise UserError(f"--edit {direction}: this network has no styles; choose pca0, or a name")
            along = self._numbered(sefa(G, layers), int(direction), direction)
        elif re.fullmatch(r"pca\d+", direction, re.ASCII):
            along = self._numbered(principal_components(self._w), int(direction[3:]), direction)
        else:
            along = self._named(self._known(direction))
        length = along.norm()
        along = along / length.clamp_min(1e-300)
        spread = (self._w.double() @ along).std()
        if length < 1e-9 or spread < 1e-9:
            raise UserError(f"--edit {direction}: nothing changes along it in this network; choose another")
        unit = torch.zeros(G.num_ws, G.w_dim)
        unit[list(rows_of(layers, G.num_ws))] = (along * spread).float()
        return unit.to(self._generator.device)

    def _numbered(self, found: torch.Tensor, number: int, direction: str) -> torch.Tensor:
        if number >= len(found):
            raise UserError(f"--edit {direction}: this network has the directions 0 to {len(found) - 1}")
        return found[number]

    def _named(self, meaning: _Meaning) -> torch.Tensor:
        if meaning.label is None:
            if self._looks is None:
                self._looks = self._kept_looks()
            return self._looks[meaning.measure].double() * meaning.sign
        own = self._labels == meaning.label
        return self._w[own].double().mean(dim=0) - self._w[~own].double().mean(dim=0)

    def _known(self, name: str) -> _Meaning:
        wanted = name.casefold()
        if wanted in self._meanings:
            return self._meanings[wanted]
        begin = [known for known in self._meanings if known.startswith(wanted)]
        if len(begin) == 1:
            return self._meanings[begin[0]]
        if begin:
            raise UserError(
                f"--edit: “{name}” may be {', '.join(begin[:-1])} or {begin[-1]}; write more of it"
            )
        near = difflib.get_close_matches(wanted, self._meanings, 2, 0.6)
        nearest = f" (near: {', '.join(near)})" if near else ""
        raise UserError(
            f"--edit: this network has no direction “{name}”{nearest}; choose {', '.join(self.names)},"
            " a number, or pca0, pca1, …"
        )

    def _kept_looks(self) -> torch.Tensor:
        """`regression` on LOOKS, from the cache where it is known."""
        generator = self._generator
        kept = None
        if generator.fingerprint:
            name = f"{generator.fingerprint[:32]}-{generator.adaptation:g}-{_MEASURES}.npy"
            kept = cache_folder() / "directions" / name
            try:
                found = np.load(kept, allow_pickle=False)
                if found.shape == (len(LOOKS), generator.G.w_dim) and np.isfinite(found).all():
                    return torch.from_numpy(found)
            except (OSError, ValueError, EOFError):
                pass
        found = self._measured()
        if kept is not None:
            try:
                kept.parent.mkdir(parents=True, exist_ok=True)
                with whole_file(kept) as temporary, open(temporary, "wb") as file:
                    np.save(file, found.numpy())
            except OSError:
                pass
        return found

    def _measured(self) -> torch.Tensor:
        G = self._generator.G
        least, most = _PICTURES
        count = max(least, min(most, most * 64 // G.img_resolution))
        ws = self._w[:count, None].expand(-1, G.num_ws, -1).to(self._generator.device)
        step = max(1, count // 16)
        parts = [
            looks(np.stack(list(synthesize(G, ws[i : i + step]))))
            for i in self._progress(range(0, count, step))
        ]
        return regression(self._w[:count], torch.from_numpy(np.concatenate(parts))).float()


def edited(
    generator: LoadedGenerator,
    edits: Sequence[Edit],
    progress: Callable[[Sequence[int]], Iterable[int]] = iter,
) -> LoadedGenerator:
    """The same with all its pictures edited. Raises UserError as `Directions.find` does."""
    if not edits:
        return generator
    directions = Directions(generator, progress)
    moves = [edit.amount * directions.find(edit.direction, edit.layers) for edit in edits]
    return replace(generator, shift=torch.stack(moves).sum(dim=0), edits=describe_edits(edits))


def _meanings(generator: LoadedGenerator) -> dict[str, _Meaning]:
    found: dict[str, _Meaning] = {}
    learnt = generator.learnt if len(generator.learnt) > 1 else []
    for label in learnt:
        name = generator.class_name(label).casefold()
        taken = name in found or re.fullmatch(r"(pca)?\d+", name, re.ASCII)
        found[f"class {label}" if taken else name] = _Meaning(label)
    for measure, (more, less) in enumerate(LOOKS.items()):
        found.setdefault(more, _Meaning(measure=measure))
        found.setdefault(less, _Meaning(measure=measure, sign=-1))
    return found
