"""Mutations of good checkpoint files: whatever comes of them is a loaded network or the one exception type.

A long run: python -m tests.checkpoint.fuzzing --count 200000 --seed 0
"""

from __future__ import annotations

import argparse
import json
import random
import struct
import tempfile
import time
from collections import Counter
from pathlib import Path

from stylegan_pokemon.checkpoint import load, save
from stylegan_pokemon.checkpoint.pickles import pickling
from stylegan_pokemon.errors import UserError
from tests.checkpoint import spoiling
from tests.conftest import FIXTURES

INTERESTING = [bytes([b]) for b in b"\x00\x01\x7f\x80\xffN.(tRbcq}]us\x93\x94\x81"]
INTERESTING += [struct.pack("<I", n) for n in (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)]
INTERESTING += [struct.pack("<Q", n) for n in (1 << 31, 1 << 40, (1 << 63) - 1, (1 << 64) - 1)]


def sources() -> list[tuple[str, bytes]]:
    """Small good files of every format, as (suffix, content)."""
    with tempfile.TemporaryDirectory() as folder:
        native = Path(folder) / "native.safetensors"
        save(native, _described())
        files = [(".pkl", pickling.dumps(spoiling.content())), (".safetensors", native.read_bytes())]
    # The fixtures are large; their structure is in what stands around the tensors.
    return files + [(".pkl", (FIXTURES / f"{name}.pkl").read_bytes()) for name in ("cond32", "legacy32")]


def _described():
    networks = spoiling.networks()
    networks.record_architectures()
    return networks


def mutate(data: bytes, dice: random.Random) -> bytes:
    """One to six changes: bits, interesting values, parts cut, doubled, moved; mostly away from tensors."""
    result = bytearray(data)
    for _ in range(dice.choice((1, 1, 1, 2, 3, 6))):
        if not result:
            break
        at = dice.randrange(len(result))
        if dice.random() < 0.5:  # near the beginning, where headers and opcodes stand
            at = min(int(dice.expovariate(1 / 600)), len(result) - 1)
        kind, length = dice.randrange(7), dice.choice((1, 2, 4, 16, 200))
        if kind == 0:
            result[at] ^= 1 << dice.randrange(8)
        elif kind == 1:
            result[at] = dice.randrange(256)
        elif kind == 2:
            value = dice.choice(INTERESTING)
            result[at : at + len(value)] = value
        elif kind == 3:
            del result[at : at + length]
        elif kind == 4:
            result[at:at] = result[at : at + length]
        elif kind == 5:
            other = dice.randrange(len(result))
            result[at : at + length] = result[other : other + length]
        else:
            del result[at:]
    return bytes(result)


def fuzz(count: int, seed: int, folder: Path) -> dict[str, object]:
    """Load `count` mutated files; returns what became of them. Raises whatever is not a UserError."""
    dice, good = random.Random(seed), sources()
    weights = [40, 40, 1, 1]  # the two large files cost as much as twenty small ones
    outcomes: Counter[str] = Counter()
    slowest, started = 0.0, time.monotonic()
    for number in range(count):
        suffix, data = dice.choices(good, weights)[0]
        path = folder / f"mutated{suffix}"
        path.write_bytes(mutate(data, dice))
        before = time.process_time()
        try:
            load(path)
            outcomes["loaded"] += 1
        except UserError:
            outcomes["refused"] += 1
        except BaseException:
            kept = folder / f"failure-{seed}-{number}{suffix}"
            path.rename(kept)
            print(f"kept as {kept}")
            raise
        slowest = max(slowest, time.process_time() - before)
    return {"count": count, "seed": seed, **outcomes, "slowest_seconds": round(slowest, 3),
            "minutes": round((time.monotonic() - started) / 60, 1)}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(fuzz(options.count, options.seed, Path(folder))))


if __name__ == "__main__":
    main()
