"""What the facts mean: a pure function from facts to findings.

`cards` judges driver and cards; `builds` knows which build of PyTorch works where.
"""

from __future__ import annotations

import re

from stylegan_pokemon.doctor import builds, cards, commands
from stylegan_pokemon.doctor.facts import NOTE, OK, PROBLEM, Facts, Finding, gib

_COMPILERS = {
    "Windows": "Visual Studio's C++ build tools and start from their “x64 Native Tools Command Prompt”",
    "Darwin": "Xcode's command line tools (xcode-select --install)",
}


def examine(facts: Facts) -> list[Finding]:
    """The table's lines, in the order in which to fix their problems."""
    python = _python(facts)
    inside = [] if python.stops else [_packages(facts), _torch(facts)]
    return [
        _system(facts),
        python,
        *inside,
        cards.driver(facts),
        *cards.cards(facts),
        *_memory(facts),
        _kernels(facts),
        *[Finding("doctor", NOTE, f"could not examine {surprise}") for surprise in facts.surprises],
    ]


def _system(facts: Facts) -> Finding:
    name = "macOS" if facts.system == "Darwin" else facts.system
    release = re.match(r"[\d.]*", facts.release)
    words = [name, release[0].rstrip(".") if release else "", "in WSL" if facts.wsl else ""]
    cores = [f"{facts.cores} CPU cores"] if facts.cores else []
    return Finding("system", OK, ", ".join([" ".join(filter(None, words)), facts.machine, *cores]))


def _python(facts: Facts) -> Finding:
    found = "{}.{}.{}, {}-bit".format(*facts.python, facts.python_bits)
    if facts.python[:2] >= builds.OLDEST_PYTHON and facts.python_bits == 64:
        return Finding("Python", OK, found)
    oldest = "{}.{}".format(*builds.OLDEST_PYTHON)
    advice = f"Install 64-bit Python {oldest} or newer, for example 3.12, and make an environment with it."
    command = f"{'py -3.12' if facts.system == 'Windows' else 'python3.12'} -m venv .venv"
    return Finding("Python", PROBLEM, f"{found}, not supported", advice, command, stops=True)


def _packages(facts: Facts) -> Finding:
    if not facts.missing_packages:
        return Finding("packages", OK, "all installed")
    missing = " ".join(facts.missing_packages)
    command = commands.pip(facts, f"install {missing}")
    advice = "Install the missing packages."
    return Finding("packages", PROBLEM, f"missing: {missing}", advice, command, stops=True)


def _torch(facts: Facts) -> Finding:
    known, torch = cards.known_cards(facts), facts.torch
    build = builds.best_build(known, facts) if known else None
    target = str(build) if build else "the CPU build"
    repair = commands.install_torch(facts, build)
    if facts.torch_failure:
        found = f"the import fails ({facts.torch_failure})"
        advice = f"PyTorch is damaged, or this folder holds a file named torch.py: reinstall {target}."
        if facts.system == "Windows" and (".dll" in found.lower() or "WinError" in found):
            advice = "Install Microsoft's Visual C++ runtime; if it is installed, reinstall PyTorch."
            repair = "winget install Microsoft.VCRedist.2015+.x64"
        return Finding("PyTorch", PROBLEM, found, advice, repair, stops=True)
    if torch is None:
        command = commands.install_torch(facts, build, again=False)
        return Finding("PyTorch", PROBLEM, "not installed", f"Install {target}.", command, stops=True)
    made_for = f"CUDA {torch.cuda}" if torch.cuda else f"ROCm {torch.hip}" if torch.hip else "the CPU only"
    found = f"{torch.version}, built for {made_for} {' '.join(torch.architectures)}".strip()
    if builds.numbers(torch.version)[:2] < builds.OLDEST_TORCH:
        advice = "PyTorch {}.{} or newer is needed: install {}.".format(*builds.OLDEST_TORCH, target)
        return Finding("PyTorch", PROBLEM, f"{found}, too old", advice, repair, stops=True)
    if torch.cuda is None and torch.hip is None and build is not None:
        idle = next(card.name for card in known if build.serves(card.capability))
        advice = f"This PyTorch runs on the CPU only and does not use {idle}: install {target}."
        return Finding("PyTorch", PROBLEM, found, advice, repair)
    return Finding("PyTorch", OK, found)


def _memory(facts: Facts) -> list[Finding]:
    if facts.memory is None or facts.memory_available is None:
        return []
    found = f"{gib(facts.memory_available)} of {gib(facts.memory)} available"
    return [Finding("memory", OK, found)]


def _kernels(facts: Facts) -> Finding:
    """What compiles the fused operations: NVRTC for the card, else a C++ compiler for the CPU."""
    index = cards.training_card(facts)
    tool = facts.compiler if index is None else facts.nvrtc and f"NVRTC {facts.nvrtc}"
    command: str | None
    if facts.kernels_switch == "plain":
        found, advice = "switched off", "Remove the environment variable STYLEGAN_POKEMON_KERNELS."
        command = commands.set_variable(facts, "STYLEGAN_POKEMON_KERNELS")
    elif tool and index is None and facts.build_failure:
        path, reason = facts.build_failure
        found = f"could not be compiled ({reason[:200]})"
        advice = "Delete the note of that once the compiler works; until then the program does not try again."
        command = f'{"del" if facts.system == "Windows" else "rm"} "{path}"'
    elif tool:
        return Finding("fused operations", OK, f"compiler: {tool}")
    elif index is not None and facts.torch:
        found, advice = facts.nvrtc_failure or "there is no NVRTC", "Install NVRTC, which compiles them."
        new = builds.numbers(facts.torch.cuda or "") >= (13,)
        command = commands.pip(facts, f'install "{commands.NVRTC[13 if new else 12]}"')
    elif facts.compiler_wanted:
        found = f"CXX names a compiler that does not run: {facts.compiler_wanted}"
        advice, command = "Remove this environment variable.", commands.set_variable(facts, "CXX")
    else:
        found, command = "there is no C++ compiler", None
        advice = f"Install {_COMPILERS.get(facts.system, 'g++')}, which compiles them for the CPU."
    slower = "Until then training uses plain PyTorch: slower, with the same result."
    return Finding("fused operations", NOTE, found, f"{advice} {slower}", command)
