"""The presets of --cfg and their rules. This module imports no torch."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

PRESETS = {
    "sprites": "For small sets of flat pictures. Widths grow with the resolution (64·R, at most the papers'),"
    " so that a CPU can train 64×64. Batch 8, R1 of at least 10. Up to 128×128: twice the learning rate of"
    " auto, without noise inputs, path lengths and style mixing.",
    "auto": "StyleGAN2-ADA's rule for any resolution and one GPU.",
    "paper256": "StyleGAN2-ADA's 256×256 configuration.",
    "paper512": "StyleGAN2-ADA's 512×512 configuration.",
    "paper1024": "StyleGAN2-ADA's 1024×1024 configuration.",
    "stylegan2": "StyleGAN2's configuration F.",
}
"""Their names and what `--help` says of them."""

_SMALL = 128  # up to this resolution `sprites` is made for fresh, thin networks
_EMA_RAMPUP = 0.05


@dataclass(frozen=True)
class Preset:
    """What a preset says at one resolution."""

    batch: int
    mbstd_group: int
    channel_base: int
    lr: float
    r1_gamma: float
    ema_kimg: float
    ema_rampup: float | None
    map_layers: int
    channel_max: int = 512
    w_dim: int = 512
    use_noise: bool = True
    pl_weight: float = 2.0
    style_mixing: float = 0.9
    class_loss: float = 0.0  # both for classes that a checkpoint does not know yet
    uncond_loss: float = 0.0
    haze_loss: float = 0.0  # for pictures on a plain background, in a run from nothing
    haze_loss_tuning: float = 0.0  # and where a run fine-tunes
    layout_loss: float = 0.0  # the same


_PAPERS = {
    "paper256": Preset(64, 8, 16384, 0.0025, 1, 20, None, 8),
    "paper512": Preset(64, 8, 32768, 0.0025, 0.5, 20, None, 8),
    "paper1024": Preset(32, 4, 32768, 0.002, 2, 10, None, 8),
    "stylegan2": Preset(32, 4, 32768, 0.002, 10, 10, None, 8),
}


def preset(cfg: str, resolution: int, batch: int | None = None) -> Preset:
    """Apply a preset's rules (official_formats.md, section 3, for all but `sprites`).

    batch: the one asked for, which R1 and the averaged generator of `auto` and `sprites` depend on.
    """
    if cfg in _PAPERS:
        return dataclasses.replace(_PAPERS[cfg], batch=batch or _PAPERS[cfg].batch)
    lr = 0.002 if resolution >= 1024 else 0.0025
    own = 8 if cfg == "sprites" else max(min(4096 // resolution, 32), 1)
    batch = batch or own
    gamma, ema = 0.0002 * resolution**2 / batch, batch * 10 / 32
    base = 32768 if resolution >= 512 else 16384
    auto = Preset(batch, min(own, 4), base, lr, gamma, ema, _EMA_RAMPUP, map_layers=2)
    if cfg == "auto":
        return auto
    sprites = dataclasses.replace(
        auto,
        # Thin networks: at 64×64 they cost a sixteenth of `auto`'s, which is what a CPU can train in hours.
        channel_base=min(64 * resolution, 32768),
        channel_max=min(max(2 * resolution, 64), 512),
        w_dim=min(max(4 * resolution, 128), 512),
        # The rule was found on photographs of large sets. At 32×32 it gives 0.03, under which D wins with a
        # few hundred flat, high-contrast sprites, and what it teaches is noise.
        r1_gamma=max(gamma, 10.0),
        class_loss=0.5,
        uncond_loss=1.0,
        # Without it a veil of a few percent spreads over the background, which D hardly sees.
        haze_loss=20.0,
        haze_loss_tuning=60.0,
        layout_loss=60.0,
    )
    if resolution > _SMALL:
        return sprites
    # Thin networks, few small pictures, some thousand iterations: not the papers' regime. Sprites are flat,
    # and noise inputs end as speckle that must be unlearnt. Mixed styles and equal path lengths make early
    # pictures ignore their latents, long before they make a good generator smooth.
    return dataclasses.replace(sprites, lr=0.005, use_noise=False, pl_weight=0.0, style_mixing=0.0)
