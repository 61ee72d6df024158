"""`python -m stylegan_pokemon sprite`: pictures become sprites for games. No torch."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dataset_tool.parameters import PathType
from stylegan_pokemon.cli.drawing import prepared, print_note, progress_over, replacing
from stylegan_pokemon.cli.errors import Command
from stylegan_pokemon.cli.sprite_options import sprite_options, take_sprite_options
from stylegan_pokemon.errors import UserError, printable
from stylegan_pokemon.sprites.options import SpriteOptions

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

    from dataset_tool.problems import Problem
    from stylegan_pokemon.sprites.batch import Picture, Sprite

_MOST_BYTES = 2 << 30  # of decoded pictures at once: a shared palette needs all of them
_ATLAS = "atlas.png"
_NAMED = 3  # files that a note names


@click.command(cls=Command, context_settings={"show_default": True})
@click.argument("files", nargs=-1, required=True, type=PathType())
@sprite_options
@click.option("--outdir", metavar="DIR", type=PathType(), default="sprites", help="Output folder.")
def sprite(files: tuple[Path, ...], outdir: Path, **given: Any) -> None:
    """Turn any pictures into transparent sprites for games.

    FILES: pictures, animations (GIF, PNG, WebP), folders and zips of them. Each becomes a PNG of the same
    name in --outdir; an animation becomes one for each frame. A file that cannot be used is listed and left
    out. Sheets and films that generate.py wrote are left out of folders.

    \b
    python -m stylegan_pokemon sprite drawings/
    python -m stylegan_pokemon sprite *.png --pixels 64 --colors 16 --atlas
    python -m stylegan_pokemon sprite film.gif --palette pico-8 --baseline --atlas
    """
    options = take_sprite_options(given)
    pictures, problems, sources = _read(files, outdir)
    write_sprites(pictures, options, outdir, problems, sources)


def write_sprites(
    pictures: Sequence[Picture],
    options: SpriteOptions,
    outdir: Path,
    problems: Sequence[Problem] = (),
    sources: Collection[Path] = (),
) -> None:
    """Make sprites of pictures, write them to `outdir`, and print what was done.

    problems: of files that could not be read, shown with those found here. sources: files that must not be
    replaced, resolved. Raises UserError if no sprite is left.
    """
    from dataset_tool.report import problem_table
    from stylegan_pokemon.files import write_text
    from stylegan_pokemon.png import save_png
    from stylegan_pokemon.sprites import formats
    from stylegan_pokemon.sprites.atlas import make_atlas
    from stylegan_pokemon.sprites.batch import make_sprites

    sprites, empty = make_sprites(pictures, options, progress_over("pictures"))
    images, unfit = _images(sprites, options)
    problems = [*problems, *empty, *unfit]
    if problems:
        click.echo(problem_table(problems), err=True)
    if not images:
        raise UserError("none of the files became a sprite; see the table above")
    count = len(images)
    atlas = make_atlas(sprites) if options.atlas else None
    texts: dict[str, str] = {}
    if atlas:
        if _ATLAS in images:
            raise UserError(f"--atlas writes {_ATLAS}, and a picture has this name too; rename the picture")
        images[_ATLAS] = atlas.sheet
        kinds = {".json": formats.json_hash, "-array.json": formats.json_array}
        kinds |= {"-aseprite.json": formats.json_numbered} if atlas.tags else {}
        kinds |= {".tsx": formats.tsx, ".tres": formats.tres}
        texts = {f"atlas{suffix}": kind(atlas, _ATLAS) for suffix, kind in kinds.items()}
    shared = sprites[0].palette if options.resolved().palette != "each" else None
    if shared is not None:
        texts["palette.hex"] = "".join(f"{r:02x}{g:02x}{b:02x}\n" for r, g, b in shared)
    folder = prepared(outdir)
    paths = [folder / name for name in (*images, *texts)]
    if own := [path for path in paths if path.resolve() in sources]:
        raise UserError(
            f"{own[0]} would be replaced, which is among the pictures given; choose another --outdir"
        )
    for parent in {path.parent for path in paths}:
        prepared(parent)
    with replacing(paths):
        with ThreadPoolExecutor(8) as pool:  # files reach the disk together; each waits for it
            writes = [pool.submit(save_png, folder / name, image) for name, image in images.items()]
            for write in writes:
                write.result()
        for name, content in texts.items():
            write_text(folder / name, content)
    click.echo(f"sprites   {count} in {folder}{os.sep}")
    _echo_cut(sprites)
    if shared is not None:
        click.echo(f"palette   {len(shared)} colours, {folder / 'palette.hex'}")
    if atlas:
        height, width = atlas.sheet.shape[:2]
        rest = ", ".join(name for name in texts if name.startswith("atlas"))
        click.echo(f"atlas     {folder / _ATLAS} ({width} × {height}, {len(atlas.frames)} frames), {rest}")


def as_picture(name: str, picture: np.ndarray) -> Picture:
    """A picture uint8 [H, W, C] of 1, 3 or 4 channels under a name."""
    import numpy as np

    from stylegan_pokemon.png import to_image
    from stylegan_pokemon.sprites.batch import Picture

    return Picture(name, (np.asarray(to_image(picture).convert("RGBA")),))


def _images(
    sprites: Sequence[Sprite], options: SpriteOptions
) -> tuple[dict[str, np.ndarray | Image.Image], list[Problem]]:
    """Pictures by file name, as the preset wants them, and what it cannot take."""
    from dataset_tool.problems import Problem
    from stylegan_pokemon.sprites.atlas import character_sheet, frame_names
    from stylegan_pokemon.sprites.palettes import as_indexed

    images: dict[str, np.ndarray | Image.Image] = {}
    problems = []
    for made in sprites:
        if options.preset == "rpgmaker":
            folder, _, name = made.name.rpartition("/")
            try:
                images[f"{folder}/${name}.png".lstrip("/")] = character_sheet(made.frames)
            except ValueError as error:
                problems.append(Problem(made.name, str(error)))
            continue
        for name, frame in zip(frame_names(made), made.frames, strict=True):
            palette = made.palette if options.preset == "gba" else None
            images[name] = frame if palette is None else as_indexed(frame, palette)
    return images, problems


def _echo_cut(sprites: Sequence[Sprite]) -> None:
    """Print how much the cut-outs removed, and note what a person should look at."""
    removed = [made.removed for made in sprites if made.removed is not None]
    if removed:
        spread = f" ({min(removed):.0%} to {max(removed):.0%})" if len(removed) > 1 else ""
        click.echo(f"removed   {sum(removed) / len(removed):.0%} of the pixels, as background{spread}")
    if closed := [made.name for made in sprites if made.closed]:
        print_note(
            f"gaps in outlines were closed, through which the body would have gone too: {_some(closed)};"
            " --gap 0 closes none"
        )
    if opaque := [made.name for made in sprites if not made.plain]:
        print_note(f"no plain background to remove, so they stay opaque: {_some(opaque)}")


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(map(printable, names[:_NAMED])) + more


def _read(files: Sequence[Path], outdir: Path) -> tuple[list[Picture], list[Problem], set[Path]]:
    """Pictures of files, folders and zips, what cannot be read, and the files that must not be replaced.

    What lies in `outdir` below a folder given was made by an earlier call and is left out. So are sheets and
    films of generate.py in folders and zips, with a note. Pictures that would be written to one file are
    numbered.
    """
    from dataset_tool.problems import Problem
    from dataset_tool.reading.dataset_zip import choose_pictures
    from dataset_tool.reading.sources import close_archives, list_sources
    from dataset_tool.reconvert import datasets_among
    from stylegan_pokemon.render.seeds import is_overview
    from stylegan_pokemon.sprites.atlas import frame_names
    from stylegan_pokemon.sprites.reading import read_picture

    made, total = outdir.resolve(), 0
    if any(path.resolve() == made for path in files):
        raise UserError(f"--outdir {outdir} is also among the pictures given; choose another folder")
    pictures: list[Picture] = []
    overviews: list[str] = []
    names: set[str] = set()
    sources: set[Path] = set()
    try:
        premultiplied = {i for i, dataset in datasets_among(files).items() if dataset.premultiplied}
        entries, problems, others = choose_pictures(list_sources(files))
        problems += others
        for entry in progress_over("files", len(entries))(entries):
            path = entry.path.resolve()
            if made in path.parents and files[entry.source].is_dir():
                continue
            sources.add(path)
            if is_overview(entry.inside) and entry.path != files[entry.source]:
                overviews.append(entry.name)
                continue
            try:
                picture = read_picture(replace(entry, premultiplied=entry.source in premultiplied))
            except ValueError as error:
                problems.append(Problem(entry.name, str(error)))
                continue
            total += sum(frame.nbytes for frame in picture.frames)
            if total > _MOST_BYTES:
                raise UserError("the pictures are more than can be worked on at once; give fewer at a time")
            base, number = picture.name, 2
            while names & (taken := {name.casefold() for name in frame_names(picture)}):
                picture, number = picture._replace(name=f"{base}-{number}"), number + 1
            names |= taken
            pictures.append(picture)
    finally:
        close_archives()
    if overviews:
        print_note(f"sheets and films of generate.py are left out: {_some(overviews)}; name one to use it")
    return pictures, problems, sources
