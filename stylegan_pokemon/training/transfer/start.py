"""Build what a run starts from: fresh networks, or a checkpoint's weights with a report of what was copied.

A fine-tuning run keeps the generator that it starts from in a file of its own; every snapshot repeats it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from stylegan_pokemon.checkpoint import Networks, load, save
from stylegan_pokemon.checkpoint.networks import AnyDiscriminator, AnyGenerator
from stylegan_pokemon.errors import UserError
from stylegan_pokemon.networks.discriminator import Discriminator
from stylegan_pokemon.networks.generator import Generator
from stylegan_pokemon.training.registry import new_networks
from stylegan_pokemon.training.settings.config import FRESH, TrainingConfig
from stylegan_pokemon.training.systems.trainer import Trainer
from stylegan_pokemon.training.transfer.cutout import cut_out
from stylegan_pokemon.training.transfer.networks import NetworkTransfer, TransferReport, transfer
from stylegan_pokemon.training.transfer.tensors import Labels


def start_networks(
    config: TrainingConfig, source: Networks | None
) -> tuple[AnyGenerator, AnyDiscriminator, AnyGenerator, TransferReport]:
    """Build G, D and G_ema of a run, on the CPU, and report what they start from.

    Initial weights depend on the run's seed alone. From a checkpoint without G (shared files often hold the
    averaged generator only) G starts from G_ema, and the other way round; a missing D starts new.
    """
    G, D, G_ema = new_networks(config)
    if source is None:
        return G, D, G_ema, TransferReport(FRESH)
    assert isinstance(G, Generator)
    assert isinstance(D, Discriminator)
    assert isinstance(G_ema, Generator)
    labels = _labels(config.classes, source)
    averaged, trained = (source.G_ema, "G_ema"), (source.G, "G")
    reports = (
        _take(G, "G", labels, trained, averaged),
        _take(D, "D", labels, (source.D, "D")),
        _take(G_ema, "G_ema", labels, averaged, trained),
    )
    _check_frozen(D, reports[1])
    return G, D, G_ema, TransferReport(config.start, reports, _first_alpha(G, G_ema, source))


START = Path("state") / "start.safetensors"
"""In the run directory: G_start and D_start of its snapshots, which a continued run cannot make again."""


def keep_start(run: Path, trainer: Trainer) -> None:
    """Write what a fine-tuning run starts from, before training. Raises UserError if that fails.

    The discriminator is left out where the checkpoint did not give all of the networks: it cannot judge then.
    """
    config = trainer.config
    if config.fine_tunes:
        names = ("generator", "discriminator", "start")
        networks = Networks(config={name: getattr(config, name) for name in names}, source=f"run {run.name}")
        networks.G_start, networks.D_start = trainer.G_ema, trainer.D if trainer.starts_whole else None
        save(run / START, networks)


def kept_start(run: Path, config: TrainingConfig, echo: Callable[[str], None]) -> Networks | None:
    """What `keep_start` wrote, on the CPU; None for a run from nothing, and with a note where it is missing.

    It is missing in runs that earlier versions began.
    """
    if not config.fine_tunes:
        return None
    path = run / START
    try:
        if path.is_file() and isinstance((start := load(path)).G_start, Generator):
            return start
        why = f"{path} is missing"
    except UserError as error:
        why = str(error)
    echo(f"note: snapshots are written without the start of the run, which --adaptation needs: {why}")
    return None


def _first_alpha(G: Generator, G_ema: Generator, source: Networks) -> str:
    """Give the pictures of a start without alpha one; returns a sentence about it, "" if nothing changes."""
    donor = source.G_ema or source.G
    if not G.config.premultiplied or donor is None or donor.config.premultiplied:
        return ""
    if donor.img_channels >= 4:
        return "alpha: the start's colours are not multiplied by alpha; training adapts them"
    if cut_out(G_ema, G):
        return "alpha: the start's plain background is invisible from the first picture on"
    return "alpha: the start draws no plain background, so its pictures begin opaque"


def _labels(classes: tuple[str, ...], source: Networks) -> Labels:
    """The checkpoint's class that each of `classes` continues: by name, else by number."""
    names = list(source.config.get("classes") or ())
    generator = source.G_ema or source.G
    held = generator.c_dim if generator is not None else 0
    if len(names) != held:
        return tuple(i if i < held else None for i in range(len(classes)))
    return tuple(names.index(name) if name in names else None for name in classes)


def _check_frozen(D: Discriminator, report: NetworkTransfer) -> None:
    """Refuse to freeze untrained layers (Freeze-D counts them from the picture inwards)."""
    parameters = dict(D.named_parameters())
    frozen = [n for n in report.new if n.endswith((".weight", ".bias")) and n not in parameters]
    if frozen:
        raise UserError(
            f"--freezed {D.config.freeze_layers} would freeze {frozen[0].rpartition('.')[0]}, which the"
            " checkpoint does not have at this resolution and which would stay random; use --freezed 0"
        )


def _take(
    network: Generator | Discriminator,
    name: str,
    labels: Labels,
    *donors: tuple[AnyGenerator | AnyDiscriminator | None, str],
) -> NetworkTransfer:
    """Fill a network from the first donor that the checkpoint holds."""
    for donor, origin in donors:
        if isinstance(donor, Generator | Discriminator):
            return transfer(network, donor, name, origin, labels)
    return NetworkTransfer(name, "new", new=list(network.state_dict()))
