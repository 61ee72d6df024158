"""Commands of generate.py that write films."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any, TypeVar

import click

from stylegan_pokemon.cli import parameters
from stylegan_pokemon.cli.drawing import Drawing, write_film
from stylegan_pokemon.cli.errors import Command
from stylegan_pokemon.cli.generate_options import drawing_options, flag, format_option, is_given
from stylegan_pokemon.cli.parameters import NumbersType, NumberType
from stylegan_pokemon.errors import UserError

if TYPE_CHECKING:
    import numpy as np

    from stylegan_pokemon.render.loaded import LoadedGenerator


F = TypeVar("F", bound=Callable[..., Any])


def film_options(frames: int, of: str) -> Callable[[F], F]:
    """The options of a film that loops. frames: the default of --frames. of: what these are frames of."""
    options = [
        click.option(
            "--frames", metavar="N", type=click.IntRange(2, 10_000), default=frames, help=f"Frames {of}."
        ),
        click.option(
            "--fps",
            type=NumberType(0.1, 120),
            default=25.0,
            help="Frames a second; a GIF shows up to 50, WebP and APNG 90, MP4 120.",
        ),
        click.option(
            "--grid",
            "cells",
            metavar="COLUMNSxROWS",
            type=parameters.cells,
            help="Show several films beside each other, such as 3x3, each with seeds of its own.",
        ),
        click.option(
            "--transparent",
            is_flag=True,
            help="Keep the transparency that a network draws: fully in WebP and APNG, on or off in GIF.",
        ),
        format_option,
    ]

    def decorate(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


@click.command(cls=Command)
@film_options(30, "from one seed to the next")
@click.option(
    "--classes",
    metavar="NAMES",
    help="Also move from class to class: names or numbers, or all. One seed is enough then.",
)
@click.option(
    "--space",
    type=click.Choice(["z", "w"]),
    default="z",
    help="Latent space of the path: w changes more evenly, z shows more variety on the way. Refined "
    "seeds and latent files take w.",
)
@click.option(
    "--method",
    type=click.Choice(["spherical", "linear"]),
    default="spherical",
    help="Path between seeds: a great circle (in w, around the average) or a straight line.",
)
@click.option(
    "--easing",
    type=click.Choice(["linear", "smooth", "ease-in-out"]),
    default="smooth",
    help="Pace between seeds: linear is even, smooth slows down at each seed, ease-in-out lingers there.",
)
@drawing_options("0-7", "256 to 512 pixels for the film")
def interpolate(frames: int, classes: str | None, space: str, method: str, easing: str, **given: Any) -> None:
    """A film that moves from seed to seed and loops.

    It ends by returning to the first seed. K seeds and --frames N make K × N frames; none is shown twice.
    With --grid 3x3 the seeds are shared out among the films, in order. --classes visits one class with each
    seed. If there are fewer seeds than classes, or fewer classes than seeds, the shorter list repeats.
    """
    how = {name: given.pop(name) for name in ("fps", "cells", "transparent", "format_")}
    films = math.prod(how["cells"] or (1, 1))
    if len(given["seeds"]) % films:
        raise UserError(f"--grid: {len(given['seeds'])} seeds do not divide among {films} films; give others")
    if classes is None and len(set(given["seeds"])) < 2 * films:
        two = "at least two different seeds" + (" for each film" if films > 1 else "")
        raise UserError(f"--seeds: an interpolation needs {two}, such as 0-{max(7, 2 * films - 1)}")
    if classes is not None and given["class_"] is not None:
        raise UserError("--class and --classes do not go together; leave one of them out")
    from stylegan_pokemon.render.animation import check_film
    from stylegan_pokemon.render.interpolation import interpolation_frames

    check_film(how["format_"], how["fps"], transparent=how["transparent"])
    drawing = Drawing(**given)
    seeds, labels = drawing.seeds, drawing.labels
    if classes is not None:
        visited = _visited(drawing.generator, classes)
        each = len(seeds) // films
        steps = range(max(each, len(visited)))
        if len(steps) < 2:
            raise UserError("--classes: one seed and one class make no film; give more of either")
        seeds = [seeds[film * each + i % each] for film in range(films) for i in steps]
        labels = [visited[i % len(visited)] for _ in range(films) for i in steps]
    if drawing.generator.refinement:
        space = "w"
    path = "-".join(["classes"] * (classes is not None) + [space, method])
    film = _Film(drawing, **how, count=len(seeds) // films * frames, films=films)
    film.write(
        f"{drawing.overview('interpolation')}-{path}",
        interpolation_frames(
            *(drawing.generator, seeds, labels, frames, drawing.options),
            **film.layout,
            cells=films,
            space=space,
            method=method,
            easing=easing,
        ),
    )


@click.command(cls=Command)
@film_options(120, "of the whole loop")
@click.option(
    "--path",
    type=click.Choice(["circle", "noise", "pulse"]),
    default="circle",
    help="circle: around each seed; noise: an irregular curve around it; pulse: truncation rises and falls.",
)
@click.option(
    "--reach",
    type=NumberType(0, 1),
    default=0.6,
    help="How far circle and noise go: 0 stays at the seed, 1 leaves it behind.",
)
@click.option(
    "--truncs",
    type=NumbersType(-100, 100),
    default="0,1",
    help="Truncation psi between which pulse goes up and down.",
)
@drawing_options("0", "256 to 512 pixels for the film", without=("refine",))
@click.pass_context
def loop(ctx: click.Context, frames: int, path: str, reach: float, truncs: list[float], **given: Any) -> None:
    """A film that loops around each seed.

    The path is a circle, an irregular closed curve, or a pulse of truncation. Several seeds are shown beside
    each other. The frame after the last is the first.
    """
    how = {name: given.pop(name) for name in ("fps", "cells", "transparent", "format_")}
    for name in ("reach", "trunc") if path == "pulse" else ("truncs",):
        if is_given(ctx, name):
            raise UserError(f"{flag(ctx, name)} does not apply to --path {path}; leave it out")
    if len(truncs) != 2:
        raise UserError(f"--truncs: a pulse goes between two values, such as 0,1, not {len(truncs)}")
    count = len(given["seeds"])
    if how["cells"] is not None and math.prod(how["cells"]) != count:
        raise UserError(
            f"--grid: {count} seeds do not fill {how['cells'][0]}x{how['cells'][1]}; a film is one seed"
        )
    from stylegan_pokemon.render.animation import check_film
    from stylegan_pokemon.render.films import film_frames, loop_around, pulse

    check_film(how["format_"], how["fps"], transparent=how["transparent"])
    drawing = Drawing(**given)
    ways = [
        pulse(drawing.generator, seed, label, frames, drawing.options, psis=(truncs[0], truncs[1]))
        if path == "pulse"
        else loop_around(drawing.generator, seed, label, frames, drawing.options, path=path, reach=reach)
        for seed, label in zip(drawing.seeds, drawing.labels, strict=True)
    ]
    film = _Film(drawing, **how, count=frames, films=count)
    kind = f"pulse{truncs[0]:g}to{truncs[1]:g}" if path == "pulse" else f"{path}{reach:g}"
    stem = f"{drawing.overview('loop')}-{kind}"
    film.write(
        stem, film_frames(drawing.generator, ways, drawing.options, **film.layout), psi=path != "pulse"
    )


class _Film:
    """A film of `films` cells and `count` frames: its layout, once it is known that it can be written."""

    def __init__(
        self,
        drawing: Drawing,
        fps: float,
        cells: tuple[int, int] | None,
        transparent: bool,
        format_: str,
        count: int,
        films: int,
    ) -> None:
        from stylegan_pokemon.render.animation import check_film
        from stylegan_pokemon.render.images import comfortable_scale, grid_columns

        if transparent and drawing.generator.G.img_channels != 4:
            raise UserError(f"--transparent: {drawing.path.name} draws no transparency; leave it out")
        self._drawing, self._fps, self._format, self._count = drawing, fps, format_, count
        size = drawing.generator.G.img_resolution
        columns, rows = cells or (grid_columns(films), -(-films // grid_columns(films)))
        side = max(columns, rows)
        scale = drawing.scale or comfortable_scale(size * side, max(256, 128 * side), max(512, 256 * side))
        self._scale = max(1, int(scale))
        tile = size if scale >= 1 else int(size * scale)
        check_film(format_, fps, count, (tile * columns, tile * rows))
        self.layout: dict[str, Any] = {
            "columns": columns,
            "scale": min(scale, Fraction(1)),
            "transparent": transparent,
        }

    def write(self, stem: str, frames: Iterator[np.ndarray], psi: bool = True) -> None:
        """Write the frames under this name, and print where."""
        stem += "-transparent" if self.layout["transparent"] else ""
        path = self._drawing.folder() / f"{self._drawing.name(stem, psi)}.{self._format}"
        words = f"{self._count} frames, {self._count / self._fps:.1f} s, "
        write_film(path, frames, self._count, words, fps=self._fps, scale=self._scale)


def _visited(generator: LoadedGenerator, classes: str) -> list[int]:
    """The labels that --classes names."""
    from stylegan_pokemon.render.latents import class_index

    if classes.strip() == "all" and generator.G.c_dim:
        return generator.learnt
    return [
        class_index(name, generator.classes, generator.G.c_dim, "--classes") for name in classes.split(",")
    ]
