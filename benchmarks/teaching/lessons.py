"""The lessons, each a loop with an end."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from tqdm import trange

from benchmarks.teaching.codes import CHIMERA, CHIMERAS, EYES, FLIP, PALETTE, Codes
from benchmarks.teaching.critic import ToldCritic, block_features
from benchmarks.teaching.teacher import Features, Teacher
from stylegan_pokemon.data.dataset import SpriteDataset
from stylegan_pokemon.networks.discriminator import Discriminator
from stylegan_pokemon.networks.layers import normalize_2nd_moment
from stylegan_pokemon.networks.mapping import MappingNetwork
from stylegan_pokemon.networks.synthesis import SynthesisNetwork
from stylegan_pokemon.training.settings.config import D_REG_INTERVAL
from stylegan_pokemon.training.systems import losses

_DRAW_BATCH, _INK_BATCH, _MAPPING_BATCH = 32, 16, 1024
_WARMUP = 100  # steps
_AVERAGE = 6400  # pictures that weights are averaged over
_DRAW_SCALES = {1: 1.0, 2: 1.0, 4: 1.0, 8: 1.0}  # of the pixel loss: factor of reduction, weight
_INK_SCALES = {1: 0.25, 2: 0.5, 4: 1.0, 8: 1.0}  # details are the discriminator's
_STEEPNESS = 12.0  # of the mapping network's first layer at a bit of z
_CLEAN = 3.0  # how much more its second layer listens to bits than to numbers
_THRESHOLDS = {PALETTE: (48, 3.0), EYES: (12, 3.0)}  # units that begin along one number, and their steepness
_METRIC_CREATURES = 24
_METRIC_STEP = 0.1  # of the spread of w
_PLAIN_SHARE = 0.1  # of the metric: w itself, beside what pictures show

Figures = dict[str, torch.Tensor]
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

    def learn(self, loss: torch.Tensor, batch: int, share: float) -> None:
        """Step along the gradient of `loss` at `share` of the learning rate."""
        self.steps += 1
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate * min(share, self.steps / _WARMUP)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        with torch.no_grad():
            decay = min(1 - batch / _AVERAGE, self.steps / (self.steps + 20))
            torch._foreach_lerp_(list(self.ema.parameters()), self.parameters, 1 - decay)


def draw_lesson(
    synthesis: SynthesisNetwork,
    teacher: Teacher,
    D: Discriminator,
    features: Features,
    pictures: SpriteDataset,
    kimg: float,
    on_kimg: OnKimg,
    feature_weight: float = 0.5,
) -> None:
    """Lesson 1: teacher and synthesis learn to draw the creatures of the choices, pixel by pixel.

    D compares features and is not trained. The learning rate falls over the last quarter. The pupil of
    `on_kimg` has the modules "synthesis" and "teacher".
    """
    pupil = Pupil(nn.ModuleDict({"synthesis": synthesis, "teacher": teacher}), 3e-3, (0.5, 0.99))
    D.eval().requires_grad_(False)
    for rows, share, tell in _steps(pupil, _DRAW_BATCH, len(pictures), kimg, on_kimg, falling=0.25):
        ws = teacher({name: values[rows] for name, values in features.items()})
        drawn, real = _drawn(synthesis, ws), _pictures(pictures, rows)
        pixels = _pixel_loss(drawn, real, _DRAW_SCALES)
        difference = _feature_loss(block_features(D, drawn)[0], block_features(D, real)[0])
        pupil.learn(pixels + feature_weight * difference, _DRAW_BATCH, share)
        tell({"pixels": pixels, "features": difference})


def ink_lesson(
    synthesis: SynthesisNetwork,
    critic: ToldCritic,
    ws: torch.Tensor,
    plans: torch.Tensor,
    pictures: SpriteDataset,
    kimg: float,
    on_kimg: OnKimg,
    pixel_weight: float = 4.0,
    gamma: float = 1.0,
) -> None:
    """Lesson 2: lines and faces, from a discriminator that is told the creature.

    ws: [N, w_dim] of the teacher. plans: int64 [N]. The pupil of `on_kimg` has the module "synthesis".
    """
    pupil = Pupil(nn.ModuleDict({"synthesis": synthesis}), 1.5e-3, (0.0, 0.99))
    judge = Pupil(nn.ModuleDict({"critic": critic}), 2e-3, (0.0, 0.99))
    told, rng = (ws - ws.mean(dim=0)) / ws.std(dim=0), np.random.default_rng(1)
    for rows, share, tell in _steps(pupil, _INK_BATCH, len(pictures), kimg, on_kimg):
        others = rng.integers(0, len(pictures), _INK_BATCH)
        real = _pictures(pictures, others).requires_grad_(judge.steps % D_REG_INTERVAL == 0)
        with torch.no_grad():
            drawn = _drawn(synthesis, ws[others])
        known = (told[others], plans[others])
        (fake_logits, fake_places), (real_logits, real_places) = critic(drawn, *known), critic(real, *known)
        loss = losses.discriminator_fake_loss(fake_logits).mean()
        loss = loss + losses.discriminator_fake_loss(fake_places).mean()
        loss = loss + losses.discriminator_real_loss(real_logits).mean()
        loss = loss + losses.discriminator_real_loss(real_places).mean()
        if real.requires_grad:
            judged = real_logits + real_places.mean(dim=(2, 3))
            loss = loss + D_REG_INTERVAL * gamma / 2 * losses.r1_penalty(judged, real).mean()
        judge.learn(loss, _INK_BATCH, share)

        critic.requires_grad_(False)
        drawn = _drawn(synthesis, ws[rows])
        pixels = _pixel_loss(drawn, _pictures(pictures, rows), _INK_SCALES)
        logits, places = critic(drawn, told[rows], plans[rows])
        adversary = losses.generator_loss(logits).mean() + losses.generator_loss(places).mean()
        pupil.learn(pixel_weight * pixels + adversary, _INK_BATCH, share)
        critic.requires_grad_(True)
        scores = {"D(fake)": fake_logits.mean(), "D(real)": real_logits.mean()}
        scores |= {"places(fake)": fake_places.mean(), "places(real)": real_places.mean()}
        tell({"pixels": pixels, "adversary": adversary, **scores})


def picture_metric(synthesis: SynthesisNetwork, ws: torch.Tensor) -> torch.Tensor:
    """How much pictures show of a difference in w: [w_dim, w_dim], the mean of JᵀJ over some creatures.

    J is the derivative of a picture at half its resolution. The mean variance of ws [N, w_dim] is 1 + 0.1 in
    this metric: colours and faces are small in w and large in pictures, so both count.
    """
    size = ws.shape[1]
    step, total = _METRIC_STEP * float(ws.std(dim=0).mean()), torch.zeros(size, size)
    offsets = torch.cat([torch.zeros(1, size), step * torch.eye(size)])
    for row in np.random.default_rng(0).choice(len(ws), min(_METRIC_CREATURES, len(ws)), replace=False):
        with torch.no_grad():
            parts = [_drawn(synthesis, ws[row] + part) for part in offsets.split(64)]
        drawn = torch.cat([F.avg_pool2d(part, 2).flatten(1) for part in parts])
        J = (drawn[1:] - drawn[:1]) / step
        total += J @ J.T
    spread = torch.cov(ws.T)
    return total / (total @ spread).trace() + _PLAIN_SHARE * torch.eye(size) / spread.trace()


def map_lesson(
    codes: Codes, ws: torch.Tensor, mapping: MappingNetwork, metric: torch.Tensor, steps: int
) -> float:
    """Lesson 3: the mapping network learns the teacher's `ws` [N, w_dim] from latents of the same choices.

    metric: as of `picture_metric`. Returns the share of their variance in it that the network misses.
    """
    plain = _PlainMapping(mapping)
    optimizer = torch.optim.Adam(plain.parameters(), lr=1e-3, betas=(0.9, 0.99), fused=True)
    root, rng = torch.linalg.cholesky(metric), np.random.default_rng(0)

    def missed() -> torch.Tensor:
        rows = rng.integers(0, len(codes), _MAPPING_BATCH)
        z = torch.from_numpy(codes.latents(rows, rng))
        with torch.autocast("cpu", torch.bfloat16):
            w = plain(z)
        return ((w.float() - ws[rows]) @ root).square().sum(dim=1).mean()

    for step in trange(steps, desc="mapping"):
        for group in optimizer.param_groups:
            group["lr"] = 1e-3 * min(1.0, 2 * (1 - step / steps), (step + 1) / _WARMUP)
        optimizer.zero_grad()
        missed().backward()
        optimizer.step()
    plain.write_to(mapping)
    with torch.no_grad():
        return float(missed() / ((ws - ws.mean(dim=0)) @ root).square().sum(dim=1).mean())


class _PlainMapping(nn.Module):
    """A mapping network in plain weights: Adam moves those far enough for steep steps, and the equalised ones
    hardly at all. Its first layer begins with a step at each bit of z and thresholds along palettes."""

    def __init__(self, mapping: MappingNetwork) -> None:
        super().__init__()
        shapes = [getattr(mapping, f"fc{k}").weight.shape for k in range(mapping.num_layers)]
        self.layers = nn.ModuleList(nn.Linear(fan_in, out) for out, fan_in in shapes)
        for layer in self.layers:
            nn.init.normal_(layer.weight, std=1 / math.sqrt(layer.in_features))
            nn.init.zeros_(layer.bias)
        first, second = self.layers[0], self.layers[1]
        bits = [*range(PALETTE), FLIP, CHIMERA]
        with torch.no_grad():
            for k, bit in enumerate(bits):
                at = float(torch.special.ndtri(torch.tensor(1 - CHIMERAS))) if bit == CHIMERA else 0.0
                # The difference of two leaky rectifiers is a step with flat ends.
                for unit, shift in ((2 * k, 0.5), (2 * k + 1, -0.5)):
                    _look_at(first, unit, bit, _STEEPNESS, shift - _STEEPNESS * at)
                second.weight[:, 2 * k + 1] = -second.weight[:, 2 * k]
            second.weight[:, : 2 * len(bits)] *= _CLEAN
            unit = 2 * len(bits)
            for number, (count, steepness) in _THRESHOLDS.items():
                for at in torch.special.ndtri(torch.linspace(0, 1, count + 2)[1:-1]).tolist():
                    _look_at(first, unit, number, steepness, -steepness * at)
                    unit += 1

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


def _look_at(layer: nn.Linear, unit: int, number: int, weight: float, bias: float) -> None:
    """Have a unit see one number of z alone."""
    layer.weight[unit] = 0
    layer.weight[unit, number] = weight
    layer.bias[unit] = bias


def _steps(
    pupil: Pupil, batch: int, count: int, kimg: float, on_kimg: OnKimg, falling: float = 0.0
) -> Iterator[tuple[np.ndarray, float, Callable[[Figures], None]]]:
    """(rows of the batch, share of the learning rate, a function to tell the figures) of each step.

    The rate falls over the last share `falling` of the steps.
    """
    rng, total = np.random.default_rng(0), max(round(kimg * 1000 / batch), 1)
    sums: dict[str, float] = {}
    since = 0

    def tell(figures: Figures) -> None:
        for name, value in figures.items():
            sums[name] = sums.get(name, 0.0) + float(value.detach())

    for step in trange(total, desc="lesson"):
        left = 1 - step / total
        yield rng.choice(count, batch, replace=False), min(1.0, left / falling if falling else 1.0), tell
        since += 1
        done = (step + 1) * batch // 1000
        if done > step * batch // 1000 or step + 1 == total:
            on_kimg(pupil, done, {name: value / since for name, value in sums.items()})
            sums.clear()
            since = 0


def _drawn(synthesis: SynthesisNetwork, w: torch.Tensor) -> torch.Tensor:
    ws = w[:, None].expand(-1, synthesis.config.num_ws, -1)
    return synthesis(ws, noise_mode="const").float()


def _pictures(pictures: SpriteDataset, rows: np.ndarray) -> torch.Tensor:
    return pictures.images(rows).float() / 127.5 - 1


def _pixel_loss(drawn: torch.Tensor, real: torch.Tensor, scales: dict[int, float]) -> torch.Tensor:
    """The mean absolute difference, of reduced pictures too."""
    return sum(
        (weight * (F.avg_pool2d(drawn - real, by) if by > 1 else drawn - real).abs().mean()
         for by, weight in scales.items()), start=torch.zeros([]))  # fmt: skip


def _feature_loss(found: list[torch.Tensor], wanted: list[torch.Tensor]) -> torch.Tensor:
    """The mean absolute difference of features whose every pixel has length √C."""
    differences = [(_unit(a) - _unit(b)).abs().mean() for a, b in zip(found, wanted, strict=True)]
    return torch.stack(differences).mean()


def _unit(x: torch.Tensor) -> torch.Tensor:
    x = x.float()
    return x / (x.square().mean(dim=1, keepdim=True) + 1e-4).sqrt()
