"""The newest snapshot of the newest run is found, and its absence is said clearly."""

from __future__ import annotations

import pytest

from stylegan_pokemon.errors import UserError
from stylegan_pokemon.render.runs import Tick, fakes, find_network, find_run, newest_run, run_of, snapshots


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
    assert newest_run(runs).name == "00010-b-none"
    touch(runs / "100000-c-none" / "snapshots" / "000000.safetensors")
    assert newest_run(runs).name == "100000-c-none"
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
