"""What needs a CUDA card: `pytest -m gpu`. Skipped elsewhere."""

import copy

import numpy as np
import pytest
import torch

from stylegan_pokemon.checkpoint import load
from stylegan_pokemon.devices import prepare
from stylegan_pokemon.training.settings.resolve import Options, resolve
from stylegan_pokemon.training.systems.stylegan2 import StyleGAN2Trainer
from stylegan_pokemon.training.transfer.start import start_networks
from tests.conftest import FIXTURES, assert_matches
from tests.training.pictures import TINY, tiny_trainer, write_dataset

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA card here"),
]


@pytest.fixture(autouse=True)
def exact():
    prepare(torch.device("cuda"))


@pytest.mark.parametrize("name", ["uncond32", "cond32"])
def test_golden_pictures_and_logits_on_the_card(name):
    networks, golden = load(FIXTURES / f"{name}.pkl"), np.load(FIXTURES / f"{name}_golden.npz")
    z, c, image = (torch.from_numpy(golden[key]).cuda() for key in ("z", "c", "d_input"))
    G, D = networks.G_ema.cuda(), networks.D.cuda()
    assert_matches(G(z, c, truncation_psi=0.7, noise_mode="const"), golden["img_const"], 1e-4)
    assert_matches(D(image, c), golden["d_logits"], 1e-4)


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_iterations_on_the_card_stay_finite_and_repeat(tmp_path, precision):
    data = write_dataset(tmp_path / "d.zip")
    weights = []
    for _ in range(2):
        base = tiny_trainer(data)
        config = resolve(
            Options(data=str(data), batch=8, aug="fixed", p=0.5, **TINY),
            base.dataset.facts,
            None,
            "cuda:0",
            precision,
        )
        G, D, G_ema, _ = start_networks(config, None)
        trainer = StyleGAN2Trainer(config, base.dataset, G, D, G_ema)
        for _ in range(4):
            trainer.iteration()
        weights.append(copy.deepcopy(trainer.G.state_dict()))
    assert all(torch.isfinite(t).all() for t in weights[0].values())
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_gradients_on_the_card_equal_those_of_the_cpu(tmp_path):
    data = write_dataset(tmp_path / "d.zip")
    gradients = []
    for device in ("cpu", "cuda:0"):
        base = tiny_trainer(data)
        config = resolve(
            Options(data=str(data), batch=8, aug="fixed", p=0.5, **TINY),
            base.dataset.facts,
            None,
            device,
            "fp32",
        )
        G, D, G_ema, _ = start_networks(config, None)
        trainer = StyleGAN2Trainer(config, base.dataset, G, D, G_ema)
        trainer.D.requires_grad_(True)
        trainer._r1_regularization(trainer.next_batch(), torch.Generator().manual_seed(0))
        gradients.append([p.grad.cpu() for p in trainer.D.parameters() if p.grad is not None])
    scale = max(g.abs().max() for g in gradients[0])
    for a, b in zip(*gradients, strict=True):
        assert (a - b).abs().max() <= 1e-3 * scale
