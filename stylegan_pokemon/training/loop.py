"""The loop over ticks: what is shown, saved and recovered during training, and how it ends."""

from __future__ import annotations

import contextlib
import os
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import filelock
from tqdm import tqdm

from dataset_tool.terminal import no_bar
from stylegan_pokemon._version import __version__
from stylegan_pokemon.data.dataset import SpriteDataset
from stylegan_pokemon.devices import is_shortage
from stylegan_pokemon.errors import Interrupted, UserError
from stylegan_pokemon.files import remedy_of, remove_temporaries, write_json
from stylegan_pokemon.training.interruption import Deadline, Interruption, interruptible
from stylegan_pokemon.training.registry import system_of
from stylegan_pokemon.training.run_dir.measuring import Evaluate, Meter
from stylegan_pokemon.training.run_dir.retention import prune
from stylegan_pokemon.training.run_dir.state import Progress, generations, load_state, save_state
from stylegan_pokemon.training.run_dir.tick_writer import TickWriter
from stylegan_pokemon.training.settings.config import TrainingConfig
from stylegan_pokemon.training.settings.options import OPTIONS
from stylegan_pokemon.training.systems.trainer import NonFiniteError, Trainer

_MAX_FAILURES = 3  # non-finite losses in a row before a run gives up

Echo = Callable[[str], None]
OnTick = Callable[[Path], None]


def train(
    trainer: Trainer,
    run: Path,
    echo: Echo,
    show_bar: bool = True,
    deadline: Deadline | None = None,
    heldout: SpriteDataset | None = None,
    on_tick: OnTick | None = None,
    evaluate: Evaluate | None = None,
) -> bool:
    """Train until the configured number of pictures, writing into the run directory `run`.

    A run that holds a state continues from it; otherwise the start is written first. Everything is written at
    ticks, each file whole or not at all; a run that is stopped between two ticks writes a state there too.
    heldout: pictures kept out of training, to measure with. on_tick: called with the run directory after the
    files of a tick are written, and at the end; what it raises becomes a note. evaluate: instead of
    `metrics.evaluate.evaluate`.

    Returns whether the run has reached its end, by its length or its patience; False when `deadline` came
    first. Raises UserError when the run keeps diverging or a file cannot be written, and Interrupted after
    SIGINT (Ctrl-C), SIGTERM or SIGHUP.
    """
    with interruptible() as interruption, _with_remedy(run), _alone(run):
        meter = Meter(trainer, heldout, run, echo, show_bar, evaluate)
        writer = TickWriter(trainer, run, echo, heldout, meter)
        loop = _Loop(trainer, run, echo, show_bar, interruption, deadline or Deadline(), writer, on_tick)
        loop.begin()
        while loop.unfinished() and not loop.must_stop():
            loop.tick()
        loop.report()
    done = f"{trainer.images_shown / 1000:g} kimg"
    how = f"continue with: {continue_command(run)}" if loop.unfinished() else f"the run is complete: {run}"
    if interruption.asked is not None:
        raise Interrupted(f"stopped at {done}; {how}", interruption.asked)
    if loop.unfinished():
        echo(f"stopped at {done} because the time is nearly over; {how}")
    elif loop.out_of_patience() and loop.progress.at_tick < loop.total:
        echo(f"stopped at {done}: {_impatience(run, loop.progress)}")
    return not loop.unfinished()


def continue_command(run: Path) -> str:
    """What to type to continue a run."""
    quoted = subprocess.list2cmdline([str(run)]) if os.name == "nt" else shlex.quote(str(run))
    return f"python finetune.py --resume {quoted}"


@dataclass
class _Loop:
    """The ticks of a run: what to train next, what to write, where to go back to."""

    trainer: Trainer
    run: Path
    echo: Echo
    show_bar: bool
    interruption: Interruption
    deadline: Deadline
    writer: TickWriter
    on_tick: OnTick | None
    progress: Progress = field(default_factory=Progress)

    def __post_init__(self) -> None:
        self.config = self.trainer.config
        self.total = round(self.config.kimg * 1000)
        self._reported = -1  # pictures shown at the last report

    def unfinished(self) -> bool:
        return self.progress.at_tick < self.total and not self.out_of_patience()

    def out_of_patience(self) -> bool:
        return 0 < self.config.patience <= self.progress.unimproved

    def must_stop(self) -> bool:
        return self.interruption.asked is not None or self.deadline.near()

    def begin(self) -> None:
        """Continue from the state in the run directory, or write the start of a new run."""
        trainer, run = self.trainer, self.run
        with self.deadline.writing():
            if generations(run / "state"):
                for folder in (run, run / "snapshots", run / "state"):
                    remove_temporaries(folder)  # of a process that was killed while it wrote
                warning = self.restore()
                done = f"{trainer.images_shown / 1000:g} kimg"
                if trainer.images_shown >= self.total + self.config.batch:
                    raise UserError(
                        f"--kimg {self.config.kimg:g}: {run} has trained {done} already; give more"
                    )
                self.echo(f"continuing at {done}, tick {self.progress.tick}{warning}")
            else:
                self.save()
            # Once a folder has it, it counts as a run, which can be continued: so the state comes first.
            write_json(run / "config.json", {"version": __version__} | self.config.to_json())
            if trainer.images_shown == 0:
                self.writer.write_start()
        self.prune()

    def tick(self) -> None:
        """Train to the end of a tick and write what belongs to it, or stop before and write a state there."""
        progress = self.progress
        goal = min(progress.at_tick + max(round(self.config.tick_kimg * 1000), 1), self.total)
        try:
            self._train_until(goal)
        except NonFiniteError as error:
            self._go_back(error)
        except RuntimeError as error:
            if is_shortage(error):
                raise UserError(_too_little(self.config)) from error
            raise
        else:
            if self.trainer.images_shown >= goal:
                self._end_tick()
            elif self.trainer.images_shown > progress.at_tick:
                self.save()

    def _train_until(self, goal: int) -> None:
        """Train until `goal` pictures are shown, or it is time to stop."""
        trainer, progress, batch = self.trainer, self.progress, self.config.batch
        notes = []
        begun = trainer.images_shown - progress.at_tick
        total = begun + -(-max(goal - trainer.images_shown, 0) // batch) * batch
        with tqdm(total=total, initial=begun, desc=f"tick {progress.tick + 1}", unit="img", leave=False,
                  disable=no_bar(self.show_bar)) as bar:  # fmt: skip
            while trainer.images_shown < goal and not self.must_stop():
                started = time.perf_counter()
                with self.deadline.iteration():
                    notes.append(trainer.iteration())
                    if self.writer.probe is not None:
                        self.writer.probe.after_iteration()
                progress.tick_seconds += time.perf_counter() - started
                bar.update(batch)
        for of_iteration in filter(None, notes):
            self.echo(f"note: {'; '.join(of_iteration)}")

    def _end_tick(self) -> None:
        trainer, progress = self.trainer, self.progress
        with self.deadline.writing():
            trainer.retry = 0
            spent, shown = progress.tick_seconds, trainer.images_shown - progress.at_tick
            progress.tick += 1
            progress.at_tick = trainer.images_shown
            progress.seconds += spent
            progress.tick_seconds = 0.0
            self.writer.write_tick(progress, spent, shown, last=not self.unfinished())
            if not self.unfinished():
                self.writer.write_end(progress)
            self.save()
            self.prune()  # last: until then the older snapshots are the only ones that a state vouches for
            self.report()

    def _go_back(self, error: NonFiniteError) -> None:
        """Go back to the last tick, for a try with other randomness. Raises UserError after too many tries.

        Not to a state between ticks: where a run was interrupted must not change what becomes of it.
        """
        trainer = self.trainer
        failures, at = trainer.retry + 1, trainer.images_shown
        if failures == _MAX_FAILURES:
            advice = _advice(self.run, self.config)
            raise UserError(f"{error} for the third time in a row; {advice}") from error
        warning = self.restore(at_tick=True)
        trainer.retry = failures
        back = f"going back to {trainer.images_shown / 1000:g} kimg for try {failures + 1}"
        self.echo(f"{error} at {at / 1000:g} kimg; {back}{warning}")

    def save(self) -> None:
        save_state(self.run / "state", self.trainer, self.progress)

    def restore(self, at_tick: bool = False) -> str:
        """Put the newest good state into the trainer; returns a warning to append to a sentence, or ""."""
        self.progress, warning = load_state(self.run / "state", self.trainer, at_tick)
        self.writer.restore(self.progress)
        return f"; {warning}" if warning else ""

    def prune(self) -> None:
        best = self.progress.best.tick if self.progress.best else None
        prune(self.run / "snapshots", self.progress.snapshots, self.config.snap, self.config.keep, best)

    def report(self) -> None:
        """Call `on_tick` if there is something new."""
        if self.on_tick is None or self._reported == self.trainer.images_shown:
            return
        self._reported = self.trainer.images_shown
        try:
            self.on_tick(self.run)
        except Exception as error:  # a page is not worth a run
            words = " ".join(str(error).split()) or type(error).__name__
            self.echo(f"note: the report was not refreshed: {words}")


def _too_little(config: TrainingConfig) -> str:
    """A shortage of memory about which nothing could be done, in a sentence."""
    elsewhere = "" if config.device == "cpu" else ", or --device cpu"
    return system_of(config.arch).shortage(config) + elsewhere


@contextlib.contextmanager
def _alone(run: Path) -> Iterator[None]:
    """Keep a second process off the run: the two would delete each other's temporary files and states.

    The system releases the lock of a killed process. Raises UserError when another process holds it.
    """
    lock = filelock.FileLock(run / ".lock")
    with contextlib.suppress(NotImplementedError):  # a file system without locks
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout as error:
            raise UserError(f"{run} is being trained by another process; wait for it, or stop it") from error
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            (run / ".lock").unlink()
        lock.release()


@contextlib.contextmanager
def _with_remedy(run: Path) -> Iterator[None]:
    """Add to the sentence about a file that cannot be written how to continue afterwards."""
    try:
        yield
    except UserError as error:
        if isinstance(error.__cause__, OSError) and (run / "config.json").exists():
            raise UserError(f"{error}, then continue with: {continue_command(run)}") from error
        raise
    except BrokenPipeError:  # of what the caller's `echo` prints to
        raise
    except OSError as error:  # from making a folder, say
        where = error.filename or run
        raise UserError(f"cannot write {where}: {error.strerror or error}; {remedy_of(error)}") from error


def _impatience(run: Path, progress: Progress) -> str:
    """Why a run has ended before its length, and how to continue it."""
    best, ticks = progress.best, progress.unimproved
    assert best is not None  # patience begins with it
    return (
        f"none of the {ticks} snapshots measured since is better than {best.snapshot}; to continue, use"
        f" {continue_command(run)} --patience {2 * ticks}"
    )


def _advice(run: Path, config: TrainingConfig) -> str:
    snapshots = sorted((run / "snapshots").glob("*.safetensors"))
    words = [OPTIONS["arch"].spelt(config.arch)]
    if OPTIONS["resume"].known_to(config.arch):
        words = [OPTIONS["resume"].spelt(snapshots[-1])] if snapshots else []
    words += [OPTIONS["data"].spelt(config.data), OPTIONS["lr"].spelt(config.lr / 2)]
    gamma = OPTIONS["gamma"].recorded_in(config.to_json())
    if gamma is not None:
        words.append(OPTIONS["gamma"].spelt(max(gamma * 2, 0.1)))
    return f"start again more gently, for example with {' '.join(words)}"
