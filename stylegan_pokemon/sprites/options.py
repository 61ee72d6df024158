"""What is made of a picture: the settings of a sprite, once, with their reasons. No NumPy."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from stylegan_pokemon.errors import UserError

MOST_COLOURS = 256  # what an indexed PNG can hold
MOST_PIXELS = 1024
PRESETS: dict[str, dict[str, Any]] = {
    # RPG Maker MV and MZ: a character is 3 steps × 4 directions, 48 × 48 pixels each, its feet on one line.
    "rpgmaker": {"pixels": 48, "align": "baseline", "alpha": "hard"},
    # Game Boy Advance: 16 colours a sprite, of which number 0 is transparent.
    "gba": {"pixels": 64, "colors": 15, "palette": "each", "alpha": "hard"},
}


@dataclass(frozen=True)
class SpriteOptions:
    """How sprites are made. None: not given; `resolved` chooses."""

    transparent: bool | None = None  # cut the background out; a sprite without is a tile
    alpha: str | None = None  # soft or hard edges; by default soft, hard where edges are hard already
    tolerance: int = 12  # levels of 255: what JPEG and a trained network add to a plain background
    gap: float | None = (
        None  # widest gap of an outline that is closed, in pixels; by default 1/32 of the side
    )
    largest: bool = False  # keep the largest piece alone
    sharpen: bool = False
    pixels: int | None = None  # side of the sprite
    cell: str = "mode"  # which of the colours under a pixel it gets
    colors: int | None = None
    palette: str | None = None  # each, shared, a built-in one or a file
    align: str | None = None  # center or baseline
    outline: str | None = None  # a colour
    atlas: bool = False
    preset: str | None = None

    def resolved(self) -> SpriteOptions:
        """With the preset's values and defaults where none is given. Raises UserError for a contradiction."""
        preset = PRESETS[self.preset] if self.preset else {}
        left = {name: value for name, value in preset.items() if getattr(self, name) is None}
        options = dataclasses.replace(self, **left)
        if options.transparent is None:
            options = dataclasses.replace(options, transparent=True)
        if options.palette in ("each", "shared") and options.colors is None:
            raise UserError(f"--palette {options.palette} needs --colors N; give it, or name a palette")
        if options.alpha is None and options.pixels:
            options = dataclasses.replace(options, alpha="hard")
        if options.colors and options.palette is None:
            options = dataclasses.replace(options, palette="shared")
        if options.preset == "gba" and (options.alpha != "hard" or (options.colors or 16) > 15):
            raise UserError(
                "--preset gba has at most 15 colours and hard edges; leave --colors and --alpha out"
            )
        return options
