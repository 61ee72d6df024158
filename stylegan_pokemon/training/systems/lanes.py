"""Micro-batches that a processor's cores compute side by side, each core its own.

An iteration at 64×64 is thousands of short operations. Two threads that share each of them wait for each
other as often, and when the system suspends one of them, the other waits a whole time slice. In lanes they
meet once per phase. Gradients and figures are added up in the order of the micro-batches, so results do not
depend on which lane was faster.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TypeVar

import torch
from torch import nn

_T = TypeVar("_T")


class MicroBatch:
    """What one micro-batch contributes to a phase: gradients of `parameters`, and figures to report."""

    def __init__(self, indices: torch.Tensor, parameters: Sequence[nn.Parameter]) -> None:
        self.indices = indices  # of its pictures in the batch
        self.figures: dict[str, torch.Tensor] = {}
        self._parameters = parameters
        self._gradients: tuple[torch.Tensor | None, ...] = (None,) * len(parameters)

    def backward(self, loss: torch.Tensor) -> None:
        """Differentiate a scalar and add its gradients to those of this micro-batch."""
        found = torch.autograd.grad(loss, self._parameters, allow_unused=True)
        self._gradients = tuple(_sum(a, b) for a, b in zip(self._gradients, found, strict=True))

    def report(self, name: str, values: torch.Tensor) -> None:
        """Note a figure; it enters the statistics once the whole phase has succeeded."""
        self.figures[name] = values.detach()

    def contribute(self) -> None:
        """Add the gradients to the parameters' `grad`, in their layout: fused Adam reads flat memory."""
        for parameter, gradient in zip(self._parameters, self._gradients, strict=True):
            if gradient is None:
                continue
            if parameter.grad is None:
                parameter.grad = torch.empty_like(parameter).copy_(gradient)
            else:
                parameter.grad.add_(gradient)
        self._gradients = (None,) * len(self._parameters)  # else those of all micro-batches are kept


class Lanes:
    """`count` threads, each with its share of PyTorch's `threads`; one lane is the calling thread itself."""

    def __init__(self, count: int, threads: int) -> None:
        self.count = count
        self._pool = None
        if count > 1:
            self._pool = ThreadPoolExecutor(count, "lane")
            together = threading.Barrier(count + 1)
            for _ in range(count):
                self._pool.submit(_begin, threads // count, together)
            together.wait()
            torch.set_num_threads(threads)  # else threads that start later have a lane's share

    def map(self, work: Callable[[MicroBatch], _T], micros: Sequence[MicroBatch]) -> Iterator[_T]:
        """Yield work(micro) of every micro-batch, in their order, each as soon as it is done.

        At most one result waits beside the micro-batches being computed: each holds gradients. An exception
        of `work` is raised when no lane is busy any more.
        """
        if self._pool is None or len(micros) == 1:
            yield from map(work, micros)
            return
        futures: deque[Future[_T]] = deque()
        try:
            for micro in micros:
                if len(futures) > self.count:
                    yield futures.popleft().result()
                futures.append(self._pool.submit(work, micro))
            while futures:
                yield futures.popleft().result()
        finally:
            for future in futures:
                future.cancel()
            wait(futures)


def lane_sizes(batch_gpu: int, group: int, threads: int) -> tuple[int, int]:
    """How many lanes a processor with `threads` uses, and the pictures of a micro-batch.

    Each lane takes its share of the `batch_gpu` pictures held at once, in whole minibatch-std groups.
    """
    groups = batch_gpu // group
    count = max(min(threads, groups), 1)
    return (count, -(-groups // count) * group) if count > 1 else (1, batch_gpu)


def _sum(a: torch.Tensor | None, b: torch.Tensor | None) -> torch.Tensor | None:
    if a is None or b is None:
        return b if a is None else a
    return a + b  # not in place: autograd may hand one tensor to several parameters


def _begin(threads: int, together: threading.Barrier) -> None:
    torch.get_num_threads()  # a new thread's first operation takes the process's number; that is now over
    torch.set_num_threads(threads)
    together.wait()
