"""Out of memory in the middle of a phase: everything goes back to where the phase began, in smaller parts.

A phase changes little before its optimiser steps: the average of w, ADA's counts, the statistics. Gradients
are dropped; parameters, optimisers and randomness are untouched, so that the phase can be repeated as if from
the start, with the same pictures, latents and augmentations.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch


def thriftier(
    batch_gpu: int, recompute: int, batch: int, group: int, resolution: int
) -> tuple[int, int] | None:
    """The next way to need less memory, dearest last: (micro-batch, lowest resolution recomputed; 0 none).

    Halving costs nothing down to a minibatch-std `group`; then recomputing the blocks that take the memory
    costs a third of the time; only then groups shrink, which changes results. None when nothing is left.
    """
    smaller = next((n for n in range(batch_gpu // 2, 0, -1) if batch % n == 0), None)
    lowest = lowest_recomputed(resolution)
    recomputes_all = 0 < recompute <= lowest
    if smaller is not None and (smaller >= group or recomputes_all):
        return smaller, recompute
    return None if recomputes_all else (batch_gpu, lowest)


def change_in_words(batch_gpu: int, recompute: int, batch: int, group: int, step: tuple[int, int]) -> str:
    """From which micro-batch and recomputation training goes on to those of `step`."""
    smaller_batch_gpu, recomputed = step
    held = f"{batch_gpu} pictures at once"
    if recomputed != recompute:
        size = f"{recomputed}×{recomputed}"
        return f"{held}; going on with as many, recomputing blocks from {size} up, about a third slower"
    smaller = f"{held}; going on with {smaller_batch_gpu}, the batch stays {batch}"
    shrinks = f"; the minibatch-std group shrinks from {group} to {smaller_batch_gpu}"
    return smaller + (shrinks if smaller_batch_gpu < group else "")


def lowest_recomputed(resolution: int) -> int:
    """The lowest resolution worth recomputing for pictures of `resolution`: what lies below takes little."""
    return max(resolution // 8, 8)


def remember(*holders: Any, tensors: tuple[torch.Tensor, ...] = ()) -> Callable[[], None]:
    """Return a function that puts the attributes of `holders` and the `tensors` back to what they are now.

    Of attributes, dictionaries are copied; other values must be replaced, not changed in place.
    """
    kept = [{k: copy.copy(v) for k, v in vars(holder).items()} for holder in holders]
    values = [tensor.detach().clone() for tensor in tensors]

    def restore() -> None:
        for holder, attributes in zip(holders, kept, strict=True):
            vars(holder).update({k: copy.copy(v) for k, v in attributes.items()})
        with torch.no_grad():
            for tensor, value in zip(tensors, values, strict=True):
                tensor.copy_(value)

    return restore
