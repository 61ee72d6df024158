"""Facts about a machine, which `probe` gathers, and findings, to which `examine` turns them: plain data.

None means that something is missing or could not be found out. Sizes are in bytes.
"""

from __future__ import annotations

from dataclasses import dataclass

OK, NOTE, PROBLEM = "ok", "note", "PROBLEM"
Capability = tuple[int, int]  # compute capability, such as (6, 1) for a GTX 1080


@dataclass(frozen=True)
class Card:
    """An NVIDIA card, as PyTorch or as the driver reports it."""

    name: str
    capability: Capability | None = None
    total_memory: int | None = None
    free_memory: int | None = None
    failure: str | None = None  # PyTorch's error in a trial computation; None also if there was no trial


@dataclass(frozen=True)
class Torch:
    """An installed PyTorch that can be imported."""

    version: str
    cuda: str | None = None  # the CUDA version that it was built for, such as "12.6"
    hip: str | None = None  # the same for AMD cards
    architectures: tuple[str, ...] = ()  # sm_XY and compute_XY that it holds code for; () if it sees no card
    sees_cuda: bool = False
    complaint: str | None = None  # PyTorch's error message if it sees no card
    cards: tuple[Card, ...] = ()  # cuda:0, cuda:1, ...


@dataclass(frozen=True)
class Facts:
    """Everything that `examine` uses."""

    # System
    system: str  # platform.system(): Linux, Windows or Darwin
    release: str = ""
    machine: str = "x86_64"
    cores: int | None = None
    container: bool = False
    # Python
    python: tuple[int, int, int] = (3, 11, 0)
    python_bits: int = 64
    python_command: str = "python"  # starts this interpreter
    missing_packages: tuple[str, ...] = ()  # required packages, PyTorch aside
    # PyTorch
    torch: Torch | None = None
    torch_failure: str | None = None  # why the import failed; None with torch None: not installed
    # Driver and cards
    driver: str | None = None
    driver_failure: str | None = None  # the error message of nvidia-smi
    driver_cards: tuple[Card, ...] = ()
    plugged_cards: int = 0  # NVIDIA cards on the PCI bus, with or without a driver; Linux only
    visible_devices: str | None = None  # the variable CUDA_VISIBLE_DEVICES
    # Tools
    nvrtc: str | None = None  # version of the NVRTC that compiles for the training card
    nvrtc_failure: str | None = None
    compiler: str | None = None  # the C++ compiler's name and version
    compiler_wanted: str | None = None  # the variable CXX
    kernels_switch: str | None = None  # the variable STYLEGAN_POKEMON_KERNELS
    build_failure: tuple[str, str] | None = None  # the note about a failed build of the CPU kernels, and why
    # Memory
    memory: int | None = None
    memory_available: int | None = None
    surprises: tuple[str, ...] = ()  # probes that raised an unexpected error

    @property
    def wsl(self) -> bool:
        """Whether this is Linux inside Windows."""
        return self.system == "Linux" and "microsoft" in self.release.lower()


@dataclass(frozen=True)
class Finding:
    """The result of one check; a note or a problem also says what to do."""

    check: str
    level: str  # OK, NOTE or PROBLEM
    found: str
    advice: str = ""  # what is wrong and what helps
    command: str | None = None  # to copy into a console
    stops: bool = False  # a problem that stops training even on the CPU


def gib(size: int) -> str:
    return f"{size / 2**30:.1f} GiB"
