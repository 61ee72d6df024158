"""Pictures to project, as the network would draw them: its size, its channels, its background."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from stylegan_pokemon.errors import UserError

if TYPE_CHECKING:
    import numpy as np
    import torch

    from stylegan_pokemon.render.projection import Space

_WHITE = (255, 255, 255)
_BORDERS = 64  # pictures whose borders tell the background


def read_target(path: Path, space: Space) -> torch.Tensor:
    """The picture as [1, C, R, R] in [−1, 1], resized as `dataset_tool convert` does.

    Transparent parts show the network's background. For a network with alpha, colours are premultiplied if
    its own are.
    Raises UserError for what is no picture.
    """
    import numpy as np

    from dataset_tool.fit import compose, compose_premultiplied, fit, straight_page
    from dataset_tool.options import ConvertOptions
    from dataset_tool.reading.decode import decode
    from dataset_tool.reading.sources import Entry, read_entry

    side, channels = space.G.img_resolution, space.G.img_channels
    try:
        decoded = decode(read_entry(Entry(path.name, 0, path.name, path, None)))
        fitted = fit(decoded.image, ConvertOptions(resolution=max(8, side)))
    except ValueError as error:
        raise UserError(f"{path} cannot be read as a picture: {error}") from error
    if channels == 4:
        page = compose_premultiplied(fitted) if space.G.config.premultiplied else straight_page(fitted)
        array = np.asarray(page).astype(np.float32)
    else:
        picture = compose(fitted, background_of(space))
        array = np.asarray(picture.convert("L") if channels == 1 else picture).astype(np.float32)
    return as_target(array.reshape(side, side, -1), space)


def as_target(array: np.ndarray, space: Space) -> torch.Tensor:
    """A picture [R, R, C] of values 0 to 255 as [1, C, R, R] in [−1, 1] on the network's device."""
    import torch

    images = torch.from_numpy(array.copy()).to(torch.float32).permute(2, 0, 1)[None] / 127.5 - 1
    return images.to(space.device)


def background_of(space: Space) -> tuple[int, int, int]:
    """The colour around what the network draws; white where its pictures have many."""
    import torch

    from stylegan_pokemon.metrics import sprite
    from stylegan_pokemon.render.images import on_white, to_uint8

    with torch.no_grad():
        drawn = space.draw(space.samples[:_BORDERS])
        pictures = on_white(to_uint8(drawn, space.G.config.premultiplied))
    colour = sprite.background_of(pictures)
    return _WHITE if colour is None else (int(colour[0]), int(colour[1]), int(colour[2]))
