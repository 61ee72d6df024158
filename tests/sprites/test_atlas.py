"""Atlases are read back: by readers of the test's own that follow the documents, and by parsers of others."""

import json
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
import pytiled_parser

from stylegan_pokemon.errors import UserError
from stylegan_pokemon.render.images import save_png
from stylegan_pokemon.sprites import formats
from stylegan_pokemon.sprites.atlas import character_sheet, frame_names, make_atlas
from stylegan_pokemon.sprites.batch import Sprite


def _frame(number: int, width: int = 16, height: int = 16, margin: int = 1) -> np.ndarray:
    frame = np.zeros((height, width, 4), np.uint8)
    frame[margin : height - margin, margin : width - margin] = (number, 255 - number, 7, 255)
    return frame


def _stills(count: int, **how) -> list[Sprite]:
    return [Sprite(f"fire/{i:03d}", (_frame(i, **how),), ()) for i in range(count)]


FILM = Sprite('walk "fast" & far', tuple(_frame(100 + i) for i in range(3)), (40, 80, 40))
MIXED = [*_stills(3), Sprite("large", (_frame(50, 40, 20),), ()), Sprite("tall", (_frame(60, 9, 70),), ())]


def _frames(sprites):
    return [frame for sprite in sprites for frame in sprite.frames]


def _cut(sheet, x, y, w, h):
    return sheet[y : y + h, x : x + w]


@pytest.mark.parametrize("sprites", [_stills(1), _stills(7), [*_stills(2), FILM], MIXED])
def test_both_forms_of_json_give_every_frame_back(sprites):
    """As TexturePacker's readers do: `frame` on the sheet, placed at `spriteSourceSize` in `sourceSize`."""
    atlas = make_atlas(sprites)
    hashed, listed = (json.loads(f(atlas, "a.png")) for f in (formats.json_hash, formats.json_array))
    names = [name for sprite in sprites for name in frame_names(sprite)]
    assert list(hashed["frames"]) == [entry["filename"] for entry in listed["frames"]] == names
    for entry, frame in zip(listed["frames"], _frames(sprites), strict=True):
        assert entry == {"filename": entry["filename"], **hashed["frames"][entry["filename"]]}
        box, place, size = entry["frame"], entry["spriteSourceSize"], entry["sourceSize"]
        assert not entry["rotated"]
        whole = np.zeros((size["h"], size["w"], 4), np.uint8)
        whole[place["y"] : place["y"] + place["h"], place["x"] : place["x"] + place["w"]] = _cut(
            atlas.sheet, **box
        )
        assert (whole == frame).all()
    for document in (hashed, listed):
        assert document["meta"]["image"] == "a.png"
        assert document["meta"]["size"] == {"w": atlas.sheet.shape[1], "h": atlas.sheet.shape[0]}


def test_films_are_tagged_with_their_frames_and_times():
    document = json.loads(formats.json_array(make_atlas([*_stills(2), FILM]), "a.png"))
    assert document["meta"]["frameTags"] == [{"name": FILM.name, "from": 2, "to": 4, "direction": "forward"}]
    assert [entry["duration"] for entry in document["frames"]][2:] == [40, 80, 40]


@pytest.mark.parametrize("margin", [0, 1])
def test_tiled_finds_every_tile_of_a_grid(margin):
    """Tile i lies at margin + (i mod columns) · (tilewidth + spacing), the margin being 0 unless given."""
    sprites = [*_stills(4, margin=margin), FILM]
    atlas = make_atlas(sprites)
    root = ET.fromstring(formats.tsx(atlas, "a.png"))
    image = root.find("image")
    assert (root.tag, image.get("source")) == ("tileset", "a.png")
    assert (int(image.get("height")), int(image.get("width"))) == atlas.sheet.shape[:2]
    width, height, spacing, columns, count = (
        int(root.get(key)) for key in ("tilewidth", "tileheight", "spacing", "columns", "tilecount")
    )
    frames = _frames(sprites)
    assert count == len(frames)
    assert spacing == (2 if margin == 0 else 0)
    assert columns == (int(image.get("width")) + spacing) // (width + spacing)  # as Tiled counts them
    for i, frame in enumerate(frames):
        x, y = i % columns * (width + spacing), i // columns * (height + spacing)
        assert (_cut(atlas.sheet, x, y, width, height) == frame).all()
    animation = root.find("tile[@id='4']/animation")
    assert [(int(f.get("tileid")), int(f.get("duration"))) for f in animation] == [(4, 40), (5, 80), (6, 40)]
    named = root.find("tile[@id='5']/properties/property")
    assert (named.get("name"), named.get("value")) == ("name", f"{FILM.name}-0001.png")


def test_tiled_finds_sprites_of_several_sizes_as_boxes_of_one_image():
    atlas = make_atlas(MIXED)
    root = ET.fromstring(formats.tsx(atlas, "a.png"))
    assert (root.get("columns"), root.find("image")) == ("0", None)
    for tile, frame in zip(root.findall("tile"), _frames(MIXED), strict=True):
        x, y, w, h = (int(tile.get(key)) for key in ("x", "y", "width", "height"))
        assert (_cut(atlas.sheet, x, y, w, h) == frame).all()
        assert tile.find("image").get("source") == "a.png"


@pytest.mark.parametrize("sprites", [[*_stills(4), FILM], MIXED])
def test_pytiled_parser_reads_tiles_and_animations(sprites, tmp_path):
    atlas = make_atlas(sprites)
    save_png(tmp_path / "a.png", atlas.sheet)
    (tmp_path / "a.tsx").write_text(formats.tsx(atlas, "a.png"), encoding="utf-8")
    (tmp_path / "m.tmx").write_text(
        '<map version="1.10" tiledversion="1.10.2" orientation="orthogonal" renderorder="right-down"'
        ' width="1" height="1" tilewidth="16" tileheight="16" infinite="0" nextlayerid="2" nextobjectid="1">'
        '<tileset firstgid="1" source="a.tsx"/><layer id="1" name="l" width="1" height="1">'
        '<data encoding="csv">1</data></layer></map>',
        encoding="utf-8",
    )
    (tiles,) = pytiled_parser.parse_map(tmp_path / "m.tmx").tilesets.values()
    frames = _frames(sprites)
    assert tiles.tile_count == len(frames)
    if tiles.image is None:  # sizes differ: each tile is a box of the sheet
        boxes = [(tile.x, tile.y, tile.width, tile.height) for _, tile in sorted(tiles.tiles.items())]
        assert all(tile.image == tmp_path / "a.png" for tile in tiles.tiles.values())
    else:
        assert (tiles.image, tiles.image_width) == (tmp_path / "a.png", atlas.sheet.shape[1])
        step = (tiles.tile_width + tiles.spacing, tiles.tile_height + tiles.spacing)
        boxes = [
            (i % tiles.columns * step[0], i // tiles.columns * step[1], tiles.tile_width, tiles.tile_height)
            for i in range(tiles.tile_count)
        ]
        animation = tiles.tiles[4].animation
        assert [(frame.tile_id, frame.duration) for frame in animation] == [(4, 40), (5, 80), (6, 40)]
    assert all((_cut(atlas.sheet, *box) == frame).all() for box, frame in zip(boxes, frames, strict=True))


def test_godot_finds_every_animation():
    sprites = [*_stills(2), FILM]
    atlas = make_atlas(sprites)
    text = formats.tres(atlas, "a.png")
    head = re.match(r'\[gd_resource type="SpriteFrames" load_steps=(\d+) format=3\]', text)
    assert int(head[1]) == 1 + len(re.findall(r"^\[(?:ext|sub)_resource ", text, re.MULTILINE))
    assert '[ext_resource type="Texture2D" path="a.png" id="1"]' in text
    regions = dict(re.findall(
        r'id="(frame_\d+)"\]\natlas = ExtResource\("1"\)\nregion = Rect2\((\d+, \d+, \d+, \d+)\)', text
    ))  # fmt: skip
    animations = text.partition("animations = ")[2]
    plain = re.sub(r'SubResource\(("\w+")\)', r"\1", animations).replace("&", "", 2)
    stills, film = json.loads(plain)  # but for its two own words, Godot's arrays are JSON
    assert (stills["name"], film["name"]) == ("default", FILM.name)
    assert (film["speed"], [frame["duration"] for frame in film["frames"]]) == (25, [1, 2, 1])
    found = [frame["texture"] for frame in (*stills["frames"], *film["frames"])]
    for name, frame in zip(found, _frames(sprites), strict=True):
        x, y, w, h = map(int, regions[name].split(", "))
        assert (_cut(atlas.sheet, x, y, w, h) == frame).all()


def test_godot_parser_reads_sprites_and_animations():
    godot = pytest.importorskip("godot_parser", reason="pip install godot-parser")
    sprites = [*_stills(2), FILM]
    atlas = make_atlas(sprites)
    text = formats.tres(atlas, "a.png").replace('"name": &', '"name": ')  # it knows the strings of Godot 3
    document = godot.parse(text)
    (sheet,) = document.get_ext_resources()
    assert (sheet.path, sheet.type) == ("a.png", "Texture2D")
    regions = {part.id: part["region"].args for part in document.get_sub_resources()}
    stills, film = document.find_section("resource")["animations"]
    assert (stills["name"], film["name"]) == ("default", FILM.name)
    assert (film["speed"], [frame["duration"] for frame in film["frames"]]) == (25, [1, 2, 1])
    found = [frame["texture"].id for frame in (*stills["frames"], *film["frames"])]
    for name, frame in zip(found, _frames(sprites), strict=True):
        assert (_cut(atlas.sheet, *regions[name]) == frame).all()


def test_frames_lie_inside_and_do_not_overlap():
    rng = np.random.default_rng(0)
    sizes = rng.integers(1, 90, (60, 2))
    sprites = [Sprite(f"s{i}", (_frame(i, w, h, 0),), ()) for i, (w, h) in enumerate(sizes.tolist())]
    atlas = make_atlas(sprites)
    height, width = atlas.sheet.shape[:2]
    covered = np.zeros((height + 2, width + 2), int)
    for placed in atlas.frames:
        assert placed.x + placed.width <= width
        assert placed.y + placed.height <= height
        covered[placed.y : placed.y + placed.height + 2, placed.x : placed.x + placed.width + 2] += 1
    assert covered.max() == 1  # two free pixels right of and below each
    assert height * width < 2 * (sizes[:, 0] * sizes[:, 1]).sum()


def test_a_sheet_larger_than_graphics_cards_take_is_a_sentence():
    frame = np.zeros((4096, 4096, 4), np.uint8)
    with pytest.raises(UserError, match=r"20480 × 16384 pixels.*16384 a side"):
        make_atlas([Sprite(f"s{i}", (frame,), ()) for i in range(20)])


def test_a_character_has_three_steps_and_four_directions():
    steps = [_frame(i) for i in range(12)]
    for frame in steps:
        frame[4, 3] = (9, 9, 9, 255)  # something on the left
    sheet = character_sheet(steps)
    assert sheet.shape == (64, 48, 4)
    assert (sheet[16:32, 32:48] == steps[5]).all()
    sheet = character_sheet(steps[:3])
    assert (sheet[16:32, 16:32] == steps[1]).all()
    assert (sheet[32:48, 16:32] == steps[1][:, ::-1]).all()  # to the right
    assert (character_sheet(steps[:1])[48:, 32:] == steps[0]).all()
    with pytest.raises(ValueError, match="5 frames"):
        character_sheet(steps[:5])
