"""Whether the kernels compute what they should on the card at hand, found out once and remembered.

`python -m stylegan_pokemon.ops.cuda.check INDEX FILE` compares every operation with its plain-PyTorch
reference on small random images; gradients are operations too. It is a process of its own: a kernel that
breaks the card's context ends it, and not the training. It writes what it is about to try before it does, and
goes on after what has been decided already.
"""

from __future__ import annotations

import functools
import json
import math
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import torch

import stylegan_pokemon
from stylegan_pokemon.ops import reference
from stylegan_pokemon.ops.backend import Kernels
from stylegan_pokemon.ops.cuda.launches import TYPES

Verdicts = dict[str, str | None]
"""By the name of a case: None where it agrees with the reference, else what is wrong."""

Result = torch.Tensor | tuple[torch.Tensor, ...]

_TOLERANCE = {torch.float32: 1e-5, torch.float16: 2**-9, torch.bfloat16: 2**-7}  # of the largest value
_SHAPES = ((2, 16, 6, 8), (3, 5, 7, 5))  # read in vectors, and number by number
_CARD_SHAPES = ((2, 72, 40, 40),)  # several blocks each way; slow where threads are emulated
_TAPS = (0.1, 0.4, 0.3, 0.2)
_LONG_TAPS = tuple(0.01 * k for k in range(12))
_TIMEOUT = 600  # seconds; compiling every kernel takes a few dozen
_UNTRIED = "its check never ran"
_ENDED = "it ended the process that tried it"
_FROM_OUTSIDE = {  # signals that no kernel causes; systems without them lack the names
    getattr(signal, name, None) for name in ("SIGHUP", "SIGINT", "SIGKILL", "SIGTERM")
} - {None}


def cases() -> list[tuple[str, torch.dtype]]:
    """What is decided by itself: every operation, for every type that images are stored in."""
    return [(method, dtype) for dtype in TYPES for method in _CHECKS]


def case_name(method: str, dtype: torch.dtype) -> str:
    """The name of a case in the file of verdicts."""
    return f"{method} {str(dtype).removeprefix('torch.')}"


def disagreement(kernels: Kernels, method: str, dtype: torch.dtype, device: torch.device) -> str | None:
    """Run one case on `device`: None, or how far it is from the reference, in float64 on the CPU."""
    worst = 0.0  # in units of what the result's type allows
    for shape in _SHAPES + (_CARD_SHAPES if device.type == "cuda" else ()):
        for layout in (torch.contiguous_format, torch.channels_last):
            source = torch.Generator().manual_seed(sum(shape))
            images = functools.partial(_images, shape, dtype, layout, source)
            for arguments in _CHECKS[method](images, source):
                there = [a.to(device) if isinstance(a, torch.Tensor) else a for a in arguments]
                exact = [a.double() if isinstance(a, torch.Tensor) else a for a in arguments]
                found, expected = (getattr(*one) for one in ((kernels, method), (reference, method)))
                worst = max(worst, _distance(found(*there), expected(*exact)))
    return None if worst <= 1 else f"it is {worst:.0f} times as far from plain PyTorch as rounding can be"


def _images(
    shape: tuple[int, int, int, int],
    dtype: torch.dtype,
    layout: torch.memory_format,
    source: torch.Generator,
    channels: int | None = None,
) -> torch.Tensor:
    n, c, h, w = shape
    return torch.randn(n, channels or c, h, w, generator=source).to(dtype).contiguous(memory_format=layout)


def _distance(found: Result, expected: Result) -> float:
    if isinstance(found, tuple):
        return max(map(_distance, found, expected))
    if found.shape != expected.shape:
        return math.inf
    distance = float((found.cpu().double() - expected).abs().max()) / max(1.0, float(expected.abs().max()))
    return math.inf if math.isnan(distance) else distance / _TOLERANCE[found.dtype]


Images = Callable[..., torch.Tensor]
Arguments = list[tuple[object, ...]]


def _epilogue(images: Images, source: torch.Generator) -> Arguments:
    x = images()
    n, c, h, w = x.shape
    scale, noise, bias = (
        torch.rand(n, c, generator=source),
        torch.randn(n, 1, h, w, generator=source),
        torch.rand(c),
    )
    strength = torch.tensor(0.3)
    return [
        (x, scale, noise, strength, bias, "lrelu", 1.4, 0.8),
        (x, scale, noise[:1], strength, None, "relu", 1.0, None),
        (x, None, None, None, bias, "linear", 0.7, 1.0),
    ]


def _epilogue_grad(images: Images, source: torch.Generator) -> Arguments:
    return [
        (images(), images().clamp(-0.75, 0.75), "lrelu", 1.4, 0.75),
        (images(), images(), "relu", 1.0, None),
    ]


def _epilogue_backward(images: Images, source: torch.Generator) -> Arguments:
    x = images()
    n, c, h, w = x.shape
    scale, noise = torch.rand(n, c, generator=source), torch.randn(n, 1, h, w, generator=source)
    return [
        (x, images().clamp(-0.75, 0.75), scale, noise, "lrelu", 1.4, 0.75),
        (x, images(), None, None, "relu", 1.0, None),
    ]


def _resampling(images: Images, source: torch.Generator) -> Arguments:
    shapes = [(up, down, taps) for up, down in ((1, 1), (2, 1), (1, 2)) for taps in (_TAPS, _LONG_TAPS)]
    pad = {4: (2, 1, 2, 1), 12: (6, 5, 6, 5)}
    return [
        (images(channels), taps, up, down, pad[len(taps)], False, 2.0)
        for up, down, taps in shapes
        for channels in (3, 16)
    ]


def _grid(images: Images, source: torch.Generator) -> torch.Tensor:
    x = images()
    return torch.rand(x.shape[0], *x.shape[2:], 2, generator=source) * 2.4 - 1.2


_CHECKS: dict[str, Callable[[Images, torch.Generator], Arguments]] = {
    "epilogue": _epilogue,
    "epilogue_grad": _epilogue_grad,
    "epilogue_backward": _epilogue_backward,
    "scale_channels": lambda images, source: [(x := images(), torch.rand(x.shape[:2], generator=source))],
    "channel_dot": lambda images, source: [(images(), images())],
    "scale_backward": lambda images, source: [
        (x := images(), images(), torch.rand(x.shape[:2], generator=source))
    ],
    "upfirdn2d": _resampling,
    "grid_gather": lambda images, source: [(images(3), _grid(images, source))],
    "grid_scatter": lambda images, source: [(images(3), _grid(images, source), (9, 8))],
    "colour_transform": lambda images, source: [
        (x := images(3), torch.rand(x.shape[0], 3, 4, generator=source))
    ],
}


# ---------------------------------------------------------------------------- remembered, in another process


def read(path: Path) -> Verdicts:
    """What has been decided: of a case that was begun last and never ended, that it ended its process."""
    verdicts: Verdicts = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return verdicts
    for line in lines:
        try:
            entry = json.loads(line)
            verdicts[str(entry["case"])] = None if entry["wrong"] is None else str(entry["wrong"])
            if entry["wrong"] == _UNTRIED:
                del verdicts[str(entry["case"])]
        except (ValueError, KeyError, TypeError):
            continue  # half a line, of a process that was ended
    return verdicts


def decide(path: Path, run: Callable[[], str | None]) -> Verdicts:
    """All verdicts: those in `path`, and where some lack, what `run`, which checks and appends to it, finds.

    `run` is called again as long as it gets further. It returns why it did not, if it knows.
    """
    names = [case_name(*case) for case in cases()]
    found, reason = read(path), None
    while any(name not in found for name in names):
        reason = run()
        further = read(path)
        if len(further) == len(found):
            break
        found = further
    untried = f"{_UNTRIED} ({reason})" if reason else _UNTRIED
    return {name: found.get(name, untried) for name in names}


def in_a_process(index: int, path: Path) -> str | None:
    """Check what is undecided on card `index` in a process of its own, which appends to `path`.

    Returns the last thing that a process which failed has said.
    """
    command = [sys.executable, "-m", "stylegan_pokemon.ops.cuda.check", str(index), str(path)]
    paths = [str(Path(stylegan_pokemon.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True, "errors": "replace"}
    try:
        ended = subprocess.run(command, env=environment, timeout=_TIMEOUT, **streams)
    except OSError as error:
        return str(error)
    except subprocess.TimeoutExpired:
        return f"it took more than {_TIMEOUT} seconds"
    except BaseException:  # Ctrl-C, which ends the other process too
        _excuse_last(path)
        raise
    if ended.returncode == 0:
        return None
    if -ended.returncode in _FROM_OUTSIDE:
        _excuse_last(path)
        return f"signal {-ended.returncode} ended it"
    said = [line.strip() for line in ended.stderr.splitlines() if line.strip()]
    return said[-1][:200] if said else f"exit status {ended.returncode}"


def _excuse_last(path: Path) -> None:
    """Whoever ended the process, the operation that it tried is not to blame and will be tried again."""
    last = _last(path)
    if last is not None and read(path).get(last) == _ENDED:
        _append(path, last, _UNTRIED)


def _last(path: Path) -> str | None:
    """The case of the last whole line, if there is one."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    for line in reversed(lines):
        try:
            return str(json.loads(line)["case"])
        except (ValueError, KeyError, TypeError):
            continue
    return None


def check_all(kernels: Kernels, path: Path, device: torch.device, settle: Callable[[], None]) -> None:
    """Check what is undecided and append it to `path`. `settle` waits for the card and raises its error.

    Ends with the first error, since nothing on a card can be trusted after one. Raises OutOfMemoryError for
    a card that others fill, and whatever comes from outside: then the operation will be tried again.
    """
    decided = read(path)
    for method, dtype in cases():
        name = case_name(method, dtype)
        if name in decided:
            continue
        _append(path, name, _ENDED)
        try:
            wrong = disagreement(kernels, method, dtype, device)
            settle()
        except (torch.OutOfMemoryError, KeyboardInterrupt, SystemExit):
            _append(path, name, _UNTRIED)
            raise
        except Exception as error:
            text = str(error).strip() or type(error).__name__
            _append(path, name, text.splitlines()[0][:200])
            return
        _append(path, name, wrong)


def _append(path: Path, name: str, wrong: str | None) -> None:
    with open(path, "a", encoding="utf-8") as file:
        file.write(json.dumps({"case": name, "wrong": wrong}) + "\n")


def main() -> None:
    """Check card `sys.argv[1]`, appending to the file `sys.argv[2]`."""
    from stylegan_pokemon.ops.cuda.provide import kernels_of

    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    index, path = int(sys.argv[1]), Path(sys.argv[2])
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    device = torch.device("cuda", index)
    torch.ones(1, device=device)
    check_all(kernels_of(index), path, device, lambda: torch.cuda.synchronize(device))


if __name__ == "__main__":
    main()
