"""`python -m stylegan_pokemon convert IN OUT`: a checkpoint in any known format, written in one of two."""

from __future__ import annotations

from pathlib import Path

import click

from stylegan_pokemon.cli.errors import Command
from stylegan_pokemon.errors import UserError


@click.command(cls=Command)
@click.argument("network", metavar="IN")
@click.argument("target", metavar="OUT", type=click.Path(path_type=Path))
@click.option("--only", help="Networks to keep, of G, D and G_ema, separated by commas.  [default: all]")
@click.option(
    "--half",
    is_flag=True,
    help="Store 16 bits a number (.safetensors only): half the size, about three digits.",
)
def convert(network: str, target: Path, only: str | None, half: bool) -> None:
    """Convert a checkpoint: OUT.safetensors is a native snapshot, OUT.pkl opens in the official programs.

    IN may be an official PyTorch or TensorFlow .pkl or a native snapshot. Nothing in it is executed. A .pkl
    needs a discriminator; a generator that IN lacks is written as a copy of the other one.

    IN is a file, its URL, or a name that `python -m stylegan_pokemon zoo` lists.
    """
    from stylegan_pokemon.checkpoint import load, save
    from stylegan_pokemon.cli.locate import locate_network

    source = locate_network(network, "IN")
    networks = load(source)
    there = dict(networks.items())
    wanted = list(there) if only is None else [name.strip() for name in only.split(",")]
    for name in wanted:
        if name not in there:
            raise UserError(f"--only {only}: {source} holds {', '.join(there)}; name some of these")
    for name in there.keys() - set(wanted):
        setattr(networks, name, None)
    save(target, networks, half)
    size = target.stat().st_size
    click.echo(f"{target}: {', '.join(wanted)}, {size / 2**20:.2f} MiB")
