"""Figures of sprites: hand-made pictures, slow definitions, and forged creatures broken on purpose."""

from __future__ import annotations

import math
from collections import deque

import numpy as np
import pytest
from PIL import Image, ImageFilter

from dataset_tool.forge import draw_creature
from stylegan_pokemon.metrics import figures, sprite
from stylegan_pokemon.render.images import on_white
from stylegan_pokemon.sprites.quantize import oklab

WHITE = np.array([255, 255, 255], np.uint8)
SIDE = 64


def canvas(colour=(255, 255, 255), side=SIDE):
    return np.full((1, side, side, 3), colour, np.uint8)


def one(picture, background=WHITE):
    return {name: float(values[0]) for name, values in sprite.measure(picture, background).items()}


# ------------------------------------------------------------------ hand-made pictures


def test_a_hard_square_is_whole_sharp_clean_and_of_one_colour():
    x = canvas()
    x[:, 20:40, 20:40] = (200, 40, 40)
    found = one(x)
    chroma = float(np.hypot(*oklab(np.array([200, 40, 40]))[1:]))
    assert found == {
        "whole": 1, "pieces": 1, "holes": 0, "haze": 0, "speckle": pytest.approx(0, abs=1e-4),
        "sharpness": pytest.approx(1), "saturation": pytest.approx(100 * chroma, rel=1e-5), "palette": 1,
    }  # fmt: skip


@pytest.mark.parametrize(("area", "whole"), [(12, 1), (13, 0)])
def test_three_percent_beside_the_largest_piece_leave_it_whole(area, whole):
    """12 of 412 pixels are 2.9 %, 13 of 413 are 3.1 %."""
    x = canvas()
    x[:, 20:40, 20:40] = 0
    x[:, 50, 20 : 20 + area] = 0
    assert (one(x)["whole"], one(x)["pieces"]) == (whole, 2)


def test_pieces_that_touch_at_a_corner_are_one_and_holes_closed_by_a_corner_are_holes():
    x = canvas()
    x[:, 10:20, 10:20] = 0
    x[:, 20:30, 20:30] = 0
    assert one(x)["pieces"] == 1
    ring = canvas()
    ring[:, 10:30, 10:30] = 0
    ring[:, 15:20, 15:20] = 255
    assert one(ring)["holes"] == 1
    ring[:, 15:17, 15:20] = 0
    ring[:, 17:20, 15:19] = 0  # three pixels are left, less than a thousandth
    assert one(ring)["holes"] == 0


def test_specks_below_a_thousandth_are_no_pieces():
    x = canvas()
    x[:, 20:40, 20:40] = 0
    x[:, 50, 20:24] = 0  # 4 pixels of 4096 are one less than 0.1 %
    assert one(x)["pieces"] == 1


def test_haze_counts_what_is_near_the_background_but_not_clean():
    x = canvas()
    x[:, 0:4] = 252  # 1.2 % darker: clean
    assert one(x)["haze"] == 0
    x[:, 0:4] = 251  # 1.6 %
    assert one(x)["haze"] == pytest.approx(100 * 4 / 64)
    x[:, 0:4] = 225  # 11.8 %
    assert one(x)["haze"] == pytest.approx(100 * 4 / 64)
    x[:, 0:4] = 224  # 12.2 %: foreground
    assert one(x)["haze"] == 0


def test_a_set_of_empty_pictures_has_no_creature():
    found = one(canvas())
    assert (found["whole"], found["pieces"], found["haze"]) == (0, 0, 0)
    assert all(math.isnan(found[name]) for name in ("speckle", "sharpness", "saturation", "palette"))


def test_a_palette_leaves_out_what_covers_less_than_a_twentieth():
    x = canvas()
    x[:, 10:30, 10:30] = (255, 0, 0)
    x[:, 10:20, 10:30] = (0, 0, 255)
    assert one(x)["palette"] == 2
    x[:, 10, 10:29] = (0, 160, 0)  # 19 of 400
    assert one(x)["palette"] == 2
    x[:, 10, 10:30] = (0, 160, 0)  # 20 of 400: without it exactly 95 % are covered
    assert one(x)["palette"] == 2
    x[:, 11, 10:11] = (0, 160, 0)
    assert one(x)["palette"] == 3


def test_lines_edges_and_shades_are_no_speckle_but_dots_are():
    x = canvas()
    x[:, 8:56, 8:56] = 120
    x[:, 8:56, 30] = 20  # a line
    x[:, 8:56, 40:56] = 200  # an edge
    x[:, 40:56, 8:30] = np.arange(22)[:, None] * 3 + 60  # a shade
    assert one(x)["speckle"] < 0.05
    x[:, 12:36:4, 12:28:4] = 200
    assert one(x)["speckle"] > 0.2


def test_a_wider_edge_is_less_sharp():
    """Of four steps the two pixels around the silhouette show three."""
    steps = [one(edge(width))["sharpness"] for width in (1, 2, 4)]
    assert steps == pytest.approx([1, 1 / 2, 1 / 3], rel=0.02)


def edge(width):
    """A wide dark bar whose edges climb in `width` equal steps."""
    ramp = np.clip((np.arange(SIDE) - 20) / width, 0, 1) * np.clip((43 - np.arange(SIDE)) / width, 0, 1)
    return np.round(255 - 200 * ramp).astype(np.uint8)[None, None, :, None].repeat(SIDE, 1).repeat(3, 3)


# ------------------------------------------------------------------ backgrounds


def test_the_sets_background_is_what_its_borders_share():
    random = np.random.RandomState(0)
    x = np.concatenate([canvas((30, 90, 160)) for _ in range(20)])
    for picture in x:
        picture[10:50, 0:40] = random.randint(0, 256, 3)  # creatures that touch a side
    assert sprite.background_of(x).tolist() == [30, 90, 160]
    for i, picture in enumerate(x):
        picture[[0, -1]] = picture[:, [0, -1]] = 12 * i
    assert sprite.background_of(x) is None


def test_figures_do_not_depend_on_the_backgrounds_colour():
    shown = []
    for ground in ((255, 255, 255), (0, 200, 90), (10, 10, 10)):
        x = canvas(ground)
        x[:, 20:40, 20:40] = (200, 40, 140)
        x[:, 30, 20:40] = ground
        x[:, 50:54] = np.array(ground) + (12 if ground[0] < 100 else -12)
        shown.append(one(x, np.array(ground, np.uint8)) | {"saturation": 0, "speckle": 0})
        own = one(x, None) | {"saturation": 0, "speckle": 0}
        assert own == shown[-1]
    assert shown[0] == shown[1] == shown[2]
    assert shown[0]["whole"] == 0
    assert shown[0]["haze"] > 5


def test_alpha_tells_the_creature_whatever_its_colours(creatures):
    rgba, white = creatures
    a, b = sprite.measure(rgba), sprite.measure(white, WHITE)
    assert a["haze"].max() == 0
    assert a["holes"].mean() < b["holes"].mean()  # white eyes are no holes
    half = np.zeros((1, SIDE, SIDE, 4), np.uint8)
    half[:, 20:40, 20:40] = (255, 255, 255, 255)  # white on white
    half[:, 50:60, :] = (0, 0, 0, 20)  # 8 % opaque
    found = one(half, None)
    assert (found["whole"], found["pieces"], found["sharpness"]) == (1, 1, 1)
    assert found["haze"] == pytest.approx(100 * 640 / (4096 - 20 * 24 - 20 * 4 - 4), rel=0.01)


# ------------------------------------------------------------------ the definitions, slowly


def slow_whole(picture):
    """By a flood over eight neighbours, on white."""
    foreground = {(int(y), int(x)) for y, x in np.argwhere(255 - picture.min(axis=-1) > 0.12 * 255)}
    total, largest = len(foreground), 0
    while foreground:
        queue, size = deque([foreground.pop()]), 0
        while queue:
            y, x = queue.popleft()
            size += 1
            for place in [(y + i, x + j) for i in (-1, 0, 1) for j in (-1, 0, 1)]:
                if place in foreground:
                    foreground.remove(place)
                    queue.append(place)
        largest = max(largest, size)
    return total > 0 and largest >= 0.97 * total


def slow_haze(picture):
    """Percent of the pixels farther than 2 from all of the foreground that are 1.5 to 12 % from white."""
    distance = (255 - picture.min(axis=-1)) / 255
    places = np.argwhere(distance > 0.12)
    y, x = np.mgrid[: len(picture), : len(picture)]
    away = np.ones(distance.shape, bool)
    for row, column in places:
        away &= np.hypot(y - row, x - column) > 2
    return 100 * float(((distance > 0.015) & away).sum() / away.sum())


def test_whole_and_haze_are_what_a_flood_and_distances_say(creatures):
    random = np.random.RandomState(0)
    x = hazed(cut(creatures[1][:8]))
    x[4:] = creatures[1][8:12]
    x[:, random.rand(SIDE, SIDE) < 0.02] = 90
    found = sprite.measure(x, WHITE)
    assert found["whole"].tolist() == [float(slow_whole(picture)) for picture in x]
    assert found["haze"] == pytest.approx([slow_haze(picture) for picture in x])


# ------------------------------------------------------------------ broken on purpose


@pytest.fixture(scope="module")
def creatures():
    """Forty forged sprites with alpha, and the same on white."""
    rgba = np.stack([np.asarray(draw_creature(3, i, "sprite", SIDE).image) for i in range(40)])
    return rgba, on_white(rgba)


def body(x):
    return (255 - x).max(axis=-1) > 0.12 * 255


def cut(x):
    """Three rows of background through the middle of the creature."""
    x = x.copy()
    for picture, inside in zip(x, body(x), strict=True):
        rows = np.nonzero(inside.any(axis=1))[0]
        middle = (rows[0] + rows[-1]) // 2
        picture[middle - 1 : middle + 2] = 255
    return x


def blurred(x):
    return np.stack([np.asarray(Image.fromarray(p).filter(ImageFilter.GaussianBlur(0.8))) for p in x])


def hazed(x):
    """The clean background darkened by 2 to 8 %."""
    veil = 255 - np.random.RandomState(0).randint(5, 20, (len(x), SIDE, SIDE, 1)).astype(np.uint8)
    return np.where((x == 255).all(axis=-1, keepdims=True), veil, x)


def speckled(x):
    """Noise of 16 grey levels inside the body, not on its edge."""
    noise = np.random.RandomState(0).randn(len(x), SIDE, SIDE, 1) * 16
    inside = np.stack(
        [np.asarray(Image.fromarray(m).filter(ImageFilter.MinFilter(3))) for m in body(x).astype(np.uint8)]
    )
    noisy = np.clip(x + noise, 0, 220).astype(np.uint8)
    return np.where((inside > 0)[..., None] & (x < 220).all(axis=-1, keepdims=True), noisy, x)


def washed_out(x):
    """Colours at two fifths of their strength, brightness kept."""
    grey = x @ np.array([0.299, 0.587, 0.114])
    return np.round(grey[..., None] + 0.4 * (x - grey[..., None])).astype(np.uint8)


# Each defect moves its own figures at least so far: a factor of the sound set's, or a difference for shares,
# counts and haze, whose sound values may be 0. Then the figures that it moves by their very definition.
DEFECTS = {
    "cut": (cut, {"whole": -0.8, "pieces": 0.8}, {
        "holes": "a cut opens some", "sharpness": "its edges are hard"}),
    "blurred": (blurred, {"sharpness": 0.6}, {
        "holes": "small ones close", "speckle": "fine detail goes too", "palette": "small areas mix"}),
    "hazed": (hazed, {"haze": 80.0}, {}),
    "speckled": (speckled, {"speckle": 1.5}, {"palette": "shades around a colour are more colours"}),
    "washed out": (washed_out, {"saturation": 0.6}, {
        "palette": "colours that differ in hue alone fall together", "holes": "pale areas become white"}),
}  # fmt: skip
# The others stay within this. Most move by less than 2 %; a blur carries white two pixels into the body,
# which takes a tenth of its saturation.
ABSOLUTE = {"whole": 0.05, "pieces": 0.1, "holes": 0.15, "haze": 1.0}
RELATIVE = 0.15


@pytest.mark.parametrize("defect", DEFECTS)
def test_each_defect_moves_its_own_figure_and_leaves_the_others(creatures, defect):
    breaks, own, entailed = DEFECTS[defect]
    sound = sprite.measure(creatures[1], WHITE)
    found = figures.compared(sprite.measure(breaks(creatures[1]), WHITE), sound)
    for name, entry in found.items():
        value, before = entry["value"], entry["reals"]
        if name in own:
            if name in ABSOLUTE:
                assert math.copysign(1, own[name]) * (value - before) > abs(own[name]), (name, value, before)
            else:
                assert value > own[name] * before if own[name] > 1 else value < own[name] * before, name
            assert abs(entry["distance"]) > 5, name
        elif name not in entailed:
            limit = ABSOLUTE.get(name, RELATIVE * before)
            assert abs(value - before) <= limit, (name, value, before)


# ------------------------------------------------------------------ figures of sets


def of(**values):
    """Figures of a set in which everything but these is the same in all its 50 pictures."""
    return {name: np.asarray(values.get(name, np.ones(50)), np.float64) for name in sprite.NAMES}


def test_shares_means_and_medians_have_the_errors_of_their_closed_forms():
    x = np.arange(100.0)
    found = figures.compared(of(whole=x < 30, haze=x, speckle=x), of())
    share = (30 + 2) / 104
    assert found["whole"]["value"] == 0.3
    assert found["whole"]["error"] == pytest.approx(math.sqrt(share * (1 - share) / 104))
    assert found["haze"]["value"] == found["speckle"]["value"] == 49.5
    assert found["haze"]["error"] == pytest.approx(x.std(ddof=1) / 10)
    # The binomial distribution's 2.5 and 97.5 % are 40 and 60 of 100.
    assert found["speckle"]["interval"] == [40, 60]


def test_the_interval_of_a_median_holds_it_as_often_as_it_says():
    random = np.random.RandomState(0)
    hits = 0
    for _ in range(400):
        low, high = figures.compared(of(speckle=random.lognormal(size=60)), of())["speckle"]["interval"]
        hits += low <= 1 <= high
    assert 0.93 <= hits / 400 <= 1


def test_the_distance_is_in_standard_errors():
    random = np.random.RandomState(0)
    few, many = (
        figures.compared(of(haze=random.randn(n) + 1), of(haze=random.randn(n)))["haze"] for n in (50, 5000)
    )
    assert few["distance"] == pytest.approx(math.sqrt(50 / 2), rel=0.4)
    assert many["distance"] == pytest.approx(math.sqrt(5000 / 2), rel=0.1)


def test_equal_sets_are_no_distance_apart_and_what_is_missing_is_left_out():
    nothing = np.full(50, np.nan)
    found = figures.compared(of(palette=nothing), of())
    assert "palette" not in found
    assert {entry["distance"] for entry in found.values()} == {0}


def test_the_verdict_names_what_is_worse_than_in_the_real_set():
    def said(whole, haze, whole_reals=0.97, haze_reals=0.9):
        count = 400
        sets = [
            {**of(), "whole": (np.arange(count) < round(w * count)).astype(float), "haze": np.full(count, h)}
            for w, h in ((whole, haze), (whole_reals, haze_reals))
        ]
        return figures.verdict(figures.compared(*sets))

    assert said(0.59, 1.0) == (
        "Broken: 41% of the pictures are in pieces, of the real ones 3%; 1.0 % of the background is hazy, of"
        " the real ones' 0.9 %."
    )
    assert said(0.97, 12.0).startswith("Hazy: ")
    assert said(0.5, 12.0).startswith("Broken and hazy: ")
    assert said(0.95, 2.5).startswith("As whole and clean as the real ones: ")
    assert said(0.1, 60, 0.1, 60).startswith("As whole")  # photographs, say
    assert figures.verdict({}) == "The pictures are all foreground."
