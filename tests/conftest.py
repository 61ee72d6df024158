"""What every test shares: where fixtures and, on machines that have them, the real sprites lie."""

from __future__ import annotations

import itertools
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

ROOT = Path(__file__).resolve().parent.parent
FIXTURES = ROOT / "tests" / "fixtures"
LONGEST = (
    "test_compiled.py",
    "test_baseline.py",
    "test_emulated.py",
    "test_kill.py",
    "test_evidence.py",
    "test_loop.py",
)
"""Longest first; `make test` prints the slowest files."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files come first, so that processes that share the tests end together."""
    place = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path.name, len(place)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """With --durations, as in CI: what LONGEST is made from."""
    if not config.getoption("durations"):
        return
    seconds: Counter[str] = Counter()
    for report in itertools.chain.from_iterable(terminalreporter.stats.values()):
        if isinstance(report, pytest.TestReport):
            seconds[report.nodeid.partition("::")[0]] += report.duration
    terminalreporter.section("slowest files")
    for path, spent in seconds.most_common(20):
        terminalreporter.write_line(f"{spent:7.1f}s {path}")


@pytest.fixture(scope="session")
def fixtures() -> Path:
    return FIXTURES


@pytest.fixture(scope="session")
def sprites() -> Path:
    """Folder with pokemon_rgba.zip; the art is never committed, so its tests skip where it is absent."""
    folder = Path(os.environ.get("STYLEGAN_POKEMON_SPRITES", ROOT.parent / "shared" / "data"))
    if not (folder / "pokemon_rgba.zip").is_file():
        pytest.skip("the real sprites are not here; set STYLEGAN_POKEMON_SPRITES to their folder")
    return folder


def assert_matches(actual: torch.Tensor, reference: np.ndarray, tolerance: float) -> None:
    """The comparison rule of the golden files: max|Δ| ≤ tolerance · max|reference| + 1e-8."""
    got = actual.detach().cpu().double().numpy()
    assert got.shape == reference.shape
    error = np.abs(got - reference).max(initial=0)
    bound = tolerance * np.abs(reference).max(initial=0) + 1e-8
    assert error <= bound, f"max error {error:.3e} exceeds {bound:.3e}"
