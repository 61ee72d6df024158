"""What game engines read beside a sheet: JSON (hash and array), Tiled's .tsx, Godot's .tres.

Formats: TexturePacker's and Aseprite's JSON, which Phaser, PixiJS and Godot's importers share
(https://www.aseprite.org/docs/cli/#format); https://doc.mapeditor.org/en/stable/reference/tmx-map-format/;
https://docs.godotengine.org/en/stable/engine_details/file_formats/tscn.html.
"""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from typing import Any

from stylegan_pokemon._version import __version__
from stylegan_pokemon.sprites.atlas import Atlas, Placed, Tag

_STILL = 100  # milliseconds of a frame that is no film's, which Aseprite's readers want to know


def json_hash(atlas: Atlas, image: str) -> str:
    """JSON whose `frames` is an object by file name. image: the sheet's file name.

    PixiJS reads films as `animations`, lists of file names.
    """
    frames = {placed.name: _frame(placed) for placed in atlas.frames}
    films = {tag.name: list(frames)[tag.first : tag.last + 1] for tag in atlas.tags}
    return _json(frames, atlas, image, **{"animations": films} if films else {})


def json_array(atlas: Atlas, image: str) -> str:
    """JSON whose `frames` is a list with a `filename` each, in order. image: the sheet's file name."""
    return _json([{"filename": placed.name, **_frame(placed)} for placed in atlas.frames], atlas, image)


def json_numbered(atlas: Atlas, image: str) -> str:
    """As `json_hash`, but frames are named 0, 1, …, as Phaser finds those of a film by its tag."""
    return _json({str(i): _frame(placed) for i, placed in enumerate(atlas.frames)}, atlas, image)


def tsx(atlas: Atlas, image: str) -> str:
    """A tile set for Tiled: a grid where all frames have one size, else (Tiled 1.9) a collection of boxes.

    Films are animations of their first tile. Every tile has its file name as the property `name`.
    """
    sheet = {"source": image, "width": str(atlas.sheet.shape[1]), "height": str(atlas.sheet.shape[0])}
    widths, heights = ({getattr(placed, side) for placed in atlas.frames} for side in ("width", "height"))
    columns, apart = atlas.grid or (0, 0)
    attributes = {
        "version": "1.10",
        "name": image.rpartition(".")[0],
        "tilewidth": str(max(widths)),
        "tileheight": str(max(heights)),
        "spacing": str(apart),
        "tilecount": str(len(atlas.frames)),
        "columns": str(columns),
    }
    root = ET.Element("tileset", attributes)
    if atlas.grid:
        ET.SubElement(root, "image", sheet)
    films = {tag.first: tag for tag in atlas.tags}
    for number, placed in enumerate(atlas.frames):
        box = {side: str(getattr(placed, side)) for side in ("x", "y", "width", "height")}
        tile = ET.SubElement(root, "tile", {"id": str(number), **({} if atlas.grid else box)})
        properties = ET.SubElement(tile, "properties")
        ET.SubElement(properties, "property", {"name": "name", "value": placed.name})
        if not atlas.grid:
            ET.SubElement(tile, "image", sheet)
        if number in films:
            animation = ET.SubElement(tile, "animation")
            for i in range(films[number].first, films[number].last + 1):
                duration = str(atlas.frames[i].duration or _STILL)
                ET.SubElement(animation, "frame", {"tileid": str(i), "duration": duration})
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def tres(atlas: Atlas, image: str) -> str:
    """A SpriteFrames resource for Godot 4: an animation per film, and `default` of all other frames."""
    frames = atlas.frames
    lines = [
        f'[gd_resource type="SpriteFrames" load_steps={len(frames) + 2} format=3]\n',
        f'[ext_resource type="Texture2D" path={_quoted(image)} id="1"]\n',
    ]
    for i, placed in enumerate(frames):
        lines += [
            f'[sub_resource type="AtlasTexture" id="frame_{i}"]',
            'atlas = ExtResource("1")',
            f"region = Rect2({placed.x}, {placed.y}, {placed.width}, {placed.height})\n",
        ]
    in_films = {i for tag in atlas.tags for i in range(tag.first, tag.last + 1)}
    animations = [_animation(tag.name, range(tag.first, tag.last + 1), atlas) for tag in atlas.tags]
    if others := [i for i in range(len(frames)) if i not in in_films]:
        animations.insert(0, _animation("default", others, atlas))
    return "\n".join([*lines, "[resource]", f"animations = [{', '.join(animations)}]", ""])


def _frame(placed: Placed) -> dict[str, Any]:
    size = {"w": placed.width, "h": placed.height}
    return {
        "frame": {"x": placed.x, "y": placed.y, **size},
        "rotated": False,
        "trimmed": False,
        "spriteSourceSize": {"x": 0, "y": 0, **size},
        "sourceSize": size,
        "duration": placed.duration or _STILL,
    }


def _json(frames: Any, atlas: Atlas, image: str, **rest: Any) -> str:
    meta = {
        "app": "stylegan_pokemon",
        "version": __version__,
        "image": image,
        "format": "RGBA8888",
        "size": {"w": atlas.sheet.shape[1], "h": atlas.sheet.shape[0]},
        "scale": "1",
        "frameTags": [_tag(tag) for tag in atlas.tags],
    }
    return json.dumps({"frames": frames, **rest, "meta": meta}, indent=1, ensure_ascii=False) + "\n"


def _tag(tag: Tag) -> dict[str, Any]:
    return {"name": tag.name, "from": tag.first, "to": tag.last, "direction": "forward"}


def _animation(name: str, numbers: Any, atlas: Atlas) -> str:
    """Godot counts a frame in units of 1 / speed seconds."""
    shortest = min(atlas.frames[i].duration or _STILL for i in numbers)
    parts = [
        f'{{\n"duration": {(atlas.frames[i].duration or _STILL) / shortest:.6g},\n'
        f'"texture": SubResource("frame_{i}")\n}}'
        for i in numbers
    ]
    rest = f'"loop": true,\n"name": &{_quoted(name)},\n"speed": {1000 / shortest:.6g}'
    return f'{{\n"frames": [{", ".join(parts)}],\n{rest}\n}}'


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
