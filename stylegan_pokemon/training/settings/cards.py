"""Cards that a plan can be made for without having them. This module imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Card:
    """A card that a plan can be made for without having it."""

    name: str
    gib: float
    capability: tuple[int, int]

    def __str__(self) -> str:
        return "{}, {} GB, compute capability {}.{}".format(self.name, self.gib, *self.capability)


CARDS = {
    "gtx1060": Card("GTX 1060", 6, (6, 1)),
    "gtx1070": Card("GTX 1070", 8, (6, 1)),
    "gtx1080": Card("GTX 1080", 8, (6, 1)),
    "gtx1080ti": Card("GTX 1080 Ti", 11, (6, 1)),
    "rtx2060": Card("RTX 2060", 6, (7, 5)),
    "rtx2080": Card("RTX 2080", 8, (7, 5)),
    "rtx3060": Card("RTX 3060", 12, (8, 6)),
    "rtx3080": Card("RTX 3080", 10, (8, 6)),
    "rtx3090": Card("RTX 3090", 24, (8, 6)),
    "rtx4060": Card("RTX 4060", 8, (8, 9)),
    "rtx4090": Card("RTX 4090", 24, (8, 9)),
}
"""Memory and compute capability as their makers state them."""

USABLE = 0.9
"""Of a card's memory; the desktop and the driver hold the rest. 8 GB leave 7.2 GiB."""
