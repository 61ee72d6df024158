"""`python -m stylegan_pokemon metrics`: figures of a generator, or of any pictures, against a data set."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dataset_tool.parameters import PathType, path_or_name
from stylegan_pokemon.cli.drawing import chosen_device
from stylegan_pokemon.cli.errors import Command
from stylegan_pokemon.cli.generate_options import adaptation_option, around_option
from stylegan_pokemon.cli.parameters import NumberType
from stylegan_pokemon.errors import UserError
from stylegan_pokemon.metrics.names import (
    CHEAP,
    METRICS,
    METRICS_FEATURES,
    METRICS_NUM,
    metrics_num_of,
    parse_names,
)
from stylegan_pokemon.networks.blending import DEFAULT_ADAPTATION

if TYPE_CHECKING:
    import numpy as np

    from stylegan_pokemon.checkpoint.networks import AnyGenerator

_PATH = PathType()
_MEANINGS = {
    "fd": "distance of the two clouds of pictures; lower is better; the floor is half against half",
    "fid": "distance of the two clouds of pictures; lower is better; the floor is half against half",
    "kid": "the same, without the bias of small sets; lower is better, 0 in the mean for equal sets",
    "precision": "share of pictures that look like real ones",
    "recall": "share of the real pictures that the generator could have made",
    "f1": "precision and recall in one",
    "density": "how densely pictures lie where real ones do; 1 as densely",
    "coverage": "share of the real pictures with a generated one beside them",
    "is": "how clear and how different the pictures are to a classifier; higher is better",
    "swd": "distance of patches, ×1000: the drawing style; lower is better; the floor is half against half",
}
_FIGURES = {
    "whole": "share of pictures whose creature is in one piece",
    "pieces": "pieces a picture",
    "holes": "holes of the background's colour in the creature, a picture",
    "haze": "percent of the background, away from the creature, that is not clean",
    "speckle": "dots and noise inside the body, percent of black to white",
    "sharpness": "of the silhouette; 1 is a hard edge",
    "saturation": "chroma inside the body; 0 is grey, pure red 26",
    "palette": "colours that cover the body",
}


@click.command(cls=Command, context_settings={"show_default": True})
@click.option(
    "--network",
    metavar="FILE|RUN|URL|NAME",
    type=path_or_name,
    help="A network file, a run directory (its newest snapshot), a URL, or a name that `zoo` lists.",
)
@click.option(
    "--pictures",
    type=_PATH,
    metavar="DIR|ZIP",
    help="Score all of these pictures instead of a network. Sheets that generate.py wrote are left out.",
)
@click.option("--data", type=_PATH, metavar="ZIP", required=True, help="The real pictures, a dataset zip.")
@click.option(
    "--metrics",
    default=",".join(CHEAP),
    metavar="LIST",
    help=f"Any of {', '.join(METRICS)}, or `all`. sprite (one piece, clean background, crisp edges, colours)"
    " and swd (drawing style) need no feature network.",
)
@click.option(
    "--num",
    type=click.IntRange(min=1, max=1_000_000),
    metavar="N",
    help=f"Pictures to generate.  [default: as many as real ones, up to {METRICS_NUM}; on a CPU up to 400 at"
    " 64×64]",
)
@click.option("--trunc", "truncation_psi", type=NumberType(-100, 100), default=1.0, help="Truncation psi.")
@around_option
@adaptation_option(f"{DEFAULT_ADAPTATION:g}")
@click.option("--seed", type=click.IntRange(min=0), default=0, help="Seed of the generated pictures.")
@click.option(
    "--features",
    default=METRICS_FEATURES,
    metavar="NAME|FILE",
    type=path_or_name,
    help="Feature network: efficientnet_lite1, standard (Inception and VGG16 from `zoo fetch`, for FID"
    " and KID under these names), or a TorchScript file that takes uint8 [N, 3, H, W]. A TorchScript file is"
    " a program: use only files that you trust.",
)
@click.option(
    "--sheet", type=_PATH, metavar="FILE", help="Write pictures beside their nearest training pictures."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of the table.")
@click.option("--device", default="auto", metavar="NAME", help="cpu, cuda, cuda:1, …")
@click.option("--batch", type=click.IntRange(min=1), metavar="N", help="Pictures rendered at once.")
def metrics(
    network: str | None,
    pictures: Path | None,
    data: Path,
    metrics: str,
    num: int | None,
    adaptation: float | None,
    sheet: Path | None,
    as_json: bool,
    device: str,
    **how: Any,  # the other fields of `Settings`
) -> None:
    """Measure how good, diverse and original a network's pictures are, compared with real ones.

    Small sets fool FID: a network that memorises the training pictures wins. So copies, diversity, colour
    and drawing style are measured too. Beside each distance stands that between two halves of the real set.

    \b
    python -m stylegan_pokemon metrics --network runs/00003-… --data pokemon64.zip --sheet nn.png
    python -m stylegan_pokemon metrics --pictures drawings/ --data pokemon64.zip --metrics all --json
    """
    if (network is None) == (pictures is None):
        both = "both are given, leave one out" if network is not None else "name one of them"
        raise UserError(f"either --network or --pictures is measured: {both}")
    if network is None and adaptation is not None:
        raise UserError(f"--adaptation {adaptation:g} is of a network, not of --pictures; leave it out")
    names = parse_names(metrics) if metrics.strip() != "all" else METRICS
    if not names:
        raise UserError(f"--metrics {metrics} measures nothing; choose among {', '.join(METRICS)}")
    if sheet is not None and "nn" not in names:
        raise UserError("--sheet shows nearest neighbours; add nn to --metrics, or leave --sheet out")
    if sheet is not None and not sheet.parent.is_dir():
        raise UserError(f"--sheet {sheet}: the folder {sheet.parent} does not exist; make it first")
    if sheet is not None and sheet.is_dir():
        raise UserError(f"--sheet {sheet} is a folder; name a file in it")
    from stylegan_pokemon.cli.locate import locate_network
    from stylegan_pokemon.data.dataset import SpriteDataset
    from stylegan_pokemon.files import sha256_of
    from stylegan_pokemon.metrics.evaluate import Settings, evaluate
    from stylegan_pokemon.metrics.pictures import read_pictures
    from stylegan_pokemon.render.loaded import load_generator
    from stylegan_pokemon.render.runs import find_network

    chosen, generator = chosen_device(device), None
    source: AnyGenerator | np.ndarray
    if network is not None:
        path = find_network(locate_network(network, "--network", partial(click.echo, err=True)))
        generator = load_generator(path, chosen, adaptation)
    with SpriteDataset(data, size_of=generator.size_of if generator else None) as dataset:
        number = num or metrics_num_of(dataset.facts.resolution, len(dataset), chosen.type)
        settings = Settings(names, number, **how)
        what: dict[str, Any]
        if generator is None:
            assert pictures is not None  # one of the two is given
            what, source = {"pictures": str(pictures)}, read_pictures(pictures)
        else:
            facts = {"sha256": sha256_of(generator.path), "adaptation": generator.adaptation}
            what, source = {"network": {"file": str(generator.path), **facts}}, generator.G
        found = evaluate(source, dataset, settings, chosen, nn_sheet=sheet)
        about = {"file": str(data), "sha256": dataset.facts.sha256, "resolution": dataset.facts.resolution}
    found = {**what, "data": about, **found}
    as_object = json.dumps(found, indent=2, ensure_ascii=False, allow_nan=False)
    click.echo(as_object if as_json else "\n".join(_table(found)))
    if sheet is not None:
        click.echo(f"sheet     {sheet}", err=True)


def _table(found: dict[str, Any]) -> list[str]:
    """Lines for people: what was measured with what, each number with an explanation, the verdicts."""
    what = found["network"]["file"] if "network" in found else found["pictures"]
    psi = f", truncation {found['truncation_psi']:g}" if "truncation_psi" in found else ""
    if found.get("around", "class") != "class":
        psi += f" around {found['around']}"
    digest = f", sha256 {found['network']['sha256'][:12]}…" if "network" in found else ""
    adaptation = found.get("network", {}).get("adaptation", 1)
    lines = [
        f"measured   {what}{digest}" + (f", adaptation {adaptation:g}" if adaptation != 1 else ""),
        f"against    {found['data']['file']}, sha256 {found['data']['sha256'][:12]}…",
        f"pictures   {found['samples']} against {found['reals']} real ones{psi}, seed {found['seed']};"
        f" {found['seconds']:.1f} s",
    ]
    lines += [
        f"features   {name}: {used['file']}, sha256 {used['sha256'][:12]}…, {used['dimensions']} dimensions"
        for name, used in found["features"].items()
    ]
    rows = [("", "value", "95 % interval", "floor", "")]
    for name, entry in found["values"].items():
        spread = f"± {_short(entry['error'])}" if "error" in entry else ""
        spread = " … ".join(map(_short, entry["interval"])) if entry.get("interval") else spread
        floor = _short(entry["floor"]) if "floor" in entry else ""
        rows.append((name, _short(entry["value"]), spread, floor, _MEANINGS[name.split("_")[0]]))
    rows_of_figures = [("", "value", "95 % interval", "real", "std. errors", "")]
    for name, entry in found.get("sprite", {}).get("figures", {}).items():
        spread = " … ".join(map(_short, entry["interval"]))
        apart = "" if entry["distance"] is None else f"{entry['distance']:+.1f}"
        value, real = map(_short, (entry["value"], entry["reals"]))
        rows_of_figures.append((name, value, spread, real, apart, _FIGURES[name]))
    for columns in (rows, rows_of_figures):
        if len(columns) > 1:
            widths = [max(map(len, column)) for column in zip(*columns, strict=True)]
            lines += ["", *("  ".join(map(str.ljust, row, widths)).rstrip() for row in columns)]
    lines.append("")
    words = {"memorisation": "copying", "memorisation_heldout": "held out", "sprite": "creatures"}
    for key in ("memorisation", "memorisation_heldout", "diversity", "sprite"):
        if key in found:
            mark = "ALARM " if found[key].get("alarm") else ""
            lines.append(f"{words.get(key, key):<10} {mark}{found[key]['verdict']}")
    style = found["values"].get("swd")
    if style is not None and style["ratio"] is not None:
        sides = (
            f"{side}×{side} {level['value'] / level['floor']:.1f}"
            for side, level in style["levels"].items()
            if level["floor"]
        )
        lines.append(
            f"style      {style['ratio']:.1f} times as far from real pictures as halves of them from each"
            f" other, {style['pictures']} against {style['pictures']}; by level: {', '.join(sides)}"
        )
    return lines


def _short(value: float) -> str:
    return f"{value:.1f}" if abs(value) >= 100 else f"{value:.3g}" if abs(value) >= 0.1 else f"{value:.2g}"
