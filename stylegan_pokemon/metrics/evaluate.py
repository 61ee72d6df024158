"""The metrics of a generator, or of any pictures, against a data set, as one JSON-able object."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from stylegan_pokemon.checkpoint.networks import AnyGenerator
from stylegan_pokemon.data.dataset import SpriteDataset
from stylegan_pokemon.errors import UserError
from stylegan_pokemon.metrics import figures, pixels, sprite, swd
from stylegan_pokemon.metrics.diversity import diversity
from stylegan_pokemon.metrics.features import (
    FeatureNetwork,
    extract,
    fetched,
    load_default,
    load_inception,
    load_script,
    load_vgg,
)
from stylegan_pokemon.metrics.memorisation import measure, memorisation
from stylegan_pokemon.metrics.names import CHEAP, METRICS_FEATURES, METRICS_NUM, OF_PIXELS, STANDARD
from stylegan_pokemon.metrics.reals import Reals
from stylegan_pokemon.metrics.sheet import write_sheet
from stylegan_pokemon.metrics.values import measure_values
from stylegan_pokemon.randomness import derive_seed, generator
from stylegan_pokemon.render.centres import Around
from stylegan_pokemon.render.images import on_white, synthesize
from stylegan_pokemon.render.truncation import truncated

LEAST = 16  # pictures on either side: halves of it still have the neighbours that density looks for
_CHUNK = 256  # pictures held at once
_KEPT_BYTES = 256 << 20  # of generated pictures, for the sheet


@dataclass(frozen=True)
class Settings:
    """What to measure, of how many pictures, with which network."""

    names: tuple[str, ...] = CHEAP
    num: int = METRICS_NUM  # generated pictures
    features: str = METRICS_FEATURES  # or standard (Inception and VGG16), or the path of a TorchScript file
    truncation_psi: float = 1.0
    around: Around = "class"  # centre of truncation
    seed: int = 0
    batch: int | None = None  # pictures rendered at once; None: by resolution


def evaluate(
    source: AnyGenerator | np.ndarray,
    dataset: SpriteDataset,
    settings: Settings,
    device: torch.device,
    *,
    heldout: SpriteDataset | None = None,
    nn_sheet: Path | None = None,
    show_bar: bool = True,
    cache: Path | None = None,
) -> dict[str, Any]:
    """Measure a generator or pictures against a data set; the "metrics" object of stats.jsonl.

    A feature network is loaded only for metrics other than "sprite" and "swd".

    source: a generator in eval mode on `device`, or pictures uint8 [N, H, W, 1, 3 or 4] of any origin. A
    generator's pictures depend on the seed alone; their labels are drawn as the data has them, their noise is
    random. Given pictures all count: the settings of a generator are ignored.

    heldout: pictures kept out of training; adds "memorisation_heldout", which compares the generated
    pictures' distances to the training set with those of the held-out pictures. nn_sheet: where to write the
    sheet of nearest neighbours, for "nn". cache: folder for the real set's features; None: the program's own.

    Raises UserError if source and data do not match, if the feature network is missing, or with fewer than
    16 pictures on either side.
    """
    started = time.monotonic()
    names, given = set(settings.names), isinstance(source, np.ndarray)
    pictures: Iterator[np.ndarray]
    if isinstance(source, np.ndarray):
        _check_pictures(source, dataset)
        pictures, num, channels = iter(source), len(source), source.shape[-1]
    else:
        labels = _labels(source, dataset, settings)
        pictures = _rendered(source, labels, settings, device)
        num, channels = settings.num, source.img_channels
    if min(num, len(dataset)) < LEAST:
        raise UserError(
            f"metrics need at least {LEAST} pictures on either side, not {num} generated and {len(dataset)}"
            " real ones; raise --num, use more data, or leave --metrics out"
        )
    main = manifold = None
    if not names <= set(OF_PIXELS):
        main, manifold = _networks(settings, device)
    used = {network.name: network for network in (main, manifold) if network is not None}
    real = Reals(dataset, main, device, cache)
    reals = {name: real if network is main else Reals(dataset, network, device, cache)
             for name, network in used.items()}  # fmt: skip
    held = Reals(heldout, main, device, cache) if heldout is not None and "nn" in names else None
    unknown = [r for r in [*reals.values(), held] if r is not None and not r.is_known]
    values: dict[str, Any] = {}
    result: dict[str, Any] = {
        "samples": num,
        "reals": len(dataset),
        **({} if given else {"truncation_psi": settings.truncation_psi, "around": settings.around}),
        "seed": settings.seed,
        "seconds": 0.0,
        "features": {name: network.facts() for name, network in used.items()},
        "values": values,
    }
    steps = num * max(len(used), 1) + sum(map(len, unknown))
    with tqdm(total=steps, desc="metrics", unit="picture", leave=False, disable=not show_bar) as bar:
        for each in unknown:
            each.features(bar.update)
        alpha = channels == 4 and dataset.facts.channels == 4
        fakes = _Fakes(pictures, num, alpha, real, list(used.values()), names, device, bar.update)
        seed = derive_seed(settings.seed, "metrics/draws") % 2**31
        for name, network in used.items():
            mine = {"fd", "kid", "is"} if network is main else set()
            mine |= {"pr", "dc"} if network is manifold else set()
            asked = tuple(n for n in settings.names if n in mine)
            values |= measure_values(asked, fakes.features[name], reals[name], fakes.logs.get(name), seed)
        if "nn" in names:
            result |= _copying(fakes, real, held, nn_sheet)
        if main is not None:
            result["diversity"] = diversity(fakes.features[main.name], real.features())
        if "sprite" in names:
            result["sprite"] = _sprite(fakes, real)
        if "swd" in names:
            values["swd"] = _style(fakes.patches, real)
    result["seconds"] = round(time.monotonic() - started, 2)
    return _numbers(result)


class _Fakes:
    """What is kept of the generated pictures: features by network, and what else the metrics ask for."""

    def __init__(
        self,
        generated: Iterator[np.ndarray],
        num: int,
        alpha: bool,
        reals: Reals,
        networks: list[FeatureNetwork],
        names: set[str],
        device: torch.device,
        advance: Callable[[int], object],
    ) -> None:
        self.alpha = alpha
        self.background = reals.sprites(alpha)[0] if "sprite" in names else None
        features, logs = defaultdict(list), defaultdict(list)
        reduced, kept, sprites, patches = [], [], [], []
        room, start, compared = _KEPT_BYTES, 0, 0
        # Drawn, because the pictures of a folder may be sorted.
        chosen = np.random.RandomState(0).permutation(num)[: min(num, len(reals) // 2, swd.MOST)]
        while chunk := list(islice(generated, _CHUNK)):
            raw = np.stack(chunk)
            pictures = on_white(raw)
            for network in networks:
                found, log = extract(network, pictures, device, "is" in names, advance)
                features[network.name].append(found)
                if log is not None:
                    logs[network.name].append(log)
            if "sprite" in names:
                sprites.append(sprite.measure(raw if alpha else pictures, self.background))
            if "swd" in names:
                mine = pictures[np.isin(np.arange(start, start + len(raw)), chosen)]
                if len(mine):
                    patches.append(swd.patches(mine, compared))
                compared += len(mine)
            if "nn" in names:
                reduced.append(pixels.reduced(pictures))
                if room > 0:
                    kept.append(pictures)
                    room -= pictures.nbytes
            if not networks:
                advance(len(raw))
            start += len(raw)
        self.main = networks[0].name if networks else ""
        self.features = {name: torch.cat(parts) for name, parts in features.items()}
        self.logs = {name: torch.cat(parts) for name, parts in logs.items()}
        self.reduced = torch.cat(reduced) if reduced else torch.empty(0)
        self.kept = np.concatenate(kept) if kept else np.empty(0)
        self.sprites = {n: np.concatenate([part[n] for part in sprites]) for n in sprite.NAMES if sprites}
        self.patches = [np.concatenate(level) for level in zip(*patches, strict=True)]


def _sprite(fakes: _Fakes, reals: Reals) -> dict[str, Any]:
    found = figures.compared(fakes.sprites, reals.sprites(fakes.alpha)[1])
    ground = "alpha" if fakes.alpha else "of each picture"
    if fakes.background is not None:
        ground = "#" + fakes.background.tobytes().hex()
    return {"background": ground, "figures": found, "verdict": figures.verdict(found)}


def _style(patches: list[np.ndarray], reals: Reals) -> dict[str, Any]:
    """Sliced Wasserstein distance from two halves of the real set, beside that of halves from each other."""
    count = len(patches[0])
    floor, scale = reals.style(count)
    fakes = swd.projections(patches, scale)
    apart = [swd.distances(fakes, swd.projections(half, scale)) for half in reals.halves(count)]
    means = [sum(level) / len(level) for level in zip(*apart, strict=True)]
    return swd.summary(means, floor, reals.dataset.facts.resolution, count)


def _copying(fakes: _Fakes, reals: Reals, held: Reals | None, nn_sheet: Path | None) -> dict[str, Any]:
    features = fakes.features[fakes.main]
    found = measure(fakes.reduced, features, reals.reduced, reals.features())
    result = {"memorisation": memorisation(found, reals.distances())}
    if held is not None:
        other = measure(held.reduced, held.features(), reals.reduced, reals.features())
        median = float(reals.distances().features.median())
        result["memorisation_heldout"] = memorisation(
            found, other, "pictures held out of training are", median
        )
    if nn_sheet is not None:
        heading = f"three nearest by {fakes.main.replace('_', ' ')}; rows sorted by pixels"
        real = lambda i: reals.pictures(i, i + 1)[0]  # noqa: E731
        write_sheet(nn_sheet, fakes.kept, features, found, real, reals.features(), heading)
    return result


def check_networks(settings: Settings) -> None:
    """Load the feature networks to check that they exist and suit. Raises UserError otherwise."""
    if not set(settings.names) <= set(OF_PIXELS):
        _networks(settings, torch.device("cpu"))


def _networks(settings: Settings, device: torch.device) -> tuple[FeatureNetwork, FeatureNetwork]:
    """The network of most numbers, and that of precision and recall."""
    names, standard = set(settings.names), settings.features == STANDARD
    if settings.features == METRICS_FEATURES:
        main = load_default(device)
    elif standard:
        main = load_inception(_standard_file("inception", "Inception is needed"), device)
    else:
        main = load_script(Path(settings.features), device)
    if "is" in names and main.log_probabilities is None:
        raise UserError(
            f"--metrics: is needs a network that names classes, which {main.file} is not; leave it out"
        )
    if not (standard and {"pr", "dc"} & names):
        return main, main
    need = "standard precision and recall need VGG16 (leave pr and dc out of --metrics)"
    return main, load_vgg(_standard_file("vgg16", need), device)


def _standard_file(name: str, need: str) -> Path:
    path = fetched(name)
    if path is None:
        raise UserError(f"{need}; run `python -m stylegan_pokemon zoo fetch {name}`")
    return path


def _check_pictures(pictures: np.ndarray, dataset: SpriteDataset) -> None:
    side = dataset.facts.resolution
    if pictures.shape[1:3] != (side, side):
        raise UserError(
            f"the pictures have {pictures.shape[2]}×{pictures.shape[1]} pixels, but {dataset.facts.path} has"
            f" {side}×{side}; bring them to one size with `python -m dataset_tool convert`"
        )


def _labels(G: AnyGenerator, dataset: SpriteDataset, settings: Settings) -> torch.Tensor:
    """Labels [num, c_dim] of pictures drawn from the data with replacement; [num, 0] without classes.

    Raises UserError for data of another resolution or with other classes than the network's.
    """
    if G.img_resolution != dataset.facts.resolution:
        raise UserError(
            f"the network makes pictures of {G.img_resolution}×{G.img_resolution}, but {dataset.facts.path}"
            f" has {dataset.facts.resolution}×{dataset.facts.resolution}; convert the data with --resolution"
            f" {G.img_resolution}"
        )
    if not G.c_dim:
        return torch.zeros(settings.num, 0)
    if dataset.labels is None or len(dataset.facts.classes) != G.c_dim:
        has = f"{len(dataset.facts.classes)} classes" if dataset.labels is not None else "no labels"
        raise UserError(
            f"the network has {G.c_dim} classes, but {dataset.facts.path} has {has}; name the data that it"
            " was trained on"
        )
    random = np.random.RandomState(derive_seed(settings.seed, "metrics/labels") % 2**32)
    return dataset.one_hot(random.randint(len(dataset), size=settings.num))


def _rendered(
    G: AnyGenerator, labels: torch.Tensor, settings: Settings, device: torch.device
) -> Iterator[np.ndarray]:
    z = torch.randn(len(labels), G.z_dim, generator=generator(settings.seed, "metrics/latents"))
    mode = "random" if G.config.use_noise else "const"  # the noise of networks without any need not be drawn
    for start in range(0, len(z), _CHUNK):
        x, c = z[start : start + _CHUNK].to(device), labels[start : start + _CHUNK].to(device)
        with torch.no_grad():
            ws = truncated(G, x, c, settings.truncation_psi, settings.around)
        seeds = [derive_seed(settings.seed, "metrics/noise", start + i) for i in range(len(ws))]
        yield from synthesize(G, ws, noise_mode=mode, noise_seeds=seeds, batch=settings.batch)


def _numbers(value: Any) -> Any:
    """The same without what is no number, which JSON does not know: None stands for it."""
    if isinstance(value, dict):
        return {name: _numbers(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_numbers(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
