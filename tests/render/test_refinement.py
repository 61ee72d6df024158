"""Refined seeds are those that the discriminators like more, near where they were, each by itself."""

from dataclasses import replace
from functools import partialmethod

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from stylegan_pokemon.checkpoint import Networks, load, save
from stylegan_pokemon.cli.generate import main as generate
from stylegan_pokemon.errors import UserError
from stylegan_pokemon.networks.config import DiscriminatorConfig
from stylegan_pokemon.networks.discriminator import Discriminator, minibatch_std
from stylegan_pokemon.render import critics
from stylegan_pokemon.render.critics import Critics
from stylegan_pokemon.render.loaded import load_generator
from stylegan_pokemon.render.refinement import Refinement
from stylegan_pokemon.render.whitening import Whitened
from tests.render.conftest import make_generator

CPU = torch.device("cpu")


def critic(seed=0, **changes):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        size = DiscriminatorConfig(16, channel_base=128, channel_max=16, **changes)
        return Discriminator(size).eval().requires_grad_(False)


@pytest.fixture(autouse=True)
def fp32(monkeypatch):
    monkeypatch.setattr(critics, "multiplies_in_bf16", lambda: False)


def ws_of(G, count, psi=0.7):
    z = torch.randn(count, G.z_dim, generator=torch.Generator().manual_seed(3))
    c = torch.eye(G.c_dim)[[i % G.c_dim for i in range(count)]] if G.c_dim else None
    with torch.no_grad():
        return G.mapping(z, c, truncation_psi=psi)


@pytest.mark.parametrize(("changes", "classes"), [
    ({}, 0), ({}, 3), ({"architecture": "skip"}, 0), ({"mbstd_num_channels": 0}, 0),
])  # fmt: skip
def test_every_latent_ends_where_logit_less_pull_is_greater(changes, classes):
    G, D = make_generator(c_dim=classes), critic(c_dim=classes, **changes)
    refine, labels = Refinement([(G, D)], 30), [i % max(classes, 1) for i in range(6)]
    ws = ws_of(G, 6)
    found = refine(ws, labels)
    assert found.shape == ws.shape
    assert torch.equal(found, found[:, :1].expand_as(found))
    space = Whitened(G, range(max(classes, 1)), CPU)

    def worth(w):
        apart = (space.whiten(w) - space.whiten(ws[:, 0])).square().sum(dim=1)
        return refine.critics.logits(w[:, None], labels) - 0.3 * apart

    assert (worth(found[:, 0]) > worth(ws[:, 0])).all()


def test_logits_assume_the_mean_deviation_of_the_networks_own_pictures():
    G, D = make_generator(), critic()
    w = ws_of(G, 64)[:, 0]
    space = Whitened(G, [0], CPU)
    images = [G.synthesis(part[:, None].expand(-1, G.num_ws, -1), noise_mode="const")
              for part in space.ws[:64].split(4)]  # fmt: skip
    mean = minibatch_std(torch.cat([D.trunk(some)[0] for some in images]), 4)[:, -1, 0, 0].mean()
    x = D.trunk(G.synthesis(w[:1, None].expand(-1, G.num_ws, -1), noise_mode="const"))[0]
    x = torch.cat([x, mean.expand(1, 1, 4, 4)], dim=1)
    expected = D.b4.out(D.b4.fc(D.b4.conv(x).flatten(1)))[:, 0]
    found = Critics([(G, D)], space).logits(w[:, None], [0] * 64)[:1]
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_two_pairs_judge_together_and_the_networks_stay_as_they_were():
    G, H, D, E = make_generator(1), make_generator(2), critic(1), critic(2)
    w = ws_of(G, 3)[:, 0]
    space = Whitened(H, [0], CPU)
    found = Critics([(G, D), (H, E)], space).logits(w[:, None], [0] * 3)
    alone = [Critics([pair], space).logits(w[:, None], [0] * 3) for pair in ((G, D), (H, E))]
    torch.testing.assert_close(found, sum(alone))
    expected = G.synthesis(w[:, None].expand(-1, G.num_ws, -1), noise_mode="const")
    Refinement([(G, D), (H, E)], 2)(w[:, None].expand(-1, G.num_ws, -1), [0] * 3)
    assert torch.equal(G.synthesis(w[:, None].expand(-1, G.num_ws, -1), noise_mode="const"), expected)


def test_a_latents_way_does_not_depend_on_its_company():
    G, D = make_generator(), critic()
    refine, ws = Refinement([(G, D)], 8), ws_of(G, 19)
    together = refine(ws, [0] * 19)
    assert torch.equal(refine(ws[4:5], [0]), together[4:5])
    assert torch.equal(refine(ws[18:].repeat(3, 1, 1), [0] * 3)[1], together[18])


def test_latents_that_move_together_are_as_many_as_batch_and_memory_allow(monkeypatch):
    G, D = make_generator(), critic()
    ws, seen, own = ws_of(G, 19), [], Critics.logits

    def logits(self, ws, labels, most=99):
        seen.append(len(ws))
        if len(ws) > most:
            raise torch.OutOfMemoryError
        return own(self, ws, labels)

    monkeypatch.setattr(Critics, "logits", logits)
    few = Refinement([(G, D)], 2, batch=7)(ws, [0] * 19)
    assert set(seen) == {4}
    monkeypatch.setattr(Critics, "logits", partialmethod(logits, most=4))
    seen.clear()
    refine = Refinement([(G, D)], 2)
    assert torch.equal(refine(ws, [0] * 19), few)
    assert seen == [16, 8, *[4] * 16]  # 32 in parts of 4, 2 steps each
    refine(ws[:1], [0])
    assert seen[18:] == [4, 4]  # what fits is known
    assert refine.critics.judged(ws, [0] * 19, 8).shape == (19,)
    monkeypatch.setattr(Critics, "logits", partialmethod(logits, most=0))
    with pytest.raises(UserError, match="one latent with its gradients does not fit into the memory"):
        refine(ws, [0] * 19)


def test_features_and_logits_of_a_picture_do_not_depend_on_its_company():
    G, D = make_generator(), critic()
    judge, ws = Critics([(G, D)], Whitened(G, [0], CPU)), ws_of(G, 5)
    torch.testing.assert_close(judge.logits(ws, [0] * 5)[2:3], judge.logits(ws[2:3], [0]))
    images = G.synthesis(ws, noise_mode="const")
    torch.testing.assert_close(judge.features(images)[2:3], judge.features(images[2:3]))
    torch.testing.assert_close(D.b4.out(judge.features(images))[:, 0], judge.logits(ws, [0] * 5))


@pytest.fixture
def files(tmp_path):
    """Snapshots: of a fine-tuning run, without its first discriminator, of long training, without any."""
    end, start, D = make_generator(2), make_generator(1), critic(1)
    config = {"generator": end.config.to_json(), "discriminator": D.config.to_json(), "kimg": 4.0}
    whole = Networks(G_ema=end, G_start=start, D=D, D_start=critic(2), config=config)
    save(tmp_path / "whole.safetensors", whole)
    save(tmp_path / "older.safetensors", replace(whole, D_start=None))
    save(tmp_path / "bare.safetensors", Networks(G_ema=end, config=config))
    save(tmp_path / "grown.safetensors", replace(whole, D_start=None, config={**config, "kimg": 20.0}))
    save(tmp_path / "foreign.safetensors", replace(whole, D_start=None, config={**config, "kimg": "many"}))
    return tmp_path


def test_what_judges_and_how_long_follows_from_the_file(files):
    loaded = {path.stem: load_generator(path, CPU) for path in files.glob("*.safetensors")}
    whole = loaded["whole"]
    assert whole.pairs == [(whole.ends[0], whole.D_start), (whole.G, whole.D)]
    assert whole.at(0).pairs == [(whole.ends[0], whole.D_start)]
    older = loaded["older"]
    assert older.pairs == [(older.G, older.D)]
    usual = {name: generator.usual_refinement for name, generator in loaded.items()}
    assert usual == {"whole": 16, "older": 0, "grown": 16, "bare": 0, "foreign": 0}
    with pytest.raises(UserError, match=r"bare.* holds none; leave --refine out, or name"):
        loaded["bare"].refined(4)


@pytest.mark.parametrize("which", ["D", "D_start"])
def test_a_discriminator_that_diverged_is_one_sentence(files, which):
    file = files / "broken.safetensors"
    networks = load(files / "whole.safetensors")
    getattr(networks, which).b4.out.weight.data[0] = float("nan")
    save(file, networks)
    given = ["--network", str(file), "--seeds", "1", "--outdir", str(files / "out")]
    for command in ((), ("rank", "--seeds", "1-3", "--keep", "1", "--refine", "0")):
        result = CliRunner().invoke(generate, [*command[:1], *given, *command[1:]])
        assert result.exit_code == 2
        assert result.stderr.splitlines()[-1].startswith(f"Error: {file} holds weights that are not numbers")
    assert CliRunner().invoke(generate, [*given, "--refine", "0"]).exit_code == 0


def test_seeds_are_refined_once_and_stored_latents_never(files, monkeypatch):
    generator = load_generator(files / "whole.safetensors", CPU).refined(3)
    calls = []
    own = Refinement.__call__
    monkeypatch.setattr(Refinement, "__call__", lambda self, ws, c: calls.append(len(ws)) or own(self, ws, c))
    first = generator.ws([5, 6], [0, 0], 0.7)
    again = generator.ws([6, 7], [0, 0], 0.7)
    assert calls == [2, 1]
    assert torch.equal(first[1], again[0])
    plain = generator.refined(0)
    assert plain.refinement is None
    assert not torch.equal(plain.ws([5], [0], 0.7)[0], first[0])


@pytest.mark.parametrize("refine", [(), ("--refine", "0")])
@pytest.mark.parametrize("noise", ["const", "random"])
def test_a_png_is_drawn_again_refined_or_not(files, refine, noise):
    plain = ["--network", str(files / "whole.safetensors"), "--no-grid", "--device", "cpu"]
    made = str(files / "a" / "seed0007.png")
    pictures = []
    for folder, what in (("a", ["--seeds", "7", "--trunc", "0.7", "--noise-mode", noise, *refine]),
                         ("b", ["--from-image", made]),
                         ("c", ["--seeds", made, "--noise-mode", noise])):  # fmt: skip
        result = CliRunner().invoke(generate, [*plain, "--outdir", str(files / folder), *what])
        assert result.exit_code == 0, result.output
        pictures.append(np.asarray(Image.open(files / folder / "seed0007.png")))
    assert all(np.array_equal(pictures[0], picture) for picture in pictures[1:])
