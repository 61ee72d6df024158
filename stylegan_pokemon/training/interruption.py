"""What ends training before its last tick: SIGINT (Ctrl-C), SIGTERM, SIGHUP, and the hours of `--hours`.

No iteration is cut short: the loop asks between two iterations and writes its state before it ends.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FrameType

_ASKED = b"\nstopping after this iteration; again to stop at once\n"
_STDERR = 2
_HANGUP = getattr(signal, "SIGHUP", None)  # Windows has none
_SIGNALS = [number for number in (signal.SIGINT, signal.SIGTERM, _HANGUP) if number is not None]
_CAUTION = 1.5  # times the longest iteration and the longest writing so far: busy machines vary by as much


@dataclass
class Interruption:
    """Whether a signal has asked the program to stop, and which."""

    asked: signal.Signals | None = None


@contextlib.contextmanager
def interruptible() -> Iterator[Interruption]:
    """Within it, the first SIGINT, SIGTERM or SIGHUP is only noted; then SIGINT or SIGTERM ends the program.

    A terminal that closes sends SIGHUP several times, and the session often a SIGTERM as well. So a SIGHUP
    never counts as the second signal, nor as the first one for the others.

    Signals that the program was started to ignore (nohup, a shell's background jobs) stay ignored. Python
    delivers signals to the main thread only, so in any other thread nothing is noted.
    """
    interruption = Interruption()
    if threading.current_thread() is not threading.main_thread():
        yield interruption
        return
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    # None: set by something other than Python, and could not be restored.
    before = {number: old for number, old in before.items() if old not in (signal.SIG_IGN, None)}

    def note(number: int, _: FrameType | None) -> None:
        interruption.asked = signal.Signals(number)
        if number == _HANGUP:
            return
        # The system's own action needs no interpreter: it works in the middle of a long convolution.
        for each in before.keys() - {_HANGUP}:
            signal.signal(each, signal.SIG_DFL)
        if sys.stderr is not None:  # else a file may have its number
            with contextlib.suppress(OSError):  # print() is not safe in a handler; there may be no console
                os.write(_STDERR, _ASKED)

    for number in before:
        signal.signal(number, note)
    try:
        yield interruption
    finally:
        for number, old in before.items():
            signal.signal(number, old)


class Deadline:
    """When `--hours` are over, and whether another iteration and its writing still fit in.

    Args:
        seconds: from `started` on; None means never.
        started: a value of `now`, by default the present one.
        now: the clock, in seconds.
    """

    def __init__(
        self,
        seconds: float | None = None,
        started: float | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.now = now
        self._end = None if seconds is None else (now() if started is None else started) + seconds
        self._iteration = self._writing = 0.0

    @classmethod
    def of_hours(cls, hours: float | None, started: float | None = None) -> Deadline:
        """The deadline of `--hours`, counted from `started`, a time.monotonic(), or from now."""
        return cls(None if hours is None else hours * 3600, started)

    @contextlib.contextmanager
    def iteration(self) -> Iterator[None]:
        """Time an iteration: the next may take as long as the longest one."""
        started = self.now()
        yield
        self._iteration = max(self._iteration, self.now() - started)

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Time the writing (or, before anything was written, the reading) of a state or of a whole tick."""
        started = self.now()
        yield
        self._writing = max(self._writing, self.now() - started)

    def near(self) -> bool:
        """Whether the next iteration might not be finished and written in time."""
        if self._end is None:
            return False
        return self.now() + _CAUTION * (self._iteration + self._writing) > self._end
