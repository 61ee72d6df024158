"""The distances and shares of one feature network: value, error, interval and floor under their names."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

from stylegan_pokemon.metrics.bootstrap import LIMIT, draws, linear_interval, mean_interval, percentiles
from stylegan_pokemon.metrics.frechet import frechet_distance, frechet_influences, statistics
from stylegan_pokemon.metrics.kernel import kernel_distance, resampled
from stylegan_pokemon.metrics.manifold import density_coverage, f1, precision_recall
from stylegan_pokemon.metrics.scores import IS_SPLITS, inception_score

if TYPE_CHECKING:
    from stylegan_pokemon.metrics.reals import Reals

_STANDARD_NAMES = {"fd": "fid"}  # of numbers without a network in their name
Entries = dict[str, dict[str, Any]]


def measure_values(
    names: tuple[str, ...], fake: torch.Tensor, reals: Reals, logs: torch.Tensor | None, seed: int
) -> Entries:
    """The numbers of generated features [N, D] against real ones, by name and network.

    names: among fd, kid, pr, dc and is. logs: of the generated pictures' class probabilities, for "is". Each
    has "value", "features" (the network), its "floor" (see `Reals.floors`), and below 5000 pictures a 95 %
    "interval" of 500 bootstrap replicates of generated and real pictures alike; KID its standard "error".
    """
    assert reals.network is not None
    floors, result = reals.floors(names), {}
    for metric in names:
        for name, entry in numbers(metric, fake, reals.features(), logs, seed).items():
            entry |= {"features": reals.network.name, "floor": floors.get(name, math.nan)}
            suffix = reals.network.suffix
            full = f"{name}{suffix}" if suffix else _STANDARD_NAMES.get(name, name)
            result[full] = {key: value for key, value in entry.items() if _is_finite(value)}
    return result


def numbers(
    metric: str,
    fake: torch.Tensor,
    real: torch.Tensor,
    logs: torch.Tensor | None,
    seed: int = 0,
    limit: int = LIMIT,
) -> Entries:
    """What one of fd, kid, pr, dc and is says of features [N, D] and [M, D], by name.

    logs: as in `measure_values`. limit: from this many pictures on there are no intervals.
    """
    if metric == "fd":
        return {"fd": _frechet(fake, real, seed, limit)}
    if metric == "kid":
        return {"kid": _kernel(fake, real, seed, limit)}
    if metric == "pr":
        return _precision_recall(fake, real, seed, limit)
    if metric == "dc":
        return {name: _share(inside, seed, limit) for name, inside in density_coverage(fake, real).items()}
    if logs is None or len(logs) < IS_SPLITS:
        return {}
    value, deviation = inception_score(logs)
    return {"is": {"value": value, "error": deviation / math.sqrt(IS_SPLITS)}}


def _frechet(fake: torch.Tensor, real: torch.Tensor, seed: int, limit: int) -> dict[str, Any]:
    if max(len(fake), len(real)) >= limit:
        return {"value": frechet_distance(statistics(fake), statistics(real))}
    value, slope_fake, slope_real = frechet_influences(fake, real)
    return {"value": value, "interval": linear_interval(value, slope_fake, slope_real, seed=seed)}


def _kernel(fake: torch.Tensor, real: torch.Tensor, seed: int, limit: int) -> dict[str, Any]:
    value, error = kernel_distance(fake, real, seed)
    entry: dict[str, Any] = {"value": value, "error": error}
    if max(len(fake), len(real)) < limit:
        replicates = resampled(fake, real, draws(len(fake), seed), draws(len(real), seed + 1))
        entry["interval"] = percentiles(replicates)
    return entry


def _precision_recall(fake: torch.Tensor, real: torch.Tensor, seed: int, limit: int) -> Entries:
    found = precision_recall(fake, real)
    entries = {name: _share(inside, seed, limit) for name, inside in found.items()}
    entries["f1"] = {"value": f1(entries["precision"]["value"], entries["recall"]["value"])}
    if "interval" in entries["precision"]:
        pairs = [
            (draws(len(inside), seed + i) @ inside.double() / len(inside)).tolist()
            for i, inside in enumerate(found.values())
        ]
        entries["f1"]["interval"] = percentiles(torch.tensor([f1(p, r) for p, r in zip(*pairs, strict=True)]))
    return entries


def _share(inside: torch.Tensor, seed: int, limit: int) -> dict[str, Any]:
    """A mean over pictures; its interval holds the pictures that they are compared with fixed."""
    entry: dict[str, Any] = {"value": float(inside.double().mean())}
    if len(inside) < limit:
        entry["interval"] = mean_interval(inside, seed)
    return entry


def _is_finite(value: Any) -> bool:
    return not isinstance(value, float) or math.isfinite(value)
