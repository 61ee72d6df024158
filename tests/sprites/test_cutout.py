"""Cut-outs against the truth: forge's opacity, discs of known coverage, shapes with gaps."""

import numpy as np
import pytest
from PIL import Image

from dataset_tool.background import connected_to_border
from stylegan_pokemon.sprites.cutout import bleed, cut_out
from tests.sprites.drawings import WHITE, coverage, disc, forged, laid, over

BLUE = (30, 60, 140)


@pytest.mark.parametrize(("style", "size", "most", "most_at_edges"), [
    ("sprite", 64, 0.008, 0.085), ("woodcut", 64, 0.009, 0.09), ("sprite", 256, 0.003, 0.03),
])  # fmt: skip
def test_the_opacity_of_forty_forged_creatures_is_found(style, size, most, most_at_edges):
    """Mean error over all pixels, and over those that are part opaque. docs/sprites.md states both."""
    errors, at_edges = [], []
    for creature in forged(40, style, size):
        truth = creature[..., 3] / 255
        found = cut_out(np.rint(over(creature, WHITE)).astype(np.uint8)).picture[..., 3] / 255
        error = np.abs(found - truth)
        errors.append(error.mean())
        at_edges.append(error[(truth > 0) & (truth < 1)].mean())
    print(f"{style} {size}: {np.mean(errors):.4f}, at edges {np.mean(at_edges):.4f}")
    assert np.mean(errors) < most
    assert np.mean(at_edges) < most_at_edges


def test_no_creature_of_forge_is_taken_for_one_with_an_open_outline():
    pictures = [np.rint(over(creature, WHITE)).astype(np.uint8) for creature in forged(40)]
    assert [cut_out(picture).closed for picture in pictures] == [0.0] * 40


@pytest.mark.parametrize("background", [WHITE, (0, 0, 0), (40, 200, 90)])
def test_the_edge_of_a_disc_has_the_opacity_of_its_coverage_and_the_disc_s_colour(background):
    alpha = coverage(lambda x, y: disc(x, y, 20.3))
    cut = cut_out(laid(alpha, (200, 30, 160), background))
    found = cut.picture[..., 3] / 255
    assert np.abs(found - alpha).max() < 0.06
    assert np.abs(cut.picture[..., :3][found > 0.2].astype(int) - (200, 30, 160)).max() <= 8
    assert cut.removed == pytest.approx((alpha < 0.05).mean(), abs=0.01)


def test_over_its_own_background_a_cut_out_is_the_picture_again():
    for creature in forged(10):
        picture = np.rint(over(creature, WHITE)).astype(np.uint8)
        cut = cut_out(picture, tolerance=12).picture
        again = np.abs(over(cut, WHITE) - picture)
        assert again[cut[..., 3] == 0].max() <= 12
        assert again[cut[..., 3] > 0].max() <= 1


@pytest.mark.parametrize("scale", [1, 3])
def test_no_halo_on_a_dark_page_even_after_bilinear_scaling(scale):
    """Every channel is scaled by itself, as a graphics card does it with straight alpha."""
    alpha = coverage(lambda x, y: disc(x, y, 20.3))
    sprite = bleed(cut_out(laid(alpha, BLUE)).picture)
    channels = [Image.fromarray(sprite[..., c]).resize((64 * scale,) * 2, Image.Resampling.BILINEAR)
                for c in range(4)]  # fmt: skip
    shown = over(np.dstack([np.asarray(channel) for channel in channels]), (0, 0, 0))
    assert (shown <= np.array(BLUE) + 5).all()


def test_without_bleeding_there_would_be_a_halo():
    alpha = coverage(lambda x, y: disc(x, y, 20.3))
    sprite = cut_out(laid(alpha, BLUE)).picture
    assert (sprite[0, 0, :3] == 255).all()
    assert np.abs(bleed(sprite)[0, 0, :3].astype(int) - BLUE).max() <= 8


def test_white_bellies_eyes_and_teeth_stay():
    picture = laid(coverage(lambda x, y: disc(x, y, 22)), BLUE)
    belly = coverage(lambda x, y: disc(x, y, 14))
    picture = laid(belly, WHITE, picture)
    cut = cut_out(picture).picture
    assert (cut[belly == 1] == 255).all()
    assert (cut[0][..., 3] == 0).all()


def _open_ring(gap: int) -> np.ndarray:
    """A black ring around white, 3 pixels thick, with a gap of so many rows on the right."""
    y, x = np.mgrid[:64, :64]
    distance = np.hypot(x - 31.5, y - 31.5)
    ring = (distance > 20) & (distance < 23.5)
    ring[31 : 31 + gap, 32:] = False
    return np.where(ring[..., None], 0, 255).astype(np.uint8).repeat(3, axis=2)


@pytest.mark.parametrize("gap", [1, 2])
def test_a_leak_through_an_open_outline_is_found_and_closed(gap):
    picture = _open_ring(gap)
    cut = cut_out(picture)
    assert cut.picture[32, 32, 3] == 255
    assert cut.closed == pytest.approx(np.pi * 20**2 / 64**2, rel=0.05)
    open_ = cut_out(picture, gap=0)
    assert open_.picture[32, 32, 3] == 0
    assert open_.closed == 0
    assert open_.removed - cut.removed == pytest.approx(cut.closed, abs=0.01)


def test_a_wide_mouth_is_no_gap_unless_the_user_says_so():
    assert cut_out(_open_ring(8)).closed == 0
    assert cut_out(_open_ring(8), gap=8).closed > 0.25


def test_the_room_between_legs_is_background():
    picture = np.full((64, 64, 3), 255, np.uint8)
    picture[10:40, 16:48] = BLUE
    picture[40:60, 16:30] = picture[40:60, 32:48] = BLUE  # two pixels between two legs
    cut = cut_out(picture)
    assert cut.closed == 0
    assert (cut.picture[41:60, 30:32, 3] == 0).all()


def test_a_noisy_background_goes_whole():
    rng = np.random.default_rng(0)
    alpha = coverage(lambda x, y: disc(x, y, 20.3))
    noisy = laid(alpha, BLUE, (230, 230, 220)).astype(int) + rng.integers(-6, 7, (64, 64, 3))
    cut = cut_out(np.clip(noisy, 0, 255).astype(np.uint8))
    outside = ~connected_to_border(alpha == 0)
    assert (cut.picture[..., 3] > 0)[alpha == 0].mean() < 0.002
    assert (cut.picture[..., 3] > 128)[outside & (alpha > 0.6)].all()


def test_a_hard_cut_out_of_pixel_art_changes_no_colour():
    picture = np.full((32, 32, 3), 255, np.uint8)
    picture[8:24, 8:24] = (10, 10, 10)
    picture[9:23, 9:23] = (120, 120, 120)  # between black and white: no mixture here
    cut = cut_out(picture, hard=True).picture
    truth = np.full((32, 32), 0, np.uint8)
    truth[8:24, 8:24] = 255
    assert (cut[..., 3] == truth).all()
    assert (cut[..., :3][truth > 0] == picture[truth > 0]).all()


def test_a_picture_without_a_plain_background_is_not_cut():
    rng = np.random.default_rng(0)
    assert cut_out(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)) is None


def test_odd_sizes_and_pictures_of_one_colour():
    for shape in ((1, 1, 3), (1, 9, 3), (7, 2, 3)):
        assert cut_out(np.full(shape, 200, np.uint8)).removed == 1
