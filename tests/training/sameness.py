"""When two run directories count as the same: everything but the clock's readings."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import safetensors
import torch

from stylegan_pokemon.training.run_dir.state import generations


def assert_same_run(one: Path, other: Path) -> None:
    """Compare all that two runs wrote, tensor by tensor, picture by picture, line by line."""
    assert _names(one) == _names(other)
    newest = [generations(run / "state") for run in (one, other)]
    assert [path.name for path in newest[0]] == [path.name for path in newest[1]]
    for ours, theirs in zip(*newest, strict=True):
        assert tensor_digests(ours) == tensor_digests(theirs)
        assert _counters(ours) == _counters(theirs)
    assert stats(one) == stats(other)
    for name in _names(one):
        if name.endswith((".png", ".gif")) or name == "best.json":
            assert (one / name).read_bytes() == (other / name).read_bytes(), name
        elif name.startswith("snapshots/"):  # not bytes: the order of metadata is nobody's promise
            assert tensor_digests(one / name) == tensor_digests(other / name), name
            assert _metadata(one / name) == _metadata(other / name), name


def tensor_digests(path: Path) -> dict[str, str]:
    """SHA-256 of every tensor of a safetensors file, by name."""
    with safetensors.safe_open(path, framework="pt") as file:
        return {
            name: hashlib.sha256(file.get_tensor(name).reshape(-1).view(torch.uint8).numpy()).hexdigest()
            for name in file.keys()  # noqa: SIM118 (not a dict)
        }


def stats(run: Path) -> list[dict[str, Any]]:
    """The lines of stats.jsonl without what a clock or a memory gauge said."""
    lines = (run / "stats.jsonl").read_text(encoding="utf-8").splitlines()
    return [_untimed(json.loads(line)) for line in lines]


def _counters(state: Path) -> dict[str, Any]:
    return _untimed(json.loads(_metadata(state)["counters"]))


def _metadata(path: Path) -> dict[str, str]:
    with safetensors.safe_open(path, framework="pt") as file:
        return file.metadata()


def _untimed(record: dict[str, Any]) -> dict[str, Any]:
    """Without the readings, in nested tables too."""
    return {
        key: _untimed(value) if isinstance(value, dict) else value
        for key, value in record.items()
        if "sec" not in key and key != "peak_memory_bytes"
    }


def _names(run: Path) -> list[str]:
    return sorted(path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file())
