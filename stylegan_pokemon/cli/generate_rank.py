"""`generate.py rank`: the best of many pictures."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dataset_tool.parameters import PathType
from dataset_tool.terminal import no_bar
from stylegan_pokemon.cli import parameters
from stylegan_pokemon.cli.drawing import Drawing, print_note, progress_over, replacing
from stylegan_pokemon.cli.errors import Command
from stylegan_pokemon.cli.generate_options import drawing_options
from stylegan_pokemon.errors import UserError
from stylegan_pokemon.render.seeds import Key

if TYPE_CHECKING:
    import numpy as np
    import torch

    from stylegan_pokemon.metrics.features import FeatureNetwork
    from stylegan_pokemon.networks.discriminator import Discriminator
    from stylegan_pokemon.render.ranking import Figures

_COLUMNS = 8
_AT_ONCE = 32  # pictures that are scored at once
_MEANINGS = {
    "critic": "the discriminator's logit, higher looks more real",
    "apart": "distance to the nearest other one here",
    "odd": "distance from the mean",
    "novel": "distance to the nearest training picture",
}


@click.command(cls=Command, context_settings={"show_default": True})
@click.option(
    "--count", metavar="N", type=click.IntRange(1, 100_000), default=1000, help="Judge the seeds 0 to N - 1."
)
@click.option(
    "--seeds",
    metavar="SEEDS",
    type=parameters.seeds,
    help="Judge these seeds, ranges and latent files instead of --count.",
)
@click.option(
    "--by",
    type=click.Choice(["mixture", "critic", "novel", "typical", "diverse"]),
    default="mixture",
    help="critic: the discriminator's favourites. novel: farthest from the pictures of --data. typical: "
    "nearest to the mean. diverse: most different from each other. mixture: the kinds that are most "
    "different among the critic's better half, and its favourite of each kind.",
)
@click.option("--keep", metavar="K", type=click.IntRange(1, 1024), default=32, help="Pictures to keep.")
@click.option("--data", metavar="ZIP", type=PathType(), help="The training set, to measure what is novel.")
@drawing_options("", "128 to 256 pixels for the tiles of the sheet", without=("seeds",))
def rank(count: int, seeds: list[Key] | None, by: str, keep: int, data: Path | None, **given: Any) -> None:
    """Make many pictures and keep the best.

    Writes the pictures, a sheet with the figures below each, and best.npz: `--seeds best.npz` stands for them
    in every command. Their latents are truncated already, so leave --trunc out there.

    \b
    generate.py rank --trunc 0.7
    generate.py rank --by novel --data pokemon64.zip --count 2000 --keep 16
    """
    keys: list[Key] = list(range(count)) if seeds is None else list(dict.fromkeys(seeds))
    if keep > len(keys):
        raise UserError(f"--keep {keep}: there are {len(keys)} pictures to choose from; keep fewer")
    if by == "novel" and data is None:
        raise UserError("--by novel compares with the training pictures; add --data ZIP")
    drawing = Drawing(**given, seeds=keys)
    from stylegan_pokemon.checkpoint import load
    from stylegan_pokemon.networks.discriminator import Discriminator

    D: Any = load(drawing.path).D
    if not isinstance(D, Discriminator):
        D = None
    if D is None and by in ("mixture", "critic"):
        raise UserError(
            f"{drawing.path} holds no discriminator of StyleGAN2, which judges with --by {by}; choose --by"
            " diverse or typical, or a file that has one"
        )
    figures = _measured(drawing, D, data)
    chosen = figures.choose(by, keep)
    _write(drawing, figures, chosen, by)


def _measured(drawing: Drawing, D: Discriminator | None, data: Path | None) -> Figures:
    from stylegan_pokemon.render.ranking import Figures, nearest_distance, unit

    device = drawing.generator.device
    network = _feature_network(device, D)
    D = D.to(device) if D is not None else None
    real = None if data is None else unit(_training_features(data, drawing, D, network))
    bar = progress_over("pictures", len(drawing.seeds))
    found, scores = _judged(_batches(bar(_rendered(drawing))), drawing.labels, D, network, device)
    novelty = None if real is None else nearest_distance(unit(found), real)
    return Figures(unit(found), scores, novelty)


def _feature_network(device: torch.device, D: Discriminator | None) -> FeatureNetwork | None:
    """EfficientNet-Lite1, or None, with a note, for the discriminator's own features."""
    from stylegan_pokemon.metrics.features import load_default

    try:
        network = load_default(device)
    except UserError as error:
        if D is None:
            raise
        print_note(f"{error}; the discriminator's own features tell pictures apart")
        return None
    click.echo(f"features  {network.name}")
    return network


def _rendered(drawing: Drawing) -> Iterator[np.ndarray]:
    from stylegan_pokemon.render.pictures import render_seeds

    return render_seeds(drawing.generator, drawing.seeds, drawing.labels, drawing.options)


def _batches(pictures: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    import numpy as np

    some: list[np.ndarray] = []
    for picture in pictures:
        some.append(picture)
        if len(some) == _AT_ONCE:
            yield np.stack(some)
            some = []
    if some:
        yield np.stack(some)


def _judged(
    batches: Iterable[np.ndarray],
    labels: list[int],
    D: Discriminator | None,
    network: FeatureNetwork | None,
    device: torch.device,
) -> tuple[np.ndarray, np.ndarray | None]:
    """Features [N, D] and, with a discriminator, logits [N] of pictures uint8 [n, H, W, C]."""
    import numpy as np

    from stylegan_pokemon.metrics.features import extract
    from stylegan_pokemon.render.images import on_white
    from stylegan_pokemon.render.ranking import Critic

    critic, found = None if D is None else Critic(D), []
    for pictures in batches:
        if critic is not None:
            critic.see(pictures)
        if network is not None:
            found.append(extract(network, on_white(pictures), device)[0].numpy())
    scores, own = (None, None) if critic is None else critic.scores(labels)
    if network is not None:
        return np.concatenate(found), scores
    assert own is not None
    return own, scores


def _training_features(
    data: Path, drawing: Drawing, D: Discriminator | None, network: FeatureNetwork | None
) -> np.ndarray:
    from tqdm import tqdm

    from stylegan_pokemon.data.dataset import SpriteDataset
    from stylegan_pokemon.metrics.reals import Reals

    generator = drawing.generator
    with SpriteDataset(data, size_of=generator.size_of) as dataset:
        if network is not None:
            reals = Reals(dataset, network, generator.device)
            bar = tqdm(total=len(reals), unit=" training pictures", leave=False, disable=no_bar())
            with bar:
                return reals.features(bar.update).numpy()
        side = (dataset.facts.resolution, dataset.facts.channels)
        if side != (generator.G.img_resolution, generator.G.img_channels):
            raise UserError(f"--data {data} has pictures of another size or number of channels; name another")
        parts = (
            dataset.images(list(range(i, min(i + _AT_ONCE, len(dataset))))).numpy().transpose(0, 2, 3, 1)
            for i in range(0, len(dataset), _AT_ONCE)
        )
        bar_of = progress_over("batches", -(-len(dataset) // _AT_ONCE))
        return _judged(bar_of(parts), [0] * len(dataset), D, None, generator.device)[0]


def _write(drawing: Drawing, figures: Figures, chosen: list[int], by: str) -> None:
    from stylegan_pokemon.render.images import comfortable_scale, rescale, save_png, without_alpha
    from stylegan_pokemon.render.pictures import latent_facts, picture_path, write_pictures
    from stylegan_pokemon.render.ranking import distances_within
    from stylegan_pokemon.render.seeds import key_name
    from stylegan_pokemon.render.sheet import captioned_sheet
    from stylegan_pokemon.render.stored import write_latents

    generator, options = drawing.generator, drawing.options
    keys, labels = [drawing.seeds[i] for i in chosen], [drawing.labels[i] for i in chosen]
    columns: dict[str, Any] = {"apart": distances_within(figures.features[chosen])}
    if figures.critic is not None:
        columns = {"critic": figures.critic[chosen]} | columns
    if by == "typical":
        columns |= {"odd": figures.oddness[chosen]}
    if figures.novelty is not None:
        columns |= {"novel": figures.novelty[chosen]}
    rows = [
        {name: round(float(values[i]), 4) for name, values in columns.items()} for i in range(len(chosen))
    ]
    folder = drawing.folder(drawing.name(f"{drawing.overview('rank')}-{by}"))
    kept: list[np.ndarray] = []
    with replacing([picture_path(folder, key) for key in keys]):
        write_pictures(
            *(generator, keys, labels, folder, options),
            scale=drawing.scale,
            with_grid=False,
            progress=progress_over("pictures"),
            kept=kept,
        )
    click.echo(f"pictures  {len(keys)} in {folder}{os.sep}")
    scale = drawing.scale or comfortable_scale(generator.G.img_resolution, 128, 256)
    tiles = [rescale(without_alpha(picture, options.background), scale) for picture in kept]
    words = [
        "\n".join([key_name(key), *(f"{name} {value:.2f}" for name, value in row.items())])
        for key, row in zip(keys, rows, strict=True)
    ]
    sheet = captioned_sheet(
        *(tiles, words, _COLUMNS),
        title=f"The best {len(keys)} of {len(drawing.seeds)} by {by}",
        caption=" · ".join(
            [f"{generator.name}, truncation psi {options.truncation_psi:g}"]
            + [f"{name}: {_MEANINGS[name]}" for name in columns]
        ),
    )
    path = folder / f"{drawing.overview('rank')}.png"
    save_png(path, sheet)
    click.echo(f"sheet     {path}")
    best = folder / "best.npz"
    ws = generator.ws(keys, labels, options.truncation_psi, options.around).cpu().numpy()
    facts = [
        latent_facts(generator, key, label) | row for key, label, row in zip(keys, labels, rows, strict=True)
    ]
    how = {"by": by, "of": len(drawing.seeds), "truncation": options.truncation_psi}
    write_latents(best, ws, facts, **generator.facts, **how)
    click.echo(f"latents   {best}")
