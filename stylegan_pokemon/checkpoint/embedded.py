"""The checkpoints that come with the program: what a run without --resume starts from."""

from __future__ import annotations

import contextlib
from importlib import resources
from pathlib import Path

_ROOM = Path(__file__).resolve().parent.parent.parent / "pretrained"  # in a checkout


def embedded_checkpoint(resolution: int) -> Path | None:
    """The embedded starting point for this resolution, or None where there is none."""
    for folder in _folders():
        path = folder / f"crayon{resolution}.safetensors"
        if path.is_file():
            return path
    return None


def _folders() -> list[Path]:
    folders = [_ROOM]
    with contextlib.suppress(ModuleNotFoundError):  # there only when installed
        folders.append(Path(str(resources.files("stylegan_pokemon.pretrained"))))
    return folders
