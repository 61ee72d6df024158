"""The presets of --cfg and their rules. This module imports no torch."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

_SMALL = 128  # up to this resolution `sprites` is made for fresh, thin networks
_SPRITES_GAMMA = 10.0


@dataclass(frozen=True)
class Preset:
    """One of the named configurations; None means "by the rule in `resolve`"."""

    description: str
    batch: int | None = None
    mbstd_group: int | None = None
    channel_share: float | None = None  # channel_base = 32768 · share, channel_max = 512
    lr: float | None = None
    r1_gamma: float | None = None
    ema_kimg: float | None = None
    ema_rampup: float | None = None
    map_layers: int = 2


PRESETS: dict[str, Preset] = {
    "sprites": Preset(
        "For small sets of flat pictures. Widths grow with the resolution (64·R, at most the papers'), so"
        " that a CPU can train 64×64. Batch 8, R1 of at least 10. Up to 128×128: twice the learning rate of"
        " auto, without noise inputs, path lengths and style mixing.",
        ema_rampup=0.05,
    ),
    "auto": Preset("StyleGAN2-ADA's rule for any resolution and one GPU.", ema_rampup=0.05),
    "paper256": Preset("StyleGAN2-ADA's 256×256 configuration.", 64, 8, 0.5, 0.0025, 1, 20, None, 8),
    "paper512": Preset("StyleGAN2-ADA's 512×512 configuration.", 64, 8, 1, 0.0025, 0.5, 20, None, 8),
    "paper1024": Preset("StyleGAN2-ADA's 1024×1024 configuration.", 32, 4, 1, 0.002, 2, 10, None, 8),
    "stylegan2": Preset("StyleGAN2's configuration F.", 32, 4, 1, 0.002, 10, 10, None, 8),
}


@dataclass(frozen=True)
class Shape:
    """What a preset says of batch, widths, rates and regularisers at one resolution."""

    batch: int
    mbstd_group: int
    channel_base: int
    channel_max: int
    w_dim: int
    map_layers: int
    lr: float
    ema_rampup: float | None
    use_noise: bool = True
    pl_weight: float = 2.0
    style_mixing: float = 0.9


def shape_of(cfg: str, resolution: int) -> Shape:
    """Apply a preset's rules at a resolution (official_formats.md, section 3, for all but `sprites`)."""
    preset = PRESETS[cfg]
    by_rule = max(min(4096 // resolution, 32), 1)
    if cfg == "sprites":
        # Thin networks: at 64×64 they cost a sixteenth of `auto`'s, which is what a CPU can train in hours.
        base, widest = min(64 * resolution, 32768), min(max(2 * resolution, 64), 512)
        w_dim = min(max(4 * resolution, 128), 512)
        shape = Shape(8, 4, base, widest, w_dim, preset.map_layers, 0.0025, preset.ema_rampup)
        if resolution > _SMALL:
            return shape if resolution < 1024 else dataclasses.replace(shape, lr=0.002)
        # Thin networks, few small pictures, some thousand iterations: not the papers' regime. Sprites are
        # flat, and noise inputs end as speckle that must be unlearnt. Mixed styles and equal path lengths
        # make early pictures ignore their latents, long before they make a good generator smooth.
        return dataclasses.replace(shape, lr=0.005, use_noise=False, pl_weight=0.0, style_mixing=0.0)
    batch = preset.batch or min(by_rule, 64)
    share = preset.channel_share or (1 if resolution >= 512 else 0.5)
    return Shape(
        batch=batch,
        mbstd_group=preset.mbstd_group or min(batch, 4),
        channel_base=int(32768 * share),
        channel_max=512,
        w_dim=512,
        map_layers=preset.map_layers,
        lr=preset.lr or (0.002 if resolution >= 1024 else 0.0025),
        ema_rampup=preset.ema_rampup,
    )


def r1_gamma_of(cfg: str, resolution: int, batch: int) -> float:
    """R1 weight: the preset's, or 0.0002·R²/batch, for `sprites` no less than 10.

    The rule was found on photographs of large sets; at 32×32 it gives 0.03, under which the discriminator
    of a few hundred flat, high-contrast sprites wins and what it teaches is noise.
    """
    fixed = PRESETS[cfg].r1_gamma
    if fixed is not None:
        return fixed
    by_rule = 0.0002 * resolution**2 / batch
    return max(by_rule, _SPRITES_GAMMA) if cfg == "sprites" else by_rule


def ema_kimg_of(cfg: str, batch: int) -> float:
    """Half-life of the averaged generator: the preset's, or batch·10/32."""
    fixed = PRESETS[cfg].ema_kimg
    return batch * 10 / 32 if fixed is None else fixed


def class_losses_of(cfg: str, known: bool) -> tuple[float, float]:
    """Weights of class_loss and uncond_loss in a run with classes, for `sprites`; else none.

    Nor where the checkpoint knows all of the classes already: they need no such start.
    """
    return (0.5, 1.0) if cfg == "sprites" and not known else (0.0, 0.0)


def haze_loss_of(cfg: str, plain: bool) -> float:
    """Weight of haze_loss: 20 for `sprites` on a plain background.

    Without it a veil of a few percent spreads over the background, which the discriminator hardly sees.
    """
    return 20.0 if cfg == "sprites" and plain else 0.0
