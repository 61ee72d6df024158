"""What a checkpoint holds, as plain data, with hashes that are the same in every container."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import torch

from stylegan_pokemon.baselines.config import BaselineConfig
from stylegan_pokemon.checkpoint.networks import AnyDiscriminator, AnyGenerator, Networks


def describe_file(path: Path, networks: Networks) -> dict[str, Any]:
    """Describe a checkpoint file and the networks that `load` read from it.

    Returns JSON-ready values: "file", "bytes", "sha256" of the file, "format", "networks" by name
    (architecture, StyleGAN2's widths by resolution, tensors, parameters, hash, non-finite tensors),
    "augment_p", and "about": the other entries of its config (classes, kimg, …).
    """
    data = path.read_bytes()
    kind = "TensorFlow pickle" if b"dnnlib.tflib.network" in data else "official PyTorch pickle"
    if path.suffix.lower() == ".safetensors":
        kind = "native safetensors"
    about = {k: v for k, v in networks.config.items() if k not in ("generator", "discriminator")}
    return {
        "file": str(path),
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "format": kind,
        "networks": {name: _network(module) for name, module in networks.items()},
        "augment_p": networks.augment_p,
        "about": about,
    }


def _network(network: AnyGenerator | AnyDiscriminator) -> dict[str, Any]:
    config, state = network.config, network.state_dict()
    channels = {}
    if not isinstance(config, BaselineConfig):
        channels = {str(r): config.channels(r) for r in config.block_resolutions}
    return {
        "kind": "generator" if hasattr(network, "synthesis") else "discriminator",
        "architecture": config.to_json(),
        "channels": channels,
        "tensors": {name: list(tensor.shape) for name, tensor in state.items()},
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "sha256": tensors_sha256(state),
        "not_finite": [name for name, tensor in state.items() if not bool(torch.isfinite(tensor).all())],
    }


def tensors_sha256(state: dict[str, torch.Tensor]) -> str:
    """SHA-256 over names (sorted), shapes and float32 little-endian bytes: the same in every container."""
    digest = hashlib.sha256()
    for name in sorted(state):
        values = state[name].detach().cpu().to(torch.float32).contiguous()
        digest.update(f"{name} {list(values.shape)}\n".encode())
        digest.update(values.numpy().astype("<f4").tobytes())
    return digest.hexdigest()
