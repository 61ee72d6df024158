"""Which metrics there are, and which are measured when nobody says. This module imports no torch."""

from __future__ import annotations

from stylegan_pokemon.errors import UserError

METRICS = ("fd", "kid", "pr", "dc", "is", "ppl", "nn", "sprite", "swd")
CHEAP = ("fd", "kid", "pr", "nn", "sprite", "swd")
"""By default: Fréchet and kernel distance, precision and recall, copying, the sprites' build and style."""
OF_PIXELS = ("sprite", "swd")
"""These need no feature network."""


def parse_names(text: str) -> tuple[str, ...]:
    """Metrics such as "fd,kid" in the order of METRICS, each once; "" and "none" are none.

    Raises UserError for an unknown one.
    """
    asked = [name.strip().lower() for name in text.split(",") if name.strip()]
    if asked == ["none"]:
        return ()
    for name in asked:
        if name not in METRICS:
            raise UserError(
                f"--metrics: there is no metric “{name}”; choose among {', '.join(METRICS)}, or none"
            )
    return tuple(name for name in METRICS if name in asked)
