"""Style mixing: one creature's build with another one's colours (StyleGAN, section 3.1)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction

import numpy as np
import torch

from stylegan_pokemon.render.images import comfortable_scale
from stylegan_pokemon.render.layers import describe_layers, rows_of
from stylegan_pokemon.render.loaded import LoadedGenerator
from stylegan_pokemon.render.pictures import RenderOptions, sheet_tiles
from stylegan_pokemon.render.seeds import Key, key_name, noise_seed
from stylegan_pokemon.render.sheet import contact_sheet


def mixed_ws(rows: torch.Tensor, columns: torch.Tensor, layers: str) -> torch.Tensor:
    """Return ws [R, C, num_ws, w_dim]: those of row r, with `layers` taken from column c.

    rows: [R, num_ws, w_dim]. columns: [C, num_ws, w_dim]. layers: as in `rows_of`, which may raise UserError.
    """
    taken = list(rows_of(layers, rows.shape[1]))
    mixed = rows[:, None].repeat(1, len(columns), 1, 1)
    mixed[:, :, taken] = columns[None][:, :, taken]
    return mixed


def mix_sheet(
    generator: LoadedGenerator,
    rows: Sequence[Key],
    columns: Sequence[Key],
    labels: Sequence[int],
    layers: str,
    options: RenderOptions,
    *,
    scale: Fraction | None = None,
    progress: Callable[[Iterable[int]], Iterable[int]] = iter,
) -> tuple[np.ndarray, torch.Tensor]:
    """Return a labelled sheet uint8 [H, W, 3] and its ws [R, C, num_ws, w_dim].

    The top row shows the columns' own pictures, the left column the rows'. labels: of the rows, then of the
    columns. scale: of the tiles, by default a whole-number step to between 128 and 256 pixels. progress:
    wraps the numbers of the rows, for a progress bar.
    """
    G = generator.G
    ws = generator.ws([*rows, *columns], labels, options.truncation_psi, options.around)
    mixed = mixed_ws(ws[: len(rows)], ws[len(rows) :], layers)
    scale = scale or comfortable_scale(G.img_resolution, 128, 256)

    def tiles(latents: torch.Tensor, seeds: Sequence[int]) -> list[np.ndarray]:
        return sheet_tiles(generator, latents, seeds, options, scale)

    sources = tiles(ws, [noise_seed(key) for key in (*rows, *columns)])
    corner = np.full_like(sources[0], 255)
    pictures = [[corner, *sources[len(rows) :]]]
    for row in progress(range(len(rows))):
        pictures.append([sources[row], *tiles(mixed[row], [noise_seed(rows[row])] * len(columns))])
    sheet = contact_sheet(
        pictures,
        ["", *map(key_name, rows)],
        ["", *map(key_name, columns)],
        title="Style mixing",
        heading=f"{describe_layers(layers, G.num_ws)} of",
        caption=f"{generator.name} · the other layers are those of the row · truncation psi"
        f" {options.truncation_psi:g}",
    )
    return sheet, mixed
