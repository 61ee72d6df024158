"""The newest snapshot of the newest run is found, and its absence is said clearly."""

from __future__ import annotations

import json

import pytest

from stylegan_pokemon.errors import UserError
from stylegan_pokemon.render.runs import (
    Tick,
    fakes,
    find_best,
    find_network,
    find_run,
    is_best,
    newest_run,
    run_of,
    snapshots,
)


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


@pytest.fixture
def runs(tmp_path):
    folder = tmp_path / "runs"
    for name in ("000000", "000004", "000012.5", "000012"):
        touch(folder / "00009-a-none" / "snapshots" / f"{name}.safetensors")
    touch(folder / "00010-b-none" / "snapshots" / "000001.safetensors")
    touch(folder / "100000-c-none" / "config.json")  # newer, but without a snapshot yet
    touch(folder / "notes" / "snapshots" / "000099.safetensors")
    touch(folder / "README.md")
    return folder


def test_ids_and_kimg_are_compared_as_numbers(runs):
    notes = []
    assert newest_run(runs, notes.append).name == "00010-b-none"
    (note,) = notes
    assert note.endswith("100000-c-none holds no snapshot yet; taking the newest that does, 00010-b-none")
    touch(runs / "100000-c-none" / "snapshots" / "000000.safetensors")
    assert newest_run(runs, notes.append).name == "100000-c-none"
    assert len(notes) == 1
    assert [tick.kimg for tick in snapshots(runs / "00009-a-none")] == [0, 4, 12, 12.5]


def test_files_that_are_no_snapshots_are_left_alone(runs):
    run = runs / "00009-a-none"
    for name in (
        ".000020.x.tmp.safetensors",
        "best.safetensors",
        "000020.safetensors.part",
        "20.safetensors",
    ):
        touch(run / "snapshots" / name)
    for name in ("fakes000000.5.png", "fakes000002.png", "fakes.png", "reals.png"):
        touch(run / name)
    assert snapshots(run)[-1].path.name == "000012.5.safetensors"
    assert [tick.kimg for tick in fakes(run)] == [0.5, 2]


def test_a_network_is_a_file_a_run_its_snapshots_or_a_folder_of_runs(runs):
    run = runs / "00009-a-none"
    newest = run / "snapshots" / "000012.5.safetensors"
    assert find_network(newest) == newest
    assert find_network(run) == find_network(run / "snapshots") == newest
    notes = []
    assert find_network(str(runs), notes.append) == find_network(str(runs))
    assert len(notes) == 1  # 100000-c-none was passed over
    assert find_network(str(runs)) == runs / "00010-b-none" / "snapshots" / "000001.safetensors"


def test_a_snapshot_knows_its_run(runs):
    assert run_of(find_network(runs)) == runs / "00010-b-none"
    assert run_of(runs / "README.md") is None


@pytest.mark.parametrize(
    ("where", "complaint"),
    [
        ("nowhere", "--network .*nowhere does not exist"),
        ("runs/100000-c-none", "holds no snapshot yet"),
        ("empty", "no run with a snapshot in .*empty; train one"),
    ],
)
def test_no_network_is_one_sentence_with_a_remedy(runs, where, complaint):
    (runs.parent / "empty").mkdir()
    with pytest.raises(UserError, match=complaint):
        find_network(runs.parent / where)


@pytest.mark.parametrize(
    ("where", "complaint"), [("nowhere", "does not exist"), ("runs/README.md", "is a file")]
)
def test_no_run_is_one_sentence_with_a_remedy(runs, where, complaint):
    with pytest.raises(UserError, match=complaint):
        find_run(runs.parent / where)


@pytest.mark.parametrize(
    ("kimg", "label"),
    [(0, "0 kimg"), (4, "4 kimg"), (0.5, "0.5 kimg"), (25000, "25000 kimg"), (1.0625, "1.062 kimg")],
)
def test_kimg_is_written_as_people_read_it(kimg, label):
    assert Tick(kimg, None).label == label


def with_best(run, name):
    (run / "best.json").write_text(json.dumps({"snapshot": name, "tick": 1}))


def test_best_is_the_best_snapshot_of_the_newest_run_or_of_the_run_that_is_named(runs):
    with_best(runs / "00009-a-none", "000004.safetensors")
    with_best(runs / "00010-b-none", "000001.safetensors")
    newest = runs / "00010-b-none" / "snapshots" / "000001.safetensors"
    assert find_best("best", runs) == find_best(runs / "best") == newest
    named = runs / "00009-a-none" / "best"
    assert find_best(named) == runs / "00009-a-none" / "snapshots" / "000004.safetensors"
    assert is_best("best")
    assert is_best(str(named))
    assert not is_best(str(runs))
    assert not is_best("best.pkl")


def test_without_a_best_snapshot_a_sentence_says_what_would_tell_it(runs):
    run = runs / "00010-b-none"
    with pytest.raises(UserError, match=r"00010-b-none has no best snapshot: --metrics with kid tells it"):
        find_best("best", runs)
    with_best(run, "000007.safetensors")
    with pytest.raises(UserError, match=r"000007.safetensors, is gone"):
        find_best(run / "best")
    (run / "best.json").write_text("{}")
    with pytest.raises(UserError, match=r"best.json cannot be read"):
        find_best(run / "best")
    with_best(run, "../../00009-a-none/snapshots/000004.safetensors")  # somebody else's is none of its
    with pytest.raises(UserError, match=r"is gone"):
        find_best(run / "best")
    with pytest.raises(UserError, match="does not exist"):
        find_best(runs / "nowhere" / "best")


def test_a_file_that_is_called_best_is_that_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    touch(tmp_path / "best")
    assert not is_best("best")
