"""Between two generators layers are swapped from the finest on, and weights are interpolated within."""

import numpy as np
import pytest
import torch

from stylegan_pokemon.networks.blending import adapt, average, blend, differences, kinship, seam_shares
from tests.render.conftest import make_generator

KINDS = [
    {},
    {"architecture": "resnet"},
    {"architecture": "orig"},
    {"img_resolution": 8},
    {"img_resolution": 64, "c_dim": 3},
    {"use_noise": False},
]


def ends(**changes):
    start, end = make_generator(1, **changes), make_generator(2, **changes)
    return start, end


def by_hand(start, end, resolution, adaptation):
    """clamp(A · B − k, 0, 1) in float64, from the names of the tensors alone, and float32's rounding."""
    finest_first = [f"b{2**n}" for n in range(int(np.log2(resolution)), 1, -1)]
    expected = {}
    for name in start.state_dict():
        room, block = name.split(".")[:2]
        k = finest_first.index(block) if room == "synthesis" else len(finest_first)
        share = float(np.clip(adaptation * (len(finest_first) + 1) - k, 0, 1))
        a, b = (state[name].double().numpy() for state in (start.state_dict(), end.state_dict()))
        rounding = 4 * np.finfo(np.float32).eps * np.maximum(abs(a), abs(b))
        expected[name] = (1 - share) * a + share * b, rounding
    return expected


@pytest.mark.parametrize("changes", KINDS)
def test_at_both_ends_every_tensor_is_that_ends_bit_for_bit(changes):
    start, end = ends(**changes)
    for adaptation, whose in ((0, start), (1, end)):
        found, wanted = adapt(start, end, adaptation).state_dict(), whose.state_dict()
        assert found.keys() == wanted.keys()
        assert [name for name in wanted if not torch.equal(found[name], wanted[name])] == []


@pytest.mark.parametrize("changes", KINDS)
@pytest.mark.parametrize("adaptation", [0.01, 0.2, 0.25, 0.5, 0.61, 0.95])
def test_between_them_every_tensor_is_what_the_formula_says(changes, adaptation):
    start, end = ends(**changes)
    found = adapt(start, end, adaptation).state_dict()
    for name, (wanted, rounding) in by_hand(start, end, end.img_resolution, adaptation).items():
        assert (abs(found[name].numpy() - wanted) <= rounding).all(), name


def test_the_finest_block_goes_first_and_the_mapping_network_last():
    start, end = ends()  # four groups: 16, 8 and 4 pixels, mapping
    first = adapt(start, end, 0.25)
    assert all(
        torch.equal(tensor, (end if name.startswith("synthesis.b16.") else start).state_dict()[name])
        for name, tensor in first.state_dict().items()
    )
    last = adapt(start, end, 0.75)
    assert all(
        torch.equal(tensor, (start if name.startswith("mapping.") else end).state_dict()[name])
        for name, tensor in last.state_dict().items()
    )
    halfway = adapt(start, end, 0.875).mapping.w_avg
    torch.testing.assert_close(halfway, (start.mapping.w_avg + end.mapping.w_avg) / 2)


def test_both_ends_stay_as_they_are_and_the_new_one_shares_no_memory_with_them():
    start, end = ends()
    copies = [{n: t.clone() for n, t in network.state_dict().items()} for network in (start, end)]
    for adaptation in (0, 0.4, 1):
        for tensor in adapt(start, end, adaptation).state_dict().values():
            tensor.zero_()
    for network, copied in zip((start, end), copies, strict=True):
        assert all(torch.equal(tensor, copied[name]) for name, tensor in network.state_dict().items())


def test_other_adaptations_and_architectures_are_refused():
    start, end = ends()
    for adaptation in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="within 0 … 1"):
            adapt(start, end, adaptation)
    with pytest.raises(ValueError, match="architectures"):
        adapt(make_generator(c_dim=2), end, 0.5)


@pytest.mark.parametrize("changes", KINDS[:4])
@pytest.mark.parametrize("smooth", [False, True])
@pytest.mark.parametrize("at", [4, 8])
def test_a_blend_is_the_state_that_one_writes_by_hand(changes, smooth, at):
    low, high = ends(**changes)
    found = blend(low, high, seam_shares(high.config, at, smooth)).state_dict()
    for name, tensor in found.items():
        a, b = (network.state_dict()[name].double() for network in (low, high))
        room, block = name.split(".")[:2]
        share = 0.0
        if room == "synthesis":
            resolution = int(block[1:])
            share = 1.0 if resolution >= at else 0.0
            if smooth and resolution == at:
                share = 2 / 3
            if smooth and 2 * resolution == at:
                share = 1 / 3
        torch.testing.assert_close(tensor.double(), (1 - share) * a + share * b, rtol=1e-6, atol=1e-6)
        if share in (0, 1):
            assert torch.equal(tensor.double(), b if share else a), name


def test_the_average_of_one_network_with_itself_is_itself_and_of_three_the_mean():
    networks = [make_generator(seed) for seed in range(3)]
    same = average([networks[0]] * 3).state_dict()
    assert all(torch.equal(tensor, networks[0].state_dict()[name]) for name, tensor in same.items())
    for name, tensor in average(networks).state_dict().items():
        stack = np.stack([network.state_dict()[name].double().numpy() for network in networks])
        np.testing.assert_allclose(tensor.numpy(), stack.mean(axis=0), rtol=1e-6, atol=1e-7)
    with pytest.raises(ValueError, match="architectures"):
        average([networks[0], make_generator(c_dim=2)])


def test_what_tells_networks_apart():
    a, b = make_generator(1).config, make_generator(1, channel_max=8, num_fp16_res=1).config
    assert differences([a, a, b]) == {"channel_max": [16, 16, 8]}
    assert kinship(make_generator(1), make_generator(1)) == pytest.approx(1)
    assert abs(kinship(make_generator(1), make_generator(2))) < 0.1
