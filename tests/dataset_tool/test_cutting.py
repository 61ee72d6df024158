"""Sprite sheets are recognised and cut; single creatures never are."""

import time

import numpy as np
import pytest
from PIL import Image, ImageDraw

from dataset_tool.background import visible
from dataset_tool.convert import ConvertOptions, convert
from dataset_tool.cutting import sheet_boxes, sprites_of
from dataset_tool.problems import ProblemsError, UserError
from stylegan_pokemon.data.dataset import SpriteDataset


def sprite(rng, side, colour=None):
    """A body with a head and two feet, somewhere in a transparent square."""
    picture = Image.new("RGBA", (side, side))
    draw = ImageDraw.Draw(picture)
    colour = colour or (*rng.integers(0, 200, 3).tolist(), 255)
    size = int(rng.integers(side // 2, side - 3))
    left, top = (int(rng.integers(1, side - size)) for _ in range(2))
    draw.ellipse((left, top + size // 3, left + size, top + size), fill=colour)
    draw.ellipse((left + size // 4, top, left + 3 * size // 4, top + size // 2), fill=colour, outline="black")
    return picture


def sheet(columns, rows, side, count, opaque=False, seed=0):
    rng = np.random.default_rng(seed)
    page = Image.new("RGBA", (columns * side, rows * side), "white" if opaque else (0, 0, 0, 0))
    for k in range(count):
        drawn = sprite(rng, side)
        page.paste(drawn, (k % columns * side, k // columns * side), drawn)
    return page


@pytest.mark.parametrize("opaque", [False, True])
@pytest.mark.parametrize(
    ("columns", "rows", "side", "count"),
    [
        (4, 1, 64, 4),
        (2, 1, 32, 2),
        (1, 3, 48, 3),
        (3, 4, 48, 12),
        (8, 8, 32, 61),
        (12, 5, 96, 57),
        (2, 2, 16, 4),
    ],
)
def test_a_grid_is_found_and_every_sprite_cut(columns, rows, side, count, opaque):
    page = sheet(columns, rows, side, count, opaque)
    boxes = sheet_boxes(visible(page, 12))
    assert boxes == [
        (k % columns * side, k // columns * side, k % columns * side + side, k // columns * side + side)
        for k in range(count)
    ]


def test_sprites_without_a_grid_are_cut_at_the_empty_space():
    rng = np.random.default_rng(3)
    page, boxes, left = Image.new("RGBA", (331, 150)), [], 5
    for side in (60, 48, 70, 52):
        drawn = sprite(rng, side)
        box = drawn.getbbox()
        page.paste(drawn.crop(box), (left, 20))
        boxes.append((left, 20, left + box[2] - box[0], 20 + box[3] - box[1]))
        left = boxes[-1][2] + 9
    found = sheet_boxes(visible(page, 12))
    assert [(box[0], box[2]) for box in found] == [(box[0], box[2]) for box in boxes]


@pytest.mark.parametrize("side", [32, 64, 96, 256])
def test_single_creatures_are_no_sheet(side):
    rng = np.random.default_rng(side)
    for _ in range(40):
        assert not sheet_boxes(visible(sprite(rng, side), 12))


def test_a_wide_creature_or_one_with_crumbs_is_no_sheet():
    snake = Image.new("RGBA", (256, 64))
    ImageDraw.Draw(snake).ellipse((3, 20, 250, 50), fill="green")
    crumbs = Image.new("RGBA", (128, 64))
    draw = ImageDraw.Draw(crumbs)
    draw.ellipse((4, 8, 60, 60), fill="red")
    for x in (70, 82, 94, 106):
        draw.rectangle((x, 30, x + 4, 34), fill="red")
    for picture in (snake, crumbs, Image.new("RGBA", (256, 64)), Image.new("RGBA", (256, 64), "white")):
        assert not sheet_boxes(visible(picture, 12))


def test_a_given_grid_leaves_out_empty_cells_and_must_divide_the_picture():
    page = sheet(3, 2, 40, 4)
    assert len(sprites_of(page, (3, 2), 12)) == 4
    with pytest.raises(ValueError, match="120×80 pixels do not divide into 7×2 cells"):
        sprites_of(page, (7, 2), 12)


def test_convert_cuts_a_sheet_and_keeps_its_label(tmp_path):
    (tmp_path / "in" / "fire").mkdir(parents=True)
    (tmp_path / "in" / "ice").mkdir()
    sheet(4, 1, 64, 4).save(tmp_path / "in" / "fire" / "all.png")
    sprite(np.random.default_rng(9), 64).save(tmp_path / "in" / "ice" / "one.png")
    options = ConvertOptions(resolution=64, sheet="auto", labels="folder")
    report = convert([tmp_path / "in"], tmp_path / "out.zip", options, workers=1, progress=False)
    assert report.pictures == 5
    assert report.notes["cut from a sheet"] == 4
    with SpriteDataset(tmp_path / "out.zip") as dataset:
        assert dataset.sources == (*(f"fire/all.png#{n}" for n in (1, 2, 3, 4)), "ice/one.png")
        assert dataset.facts.class_sizes[1] == 4


def test_convert_tells_what_looks_like_a_sheet_and_how_to_cut_it(tmp_path):
    sheet(4, 1, 64, 4).save(tmp_path / "all.png")
    report = convert([tmp_path / "all.png"], tmp_path / "out.zip", ConvertOptions(resolution=64), workers=1)
    assert report.remarks == (
        "1 picture looks like a sheet of sprites (all.png holds 4): --sheet auto cuts them",
    )


def test_a_sheet_that_the_grid_does_not_fit_is_a_problem(tmp_path):
    sheet(4, 1, 64, 4).save(tmp_path / "all.png")
    with pytest.raises(ProblemsError) as caught:
        convert([tmp_path / "all.png"], tmp_path / "out.zip", ConvertOptions(sheet="3x1"), workers=1)
    assert "do not divide" in caught.value.problems[0].reason
    for text in ("4", "4x", "0x1", "x", "big"):
        with pytest.raises(UserError, match="such as 4x1, or auto"):
            ConvertOptions(sheet=text)


def test_a_picture_without_anything_in_its_cells_is_a_problem():
    with pytest.raises(ValueError, match="nothing is visible in any cell"):
        sprites_of(Image.new("RGBA", (64, 16)), (4, 1), 12)


def test_a_dithered_picture_is_looked_at_once():
    dots = np.zeros((1021, 1021), bool)
    dots[::2, ::2] = True
    started = time.process_time()
    assert sheet_boxes(dots) == []
    assert time.process_time() - started < 1
