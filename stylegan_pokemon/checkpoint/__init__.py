"""Every way in and out of weights. Nothing that a file carries is ever executed."""

from __future__ import annotations

import os
from pathlib import Path

import torch

from dataset_tool.reading.sniff import PICKLE, SAFETENSORS, UNKNOWN, kind_of_file
from stylegan_pokemon.checkpoint.native import load_native, save_native
from stylegan_pokemon.checkpoint.networks import Networks
from stylegan_pokemon.checkpoint.pickles import official, tensorflow
from stylegan_pokemon.checkpoint.pickles.official_writer import save_official
from stylegan_pokemon.checkpoint.pickles.pickled import read_pickle
from stylegan_pokemon.checkpoint.zoo import locate
from stylegan_pokemon.errors import UserError

__all__ = ["Networks", "load", "save"]

_CONTENT = {".safetensors": SAFETENSORS, ".pkl": PICKLE}


def load(path_or_name: str | os.PathLike[str]) -> Networks:
    """Read a `.safetensors` snapshot of this program or an official `.pkl`.

    path_or_name: a file, or a zoo name or URL that `python -m stylegan_pokemon zoo fetch` has downloaded.
    Returns Networks in eval mode on the CPU. Raises UserError, naming the file, for anything else.
    """
    path = path_or_name if isinstance(path_or_name, Path) else locate(path_or_name)
    if not path.exists():
        path = locate(path)
    if not path.is_file():
        kind = "a folder" if path.is_dir() else "no file but a device or a pipe"
        raise UserError(f"{path} is {kind}; name a .safetensors or .pkl file")
    suffix = path.suffix.lower()
    _check_content(path)
    if suffix not in _CONTENT:
        raise UserError(
            f"{path} is neither a .safetensors nor a .pkl file; name one of these, or a run directory"
        )
    networks = load_native(path) if suffix == ".safetensors" else _load_pickle(path)
    networks.tidy()
    return networks


def _check_content(path: Path) -> None:
    """Raise UserError for a file that is something else than its name says, such as a saved web page."""
    try:
        kind = kind_of_file(path)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}") from error
    if kind.what in _CONTENT.values():
        wanted = next(suffix for suffix, content in _CONTENT.items() if content == kind.what)
        if path.suffix.lower() != wanted:
            raise UserError(f"{path} is {kind.what} by its content; rename it to {path.stem}{wanted}")
    elif kind.what not in UNKNOWN:
        remedy = kind.remedy_or("name a .safetensors or .pkl file")
        raise UserError(f"{path} is {kind.what}, not a checkpoint; {remedy}")


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
    except Exception as error:  # hostile data may fail anywhere; callers see one exception type
        raise UserError(f"{path} is no StyleGAN2 checkpoint, or damaged; name another") from error


def save(path: str | os.PathLike[str], networks: Networks, half: bool = False) -> None:
    """Write the networks, whole or not at all: `.safetensors` (ours) or `.pkl` (the official programs').

    half: store a `.safetensors` in float16, except for tensors whose numbers are too large for it. A `.pkl`
    has no place for G_start and D_start. Raises UserError for another suffix, and for a `.pkl` without a
    discriminator.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix == ".pkl":
        if half:
            raise UserError(f"{path}: only .safetensors can be stored in half precision; leave it out")
        save_official(path, networks)
    elif suffix == ".safetensors":
        save_native(path, networks, torch.float16 if half else None)
    else:
        raise UserError(
            f"{path}: networks are written as .safetensors or .pkl (`convert` also exports .onnx);"
            " change the suffix"
        )
