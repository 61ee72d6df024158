"""From options, or a run directory, to a finished run: one path for new and continued runs.

`finetune` and `continue_run` are what the command line calls. `_carry_out` is the path; `_NewRun` and
`_ContinuedRun` hold what the two differ in.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stylegan_pokemon.checkpoint import Networks, zoo
from stylegan_pokemon.data.dataset import DatasetFacts, SizeOf, SpriteDataset, check_zip, open_sets
from stylegan_pokemon.devices import prepare, resolve_device
from stylegan_pokemon.errors import UserError
from stylegan_pokemon.training.interruption import Deadline
from stylegan_pokemon.training.loop import OnTick, train
from stylegan_pokemon.training.planning import length
from stylegan_pokemon.training.planning.cards import CARDS
from stylegan_pokemon.training.planning.disk import check_disk, disk_note
from stylegan_pokemon.training.planning.machine import bf16_note, machine_words, resolve_precision
from stylegan_pokemon.training.planning.memory_limit import memory_plan
from stylegan_pokemon.training.planning.plan import Plan
from stylegan_pokemon.training.run_dir.directory import new_run
from stylegan_pokemon.training.run_dir.state import generations
from stylegan_pokemon.training.settings.check import check, check_data, check_system
from stylegan_pokemon.training.settings.config import TrainingConfig
from stylegan_pokemon.training.settings.continued import continued_config, read_config, restart_hint
from stylegan_pokemon.training.settings.description import describe
from stylegan_pokemon.training.settings.options import Options
from stylegan_pokemon.training.systems.registry import new_trainer, system_of
from stylegan_pokemon.training.transfer.checkpoint import embedded, read_checkpoint
from stylegan_pokemon.training.transfer.start import start_networks

_DEFAULT_RESOLUTION = 64  # of forged sprites when nothing else decides
_NAMED = 8  # classes in a sentence

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
    entry = _NewRun(options, forged, echo, locate, dry_run)
    return _carry_out(entry, echo, dry_run, options.hours, started, on_tick, minutes)


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
    asked = dict(asked or {})
    return _carry_out(_ContinuedRun(run, asked, echo), echo, dry_run, asked.get("hours"), started, on_tick)


_Sets = tuple[Path, int | None, int, float, SizeOf | None]
"""Which pictures a run trains on: the arguments of `open_sets`."""


@dataclass(frozen=True)
class _Setup:
    """What is known once the pictures are."""

    config: TrainingConfig
    checkpoint: Networks | None = None
    memory: Plan | None = None


def _carry_out(
    entry: _NewRun | _ContinuedRun,
    echo: Echo,
    dry_run: bool,
    hours: float | None,
    started: float | None,
    on_tick: OnTick | None,
    minutes: float | None = None,
) -> Path | None:
    """Prepare the machine, open the pictures, build the networks, say what follows, and train."""
    prepare(entry.device)
    echo(f"machine: {entry.machine}")
    if not entry.assumed and (note := bf16_note(entry.precision, entry.device)):
        echo(note)
    with open_sets(*entry.sets()) as (dataset, heldout):
        setup = entry.configure(dataset)
        config = setup.config
        G, D, G_ema, transfer = start_networks(config, setup.checkpoint)
        if minutes is not None:
            iteration = length.seconds_per_iteration(
                new_trainer(config, dataset, *copy.deepcopy((G, D, G_ema)))
            )
            config = length.fitted(config, iteration, minutes)
            echo(_length_words(config, iteration))
        parameters = [sum(p.numel() for p in network.parameters()) for network in (G, D)]
        echo(describe(config, *parameters, heldout))
        if setup.memory is not None:
            first, *others = setup.memory.lines()
            echo("\n".join([f"  {'memory':13}  {first}", *(f"  {'':13}  {line}" for line in others)]))
        if note := disk_note(entry.folder, config, *parameters):
            echo(note)
        if entry.is_new:
            echo(transfer.format())
        if dry_run:
            echo(f"dry run: {entry.untouched}")
            return None
        check_disk(entry.folder, config, *parameters)
        run = entry.directory(config)
        trainer = new_trainer(config, dataset, G, D, G_ema)
        deadline = Deadline.of_hours(hours, started)
        finished = train(trainer, run, echo, deadline=deadline, heldout=heldout, on_tick=on_tick)
    if finished and entry.is_new:
        echo(f"done: {run}")
    elif finished:
        echo(f"done at {trainer.images_shown / 1000:g} kimg: {run}; --kimg with a larger number continues it")
    return run


class _NewRun:
    """A run that options describe. Raises UserError, at any step, for what cannot be."""

    is_new = True
    untouched = "no run was started"

    def __init__(
        self,
        options: Options,
        forged: Callable[[int], Path],
        echo: Echo,
        locate: Callable[[str], Path],
        dry_run: bool,
    ) -> None:
        check(options)
        check_system(options)
        if options.assume_device and not dry_run:
            raise UserError(
                f"--assume-device {options.assume_device} plans for a card that is not here; add --dry-run"
            )
        if options.data:
            check_zip(options.data)
        self.options, self.forged, self.echo, self.locate = options, forged, echo, locate
        self.folder = Path(options.outdir)
        self.system = system_of(options.arch)
        self.assumed = CARDS[options.assume_device] if options.assume_device else None
        notes: list[str] = []
        self.device = resolve_device(options.device, notes)
        capability = self.assumed.capability if self.assumed else None
        self.precision = resolve_precision(
            options.precision, self.device, capability, self.system.uses_16_bits
        )
        self.machine = f"{self.assumed}, assumed" if self.assumed else machine_words(self.device)
        for note in notes:
            echo(f"note: {note}")
        self.checkpoint = None

    def sets(self) -> _Sets:
        """The set of --data, or forged sprites that suit the checkpoint of --resume."""
        options, size_of = self.options, self.system.size_of(self.options.size)
        if options.resume not in (None, "none"):
            path = self.locate(options.resume)
            self.checkpoint = read_checkpoint(path)
            self.echo(f"transfer learning: weights from {path}, optimisers start fresh")
        if options.data:
            data = Path(options.data).resolve()
        else:
            resolution = _DEFAULT_RESOLUTION
            if self.checkpoint is not None:
                resolution = self.checkpoint.start.generator.img_resolution
            if size_of is not None:  # sprites that have room for it
                resolution = 1 << (size_of(resolution) - 1).bit_length()
            data = self.forged(resolution)
            self.echo(f"no --data: training on forged sprites, {data}")
        return data, options.subset, options.seed, options.holdout, size_of

    def configure(self, dataset: SpriteDataset) -> _Setup:
        """The configuration that follows from options, pictures, checkpoint and machine."""
        options, system, checkpoint, echo = self.options, self.system, self.checkpoint, self.echo
        check_data(options, dataset.facts)
        for note in _set_notes(dataset, options.cond):
            echo(note)
        options = _measurable(options, len(dataset), echo)
        if checkpoint is not None and checkpoint.saw(options.holdout, options.seed, Path(dataset.facts.path)):
            echo(
                "note: the checkpoint was trained on creatures that are held out now; r_v and what is"
                " measured against held-out pictures will look too good"
            )
        if options.resume is None and system.takes_checkpoints:
            checkpoint = embedded(options, dataset.facts, echo)
        start = None if checkpoint is None else checkpoint.start
        where = self.assumed.name if self.assumed else str(self.device)
        config = system.resolve(options, dataset, start, where, self.precision)
        memory = memory_plan(options, config, self.device, echo) if system.divides_batches else None
        if memory is not None:
            config = dataclasses.replace(
                config,
                batch_gpu=memory.batch_gpu,
                recompute=memory.recompute,
                memory=memory.to_json() | {"vram": options.vram},
            )
        return _Setup(config, None if checkpoint is None else checkpoint.networks, memory)

    def directory(self, config: TrainingConfig) -> Path:
        """A new folder under --outdir."""
        run = new_run(self.folder, config)
        self.echo(f"run directory: {run}")
        return run


class _ContinuedRun:
    """A run that its config.json describes. Raises UserError, at any step, for what is not as it was."""

    is_new = False
    untouched = "nothing was continued"
    assumed = None

    def __init__(self, run: Path, asked: Mapping[str, Any], echo: Echo) -> None:
        self.folder, self.asked, self.echo = run, asked, echo
        self.config = continued_config(read_config(run), asked, run)
        self.device = resolve_device(self.config.device)
        self.precision = resolve_precision(self.config.precision, self.device)
        self.machine = machine_words(self.device)

    def sets(self) -> _Sets:
        """The set that the run began with, where it lies now."""
        config, run = self.config, self.folder
        if not generations(run / "state"):
            raise UserError(f"{run} has lost its state; start a new run with --resume and a snapshot of it")
        self.echo(f"continuing the run {run}")
        if not Path(config.data).exists() and not self.asked.get("data"):
            raise UserError(f"{config.data}, the data of {run}, is missing; --data says where it is now")
        size_of = system_of(config.arch).size_of(config.img_resolution)
        return Path(config.data), config.subset, config.seed, config.holdout, size_of

    def configure(self, dataset: SpriteDataset) -> _Setup:
        """The recorded configuration, for the recorded data."""
        if difference := _difference(dataset.facts, self.config):
            raise UserError(
                f"--data {self.config.data} {difference}; put the same set there, or start a new run"
                f"{restart_hint(self.config, self.folder)}"
            )
        return _Setup(self.config)

    def directory(self, config: TrainingConfig) -> Path:
        """The run directory itself."""
        return self.folder


def _length_words(config: TrainingConfig, iteration: float) -> str:
    return (
        f"measured: {iteration / config.batch * 1000:.1f} s/kimg on this machine; so the run is"
        f" {config.kimg:g} kimg long, about {config.iterations * iteration / 60:.1f} minutes of iterations"
        " (--kimg fixes the length)"
    )


def _set_notes(dataset: SpriteDataset, cond: bool) -> list[str]:
    """What a user may not expect of the set: another size, and classes of which nothing can be learnt."""
    notes, facts = [], dataset.facts
    size, stored = facts.resolution, dataset.stored_resolution
    if size != stored:
        notes.append(f"note: pictures of {stored}×{stored} are resampled to {size}×{size} as they are read")
    empty = [name for name, held in zip(facts.classes, facts.class_sizes, strict=True) if not held]
    if empty and cond:
        more = f" and {len(empty) - _NAMED} more" if len(empty) > _NAMED else ""
        notes.append(f"note: there are no pictures of {', '.join(empty[:_NAMED])}{more}; do not ask for them")
    return notes


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
    for what, now, then in (
        ("pictures", facts.images, config.images),
        ("pixels a side", facts.resolution, config.img_resolution),
        ("colour channels", facts.channels, config.img_channels),
    ):
        if now != then:
            return f"has {now} {what} where the run began with {then}"
    return "holds other pictures or labels than when the run began"
