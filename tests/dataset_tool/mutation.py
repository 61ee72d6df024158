"""Damage to files, and what a sentence for users may not hold."""

from __future__ import annotations

import random
import re

# What betrays a library or Python: names with underscores or two capitals, brackets of objects, exceptions.
JARGON = re.compile(
    r"_|<|0x|\b[A-Z][a-z]+[A-Z]|Error|Exception|object|NoneType|tuple|struct|buffer|codec|\bPIL"
)


def mutated(data: bytes, rng: random.Random) -> bytes:
    """Return `data` with one to four changes: bits, numbers, pieces left out, repeated, moved or put in."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        place = (
            rng.randrange(len(changed) + 1)
            if rng.random() < 0.7
            else rng.randrange(min(len(changed), 64) + 1)
        )
        length = rng.choice((1, 2, 4, 12, 40))
        piece = bytes(changed[place : place + length])
        kind = rng.randrange(7)
        if kind == 0 and place < len(changed):
            changed[place] ^= 1 << rng.randrange(8)
        elif kind == 1:
            number = rng.choice((0, 1, 2, 127, 255, 256, 4000, 65535, 2**31 - 1, 2**32 - 1))
            changed[place : place + 4] = number.to_bytes(4, rng.choice(("little", "big")))
        elif kind == 2:
            del changed[place : place + length]
        elif kind == 3:
            changed[place:place] = piece * rng.choice((1, 2, 50))
        elif kind == 4:
            changed[place : place + length] = rng.randbytes(length)
        elif kind == 5:
            other = rng.randrange(len(changed) + 1)
            changed[other : other + len(piece)] = piece
        else:
            del changed[place:]
    return bytes(changed)
