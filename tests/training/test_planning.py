"""The memory plan: the fastest division that fits, in a stated order, or one sentence."""

import dataclasses
import json

import pytest

from stylegan_pokemon.data.dataset import DatasetFacts
from stylegan_pokemon.errors import UserError
from stylegan_pokemon.training.planning import plan as planning
from stylegan_pokemon.training.planning.memory_limit import rough_estimate
from stylegan_pokemon.training.planning.plan import CPU, CUDA, GIB, Allowance, plan, plan_parts
from stylegan_pokemon.training.settings.cards import CARDS, USABLE
from stylegan_pokemon.training.settings.resolve import Options, resolve

NOTHING = Allowance(program=0, workspace=0, gaps=0.0, lane_gaps=0.0, grid=0.0, card=True)
MANY = 1 << 50  # bytes


def config_of(resolution=16, precision="fp32", **options):
    facts = DatasetFacts("data.zip", 64, resolution, 3, (), "0" * 64, ())
    chosen = {"cfg": "auto", "batch": 8, "channel_base": 256, "channel_max": 16, "w_dim": 16, "map_layers": 1}
    return resolve(Options(**chosen | options), facts, None, "cpu", precision)


FULL = {"channel_base": 32768, "channel_max": 512, "map_layers": 8, "w_dim": 512}


def test_full_width_512_with_batch_8_fits_a_gtx_1080_with_whole_groups():
    """7.2 GiB, start-up included, in float32, without kernels of ours, which take less."""
    limit = int(CARDS["gtx1080"].gib * USABLE * GIB)
    assert limit == pytest.approx(7.2 * GIB, rel=1e-6)
    found = plan(config_of(512, **FULL), limit, CUDA, kernels=False, largest=8)
    assert found.parts.total <= limit
    assert found.batch_gpu == 4
    assert found.recompute in (0, 512)
    assert found.precision == "fp32"


@pytest.fixture
def small_grid(monkeypatch):
    """A tick renders one picture at once: for tiny networks its 64 would be the worst of all.

    And no division is measured twice.
    """
    known = {}

    def once(config, allowance, kernels):
        key = repr((config, allowance, kernels))
        if key not in known:
            known[key] = plan_parts(config, allowance, kernels)
        return known[key]

    monkeypatch.setattr(planning, "plan_parts", once)
    monkeypatch.setattr("stylegan_pokemon.training.planning.memory.micro_batch", lambda resolution: 1)


def sizes_of(config):
    """Bytes of every division that is tried, in order."""
    divisions = list(planning._divisions(config, config.batch, None))
    changed = [dataclasses.replace(config, batch_gpu=n, recompute=r) for n, r in divisions]
    return divisions, [planning.plan_parts(c, NOTHING, True).total for c in changed]


def test_divisions_are_tried_from_the_fastest_and_the_first_that_fits_is_taken(small_grid):
    config = config_of(resolution=32)
    divisions, sizes = sizes_of(config)
    assert divisions == [(8, 0), (4, 0), (4, 32), (4, 16), (4, 8), (2, 8), (1, 8)]
    for index, size in enumerate(sizes):
        expected = next(i for i, other in enumerate(sizes) if other <= size)
        found = plan(config, size, NOTHING, True, largest=8)
        assert (found.batch_gpu, found.recompute) == divisions[expected]
        assert found.parts.total == sizes[expected]
        assert ("changes results" in " ".join(found.reasons)) == (found.batch_gpu < 4)
        assert found.reasons[0].count("iB") == expected, index


def test_a_micro_batch_that_was_asked_for_stays(small_grid):
    config = config_of(resolution=32, batch_gpu=2)
    found = plan(config, MANY, NOTHING, True, largest=8, fixed=2)
    assert (found.batch_gpu, found.recompute) == (2, 0)
    least = plan(config, found.parts.total - 1, NOTHING, True, largest=8, fixed=2)
    assert least.batch_gpu == 2
    assert least.recompute
    with pytest.raises(UserError, match=r"--batch-gpu 2: .* leave --batch-gpu out"):
        plan(config, 1, NOTHING, True, largest=8, fixed=2)


def test_what_cannot_fit_is_one_sentence():
    with pytest.raises(
        UserError, match=r"MiB are too little: 1 picture at once, recomputing .*; use smaller"
    ):
        plan(config_of(), 1, CUDA, True, largest=8)


def test_a_plan_adds_up_and_survives_json():
    found = plan(config_of(), MANY, CPU, True, largest=8)
    values = json.loads(json.dumps(found.to_json()))
    assert values["total"] == found.parts.total == sum(found.parts.parts().values())
    assert values["batch_gpu"] == 8
    assert values["parts"]["phases"].keys() == {"grid", "Gmain", "Greg", "Dmain", "Dreg"}
    assert values["reasons"]
    shown = found.lines()[0].replace("+", " ").split()
    assert float(shown[0]) == pytest.approx(found.parts.total / GIB, abs=0.01)


def test_pictures_and_noise_beyond_one_micro_batch_are_counted_by_their_size():
    whole, part = config_of(batch=16, batch_gpu=4), config_of(batch=8, batch_gpu=4)
    pixels = 3 * 16 * 16 + sum(2 * r * r for r in (4, 8, 16))
    found = [plan_parts(config, NOTHING, True) for config in (whole, part)]
    assert found[0].pictures - found[1].pictures == 4 * 8 * pixels


@pytest.mark.parametrize("options", [
    {"resolution": 64, "channel_base": 4096, "channel_max": 128},
    {"resolution": 128, "channel_base": 8192, "channel_max": 256, "w_dim": 512},
    {"resolution": 256, "channel_base": 16384, "channel_max": 512, "batch": 4},
    {"resolution": 16},
])  # fmt: skip
def test_the_rough_estimate_lies_above_the_plan_but_not_far(options):
    config = config_of(**options)
    exact = plan_parts(config, CPU, True).total
    assert exact < rough_estimate(config) < 3 * exact


def test_pascal_plans_in_float32_and_newer_cards_in_float16():
    from stylegan_pokemon.training.machine import resolve_precision

    precisions = {name: resolve_precision("auto", None, card.capability) for name, card in CARDS.items()}
    assert {name for name, precision in precisions.items() if precision == "fp32"} == {
        *("gtx1060", "gtx1070", "gtx1080", "gtx1080ti")
    }
    full = config_of(512, **FULL)
    half = config_of(512, precision="fp16", **FULL)
    assert plan_parts(half, CUDA, True).total < 0.75 * plan_parts(full, CUDA, True).total
