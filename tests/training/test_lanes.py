"""Lanes change how fast an iteration is and, but for rounding, nothing else."""

import threading
import time

import pytest
import torch

from stylegan_pokemon.training.systems.lanes import Lanes, MicroBatch, lane_sizes
from tests.training.pictures import tiny_trainer, write_dataset


@pytest.fixture
def threads():
    """Sets PyTorch's number of threads for a test."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("batch_gpu", "group", "cores", "expected"),
    [
        (8, 4, 2, (2, 4)),
        (16, 4, 2, (2, 8)),
        (24, 4, 4, (4, 8)),
        (8, 4, 16, (2, 4)),
        (4, 4, 2, (1, 4)),  # memory holds one group at once
        (2, 4, 2, (1, 2)),
        (8, 4, 1, (1, 8)),
        (6, 3, 2, (2, 3)),
    ],
)
def test_lanes_share_the_pictures_in_memory_by_whole_groups(batch_gpu, group, cores, expected):
    assert lane_sizes(batch_gpu, group, cores) == expected


def test_two_lanes_have_the_gradients_of_one_to_rounding_in_every_phase(tmp_path, threads):
    data = write_dataset(tmp_path / "data.zip")
    gradients = []
    for count in (1, 2):
        threads(count)
        trainer = tiny_trainer(data, batch=16, batch_gpu=16, p=0.5, aug="fixed")
        assert trainer._lanes.count == count
        reals = trainer.next_batch()
        gradients.append({})
        for phase in trainer.phases:
            network = phase.network.requires_grad_(True)
            phase.accumulate(reals, torch.Generator().manual_seed(3))
            gradients[-1][phase.name] = [p.grad for p in network.parameters()]
            network.requires_grad_(False).zero_grad(set_to_none=True)
    assert set(gradients[0]) == {"Gmain", "Greg", "Dmain", "Dreg"}
    for name, one in gradients[0].items():
        scale = max(g.abs().max() for g in one if g is not None)
        for a, b in zip(one, gradients[1][name], strict=True):
            assert (a is None) == (b is None)
            if a is not None:
                assert (a - b).abs().max() <= 2e-5 * scale, name


def test_the_faster_lane_changes_no_bit(tmp_path, threads, monkeypatch):
    """Whichever micro-batch is done first, weights and statistics are the same."""
    data = write_dataset(tmp_path / "data.zip")
    threads(2)
    states = []
    for late in (0, 1):
        trainer = tiny_trainer(data, batch=16, batch_gpu=16, p=0.5)
        clean = Lanes.map

        def hindered(lanes, work, micros, clean=clean, late=late):
            def slow(micro):
                if micro is micros[late]:
                    time.sleep(0.05)
                return work(micro)

            return clean(lanes, slow, micros)

        monkeypatch.setattr(Lanes, "map", hindered)
        for _ in range(2):
            trainer.iteration()
        monkeypatch.undo()
        states.append(
            [*trainer.G.state_dict().values(), *trainer.D.state_dict().values(), trainer.pl_mean]
            + [torch.tensor(total) for total, _ in trainer.statistics.state_dict().values()]
        )
    assert all(torch.equal(a, b) for a, b in zip(*states, strict=True))


def test_every_lane_has_its_share_of_the_threads_and_the_caller_keeps_its_own(threads):
    threads(6)
    lanes = Lanes(3, 6)
    found = []
    gate = threading.Barrier(3)

    def work(_):
        gate.wait()  # so that each lane takes one
        found.append((threading.current_thread().name, torch.get_num_threads()))

    list(lanes.map(work, [MicroBatch(torch.arange(1), []) for _ in range(3)]))
    assert sorted(found) == [("lane_0", 2), ("lane_1", 2), ("lane_2", 2)]
    assert torch.get_num_threads() == 6


def test_an_exception_is_raised_when_no_lane_is_busy_any_more(threads):
    threads(2)
    lanes, busy = Lanes(2, 2), []
    micros = [MicroBatch(torch.arange(1), []) for _ in range(4)]

    def work(micro):
        if micro is micros[0]:
            raise RuntimeError("out of memory")
        busy.append(micro)
        time.sleep(0.1)
        busy.remove(micro)

    with pytest.raises(RuntimeError, match="out of memory"):
        list(lanes.map(work, micros))
    assert not busy
    assert list(lanes.map(micros.index, micros)) == [0, 1, 2, 3]  # usable


def test_no_more_results_wait_than_the_memory_plan_counts(threads):
    """Beside the micro-batches that are computed there is one result, however slow the first one is."""
    threads(2)
    lanes, done, first = Lanes(2, 2), [], threading.Event()
    micros = [MicroBatch(torch.arange(1), []) for _ in range(8)]

    def work(micro):
        if micro is micros[0]:
            first.wait(0.3)
        done.append(micro)
        return micro

    results = lanes.map(work, micros)
    assert next(results) is micros[0]
    assert len(done) <= 3
    assert list(results) == micros[1:]


def test_a_micro_batch_adds_up_what_it_differentiates():
    w = torch.nn.Parameter(torch.tensor([1.0, 2.0]))
    unused = torch.nn.Parameter(torch.zeros(1))
    micro = MicroBatch(torch.arange(1), [w, unused])
    micro.backward((w * 3).sum())
    micro.backward(w.square().sum())
    assert w.grad is None  # until it contributes
    micro.contribute()
    micro.contribute()  # nothing is left to add
    assert unused.grad is None
    torch.testing.assert_close(w.grad, 3 + 2 * w.detach())


def test_gradients_lie_in_memory_as_their_parameters_do():
    """Fused Adam reads both as flat memory; a weight that is used transposed has a transposed gradient."""
    w = torch.nn.Parameter(torch.randn(3, 5))
    micro = MicroBatch(torch.arange(1), [w])
    micro.backward(w.T.contiguous().square().sum())
    assert micro._gradients[0].stride() != w.stride()  # else there is nothing to test
    micro.contribute()
    assert w.grad.stride() == w.stride()
    torch.testing.assert_close(w.grad, 2 * w.detach())
