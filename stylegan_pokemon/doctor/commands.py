"""Console commands that repair things, for the machine at hand."""

from __future__ import annotations

from stylegan_pokemon.doctor.builds import Build
from stylegan_pokemon.doctor.facts import Facts

NVRTC = {12: "nvidia-cuda-nvrtc-cu12>=12.4,<13", 13: "nvidia-cuda-nvrtc>=13,<14"}
"""The requirements of the extras cu12 and cu13 in setup.cfg."""

_INDEX = "https://download.pytorch.org/whl/"


def pip(facts: Facts, arguments: str) -> str:
    """A pip command for the Python that runs the program."""
    return f"{facts.python_command} -m pip {arguments}"


def install_torch(facts: Facts, build: Build | None, again: bool = True) -> str:
    """Install PyTorch: `build`, or the CPU build. again: in place of an installed one."""
    force = "--force-reinstall " if again else ""  # pip takes another build of one version for the same
    index = "" if facts.system == "Darwin" else f" --index-url {_INDEX}{build.name if build else 'cpu'}"
    return pip(facts, f"install {force}torch{index}")


def set_variable(facts: Facts, name: str, value: str = "") -> str:
    """Set an environment variable; without a value, remove it."""
    if facts.system == "Windows":
        return f"set {name}={value}"
    return f"export {name}={value}" if value else f"unset {name}"
