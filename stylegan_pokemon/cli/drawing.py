"""What a command of generate.py draws: which network, seeds, classes and options, and under which names."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from dataset_tool.terminal import no_bar
from stylegan_pokemon.errors import UserError, shown

if TYPE_CHECKING:
    import numpy as np
    import torch

    from stylegan_pokemon.render.centres import Around
    from stylegan_pokemon.render.edits import Edit
    from stylegan_pokemon.render.loaded import LoadedGenerator
    from stylegan_pokemon.render.pictures import RenderOptions
    from stylegan_pokemon.render.seeds import Key

T = TypeVar("T")

RUNS = "runs"
_NOT_OFFERED = -1  # refinement, by the command
_LONGEST = 60  # characters of a class's name or of edits in a file name


class Drawing:
    """The options of `drawing_options` as a loaded generator, labels, render options and file names.

    Creating one finds the network and loads it; the console names both. Raises UserError.
    """

    def __init__(
        self,
        seeds: list[Key],
        scale: Fraction | None,
        noise_mode: str,
        around: Around,
        device: str | None,
        batch: int | None,
        network: str | Path | None = None,
        trunc: float = 1.0,
        adaptation: float | None = None,
        class_: str | int | None = None,
        outdir: Path | None = None,
        background: str = "white",
        edit: Sequence[Edit] | None = None,
        refine: int | None = _NOT_OFFERED,
    ) -> None:
        from dataset_tool.background import parse_background

        ground = parse_background(background)
        if ground is None:
            raise UserError(f"--background {background} is for data sets; name one colour, such as white")
        self.path = network if isinstance(network, Path) else network_file(network)
        self.generator = _loaded(self.path, device, adaptation)
        usual = self.generator.usual_refinement
        steps = usual if refine is None else max(refine, 0)
        if not any(isinstance(seed, int) for seed in seeds):
            steps = usual = 0  # stored latents are drawn as they are
        self._refine = "" if refine == _NOT_OFFERED or steps == usual else f"refine{steps}"
        if steps:
            self.generator = self.generator.refined(steps, progress_over("steps"), batch)
            click.echo(f"refine    {steps} steps for each seed; --refine 0 leaves them out")
        if edit:
            from stylegan_pokemon.render.directions import edited

            self.generator = edited(self.generator, edit, progress_over("batches"))
        from stylegan_pokemon.render.pictures import RenderOptions

        self.seeds, self.scale = seeds, scale
        self.options: RenderOptions = RenderOptions(trunc, noise_mode, around, batch, ground)
        self._class, self._outdir = class_, outdir
        note_other_networks(self.generator, seeds)
        stored = next((seed for seed in seeds if not isinstance(seed, int)), None)
        if trunc != 1 and stored is not None:
            print_note(
                f"--trunc {trunc:g} also truncates the latents of {stored.path}, which may be truncated"
                " already; without --trunc they are drawn as they are"
            )

    @cached_property
    def labels(self) -> list[int]:
        """A label per seed, as `echo_labels` prints it."""
        return echo_labels(self.generator, self.seeds, self._class)

    def folder(self, kind: str = "") -> Path:
        """--outdir, or generated/<network>[/<kind>] in the network's run or, without a run, here."""
        from stylegan_pokemon.render.runs import run_of

        run = run_of(self.path) or Path()
        return prepared(self._outdir or run / "generated" / self.path.stem / kind)

    def name(self, stem: str, psi: bool = True) -> str:
        """A file name that tells results apart: stem, psi, and what is not as usual.

        That is the adaptation, the class, the noise mode, the centre, refinement and the edits. A class has
        one name here, however the user typed it.
        """
        from stylegan_pokemon.render.truncation import centre_count

        generator, options = self.generator, self.options
        matters = generator.G.c_dim or options.around != "network" or centre_count(generator.G, "class")
        parts = [
            stem,
            f"psi{options.truncation_psi:g}" if psi else "",
            "" if generator.adaptation == 1 else f"adaptation{generator.adaptation:g}",
            "" if self._class is None else self._class_name(self.labels[0]),
            "" if options.noise_mode == "const" else f"noise-{options.noise_mode}",
            "" if options.around == "class" or not matters else f"around-{options.around}",
            self._refine,
            generator.edits and f"edit-{_cut(generator.edits)}",
        ]
        return "-".join(_safe(part) for part in parts if part)

    def overview(self, kind: str) -> str:
        """How the file of a sheet or film of the seeds begins."""
        from stylegan_pokemon.render.seeds import overview_stem

        return overview_stem(kind, self.seeds)

    def save_sheet(self, kind: str, sheet: np.ndarray, psi: bool = True) -> None:
        """Write a sheet as <kind>-seeds<seeds>….png."""
        self.save_overview(self.folder() / f"{self.name(self.overview(kind), psi)}.png", sheet)

    def save_overview(self, path: Path, sheet: np.ndarray) -> None:
        """Write a sheet as `path`."""
        from stylegan_pokemon.render.images import save_png

        with replacing([path]):
            save_png(path, sheet)
        click.echo(f"sheet     {path}")

    def save_latents(self, folder: Path) -> None:
        """Write the latents of the seeds, truncated, as latents-seeds….npz."""
        from stylegan_pokemon.render.pictures import latent_facts
        from stylegan_pokemon.render.seeds import describe_seeds

        ws = self.generator.ws(self.seeds, self.labels, self.options.truncation_psi, self.options.around)
        facts = [latent_facts(self.generator, *pair) for pair in zip(self.seeds, self.labels, strict=True)]
        self.write_latents(folder / f"latents-seeds{describe_seeds(self.seeds)}.npz", ws, facts)

    def write_latents(self, path: Path, ws: torch.Tensor, facts: Sequence[Mapping[str, Any]]) -> None:
        """Write ws [N, num_ws, w_dim], with what is known of each, as the latent file `path`."""
        from stylegan_pokemon.render.stored import write_latents

        with replacing([path]):
            write_latents(path, ws.cpu().numpy(), facts, **self.generator.facts)
        click.echo(f"latents   {path}")

    def _class_name(self, label: int) -> str:
        """A class's name as part of a file name, with its number where another class has the same."""
        names = [_safe(self.generator.class_name(i))[:_LONGEST] for i in range(self.generator.G.c_dim)]
        return names[label] if names.count(names[label]) == 1 else f"{names[label]}-{label}"


def echo_labels(generator: LoadedGenerator, seeds: list[Key], wanted: str | int | None) -> list[int]:
    """A label per seed, of the class `wanted` if any; printed for a network with classes."""
    labels = generator.labels(seeds, wanted)
    if generator.G.c_dim and wanted is None:
        click.echo("class     drawn from each seed; --class takes one for all")
    elif generator.G.c_dim:
        name = generator.class_name(labels[0])
        click.echo(f"class     {name}")
        if labels[0] not in generator.learnt:
            known = ", ".join(map(generator.class_name, generator.learnt))
            print_note(f"the last training had no pictures of {name}; it had of {known}")
    return labels


def note_other_networks(generator: LoadedGenerator, seeds: list[Key]) -> None:
    """Print a note if a stored latent is of another network file than the one that draws it."""
    latents = [seed for seed in seeds if not isinstance(seed, int)]
    for latent in latents:
        known = latent.facts.get("network_sha256")
        if known is not None and known != generator.fingerprint:
            name = latent.facts.get("network")
            print_note(
                f"{latent.path} is of {shown(name) if name else 'another network'}, not of this"
                f" {generator.path.name}; the picture may be another one"
            )
            return


def network_file(network: str | None) -> Path:
    """The network file of --network, by default the newest snapshot of the newest run."""
    from stylegan_pokemon.cli.locate import locate_network
    from stylegan_pokemon.render.runs import find_network, newest_run

    path = newest_run(RUNS, print_note) if network is None else locate_network(network, "--network")
    return find_network(path, print_note)


def print_note(note: str) -> None:
    """Print a note to stderr, beside the results."""
    click.echo(f"note: {note}", err=True)


def prepared(outdir: Path) -> Path:
    """Make the output folder before the work starts. Raises UserError if that fails."""
    try:
        outdir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"--outdir {outdir} cannot be made ({error.strerror}); choose another folder"
        ) from error
    if not os.access(outdir, os.W_OK):
        raise UserError(f"--outdir {outdir} cannot be written to; choose another folder")
    return outdir


def chosen_device(device: str | None) -> torch.device:
    """The device that --device names, or the best one, prepared; notes about the choice are printed."""
    from stylegan_pokemon.devices import prepare, resolve_device

    notes: list[str] = []
    chosen = resolve_device("auto" if device is None else device, notes)
    prepare(chosen)
    for note in notes:
        print_note(note)
    return chosen


@contextlib.contextmanager
def replacing(paths: Iterable[Path]) -> Iterator[None]:
    """Write these files within; a note says afterwards which of them were there before."""
    there = [path for path in paths if path.exists()]
    yield
    if there:
        many = f"{len(there)} pictures in {there[0].parent}{os.sep}"
        print_note(f"replaced {many if len(there) > 1 else there[0]}")


def write_film(path: Path, frames: Iterable[np.ndarray], count: int, words: str = "", **film: Any) -> None:
    """Write `count` frames as a film, as `save_animation` does, with progress bars, and print where."""
    from stylegan_pokemon.render.animation import save_animation

    shown = progress_over("frames", count)(frames)
    with replacing([path]):
        save_animation(path, shown, **film, encoding=progress_over("frames encoded"))
    echo_film(path, words)


def echo_film(path: Path, words: str = "") -> None:
    """Print where a film was written, and its size."""
    size = path.stat().st_size
    short = f"{size / 2**20:.1f} MiB" if size >= 2**20 else f"{max(1, round(size / 2**10))} KiB"
    click.echo(f"film      {path} ({words}{short})")


def progress_over(unit: str, total: int | None = None) -> Callable[[Iterable[T]], Iterable[T]]:
    """A progress bar around what is counted in `unit`s; hidden when the output is no terminal."""
    from tqdm import tqdm

    return lambda items: tqdm(items, total=total, unit=f" {unit}", leave=False, disable=no_bar())


def _loaded(path: Path, device: str | None, adaptation: float | None) -> LoadedGenerator:
    from stylegan_pokemon.render.loaded import load_generator

    generator = load_generator(path, chosen_device(device), adaptation)
    click.echo(f"network   {path} ({generator.summary()})")
    if generator.without_classes:
        print_note(f"at adaptation {generator.adaptation:g} all classes draw alike, since the start had none")
    return generator


def _cut(text: str) -> str:
    from stylegan_pokemon.render.seeds import checksum

    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}-{checksum(text)}"


def _safe(text: str) -> str:
    return re.sub(r"[^\w.,+-]+", "_", text)
