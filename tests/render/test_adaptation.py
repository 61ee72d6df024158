"""A network file is loaded anywhere between its start and its end, and says where in every caption."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from stylegan_pokemon.checkpoint import Networks, save
from stylegan_pokemon.errors import UserError
from stylegan_pokemon.networks import blending
from stylegan_pokemon.render import loaded as loading
from stylegan_pokemon.render.images import rescale
from stylegan_pokemon.render.loaded import load_generator
from stylegan_pokemon.render.pictures import RenderOptions, description, render_seeds
from stylegan_pokemon.render.sheet import plan
from stylegan_pokemon.render.sweep import adaptation_sheet
from tests.render.conftest import CLASSES, make_generator, write_snapshot

CPU = torch.device("cpu")


def halved(G):
    """With weights that 16 bits hold, so that the file loses nothing."""
    return G.half().float()


@pytest.fixture(params=[0, len(CLASSES)], ids=["unconditional", "conditional"])
def ends(request):
    return halved(make_generator(1, c_dim=request.param)), make_generator(2, c_dim=request.param)


@pytest.fixture
def snapshot(tmp_path, ends) -> Path:
    start, end = ends
    config = {"generator": end.config.to_json(), "classes": CLASSES[: end.c_dim]}
    save(tmp_path / "000004.safetensors", Networks(G_ema=end, G_start=start, config=config))
    return tmp_path / "000004.safetensors"


def pictures(source, look=None):
    labels = source.labels([3, 4], None)
    return np.stack(list(render_seeds(source, [3, 4], labels, look or RenderOptions(0.7))))


def alone(tmp_path, G):
    """The same pictures from a file that holds this generator and nothing else."""
    path = write_snapshot(tmp_path / "alone.safetensors", G, classes=CLASSES[: G.c_dim])
    return pictures(load_generator(path, CPU))


def test_at_0_and_1_pictures_are_those_of_a_file_of_the_start_and_of_the_end(tmp_path, snapshot, ends):
    for adaptation, G in zip((0, 1), ends, strict=True):
        assert np.array_equal(pictures(load_generator(snapshot, CPU, adaptation)), alone(tmp_path, G))
    start, default = (pictures(load_generator(snapshot, CPU, *given)) for given in ((0,), ()))
    assert not np.array_equal(start, default)


def test_between_them_pictures_are_those_of_layers_swapped_by_hand(tmp_path, snapshot, ends):
    start, end = ends
    swapped = make_generator(5, c_dim=end.c_dim)  # of 4 groups two are the end's: 16 and 8 pixels
    for name, tensor in swapped.state_dict().items():
        tensor.copy_(
            (end if name.startswith(("synthesis.b16", "synthesis.b8")) else start).state_dict()[name]
        )
    assert np.array_equal(pictures(load_generator(snapshot, CPU, 0.5)), alone(tmp_path, swapped))


def test_without_an_adaptation_one_constant_decides_where_there_is_a_start(tmp_path, snapshot, monkeypatch):
    assert loading.DEFAULT_ADAPTATION == blending.DEFAULT_ADAPTATION == 1
    plain = write_snapshot(tmp_path / "plain.safetensors", make_generator(2))
    monkeypatch.setattr(loading, "DEFAULT_ADAPTATION", 0.25)
    assert load_generator(snapshot, CPU).adaptation == 0.25
    assert load_generator(plain, CPU).adaptation == 1
    assert load_generator(snapshot, CPU, 1).adaptation == 1


def test_a_file_without_a_start_is_refused_even_at_1(tmp_path):
    path = write_snapshot(tmp_path / "x.safetensors", make_generator(), start="fresh")
    with pytest.raises(UserError, match=r"x\.safetensors: it was trained from nothing"):
        load_generator(path, CPU, 1.0)


def test_a_start_that_is_no_number_is_refused(tmp_path):
    start, end = make_generator(1), make_generator(2)
    start.synthesis.b8.conv1.bias[0] = float("nan")
    config = {"generator": end.config.to_json()}
    save(tmp_path / "x.safetensors", Networks(G_ema=end, G_start=start, config=config))
    with pytest.raises(UserError, match="not numbers"):
        load_generator(tmp_path / "x.safetensors", CPU)


def test_the_adaptation_is_told_wherever_the_network_is_but_not_at_1(snapshot):
    half, whole = (load_generator(snapshot, CPU, adaptation) for adaptation in (0.5, 1))
    assert ", adaptation 0.5, on cpu" in half.summary()
    look = RenderOptions(0.7)
    assert "network 000004.safetensors at adaptation 0.5" in description(half, look)["Description"]
    for words in (whole.summary(), description(whole, look)["Description"]):
        assert "adaptation" not in words


def test_every_column_of_the_sheet_is_drawn_at_its_adaptation(snapshot):
    source, look = load_generator(snapshot, CPU, 1.0), RenderOptions(0.7)
    labels = source.labels([3, 4], None)
    sheet = adaptation_sheet(source, [3, 4], labels, look, [0, 0.5, 1], footers=["whole 97 %"] * 3)
    rows = ["seed 3\nclass", "seed 4\nclass"] if source.G.c_dim else ["seed 3", "seed 4"]
    rows = [re.sub("class", source.class_name(label), row) for row, label in zip(rows, labels, strict=True)]
    at = plan(rows, ["0", "0.5", "1"], (128, 128), title="Adaptation sweep", heading="adaptation",
              footers=["whole 97 %"] * 3)  # fmt: skip
    for column, adaptation in enumerate((0, 0.5, 1)):
        for row, picture in enumerate(pictures(load_generator(snapshot, CPU, adaptation))):
            x, y = at.place(row, column)
            assert np.array_equal(sheet[y : y + 128, x : x + 128], rescale(picture, 8))
