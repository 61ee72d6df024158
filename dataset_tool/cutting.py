"""Sprite sheets: which pictures are one, and their sprites."""

from __future__ import annotations

import numpy as np
from PIL import Image

from dataset_tool.background import visible

Box = tuple[int, int, int, int]

# The smallest sprites people draw are 16 pixels; at 8 any dithered picture falls apart into cells.
_SMALLEST = 16
_MOST_CELLS = 64  # along one side
# The last row of a sheet is often not full.
_FILLED = 0.5
# Cells of a grid are about square: the sheets of RPG Maker, with 3:4, are the longest in common use.
_LONGEST = 1.5
# A creature in pieces has some of one size and crumbs; a sheet has sprites of about one size.
_UNLIKE = 3.0
# Sprites that fill their cells touch the ones beside them; a cut through a drawing meets as much as any line.
_TOUCHED = 0.1
_TOUCHED_MOST = 0.1


def sprites_of(image: Image.Image, grid: tuple[int, int] | None, tolerance: int) -> list[Image.Image]:
    """Cut an RGBA picture into its sprites, row by row; empty cells are left out.

    grid: columns and rows; None finds them, and returns the picture whole if it is no sheet. tolerance: as
    of `--tolerance`. Raises ValueError with a reason for the problem table where the grid does not fit.
    """
    seen = visible(image, tolerance)
    if grid is None:
        boxes = sheet_boxes(seen)
        return [image.crop(box) for box in boxes] if boxes else [image]
    columns, rows = grid
    if image.width % columns or image.height % rows:
        raise ValueError(
            f"its {image.width}×{image.height} pixels do not divide into {columns}×{rows} cells of one size"
        )
    cells = _cells(image.width, image.height, columns, rows)
    filled = [box for box in cells if _part(seen, box).any()]
    if not filled:
        raise ValueError("nothing is visible in any cell")
    return [image.crop(box) for box in filled]


def sheet_boxes(seen: np.ndarray) -> list[Box]:
    """The sprites of a picture that looks like a sheet, as (left, top, right, bottom); [] for any other.

    seen: [H, W] bool, what is no background. A sheet is a grid of equal cells whose borders nothing
    crosses, or at least four drawings of about one size with empty columns and rows between them.
    """
    if not seen.any() or max(seen.shape) < 2 * _SMALLEST:
        return []
    return _grid(seen) or _apart(seen)


def _grid(seen: np.ndarray) -> list[Box]:
    """The finest grid that cuts nothing: coarser ones put several sprites into a cell."""
    height, width = seen.shape
    across, down = _crossed(seen), _crossed(seen.T)
    best: list[Box] = []
    for columns in _divisors(width):
        if _cuts(across, width // columns):
            continue
        for rows in _divisors(height):
            cell = width / columns / (height / rows)
            if columns * rows <= len(best) or not 1 / _LONGEST <= cell <= _LONGEST:
                continue
            if _cuts(down, height // rows):
                continue
            cells = _cells(width, height, columns, rows)
            filled = [box for box in cells if _part(seen, box).any()]
            if len(filled) >= max(2, _FILLED * len(cells)) and _alike([_extent(seen, box) for box in filled]):
                best = filled
    return best


def _apart(seen: np.ndarray) -> list[Box]:
    """Drawings with empty rows between the lines of them, and empty columns between those of a line."""
    boxes: list[Box] = []
    for top, bottom in _runs(np.any(seen, axis=1)):
        found = _runs(np.any(seen[top:bottom], axis=0))
        boxes += [(left, top, right, bottom) for left, right in found]
        # A dithered picture has thousands, all too small.
        if len(boxes) > _MOST_CELLS**2 or any(
            max(right - left, bottom - top) < _SMALLEST for left, right in found
        ):
            return []
    extents = [_extent(seen, box) for box in boxes]
    large = [extent for extent in extents if max(extent) >= _SMALLEST]
    return boxes if len(large) == len(boxes) >= 4 and _alike(large) else []


def _alike(extents: list[tuple[int, int]]) -> bool:
    sides = np.sqrt([across * down for across, down in extents])
    # Of many sprites some may be tiny or huge; of few none.
    small, large = np.percentile(sides, [20, 80] if len(sides) > 4 else [0, 100])
    return bool(small >= _SMALLEST / 4 and large <= _UNLIKE * small)


def _extent(seen: np.ndarray, box: Box) -> tuple[int, int]:
    part = _part(seen, box)
    across, down = np.flatnonzero(part.any(axis=0)), np.flatnonzero(part.any(axis=1))
    return int(across[-1] - across[0] + 1), int(down[-1] - down[0] + 1)


def _crossed(seen: np.ndarray) -> np.ndarray:
    """The share of every cut, before column x, that goes through something; [W + 1] for [H, W]."""
    through = (seen[:, :-1] & seen[:, 1:]).sum(axis=0)
    return np.concatenate([[0.0], through / seen.shape[0], [0.0]])


def _cuts(crossed: np.ndarray, step: int) -> bool:
    """Whether cuts every `step` lines go through drawings: a few pixels may touch their neighbours'."""
    at = crossed[step:-1:step]
    return bool(len(at) and (at.mean() > _TOUCHED * max(crossed.mean(), 1e-9) or at.max() > _TOUCHED_MOST))


def _divisors(length: int) -> list[int]:
    return [n for n in range(1, min(_MOST_CELLS, length // _SMALLEST) + 1) if length % n == 0]


def _runs(filled: np.ndarray) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], filled.astype(np.int8), [0]])))
    return [(int(start), int(end)) for start, end in edges.reshape(-1, 2)]


def _cells(width: int, height: int, columns: int, rows: int) -> list[Box]:
    w, h = width // columns, height // rows
    return [(x * w, y * h, x * w + w, y * h + h) for y in range(rows) for x in range(columns)]


def _part(seen: np.ndarray, box: Box) -> np.ndarray:
    left, top, right, bottom = box
    return seen[top:bottom, left:right]
