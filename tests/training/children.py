"""Training in processes of its own, which a test may stop and kill.

A server process imports PyTorch once and forks for every child, so a child starts in a tenth of a second.
Nothing has computed in the server, so there are no threads that a fork could lose.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
import torch
import torch._dynamo  # optimisers import it, which takes longer than all the rest
from tqdm import tqdm

from stylegan_pokemon.cli.finetune import finetune
from stylegan_pokemon.training import session  # noqa: F401 (so that the server imports them)

needs_signals = pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="Windows has no such signals")


def start(arguments: list[str], log: Path) -> BaseProcess:
    """Start `finetune.py` with these arguments; what it prints is appended to `log`."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    process = context.Process(target=_finetune, args=(arguments, str(log)))
    process.start()
    return process


def finished(arguments: list[str], log: Path) -> int:
    """Run `finetune.py` to its end; returns its exit status, negative for a signal."""
    process = start(arguments, log)
    process.join(300)
    assert process.exitcode is not None, f"it hangs: {log.read_text()}"
    return process.exitcode


def _finetune(arguments: list[str], log: str) -> None:
    # Under nohup, and in background jobs, the tests and so their children would ignore Ctrl-C and SIGHUP.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    torch.set_num_threads(1)
    tqdm.set_lock(threading.RLock())  # its usual lock is the system's, which a killed process leaves behind
    finetune.main(arguments, prog_name="finetune.py")
