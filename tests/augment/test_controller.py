"""The ADA controller: pure arithmetic, a cap with an explanation, exact continuation."""

from __future__ import annotations

import functools
import json

import pytest
import torch

from stylegan_pokemon.augment.controller import AdaController

ada = functools.partial(AdaController, target=0.6, ada_kimg=500, interval=4, cap=0.85)


def run(controller, sign, iterations, batch=16):
    """Let every D(real) have this sign; return the sentences said on the way."""
    said = []
    for _ in range(iterations):
        controller.record(sign * batch, batch)
        said.append(controller.end_iteration(batch))
    return [sentence for sentence in said if sentence]


def test_p_moves_by_batch_times_interval_over_ada_kimg():
    controller = ada(ada_kimg=100, interval=4)
    run(controller, 1, 3)
    assert controller.p == 0
    assert controller.r_t is None
    run(controller, 1, 1)
    assert controller.p == 16 * 4 / 100_000
    assert controller.r_t == 1
    run(controller, 1, 4)
    assert controller.p == pytest.approx(2 * 16 * 4 / 100_000)
    run(controller, 0, 4)  # r_t = 0 is below the target
    assert controller.p == pytest.approx(16 * 4 / 100_000)


def test_ada_kimg_thousand_images_take_p_from_0_to_1():
    controller = ada(ada_kimg=2, interval=4, cap=1.0)
    run(controller, 1, 2000 // 20, batch=20)
    assert controller.p == pytest.approx(1)


def test_the_mean_sign_of_the_whole_interval_decides():
    controller = ada(target=0.6, interval=4)
    for sign_sum in (16, 16, 16, -8):  # mean 0.625
        controller.record(sign_sum, 16)
        controller.end_iteration(16)
    assert controller.r_t == 0.625
    assert controller.p > 0
    risen = controller.p
    for sign_sum in (16, 16, 16, -10):  # mean 0.59375
        controller.record(sign_sum, 16)
        controller.end_iteration(16)
    assert controller.p < risen


def test_at_the_target_p_stays():
    controller = ada(target=0.5, interval=1, p=0.2)
    controller.record(2, 4)
    controller.end_iteration(4)
    assert controller.p == 0.2


def test_p_never_falls_below_0():
    controller = ada(ada_kimg=1, p=0.1)
    run(controller, -1, 40)
    assert controller.p == 0


def test_an_interval_without_a_sign_leaves_p():
    controller = ada(p=0.3)
    for _ in range(8):
        controller.end_iteration(16)
    assert controller.p == 0.3
    assert controller.r_t is None


def test_p_stops_at_the_cap_and_the_reason_is_said_once():
    controller = ada(ada_kimg=1, cap=0.85)
    said = run(controller, 1, 200)
    assert controller.p == 0.85
    assert len(said) == 1
    for part in ("0.85", "overfits", "leak", "more data", "--mirror", "--freezed", "stopping"):
        assert part in said[0]


def test_trembling_at_the_cap_is_not_news_but_a_new_arrival_is():
    controller = ada(ada_kimg=10, interval=4, cap=0.85, p=0.85)
    assert len(run(controller, 1, 4)) == 1
    for _ in range(5):
        assert run(controller, -1, 4) == []
        assert run(controller, 1, 4) == []
    run(controller, -1, 4 * 20)
    assert controller.p < 0.8
    assert len(run(controller, 1, 4 * 40)) == 1


def test_a_discriminator_that_does_not_overfit_at_the_cap_gives_no_warning():
    controller = ada(target=1.0, cap=0.5, p=0.5)
    assert run(controller, 1, 4) == []
    assert controller.p == 0.5


def test_signs_recorded_as_tensors_count_exactly():
    controller = ada(target=0.6, interval=2)
    logits = torch.tensor([0.3, -2.0, 0.0, 5.0, 1.0])
    for _ in range(2):
        controller.record(logits.sign().sum(), len(logits))
        controller.end_iteration(len(logits))
    assert controller.r_t == 0.4


def test_continuation_from_a_saved_state_is_exact_even_within_an_interval():
    pattern = [13, -5, 16, 9, 16, 16, 2, -16, 11, 16, 16, 7, 3]

    def feed(controller, signs):
        for sign_sum in signs:
            controller.record(torch.tensor(float(sign_sum)), 16)
            controller.end_iteration(16)

    straight, interrupted = ada(ada_kimg=7, p=0.123), ada(ada_kimg=7, p=0.123)
    feed(straight, pattern)
    feed(interrupted, pattern[:6])
    resumed = ada(ada_kimg=7)
    resumed.load_state(json.loads(json.dumps(interrupted.state_dict())))
    feed(resumed, pattern[6:])
    assert resumed.p == straight.p
    assert resumed.state_dict() == straight.state_dict()


def test_a_state_saved_at_the_cap_does_not_warn_again():
    controller = ada(ada_kimg=1)
    assert len(run(controller, 1, 100)) == 1
    resumed = ada(ada_kimg=1)
    resumed.load_state(controller.state_dict())
    assert run(resumed, 1, 20) == []


def test_a_cap_lowered_since_the_state_was_saved_holds():
    resumed = ada(cap=0.4)
    resumed.load_state(ada(p=0.7).state_dict())
    assert resumed.p == 0.4


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"target": 1.5}, "target"),
        ({"ada_kimg": 0}, "ada_kimg"),
        ({"interval": 0}, "interval"),
        ({"p": 0.9}, "cap"),
        ({"cap": 1.1}, "cap"),
        ({"p": -0.1}, "p"),
    ],
)
def test_values_out_of_range_are_refused_by_name(values, named):
    with pytest.raises(ValueError, match=named):
        ada(**values)
