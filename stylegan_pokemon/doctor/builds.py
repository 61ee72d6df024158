"""Which build of PyTorch works with which card and driver.

Sources: NVIDIA's "CUDA Compatibility" (minor-version compatibility) and the CUDA release notes for drivers,
its Unix deprecation schedule for the 580 branch; PyTorch's RELEASE.md for the architectures of its wheels.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from stylegan_pokemon.doctor.facts import Capability, Card, Facts

OLDEST_PYTHON = (3, 10)
OLDEST_TORCH = (2, 6)
LAST_DRIVER_BEFORE_TURING = 580  # the last branch for GeForce GTX 900, GTX 10 and TITAN V


@dataclass(frozen=True)
class Build:
    """One of PyTorch's wheel indexes, with code for the capabilities from `lowest` to `highest`."""

    name: str
    cuda: tuple[int, int]
    drivers: tuple[str, str]  # oldest for any CUDA of this major version: on Linux, on Windows
    lowest: Capability
    highest: Capability

    def serves(self, capability: Capability | None) -> bool:
        """Whether it works on a card of this capability; True if that is unknown."""
        return capability is None or self.lowest <= capability <= self.highest

    def __str__(self) -> str:
        return f"the build for CUDA {self.cuda[0]}.{self.cuda[1]}"


BUILDS = (  # newest first
    Build("cu130", (13, 0), ("580.65.06", "580"), (7, 5), (12, 1)),
    Build("cu128", (12, 8), ("525.60.13", "528.33"), (7, 5), (12, 1)),
    Build("cu126", (12, 6), ("525.60.13", "528.33"), (5, 0), (9, 0)),
)


def numbers(version: str) -> tuple[int, ...]:
    """The leading numbers of a version: "2.13.0+cpu" is (2, 13, 0); () if there are none."""
    match = re.match(r"\d+(?:\.\d+)*", version.strip())
    return tuple(int(part) for part in match[0].split(".")) if match else ()


def oldest_driver(cuda: str, system: str) -> str | None:
    """The oldest driver for programs built for CUDA `cuda`; None if the table lacks that CUDA."""
    major = numbers(cuda)[:1]
    return next((build.drivers[system == "Windows"] for build in BUILDS if build.cuda[:1] == major), None)


def driver_carries(driver: str | None, cuda: str, system: str) -> bool:
    """Whether the driver runs programs built for CUDA `cuda`; True if either is unknown."""
    oldest = oldest_driver(cuda, system)
    return driver is None or oldest is None or not numbers(driver) or numbers(driver) >= numbers(oldest)


def best_build(cards: Sequence[Card], facts: Facts) -> Build | None:
    """The newest build that works on most of these cards with this driver; None if none does.

    A card of unknown capability counts as served by every build that the driver carries.
    """

    def served(build: Build) -> int:
        carried = driver_carries(facts.driver, "{}.{}".format(*build.cuda), facts.system)
        return sum(build.serves(card.capability) for card in cards) if carried else 0

    best = max(BUILDS, key=served)  # max takes the first of equals: the newest
    return best if served(best) else None


def is_hopeless(card: Card) -> bool:
    """Whether a card is too old for every build."""
    return card.capability is not None and all(card.capability < build.lowest for build in BUILDS)
