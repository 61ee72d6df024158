"""Processes that compute beside a measurement, as other programs on a person's machine do."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from typing import Any

from stylegan_pokemon.errors import UserError

_READY = "ready"


@contextlib.contextmanager
def company(loops: int, trainings: int, task: dict[str, Any]) -> Iterator[Callable[[], None]]:
    """A context in which `loops` busy loops of one thread and `trainings` trainings compute beside us.

    task: what a training needs: "config", a TrainingConfig as JSON, and "kernels", whether to use them. All
    processes are at work when the context begins. It gives a function that raises UserError if one has ended.

    No process outlives this one, however it ends: each reads from a pipe and exits when its other end closes.
    """
    with contextlib.ExitStack() as stack:
        tasks: list[dict[str, Any]] = [{}] * loops + [task] * trainings
        processes = [stack.enter_context(_process(each)) for each in tasks]

        def check() -> None:
            for process, log in processes:
                if process.poll() is not None:
                    log.seek(0)
                    lines = log.read().strip().splitlines() or [f"exit status {process.returncode}"]
                    raise UserError(f"a process beside the measurement has ended ({lines[-1]})")

        for process, _ in processes:
            assert process.stdout is not None
            if not any(line.strip() == _READY for line in process.stdout):
                process.wait()
        check()
        yield check


@contextlib.contextmanager
def _process(task: dict[str, Any]) -> Iterator[tuple[subprocess.Popen[str], Any]]:
    """A process that works on `task`, and the file of its error messages."""
    command = [sys.executable, "-m", "stylegan_pokemon.bench.company"]
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            with contextlib.suppress(OSError):  # its exit tells if it does not even start
                process.stdin.write(json.dumps(task) + "\n")
                process.stdin.flush()
            yield process, log
        finally:
            process.kill()
            process.wait()
            with contextlib.suppress(OSError):
                process.stdin.close()
            process.stdout.close()


def _train(task: dict[str, Any]) -> None:
    import torch

    from stylegan_pokemon.bench.workload import kernels_if, trainer_for
    from stylegan_pokemon.data.dataset import SpriteDataset
    from stylegan_pokemon.devices import prepare
    from stylegan_pokemon.training.settings.config import TrainingConfig

    config = TrainingConfig.from_json(task["config"])
    prepare(torch.device(config.device))
    with kernels_if(task["kernels"]), SpriteDataset(config.data) as dataset:
        trainer = trainer_for(config, dataset)
        trainer.iteration()
        print(_READY, flush=True)
        while True:
            trainer.iteration()


def _main() -> None:
    def leave_with_parent() -> None:
        sys.stdin.read()
        os._exit(0)

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent ends this one
    task = json.loads(sys.stdin.readline())
    threading.Thread(target=leave_with_parent, daemon=True).start()
    if task:
        _train(task)
    print(_READY, flush=True)
    while True:
        pass


if __name__ == "__main__":
    _main()
