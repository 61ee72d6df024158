"""Gathers the facts. Every probe survives programs that are missing, fail or hang; none uses the network."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import importlib.util
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from stylegan_pokemon.doctor.facts import Card, Facts, Torch

_TORCH_TIMEOUT = 60  # seconds; a cold disk and a first CUDA start take long
_TIMEOUT = 10  # seconds for any other program
_PACKAGES = {  # required by setup.cfg, under the name to import
    "numpy": "numpy", "scipy": "scipy", "PIL": "pillow", "click": "click", "requests": "requests",
    "safetensors": "safetensors", "filelock": "filelock", "tqdm": "tqdm", "psutil": "psutil",
    "platformdirs": "platformdirs", "imageio": "imageio", "imageio_ffmpeg": "imageio-ffmpeg",
    "ninja": "ninja",
}  # fmt: skip


def probe() -> Facts:
    """Everything about this machine, within a few seconds unless a program hangs."""
    found: dict[str, Any] = {"system": platform.system()}
    surprises = []
    for gather in (
        _system, _python, _torch, _driver, _plugged_cards, _compiler, _build_failure, _memory
    ):  # fmt: skip
        try:
            found.update(gather())
        except Exception as error:
            name = gather.__name__.strip("_").replace("_", " ")
            surprises.append(f"{name}: {type(error).__name__}: {error}".splitlines()[0])
    return Facts(**found, surprises=tuple(surprises))


def _run(*command: str, timeout: float = _TIMEOUT, **options: Any) -> tuple[int, str, str]:
    """Status, stdout and stderr of a program. Raises OSError if it cannot be started."""

    def text(output: bytes | None) -> str:
        return (output or b"").decode("utf-8", "replace").strip()

    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout, check=False, **options
        )
    except subprocess.TimeoutExpired as hang:
        return -1, text(hang.stdout), f"no answer within {timeout:g} s"
    return done.returncode, text(done.stdout), text(done.stderr)


def _system() -> dict[str, Any]:
    return {
        "release": platform.release(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "container": os.path.exists("/.dockerenv") or os.path.exists("/run/.containerenv"),
        "visible_devices": os.environ.get("CUDA_VISIBLE_DEVICES"),
        "kernels_switch": os.environ.get("STYLEGAN_POKEMON_KERNELS"),
    }


def _python() -> dict[str, Any]:
    missing = [package for name, package in _PACKAGES.items() if importlib.util.find_spec(name) is None]
    return {
        "python": tuple(sys.version_info[:3]),
        "python_bits": 64 if sys.maxsize > 2**32 else 32,
        "python_command": f'"{sys.executable}"' if " " in sys.executable else sys.executable,
        "missing_packages": tuple(missing),
    }


def _torch() -> dict[str, Any]:
    """What `torch_probe` prints in a process of its own."""
    if importlib.util.find_spec("torch") is None:
        return {}
    here = str(Path(__file__).parents[2])
    paths = os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH", "")]))
    command = (sys.executable, "-m", "stylegan_pokemon.doctor.torch_probe")
    return read_torch(*_run(*command, timeout=_TORCH_TIMEOUT, env={**os.environ, "PYTHONPATH": paths}))


def read_torch(status: int, output: str, complaints: str) -> dict[str, Any]:
    """The facts that `torch_probe` printed before it ended with `status`; later lines count more."""
    said: dict[str, Any] = {}
    for line in output.splitlines():
        with contextlib.suppress(ValueError, TypeError):  # output of a library, or a line cut off
            said.update(json.loads(line))
    ending = (complaints.splitlines() or [f"it crashed with status {status}"])[-1] if status else ""
    if "torch" not in said:
        return {"torch_failure": said.get("failure") or ending or "it printed nothing"}
    fields = said["torch"]
    cards = tuple(Card(**{**card, "capability": tuple(card["capability"])}) for card in fields["cards"])
    torch = Torch(**{**fields, "cards": cards, "architectures": tuple(fields["architectures"])})
    if ending and not cards:
        torch = dataclasses.replace(torch, sees_cuda=False, complaint=torch.complaint or ending)
    return {"torch": torch, "nvrtc": said.get("nvrtc"), "nvrtc_failure": said.get("nvrtc_failure")}


def _driver() -> dict[str, Any]:
    program = shutil.which("nvidia-smi")
    if program is None:
        return {}
    fields = "--query-gpu=name,memory.total,memory.free,driver_version,compute_cap"
    status, output, complaints = _run(program, fields, "--format=csv,noheader,nounits")
    if status or not output:
        said = output or complaints or f"nvidia-smi ended with status {status}"
        return {"driver_failure": said.splitlines()[0]}
    driver, cards = None, []
    for row in csv.reader(output.splitlines(), skipinitialspace=True):
        if len(row) == 5:
            name, total, free, driver, capability = (value.strip() for value in row)
            known = re.fullmatch(r"(\d+)\.(\d+)", capability)
            pair = (int(known[1]), int(known[2])) if known else None
            cards.append(Card(name, pair, _mebibytes(total), _mebibytes(free)))
    return {"driver": driver, "driver_cards": tuple(cards)}


def _mebibytes(value: str) -> int | None:
    return int(value) * 2**20 if value.isdigit() else None


def _plugged_cards() -> dict[str, Any]:
    count = 0
    for device in Path("/sys/bus/pci/devices").glob("*"):
        with contextlib.suppress(OSError):
            vendor, kind = ((device / name).read_text().strip() for name in ("vendor", "class"))
            count += vendor == "0x10de" and kind.startswith("0x03")  # NVIDIA; display controllers
    return {"plugged_cards": count}


def _compiler() -> dict[str, Any]:
    wanted = os.environ.get("CXX") or None
    found: dict[str, Any] = {"compiler_wanted": wanted}
    if platform.system() == "Windows":
        return {**found, "compiler": shutil.which(wanted or "cl")}
    if platform.system() == "Darwin" and _run("xcode-select", "-p")[0]:
        return found  # what is on the PATH then only offers to install the tools
    for name in [wanted] if wanted else ["c++", "g++", "clang++"]:
        if program := shutil.which(name):
            status, output, _ = _run(program, "--version")
            if status == 0 and output:
                return {**found, "compiler": output.splitlines()[0]}
    return found


def _build_failure() -> dict[str, Any]:
    from stylegan_pokemon.cache import cache_folder

    notes = sorted((cache_folder() / "kernels").glob("*.failed"), key=lambda path: path.stat().st_mtime)
    if not notes:
        return {}
    lines = notes[-1].read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return {"build_failure": (str(notes[-1]), lines[0] if lines else "no reason given")}


def _memory() -> dict[str, Any]:
    import psutil

    memory = psutil.virtual_memory()
    limit = Path("/sys/fs/cgroup/memory.max")  # of a container
    most = int(text) if limit.is_file() and (text := limit.read_text().strip()).isdigit() else memory.total
    return {"memory": min(memory.total, most), "memory_available": min(memory.available, most)}
