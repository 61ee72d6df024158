"""Whether a network can draw a picture: its distance beside that of the network's own pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_SPREADS = 3.0  # robust standard deviations of the logarithm
_LEAST_FACTOR = 2.0  # above the median, where the own pictures' distances hardly differ
_INVISIBLE = 4e-3  # a distance of about 30 dB, which is hardly seen
_MAD = 1.4826  # from the median absolute deviation to a standard deviation


@dataclass(frozen=True)
class Verdict:
    """Whether a picture lies outside what the network can draw, and the sentence that says so."""

    outside: bool
    words: str


def limit_of(own: Sequence[float]) -> float:
    """The distance beyond which a picture is no picture of the network's.

    own: distances of the network's own pictures after the same projection. Distances spread over orders of
    magnitude, and now and then a projection fails. So the limit is the median of their logarithms and three
    robust standard deviations, at least twice the median, and never a distance that is hardly seen.
    """
    logs = np.log(np.maximum(own, 1e-12))
    middle = np.median(logs)
    spread = _MAD * np.median(np.abs(logs - middle))
    return max(_INVISIBLE, float(np.exp(middle + max(_SPREADS * spread, np.log(_LEAST_FACTOR)))))


def judge(distance: float, own: Sequence[float], training: Sequence[float] = ()) -> Verdict:
    """The verdict on a picture at `distance`, beside the distances `own` and of `training` pictures."""
    limit = limit_of(own)
    times = distance / np.median(own)
    beside = (
        f"distance {distance:.3g}, {times:.2g} times the median of {len(own)} of the network's own pictures"
    )
    if distance <= limit:
        return Verdict(False, f"the network can draw this picture ({beside}, limit {limit:.2g})")
    words = f"this picture lies outside what the network can draw ({beside}, limit {limit:.2g})"
    if len(training):
        nearer = int(np.sum(np.asarray(training) < distance))
        words += f"; {nearer} of {len(training)} training pictures lie nearer"
    return Verdict(True, words)
