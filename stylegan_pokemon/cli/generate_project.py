"""`generate.py project`: from pictures to latents that draw them, with a verdict."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dataset_tool.parameters import PathType
from dataset_tool.terminal import no_bar
from stylegan_pokemon.cli.drawing import Drawing, progress_over, replacing, write_film
from stylegan_pokemon.cli.errors import Command
from stylegan_pokemon.cli.generate_options import drawing_options, format_option
from stylegan_pokemon.cli.parameters import NumberType
from stylegan_pokemon.cli.targets import read_target
from stylegan_pokemon.errors import UserError

if TYPE_CHECKING:
    import torch

    from stylegan_pokemon.render.projection import Likeness, Projection, Recipe, Space
    from stylegan_pokemon.render.tuning import Tuned

_FRAMES = 100  # of a film, at most
_FPS = 20.0
_TUNING = 200  # steps of --tune, at most
_PATH = PathType()


@click.command(cls=Command, context_settings={"show_default": True})
@click.argument("pictures", metavar="PICTURE…", nargs=-1, required=True, type=_PATH)
@click.option(
    "--steps",
    metavar="N",
    type=click.IntRange(0, 100_000),
    default=400,
    help="Steps of the search, half in W.",
)
@click.option(
    "--starts",
    metavar="N",
    type=click.IntRange(1, 64),
    default=4,
    help="Starting points of the search: the nearest of hundreds of generated pictures. The best continues.",
)
@click.option(
    "--space",
    type=click.Choice(["w", "w+"]),
    default="w+",
    help="w+ (one vector per layer) comes nearer to the picture; w (one for all layers) is easier to edit.",
)
@click.option("--save-film", is_flag=True, help="Also write a film of the search.")
@format_option
@click.option(
    "--compare",
    metavar="N",
    type=click.IntRange(0, 256),
    default=4,
    help="For the verdict, project this many of the network's own pictures first; the results are cached. 0 "
    "gives no verdict.",
)
@click.option("--data", metavar="ZIP", type=_PATH, help="Also compare with N pictures of this training set.")
@click.option(
    "--tune",
    is_flag=True,
    help="Also fine-tune the network until it draws the picture, and write it as a new file.",
)
@click.option(
    "--drift",
    metavar="LEVELS",
    type=NumberType(0, 255),
    default=4.0,
    help="How far --tune may change other pictures, as a root mean square in levels of 255.",
)
@drawing_options(
    "", "128 to 256 pixels for the tiles of the comparison",
    without=("seeds", "trunc", "around", "edit", "noise_mode", "batch", "refine"),
)  # fmt: skip
def project(
    pictures: tuple[Path, ...],
    steps: int,
    starts: int,
    space: str,
    save_film: bool,
    format_: str,
    compare: int,
    data: Path | None,
    tune: bool,
    drift: float,
    **given: Any,
) -> None:
    """Find latents that draw given pictures.

    Writes a latent file NAME.npz, which --seeds of every command takes, the network's picture and a
    comparison. The verdict says whether the network can draw the picture at all. Pictures are resized as
    `dataset_tool convert` does; transparent ones are put on the network's own background.

    \b
    generate.py project dragon.png --network creatures64
    generate.py interpolate --network creatures64 --seeds dragon.npz,7
    """

    from stylegan_pokemon.checkpoint import load
    from stylegan_pokemon.cli.verdicts import References
    from stylegan_pokemon.networks.discriminator import Discriminator
    from stylegan_pokemon.render.projection import Likeness, Recipe, Space
    from stylegan_pokemon.render.projection import project as projected

    for path in pictures:
        if not path.is_file():
            what = "is no file" if path.exists() else "does not exist"
            raise UserError(f"{path} {what}; name a picture")
    drawing = Drawing(**given, seeds=[], noise_mode="const", around="class", batch=None)
    generator, G = drawing.generator, drawing.generator.G
    if tune:
        _check_tunable(drawing)
    if data is not None and not compare:
        raise UserError("--data and --compare 0 do not go together; leave one of them out")
    if save_film and not steps:
        raise UserError("--save-film: 0 steps make no film; leave it out")
    labels = generator.learnt if G.c_dim else [0]
    if given["class_"] is not None:
        labels = generator.labels([0], given["class_"])
    D: Any = load(drawing.path).D
    D = D.to(generator.device) if isinstance(D, Discriminator) else None
    where = Space(G, labels, generator.device, progress=progress_over("batches of samples"))
    recipe = Recipe(steps, starts, space == "w+", Recipe.rounds if steps and where.affords_rounds() else 0)
    targets = [read_target(path, where) for path in pictures]  # before hours of work
    references = References(drawing, where, D, recipe, compare, data)
    folder = drawing.folder("project")
    for path, stem, target in zip(pictures, _stems(pictures), targets, strict=True):
        click.echo(f"picture   {path}")
        likeness, film = Likeness(target, D), _Film(recipe)
        with _steps(recipe.calls, "steps") as advance:

            def step(ws: torch.Tensor, film: _Film = film, advance: Any = advance) -> None:
                film.add(ws)
                advance()

            found = projected(where, likeness, recipe, step)
        verdict = references.verdict(found)
        tuned = None
        if tune:
            with _steps(_TUNING, "tuning steps") as advance:
                tuned = _tune(drawing, found, likeness, drift, advance)
        _write(drawing, where, folder / stem, path, found, space, target, tuned, verdict)
        if tuned is not None:
            _write_tuned(drawing, folder / f"{stem}-tuned.safetensors", path, tuned)
        if save_film:
            film.write(where, target, folder / f"{stem}.{format_}", drawing)
        click.echo(f"verdict   {verdict['words']}")


def _check_tunable(drawing: Drawing) -> None:
    from stylegan_pokemon.networks.generator import Generator

    if not isinstance(drawing.generator.G, Generator):
        raise UserError(f"--tune: {drawing.path} is no StyleGAN2; leave --tune out")


def _stems(pictures: tuple[Path, ...]) -> list[str]:
    """A name for each picture's results; equal names are numbered."""
    names = [path.stem for path in pictures]
    return [
        name if names.count(name) == 1 else f"{name}-{names[:i].count(name) + 1}"
        for i, name in enumerate(names)
    ]


@contextmanager
def _steps(total: int, unit: str) -> Iterator[Any]:
    from tqdm import tqdm

    with tqdm(total=total, unit=f" {unit}", leave=False, disable=no_bar()) as bar:
        yield bar.update


def _tune(drawing: Drawing, found: Projection, likeness: Likeness, drift: float, advance: Any) -> Tuned:
    from stylegan_pokemon.networks.generator import Generator
    from stylegan_pokemon.render.tuning import tune

    G = drawing.generator.G
    assert isinstance(G, Generator)
    return tune(G, found.ws, found.label, likeness, _TUNING, drift, advance)


def _write(
    drawing: Drawing,
    where: Space,
    stem: Path,
    source: Path,
    found: Projection,
    space: str,
    target: torch.Tensor,
    tuned: Tuned | None,
    verdict: dict[str, Any],
) -> None:
    import torch

    from stylegan_pokemon.render.images import comfortable_scale, rescale, save_png, to_uint8, without_alpha
    from stylegan_pokemon.render.pictures import description
    from stylegan_pokemon.render.projection import psnr
    from stylegan_pokemon.render.sheet import captioned_sheet
    from stylegan_pokemon.render.stored import CHUNK, chunk_of, write_latents

    generator, ws = drawing.generator, found.ws
    with torch.no_grad():
        images = {"W": where.draw(found.w)}
        if space == "w+":
            images["W+"] = where.draw(ws[None])
        if tuned is not None:
            images["tuned"] = tuned.G.synthesis(ws[None], noise_mode="const")
        decibels = {name: round(float(psnr(image, target)), 2) for name, image in images.items()}
    label = {"class": found.label, "class_name": generator.class_name(found.label)} if where.G.c_dim else {}
    facts = {"from": source.name, "space": space, "psnr": decibels, "verdict": verdict} | label
    drawn, latents = stem.with_name(f"{stem.name}-projected.png"), stem.with_name(f"{stem.name}.npz")
    compared = stem.with_name(f"{stem.name}-compared.png")
    text = description(generator, drawing.options, f"projection of {source.name}")
    text[CHUNK] = chunk_of(
        *(0, ws.cpu().numpy()),
        **generator.facts | {"truncation": 1.0, "noise_mode": "const"} | label,
    )
    scale = drawing.scale or comfortable_scale(where.G.img_resolution, 128, 256)
    premultiplied = where.G.config.premultiplied
    tiles = [to_uint8(image, premultiplied)[0] for image in (target, *images.values())]
    words = ["picture\n", *(f"{name}\n{value:.1f} dB" for name, value in decibels.items())]
    sheet = captioned_sheet(
        [rescale(without_alpha(tile, drawing.options.background), scale) for tile in tiles],
        words,
        len(tiles),
        title="",
        caption=generator.name,
    )
    with replacing([latents, drawn, compared]):
        write_latents(latents, ws[None].cpu().numpy(), [facts], **generator.facts)
        save_png(drawn, tiles[1 if space == "w" else 2], text)
        save_png(compared, sheet)
    click.echo(f"latent    {latents}")
    click.echo(f"drawn     {drawn}")
    click.echo(
        f"compared  {compared} ({', '.join(f'{name} {value:.1f} dB' for name, value in decibels.items())})"
    )


def _write_tuned(drawing: Drawing, path: Path, source: Path, tuned: Tuned) -> None:
    from stylegan_pokemon.checkpoint import Networks, load, save
    from stylegan_pokemon.cli.blend import provenance

    parent = load(drawing.path)
    how = {"tuned": {"to": source.name, "steps": tuned.steps, "drift": round(tuned.drift, 3)}}
    networks = Networks(G_ema=tuned.G, D=parent.D, config=provenance([drawing.path], [parent], how))
    networks.record_architectures()
    with replacing([path]):
        save(path, networks)
    before, after = tuned.psnr
    click.echo(
        f"tuned     {path} ({before:.1f} → {after:.1f} dB in {tuned.steps} steps; other pictures drifted by"
        f" {tuned.drift:.1f} of 255 levels)"
    )


class _Film:
    """What the search looked like, at most 100 frames."""

    def __init__(self, recipe: Recipe) -> None:
        self._every, self._calls = max(1, -(-recipe.calls // _FRAMES)), 0
        self._path: list[torch.Tensor] = []

    def add(self, ws: torch.Tensor) -> None:
        """Remember every so many steps."""
        if self._calls % self._every == 0:
            self._path.append(ws)
        self._calls += 1

    def write(self, where: Space, target: torch.Tensor, path: Path, drawing: Drawing) -> None:
        """Write the film as `path`: the target on the left, the search on the right."""
        import numpy as np
        import torch

        from stylegan_pokemon.render.images import (
            comfortable_scale,
            on_white,
            rescale,
            synthesize,
            to_uint8,
            without_alpha,
        )

        left = to_uint8(target, where.G.config.premultiplied)[0]
        drawn = synthesize(where.G, torch.stack(self._path), noise_mode="const")
        scale = drawing.scale or comfortable_scale(where.G.img_resolution, 256, 512)
        pairs = (np.concatenate([left, picture], axis=1) for picture in drawn)
        frames = (
            rescale(on_white(without_alpha(pair, drawing.options.background)), min(scale, Fraction(1)))
            for pair in pairs
        )
        write_film(path, frames, len(self._path), fps=_FPS, hold=2, scale=max(1, int(scale)))
