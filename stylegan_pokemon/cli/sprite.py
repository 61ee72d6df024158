"""`python -m stylegan_pokemon sprite`: pictures become sprites for games. No torch."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
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
_NAMED = 3  # files that a note names


@click.command(cls=Command, context_settings={"show_default": True})
@click.argument("files", nargs=-1, required=True, type=PathType())
@sprite_options
@click.option("--outdir", metavar="DIR", type=PathType(), default="sprites", help="Output folder.")
def sprite(files: tuple[Path, ...], outdir: Path, **given: Any) -> None:
    """Make transparent sprites for games of any pictures.

    FILES: pictures, animations (GIF, PNG, WebP), folders and zips of them. Each becomes a PNG of the same name
    in --outdir; an animation becomes one for each frame. A file that cannot be used is listed and left out.

    \b
    python -m stylegan_pokemon sprite drawings/
    python -m stylegan_pokemon sprite *.png --pixels 64 --colors 16 --atlas
    python -m stylegan_pokemon sprite film.gif --palette pico-8 --baseline --atlas
    """
    options = take_sprite_options(given)
    pictures, problems = _read(files)
    taken = {path.resolve() for path in files if path.is_file()}
    inside = [path.resolve() for path in files if path.is_dir()]
    if any(outdir.resolve() == folder for folder in inside):
        raise UserError(f"--outdir {outdir} is also a source; choose another folder")
    write_sprites(pictures, options, outdir, problems, taken)


def write_sprites(
    pictures: Sequence[Picture],
    options: SpriteOptions,
    outdir: Path,
    problems: Sequence[Problem] = (),
    sources: set[Path] = frozenset(),  # type: ignore[assignment]
    text: dict[str, dict[str, str]] | None = None,
) -> None:
    """Make sprites of pictures, write them to `outdir`, and print what was done.

    problems: of files that could not be read, shown with those found here. sources: files that must not be
    replaced. text: PNG text chunks by name of a picture. Raises UserError if no sprite is left.
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
    atlas = make_atlas(sprites) if options.atlas else None
    texts: dict[str, str] = {}
    if atlas:
        kinds = {".json": formats.json_hash, "-array.json": formats.json_array}
        kinds |= {".tsx": formats.tsx, ".tres": formats.tres}
        texts = {f"atlas{suffix}": kind(atlas, "atlas.png") for suffix, kind in kinds.items()}
    shared = sprites[0].palette if options.resolved().palette != "each" else None
    if shared is not None:
        texts["palette.hex"] = "".join(f"{r:02x}{g:02x}{b:02x}\n" for r, g, b in shared)
    folder = prepared(outdir)
    paths = {name: folder / name for name in [*images, *texts, *(["atlas.png"] if atlas else [])]}
    if own := [path for path in paths.values() if path.resolve() in sources]:
        raise UserError(f"{own[0]} would replace the picture it is made of; choose another --outdir")
    for parent in {path.parent for path in paths.values()}:
        prepared(parent)
    with replacing(paths.values()):
        with ThreadPoolExecutor(8) as pool:  # files reach the disk together; each waits for it
            writes = [
                pool.submit(save_png, paths[name], image, (text or {}).get(source))
                for name, (image, source) in images.items()
            ]
            if atlas:
                writes.append(pool.submit(save_png, paths["atlas.png"], atlas.sheet))
            for write in writes:
                write.result()
        for name, content in texts.items():
            write_text(paths[name], content)
    click.echo(f"sprites   {len(images)} in {folder}{os.sep}")
    _echo_cut(sprites)
    if shared is not None:
        click.echo(f"palette   {len(shared)} colours, {paths['palette.hex']}")
    if atlas:
        height, width = atlas.sheet.shape[:2]
        rest = ", ".join(name for name in texts if name.startswith("atlas"))
        click.echo(f"atlas     {paths['atlas.png']} ({width} × {height}, {len(atlas.frames)} frames), {rest}")


def _images(
    sprites: Sequence[Sprite], options: SpriteOptions
) -> tuple[dict[str, tuple[np.ndarray | Image.Image, str]], list[Problem]]:
    """(Picture, name of its source) by file name, as the preset wants them, and what it cannot take."""
    from dataset_tool.problems import Problem
    from stylegan_pokemon.sprites.atlas import character_sheet, frame_names
    from stylegan_pokemon.sprites.palettes import as_indexed

    images: dict[str, tuple[np.ndarray | Image.Image, str]] = {}
    problems = []
    for made in sprites:
        if options.preset == "rpgmaker":
            folder, _, name = made.name.rpartition("/")
            try:
                images[f"{folder}/${name}.png".lstrip("/")] = character_sheet(made.frames), made.name
            except ValueError as error:
                problems.append(Problem(made.name, str(error)))
            continue
        for name, frame in zip(frame_names(made), made.frames, strict=True):
            indexed = options.preset == "gba" and made.palette is not None
            images[name] = (as_indexed(frame, made.palette) if indexed else frame), made.name
    return images, problems


def _echo_cut(sprites: Sequence[Sprite]) -> None:
    """Print how much the cut-outs removed, and note what a person should look at."""
    removed = [made.removed for made in sprites if made.removed is not None]
    if removed:
        spread = f" ({min(removed):.0%} to {max(removed):.0%})" if len(removed) > 1 else ""
        click.echo(f"removed   {sum(removed) / len(removed):.0%} of the pixels, as background{spread}")
    if closed := [made.name for made in sprites if made.closed]:
        print_note(
            f"gaps in the outline were closed, so that the background did not leak into the body: {_some(closed)};"
            " --gap 0 closes none"
        )
    if opaque := [made.name for made in sprites if not made.plain]:
        print_note(f"no plain background to remove, so they stay opaque: {_some(opaque)}")


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(map(printable, names[:_NAMED])) + more


def _read(files: Sequence[Path]) -> tuple[list[Picture], list[Problem]]:
    """All pictures of files, folders and zips; names that would be written to one file are numbered."""
    from dataset_tool.problems import Problem
    from dataset_tool.reading.dataset_zip import choose_pictures
    from dataset_tool.reading.sources import close_archives, list_sources
    from stylegan_pokemon.sprites.reading import read_picture

    pictures: list[Picture] = []
    names: set[str] = set()
    total = 0
    try:
        entries, problems, others = choose_pictures(list_sources(files))
        problems += others
        for entry in progress_over("files", len(entries))(entries):
            try:
                picture = read_picture(entry)
            except ValueError as error:
                problems.append(Problem(entry.name, str(error)))
                continue
            total += sum(frame.nbytes for frame in picture.frames)
            if total > _MOST_BYTES:
                raise UserError("the pictures are more than can be worked on at once; give fewer at a time")
            name, number = picture.name, 2
            while name.casefold() in names:
                name, number = f"{picture.name}-{number}", number + 1
            names.add(name.casefold())
            pictures.append(picture._replace(name=name))
    finally:
        close_archives()
    return pictures, problems
