"""Discs and creatures whose true opacity is known."""

from __future__ import annotations

from functools import cache

import numpy as np
from PIL import Image

from dataset_tool.forge.studio import draw_creature

WHITE = (255, 255, 255)


def coverage(inside, size: int = 64, fine: int = 8) -> np.ndarray:
    """Share of each pixel where inside(x, y) holds, by fine × fine samples: float [size, size]."""
    y, x = (np.mgrid[: size * fine, : size * fine] + 0.5) / fine
    return inside(x, y).reshape(size, fine, size, fine).mean(axis=(1, 3))


def laid(alpha: np.ndarray, colour, on=WHITE) -> np.ndarray:
    """A colour of this opacity over another, uint8 [H, W, 3]."""
    mixed = alpha[..., None] * np.array(colour, float) + (1 - alpha[..., None]) * np.array(on, float)
    return np.rint(mixed).astype(np.uint8)


def over(picture: np.ndarray, background) -> np.ndarray:
    """A picture uint8 [H, W, 4] over a colour, float [H, W, 3]."""
    alpha = picture[..., 3:] / 255
    return alpha * picture[..., :3] + (1 - alpha) * np.array(background, float)


def disc(x, y, radius: float, size: int = 64):
    return np.hypot(x - size / 2, y - size / 2) < radius


def forged(count: int, style: str = "sprite", size: int = 64) -> list[np.ndarray]:
    """Creatures of seed 7, drawn at 256 and reduced by whole cells: uint8 [size, size, 4]."""
    images = [_drawn(index, style).convert("RGBa") for index in range(count)]
    return [np.asarray(image.resize((size, size), Image.Resampling.BOX).convert("RGBA")) for image in images]


@cache
def _drawn(index: int, style: str) -> Image.Image:
    return draw_creature(7, index, style, 256).image
