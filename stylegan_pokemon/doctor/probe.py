"""Gathers the facts. Every probe outlives programs that are missing, fail or hang; none uses the network."""

from __future__ import annotations

import csv
import importlib.metadata
import importlib.util
import json
import os
import platform
import shlex
import shutil
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stylegan_pokemon.doctor.facts import Card, Disk, Facts, Nvrtc, Torch

_TORCH_PATIENCE = 60  # seconds; a cold disk and a first CUDA start take long, a hang takes for ever
_PATIENCE = 10  # seconds for any other program
_PACKAGES = {  # what setup.cfg requires, by the name to import
    "numpy": "numpy", "PIL": "pillow", "click": "click", "requests": "requests", "safetensors": "safetensors",
    "filelock": "filelock", "tqdm": "tqdm", "psutil": "psutil", "platformdirs": "platformdirs",
    "imageio": "imageio",
}  # fmt: skip


def probe() -> Facts:
    """Everything about this machine, in a few seconds at most unless something hangs."""
    found: dict[str, Any] = {"system": platform.system()}
    surprises: list[str] = []

    def look(gather: Callable[[], dict[str, Any]]) -> None:
        try:
            found.update(gather())
        except Exception as error:
            name = gather.__name__.strip("_").replace("_", " ")
            surprises.append(f"{name}: {type(error).__name__}: {error}".splitlines()[0])

    slow = threading.Thread(target=look, args=(_torch,), daemon=True)  # the rest meanwhile
    slow.start()
    for gather in (
        _system,
        _python,
        _packages,
        _driver,
        _plugged_cards,
        _compiler,
        _build_failure,
        _ffmpeg,
        _memory,
        _disks,
    ):
        look(gather)
    slow.join()
    return Facts(**found, surprises=tuple(surprises))


def _run(
    *command: str, patience: float = _PATIENCE, env: dict[str, str] | None = None
) -> tuple[int, str, str]:
    """Status, output and complaints of a program. Raises OSError where it does not start or does not end."""
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=patience, env=env, check=False
        )
    except subprocess.TimeoutExpired as hang:
        return -1, _text(hang.stdout), f"no answer within {patience:g} s"
    return done.returncode, _text(done.stdout), _text(done.stderr)


def _text(output: bytes | None) -> str:
    return (output or b"").decode("utf-8", "replace").strip()


def _system() -> dict[str, Any]:
    release = platform.release()
    return {
        "release": release,
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "distribution": _distribution(),
        "wsl": platform.system() == "Linux" and "microsoft" in release.lower(),
        "container": os.path.exists("/.dockerenv") or os.path.exists("/run/.containerenv"),
        "visible_devices": os.environ.get("CUDA_VISIBLE_DEVICES"),
    }


def _distribution() -> tuple[str, ...]:
    try:
        text = Path("/etc/os-release").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ()
    entries = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    return tuple(f"{entries.get('ID', '')} {entries.get('ID_LIKE', '')}".replace('"', "").split())


def _python() -> dict[str, Any]:
    managed = sys.prefix == sys.base_prefix and os.path.exists(
        os.path.join(sysconfig.get_path("stdlib"), "EXTERNALLY-MANAGED")
    )
    try:
        importlib.metadata.version("stylegan-pokemon")
        installed = True
    except importlib.metadata.PackageNotFoundError:
        installed = False
    return {
        "python": tuple(sys.version_info[:3]),
        "python_bits": 64 if sys.maxsize > 2**32 else 32,
        "python_command": _python_command(),
        "python_managed": managed,
        "installed": installed,
    }


def _python_command() -> str:
    """`python` or `python3` where a console finds this very interpreter under it, else its path."""
    here = os.path.dirname(os.path.abspath(sys.executable))
    for name in ("python", "python3"):
        there = shutil.which(name)
        if there and os.path.dirname(os.path.abspath(there)) == here:
            return name
    if os.name == "nt":
        return f'"{sys.executable}"' if " " in sys.executable else sys.executable
    return shlex.quote(sys.executable)


def _packages() -> dict[str, Any]:
    missing = [package for name, package in _PACKAGES.items() if importlib.util.find_spec(name) is None]
    return {"missing_packages": tuple(missing)}


def _torch() -> dict[str, Any]:
    if importlib.util.find_spec("torch") is None:
        return {}
    import stylegan_pokemon

    here = str(Path(stylegan_pokemon.__file__).parent.parent)
    paths = [here, os.environ.get("PYTHONPATH", "")]
    status, output, complaints = _run(
        sys.executable, "-m", "stylegan_pokemon.doctor.torch_probe", patience=_TORCH_PATIENCE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
    )  # fmt: skip
    return read_torch(status, output, complaints)


def read_torch(status: int, output: str, complaints: str) -> dict[str, Any]:
    """The facts in what `torch_probe` printed before it ended with `status`; later lines count more."""
    said: dict[str, Any] = {}
    for line in output.splitlines():
        try:
            said.update(json.loads(line))
        except (
            ValueError
        ):  # something that PyTorch or a library printed, or the last line of a process killed
            continue
    last = complaints.splitlines()[-1] if complaints else ""
    ending = "" if status == 0 else last or f"it crashed with status {status}"
    found: dict[str, Any] = {}
    if "torch" in said:
        fields = dict(said["torch"])
        cards = tuple(Card(**{**card, "capability": _pair(card["capability"])}) for card in fields["cards"])
        fields.update(cards=cards, architectures=tuple(fields["architectures"]))
        if ending and not fields["sees_cuda"]:
            fields["complaint"] = fields["complaint"] or ending
        elif ending and not cards:
            fields.update(sees_cuda=False, complaint=ending)
        found["torch"] = Torch(**fields)
    else:
        found["torch_failure"] = said.get("failure") or ending or "it says nothing"
    found["nvrtc"] = tuple(
        Nvrtc(tuple(one["version"]), tuple(map(tuple, one["capabilities"]))) for one in said.get("nvrtc", ())
    )
    found["nvrtc_failure"] = said.get("nvrtc_failure")
    return found


def _pair(value: Any) -> Any:
    return None if value is None else tuple(value)


def _driver() -> dict[str, Any]:
    program = _nvidia_smi()
    if program is None:
        return {"driver": _loaded_module()}
    for fields in ("name,memory.total,memory.free,driver_version,compute_cap",
                   "name,memory.total,memory.free,driver_version"):  # fmt: skip
        # A driver of before 2022 does not know compute_cap.
        status, output, complaints = _run(program, f"--query-gpu={fields}", "--format=csv,noheader,nounits")
        if status == 0 and output:
            driver, cards = read_nvidia_smi(output)
            return {"driver": driver, "driver_cards": cards}
    said = (output or complaints or f"nvidia-smi ended with status {status}").splitlines()[0]
    return {"driver": _loaded_module(), "driver_failure": said}


def read_nvidia_smi(output: str) -> tuple[str | None, tuple[Card, ...]]:
    """The driver's version and the cards in a table of nvidia-smi, with or without the last column."""
    driver, cards = None, []
    for row in csv.reader(output.splitlines(), skipinitialspace=True):
        if len(row) < 4:
            continue
        name, total, free, driver, *rest = (value.strip() for value in row)
        parts = rest[0].split(".") if rest else []
        capability = (int(parts[0]), int(parts[1])) if [p.isdigit() for p in parts] == [True, True] else None
        cards.append(Card(name, capability, _mebibytes(total), _mebibytes(free)))
    return driver, tuple(cards)


def _mebibytes(value: str) -> int | None:
    return int(value) * 2**20 if value.isdigit() else None


def _nvidia_smi() -> str | None:
    places = [shutil.which("nvidia-smi"), "/usr/lib/wsl/lib/nvidia-smi"]
    for variable, rest in (("SystemRoot", "System32"), ("ProgramFiles", "NVIDIA Corporation/NVSMI")):
        if os.environ.get(variable):
            places.append(os.path.join(os.environ[variable], rest, "nvidia-smi.exe"))
    return next((place for place in places if place and os.path.isfile(place)), None)


def _loaded_module() -> str | None:
    """The version of the driver's kernel module on Linux, for containers that lack nvidia-smi."""
    try:
        words = Path("/proc/driver/nvidia/version").read_text(encoding="utf-8", errors="replace").split()
    except OSError:
        return None
    return next((word for word in words if word[:1].isdigit() and word.count(".") in (1, 2)), None)


def _plugged_cards() -> dict[str, Any]:
    count = 0
    for device in Path("/sys/bus/pci/devices").glob("*"):
        try:
            vendor, kind = ((device / name).read_text().strip() for name in ("vendor", "class"))
        except OSError:
            continue
        count += vendor == "0x10de" and kind.startswith("0x03")  # NVIDIA; display controllers
    return {"plugged_cards": count}


def _compiler() -> dict[str, Any]:
    wanted = os.environ.get("CXX") or None
    return {
        "compiler_wanted": wanted,
        "compiler": _compiler_version(wanted),
        "visual_studio": _has_visual_studio(),
        "ninja": _ninja(),
        "kernels_switch": os.environ.get("STYLEGAN_POKEMON_KERNELS"),
    }


def _ninja() -> str | None:
    """Of the package ninja, which need not be on the PATH, else of the PATH."""
    try:
        return importlib.metadata.version("ninja")
    except importlib.metadata.PackageNotFoundError:
        program = shutil.which("ninja")
        return _run(program, "--version")[1] or None if program else None


def _build_failure() -> dict[str, Any]:
    from stylegan_pokemon.cache import cache_folder

    notes = sorted((cache_folder() / "kernels").glob("*.failed"), key=lambda path: path.stat().st_mtime)
    if not notes:
        return {}
    lines = notes[-1].read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return {"build_failure": (str(notes[-1]), lines[0] if lines else "no reason given")}


def _compiler_version(wanted: str | None) -> str | None:
    if platform.system() == "Windows":
        program = shutil.which(wanted or "cl")
        return program and os.path.basename(program)
    if platform.system() == "Darwin" and _run("xcode-select", "-p")[0]:
        return None  # what is on the PATH then only offers to install the tools
    for name in [wanted] if wanted else ["c++", "g++", "clang++"]:
        program = shutil.which(name)
        if program:
            status, output, _ = _run(program, "--version")
            if status == 0 and output:
                return output.splitlines()[0]
    return None


def _has_visual_studio() -> bool:
    folder = os.environ.get("PROGRAMFILES(X86)")  # Windows does not tell capitals apart
    program = folder and os.path.join(folder, "Microsoft Visual Studio", "Installer", "vswhere.exe")
    if not program or not os.path.isfile(program):
        return False
    tools = "Microsoft.VisualStudio.Component.VC.Tools.x86.x64"
    return bool(_run(program, "-products", "*", "-requires", tools, "-property", "installationPath")[1])


def _ffmpeg() -> dict[str, Any]:
    if importlib.util.find_spec("imageio_ffmpeg") is None:
        return {}
    import imageio_ffmpeg

    try:
        status, output, _ = _run(imageio_ffmpeg.get_ffmpeg_exe(), "-version")
    except (RuntimeError, OSError):
        return {}
    words = output.split()  # "ffmpeg version 7.0.2-static ..."
    return {"ffmpeg": words[2]} if status == 0 and len(words) > 2 else {}


def _memory() -> dict[str, Any]:
    import psutil

    memory = psutil.virtual_memory()
    limit = Path("/sys/fs/cgroup/memory.max")  # of a container
    most = int(text) if limit.is_file() and (text := limit.read_text().strip()).isdigit() else memory.total
    return {"memory": min(memory.total, most), "memory_available": min(memory.available, most)}


def _disks() -> dict[str, Any]:
    from stylegan_pokemon.cache import cache_folder

    disks = []
    for purpose, folder in (("this folder", Path.cwd()), ("the cache", cache_folder())):
        existing = next(path for path in (folder, *folder.parents) if path.exists())
        free = shutil.disk_usage(existing).free
        disks.append(Disk(purpose, str(folder), free, os.access(existing, os.W_OK)))
    return {"disks": tuple(disks)}
