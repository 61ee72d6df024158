"""Machines that exist only here: facts as the probe would have gathered them."""

from __future__ import annotations

import dataclasses

from stylegan_pokemon.doctor.examine import examine
from stylegan_pokemon.doctor.facts import PROBLEM, Card, Facts, Finding, Torch

GIB = 2**30
GTX_1080 = Card("NVIDIA GeForce GTX 1080", (6, 1), 8 * GIB, 7 * GIB)
GTX_1060_3GB = Card("NVIDIA GeForce GTX 1060 3GB", (6, 1), 3 * GIB, 2 * GIB)
GTX_780 = Card("NVIDIA GeForce GTX 780", (3, 5), 3 * GIB, 3 * GIB)
RTX_3060 = Card("NVIDIA GeForce RTX 3060", (8, 6), 12 * GIB, 11 * GIB)
RTX_5090 = Card("NVIDIA GeForce RTX 5090", (12, 0), 32 * GIB, 31 * GIB)
NO_CODE = "CUDA error: no kernel image is available for execution on the device"

# What torch.cuda.get_arch_list() gives: wheels for Linux; those for 12.6 serve 6.1 by their code for 6.0.
BUILT = {
    "12.6": ("sm_50", "sm_60", "sm_70", "sm_75", "sm_80", "sm_86", "sm_90"),
    "12.8": ("sm_70", "sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120"),
    "13.0": ("sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120", "compute_120"),
}


def torch_for(cuda: str, *cards: Card, version: str = "2.13.0") -> Torch:
    """A PyTorch that sees these cards."""
    tag = "+cu" + cuda.replace(".", "")
    return Torch(version + tag, cuda, None, BUILT[cuda], True, None, cards)


def blind_torch(cuda: str, complaint: str) -> Torch:
    """A PyTorch for cards that sees none; it then keeps its architectures to itself."""
    return Torch("2.13.0+cu" + cuda.replace(".", ""), cuda, complaint=complaint)


CPU_TORCH = Torch("2.13.0+cpu")


def machine(*cards: Card, **changes) -> Facts:
    """A healthy Linux machine, with a PyTorch for CUDA 12.6 that sees `cards` as the driver does."""
    healthy = Facts(
        system="Linux",
        release="6.8.0-45-generic",
        cores=8,
        python=(3, 12, 3),
        torch=torch_for("12.6", *cards) if cards else CPU_TORCH,
        driver="570.124.06" if cards else None,
        driver_cards=tuple(dataclasses.replace(card, failure=None) for card in cards),
        plugged_cards=len(cards),
        nvrtc="12.6" if cards else None,
        compiler="g++ (Ubuntu 13.2.0) 13.2.0",
        memory=32 * GIB,
        memory_available=24 * GIB,
    )
    return dataclasses.replace(healthy, **changes)


def failing(card: Card, said: str = NO_CODE) -> Card:
    return dataclasses.replace(card, failure=said)


def problems(facts: Facts) -> list[Finding]:
    return [finding for finding in examine(facts) if finding.level == PROBLEM]


def only(findings: list[Finding]) -> Finding:
    assert len(findings) == 1, findings
    return findings[0]


def about(check: str, facts: Facts) -> list[Finding]:
    return [finding for finding in examine(facts) if finding.check == check]


def pip_torch(index: str) -> str:
    """The command that puts another build in place of the one that is there."""
    url = f"https://download.pytorch.org/whl/{index}"
    return f"python -m pip install --force-reinstall torch --index-url {url}"
