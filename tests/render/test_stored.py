"""Latent files and pictures stand wherever a seed does, and give the same picture again."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stylegan_pokemon.errors import UserError
from stylegan_pokemon.render.images import save_png
from stylegan_pokemon.render.interpolation import interpolation_frames
from stylegan_pokemon.render.pictures import RenderOptions, render_seeds, write_pictures
from stylegan_pokemon.render.seeds import StoredLatent, describe_seeds, file_stem, is_overview, parse_seeds
from stylegan_pokemon.render.stored import CHUNK, read_latents, read_picture_facts, write_latents


def pictures(source, keys, psi=1.0):
    return np.stack(list(render_seeds(source, keys, source.labels(keys, None), RenderOptions(psi))))


@pytest.mark.parametrize("psi", [1.0, 0.7])
def test_latents_of_a_file_draw_what_their_seeds_drew_among_other_seeds(conditional_source, tmp_path, psi):
    source, seeds = conditional_source, [5, 3, 8]
    labels = source.labels(seeds, None)
    ws = source.ws(seeds, labels, psi).numpy()
    write_latents(
        tmp_path / "a.npz", ws, [{"seed": s, "class": k} for s, k in zip(seeds, labels, strict=True)]
    )
    keys = parse_seeds(f"7,{tmp_path / 'a.npz'},3")
    assert [type(key) for key in keys] == [int, StoredLatent, StoredLatent, StoredLatent, int]
    found = source.labels(keys, None)
    assert found[1:4] == labels
    drawn = list(render_seeds(source, keys, found, RenderOptions()))
    assert np.array_equal(np.stack(drawn[1:4]), pictures(source, seeds, psi))
    assert np.array_equal(drawn[0], pictures(source, [7])[0])


def test_truncation_of_a_stored_latent_is_that_of_its_seed(conditional_source, source, tmp_path):
    for network in (conditional_source, source):
        labels = network.labels([1, 2], None)
        facts = [{"class": label} for label in labels]
        write_latents(tmp_path / "a.npz", network.ws([1, 2], labels).numpy(), facts)
        stored = pictures(network, parse_seeds(str(tmp_path / "a.npz")), 0.5)
        # The two orders of rounding may differ in the last bit.
        assert np.abs(stored.astype(int) - pictures(network, [1, 2], 0.5)).max() <= 1


def test_the_layout_of_the_official_projector_is_read_without_anything_beside_it(source, tmp_path):
    w = source.ws([4], [0]).numpy()
    np.savez(tmp_path / "projected_w.npz", w=w)
    (latent,) = read_latents(tmp_path / "projected_w.npz")
    assert (latent.stem, latent.count, dict(latent.facts)) == ("projected_w", 1, {})
    assert np.array_equal(pictures(source, [latent])[0], pictures(source, [4])[0])


@pytest.mark.parametrize("psi", [1.0, 0.7])
def test_a_picture_holds_what_draws_it_again(conditional_source, tmp_path, psi):
    source = conditional_source
    labels = source.labels([6], None)
    write_latents(tmp_path / "a.npz", source.ws([2], [1]).numpy() + 0.5, [{"class": 1}])
    keys = [6, *parse_seeds(str(tmp_path / "a.npz"))]
    write_pictures(source, keys, [*labels, 1], tmp_path, RenderOptions(psi), with_grid=False)
    for key, label in zip(keys, [*labels, 1], strict=True):
        path = tmp_path / f"{file_stem(key)}.png"
        facts = read_picture_facts(path)
        assert (facts["class"], facts["network"]) == (label, source.path.name)
        (again,) = parse_seeds(str(path))
        assert source.labels([again], None) == [label]
        (drawn,) = render_seeds(source, [again], [label], RenderOptions())
        assert np.array_equal(drawn, np.asarray(Image.open(path)))


def test_a_film_through_stored_latents_passes_them_and_loops(source, tmp_path):
    write_latents(tmp_path / "a.npz", source.ws([1, 2], [0, 0]).numpy(), [{}, {}])
    keys = [3, *parse_seeds(str(tmp_path / "a.npz"))]
    frames = list(interpolation_frames(source, keys, [0] * 3, 4, RenderOptions()))
    assert len(frames) == 12
    apart = [
        np.abs(frames[4 * i].astype(int) - pictures(source, [seed])[0]) for i, seed in enumerate([3, 1, 2])
    ]
    assert max(each.max() for each in apart) <= 1


def test_names_of_files_may_hold_commas(source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("seeds0-2,7,9.npz", "b.npz"):
        write_latents(Path(name), source.ws([4], [0]).numpy(), [{}])
    keys = parse_seeds("3,seeds0-2,7,9.npz,5-6,b.npz")
    assert [key if isinstance(key, int) else key.path.name for key in keys] == [
        3, "seeds0-2,7,9.npz", 5, 6, "b.npz",
    ]  # fmt: skip


def test_names_of_files_that_hold_latents():
    one = StoredLatent(Path("x/mine.npz"), 0, 1, None)
    two = [StoredLatent(Path("x/some.npz"), index, 2, None) for index in (0, 1)]
    assert [file_stem(key) for key in (3, one, *two)] == ["seed0003", "mine", "some-000", "some-001"]
    assert describe_seeds([0, 1, one, *two, 5]) == "0-1,mine,some,5"
    assert describe_seeds([StoredLatent(Path("a b/c d.npz"), 0, 1, None)]) == "c_d"
    assert is_overview("grid-seeds0-1,mine-psi0.7.png")
    assert is_overview("x/sweep-seedsmine.png")
    assert is_overview("bred/breed-gen2-1a2b3c4d.png")
    assert not is_overview("bred/gen2-1a2b3c4d-004.png")
    assert not is_overview("latents-seeds0-3-002.png")


def broken(path: Path, how: str) -> Path:
    arrays = {
        "flat": np.zeros((3, 16)), "empty": np.zeros((0, 6, 16)), "nan": np.full((1, 6, 16), np.nan),
        "text": np.array([[["a"]]]), "object": np.array([[[{}]]], dtype=object),
    }  # fmt: skip
    if how in arrays:
        np.savez(path, w=arrays[how])
    elif how == "no w":
        np.savez(path, z=np.zeros(3))
    elif how == "no zip":
        path.write_bytes(b"hello")
    elif how == "damaged":
        np.savez(path, w=np.ones((1, 6, 16)))
        path.write_bytes(path.read_bytes()[:200] + bytes(60) + path.read_bytes()[260:])
    elif how == "bomb":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("w.npy", "w") as file:
            for _ in range(300):
                file.write(bytes(2**20))
    return path


@pytest.mark.parametrize(
    "how", ["flat", "empty", "nan", "text", "object", "no w", "no zip", "damaged", "bomb", "missing"]
)
def test_what_is_no_latent_file_is_one_sentence_that_names_it(tmp_path, how):
    path = broken(tmp_path / "mine.npz", how)
    with pytest.raises(UserError, match=r"mine\.npz") as error:
        parse_seeds(str(path))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("chunk", [
    None, "{", "[]", '{"seed": -1}', '{"seed": true}', '{"w": "!", "rows": 1}', '{"w": "AAAA", "rows": 1}',
    '{"w": "AADAfw==", "rows": 1}', "[" * 9000, '{"seed": 4294967296}', '{"seed": 1, "truncation": NaN}',
    '{"seed": 1, "truncation": []}',
])  # fmt: skip
def test_a_png_of_others_is_one_sentence(tmp_path, chunk):
    save_png(tmp_path / "x.png", np.zeros((4, 4, 3), np.uint8), {} if chunk is None else {CHUNK: chunk})
    with pytest.raises(UserError, match=r"x\.png .*generate\.py"):
        parse_seeds(str(tmp_path / "x.png"))


def test_latents_of_another_shape_are_one_sentence(source, tmp_path):
    write_latents(tmp_path / "a.npz", np.zeros((1, 3, 16)), [{}])
    with pytest.raises(UserError, match=r"a\.npz holds latents of 3 × 16 numbers, and .* takes"):
        pictures(source, read_latents(tmp_path / "a.npz"))


def test_a_damaged_description_costs_only_itself(source, tmp_path):
    write_latents(tmp_path / "a.npz", source.ws([1], [0]).numpy(), [{"seed": 1}])
    assert json.loads((tmp_path / "a.json").read_text())["latents"] == [{"seed": 1}]
    (tmp_path / "a.json").write_text("{" * 99)
    (latent,) = read_latents(tmp_path / "a.npz")
    assert latent.facts == {}
