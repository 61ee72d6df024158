"""Mutated checkpoints end in a loaded network or in the one exception type (the long run is in `fuzzing`)."""

import pytest

from tests.checkpoint.fuzzing import fuzz


@pytest.mark.parametrize("count", [450, pytest.param(2000, marks=pytest.mark.slow)])
def test_mutations_end_in_a_network_or_the_one_exception(tmp_path, count):
    report = fuzz(count, 7, tmp_path)
    assert report["loaded"] + report["refused"] == count
    assert min(report["loaded"], report["refused"]) > 50  # neither all broken nor all harmless
    assert report["slowest_seconds"] < 2
