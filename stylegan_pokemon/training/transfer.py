"""Transfer learning: a checkpoint's tensors into networks of another resolution, or with classes.

What fits is copied. What nearly fits is adapted so that the first pictures and logits stay as they were: new
top blocks of the generator add nothing to the enlarged picture yet, labels do not count yet.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import nn

from stylegan_pokemon.errors import UserError
from stylegan_pokemon.networks.discriminator import Discriminator
from stylegan_pokemon.networks.generator import Generator

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


def transfer(target: Generator | Discriminator, donor: Generator | Discriminator, account: Account) -> None:
    """Fill `target` from `donor` in place and note in `account` what became of each tensor.

    Raises UserError when too little of the donor fits.
    """
    own, given = target.state_dict(), donor.state_dict()
    for name, tensor in own.items():
        found = given.get(name)
        if found is not None and found.shape == tensor.shape:
            tensor.copy_(found)
            account.copied.append(name)
        elif _adapt(target, donor, name, tensor, found):
            account.adapted.append(name)
        else:
            account.new.append(name)
    parameters = {name: parameter.numel() for name, parameter in target.named_parameters()}
    kept = sum(count for name, count in parameters.items() if name not in account.new)
    if kept < _LEAST_SHARE * sum(parameters.values()):
        raise UserError(
            f"only {kept / sum(parameters.values()):.0%} of {account.network} comes from the checkpoint;"
            " choose one nearer to the resolution of the data, or start with --resume none"
        )


def _adapt(
    target: nn.Module, donor: nn.Module, name: str, tensor: torch.Tensor, found: torch.Tensor | None
) -> bool:
    """Fill one tensor that the donor has in another shape, or not at all; False leaves it new."""
    if isinstance(target, Generator):
        if name == "mapping.fc0.weight" and target.c_dim > donor.c_dim == 0:
            # Columns of the label start at zero; the gain 1/√in makes up for the additional ones.
            assert found is not None
            z = found.shape[1]
            tensor.zero_()
            tensor[:, :z] = found * (tensor.shape[1] / z) ** 0.5
            return True
        block = name.split(".")[1]
        grown = block[0] == "b" and int(block[1:]) > donor.img_resolution if block[1:].isdigit() else False
        if grown and ".torgb." in name and "affine" not in name and target.config.architecture == "skip":
            tensor.zero_()
            return True
        return False
    if name in ("b4.out.weight", "b4.out.bias") and target.c_dim > donor.c_dim == 0:
        assert found is not None
        tensor.copy_(_projection(target).reshape(-1, *[1] * (found.ndim - 1)) * found)
        return True
    return False


def _projection(target: Discriminator) -> torch.Tensor:
    """Factors v [cmap_dim] with which Σ v·cmap / √cmap_dim is nearly 1 for every class."""
    with torch.no_grad():
        classes = torch.eye(target.c_dim, dtype=torch.float32)
        cmap = target.mapping(None, classes).double()  # [classes, cmap_dim]
    # Ridge: classes start out much alike, and an exact solution would be huge.
    gram = cmap @ cmap.T
    ridge = 1e-3 * gram.diagonal().mean() * torch.eye(len(gram), dtype=torch.float64)
    weights = torch.linalg.solve(gram + ridge, torch.ones(len(gram), dtype=torch.float64))
    return (cmap.T @ weights * cmap.shape[1] ** 0.5).float()


def table(accounts: list[Account], start: str) -> str:
    """The account as lines of text: numbers for each network, and which layers are adapted or new."""
    if start == "fresh":
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
