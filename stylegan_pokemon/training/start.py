"""What a run starts from: fresh networks, or a checkpoint's weights with an account of what was taken."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch

from stylegan_pokemon.checkpoint import Networks
from stylegan_pokemon.networks.config import DiscriminatorConfig, GeneratorConfig
from stylegan_pokemon.networks.discriminator import Discriminator
from stylegan_pokemon.networks.generator import Generator
from stylegan_pokemon.randomness import derive_seed
from stylegan_pokemon.training.config import TrainingConfig


@dataclass(frozen=True)
class Account:
    """What became of the tensors of one network."""

    network: str
    origin: str  # which network of the source they came from, or "new"
    copied: int
    new: int


def start_networks(
    config: TrainingConfig, source: Networks | None
) -> tuple[Generator, Discriminator, Generator, list[Account]]:
    """Build G, D and G_ema of a run, on the CPU, and say what they start from.

    Initial weights depend on the run's seed alone. From a source that lacks G (files that people share often
    hold the averaged generator only) G starts from G_ema, and the other way round; a missing D starts new.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(config.seed, "weights"))
        G = Generator(GeneratorConfig.from_json(config.generator))
        D = Discriminator(DiscriminatorConfig.from_json(config.discriminator))
    G_ema = copy.deepcopy(G)
    if source is None:
        accounts = [
            Account(name, "new", 0, len(m.state_dict())) for name, m in (("G", G), ("D", D), ("G_ema", G_ema))
        ]
        return G, D, G_ema, accounts
    accounts = [
        _take(G, "G", source.G, "G", source.G_ema, "G_ema"),
        _take(D, "D", source.D, "D", None, ""),
        _take(G_ema, "G_ema", source.G_ema, "G_ema", source.G, "G"),
    ]
    return G, D, G_ema, accounts


def _take(
    network: torch.nn.Module,
    name: str,
    first: torch.nn.Module | None,
    first_name: str,
    second: torch.nn.Module | None,
    second_name: str,
) -> Account:
    donor, origin = (first, first_name) if first is not None else (second, second_name)
    count = len(network.state_dict())
    if donor is None:
        return Account(name, "new", 0, count)
    network.load_state_dict(donor.state_dict())
    return Account(name, origin, count, 0)


def describe(accounts: list[Account], start: str) -> str:
    """The account as lines of text."""
    lines = [f"starting from {start}" if start != "fresh" else "starting from fresh networks"]
    for account in accounts:
        if account.copied:
            lines.append(f"  {account.network:6} {account.copied} tensors copied from {account.origin}")
        elif start != "fresh":
            lines.append(f"  {account.network:6} {account.new} tensors new: the file holds no such network")
    return "\n".join(lines)
