"""Blocks whose activations are not kept for the backward pass but computed again there, picture by picture.

Only a block's inputs are kept. Backward, the block runs again on a few pictures at a time, so that the layers
between its ends never hold more than a piece of the micro-batch. The gradient is itself such an operation,
so that R1 and path lengths, which differentiate through gradients, are served like the losses: it too keeps
its inputs alone and computes again what its own derivative needs. (Chen et al. 2016, "Training deep nets with
sublinear memory cost"; the second order is ours.)

Pictures must not depend on each other within a block, which holds for all but the discriminator's last.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn
from torch.autograd.function import once_differentiable

_PIECE = 512  # a piece has about the pixels of one picture of this side: enough to keep a card busy

Tensors = tuple[torch.Tensor | None, ...]


def recomputed(
    block: nn.Module, resolution: int, compute: Callable[..., Tensors], *inputs: torch.Tensor | None
) -> Tensors:
    """Return compute(*inputs); its intermediate results are computed again where gradients need them.

    Args:
        block: holds all parameters that `compute` reads.
        resolution: of the block, in pixels; it decides how many pictures form a piece.
        compute: a function without randomness. Inputs with three or more axes and all outputs have the
            pictures along their first axis, and pictures do not depend on each other.
        inputs: tensors, or None.

    The result has derivatives of first and second order in the inputs and the block's parameters; they differ
    from those without recomputation by the order in which pictures are summed, in one piece not at all.
    """
    work = _Work(compute, len(inputs), max(_PIECE // resolution, 1) ** 2)
    parameters = [p for p in block.parameters() if p.requires_grad]
    return _Recomputed.apply(work, *inputs, *parameters)


class _Work:
    """What to compute, and how it is divided into pieces."""

    def __init__(self, compute: Callable[..., Tensors], inputs: int, piece: int) -> None:
        self.compute, self.inputs, self.piece = compute, inputs, piece

    def slices(self, tensors: Sequence[torch.Tensor | None]) -> list[slice]:
        n = next(t.shape[0] for t in tensors[: self.inputs] if t is not None and _has_pictures(t))
        return [slice(i, i + self.piece) for i in range(0, n, self.piece)]


class _Recomputed(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, work: _Work, *tensors: torch.Tensor | None) -> Tensors:
        ctx.work = work
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*tensors)
        slices = work.slices(tensors)
        results: list[_Sum] = []
        for own in slices:
            _add(results, work.compute(*_piece(tensors[: work.inputs], own)), own, tensors)
        return tuple(result.value for result in results)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor | None) -> Tensors:
        if all(grad is None for grad in grads):
            return (None,) * (1 + len(ctx.saved_tensors))
        needed = ctx.needs_input_grad[1:]
        return None, *_Gradient.apply(ctx.work, needed, len(grads), *grads, *ctx.saved_tensors)


class _Gradient(torch.autograd.Function):
    """The gradients of the tensors that are `needed`, from those of the results."""

    @staticmethod
    def forward(
        ctx: Any, work: _Work, needed: tuple[bool, ...], results: int, *tensors: torch.Tensor | None
    ) -> Tensors:
        ctx.work, ctx.needed, ctx.results = work, needed, results
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*tensors)
        grads, tensors = tensors[:results], tensors[results:]
        sums: list[_Sum] = []
        for own in work.slices(tensors):
            leaves = _leaves(work, tensors, needed, own)
            found = _first_order(work, leaves, needed, _piece(grads, own), again=False)
            _add(sums, found, own, tensors, work.inputs)
        return tuple(s.value for s in sums)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *seconds: torch.Tensor | None) -> Tensors:
        work, needed, results = ctx.work, ctx.needed, ctx.results
        grads, tensors = ctx.saved_tensors[:results], ctx.saved_tensors[results:]
        own_needed = ctx.needs_input_grad[3:]
        if all(second is None for second in seconds):
            return (None,) * (3 + len(own_needed))
        used = [second is not None for second in seconds]
        sums: list[_Sum] = []
        for own in work.slices(tensors):
            leaves = _leaves(work, tensors, needed, own)
            given = [None if g is None else g[own].detach().requires_grad_() for g in grads]
            found = _first_order(work, leaves, used, given, again=True)
            own_seconds = [*_piece(seconds[: work.inputs], own), *seconds[work.inputs :]]
            second = _gradients(found, [*given, *leaves], own_needed, own_seconds)
            _add(sums, second, own, tensors, results + work.inputs)
        return (None, None, None, *(s.value for s in sums))


def _first_order(
    work: _Work,
    leaves: Sequence[torch.Tensor | None],
    needed: Sequence[bool],
    grads: Sequence[torch.Tensor | None],
    again: bool,
) -> Tensors:
    """Gradients of the `needed` leaves for a piece; differentiable if they are to be differentiated again."""
    with torch.enable_grad():
        results = work.compute(*leaves[: work.inputs])
        return _gradients(results, leaves, needed, grads, again)


def _gradients(
    results: Sequence[torch.Tensor | None],
    wanted: Sequence[torch.Tensor | None],
    needed: Sequence[bool],
    grads: Sequence[torch.Tensor | None],
    create_graph: bool = False,
) -> Tensors:
    """As torch.autograd.grad, but None stands for what is not needed, not given, or without influence."""
    pairs = [
        (result, grad)
        for result, grad in zip(results, grads, strict=True)
        if result is not None and grad is not None and result.requires_grad
    ]
    inputs = [tensor for tensor, needs in zip(wanted, needed, strict=True) if needs and tensor is not None]
    if not pairs or not inputs:
        return (None,) * len(wanted)
    outputs, weights = zip(*pairs, strict=True)
    found = iter(torch.autograd.grad(outputs, inputs, weights, create_graph=create_graph, allow_unused=True))
    return tuple(next(found) if needs else None for needs in needed)


def _leaves(
    work: _Work, tensors: Sequence[torch.Tensor | None], needed: Sequence[bool], own: slice
) -> list[torch.Tensor | None]:
    """A piece of the inputs cut off from what made them, and the parameters themselves."""
    inputs = [
        None if t is None else t.detach().requires_grad_(needs)
        for t, needs in zip(_piece(tensors[: work.inputs], own), needed[: work.inputs], strict=True)
    ]
    return [*inputs, *tensors[work.inputs :]]


def _has_pictures(tensor: torch.Tensor) -> bool:
    return tensor.ndim >= 3


def _piece(tensors: Sequence[torch.Tensor | None], own: slice) -> list[torch.Tensor | None]:
    return [t[own] if t is not None and _has_pictures(t) else t for t in tensors]


class _Sum:
    """A result that comes in pieces: laid side by side where it has pictures, else added."""

    def __init__(self) -> None:
        self.value: torch.Tensor | None = None

    def add(self, piece: torch.Tensor | None, own: slice, pictures: int | None) -> None:
        """`pictures`: how many the whole has; None adds."""
        if piece is None:
            return
        if pictures is None:
            self.value = piece if self.value is None else self.value + piece
        elif piece.shape[0] == pictures:
            self.value = piece
        else:
            if self.value is None:
                dense = piece.ndim == 4 and not piece.is_contiguous()
                layout = torch.channels_last if dense else torch.contiguous_format
                self.value = torch.empty(
                    (pictures, *piece.shape[1:]), dtype=piece.dtype, device=piece.device, memory_format=layout
                )
            self.value[own] = piece


def _add(
    sums: list[_Sum],
    pieces: Tensors,
    own: slice,
    tensors: Sequence[torch.Tensor | None],
    pictured: int | None = None,
) -> None:
    """Add a piece of every result; the first `pictured` (None: all) have pictures along their first axis."""
    n = next(t.shape[0] for t in tensors if t is not None and _has_pictures(t))
    if not sums:
        sums.extend(_Sum() for _ in pieces)
    for index, (total, piece) in enumerate(zip(sums, pieces, strict=True)):
        whole = pictured is not None and index >= pictured
        total.add(piece, own, None if whole else n)
