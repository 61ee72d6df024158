"""Sheets for judges who know nothing: 48 pictures of each contender, in shuffled order, the key kept apart.

    python -m benchmarks.blind creatures64@0.7 runs/00003-…/best@0.7 --data pokemon64.zip
    python -m benchmarks.blind --score anna.csv --score ben.csv --key runs/benchmarks/blind-0-key.json

docs/judging.md says whom to ask, how, and what the counts can tell. Real pictures are always on one of the
sheets; the checkpoint that training started from should be on another. Every contender is drawn from seeds of
its own: the same creatures on two sheets would show that these are kin.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from PIL import Image, ImageDraw

from benchmarks import harness, judgements
from stylegan_pokemon.cli.drawing import prepared, print_note
from stylegan_pokemon.cli.errors import Command
from stylegan_pokemon.cli.locate import locate_network
from stylegan_pokemon.cli.parameters import NumberType
from stylegan_pokemon.data.dataset import SpriteDataset
from stylegan_pokemon.errors import UserError
from stylegan_pokemon.files import write_json, write_text
from stylegan_pokemon.metrics.pictures import read_pictures
from stylegan_pokemon.randomness import derive_seed
from stylegan_pokemon.render.images import on_white, save_png
from stylegan_pokemon.render.lettering import FAINT_INK, PAPER, font
from stylegan_pokemon.render.loaded import load_generator
from stylegan_pokemon.render.pictures import RenderOptions, render_seeds
from stylegan_pokemon.render.runs import find_network
from stylegan_pokemon.report.reading import runs_at

COLUMNS = 8
COUNT = judgements.COUNT
TILE = 192
"""Pixels of a side, whatever size the pictures have. They are resized by Lanczos, since faces of 64-pixel
sprites are lost among squares of 3 × 3 pixels."""

_GAP, _LINE = 16, 22  # pixels between tiles, and above each, for its number
_LETTERS = 14  # font size of the numbers
_SEEDS = 1_000_000  # of generate.py, among which each network gets its own
_PSI = 100  # bound of the truncation, as generate.py --trunc
JUDGING = harness.ROOT / "docs" / "judging.md"
BEGIN, END = "<!-- for the judge -->", "<!-- until here -->"


@dataclass(frozen=True)
class Contender:
    """What the pictures of a sheet come from."""

    name: str  # as the user wrote it, without the truncation
    path: Path
    truncation_psi: float | None  # None: finished pictures


@dataclass(frozen=True)
class Drawn:
    """The pictures of a sheet, uint8 [48, H, W, 3], and what the key says about them."""

    pictures: np.ndarray
    origin: dict[str, Any]


def find_contender(text: str, trunc: float) -> Contender:
    """Resolve NAME or NAME@PSI: a network file, a name in the zoo, a run, or a folder or zip of pictures.

    trunc: the truncation of a network whose name says none. Raises UserError or Refusal for anything else.
    """
    name, psi = text, None
    if not Path(text).exists() and (match := re.fullmatch(r"(.+)@(-?\d*\.?\d+)", text, re.ASCII)):
        name, psi = match[1], float(match[2])
        if abs(psi) > _PSI:
            raise harness.Refusal(f"contender {text}: truncation is within −{_PSI} … {_PSI}; try {name}@0.7")
    path = locate_network(name, "contender")
    if path.is_dir() and _holds_runs(path):
        path = find_network(path, print_note)
    if path.is_file() and path.suffix.lower() != ".zip":
        return Contender(name, path, trunc if psi is None else psi)
    if psi is not None:
        raise harness.Refusal(
            f"contender {text}: {name} holds finished pictures, which cannot be truncated; leave out @{psi:g}"
        )
    return Contender(name, path, None)


def _holds_runs(folder: Path) -> bool:
    try:
        return bool(runs_at(folder))
    except UserError:
        return False


def draw(contender: Contender, seed: int, place: int) -> Drawn:
    """48 pictures of a contender, drawn by the seed. place: where it stands among the contenders, from 0.

    Raises Refusal for finished pictures that are fewer, and UserError for those that cannot be read.
    """
    random = _random(seed, "contender", place)
    origin = {"contender": contender.name, "truncation_psi": contender.truncation_psi}
    if contender.truncation_psi is None:
        found = read_pictures(contender.path, "contender")
        indices = _different(random.permutation(len(found)), found.__getitem__, f"contender {contender.name}")
        return Drawn(found[indices], origin | {"pictures": str(contender.path), "indices": indices})
    source = load_generator(contender.path, torch.device("cpu"))
    seeds = random.choice(_SEEDS, COUNT, replace=False).tolist()
    options = RenderOptions(contender.truncation_psi)
    rendered = render_seeds(source, seeds, source.labels(seeds, None), options)
    pictures = np.stack([on_white(picture) for picture in rendered])
    return Drawn(pictures, origin | {"network": str(contender.path), "seeds": seeds})


def draw_reals(data: Path, seed: int) -> Drawn:
    """48 different pictures of a dataset zip, drawn by the seed. Raises Refusal where it has fewer."""
    with SpriteDataset(data) as dataset:

        def picture(index: int) -> np.ndarray:
            return on_white(dataset.pictures([index])[0])

        order = _random(seed, "real pictures").permutation(len(dataset))
        indices = _different(order, picture, f"--data {data}")
        origin = {"contender": "real pictures", "truncation_psi": None}
        return Drawn(
            np.stack([picture(index) for index in indices]),
            origin | {"pictures": str(data), "indices": indices},
        )


def _random(seed: int, purpose: str, *indices: int) -> np.random.RandomState:
    return np.random.RandomState(derive_seed(seed, f"blind {purpose}", *indices) % 2**32)


def _different(order: Iterable[int], picture: Callable[[int], np.ndarray], what: str) -> list[int]:
    """The first 48 of `order` whose pictures differ. Raises Refusal where there are fewer."""
    found: dict[bytes, int] = {}
    for index in order:
        found.setdefault(picture(index).tobytes(), int(index))
        if len(found) == COUNT:
            return list(found.values())
    raise harness.Refusal(
        f"{what} holds {len(found)} different pictures, a sheet takes {COUNT}; name a larger set"
    )


def tile_corner(number: int) -> tuple[int, int]:
    """Left and top, on a sheet, of the picture with this number, 1 to 48."""
    row, column = divmod(number - 1, COLUMNS)
    return _GAP + column * (TILE + _GAP), _LINE + row * (TILE + _LINE)


def judging_sheet(pictures: np.ndarray) -> np.ndarray:
    """Pictures uint8 [48, H, W, 3] on a white page, all of one size and numbered: uint8 [H, W, 3]."""
    left, top = tile_corner(COUNT)
    page = Image.new("RGB", (left + TILE + _GAP, top + TILE + _GAP), PAPER)
    pen = ImageDraw.Draw(page)
    for number, picture in enumerate(pictures, 1):
        left, top = tile_corner(number)
        page.paste(Image.fromarray(picture).resize((TILE, TILE), Image.Resampling.LANCZOS), (left, top))
        pen.text((left, top - _LINE // 4), str(number), FAINT_INK, font(_LETTERS), anchor="ls")
    return np.asarray(page)


def instructions() -> str:
    """What docs/judging.md says to the judge."""
    return JUDGING.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0].strip() + "\n"


def write_sheets(sets: Sequence[Drawn], seed: int, folder: Path, key: Path) -> None:
    """Write sheet-1.png … in shuffled order, form.csv and instructions.md into `folder`, and the key.

    sets: in the order of the key and of the table. All sheets have as many bytes as the longest, since hazy
    pictures compress badly: zeros follow the last chunk of the others.
    """
    shown = _random(seed, "order").permutation(len(sets)).tolist()  # by the sheet's number, from 0
    paths = [folder / f"sheet-{number}.png" for number in range(1, len(sets) + 1)]
    for path, which in zip(paths, shown, strict=True):
        save_png(path, judging_sheet(sets[which].pictures))
    longest = max(path.stat().st_size for path in paths)
    for path in paths:
        os.truncate(path, longest)
    session = hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()[:8]
    sheets = [{"sheet": paths[shown.index(which)].name} | one.origin for which, one in enumerate(sets)]
    write_json(key, {"session": session, "seed": seed, "sheets": sheets})
    write_text(folder / "form.csv", judgements.empty_form([path.name for path in paths], session))
    write_text(folder / "instructions.md", instructions())


@click.command(cls=Command)
@click.argument("contenders", metavar="[NAME[@PSI]]...", nargs=-1)
@click.option(
    "--data",
    metavar="ZIP",
    type=click.Path(path_type=Path),
    help="The dataset zip that the networks were trained on; its pictures are the hidden control.",
)
@click.option(
    "--trunc",
    metavar="PSI",
    type=NumberType(-_PSI, _PSI),
    default=1.0,
    show_default=True,
    help="Truncation psi of the networks; NAME@0.7 gives one its own.",
)
@click.option(
    "--seed",
    metavar="N",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Draws the pictures and the order of the sheets.",
)
@click.option(
    "--outdir",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    help="A new folder, to be handed to the judges.  [default: runs/benchmarks/blind-SEED]",
)
@click.option(
    "--key",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Which sheet shows what; written beside --outdir, and read by --score.  [default: OUTDIR-key.json]",
)
@click.option(
    "--score",
    metavar="FORM",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A form that a judge has filled in; once for each judge.",
)
def main(
    contenders: tuple[str, ...],
    data: Path | None,
    trunc: float,
    seed: int,
    outdir: Path | None,
    key: Path | None,
    score: tuple[Path, ...],
) -> None:
    """Make sheets of 48 pictures for blind judges, or print what they kept.

    A contender is a network file, its URL or its name in the zoo, a run directory (its newest snapshot; its
    best one is RUN/best), or a folder or zip of pictures. One that is named twice gets two sheets.

    \b
    python -m benchmarks.blind creatures64 runs/00003-…/best --trunc 0.7 --data pokemon64.zip
    python -m benchmarks.blind --score anna.csv --score ben.csv --key runs/benchmarks/blind-0-key.json
    """
    if score:
        if contenders or data or outdir:
            raise harness.Refusal("--score only reads forms; leave out the contenders, --data and --outdir")
        if key is None:
            raise harness.Refusal("--score needs the key of the sheets; name it with --key")
        click.echo(judgements.table(judgements.read_key(key), score))
        return
    if not contenders or data is None:
        raise harness.Refusal("name the contenders and --data, or forms with --score and their --key")
    folder = harness.WORK / f"blind-{seed}" if outdir is None else outdir
    key = folder.with_name(f"{folder.name}-key.json") if key is None else key
    _check_places(folder, key)
    found = [find_contender(text, trunc) for text in contenders]
    sets = [draw_reals(data, seed), *(draw(one, seed, place) for place, one in enumerate(found))]
    for one in sets[1:]:
        _check_size(one, sets[0], data)
    write_sheets(sets, seed, prepared(folder), key)
    click.echo(
        f"sheets    {len(sets)} in {folder}{os.sep}, for the judges, with a form; give them nothing else"
    )
    click.echo(f"key       {key}")


def _check_places(folder: Path, key: Path) -> None:
    """Raises Refusal where sheets or a key would be overwritten, and where the judges would see the key."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise harness.Refusal(f"--outdir {folder} is there already; name a new folder, or another --seed")
    if key.exists():
        raise harness.Refusal(f"--key {key} is there already, and may be needed to score; name another file")
    if folder.resolve() in key.resolve().parents:
        raise harness.Refusal(f"--key {key} lies in the folder for the judges; name a file elsewhere")
    if not key.parent.is_dir() and key.parent != folder.parent:
        raise harness.Refusal(f"--key {key}: its folder does not exist; make it, or name another file")


def _check_size(one: Drawn, real: Drawn, data: Path) -> None:
    """Raises Refusal for pictures of another size, whose sheet would be sharper or softer than the others."""
    (height, width), (side, _) = one.pictures.shape[1:3], real.pictures.shape[1:3]
    if (height, width) != (side, side):
        raise harness.Refusal(
            f"contender {one.origin['contender']} has pictures of {width}×{height}, --data {data} of"
            f" {side}×{side}; bring both to one size, or leave this contender out"
        )


if __name__ == "__main__":
    main()
