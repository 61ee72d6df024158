"""`python -m stylegan_pokemon blend` and `average`: one network from several of one architecture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dataset_tool.parameters import PathType, path_or_name
from stylegan_pokemon.cli.drawing import print_note, replacing
from stylegan_pokemon.cli.errors import Command
from stylegan_pokemon.cli.locate import LICENCE, licence_of, locate_network
from stylegan_pokemon.errors import UserError

if TYPE_CHECKING:
    from stylegan_pokemon.checkpoint import Networks
    from stylegan_pokemon.networks.generator import Generator

_KIN = 0.3
"""The least cosine between the weights of networks with a common start. It is 0.999 between creatures64 and
the demo's woodcuts, and 0 between networks that were trained from nothing."""

_out = click.option(
    "--out",
    metavar="FILE",
    type=PathType(),
    help="The .safetensors to write.  [default: named after the networks, here]",
)


@click.command(cls=Command)
@click.argument("low", type=path_or_name)
@click.argument("high", type=path_or_name)
@click.option(
    "--at",
    metavar="RESOLUTION",
    type=click.IntRange(4),
    required=True,
    help="The first resolution whose layers are HIGH's: 8, 16, 32, … Lower values take more from HIGH.",
)
@click.option("--smooth", is_flag=True, help="Mix the two resolutions beside the seam by 1/3 and 2/3.")
@_out
def blend(low: str, high: str, at: int, smooth: bool, out: Path | None) -> None:
    """Write a network with the coarse layers of LOW and the fine layers of HIGH.

    Coarse layers carry build and pose, fine layers carry the drawing style. The mapping network and the names
    of classes are LOW's, the discriminator is HIGH's. The two networks must have one architecture and should
    have a common start, such as a network and what was fine-tuned from it.

    \b
    python -m stylegan_pokemon blend creatures64 runs/00003-woodcuts --at 16
    """
    from stylegan_pokemon.checkpoint import Networks
    from stylegan_pokemon.networks.blending import blend as blended
    from stylegan_pokemon.networks.blending import seam_shares

    paths, networks, generators = _loaded([low, high])
    config = generators[1].config
    if at not in config.block_resolutions:
        known = ", ".join(map(str, config.block_resolutions))
        raise UserError(f"--at {at}: these networks have layers at {known}; choose one of them")
    how = {"blend": {"at": at, "smooth": smooth}}
    G = blended(generators[0], generators[1], seam_shares(config, at, smooth))
    result = Networks(G_ema=G, D=networks[1].D, config=provenance(paths, networks, how))
    name = f"blend-{paths[0].stem}-{paths[1].stem}-at{at}{'-smooth' if smooth else ''}.safetensors"
    _write(result, out or Path(name))


@click.command(cls=Command)
@click.argument("networks", metavar="A B …", nargs=-1, type=path_or_name, required=True)
@_out
def average(networks: tuple[str, ...], out: Path | None) -> None:
    """Write a network whose weights are the mean of the given networks' weights.

    The average of snapshots of one run is often better than each of them. All must have one architecture and
    should have a common start.

    \b
    python -m stylegan_pokemon average runs/00003-woodcuts/snapshots/0000{20,24,28}.safetensors
    """
    from stylegan_pokemon.checkpoint import Networks
    from stylegan_pokemon.networks.blending import average as averaged
    from stylegan_pokemon.networks.blending import differences

    if len(networks) < 2:
        raise UserError("an average needs at least two networks; name another one")
    paths, loaded, generators = _loaded(networks)
    critics: list[Any] = [each.D for each in loaded if each.D is not None]
    alike = len(critics) == len(loaded) and not differences([D.config for D in critics])
    result = Networks(
        G_ema=averaged(generators),
        D=averaged(critics) if alike else None,
        config=provenance(paths, loaded, {"average": {"count": len(paths)}}),
    )
    _write(result, out or Path(f"average-{paths[0].stem}-{paths[-1].stem}-of{len(paths)}.safetensors"))


def _loaded(names: Sequence[str]) -> tuple[list[Path], list[Networks], list[Generator]]:
    """The networks and the generators to mix, checked. Raises UserError after a table of what differs."""
    import torch

    from stylegan_pokemon.checkpoint import load
    from stylegan_pokemon.networks.blending import differences, kinship
    from stylegan_pokemon.networks.generator import Generator
    from stylegan_pokemon.render.loaded import load_generator
    from stylegan_pokemon.render.runs import find_network

    paths = [find_network(locate_network(name, "NETWORK"), print_note) for name in names]
    networks = [load(path) for path in paths]
    generators = []
    for path in paths:
        G = load_generator(path, torch.device("cpu")).G
        if not isinstance(G, Generator):
            raise UserError(f"{path} is a {G.config.arch}; only StyleGAN2 networks can be blended")
        generators.append(G)
    apart = differences([G.config for G in generators])
    if apart:
        _table(paths, apart)
        raise UserError(
            f"these networks differ in {', '.join(apart)}, so their weights do not fit together; name"
            " networks of one family, such as a start and what was fine-tuned from it"
        )
    for path, G in zip(paths[1:], generators[1:], strict=True):
        alike = kinship(generators[0], G)
        if alike < _KIN:
            print_note(
                f"{paths[0].name} and {path.name} have unrelated weights (cosine {alike:.2f}), so what lies"
                " between them may look like neither; blend networks with a common start"
            )
    names_of_classes = [each.config.get("classes") for each in networks]
    if any(known != names_of_classes[0] for known in names_of_classes):
        print_note(f"the networks name their classes differently; the names are those of {paths[0].name}")
    return paths, networks, generators


def _table(paths: Sequence[Path], apart: dict[str, list[Any]]) -> None:
    rows = [["", *(path.name for path in paths)]]
    rows += [[name, *map(str, values)] for name, values in apart.items()]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        click.echo("  ".join(map(str.ljust, row, widths)).rstrip(), err=True)


def provenance(paths: Sequence[Path], networks: Sequence[Networks], how: dict[str, Any]) -> dict[str, Any]:
    """What the result's file says of itself: how it was made, of which files, under which licences."""
    from stylegan_pokemon.files import sha256_of

    licences = [licence_of(path, each) or "unknown" for path, each in zip(paths, networks, strict=True)]
    parents = [
        {"file": path.name, "sha256": sha256_of(path), "licence": licence}
        for path, licence in zip(paths, licences, strict=True)
    ]
    kept = {key: networks[0].config[key] for key in ("classes", "class_sizes") if key in networks[0].config}
    named = [f"{path.name}: {licence}" for path, licence in zip(paths, licences, strict=True)]
    return kept | how | {"parents": parents, LICENCE: "; ".join(dict.fromkeys(named))}


def _write(networks: Networks, path: Path) -> None:
    from stylegan_pokemon.checkpoint import save

    if path.suffix.lower() != ".safetensors":
        raise UserError(f"--out {path}: the result is a .safetensors; give it that ending")
    networks.record_architectures()
    with replacing([path]):
        save(path, networks)
    click.echo(f"licence   {networks.config[LICENCE]}")
    critic = "G_ema" if networks.D is None else "G_ema, D"
    click.echo(f"network   {path} ({critic}, {path.stat().st_size / 2**20:.1f} MiB)")
    click.echo(f"draw it   python generate.py --network {path} --trunc 0.7")
