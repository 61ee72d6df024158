"""The distances and shares of one feature network: value, error, interval and floor under their names."""

from __future__ import annotations

import math
from typing import Any

import torch

from stylegan_pokemon.metrics.bootstrap import LIMIT, draws, linear_interval, mean_interval, percentiles
from stylegan_pokemon.metrics.frechet import frechet_distance, frechet_influences, statistics
from stylegan_pokemon.metrics.kernel import kernel_distance, resampled
from stylegan_pokemon.metrics.manifold import density_coverage, f1, precision_recall
from stylegan_pokemon.metrics.reals import Reals
from stylegan_pokemon.metrics.scores import IS_SPLITS, inception_score

_STANDARD_NAMES = {"fd": "fid"}  # of numbers without a network in their name


def measure_values(
    names: tuple[str, ...], fake: torch.Tensor, reals: Reals, logs: torch.Tensor | None, seed: int
) -> dict[str, dict[str, Any]]:
    """The numbers of generated features [N, D] against real ones, by name and network.

    names: among fd, kid, pr, dc and is. logs: of the generated pictures' class probabilities, for "is". Each
    has "value", "features" (the network), its "floor" (see `Reals.floors`), and below 5000 pictures a 95 %
    "interval" of 500 bootstrap replicates of generated and real pictures alike; KID its standard "error".
    """
    real = reals.features()
    found: dict[str, dict[str, Any]] = {}
    for name in names:
        found |= _MEASURES[name](fake, real, logs, seed)
    floors = reals.floors(names)
    suffix = reals.network.suffix
    result = {}
    for name, entry in found.items():
        entry["features"] = reals.network.name
        if name in floors:
            entry["floor"] = floors[name]
        full = f"{name}{suffix}" if suffix else _STANDARD_NAMES.get(name, name)
        result[full] = {key: value for key, value in entry.items() if _is_finite(value)}
    return result


def _frechet(fake: torch.Tensor, real: torch.Tensor, _: Any, seed: int) -> dict[str, dict[str, Any]]:
    if max(len(fake), len(real)) >= LIMIT:
        return {"fd": {"value": frechet_distance(statistics(fake), statistics(real))}}
    value, slope_fake, slope_real = frechet_influences(fake, real)
    return {"fd": {"value": value, "interval": linear_interval(value, slope_fake, slope_real, seed=seed)}}


def _kernel(fake: torch.Tensor, real: torch.Tensor, _: Any, seed: int) -> dict[str, dict[str, Any]]:
    value, error = kernel_distance(fake, real, seed)
    entry: dict[str, Any] = {"value": value, "error": error}
    if max(len(fake), len(real)) < LIMIT:
        replicates = resampled(fake, real, draws(len(fake), seed), draws(len(real), seed + 1))
        entry["interval"] = percentiles(replicates)
    return {"kid": entry}


def _precision_recall(fake: torch.Tensor, real: torch.Tensor, _: Any, seed: int) -> dict[str, dict[str, Any]]:
    found = precision_recall(fake, real)
    entries = {name: _share(inside, seed) for name, inside in found.items()}
    entries["f1"] = {"value": f1(entries["precision"]["value"], entries["recall"]["value"])}
    if "interval" in entries["precision"]:
        pairs = [
            (draws(len(inside), seed + i) @ inside.double() / len(inside)).tolist()
            for i, inside in enumerate(found.values())
        ]
        entries["f1"]["interval"] = percentiles(torch.tensor([f1(p, r) for p, r in zip(*pairs, strict=True)]))
    return entries


def _density_coverage(fake: torch.Tensor, real: torch.Tensor, _: Any, seed: int) -> dict[str, dict[str, Any]]:
    return {name: _share(inside, seed) for name, inside in density_coverage(fake, real).items()}


def _inception_score(
    fake: torch.Tensor, real: torch.Tensor, logs: torch.Tensor | None, seed: int
) -> dict[str, dict[str, Any]]:
    assert logs is not None
    value, deviation = inception_score(logs)
    return {"is": {"value": value, "error": deviation / math.sqrt(IS_SPLITS)}}


_MEASURES = {
    "fd": _frechet,
    "kid": _kernel,
    "pr": _precision_recall,
    "dc": _density_coverage,
    "is": _inception_score,
}


def _share(inside: torch.Tensor, seed: int) -> dict[str, Any]:
    """A mean over pictures; which real ones are compared with is held fixed in its interval."""
    entry: dict[str, Any] = {"value": float(inside.double().mean())}
    if len(inside) < LIMIT:
        entry["interval"] = mean_interval(inside, seed)
    return entry


def _is_finite(value: Any) -> bool:
    return not isinstance(value, float) or math.isfinite(value)
