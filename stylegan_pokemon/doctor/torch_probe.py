"""What PyTorch says of itself and of its cards: `python -m stylegan_pokemon.doctor.torch_probe`, JSON lines.

A process of its own: a broken PyTorch or driver can hang or kill the process that imports it. What has been
printed by then still counts.
"""

from __future__ import annotations

import dataclasses
import json
import warnings
from typing import Any

from stylegan_pokemon import nvrtc
from stylegan_pokemon.doctor.facts import Card, Torch


def main() -> None:
    try:
        import torch

        version = torch.__version__
    except BaseException as error:  # whatever it is, it is the answer
        _say("failure", first_line(error))
        return
    known = Torch(str(version), torch.version.cuda, torch.version.hip)
    _say("torch", dataclasses.asdict(known))
    if known.cuda is None and known.hip is None:
        return
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        sees_cuda = torch.cuda.is_available()
        complaint = None if sees_cuda else _complaint()
    if complaint is None and not sees_cuda and caught:
        complaint = first_line(caught[-1].message)
    known = dataclasses.replace(
        known,
        architectures=tuple(torch.cuda.get_arch_list()),
        sees_cuda=sees_cuda,
        complaint=complaint,
    )
    _say("torch", dataclasses.asdict(known))
    if sees_cuda:
        cards: list[Card] = []
        for index in range(torch.cuda.device_count()):
            cards.append(_card(index))
            _say("torch", dataclasses.asdict(dataclasses.replace(known, cards=tuple(cards))))
    _ask_nvrtc()


def first_line(problem: object) -> str:
    """An error's or a warning's message in one line, else its name."""
    lines = str(problem).strip().splitlines()
    return lines[0] if lines else type(problem).__name__


def _complaint() -> str | None:
    import torch

    try:
        torch.cuda.init()
    except Exception as error:
        return first_line(error)
    return None


def _card(index: int) -> Card:
    import torch

    from stylegan_pokemon.devices import trial

    device = torch.device("cuda", index)
    properties = torch.cuda.get_device_properties(device)
    card = Card(properties.name, (properties.major, properties.minor), properties.total_memory)
    failure = trial(device)
    if failure is None:
        try:
            card = dataclasses.replace(card, free_memory=torch.cuda.mem_get_info(device)[0])
            a = torch.eye(64, device=device)
            if (a @ a).sum().item() != 64:
                failure = "a product of two matrices came out wrong"
        except Exception as error:
            failure = first_line(error)
    return dataclasses.replace(card, failure=failure)


def _ask_nvrtc() -> None:
    failure = None
    found = []
    for path in nvrtc.find():
        try:
            library = nvrtc.Nvrtc(path)
            found.append({"version": library.version(), "capabilities": library.capabilities()})
        except Exception as error:
            failure = first_line(error)
    _say("nvrtc", found)
    if failure and not found:
        _say("nvrtc_failure", failure)


def _say(what: str, value: Any) -> None:
    print(json.dumps({what: value}), flush=True)


if __name__ == "__main__":
    main()
