"""Transfer learning: a checkpoint's tensors into networks of other resolution, classes, colours, widths.

What fits is copied, what nearly fits is adapted (`tensors`), the rest starts new; a report lists all three.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from stylegan_pokemon.errors import UserError
from stylegan_pokemon.networks.discriminator import Discriminator
from stylegan_pokemon.networks.generator import Generator
from stylegan_pokemon.training.settings.config import FRESH
from stylegan_pokemon.training.transfer.tensors import Labels, discriminator_tensor, generator_tensor

_NAMED = 8  # layers in a line of the report
_LEAST_SHARE = 0.2  # of a network's parameters; below, training from nothing is as good


@dataclass
class NetworkTransfer:
    """What became of the tensors of one network, by name."""

    network: str
    origin: str  # which network of the checkpoint they came from, or "new"
    copied: list[str] = field(default_factory=list)
    adapted: list[str] = field(default_factory=list)
    new: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class TransferReport:
    """What the networks of a run start from."""

    start: str  # FRESH, or the checkpoint
    networks: tuple[NetworkTransfer, ...] = ()  # none for a fresh start
    alpha: str = ""  # what the first alpha is, where the checkpoint has none

    @property
    def whole(self) -> bool:
        """Whether the checkpoint gave something for every tensor, but for those of new classes."""
        of_classes = {"D": "mapping."}  # its labels; a generator's mapping network also takes z
        return bool(self.networks) and all(
            name.startswith(of_classes.get(network.network, "mapping.embed."))
            for network in self.networks
            for name in network.new
        )

    def format(self) -> str:
        """Lines of text: numbers for each network, and which layers are adapted or new."""
        if self.start == FRESH:
            return "starting from fresh networks"
        lines = [
            f"starting from {self.start}",
            f"  {'':6} {'from':6} {'copied':>6} {'adapted':>7} {'new':>4}  tensors",
        ]
        for n in self.networks:
            counts = f"{len(n.copied):>6} {len(n.adapted):>7} {len(n.new):>4}"
            lines.append(f"  {n.network:6} {n.origin:6} {counts}")
            if n.origin == "new":
                lines.append(f"  {'':6}   the checkpoint holds no such network")
                continue
            for what, names in (("adapted", n.adapted), ("new", n.new)):
                if names:
                    lines.append(f"  {'':6}   {what}: {', '.join(_layers(names))}")
        lines += [f"  {self.alpha}"] if self.alpha else []
        return "\n".join(lines)


def transfer(
    target: Generator | Discriminator,
    donor: Generator | Discriminator,
    name: str,
    origin: str,
    labels: Labels | None = None,
) -> NetworkTransfer:
    """Fill `target` from `donor` in place; returns what became of each tensor.

    name, origin: of the two networks, for the report. labels: for every class of the target the class of the
    donor that it continues; None pairs them by number. Raises UserError when too little of the donor fits.
    """
    if labels is None:
        labels = tuple(i if i < donor.c_dim else None for i in range(target.c_dim))
    report = NetworkTransfer(name, origin)
    own, given = target.state_dict(), donor.state_dict()
    sizes = {name: parameter.numel() for name, parameter in target.named_parameters()}
    kept = 0.0
    for key, tensor in own.items():
        if isinstance(target, Generator):
            assert isinstance(donor, Generator)
            value = generator_tensor(key, tensor, given, target, donor, labels)
        else:
            assert isinstance(donor, Discriminator)
            value = discriminator_tensor(key, tensor, given, target, donor, labels)
        if value is None:
            report.new.append(key)
            continue
        old = given.get(key)
        (report.copied if value is old else report.adapted).append(key)
        tensor.copy_(value)
        if key in sizes and old is not None:
            kept += math.prod(min(a, b) for a, b in zip(old.shape, tensor.shape, strict=True))
    if kept < _LEAST_SHARE * sum(sizes.values()):
        raise UserError(
            f"only {kept / sum(sizes.values()):.0%} of {name} comes from the checkpoint; choose one"
            " nearer to the resolution and the widths asked for, or start with --resume none"
        )
    return report


def _layers(names: list[str]) -> list[str]:
    """The layers that tensors belong to, the first few of many."""
    layers = list(dict.fromkeys(name.rpartition(".")[0] or name for name in names))
    more = len(layers) - _NAMED
    return layers if more <= 0 else [*layers[:_NAMED], f"and {more} more"]
