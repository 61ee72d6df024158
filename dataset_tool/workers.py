"""Work spread over processes, results in order, memory bounded, and gone at once on Ctrl-C."""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from dataset_tool.problems import UserError

Item = TypeVar("Item")
Result = TypeVar("Result")

# Sending a task takes a fraction of a millisecond and a picture tens; in eights the sending no longer shows.
_CHUNK = 8
# Enough that no process waits while the results of a slow chunk are awaited, and few enough to hold in
# memory.
_CHUNKS_AHEAD = 3
# A process needs about 0.3 s to start and import Pillow, the work of some ten pictures.
_ITEMS_WORTH_A_PROCESS = 24
_OF_THE_PARENT = {signal.SIGINT, getattr(signal, "SIGHUP", signal.SIGINT)}  # Windows has no SIGHUP
# ProcessPoolExecutor refuses more on Windows.
_MAX_PROCESSES = 61


def available_cores() -> int:
    """Return how many cores this process may use, which in a container can be fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def ordered_map(
    function: Callable[[Item], Result], items: Sequence[Item], workers: int | None = None
) -> Iterator[Result]:
    """Yield `function(item)` for every item in order, from up to `workers` processes (None: one per core).

    Processes are spawned on every system: a fork would copy locks of threads that a caller (such as
    PyTorch) runs. Few items are worked off in this process. `function` must be importable by name. Raises
    UserError when a process is killed, which is what happens when memory runs out.
    """
    processes = min(workers or available_cores(), -(-len(items) // _ITEMS_WORTH_A_PROCESS), _MAX_PROCESSES)
    if processes <= 1:
        yield from map(function, items)
        return
    chunks = (items[start : start + _CHUNK] for start in range(0, len(items), _CHUNK))
    with _interrupts_ignored():  # a process that tracks resources starts here
        pool = ProcessPoolExecutor(
            processes, mp_context=multiprocessing.get_context("spawn"), initializer=_ignore_interrupts
        )
    pending: deque[Future[list[Result]]] = deque()
    try:
        with _interrupts_ignored():
            for chunk in itertools.islice(chunks, processes * _CHUNKS_AHEAD):
                pending.append(pool.submit(_run_chunk, function, chunk))
        while pending:
            results = pending.popleft().result()
            for chunk in itertools.islice(chunks, 1):
                pending.append(pool.submit(_run_chunk, function, chunk))
            yield from results
    except BrokenProcessPool as error:
        raise UserError(
            "a worker process was killed, probably because memory ran out: run again with --workers 1"
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _run_chunk(function: Callable[[Item], Result], chunk: Sequence[Item]) -> list[Result]:
    return [function(item) for item in chunk]


@contextlib.contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Let processes that start meanwhile inherit that Ctrl-C and a closed terminal, which reach all of them,
    are the parent's affair.

    Their initializer alone comes too late: for the first third of a second they import, and would end in
    a traceback.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handlers = {number: signal.signal(number, signal.SIG_IGN) for number in _OF_THE_PARENT}
    try:
        yield
    finally:
        # A handler that was not installed from Python is reported as None and cannot be put back.
        defaults = {signal.SIGINT: signal.default_int_handler}
        for number, handler in handlers.items():
            signal.signal(number, defaults.get(number, signal.SIG_DFL) if handler is None else handler)


def _ignore_interrupts() -> None:
    # Windows inherits no handlers.
    for number in _OF_THE_PARENT:
        signal.signal(number, signal.SIG_IGN)
