"""The memory plan: how training is divided so that it fits, and what takes the memory, before it begins."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from stylegan_pokemon.errors import UserError
from stylegan_pokemon.networks.config import block_resolutions
from stylegan_pokemon.networks.discriminator import minibatch_group_size
from stylegan_pokemon.training.planning.memory import GRID, footprint
from stylegan_pokemon.training.settings.config import StyleGAN2Config
from stylegan_pokemon.training.systems.fallback import lowest_recomputed

GIB = 1 << 30
_FLOAT = 4  # bytes


@dataclass(frozen=True)
class Allowance:
    """What a device needs beyond the tensors."""

    program: int  # bytes: libraries and interpreter, on a card its context
    workspace: int  # bytes: of the convolution library
    gaps: float  # share of the worst phase that is lost between blocks,
    lane_gaps: float  # the same where lanes compute it, whose threads take no memory from each other's holes,
    grid: float  # and of what a tick renders, whose blocks do not fit into the gaps that training leaves
    card: bool  # else the main memory, where the decoded data set lies too


CPU = Allowance(program=345 << 20, workspace=0, gaps=0.4, lane_gaps=1.1, grid=0.9, card=False)
"""Measured with `bench memory` on Linux with glibc. The program is what training with 16×16 pictures takes.
The gaps are the C library's: what is freed between two blocks stays, a hole does not serve a block of its own
size (PyTorch asks for aligned ones, which takes some bytes more), and objects of less than 128 bytes settle
at the edges of holes, which then never close. The recorded calls of a training at 128×128, repeated: the
tensors alone grew the heap by 738 MiB, with all small objects among them by 976. Every thread has a heap of
its own: a training at 64×64 took 634 MiB in one lane, and 765 to 815 in two, of which 7 are gradients."""
CUDA = Allowance(program=460 << 20, workspace=256 << 20, gaps=0.1, lane_gaps=0.1, grid=0.0, card=True)
"""Assumed: contexts of 300 to 450 MiB are reported for Pascal; PyTorch takes the first of cuDNN's algorithms
whose workspace can be had, presumably gigabytes on a card of 80 GB, and little where memory is short; its
allocator cuts its blocks with small losses. `bench memory --device cuda` asks a card."""


@dataclass(frozen=True)
class Parts:
    """Bytes by use."""

    networks: int
    optimizers: int
    gradients: int
    activations: int  # of the worst phase
    pictures: int  # of the batch beyond those computed at once, with their noise
    data: int
    program: int
    workspace: int
    gaps: int
    worst_phase: str
    phases: dict[str, int]  # activations and gradients of each

    @property
    def total(self) -> int:
        """All of it."""
        return sum(self.parts().values())

    def parts(self) -> dict[str, int]:
        """By name, what adds up to the total."""
        return {name: size for name, size in dataclasses.asdict(self).items() if isinstance(size, int)}


@dataclass(frozen=True)
class Plan:
    """How training is divided, what that takes, and why."""

    batch_gpu: int
    recompute: int
    precision: str
    limit: int | None
    parts: Parts
    reasons: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """For config.json, with the total."""
        return dataclasses.asdict(self) | {"reasons": list(self.reasons), "total": self.parts.total}

    def lines(self) -> list[str]:
        """For people: the sum and its parts in GiB, and why training is divided like that."""
        words = {"optimizers": "optimisers", "pictures": "batch", "data": "data set"}
        words["activations"] = f"activations of {self.parts.worst_phase}"
        shown = {words.get(name, name): size for name, size in self.parts.parts().items()}
        sizes = " + ".join(f"{name} {size / GIB:.2f}" for name, size in shown.items() if size >= GIB // 200)
        limit = "" if self.limit is None else f" of {self.limit / GIB:.1f}"
        return [f"{self.parts.total / GIB:.2f}{limit} GiB = {sizes}", *self.reasons]


def plan(
    config: StyleGAN2Config,
    limit: int,
    allowance: Allowance,
    kernels: bool,
    largest: int,
    fixed: int | None = None,
) -> Plan:
    """Find the fastest division of the batch that fits into `limit` bytes.

    In order: ever smaller micro-batches, from `largest` down to a minibatch-std group, which cost nothing;
    then blocks whose activations are recomputed, from the highest resolution downwards, which cost up to a
    third of the time; then smaller groups, which change results. `fixed` is a micro-batch that was asked for;
    it stays.

    kernels: of ours, or else plain PyTorch, which takes more. Raises UserError when nothing fits.
    """
    tried: list[str] = []
    for batch_gpu, recompute in _divisions(config, largest, fixed):
        parts = plan_parts(
            dataclasses.replace(config, batch_gpu=batch_gpu, recompute=recompute), allowance, kernels
        )
        if parts.total <= limit:
            reasons = _reasons(config, batch_gpu, recompute, tried)
            return Plan(batch_gpu, recompute, config.precision, limit, parts, reasons)
        tried.append(f"{_divided(batch_gpu, recompute)}: {_size(parts.total)}")
    least = f"{_size(limit)} are too little: {tried[-1]}"
    if fixed is not None and fixed > 1:
        raise UserError(f"--batch-gpu {fixed}: {least}; leave --batch-gpu out, or lower it")
    raise UserError(
        f"{least}; use smaller networks (--channel-base, with --resume none or --adapt), a lower resolution,"
        " or --device cpu"
    )


def plan_parts(config: StyleGAN2Config, allowance: Allowance, kernels: bool) -> Parts:
    """What training takes as `config` divides it, whether it fits or not."""
    found = footprint(config, kernels, allowance.card)
    worst = max(found.phases, key=lambda name: found.phases[name])
    peak = found.phases[worst]
    return Parts(
        networks=found.networks,
        optimizers=found.optimizers,
        gradients=found.gradients[worst],
        activations=peak - found.gradients[worst],
        pictures=_pictures(config, config.batch - found.at_once),
        data=config.images * config.img_channels * config.img_resolution**2 if not allowance.card else 0,
        program=allowance.program,
        workspace=allowance.workspace,
        gaps=int((allowance.lane_gaps if found.lanes > 1 else allowance.gaps) * peak)
        + int(allowance.grid * found.phases[GRID]),
        worst_phase=worst,
        phases=found.phases,
    )


def _divisions(config: StyleGAN2Config, largest: int, fixed: int | None) -> Iterator[tuple[int, int]]:
    """(micro-batch, lowest resolution recomputed; 0 none), the fastest first."""
    group = minibatch_group_size(config.batch, config.discriminator["mbstd_group_size"])
    sizes = [largest]
    while sizes[-1] > 1:
        sizes.append(next(n for n in range(sizes[-1] // 2, 0, -1) if config.batch % n == 0))
    sizes = sizes if fixed is None else [fixed]
    enough = [n for n in sizes if n >= group] or sizes[:1]
    for n in enough:
        yield n, 0
    lowest = lowest_recomputed(config.img_resolution)
    for resolution in reversed([r for r in block_resolutions(config.img_resolution) if r >= lowest]):
        yield enough[-1], resolution
    for n in sizes[len(enough) :]:
        yield n, lowest


def _size(count: int) -> str:
    return f"{count / GIB:.1f} GiB" if count >= GIB // 2 else f"{count / (1 << 20):.2f} MiB"


def _divided(batch_gpu: int, recompute: int) -> str:
    pictures = f"{batch_gpu} picture{'s' if batch_gpu > 1 else ''} at once"
    return f"{pictures}, recomputing from {recompute}×{recompute} up" if recompute else pictures


def _reasons(config: StyleGAN2Config, batch_gpu: int, recompute: int, tried: list[str]) -> tuple[str, ...]:
    times = config.batch // batch_gpu
    reasons = [
        f"{_divided(batch_gpu, recompute)}, {times}× for a batch of {config.batch}"
        + (f"; does not fit: {'; '.join(tried)}" if tried else "")
    ]
    group = minibatch_group_size(config.batch, config.discriminator["mbstd_group_size"])
    if batch_gpu < group:
        reasons.append(f"the minibatch-std group shrinks from {group} to {batch_gpu}, which changes results")
    half = config.generator["num_fp16_res"]
    stored = {"fp32": "float32", "bf16": "bfloat16", "fp16": f"float16 in the {half} highest resolutions"}
    return (*reasons, f"activations are stored in {stored[config.precision]}")


def _pictures(config: StyleGAN2Config, n: int) -> int:
    """n pictures and their noise in float32: those of a batch that are not computed at once."""
    noise = [2 * r * r for r in block_resolutions(config.img_resolution)]
    pixels = config.img_channels * config.img_resolution**2 + sum(noise) * config.generator["use_noise"]
    return _FLOAT * max(n, 0) * pixels
