"""A picture of any shape becomes a square one: trimmed, scaled, letterboxed, laid over a background.

Scaling is premultiplied, which Pillow's resize does by itself for RGBA: colours weigh as much as they are
visible, so nothing hidden under transparency bleeds into an edge. It is done on sRGB values, not in
linear light, since outlines of cartoons and sprites are drawn and judged at these values, and linear
light makes dark outlines on white thinner when pictures shrink.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from PIL import Image

from dataset_tool.background import key_out, visible_box
from dataset_tool.options import ConvertOptions
from dataset_tool.pixel_art import pixel_size, reduce_to_native
from dataset_tool.reading.pixels import premultiplied

RGB = tuple[int, int, int]

_RESAMPLING = {
    "nearest": Image.Resampling.NEAREST,
    "box": Image.Resampling.BOX,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


class Fitted(NamedTuple):
    """A scaled picture that still waits for its background.

    `image` is RGB if opaque, else RGBA; `corner` is where it goes in the square of `side`;
    `filter` says in words how it was scaled; `notes` are remarks for the summary.
    """

    image: Image.Image
    corner: tuple[int, int]
    side: int
    filter: str
    notes: tuple[str, ...]


def fit(image: Image.Image, options: ConvertOptions) -> Fitted:
    """Key, trim and scale an RGBA picture so that it fits into the frame that `options` describe.

    The shape is kept; what is left of the square stays empty. Raises ValueError with a reason for the
    problem table when nothing is visible.
    """
    notes: list[str] = []
    factor = pixel_size(image) if options.filter == "auto" else 0
    if factor:
        image = reduce_to_native(image, factor)
    if options.key:
        image = _keyed(
            image, options.tolerance, soften=not factor and options.filter != "nearest", notes=notes
        )
    lowest, highest = image.getchannel("A").getextrema()
    if highest == 0:
        raise ValueError("fully transparent")
    if options.trim:
        box = visible_box(image, options.tolerance)
        if box is None:
            raise ValueError(
                "one colour only: --trim leaves nothing" if lowest == 255 else "as good as transparent"
            )
        image = image.crop(box)
        lowest = image.getchannel("A").getextrema()[0]
    # An opaque picture needs no fourth channel, and scales in three quarters of the time without it.
    image = image.convert("RGB") if lowest == 255 else image
    side = options.resolution
    inner = max(1, side - 2 * round(side * options.margin / 100))
    scaled, words = _scaled(image, inner, options.filter, bool(factor))
    corner = (side - scaled.width) // 2, (side - scaled.height) // 2
    return Fitted(scaled, corner, side, words, tuple(notes))


def compose(fitted: Fitted, background: RGB) -> Image.Image:
    """Lay a fitted picture over `background`; returns RGB, `fitted.side` pixels square."""
    size = (fitted.side, fitted.side)
    if fitted.image.mode == "RGB" and fitted.image.size == size:
        return fitted.image
    page = Image.new("RGB", size, background)
    page.paste(
        fitted.image, fitted.corner, fitted.image.getchannel("A") if fitted.image.mode == "RGBA" else None
    )
    return page


def straight_page(fitted: Fitted) -> Image.Image:
    """Lay a fitted picture on invisible ground; returns straight RGBA, `fitted.side` pixels square."""
    page = Image.new("RGBA", (fitted.side, fitted.side), (0, 0, 0, 0))
    page.paste(fitted.image, fitted.corner)
    return page


def compose_premultiplied(fitted: Fitted) -> Image.Image:
    """Lay a fitted picture on invisible ground; returns premultiplied RGBA."""
    return Image.fromarray(premultiplied(np.asarray(straight_page(fitted))))


def _keyed(image: Image.Image, tolerance: int, soften: bool, notes: list[str]) -> Image.Image:
    if image.getchannel("A").getextrema() != (255, 255):
        notes.append("--key not needed: already transparent")
        return image
    keyed = key_out(image, tolerance, soften)
    if keyed is None:
        notes.append("--key found no uniform background")
        return image
    if keyed.getchannel("A").getextrema()[1] == 0:
        raise ValueError("one colour only: --key leaves nothing")
    notes.append("background keyed out")
    return keyed


def _scaled(image: Image.Image, inner: int, filter: str, is_pixel_art: bool) -> tuple[Image.Image, str]:
    longest = max(image.size)
    if is_pixel_art and longest <= inner:
        factor = inner // longest
        size = (image.width * factor, image.height * factor)
        return image.resize(size, Image.Resampling.NEAREST), "pixel art by a whole factor"
    if is_pixel_art:
        # There is no whole factor below one. Averaging keeps every line of the drawing; nearest would drop
        # some.
        filter, words = "box", "pixel art shrunk by box"
    else:
        filter = words = "lanczos" if filter == "auto" else filter
    width, height = (max(1, round(length * inner / longest)) for length in image.size)
    size = (width, height)
    if size == image.size:
        return image, "unchanged size"
    return image.resize(size, _RESAMPLING[filter]), words
