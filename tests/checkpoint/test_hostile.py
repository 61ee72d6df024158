"""Hostile and damaged checkpoints are refused with one sentence, no side effects, quickly and cheaply."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from stylegan_pokemon.checkpoint import load
from stylegan_pokemon.checkpoint.pickles import pickling
from tests.checkpoint import hostile, spoiling
from tests.conftest import FIXTURES, ROOT

GOOD = [FIXTURES / "cond32.pkl", FIXTURES / "legacy32.pkl", ROOT / "pretrained" / "crayon32.safetensors"]
WARMING = "zipped storage, other byte order.pkl"  # imports what only zip containers need
SECONDS = 2.0
BYTES = 512 << 20


@pytest.fixture(scope="module")
def refused(tmp_path_factory):
    """The report of a process that tried to load the whole corpus."""
    folder = tmp_path_factory.mktemp("hostile")
    files = hostile.corpus()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    script = Path(__file__).with_name("refuser.py")
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, script, folder, folder / WARMING, *GOOD],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["files"].keys() == files.keys()
    assert sorted(path.name for path in folder.iterdir()) == sorted(files)
    return report


def test_all_of_at_least_eighty_files_are_refused_with_one_sentence_that_names_the_file(refused):
    assert len(refused["files"]) >= 80
    for name, result in refused["files"].items():
        kind, _, sentence = result["outcome"].partition(": ")
        assert (name, kind) == (name, "refused")
        assert name in sentence
        assert sentence.isprintable(), sentence
        assert len(sentence.replace(sentence[: sentence.index(name)], "")) < 400, sentence


def test_no_import_execution_file_process_or_socket_is_seen_while_they_are_refused(refused):
    assert {name: result["events"] for name, result in refused["files"].items() if result["events"]} == {}


def test_each_takes_less_than_two_seconds_and_all_less_than_512_mib_beyond_the_imports(refused):
    slow = {name: r["seconds"] for name, r in refused["files"].items() if r["seconds"] > SECONDS}
    assert slow == {}
    assert refused["bytes_beyond_imports"] < BYTES


def test_a_good_file_with_a_hostile_source_loads_and_the_source_stays_text(tmp_path):
    content = spoiling.content()
    for name in ("G", "D", "G_ema"):
        content[name].arguments[0]["module_src"] = f"open({str(tmp_path / 'owned')!r}, 'w')\nraise SystemExit"
    (tmp_path / "good.pkl").write_bytes(pickling.dumps(content))
    assert load(tmp_path / "good.pkl").D is not None
    assert [path.name for path in tmp_path.iterdir()] == ["good.pkl"]
