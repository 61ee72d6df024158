"""`finetune.py`: argument parsing only."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import Any

import click

from stylegan_pokemon import __version__
from stylegan_pokemon.baselines.recipes import RECIPES
from stylegan_pokemon.cli.errors import Command
from stylegan_pokemon.cli.parameters import NumberType
from stylegan_pokemon.training.planning.cards import CARDS
from stylegan_pokemon.training.settings.config import (
    AUGMENTATIONS,
    METRICS,
    METRICS_FEATURES,
    METRICS_NUM,
    PRECISIONS,
    PRESETS,
    STYLEGAN2,
)

_AUGPIPES = ("blit", "geom", "color", "filter", "noise", "cutout", "bg", "bgc", "bgcf", "bgcfn", "bgcfnc")
_EPILOG = """\b
Examples:
  python finetune.py                                           forged sprites, embedded checkpoint
  python finetune.py --data pokemon64.zip --kimg 200           your sprites
  python finetune.py --data pokemon512.zip --resume ffhq512 --freezed 10 --mirror
  python finetune.py --resume runs/00003-pokemon64-fresh       continue that run exactly
"""


@click.command(
    cls=Command,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110, "show_default": True},
)
@click.option(
    "--data", metavar="ZIP", help="Dataset made by dataset_tool.  [default: sprites forged on the spot]"
)
@click.option("--outdir", default="runs", metavar="DIR", help="Where run directories are made.")
@click.option(
    "--resume",
    metavar="WHAT",
    help="A network file, its URL, a name that `python -m stylegan_pokemon zoo` lists, or RUN/best: transfer "
    "learning from its weights. A run directory: exact continuation. 'none': fresh networks.  "
    "[default: the embedded checkpoint if it fits]",
)
@click.option(
    "--cfg",
    type=click.Choice(list(PRESETS)),
    default="sprites",
    help="Preset: " + "; ".join(f"{name}: {preset.description}" for name, preset in PRESETS.items()) + ".",
)
@click.option(
    "--arch",
    type=click.Choice([STYLEGAN2, *RECIPES]),
    default=STYLEGAN2,
    help="Train a system that an earlier project built instead, to compare: "
    + "; ".join(f"{name}: {recipe.description}" for name, recipe in RECIPES.items())
    + ". What their reports do not say is printed at the start.",
)
@click.option(
    "--size",
    type=int,
    help="Side of the pictures of an --arch that draws several; they are resampled when the set is read.  "
    "[default: the largest up to the set's]",
)
@click.option(
    "--spectral-norm",
    is_flag=True,
    help="With --arch dcgan…: the discriminator's convolutions have spectral norm instead of batch norm.",
)
@click.option(
    "--kimg",
    type=float,
    default=1000.0,
    help="Length of the run in thousands of pictures shown; fractions allowed.",
)
@click.option(
    "--tick",
    type=float,
    default=4.0,
    help="Thousands of pictures between two ticks (line, grid, snapshot, state).",
)
@click.option(
    "--snap", type=int, default=1, help="Ticks between two snapshots; the last tick always has one."
)
@click.option(
    "--keep",
    type=int,
    default=1,
    help="Keep every KEEP-th snapshot, the best and the last; the others are deleted once newer ones are "
    "written.",
)
@click.option(
    "--hours",
    type=float,
    help="Stop, state written, before that many hours of this program's time are over.  [default: no limit]",
)
@click.option("--batch", type=int, help="Pictures per iteration.  [default: by --cfg or --arch]")
@click.option(
    "--batch-gpu",
    type=int,
    help="Pictures on the device at once; gradients are accumulated over the batch.  "
    "[default: 2048 / resolution, at least a group of the minibatch std]",
)
@click.option(
    "--vram",
    type=float,
    help="GB of memory to plan for, of which a tenth stays free: chooses --batch-gpu, unless given, and "
    "which blocks compute activations twice to save memory.  [default: what is free on the device]",
)
@click.option(
    "--assume-device",
    type=click.Choice(CARDS),
    help="With --dry-run: the plan for a card that is not here.",
)
@click.option("--gamma", type=float, help="R1 weight.  [default: by --cfg]")
@click.option(
    "--freezed",
    type=int,
    help="Freeze-D: layers of the discriminator that stay as they are, counted from the image.  "
    "[default: as in the checkpoint]",
)
@click.option("--mirror", is_flag=True, help="Show every picture mirrored too (doubles the set).")
@click.option("--cond", is_flag=True, help="Train with the data set's labels.")
@click.option(
    "--balance",
    is_flag=True,
    help="Show every class of the data set as often as any other, however few pictures it has.",
)
@click.option(
    "--class-loss",
    type=float,
    metavar="WEIGHT",
    help="With --cond: how much the discriminator learns to tell the classes of real pictures apart, so that "
    "drawn ones look their class much sooner, and more typical of it; 0 leaves it out, as the official "
    "programs do.  [default: 0.5 with --cfg sprites where the checkpoint lacks a class, else 0]",
)
@click.option(
    "--uncond-loss",
    type=float,
    metavar="WEIGHT",
    help="With --cond: how much it also counts whether a picture looks real whatever its class, which keeps "
    "pictures as good as without classes where a class has few; 0 leaves it out, as the official programs do."
    "  [default: 1 with --cfg sprites where the checkpoint lacks a class, else 0]",
)
@click.option(
    "--haze-loss",
    type=float,
    metavar="WEIGHT",
    help="Weight of a loss that keeps the background clean: the distance of pixels away from the creature to "
    "the set's background colour. It needs a set on one colour, or with alpha. 0 leaves it out.  [default: "
    "20 with --cfg sprites on such a set, else 0]",
)
@click.option("--subset", type=int, help="Train on that many pictures, drawn by --seed.  [default: all]")
@click.option(
    "--holdout",
    type=NumberType(),
    default=0.0,
    metavar="SHARE",
    help="Keep that share of the set out of training, whole creatures with all their forms as their file "
    "names tell, drawn by --seed before --subset; 0.1 holds out a tenth. What the discriminator and the "
    "metrics make of them shows overfitting.",
)
@click.option(
    "--aug",
    type=click.Choice(AUGMENTATIONS),
    default="ada",
    help="ada adapts the augmentation probability, fixed keeps --p, noaug has none.",
)
@click.option(
    "--p", type=float, help="Augmentation probability at the start (ada) or throughout (fixed).  [default: 0]"
)
@click.option("--target", type=float, help="ADA's target for r_t.  [default: 0.6]")
@click.option("--augpipe", type=click.Choice(_AUGPIPES), default="bgc", help="Which augmentations.")
@click.option(
    "--adapt",
    is_flag=True,
    help="Allow other widths or classes than the checkpoint's: what overlaps is taken over, classes by name.",
)
@click.option(
    "--channel-base", type=int, help="Feature maps at resolution r are channel-base/r …  [default: by --cfg]"
)
@click.option("--channel-max", type=int, help="… and at most this.  [default: by --cfg]")
@click.option("--map-layers", type=int, help="Layers of the mapping network.  [default: by --cfg]")
@click.option("--w-dim", type=int, help="Length of the latents z and w.  [default: by --cfg]")
@click.option(
    "--lr", type=float, help="Learning rate.  [default: by --cfg or --arch; there it is the generator's]"
)
@click.option("--seed", type=int, default=0, help="All randomness derives from it.")
@click.option("--device", default="auto", help="auto (the first CUDA card, else the CPU), cpu, cuda, cuda:N.")
@click.option(
    "--precision",
    type=click.Choice(PRECISIONS),
    default="auto",
    help="auto is fp16 on cards with tensor cores, bf16 on processors that multiply in it (AVX512-BF16, AMX, "
    "ARM's BF16), else fp32, and always fp32 with --arch. bf16 saves memory anywhere; on other processors it "
    "is slower, and the start says how much.",
)
@click.option(
    "--metrics",
    metavar="NAMES",
    default=METRICS,
    help="Measured of every snapshot: fd, kid, pr (precision and recall), dc (density and coverage), is, "
    "ppl, nn (copies of training pictures), sprite (one piece, clean background), swd (drawing style), "
    "separated by commas, or none.",
)
@click.option(
    "--metrics-num",
    type=int,
    metavar="N",
    help=f"Generated pictures to measure.  [default: as many as real ones, at most {METRICS_NUM}; on a CPU "
    "fewer at low resolutions, 400 at 64×64, and half of that with bf16]",
)
@click.option(
    "--metrics-features",
    default=METRICS_FEATURES,
    metavar="NAME|FILE",
    help="What they look with: efficientnet_lite1, standard (Inception and VGG16, once `zoo fetch` has "
    "brought them) or a TorchScript file of somebody you trust.",
)
@click.option(
    "--patience",
    type=int,
    default=0,
    metavar="N",
    help="End the run when N measured snapshots in a row were no better than the best one: the lowest kid of "
    "those whose creatures hold together. 0 never does.",
)
@click.option(
    "--dry-run", is_flag=True, help="Print the resolved configuration and what follows from it, then stop."
)
@click.version_option(__version__)
@click.pass_context
def finetune(context: click.Context, dry_run: bool, **values: Any) -> None:
    """Fine-tune StyleGAN2-ADA on sprites.

    A run directory under --outdir collects pictures, snapshots and statistics at every tick. Ctrl-C and
    SIGTERM end it after the current iteration, and `--resume RUN` goes on from there; only --kimg, --snap,
    --keep, --metrics, --metrics-num, --metrics-features, --patience, --hours and the place of --data may then
    be other than before.
    """
    started = time.monotonic()
    from stylegan_pokemon.cli.forged import forged_dataset
    from stylegan_pokemon.cli.locate import locate_network
    from stylegan_pokemon.report import write_report
    from stylegan_pokemon.training import session
    from stylegan_pokemon.training.run_dir.directory import is_run
    from stylegan_pokemon.training.settings.resolve import Options
    from stylegan_pokemon.training.systems.earlier import check_arch

    written = click.core.ParameterSource.COMMANDLINE
    given = {name for name in values if context.get_parameter_source(name) is written}
    if is_run(values["resume"]):
        asked = {name: values[name] for name in values if name in given - {"resume"}}
        session.continue_run(
            Path(values["resume"]), click.echo, asked, dry_run, started, on_tick=write_report
        )
        return
    names = {field.name for field in dataclasses.fields(Options)}
    options = Options(**{name: values[name] for name in names})
    check_arch(options, given)
    session.finetune(
        options,
        forged_dataset,
        click.echo,
        dry_run,
        lambda what: locate_network(what, "--resume"),
        started=started,
        on_tick=write_report,
    )


def main() -> None:
    """Entry point of `finetune.py` and `stylegan-pokemon-finetune`."""
    finetune(prog_name="finetune.py")
