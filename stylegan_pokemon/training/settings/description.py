"""The resolved configuration in words: what a run prints before it starts."""

from __future__ import annotations

from stylegan_pokemon.data.dataset import SpriteDataset
from stylegan_pokemon.networks.config import DiscriminatorConfig, GeneratorConfig
from stylegan_pokemon.networks.discriminator import minibatch_group_size
from stylegan_pokemon.training.planning.disk import disk_line
from stylegan_pokemon.training.run_dir.measuring import metrics_words
from stylegan_pokemon.training.settings.config import STYLEGAN2, TrainingConfig
from stylegan_pokemon.training.systems.earlier import describe_earlier

_Lines = list[tuple[str, str]]


def describe(
    config: TrainingConfig, G_parameters: int, D_parameters: int, heldout: SpriteDataset | None = None
) -> str:
    """The resolved configuration and what follows from it, for people, a line per group.

    heldout: the pictures that are kept out of training, if any are.
    """
    passes = config.kimg * 1000 / (config.images * (2 if config.mirror else 1))
    flips = " and their mirror images" if config.mirror else ""
    labels = f"{len(config.classes)} classes ({', '.join(config.classes)})" if config.classes else "none"
    if config.balance:
        labels += ", all equally often"
    accumulation = config.batch // config.batch_gpu
    size = f"{config.img_resolution}×{config.img_resolution}"
    stylegan = config.arch == STYLEGAN2
    parameters = (G_parameters, D_parameters)
    lines = [
        ("data", f"{config.images} pictures{flips} at {size}: {config.data}"),
        *([("held out", f"{len(heldout)} pictures of {heldout.creatures()} creatures, all their forms;"
                        f" {config.holdout:g} of the set was asked for")] if heldout is not None else []),
        ("labels", labels),
        ("start", config.start),
        *(_networks(config, *parameters) if stylegan else _earlier_networks(*parameters)),
        ("batch", f"{config.batch} = {accumulation} × {config.batch_gpu}"
                  + (f", recomputing blocks from {config.recompute}×{config.recompute} up"
                     if config.recompute else "")),
        ("length", f"{config.kimg:g} kimg = {config.iterations:,} iterations = {passes:.1f} passes; "
                   f"a tick is {config.tick_kimg:g} kimg, a snapshot every {config.snap} tick(s)"),
        *(_method(config) if stylegan else describe_earlier(config)),
        ("metrics", metrics_words(config)),
        ("disk", disk_line(config, *parameters)),
        ("machine", f"{config.device}, {config.precision}; seed {config.seed}"),
    ]  # fmt: skip
    width = max(len(name) for name, _ in lines)
    return "\n".join(f"  {name:{width}}  {value}" for name, value in lines)


def _earlier_networks(G_parameters: int, D_parameters: int) -> _Lines:
    return [
        ("generator", f"{G_parameters:,} parameters"),
        ("discriminator", f"{D_parameters:,} parameters"),
    ]


def _networks(config: TrainingConfig, G_parameters: int, D_parameters: int) -> _Lines:
    g, d = GeneratorConfig.from_json(config.generator), DiscriminatorConfig.from_json(config.discriminator)
    widths = " ".join(f"{r}:{g.channels(r)}" for r in g.block_resolutions)
    return [
        ("generator", f"{G_parameters:,} parameters, {g.architecture}, z {g.z_dim}, w {g.w_dim}, "
                      f"{g.num_layers} mapping layers; channels {widths}"),
        ("discriminator", f"{D_parameters:,} parameters, {d.architecture}, "
                          f"minibatch-std group {_effective_group(config, d)}, {d.freeze_layers} frozen"),
    ]  # fmt: skip


def _method(config: TrainingConfig) -> _Lines:
    adaptive = (
        f"adaptive, target r_t {config.ada_target:g}, 0→1 in {config.ada_kimg:g} kimg, from p {config.p:g}"
    )
    augmentation = {"ada": adaptive, "fixed": f"p {config.p:g}", "noaug": "none"}[config.aug]
    noise = "on" if config.generator["use_noise"] else "off"
    return [
        ("learning rate", f"{config.lr:g}"),
        ("R1 gamma", f"{config.r1_gamma:.4g}"),
        ("styles", f"mixing {config.style_mixing:g}, path-length weight {config.pl_weight:g}, "
                   f"noise inputs {noise}"),
        ("EMA", f"half-life {config.ema_kimg:g} kimg"
                + (f", at most {config.ema_rampup:g} of the pictures shown"
                   f" (from {config.ema_floor_kimg:g} kimg on)" if config.ema_rampup else "")),
        *([("class loss", f"the discriminator also learns to tell the classes of real pictures apart, weight"
                          f" {config.class_loss:g}")] if config.class_loss else []),
        *([("whatever class", f"both networks are also judged without regard to classes, weight"
                              f" {config.uncond_loss:g}")] if config.uncond_loss else []),
        *([("haze loss", f"weight {config.haze_loss:g}, for a clean background of colour"
                         f" {' '.join(map(str, config.background))}")] if config.haze_loss else []),
        ("augmentation", f"{augmentation}" + (f" ({config.augpipe})" if config.aug != "noaug" else "")),
    ]  # fmt: skip


def _effective_group(config: TrainingConfig, d: DiscriminatorConfig) -> str:
    wanted = min(d.mbstd_group_size or config.batch, config.batch)
    group = minibatch_group_size(config.batch, wanted)
    if group < wanted:
        return f"{group} (the checkpoint's or preset's {wanted} does not divide --batch {config.batch})"
    if config.batch_gpu >= wanted:
        return str(wanted)
    return f"{config.batch_gpu} (the checkpoint's or preset's {wanted} does not fit into --batch-gpu)"
