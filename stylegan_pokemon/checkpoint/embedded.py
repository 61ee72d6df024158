"""What comes with the program: the checkpoints that a run without --resume starts from; the zoo's list."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent
_ROOMS = (_PACKAGE / "pretrained", _PACKAGE.parent / "pretrained")  # installed; in a checkout

_STARTS = {32: "crayon32", 64: "creatures64"}


def embedded_checkpoint(resolution: int) -> Path | None:
    """The embedded starting point for this resolution, or None where there is none."""
    name = _STARTS.get(resolution)
    return None if name is None else embedded_file(f"{name}.safetensors")


def embedded_file(name: str) -> Path | None:
    """A file of `pretrained/`, or None where there is none of that name."""
    return next((room / name for room in _ROOMS if (room / name).is_file()), None)
