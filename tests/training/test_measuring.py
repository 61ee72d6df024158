"""Metrics inside a run: they tell the best snapshot and when to stop, and change nothing else."""

import json
import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from stylegan_pokemon.errors import UserError
from stylegan_pokemon.render.runs import find_best
from stylegan_pokemon.training.loop import train
from stylegan_pokemon.training.run_dir import measuring, sheets, tick_writer
from stylegan_pokemon.training.run_dir.measuring import metrics_line
from stylegan_pokemon.training.run_dir.state import generations
from stylegan_pokemon.training.systems.stylegan2 import StyleGAN2Trainer
from tests.training.pictures import tiny_trainer, write_dataset
from tests.training.sameness import assert_same_run, stats, tensor_digests

TICKS = 8
LENGTH = {"kimg": 0.016 * TICKS, "tick": 0.016, "batch": 16}  # one iteration a tick
VALUES = [0.9, 0.8, 0.5, 0.3, 0.31, 0.2, 0.25, 0.3]
"""The kernel distances that `Fake` gives at ticks 1, 2, …; their error is 0.05."""


@pytest.fixture(scope="module", autouse=True)
def short_ticks():
    """No film, small sheets, no search for garbage: they take most of a tick, and other tests have them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tick_writer, "progression_from_fakes", lambda run: None)
        patch.setattr(sheets, "_SEEDS", range(2))
        patch.setattr(measuring, "gc", SimpleNamespace(collect=lambda: 0))
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_dataset(tmp_path_factory.mktemp("data") / "discs.zip")


class Fake:
    """Stands in for `evaluate`: what it returns depends on the generator, and the clock, alone.

    It also does what a careless metric might: draws from every global source of randomness, and sets them.
    """

    def __init__(self, trainer, values=VALUES, alarms=(), whole=None):
        self.trainer, self.values, self.alarms, self.whole = trainer, values, alarms, whole
        self.calls = []

    def __call__(self, G, dataset, settings, device, *, heldout, nn_sheet, show_bar):
        tick = self.trainer.images_shown // 16
        self.calls.append((tick, settings, heldout))
        assert not G.training
        random.seed(tick)
        np.random.seed(tick)
        torch.manual_seed(tick)
        torch.randn(3)
        with torch.no_grad():
            G(torch.randn(4, G.z_dim), None)
        if nn_sheet is not None:
            Image.new("RGB", (4, 4), (tick, 0, 0)).save(nn_sheet)
        checksum = float(sum(p.double().sum() for p in G.parameters()))
        found = {
            "samples": settings.num,
            "seconds": random.random(),
            "values": {
                "fd_efficientnet_lite1": {"value": checksum},
                "kid_efficientnet_lite1": {"value": self.values[tick - 1], "error": 0.05},
            },
            "diversity": {"alarm": tick in self.alarms, "verdict": "Collapsed."},
        }
        if self.whole is not None:
            whole = {"value": self.whole[tick - 1], "reals": 0.97, "error": 0.02}
            found["sprite"] = {"figures": {"whole": whole}}
        return found


def trained(run, data, fake=Fake, until=None, **options):
    """Train with metrics, to the end or for so many ticks; returns (lines, fake)."""
    run.mkdir(parents=True, exist_ok=True)
    length = LENGTH if until is None else LENGTH | {"kimg": 0.016 * until}
    trainer = tiny_trainer(data, **({"metrics": "fd,kid,nn"} | length | options))
    measure, lines = fake(trainer), []
    train(trainer, run, lines.append, show_bar=False, evaluate=measure)
    return lines, measure


def best_of(run):
    return json.loads((run / "best.json").read_text())


@pytest.fixture(scope="module")
def whole(tmp_path_factory, data):
    """A run of eight ticks, each measured."""
    run = tmp_path_factory.mktemp("whole") / "run"
    return run, *trained(run, data)


@pytest.fixture(scope="module")
def without(tmp_path_factory, data):
    """The same run without metrics."""
    run = tmp_path_factory.mktemp("without") / "run"
    trained(run, data, metrics="none")
    return run


def test_every_snapshot_is_measured_with_what_the_run_is_told(whole):
    run, lines, fake = whole
    assert [tick for tick, _, _ in fake.calls] == list(range(1, TICKS + 1))
    assert {(settings.names, settings.num) for _, settings, _ in fake.calls} == {(("fd", "kid", "nn"), 12)}
    assert all("metrics" in record for record in stats(run))
    measured = [line for line in lines if "pictures measured" in line]
    assert len(measured) == TICKS
    assert "KID 0.9000±0.0500; the best so far" in measured[0]
    assert "KID 0.3100±0.0500" in measured[4]
    assert "best" not in measured[4]
    with Image.open(run / "nn.png") as sheet:
        assert sheet.getpixel((0, 0)) == (TICKS, 0, 0)


def test_metrics_change_no_weight_and_no_picture(whole, without):
    run = whole[0]
    ours, theirs = (generations(folder / "state")[0] for folder in (run, without))
    assert tensor_digests(ours) == tensor_digests(theirs)
    for picture in without.glob("fakes*.png"):
        assert picture.read_bytes() == (run / picture.name).read_bytes()
    ours, theirs = stats(run), stats(without)
    assert [{k: v for k, v in record.items() if k != "metrics"} for record in ours] == theirs
    assert not (without / "best.json").exists()
    assert not (without / "nn.png").exists()


def test_only_snapshots_are_measured(tmp_path, data):
    _, fake = trained(tmp_path / "run", data, snap=3)
    assert [tick for tick, _, _ in fake.calls] == [3, 6, 8]
    assert [record["tick"] for record in stats(tmp_path / "run") if "metrics" in record] == [3, 6, 8]


def test_the_best_snapshot_is_written_down_and_drawn(whole, data, tmp_path):
    """0.2 is below 0.3 by more than √(0.05² + 0.05²); 0.31 and 0.25 are below nothing."""
    run = whole[0]
    assert best_of(run) | {"value": 0.2, "error": 0.05} == best_of(run)
    assert (best_of(run)["tick"], best_of(run)["kimg"]) == (6, 0.096)
    assert find_best(run / "best").name == best_of(run)["snapshot"] == "000000.096.safetensors"
    shorter = tmp_path / "shorter"
    trained(shorter, data, until=6)
    assert (shorter / "truncation.png").read_bytes() == (run / "truncation.png").read_bytes()


def test_a_continued_run_measures_and_decides_like_one_that_went_on(tmp_path, data, whole):
    parts = tmp_path / "run"
    for until in (1, 4, 6, None):
        trained(parts, data, until=until)
    assert_same_run(whole[0], parts)


def test_a_tick_that_is_repeated_is_measured_again(tmp_path, data, whole):
    """The newest state, and what was written after it, are lost: the best snapshot with them."""
    parts = tmp_path / "run"
    trained(parts, data, until=6)
    assert best_of(parts)["tick"] == 6
    generations(parts / "state")[0].write_bytes(b"nonsense")
    lines, fake = trained(parts, data)
    assert "cannot be read" in lines[0]
    assert [tick for tick, _, _ in fake.calls] == [6, 7, 8]
    assert_same_run(whole[0], parts)


def test_going_back_takes_the_best_and_its_sheet_back(tmp_path, data, monkeypatch):
    """Of a tick that is lost the best snapshot may not be one the next time."""
    run, reference = tmp_path / "run", tmp_path / "reference"
    trained(reference, data, until=3)
    trained(run, data, until=4)
    assert (best_of(reference)["tick"], best_of(run)["tick"]) == (3, 4)
    generations(run / "state")[0].write_bytes(b"nonsense")
    stopped(run, data, monkeypatch)
    assert best_of(run) == best_of(reference)
    assert (run / "truncation.png").read_bytes() == (reference / "truncation.png").read_bytes()


def test_going_back_to_where_there_was_no_best_removes_it(tmp_path, data, monkeypatch):
    run = tmp_path / "run"
    trained(run, data, lambda trainer: Fake(trainer, alarms=(1, 2)), until=3)
    assert best_of(run)["tick"] == 3
    generations(run / "state")[0].write_bytes(b"nonsense")
    stopped(run, data, monkeypatch)
    assert not (run / "best.json").exists()
    assert not (run / "truncation.png").exists()


def stopped(run, data, monkeypatch):
    """Continue a run, and end it before its first iteration."""

    def iteration(self):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(StyleGAN2Trainer, "iteration", iteration)
        with pytest.raises(KeyboardInterrupt):
            trained(run, data)


def test_retention_keeps_the_best(tmp_path, data):
    run = tmp_path / "run"
    lines, _ = trained(run, data, keep=4)
    names = sorted(path.name for path in (run / "snapshots").iterdir())
    assert names == ["000000.064.safetensors", "000000.096.safetensors", "000000.128.safetensors"]
    assert best_of(run)["snapshot"] == "000000.096.safetensors"
    assert not any("note:" in line for line in lines)


def test_an_alarm_keeps_a_snapshot_from_being_the_best_whatever_its_distance(tmp_path, data):
    run = tmp_path / "run"
    lines, _ = trained(run, data, lambda trainer: Fake(trainer, alarms=(6,)))
    assert best_of(run)["tick"] == 4
    assert sum("Collapsed." in line for line in lines) == 1
    run = tmp_path / "collapsed"
    trained(run, data, lambda trainer: Fake(trainer, alarms=range(9)), until=2)
    assert not (run / "best.json").exists()
    assert (run / "truncation.png").exists()  # of the last one


BODIES = [0.7, 0.7, 0.95, 0.94, 0.93, 0.6, 0.93, 0.94]
"""Shares of whole pictures at the ticks of VALUES, the lowest of which, 6, is broken."""


def test_a_snapshot_whose_creatures_fall_apart_is_not_the_best_and_a_continued_run_knows(tmp_path, data):
    def broken(trainer):
        return Fake(trainer, whole=BODIES)

    trained(tmp_path / "whole" / "run", data, broken)
    assert best_of(tmp_path / "whole" / "run")["tick"] == 4
    assert best_of(tmp_path / "whole" / "run")["flaws"] == pytest.approx(0.03)
    for until in (3, 5, None):
        trained(tmp_path / "parts" / "run", data, broken, until=until)
    assert_same_run(tmp_path / "whole" / "run", tmp_path / "parts" / "run")


def test_patience_does_not_wait_for_creatures_that_fall_apart(tmp_path, data):
    """All distances after tick 1 are lower, but their creatures are in pieces."""
    _, measured = trained(tmp_path / "run", data, lambda t: Fake(t, whole=[0.95] + [0.7] * 7), patience=3)
    assert [tick for tick, _, _ in measured.calls] == [1, 2, 3, 4]
    assert best_of(tmp_path / "run")["tick"] == 1


@pytest.mark.parametrize("error", [
    RuntimeError("CUDA out of memory,\nin many lines"), ValueError(), OSError(28, "No space left"),
])  # fmt: skip
def test_a_metric_that_fails_is_one_line_and_the_run_goes_on(tmp_path, data, without, error):
    def failing(trainer):
        def evaluate(*_, **__):
            raise error

        return evaluate

    run = tmp_path / "run"
    lines, _ = trained(run, data, failing)
    notes = [line for line in lines if line.startswith("note: the metrics were not measured")]
    assert len(notes) == 1
    assert "\n" not in notes[0]
    assert_same_run(without, run)


def test_a_failure_once_costs_the_metrics_of_that_tick_alone(tmp_path, data):
    class Once(Fake):
        def __call__(self, *args, **options):
            result = super().__call__(*args, **options)
            if self.calls[-1][0] == 3:
                raise RuntimeError("busy")
            return result

    trained(tmp_path / "run", data, Once)
    assert [record["tick"] for record in stats(tmp_path / "run") if "metrics" not in record] == [3]


def test_patience_ends_a_run_complete_and_a_larger_one_goes_on(tmp_path, data, whole):
    run = tmp_path / "run"
    values = [0.9, 0.8, 0.5, 0.49, 0.51, 0.2, 0.25, 0.3]

    def fake(trainer):
        return Fake(trainer, values)

    lines, measured = trained(run, data, fake, patience=2)
    assert measured.calls[-1][0] == 5  # 3 is the best, 4 and 5 are not better
    assert "none of the 2 snapshots measured since is better than 000000.048.safetensors" in lines[-1]
    assert lines[-1].endswith(f"--resume {run} --patience 4")
    before = sorted(path.name for path in run.rglob("*") if path.is_file())
    lines, measured = trained(run, data, fake, patience=2)
    assert measured.calls == []
    assert sorted(path.name for path in run.rglob("*") if path.is_file()) == before
    lines, measured = trained(run, data, fake, patience=3)
    assert [tick for tick, _, _ in measured.calls] == [6, 7, 8]
    undisturbed = tmp_path / "undisturbed" / "run"
    trained(undisturbed, data, fake, patience=3)
    assert_same_run(undisturbed, run)


def test_patience_begins_with_a_first_snapshot_without_alarm(tmp_path, data):
    """Pictures of a young network are alike: that is no reason to give it up."""
    _, measured = trained(
        tmp_path / "a", data, lambda trainer: Fake(trainer, alarms=range(TICKS + 1)), patience=3
    )
    assert len(measured.calls) == TICKS
    _, measured = trained(tmp_path / "b", data, lambda t: Fake(t, [0.5] * TICKS, alarms=(1, 2)), patience=3)
    assert len(measured.calls) == 2 + 1 + 3


def test_unmeasured_ticks_try_nobodys_patience(tmp_path, data):
    _, measured = trained(tmp_path / "run", data, lambda t: Fake(t, [0.5] * TICKS), patience=2, snap=3)
    assert [tick for tick, _, _ in measured.calls] == [3, 6, 8]


def test_a_report_is_asked_for_after_every_tick_and_at_the_end(tmp_path, data):
    run, seen = tmp_path / "run", []
    run.mkdir()

    def on_tick(folder):
        assert folder == run
        state = generations(run / "state")[0].stem
        seen.append((len(stats(run)), int(state), json.loads((run / "config.json").read_text())["kimg"]))

    def with_reports(until):
        trainer = tiny_trainer(data, **(LENGTH | {"kimg": 0.016 * until}))
        train(trainer, run, lambda line: None, show_bar=False, on_tick=on_tick)

    with_reports(2)
    assert seen == [(1, 16, 0.032), (2, 32, 0.032)]
    with_reports(2)  # nothing to train, but perhaps another report than before
    assert seen[2:] == [(2, 32, 0.032)]


def test_a_report_that_fails_is_a_note(tmp_path, data, without):
    run, lines = tmp_path / "run", []
    run.mkdir()

    def on_tick(folder):
        raise KeyError("a bug")

    train(tiny_trainer(data, **LENGTH), run, lines.append, show_bar=False, on_tick=on_tick)
    assert lines.count("note: the report was not refreshed: 'a bug'") == TICKS
    assert_same_run(without, run)


def test_the_line_of_a_tick_says_what_was_measured():
    values = {
        "fid": {"value": 41.23},
        "kid": {"value": 0.01234, "error": 0.001},
        "recall": {"value": 0.5},
        "is": {"value": 100.0},
    }
    assert metrics_line({"samples": 819, "values": values}).strip() == (
        "819 pictures measured: FID 41.2, KID 0.0123±0.0010, recall 0.50"
    )
    sprite = {"figures": {"whole": {"value": 0.59, "reals": 0.97}, "haze": {"value": 25.1, "reals": 0.88}}}
    style = {"swd": {"value": 50.0, "floor": 20.0, "ratio": 2.5}}
    assert metrics_line({"samples": 400, "values": style, "sprite": sprite}).strip() == (
        "400 pictures measured: whole 59% (real 97%), haze 25.1% (real 0.9%), SWD 2.5× real halves"
    )
    assert "see stats.jsonl" in metrics_line({"samples": 819, "values": {"is": values["is"]}})


def test_a_state_of_an_earlier_version_is_refused_with_what_to_do(tmp_path, data):
    import safetensors.torch

    run = tmp_path / "run"
    trained(run, data, until=4, metrics="none")
    for path in generations(run / "state"):
        safetensors.torch.save_file(
            safetensors.torch.load_file(path), path, {"format": "stylegan_pokemon.state/1", "counters": "{}"}
        )
    made = (
        r"no readable state \(an earlier version of this program made it, this is .*\); start a new run with"
    )
    with pytest.raises(UserError, match=made):
        trained(run, data, metrics="none")
