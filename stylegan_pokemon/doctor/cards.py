"""What driver and cards mean for training: above all, whether this PyTorch works on these cards."""

from __future__ import annotations

from stylegan_pokemon.doctor import builds, commands
from stylegan_pokemon.doctor.facts import NOTE, OK, PROBLEM, Card, Facts, Finding, gib


def known_cards(facts: Facts) -> tuple[Card, ...]:
    """The cards as PyTorch sees them, else as the driver does."""
    return (facts.torch.cards if facts.torch else ()) or facts.driver_cards


def working_cards(facts: Facts) -> list[int]:
    """The indices N of the cards cuda:N that passed PyTorch's trial."""
    cards = facts.torch.cards if facts.torch and facts.torch.sees_cuda else ()
    return [index for index, card in enumerate(cards) if card.failure is None]


def training_card(facts: Facts) -> int | None:
    """The card that `--device auto` takes: the first if it works. None: the CPU."""
    return 0 if 0 in working_cards(facts) else None


def driver(facts: Facts) -> Finding:
    """NVIDIA's driver: installed, answering, and new enough for the CUDA that PyTorch was built for."""
    if working_cards(facts):
        return Finding("driver", OK, f"NVIDIA {facts.driver or 'of unknown version'}")
    if facts.driver is None:
        return _missing_driver(facts)
    hopeful = [card for card in facts.driver_cards if not builds.is_hopeless(card)]
    build = builds.best_build(hopeful, facts)
    if hopeful and build is None:
        found = f"NVIDIA {facts.driver}, too old for every PyTorch for {hopeful[0].name}"
        advice = f"Install {_newest_driver(facts)}, then run the doctor again."
        return Finding("driver", PROBLEM, found, advice)
    cuda = facts.torch.cuda if facts.torch else None
    if hopeful and cuda and not builds.driver_carries(facts.driver, cuda, facts.system):
        oldest = builds.oldest_driver(cuda, facts.system)
        found = f"NVIDIA {facts.driver}, too old for CUDA {cuda}, which needs {oldest}"
        advice = f"PyTorch is built for CUDA {cuda}, too new for the driver: install {build} instead."
        return Finding("driver", PROBLEM, found, advice, commands.install_torch(facts, build))
    return Finding("driver", OK, f"NVIDIA {facts.driver}")


def _missing_driver(facts: Facts) -> Finding:
    """A driver that is not installed or does not answer; a problem where a card must be there."""
    said = facts.driver_failure
    if not (facts.plugged_cards or facts.wsl or facts.system == "Windows"):
        return Finding("driver", OK, "no NVIDIA driver")
    level = PROBLEM if facts.plugged_cards or said else NOTE
    found = f"the NVIDIA driver does not answer ({said})" if said else "no NVIDIA driver"
    if said and "mismatch" in said.lower():
        advice = "The driver was updated while the old one was running: restart the machine."
        return Finding("driver", level, found, advice)
    if facts.container:
        advice = "The container does not see the card: start it with `--gpus all`."
        return Finding("driver", level, found, advice)
    advice = f"If the machine has an NVIDIA card, install {_newest_driver(facts)}, then restart the machine."
    return Finding("driver", level, found, advice)


def _newest_driver(facts: Facts) -> str:
    where = " in Windows, not inside WSL" if facts.wsl else ""
    return (
        f"the newest NVIDIA driver that supports it{where} (branch {builds.LAST_DRIVER_BEFORE_TURING} is the"
        " last for a GTX 10, such as a GTX 1080, or older)"
    )


def cards(facts: Facts) -> list[Finding]:
    """Every card: whether this PyTorch works on it, and which one training takes."""
    torch, known, working = facts.torch, known_cards(facts), working_cards(facts)
    if torch and torch.hip:
        advice = "AMD cards are untested; add `--device cpu` if training fails."
        return [Finding("card", NOTE, "an AMD build of PyTorch", advice)]
    if not known:
        return [Finding("card", OK, "no usable NVIDIA card; training runs on the CPU")]
    findings = [_card(facts, index, card) for index, card in enumerate(known)]
    if torch and torch.cuda and not torch.sees_cuda:
        findings += _unseen(facts, torch.cuda, torch.complaint)
    if working and 0 not in working:
        found = f"cuda:0 does not work, cuda:{working[0]} does"
        advice = f"`--device auto` tries only the first card: hide it, or add `--device cuda:{working[0]}`."
        command = commands.set_variable(facts, "CUDA_VISIBLE_DEVICES", str(working[0]))
        findings.append(Finding("card", PROBLEM, found, advice, command))
    return findings


def _card(facts: Facts, index: int, card: Card) -> Finding:
    known, working = known_cards(facts), working_cards(facts)
    found = f"cuda:{index} {card.name}" if len(known) > 1 else card.name
    if card.capability is not None:
        found += ", compute capability {}.{}".format(*card.capability)
    if card.total_memory is not None:
        found += f", {gib(card.total_memory)}"
    if card.free_memory is not None:
        found += f", {gib(card.free_memory)} of it free"
    if builds.is_hopeless(card):
        advice = "No supported PyTorch works on so old a card; training runs on the CPU."
        return Finding("card", NOTE, f"{found}: too old", advice)
    if card.failure is None:
        return Finding("card", OK, f"{found}, works" if index in working else found)
    found, level = f"{found}: fails ({card.failure})", NOTE if working else PROBLEM
    build = builds.best_build(known, facts)
    if "out of memory" in card.failure.lower():
        advice = "Other programs fill the card's memory: list them with the command and close the largest."
        return Finding("card", level, found, advice, "nvidia-smi")
    if build is None:
        return Finding("card", level, found, f"First install {_newest_driver(facts)}.")
    if not build.serves(card.capability):
        return Finding("card", level, found, "No build of PyTorch supports all cards of this machine.")
    advice = f"Restart the machine; if that does not help, install {build}."
    if "no kernel image" in card.failure:
        advice = f"This PyTorch has no code for {card.name}: install {build}."
    return Finding("card", level, found, advice, commands.install_torch(facts, build))


def _unseen(facts: Facts, cuda: str, complaint: str | None) -> list[Finding]:
    """Why PyTorch, built for CUDA, sees none of the driver's cards; [] where other findings say why."""
    hidden, build = facts.visible_devices, builds.best_build(facts.driver_cards, facts)
    if hidden is not None and (not hidden.strip() or hidden.strip().startswith("-")):
        advice = "The environment variable CUDA_VISIBLE_DEVICES hides all cards: remove it."
        command = commands.set_variable(facts, "CUDA_VISIBLE_DEVICES")
        return [Finding("card", PROBLEM, f"hidden by CUDA_VISIBLE_DEVICES={hidden!r}", advice, command)]
    if build is None or not builds.driver_carries(facts.driver, cuda, facts.system):
        return []
    found = "PyTorch sees no card" + (f" ({complaint})" if complaint else "")
    advice = f"Restart the machine; if that does not help, install {build}."
    return [Finding("card", PROBLEM, found, advice, commands.install_torch(facts, build))]
