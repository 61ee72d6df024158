"""Forms of one creature are recognised by their file names, and held out together or not at all."""

import zipfile

import numpy as np
import pytest

from dataset_tool.creatures import creatures_of
from stylegan_pokemon.data.creatures import held_out
from stylegan_pokemon.data.dataset import SpriteDataset, open_sets
from stylegan_pokemon.errors import UserError
from tests.training.pictures import write_dataset


@pytest.mark.parametrize("group", [
    ["25.png", "0025.png", "25-mega.png", "25-belle.png", "25f.png", "shiny/25.png", "025_pikachu.png"],
    ["25.png", "025Pikachu.png"],
    ["a/25.png", "b/shiny-25.png", "poke_25.png", "sprites\\25-x.jpg", "25 (2).png"],
    ["charizard.png", "charizard-mega-x.png", "mega-charizard-y.png", "shiny/Charizard.png"],
    ["charizard.png", "charizard_shiny.png"],
    ["025_pikachu.png", "home/pikachu.png", "Pikachu (3).png", "pikachu-gmax.png"],
    ["poke_capture_0025_000_mf_n_00000000_f_n.png", "poke_capture_0025_000_mf_n_00000000_f_r.png", "25.png"],
    ["29-nidoran-f.png", "29.png", "nidoran.png"],
    ["Pikachu/2fd28e699b7c4208acd1637fbad5df2d.png", "train/025 Pikachu/7.png", "pikachu\\26.png", "25.png"],
])  # fmt: skip
def test_forms_of_one_creature_are_one_creature(group):
    others = ["26.png", "125.png", "250.png", "raichu.png"]
    found = creatures_of([*group, *others])
    assert len(set(found[: len(group)])) == 1, found
    assert len(set(found)) == 1 + len(others)


@pytest.mark.parametrize("names", [
    ["img_001.png", "img_002.png", "img_010.png"],  # a number that counts files
    ["00000/img00000000.png", "00000/img00000001.png"],  # a zip that names no sources
    ["64x64_1.png", "64x64_2.png"],  # a size in pixels
    ["2023-05-01.png", "2023-05-02.png", "20230503.png"],
    ["2fd28e699b7c4208.png", "2fd28e699b7c4209.png"],
    ["mr-mime.png", "mr-rime.png"],
    ["water/00012-drol.png", "water/00013-drol.png"],  # forged
    ["porygon.png", "porygon2.png", "porygon-z.png"],
    ["ポケ.png", "モン.png"],
    ["---.png", "___.png"],
    ["585-summer.png", "586-summer.png"],  # a form that two creatures have
    ["Abra/1.png", "Pikachu/1.png", "Mr. Mime/1.png", "007 Pikachu/2.png"],  # counters
])  # fmt: skip
def test_what_nobody_can_tell_to_be_one_creature_is_apart(names):
    assert len(set(creatures_of(names))) == len(names)


def test_a_name_that_two_numbers_bear_is_neither_of_them():
    found = creatures_of(["1-unown.png", "2-unown.png", "unown.png"])
    assert len(set(found)) == 3


def forms(count=60):
    """Creatures with one to four forms."""
    names = ["{}.png", "{}-mega.png", "shiny/{}.png", "shiny/{}-mega.png"]
    return [names[form].format(number) for number in range(1, count + 1) for form in range(number % 4 + 1)]


@pytest.mark.parametrize("share", [0.05, 0.1, 0.3, 0.5])
def test_whole_creatures_are_held_out_and_about_the_share_asked_for(share):
    sources = forms()
    mask = held_out(sources, share, 0, "set")
    creatures = np.array([int("".join(c for c in name if c.isdigit())) for name in sources])
    assert not set(creatures[mask]) & set(creatures[~mask])
    assert abs(mask.sum() - share * len(sources)) <= 3  # less than the largest creature
    assert np.array_equal(mask, held_out(sources, share, 0, "set"))
    assert not np.array_equal(mask, held_out(sources, share, 1, "set"))


def test_the_order_of_the_files_does_not_matter():
    sources = forms()
    order = np.random.RandomState(0).permutation(len(sources))
    mixed = held_out([sources[i] for i in order], 0.1, 0, "set")
    assert np.array_equal(mixed, held_out(sources, 0.1, 0, "set")[order])


def test_small_sets_hold_out_something_and_one_creature_nothing():
    assert held_out(["1.png", "1-a.png", "2.png", "2-a.png"], 0.1, 0, "set").sum() == 2
    with pytest.raises(UserError, match=r"all pictures of set show one creature, 25; leave it out"):
        held_out(["25.png", "25-mega.png"], 0.1, 0, "set")


def named_dataset(path, sources):
    return write_dataset(path, count=len(sources), sources=sources)


def test_training_set_and_held_out_set_share_no_creature_and_no_picture(tmp_path):
    path = named_dataset(tmp_path / "d.zip", forms(20))
    with open_sets(path, None, 3, 0.2) as (train, held), SpriteDataset(path) as whole:
        assert held is not None
        assert len(train) + len(held) == len(whole)
        assert not set(creatures_of(train.sources)) & set(creatures_of(held.sources))
        assert held.creatures() == len(set(creatures_of(held.sources)))
        ours = {picture.numpy().tobytes() for picture in train.images(range(len(train)))}
        theirs = {picture.numpy().tobytes() for picture in held.images(range(len(held)))}
        assert not ours & theirs
        assert len(ours | theirs) == len(whole)
        assert train.facts.images == len(train)
        assert len({train.facts.sha256, held.facts.sha256, whole.facts.sha256}) == 3


def test_subset_is_drawn_from_what_is_not_held_out(tmp_path):
    path = named_dataset(tmp_path / "d.zip", forms(20))
    with open_sets(path, 12, 3, 0.2) as (some, held), open_sets(path, None, 3, 0.2) as (train, same):
        assert len(some) == 12
        assert set(some.sources) < set(train.sources)
        assert held is not None
        assert same is not None
        assert held.sources == same.sources


def test_without_holdout_there_is_no_second_set(tmp_path):
    path = named_dataset(tmp_path / "d.zip", forms(5))
    with open_sets(path, None, 0, 0.0) as (train, held), SpriteDataset(path) as whole:
        assert held is None
        assert train.facts == whole.facts


@pytest.mark.sprites
@pytest.mark.parametrize(("archive", "species", "others"), [
    ("pokemon_rgba.zip", 721, set()),
    ("sprites_gen5.zip", 649, {"0", "egg", "egg-manaphy", "substitute"}),
])  # fmt: skip
def test_the_real_sprites_are_as_many_creatures_as_the_pokedex_counts(sprites, archive, species, others):
    if not (sprites / archive).is_file():
        pytest.skip(f"{archive} is not here")
    with zipfile.ZipFile(sprites / archive) as opened:
        names = [name for name in opened.namelist() if name.endswith(".png")]
    assert set(creatures_of(names)) == {str(number) for number in range(1, species + 1)} | others
