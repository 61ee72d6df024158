"""What the doctor knows of a machine: plain data that `probe` gathers and `examine` judges.

None means that a thing is not there or could not be found out. Sizes are in bytes.
"""

from __future__ import annotations

from dataclasses import dataclass

Capability = tuple[int, int]  # compute capability, such as (6, 1) for a GTX 1080


@dataclass(frozen=True)
class Card:
    """An NVIDIA card, as PyTorch or as the driver sees it."""

    name: str
    capability: Capability | None = None
    total_memory: int | None = None
    free_memory: int | None = None
    failure: str | None = (
        None  # what PyTorch said when it tried to compute on it; None also if it never tried
    )


@dataclass(frozen=True)
class Torch:
    """An installed PyTorch that can be imported."""

    version: str
    cuda: str | None = None  # what it was built for, such as "12.6"
    hip: str | None = None  # the same for AMD cards
    # What it holds code for, sm_XY for cards and compute_XY for their successors; () if it sees no card.
    architectures: tuple[str, ...] = ()
    sees_cuda: bool = False
    complaint: str | None = None  # why it sees no card, in its own words
    cards: tuple[Card, ...] = ()  # in its own order: cuda:0, cuda:1, ...


@dataclass(frozen=True)
class Nvrtc:
    """A library of NVRTC, NVIDIA's compiler at run time, that can be loaded."""

    version: tuple[int, int]
    capabilities: tuple[Capability, ...] = ()  # that it compiles for; empty: it does not say


@dataclass(frozen=True)
class Disk:
    """A folder that the program writes to."""

    purpose: str
    path: str
    free: int
    writable: bool


@dataclass(frozen=True)
class Facts:
    """Everything that `examine` may ask."""

    # The system
    system: str  # as platform.system() says: Linux, Windows, Darwin
    release: str = ""
    machine: str = "x86_64"
    cores: int | None = None
    distribution: tuple[
        str, ...
    ] = ()  # of Linux: its name and what it is like, such as ("linuxmint", "ubuntu")
    wsl: bool = False  # Linux inside Windows
    container: bool = False
    # Python
    python: tuple[int, int, int] = (3, 11, 0)
    python_bits: int = 64
    python_command: str = "python"  # what starts this very Python in a console
    python_managed: bool = False  # it belongs to the system, and pip refuses to install into it
    installed: bool = True  # stylegan_pokemon is installed, not just run from its folder
    missing_packages: tuple[str, ...] = ()  # required ones, PyTorch aside
    # PyTorch
    torch: Torch | None = None
    torch_failure: str | None = None  # why it cannot be imported; None with torch None: it is not installed
    # The driver and its cards
    driver: str | None = None
    driver_failure: str | None = None  # what nvidia-smi said instead of an answer
    driver_cards: tuple[Card, ...] = ()
    plugged_cards: int = 0  # NVIDIA cards on the bus, with or without a driver; 0 where that cannot be seen
    visible_devices: str | None = None  # the variable CUDA_VISIBLE_DEVICES
    # Tools
    nvrtc: tuple[Nvrtc, ...] = ()
    nvrtc_failure: str | None = None
    compiler: str | None = None  # the C++ compiler's name and version
    compiler_wanted: str | None = None  # the variable CXX
    visual_studio: bool = False  # its C++ tools are installed, on the PATH or not
    ninja: str | None = None
    kernels_switch: str | None = None  # the variable STYLEGAN_POKEMON_KERNELS
    build_failure: tuple[str, str] | None = (
        None  # where a failed build of the CPU's kernels is noted, and why
    )
    ffmpeg: str | None = None
    # Room
    memory: int | None = None
    memory_available: int | None = None
    disks: tuple[Disk, ...] = ()
    # Probes that failed in a way nobody foresaw
    surprises: tuple[str, ...] = ()
