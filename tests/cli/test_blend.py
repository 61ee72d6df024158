"""blend and average write networks that draw, with their parents and licences; unlike ones are a table."""

import pytest
import torch
from click.testing import CliRunner

from stylegan_pokemon.checkpoint import Networks, load, save
from stylegan_pokemon.cli.inspect import inspect
from stylegan_pokemon.cli.main import cli
from stylegan_pokemon.files import sha256_of
from stylegan_pokemon.networks.config import DiscriminatorConfig
from stylegan_pokemon.networks.discriminator import Discriminator
from tests.render.conftest import make_generator, one_thread  # noqa: F401


def written(path, seed, classes=("a", "b"), with_critic=True, **changes):
    G = make_generator(seed, c_dim=len(classes), **changes)
    D = None
    if with_critic:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            size = DiscriminatorConfig(16, c_dim=len(classes), channel_base=128, channel_max=16)
            D = Discriminator(size).eval().requires_grad_(False)
    networks = Networks(G_ema=G, D=D, config={"classes": list(classes)})
    networks.record_architectures()
    save(path, networks)
    return path


def invoke(tmp_path, monkeypatch, *arguments):
    monkeypatch.chdir(tmp_path)
    return CliRunner().invoke(cli, [*map(str, arguments)])


def test_a_blend_has_both_networks_layers_and_says_where_it_is_from(tmp_path, monkeypatch):
    low, high = written(tmp_path / "low.safetensors", 1), written(tmp_path / "high.safetensors", 2)
    result = invoke(tmp_path, monkeypatch, "blend", low, high, "--at", "8")
    assert result.exit_code == 0, result.output
    assert "unrelated weights" in result.output
    path = tmp_path / "blend-low-high-at8.safetensors"
    networks, state = load(path), load(path).G_ema.state_dict()
    for name, tensor in state.items():
        parent = high if name.startswith(("synthesis.b8.", "synthesis.b16.")) else low
        assert torch.equal(tensor, load(parent).G_ema.state_dict()[name]), name
    critic = load(high).D.state_dict()
    assert all(torch.equal(tensor, critic[name]) for name, tensor in networks.D.state_dict().items())
    assert networks.config["classes"] == ["a", "b"]
    assert [parent["sha256"] for parent in networks.config["parents"]] == [sha256_of(low), sha256_of(high)]
    assert networks.config["blend"] == {"at": 8, "smooth": False}
    shown = CliRunner().invoke(inspect, [str(path)]).output
    assert "licence: low.safetensors: unknown; high.safetensors: unknown" in shown
    again = invoke(tmp_path, monkeypatch, "blend", low, high, "--at", "8")
    assert "note: replaced" in again.output
    drawn = invoke(tmp_path, monkeypatch, "generate", "--network", path, "--seeds", "0-1")
    assert drawn.exit_code == 0, drawn.output


def test_the_licence_of_a_known_network_is_kept_through_two_generations(tmp_path, monkeypatch):
    first = invoke(tmp_path, monkeypatch, "average", "crayon32", "crayon32", "--out", "once.safetensors")
    assert first.exit_code == 0, first.output
    own, found = load("crayon32").G_ema.state_dict(), load(tmp_path / "once.safetensors").G_ema.state_dict()
    assert all(torch.equal(found[name], tensor) for name, tensor in own.items())
    second = invoke(tmp_path, monkeypatch, "blend", "once.safetensors", "crayon32", "--at", "16")
    assert "licence   once.safetensors: crayon32.safetensors: Apache License 2.0" in second.output


def test_the_average_drops_discriminators_that_one_lacks(tmp_path, monkeypatch):
    a, b = written(tmp_path / "a.safetensors", 1), written(tmp_path / "b.safetensors", 2, with_critic=False)
    assert invoke(tmp_path, monkeypatch, "average", a, b, "--out", "c.safetensors").exit_code == 0
    assert load(tmp_path / "c.safetensors").D is None


def test_unlike_networks_are_a_table_and_one_sentence(tmp_path, monkeypatch):
    a, b = written(tmp_path / "a.safetensors", 1), written(tmp_path / "b.safetensors", 2, channel_max=8)
    for command in (["blend", a, b, "--at", "8"], ["average", a, a, b]):
        result = invoke(tmp_path, monkeypatch, *command)
        assert result.exit_code == 2
        table, sentence = result.stderr.strip().rsplit("\n", 1)
        assert table.split() == [*[path.name for path in command[1:] if path in (a, b)],
                                 "channel_max", *["16"] * (len(table.split()) // 2 - 1), "8"]  # fmt: skip
        assert sentence.startswith("Error: these networks differ in channel_max")


@pytest.mark.parametrize(("arguments", "words"), [
    (["blend", "{a}", "{a}", "--at", "32"], "layers at 4, 8, 16"),
    (["blend", "{a}", "{a}", "--at", "12"], "layers at 4, 8, 16"),
    (["blend", "{a}", "no-such-network", "--at", "8"], "does not exist"),
    (["blend", "{a}", "{a}", "--at", "8", "--out", "x.pkl"], "ending"),
    (["average", "{a}"], "at least two"),
])  # fmt: skip
def test_what_cannot_be_blended_is_one_sentence(tmp_path, monkeypatch, arguments, words):
    a = written(tmp_path / "a.safetensors", 1)
    result = invoke(tmp_path, monkeypatch, *[part.format(a=a) for part in arguments])
    assert result.exit_code == 2
    assert words in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
