"""What driver, cards and NVRTC mean for training: above all, whether this PyTorch serves these cards."""

from __future__ import annotations

from stylegan_pokemon.doctor import builds
from stylegan_pokemon.doctor.facts import Card, Facts, Torch
from stylegan_pokemon.doctor.finding import GIB, NOTE, OK, PROBLEM, Finding, gib

_SMALL_CARD = 5.5 * GIB  # a card sold with 6 GB shows a little less
_BUSY_CARD = 0.5  # share of its memory that is free
_AGAIN = "Restart the machine; if that does not help, install PyTorch again."


def known_cards(facts: Facts) -> tuple[Card, ...]:
    """The cards as PyTorch sees them, else as the driver does."""
    return (facts.torch.cards if facts.torch else ()) or facts.driver_cards


def working_cards(facts: Facts) -> list[int]:
    """The numbers N of the cards cuda:N that PyTorch has computed on."""
    torch = facts.torch
    if torch is None or not torch.sees_cuda:
        return []
    return [index for index, card in enumerate(torch.cards) if card.failure is None]


def training_card(facts: Facts) -> int | None:
    """Which card `--device auto` takes: the first if it works. None: the CPU."""
    return 0 if 0 in working_cards(facts) else None


def driver(facts: Facts) -> list[Finding]:
    """NVIDIA's driver: there, answering, and new enough for what PyTorch was built for."""
    if working_cards(facts):
        return [Finding("driver", OK, f"NVIDIA {facts.driver or 'of unknown version'}")]
    if facts.driver_failure and (facts.driver or facts.plugged_cards or facts.system != "Linux" or facts.wsl):
        return [_silent_driver(facts, facts.driver_failure)]
    if facts.driver is None:
        return [_no_driver(facts)]
    hopeful = [card for card in facts.driver_cards if not builds.is_hopeless(card)]
    if hopeful and builds.best_build(hopeful, facts) is None:
        found = f"NVIDIA {facts.driver}, too old for every PyTorch for {hopeful[0].name}"
        advice = f"The driver is too old: {_renewal(facts)}, and run the doctor again."
        return [Finding("driver", PROBLEM, found, advice, builds.install_driver(facts))]
    cuda = facts.torch.cuda if facts.torch else None
    if hopeful and cuda is not None and not builds.driver_carries(facts.driver, cuda, facts.system):
        return [_old_driver(facts, cuda, hopeful)]
    return [Finding("driver", OK, f"NVIDIA {facts.driver}")]


def cards(facts: Facts) -> list[Finding]:
    """Every card: whether this PyTorch computes on it, and whether its memory suffices."""
    torch = facts.torch
    if torch and torch.hip:
        advice = "Nobody has tried this program on AMD cards; add `--device cpu` if training fails."
        return [Finding("card", NOTE, "an AMD build of PyTorch", advice)]
    known = known_cards(facts)
    if not known:
        if facts.plugged_cards:
            return [Finding("card", NOTE, "an NVIDIA card that shows itself to no program yet")]
        return [Finding("card", OK, "no NVIDIA card; training runs on the CPU")]
    findings = []
    if torch and torch.cuda and not torch.sees_cuda:
        findings += _unseen(facts, torch, torch.cuda)
    for index, card in enumerate(known):
        findings += _card(facts, index, card)
    return findings + _choice(facts)


def nvrtc(facts: Facts) -> list[Finding]:
    """Whether kernels can be compiled for the card. Without NVRTC plain PyTorch computes the same, slower."""
    torch, index = facts.torch, training_card(facts)
    if torch is None or torch.cuda is None or index is None:
        return [Finding("NVRTC", OK, "not needed: no card is in use")]
    card = torch.cards[index]
    for library in facts.nvrtc:
        if not library.capabilities or card.capability is None or card.capability in library.capabilities:
            return [Finding("NVRTC", OK, "{}.{}".format(*library.version))]
    if facts.nvrtc:
        versions = ", ".join("{}.{}".format(*library.version) for library in facts.nvrtc)
        found = f"{versions}, which does not compile for {card.name}"
    else:
        found = "not found" + (f" ({facts.nvrtc_failure})" if facts.nvrtc_failure else "")
    advice = (
        "NVIDIA's compiler at run time makes the fused operations for the card; without it training runs with"
        " PyTorch's own, slower and with the same result."
    )
    extra = "cu13" if builds.numbers(torch.cuda) >= (13,) and not builds.is_before_turing([card]) else "cu12"
    return [Finding("NVRTC", NOTE, found, advice, builds.install_extra(facts, extra))]


def _no_driver(facts: Facts) -> Finding:
    if facts.wsl:
        advice = (
            "If the machine has an NVIDIA card, install its driver in Windows, never inside WSL, renew WSL"
            " with the command, and restart the machine."
        )
        found = "no NVIDIA driver is visible in WSL"
        return Finding("driver", NOTE, found, advice, builds.install_driver(facts))
    if facts.plugged_cards and facts.container:
        advice = "The container does not see the card: start it with `--gpus all`."
        return Finding("driver", PROBLEM, "none in this container, yet there is an NVIDIA card", advice)
    if facts.plugged_cards:
        advice = f"The card has no driver: {_renewal(facts)}, then restart the machine."
        found = "none, yet there is an NVIDIA card"
        return Finding("driver", PROBLEM, found, advice, builds.install_driver(facts))
    if facts.system == "Windows":
        advice = f"If the machine has an NVIDIA card, {_renewal(facts)}, then run the doctor again."
        return Finding("driver", NOTE, "no NVIDIA driver", advice)
    return Finding("driver", OK, "no NVIDIA driver")


def _silent_driver(facts: Facts, said: str) -> Finding:
    found = f"NVIDIA {facts.driver or 'driver'} does not answer ({said})"
    if "mismatch" in said.lower():
        advice = "The driver was renewed while the old one was running: restart the machine."
        command = "shutdown /r /t 0" if facts.system == "Windows" else "sudo reboot"
        return Finding("driver", PROBLEM, found, advice, command)
    advice = f"Restart the machine; if that does not help, {_renewal(facts)}."
    return Finding("driver", PROBLEM, found, advice, builds.install_driver(facts))


def _old_driver(facts: Facts, cuda: str, hopeful: list[Card]) -> Finding:
    """A driver that is too old for this PyTorch. Another PyTorch is the lesser evil: it needs no restart."""
    oldest = builds.oldest_driver(cuda, facts.system)
    found = f"NVIDIA {facts.driver}, too old for CUDA {cuda}, which needs {oldest}"
    build = builds.best_build(hopeful, facts)
    advice = f"PyTorch is built for CUDA {cuda}, for which the driver is too old: install {build} instead"
    if not builds.is_before_turing(hopeful):
        advice += f", or {_renewal(facts)}"
    return Finding("driver", PROBLEM, found, f"{advice}.", builds.install_torch(facts, build, again=True))


def _renewal(facts: Facts) -> str:
    where = " in Windows, not inside WSL" if facts.wsl else ""
    known = known_cards(facts)
    if known and not builds.is_before_turing(known):
        return f"install the newest NVIDIA driver{where}"
    branch = builds.LAST_DRIVER_BEFORE_TURING
    return (
        f"install the newest NVIDIA driver that knows your card{where} (for a GTX 10 or older, such as a GTX"
        f" 1080, the {branch} branch is the last)"
    )


def _unseen(facts: Facts, torch: Torch, cuda: str) -> list[Finding]:
    """Why a PyTorch that is built for CUDA sees none of the driver's cards; [] where other lines say so."""
    hidden = facts.visible_devices
    if hidden is not None and (not hidden.strip() or hidden.strip().startswith("-")):
        command = "set CUDA_VISIBLE_DEVICES=" if facts.system == "Windows" else "unset CUDA_VISIBLE_DEVICES"
        advice = "The environment variable CUDA_VISIBLE_DEVICES hides every card from programs: remove it."
        return [Finding("card", PROBLEM, f"hidden by CUDA_VISIBLE_DEVICES={hidden!r}", advice, command)]
    served = [card for card in facts.driver_cards if builds.serves(torch, card.capability)]
    if facts.driver_failure or not builds.driver_carries(facts.driver, cuda, facts.system) or not served:
        return []
    found = "PyTorch sees no card" + (f" ({torch.complaint})" if torch.complaint else "")
    build = builds.best_build(served, facts)
    command = builds.install_torch(facts, build, again=True) if build else None
    return [Finding("card", PROBLEM, found, _AGAIN, command)]


def _card(facts: Facts, index: int, card: Card) -> list[Finding]:
    torch = facts.torch
    tried = torch is not None and torch.sees_cuda and bool(torch.cards)
    name = f"cuda:{index} {card.name}" if tried and len(known_cards(facts)) > 1 else card.name
    details = [name]
    if card.capability is not None:
        details.append("compute capability {}.{}".format(*card.capability))
    if card.total_memory is not None:
        details.append(gib(card.total_memory))
    found = ", ".join(details)
    if tried and card.failure is None:
        return [Finding("card", OK, f"{found}, works"), *_memory(card)]
    if builds.is_hopeless(card):
        advice = "No PyTorch that this program runs on knows so old a card; training runs on the CPU."
        return [Finding("card", NOTE, f"{found}: too old", advice)]
    if torch is None or torch.cuda is None:
        return [Finding("card", OK, found)]  # what to do stands under PyTorch
    if not builds.serves(torch, card.capability):
        return [_unserved(facts, torch, card, found)]
    if tried:
        return [_failing(facts, card, found)]
    return [Finding("card", OK, f"{found}, not tried")]


def _unserved(facts: Facts, torch: Torch, card: Card, found: str) -> Finding:
    """A card that this PyTorch holds no code for: the case of a GTX 1080 under a build for CUDA 13."""
    assert card.capability is not None
    working = working_cards(facts)
    level = NOTE if working else PROBLEM
    held = (
        f"holds {' '.join(torch.architectures)}" if torch.architectures else f"is built for CUDA {torch.cuda}"
    )
    found += ": PyTorch has no code for it (sm_{}{}); it {}".format(*card.capability, held)
    build = builds.best_build([card], facts)
    if build is None:
        return Finding("card", level, found, f"First {_renewal(facts)}.", builds.install_driver(facts))
    advice = f"PyTorch, built for CUDA {torch.cuda}, does not know {card.name}: install {build}."
    lost = [torch.cards[index].name for index in working if not build.serves(torch.cards[index].capability)]
    if lost:
        advice = f"No build serves both {card.name} and {lost[0]}; {build} serves the former."
    return Finding("card", level, found, advice, builds.install_torch(facts, build, again=True))


def _failing(facts: Facts, card: Card, found: str) -> Finding:
    """A card that PyTorch holds code for, and that fails all the same."""
    level = NOTE if working_cards(facts) else PROBLEM
    said = card.failure or ""
    found = f"{found}: fails ({said})"
    if "out of memory" in said.lower():
        advice = "Other programs fill the card's memory: the command lists them; close the largest."
        return Finding("card", level, found, advice, "nvidia-smi")
    build = builds.best_build([card], facts)
    command = builds.install_torch(facts, build, again=True) if build else None
    return Finding("card", level, found, _AGAIN, command)


def _choice(facts: Facts) -> list[Finding]:
    """Which of several cards training takes."""
    working = working_cards(facts)
    if not working:
        return []
    if 0 not in working:
        set_ = "set" if facts.system == "Windows" else "export"
        advice = f"Training tries the first card only: hide it, or add `--device cuda:{working[0]}`."
        found = f"cuda:0 does not work, cuda:{working[0]} does"
        return [Finding("card", PROBLEM, found, advice, f"{set_} CUDA_VISIBLE_DEVICES={working[0]}")]
    if len(working) > 1:
        found = f"training takes cuda:0; `--device cuda:{working[1]}` another"
        return [Finding("card", OK, found)]
    return []


def _memory(card: Card) -> list[Finding]:
    if card.total_memory is None:
        return []
    if card.total_memory < _SMALL_CARD:
        advice = (
            "Networks of full width at 512×512 are planned for 8 GB: train at a smaller resolution, or with a"
            " smaller --batch-gpu."
        )
        return [Finding("card memory", NOTE, f"{gib(card.total_memory)}, little", advice)]
    if card.free_memory is not None and card.free_memory < _BUSY_CARD * card.total_memory:
        advice = "Other programs hold much of the card's memory: the command lists them."
        return [Finding("card memory", NOTE, f"{gib(card.free_memory)} free", advice, "nvidia-smi")]
    return []
