"""What people see in a sprite and networks trained on photographs miss: one piece, a clean background?

Everything is of a single picture, by arithmetic on its pixels. The foreground is what differs from the
background colour by more than 12 % of the full range in some channel; of pictures with alpha it is what is
more than 12 % opaque. Sets are compared in `figures`.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import binary_dilation, binary_erosion, label, maximum_filter

from stylegan_pokemon.render.foreground import FOREGROUND, distance_from_ground, own_background
from stylegan_pokemon.render.images import on_white
from stylegan_pokemon.sprites.quantize import oklab

NAMES = ("whole", "pieces", "holes", "haze", "speckle", "sharpness", "saturation", "palette")
CLEAN = 0.015  # of the full range: four grey levels, which no eye tells from the background
WHOLE = 0.97  # of the foreground in its largest piece: sparks and drops beside a creature leave it whole
_COMMON = 0.9  # of the real pictures that must share a background colour for it to be the set's
_SMALL = 0.001  # of a picture's pixels (4 of 64×64): smaller pieces and holes are no pieces and holes
_COVERED = 0.95  # of the body by its palette
_CELL = 0.1  # side of a colour of the palette in OKLab: a tenth of the way from black to white
_AT_ONCE = 1 << 20  # pixels: 256 pictures of 64×64
_SIDES = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], bool)[None]  # neighbours within a picture
_CORNERS = np.ones((1, 3, 3), bool)  # these and the diagonal ones
_DIRECTIONS = ((0, 1), (1, 0), (1, 1), (1, -1))


def background_of(pictures: np.ndarray) -> np.ndarray | None:
    """The background colour of a set uint8 [N, H, W, 3] as uint8 [3]; None where its pictures have many.

    A picture's own colour is the median of its outermost pixels in each channel. The set's is the median of
    these, if nine tenths of the pictures have it within what counts as clean.
    """
    own = own_background(pictures)
    colour = np.median(own, axis=0)
    near = np.abs(own - colour).max(axis=1) <= CLEAN * 255
    return colour.astype(np.uint8) if near.mean() >= _COMMON else None


def measure(pictures: np.ndarray, background: np.ndarray | None = None) -> dict[str, np.ndarray]:
    """Figures of pictures uint8 [N, H, W, C], C = 1, 3 or 4, by the names in NAMES: float64 [N] each.

    background: uint8 [3], of all of them; None takes each picture's own. With alpha neither matters: colours
    are those laid over white. nan stands for what a picture does not have, the palette of an empty one say.

    whole: 1 where the largest 8-connected piece holds at least 97 % of the foreground, else 0.
    pieces: number of 8-connected pieces of at least a thousandth of the picture.
    holes: number of regions of background colour, as large, that the foreground encloses.
    haze: of the background farther than two pixels of 64 from the foreground, percent that are not clean,
        which is 1.5 to 12 % from the background.
    speckle: fine detail inside the body in percent of the full range: the mean over its pixels of the
        smallest second difference of brightness in four directions, which is near 0 on lines, edges and
        shades, but not on dots and noise (the impulse detector of S. Zhang and M. A. Karim 2002).
    sharpness: contrast of pixels on either side of the silhouette by the largest contrast within two pixels
        of 64: 1 for a hard edge, less the wider it is.
    saturation: mean chroma inside the body in OKLab, in percent of the lightness of white.
    palette: number of colours that cover 95 % of the foreground, on a grid of tenths in OKLab.
    """
    step = max(1, _AT_ONCE // pictures[0, ..., 0].size)
    parts = [_measure(pictures[i : i + step], background) for i in range(0, len(pictures), step)]
    return {name: np.concatenate([part[name] for part in parts]) for name in NAMES}


def _measure(pictures: np.ndarray, background: np.ndarray | None) -> dict[str, np.ndarray]:
    colours = on_white(pictures)
    distance = distance_from_ground(pictures, colours, background)
    foreground = distance > FOREGROUND
    reach = max(2, pictures.shape[1] // 32)
    inside = binary_erosion(foreground, _CORNERS)
    whole, pieces = _pieces(foreground)
    lab = np.zeros((*foreground.shape, 3), np.float32)
    lab[foreground] = oklab(colours[foreground])
    return {
        "whole": whole,
        "pieces": pieces,
        "holes": _holes(foreground),
        "haze": _haze(distance, foreground, reach),
        "speckle": _speckle(colours, inside),
        "sharpness": _sharpness(distance, foreground, reach),
        "saturation": 100 * _mean(np.hypot(lab[..., 1], lab[..., 2]), inside),
        "palette": _palette(lab, foreground),
    }


def _regions(mask: np.ndarray, neighbours: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Connected regions of masks [N, H, W]: picture and area [K] of each, and labels [N, H, W], 0 outside."""
    structure = np.zeros((3, 3, 3), bool)
    structure[1] = neighbours
    labels, count = label(mask, structure)
    places = np.nonzero(mask)
    of_pixels = labels[places]
    owner = np.zeros(count + 1, np.int64)
    owner[of_pixels] = places[0]
    area = np.bincount(of_pixels, minlength=count + 1)
    return owner[1:], area[1:], labels


def _pieces(foreground: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Whether each picture is whole, and its number of pieces."""
    owner, area, _ = _regions(foreground, _CORNERS)
    largest, total = np.zeros((2, len(foreground)))
    np.maximum.at(largest, owner, area)
    np.add.at(total, owner, area)
    large = area >= _SMALL * foreground[0].size
    pieces = np.bincount(owner[large], minlength=len(foreground))
    return ((total > 0) & (largest >= WHOLE * total)).astype(np.float64), pieces.astype(np.float64)


def _holes(foreground: np.ndarray) -> np.ndarray:
    owner, area, labels = _regions(~foreground, _SIDES)
    enclosed = area >= _SMALL * foreground[0].size
    for edge in (labels[:, 0], labels[:, -1], labels[:, :, 0], labels[:, :, -1]):
        enclosed[edge[edge > 0] - 1] = False
    return np.bincount(owner[enclosed], minlength=len(foreground)).astype(np.float64)


def _haze(distance: np.ndarray, foreground: np.ndarray, reach: int) -> np.ndarray:
    away = ~binary_dilation(foreground, _SIDES, iterations=reach)
    return 100 * _mean((distance > CLEAN).astype(np.float32), away)


def _speckle(colours: np.ndarray, inside: np.ndarray) -> np.ndarray:
    red, green, blue = np.moveaxis(colours.astype(np.float32), -1, 0)
    brightness = (red + green + blue) / (3 * 255)
    height, width = brightness.shape[1:]
    centre = brightness[:, 1:-1, 1:-1]
    smallest = np.full_like(centre, np.inf)
    for down, right in _DIRECTIONS:
        ends = [brightness[:, 1 + s * down : height - 1 + s * down, 1 + s * right : width - 1 + s * right]
                for s in (-1, 1)]  # fmt: skip
        np.minimum(smallest, np.abs((ends[0] + ends[1]) / 2 - centre), out=smallest)
    return 100 * _mean(smallest, inside[:, 1:-1, 1:-1])


def _sharpness(distance: np.ndarray, foreground: np.ndarray, reach: int) -> np.ndarray:
    window = 2 * reach + 1
    largest = maximum_filter(distance, size=(1, window, window))
    total, count = np.zeros((2, len(distance)))
    for axis in (1, 2):
        first, second = (slice(None),) * axis + (slice(-1),), (slice(None),) * axis + (slice(1, None),)
        crossing = foreground[first] != foreground[second]
        step = np.abs(distance[first] - distance[second])
        height = np.maximum(largest[first], largest[second])
        total += np.divide(step, height, where=crossing, out=np.zeros_like(step)).sum(axis=(1, 2))
        count += crossing.sum(axis=(1, 2))
    return _ratio(total, count)


def _palette(lab: np.ndarray, foreground: np.ndarray) -> np.ndarray:
    """The fewest cells of a grid in OKLab that hold 95 % of a picture's foreground."""
    cells = np.rint(lab[foreground] / _CELL).astype(np.int64) + 8  # 0 … 18 in each direction
    picture = np.nonzero(foreground)[0]
    keys = ((picture * 32 + cells[:, 0]) * 32 + cells[:, 1]) * 32 + cells[:, 2]
    found, counts = np.unique(keys, return_counts=True)
    owner = found >> 15
    order = np.lexsort((-counts, owner))
    owner, counts = owner[order], counts[order]
    before = np.cumsum(counts) - counts  # pixels of cells before this one, of earlier pictures too
    total = np.bincount(owner, counts, minlength=len(foreground))
    start = np.cumsum(total) - total
    needed = before - start[owner] < _COVERED * total[owner]
    size = np.bincount(owner[needed], minlength=len(foreground)).astype(np.float64)
    return np.where(total > 0, size, np.nan)


def _mean(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Mean of values [N, H, W] where the mask holds, by picture; nan where it holds nowhere."""
    total = np.einsum("nhw,nhw->n", values, mask, dtype=np.float64)
    return _ratio(total, np.count_nonzero(mask, axis=(1, 2)))


def _ratio(total: np.ndarray, count: np.ndarray) -> np.ndarray:
    return np.divide(total, count, where=count > 0, out=np.full(len(total), np.nan))
