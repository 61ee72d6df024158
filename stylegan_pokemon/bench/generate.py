"""How many pictures a second a generator renders."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import torch

from stylegan_pokemon.bench.timing import median_seconds
from stylegan_pokemon.devices import prepare, resolve_device
from stylegan_pokemon.networks.config import GeneratorConfig
from stylegan_pokemon.networks.generator import Generator
from stylegan_pokemon.ops import backend
from stylegan_pokemon.training.planning.machine import peak_memory


def bench_generate(
    resolution: int,
    channel_base: int,
    channel_max: int,
    map_layers: int,
    w_dim: int,
    batch: int,
    repeats: int,
    device: str,
    baseline: str,
) -> dict[str, Any]:
    """Render `repeats` batches with constant noise from a generator of random weights, in float32."""
    target = resolve_device(device)
    prepare(target)
    config = GeneratorConfig(
        resolution,
        z_dim=w_dim,
        w_dim=w_dim,
        num_layers=map_layers,
        channel_base=channel_base,
        channel_max=channel_max,
    )
    G = Generator(config).eval().requires_grad_(False).to(target)
    z = torch.randn(batch, w_dim, device=target)
    with torch.inference_mode(), backend.using(None) if baseline == "plain" else nullcontext():
        seconds = median_seconds(
            lambda: G(z, truncation_psi=0.7, noise_mode="const", force_fp32=True), target, repeats
        )
    return {
        "img_per_sec": batch / seconds,
        "sec_per_batch": seconds,
        "batch": batch,
        "resolution": resolution,
        "channel_base": channel_base,
        "channel_max": channel_max,
        "peak_rss_bytes": peak_memory(target),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "device": str(target),
        "baseline": baseline,
    }
