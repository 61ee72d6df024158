"""Numbers and times as people read them, from records that may be damaged."""

from __future__ import annotations

import math
import os
import shlex
import subprocess
from collections.abc import Sequence
from typing import Any


def number(value: Any) -> float | None:
    """`value` as a finite float; None for anything else (missing, text, NaN, infinity, true or false)."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        as_float = float(value)
    except OverflowError:  # JSON knows integers of any length
        return None
    return as_float if math.isfinite(as_float) else None


def not_finite(value: Any) -> bool:
    """Whether `value` is a number that is NaN or infinite."""
    return isinstance(value, float) and not math.isfinite(value)


def figure(value: float) -> str:
    """A number in about three digits: 0.00123, 0.46, 12.3, 1,234."""
    size = abs(value)
    if size >= 1e6:
        return f"{value:.2e}"
    if size >= 1000:
        return f"{value:,.0f}"
    if size >= 100:
        return f"{value:.0f}"
    if size == 0:
        return "0"
    if size < 1e-4:
        return f"{value:.1e}"
    digits = max(0, 2 - math.floor(math.log10(size)))
    return f"{value:.{digits}f}".rstrip("0").rstrip(".") if digits else f"{value:.0f}"


def plus_minus(value: float, error: float | None) -> str:
    """A number and its standard error, to the second digit of the error: "0.0102 ± 0.0006"."""
    if error is None or not error > 0 or abs(value) >= 1e6 or error < 1e-9:
        return figure(value)
    digits = max(0, 1 - math.floor(math.log10(error)))
    return f"{value:,.{digits}f} ± {error:,.{digits}f}"


def percent(share: float) -> str:
    """A share of one as a percentage: 0.5 → "50 %"; a tenth of a percent below ten."""
    value = 100 * share
    return f"{value:.0f} %" if value >= 9.95 or value == round(value) else f"{value:.1f} %"


def duration(seconds: float) -> str:
    """Seconds as "45 s", "12 min", "3 h 05 min" or "2 d 4 h"."""
    if seconds < 59.5:
        return f"{max(seconds, 0):.0f} s"
    minutes = round(seconds / 60)
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min"


def bytes_of(count: float) -> str:
    """A number of bytes as "812 MiB" or "1.4 GiB"."""
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.0f} MiB"


def command(words: Sequence[str]) -> str:
    """A command line for this system's console, quoted where that is needed."""
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)
