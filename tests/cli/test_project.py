"""project and rank as people call them: what they write, that it draws again, and what they refuse."""

import json
import zipfile

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from stylegan_pokemon.checkpoint import Networks, load, save
from stylegan_pokemon.cli.generate import main
from stylegan_pokemon.networks.config import DiscriminatorConfig
from stylegan_pokemon.networks.discriminator import Discriminator
from tests.render.conftest import make_generator, one_thread  # noqa: F401
from tests.training.pictures import write_dataset


@pytest.fixture
def network(tmp_path, monkeypatch):
    monkeypatch.setenv("STYLEGAN_POKEMON_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return written(tmp_path / "tiny.safetensors")


def written(path, with_critic=True, **changes):
    G, D = make_generator(**changes), None
    if with_critic:
        size = DiscriminatorConfig(16, G.img_channels, G.c_dim, channel_base=128, channel_max=16)
        D = Discriminator(size).eval().requires_grad_(False)
    networks = Networks(G_ema=G, D=D)
    networks.record_architectures()
    save(path, networks)
    return path


def invoke(*arguments):
    return CliRunner().invoke(main, [*map(str, arguments), "--device", "cpu"])


def pixels(path):
    return np.asarray(Image.open(path))


def test_a_projection_is_a_latent_that_draws_its_picture_again(network, tmp_path):
    assert invoke("--network", network, "--seeds", 5, "--no-grid", "--outdir", "own").exit_code == 0
    picture = tmp_path / "own" / "seed0005.png"
    few = ("--steps", 40, "--starts", 2, "--compare", 2)
    result = invoke(
        "project", picture, "--network", network, *few, "--outdir", "out", "--save-film", "--tune"
    )
    assert result.exit_code == 0, result.output
    assert "verdict   the network can draw this picture" in result.output
    out = tmp_path / "out"
    with np.load(out / "seed0005.npz") as file:
        assert file["w"].shape == (1, 6, 16)
    facts = json.loads((out / "seed0005.json").read_text())["latents"][0]
    assert facts["from"] == "seed0005.png"
    assert facts["verdict"]["outside"] is False
    drawn = invoke("--network", network, "--seeds", out / "seed0005.npz", "--no-grid", "--outdir", "again")
    assert drawn.exit_code == 0, drawn.output
    assert np.array_equal(pixels("again/seed0005.png"), pixels(out / "seed0005-projected.png"))
    from_png = invoke(
        "--network", network, "--from-image", out / "seed0005-projected.png", "--no-grid", "--outdir", "png"
    )
    assert from_png.exit_code == 0, from_png.output
    assert np.array_equal(pixels("png/seed0005-projected.png"), pixels(out / "seed0005-projected.png"))
    assert getattr(Image.open(out / "seed0005.gif"), "n_frames", 1) > 5
    tuned = load(out / "seed0005-tuned.safetensors")
    assert tuned.config["tuned"]["drift"] <= 4
    assert tuned.config["parents"][0]["file"] == "tiny.safetensors"
    again = invoke("project", picture, "--network", network, *few, "--outdir", "out")
    assert "compare   projecting" not in again.output  # remembered
    assert "note: replaced" in again.output


def test_transparent_and_oblong_pictures_lie_on_the_networks_background(network, tmp_path):
    shade = np.zeros((20, 10, 4), np.uint8)
    shade[4:16, 2:8] = (200, 30, 60, 255)
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        Image.fromarray(shade).save(tmp_path / folder / "x.png")
    rgba = written(tmp_path / "rgba.safetensors", with_critic=False, img_channels=4)
    for file in (network, rgba):
        result = invoke("project", "a/x.png", "b/x.png", "--network", file, "--steps", 4, "--compare", 0,
                        "--space", "w", "--outdir", f"out-{file.stem}")  # fmt: skip
        assert result.exit_code == 0, result.output
        names = {path.name for path in (tmp_path / f"out-{file.stem}").iterdir()}
        assert {"x-1.npz", "x-2.npz", "x-1-compared.png"} <= names
    with np.load(tmp_path / "out-tiny" / "x-1.npz") as file:
        assert (file["w"] == file["w"][:, :1]).all()


def test_the_best_of_many_are_pictures_a_sheet_and_latents(network, tmp_path):
    result = invoke(
        "rank", "--network", network, "--count", 12, "--keep", 4, "--trunc", 0.7, "--outdir", "out"
    )
    assert result.exit_code == 0, result.output
    out = tmp_path / "out"
    kept = json.loads((out / "best.json").read_text())["latents"]
    assert len(kept) == 4
    assert all({"seed", "critic", "apart"} <= latent.keys() for latent in kept)
    critics = [latent["critic"] for latent in kept]
    assert critics == sorted(critics, reverse=True)
    assert (out / "rank-seeds0-11.png").is_file()
    again = invoke("--network", network, "--seeds", out / "best.npz", "--no-grid", "--outdir", "again")
    assert again.exit_code == 0, again.output
    for i, latent in enumerate(kept):
        first = pixels(out / f"seed{latent['seed']:04d}.png")
        assert np.array_equal(pixels(tmp_path / "again" / f"best-{i:03d}.png"), first)


def test_what_training_pictures_say(network, tmp_path):
    data = write_dataset(tmp_path / "discs.zip", count=5)
    few = ("--network", network, "--data", data, "--outdir", "out")
    result = invoke("rank", *few, "--by", "novel", "--count", 6, "--keep", 3)
    assert result.exit_code == 0, result.output
    kept = json.loads((tmp_path / "out" / "best.json").read_text())["latents"]
    novel = [latent["novel"] for latent in kept]
    assert novel == sorted(novel, reverse=True)
    with zipfile.ZipFile(data) as archive:
        archive.extract("00000/img00000000.png", tmp_path)
    result = invoke("project", tmp_path / "00000" / "img00000000.png", *few, "--steps", 8, "--compare", 3)
    assert result.exit_code == 0, result.output
    assert "compare   projecting 3 of the training pictures, once" in result.output
    assert "3 training pictures lie nearer" in result.output
    wrong = write_dataset(tmp_path / "large.zip", count=2, resolution=32)
    refused = invoke("project", "out/best.png", "--network", network, "--data", wrong)
    assert "projecting" not in refused.output  # before the work
    assert refused.exit_code == 2


def test_sheets_lie_over_the_colour_asked_for(network, tmp_path):
    rgba = written(tmp_path / "rgba.safetensors", img_channels=4)
    more = ("--network", rgba, "--background", "#203040", "--scale", 1)
    assert invoke("rank", *more, "--count", 3, "--keep", 3, "--outdir", "out").exit_code == 0
    assert invoke("project", "out/seed0001.png", *more, "--steps", 0, "--compare", 0, "--outdir", "out",
                  "--space", "w").exit_code == 0  # fmt: skip
    with Image.open(tmp_path / "out" / "seed0001.png") as picture:
        page = Image.new("RGBA", picture.size, "#203040")
        laid = np.asarray(Image.alpha_composite(page, picture))[..., :3]
    for sheet in ("rank-seeds0-2.png", "seed0001-compared.png"):
        shown = pixels(tmp_path / "out" / sheet).astype(int)
        windows = np.lib.stride_tricks.sliding_window_view(shown, laid.shape)
        assert np.abs(windows - laid).max(axis=(-3, -2, -1)).min() <= 1


@pytest.mark.parametrize(("arguments", "words"), [
    (["project", "no.png"], "no.png does not exist"),
    (["project", "."], ". is no file; name a picture"),
    (["project", "text.png"], "cannot be read as a picture"),
    (["project", "text.png", "--steps", "0", "--save-film"], "--save-film"),
    (["rank", "--count", "5", "--keep", "6"], "--keep 6"),
    (["rank", "--by", "novel"], "--data"),
    (["rank", "--data", "no.zip", "--count", "100000"], "no.zip does not exist"),
    (["rank", "--network", "bare.safetensors"], "holds no discriminator"),
    (["project", "text.png", "--trunc", "0.7"], "--trunc"),
    (["project", "text.png", "--data", "no.zip", "--compare", "0"], "--data and --compare 0"),
    (["project", "text.png", "--edit", "0:1"], "--edit"),
])  # fmt: skip
def test_what_cannot_be_done_is_one_sentence(network, tmp_path, arguments, words):
    (tmp_path / "text.png").write_text("hello")
    written(tmp_path / "bare.safetensors", with_critic=False)
    result = invoke(*arguments, *([] if "--network" in arguments else ["--network", network]))
    assert result.exit_code == 2
    assert words in result.stderr
    assert len([line for line in result.stderr.strip().splitlines() if line.startswith("Error")]) == 1


def test_without_a_discriminator_the_most_different_ones_are_found(network, tmp_path):
    bare = written(tmp_path / "bare.safetensors", with_critic=False, c_dim=2)
    result = invoke(
        "rank", "--network", bare, "--by", "diverse", "--count", 6, "--keep", 3, "--outdir", "out"
    )
    assert result.exit_code == 0, result.output
    kept = json.loads((tmp_path / "out" / "best.json").read_text())["latents"]
    assert [set(latent) >= {"apart", "class"} and "critic" not in latent for latent in kept] == [True] * 3
    assert torch.get_num_threads() == 1
