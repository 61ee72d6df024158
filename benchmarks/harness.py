"""What the scripts share: data, training that goes on where it stopped, metrics, results.

Everything lies under runs/benchmarks. A script that is started again goes on with what is missing. Only
numbers enter results.json: pictures and weights of runs on somebody's sprites stay where they are. Without
--sprites everything is done on forged ones, in runs and results of their own.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import click
import filelock
import torch

from stylegan_pokemon.data.dataset import DatasetFacts, SpriteDataset
from stylegan_pokemon.files import whole_file

ROOT = Path(__file__).resolve().parents[1]
WORK = ROOT / "runs" / "benchmarks"
RESULTS = ROOT / "benchmarks" / "results.json"
SIZE = 64
SEED = "0"  # of all tables but that of the systems, which has two
PASSES = 130  # of dcgan64 over its sprites, as its author trained it
EARLY_PASSES = 5  # after which a system's own start is measured
TICK = EARLY_PASSES * 819 / 1000  # kimg; 819 are the sprites of the tables
TICKS_AT_LEAST = 4  # of a run in the tables
LARGEST_BATCH = 128  # of all systems
QUICK_SHARE = 0.064  # kimg of a run with --quick
_CODE = (".", ":!benchmarks/results.json", ":!README.md", ":!docs")  # what a result depends on
IDLE = 0.25  # load average of each core up to which a machine counts as idle
_PATIENCE, _PAUSE = 60, 5.0  # looks at it, and seconds between them
EMBEDDED = ROOT / "pretrained" / "creatures64.safetensors"

SYSTEMS: dict[str, list[str]] = {
    "dcgan64": ["--arch", "dcgan64"],
    "dcgan64-balanced": ["--arch", "dcgan64-balanced"],
    "auto": ["--cfg", "auto", "--resume", "none", "--mirror"],
    "sprites": ["--resume", "none", "--mirror"],
    "fine-tuned": ["--mirror"],
}
"""Options of finetune.py by the name that a system has in the tables."""

TIMED = {"auto": (2, 0.512)}
"""Ticks and their kimg in which a system's speed is measured, where they are not four of 1.024: one takes
minutes, and 16 iterations are a whole round of R1."""


class Refusal(click.ClickException):
    """What a script cannot do, in a sentence with the remedy."""

    exit_code = 2


def options(function: Callable[..., Any]) -> Callable[..., Any]:
    """--sprites, which every script takes, and --quick, which tries it out."""
    function = click.option(
        "--quick", is_flag=True, help="Seconds instead of hours, on forged sprites; nothing is recorded."
    )(function)
    return click.option(
        "--sprites",
        type=click.Path(exists=True, dir_okay=False),
        help="The zip of 819 sprites.  [default: forged]",
    )(function)


def dataset(
    sprites: str | None,
    quick: bool,
    labels: bool = False,
    name: str = "sprites",
    size: int = SIZE,
    trimmed: bool = False,
) -> Path:
    """The set, without its female forms, on white; forged sprites where there are no others."""
    WORK.mkdir(parents=True, exist_ok=True)
    kind = "quick" if quick else "forged" if sprites is None else name
    zipped = WORK / f"{kind}{size}{'-types' if labels else ''}{'-trimmed' if trimmed else ''}.zip"
    origin = zipped.with_suffix(".origin")  # which art the set was made from
    given = hashlib.sha256(Path(sprites).read_bytes()).hexdigest() if sprites and not quick else "forged"
    if zipped.exists():
        if not origin.exists() or origin.read_text() != given:
            what = (
                "was made from other sprites"
                if origin.exists()
                else f"has no {origin.name} that says what of"
            )
            raise Refusal(f"{zipped} {what}; delete it and the runs on it to begin again")
        return zipped
    origin.write_text(given)
    source = sprites
    if quick or sprites is None:
        source = str(WORK / f"{kind}-creatures")
        if not Path(source).exists():
            command("dataset", "forge", source, "--count", "40" if quick else "819", "--style", "sprite")
    assert source is not None
    command(
        *("dataset", "convert", source, str(zipped), "--resolution", str(size), "--exclude", "*female/*"),
        *(["--labels", "type" if sprites and not quick else "folder"] if labels else []),
        *(["--trim"] if trimmed else []),
    )
    return zipped


def chosen(only: str | None, known: Collection[str]) -> list[str]:
    """The systems of --only, or all. Raises Refusal for one that there is not."""
    systems = only.split(",") if only else list(known)
    if unknown := [system for system in systems if system not in known]:
        raise Refusal(f"--only {unknown[0]}: there are {', '.join(known)}; name these, separated by commas")
    return systems


def pictures(data: Path) -> int:
    """How many there are in a set."""
    return _facts(data).images


def _facts(data: Path) -> DatasetFacts:
    with SpriteDataset(data) as dataset:
        return dataset.facts


def _kind(data: Path) -> str:
    """What sets the runs and results of other data apart: "" of the sprites, "-forged", or "-quick"."""
    return next((f"-{kind}" for kind in ("forged", "quick") if data.stem.startswith(kind)), "")


def command(*arguments: str) -> str:
    """Run `python -m stylegan_pokemon …` and return what it prints. Raises Refusal where that fails."""
    program = [sys.executable, "-m", "stylegan_pokemon", *arguments]
    with subprocess.Popen(program, cwd=ROOT, stdout=subprocess.PIPE) as process:
        try:
            output, _ = process.communicate()
        except KeyboardInterrupt:  # which the program has got, too: it may write its state
            process.wait()
            raise
    if process.returncode:
        said = f"python -m {' '.join(program[2:])} ended with status {process.returncode}"
        raise Refusal(f"{said}; what to do about it is said above")
    return output.decode()


def trained(name: str, data: Path, kimg: float, tick: float, *more: str, any_start: bool = False) -> Path:
    """The run `name`, trained to `kimg`: begun, continued, or there already. Nothing is measured in it.

    In float32 wherever it runs, unless `more` says otherwise, with the same settings on a card as on two
    cores. any_start: a run from another embedded checkpoint will do. Raises Refusal where what is there
    began otherwise.
    """
    folder = WORK / f"{name}{_kind(data)}"
    run = _newest(folder)
    begun = folder / "options.json"
    if run is not None:
        _check_beginning(run, data, any_start)
        if begun.exists() and json.loads(begun.read_text()) != list(more):
            raise Refusal(f"{run} began with other options; delete {folder} to begin again")
        if _reached(run, kimg):
            return run
    if run is None:
        folder.mkdir(parents=True, exist_ok=True)
        begun.write_text(json.dumps(more))
        command(
            *("finetune", "--data", str(data), "--outdir", str(folder), "--metrics", "none"),
            *("--kimg", f"{kimg:g}", "--tick", f"{tick:g}", "--precision", "fp32", *more),
        )
        run = _newest(folder)
        assert run is not None
        return run
    command("finetune", "--resume", str(run), "--kimg", f"{kimg:g}")
    return run


def _newest(folder: Path) -> Path | None:
    """The newest run in a folder that has begun to train."""
    return max((path.parent for path in folder.glob("0*-*/config.json")), default=None)


def _reached(run: Path, kimg: float) -> bool:
    return bool(shown := ticks(run)) and shown[-1]["kimg"] >= kimg


def _check_beginning(run: Path, data: Path, any_start: bool) -> None:
    """Raises Refusal if a run learns from another set, or started from another embedded checkpoint."""
    config = json.loads((run / "config.json").read_text())
    digest = hashlib.sha256(EMBEDDED.read_bytes()).hexdigest()
    if not any_start and config["start_sha256"] not in (None, digest):
        raise Refusal(f"{run} started from another {EMBEDDED.name}; delete it to begin again")
    if config["data_sha256"] != _facts(data).sha256:
        raise Refusal(f"{run} learnt from other pictures than {data.name}; delete it to begin again")


def table_run(system: str, seed: str, data: Path, quick: bool, *kimg: float) -> Path:
    """The run of a system that all tables share, with snapshots at these `kimg` at least.

    It halts there and at the system's share of the equal time, so that there is a snapshot of that moment
    whichever table is made first.
    """
    name = f"table-{system}-{seed}"
    more = [*SYSTEMS[system], "--seed", seed, *(["--batch", "16"] if quick else [])]
    share, _ = equal_time(system, data, quick)
    for goal in sorted({min(share, max(kimg)), *kimg}):
        run = trained(name, data, goal, min(TICK, goal / TICKS_AT_LEAST), *more)
    return run


def equal_time(system: str, data: Path, quick: bool) -> tuple[float, float]:
    """The kimg that a system is trained in the time that dcgan64 takes for its passes, and that time in s."""
    if quick:
        return QUICK_SHARE, 1.0
    seconds = PASSES * pictures(data) / 1000 * speed("dcgan64", data, quick)
    return round(seconds / speed(system, data, quick), 3), seconds


def ticks(run: Path) -> list[dict[str, Any]]:
    """The lines of stats.jsonl."""
    path = run / "stats.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def speed(system: str, data: Path, quick: bool) -> float:
    """Seconds per kimg of a system, trained alone for a while: the median of all ticks but the first.

    Measured once in every runs/benchmarks: what results.json says comes from somebody's machine. Raises
    Refusal if the machine is not idle.
    """
    number, tick = (4, 0.064) if quick else TIMED.get(system, (4, 1.024))
    more = SYSTEMS[system] + (["--batch", "16"] if quick else [])
    known = _newest(WORK / f"speed-{system}{_kind(data)}")
    new = known is None or not _reached(known, number * tick)
    if new and not quick:
        _wait_until_idle()
    # It depends on no weights: any start will do.
    run = trained(f"speed-{system}", data, number * tick, tick, *more, any_start=True)
    value = statistics.median(line["sec_per_kimg"] for line in ticks(run)[1:])
    if new:
        record("speed", system, {"sec_per_kimg": value, "threads": torch.get_num_threads()}, data)
    return value


def _wait_until_idle() -> None:
    """Wait until what has run before has left the load average. Raises Refusal if something else runs."""
    if os.name != "posix":
        return
    most = IDLE * (os.cpu_count() or 1)
    if os.getloadavg()[0] > most:
        click.echo("waiting until the machine is idle, to measure a speed", err=True)
    for _ in range(_PATIENCE):
        if os.getloadavg()[0] <= most:
            return
        time.sleep(_PAUSE)
    raise Refusal("a speed is measured on an idle machine; end what else is running on it, then start again")


def snapshots(run: Path) -> list[float]:
    """The kimg of all snapshots that a run has kept, in order."""
    return sorted(_snapshot_files(run))


def _snapshot_files(run: Path) -> dict[float, Path]:
    return {float(path.stem): path for path in (run / "snapshots").glob("[0-9]*.safetensors")}


def snapshot(run: Path, kimg: float) -> Path:
    """The snapshot of `kimg`, at most 2 % and an iteration away. Raises Refusal if it was not kept."""
    files = _snapshot_files(run)
    nearest = min(files, key=lambda at: abs(at - kimg), default=math.inf)
    if abs(nearest - kimg) > 0.02 * kimg + LARGEST_BATCH / 1000:
        raise Refusal(f"{run} has kept no snapshot near {kimg:g} kimg; delete it to begin again")
    return files[nearest]


def distance(network: Path, data: Path, num: int) -> float:
    """FD of `num` pictures against the whole set."""
    values = _metrics(network, data, num, "fd")["values"]
    return next(iter(values.values()))["value"]


def measured(network: Path, data: Path, num: int) -> dict[str, float]:
    """FD, KID with its error, recall, coverage and near copies of `num` pictures against the whole set."""
    found = _metrics(network, data, num, "fd,kid,pr,dc,nn")
    values = {name.removesuffix("_efficientnet_lite1"): v for name, v in found["values"].items()}
    return {
        "fd": values["fd"]["value"],
        "fd_floor": values["fd"]["floor"],
        "kid": values["kid"]["value"],
        "kid_error": values["kid"]["error"],
        "precision": values["precision"]["value"],
        "recall": values["recall"]["value"],
        "coverage": values["coverage"]["value"],
        "near_copies": found["memorisation"]["near_copies"],
        "near_copies_reals": found["memorisation"]["near_copies_reals"],
    }


def _metrics(network: Path, data: Path, num: int, which: str) -> dict[str, Any]:
    text = command(
        *("metrics", "--network", str(network), "--data", str(data), "--metrics", which),
        *("--num", str(num), "--json"),
    )
    return json.loads(text[text.index("{") :])


def recorded(table: str, data: Path | None = None) -> dict[str, Any]:
    """The rows of a table, by name: those of the sprites, or of another set."""
    path = _results(data)
    return json.loads(path.read_text(encoding="utf-8")).get(table, {}) if path.exists() else {}


def _results(data: Path | None) -> Path:
    return WORK / "forged.json" if data is not None and _kind(data) else RESULTS


def record(table: str, row: str, values: dict[str, Any], data: Path) -> None:
    """Add a row, with commit, machine and day, and print it.

    Of a quick try it is only printed; what forged sprites give lies beside their runs, in forged.json.
    """
    click.echo(f"{table}: {row}: {json.dumps(values)}")
    if _kind(data) == "-quick":
        return
    path = _results(data)
    commit = _git("describe", "--always") + ("-dirty" if _git("diff", "HEAD", "--", *_CODE) else "")
    machine = f"{_processor()}, {os.cpu_count()} cores, torch {torch.__version__}"
    if torch.cuda.is_available():  # then training and metrics have used it
        machine += f", {torch.cuda.get_device_name(0)}"
    day = datetime.now(timezone.utc).date().isoformat()
    with filelock.FileLock(WORK / "results.lock"):  # scripts may run side by side
        results = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        results.setdefault(table, {})[row] = values | {"commit": commit, "machine": machine, "day": day}
        with whole_file(path) as temporary:
            temporary.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of Markdown, a line for every row."""
    lines = [list(head), ["---"] * len(head), *map(list, rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def _processor() -> str:
    """The processor's model where Linux tells it, else its architecture."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()
