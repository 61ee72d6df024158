"""Directions equal independent computations; an edit moves w by standard deviations along them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from stylegan_pokemon.errors import UserError
from stylegan_pokemon.render.directions import Directions, edited, principal_components, regression, sefa
from stylegan_pokemon.render.edits import Edit, parse_edits
from stylegan_pokemon.render.interpolation import interpolation_frames
from stylegan_pokemon.render.latents import one_hot
from stylegan_pokemon.render.loaded import LoadedGenerator, load_generator
from stylegan_pokemon.render.looks import LOOKS, looks
from stylegan_pokemon.render.pictures import RenderOptions, render_seeds, write_pictures
from stylegan_pokemon.render.seeds import parse_seeds
from stylegan_pokemon.render.stored import read_picture_facts
from stylegan_pokemon.render.swing import directions_sheet, swing_frames
from tests.render.conftest import make_generator, write_snapshot

AFFINE = {  # which layer of a 16 × 16 network reads which row of ws
    0: "b4.conv1", 1: "b8.conv0", 2: "b8.conv1", 3: "b16.conv0", 4: "b16.conv1", 5: "b16.torgb",
}  # fmt: skip


def same_axes(found: np.ndarray, expected: np.ndarray) -> bool:
    return np.allclose(np.abs((found * expected).sum(axis=1)), 1, atol=1e-5)


@pytest.mark.parametrize(("layers", "rows"), [("all", range(6)), ("coarse", range(3)), ("3-5", range(3, 6))])
def test_sefa_is_the_singular_value_decomposition_of_the_affine_weights(generator, layers, rows):
    weights = [generator.synthesis.get_submodule(AFFINE[row]).affine.weight.numpy() for row in rows]
    _, _, axes = np.linalg.svd(np.concatenate(weights).astype(np.float64))
    found = sefa(generator, layers).numpy()
    assert same_axes(found, axes)
    assert (np.take_along_axis(found, np.abs(found).argmax(axis=1)[:, None], 1) > 0).all()


def test_principal_components_are_those_of_numpy(generator):
    w = generator.mapping(torch.randn(500, 16, generator=torch.Generator().manual_seed(1)))[:, 0]
    _, _, axes = np.linalg.svd(w.numpy().astype(np.float64) - w.numpy().mean(axis=0))
    assert same_axes(principal_components(w).numpy(), axes)


def test_regression_separates_measures_that_go_together():
    """w = A·y + noise, where the two measures y are correlated: each column of A is found by itself."""
    rng = np.random.default_rng(0)
    y = rng.normal(size=(4000, 2)) @ np.array([[1.0, 0.7], [0.0, 0.7]])
    A = rng.normal(size=(2, 16))
    w = y @ A + 0.1 * rng.normal(size=(4000, 16)) + 5
    found = regression(torch.from_numpy(w), torch.from_numpy(y)).numpy()
    np.testing.assert_allclose(found, A * y.std(axis=0, ddof=1)[:, None], atol=0.02)


@pytest.mark.parametrize("name", ["0", "7", "pca0", "fire", "bluer"])
def test_one_unit_is_a_standard_deviation_of_w_along_it(conditional_source, name):
    unit = Directions(conditional_source).find(name)
    assert torch.equal(unit, unit[:1].expand(6, -1))
    z = torch.randn(20_000, 16, generator=torch.Generator().manual_seed(9))
    w = conditional_source.G.mapping(z, one_hot([i % 4 for i in range(len(z))], 4))[:, 0]
    spread = (w @ (unit[0] / unit[0].norm())).std()
    assert float(unit[0].norm()) == pytest.approx(float(spread), rel=0.05)


def test_a_class_is_what_sets_its_w_apart(conditional_source):
    unit = Directions(conditional_source).find("water")[0]
    z = torch.randn(40_000, 16, generator=torch.Generator().manual_seed(3))
    labels = torch.arange(len(z)) % 4
    w = conditional_source.G.mapping(z, one_hot(labels.tolist(), 4))[:, 0]
    apart = w[labels == 1].mean(dim=0) - w[labels != 1].mean(dim=0)
    assert float(torch.cosine_similarity(unit, apart, dim=0)) > 0.98


def discs(count: int = 40) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Ellipses on white whose area, axes and colour are known."""
    rng = np.random.default_rng(4)
    y, x = np.mgrid[:64, :64] + 0.5
    across, down = rng.uniform(8, 24, (2, count))
    blue = rng.integers(0, 200, count)
    pictures = np.full((count, 64, 64, 3), 255, np.uint8)
    for picture, a, b, value in zip(pictures, across, down, blue, strict=True):
        picture[((x - 32) / a) ** 2 + ((y - 32) / b) ** 2 < 1] = (60, 60, value)
    return pictures, {"across": across, "down": down, "blue": blue}


def test_measures_of_ellipses_are_their_closed_forms():
    pictures, known = discs()
    found = dict(zip(LOOKS, looks(pictures).T, strict=True))
    a, b = known["across"], known["down"]
    np.testing.assert_allclose(found["bigger"], np.pi * a * b / 64**2, rtol=0.02)
    np.testing.assert_allclose(found["taller"], np.log(b / a), atol=0.04)
    np.testing.assert_allclose(found["rounder"], 2 * a * b / (a**2 + b**2), atol=0.01)
    for name in ("brighter", "yellower"):
        assert abs(np.corrcoef(found[name], known["blue"])[0, 1]) > 0.9
    assert np.corrcoef(found["yellower"], known["blue"])[0, 1] < 0
    rgba = np.dstack([pictures[0], np.where((pictures[0] < 255).any(axis=-1), 255, 0).astype(np.uint8)])
    np.testing.assert_allclose(looks(rgba[None])[0], looks(pictures[:1])[0])
    blank = looks(np.stack([pictures[0], np.full((64, 64, 3), 255, np.uint8)]))
    assert np.array_equal(blank[0], blank[1])


def test_an_edit_is_added_after_truncation_in_its_layers_only(source):
    known = Directions(source)
    both = edited(source, parse_edits("2:+1.5, pca1@coarse:-2"))
    plain = source.ws([4, 5], [0, 0], 0.6)
    expected = plain + 1.5 * known.find("2") - 2 * known.find("pca1", "coarse")
    torch.testing.assert_close(both.ws([4, 5], [0, 0], 0.6), expected)
    assert torch.equal(known.find("pca1", "coarse")[3:], torch.zeros(3, 16))
    assert both.edits == "2:+1.5,pca1@coarse:-2"
    assert edited(source, ()) is source


def test_an_edited_picture_holds_what_draws_it_again(conditional_source, tmp_path):
    moved = edited(conditional_source, [Edit("fire", 2)])
    write_pictures(moved, [6], [1], tmp_path, RenderOptions(0.8), with_grid=False)
    path = tmp_path / "seed0006.png"
    facts = read_picture_facts(path)
    assert (facts["edit"], facts["truncation"], facts["class"]) == ("fire:+2", 1.0, 1)
    (again,) = parse_seeds(str(path))
    (drawn,) = render_seeds(conditional_source, [again], [1], RenderOptions())
    assert np.array_equal(drawn, np.asarray(Image.open(path)))


@pytest.mark.parametrize("space", ["z", "w"])
def test_films_pass_through_edited_pictures(source, space):
    moved = edited(source, [Edit("0", 3)])
    frames = list(interpolation_frames(moved, [1, 2], [0, 0], 3, RenderOptions(0.7), space=space))
    for frame, picture in zip(
        frames[::3], render_seeds(moved, [1, 2], [0, 0], RenderOptions(0.7)), strict=True
    ):
        assert np.abs(frame.astype(int) - picture).max() <= 1


def test_names_are_found_by_their_beginning_and_what_is_unknown_is_listed(conditional_source, source):
    known = Directions(conditional_source)
    assert torch.equal(known.find("WAT"), known.find("water"))
    assert torch.equal(known.find("smaller"), -known.find("bigger"))
    assert {"fire", "water", "grass", "class 3", "bigger", "bluer"} <= set(known.names)
    for name, words in {
        "b": "may be bigger, brighter or bluer",
        "steel": "no direction “steel”; choose fire, water, grass, class 3, bigger, smaller",
        "fires": r"“fires” \(near: fire\)",
        "16": "has the directions 0 to 15",
        "pca99": "has the directions 0 to 15",
    }.items():
        with pytest.raises(UserError, match=words):
            known.find(name)
    with pytest.raises(UserError, match="layers fine: this network has the layers 0-5"):
        known.find("0", "fine")
    assert "fire" not in Directions(source).names


@pytest.mark.parametrize(
    "text", ["", "0", "0:", ":1", "0:x", "0:nan", "0:1e9", "0@:1", "0@top:1", "a:b:1", "0:+101"]
)
def test_an_edit_that_is_none_is_one_sentence(text):
    with pytest.raises(UserError, match="--edit"):
        parse_edits(text)


def test_edits_are_read_with_their_layers_and_signs():
    assert parse_edits("0:+2.5,fire@0-3:-1, class 3:.5") == (
        Edit("0", 2.5), Edit("fire", -1, "0-3"), Edit("class 3", 0.5),
    )  # fmt: skip


def test_what_pictures_say_is_measured_once_and_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("STYLEGAN_POKEMON_CACHE", str(tmp_path / "cache"))
    path = write_snapshot(tmp_path / "a.safetensors", make_generator())
    generator = load_generator(path, torch.device("cpu"))
    first = Directions(generator).find("bluer")
    (kept,) = (tmp_path / "cache" / "directions").iterdir()
    monkeypatch.setattr(Directions, "_measured", None)
    assert torch.equal(Directions(generator).find("bluer"), first)
    monkeypatch.undo()
    monkeypatch.setenv("STYLEGAN_POKEMON_CACHE", str(tmp_path / "cache"))
    kept.write_bytes(b"damaged")
    assert torch.equal(Directions(generator).find("bluer"), first)


def test_a_network_whose_class_changes_nothing_says_so(conditional_source):
    G = make_generator(c_dim=4)
    G.mapping.embed.weight.data[:] = G.mapping.embed.weight.data[:, :1]
    alike = LoadedGenerator(G, Path("a"), torch.device("cpu"), None)
    z = torch.zeros(1, 16)
    assert torch.equal(G.mapping(z, one_hot([0], 4)), G.mapping(z, one_hot([1], 4)))
    flat = replace(alike, G=G)
    known = Directions(flat)
    known._w = known._w[:1].expand(len(known._w), -1).clone()
    with pytest.raises(UserError, match="nothing changes along it"):
        known.find("class 1")


def test_the_sheet_and_the_film_show_the_same_and_the_film_loops(source):
    units = {"0": Directions(source).find("0"), "pca0": Directions(source).find("pca0")}
    sheet = directions_sheet(source, [1, 2], [0, 0], RenderOptions(), units, [-2, 0, 2])
    assert sheet.shape[0] > 4 * 64
    assert sheet.shape[1] > 3 * 64
    frames = list(swing_frames(source, [1], [0], RenderOptions(), units, 2.0, 8))
    assert len(frames) == 8
    assert np.array_equal(frames[0], frames[4])  # sin 0 and sin π
    assert np.array_equal(frames[1], frames[3])
    assert not np.array_equal(frames[2], frames[6])
