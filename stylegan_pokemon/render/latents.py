"""Latents, class vectors, and the ways between two of them."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Sequence

import numpy as np
import torch

from stylegan_pokemon.errors import UserError
from stylegan_pokemon.randomness import derive_seed


def seed_latents(seeds: Sequence[int], z_dim: int, device: torch.device | str = "cpu") -> torch.Tensor:
    """Return z float32 [N, z_dim], one row per seed, each independent of the other seeds.

    Row s is `numpy.random.RandomState(s).randn(1, z_dim)`, the convention of StyleGAN2-ADA's tools, so that
    a seed of a shared checkpoint gives the picture that others post.
    """
    rows = [np.random.RandomState(seed).randn(1, z_dim) for seed in seeds]
    return torch.from_numpy(np.concatenate(rows)).to(device, torch.float32)


def seed_classes(seeds: Sequence[int], c_dim: int) -> list[int]:
    """Draw a class for each seed, uniform over `c_dim` classes and determined by the seed alone."""
    return [derive_seed(seed, "class") % c_dim for seed in seeds]


def one_hot(labels: Sequence[int], c_dim: int, device: torch.device | str = "cpu") -> torch.Tensor:
    """Return class vectors float32 [N, c_dim] for labels in 0 … c_dim − 1; [N, 0] when c_dim is 0."""
    if c_dim == 0:
        return torch.zeros(len(labels), 0, device=device)
    indices = torch.tensor(list(labels), dtype=torch.int64, device=device)
    return torch.nn.functional.one_hot(indices, c_dim).to(torch.float32)


def class_index(wanted: str | int, classes: Sequence[str] | None, c_dim: int, option: str = "--class") -> int:
    """Resolve what a person typed for `option`, a name (in any case) or a number, to a label.

    classes: names by label, or None where the network holds none. A name comes before a number, so that
    classes called "1" … "9" mean what they say; an int is a label. Raises UserError that lists what there is.
    """
    if c_dim == 0:
        raise UserError(f"{option}: this network is unconditional, it has no classes; leave {option} out")
    if isinstance(wanted, int) and 0 <= wanted < c_dim:
        return wanted
    names = [str(name) for name in classes] if classes and len(classes) == c_dim else None
    text = str(wanted).strip()
    if names:
        folded = [name.casefold() for name in names]
        if text.casefold() in folded:
            return folded.index(text.casefold())
    if text.isascii() and text.isdigit() and int(text) < c_dim:
        return int(text)
    known = f"{', '.join(names)}, or a number from" if names else "a number from"
    spelt = {name.casefold(): name for name in names or ()}
    near = [spelt[name] for name in difflib.get_close_matches(text.casefold(), spelt, 2, 0.6)]
    nearest = f" (near: {', '.join(near)})" if near else ""
    raise UserError(
        f"{option}: this network has no class “{wanted}”{nearest}; choose {known} 0 to {c_dim - 1}"
    )


def lerp(a: torch.Tensor, b: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    """Straight line from a [..., D] to b [..., D] at t [F] in 0 … 1: returns [F, ..., D]."""
    t = t.to(a).reshape(-1, *[1] * a.ndim)
    return a * (1 - t) + b * t


def slerp(a: torch.Tensor, b: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    """Great circle from a [..., D] to b [..., D] at t [F] in 0 … 1: returns [F, ..., D].

    The direction turns at constant speed and the length changes linearly, so that vectors of equal length
    keep it (K. Shoemake, "Animating rotation with quaternion curves", 1985). Opposite vectors, between which
    no great circle is singled out, turn through a fixed perpendicular one; a zero vector has no direction,
    so the way from or to it is straight.
    """
    x, y = a.cpu().double(), b.cpu().double()  # not every accelerator has float64
    length_x, length_y = x.norm(dim=-1, keepdim=True), y.norm(dim=-1, keepdim=True)
    zero = (length_x == 0) | (length_y == 0)
    x, y = x / length_x.clamp_min(1e-300), y / length_y.clamp_min(1e-300)
    cosine = (x * y).sum(dim=-1, keepdim=True)
    ahead = y - cosine * x
    sine = ahead.norm(dim=-1, keepdim=True)
    ahead = torch.where(sine > 1e-7, ahead / sine.clamp_min(1e-300), _perpendicular(x))
    angle = torch.atan2(torch.where(sine > 1e-7, sine, torch.zeros_like(sine)), cosine)
    s = t.cpu().double().reshape(-1, *[1] * a.ndim)
    way = (length_x * (1 - s) + length_y * s) * (torch.cos(s * angle) * x + torch.sin(s * angle) * ahead)
    straight = lerp(a.cpu().double(), b.cpu().double(), t)
    return torch.where(zero, straight, way).to(a)


def _perpendicular(x: torch.Tensor) -> torch.Tensor:
    """A unit vector at right angles to each unit vector x [..., D], from the axis it points along least."""
    axis = torch.nn.functional.one_hot(x.abs().argmin(dim=-1), x.shape[-1]).to(x)
    across = axis - (axis * x).sum(dim=-1, keepdim=True) * x
    return across / across.norm(dim=-1, keepdim=True).clamp_min(1e-300)


def _ease_in_out(t: float) -> float:
    return 4 * t**3 if t < 0.5 else 1 - (2 - 2 * t) ** 3 / 2


EASINGS: dict[str, Callable[[float], float]] = {
    "linear": lambda t: t,
    "smooth": lambda t: (1 - math.cos(math.pi * t)) / 2,
    "ease-in-out": _ease_in_out,  # cubic: lingers longer at each seed than the cosine of "smooth"
}
"""How time runs between two keyframes: functions of 0 … 1 that rise from 0 to 1."""


def step_positions(frames: int, easing: str) -> torch.Tensor:
    """Positions float64 [frames] of one step, its start included and its end, where the next starts, not."""
    return torch.tensor([EASINGS[easing](i / frames) for i in range(frames)], dtype=torch.float64)
