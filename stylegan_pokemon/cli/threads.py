"""How long a thread that waits for the others keeps its core; must be said before PyTorch is loaded."""

from __future__ import annotations

from collections.abc import MutableMapping

# Turns of GNU OpenMP's waiting loop. Its own 300,000 last milliseconds, at each of the hundreds of parallel
# passes of an iteration. Interleaved runs of `bench train` on two cores: beside two busy programs a kimg at
# 32×32 took 43 and 49 s with this number, 38 and 144 with 300,000; alone, one at 64×64 took 69 and 70 s, 58
# to 71 with 300,000. Fewer turns cost time on an idle machine: with 2,000 it was 63 to 73 s, 5 % more in the
# mean.
SPIN_COUNT = 30_000


def share_cores(environment: MutableMapping[str, str]) -> None:
    """Let threads that wait give their core to other programs after a moment, unless the user decides it.

    environment: os.environ, of which GNU OpenMP reads GOMP_SPINCOUNT once, when PyTorch is loaded. Other
    OpenMP libraries do not know it.
    """
    if "OMP_WAIT_POLICY" not in environment:
        environment.setdefault("GOMP_SPINCOUNT", str(SPIN_COUNT))
