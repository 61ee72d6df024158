"""Every way in and out of weights. Nothing that a file carries is ever executed."""

from __future__ import annotations

import os
from pathlib import Path

import torch

from stylegan_pokemon.checkpoint import official, tensorflow
from stylegan_pokemon.checkpoint.native import load_native, save_native
from stylegan_pokemon.checkpoint.networks import Networks
from stylegan_pokemon.checkpoint.pickled import read_pickle
from stylegan_pokemon.checkpoint.zoo import locate
from stylegan_pokemon.errors import UserError

__all__ = ["Networks", "load", "save"]


def load(path_or_name: str | os.PathLike[str]) -> Networks:
    """Read a `.safetensors` snapshot of this program or an official `.pkl`.

    path_or_name: a file; or a name in the zoo or a URL, once `python -m stylegan_pokemon zoo fetch` has
    downloaded it. Returns Networks in eval mode on the CPU. Raises UserError, naming the file, for anything
    else.
    """
    path = locate(path_or_name)
    if path.is_dir():
        raise UserError(f"{path} is a folder; name a .safetensors or .pkl file")
    suffix = path.suffix.lower()
    if suffix == ".safetensors":
        return load_native(path)
    if suffix == ".pkl":
        return _load_pickle(path)
    raise UserError(f"{path} is neither a .safetensors nor a .pkl file")


def _load_pickle(path: Path) -> Networks:
    """An official pickle of either kind: a dictionary of PyTorch modules, or three TensorFlow networks."""
    try:
        content = read_pickle(path)
        if isinstance(content, dict):
            return official.from_modules(content, str(path))
        return tensorflow.from_networks(content, str(path))
    except UserError as error:
        raise UserError(f"{path} cannot be read: {error}") from error
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}") from error


def save(path: str | os.PathLike[str], networks: Networks, half: bool = False) -> None:
    """Write the networks as `.safetensors`, whole or not at all; `half` stores them in 16 bits a number."""
    path = Path(path)
    if path.suffix.lower() != ".safetensors":
        raise UserError(f"{path}: snapshots are written as .safetensors; change the suffix")
    save_native(path, networks, torch.float16 if half else None)
