"""The embedded default data: sprites that dataset_tool draws itself, kept in the user's cache."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import Any

import click

from stylegan_pokemon.cache import cache_folder
from stylegan_pokemon.errors import UserError

COUNT = 600
SEED = 1
FRAME: dict[str, Any] = {"trim": True, "margin": 1.5}  # as creatures64 draws: the creature fills the frame
STYLE = "woodcut"  # one that the embedded 64×64 checkpoint has not seen


def forged_dataset(resolution: int) -> Path:
    """A dataset zip of forged sprites with their types as labels; drawn at the first call, then cached."""
    from dataset_tool import forge
    from dataset_tool.convert import ConvertOptions, convert
    from dataset_tool.forge import forge_folder

    folder = cache_folder() / f"forged-{_digest(Path(forge.__file__).parent)}"
    path = folder / f"forged-sprites-{resolution}.zip"
    if path.is_file():
        return path
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as temporary:
            click.echo(f"forging {COUNT} sprites, once; they are kept in {folder}")
            drawings = Path(temporary) / "forged"
            forge_folder(drawings, COUNT, STYLE, SEED)
            options = ConvertOptions(resolution=resolution, labels="folder", **FRAME)
            # Another process may have been faster; its file is the same.
            convert([drawings], path, options, overwrite=True)
    except OSError as error:
        raise UserError(
            f"cannot write {folder}: {error.strerror}; set STYLEGAN_POKEMON_CACHE to a folder"
        ) from error
    return path


def _digest(package: Path) -> str:
    """What tells these drawings from those of another version of the artist, or of other settings."""
    digest = hashlib.sha256(f"{STYLE} {COUNT} {SEED} {FRAME}".encode())
    for module in sorted(package.rglob("*.py")):
        digest.update(module.read_bytes())
    return digest.hexdigest()[:12]
