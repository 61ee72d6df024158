"""Which build of PyTorch serves which card and driver, and the commands that install things.

Sources: NVIDIA's "CUDA Compatibility" (minor-version compatibility) and the CUDA release notes for drivers,
its Unix deprecation schedule for the 580 branch; PyTorch's RELEASE.md for the architectures of its wheels.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from stylegan_pokemon.doctor.facts import Capability, Card, Facts, Torch

OLDEST_PYTHON = (3, 10)
OLDEST_TORCH = (2, 6)
LAST_DRIVER_BEFORE_TURING = 580  # the last branch that drives GeForce GTX 900, GTX 10 and TITAN V
_TURING: Capability = (7, 5)
_INDEX = "https://download.pytorch.org/whl/"

# Oldest driver that runs programs built for any CUDA of that major version: on Linux, on Windows.
_OLDEST_DRIVERS = {11: ("450.80.02", "452.39"), 12: ("525.60.13", "528.33"), 13: ("580.65.06", "580")}


@dataclass(frozen=True)
class Build:
    """One of PyTorch's wheel indexes; code for the capabilities from `lowest` to `highest`."""

    name: str
    cuda: tuple[int, int]
    lowest: Capability
    highest: Capability
    below_python: tuple[int, int] = (99, 0)

    def serves(self, capability: Capability | None) -> bool:
        """Whether a card of this capability computes with it; True if it is unknown."""
        return capability is None or self.lowest <= capability <= self.highest

    def __str__(self) -> str:
        return f"the build for CUDA {self.cuda[0]}.{self.cuda[1]}"


# Newest first. Every one has a PyTorch of at least OLDEST_TORCH; cu118 ends with 2.7, for Python up to 3.13.
BUILDS = (
    Build("cu130", (13, 0), (7, 5), (12, 1)),
    Build("cu128", (12, 8), (7, 5), (12, 1)),
    Build("cu126", (12, 6), (5, 0), (9, 0)),
    Build("cu118", (11, 8), (5, 0), (9, 0), below_python=(3, 14)),
)


def numbers(version: str) -> tuple[int, ...]:
    """The leading numbers of a version: "2.13.0+cpu" is (2, 13, 0); () if there are none."""
    match = re.match(r"\d+(?:\.\d+)*", version.strip())
    return tuple(int(part) for part in match[0].split(".")) if match else ()


def oldest_driver(cuda: str, system: str) -> str | None:
    """The oldest driver for programs built for CUDA `cuda`; None for a CUDA that the table does not have."""
    versions = _OLDEST_DRIVERS.get((numbers(cuda) or (0,))[0])
    return versions and versions[system == "Windows"]


def driver_carries(driver: str | None, cuda: str, system: str) -> bool:
    """Whether that driver runs programs built for CUDA `cuda`; True where either is unknown."""
    oldest = oldest_driver(cuda, system)
    return driver is None or oldest is None or not numbers(driver) or numbers(driver) >= numbers(oldest)


def serves(torch: Torch, capability: Capability | None) -> bool:
    """Whether an installed PyTorch computes on a card of this capability; True if it is unknown.

    A PyTorch that sees no card does not tell what it holds code for; its version of CUDA then does.
    """
    if capability is None or torch.cuda is None:
        return capability is None
    if torch.architectures:
        return has_code_for(capability, torch.architectures)
    alike = [build for build in BUILDS if build.cuda <= numbers(torch.cuda)]  # newest first
    return not alike or alike[0].serves(capability)


def has_code_for(capability: Capability, architectures: Sequence[str]) -> bool:
    """Whether a build with these architectures computes on a card of this compute capability.

    Code for sm_60 also runs on 6.1, within a major version and upwards only; compute_60 is compiled by the
    driver for anything newer. So a build that lists sm_60 and no sm_61 serves a GTX 1080.
    """
    for architecture in architectures:
        match = re.fullmatch(r"(sm|compute)_(\d+)(\d)([af]?)", architecture)
        if not match:
            continue
        held = (int(match[2]), int(match[3]))
        if match[4] == "a":  # for that one architecture alone
            fits = held == capability
        elif match[1] == "sm":
            fits = held[0] == capability[0] and held <= capability
        else:
            fits = held <= capability
        if fits:
            return True
    return False


def best_build(cards: Sequence[Card], facts: Facts) -> Build | None:
    """The newest build that serves most of these cards under this driver and Python; None if none serves any.

    A card of unknown capability counts as served by every build that the driver carries.
    """

    def served(build: Build) -> int:
        cuda = "{}.{}".format(*build.cuda)
        if facts.python[:2] >= build.below_python or not driver_carries(facts.driver, cuda, facts.system):
            return 0
        return sum(build.serves(card.capability) for card in cards)

    best = max(BUILDS, key=served)  # max takes the first of equals: the newest
    return best if served(best) else None


def is_hopeless(card: Card) -> bool:
    """Whether a card is older than what any of the builds knows."""
    return card.capability is not None and all(card.capability < build.lowest for build in BUILDS)


def is_before_turing(cards: Sequence[Card]) -> bool:
    """Whether one of these cards is older than what CUDA 13 and drivers after the 580 branch know."""
    return any(card.capability is not None and card.capability < _TURING for card in cards)


def pip(facts: Facts, arguments: str) -> str:
    """A pip command for the very Python that runs the program."""
    return f"{facts.python_command} -m pip {arguments}"


def install_torch(facts: Facts, build: Build | None, again: bool) -> str:
    """The command that installs PyTorch: of `build`, else for the CPU. again: in place of another."""
    force = "--force-reinstall " if again else ""  # pip takes another build of one version for the same
    if facts.system == "Darwin":
        return pip(facts, f"install {force}torch")
    return pip(facts, f"install {force}torch --index-url {_INDEX}{build.name if build else 'cpu'}")


def install_extra(facts: Facts, extra: str) -> str:
    """The command that installs one of this package's extras."""
    what = f'"stylegan-pokemon[{extra}]"' if facts.installed else f'-e ".[{extra}]"'
    return pip(facts, f"install {what}")


def install_driver(facts: Facts) -> str | None:
    """The command that installs or renews NVIDIA's driver, where one is sure to be right."""
    if facts.wsl:
        return "wsl.exe --update"
    if facts.system == "Linux":
        for name in facts.distribution:
            if name in _DRIVER_COMMANDS:
                return _DRIVER_COMMANDS[name]
    return None


def install_compiler(facts: Facts) -> str | None:
    """The command that installs a C++ compiler."""
    if facts.system == "Windows":
        return (
            "winget install Microsoft.VisualStudio.2022.BuildTools --override"
            ' "--wait --passive --add Microsoft.VisualStudio.Workload.VCTools --includeRecommended"'
        )
    if facts.system == "Darwin":
        return "xcode-select --install"
    for name in facts.distribution:
        if name in _COMPILER_COMMANDS:
            return _COMPILER_COMMANDS[name]
    return None


_DRIVER_COMMANDS = {
    "ubuntu": "sudo ubuntu-drivers install",  # which chooses the branch that knows the card
    "debian": "sudo apt install nvidia-driver",
}
_COMPILER_COMMANDS = {
    "ubuntu": "sudo apt install g++",
    "debian": "sudo apt install g++",
    "fedora": "sudo dnf install gcc-c++",
    "rhel": "sudo dnf install gcc-c++",
    "arch": "sudo pacman -S gcc",
    "suse": "sudo zypper install gcc-c++",
    "alpine": "sudo apk add g++",
}
