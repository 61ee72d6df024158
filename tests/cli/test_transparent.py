"""generate.py, metrics and inspect with a network of transparent sprites."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from stylegan_pokemon.checkpoint import Networks, save
from stylegan_pokemon.cli.generate import main as generate
from stylegan_pokemon.cli.inspect import inspect
from stylegan_pokemon.cli.metrics import metrics
from tests.render.conftest import make_generator
from tests.training.pictures import write_transparent


@pytest.fixture
def network(tmp_path, monkeypatch):
    """A network file whose pictures are half transparent, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    G = make_generator(img_channels=4, premultiplied=True)
    G.synthesis.b16.torgb.bias[3] += 0.3
    save(tmp_path / "clear.safetensors", Networks(G_ema=G, config={"generator": G.config.to_json()}))
    return "clear.safetensors"


def done(command, *arguments):
    result = CliRunner().invoke(command, [*map(str, arguments)])
    assert result.exit_code == 0, result.output
    return result.stdout


def on(page, path):
    """A PNG on a page, as Pillow lays it."""
    with Image.open(path) as picture:
        assert picture.mode == "RGBA"
        laid = Image.alpha_composite(Image.new("RGBA", picture.size, page), picture)
    return np.asarray(laid)[..., :3].astype(int)


@pytest.mark.parametrize(("background", "page"), [(None, "white"), ("#203040", "#203040")])
def test_pictures_are_straight_rgba_and_grids_lie_over_the_colour(network, tmp_path, background, page):
    more = ["--background", background] if background else []
    done(generate, "--network", network, "--seeds", "0-3", "--scale", "1", "--outdir", "out", *more)
    grid = np.asarray(Image.open(next((tmp_path / "out").glob("grid*.png")))).astype(int)
    assert grid.shape == (32, 32, 3)
    for seed in range(4):
        top, left = seed // 2 * 16, seed % 2 * 16
        tile = grid[top : top + 16, left : left + 16]
        assert np.abs(tile - on(page, tmp_path / "out" / f"seed{seed:04d}.png")).max() <= 1


def test_films_and_sheets_lie_over_the_colour(network, tmp_path):
    common = ["--network", network, "--seeds", "0,1", "--scale", "1", "--outdir", "out"]
    common += ["--background", "black"]
    done(generate, "--network", network, "--seeds", "0", "--outdir", "out")
    expected = on("black", tmp_path / "out" / "seed0000.png")
    done(generate, "interpolate", "--frames", 2, *common)
    (film,) = (tmp_path / "out").glob("*.gif")
    frame = np.asarray(Image.open(film).convert("RGB")).astype(int)
    assert np.abs(frame - expected).mean() < 6  # a GIF has 256 colours
    done(generate, "sweep", "--truncs", 1, *common)
    sheet = np.asarray(Image.open(next((tmp_path / "out").glob("sweep*.png"))).convert("RGB")).astype(int)
    places = [
        np.abs(sheet[y : y + 16, x : x + 16] - expected).max()
        for y in range(sheet.shape[0] - 15)
        for x in range(sheet.shape[1] - 15)
    ]
    assert min(places) <= 1


def test_metrics_measure_a_set_and_a_network_with_alpha(network, tmp_path):
    data = write_transparent(tmp_path / "discs.zip", count=20)
    measure = ["--data", data, "--json", "--metrics"]
    found = json.loads(done(metrics, *measure, "sprite,swd", "--network", network, "--num", 16))
    assert found["sprite"]["background"] == "alpha"
    # The set's own pictures differ from the set by nothing, although they pass as a zip of pictures.
    own = json.loads(done(metrics, *measure, "sprite", "--pictures", data))
    figures = own["sprite"]["figures"]
    assert all(figure["value"] == pytest.approx(figure["reals"]) for figure in figures.values()), figures


def test_inspect_tells_of_premultiplied_alpha(network):
    assert "premultiplied alpha" in done(inspect, network)
