"""Centres of truncation as people write them: class, network, centres:8. Without torch."""

from __future__ import annotations

from typing import TypeAlias

from stylegan_pokemon.errors import UserError

Around: TypeAlias = str
"""class, network or centres:K, as `parse_around` checks it."""

CENTRES = "centres:"


def parse_around(text: str) -> Around:
    """Check a centre of truncation: class, network, or centres:K with K from 2 to 1024. Raises UserError."""
    number = text.removeprefix(CENTRES)
    if text in ("class", "network"):
        return text
    if text == number or not (number.isascii() and number.isdigit() and 2 <= int(number) <= 1024):
        raise UserError(f"--around: “{text}” is no centre; choose class, network or centres:2 … centres:1024")
    return f"{CENTRES}{int(number)}"
