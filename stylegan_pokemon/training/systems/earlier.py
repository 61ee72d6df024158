"""From the options of a baseline system (`--arch`) to its configuration."""

from __future__ import annotations

from collections.abc import Collection

from stylegan_pokemon.baselines.config import BaselineConfig
from stylegan_pokemon.baselines.recipes import stages
from stylegan_pokemon.data.dataset import DatasetFacts
from stylegan_pokemon.errors import UserError
from stylegan_pokemon.training.run_dir.measuring import features_named, metric_names
from stylegan_pokemon.training.settings.config import FRESH, STYLEGAN2, TrainingConfig, metrics_num_of
from stylegan_pokemon.training.settings.options import Options

_NOT_THEIRS = (  # options of StyleGAN2-ADA, None or their default where nobody gave them
    *("gamma", "freezed", "class_loss", "uncond_loss", "haze_loss", "p", "target"),
    *("channel_base", "channel_max", "map_layers", "w_dim"),
    *("resume", "batch_gpu", "vram", "assume_device"),
)


_DEFAULTED = ("cfg", "augpipe", "adapt", "aug", "precision")


def check_arch(options: Options, given: Collection[str] = ()) -> None:
    """Refuse options that an architecture has no use for. Raises UserError naming one.

    given: names of options that somebody wrote, be it with the value that they have anyway.
    """
    if options.arch == STYLEGAN2:
        if options.size is not None or options.spectral_norm:
            option = "--spectral-norm" if options.size is None else f"--size {options.size}"
            raise UserError(
                f"{option} belongs to the earlier systems; add --arch with one of them, such as"
                " --arch dcgan-tricks"
            )
        return
    recipe = options.recipe
    # These are so anyway, or mean the same here.
    harmless = {"resume": ("none",), "aug": ("noaug",), "precision": ("auto", "fp32", "bf16")}
    for name in (*_NOT_THEIRS, *_DEFAULTED):
        value = getattr(options, name)
        if (value != getattr(Options, name) or name in given) and value not in harmless.get(name, ()):
            option = f"--{name.replace('_', '-')}" + ("" if value is True else f" {value}")
            if name == "resume":
                raise UserError(
                    f"{option} with --arch {recipe.name}: a system of an earlier project always starts from"
                    " nothing; leave it out. A run of it is continued by --resume and its run directory alone"
                )
            raise UserError(
                f"{option} belongs to StyleGAN2-ADA and not to --arch {recipe.name}; leave it out"
            )
    if options.spectral_norm and recipe.family != "dcgan":
        raise UserError(
            f"--spectral-norm belongs to the DCGANs and not to --arch {recipe.name}; leave it out, or choose"
            " --arch dcgan-tricks"
        )


def resolve_earlier(options: Options, facts: DatasetFacts, device: str, precision: str) -> TrainingConfig:
    """The configuration of a run of `options.arch`; `precision` is "fp32" or "bf16"."""
    recipe = options.recipe
    classes = facts.classes if options.cond else ()
    network = BaselineConfig(recipe.name, facts.resolution, facts.channels, len(classes))
    batch = options.batch or recipe.batch
    phases = stages(facts.resolution) if recipe.family == "progan" else 1
    return TrainingConfig(
        data=facts.path,
        data_sha256=facts.sha256,
        images=facts.images,
        img_resolution=facts.resolution,
        img_channels=facts.channels,
        classes=classes,
        start=FRESH,
        start_sha256=None,
        kimg=options.kimg,
        tick_kimg=options.tick,
        snap=options.snap,
        cfg=options.cfg,
        batch=batch,
        batch_gpu=batch,
        lr=options.lr or recipe.lr_G,
        r1_gamma=0.0,
        pl_weight=0.0,
        style_mixing=0.0,
        ema_kimg=0.0,  # they average no weights: G_ema is G
        ema_rampup=None,
        ema_floor_kimg=0.0,
        mirror=options.mirror,
        balance=options.balance,
        subset=options.subset,
        aug="noaug",
        p=0.0,
        ada_target=0.0,
        ada_kimg=1.0,
        augpipe=options.augpipe,
        freeze_d=0,
        generator=network.to_json(),
        discriminator=network.to_json() | {"spectral_norm": options.spectral_norm},
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
        arch=recipe.name,
        stage_kimg=options.kimg / phases,
    )


def describe_earlier(config: TrainingConfig) -> list[tuple[str, str]]:
    """What there is to say of such a system, as names and texts."""
    recipe = BaselineConfig.from_json(config.generator).recipe
    lines = [
        ("system", f"{recipe.name}: {recipe.description}"),
        ("assumed", recipe.assumed),
        ("learning rate", f"G {config.lr:g}, D {config.lr * recipe.lr_D / recipe.lr_G:g}"),
    ]
    if recipe.family == "progan":
        lines.append(("growing", f"{stages(config.img_resolution)} phases of {config.stage_kimg:g} kimg"))
    return lines
