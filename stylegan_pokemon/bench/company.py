"""Programs that compute beside a measurement, as other work on a person's machine does, and end with it."""

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
    """Within the context `loops` busy loops of one thread and `trainings` trainings compute beside us.

    task: what a training needs: "config", a TrainingConfig as JSON, and "plain", whether without kernels. All
    are at work when the context begins; it gives a function that raises UserError if one has ended meanwhile.

    No process outlives this one, however it ends: each waits at a pipe, and leaves when the other end closes,
    which the system sees to where this one is killed.
    """
    with contextlib.ExitStack() as stack:
        tasks: list[dict[str, Any]] = [{}] * loops + [task] * trainings
        companions = [stack.enter_context(_companion(each)) for each in tasks]

        def check() -> None:
            for process, log in companions:
                if process.poll() is not None:
                    raise UserError(f"a process beside the measurement has ended ({_reason(process, log)})")

        for process, _ in companions:
            assert process.stdout is not None
            if not any(line.strip() == _READY for line in process.stdout):
                process.wait()
        check()
        yield check


@contextlib.contextmanager
def _companion(task: dict[str, Any]) -> Iterator[tuple[subprocess.Popen[str], Any]]:
    """A process that works on `task`, and the file of what it says when it fails."""
    command = [sys.executable, "-m", "stylegan_pokemon.bench.company"]
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            with contextlib.suppress(OSError):  # one that does not even start is found by its exit
                process.stdin.write(json.dumps(task) + "\n")
                process.stdin.flush()
            yield process, log
        finally:
            process.kill()
            process.wait()
            with contextlib.suppress(OSError):
                process.stdin.close()
            process.stdout.close()


def _reason(process: subprocess.Popen[str], log: Any) -> str:
    log.seek(0)
    return (log.read().strip().splitlines() or [f"exit status {process.returncode}"])[-1]


def _leave_with_parent() -> None:
    """End this process when its parent closes the pipe, or is gone."""
    sys.stdin.read()
    os._exit(0)


def _loop() -> None:
    x = 0
    while True:
        x = (x * 1103515245 + 12345) & 0x7FFFFFFF


def _train(task: dict[str, Any]) -> None:
    import torch

    from stylegan_pokemon.data.dataset import SpriteDataset
    from stylegan_pokemon.devices import prepare
    from stylegan_pokemon.ops.backend import using
    from stylegan_pokemon.training.settings.config import TrainingConfig
    from stylegan_pokemon.training.systems.stylegan2 import StyleGAN2Trainer
    from stylegan_pokemon.training.transfer.start import start_networks

    config = TrainingConfig.from_json(task["config"])
    prepare(torch.device(config.device))
    with using(None) if task["plain"] else contextlib.nullcontext(), SpriteDataset(config.data) as dataset:
        trainer = StyleGAN2Trainer(config, dataset, *start_networks(config, None)[:3])
        trainer.iteration()
        print(_READY, flush=True)
        while True:
            trainer.iteration()


def _main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent ends this one
    task = json.loads(sys.stdin.readline())
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    if task:
        _train(task)
    print(_READY, flush=True)
    _loop()


if __name__ == "__main__":
    _main()
