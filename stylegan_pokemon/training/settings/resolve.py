"""From what a person asked for to a complete configuration.

Order of authority: the checkpoint decides the architecture, options decide the rest, the preset fills in.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, TypeVar

from stylegan_pokemon.baselines.config import BaselineConfig
from stylegan_pokemon.baselines.recipes import recipe_of, stages
from stylegan_pokemon.data.dataset import DatasetFacts
from stylegan_pokemon.errors import UserError
from stylegan_pokemon.metrics.names import metrics_num_of
from stylegan_pokemon.networks.config import DiscriminatorConfig, GeneratorConfig
from stylegan_pokemon.training.settings.check import check, check_data
from stylegan_pokemon.training.settings.config import (
    CONV_CLAMP,
    FP16_RESOLUTIONS,
    FRESH,
    BaselineRunConfig,
    StyleGAN2Config,
    TrainingConfig,
)
from stylegan_pokemon.training.settings.metrics import recorded_features, recorded_metrics
from stylegan_pokemon.training.settings.options import OPTIONS, Options
from stylegan_pokemon.training.settings.presets import Preset, preset

_ADA_TARGET = 0.6  # the papers' value
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
) -> StyleGAN2Config:
    """The configuration of a run of StyleGAN2-ADA. Raises UserError naming the option for whatever cannot be.

    `device` and `precision` are already resolved for the machine. `background` is the set's background
    colour, 0 … 255 by channel, empty where its pictures have none in common.
    """
    check(options)
    check_data(options, facts)
    classes = facts.classes if options.cond else ()
    rule = preset(options.cfg, facts.resolution, options.batch)
    batch = rule.batch
    if start is None:
        generator, discriminator = _fresh(options, facts, len(classes), rule)
    else:
        generator, discriminator = _from_checkpoint(options, facts, len(classes), start)
    batch_gpu = options.batch_gpu or _default_micro_batch(batch, facts.resolution, discriminator)
    if batch % batch_gpu:
        raise UserError(
            f"--batch {batch} is no multiple of --batch-gpu {batch_gpu}; choose a divisor of {batch}"
        )
    if precision == "fp16":
        generator, discriminator = _half(generator), _half(discriminator)
    if options.haze_loss and not background:
        raise UserError(
            f"--haze-loss {options.haze_loss:g}: the pictures of {facts.path} have no background colour in"
            " common; convert them with --background white, opaque ones with --key too, or leave it out"
        )
    if options.layout_loss and (start is None or not background):
        why = (
            "nothing is there to stay near: name a start with --resume"
            if start is None
            else (f"the pictures of {facts.path} have no background colour in common")
        )
        raise UserError(f"--layout-loss {options.layout_loss:g}: {why}, or leave it out")
    layout_loss = _given(options.layout_loss, rule.layout_loss if start is not None and background else 0.0)
    usual = rule.haze_loss if start is None else rule.haze_loss_tuning
    haze_loss = _given(options.haze_loss, usual if background else 0.0)
    class_loss, uncond_loss = rule.class_loss, rule.uncond_loss
    if not classes or (start is not None and _knows(start, classes)):
        class_loss = uncond_loss = 0.0
    rampup = None if start is not None and options.cfg != "sprites" else rule.ema_rampup
    return StyleGAN2Config(**(
        _recorded(StyleGAN2Config, options, facts, device, precision)
        | {
            "start": start.name if start else FRESH,
            "start_sha256": start.sha256 if start else None,
            "batch": batch,
            "batch_gpu": batch_gpu,
            "lr": options.lr or rule.lr,
            "r1_gamma": _given(options.gamma, rule.r1_gamma),
            "pl_weight": rule.pl_weight,
            "style_mixing": rule.style_mixing,
            "ema_kimg": rule.ema_kimg,
            "ema_rampup": rampup,
            "ema_floor_kimg": _TRANSFER_EMA_KIMG if start else 0.0,
            "p": options.p or 0.0,
            "ada_target": _given(options.target, _ADA_TARGET),
            "ada_kimg": _ADA_KIMG_TRANSFER if start else _ADA_KIMG,
            "freeze_d": discriminator.freeze_layers,
            "generator": generator.to_json(),
            "discriminator": discriminator.to_json(),
            "class_loss": _given(options.class_loss, class_loss) if classes else 0.0,
            "uncond_loss": _given(options.uncond_loss, uncond_loss) if classes else 0.0,
            "haze_loss": haze_loss,
            "layout_loss": layout_loss,
            "background": background if haze_loss or layout_loss else (),
        }
    ))  # fmt: skip


def resolve_baseline(options: Options, facts: DatasetFacts, device: str, precision: str) -> BaselineRunConfig:
    """The configuration of a run of `options.arch`; `precision` is "fp32" or "bf16"."""
    recipe = recipe_of(options.arch)
    network = BaselineConfig(
        *(recipe.name, facts.resolution, facts.channels, len(facts.classes) if options.cond else 0),
        premultiplied=facts.premultiplied,
    )
    phases = stages(facts.resolution) if recipe.family == "progan" else 1
    return BaselineRunConfig(**(
        _recorded(BaselineRunConfig, options, facts, device, precision)
        | {
            "start": FRESH,
            "start_sha256": None,
            "batch": options.batch or recipe.batch,
            "lr": options.lr or recipe.lr_G,
            "generator": network.to_json(),
            "discriminator": network.to_json(),
            "stage_kimg": options.kimg / phases,
        }
    ))  # fmt: skip


def _recorded(
    kind: type[TrainingConfig], options: Options, facts: DatasetFacts, device: str, precision: str
) -> dict[str, Any]:
    """The settings of `kind` that need no rule: options as they are, facts of the data set, the machine.

    The rules of a system fill in the rest.
    """
    names = {field.name for field in dataclasses.fields(kind)}
    return {
        **{o.recorded: getattr(options, o.name) for o in OPTIONS.values() if o.recorded in names},
        "data": facts.path,
        "data_sha256": facts.sha256,
        "images": facts.images,
        "img_resolution": facts.resolution,
        "img_channels": facts.channels,
        "classes": facts.classes if options.cond else (),
        "class_sizes": facts.class_sizes if options.cond else (),
        "device": device,
        "precision": precision,
        "metrics": recorded_metrics(options.metrics),
        "metrics_num": options.metrics_num
        or metrics_num_of(facts.resolution, facts.images, device, precision),
        "metrics_features": recorded_features(options.metrics_features),
    }


def _given(value: float | None, rule: float) -> float:
    return rule if value is None else value


def _knows(start: Start, classes: tuple[str, ...]) -> bool:
    """Whether a checkpoint has learnt all these classes; of one that names none the first are the same."""
    if not start.classes:
        return start.generator.c_dim >= len(classes)
    sizes = start.class_sizes if len(start.class_sizes) == len(start.classes) else [1] * len(start.classes)
    return set(classes) <= {name for name, size in zip(start.classes, sizes, strict=True) if size}


def _default_micro_batch(batch: int, resolution: int, discriminator: DiscriminatorConfig) -> int:
    """Whole batches at low resolutions, then smaller parts: a divisor of the batch, at least a group."""
    largest = max(2048 // resolution, discriminator.mbstd_group_size or batch)
    return next(n for n in range(min(batch, largest), 0, -1) if batch % n == 0)


def _fresh(
    options: Options, facts: DatasetFacts, c_dim: int, rule: Preset
) -> tuple[GeneratorConfig, DiscriminatorConfig]:
    if options.freezed:
        raise UserError(
            "--freezed keeps pretrained layers of the discriminator and needs --resume with a network"
        )
    w_dim = options.w_dim or rule.w_dim
    shared: dict[str, Any] = {
        "img_resolution": facts.resolution,
        "img_channels": facts.channels,
        "premultiplied": facts.premultiplied,
        "c_dim": c_dim,
        "channel_base": options.channel_base or rule.channel_base,
        "channel_max": options.channel_max or rule.channel_max,
    }
    layers = options.map_layers or rule.map_layers
    generator = GeneratorConfig(
        **shared, z_dim=w_dim, w_dim=w_dim, num_layers=layers, use_noise=rule.use_noise
    )
    return generator, DiscriminatorConfig(**shared, mbstd_group_size=min(rule.mbstd_group, rule.batch))


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
    shared = ("img_resolution", "img_channels", "c_dim", "channel_base", "channel_max")
    d = start.discriminator or DiscriminatorConfig(**{name: getattr(g, name) for name in shared})
    values = (facts.resolution, facts.channels, c_dim, options.channel_base, options.channel_max)
    changes: dict[str, Any] = {n: v for n, v in zip(shared, values, strict=True) if v is not None}
    changes["premultiplied"] = facts.premultiplied
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
            " --adapt to continue without classes"
        )
    if held and (c_dim != held or (start.classes and start.classes != facts.classes)):
        theirs = f"the classes {', '.join(start.classes)}" if start.classes else f"{held} classes"
        raise UserError(
            f"--cond: {start.name} was trained with {theirs}, the data have"
            f" {', '.join(facts.classes)}; convert the data with the same labels, or add --adapt to keep what"
            " the two have in common"
        )
