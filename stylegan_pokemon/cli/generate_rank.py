"""`generate.py rank`: the best of many pictures."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
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
    from stylegan_pokemon.render.critics import Critics
    from stylegan_pokemon.render.loaded import LoadedGenerator
    from stylegan_pokemon.render.ranking import Figures

_COLUMNS = 8
_SEVERAL = 2  # times as many as are kept are refined; two of them may become nearly the same
_MEANINGS = {
    "critic": "the discriminators' logits, higher looks more real",
    "apart": "distance to the nearest other one here",
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

    Seeds are judged as they are. Twice as many as are kept are refined, and these are judged again. Writes
    the pictures, a sheet with the figures below each, and best.npz, which --seeds of every command takes. The
    latents in it are truncated already, so leave --trunc out when you draw them.

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
    critics = _critics(drawing.generator)
    if critics is None and by in ("mixture", "critic"):
        raise UserError(
            f"{drawing.path} holds no discriminator of StyleGAN2, which judges with --by {by}; choose --by"
            " diverse or typical, or a file that has one"
        )
    measure = _Measure(drawing, critics, data)
    plain, several = drawing.generator.refined(0), min(_SEVERAL * keep, len(keys))
    chosen = measure(plain, range(len(keys))).choose(by, several)
    figures = measure(drawing.generator, chosen)
    best = figures.choose(by, keep)
    _write(drawing, figures.of(best), [chosen[i] for i in best], by)


def _critics(generator: LoadedGenerator) -> Critics | None:
    from stylegan_pokemon.render.critics import Critics
    from stylegan_pokemon.render.whitening import Whitened

    if generator.refinement is not None:
        return generator.refinement.critics
    if not generator.pairs:
        return None
    G = generator.pairs[-1][0]
    return Critics(generator.sound_pairs(), Whitened(G, range(max(G.c_dim, 1)), generator.device))


class _Measure:
    """Finds the figures of pictures; those of the training set, for what is novel, once."""

    def __init__(self, drawing: Drawing, critics: Critics | None, data: Path | None) -> None:
        from stylegan_pokemon.render.images import micro_batch
        from stylegan_pokemon.render.ranking import unit

        self._drawing, self._critics = drawing, critics
        self._at_once = drawing.options.batch or micro_batch(drawing.generator.G.img_resolution)
        self._network = _feature_network(drawing.generator.device, critics)
        self._real = None if data is None else unit(self._training_features(data))

    def __call__(self, generator: LoadedGenerator, places: Sequence[int]) -> Figures:
        """Figures of the seeds at `places`, as `generator` draws them."""
        import numpy as np

        from stylegan_pokemon.render.images import synthesize
        from stylegan_pokemon.render.ranking import Figures, nearest_distance, unit
        from stylegan_pokemon.render.seeds import noise_seed

        options, found, logits = self._drawing.options, [], []
        bar = progress_over("pictures", len(places))
        for some in _batches(bar(places), self._at_once):
            keys, labels = [self._drawing.seeds[i] for i in some], [self._drawing.labels[i] for i in some]
            ws = generator.ws(keys, labels, options.truncation_psi, options.around)
            how: dict[str, Any] = {"noise_mode": options.noise_mode, "batch": options.batch}
            noise = [noise_seed(key) for key in keys]
            found.append(
                self._features(np.stack(list(synthesize(generator.G, ws, noise_seeds=noise, **how))))
            )
            if self._critics is not None:
                logits.append(self._critics.judged(ws, labels, self._at_once).cpu().numpy())
        features = unit(np.concatenate(found))
        novelty = None if self._real is None else nearest_distance(features, self._real)
        return Figures(features, np.concatenate(logits) if logits else None, novelty)

    def _features(self, pictures: np.ndarray) -> np.ndarray:
        """Features [n, D] of pictures uint8 [n, H, W, C] with straight alpha."""
        import torch

        from dataset_tool.reading.pixels import premultiplied
        from stylegan_pokemon.metrics.features import extract
        from stylegan_pokemon.render.images import on_white

        device = self._drawing.generator.device
        if self._network is not None:
            return extract(self._network, on_white(pictures), device)[0].numpy()
        assert self._critics is not None
        if self._drawing.generator.G.config.premultiplied:
            pictures = premultiplied(pictures)
        images = torch.from_numpy(pictures).to(device).permute(0, 3, 1, 2).to(torch.float32) / 127.5 - 1
        return self._critics.features(images).cpu().numpy()

    def _training_features(self, data: Path) -> np.ndarray:
        import numpy as np
        from tqdm import tqdm

        from stylegan_pokemon.data.dataset import SpriteDataset
        from stylegan_pokemon.metrics.reals import Reals

        generator = self._drawing.generator
        with SpriteDataset(data, size_of=generator.size_of) as dataset:
            bar = tqdm(total=len(dataset), unit=" training pictures", leave=False, disable=no_bar())
            if self._network is not None:
                with bar:
                    return Reals(dataset, self._network, generator.device).features(bar.update).numpy()
            side = (dataset.facts.resolution, dataset.facts.channels)
            if side != (generator.G.img_resolution, generator.G.img_channels):
                raise UserError(
                    f"--data {data} has pictures of another size or number of channels; name another"
                )
            parts = _batches(range(len(dataset)), self._at_once)
            return np.concatenate([self._features(dataset.pictures(some)) for some in parts])


def _batches(items: Iterable[int], size: int) -> Iterator[list[int]]:
    some: list[int] = []
    for item in items:
        some.append(item)
        if len(some) == size:
            yield some
            some = []
    if some:
        yield some


def _feature_network(device: torch.device, critics: Critics | None) -> FeatureNetwork | None:
    """EfficientNet-Lite1, or None, with a note, for the discriminator's own features."""
    from stylegan_pokemon.metrics.features import load_default

    try:
        network = load_default(device)
    except UserError as error:
        if critics is None:
            raise
        print_note(f"{error}; the discriminator's own features tell pictures apart")
        return None
    click.echo(f"features  {network.name}")
    return network


def _write(drawing: Drawing, figures: Figures, chosen: list[int], by: str) -> None:
    from stylegan_pokemon.render.images import comfortable_scale, rescale, save_png, without_alpha
    from stylegan_pokemon.render.pictures import latent_facts, picture_path, write_pictures
    from stylegan_pokemon.render.ranking import distances_within
    from stylegan_pokemon.render.seeds import key_name
    from stylegan_pokemon.render.sheet import captioned_sheet
    from stylegan_pokemon.render.stored import write_latents

    generator, options = drawing.generator, drawing.options
    keys, labels = [drawing.seeds[i] for i in chosen], [drawing.labels[i] for i in chosen]
    columns: dict[str, Any] = {"apart": distances_within(figures.features)}
    if figures.critic is not None:
        columns = {"critic": figures.critic} | columns
    if figures.novelty is not None:
        columns |= {"novel": figures.novelty}
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
