"""PNG files of pictures, written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Mapping

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from stylegan_pokemon.files import whole_file


def to_image(picture: np.ndarray) -> Image.Image:
    """A picture uint8 [H, W, C] as Pillow's L, RGB or RGBA image."""
    return Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture)


def save_png(
    path: str | os.PathLike[str], picture: np.ndarray | Image.Image, text: Mapping[str, str] | None = None
) -> None:
    """Write a picture, uint8 [H, W, C] or Pillow's, as PNG, whole or not at all, with `text` as chunks."""
    chunks = PngInfo()
    for key, value in (text or {}).items():
        chunks.add_text(key, value)
    image = to_image(picture) if isinstance(picture, np.ndarray) else picture
    with whole_file(path) as temporary:
        image.save(temporary, format="PNG", pnginfo=chunks)
