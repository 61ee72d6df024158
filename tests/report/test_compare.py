"""The comparison as a picture, and what it says of runs."""

import numpy as np
import pytest
from PIL import Image

from stylegan_pokemon.errors import UserError
from stylegan_pokemon.report import compare
from stylegan_pokemon.report.drawing import COLOURS, Curve, Panel, nice_steps, save_panels
from tests.report.runs import make_run, measured, record


def test_a_curve_is_drawn_where_its_numbers_say(tmp_path):
    line = Curve(0, [0.0, 50.0, 100.0], [0.0, 5.0, 10.0])
    save_panels(tmp_path / "p.png", [Panel("a line", [line])], ["run"], "Title", "kimg")
    with Image.open(tmp_path / "p.png") as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    near = np.abs(pixels - COLOURS[0]).sum(axis=-1) < 60
    near[:90] = False  # the names above
    y, x = np.nonzero(near)
    slope, _ = np.polyfit(x, y, 1)
    assert np.corrcoef(x, y)[0, 1] < -0.999  # straight, and up
    assert slope == pytest.approx(-(y.max() - y.min()) / (x.max() - x.min()), rel=0.05)


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-3, 17), (0.0012, 0.0013), (1e6, 5e6), (-1e-9, 1e-9)])
def test_steps_are_round_and_inside(low, high):
    steps = nice_steps(low, high, 5)
    assert 2 <= len(steps) <= 8
    assert all(low - 1e-9 * (high - low) <= step <= high + 1e-9 * (high - low) for step in steps)
    mantissa = float(f"{steps[1] - steps[0]:.3e}".partition("e")[0])
    assert mantissa in (1.0, 2.0, 2.5, 5.0)


def test_runs_without_ticks_metrics_or_pictures_are_compared_all_the_same(tmp_path):
    runs = [
        make_run(tmp_path / "empty", []),
        make_run(tmp_path / "a" / "same", [record(1)], {"lr": 0.001}, pictures=[]),
        make_run(tmp_path / "b" / "same", [record(t, metrics=measured(0.1)) for t in (1, 2)], {"lr": 0.002}),
        make_run(tmp_path / "bare", [record(1, seconds=None)], config=False),
    ]
    compare(runs, tmp_path / "c.html", tmp_path / "c.png")
    text = (tmp_path / "c.html").read_text(encoding="utf-8")
    for words in (
        str(runs[1]),
        str(runs[2]),
        "No tick is finished yet.",
        '<th scope="row">lr',
        "0.001",
        "0.002",
    ):
        assert words in text
    with Image.open(tmp_path / "c.png") as image:
        assert image.width == 1240
    compare(runs[:1], tmp_path / "one.html", tmp_path / "one.png")


def test_what_cannot_be_compared_is_one_sentence(tmp_path):
    run = make_run(tmp_path / "r", [record(1)])
    for runs in ([], [run] * 9, [run, tmp_path / "absent"]):
        with pytest.raises(UserError):
            compare(runs, tmp_path / "c.html", tmp_path / "c.png")
    assert not (tmp_path / "c.html").exists()
