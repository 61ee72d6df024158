"""Choose the memory limit of a run: `--vram`, free GPU memory or available RAM."""

from __future__ import annotations

from collections.abc import Callable

import psutil
import torch

from stylegan_pokemon.errors import UserError
from stylegan_pokemon.networks.config import DiscriminatorConfig, block_resolutions
from stylegan_pokemon.ops.backend import kernels_for
from stylegan_pokemon.render.images import micro_batch
from stylegan_pokemon.training.planning.plan import CPU, CUDA, GIB, Plan, plan
from stylegan_pokemon.training.settings.cards import CARDS, USABLE
from stylegan_pokemon.training.settings.config import StyleGAN2Config
from stylegan_pokemon.training.settings.options import Options

_ROUGH = 16
"""Floats per feature of the synthesis network and picture at the worst moment, gaps included: from above."""
_GRID_LIGHTER = 4  # a picture of a tick's grid, which is only rendered, takes that much less
_PER_PARAMETER = 40  # bytes: networks, average, moments and gradients, from above


def memory_plan(
    options: Options, config: StyleGAN2Config, device: torch.device, echo: Callable[[str], None]
) -> Plan | None:
    """Plan for --vram, an assumed card, the card's free memory, or else the memory that the CPU has free.

    On the CPU without --vram, a plan is only made where a rough estimate says that memory may not suffice; it
    tries the configured division first. Raises UserError when --vram or an assumed card is too small. If free
    memory is too small, `echo` gets a note instead.
    """
    card = CARDS[options.assume_device] if options.assume_device else None
    fixed = options.batch_gpu
    cuda = card is not None or device.type == "cuda"
    allowance = CUDA if cuda else CPU
    # A card that is only assumed is planned for without kernels of ours: they may not serve it.
    kernels = card is None and kernels_for(torch.empty(1, 1, 1, 1, device=device)) is not None
    asked = options.vram if options.vram is not None else card.gib if card else None
    if asked is not None:
        return plan(config, int(asked * USABLE * GIB), allowance, kernels, config.batch, fixed)
    if cuda:
        # The context is there already; the handles of its libraries, about as much, are not.
        limit = torch.cuda.mem_get_info(device)[0] + CUDA.program // 2
        largest = config.batch
    else:
        limit = psutil.virtual_memory().available + psutil.Process().memory_info().rss
        largest = config.batch_gpu
        if rough_estimate(config) < limit:
            return None
    try:
        return plan(config, limit, allowance, kernels, largest, fixed)
    except UserError as error:
        echo(f"note: {error}; trying all the same")
        return None


def rough_estimate(config: StyleGAN2Config) -> int:
    """Bytes that training on the CPU will hardly exceed, computed at once."""
    d = DiscriminatorConfig.from_json(config.discriminator)
    features = sum(d.channels(r) * r * r for r in block_resolutions(d.img_resolution))
    parameters = sum(2 * 2 * 9 * d.channels(r) ** 2 for r in block_resolutions(d.img_resolution))
    pictures = 4 * config.batch * config.img_channels * config.img_resolution**2
    held = config.images * config.img_channels * config.img_resolution**2
    grid = micro_batch(d.img_resolution) / _GRID_LIGHTER
    activations = int(4 * _ROUGH * (config.batch_gpu + grid) * features)
    return 2 * CPU.program + activations + _PER_PARAMETER * parameters + pictures + held
