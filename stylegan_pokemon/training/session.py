"""From options to a finished run: the one function that the command line calls."""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np

from stylegan_pokemon.baselines.config import BaselineConfig
from stylegan_pokemon.checkpoint import Networks, load, zoo
from stylegan_pokemon.checkpoint.embedded import embedded_checkpoint
from stylegan_pokemon.data.dataset import SpriteDataset, check_zip, open_sets
from stylegan_pokemon.devices import prepare, resolve_device
from stylegan_pokemon.errors import UserError
from stylegan_pokemon.training.interruption import Deadline
from stylegan_pokemon.training.loop import OnTick, train
from stylegan_pokemon.training.planning import length
from stylegan_pokemon.training.planning.cards import CARDS
from stylegan_pokemon.training.planning.disk import check_disk, disk_note
from stylegan_pokemon.training.planning.machine import bf16_note, resolve_precision
from stylegan_pokemon.training.planning.machine import describe as describe_machine
from stylegan_pokemon.training.planning.memory_limit import memory_plan
from stylegan_pokemon.training.settings.check import check, check_data, check_system
from stylegan_pokemon.training.settings.config import FRESH, STYLEGAN2, TrainingConfig
from stylegan_pokemon.training.settings.description import describe
from stylegan_pokemon.training.settings.options import Options
from stylegan_pokemon.training.settings.presets import haze_loss_of
from stylegan_pokemon.training.settings.resolve import Start, resolve
from stylegan_pokemon.training.systems.earlier import resolve_earlier, size_on_load
from stylegan_pokemon.training.transfer import start as starting
from stylegan_pokemon.training.transfer.networks import table

_DEFAULT_RESOLUTION = 64  # of forged sprites when nothing else decides, and of most earlier systems
_NAMED = 8  # classes in a sentence
_LOOKED_AT = 400  # pictures for the background colour
_RUN = re.compile(r"(\d{5,})-")

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

    `forged` makes the dataset of forged sprites at a resolution, for a run without data; `locate` finds the
    file of a network that is named by its address or in the zoo. With `dry_run` the resolved configuration is
    printed and no run is written. The hours of `options` count from `started`, a time.monotonic(). `on_tick`
    is called as `train` does. With `minutes`, kimg and tick are not those of `options`: the speed is measured
    before the run begins, and its length chosen so that the iterations take about that long. Returns the run
    directory. Raises UserError for what cannot be, and Interrupted as `train` does.
    """
    check(options)
    earlier = options.arch != STYLEGAN2
    check_system(options)
    if options.assume_device and not dry_run:
        raise UserError(
            f"--assume-device {options.assume_device} plans for a card that is not here; add --dry-run"
        )
    if options.data:
        check_zip(options.data)
    notes: list[str] = []
    card = CARDS[options.assume_device] if options.assume_device else None
    device = resolve_device(options.device, notes)
    precision = resolve_precision(options.precision, device, card.capability if card else None, not earlier)
    prepare(device)
    machine = f"{card}, assumed" if card else describe_machine(device)
    for line in [*(f"note: {note}" for note in notes), f"machine: {machine}"]:
        echo(line)
    if card is None and (note := bf16_note(precision, device)):
        echo(note)
    source, path = _source(options, echo, locate)
    size_of = size_on_load(options) if earlier else None
    data = Path(options.data).resolve() if options.data else forged(_resolution(source, size_of))
    if not options.data:
        echo(f"no --data: training on forged sprites, {data}")
    with open_sets(data, options.subset, options.seed, options.holdout, size_of) as (dataset, heldout):
        check_data(options, dataset.facts)
        if note := _set_notes(dataset, options.cond):
            echo(note)
        options = _measurable(options, len(dataset), echo)
        if source is not None and _saw_heldout(source, options, data):
            echo(
                "note: the checkpoint was trained on creatures that are held out now; r_v and what is"
                " measured against held-out pictures will look too good"
            )
        if source is None and options.resume is None and not earlier:
            source, path = _embedded(options, dataset, echo)
        begin = None if source is None or path is None else _start(source, path)
        if earlier:
            config = resolve_earlier(options, dataset.facts, str(device), precision)
        else:
            where = card.name if card else str(device)
            wanted = haze_loss_of(options.cfg, True) if options.haze_loss is None else options.haze_loss
            background = _background(dataset) if wanted else ()  # looking at pictures takes a moment
            config = resolve(options, dataset.facts, begin, where, precision, background)
        memory = None if earlier else memory_plan(options, config, device, echo)
        if memory is not None:
            config = dataclasses.replace(
                config,
                batch_gpu=memory.batch_gpu,
                recompute=memory.recompute,
                memory=memory.to_json() | {"vram": options.vram},
            )
        G, D, G_ema, accounts = starting.start_networks(config, source)
        if minutes is not None:
            trainer = starting.trainer_of(config, dataset, *copy.deepcopy((G, D, G_ema)))
            iteration = length.seconds_per_iteration(trainer)
            config = length.fitted(config, iteration, minutes)
            echo(_length_words(config, iteration))
        echo(describe(config, _count(G), _count(D), heldout))
        if memory is not None:
            echo("\n".join(f"  {'' if i else 'memory':13}  {line}" for i, line in enumerate(memory.lines())))
        if note := disk_note(Path(options.outdir), config, _count(G), _count(D)):
            echo(note)
        echo(table(accounts, config.start))
        if dry_run:
            echo("dry run: no run was started")
            return None
        check_disk(Path(options.outdir), config, _count(G), _count(D))
        run = _new_run(Path(options.outdir), config)
        echo(f"run directory: {run}")
        trainer = starting.trainer_of(config, dataset, G, D, G_ema)
        deadline = Deadline.of_hours(options.hours, started)
        finished = train(trainer, run, echo, deadline=deadline, heldout=heldout, on_tick=on_tick)
    if finished:
        echo(f"done: {run}")
    return run


def _length_words(config: TrainingConfig, iteration: float) -> str:
    return (
        f"measured: {iteration / config.batch * 1000:.1f} s/kimg on this machine; so the run is"
        f" {config.kimg:g} kimg long, about {config.iterations * iteration / 60:.1f} minutes of iterations"
        " (--kimg fixes the length)"
    )


def _set_notes(dataset: SpriteDataset, cond: bool) -> str:
    """What a person may not expect of the set: other sizes, and classes that nothing can be learnt of."""
    notes = []
    size, stored = dataset.facts.resolution, dataset.stored_resolution
    if size != stored:
        notes.append(f"note: pictures of {stored}×{stored} are resampled to {size}×{size} as they are read")
    facts = dataset.facts
    empty = [name for name, held in zip(facts.classes, facts.class_sizes, strict=True) if not held]
    if empty and cond:
        more = f" and {len(empty) - _NAMED} more" if len(empty) > _NAMED else ""
        notes.append(f"note: there are no pictures of {', '.join(empty[:_NAMED])}{more}; do not ask for them")
    return "\n".join(notes)


def _background(dataset: SpriteDataset) -> tuple[int, ...]:
    """The set's background colour, 0 … 255 by channel, as some of its pictures show it; empty for none."""
    from stylegan_pokemon.metrics.sprite import background_of

    some = np.linspace(0, len(dataset) - 1, min(len(dataset), _LOOKED_AT)).astype(int)
    pictures = dataset.images(some).numpy().transpose(0, 2, 3, 1)
    channels = pictures.shape[-1]
    if channels == 4:  # invisible is the background, whatever colour it has
        pictures = pictures[..., 3:]
    colour = background_of(pictures if channels == 3 else pictures.repeat(3, axis=-1))
    if channels == 4:
        return (0, 0, 0, 0) if colour is not None and not colour.any() else ()
    return () if colour is None else tuple(int(value) for value in colour[:channels])


def is_run(path: str | None) -> bool:
    """Whether --resume names a run directory (continue it) and not a network (start from it)."""
    return path is not None and (Path(path) / "config.json").is_file()


def _source(
    options: Options, echo: Echo, locate: Callable[[str], Path]
) -> tuple[Networks | None, Path | None]:
    if options.resume is None or options.resume == "none":
        return None, None
    path = locate(options.resume)
    if path.is_dir():
        raise UserError(
            f"--resume {path} is a folder without config.json; name a network file or a run directory"
        )
    echo(f"transfer learning: weights from {path}, optimisers start fresh")
    networks = load(path)
    for _, network in networks.items():
        if isinstance(network.config, BaselineConfig):
            raise UserError(
                f"--resume {path} holds a {network.config.arch}, which no training starts from; its run"
                f" directory can be continued, and --arch {network.config.arch} starts afresh"
            )
    return networks, path


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
            f"--patience {options.patience} waits for what metrics tell, and {pictures} pictures are too few"
            f" to measure ({LEAST} at least); leave it out"
        )
    echo(f"note: {pictures} pictures are too few to measure ({LEAST} at least): as with --metrics none")
    return dataclasses.replace(options, metrics="none")


def _saw_heldout(source: Networks, options: Options, data: Path) -> bool:
    """Whether a checkpoint was trained on the same set with another part, or none, held out."""
    its, ours = (source.config.get("holdout"), source.config.get("seed")), (options.holdout, options.seed)
    return bool(options.holdout) and source.config.get("data") == data.name and its != ours


def _resolution(source: Networks | None, size_of: Callable[[int], int] | None) -> int:
    """Of forged sprites: the network's; for an earlier system one that has room for it."""
    if size_of is not None:
        return 1 << (size_of(_DEFAULT_RESOLUTION) - 1).bit_length()
    return int(source.config["generator"]["img_resolution"]) if source else _DEFAULT_RESOLUTION


def _embedded(options: Options, dataset: SpriteDataset, echo: Echo) -> tuple[Networks | None, Path | None]:
    path = embedded_checkpoint(dataset.facts.resolution)
    if path is None:
        echo(f"no --resume: there is no embedded checkpoint for {dataset.facts.resolution}×"
             f"{dataset.facts.resolution}, so the networks start fresh")  # fmt: skip
        return None, None
    networks = load(path)
    try:
        resolve(options, dataset.facts, _start(networks, path), "cpu", "fp32")
    except UserError as error:
        if options.freezed:  # without a checkpoint there is nothing to freeze
            raise
        echo(f"no --resume: the embedded checkpoint does not fit ({error}), so the networks start fresh")
        return None, None
    echo(f"no --resume: starting from the embedded checkpoint {path.name} (--resume none starts fresh)")
    return networks, path


def _start(networks: Networks, path: Path) -> Start:
    generator = networks.G_ema or networks.G
    if generator is None:
        raise UserError(f"--resume {path} holds no generator; name a file with G or G_ema")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    discriminator = networks.D.config if networks.D else None
    classes, sizes = (tuple(networks.config.get(key) or ()) for key in ("classes", "class_sizes"))
    return Start(str(path.resolve()), digest, generator.config, discriminator, classes, sizes)


def _new_run(outdir: Path, config: TrainingConfig) -> Path:
    """Make `outdir`/<next id>-<dataset>-<start>; of two processes that take one id, one goes on."""
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", f"{Path(config.data).stem}-{_origin(config)}")
    try:
        outdir.mkdir(parents=True, exist_ok=True)
        number = max(_ids(outdir), default=-1) + 1
        while True:
            run = outdir / f"{number:05d}-{name}"
            number += 1
            try:
                run.mkdir()
            except FileExistsError:
                continue
            rivals = [path.name for path in outdir.glob(f"{run.name.partition('-')[0]}-*")]
            if run.name == min(rivals):
                return run
            run.rmdir()
    except OSError as error:
        raise UserError(
            f"--outdir {outdir} cannot be written: {error.strerror}; name another folder"
        ) from error


def _ids(outdir: Path) -> list[int]:
    return [int(match[1]) for path in outdir.iterdir() if (match := _RUN.match(path.name))]


def _origin(config: TrainingConfig) -> str:
    """What a run starts from, short: "fresh", "from-ffhq512", "from-00003-000040" for a run's snapshot.

    Of an earlier system, which always starts fresh, its name.
    """
    start = config.start
    if start == FRESH:
        return start if config.arch == STYLEGAN2 else config.arch
    path = Path(start)
    run = _RUN.match(path.parent.parent.name) if path.parent.name == "snapshots" else None
    return f"from-{run[1]}-{path.stem}" if run else f"from-{path.stem}"


def _count(module: object) -> int:
    return sum(p.numel() for p in module.parameters())  # type: ignore[attr-defined]
