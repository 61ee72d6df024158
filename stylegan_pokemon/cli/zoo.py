"""`python -m stylegan_pokemon zoo`: the networks that can be named, and fetching them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from stylegan_pokemon.cli.errors import Group

if TYPE_CHECKING:
    from stylegan_pokemon.checkpoint.zoo import Entry

_COLUMNS = ("name", "pixels", "classes", "MiB", "format", "licence", "here")


@click.group(cls=Group, invoke_without_command=True)
@click.pass_context
def zoo(context: click.Context) -> None:
    """List the networks that --resume and --network take by name.

    A network is downloaded at its first use, or by `fetch`, and kept in the user's cache;
    STYLEGAN_POKEMON_CACHE names another folder. If a file has the same name, the file is used.

    \b
    python -m stylegan_pokemon zoo
    python -m stylegan_pokemon zoo fetch ffhq512
    """
    if context.invoked_subcommand:
        return
    from stylegan_pokemon.checkpoint.zoo import entries

    click.echo(_table(list(entries().values())))


@zoo.command()
@click.argument("network", metavar="NAME|URL")
def fetch(network: str) -> None:
    """Download a network to the cache; print its licence and path.

    A broken download continues where it stopped. The checksum is recorded at the first download and compared
    from then on.
    """
    from stylegan_pokemon.cli.locate import locate_network

    click.echo(locate_network(network, "NAME|URL"))


def _table(found: list[Entry]) -> str:
    rows = [_COLUMNS, *(_row(entry) for entry in found)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    licences = {entry.licence for entry in found if entry.licence}
    explained = [f"{licence.short}: {licence.text}." for licence in sorted(licences, key=lambda it: it.short)]
    from stylegan_pokemon.checkpoint.zoo import entries

    known = entries("feature_networks").items()
    features = ", ".join(name + (" (here)" if entry.is_here else "") for name, entry in known)
    explained.append(f"Feature networks for `metrics --features standard`, by the same fetch: {features}.")
    return "\n".join([*lines, "", *explained, "?: unknown until the file is read. MiB are approximate."])


def _row(entry: Entry) -> tuple[str, ...]:
    return (
        entry.name,
        f"{entry.resolution}×{entry.resolution}" if entry.resolution else "?",
        {True: "yes", False: "no", None: "?"}[entry.conditional],
        f"{entry.mib:g}" if entry.mib else "?",
        entry.format or "?",
        entry.licence.short if entry.licence else "?",
        "yes" if entry.is_here else "",
    )
