"""The resolved configuration in words: what a run prints before it starts."""

from __future__ import annotations

from stylegan_pokemon.baselines.config import BaselineConfig
from stylegan_pokemon.baselines.recipes import stages
from stylegan_pokemon.data.dataset import DatasetFacts, SpriteDataset
from stylegan_pokemon.networks.config import DiscriminatorConfig, GeneratorConfig
from stylegan_pokemon.networks.discriminator import minibatch_group_size
from stylegan_pokemon.training.run_dir.disk import disk_line
from stylegan_pokemon.training.settings.config import BaselineRunConfig, StyleGAN2Config, TrainingConfig
from stylegan_pokemon.training.settings.metrics import metrics_words

_Lines = list[tuple[str, str]]


def describe(
    config: TrainingConfig,
    G_parameters: int,
    D_parameters: int,
    facts: DatasetFacts,
    heldout: SpriteDataset | None = None,
) -> str:
    """The resolved configuration and what follows from it, for people, a line per group.

    facts: of the pictures to train on. heldout: those that are kept out of training, if any are.
    """
    passes = config.kimg * 1000 / (config.images * (2 if config.mirror else 1))
    flips = " and their mirror images" if config.mirror else ""
    size = f"{config.img_resolution}×{config.img_resolution}"
    parameters = (G_parameters, D_parameters)
    if isinstance(config, StyleGAN2Config):
        networks, method = _stylegan2(config, *parameters)
    else:
        assert isinstance(config, BaselineRunConfig)
        networks, method = _baseline(config, *parameters)
    lines = [
        ("data", f"{config.images} pictures{flips} at {size}: {config.data}"),
        *([("held out", f"{len(heldout)} pictures of {heldout.creatures()} creatures, all their forms;"
                        f" {config.holdout:g} of the set was asked for")] if heldout is not None else []),
        ("labels", _labels(config, facts)),
        ("start", config.start),
        *networks,
        ("length", f"{config.kimg:g} kimg = {config.iterations:,} iterations = {passes:.1f} passes; "
                   f"a tick is {config.tick_kimg:g} kimg, a snapshot every {config.snap} tick(s)"),
        *method,
        ("metrics", metrics_words(config)),
        ("disk", disk_line(config, *parameters)),
        ("machine", f"{config.device}, {config.precision}; seed {config.seed}"),
    ]  # fmt: skip
    width = max(len(name) for name, _ in lines)
    return "\n".join(f"  {name:{width}}  {value}" for name, value in lines)


def _labels(config: TrainingConfig, facts: DatasetFacts) -> str:
    """The classes that are trained, or why the labels of the data set are not used."""
    if config.classes:
        names = f"{len(config.classes)} classes ({', '.join(config.classes)})"
        return f"{names}, all equally often" if config.balance else names
    if facts.label_fault:
        return f"unused, and unusable with --cond: {facts.label_fault}"
    return f"{len(facts.classes)} classes, unused without --cond" if facts.classes else "none"


def _baseline(config: BaselineRunConfig, G_parameters: int, D_parameters: int) -> tuple[_Lines, _Lines]:
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


def _stylegan2(config: StyleGAN2Config, G_parameters: int, D_parameters: int) -> tuple[_Lines, _Lines]:
    """As `_baseline`."""
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
