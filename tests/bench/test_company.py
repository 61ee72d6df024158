"""What computes beside a measurement is at work during it and gone afterwards, however the bench ends."""

import json
import signal
import subprocess
import sys

import psutil
import pytest
from click.testing import CliRunner

from stylegan_pokemon.bench.company import company
from stylegan_pokemon.cli.bench import bench
from stylegan_pokemon.errors import UserError
from tests.bench.test_bench import TINY, invoke
from tests.training.pictures import tiny_config, write_dataset

BENCH = """
import json, time
from stylegan_pokemon.bench.company import company
with company({loops}, {trainings}, json.loads({task!r})):
    import psutil
    print(json.dumps([child.pid for child in psutil.Process().children()]), flush=True)
    while True:  # a signal that comes just before a sleep does not end it
        time.sleep(0.1)
"""


@pytest.fixture
def task(tmp_path):
    config, _ = tiny_config(write_dataset(tmp_path / "discs.zip"))
    return {"config": config.to_json(), "kernels": False}


def processes(pids):
    found = []
    for pid in pids:
        try:
            found.append(psutil.Process(pid))
        except psutil.NoSuchProcess:
            continue
    return found


def test_loops_compute_during_the_context_and_are_gone_after_it():
    before = psutil.Process().children()
    with company(2, 0, {}) as check:
        loops = [child for child in psutil.Process().children() if child not in before]
        assert len(loops) == 2
        spent = [sum(loop.cpu_times()[:2]) for loop in loops]
        for loop, then in zip(loops, spent, strict=True):
            while sum(loop.cpu_times()[:2]) <= then + 0.05:  # it never idles, so this ends
                assert loop.is_running()
        check()
    assert not any(loop.is_running() for loop in loops)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize(
    ("name", "loops", "trainings"),
    [("SIGINT", 2, 0), ("SIGTERM", 2, 0), ("SIGKILL", 2, 0), ("SIGKILL", 0, 1)],
)
def test_no_process_outlives_a_bench_that_is_stopped(task, name, loops, trainings):
    command = [sys.executable, "-c", BENCH.format(loops=loops, trainings=trainings, task=json.dumps(task))]
    measuring = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # background jobs ignore it
    )
    pids = json.loads(measuring.stdout.readline())
    assert len(processes(pids)) == loops + trainings
    measuring.send_signal(getattr(signal, name))
    measuring.wait(60)
    assert psutil.wait_procs(processes(pids), timeout=60)[1] == []
    measuring.stdout.close()


def test_a_training_that_fails_is_one_sentence_and_ends_the_others(task):
    task["config"]["data"] += ".gone"
    before = psutil.Process().children()
    words = r"a process beside the measurement has ended \(.*discs\.zip\.gone does not exist"
    with pytest.raises(UserError, match=words), company(1, 1, task):
        pass
    assert psutil.Process().children() == before


def test_bench_train_reports_the_same_cycle_alone_and_beside_others():
    asked = ("--batch", "4", "--w-dim", "16", "--beside", "1", "--beside-trainings", "1")
    found = invoke("train", *TINY, *asked)
    beside = found["beside"]
    assert (beside["loops"], beside["trainings"]) == (1, 1)
    assert beside["ratio"] == pytest.approx(beside["sec_per_kimg"] / found["sec_per_kimg"])
    assert set(beside["phases"]) == set(found["phases"]) == {"data", "Gmain", "Greg", "Dmain", "Dreg"}
    assert "beside" not in invoke("train", *TINY, "--batch", "4", "--w-dim", "16")


def test_iterations_without_warm_up_are_not_compared():
    result = CliRunner().invoke(bench, ["train", "--iterations", "2", "--beside", "1"])
    assert result.exit_code == 2
    assert "--beside compares whole cycles, after a warm-up; leave --iterations out" in result.output
