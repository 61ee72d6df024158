"""Pictures per second of a generator."""

from __future__ import annotations

from typing import Any

import torch

from stylegan_pokemon.bench.workload import Workload, kernels_if, median_seconds
from stylegan_pokemon.devices import prepare, resolve_device
from stylegan_pokemon.networks.config import GeneratorConfig
from stylegan_pokemon.networks.generator import Generator
from stylegan_pokemon.training.machine import peak_memory


def bench_generate(workload: Workload, repeats: int) -> dict[str, Any]:
    """Render batches from a generator of random weights, in float32 with constant noise.

    Returns pictures per second and seconds per batch, medians of `repeats` batches, and peak memory in bytes.
    """
    device = resolve_device(workload.device)
    prepare(device)
    config = GeneratorConfig(
        workload.resolution,
        z_dim=workload.w_dim,
        w_dim=workload.w_dim,
        num_layers=workload.map_layers,
        channel_base=workload.channel_base,
        channel_max=workload.channel_max,
    )
    G = Generator(config).eval().requires_grad_(False).to(device)
    z = torch.randn(workload.batch, workload.w_dim, device=device)
    with torch.inference_mode(), kernels_if(workload.kernels):
        seconds = median_seconds(
            lambda: G(z, truncation_psi=0.7, noise_mode="const", force_fp32=True), device, repeats
        )
    speed = {"img_per_sec": workload.batch / seconds, "sec_per_batch": seconds}
    return speed | {"peak_rss_bytes": peak_memory(device)} | workload.report(device)
