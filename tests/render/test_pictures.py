"""Single pictures carry their seed, and grids show them in order."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from stylegan_pokemon.checkpoint import Networks, save
from stylegan_pokemon.errors import UserError
from stylegan_pokemon.render.loaded import load_generator
from stylegan_pokemon.render.pictures import RenderOptions, render_seeds, write_pictures
from tests.render.conftest import CLASSES, make_generator, write_snapshot


def read(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def test_pictures_and_grid_are_written_with_seeds_in_their_names_and_settings_inside(
    conditional_source, tmp_path
):
    seeds, labels = [0, 7, 12345], [1, 0, 3]
    path = write_pictures(conditional_source, seeds, labels, tmp_path, RenderOptions(0.7))
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "grid-seeds0,7,12345.png",
        "seed0000.png",
        "seed0007.png",
        "seed12345.png",
    ]
    sheet = read(path)
    assert sheet.shape == (128, 384, 3)  # 3 tiles of 16 pixels in a row, enlarged eight times
    for i, seed in enumerate(seeds):
        single = read(tmp_path / f"seed{seed:04d}.png")
        np.testing.assert_array_equal(sheet[::8, i * 128 : (i + 1) * 128 : 8], single)
    with Image.open(tmp_path / "seed0007.png") as image:
        expected = "seed 7, fire, truncation psi 0.7, noise const, network tiny.safetensors"
        assert image.text["Description"] == expected


def test_scale_enlarges_pictures_and_grid_alike(source, tmp_path):
    write_pictures(source, [0, 1], [0, 0], tmp_path, RenderOptions(), scale=Fraction(3))
    assert read(tmp_path / "seed0000.png").shape == (48, 48, 3)
    assert read(tmp_path / "grid-seeds0-1.png").shape == (48, 96, 3)


def test_the_grid_can_be_left_out(source, tmp_path):
    assert write_pictures(source, [0], [0], tmp_path, RenderOptions(), with_grid=False) is None
    assert [file.name for file in tmp_path.iterdir()] == ["seed0000.png"]


def test_many_seeds_come_in_order(source):
    seeds = list(range(70, 0, -1))
    pictures = list(render_seeds(source, seeds, [0] * 70, RenderOptions()))
    (last,) = render_seeds(source, [1], [0], RenderOptions())
    assert len(pictures) == 70
    assert np.abs(pictures[-1].astype(int) - last).max() <= 1


def test_truncation_0_gives_every_seed_the_average_picture(source):
    a, b = render_seeds(source, [1, 2], [0, 0], RenderOptions(0))
    assert np.abs(a.astype(int) - b).max() <= 1


def test_the_averaged_generator_is_preferred_and_the_plain_one_accepted(tmp_path):
    plain, average = make_generator(seed=1), make_generator(seed=2)
    config = {"generator": plain.config.to_json()}
    save(tmp_path / "both.safetensors", Networks(G=plain, G_ema=average, config=config))
    save(tmp_path / "plain.safetensors", Networks(G=plain, config=config))
    for name, expected in (("both", average), ("plain", plain)):
        loaded = load_generator(tmp_path / f"{name}.safetensors", torch.device("cpu")).G
        assert torch.equal(loaded.mapping.w_avg, expected.mapping.w_avg)


def test_class_names_come_from_the_snapshot(tmp_path):
    path = write_snapshot(tmp_path / "x.safetensors", make_generator(c_dim=4), classes=CLASSES)
    source = load_generator(path, torch.device("cpu"))
    assert source.labels([8, 9], "water") == [1, 1]
    assert [source.class_name(label) for label in range(4)] == CLASSES
    assert source.summary() == "16 × 16, RGB, 4 classes, on cpu"


def test_a_diverged_network_is_refused(tmp_path):
    G = make_generator()
    G.synthesis.b8.conv1.bias.data[0] = float("nan")
    path = write_snapshot(tmp_path / "x.safetensors", G)
    with pytest.raises(UserError, match="diverged"):
        load_generator(path, torch.device("cpu"))
