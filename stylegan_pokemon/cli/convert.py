"""`python -m stylegan_pokemon convert IN OUT`: a checkpoint in any known format, written in another."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from stylegan_pokemon.cli.errors import Command
from stylegan_pokemon.cli.generate_options import adaptation_option
from stylegan_pokemon.errors import UserError

if TYPE_CHECKING:
    from stylegan_pokemon.checkpoint.networks import Networks


@click.command(cls=Command)
@click.argument("network", metavar="IN")
@click.argument("target", metavar="OUT", type=click.Path(path_type=Path))
@click.option(
    "--only",
    help="Networks to keep, of G, D, G_ema and G_start, separated by commas.  [default: all that OUT has a "
    "place for; .onnx: G_ema, else G]",
)
@adaptation_option("the networks as they are, with the start where OUT has a place for it")
@click.option(
    "--half",
    is_flag=True,
    help="Store 16 bits a number (.safetensors only): half the size, about three digits.",
)
@click.option(
    "--part",
    type=click.Choice(["mapping", "synthesis"]),
    help="Export one half of the generator (.onnx only).  [default: the whole generator]",
)
def convert(
    network: str, target: Path, only: str | None, adaptation: float | None, half: bool, part: str | None
) -> None:
    """Convert a checkpoint: OUT.safetensors is a native snapshot, OUT.pkl opens in the official programs,
    OUT.onnx is one generator for onnxruntime and its like.

    IN may be an official PyTorch or TensorFlow .pkl or a native snapshot. Nothing in it is executed. A .pkl
    needs a discriminator; a generator that IN lacks is written as a copy of the other one. It has no place
    for G_start, the generator that fine-tuning began with.

    IN is a file, its URL, or a name that `python -m stylegan_pokemon zoo` lists.

    \b
    An .onnx computes in float32, with constant noise, any number N of pictures:
      whole             z [N, z_dim], truncation_psi [1] → images [N, channels, R, R], -1 to 1
      --part mapping    z [N, z_dim], truncation_psi [1] → ws [N, layers, w_dim]
      --part synthesis  ws [N, layers, w_dim] → images [N, channels, R, R]

    A network with classes also takes c [N, classes], one-hot; one without an average of w takes no
    truncation_psi. An .onnx cannot be read back. Writing it needs the package onnx; where onnxruntime is
    installed it is compared with PyTorch, and only written if they agree to 1e-4.
    """
    exporting = target.suffix.lower() == ".onnx"
    wanted = None if only is None else [name.strip() for name in only.split(",")]
    if exporting and half:
        raise UserError("--half: an .onnx computes in 32 bits; leave it out, or write a .safetensors")
    if exporting and wanted not in (None, ["G"], ["G_ema"]):
        raise UserError(f"--only {only}: an .onnx holds one generator; name G or G_ema")
    if part is not None and not exporting:
        raise UserError(f"--part {part}: only an .onnx holds a part; leave it out, or name OUT.onnx")
    if exporting:
        from stylegan_pokemon.checkpoint import onnx_writer  # noqa: F401 (fails before a download, not after)
    from stylegan_pokemon.checkpoint import load, save
    from stylegan_pokemon.cli.locate import locate_network

    source = locate_network(network, "IN")
    networks = load(source)
    if adaptation is not None:
        networks = networks.at(adaptation)
    between = "" if adaptation is None else f" at adaptation {adaptation:g}"
    there = dict(networks.items())
    wanted = wanted or list(there)
    for name in wanted:
        if name not in there:
            held = ", ".join(there)
            raise UserError(f"--only {only}: {source}{between} holds {held}; name some of these")
    if exporting:
        click.echo(_export(target, networks, wanted, part, source, between))
        return
    for name in there.keys() - set(wanted):
        setattr(networks, name, None)
    save(target, networks, half)
    held = ", ".join(wanted)
    if target.suffix.lower() == ".pkl":
        held = "G, D, G_ema" + "".join(
            f" ({name} is a copy of {other})"
            for name, other in (("G", "G_ema"), ("G_ema", "G"))
            if name not in wanted
        )
    click.echo(f"{target}: {held}{between}, {_mebibytes(target)}")


def _export(
    target: Path, networks: Networks, wanted: list[str], part: str | None, source: Path, between: str
) -> str:
    """Write G_ema, else G, as ONNX; returns the line to print. between: at which adaptation, in words."""
    from stylegan_pokemon.checkpoint.onnx_writer import save_onnx
    from stylegan_pokemon.cli.locate import licence_of

    generators = [name for name in ("G_ema", "G") if name in wanted]
    if not generators:
        raise UserError(f"{source} holds no generator to export, only {', '.join(wanted)}")
    difference = save_onnx(target, networks, generators[0], part, licence_of(source))
    if difference is None:
        check = "not checked, for onnxruntime is not installed"
    else:
        check = f"onnxruntime and PyTorch differ by at most {difference:.1e} of the greatest value"
    return f"{target}: {part or 'all'} of {generators[0]}{between}, {_mebibytes(target)}; {check}"


def _mebibytes(path: Path) -> str:
    return f"{path.stat().st_size / 2**20:.2f} MiB"
