"""What a run starts from: fresh networks, or a checkpoint's weights with an account of what was taken."""

from __future__ import annotations

import copy

import torch

from stylegan_pokemon.checkpoint import Networks
from stylegan_pokemon.networks.config import DiscriminatorConfig, GeneratorConfig
from stylegan_pokemon.networks.discriminator import Discriminator
from stylegan_pokemon.networks.generator import Generator
from stylegan_pokemon.randomness import derive_seed
from stylegan_pokemon.training.config import TrainingConfig
from stylegan_pokemon.training.transfer import Account, transfer


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
        fresh = {"G": G, "D": D, "G_ema": G_ema}
        accounts = [Account(name, "new", new=list(m.state_dict())) for name, m in fresh.items()]
        return G, D, G_ema, accounts
    accounts = [
        _take(G, "G", source.G, "G", source.G_ema, "G_ema"),
        _take(D, "D", source.D, "D", None, ""),
        _take(G_ema, "G_ema", source.G_ema, "G_ema", source.G, "G"),
    ]
    return G, D, G_ema, accounts


def _take(
    network: Generator | Discriminator,
    name: str,
    first: Generator | Discriminator | None,
    first_name: str,
    second: Generator | Discriminator | None,
    second_name: str,
) -> Account:
    donor, origin = (first, first_name) if first is not None else (second, second_name)
    if donor is None:
        return Account(name, "new", new=list(network.state_dict()))
    account = Account(name, origin)
    transfer(network, donor, account)
    return account
