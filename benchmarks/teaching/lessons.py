"""The three lessons, each a loop with an end. Halves of a batch are trained side by side, one core each."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from tqdm import trange

from benchmarks.teaching.codes import CHIMERA, CHIMERAS, FLIP, Codes
from benchmarks.teaching.teacher import Features, Teacher
from stylegan_pokemon.data.dataset import SpriteDataset
from stylegan_pokemon.networks.discriminator import Discriminator
from stylegan_pokemon.networks.generator import Generator
from stylegan_pokemon.networks.layers import normalize_2nd_moment
from stylegan_pokemon.networks.mapping import MappingNetwork
from stylegan_pokemon.networks.synthesis import SynthesisNetwork
from stylegan_pokemon.training.settings.config import D_REG_INTERVAL
from stylegan_pokemon.training.systems import losses

BATCH = 32
_HALVES = 2
_WARMUP = 100  # steps
_AVERAGE = 0.995  # decay of averaged weights, per step
_DRAW_SCALES = {1: 1.0, 2: 1.0, 4: 1.0, 8: 1.0}  # of the pixel loss: factor of reduction, weight
_JOIN_SCALES = {1: 0.25, 2: 0.5, 4: 1.0, 8: 1.0}  # details are the discriminator's
_MAPPING_BATCH = 1024
_STEEPNESS = 12.0  # of the mapping network's first layer at a bit of z
_CLEAN = 3.0  # how much more its second layer listens to bits than to numbers

Terms = list[torch.Tensor]
Gradients = tuple[torch.Tensor | None, ...]


OnKimg = Callable[["Pupil", int, dict[str, float]], None]
"""Called after every 1,000 pictures and at the end: what learns, kimg shown, mean figures since."""


@dataclass
class Pupil:
    """What is being trained, and its average `ema`, of the same layout."""

    modules: nn.ModuleDict
    rate: float
    betas: tuple[float, float]
    ema: nn.ModuleDict = field(init=False)

    def __post_init__(self) -> None:
        self.modules.train().requires_grad_(True)
        self.parameters = list(self.modules.parameters())
        self.optimizer = torch.optim.Adam(self.parameters, lr=self.rate, betas=self.betas, fused=True)
        self.ema = copy.deepcopy(self.modules).eval().requires_grad_(False)
        self.steps = 0

    def learn(self, gradients: list[Gradients], share: float) -> None:
        """Step along the mean of the halves' gradients at `share` of the learning rate."""
        for parameter, *parts in zip(self.parameters, *gradients, strict=True):
            known = [part for part in parts if part is not None]
            parameter.grad = sum(known[1:], known[0]) / len(parts) if known else None
        self.steps += 1
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate * min(share, self.steps / _WARMUP)
        self.optimizer.step()
        with torch.no_grad():
            decay = min(_AVERAGE, self.steps / (self.steps + 20))
            torch._foreach_lerp_(list(self.ema.parameters()), self.parameters, 1 - decay)


def draw_lesson(
    synthesis: SynthesisNetwork,
    teacher: Teacher,
    critic: Discriminator,
    features: Features,
    pictures: SpriteDataset,
    kimg: float,
    on_kimg: OnKimg,
    feature_weight: float = 0.5,
) -> None:
    """Lesson 1: teacher and synthesis learn to draw the creatures of the choices, pixel by pixel.

    `critic` compares features and is not trained. The learning rate falls over the last quarter. The pupil of
    `on_kimg` has the modules "synthesis" and "teacher".
    """
    pupil = Pupil(nn.ModuleDict({"synthesis": synthesis, "teacher": teacher}), 3e-3, (0.5, 0.99))
    critic.eval().requires_grad_(False)

    def half(rows: np.ndarray) -> tuple[Terms, Gradients]:
        drawn, real = _drawn(synthesis, teacher(_rows(features, rows))), _pictures(pictures, rows)
        with torch.no_grad():
            wanted, _ = _features(critic, real)
        terms = [_pixel_loss(drawn, real, _DRAW_SCALES), _feature_loss(_features(critic, drawn)[0], wanted)]
        return terms, _gradients(terms[0] + feature_weight * terms[1], pupil.parameters)

    with ThreadPoolExecutor(_HALVES, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        for rows, share, tell in _steps(pupil, len(pictures), kimg, on_kimg, falling=0.25):
            terms, gradients = _both(pool, half, rows)
            pupil.learn(gradients, share)
            tell(dict(zip(("pixels", "features"), terms, strict=True)))


def map_lesson(codes: Codes, ws: torch.Tensor, mapping: MappingNetwork, steps: int) -> float:
    """Lesson 2: the mapping network learns the teacher's `ws` [N, w_dim] from latents of the same choices.

    Returns the share of their variance that it misses on latents that it has not seen.
    """
    plain = _PlainMapping(mapping)
    optimizer = torch.optim.Adam(plain.parameters(), lr=1e-3, betas=(0.9, 0.99), fused=True)
    spread, rng = ws.std(dim=0).mean(), np.random.default_rng(0)

    def missed() -> torch.Tensor:
        rows = rng.integers(0, len(codes), _MAPPING_BATCH)
        z = torch.from_numpy(codes.latents(rows, rng))
        with torch.autocast("cpu", torch.bfloat16):
            w = plain(z)
        return ((w.float() - ws[rows]) / spread).square().mean()

    for step in trange(steps, desc="mapping"):
        for group in optimizer.param_groups:
            group["lr"] = 1e-3 * min(1.0, 2 * (1 - step / steps), (step + 1) / _WARMUP)
        optimizer.zero_grad()
        missed().backward()
        optimizer.step()
    plain.write_to(mapping)
    with torch.no_grad():
        return float(missed() / ((ws - ws.mean(dim=0)) / spread).square().mean())


def join_lesson(
    G: Generator,
    D: Discriminator,
    codes: Codes,
    pictures: SpriteDataset,
    kimg: float,
    on_kimg: OnKimg,
    pixel_weight: float = 8.0,
    feature_weight: float = 6.0,
    gamma: float = 1.0,
) -> None:
    """Lesson 3: the whole generator learns the pictures of its latents and what the discriminator misses.

    The pupil of `on_kimg` has the module "G". D is trained in place.
    """
    pupil = Pupil(nn.ModuleDict({"G": G}), 2e-3, (0.0, 0.99))
    critic = Pupil(nn.ModuleDict({"D": D}), 2e-3, (0.0, 0.99))
    rng = np.random.default_rng(1)

    def latents(rows: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(codes.latents(rows, rng))

    def draw(given: tuple[np.ndarray, torch.Tensor]) -> tuple[Terms, Gradients]:
        rows, z = given
        drawn, real = _drawn(G.synthesis, G.mapping(z)[:, 0]), _pictures(pictures, rows)
        with torch.no_grad():
            wanted, _ = _features(D, real)
        found, logits = _features(D, drawn)
        terms = [_pixel_loss(drawn, real, _JOIN_SCALES), _feature_loss(found, wanted)]
        terms.append(losses.generator_loss(logits).mean())
        return terms, _gradients(
            pixel_weight * terms[0] + feature_weight * terms[1] + terms[2], pupil.parameters
        )

    def judge(given: tuple[np.ndarray, torch.Tensor, bool]) -> tuple[Terms, Gradients]:
        rows, z, regularise = given
        with torch.no_grad():
            drawn = _drawn(G.synthesis, G.mapping(z)[:, 0])
        real = _pictures(pictures, rows).requires_grad_(regularise)
        fake_logits, real_logits = D(drawn), D(real)
        loss = losses.discriminator_fake_loss(fake_logits).mean()
        loss = loss + losses.discriminator_real_loss(real_logits).mean()
        if regularise:
            loss = loss + D_REG_INTERVAL * gamma / 2 * losses.r1_penalty(real_logits, real).mean()
        return [fake_logits.mean(), real_logits.mean()], _gradients(loss, critic.parameters)

    with ThreadPoolExecutor(_HALVES, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        for rows, share, tell in _steps(pupil, len(pictures), kimg, on_kimg):
            others = rng.integers(0, len(pictures), BATCH)
            regularise = critic.steps % D_REG_INTERVAL == 0
            G.requires_grad_(False)
            logits, gradients = _both(pool, judge, others, latents, regularise)
            critic.learn(gradients, share)
            G.requires_grad_(True)
            D.requires_grad_(False)
            terms, gradients = _both(pool, draw, rows, latents)
            pupil.learn(gradients, share)
            D.requires_grad_(True)
            names = ("pixels", "features", "adversary", "D(fake)", "D(real)")
            tell(dict(zip(names, [*terms, *logits], strict=True)))


class _PlainMapping(nn.Module):
    """A mapping network in plain weights: Adam moves those far enough for steep steps, and the equalised ones
    hardly at all. Its first layer begins with a step at each bit of z."""

    def __init__(self, mapping: MappingNetwork) -> None:
        super().__init__()
        shapes = [getattr(mapping, f"fc{k}").weight.shape for k in range(mapping.num_layers)]
        self.layers = nn.ModuleList(nn.Linear(fan_in, out) for out, fan_in in shapes)
        for layer in self.layers:
            nn.init.normal_(layer.weight, std=1 / math.sqrt(layer.in_features))
            nn.init.zeros_(layer.bias)
        first, second = self.layers[0], self.layers[1]
        bits = [*range(FLIP), FLIP, CHIMERA]
        with torch.no_grad():
            for k, bit in enumerate(bits):
                at = float(torch.special.ndtri(torch.tensor(1 - CHIMERAS))) if bit == CHIMERA else 0.0
                # The difference of two leaky rectifiers is a step with flat ends.
                for row, shift in ((2 * k, 0.5), (2 * k + 1, -0.5)):
                    first.weight[row] = 0
                    first.weight[row, bit] = _STEEPNESS
                    first.bias[row] = shift - _STEEPNESS * at
                second.weight[:, 2 * k + 1] = -second.weight[:, 2 * k]
            second.weight[:, : 2 * len(bits)] *= _CLEAN

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        x = normalize_2nd_moment(z)
        for layer in self.layers:
            x = F.leaky_relu(layer(x), 0.2) * math.sqrt(2)
        return x

    @torch.no_grad()
    def write_to(self, mapping: MappingNetwork) -> None:
        """Store the weights as the network stores them: divided by its gains."""
        for k, layer in enumerate(self.layers):
            stored = getattr(mapping, f"fc{k}")
            stored.weight.copy_(layer.weight / stored.weight_gain)
            stored.bias.copy_(layer.bias / stored.bias_gain)


def _steps(
    pupil: Pupil, count: int, kimg: float, on_kimg: OnKimg, falling: float = 0.0
) -> Iterator[tuple[np.ndarray, float, Callable[[dict[str, torch.Tensor]], None]]]:
    """(rows of the batch, share of the learning rate, a function to tell the figures) of each step.

    The rate falls over the last share `falling` of the steps.
    """
    rng, total = np.random.default_rng(0), max(round(kimg * 1000 / BATCH), 1)
    sums: dict[str, float] = {}
    since = 0

    def tell(figures: dict[str, torch.Tensor]) -> None:
        for name, value in figures.items():
            sums[name] = sums.get(name, 0.0) + float(value.detach())

    for step in trange(total, desc="lesson"):
        left = 1 - step / total
        yield rng.choice(count, BATCH, replace=False), min(1.0, left / falling if falling else 1.0), tell
        since += 1
        done = (step + 1) * BATCH // 1000
        if done > step * BATCH // 1000 or step + 1 == total:
            on_kimg(pupil, done, {name: value / since for name, value in sums.items()})
            sums.clear()
            since = 0


def _both(
    pool: ThreadPoolExecutor, work: Callable, rows: np.ndarray, latents: Callable | None = None, *more: object
) -> tuple[Terms, list[Gradients]]:
    """Run `work` on the halves of a batch side by side: the means of its terms, and its gradients."""
    parts = np.array_split(rows, _HALVES)
    given = parts if latents is None else [(part, latents(part), *more) for part in parts]
    done = list(pool.map(work, given))
    return [torch.stack(terms).mean() for terms in zip(*(d[0] for d in done), strict=True)], [
        d[1] for d in done
    ]


def _gradients(loss: torch.Tensor, parameters: list[nn.Parameter]) -> Gradients:
    return torch.autograd.grad(loss, parameters, allow_unused=True)


def _drawn(synthesis: SynthesisNetwork, w: torch.Tensor) -> torch.Tensor:
    ws = w[:, None].expand(-1, synthesis.config.num_ws, -1)
    return synthesis(ws, noise_mode="const").float()


def _rows(features: Features, rows: np.ndarray) -> Features:
    return {name: values[rows] for name, values in features.items()}


def _pictures(pictures: SpriteDataset, rows: np.ndarray) -> torch.Tensor:
    return pictures.images(rows).float() / 127.5 - 1


def _pixel_loss(drawn: torch.Tensor, real: torch.Tensor, scales: dict[int, float]) -> torch.Tensor:
    """The mean absolute difference, of reduced pictures too."""
    return sum(
        (weight * (F.avg_pool2d(drawn - real, by) if by > 1 else drawn - real).abs().mean()
         for by, weight in scales.items()), start=torch.zeros([]))  # fmt: skip


def _features(critic: Discriminator, images: torch.Tensor) -> tuple[list[torch.Tensor], torch.Tensor]:
    """What every block of the discriminator gives, and the logits."""
    found: list[torch.Tensor] = []
    x, rest = None, images
    for resolution in reversed(critic.config.block_resolutions[1:]):
        x, rest = getattr(critic, f"b{resolution}")(x, rest, False)
        found.append(x)
    return found, critic.b4(x, rest)


def _feature_loss(found: list[torch.Tensor], wanted: list[torch.Tensor]) -> torch.Tensor:
    """The mean absolute difference of features whose every pixel has length √C."""
    differences = [(_unit(a) - _unit(b)).abs().mean() for a, b in zip(found, wanted, strict=True)]
    return torch.stack(differences).mean()


def _unit(x: torch.Tensor) -> torch.Tensor:
    x = x.float()
    return x / (x.square().mean(dim=1, keepdim=True) + 1e-4).sqrt()
