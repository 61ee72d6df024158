"""Good, memorising and collapsed stand-ins are told apart, on forged sprites and on the real ones.

`python -m pytest tests/metrics/test_evidence.py -s` prints the figures.
"""

from __future__ import annotations

import pytest

from dataset_tool.convert import ConvertOptions, convert
from dataset_tool.forge import forge_folder
from tests.metrics.evidence import figures, lines

REAL = pytest.param("real", marks=[pytest.mark.sprites, pytest.mark.slow])


@pytest.fixture(scope="session", params=["forged", REAL])
def found(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("evidence")
    if request.param == "forged":
        source = folder / "forged"
        forge_folder(source, 300, "sprite", 5, size=64, workers=1, progress=False)
    else:
        source = request.getfixturevalue("sprites") / "pokemon_rgba.zip"
    convert([source], folder / "data.zip", ConvertOptions(resolution=64), workers=1)
    measured = figures(folder / "data.zip")
    print("\n" + "\n".join([request.param, *lines(measured)]))
    return measured


def value(each, name):
    return each["values"][f"{name}_efficientnet_lite1"]["value"]


def test_the_good_one_is_not_flagged_and_reaches_the_floor(found):
    good = found["good"]
    assert not good["memorisation"]["alarm"]
    assert not good["diversity"]["alarm"]
    assert good["memorisation"]["p_value"] > 0.001
    assert "No copying" in good["memorisation"]["verdict"]
    assert "Diverse" in good["diversity"]["verdict"]
    kid = good["values"]["kid_efficientnet_lite1"]
    assert abs(kid["value"] - kid["floor"]) < 4 * kid["error"]
    assert value(good, "recall") > 0.6
    assert value(good, "coverage") > 0.85


def test_the_memorising_one_is_flagged_as_that_alone(found):
    memorising = found["memorising"]
    assert memorising["memorisation"]["alarm"]
    assert memorising["memorisation"]["near_copies"] > 0.99
    assert memorising["memorisation"]["p_value"] < 1e-12
    assert memorising["memorisation"]["verdict"].startswith("Memorising")
    assert not memorising["diversity"]["alarm"]


@pytest.mark.parametrize("name", ["one", "mean", "few"])
def test_the_collapsed_ones_are_flagged_as_that_alone(found, name):
    collapsed = found[name]
    assert collapsed["diversity"]["alarm"]
    assert collapsed["diversity"]["verdict"].startswith("Collapsed")
    assert not collapsed["memorisation"]["alarm"]
    assert value(collapsed, "recall") < 0.05
    assert value(collapsed, "coverage") < 0.3
    assert value(collapsed, "fd") > 2 * value(found["good"], "fd")


def test_distances_rank_the_good_one_first_among_the_honest(found):
    """The memorising one is not: on small sets copying beats honesty, which is why it is looked for."""
    for name in ("fd", "kid"):
        assert value(found["good"], name) < min(value(found[other], name) for other in ("one", "mean", "few"))
