"""Which class each row of a training grid shows."""

from __future__ import annotations

from collections.abc import Sequence


def classes_of_rows(classes: int, sizes: Sequence[int], rows: int) -> list[int]:
    """The class in every row of a grid, by label: those that have pictures, in turn.

    Of more classes than rows evenly spaced ones are shown. sizes: pictures of each; empty in runs that began
    when every class was shown in turn, and which go on like that.
    """
    if not any(sizes):
        return [row % classes for row in range(rows)]
    trained = [label for label in range(classes) if sizes[label]]
    if len(trained) <= rows:
        return [trained[row % len(trained)] for row in range(rows)]
    return [trained[row * len(trained) // rows] for row in range(rows)]
