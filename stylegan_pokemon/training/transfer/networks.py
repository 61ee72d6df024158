"""Transfer learning: a checkpoint's tensors into networks of other resolution, classes, colours, widths.

What fits is copied, what nearly fits is adapted (`adaptation`), the rest starts new; a table tells it all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from stylegan_pokemon.errors import UserError
from stylegan_pokemon.networks.discriminator import Discriminator
from stylegan_pokemon.networks.generator import Generator
from stylegan_pokemon.training.settings.config import FRESH
from stylegan_pokemon.training.transfer.tensors import Labels, discriminator_tensor, generator_tensor

_NAMED = 8  # layers in a line of the table
_LEAST_SHARE = 0.2  # of a network's parameters; below, training from nothing is as good


@dataclass
class Account:
    """What became of the tensors of one network, by name."""

    network: str
    origin: str  # which network of the source they came from, or "new"
    copied: list[str] = field(default_factory=list)
    adapted: list[str] = field(default_factory=list)
    new: list[str] = field(default_factory=list)


def transfer(
    target: Generator | Discriminator,
    donor: Generator | Discriminator,
    account: Account,
    labels: Labels | None = None,
) -> None:
    """Fill `target` from `donor` in place and note in `account` what became of each tensor.

    `labels` has for every class of the target the class of the donor it goes on with; None pairs them by
    number. Raises UserError when too little of the donor fits.
    """
    if labels is None:
        labels = tuple(i if i < donor.c_dim else None for i in range(target.c_dim))
    own, given = target.state_dict(), donor.state_dict()
    sizes = {name: parameter.numel() for name, parameter in target.named_parameters()}
    kept = 0.0
    for name, tensor in own.items():
        if isinstance(target, Generator):
            assert isinstance(donor, Generator)
            value = generator_tensor(name, tensor, given, target, donor, labels)
        else:
            assert isinstance(donor, Discriminator)
            value = discriminator_tensor(name, tensor, given, target, donor, labels)
        if value is None:
            account.new.append(name)
            continue
        old = given.get(name)
        (account.copied if value is old else account.adapted).append(name)
        tensor.copy_(value)
        if name in sizes and old is not None:
            kept += math.prod(min(a, b) for a, b in zip(old.shape, tensor.shape, strict=True))
    if kept < _LEAST_SHARE * sum(sizes.values()):
        raise UserError(
            f"only {kept / sum(sizes.values()):.0%} of {account.network} comes from the checkpoint; choose"
            " one nearer to the resolution and the widths asked for, or start with --resume none"
        )


def table(accounts: list[Account], start: str) -> str:
    """The account as lines of text: numbers for each network, and which layers are adapted or new."""
    if start == FRESH:
        return "starting from fresh networks"
    lines = [
        f"starting from {start}",
        f"  {'':6} {'from':6} {'copied':>6} {'adapted':>7} {'new':>4}  tensors",
    ]
    for a in accounts:
        counts = f"{len(a.copied):>6} {len(a.adapted):>7} {len(a.new):>4}"
        lines.append(f"  {a.network:6} {a.origin:6} {counts}")
        if a.origin == "new":
            lines.append(f"  {'':6}   the file holds no such network")
            continue
        for what, names in (("adapted", a.adapted), ("new", a.new)):
            if names:
                lines.append(f"  {'':6}   {what}: {', '.join(_layers(names))}")
    return "\n".join(lines)


def _layers(names: list[str]) -> list[str]:
    """The layers that tensors belong to, the first few of many."""
    layers = list(dict.fromkeys(name.rpartition(".")[0] or name for name in names))
    more = len(layers) - _NAMED
    return layers if more <= 0 else [*layers[:_NAMED], f"and {more} more"]
