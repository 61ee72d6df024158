"""From what a person asked for to a complete configuration.

Order of authority: the checkpoint decides the architecture, options decide the rest, the preset fills in.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, TypeVar

from stylegan_pokemon.data.dataset import DatasetFacts
from stylegan_pokemon.errors import UserError
from stylegan_pokemon.metrics.names import metrics_num_of
from stylegan_pokemon.networks.config import DiscriminatorConfig, GeneratorConfig
from stylegan_pokemon.training.config import (
    ADA_CAP,
    CONV_CLAMP,
    FP16_RESOLUTIONS,
    FRESH,
    TrainingConfig,
    class_losses_of,
    ema_kimg_of,
    haze_loss_of,
    r1_gamma_of,
    shape_of,
)
from stylegan_pokemon.training.measuring import check_metrics, features_named, metric_names
from stylegan_pokemon.training.options import Options

_ADA_KIMG = 500.0  # the papers' value
_TRANSFER_EMA_KIMG = 0.5  # where the average's ramp-up begins: pretrained weights deserve some trust
_ADA_KIMG_TRANSFER = 100.0  # fine-tuning is short: p must get there sooner


@dataclass(frozen=True)
class Start:
    """The checkpoint a run starts from, as far as the configuration depends on it."""

    name: str
    sha256: str
    generator: GeneratorConfig
    discriminator: DiscriminatorConfig | None
    classes: tuple[str, ...] = ()  # names by label, where the checkpoint knows them
    class_sizes: tuple[int, ...] = ()  # pictures of each in its training, where it knows them


def resolve(
    options: Options,
    facts: DatasetFacts,
    start: Start | None,
    device: str,
    precision: str,
    background: tuple[int, ...] = (),
) -> TrainingConfig:
    """Fill in everything. Raises UserError naming the option for whatever cannot be.

    `device` and `precision` are already resolved for the machine. `background` is the set's background
    colour, 0 … 255 by channel, empty where its pictures have none in common.
    """
    check(options)
    check_data(options, facts)
    classes = facts.classes if options.cond else ()
    shape = shape_of(options.cfg, facts.resolution)
    batch = options.batch or shape.batch
    if start is None:
        generator, discriminator = _fresh(options, facts, len(classes), min(shape.mbstd_group, batch))
    else:
        generator, discriminator = _from_checkpoint(options, facts, len(classes), start)
    batch_gpu = options.batch_gpu or _default_micro_batch(batch, facts.resolution, discriminator)
    if batch % batch_gpu:
        raise UserError(
            f"--batch {batch} is no multiple of --batch-gpu {batch_gpu}; choose a divisor of {batch}"
        )
    if precision == "fp16":
        generator, discriminator = _half(generator), _half(discriminator)
    aug, p = _augmentation(options)
    transfer = start is not None
    class_loss, uncond_loss = _class_losses(options, classes, start)
    haze_loss = _haze_loss(options, facts, background)
    return TrainingConfig(
        data=facts.path,
        data_sha256=facts.sha256,
        images=facts.images,
        img_resolution=facts.resolution,
        img_channels=facts.channels,
        classes=classes,
        start=start.name if start else FRESH,
        start_sha256=start.sha256 if start else None,
        kimg=options.kimg,
        tick_kimg=options.tick,
        snap=options.snap,
        cfg=options.cfg,
        batch=batch,
        batch_gpu=batch_gpu,
        lr=options.lr or shape.lr,
        r1_gamma=r1_gamma_of(options.cfg, facts.resolution, batch)
        if options.gamma is None
        else options.gamma,
        pl_weight=shape.pl_weight,
        style_mixing=shape.style_mixing,
        ema_kimg=ema_kimg_of(options.cfg, batch),
        ema_rampup=None if transfer and options.cfg != "sprites" else shape.ema_rampup,
        ema_floor_kimg=_TRANSFER_EMA_KIMG if transfer else 0.0,
        mirror=options.mirror,
        balance=options.balance,
        subset=options.subset,
        aug=aug,
        p=p,
        ada_target=0.6 if options.target is None else options.target,
        ada_kimg=_ADA_KIMG_TRANSFER if transfer else _ADA_KIMG,
        augpipe=options.augpipe,
        freeze_d=discriminator.freeze_layers,
        generator=generator.to_json(),
        discriminator=discriminator.to_json(),
        seed=options.seed,
        device=device,
        precision=precision,
        metrics=",".join(metric_names(options.metrics)) or "none",
        keep=options.keep,
        holdout=options.holdout,
        metrics_num=options.metrics_num or metrics_num_of(facts.resolution, facts.images, device, precision),
        metrics_features=features_named(options.metrics_features),
        patience=options.patience,
        class_sizes=facts.class_sizes if classes else (),
        class_loss=class_loss,
        uncond_loss=uncond_loss,
        haze_loss=haze_loss,
        background=background if haze_loss else (),
    )


def check(options: Options) -> None:
    """Refuse values out of range, before any file is read. Raises UserError naming the option."""
    for name, value in (("--kimg", options.kimg), ("--tick", options.tick)):
        if not (math.isfinite(value) and value >= 0.001):
            raise UserError(f"{name} {value:g} must be at least 0.001 (thousands of pictures)")
    if options.hours is not None and not (math.isfinite(options.hours) and options.hours > 0):
        raise UserError(f"--hours {options.hours:g} must be more than 0; fractions are allowed")
    numbers = {
        "--snap": options.snap,
        "--keep": options.keep,
        "--batch": options.batch,
        "--batch-gpu": options.batch_gpu,
        "--subset": options.subset,
        "--metrics-num": options.metrics_num,
        "--channel-base": options.channel_base,
        "--channel-max": options.channel_max,
        "--map-layers": options.map_layers,
        "--w-dim": options.w_dim,
    }
    for name, number in numbers.items():
        if number is not None and number < 1:
            raise UserError(f"{name} {number} must be at least 1")
    if options.lr is not None and not 0 < options.lr < 1:
        raise UserError(f"--lr {options.lr:g} must lie between 0 and 1; the papers use 0.0025")
    if options.gamma is not None and not (math.isfinite(options.gamma) and options.gamma >= 0):
        raise UserError(f"--gamma {options.gamma:g} must be 0 or more")
    weights = (("--class-loss", options.class_loss, 0.5), ("--uncond-loss", options.uncond_loss, 1))
    for name, weight, usual in weights:
        if weight is not None and not (math.isfinite(weight) and weight >= 0):
            raise UserError(f"{name} {weight:g} must be 0 (no such loss) or more; {usual:g} is usual")
        if weight and not options.cond:
            raise UserError(f"{name} is for classes; add --cond to train with them, or leave it out")
    if options.haze_loss is not None and not (math.isfinite(options.haze_loss) and options.haze_loss >= 0):
        raise UserError(f"--haze-loss {options.haze_loss:g} must be 0 (no such loss) or more; 20 is usual")
    if options.target is not None and not -1 <= options.target <= 1:
        raise UserError(f"--target {options.target:g} must lie between -1 and 1; the papers use 0.6")
    if options.freezed is not None and options.freezed < 0:
        raise UserError(f"--freezed {options.freezed} must be 0 or more")
    if options.vram is not None and not (math.isfinite(options.vram) and options.vram > 0):
        raise UserError(f"--vram {options.vram:g} must be more than 0 (GB); a GTX 1080 has 8")
    if options.adapt and options.resume == "none":
        raise UserError("--adapt fits a network to other widths or classes and contradicts --resume none")
    if not 0 <= options.holdout <= 0.5:
        raise UserError(f"--holdout {options.holdout:g} must lie between 0 and 0.5; 0.1 holds out a tenth")
    if options.patience < 0:
        raise UserError(f"--patience {options.patience} must be 0 (never stop early) or more")
    check_metrics(options.metrics, options.patience, options.metrics_features)
    _augmentation(options)


def check_data(options: Options, facts: DatasetFacts) -> None:
    """Refuse to train with labels on data that have none, and on more pictures than there are."""
    if options.subset and options.subset > facts.images:
        raise UserError(
            f"--subset {options.subset}: {facts.path} has {facts.images} pictures; give fewer or leave it out"
        )
    if options.cond and not facts.classes:
        raise UserError(f"--cond: {facts.path} has no labels; convert it with --labels, or leave --cond out")
    if options.balance and not facts.classes:
        raise UserError(f"--balance: {facts.path} has no labels; convert it with --labels, or leave it out")


def _class_losses(options: Options, classes: tuple[str, ...], start: Start | None) -> tuple[float, float]:
    if not classes:
        return 0.0, 0.0
    told, uncond = class_losses_of(options.cfg, start is not None and _knows(start, classes))
    return (
        told if options.class_loss is None else options.class_loss,
        uncond if options.uncond_loss is None else options.uncond_loss,
    )


def _haze_loss(options: Options, facts: DatasetFacts, background: tuple[int, ...]) -> float:
    if options.haze_loss is None:
        return haze_loss_of(options.cfg, bool(background))
    if options.haze_loss and not background:
        raise UserError(
            f"--haze-loss {options.haze_loss:g}: the pictures of {facts.path} have no background colour in"
            " common; convert them with --background white, opaque ones with --key too, or leave it out"
        )
    return options.haze_loss


def _knows(start: Start, classes: tuple[str, ...]) -> bool:
    """Whether a checkpoint has learnt all these classes; of one that names none the first are the same."""
    if not start.classes:
        return start.generator.c_dim >= len(classes)
    sizes = start.class_sizes if len(start.class_sizes) == len(start.classes) else [1] * len(start.classes)
    return set(classes) <= {name for name, size in zip(start.classes, sizes, strict=True) if size}


def _augmentation(options: Options) -> tuple[str, float]:
    if options.p is not None and not 0 <= options.p <= ADA_CAP:
        raise UserError(f"--p {options.p:g} must lie between 0 and {ADA_CAP}; beyond it augmentations leak")
    if options.aug == "fixed" and options.p is None:
        raise UserError("--aug fixed needs --p, the probability to keep")
    if options.aug == "noaug" and options.p:
        raise UserError("--p contradicts --aug noaug; leave one of them out")
    if options.aug != "ada" and options.target is not None:
        raise UserError(f"--target belongs to --aug ada and contradicts --aug {options.aug}")
    return options.aug, options.p or 0.0


def _default_micro_batch(batch: int, resolution: int, discriminator: DiscriminatorConfig) -> int:
    """Whole batches at low resolutions, then smaller parts: a divisor of the batch, at least a group."""
    largest = max(2048 // resolution, discriminator.mbstd_group_size or batch)
    return next(n for n in range(min(batch, largest), 0, -1) if batch % n == 0)


def _fresh(
    options: Options, facts: DatasetFacts, c_dim: int, mbstd_group: int
) -> tuple[GeneratorConfig, DiscriminatorConfig]:
    if options.freezed:
        raise UserError(
            "--freezed keeps pretrained layers of the discriminator and needs --resume with a network"
        )
    shape = shape_of(options.cfg, facts.resolution)
    base, widest = options.channel_base or shape.channel_base, options.channel_max or shape.channel_max
    w_dim = options.w_dim or shape.w_dim
    shared: dict[str, Any] = {
        "img_resolution": facts.resolution,
        "img_channels": facts.channels,
        "c_dim": c_dim,
        "channel_base": base,
        "channel_max": widest,
    }
    generator = GeneratorConfig(
        **shared,
        z_dim=w_dim,
        w_dim=w_dim,
        num_layers=options.map_layers or shape.map_layers,
        use_noise=shape.use_noise,
    )
    return generator, DiscriminatorConfig(**shared, mbstd_group_size=mbstd_group)


_C = TypeVar("_C", GeneratorConfig, DiscriminatorConfig)


def _half(config: _C) -> _C:
    """The same tensors, with the highest resolutions in half precision and bounded activations."""
    return dataclasses.replace(
        config,
        num_fp16_res=config.num_fp16_res or FP16_RESOLUTIONS,
        conv_clamp=config.conv_clamp or CONV_CLAMP,
    )


def _from_checkpoint(
    options: Options, facts: DatasetFacts, c_dim: int, start: Start
) -> tuple[GeneratorConfig, DiscriminatorConfig]:
    """The checkpoint's architecture at the data's resolution, colours and classes, unless options object.

    What differs is fitted by `transfer`; other widths and other classes only with --adapt.
    """
    g = start.generator
    claims = [
        ("--channel-base", "channel_base", options.channel_base, g.channel_base, True),
        ("--channel-max", "channel_max", options.channel_max, g.channel_max, True),
        ("--map-layers", "number of mapping layers", options.map_layers, g.num_layers, False),
        ("--w-dim", "w_dim", options.w_dim, g.w_dim, False),
    ]
    for option, what, asked, held, adaptable in claims:
        if asked is not None and asked != held and not (adaptable and options.adapt):
            remedy = "add --adapt to copy what overlaps" if adaptable else "start with --resume none"
            raise UserError(
                f"{option} asks for {what} {asked}, but {start.name} has {held}, and the checkpoint decides;"
                f" leave {option} out, or {remedy}"
            )
    if not options.adapt:
        _check_classes(facts, c_dim, start)
    shared = {
        name: getattr(g, name)
        for name in ("img_resolution", "img_channels", "c_dim", "channel_base", "channel_max")
    }
    d = start.discriminator or DiscriminatorConfig(**shared)
    changes = {"img_resolution": facts.resolution, "img_channels": facts.channels, "c_dim": c_dim}
    widths = {"channel_base": options.channel_base, "channel_max": options.channel_max}
    changes |= {name: width for name, width in widths.items() if width is not None}
    g, d = dataclasses.replace(g, **changes), dataclasses.replace(d, **changes)
    if options.freezed is None:
        return g, d
    if options.freezed and start.discriminator is None:
        raise UserError(
            f"--freezed {options.freezed}: {start.name} holds no discriminator to freeze; leave it out"
        )
    layers = _freezable_layers(d)
    if options.freezed > layers:
        raise UserError(
            f"--freezed {options.freezed}: this discriminator has {layers} layers before its last block"
        )
    return g, dataclasses.replace(d, freeze_layers=options.freezed)


def _freezable_layers(d: DiscriminatorConfig) -> int:
    """conv0 and conv1 of every block but the last, their skip in 'resnet', and what reads the picture."""
    blocks = len(d.block_resolutions) - 1
    return blocks * (2 if d.architecture == "orig" else 3) + (d.architecture != "skip")


def _check_classes(facts: DatasetFacts, c_dim: int, start: Start) -> None:
    """Refuse to lose or to confuse what the checkpoint knows of classes."""
    held = start.generator.c_dim
    if held and not c_dim:
        raise UserError(
            f"{start.name} was trained with {held} classes; add --cond if the data have the same, or"
            " --adapt to go on without classes"
        )
    if held and (c_dim != held or (start.classes and start.classes != facts.classes)):
        theirs = f"the classes {', '.join(start.classes)}" if start.classes else f"{held} classes"
        raise UserError(
            f"--cond: {start.name} was trained with {theirs}, the data have"
            f" {', '.join(facts.classes)}; convert the data with the same labels, or add --adapt to keep what"
            " the two have in common"
        )
