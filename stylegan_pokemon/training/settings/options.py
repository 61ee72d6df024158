"""The one home of every option of `finetune.py`: default, help, range, and who may use and change it.

To add an option: add a field to `Options` and one that records it to a class of `config`, and use it where it
takes effect. This module imports neither torch nor NumPy: it is read for `--help`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from stylegan_pokemon.augment.sets import AUGMENT_SETS, DEFAULT_AUGMENT_SET
from stylegan_pokemon.baselines.recipes import RECIPES
from stylegan_pokemon.metrics.names import CHEAP, IN_WORDS, METRICS_FEATURES, METRICS_NUM
from stylegan_pokemon.training.settings.cards import CARDS
from stylegan_pokemon.training.settings.config import ADA_CAP, STYLEGAN2
from stylegan_pokemon.training.settings.option import Option, Systems, setting
from stylegan_pokemon.training.settings.presets import PRESETS

_SYSTEMS = {STYLEGAN2: "StyleGAN2-ADA"} | {name: recipe.description for name, recipe in RECIPES.items()}
ONLY_STYLEGAN2 = Systems((STYLEGAN2,), "StyleGAN2-ADA", STYLEGAN2)
ONLY_BASELINES = Systems(tuple(RECIPES), "the baseline systems", "dcgan-tricks")

_SIZE: dict[str, Any] = {"at_least": 1, "automatic": "by --cfg", "systems": ONLY_STYLEGAN2, "repeated": False}


@dataclass(frozen=True)
class Options:
    """Every option of `finetune.py`."""

    data: str | None = setting(
        None,
        "Dataset zip that dataset_tool made. When a run is continued: where the same zip is now.",
        heading="Data",
        metavar="ZIP",
        is_path=True,
        automatic="forged sprites",
        continued="session",
        meaning="the training pictures",
    )
    mirror: bool = setting(False, "Show every picture mirrored too. This doubles the data set.")
    subset: int | None = setting(
        None,
        "Train on this many pictures, chosen at random.",
        at_least=1,
        automatic="all",
        meaning="pictures drawn from a larger set",
    )
    holdout: float = setting(
        0.0,
        "Share of the data set to keep out of training, chosen at random before --subset. A creature is held"
        " out with all its forms; names of files and folders tell which belong together. The report compares"
        " held-out with training pictures to show overfitting.",
        metavar="SHARE",
        at_least=0,
        at_most=0.5,
        hint="0.1 holds out a tenth",
    )
    resume: str | None = setting(
        None,
        "What training starts from. A network file, a URL, a name from `python -m stylegan_pokemon zoo` or"
        " RUN/best starts a new run from these weights. A run directory continues that run exactly. none"
        " starts from scratch.",
        heading="Start",
        metavar="WHAT",
        is_path=True,
        automatic="the embedded checkpoint if it fits, else none",
        systems=ONLY_STYLEGAN2,
        elsewhere=("none",),
        recorded=None,
        continued="ignored",
    )
    adapt: bool = setting(
        False,
        "Allow other channel widths or classes than the checkpoint's. Weights that both have are copied;"
        " classes are matched by name.",
        systems=ONLY_STYLEGAN2,
        recorded=None,
        continued="ignored",
    )
    freezed: int | None = setting(
        None,
        "Freeze-D: number of discriminator layers to freeze, counted from the image.",
        at_least=0,
        automatic="as in the checkpoint",
        systems=ONLY_STYLEGAN2,
        recorded="freeze_d",
        repeated=False,
    )
    # Field reports: 1000 kimg are often enough when fine-tuning.
    kimg: float = setting(
        1000.0,
        "Length of the run, in thousands of pictures shown. Fractions are allowed.",
        heading="Length and output",
        at_least=0.001,
        hint="it counts thousands of pictures",
        continued="replaced",
    )
    tick: float = setting(
        4.0,
        "Thousands of pictures between two ticks. A tick prints a line and writes a grid of pictures, a"
        " snapshot and the state.",
        at_least=0.001,
        hint="it counts thousands of pictures",
        recorded="tick_kimg",
    )
    snap: int = setting(
        1, "Ticks between two snapshots. The last tick always writes one.", at_least=1, continued="replaced"
    )
    keep: int = setting(
        1,
        "Keep every N-th snapshot, the best and the last. The others are deleted.",
        at_least=1,
        continued="replaced",
    )
    hours: float | None = setting(
        None,
        "Save and stop before this many hours have passed.",
        above=0,
        hint="fractions are allowed",
        automatic="no limit",
        recorded=None,
        continued="session",
    )
    patience: int = setting(
        0,
        "Stop after N measured snapshots without a better one. The best has the lowest KID among those"
        " whose creatures are in one piece. 0 never stops early.",
        at_least=0,
        hint="0 never stops early",
        continued="replaced",
    )
    outdir: str = setting(
        "runs", "Folder in which run directories are made.", metavar="DIR", is_path=True, recorded=None
    )
    cfg: str = setting(
        "sprites",
        "Preset for batch, learning rate, regularisation and new networks.",
        heading="Training",
        metavar="PRESET",
        choices=tuple(PRESETS),
        choices_help=PRESETS,
        systems=ONLY_STYLEGAN2,
    )
    batch: int | None = setting(None, "Pictures per iteration.", at_least=1, automatic="by --cfg or --arch")
    lr: float | None = setting(
        None,
        "Learning rate; with --arch the generator's.",
        above=0,
        below=1,
        hint="the papers use 0.0025",
        automatic="by --cfg or --arch",
    )
    gamma: float | None = setting(
        None,
        "Weight of R1, the discriminator's gradient penalty. 0 leaves it out.",
        at_least=0,
        automatic="by --cfg",
        systems=ONLY_STYLEGAN2,
        recorded="r1_gamma",
    )
    # Without it a veil of a few percent spreads over the background, which the discriminator hardly sees.
    haze_loss: float | None = setting(
        None,
        "Weight of the loss that keeps the background clean. It penalises background pixels that"
        " differ from the background colour of the data set. The data set must have one background colour, or"
        " alpha. 0 leaves it out.",
        metavar="WEIGHT",
        at_least=0,
        hint="0 leaves the loss out, 20 to 60 is usual",
        automatic="with --cfg sprites on a plain background 60 when fine-tuning, 20 from scratch; else 0",
        systems=ONLY_STYLEGAN2,
    )
    # A discriminator that meets new art first teaches to break what the start can draw.
    layout_loss: float | None = setting(
        None,
        "Weight of the loss that keeps creatures whole while they take on the new style. It compares shape"
        " and darkness with what the starting network draws from the same latent. It halves every 8 kimg. 0"
        " leaves it out.",
        metavar="WEIGHT",
        at_least=0,
        hint="0 leaves the loss out, 60 is usual",
        automatic="60 with --cfg sprites when fine-tuning on a plain background, else 0",
        systems=ONLY_STYLEGAN2,
    )
    seed: int = setting(0, "Seed of all randomness.")
    cond: bool = setting(
        False,
        "Train a class-conditional network on the labels of the data set.",
        heading="Classes",
        recorded="classes",
    )
    balance: bool = setting(False, "Show every class equally often, however few pictures it has.")
    class_loss: float | None = setting(
        None,
        "Weight of the discriminator's loss as a classifier of real pictures. With it, generated"
        " pictures look like their class much sooner. 0 leaves it out, as the official programs do.",
        metavar="WEIGHT",
        at_least=0,
        hint="0 leaves the loss out, 0.5 is usual",
        automatic="0.5 with --cfg sprites if the checkpoint lacks a class, else 0",
        needs=("cond", (True,)),
        systems=ONLY_STYLEGAN2,
    )
    uncond_loss: float | None = setting(
        None,
        "Weight of an additional class-agnostic real/fake loss. If a class has few pictures, it keeps the"
        " quality that training without classes would have. 0 leaves it out, as the official programs do.",
        metavar="WEIGHT",
        at_least=0,
        hint="0 leaves the loss out, 1 is usual",
        automatic="1 with --cfg sprites if the checkpoint lacks a class, else 0",
        needs=("cond", (True,)),
        systems=ONLY_STYLEGAN2,
    )
    aug: str = setting(
        "ada",
        "Augmentation of what the discriminator sees. ada adapts its probability p, fixed keeps --p, noaug"
        " switches it off.",
        heading="Augmentation",
        choices=("ada", "fixed", "noaug"),
        systems=ONLY_STYLEGAN2,
        elsewhere=("noaug",),
    )
    p: float | None = setting(
        None,
        "Augmentation probability: at the start with --aug ada, throughout with --aug fixed.",
        at_least=0,
        at_most=ADA_CAP,
        hint="beyond that, augmentations leak into the pictures",
        automatic="0",
        needs=("aug", ("ada", "fixed")),
        systems=ONLY_STYLEGAN2,
    )
    target: float | None = setting(
        None,
        "Value of the overfitting measure r_t that --aug ada aims for.",
        at_least=-1,
        at_most=1,
        hint="the papers use 0.6",
        automatic="0.6",
        needs=("aug", ("ada",)),
        systems=ONLY_STYLEGAN2,
        recorded="ada_target",
    )
    augpipe: str = setting(
        DEFAULT_AUGMENT_SET,
        "Set of augmentations. The longer names combine sets by their initials; bgc is the papers' choice.",
        metavar="SET",
        choices=AUGMENT_SETS,
        systems=ONLY_STYLEGAN2,
    )
    metrics: str = setting(
        ",".join(CHEAP),
        "Metrics of every snapshot: names separated by commas, or none.",
        heading="Metrics",
        metavar="NAMES",
        choices_help=IN_WORDS,
        continued="replaced",
    )
    metrics_num: int | None = setting(
        None,
        "Number of generated pictures to measure.",
        at_least=1,
        automatic=f"as many as real ones, at most {METRICS_NUM}; fewer on a CPU, such as 400 at 64×64",
        continued="replaced",
    )
    metrics_features: str = setting(
        METRICS_FEATURES,
        f"Feature extractor for the metrics: {METRICS_FEATURES}, standard (Inception and VGG16, after"
        " `python -m stylegan_pokemon zoo fetch`), or a TorchScript file. Such a file is a program: use"
        " only files that you trust.",
        metavar="NAME|FILE",
        is_path=True,
        continued="replaced",
        meaning="feature extractor for the metrics",
    )
    channel_base: int | None = setting(
        None,
        "Width of the networks. A layer at resolution R has --channel-base / R feature maps, at most"
        " --channel-max.",
        heading="Size of new networks",
        recorded="generator.channel_base",
        **_SIZE,
        meaning="feature maps × resolution of a layer",
    )
    channel_max: int | None = setting(
        None, "Maximum number of feature maps per layer.", recorded="generator.channel_max", **_SIZE
    )
    map_layers: int | None = setting(
        None, "Number of mapping layers.", recorded="generator.num_layers", **_SIZE
    )
    w_dim: int | None = setting(None, "Length of the latents z and w.", recorded="generator.w_dim", **_SIZE)
    device: str = setting(
        "auto",
        "Device: auto (the first CUDA card, else the CPU), cpu, cuda or cuda:N.",
        heading="Machine",
        metavar="NAME",
        repeated=False,
        meaning="where it trains",
    )
    precision: str = setting(
        "auto",
        "Precision of the networks. auto chooses fp16 on cards with tensor cores, bf16 on CPUs with"
        " bf16 instructions (AVX512-BF16, AMX, ARM), else fp32; with --arch always fp32. On other CPUs bf16"
        " saves memory but is slower.",
        choices=("auto", "fp32", "fp16", "bf16"),
        systems=ONLY_STYLEGAN2,
        elsewhere=("auto", "fp32", "bf16"),
    )
    batch_gpu: int | None = setting(
        None,
        "Pictures on the device at once; gradients are accumulated over --batch.",
        at_least=1,
        automatic="what fits into memory",
        systems=ONLY_STYLEGAN2,
        repeated=False,
    )
    vram: float | None = setting(
        None,
        "Memory to plan for, in GB; a tenth of it stays free. The plan chooses --batch-gpu, unless given,"
        " and which layers are recomputed to save memory.",
        metavar="GB",
        above=0,
        hint="a GTX 1080 has 8 (GB)",
        automatic="what is free on the device",
        systems=ONLY_STYLEGAN2,
        recorded="memory.vram",
        repeated=False,
    )
    assume_device: str | None = setting(
        None,
        "With --dry-run: plan for a card that this machine does not have.",
        choices=tuple(CARDS),
        metavar="CARD",
        systems=ONLY_STYLEGAN2,
        recorded=None,
        repeated=False,
    )
    arch: str = setting(
        STYLEGAN2,
        "System to train: StyleGAN2-ADA or, for comparison, a GAN of an earlier Pokémon project. Details that"
        " the project's report left open are printed when the run starts.",
        heading="Baseline systems",
        metavar="SYSTEM",
        choices=(STYLEGAN2, *RECIPES),
        choices_help=_SYSTEMS,
        repeated=False,
        meaning="stylegan2, or a baseline system",
    )
    size: int | None = setting(
        None,
        "Resolution, for a system that can draw several. The data set is resampled when it is read.",
        automatic="the largest up to the data set's",
        systems=ONLY_BASELINES,
        recorded="img_resolution",
        repeated=False,
        meaning="pixels a side",
    )


_KINDS = {"str": str, "int": int, "float": float, "bool": bool}


def _collected() -> Iterator[Option]:
    group = ""
    for field in dataclasses.fields(Options):
        known: dict[str, Any] = {"recorded": field.name} | dict(field.metadata)
        group = known.pop("heading", group)
        kind = _KINDS[str(field.type).removesuffix(" | None")]
        yield Option(name=field.name, kind=kind, default=field.default, group=group, **known)


OPTIONS: dict[str, Option] = {option.name: option for option in _collected()}
"""All of them by name, in the order of `--help`."""


def changeable() -> str:
    """The options that may change when a run is continued, for a sentence."""
    replaced = [option.flag for option in OPTIONS.values() if option.continued == "replaced"]
    return f"{', '.join(replaced)}, {OPTIONS['hours'].flag} and the path of {OPTIONS['data'].flag}"
