"""Children are made of their parents, layer group by layer group, and know where they come from."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
import torch
from PIL import Image

from stylegan_pokemon.errors import UserError
from stylegan_pokemon.render.breeding import as_creatures, as_latents, family_sheet, offspring
from stylegan_pokemon.render.layers import groups_of
from stylegan_pokemon.render.pictures import RenderOptions, write_pictures
from stylegan_pokemon.render.seeds import StoredLatent, parse_seeds
from stylegan_pokemon.render.stored import read_picture_facts, write_latents


def bred(source, keys=(3, 7), count=40, **how):
    parents = as_creatures(source, keys, source.labels(keys, None), RenderOptions(0.8))
    return parents, offspring(source, parents, count, **{"mutation": 0.0, "seed": 0, **how})


def test_without_mutation_every_group_lies_on_the_line_between_the_parents(source):
    (one, other), (_, children) = bred(source)
    kinds = {"ends": 0, "between": 0}
    for child in children:
        for rows in groups_of(6).values():
            part, a, b = (w[list(rows)].flatten() for w in (child.w, one.w, other.w))
            t = float((part - a) @ (b - a) / (b - a).square().sum())
            torch.testing.assert_close(part, a + t * (b - a), atol=1e-5, rtol=0)
            assert -1e-5 <= t <= 1 + 1e-5
            kinds["ends" if min(t, 1 - t) < 1e-5 else "between"] += 1
    assert 35 < kinds["ends"] < 70  # of 80, two thirds
    assert not torch.equal(children[0].w, children[1].w)


def test_mutation_leads_away_and_all_of_it_leads_to_strangers(source):
    _, (_, still) = bred(source)
    _, (_, some) = bred(source, mutation=0.3)
    _, (_, strangers) = bred(source, mutation=1.0)
    for before, after, stranger in zip(still, some, strangers, strict=True):
        torch.testing.assert_close(after.w, 0.7 * before.w + 0.3 * stranger.w, atol=1e-5, rtol=0)
    assert not torch.allclose(strangers[0].w, strangers[1].w)


def test_the_same_seed_has_the_same_children_and_another_one_others(source):
    first, again, others = (bred(source, seed=seed, mutation=0.2)[1][1] for seed in (4, 4, 5))
    assert all(torch.equal(a.w, b.w) for a, b in zip(first, again, strict=True))
    assert not any(torch.equal(a.w, b.w) for a, b in zip(first, others, strict=True))


def test_children_of_children_know_their_grandparents(source, tmp_path):
    _, (stem, children) = bred(source, count=3)
    latents = as_latents(children, tmp_path / f"{stem}.npz")
    write_pictures(source, latents, [0] * 3, tmp_path, RenderOptions(), with_grid=False)
    write_latents(
        tmp_path / f"{stem}.npz", np.stack([k.w for k in latents]), [dict(k.facts) for k in latents]
    )
    named = children[1].name
    assert re.fullmatch(r"gen1-[0-9a-f]{8}-001", named)
    for keys in (
        parse_seeds(str(tmp_path / f"{named}.png")),
        parse_seeds(str(tmp_path / f"{stem}.npz"))[1:2],
    ):
        (parent, _), (_, (child, *_)) = bred(source, [*keys, 9], count=2)
        assert parent.generation == 1
        assert torch.allclose(parent.w, source.ws(keys, [0], 0.8)[0])
        assert child.generation == 2
        assert sorted(child.ancestors[child.name]) == sorted([named, "seed0009"])
        assert sorted(child.ancestors[named]) == ["seed0003", "seed0007"]
    picture = read_picture_facts(tmp_path / f"{named}.png")
    assert picture["lineage"]["generation"] == 1
    assert np.asarray(Image.open(tmp_path / f"{named}.png")).shape == (16, 16, 3)


def test_breeding_on_until_a_generation_is_breeding_that_often(source):
    _, (stem, children) = bred(source, count=4, generation=3)
    assert stem.startswith("gen3-")
    assert {child.generation for child in children} == {3}
    generations = {name.partition("-")[0] for name in children[0].ancestors}
    assert generations == {"gen1", "gen2", "gen3"}
    with pytest.raises(UserError, match="children of these parents are of generation 4 or later"):
        offspring(source, children, 2, mutation=0, seed=0, generation=3)


def test_of_three_parents_any_two_have_children(source):
    parents, (_, children) = bred(source, [1, 2, 3])
    pairs = {frozenset(child.ancestors[child.name]) for child in children}
    assert pairs == {frozenset(f"seed000{i}" for i in pair) for pair in ((1, 2), (1, 3), (2, 3))}
    sheet = family_sheet(source, parents, children, [1, 2, 3], RenderOptions())
    assert sheet.shape[0] > 6 * 64  # three parents, and 40 children in rows of eight


@pytest.mark.parametrize(
    "lineage", [3, {"generation": -1}, {"generation": True, "ancestors": []}, {"ancestors": {"a": [1]}}]
)
def test_a_lineage_that_is_none_counts_for_nothing(source, lineage, tmp_path):
    latent = StoredLatent(tmp_path / "a.npz", 0, 1, source.ws([1], [0])[0].numpy(), {"lineage": lineage})
    (parent,) = as_creatures(source, [latent], [0], RenderOptions())
    assert (parent.generation, parent.ancestors) == (0, {})
    json.dumps(parent.lineage)
