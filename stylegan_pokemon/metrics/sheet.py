"""nn.png: generated pictures beside the training pictures nearest to them, so that people can judge."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from stylegan_pokemon.metrics.manifold import squared_distances
from stylegan_pokemon.metrics.memorisation import NEAR_PIXELS, Distances
from stylegan_pokemon.render.images import comfortable_scale, rescale, save_png
from stylegan_pokemon.render.sheet import contact_sheet

_CLOSEST, _OTHERS = 6, 6  # rows
_NEIGHBOURS = 3
_TILE = 96  # pixels, about


def write_sheet(
    path: Path,
    pictures: np.ndarray,
    features: torch.Tensor,
    distances: Distances,
    real: Callable[[int], np.ndarray],
    real_features: torch.Tensor,
    heading: str,
) -> None:
    """Write the sheet of generated pictures uint8 [N, H, W, 3] with three nearest training pictures each.

    The first rows are the pictures nearest to the training set, the others are spread evenly over the rest.
    features, distances: of the pictures, [N, …]. real: the training picture uint8 [H, W, 3] of an index.
    heading: above the columns.
    """
    order = torch.argsort(distances.pixels[: len(pictures)])
    rows = chosen(len(order))
    scale = comfortable_scale(pictures.shape[1], _TILE + _TILE // 3, 2 * _TILE)
    tiles, labels = [], []
    for row in rows:
        i = int(order[row])
        near = squared_distances(features[i : i + 1], real_features)[0].topk(
            min(_NEIGHBOURS, len(real_features)), largest=False
        )
        shown = [pictures[i], *(real(int(j)) for j in near.indices), real(int(distances.nearest_pixels[i]))]
        tiles.append([rescale(picture, scale) for picture in shown])
        place = _ordinal(row + 1) if row < _CLOSEST else f"{row / len(order):.0%} are closer"
        apart = float(distances.pixels[i])
        labels.append(f"{place}\n{apart:.2f} apart" + (": near copy" if apart < NEAR_PIXELS else ""))
    columns = ["generated", "nearest", "second", "third"][: 1 + min(_NEIGHBOURS, len(real_features))]
    sheet = contact_sheet(
        tiles,
        labels,
        [*columns, "by pixels"],
        title="Does it copy? Generated pictures and their nearest training pictures",
        heading=heading,
        caption=f"Apart, by pixels: 0 is a copy, below {NEAR_PIXELS:g} a near copy, about 1 unrelated.",
    )
    save_png(path, sheet)


def chosen(count: int) -> list[int]:
    """Places, in the order of distance, of the pictures to show: the closest, and others evenly spread."""
    closest = list(range(min(_CLOSEST, count)))
    many = count > _CLOSEST + _OTHERS
    rest = np.linspace(len(closest), count - 1, _OTHERS + 2)[1:-1] if many else np.empty(0)
    return closest + sorted({int(place) for place in rest})


def _ordinal(number: int) -> str:
    return {1: "closest", 2: "2nd closest", 3: "3rd closest"}.get(number, f"{number}th closest")
