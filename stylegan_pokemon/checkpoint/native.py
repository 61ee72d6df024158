"""Native snapshots: safetensors, with the architecture as JSON in the header."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch

from stylegan_pokemon.baselines.build import build_discriminator, build_generator
from stylegan_pokemon.baselines.config import BaselineConfig, is_baseline
from stylegan_pokemon.checkpoint.networks import (
    NETWORKS,
    STARTS,
    AnyDiscriminator,
    AnyGenerator,
    Networks,
    assemble,
    no_number,
)
from stylegan_pokemon.checkpoint.pickles.opcodes import MAX_BYTES
from stylegan_pokemon.errors import UserError
from stylegan_pokemon.files import whole_file
from stylegan_pokemon.networks.config import DiscriminatorConfig, GeneratorConfig
from stylegan_pokemon.networks.discriminator import Discriminator
from stylegan_pokemon.networks.generator import Generator

FORMAT = "stylegan_pokemon/1"
_MAX_HEADER = 4 << 20  # bytes; that of a 1024×1024 network takes 100,000
_MAX_TENSORS = 3000  # it has about 1,100


def save_native(path: Path, networks: Networks, dtype: torch.dtype | None = None) -> None:
    """Write the networks that are there, whole or not at all.

    dtype: of the stored tensors (torch.float16 halves the file); reading gives float32 again. G_start and
    D_start are always stored in float16, since every snapshot of a run repeats them.
    """
    tensors = {}
    for name, module in networks.items():
        wanted = torch.float16 if name in STARTS else dtype
        for key, tensor in module.state_dict().items():
            stored = _within_range(tensor.detach().cpu(), wanted).contiguous()
            tensors[f"{name}.{key}"] = stored.clone()  # safetensors refuses tensors that share memory
    description = {"config": networks.config, "augment_p": networks.augment_p, "source": networks.source}
    metadata = {"format": FORMAT, "networks": json.dumps(description, ensure_ascii=False)}
    with whole_file(path) as temporary:
        write_safetensors(temporary, tensors, metadata)


def _within_range(tensor: torch.Tensor, dtype: torch.dtype | None) -> torch.Tensor:
    """The tensor in `dtype`, or unchanged if `dtype` is None or cannot hold all of its numbers."""
    stored = tensor if dtype is None else tensor.to(dtype)
    return stored if torch.equal(stored.isfinite(), tensor.isfinite()) else tensor


def write_safetensors(path: Path, tensors: dict[str, torch.Tensor], metadata: dict[str, str]) -> None:
    """Write a safetensors file; a full disk is an OSError, which `whole_file` turns into a sentence."""
    try:
        safetensors.torch.save_file(tensors, path, metadata=metadata)
    except safetensors.SafetensorError as error:
        raise OSError(f"writing tensors failed ({error})") from error


def load_native(path: Path) -> Networks:
    """Read what `save_native` wrote; UserError names the file and what is wrong with it."""
    try:
        _check_header(path)
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("format", "").startswith("stylegan_pokemon.state/"):
                raise UserError(
                    f"{path} is the state of a run; name the run's directory to continue it, or a snapshot"
                )
            if metadata.get("format") != FORMAT:
                raise UserError(f"{path} is a safetensors file of another program; name a snapshot of ours")
            if len(file.keys()) > _MAX_TENSORS:
                raise UserError(f"{path} has more tensors than any checkpoint needs")
            description = json.loads(metadata["networks"], parse_constant=no_number)
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a dict)
    except UserError:
        raise
    except Exception as error:  # whatever a hostile header provokes in the library or in json
        raise UserError(
            f"{path} is damaged, incomplete or no safetensors file; copy or download it again,"
            " or name another"
        ) from error
    config = description.get("config") if isinstance(description, dict) else None
    if not isinstance(config, dict):
        raise UserError(f"{path} lacks the architecture in its header; export it again")
    p = description.get("augment_p")
    p = float(p) if type(p) in (int, float) and 0 <= p <= 1 else None
    networks = Networks(augment_p=p, config=config, source=str(path))
    for name in NETWORKS:
        own = {key.removeprefix(f"{name}."): t for key, t in tensors.items() if key.startswith(f"{name}.")}
        try:
            setattr(networks, name, _network(name, config, own) if own else None)
        except UserError as error:
            raise UserError(f"{path} cannot be read: {error}") from error
    if not networks.items():
        raise UserError(f"{path} holds no network")
    return networks


def _check_header(path: Path) -> None:
    """Raise UserError for files that the library would read slowly or refuse with an unclear message."""
    size = path.stat().st_size
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
    if size > MAX_BYTES or _MAX_HEADER < length <= size:
        raise UserError(f"{path} is larger than any checkpoint, or its header is")


def _network(name: str, config: dict, tensors: dict[str, torch.Tensor]) -> AnyGenerator | AnyDiscriminator:
    """Build one network from the architecture in the header; UserError where the two do not fit."""
    judges = name.startswith("D")
    key = "discriminator" if judges else "generator"
    if not isinstance(config.get(key), dict):
        raise UserError(f"its header lacks the architecture of {name}; export it again")
    build: Any  # what makes the network …
    kind: Any  # … from an architecture of this class
    try:
        if is_baseline(config[key]):
            build, kind = build_discriminator if judges else build_generator, BaselineConfig
        elif judges:
            build, kind = Discriminator, DiscriminatorConfig
        else:
            build, kind = Generator, GeneratorConfig
        return assemble(build, kind.from_json(config[key]), tensors, name)
    except UserError:
        raise
    except Exception as error:  # a setting is missing or has an unexpected type
        raise UserError(f"its header does not describe {name}; export it again") from error
