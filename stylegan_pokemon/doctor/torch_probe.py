"""What PyTorch reports about itself and its cards, as JSON lines.

`python -m stylegan_pokemon.doctor.torch_probe` is a process of its own: a broken PyTorch or driver can hang
or kill the process that imports it. What it printed before that still counts.
"""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from stylegan_pokemon.doctor.facts import Capability, Card, Torch


def main() -> None:
    try:
        import torch
    except BaseException as error:  # whatever it is, it is the answer
        _print(failure=first_line(error))
        return
    found = Torch(str(torch.__version__), torch.version.cuda, torch.version.hip)
    _print(torch=dataclasses.asdict(found))
    if found.cuda is None and found.hip is None:
        return
    sees_cuda, complaint = torch.cuda.is_available(), None
    if not sees_cuda:
        try:
            torch.cuda.init()
        except Exception as error:
            complaint = first_line(error)
    architectures = tuple(torch.cuda.get_arch_list())
    found = dataclasses.replace(found, architectures=architectures, sees_cuda=sees_cuda, complaint=complaint)
    _print(torch=dataclasses.asdict(found))
    for index in range(torch.cuda.device_count() if sees_cuda else 0):
        found = dataclasses.replace(found, cards=(*found.cards, _card(index)))
        _print(torch=dataclasses.asdict(found))
    if found.cards and found.cards[0].failure is None:
        _find_nvrtc(found.cards[0].capability)


def first_line(error: BaseException) -> str:
    """The first line of an error's message, else its type."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


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
                failure = "a matrix product was wrong"
        except Exception as error:
            failure = first_line(error)
    return dataclasses.replace(card, failure=failure)


def _find_nvrtc(capability: Capability | None) -> None:
    """The compiler that training would take for this card."""
    from stylegan_pokemon.ops.cuda.binaries import compiler_for

    try:
        assert capability is not None
        _print(nvrtc="{}.{}".format(*compiler_for(capability).version()))
    except Exception as error:
        _print(nvrtc_failure=first_line(error))


def _print(**facts: Any) -> None:
    print(json.dumps(facts), flush=True)


if __name__ == "__main__":
    main()
