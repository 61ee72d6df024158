"""What the facts mean: a pure function from facts to findings.

What it knows of drivers, cards and NVRTC is in `cards`; which build of PyTorch serves what, in `builds`.
"""

from __future__ import annotations

import re
import shlex

from stylegan_pokemon.doctor import builds, cards
from stylegan_pokemon.doctor.facts import Disk, Facts
from stylegan_pokemon.doctor.finding import GIB, NOTE, OK, PROBLEM, Finding, gib

# README, "Measured": 32×32 takes 0.4 GiB, 512×512 at full width on the CPU 5.4 GiB.
_LEAST_MEMORY, _SCARCE_MEMORY = 0.5 * GIB, 6 * GIB
# A snapshot at 512×512 takes 0.33 GiB, and a run keeps states of three times that beside it.
_LEAST_DISK, _SCARCE_DISK = 0.5 * GIB, 5 * GIB


def examine(facts: Facts) -> list[Finding]:
    """The table's lines, in the order in which to repair what is wrong with them."""
    python = _python(facts)
    # What is installed into a Python that will not do is of no interest.
    inside = [] if any(finding.stops for finding in python) else [*_packages(facts), *_torch(facts)]
    return [
        *_system(facts),
        *python,
        *inside,
        *cards.driver(facts),
        *cards.cards(facts),
        *_memory(facts),
        *_disks(facts),
        *cards.nvrtc(facts),
        *_compiler(facts),
        *_kernels(facts),
        *_ffmpeg(facts),
        *[Finding("doctor", NOTE, f"could not look at {surprise}") for surprise in facts.surprises],
    ]


def _system(facts: Facts) -> list[Finding]:
    name = "macOS" if facts.system == "Darwin" else facts.system
    release = re.match(r"[\d.]*", facts.release)
    words = [name, release[0].rstrip(".") if release else "", "in WSL" if facts.wsl else ""]
    cores = [f"{facts.cores} CPU cores"] if facts.cores else []
    return [Finding("system", OK, ", ".join([" ".join(filter(None, words)), facts.machine, *cores]))]


def _python(facts: Facts) -> list[Finding]:
    version = "{}.{}.{}".format(*facts.python)
    new = "py -3.12 -m venv .venv" if facts.system == "Windows" else "python3.12 -m venv .venv"
    if facts.python[:2] < builds.OLDEST_PYTHON:
        oldest = "{}.{}".format(*builds.OLDEST_PYTHON)
        advice = (
            f"Python {oldest} or newer is needed: install one, for example 3.12, and make an environment."
        )
        return [Finding("Python", PROBLEM, f"{version}, too old", advice, new, stops=True)]
    if facts.python_bits != 64:
        advice = "PyTorch exists for 64-bit Python only: install that, and make an environment with it."
        return [Finding("Python", PROBLEM, f"{version}, 32-bit", advice, new, stops=True)]
    if facts.python_managed:
        advice = "This Python belongs to the system, and pip refuses to install into it: make an environment."
        command = f"{facts.python_command} -m venv .venv && . .venv/bin/activate"
        return [Finding("Python", NOTE, f"{version}, the system's own", advice, command)]
    return [Finding("Python", OK, version)]


def _packages(facts: Facts) -> list[Finding]:
    if not facts.missing_packages:
        return [Finding("packages", OK, "all there")]
    missing = " ".join(facts.missing_packages)
    advice = "The program needs these packages: install them."
    command = builds.pip(facts, f"install {missing}")
    return [Finding("packages", PROBLEM, f"missing: {missing}", advice, command, stops=True)]


def _torch(facts: Facts) -> list[Finding]:
    known = cards.known_cards(facts)
    build = builds.best_build(known, facts) if known else None
    target = str(build) if build else "the build for the CPU"
    repair = builds.install_torch(facts, build, again=True)
    torch = facts.torch
    if facts.torch_failure:
        return [_broken_torch(facts, facts.torch_failure, target, repair)]
    if torch is None:
        advice = f"PyTorch does the computing: install {target}."
        command = builds.install_torch(facts, build, again=False)
        return [Finding("PyTorch", PROBLEM, "not installed", advice, command, stops=True)]
    made_for = f"CUDA {torch.cuda}" if torch.cuda else f"ROCm {torch.hip}" if torch.hip else "the CPU alone"
    found = f"{torch.version}, built for {made_for}"
    if builds.numbers(torch.version)[:2] < builds.OLDEST_TORCH:
        oldest = "{}.{}".format(*builds.OLDEST_TORCH)
        advice = f"PyTorch {oldest} or newer is needed: install {target}."
        return [Finding("PyTorch", PROBLEM, f"{found}, too old", advice, repair, stops=True)]
    if torch.cuda is None and torch.hip is None and build is not None:
        idle = next(card.name for card in known if build.serves(card.capability))
        advice = f"This PyTorch computes on the CPU alone and leaves {idle} idle: install {target}."
        return [Finding("PyTorch", PROBLEM, found, advice, repair)]
    findings = [Finding("PyTorch", OK, found)]
    if torch.architectures:
        findings.append(Finding("PyTorch", OK, f"holds code for {' '.join(torch.architectures)}"))
    return findings


def _broken_torch(facts: Facts, said: str, target: str, repair: str) -> Finding:
    found = f"cannot be imported ({said})"
    if facts.system == "Windows" and (".dll" in said.lower() or "WinError" in said):
        advice = "PyTorch needs Microsoft's Visual C++ runtime: install it; if it is there, PyTorch again."
        repair = "winget install Microsoft.VCRedist.2015+.x64"
    else:
        advice = f"PyTorch is damaged, or a file named torch lies in this folder: install {target} again."
    return Finding("PyTorch", PROBLEM, found, advice, repair, stops=True)


def _memory(facts: Facts) -> list[Finding]:
    if facts.memory is None or facts.memory_available is None:
        return []
    found = f"{gib(facts.memory_available)} of {gib(facts.memory)} available"
    if facts.memory_available < _LEAST_MEMORY:
        advice = "Even 32×32 needs 0.4 GiB: close other programs."
        return [Finding("memory", PROBLEM, found, advice, stops=True)]
    if facts.memory_available < _SCARCE_MEMORY and cards.training_card(facts) is None:
        advice = "That is enough for small pictures on the CPU; 512×512 at full width takes 5.4 GiB."
        return [Finding("memory", NOTE, found, advice)]
    return [Finding("memory", OK, found)]


def _disks(facts: Facts) -> list[Finding]:
    return [_disk(facts, disk) for disk in facts.disks]


def _disk(facts: Facts, disk: Disk) -> Finding:
    found = f"{gib(disk.free)} free for {disk.purpose}"
    here = disk.purpose == "this folder"
    if here:
        elsewhere = f"{facts.python_command} finetune.py --outdir FOLDER"
    else:
        set_ = "set" if facts.system == "Windows" else "export"
        elsewhere = f"{set_} STYLEGAN_POKEMON_CACHE=FOLDER"
    if not disk.writable:
        advice = f"{disk.path} cannot be written to: name another folder."
        return Finding("disk", PROBLEM, f"{disk.purpose} is read-only", advice, elsewhere, stops=here)
    if disk.free < _LEAST_DISK:
        advice = (
            f"The disk is all but full: empty pip's store of downloads, or go elsewhere with `{elsewhere}`."
        )
        return Finding("disk", PROBLEM, found, advice, builds.pip(facts, "cache purge"), stops=here)
    if disk.free < _SCARCE_DISK:
        advice = (
            "That is enough for small networks; at 512×512 every snapshot takes 0.33 GiB: `--keep 10` keeps"
            " fewer, and `--dry-run` says what a run takes."
        )
        return Finding("disk", NOTE, found, advice)
    return Finding("disk", OK, found)


def _compiler(facts: Facts) -> list[Finding]:
    """What the CPU's fused operations are built with. Without it plain PyTorch computes the same, slower."""
    if cards.training_card(facts) is not None:
        return [Finding("compiler", OK, "not needed: training runs on the card")]
    if facts.compiler:
        return [Finding("compiler", OK, facts.compiler), *_ninja(facts)]
    loss = (
        "without it training on the CPU runs with PyTorch's own operations, slower and with the same result."
    )
    if facts.compiler_wanted:
        advice = f"The environment variable CXX names a compiler that does not run: remove it; {loss}"
        command = "set CXX=" if facts.system == "Windows" else "unset CXX"
        found = f"{facts.compiler_wanted} does not run"
    elif facts.visual_studio:
        advice = (
            f"Visual Studio's compiler is there: start from its “x64 Native Tools Command Prompt”; {loss}"
        )
        command = None
        found = "cl.exe is not on the PATH"
    else:
        advice = f"A C++ compiler builds the CPU's fused operations; {loss}"
        command = builds.install_compiler(facts)
        found = "no cl.exe" if facts.system == "Windows" else "no g++"
    return [Finding("compiler", NOTE, found, advice, command), *_ninja(facts)]


def _ninja(facts: Facts) -> list[Finding]:
    if facts.ninja:
        return [Finding("ninja", OK, facts.ninja)]
    advice = (
        "The compiler of the CPU's fused operations is called through ninja; without it they are not used."
    )
    return [Finding("ninja", NOTE, "not installed", advice, builds.pip(facts, "install ninja"))]


def _kernels(facts: Facts) -> list[Finding]:
    """What keeps the fused operations from being used although their tools are there."""
    if facts.kernels_switch == "plain":
        unset = (
            "set STYLEGAN_POKEMON_KERNELS=" if facts.system == "Windows" else "unset STYLEGAN_POKEMON_KERNELS"
        )
        advice = (
            "The environment variable STYLEGAN_POKEMON_KERNELS leaves the fused operations out: remove it."
        )
        return [Finding("fused operations", NOTE, "switched off", advice, unset)]
    if facts.build_failure is None or cards.training_card(facts) is not None:
        return []
    path, reason = facts.build_failure
    delete = f'del "{path}"' if facts.system == "Windows" else f"rm {shlex.quote(path)}"
    advice = "They are not tried again until the note of that is deleted: do so once the compiler works."
    return [Finding("fused operations", NOTE, f"could not be compiled ({reason[:200]})", advice, delete)]


def _ffmpeg(facts: Facts) -> list[Finding]:
    if facts.ffmpeg:
        return [Finding("ffmpeg", OK, facts.ffmpeg)]
    advice = "MP4 films need ffmpeg, which this package brings; GIF and WebP work without."
    command = builds.pip(facts, "install --force-reinstall imageio-ffmpeg")
    return [Finding("ffmpeg", NOTE, "not found", advice, command)]
