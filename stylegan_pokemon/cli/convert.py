"""`python -m stylegan_pokemon convert IN OUT`: read a checkpoint in any known format, write another."""

from __future__ import annotations

from pathlib import Path

import click

from dataset_tool.files import check_free
from dataset_tool.parameters import PathType, path_or_name
from stylegan_pokemon.cli.errors import Command
from stylegan_pokemon.cli.generate_options import adaptation_option
from stylegan_pokemon.errors import UserError


@click.command(cls=Command)
@click.argument("network", metavar="IN", type=path_or_name)
@click.argument("target", metavar="OUT", type=PathType())
@click.option(
    "--only",
    help="Networks to keep, among G, D, G_ema, G_start and D_start, separated by commas.  [default: all that "
    "OUT can hold; .onnx: G_ema, else G]",
)
@adaptation_option("the networks as they are, with the start if OUT can hold it")
@click.option(
    "--half",
    is_flag=True,
    help="Store float16 (.safetensors only): half the size, about three digits of precision.",
)
@click.option("--overwrite", is_flag=True, help="Replace OUT if it exists.")
def convert(
    network: str,
    target: Path,
    only: str | None,
    adaptation: float | None,
    half: bool,
    overwrite: bool,
) -> None:
    """Convert a checkpoint. The ending of OUT chooses the format.

    OUT.safetensors is this program's own format. OUT.pkl opens in the official programs. OUT.onnx holds one
    generator, for onnxruntime and similar programs.

    IN is a .safetensors, or an official PyTorch or TensorFlow .pkl: a file, its URL, or a name that
    `python -m stylegan_pokemon zoo` lists. Nothing in it is executed.

    A .pkl needs a discriminator; if G or G_ema is missing, the other one is written twice. It cannot
    hold G_start and D_start, the networks that fine-tuning began with.

    An .onnx computes in float32, with constant noise, any number N of pictures: z [N, z_dim] and
    truncation_psi [1] to images [N, channels, R, R] from -1 to 1.

    A network with classes also takes c [N, classes], one-hot; one without an average of w takes no
    truncation_psi. An .onnx cannot be read back. Writing it needs the package onnx. If onnxruntime is
    installed, the file is compared with PyTorch and only written if they agree to 1e-4.
    """
    exporting = target.suffix.lower() == ".onnx"
    wanted = None if only is None else [name.strip() for name in only.split(",")]
    if exporting and half:
        raise UserError("--half: an .onnx computes in 32 bits; leave it out, or write a .safetensors")
    if exporting and wanted not in (None, ["G"], ["G_ema"]):
        raise UserError(f"--only {only}: an .onnx holds one generator; name G or G_ema")
    check_free(target, overwrite)
    if exporting:
        from stylegan_pokemon.checkpoint import onnx_writer  # fails before a download, not after
    from stylegan_pokemon.checkpoint import load, save
    from stylegan_pokemon.cli.locate import licence_of, locate_network

    path = locate_network(network, "IN")
    networks = load(path)
    between = ""
    if adaptation is not None:
        networks, between = networks.at(adaptation), f" at adaptation {adaptation:g}"
    there = dict(networks.items())
    wanted = wanted or list(there)
    if not set(wanted) <= set(there):
        held = ", ".join(there)
        raise UserError(f"--only {only}: {path}{between} holds {held}; name some of these")
    if exporting:
        generators = [name for name in ("G_ema", "G") if name in wanted]
        if not generators:
            raise UserError(f"{path} holds no generator to export, only {', '.join(wanted)}")
        difference = onnx_writer.save_onnx(target, networks, generators[0], licence_of(path))
        held = generators[0]
        check = "; not checked, since onnxruntime is not installed"
        if difference is not None:
            check = f"; onnxruntime and PyTorch differ by at most {difference:.1e} of the greatest value"
    else:
        for name in there.keys() - set(wanted):
            setattr(networks, name, None)
        save(target, networks, half)
        held, check = ", ".join(wanted), ""
        if target.suffix.lower() == ".pkl":
            held = "G, D, G_ema"
            for a, b in (("G", "G_ema"), ("G_ema", "G")):
                held += "" if a in wanted else f" ({a} is a copy of {b})"
    click.echo(f"{target}: {held}{between}, {target.stat().st_size / 2**20:.2f} MiB{check}")
