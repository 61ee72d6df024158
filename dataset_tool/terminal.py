"""The streams that programs print to. They may be closed, full, without a reader, or not UTF-8.

Work is worth more than its console: it continues without one. This module needs nothing but Python.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any, TextIO

_READER_GONE = (errno.EPIPE, errno.EINVAL)  # of a pipe; EINVAL on Windows


@contextlib.contextmanager
def steady_output() -> Iterator[None]:
    """Run a program whose output can be lost without ending it.

    A closed stdin, stdout or stderr becomes the null device. Output is dropped silently if its reader has
    gone away. If stdout cannot be written for another reason, such as a full disk, one sentence on stderr
    says so, and a program that would have succeeded ends with status 1, unless `only_a_log` was called.
    Signs that the encoding of a stream lacks are written as escapes. Streams that a caller has redirected
    within Python stay as they are. SIGTERM and SIGHUP end the program as Ctrl-C does, so that what is half
    written is removed, unless it handles them itself.
    """
    _open_closed_streams()
    sys.stdout, sys.stderr = _steady(sys.stdout, sys.__stdout__), _steady(sys.stderr, sys.__stderr__)
    try:
        with _ends_raised():
            yield
    except _Ended:
        print("stopped by a signal; files already written are whole and stay", file=sys.stderr)
        raise
    finally:
        sys.stdout.flush()
        raw = _raw_stdout()
        end = sys.exc_info()[1]
        succeeded = end is None or (isinstance(end, SystemExit) and end.code in (None, 0))
        if raw is not None and raw.failed and not raw.is_log and succeeded:
            raise SystemExit(1)


class _Ended(SystemExit):
    """A signal asks the program to end; the code is what a shell reports for it."""


@contextlib.contextmanager
def _ends_raised() -> Iterator[None]:
    """Raise _Ended for the first SIGTERM or SIGHUP; those that are ignored, as by nohup, stay ignored."""
    numbers = {signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)}
    taken = {number for number in numbers if signal.getsignal(number) is signal.SIG_DFL}
    if threading.current_thread() is not threading.main_thread():
        taken.clear()  # Python delivers signals to the main thread only

    def end(number: int, _: Any) -> None:
        for each in taken:  # a closed terminal sends SIGHUP several times, and cleaning up takes a moment
            signal.signal(each, signal.SIG_DFL if each == signal.SIGTERM else signal.SIG_IGN)
        raise _Ended(128 + number)

    for number in taken:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)


def only_a_log() -> None:
    """Say that what the program makes is elsewhere: losing stdout then does not change its exit status.

    A supervisor that restarts what failed would else repeat hours of finished work.
    """
    if (raw := _raw_stdout()) is not None:
        raw.is_log = True


def no_bar(wanted: bool = True) -> bool:
    """Whether to draw no progress bar: it is not wanted, or stderr is no terminal or None."""
    return not (wanted and sys.stderr is not None and sys.stderr.isatty())


class _Output(io.FileIO):
    """A descriptor that drops what it cannot write.

    `failed`: for a reason that the user must learn of. `is_log`: the exit status does not depend on it.
    """

    failed = is_log = False

    def write(self, data: Any) -> int:
        try:
            if written := super().write(data):
                return written
            time.sleep(0.01)  # a reader that does not wait for us is slow
            return 0
        except OSError as error:
            if error.errno not in _READER_GONE and not self.failed:
                self.failed = True
                if self.fileno() == 1:
                    reason = f"stdout cannot be written ({error.strerror}); the work continues without it"
                    print(f"Error: {reason}", file=sys.stderr)
            return len(data)


def _raw_stdout() -> _Output | None:
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    return raw if isinstance(raw, _Output) else None


def _open_closed_streams() -> None:
    """Open the null device for each closed descriptor: the next file opened would take its number."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    if sys.stdout is None:
        sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w", encoding="utf-8", closefd=False)


def _steady(stream: TextIO, original: TextIO | None) -> TextIO:
    if stream is not original or not isinstance(stream, io.TextIOWrapper):
        return stream
    if os.name == "nt" and stream.isatty():  # Python writes to such a console in its own way
        stream.reconfigure(errors="backslashreplace")
        return stream
    buffer = io.BufferedWriter(_Output(stream.fileno(), "w", closefd=False))
    return io.TextIOWrapper(
        buffer,
        encoding=stream.encoding,
        errors="backslashreplace",
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
