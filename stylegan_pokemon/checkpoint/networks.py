"""What a checkpoint holds, whatever file it came from."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import torch
from torch import nn

from stylegan_pokemon.baselines.config import BaselineConfig
from stylegan_pokemon.baselines.interface import BaselineDiscriminator, BaselineGenerator
from stylegan_pokemon.errors import UserError, printable, shown
from stylegan_pokemon.networks.blending import adapt
from stylegan_pokemon.networks.config import DiscriminatorConfig, GeneratorConfig
from stylegan_pokemon.networks.discriminator import Discriminator
from stylegan_pokemon.networks.generator import Generator

AnyGenerator = Generator | BaselineGenerator
AnyDiscriminator = Discriminator | BaselineDiscriminator

NETWORKS = ("G", "D", "G_ema", "G_start", "D_start")
"""What a checkpoint may hold."""
STARTS = ("G_start", "D_start")
"""Those of them that every snapshot of a fine-tuning run repeats."""
TRAINING_SET = "training_set_kwargs"
"""How the official programs open the data that the networks were trained on."""
ADAPTATION = "adaptation"
"""In `Networks.config`: where between start and end of a run the generator of this file lies."""


@dataclass
class Networks:
    """Networks in eval mode on the CPU, with gradients switched off.

    `augment_p` is the strength of ADA when the file was written, None if unknown. `config` is plain JSON:
    "generator" and "discriminator" (the architectures), and what the writer added ("classes", "kimg", …).
    `source` is the file that the networks came from. `G_start` and `D_start` are G_ema and D as they were
    when fine-tuning began, in the run's own architecture; None unless a fine-tuning run wrote the file.
    D_start is None too where the checkpoint did not give all of both.
    """

    G: AnyGenerator | None = None
    D: AnyDiscriminator | None = None
    G_ema: AnyGenerator | None = None
    augment_p: float | None = None
    config: dict[str, Any] = field(default_factory=dict)
    source: str = ""
    G_start: AnyGenerator | None = None
    D_start: AnyDiscriminator | None = None

    def items(self) -> list[tuple[str, AnyGenerator | AnyDiscriminator]]:
        """The networks that are there, as (name, module)."""
        named = [(name, getattr(self, name)) for name in NETWORKS]
        return [(name, module) for name, module in named if module is not None]

    def record_architectures(self) -> None:
        """Put the architectures of the networks that are there into `config`."""
        generator = self.G_ema or self.G
        if generator is not None:
            self.config["generator"] = generator.config.to_json()
        if self.D is not None:
            self.config["discriminator"] = self.D.config.to_json()

    @property
    def baseline(self) -> str | None:
        """The name of the baseline system that these networks are of; None for StyleGAN2's."""
        configs = (network.config for _, network in self.items())
        return next((config.arch for config in configs if isinstance(config, BaselineConfig)), None)

    def check_stylegan(self, path: str | os.PathLike[str]) -> None:
        """Raise UserError if these are a baseline's networks, which the format of `path` cannot hold."""
        if self.baseline:
            suffix = os.path.splitext(path)[1]
            raise UserError(
                f"{path}: a {self.baseline} cannot be written as {suffix}, which is for StyleGAN2; write a"
                " .safetensors"
            )

    def ends(self) -> tuple[Generator, Generator]:
        """The generator at the start and at the end of its fine-tuning, between which `adapt` blends.

        The end is G_ema, or G where there is no average. Raises UserError, with the reason, without a start.
        """
        start, end = self.G_start, self.G_ema or self.G
        if isinstance(start, Generator) and isinstance(end, Generator):
            return start, end
        if ADAPTATION in self.config:
            why = "it was written at one adaptation already; name the snapshot that it was made from"
        elif self.config.get("start") == "fresh":
            why = "it was trained from nothing, so its start is noise; leave --adaptation out"
        else:
            why = ("it holds no start (G_start); snapshots of fine-tuning runs do, except those of earlier"
                   " versions; name one of them, or leave --adaptation out")  # fmt: skip
        raise UserError(f"no adaptation can be chosen for {self.source or 'this network'}: {why}")

    def at(self, adaptation: float) -> Networks:
        """These networks with one generator: the one at an adaptation from 0 (start) to 1 (end).

        It replaces the end (G_ema or G); G_start and D_start are dropped, D stays. `config` records the
        adaptation. Raises UserError as `ends` does.
        """
        start, end = self.ends()
        name = "G" if self.G_ema is None else "G_ema"
        dropped = dict.fromkeys(("G", "G_start", "D_start"))
        changed: dict[str, Any] = dropped | {name: adapt(start, end, adaptation)}
        return replace(self, **changed, config=self.config | {ADAPTATION: adaptation})

    def tidy(self) -> None:
        """Drop entries of `config` that a foreign file gives in an unexpected form."""
        names = self.config.get("classes")
        if isinstance(names, list) and all(isinstance(name, str) for name in names):
            self.config["classes"] = [printable(name) for name in names]
        else:
            self.config.pop("classes", None)
        sizes = self.config.get("class_sizes")
        if not (isinstance(sizes, list) and all(type(size) is int and size >= 0 for size in sizes)):
            self.config.pop("class_sizes", None)
        if not isinstance(self.config.get(TRAINING_SET), dict):
            self.config.pop(TRAINING_SET, None)


def no_number(_: str) -> None:
    """Parse NaN and Infinity as None; JSON does not know them."""


_N = TypeVar("_N", bound=nn.Module)
_C = TypeVar("_C", GeneratorConfig, DiscriminatorConfig, BaselineConfig)
_MAX_UNFOLDING = 4  # float32 per byte held: numbers of 8 bits
_SPARE = 1 << 20  # bytes; layers share their low-pass filter


def assemble(kind: Callable[[_C], _N], config: _C, tensors: dict[str, torch.Tensor], label: str) -> _N:
    """Build a network in float32 from its tensors, in eval mode, with gradients switched off.

    The meta device comes first, so that an architecture that the tensors do not back costs no memory. Raises
    UserError naming some tensors that are missing, superfluous or of another shape, and when many tensors
    share few numbers.
    """
    with torch.device("meta"):
        network = kind(config)
    expected = network.state_dict()
    wrong = [n for n in expected if n not in tensors or tensors[n].shape != expected[n].shape]
    wrong += [n for n, tensor in tensors.items() if n not in expected or not tensor.is_floating_point()]
    if wrong:
        named = ", ".join(shown(name, 60) for name in wrong[:4])
        raise UserError(f"{label} has tensors that do not fit its architecture: {named}")
    held = {t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in tensors.values()}
    if sum(4 * tensor.numel() for tensor in tensors.values()) > _MAX_UNFOLDING * sum(held.values()) + _SPARE:
        raise UserError(f"{label} has many tensors made of the same few numbers, as no checkpoint has")
    network.load_state_dict({name: _own(tensor) for name, tensor in tensors.items()}, assign=True)
    return network.eval().requires_grad_(False)


def _own(tensor: torch.Tensor) -> torch.Tensor:
    """The tensor in float32 and in memory of its own, since training changes networks in place."""
    result = tensor.to(torch.float32).contiguous()
    shares = result.untyped_storage().nbytes() != result.nbytes
    return result.clone() if shares or result.data_ptr() == tensor.data_ptr() else result
