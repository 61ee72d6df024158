"""A device is tried before it is believed, and a card that fails is named with the remedy."""

import pytest
import torch

from stylegan_pokemon.devices import resolve_device
from stylegan_pokemon.errors import UserError


@pytest.mark.parametrize("name", ["nonsense", "cuda:99", "", "meta", "meta:x", "mps"])
def test_an_impossible_device_is_one_sentence(name):
    with pytest.raises(UserError, match="--device"):
        resolve_device(name)


@pytest.fixture
def unsupported_card(monkeypatch):
    """What a GTX 1080 looks like to a build for CUDA 13: visible, and every kernel fails."""

    def refuse(*args, **kwargs):
        raise RuntimeError("CUDA error: no kernel image is available for execution on the device\nmore")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "GeForce GTX 1080")
    monkeypatch.setattr(torch, "ones", refuse)


def test_auto_takes_the_cpu_where_the_card_does_not_work_and_says_why(unsupported_card):
    notes = []
    assert resolve_device("auto", notes) == torch.device("cpu")
    assert len(notes) == 1
    for part in ("GeForce GTX 1080", "no kernel image", "CUDA 12.6", "doctor", "using the CPU"):
        assert part in notes[0]


def test_a_card_asked_for_that_does_not_work_is_one_sentence(unsupported_card):
    with pytest.raises(UserError, match=r"--device cuda: GeForce GTX 1080 .* CUDA 12.6.* --device cpu"):
        resolve_device("cuda")
