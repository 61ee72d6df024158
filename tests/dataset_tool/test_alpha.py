"""`convert --alpha`: premultiplied RGBA from files to data sets, and back to what people see."""

from __future__ import annotations

import io
import json
import zipfile

import numpy as np
import pytest
from PIL import Image

from dataset_tool.convert import ConvertOptions, convert
from dataset_tool.inspect import inspect
from dataset_tool.problems import UserError
from dataset_tool.reading.pixels import premultiplied, straight
from stylegan_pokemon.data.dataset import SpriteDataset
from stylegan_pokemon.metrics.pictures import read_pictures
from stylegan_pokemon.render.images import on_white, without_alpha
from tests.dataset_tool.pictures import creature, noise

SIDE = 32
ALPHA = ConvertOptions(SIDE, alpha=True)


@pytest.fixture
def converted(tmp_path):
    folder = tmp_path / "sprites"
    folder.mkdir()
    for index, side in enumerate((32, 48, 64)):
        creature(side).save(folder / f"{index}.png")
    return convert([folder], tmp_path / "alpha.zip", ALPHA).dest


def stored(path):
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if name.endswith(".png")]
        return [np.asarray(Image.open(io.BytesIO(archive.read(name)))) for name in names], json.loads(
            archive.read("dataset.json")
        )


def over(picture, colour):
    """What Pillow makes of a straight picture on a page of a colour."""
    page = Image.alpha_composite(Image.new("RGBA", picture.shape[1::-1], colour), Image.fromarray(picture))
    return np.asarray(page)[..., :3].astype(int)


def test_pictures_have_four_channels_within_alpha_and_the_invisible_is_zero(converted):
    pictures, description = stored(converted)
    assert len(pictures) == 3
    for picture in pictures:
        assert picture.shape == (SIDE, SIDE, 4)
        assert (picture[..., :3] <= picture[..., 3:]).all()
        assert not picture[picture[..., 3] == 0].any()
        assert (picture[..., 3] == 0).mean() > 0.3
    assert description["convert"]["alpha"] == "premultiplied"
    assert description["convert"]["background"] == "none"


@pytest.mark.parametrize("colour", ["white", "black", "#205080"])
def test_every_visible_level_survives_premultiplication_within_one_level_on_any_page(colour):
    # All alphas × some colours: what is seen is what Pillow shows of the original.
    alpha, value = np.meshgrid(np.arange(256), np.arange(0, 256, 5), indexing="ij")
    picture = np.stack([value, 255 - value, value // 2, alpha], axis=-1).astype(np.uint8)
    back = straight(premultiplied(picture))
    assert np.abs(over(back, colour) - over(picture, colour)).max() <= 1
    assert np.array_equal(back[255], picture[255])
    # And the stored form itself is kept: what was premultiplied once loses nothing any more.
    assert np.array_equal(premultiplied(back), premultiplied(picture))


def test_colours_beyond_alpha_are_taken_as_alpha():
    pixels = np.array([[200, 30, 0, 100], [9, 9, 9, 0]], np.uint8)
    assert straight(pixels).tolist() == [[255, 77, 0, 100], [0, 0, 0, 0]]


@pytest.mark.parametrize("colour", [(255, 255, 255), (0, 0, 0), (32, 80, 128)])
def test_pictures_over_a_colour_are_those_of_pillow_within_one_level(colour):
    picture = np.asarray(noise((64, 64), mode="RGBA"))
    expected = over(picture, (*colour, 255))
    assert np.abs(without_alpha(picture, colour).astype(int) - expected).max() <= 1


def test_training_reads_what_is_stored_and_people_see_straight_colours(converted):
    pictures, _ = stored(converted)
    with SpriteDataset(converted) as dataset:
        assert dataset.facts.premultiplied
        read = dataset.images([0, 1, 2]).permute(0, 2, 3, 1).numpy()
        shown = dataset.pictures([0, 1, 2])
    assert np.array_equal(read, np.stack(pictures))
    assert np.array_equal(premultiplied(shown), read)
    assert np.array_equal(read_pictures(converted), on_white(shown))


def test_a_set_with_alpha_looks_on_white_like_the_set_on_white(converted, tmp_path):
    plain = convert([tmp_path / "sprites"], tmp_path / "white.zip", ConvertOptions(SIDE)).dest
    with SpriteDataset(plain) as white, SpriteDataset(converted) as alpha:
        difference = on_white(alpha.pictures([0, 1, 2])).astype(int) - white.pictures([0, 1, 2])
    assert np.abs(difference).max() <= 1
    assert inspect(converted).mean == pytest.approx(inspect(plain).mean, abs=0.3)


@pytest.mark.parametrize("alpha", [True, False])
def test_a_set_with_alpha_is_converted_again(converted, tmp_path, alpha):
    again = convert([converted], tmp_path / "again.zip", ConvertOptions(SIDE, alpha=alpha)).dest
    with SpriteDataset(again) as one, SpriteDataset(converted) as other:
        assert one.facts.channels == (4 if alpha else 3)
        difference = on_white(one.pictures([0, 1, 2])).astype(int) - on_white(other.pictures([0, 1, 2]))
    assert np.abs(difference).max() <= (0 if alpha else 1)


def test_foreign_sets_with_straight_alpha_are_read_as_before(tmp_path):
    picture = np.asarray(noise((16, 16), mode="RGBA"))
    with zipfile.ZipFile(tmp_path / "foreign.zip", "w") as archive:
        data = io.BytesIO()
        Image.fromarray(picture).save(data, "PNG")
        archive.writestr("a.png", data.getvalue())
        archive.writestr("dataset.json", json.dumps({"labels": None}))
    with SpriteDataset(tmp_path / "foreign.zip") as dataset:
        assert not dataset.facts.premultiplied
        assert np.array_equal(dataset.pictures([0])[0], picture)


def test_opaque_pictures_are_told_and_key_cuts_them_out(tmp_path):
    page = Image.alpha_composite(Image.new("RGBA", (48, 48), "white"), creature(48))
    page.convert("RGB").save(tmp_path / "a.png")
    report = convert([tmp_path / "a.png"], tmp_path / "o.zip", ALPHA)
    assert "opaque: --key would cut out a plain background" in report.notes
    options = ConvertOptions(SIDE, alpha=True, key=True)
    keyed = convert([tmp_path / "a.png"], tmp_path / "k.zip", options)
    assert keyed.notes == {"background keyed out": 1}
    assert stored(keyed.dest)[0][0][0, 0].tolist() == [0, 0, 0, 0]


def test_a_background_and_alpha_exclude_each_other():
    with pytest.raises(UserError, match="--background black fills what --alpha keeps"):
        ConvertOptions(SIDE, alpha=True, background="black")
