"""What a run starts from: fresh networks, or a checkpoint's weights with an account of what was taken.

A fine-tuning run keeps the generator that it starts from in a file of its own, and every snapshot repeats
it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import torch

from stylegan_pokemon.checkpoint import Networks, load, save
from stylegan_pokemon.checkpoint.networks import AnyDiscriminator, AnyGenerator
from stylegan_pokemon.data.dataset import SpriteDataset
from stylegan_pokemon.errors import UserError
from stylegan_pokemon.networks.config import DiscriminatorConfig, GeneratorConfig
from stylegan_pokemon.networks.discriminator import Discriminator
from stylegan_pokemon.networks.generator import Generator
from stylegan_pokemon.randomness import derive_seed
from stylegan_pokemon.training.settings.config import STYLEGAN2, TrainingConfig
from stylegan_pokemon.training.systems.earlier import EarlierTrainer, earlier_networks
from stylegan_pokemon.training.systems.stylegan2 import Trainer
from stylegan_pokemon.training.transfer.networks import Account, transfer
from stylegan_pokemon.training.transfer.tensors import Labels


def start_networks(
    config: TrainingConfig, source: Networks | None
) -> tuple[AnyGenerator, AnyDiscriminator, AnyGenerator, list[Account]]:
    """Build G, D and G_ema of a run, on the CPU, and say what they start from.

    Initial weights depend on the run's seed alone. From a source that lacks G (files that people share often
    hold the averaged generator only) G starts from G_ema, and the other way round; a missing D starts new.
    """
    if config.arch != STYLEGAN2:
        G, D, G_ema = earlier_networks(config)
        return G, D, G_ema, [_new(name, m) for name, m in (("G", G), ("D", D), ("G_ema", G_ema))]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(config.seed, "weights"))
        G = Generator(GeneratorConfig.from_json(config.generator))
        D = Discriminator(DiscriminatorConfig.from_json(config.discriminator))
    G_ema = copy.deepcopy(G)
    if source is None:
        return G, D, G_ema, [_new(name, m) for name, m in (("G", G), ("D", D), ("G_ema", G_ema))]
    labels = _labels(config.classes, source)
    accounts = [
        _take(G, "G", source.G, "G", source.G_ema, "G_ema", labels),
        _take(D, "D", source.D, "D", None, "", labels),
        _take(G_ema, "G_ema", source.G_ema, "G_ema", source.G, "G", labels),
    ]
    _check_frozen(D, accounts[1])
    return G, D, G_ema, accounts


def trainer_of(
    config: TrainingConfig, dataset: SpriteDataset, G: AnyGenerator, D: AnyDiscriminator, G_ema: AnyGenerator
) -> Trainer:
    """What trains these networks: StyleGAN2's trainer, or that of an earlier system."""
    kind = Trainer if config.arch == STYLEGAN2 else EarlierTrainer
    return kind(config, dataset, G, D, G_ema)


START = Path("state") / "start.safetensors"
"""In the run directory: G_start of its snapshots, which a continued run cannot make again."""


def keep_start(run: Path, trainer: Trainer) -> None:
    """Write the averaged generator of a fine-tuning run before training. Raises UserError if that fails."""
    config = trainer.config
    if config.fine_tunes:
        description = {"generator": config.generator, "start": config.start}
        save(run / START, Networks(config=description, source=f"run {run.name}", G_start=trainer.G_ema))


def kept_start(run: Path, config: TrainingConfig, echo: Callable[[str], None]) -> AnyGenerator | None:
    """What `keep_start` wrote, on the CPU; None for a run from nothing, and with a note where it is missing.

    It is missing in runs that earlier versions began.
    """
    if not config.fine_tunes:
        return None
    path = run / START
    try:
        if path.is_file():
            return load(path).G_start
        why = f"{path} is missing"
    except UserError as error:
        why = str(error)
    echo(f"note: snapshots are written without the start of the run, which --adaptation needs: {why}")
    return None


def _new(name: str, network: torch.nn.Module) -> Account:
    return Account(name, "new", new=list(network.state_dict()))


def _labels(classes: tuple[str, ...], source: Networks) -> Labels:
    """Which class of the source each of `classes` goes on with: by name, without names by number."""
    names = list(source.config.get("classes") or ())
    generator = source.G_ema or source.G
    held = generator.c_dim if generator is not None else 0
    if len(names) != held:
        return tuple(i if i < held else None for i in range(len(classes)))
    return tuple(names.index(name) if name in names else None for name in classes)


def _check_frozen(D: Discriminator, account: Account) -> None:
    """Refuse to freeze layers that nobody has trained (Freeze-D counts them from the picture inwards)."""
    parameters = dict(D.named_parameters())
    frozen = [n for n in account.new if n.endswith((".weight", ".bias")) and n not in parameters]
    if frozen:
        raise UserError(
            f"--freezed {D.config.freeze_layers} would freeze {frozen[0].rpartition('.')[0]}, which the"
            " checkpoint does not have at this resolution and which would stay random; use --freezed 0"
        )


def _take(
    network: Generator | Discriminator,
    name: str,
    first: Generator | Discriminator | None,
    first_name: str,
    second: Generator | Discriminator | None,
    second_name: str,
    labels: Labels,
) -> Account:
    donor, origin = (first, first_name) if first is not None else (second, second_name)
    if donor is None:
        return Account(name, "new", new=list(network.state_dict()))
    account = Account(name, origin)
    transfer(network, donor, account, labels)
    return account
