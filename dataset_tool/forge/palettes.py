"""Colours: for each of the eighteen elemental types a few hand-picked schemes, expanded to full palettes.

A scheme is four colours (body, accent, belly, detail). The rest follows from colour theory in OKLab
(Ottosson 2020): shadows are darker and drift towards violet, lights are brighter and drift towards yellow,
outlines are a very dark version of the body's own hue.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

TYPES = (
    "normal", "fire", "water", "grass", "electric", "ice", "fighting", "poison", "ground",
    "flying", "psychic", "bug", "rock", "ghost", "dragon", "dark", "steel", "fairy",
)  # fmt: skip

# body, accent, belly, detail
SCHEMES: dict[str, tuple[tuple[str, str, str, str], ...]] = {
    "normal": (("#d9a874", "#8a5a3c", "#f7e6c8", "#e8788a"), ("#e8d3b0", "#c58a5a", "#fff6e2", "#7fb2c9"),
               ("#b8938a", "#6d4c4a", "#f0dcd0", "#f2b84b"), ("#f0c9b8", "#a86f63", "#fff2e6", "#7d9ed1")),
    "fire": (("#f2793a", "#ffc83d", "#ffe7b0", "#c4302b"), ("#e2483d", "#ff9d2e", "#ffdfa8", "#7a2530"),
             ("#ffa63f", "#e8442e", "#fff0c0", "#a8322a"), ("#b83a30", "#ff7a2f", "#f7c98f", "#4a2028")),
    "water": (("#4a9be0", "#f2b24b", "#dff3f7", "#2a5aa8"), ("#3fb8c9", "#2f6fb5", "#e6faf2", "#f27d6b"),
              ("#6ea8f0", "#3a5fc0", "#eef6ff", "#f7cf57"), ("#2f78b8", "#6fd3e6", "#f7ead0", "#1f4478")),
    "grass": (("#6bbf59", "#f27ba0", "#e6f5b8", "#2f7d46"), ("#8fcf4f", "#3f8f4a", "#f5f7c0", "#e85a4a"),
              ("#4fa878", "#f7d04f", "#d8f2d0", "#2a6650"), ("#a8c95a", "#7a5a3a", "#f7f2cf", "#4f8a3f")),
    "electric": (("#ffd83d", "#4a3f3a", "#fff7c7", "#f27d3a"), ("#f7c52f", "#3a6fd1", "#fff3b8", "#e8503a"),
                 ("#ffe75e", "#f2922f", "#fffbe0", "#5a4a8a"), ("#5a6fd8", "#ffe14a", "#dfe6ff", "#2f3a80")),
    "ice": (("#9fdcf2", "#5a8fe0", "#f5fcff", "#b8a0f0"), ("#c7e8f7", "#7fb5e8", "#ffffff", "#4a6fb0"),
            ("#7fc9e6", "#f2a0c4", "#f0fbff", "#3f7fb5"), ("#b3c9f7", "#6f7fd8", "#f7f9ff", "#7fe0e6")),
    "fighting": (("#c9603f", "#f7e0c0", "#f2c79a", "#4a3a4f"), ("#d18a4a", "#b0392f", "#fae3bf", "#3f3a4a"),
                 ("#a84a4a", "#e8b04a", "#f0cdb0", "#4f2a33"), ("#7a8fb5", "#d14a3f", "#e6e3df", "#3a4260")),
    "poison": (("#a565c4", "#7fd14f", "#ead0f2", "#5a2f7d"), ("#8a5ad1", "#f27dc0", "#dcc9f7", "#45308a"),
               ("#c46fb8", "#4a3a78", "#f5d8ea", "#9fd84a"), ("#7d8f3f", "#b05ac9", "#e3e8b0", "#4a5528")),
    "ground": (("#d1a05a", "#8a5030", "#f5e2b5", "#6a4a3a"), ("#b5794a", "#e8c77d", "#f2dcb8", "#5a3a2f"),
               ("#e0bf7d", "#c46a3f", "#fff3d1", "#7d5a3f"), ("#a86a50", "#f0b86a", "#e8cdb0", "#4f332d")),
    "flying": (("#8fb5f0", "#f7f2ff", "#eef4ff", "#f2a84f"), ("#b5c4f7", "#6a7fd8", "#ffffff", "#f27d8a"),
               ("#e0ecf7", "#7fa8d8", "#ffffff", "#f2b03f"), ("#6fb0d8", "#f7d86a", "#f2f9ff", "#d1553f")),
    "psychic": (("#f27da8", "#8a5ad1", "#ffe3ec", "#f7d34f"), ("#b58af0", "#f78ac0", "#f0e6ff", "#5a3fa8"),
                ("#f79ac9", "#5ab8d8", "#fff0f6", "#8a3f8f"), ("#8f7fe0", "#f7d66a", "#ece8ff", "#d14f9a")),
    "bug": (("#9fbf3f", "#e05a3a", "#eef2b0", "#4f6a28"), ("#7fae4a", "#f2c93f", "#e6f0b8", "#6a3f2f"),
            ("#d14f3f", "#3a3540", "#f7d8a8", "#f2b83f"), ("#4fa890", "#8a5ac9", "#d8f0d1", "#2f5f5a")),
    "rock": (("#b09a7d", "#7d6a5a", "#ddcdb3", "#e0a04a"), ("#8f8f96", "#5f5f6d", "#cfcfd3", "#d1694a"),
             ("#a88a6f", "#5fb0a8", "#e0d0b8", "#6a5444"), ("#9f8f9f", "#e0b56a", "#d8ccd6", "#5f5060")),
    "ghost": (("#7d6ab0", "#f27dc9", "#cfc4f0", "#3f2f6a"), ("#5f5a90", "#7fe6e0", "#b5b5e0", "#2f2a55"),
              ("#a89fd1", "#5a4a9a", "#ece6ff", "#e8508a"), ("#4f6a8a", "#b5f29f", "#a8cfd8", "#26384f")),
    "dragon": (("#5a6ad8", "#f2994a", "#f7e0a8", "#2f3590"), ("#3f9a8a", "#d14f5f", "#f2e6b5", "#1f5a5a"),
               ("#7d5ad1", "#5fd1c4", "#e8dcf7", "#422f8a"), ("#c4453f", "#4a4f6f", "#f7d69f", "#6a1f33")),
    "dark": (("#4f4a60", "#e0484f", "#a89fb5", "#26222f"), ("#3f4a63", "#f2c24a", "#9fb0c4", "#1f2536"),
             ("#6a5563", "#c9a0e6", "#c9b5bf", "#33262f"), ("#5a4a45", "#f27d3f", "#c4ae9f", "#2d2322")),
    "steel": (("#a8b8c9", "#5a708f", "#e6eef2", "#e05a4f"), ("#8fa3ad", "#d8a84a", "#dbe6e8", "#45566a"),
              ("#c4cbd8", "#6f7fb0", "#f2f5fa", "#4fb8c4"), ("#7f8aa8", "#f2d05a", "#ccd3e3", "#3a4363")),
    "fairy": (("#f7b0d1", "#f2709f", "#fff0f7", "#8fd8e6"), ("#ffd0dc", "#b58ae6", "#fff8fa", "#f2c94f"),
              ("#e6b5f2", "#f78ab0", "#fbf0ff", "#7fc9b0"), ("#fff0e3", "#f7909f", "#ffffff", "#a8a0f0")),
}  # fmt: skip

# Roles that keep their meaning in every palette; "fire", "leaf" and the rest may still be drawn on any
# creature.
_FIXED = {
    "white": "#ffffff", "ink": "#2a2230", "tongue": "#ef6f7d", "mouth": "#7a2738", "blush": "#f98fa0",
    "fire": "#ff8a2a", "fire_core": "#ffe36a", "leaf": "#62b64e", "wood": "#9a6a45", "bone": "#f5ead0",
    "gold": "#f7c63f", "metal": "#b5c0cc", "glow": "#fff3a0", "beak": "#f7a938", "soil": "#8f6543",
    "frost": "#dff4ff", "water": "#7cc7f2", "red": "#e0473f",
}  # fmt: skip
EYE_COLOURS = ("#3f8fd8", "#d1503f", "#4fae5a", "#8a5ac9", "#c98a2f", "#2fa3a8", "#6a4a3a", "#e0709f")


@dataclass(frozen=True)
class Paint:
    """One colour in three tones and its own outline; each a float64 [3] array of sRGB values in 0 … 1."""

    base: np.ndarray
    shade: np.ndarray
    light: np.ndarray
    line: np.ndarray


Palette = dict[str, Paint]


def make_palette(type_: str, rng: np.random.Generator) -> Palette:
    """The palette of one creature: a scheme of its elemental type, slightly varied, plus the fixed roles."""
    schemes = SCHEMES[type_]
    colours = [hex_to_rgb(c) for c in schemes[rng.integers(len(schemes))]]
    turn, lift = rng.uniform(-0.10, 0.10), rng.uniform(-0.02, 0.02)
    colours = [_vary(c, turn, lift) for c in colours]
    palette = {name: paint(c) for name, c in zip(("body", "accent", "belly", "detail"), colours, strict=True)}
    # Limbs on the far side stand in the body's own shadow.
    palette["far"] = paint(palette["body"].base * 0.45 + palette["body"].shade * 0.55)
    palette["iris"] = paint(hex_to_rgb(EYE_COLOURS[rng.integers(len(EYE_COLOURS))]))
    return palette | _fixed_paints()


@lru_cache(maxsize=1)
def _fixed_paints() -> Palette:
    return {name: paint(hex_to_rgb(colour)) for name, colour in _FIXED.items()}


def paint(rgb: np.ndarray) -> Paint:
    """The tones of a colour (sRGB in 0 … 1)."""
    lightness, a, b = to_oklab(rgb)
    chroma, hue = np.hypot(a, b), np.arctan2(b, a)
    shade = _lch(lightness * 0.84 - 0.015, chroma * 1.04 + 0.006, _towards(hue, -1.25, 0.16))
    light = _lch(min(lightness * 1.06 + 0.035, 0.995), chroma * 0.85, _towards(hue, 1.75, 0.14))
    dark = min(0.17 + 0.14 * lightness, 0.75 * lightness)
    line = _lch(dark, min(chroma * 0.55, 0.075), _towards(hue, -1.25, 0.12))
    return Paint(rgb, shade, light, line)


def hex_to_rgb(colour: str) -> np.ndarray:
    """ "#rrggbb" to float64 [3] in 0 … 1."""
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255


def to_oklab(rgb: np.ndarray) -> np.ndarray:
    """sRGB [..., 3] in 0 … 1 to OKLab (lightness 0 … 1, a, b); Ottosson, "A perceptual color space"
    (2020)."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return np.cbrt(linear @ _RGB_TO_LMS.T) @ _LMS_TO_LAB.T


def from_oklab(lab: np.ndarray) -> np.ndarray:
    """OKLab [..., 3] to sRGB, clipped to 0 … 1."""
    linear = np.clip((lab @ _LAB_TO_LMS.T) ** 3 @ _LMS_TO_RGB.T, 0, 1)
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)


_RGB_TO_LMS = np.array([[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451,
0.1073969566],
                        [0.0883024619, 0.2817188376, 0.6299787005]])  # fmt: skip
_LMS_TO_LAB = np.array([[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050,
0.4505937099],
                        [0.0259040371, 0.7827717662, -0.8086757660]])  # fmt: skip
_LMS_TO_RGB, _LAB_TO_LMS = np.linalg.inv(_RGB_TO_LMS), np.linalg.inv(_LMS_TO_LAB)


def _lch(lightness: float, chroma: float, hue: float) -> np.ndarray:
    return from_oklab(np.array([lightness, chroma * np.cos(hue), chroma * np.sin(hue)]))


def _towards(hue: float, target: float, share: float) -> float:
    """The hue moved a share of the shorter way round towards the target; all in radians."""
    return hue + share * float(np.angle(np.exp(1j * (target - hue))))


def _vary(rgb: np.ndarray, turn: float, lift: float) -> np.ndarray:
    lightness, a, b = to_oklab(rgb)
    return _lch(float(np.clip(lightness + lift, 0, 1)), float(np.hypot(a, b)), float(np.arctan2(b, a)) + turn)
