"""`python -m stylegan_pokemon inspect FILE`: what a checkpoint holds, for people or as JSON."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import click

from dataset_tool.parameters import path_or_name
from stylegan_pokemon.cli.errors import Command
from stylegan_pokemon.errors import shown

_LICENCE = "weights have their own licences; this file names none: ask its author before you share it"


@click.command(cls=Command)
@click.argument("network", metavar="FILE", type=path_or_name)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead.")
@click.option("--tensors", is_flag=True, help="List every tensor with its shape.")
def inspect(network: str, as_json: bool, tensors: bool) -> None:
    """Show a checkpoint's architectures, tensors, hashes and licence. Nothing in it is executed.

    FILE is a file, its URL, or a name that `python -m stylegan_pokemon zoo` lists. The hash of a network
    covers its tensors alone: the same network has the same hash in every format.
    """
    from stylegan_pokemon.checkpoint import load
    from stylegan_pokemon.checkpoint.describe import describe_file
    from stylegan_pokemon.cli.locate import licence_of, locate_network

    path = locate_network(network, "FILE", partial(click.echo, err=True))
    networks = load(path)
    description = describe_file(path, networks)
    description["licence"] = licence_of(path, networks) or _LICENCE
    if as_json:
        click.echo(json.dumps(description, indent=2, ensure_ascii=False))
        return
    click.echo("\n".join(_lines(description, tensors)))


def _lines(description: dict[str, Any], tensors: bool) -> list[str]:
    size = description["bytes"] / 2**20
    head = f"{description['file']}: {description['format']}, {size:.2f} MiB"
    lines = [head, f"sha256 {description['sha256']}"]
    for name, network in description["networks"].items():
        a = network["architecture"]
        widths = " ".join(f"{r}:{n}" for r, n in network["channels"].items())
        classes = f", {a['c_dim']} classes" if a["c_dim"] else ", no classes"
        half = f", {a['num_fp16_res']} resolutions in fp16" if a.get("num_fp16_res") else ""
        clamp = f", clamp {a['conv_clamp']:g}" if a.get("conv_clamp") is not None else ""
        alpha = ", premultiplied alpha" if a.get("premultiplied") else ""
        kind = a["architecture"] if widths else a["arch"]
        lines += [
            "",
            f"{name}: {network['kind']}, {kind}, {a['img_resolution']}×{a['img_resolution']},"
            f" {a['img_channels']} colour channel(s){alpha}{classes}{half}{clamp}",
            f"  {len(network['tensors'])} tensors, {network['parameters']:,} parameters"
            + (f"; channels {widths}" if widths else ""),
            *([f"  {_particulars(network['kind'], a)}"] if widths else []),
            f"  sha256 of the tensors {network['sha256']}",
        ]
        if network["not_finite"]:
            lines.append(f"  NOT FINITE: {', '.join(network['not_finite'])}")
        if tensors:
            lines += [f"    {tensor} {shape}" for tensor, shape in network["tensors"].items()]
    lines.append("")
    if description["augment_p"] is not None:
        lines.append(f"augmentation p: {description['augment_p']:g}")
    lines += [f"{_short(name)}: {_short(value)}" for name, value in description["about"].items() if value]
    return [*lines, f"licence: {description['licence']}"]


def _particulars(kind: str, a: dict[str, Any]) -> str:
    if kind == "generator":
        noise = "with" if a["use_noise"] else "without"
        return f"z {a['z_dim']}, w {a['w_dim']}, {a['num_layers']} mapping layers, {noise} noise inputs"
    group = "the whole batch" if a["mbstd_group_size"] is None else a["mbstd_group_size"]
    return f"minibatch-std group {group}, {a['freeze_layers']} layers frozen"


def _short(value: Any) -> str:
    return shown(", ".join(map(str, value)) if isinstance(value, list) else str(value), 200)
