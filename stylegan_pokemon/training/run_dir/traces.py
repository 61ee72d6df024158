"""`losses.npz`: what every iteration of a run reported, in a file that stays small however long the run is.

The newest iterations have a row each; in long runs earlier ones share rows, so that a file which is written
whole at every tick has about 131,072 of them at most (4.7 MB). Which rows those are depends on the number of
iterations alone, and their means are the same on every way there: a continued run writes the same file.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from stylegan_pokemon.files import whole_file
from stylegan_pokemon.training.systems.statistics import COLUMNS

_HALF = 1 << 16  # rows of one iteration each at the end of the file, and at most as many that are shared


class Traces:
    """The rows of a run's losses.npz, in memory and in the file.

    Arrays of the file: "images_shown" and "iterations" (int64: pictures shown until the end of a row, and how
    many iterations it is the mean of) and float32 "loss/G", "loss/D_fake", "loss/D_real", "signs/real", "p".
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._arrays = _empty()

    def load(self, images_shown: int) -> None:
        """Take what the file holds up to `images_shown`; a file that cannot be read counts as empty."""
        try:
            with np.load(self.path) as file:
                arrays = {name: file[name].astype(kind) for name, kind in _KINDS.items()}
            if any(array.shape != arrays["p"].shape for array in arrays.values()) or arrays["p"].ndim != 1:
                raise ValueError("columns of different lengths")
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            arrays = _empty()
        kept = arrays["images_shown"] <= images_shown
        self._arrays = {name: array[kept] for name, array in arrays.items()}

    def append(self, rows: np.ndarray) -> None:
        """Add rows as `Recorder.rows` gives them, and merge old ones where there are too many."""
        new = {name: rows[:, i] for i, name in enumerate(COLUMNS)} | {"iterations": np.ones(len(rows))}
        for name, array in self._arrays.items():
            self._arrays[name] = np.concatenate([array, new[name].astype(array.dtype)])
        self._arrays = merged(self._arrays)

    def write(self) -> None:
        """Write the file, whole or not at all. Raises UserError when that is not possible."""
        with whole_file(self.path) as temporary:
            np.savez(temporary, **self._arrays)


_KINDS = {name: np.int64 if name == "images_shown" else np.float32 for name in COLUMNS} | {
    "iterations": np.int64
}


def _empty() -> dict[str, Any]:
    return {name: np.empty(0, kind) for name, kind in _KINDS.items()}


def merged(arrays: dict[str, Any], half: int = _HALF) -> dict[str, Any]:
    """Merge neighbouring rows but for the last `half` iterations, so that about `half` merged ones are left.

    At level l rows of 2^(l − 1) iterations become rows of 2^l, those of [k·2^l, (k + 1)·2^l); the highest
    level follows from the number of iterations. So what results, and the tree of means, is the same whether
    rows were added one by one or at once.
    """
    total = int(arrays["iterations"].sum())
    level = 0
    while (total - half) >> level > half:
        level += 1
        arrays = _pairs_merged(arrays, 1 << level, total - half)
    return arrays


def _pairs_merged(arrays: dict[str, Any], span: int, end: int) -> dict[str, Any]:
    """Merge rows of span/2 iterations, two by two, into rows of `span` that are over at iteration `end`."""
    lengths = arrays["iterations"]
    ends = np.cumsum(lengths)
    halves = (lengths[:-1] == span // 2) & (lengths[1:] == span // 2)
    first = np.flatnonzero(halves & ((ends - lengths)[:-1] % span == 0) & (ends[1:] <= end))
    result = {}
    for name, array in arrays.items():
        joined = array.copy()
        if name == "iterations":
            joined[first + 1] += array[first]
        elif name != "images_shown":  # which is that at the end of the second
            joined[first + 1] = (array[first] + array[first + 1]) / 2
        result[name] = np.delete(joined, first)
    return result
