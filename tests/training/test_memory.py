"""Memory counted on paper equals closed forms, and what really is alive while training."""

import dataclasses

import pytest
import torch

from stylegan_pokemon.ops import backend
from stylegan_pokemon.ops.cpu.build import cpu_kernels
from stylegan_pokemon.training.planning.memory import GRID, Tracker, footprint
from stylegan_pokemon.training.systems.lanes import Lanes
from stylegan_pokemon.training.systems.stylegan2 import StyleGAN2Trainer
from stylegan_pokemon.training.transfer.start import start_networks
from tests.training.pictures import tiny_config, write_dataset

FLOAT = 4  # bytes
WIDER = {"channel_base": 1024, "channel_max": 64, "w_dim": 32}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_dataset(tmp_path_factory.mktemp("data") / "discs.zip")


@pytest.fixture(autouse=True)
def one_thread():
    """One lane: a tracker sees its own thread only."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_the_peak_of_a_chain_of_products_is_its_closed_form(device):
    """n·d of x, of y = x·W, of its square and of the sum's gradients: what autograd keeps and makes."""
    n, d = 64, 32
    with Tracker(device) as tracker:
        x = torch.empty(n, d, device=device)
        weight = torch.empty(d, d, device=device, requires_grad=True)
        assert tracker.live == tracker.peak == FLOAT * (n * d + d * d)
        y = x @ weight
        z = y * y
        assert tracker.live == FLOAT * (3 * n * d + d * d)
        del x
        assert tracker.live == FLOAT * (3 * n * d + d * d)  # the product keeps it for the gradient
        del y, z
        assert tracker.live == FLOAT * d * d
        assert tracker.peak == FLOAT * (3 * n * d + d * d)
        tracker.restart()
        views = weight.detach().t()[: d // 2]
        assert tracker.peak == tracker.live == FLOAT * d * d
        del views


@pytest.mark.parametrize(
    ("kernels", "recompute", "batch_gpu", "precision"),
    [
        (True, 0, 8, "fp32"),
        (True, 8, 4, "fp32"),
        (True, 0, 8, "bf16"),
        (False, 0, 4, "fp32"),
        (False, 8, 8, "fp32"),
    ],
)
def test_on_paper_as_much_is_alive_as_in_truth(data, kernels, recompute, batch_gpu, precision):
    """Every phase of a real iteration, its tensors counted, within a tenth, as networks are tiny."""
    if kernels and cpu_kernels() is None:
        pytest.skip("the CPU kernels could not be compiled here")
    options = {"p": 0.5, "aug": "fixed", "batch_gpu": batch_gpu, "precision": precision, **WIDER}
    config, dataset = tiny_config(data, **options)
    config = dataclasses.replace(config, recompute=recompute)
    planned = footprint(config, kernels)
    found = {}
    with backend.using(cpu_kernels() if kernels else None):
        trainer = StyleGAN2Trainer(config, dataset, *start_networks(config, None)[:3])
        with Tracker("cpu") as tracker:
            tracker.leave_out(trainer.G, trainer.D, trainer.G_ema)
            reals = trainer.next_batch()
            for phase in trainer.phases:
                network = phase.network.requires_grad_(True)
                tracker.restart()
                phase.accumulate(reals, torch.Generator().manual_seed(0))
                found[phase.name] = tracker.peak
                network.zero_grad(set_to_none=True)
                network.requires_grad_(False)
    assert set(found) | {GRID} == set(planned.phases)
    for name, peak in found.items():
        assert planned.phases[name] == pytest.approx(peak, rel=0.1), name


@pytest.fixture
def two_threads(one_thread):
    torch.set_num_threads(2)


@pytest.mark.parametrize(("batch", "batch_gpu", "sets"), [(8, 8, 2), (16, 8, 4)])
def test_lanes_hold_gradients_of_their_own(data, two_threads, batch, batch_gpu, sets):
    """Two that compute; in a batch of several rounds also one that waits, and the sum so far."""
    config, _ = tiny_config(data, batch=batch, batch_gpu=batch_gpu, aug="noaug", **WIDER)
    found = footprint(config, True)
    torch.set_num_threads(1)
    alone = footprint(config, True)
    assert (alone.lanes, found.lanes, found.at_once) == (1, 2, batch_gpu)
    for phase in ("Gmain", "Dmain"):
        assert found.gradients[phase] == sets * alone.gradients[phase]
        assert found.phases[phase] > alone.phases[phase]


def test_two_lanes_take_what_both_take_at_once(data, two_threads, monkeypatch):
    """The peaks of the lanes of a real iteration, each counted in its thread, add up to the plan."""
    config, dataset = tiny_config(data, batch=8, p=0.5, aug="fixed", **WIDER)
    with backend.using(None):
        planned = footprint(config, False)
        trainer = StyleGAN2Trainer(config, dataset, *start_networks(config, None)[:3])
        peaks, clean = [], Lanes.map

        def watched(lanes, work, micros):
            def counted(micro):
                with Tracker("cpu") as tracker:
                    tracker.leave_out(trainer.G, trainer.D)
                    result = work(micro)
                peaks.append(tracker.peak)
                return result

            return clean(lanes, counted, micros)

        monkeypatch.setattr(Lanes, "map", watched)
        reals = trainer.next_batch()
        for phase in trainer.phases:
            if phase.name == "Greg":  # whose graphs outlive the first of its two rounds
                continue
            phase.network.requires_grad_(True)
            phase.accumulate(reals, torch.Generator().manual_seed(0))
            phase.network.requires_grad_(False).zero_grad(set_to_none=True)
            assert len(peaks) == 2
            assert planned.phases[phase.name] == pytest.approx(sum(peaks), rel=0.15), phase.name
            peaks.clear()


def test_recomputation_takes_less_and_16_bits_take_less(data):
    config, _ = tiny_config(data, aug="noaug", channel_base=1024, channel_max=64)

    def peak(**changes):
        return max(
            v for k, v in footprint(dataclasses.replace(config, **changes), True).phases.items() if k != GRID
        )

    assert peak(recompute=8) < peak()
    assert peak(precision="bf16") < 0.75 * peak()
    half = {
        part: getattr(config, part) | {"num_fp16_res": 4, "conv_clamp": 256.0}
        for part in ("generator", "discriminator")
    }
    assert peak(precision="fp16", **half) < 0.85 * peak()
    assert peak(batch_gpu=4) < peak()


def test_counting_on_paper_touches_no_randomness_and_no_training(data):
    config, dataset = tiny_config(data, aug="fixed", p=0.5)

    def weights(plan_between):
        trainer = StyleGAN2Trainer(config, dataset, *start_networks(config, None)[:3])
        trainer.iteration()
        if plan_between:
            footprint(config, True)
        trainer.iteration()
        return trainer.G.state_dict()

    torch.manual_seed(3)
    before = torch.get_rng_state()
    with_plan = weights(True)
    assert torch.equal(torch.get_rng_state(), before)
    without = weights(False)
    assert all(torch.equal(with_plan[name], without[name]) for name in without)


def test_parameters_moments_and_gradients_are_counted_exactly(data):
    config, _ = tiny_config(data)
    G, D, _, _ = start_networks(config, None)
    found = footprint(config, True)
    sizes = [sum(t.nbytes for t in network.state_dict().values()) for network in (G, D)]
    trained = [sum(p.nbytes for p in network.parameters()) for network in (G, D)]
    assert found.networks == 2 * sizes[0] + sizes[1]
    assert found.optimizers == 2 * sum(trained)
    assert found.gradients["Dmain"] == trained[1]
    assert found.gradients[GRID] == 0
    assert found.peak == found.networks + found.optimizers + max(found.phases.values())


@pytest.mark.parametrize("augpipe", ["blit", "bgc", "bgcf", "bgcfn", "bgcfnc"])
def test_every_augmentation_can_be_counted(data, augpipe):
    config, _ = tiny_config(data, augpipe=augpipe)
    assert footprint(config, True).peak > 0


def test_labels_are_counted(tmp_path):
    config, _ = tiny_config(write_dataset(tmp_path / "labelled.zip", classes=3), cond=True)
    assert footprint(config, True).peak > 0
