"""Checks kernels on a card in a process of its own, which a kernel may break without harm to a training.

`python -m stylegan_pokemon.ops.cuda.checking INDEX FILE` continues after what FILE has decided already.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from stylegan_pokemon.ops.cuda import verdicts
from stylegan_pokemon.ops.cuda.binaries import binaries_of
from stylegan_pokemon.ops.cuda.cases import case_name, cases, disagreement
from stylegan_pokemon.ops.cuda.driver import Card, Driver
from stylegan_pokemon.ops.cuda.kernels import CudaKernels
from stylegan_pokemon.ops.kernels import Kernels

_TIMEOUT = 600  # seconds; compiling every kernel takes a few dozen
_OUTSIDE = ("SIGHUP", "SIGINT", "SIGKILL", "SIGTERM")  # signals that no kernel causes
_LARGEST_STATUS = 255  # of programs that end by themselves; Windows reports crashes above it


def kernels_of(index: int) -> CudaKernels:
    """The kernels for card `index`, unchecked. Raises NvrtcError or DriverError if they cannot be had."""
    return CudaKernels(Card(index, Driver(), binaries_of(index)))


def check_in_process(index: int, path: Path) -> str | None:
    """Check what is undecided on card `index`; verdicts are appended to `path`.

    A process that crashes or hangs is a verdict on the operation that it tried; one that somebody ends is
    not. Returns why the process failed, None if it did not.
    """
    command = [sys.executable, "-m", "stylegan_pokemon.ops.cuda.checking", str(index), str(path)]
    paths = [str(Path(__file__).parents[3]), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    streams: dict[str, Any] = {
        "stdout": subprocess.DEVNULL,
        "stderr": subprocess.PIPE,
        "text": True,
        "errors": "replace",
    }
    try:
        ended = subprocess.run(command, env=environment, timeout=_TIMEOUT, **streams)
    except OSError as error:
        return str(error)
    except subprocess.TimeoutExpired:
        _blame(path, f"it took more than {_TIMEOUT} seconds")
        return f"it took more than {_TIMEOUT} seconds"
    status = ended.returncode
    if status == 0:
        return None
    if -status in [getattr(signal, name, None) for name in _OUTSIDE]:
        return f"signal {-status} ended it"
    if not 0 <= status <= _LARGEST_STATUS:
        _blame(path, "it ended the process that tried it")
    said = [line.strip() for line in ended.stderr.splitlines() if line.strip()]
    return said[-1][:200] if said else f"exit status {status}"


def _blame(path: Path, wrong: str) -> None:
    if name := verdicts.begun(path):
        verdicts.write(path, name, wrong)


def check_all(kernels: Kernels, path: Path, device: torch.device, settle: Callable[[], None]) -> None:
    """Check what is undecided and append it to `path`. `settle` waits for the card and raises its error.

    Ends with the first error, since nothing on a card can be trusted after one. A full card, which raises
    OutOfMemoryError, is no verdict.
    """
    decided = verdicts.read(path)
    for method, dtype in cases():
        name = case_name(method, dtype)
        if name in decided:
            continue
        verdicts.begin(path, name)
        try:
            wrong = disagreement(kernels, method, dtype, device)
            settle()
        except torch.OutOfMemoryError:
            raise
        except Exception as error:
            verdicts.write(path, name, (str(error).strip() or type(error).__name__).splitlines()[0][:200])
            return
        verdicts.write(path, name, wrong)


def main() -> None:
    """Check card `sys.argv[1]`, appending to the file `sys.argv[2]`."""
    index, path = int(sys.argv[1]), Path(sys.argv[2])
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    device = torch.device("cuda", index)
    torch.ones(1, device=device)
    check_all(kernels_of(index), path, device, lambda: torch.cuda.synchronize(device))


if __name__ == "__main__":
    main()
