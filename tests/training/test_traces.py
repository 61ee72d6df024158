"""losses.npz has every iteration of a run, stays small, and is the same whatever way led there."""

import json

import numpy as np
import pytest
import torch

from stylegan_pokemon.training.loop import train
from stylegan_pokemon.training.run_dir.traces import Traces, merged
from stylegan_pokemon.training.systems.statistics import COLUMNS, TRACED, Recorder, Statistics
from tests.training.pictures import tiny_trainer, write_dataset


def rows(first, last):
    """Rows of iterations `first` … `last` − 1 of 8 pictures each, whose values follow from their number."""
    number = np.arange(first, last)
    return np.column_stack([8 * (number + 1), *(np.sin(number * k) for k in range(1, len(COLUMNS)))])


def arrays(count):
    values = rows(0, count)
    kinds = [np.int64, *[np.float32] * (len(COLUMNS) - 1)]
    columns = {name: values[:, i].astype(kinds[i]) for i, name in enumerate(COLUMNS)}
    return columns | {"iterations": np.ones(count, np.int64)}


def test_the_means_of_single_iterations_come_out_of_the_sums_of_a_tick():
    statistics = Statistics()
    recorder = Recorder(statistics)
    random = np.random.RandomState(0)
    expected = []
    for iteration in range(3):
        recorder.begin()
        values = {name: random.standard_normal(6) for name in TRACED}
        for name, numbers in values.items():  # in two micro-batches
            statistics.report(name, torch.from_numpy(numbers[:2]))
            statistics.report(name, torch.from_numpy(numbers[2:]))
        statistics.report("something/else", 1.0)
        recorder.end(6 * (iteration + 1), iteration / 10)
        expected.append([6 * (iteration + 1), *(values[name].mean() for name in TRACED), iteration / 10])
    assert np.allclose(recorder.rows(), expected, rtol=1e-12, atol=1e-14)
    assert len(recorder.rows()) == 0
    assert len(statistics.means()) == len(TRACED) + 1  # which are read by nobody else


def test_a_short_run_has_a_row_for_every_iteration(tmp_path):
    run, data = tmp_path / "run", write_dataset(tmp_path / "d.zip")
    run.mkdir()
    trainer = tiny_trainer(data, kimg=0.08, tick=0.032)
    seen = []
    clean = trainer.recorder.end

    def end(images_shown, p):
        clean(images_shown, p)
        seen.append([images_shown, p])

    trainer.recorder.end = end
    train(trainer, run, lambda line: None, show_bar=False)
    with np.load(run / "losses.npz") as file:
        assert sorted(file) == sorted([*COLUMNS, "iterations"])
        assert file["images_shown"].tolist() == [8 * i for i in range(1, 11)] == [s for s, _ in seen]
        assert np.array_equal(file["p"], np.float32([p for _, p in seen]))
        assert file["iterations"].tolist() == [1] * 10
        assert all(file[name].dtype == np.float32 for name in COLUMNS[1:])
        assert np.isfinite(file["loss/G"]).all()
        losses = file["loss/G"]
    lines = [json.loads(line) for line in (run / "stats.jsonl").read_text().splitlines()]
    assert np.isclose(losses[:4].mean(), lines[0]["loss/G"], rtol=1e-6)
    assert np.isclose(losses[8:].mean(), lines[2]["loss/G"], rtol=1e-6)


@pytest.mark.parametrize("count", [1, 31, 32, 33, 100, 257, 1000])
def test_merged_rows_are_means_of_their_iterations_and_the_newest_stay_apart(count):
    half = 16
    before, after = arrays(count), merged(arrays(count), half)
    assert after["iterations"].sum() == count
    assert len(after["iterations"]) <= 2 * half + 20
    newest = min(half, count)
    assert (after["iterations"][-newest:] == 1).all()
    end = 0
    for i, length in enumerate(after["iterations"]):
        part = slice(end, end + length)
        end += length
        assert part.start % length == 0
        assert after["images_shown"][i] == 8 * end
        for name in COLUMNS[1:]:
            assert np.isclose(after[name][i], before[name][part].mean(dtype=np.float64), atol=1e-6)


def test_the_rows_are_the_same_however_they_were_added():
    at_once = merged(arrays(3000), 64)
    for steps in ([1] * 3000, [7] * 428 + [4], [500] * 6, [2999, 1]):
        grown, done = arrays(0), 0
        for step in steps:
            new = arrays(3000)
            grown = merged(
                {name: np.concatenate([grown[name], new[name][done : done + step]]) for name in grown}, 64
            )
            done += step
        assert all(np.array_equal(at_once[name], grown[name]) for name in at_once)


def test_a_run_of_25000_kimg_keeps_the_file_below_5_megabytes(tmp_path):
    traces, done, tick = Traces(tmp_path / "losses.npz"), 0, 100_000
    while done < 25_000_000 // 8:
        traces.append(rows(done, done + tick))
        done += tick
    traces.write()
    assert traces.path.stat().st_size < 5e6
    with np.load(traces.path) as file:
        assert file["images_shown"][-1] == done * 8  # which float32 would not hold


def test_going_back_and_forth_gives_the_file_of_a_run_that_went_on(tmp_path):
    """Across the point where rows begin to be merged, with ticks of 20,000 iterations."""
    whole, parts = Traces(tmp_path / "whole.npz"), Traces(tmp_path / "parts.npz")
    tick = 20_000
    for number in range(12):
        added = rows(number * tick, (number + 1) * tick)
        for traces in (whole, parts):
            traces.append(added)
            traces.write()
        if number >= 5:  # the newest state was damaged: two ticks back, then again, interrupted in between
            parts = Traces(parts.path)
            parts.load((number - 1) * tick * 8)
            again = rows((number - 1) * tick, (number + 1) * tick)
            parts.append(again[:12345])
            parts.append(again[12345:])
            parts.write()
    assert whole.path.read_bytes() == parts.path.read_bytes()


@pytest.mark.parametrize("content", [None, b"", b"nonsense", b"PK\x03\x04 cut off"])
def test_a_missing_or_damaged_file_counts_as_empty(tmp_path, content):
    path = tmp_path / "losses.npz"
    if content is not None:
        path.write_bytes(content)
    traces = Traces(path)
    traces.load(1000)
    traces.append(rows(0, 3))
    traces.write()
    with np.load(path) as file:
        assert len(file["p"]) == 3
