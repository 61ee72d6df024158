"""From latents to pixels: micro-batched rendering, 8-bit pictures, grids.

A picture is a NumPy array uint8 [H, W, C] with C = 1 (grey), 3 (RGB) or 4 (RGB and straight alpha).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction

import numpy as np
import torch

from dataset_tool.reading.pixels import straight
from stylegan_pokemon.checkpoint.networks import AnyGenerator
from stylegan_pokemon.devices import in_batches
from stylegan_pokemon.errors import UserError
from stylegan_pokemon.png import save_png as save_png
from stylegan_pokemon.png import to_image
from stylegan_pokemon.randomness import generator
from stylegan_pokemon.render.centres import Around
from stylegan_pokemon.render.truncation import truncated

MODES = {1: "L", 3: "RGB", 4: "RGBA"}
RGB = tuple[int, int, int]
WHITE: RGB = (255, 255, 255)
_BATCH_AT_1 = 2048  # with full-width networks 0.6 MiB per pixel of a side were measured, so this is 1.2 GiB
_MAX_BATCH = 64


def micro_batch(resolution: int) -> int:
    """How many pictures of resolution × resolution to render at once by default."""
    return max(1, min(_MAX_BATCH, _BATCH_AT_1 // resolution))


def to_uint8(images: torch.Tensor, premultiplied: bool = False) -> np.ndarray:
    """Convert network output [N, C, H, W] in [−1, 1] to uint8 [N, H, W, C], rounded as the field does.

    −1 becomes 0.5 → 0 and 1 becomes 255.5 → 255: `(x · 127.5 + 128)` clamped to 0 … 255 and truncated.
    premultiplied: whether colours are multiplied by alpha; they become straight.
    """
    pixels = (images.to(torch.float32).permute(0, 2, 3, 1) * 127.5 + 128).clamp(0, 255)
    pictures = pixels.to(torch.uint8).cpu().numpy()
    return straight(pictures) if premultiplied else pictures


def synthesize(
    G: AnyGenerator,
    ws: torch.Tensor,
    *,
    noise_mode: str = "const",
    noise_seeds: Sequence[int] | None = None,
    batch: int | None = None,
) -> Iterator[np.ndarray]:
    """Render ws [N, num_ws, w_dim] and yield N pictures uint8 [H, W, C], in micro-batches.

    noise_seeds: one per picture, for noise_mode "random"; a picture's noise depends on its seed alone, not on
    its neighbours or the batch size (default: 0 … N − 1). batch: pictures at once (default: by resolution).
    When the accelerator runs out of memory, the batch is halved and rendering continues.
    Raises UserError for a network whose pictures have neither 1, 3 nor 4 channels.
    """
    if G.img_channels not in MODES:
        raise UserError(f"the network makes pictures of {G.img_channels} channels; 1, 3 or 4 can be written")
    seeds = range(len(ws)) if noise_seeds is None else noise_seeds
    one = f"one picture of {G.img_resolution} × {G.img_resolution}"
    batch = batch or micro_batch(G.img_resolution)
    for pictures in in_batches(
        len(ws), batch, lambda part: _forward(G, ws[part], noise_mode, seeds[part]), one
    ):
        yield from pictures


@torch.no_grad()
def _forward(G: AnyGenerator, ws: torch.Tensor, noise_mode: str, noise_seeds: Sequence[int]) -> np.ndarray:
    premultiplied = G.config.premultiplied
    if noise_mode != "random":
        return to_uint8(G.synthesis(ws, noise_mode=noise_mode), premultiplied)
    draws = [G.synthesis.draw_noise(1, generator(seed, "noise")) for seed in noise_seeds]
    noise = [torch.cat(layer) for layer in zip(*draws, strict=True)]
    return to_uint8(G.synthesis(ws, noise_mode="random", noise=noise), premultiplied)


def grid(pictures: Sequence[np.ndarray], columns: int | None = None) -> np.ndarray:
    """Lay pictures uint8 [H, W, C] of one size row by row, without gaps: uint8 [rows·H, columns·W, C].

    columns: by default about as many as rows, or up to four times as many where that fills every row. Places
    that stay empty are white (transparent with alpha).
    """
    columns = columns or grid_columns(len(pictures))
    rows = -(-len(pictures) // columns)
    height, width, channels = pictures[0].shape
    canvas = np.full((rows * height, columns * width, channels), 255, dtype=np.uint8)
    if channels == 4:
        canvas[..., 3] = 0
    for i, picture in enumerate(pictures):
        top, left = i // columns * height, i % columns * width
        canvas[top : top + height, left : left + width] = picture
    return canvas


def grid_columns(count: int) -> int:
    """The fewest columns from the square root on that leave no gap, up to twice the root; else the root."""
    root = math.ceil(math.sqrt(count))
    return next((columns for columns in range(root, 2 * root + 1) if count % columns == 0), root)


def grid_shape(resolution: int) -> tuple[int, int]:
    """(columns, rows) of the pictures that training renders at every tick.

    64 pictures while they are small; fewer at 256 and above, so that a tick's grid stays within 2048 × 1536
    pixels or two pictures a side.
    """
    return max(2, min(8, 2048 // resolution)), max(2, min(8, 1536 // resolution))


def fakes_grid(
    G: AnyGenerator,
    z: torch.Tensor,
    c: torch.Tensor | None,
    columns: int | None = None,
    *,
    truncation_psi: float = 1.0,
    around: Around = "class",
    noise_mode: str = "const",
    batch: int | None = None,
    background: RGB = WHITE,
) -> np.ndarray:
    """Render latents z [N, z_dim] with labels c [N, c_dim] as one grid, uint8 [rows·H, columns·W, 1 or 3].

    Alpha is laid over `background`.
    With the fixed noise that is the default, the grids of a run differ by what the network learned alone.
    """
    with torch.no_grad():
        ws = truncated(G, z, c, truncation_psi, around)
    pictures = list(synthesize(G, ws, noise_mode=noise_mode, batch=batch))
    return without_alpha(grid(pictures, columns), background)


def comfortable_scale(resolution: int, at_least: int, at_most: int) -> Fraction:
    """The whole-number enlargement or reduction that brings `resolution` near a size pleasant to look at.

    Enlarged until another doubling would exceed `at_least`, reduced until it is within `at_most` (pixels).
    """
    if resolution > at_most:
        return Fraction(1, -(-resolution // at_most))
    return Fraction(max(1, at_least // resolution))


def rescale(picture: np.ndarray, scale: Fraction) -> np.ndarray:
    """Enlarge by a whole number (every pixel a square, nothing blurred) or average n × n pixels for 1/n.

    Raises UserError where 1/n leaves no whole pixel.
    """
    if scale.denominator == 1:
        return picture.repeat(scale.numerator, axis=0).repeat(scale.numerator, axis=1)
    if scale.numerator != 1 or scale.denominator > min(picture.shape[:2]):
        raise UserError(
            f"--scale {scale} does not suit pictures of {picture.shape[1]} × {picture.shape[0]} pixels; "
            f"choose a whole number, or 1/n with n at most {min(picture.shape[:2])}"
        )
    smaller = np.asarray(to_image(picture).reduce(scale.denominator))
    return smaller.reshape(*smaller.shape[:2], -1)


def without_alpha(pictures: np.ndarray, background: RGB = WHITE) -> np.ndarray:
    """Pictures uint8 [..., C] with alpha laid over `background`: [..., 3]; others as they are."""
    if pictures.shape[-1] != 4:
        return pictures
    alpha = pictures[..., 3:].astype(np.uint16)
    colour = pictures[..., :3] * alpha + np.array(background, np.uint16) * (255 - alpha)
    return ((colour + 127) // 255).astype(np.uint8)


def on_white(pictures: np.ndarray) -> np.ndarray:
    """Pictures uint8 [..., 1, 3 or 4] as RGB [..., 3]; alpha is laid over white."""
    pictures = without_alpha(pictures)
    return pictures if pictures.shape[-1] == 3 else pictures.repeat(3, axis=-1)
