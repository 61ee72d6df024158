"""Mutated checkpoints end in a loaded network or in the one exception type (the long run is in `fuzzing`)."""

from tests.checkpoint.fuzzing import fuzz


def test_two_thousand_mutations_end_in_a_network_or_the_one_exception(tmp_path):
    report = fuzz(2000, 7, tmp_path)
    assert report["loaded"] + report["refused"] == 2000
    assert min(report["loaded"], report["refused"]) > 50  # neither all broken nor all harmless
    assert report["slowest_seconds"] < 2
