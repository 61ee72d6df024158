"""Figures of single pictures (see `sprite`) as those of a set, each beside the real set's."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

_Z = 1.96  # standard errors on either side of a 95 % interval
_CERTAIN = 2.0  # standard errors
APART = 0.05  # share of pictures in pieces above the real set's, and
HAZY = 2.0  # percent of haze above the real set's that are worth a word


def compared(fake: Mapping[str, np.ndarray], real: Mapping[str, np.ndarray]) -> dict[str, dict[str, Any]]:
    """Figures [N] of generated and [M] of real pictures by name, as figures of the two sets.

    "value" is the share of whole pictures, the mean of counts and of haze, and the median of the others, with
    its standard "error" and 95 % "interval"; "reals" the real set's. "distance" is their difference in its
    own standard errors. A figure that no picture of a set has is missing.
    """
    found = {}
    for name, statistic in _STATISTICS.items():
        x, y = (values[name][np.isfinite(values[name])] for values in (fake, real))
        if not len(x) or not len(y):
            continue
        value, error, interval = statistic(x)
        value_reals, error_reals, _ = statistic(y)
        found[name] = {
            "value": value,
            "error": error,
            "interval": interval,
            "reals": value_reals,
            "error_reals": error_reals,
            "distance": _distance(value - value_reals, math.hypot(error, error_reals)),
        }
    return found


def verdict(found: Mapping[str, Mapping[str, Any]]) -> str:
    """What figures that `compared` returned say of bodies and background, in a sentence."""
    words, faults = [], []
    if whole := found.get("whole"):
        pieces, usual = 1 - whole["value"], 1 - whole["reals"]
        words.append(f"{pieces:.0%} of the pictures are in pieces, of the real ones {usual:.0%}")
        if -whole["distance"] > _CERTAIN and pieces - usual > APART:
            faults.append("broken")
    if haze := found.get("haze"):
        words.append(
            f"{haze['value']:.1f} % of the background is hazy, of the real ones' {haze['reals']:.1f} %"
        )
        if haze["distance"] > _CERTAIN and haze["value"] - haze["reals"] > HAZY:
            faults.append("hazy")
    lead = " and ".join(faults).capitalize() or "As whole and clean as the real ones"
    return f"{lead}: {'; '.join(words)}." if words else "The pictures are all foreground."


def _share(x: np.ndarray) -> tuple[float, float, list[float]]:
    """With two more pictures of either kind, which keeps the error of 0 and of 1 above 0 (A. Agresti and
    B. A. Coull 1998)."""
    share = (float(x.sum()) + 2) / (len(x) + 4)
    error = math.sqrt(share * (1 - share) / (len(x) + 4))
    return float(x.mean()), error, [max(share - _Z * error, 0.0), min(share + _Z * error, 1.0)]


def _mean(x: np.ndarray) -> tuple[float, float, list[float]]:
    mean, error = float(x.mean()), float(x.std(ddof=1)) / math.sqrt(len(x)) if len(x) > 1 else math.inf
    return mean, error, [mean - _Z * error, mean + _Z * error]


def _median(x: np.ndarray) -> tuple[float, float, list[float]]:
    """The interval lies between the order statistics that enclose it with 95 %, for any distribution."""
    reach = _Z * math.sqrt(len(x)) / 2
    low, high = max(math.floor(len(x) / 2 - reach), 0), min(math.ceil(len(x) / 2 + reach), len(x) - 1)
    ordered = np.sort(x)
    interval = [float(ordered[low]), float(ordered[high])]
    return float(np.median(x)), (interval[1] - interval[0]) / (2 * _Z), interval


_STATISTICS = {
    "whole": _share,
    "pieces": _mean,
    "holes": _mean,
    "haze": _mean,
    "speckle": _median,
    "sharpness": _median,
    "saturation": _median,
    "palette": _mean,
}


def _distance(difference: float, error: float) -> float:
    return difference / error if error else math.copysign(math.inf, difference) if difference else 0.0
