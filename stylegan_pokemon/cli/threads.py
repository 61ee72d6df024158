"""How long a thread that waits for the others keeps its core; must be said before PyTorch is loaded."""

from __future__ import annotations

from collections.abc import MutableMapping

# Turns of GNU OpenMP's waiting loop. Its own 300,000 last milliseconds, at each of the hundreds of parallel
# passes of an iteration: beside other busy programs on two cores, training took three to six times as long
# as with 2,000 (interleaved runs of `bench train`), which still bridge the gap between two operations.
SPIN_COUNT = 2000


def share_cores(environment: MutableMapping[str, str]) -> None:
    """Let threads that wait give their core to other programs after a moment, unless the user decides it.

    environment: os.environ, of which GNU OpenMP reads GOMP_SPINCOUNT once, when PyTorch is loaded. Other
    OpenMP libraries do not know it.
    """
    if "OMP_WAIT_POLICY" not in environment:
        environment.setdefault("GOMP_SPINCOUNT", str(SPIN_COUNT))
