"""From options to a finished run (`finetune`), and from a run directory to its end (`continue_run`)."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn

from dataset_tool.remarks import (
    dominant_creature,
    look_of,
    sheets_text,
    small_text,
    sprites_in,
    strays_text,
    unlike_the_rest,
)
from stylegan_pokemon.checkpoint import zoo
from stylegan_pokemon.data.dataset import DatasetFacts, SizeOf, SpriteDataset, check_zip, open_sets
from stylegan_pokemon.devices import prepare, resolve_device
from stylegan_pokemon.errors import UserError
from stylegan_pokemon.render.images import on_white
from stylegan_pokemon.training.description import describe
from stylegan_pokemon.training.interruption import Deadline
from stylegan_pokemon.training.loop import OnTick, train
from stylegan_pokemon.training.machine import bf16_note, machine_words, resolve_precision
from stylegan_pokemon.training.planning import length
from stylegan_pokemon.training.registry import new_networks, new_trainer, system_of
from stylegan_pokemon.training.run_dir.directory import new_run
from stylegan_pokemon.training.run_dir.disk import check_disk, disk_note
from stylegan_pokemon.training.run_dir.state import generations
from stylegan_pokemon.training.settings.cards import CARDS, Card
from stylegan_pokemon.training.settings.check import check, check_data, check_system
from stylegan_pokemon.training.settings.config import TrainingConfig
from stylegan_pokemon.training.settings.continued import continued_config, read_config, restart_hint
from stylegan_pokemon.training.settings.options import OPTIONS, Options
from stylegan_pokemon.training.transfer.checkpoint import Checkpoint, embedded, read_checkpoint
from stylegan_pokemon.training.transfer.start import start_networks

_DEFAULT_RESOLUTION = 64  # of forged sprites when nothing else decides
_NAMED = 8  # classes in a sentence
_LOOKED_AT = 2000  # pictures of a dry run, within about two seconds

Echo = Callable[[str], None]


def finetune(
    options: Options,
    forged: Callable[[int], Path],
    echo: Echo,
    dry_run: bool = False,
    locate: Callable[[str], Path] = zoo.locate,
    started: float | None = None,
    on_tick: OnTick | None = None,
    minutes: float | None = None,
) -> Path | None:
    """Start a run.

    Args:
        options: what to train, and how.
        forged: makes the dataset of forged sprites at a resolution, for a run without data.
        echo: called with each line of output.
        dry_run: print the resolved configuration and write nothing.
        locate: finds the file of a network by its address or its name in the zoo.
        started: a time.monotonic() from which the hours of `options` count; by default now.
        on_tick: as in `train`.
        minutes: choose kimg and tick so that the iterations take about that long; the speed is measured
            before the run begins.

    Returns the run directory, None for a dry run. Raises UserError for options and data that cannot be, and
    Interrupted as `train` does.
    """
    check(options)
    check_system(options)
    card = CARDS[options.assume_device] if options.assume_device else None
    if card and not dry_run:
        raise UserError(
            f"--assume-device {options.assume_device} plans for a card that is not here; add --dry-run"
        )
    if options.data:
        check_zip(options.data)
    notes: list[str] = []
    device = resolve_device(options.device, notes)
    half = OPTIONS["precision"].known_to(options.arch)
    precision = resolve_precision(options.precision, device, card.capability if card else None, half)
    for note in notes:
        echo(f"note: {note}")
    _prepare(device, precision, card, echo)

    system, outdir, checkpoint = system_of(options.arch), Path(options.outdir), None
    if options.resume not in (None, "none"):
        path = locate(options.resume)
        checkpoint = read_checkpoint(path)
        echo(f"transfer learning: weights from {path}, optimisers start fresh")
    size_of = system.size_of(options.size)
    data = Path(options.data).resolve() if options.data else _forged(checkpoint, size_of, forged, echo)
    with open_sets(data, options.subset, options.seed, options.holdout, size_of) as (dataset, heldout):
        check_data(options, dataset.facts)
        _note_surprises(dataset, options.cond, echo)
        if dry_run:
            _note_strays(dataset, echo)
        options = _measurable(options, len(dataset), echo)
        if checkpoint is not None and checkpoint.saw(options.holdout, options.seed, data):
            echo(
                "note: the checkpoint was trained on creatures that are held out now; r_v and what is"
                " measured against held-out pictures will look too good"
            )
        if options.resume is None and OPTIONS["resume"].known_to(options.arch):
            checkpoint = embedded(options, dataset.facts, echo)
        start, weights = (checkpoint.start, checkpoint.networks) if checkpoint else (None, None)
        config = system.resolve(options, dataset, start, card.name if card else str(device), precision)
        config, plan = system.planned(options, config, device, echo)
        G, D, G_ema, transfer = start_networks(config, weights)
        config = system.suited(options, config, G_ema, echo)
        if minutes is not None:
            trial = new_trainer(config, dataset, *copy.deepcopy((G, D, G_ema)))
            iteration = length.seconds_per_iteration(trial)
            config = length.fitted(config, iteration, minutes)
            echo(_length_words(config, iteration))
        parameters = _announce(config, G, D, dataset, heldout, plan, outdir, echo)
        echo(transfer.format())
        if dry_run:
            echo("dry run: no run was started")
            return None
        check_disk(outdir, config, *parameters)
        run = new_run(outdir, config)
        echo(f"run directory: {run}")
        trainer = new_trainer(config, dataset, G, D, G_ema)
        trainer.starts_whole = transfer.whole
        deadline = Deadline.of_hours(options.hours, started)
        if train(trainer, run, echo, deadline=deadline, heldout=heldout, on_tick=on_tick):
            echo(f"done: {run}")
    return run


def continue_run(
    run: Path,
    echo: Echo,
    asked: Mapping[str, Any] | None = None,
    dry_run: bool = False,
    started: float | None = None,
    on_tick: OnTick | None = None,
) -> Path | None:
    """Continue a run directory from its newest state, with what its config.json says.

    asked: the options that the user gave this time, by name; `continued_config` says which may change. hours
    counts from `started`, a time.monotonic(). `on_tick` is called as `train` does. Returns the run directory,
    None for a dry run.

    Raises UserError when there is no state, or naming what is not as it was; Interrupted as `train` does.
    """
    asked = asked or {}
    config = continued_config(read_config(run), asked, run)
    device = resolve_device(config.device)
    _prepare(device, resolve_precision(config.precision, device), None, echo)
    if not generations(run / "state"):
        raise UserError(f"{run} has lost its state; start a new run with --resume and a snapshot of it")
    echo(f"continuing the run {run}")
    data = Path(config.data)
    if not data.exists() and not asked.get("data"):
        raise UserError(f"{data}, the data of {run}, is missing; --data says where it is now")
    size_of = system_of(config.arch).size_of(config.img_resolution)
    with open_sets(data, config.subset, config.seed, config.holdout, size_of) as (dataset, heldout):
        if difference := _difference(dataset.facts, config):
            raise UserError(
                f"--data {data} {difference}; put the same set there, or start a new run"
                f"{restart_hint(config, run)}"
            )
        G, D, G_ema = new_networks(config)
        parameters = _announce(config, G, D, dataset, heldout, [], run, echo)
        if dry_run:
            echo("dry run: nothing was continued")
            return None
        check_disk(run, config, *parameters)
        trainer = new_trainer(config, dataset, G, D, G_ema)
        deadline = Deadline.of_hours(asked.get("hours"), started)
        if train(trainer, run, echo, deadline=deadline, heldout=heldout, on_tick=on_tick):
            shown = f"{trainer.images_shown / 1000:g} kimg"
            echo(f"done at {shown}: {run}; --kimg with a larger number continues it")
    return run


def _prepare(device: torch.device, precision: str, card: Card | None, echo: Echo) -> None:
    """Set the device up and print what it is, or which card is assumed in its place."""
    prepare(device)
    echo(f"machine: {f'{card}, assumed' if card else machine_words(device)}")
    if not card and (note := bf16_note(precision, device)):
        echo(note)


def _forged(
    checkpoint: Checkpoint | None, size_of: SizeOf | None, forged: Callable[[int], Path], echo: Echo
) -> Path:
    """Forged sprites of the checkpoint's resolution, or of one that has room for what a system draws."""
    resolution = _DEFAULT_RESOLUTION if checkpoint is None else checkpoint.start.generator.img_resolution
    if size_of is not None:
        resolution = 1 << (size_of(resolution) - 1).bit_length()
    data = forged(resolution)
    echo(f"no --data: training on forged sprites, {data}")
    return data


def _announce(
    config: TrainingConfig,
    G: nn.Module,
    D: nn.Module,
    dataset: SpriteDataset,
    heldout: SpriteDataset | None,
    plan: list[str],
    folder: Path,
    echo: Echo,
) -> tuple[int, int]:
    """Print what will be trained, the lines of its memory plan, and whether the disk of `folder` will do.

    Returns the numbers of parameters of G and D.
    """
    parameters = (_parameters(G), _parameters(D))
    echo(describe(config, *parameters, dataset.facts, heldout))
    if plan:
        echo("\n".join(f"  {'' if i else 'memory':13}  {line}" for i, line in enumerate(plan)))
    if note := disk_note(folder, config, *parameters):
        echo(note)
    return parameters


def _parameters(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def _length_words(config: TrainingConfig, iteration: float) -> str:
    return (
        f"measured: {iteration / config.batch * 1000:.1f} s/kimg on this machine; so the run is"
        f" {config.kimg:g} kimg long, about {config.iterations * iteration / 60:.1f} minutes of iterations"
        " (--kimg fixes the length)"
    )


def _note_surprises(dataset: SpriteDataset, cond: bool, echo: Echo) -> None:
    """Print what a user may not expect: entries left out, another size, classes without pictures."""
    facts, size, stored = dataset.facts, dataset.facts.resolution, dataset.stored_resolution
    dominant = dominant_creature(dataset.sources)
    for remark in (*dataset.remarks, *([dominant] if dominant else [])):
        echo(f"note: {facts.path}: {remark}")
    if size != stored:
        echo(f"note: pictures of {stored}×{stored} are resampled to {size}×{size} as they are read")
    empty = [name for name, held in zip(facts.classes, facts.class_sizes, strict=True) if not held]
    if empty and cond:
        more = f" and {len(empty) - _NAMED} more" if len(empty) > _NAMED else ""
        echo(f"note: there are no pictures of {', '.join(empty[:_NAMED])}{more}; do not ask for them")


def _note_strays(dataset: SpriteDataset, echo: Echo) -> None:
    """Print which of the pictures, of up to _LOOKED_AT evenly spaced ones, are unlike the rest or sheets."""
    some = np.unique(np.linspace(0, len(dataset) - 1, min(len(dataset), _LOOKED_AT)).astype(int))
    shown = [Image.fromarray(on_white(picture)) for picture in dataset.pictures(some)]
    held = [sprites_in(picture) for picture in shown]
    if sheets := [(dataset.sources[some[i]], sprites) for i, sprites in enumerate(held) if sprites]:
        echo(f"note: {sheets_text(sheets, 'convert the set again with --sheet auto')}")
    looks = [look_of(picture) for picture in shown]
    if small := small_text(looks, "`python -m dataset_tool convert --trim --margin 1.5`"):
        echo(f"note: {small}")
    if strays := unlike_the_rest(looks):
        echo(f"note: {strays_text([(dataset.sources[some[i]], what) for i, what in strays])}")


def _measurable(options: Options, pictures: int, echo: Echo) -> Options:
    """The options, without metrics where the set is too small. Raises UserError for too few asked for."""
    from stylegan_pokemon.metrics.evaluate import LEAST

    if options.metrics == "none":
        return options
    if options.metrics_num is not None and options.metrics_num < LEAST:
        raise UserError(f"--metrics-num {options.metrics_num} must be at least {LEAST}, or --metrics none")
    if pictures >= LEAST:
        return options
    if options.patience:
        raise UserError(
            f"--patience {options.patience} needs metrics, and {pictures} pictures are too few to measure"
            f" ({LEAST} at least); leave it out"
        )
    echo(f"note: {pictures} pictures are too few to measure ({LEAST} at least): as with --metrics none")
    return dataclasses.replace(options, metrics="none")


def _difference(facts: DatasetFacts, config: TrainingConfig) -> str | None:
    """In which way these are not the data that the run began with; None if they are."""
    if facts.sha256 == config.data_sha256:
        return None
    now = (facts.images, facts.resolution, facts.channels)
    then = (config.images, config.img_resolution, config.img_channels)
    for what, has, began in zip(("pictures", "pixels a side", "colour channels"), now, then, strict=True):
        if has != began:
            return f"has {has} {what} where the run began with {began}"
    return "holds other pictures or labels than when the run began"
