"""SIGKILL at any moment, also inside a write, loses at most a tick and changes nothing."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from pathlib import Path

import safetensors
from PIL import Image

from stylegan_pokemon.training.run_dir.state import generations
from tests.training.children import finished, needs_signals, start
from tests.training.pictures import write_dataset
from tests.training.sameness import assert_same_run

OPTIONS = [
    *("--channel-base", "128", "--channel-max", "8", "--map-layers", "1", "--w-dim", "16", "--batch", "8"),
    *("--cfg", "auto", "--mirror", "--resume", "none", "--device", "cpu"),
    *("--tick", "0.008", "--kimg", "0.192", "--snap", "2", "--keep", "3", "--metrics", "none"),
]
TICKS = 24
TARGETS = ("state/", "snapshots/", ".fakes", ".progression", ".stats", "")
"""How the names of temporary files begin; "" is any."""
PATIENCE = 1  # ticks: after as many the child is killed wherever it is, so that they last for 20 kills


@needs_signals
def test_killed_twenty_times_a_run_ends_bit_for_bit_like_one_that_was_not(tmp_path):
    data = write_dataset(tmp_path / "discs.zip")
    arguments = ["--data", str(data), *OPTIONS]
    whole = tmp_path / "whole" / "00000-discs-fresh"
    began = time.monotonic()
    assert finished([*arguments, "--outdir", str(whole.parent)], tmp_path / "log") == 0
    seconds = time.monotonic() - began

    dice = random.Random(20)
    run = tmp_path / "killed" / "00000-discs-fresh"
    log = tmp_path / "log of the killed"
    _kill_before_the_first_tick([*arguments, "--outdir", str(run.parent)], run, log)
    inside: list[str] = []
    for number in range(1, 20):
        process = start(["--resume", str(run)], log)
        if number % 2:
            target = TARGETS[number // 2 % len(TARGETS)]
            inside += _kill_inside_a_write(process, run, target)
        else:
            _kill_after(process, run, dice.uniform(0, 2 * seconds / TICKS))
        assert process.exitcode == -signal.SIGKILL, log.read_text()
        _assert_all_files_are_whole(run)
    assert len(inside) >= 5, inside
    print(f"{len(inside)} of 20 kills inside a write: {inside}")
    assert finished(["--resume", str(run)], log) == 0, log.read_text()
    assert_same_run(whole, run)


def _kill_before_the_first_tick(arguments: list[str], run: Path, log: Path) -> None:
    process = start(arguments, log)
    while not (run / "fakes000000.000.png").exists():
        assert process.is_alive(), log.read_text()
    process.kill()
    process.join()
    assert not (run / "stats.jsonl").exists()
    assert [path.name for path in generations(run / "state")] == ["000000000.safetensors"]


def _kill_after(process, run: Path, seconds: float) -> None:
    before, end = _ticks(run), time.monotonic() + seconds
    while time.monotonic() < end and _ticks(run) < before + PATIENCE:
        time.sleep(0.001)
    process.kill()
    process.join()


def _kill_inside_a_write(process, run: Path, target: str) -> list[str]:
    """Kill as soon as a temporary file of that kind is there; returns it if it outlived the process."""
    before = _ticks(run)
    stale = set(_temporaries(run))  # of the child before, until this one removes them
    caught: list[str] = []
    while not caught and _ticks(run) < before + PATIENCE and process.is_alive():
        stale &= set(_temporaries(run))
        if any(name.startswith(target) for name in set(_temporaries(run)) - stale):
            os.kill(process.pid, signal.SIGSTOP)
            time.sleep(0.002)  # a signal to another process takes a moment
            caught = [name for name in set(_temporaries(run)) - stale if name.startswith(target)]
            if not caught:
                os.kill(process.pid, signal.SIGCONT)
    process.kill()
    process.join()
    return [name for name in _temporaries(run) if name in caught]


def _temporaries(run: Path) -> list[str]:
    """Temporary files as the run directory names them, those of a folder without their dot."""
    found = [name for name in os.listdir(run) if name.startswith(".") and name != ".lock"]
    for folder in ("state", "snapshots"):
        if (run / folder).is_dir():
            found += [f"{folder}/{name[1:]}" for name in os.listdir(run / folder) if name.startswith(".")]
    return found


def _ticks(run: Path) -> int:
    """Ticks that the newest state has behind it."""
    return int(generations(run / "state")[0].stem.partition("-")[0]) // 8


def _assert_all_files_are_whole(run: Path) -> None:
    for path in [path for path in run.rglob("*") if path.is_file() and not path.name.startswith(".")]:
        if path.suffix in (".png", ".gif"):
            with Image.open(path) as picture:
                picture.load()
        elif path.suffix == ".safetensors":
            with safetensors.safe_open(path, framework="pt") as file:
                assert file.keys()
        elif path.suffix == ".html":
            assert path.read_text(encoding="utf-8").rstrip().endswith("</html>")
        else:
            texts = path.read_text().splitlines() if path.suffix == ".jsonl" else [path.read_text()]
            assert all(json.loads(text) for text in texts)
