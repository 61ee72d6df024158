"""The scripts behind README's tables run from nothing, and judge types as they say."""

import json
import re

import pytest
import torch
from click.testing import CliRunner

from benchmarks import by_type, earlier_systems, harness, progress, starting_point


@pytest.fixture
def work(tmp_path, monkeypatch):
    monkeypatch.setattr(harness, "WORK", tmp_path / "work")
    monkeypatch.setattr(harness, "RESULTS", tmp_path / "results.json")
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "rows"),
    [
        (earlier_systems, [f"{name}, seed 0" for name in harness.SYSTEMS]),
        (starting_point, ["sprites, seed 0, 0.064 kimg", "fine-tuned, seed 0, 0.064 kimg"]),
        (by_type, ["seed 0"]),
        (progress, ["dcgan64-balanced, seed 0", "convgan120, seed 0"]),
    ],
)
def test_every_table_comes_from_nothing(work, script, rows):
    options = ["--quick", *(["--seeds", "0"] if script is earlier_systems else [])]
    options += ["--only", "dcgan64-balanced,convgan120"] if script is progress else []
    result = CliRunner().invoke(script.main, options, catch_exceptions=False)
    assert result.exit_code == 0
    for row in rows:
        values = json.loads(re.search(rf": {re.escape(row)}: (.*)", result.output)[1])
        assert values["fd"] > 0
    assert not harness.RESULTS.exists()  # a try is no result


def test_results_are_kept_row_by_row_with_commit_and_machine(work):
    harness.record("table", "one", {"fd": 1.0}, quick=False)
    harness.record("table", "two", {"fd": 2.0}, quick=False)
    harness.record("table", "one", {"fd": 3.0}, quick=False)
    rows = harness.recorded("table")
    assert {name: row["fd"] for name, row in rows.items()} == {"one": 3.0, "two": 2.0}
    assert all({"commit", "machine", "day"} <= set(row) for row in rows.values())


def test_the_classifier_of_types_learns_what_there_is_and_no_more():
    torch.manual_seed(1)
    labels = torch.arange(600) % 6
    centres = torch.randn(6, 40) * 2
    features = centres[labels] + torch.randn(600, 40)
    judge = by_type.classifier(features[:400], labels[:400], 6)
    assert by_type.balanced_accuracy(judge(features[400:]).argmax(1), labels[400:]) > 0.95
    noise = by_type.classifier(torch.randn(400, 40), labels[:400], 6)
    assert by_type.balanced_accuracy(noise(torch.randn(200, 40)).argmax(1), labels[400:]) < 0.35


def test_balanced_accuracy_counts_every_class_the_same():
    labels = torch.tensor([0] * 98 + [1, 1])
    assert by_type.balanced_accuracy(torch.zeros(100), labels) == 0.5


