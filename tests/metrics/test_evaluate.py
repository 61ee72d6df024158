"""The whole measurement, with small networks: names, cache, labels, standard files, refusals."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from stylegan_pokemon.data.dataset import SpriteDataset
from stylegan_pokemon.errors import UserError
from stylegan_pokemon.metrics import evaluate as room
from stylegan_pokemon.metrics.evaluate import Settings, evaluate
from stylegan_pokemon.metrics.frechet import frechet_distance, statistics
from stylegan_pokemon.metrics.names import METRICS, parse_names
from stylegan_pokemon.metrics.scores import inception_score
from stylegan_pokemon.render.images import on_white, synthesize
from stylegan_pokemon.render.truncation import w_centres
from tests.metrics.scripts import VGG, Inception, Plain, save
from tests.render.conftest import make_generator
from tests.training.pictures import write_dataset, write_same

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    save(Plain(), folder / "plain.pt")
    save(Inception(), folder / "inception.pt")
    save(VGG(), folder / "vgg.pt")
    write_dataset(folder / "data.zip", 60)
    write_dataset(folder / "cond.zip", 60, classes=4)
    write_dataset(folder / "rgba.zip", 40, mode="RGBA")
    return folder


@pytest.fixture
def measured(files, tmp_path):
    """evaluate with the small script, its cache in tmp_path."""

    def call(G, data="data.zip", **settings):
        extra = {name: settings.pop(name) for name in ("heldout", "nn_sheet") if name in settings}
        chosen = {"names": (*METRICS[:4], "nn"), "num": 50, "features": str(files / "plain.pt")} | settings
        with SpriteDataset(files / data) as dataset:
            return evaluate(G, dataset, Settings(**chosen), CPU, show_bar=False, cache=tmp_path, **extra)

    return call


def timeless(found):
    return {key: value for key, value in found.items() if key != "seconds"}


def test_every_number_carries_the_network_in_its_name(measured, generator, files, tmp_path):
    found = measured(generator, nn_sheet=tmp_path / "nn.png", truncation_psi=0.7)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    names = ("fd", "kid", "precision", "recall", "f1", "density", "coverage")
    assert set(found["values"]) == {f"{name}_plain" for name in names}
    for entry in found["values"].values():
        assert entry["features"] == "plain"
        assert entry["interval"][0] <= entry["value"] <= entry["interval"][1]
        assert "floor" in entry
    assert (found["samples"], found["reals"], found["truncation_psi"], found["seed"]) == (50, 60, 0.7, 0)
    assert found["features"]["plain"]["dimensions"] == 48
    assert len(found["features"]["plain"]["sha256"]) == 64
    assert "error" in found["values"]["kid_plain"]
    assert found["memorisation"]["alarm"] is False
    with Image.open(tmp_path / "nn.png") as sheet:
        assert sheet.width > 400


def test_the_distance_is_that_of_the_pictures_of_the_seed(measured, generator, files):
    found = measured(generator, names=("fd",), num=50, seed=3)
    z = torch.randn(50, 16, generator=room.generator(3, "metrics/latents"))
    ws = generator.mapping(z, None)
    seeds = [room.derive_seed(3, "metrics/noise", i) for i in range(50)]
    pictures = np.stack(list(synthesize(generator, ws, noise_mode="random", noise_seeds=seeds)))
    with SpriteDataset(files / "data.zip") as dataset:
        real = Plain()(dataset.images(range(60)))
    expected = frechet_distance(
        statistics(Plain()(torch.from_numpy(pictures).permute(0, 3, 1, 2))), statistics(real)
    )
    assert found["values"]["fd_plain"]["value"] == pytest.approx(expected, rel=1e-4)


def test_pictures_are_truncated_around_the_nearest_of_the_centres_asked_for(measured, generator, files):
    found = measured(generator, names=("fd",), truncation_psi=0.5, around="centres:4")
    assert found["around"] == "centres:4"
    whole = generator.mapping(torch.randn(50, 16, generator=room.generator(0, "metrics/latents")), None)
    centres = w_centres(generator, 4)
    own = centres[(whole[:, 0, None] - centres).norm(dim=2).argmin(dim=1)]
    ws = (whole + own[:, None]) / 2
    seeds = [room.derive_seed(0, "metrics/noise", i) for i in range(50)]
    pictures = np.stack(list(synthesize(generator, ws, noise_mode="random", noise_seeds=seeds)))
    with SpriteDataset(files / "data.zip") as dataset:
        real = Plain()(dataset.images(range(60)))
    drawn = Plain()(torch.from_numpy(pictures).permute(0, 3, 1, 2))
    expected = frechet_distance(statistics(drawn), statistics(real))
    assert found["values"]["fd_plain"]["value"] == pytest.approx(expected, rel=1e-4)


def test_it_is_repeatable_and_leaves_the_worlds_randomness_alone(measured, generator):
    state = torch.get_rng_state(), np.random.get_state()[1].tolist()
    first, again = measured(generator), measured(generator, batch=7)
    assert timeless(first) == timeless(again)
    assert timeless(measured(generator, seed=1)) != timeless(first)
    assert torch.equal(torch.get_rng_state(), state[0])
    assert np.random.get_state()[1].tolist() == state[1]


def test_the_real_set_is_computed_once(measured, generator, tmp_path, monkeypatch):
    seen = []
    extract = room.extract
    for module in ("stylegan_pokemon.metrics.evaluate", "stylegan_pokemon.metrics.reals"):
        monkeypatch.setattr(
            f"{module}.extract",
            lambda network, pictures, *a, **k: extract(network, counted(pictures), *a, **k),
        )

    def counted(pictures):
        seen.extend(pictures)
        return pictures

    first = measured(generator)
    assert len(seen) == 50 + 60
    seen.clear()
    assert timeless(measured(generator)) == timeless(first)
    assert len(seen) == 50
    seen.clear()
    for path in tmp_path.glob("*.safetensors"):
        path.write_bytes(path.read_bytes()[:100])  # cut off: computed anew
    assert timeless(measured(generator)) == timeless(first)
    assert len(seen) == 50 + 60
    seen.clear()
    measured(generator, data="cond.zip")  # other content
    assert len(seen) == 50 + 60
    assert not list(tmp_path.glob(".*"))


def test_a_cache_that_cannot_be_written_is_done_without(generator, files, tmp_path):
    (tmp_path / "file").write_text("")
    settings = Settings(("fd", "nn"), 40, str(files / "plain.pt"))
    with SpriteDataset(files / "data.zip") as dataset:
        evaluate(generator, dataset, settings, CPU, show_bar=False, cache=tmp_path / "file" / "cache")


def test_labels_are_drawn_as_in_the_data(measured, conditional, monkeypatch):
    seen = []
    mapping = type(conditional.mapping).forward

    def spy(self, z, c, *args, **kwargs):
        seen.append(c)
        return mapping(self, z, c, *args, **kwargs)

    monkeypatch.setattr(type(conditional.mapping), "forward", spy)
    measured(conditional, data="cond.zip", num=400, names=("kid",))
    counts = torch.cat(seen).sum(dim=0)
    assert counts.sum() == 400
    assert counts.min() > 70  # a quarter each, 100 ± 9


def test_standard_numbers_have_standard_names(measured, generator, files, monkeypatch):
    monkeypatch.setattr(room, "fetched", {"inception": files / "inception.pt", "vgg16": files / "vgg.pt"}.get)
    found = measured(generator, names=METRICS, features="standard")
    assert set(found["values"]) == {
        "fid", "kid", "precision", "recall", "f1", "density", "coverage", "is", "swd"
    }  # fmt: skip
    assert found["values"]["fid"]["features"] == "inception"
    assert found["values"]["recall"]["features"] == "vgg16"
    assert set(found["features"]) == {"inception", "vgg16"}
    z = torch.randn(50, 16, generator=room.generator(0, "metrics/latents"))
    seeds = [room.derive_seed(0, "metrics/noise", i) for i in range(50)]
    pictures = np.stack(
        list(synthesize(generator, generator.mapping(z, None), noise_mode="random", noise_seeds=seeds))
    )
    p = Inception()(torch.from_numpy(pictures).permute(0, 3, 1, 2), no_output_bias=True)
    assert found["values"]["is"]["value"] == pytest.approx(inception_score(p.double().log())[0], rel=1e-5)
    assert found["values"]["is"]["floor"] > 1


def test_what_the_standard_files_are_needed_for_is_said(measured, generator, files, monkeypatch):
    there = {}
    monkeypatch.setattr(room, "fetched", there.get)
    with pytest.raises(UserError, match="zoo fetch inception"):
        measured(generator, features="standard")
    there["inception"] = files / "inception.pt"
    with pytest.raises(UserError, match="zoo fetch vgg16"):
        measured(generator, features="standard", names=("pr",))
    with pytest.raises(UserError, match="is needs a network that names classes"):
        measured(generator, names=("is",))


def test_held_out_pictures_are_compared_with_too(measured, generator, files):
    with SpriteDataset(files / "cond.zip") as heldout:
        found = measured(generator, heldout=heldout)
    # The held-out pictures here are the training pictures: all of them are copies.
    assert found["memorisation_heldout"]["near_copies_reals"] == 1
    assert found["memorisation_heldout"]["median"] == found["memorisation"]["median"]
    assert found["memorisation_heldout"]["median_reals"] == 0


@pytest.mark.parametrize(
    ("data", "changes", "words"),
    [
        ("data.zip", {"img_resolution": 32}, "makes pictures of 32×32, but"),
        ("data.zip", {"c_dim": 4}, "has 4 classes, but .* has no labels"),
        ("cond.zip", {"c_dim": 3}, "has 3 classes, but .* has 4 classes"),
    ],
)
def test_a_network_that_does_not_suit_the_data_is_refused(measured, data, changes, words):
    with pytest.raises(UserError, match=words):
        measured(make_generator(**changes), data=data)


def test_too_few_pictures_are_refused(measured, generator):
    with pytest.raises(UserError, match="at least 16 pictures on either side, not 15 generated"):
        measured(generator, num=15)


def test_pictures_are_measured_like_a_generator(files, tmp_path):
    with SpriteDataset(files / "rgba.zip") as dataset:
        pictures = dataset.images(range(40)).permute(0, 2, 3, 1).numpy()
        settings = Settings(("fd", "pr", "nn"), features=str(files / "plain.pt"))
        found = evaluate(pictures, dataset, settings, CPU, show_bar=False, cache=tmp_path)
        assert found["samples"] == 40
        assert "truncation_psi" not in found
        assert found["values"]["fd_plain"]["value"] == pytest.approx(0, abs=1e-6)
        assert found["memorisation"]["near_copies"] == 1
        with pytest.raises(UserError, match=r"have 8×16 pixels, but .* has 16×16"):
            evaluate(pictures[:, :, :8], dataset, settings, CPU)


def test_alpha_is_laid_over_white_and_grey_is_three_channels():
    clear = np.zeros((1, 8, 8, 4), np.uint8)
    clear[:, 0, :, 3] = 255
    assert on_white(clear)[0, 0].max() == 0
    assert on_white(clear)[0, 1:].min() == 255
    assert on_white(np.full((2, 8, 8, 1), 9, np.uint8)).shape == (2, 8, 8, 3)


def test_names_are_read_in_any_order_and_case():
    assert parse_names("nn, FD,kid,fd") == ("fd", "kid", "nn")
    assert parse_names("none") == parse_names("") == ()
    with pytest.raises(UserError, match="there is no metric “fid”; choose among fd, kid"):
        parse_names("fd,fid")


def test_without_nn_nothing_is_compared_in_pixels(measured, generator):
    found = measured(generator, names=("kid",))
    assert "memorisation" not in found
    assert found["diversity"]["ratio"] > 0


def test_one_set_read_at_two_sizes_is_two_sets_in_the_cache(generator, files, tmp_path):
    settings = Settings(("fd",), 24, str(files / "plain.pt"))
    found = {}
    for cache in (tmp_path / "shared", tmp_path / "own"):
        for size in (16, 8) if cache.name == "shared" else (8,):
            with SpriteDataset(files / "data.zip", size_of=lambda _, size=size: size) as dataset:
                pictures = np.random.RandomState(0).randint(0, 256, (24, size, size, 3), np.uint8)
                result = evaluate(pictures, dataset, settings, CPU, show_bar=False, cache=cache)
                found[cache.name] = result["values"]["fd_plain"]
    assert found["shared"] == found["own"]


def test_pictures_that_are_all_the_same_give_json_that_everybody_reads(generator, files, tmp_path):
    same = np.full((24, 16, 16, 3), 200, np.uint8)
    with SpriteDataset(write_same(tmp_path / "same.zip")) as dataset:
        settings = Settings(("fd", "kid", "pr", "nn"), 24, str(files / "plain.pt"))
        result = evaluate(same, dataset, settings, CPU, show_bar=False, cache=tmp_path)
    json.dumps(result, allow_nan=False)
    assert not result["diversity"]["alarm"]
    assert "cannot be judged" in result["diversity"]["verdict"]


def test_sprites_and_style_are_measured_without_a_feature_network(measured, generator, monkeypatch, tmp_path):
    def load(*_):
        raise AssertionError("a network was loaded")

    monkeypatch.setattr(room, "_networks", load)
    found = measured(generator, names=("sprite", "swd"))
    assert found["features"] == {}
    assert {"memorisation", "diversity"}.isdisjoint(found)
    assert found["sprite"]["background"] == "#ffffff"
    assert found["sprite"]["figures"]["whole"]["reals"] == 59 / 60  # one disc is nearly white
    assert found["sprite"]["figures"]["speckle"]["reals"] == pytest.approx(0, abs=1e-4)
    assert set(found["values"]["swd"]["levels"]) == {"16", "8"}
    assert found["values"]["swd"]["pictures"] == 30  # half of the real ones
    again = measured(generator, names=("sprite", "swd"), batch=7)  # the real set from the cache
    assert timeless(again) == timeless(found)
    assert len(list(tmp_path.glob("*.safetensors"))) == 2


def test_real_pictures_are_as_far_from_halves_as_halves_from_each_other(files, tmp_path):
    """Sixty discs against other halves of themselves; a generator of noise is many times as far."""
    settings = Settings(("sprite", "swd"), features=str(files / "plain.pt"))
    random = np.random.RandomState(0)
    with SpriteDataset(files / "data.zip") as dataset:
        own = dataset.images(range(60)).permute(0, 2, 3, 1).numpy()
        noise = random.randint(0, 256, own.shape).astype(np.uint8)
        a, b = (evaluate(x, dataset, settings, CPU, show_bar=False, cache=tmp_path) for x in (own, noise))
    # Half of the pictures of a half are in the half that they are compared with.
    assert 0.4 < a["values"]["swd"]["ratio"] < 1.1
    assert b["values"]["swd"]["ratio"] > 3
    assert {entry["distance"] for entry in a["sprite"]["figures"].values()} == {0}
    assert b["sprite"]["verdict"].startswith(("Broken", "The pictures", "As whole"))
    assert b["sprite"]["figures"]["speckle"]["distance"] > 10


def test_alpha_tells_the_creature_where_both_sides_have_it(files, tmp_path):
    settings = Settings(("sprite",), features=str(files / "plain.pt"))
    with SpriteDataset(files / "rgba.zip") as dataset:
        pictures = dataset.images(range(40)).permute(0, 2, 3, 1).numpy().copy()
        pictures[:, :2, :, 3] = 20  # 8 % opaque
        with_alpha, without = (
            evaluate(x, dataset, settings, CPU, show_bar=False, cache=tmp_path)["sprite"]
            for x in (pictures, pictures[..., :3])
        )
    assert (with_alpha["background"], without["background"]) == ("alpha", "#ffffff")
