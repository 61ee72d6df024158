"""TensorBoard events hold what stats.jsonl holds, where TensorBoard is installed."""

import json
import sys
import types

import pytest

from stylegan_pokemon.training.run_dir import events
from tests.training.pictures import tiny_trainer, write_dataset

RECORD = {
    "tick": 3, "kimg": 0.5, "loss/G": 1.5, "p": float("nan"), "done": True, "name": "x",
    "metrics": {"values": {"fd": {"value": 40.0, "interval": [39, 41]}}, "samples": 8},
}  # fmt: skip


def test_every_finite_number_has_a_name():
    found = dict(events.scalars(RECORD))
    assert found == {
        "tick": 3, "kimg": 0.5, "loss/G": 1.5, "metrics/values/fd/value": 40.0, "metrics/samples": 8
    }  # fmt: skip


def test_without_tensorboard_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(events.importlib.util, "find_spec", lambda _: None)
    one = events.Events(tmp_path)
    one.write(RECORD)
    one.close()
    assert not list(tmp_path.iterdir())


def test_a_failing_writer_ends_the_events_and_not_the_run(tmp_path, monkeypatch):
    calls = []

    class Broken:
        def __init__(self, *_, **__):
            calls.append(1)
            raise OSError("no space left")

    monkeypatch.setattr(events.importlib.util, "find_spec", lambda _: True)
    module = types.ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = Broken
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    one = events.Events(tmp_path)
    one.write(RECORD)
    one.write(RECORD)
    assert calls == [1]


def test_a_run_and_its_continuation_are_one_curve(tmp_path):
    accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator",
        reason="TensorBoard, which is optional, is not installed",
    )
    from stylegan_pokemon.training.loop import train

    data = write_dataset(tmp_path / "discs.zip")
    (tmp_path / "run").mkdir()
    for kimg in (0.064, 0.128):
        train(tiny_trainer(data, kimg=kimg), tmp_path / "run", lambda _: None, show_bar=False)
    read = accumulator.EventAccumulator(str(tmp_path / "run" / events.FOLDER)).Reload()
    lines = [json.loads(line) for line in (tmp_path / "run" / "stats.jsonl").read_text().splitlines()]
    curve = [(event.step, event.value) for event in read.Scalars("loss/G")]
    assert curve == [(round(line["kimg"] * 1000), pytest.approx(line["loss/G"])) for line in lines]
