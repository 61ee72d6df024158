"""What a run prints of its system before it starts: networks, batch and method, in words."""

from __future__ import annotations

from stylegan_pokemon.baselines.config import BaselineConfig
from stylegan_pokemon.baselines.recipes import stages
from stylegan_pokemon.networks.config import DiscriminatorConfig, GeneratorConfig
from stylegan_pokemon.networks.discriminator import minibatch_group_size
from stylegan_pokemon.training.settings.config import BaselineRunConfig, StyleGAN2Config

Lines = list[tuple[str, str]]
"""Names and values."""


def baseline_lines(config: BaselineRunConfig, G_parameters: int, D_parameters: int) -> tuple[Lines, Lines]:
    """The networks with the batch they are trained with, and how they are trained."""
    recipe = BaselineConfig.from_json(config.generator).recipe
    networks = [
        ("generator", f"{G_parameters:,} parameters"),
        ("discriminator", f"{D_parameters:,} parameters"),
        ("batch", f"{config.batch}"),
    ]
    method = [
        ("system", f"{recipe.name}: {recipe.description}"),
        ("assumed", recipe.assumed),
        ("learning rate", f"G {config.lr:g}, D {config.lr * recipe.lr_D / recipe.lr_G:g}"),
    ]
    if recipe.family == "progan":
        method.append(("growing", f"{stages(config.img_resolution)} phases of {config.stage_kimg:g} kimg"))
    return networks, method


def stylegan2_lines(config: StyleGAN2Config, G_parameters: int, D_parameters: int) -> tuple[Lines, Lines]:
    """As `baseline_lines`."""
    g, d = GeneratorConfig.from_json(config.generator), DiscriminatorConfig.from_json(config.discriminator)
    widths = " ".join(f"{r}:{g.channels(r)}" for r in g.block_resolutions)
    recomputed = f", recomputing blocks from {config.recompute}×{config.recompute} up"
    networks = [
        ("generator", f"{G_parameters:,} parameters, {g.architecture}, z {g.z_dim}, w {g.w_dim}, "
                      f"{g.num_layers} mapping layers; channels {widths}"),
        ("discriminator", f"{D_parameters:,} parameters, {d.architecture}, "
                          f"minibatch-std group {_effective_group(config, d)}, {d.freeze_layers} frozen"),
        ("batch", f"{config.batch} = {config.batch // config.batch_gpu} × {config.batch_gpu}"
                  + (recomputed if config.recompute else "")),
    ]  # fmt: skip
    adaptive = (
        f"adaptive, target r_t {config.ada_target:g}, 0→1 in {config.ada_kimg:g} kimg, from p {config.p:g}"
    )
    augmentation = {"ada": adaptive, "fixed": f"p {config.p:g}", "noaug": "none"}[config.aug]
    noise = "on" if config.generator["use_noise"] else "off"
    ramp = ""
    if config.ema_rampup:
        ramp = f", at most {config.ema_rampup:g} of the pictures shown"
        ramp += f" (from {config.ema_floor_kimg:g} kimg on)"
    method = [
        ("learning rate", f"{config.lr:g}"),
        ("R1 gamma", f"{config.r1_gamma:.4g}"),
        ("styles", f"mixing {config.style_mixing:g}, path-length weight {config.pl_weight:g}, "
                   f"noise inputs {noise}"),
        ("EMA", f"half-life {config.ema_kimg:g} kimg{ramp}"),
    ]  # fmt: skip
    for name, weight, purpose in (
        ("class loss", config.class_loss, "; the discriminator also classifies real pictures"),
        ("uncond loss", config.uncond_loss, "; an additional class-agnostic real/fake loss"),
        ("haze loss", config.haze_loss,
         f", for a clean background of colour {' '.join(map(str, config.background))}"),
        ("layout loss", config.layout_loss, ", halving every 8 kimg: creatures stay whole"),
    ):  # fmt: skip
        if weight:
            method.append((name, f"weight {weight:g}{purpose}"))
    pipe = f" ({config.augpipe})" if config.aug != "noaug" else ""
    return networks, [*method, ("augmentation", augmentation + pipe)]


def _effective_group(config: StyleGAN2Config, d: DiscriminatorConfig) -> str:
    wanted = min(d.mbstd_group_size or config.batch, config.batch)
    group = minibatch_group_size(config.batch, wanted)
    if group < wanted:
        return f"{group} (the checkpoint's or preset's {wanted} does not divide --batch {config.batch})"
    if config.batch_gpu >= wanted:
        return str(wanted)
    return f"{config.batch_gpu} (the checkpoint's or preset's {wanted} does not fit into --batch-gpu)"
