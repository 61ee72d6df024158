"""The pipeline from Python: `import stylegan_pokemon as sp`, then five functions.

    sp.convert("my_sprites/", "my64.zip", resolution=64)
    run = sp.finetune(data="my64.zip", kimg=20, on_tick=lambda tick: print(tick["kimg"]))
    network = sp.load(run)
    pictures = sp.generate(network, seeds=range(16), trunc=0.7)  # uint8 [16, 64, 64, 3]
    found = sp.measure(network, "my64.zip", metrics="sprite,swd")

They are what the commands of the same names call, with the same defaults and the same exception: UserError,
whose message is one sentence on what is wrong and what to do.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stylegan_pokemon.errors import UserError

if TYPE_CHECKING:
    import numpy as np

    from dataset_tool.report import ConvertReport
    from stylegan_pokemon.render.loaded import LoadedGenerator

StrPath = str | os.PathLike[str]


class _CallbackError(BaseException):
    """What `on_tick` raised, carried past the loop, which makes a note of what a report raises."""

    def __init__(self, raised: Exception) -> None:
        super().__init__(str(raised))
        self.raised = raised


def silent(line: str) -> None:
    """Print nothing; the default of `echo`."""


def load(
    network: StrPath,
    *,
    device: str = "auto",
    adaptation: float | None = None,
    echo: Callable[[str], None] = silent,
) -> LoadedGenerator:
    """Load a generator for rendering and measuring.

    Args:
        network: a network file, a run directory (its newest snapshot), RUN/best, a URL, or a name of the zoo.
        device: "auto" (the first CUDA card, else the CPU), "cpu", "cuda" or "cuda:N".
        adaptation: 0 (start) to 1 (end) of a fine-tuning run; None takes what the file holds.
        echo: called with each line of output, such as the licence of a network that is downloaded.

    Returns the generator; its `G` is the torch module, `classes` are its names by label. Raises UserError.
    """
    from stylegan_pokemon.cli.locate import locate_network
    from stylegan_pokemon.devices import prepare, resolve_device
    from stylegan_pokemon.render.loaded import load_generator
    from stylegan_pokemon.render.runs import find_network

    path = find_network(locate_network(str(network), "network", echo), echo)
    notes: list[str] = []
    chosen = resolve_device(device, notes)
    prepare(chosen)
    for note in notes:
        echo(f"note: {note}")
    return load_generator(path, chosen, adaptation)


def generate(
    network: LoadedGenerator | StrPath,
    seeds: Sequence[int] | str = range(16),
    *,
    trunc: float = 1.0,
    class_: str | int | None = None,
    noise_mode: str = "const",
    batch: int | None = None,
    edit: str = "",
    refine: int | None = None,
) -> np.ndarray:
    """Draw a picture per seed: uint8 [N, H, W, C] with C = 1, 3 or 4 (RGB and straight alpha).

    Args:
        network: what `load` returned, or what it takes.
        seeds: whole numbers from 0, or a text as `generate.py --seeds` takes it, such as "0-7,mine.npz".
        trunc: truncation psi, 1 for none; people keep most at about 0.7.
        class_: name or number of a class; None draws one from each seed.
        noise_mode: "const", "random" or "none".
        batch: pictures drawn or refined at once, at most; None chooses by resolution.
        edit: as `generate.py --edit` takes it, such as "0:+2.5,bluer:+1".
        refine: steps by which each seed is moved to where the discriminator sees a creature; 0 for none, None
            as `generate.py --refine` does by default.

    Raises UserError for a class or direction that does not exist.
    """
    import numpy as np

    from stylegan_pokemon.render.directions import edited
    from stylegan_pokemon.render.edits import parse_edits
    from stylegan_pokemon.render.pictures import RenderOptions, render_seeds
    from stylegan_pokemon.render.seeds import parse_seeds

    generator = _loaded(network)
    steps = generator.usual_refinement if refine is None else refine
    generator = generator.refined(steps, batch=batch)
    if edit:
        generator = edited(generator, parse_edits(edit))
    keys = parse_seeds(seeds) if isinstance(seeds, str) else list(seeds)
    labels = generator.labels(keys, None if class_ is None else str(class_))
    options = RenderOptions(trunc, noise_mode, batch=batch)
    pictures = list(render_seeds(generator, keys, labels, options))
    if not pictures:
        raise UserError("seeds is empty; give at least one, such as range(16)")
    return np.stack(pictures)


def convert(
    sources: StrPath | Sequence[StrPath],
    dest: StrPath,
    *,
    overwrite: bool = False,
    progress: bool = False,
    **options: Any,
) -> ConvertReport:
    """Turn pictures into a dataset zip, as `python -m dataset_tool convert` does.

    Args:
        sources: folder, zip or picture, or several of them.
        dest: the zip to write.
        overwrite: replace it if it exists.
        progress: show a progress bar on a terminal.
        options: fields of `dataset_tool.options.ConvertOptions`: resolution=64, labels="type", trim=True, …

    Returns what was converted, what was skipped and why. Raises UserError.
    """
    from dataset_tool.convert import convert as run
    from dataset_tool.options import ConvertOptions

    several = [sources] if isinstance(sources, str | os.PathLike) else sources
    settings = ConvertOptions(**_known(options, ConvertOptions))
    return run(
        [Path(source) for source in several], Path(dest), settings, overwrite=overwrite, progress=progress
    )


def finetune(
    *,
    on_tick: Callable[[dict[str, Any]], None] | None = None,
    echo: Callable[[str], None] = silent,
    report: bool = True,
    **options: Any,
) -> Path:
    """Fine-tune a network, or continue a run, as `finetune.py` does.

    Args:
        on_tick: called after every tick with its statistics, a line of the run's stats.jsonl with "run", the
            run directory, added. What it raises ends the run, whose state is written, and is raised again.
        echo: called with each line of output; `echo=print` shows what the command shows.
        report: write report.html at every tick.
        options: those of `finetune.py` by their names in Python: data="my64.zip", resume="creatures64",
            kimg=20, batch_gpu=4, … docs/options.md lists them. resume=RUN continues that run.

    Returns the run directory. Raises UserError, and Interrupted after Ctrl-C, SIGTERM or SIGHUP.
    """
    from stylegan_pokemon.cli.forged import forged_dataset
    from stylegan_pokemon.cli.locate import locate_network
    from stylegan_pokemon.report import write_report
    from stylegan_pokemon.training import session
    from stylegan_pokemon.training.run_dir.directory import is_run
    from stylegan_pokemon.training.settings.check import check_system
    from stylegan_pokemon.training.settings.options import Options

    told = -1.0  # kimg

    def after_tick(run: Path) -> None:
        nonlocal told
        record = _last_tick(run)
        if on_tick is not None and record is not None and record["kimg"] > told:
            told = record["kimg"]
            try:
                on_tick({"run": run, **record})
            except Exception as error:
                raise _CallbackError(error) from error
        if report:
            write_report(run)

    given = {name: _plain(value) for name, value in _known(options, Options).items()}
    resume = given.get("resume")
    try:
        if resume is not None and is_run(resume):
            told = (_last_tick(Path(resume)) or {"kimg": told})["kimg"]
            asked = {name: value for name, value in given.items() if name != "resume"}
            run = session.continue_run(Path(resume), echo, asked, on_tick=after_tick)
        else:
            settings = Options(**given)
            check_system(settings, set(given))

            def locate(what: str) -> Path:
                return locate_network(what, "resume", echo)

            run = session.finetune(settings, forged_dataset, echo, locate=locate, on_tick=after_tick)
    except _CallbackError as error:
        raise error.raised from None
    assert run is not None  # only a dry run has none
    return run


def measure(
    network: LoadedGenerator | StrPath,
    data: StrPath,
    *,
    metrics: str = "sprite,swd",
    num: int | None = None,
    trunc: float = 1.0,
    seed: int = 0,
    progress: bool = False,
) -> dict[str, Any]:
    """Measure a network against a dataset zip, as `python -m stylegan_pokemon metrics --json` does.

    Args:
        network: what `load` returned, or what it takes.
        data: the dataset zip that its pictures are compared with.
        metrics: names separated by commas: fd, kid, pr, dc, is, nn, sprite, swd.
        num: pictures to generate; None takes as many as there are real ones, within bounds.
        trunc: truncation psi of the generated pictures.
        seed: seed of the generated pictures.
        progress: show a progress bar on a terminal.

    Returns the object that the command prints, without "network" and "data". Raises UserError.
    """
    from stylegan_pokemon.data.dataset import SpriteDataset
    from stylegan_pokemon.metrics.evaluate import Settings, evaluate
    from stylegan_pokemon.metrics.names import metrics_num_of, parse_names

    generator = _loaded(network)
    with SpriteDataset(data, size_of=generator.size_of) as dataset:
        number = num or metrics_num_of(dataset.facts.resolution, len(dataset), generator.device.type)
        settings = Settings(names=parse_names(metrics), num=number, truncation_psi=trunc, seed=seed)
        return evaluate(generator.G, dataset, settings, generator.device, show_bar=progress)


def _loaded(network: LoadedGenerator | StrPath) -> LoadedGenerator:
    return load(network) if isinstance(network, str | os.PathLike) else network


def _plain(value: Any) -> Any:
    """A path as the text that a command line would have."""
    return str(value) if isinstance(value, os.PathLike) else value


def _known(options: dict[str, Any], kind: type) -> dict[str, Any]:
    """The options, all of them fields of a dataclass. Raises UserError naming one that is not."""
    import difflib

    fields = list(kind.__dataclass_fields__)  # type: ignore[attr-defined]
    for name in options:
        if name not in fields:
            near = difflib.get_close_matches(name, fields, 1)
            hint = f"did you mean {near[0]}?" if near else f"choose among {', '.join(fields)}"
            raise UserError(f"there is no option {name}; {hint}")
    return options


def _last_tick(run: Path) -> dict[str, Any] | None:
    """The newest line of stats.jsonl, or None before the first."""
    try:
        lines = (run / "stats.jsonl").read_text(encoding="utf-8").splitlines()
        return json.loads(lines[-1])
    except (OSError, ValueError, IndexError):
        return None
