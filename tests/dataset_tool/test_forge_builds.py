"""Builds of the forge: chimeras, attachments and warps give whole creatures with round eyes."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from dataset_tool.forge import draw_creature
from dataset_tool.forge.anatomy import PLANS
from dataset_tool.forge.attachments import SIDEWAYS, WEARERS, Frame, attach, largest_outline
from dataset_tool.forge.builds import givers, split, with_head
from dataset_tool.forge.draft import Draft, Part, extent, fit
from dataset_tool.forge.warp import Warp, draw_warp, warped

SEED = 11
WARP = Warp(np.array([3.0, -4.0]), 80.0, stretch=0.15, taper=0.19, lean=0.11, bend=-0.07)


@pytest.fixture(scope="module")
def creatures():
    return [draw_creature(SEED, index, "sprite", 64) for index in range(100)]


def drawn(name: str, seed: int = 0) -> Draft:
    draft = Draft(PLANS[name].types[0], np.random.default_rng(seed))
    PLANS[name].draw(draft)
    return draft


TAKERS = [name for name in PLANS if (skull := drawn(name).skull) is not None and skull.takes]


def largest_piece(visible: np.ndarray) -> float:
    """Share of the visible pixels in the largest connected piece (four neighbours), by flood fill."""
    width = visible.shape[1]
    left = set(np.flatnonzero(visible).tolist())
    total, largest = len(left), 0
    while left:
        edge = [left.pop()]
        size = 0
        while edge:
            pixel = edge.pop()
            size += 1
            for next_ in (pixel - 1, pixel + 1, pixel - width, pixel + width):
                if next_ in left:
                    left.remove(next_)
                    edge.append(next_)
        largest = max(largest, size)
    return largest / total


def on_white(picture: Image.Image) -> np.ndarray:
    """Pixels that stand out from white paper."""
    paper = Image.new("RGBA", picture.size, "white")
    paper.alpha_composite(picture)
    return (255 - np.asarray(paper)[..., :3].astype(int)).max(axis=2) > 30


def silhouette(parts: list) -> np.ndarray:
    """The pixels that parts cover, drawn without any style."""
    image = Image.new("L", (64, 64))
    draw = ImageDraw.Draw(image)
    for part in fit(parts, 64, fill=0.85, flip=False):
        if isinstance(part, Part):
            for outline in part.outlines:
                draw.polygon([tuple(p) for p in outline.tolist()], fill=255, outline=255)
    return np.asarray(image) > 0


def test_a_creature_does_not_depend_on_those_drawn_before_it(creatures):
    for index in (90, 40, 3):
        again = draw_creature(SEED, index, "sprite", 64)
        assert again.body == creatures[index].body
        assert again.image.tobytes() == creatures[index].image.tobytes()


def test_about_a_quarter_are_chimeras_of_two_plans_and_no_two_of_those_are_of_the_same_pair(creatures):
    chimeras = [c.body for c in creatures if "+" in c.body]
    assert 0.18 < len(chimeras) / len(creatures) < 0.40
    for name in chimeras:
        body, head = name.split("+")
        assert body in TAKERS
        assert head in givers(body in SIDEWAYS)
        assert body != head
    assert len(set(chimeras)) > 0.9 * len(chimeras)


def test_plans_combine_to_more_than_a_thousand_builds():
    assert len(TAKERS) >= 35
    assert sum(len(givers(name in SIDEWAYS)) - 1 for name in TAKERS) > 1000


def test_a_chimera_holds_the_body_of_one_plan_and_the_head_of_the_other():
    body, guest = drawn("fox"), drawn("cat")
    parts, head = with_head(body, guest, 1.1)
    behind, in_front = split(body.parts)
    heads = [p for p in guest.parts if p.head]
    count = len(behind) + len(in_front)
    assert 0 < count < len(body.parts)
    assert [id(p) for p in parts[: len(behind)]] == [id(p) for p in behind]
    assert len(parts) == count + len(heads)
    moved_head = parts[len(behind) : len(behind) + len(heads)]
    assert [getattr(p, "paint", "") for p in moved_head] == [p.paint for p in heads]
    (low, high), (low_before, high_before) = extent(moved_head), extent(heads)
    assert (high - low) / (high_before - low_before) == pytest.approx(head.radius / guest.skull.radius)
    # The skull's centre is where the head belongs: on the fox's own, but for what it grew.
    offset = np.array([guest.skull.x, guest.skull.y]) - low_before
    assert low + offset * head.radius / guest.skull.radius == pytest.approx([head.x, head.y])
    assert np.hypot(head.x - body.skull.x, head.y - body.skull.y) < 0.1 * body.skull.radius


@pytest.mark.parametrize("body", TAKERS)
def test_every_head_hangs_on_to_the_body(body):
    guests = givers(body in SIDEWAYS)
    for guest in guests[TAKERS.index(body) % 6 :: 6]:
        parts, _ = with_head(drawn(body), drawn(guest), 0.98)
        assert largest_piece(silhouette(parts)) > 0.985, guest


@pytest.mark.parametrize("kind", WEARERS)
def test_every_attachment_hangs_on_to_its_wearer(kind):
    assert WEARERS[kind] <= set(PLANS)
    for name in sorted(WEARERS[kind]):
        draft = drawn(name)
        head = draft.skull if draft.skull and draft.skull.takes else None
        bare = [p for p in draft.parts if not (head and p.head)]
        for seed in range(2):
            frame = Frame(largest_outline(bare, head), head, name in SIDEWAYS)
            attach(frame, kind, Draft("normal", np.random.default_rng(seed)))
            assert frame.behind or frame.before, name
            parts = [*frame.behind, *frame.before, *draft.parts]
            assert largest_piece(silhouette(parts)) >= 0.985 * largest_piece(silhouette(draft.parts)), name


def test_creatures_are_in_one_piece_on_white_paper(creatures):
    whole = [largest_piece(on_white(c.image)) >= 0.97 for c in creatures]
    assert np.mean(whole) >= 0.97


def test_a_warp_of_nothing_moves_nothing():
    draft = drawn("fox")
    for before, after in zip(draft.parts, warped(draft.parts, Warp(np.zeros(2), 50.0)), strict=True):
        for a, b in zip(before.outlines, after.outlines, strict=True):
            assert np.abs(a - b).max() < 1e-9


def test_growth_is_the_closed_form_of_the_map():
    """A stretch keeps areas; a taper enlarges heights and widths alike, by exp(-taper * y)."""
    for y in (-40.0, 0.0, 30.0):
        point = np.array([10.0, y])
        assert Warp(np.zeros(2), 50.0, stretch=0.2, lean=0.1).growth(point) == pytest.approx(1, abs=1e-3)
        taper = Warp(np.zeros(2), 50.0, taper=0.2)
        assert taper.growth(point) == pytest.approx(np.exp(-0.2 * y / 50), rel=3e-3)


@pytest.mark.parametrize("name", ["fox", "owl", "bear", "fish", "crab"])
def test_eyes_and_mouths_keep_their_shape_under_a_warp_that_bodies_do_not(name):
    parts = drawn(name).parts
    groups: dict[int, tuple[list, list]] = {}
    bodies = []
    for before, after in zip(parts, warped(parts, WARP), strict=True):
        a, b = np.concatenate(before.outlines), np.concatenate(after.outlines)
        if before.rigid is not None:
            old, new = groups.setdefault(id(before.rigid), ([], []))
            old.append(a)
            new.append(b)
        elif isinstance(before, Part) and not before.solid:
            bodies.append((np.ptp(b, axis=0) / np.ptp(a, axis=0)).tolist())
    assert len(groups) >= 1
    for old, new in groups.values():
        a, b = np.concatenate(old), np.concatenate(new)
        a, b = a - a.mean(axis=0), b - b.mean(axis=0)
        scale = np.linalg.norm(b) / np.linalg.norm(a)
        assert np.abs(b - a * scale).max() < 1e-9 * np.abs(a).max()
    assert max(abs(x / y - 1) for x, y in bodies) > 0.1


def test_no_two_warps_of_one_drawing_are_alike():
    parts = drawn("fox").parts
    shapes = {
        extent(warped(parts, draw_warp(parts, np.random.default_rng(seed), 1.0)))[0].tobytes()
        for seed in range(20)
    }
    assert len(shapes) == 20
