"""Runs over each other: the page, in a browser too."""

import json
import math
import re

import numpy as np
import pytest

from stylegan_pokemon.errors import UserError
from stylegan_pokemon.report import compare
from stylegan_pokemon.report.markup import asset
from stylegan_pokemon.sprites.quantize import oklab
from tests.report.browser import chromium, messages, open_page, requests, resize
from tests.report.runs import make_run, measured, record


@pytest.fixture(scope="module")
def browser():
    with chromium() as driver:
        yield driver


def made(runs, folder):
    """The page of these runs as text."""
    compare(runs, folder / "c.html")
    return (folder / "c.html").read_text(encoding="utf-8")


def opened(driver, runs, folder):
    made(runs, folder)
    open_page(driver, folder / "c.html")
    assert messages(driver) == []
    assert requests(driver) == []


def script(driver, code):
    return driver.execute_script(f"return {code}")


def kid(tick, value=None, **more):
    return record(tick, metrics=measured(0.1 / tick if value is None else value), **more)


# ------------------------------------------------------------------ colours


def test_colours_differ_for_the_colour_blind_too_and_stand_out_from_the_ground():
    """Simulated after Machado, Oliveira and Fernandes 2009; the least distance in OKLab, times 100."""
    eyes = {
        "normal": np.eye(3),
        "protanopia": [
            [0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998],
        ],
        "deuteranopia": [
            [0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881],
        ],
        "tritanopia": [
            [1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900],
        ],
    }  # fmt: skip
    for scheme in asset("assets/style.css").split("--paper")[1:]:
        found = dict(
            part.strip().split(": ") for part in scheme.partition("}")[0].split(";") if ": #" in part
        )
        if "--c0" not in found:
            continue
        linear = np.stack([channels(found[f"--c{i}"]) for i in range(6)])
        for eye, matrix in eyes.items():
            seen = oklab(gamma(linear @ np.transpose(matrix)))
            distances = np.linalg.norm(seen[:, None] - seen[None], axis=-1)[np.triu_indices(6, 1)]
            assert 100 * distances.min() > 9, (eye, found)
        weights = np.array([0.2126, 0.7152, 0.0722])
        ground = channels(found["--card"]) @ weights
        for y in linear @ weights:  # WCAG 2.1, graphical objects: 3 to 1
            assert (max(y, ground) + 0.05) / (min(y, ground) + 0.05) >= 3


def channels(code):
    value = np.array([int(code[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def gamma(linear):
    linear = np.clip(linear, 0, 1)
    return 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


# ------------------------------------------------------------------ page


def test_the_table_says_of_every_run_what_is_asked_of_it(tmp_path):
    one = make_run(tmp_path / "one", [kid(t) for t in (1, 2)], {"lr": 0.001, "start": "fresh"})
    two = make_run(tmp_path / "two", [kid(t) for t in (1, 2, 3, 4)], {"lr": 0.002})
    text = made([one, two], tmp_path)
    rows = text.partition("<tbody>")[2].partition("</tbody>")[0].split("</tr>")
    for row, words in (
        (
            rows[0],
            ("one", "scratch", ">2<", "of 28", "1 min", "0.0500 ± 0.0010", "1 %"),
        ),
        (
            rows[1],
            ("two", "crayon32", ">4<", "2 min", "0.0250 ± 0.0010", "tick 4"),
        ),
    ):
        for word in words:
            assert word in row, (word, row)
    assert text.index("Best KID: two, 0.0250") < text.index("<tbody>")
    settings = text.partition('id="settings"')[2]
    assert "<td>0.001</td><td>0.002</td>" in settings


def test_the_table_leaves_out_what_no_run_measured(tmp_path):
    runs = [make_run(tmp_path / name, [record(1)]) for name in ("a", "b")]
    text = made(runs, tmp_path)
    head = text.partition('id="runs"')[2].partition("</thead>")[0]
    assert re.findall('scope="col">([^<]*)<', head) == ["run", "started from", "kimg", "trained for"]


def test_runs_without_ticks_metrics_or_pictures_are_compared_all_the_same(tmp_path):
    runs = [
        make_run(tmp_path / "empty", []),
        make_run(tmp_path / "a" / "same", [record(1)], {"lr": 0.001}, pictures=[]),
        make_run(tmp_path / "b" / "same", [kid(t) for t in (1, 2)], {"lr": 0.002}),
        make_run(tmp_path / "bare", [record(1, seconds=None)], config=False),
        make_run(tmp_path / "broken", [record(1, loss__G=math.nan, metrics=[3], kimg=1e300)]),
    ]
    (runs[4] / "best.json").write_text("[", encoding="utf-8")
    with (runs[4] / "stats.jsonl").open("a") as file:
        file.write("{]\n")
    text = made(runs, tmp_path)
    said = (
        "a/same", "b/same", "No tick is finished yet.", '<th scope="row">lr', "not measured",
        "Only one of 5 runs measured KID",
        "Note on broken: best.json could not be read", "Note on broken: 1 line of stats.jsonl",
    )  # fmt: skip
    for words in said:
        assert words in text.replace("a\\same", "a/same").replace("b\\same", "b/same"), words


def test_runs_of_which_none_has_a_tick_make_a_page(tmp_path, browser):
    opened(browser, [make_run(tmp_path / name, []) for name in "ab"], tmp_path)
    assert script(browser, "document.querySelectorAll('.plot').length") == 0


def test_what_cannot_be_compared_is_one_sentence(tmp_path):
    run, other = (make_run(tmp_path / name, [record(1)]) for name in "ab")
    many = [make_run(tmp_path / f"m{i}", [record(1)], pictures=[]) for i in range(13)]
    for runs, words in (
        ([], "none was given"),
        ([run], "only"),
        ([run, tmp_path / "b" / ".." / "a"], "only"),
        (many, "at most 12"),
        ([run, tmp_path / "absent"], "not a run directory"),
    ):
        with pytest.raises(UserError, match=words):
            compare(runs, tmp_path / "c.html")
    assert not (tmp_path / "c.html").exists()
    with pytest.raises(UserError, match="cannot write"):
        compare([run, other], tmp_path / "no" / "c.html")


def test_hostile_names_and_settings_stay_text(tmp_path, browser):
    evil = "<img src=x onerror=window.broken=1>'"
    runs = [make_run(tmp_path / "r" / evil, [kid(1)], {"start": evil, "data": evil, evil: evil}),
            make_run(tmp_path / "plain", [kid(1)])]  # fmt: skip
    opened(browser, runs, tmp_path)
    assert script(browser, "window.broken") is None
    assert evil in script(browser, "document.querySelector('#runs').textContent")


# ------------------------------------------------------------------ in a browser

HELD = """[...document.querySelectorAll('.plot')].map(host => host.plot.data.slice(1).map(
    line => [...line].filter(v => v != null).length))"""


@pytest.mark.browser
def test_charts_hold_every_tick_of_every_run(tmp_path, browser):
    fast = make_run(tmp_path / "fast", [kid(t, kimg=0.5 * t) for t in range(1, 301)])
    slow = make_run(tmp_path / "slow", [kid(t) for t in range(1, 8)])
    # Two ticks at one place: after a damaged file.
    twice = make_run(tmp_path / "twice", [kid(t, kimg=min(t, 4)) for t in range(1, 6)])
    opened(browser, [fast, slow, twice], tmp_path)
    held = script(browser, HELD)
    assert len(held) == 13
    assert all(lines == [300, 7, 5] for lines in held)
    places = "[...document.querySelector('.plot').plot.data[0]]"
    kimg = script(browser, places)
    assert kimg == sorted(kimg)
    assert set(kimg) == {0.5 * t for t in range(1, 301)} | set(range(1, 8))
    assert messages(browser) == []


@pytest.mark.browser
def test_a_value_that_is_no_number_is_a_gap(tmp_path, browser):
    holed = [record(t, loss__G=math.nan if t == 3 else 1.0) for t in range(1, 8)]
    short = [record(t) for t in range(1, 4)]
    opened(browser, [make_run(tmp_path / "holed", holed), make_run(tmp_path / "short", short)], tmp_path)
    titles = script(browser, "[...document.querySelectorAll('.card h3')].map(h => h.textContent)")
    plot = f"document.querySelectorAll('.plot')[{titles.index('Generator loss')}].plot"
    assert script(browser, f"{plot}.data[1][2]") is None
    assert script(browser, f"{plot}.data[1][2] === null")  # a gap; undefined would be bridged
    assert script(browser, f"{plot}.data[2][4] === undefined")
    assert messages(browser) == []


@pytest.mark.browser
def test_a_run_is_hidden_in_all_charts(tmp_path, browser):
    opened(browser, [make_run(tmp_path / name, [kid(1), kid(2)]) for name in ("a", "b", "c")], tmp_path)
    shown = "[...document.querySelectorAll('.plot')].map(h => h.plot.series.slice(1).map(s => s.show))"
    browser.execute_script("document.querySelector('.keys [data-run=\"1\"]').click()")
    assert all(lines == [True, False, True] for lines in script(browser, shown))
    browser.execute_script("document.querySelector('.keys [data-run=\"1\"]').click()")
    assert all(lines == [True, True, True] for lines in script(browser, shown))
    assert messages(browser) == []


@pytest.mark.browser
def test_a_tooltip_tells_of_every_run_though_their_ticks_differ(tmp_path, browser):
    runs = [make_run(tmp_path / "a", [kid(t) for t in range(1, 11)]),
            make_run(tmp_path / "b", [kid(t, kimg=t + 0.25) for t in range(1, 11)]),
            make_run(tmp_path / "short", [kid(t) for t in range(1, 4)])]  # fmt: skip
    opened(browser, runs, tmp_path)
    tip = browser.execute_script(
        "const u = document.querySelector('.plot').plot; u.hovered = true;"
        "u.setCursor({ left: u.valToPos(5, 'x'), top: 20 });"
        "return [...u.over.querySelectorAll('.tip > *')].map(e => e.textContent);"
    )
    assert tip[0] == "5 kimg"
    assert tip[1].startswith("a0.02 (")
    assert tip[2].startswith("b0.02")
    assert len(tip) == 3  # "short" has ended


@pytest.mark.browser
def test_looking_closer_spreads_what_is_there_over_the_whole_height(tmp_path, browser):
    opened(browser, [make_run(tmp_path / n, [kid(t) for t in range(1, 41)]) for n in "ab"], tmp_path)
    top = browser.execute_script(
        "const u = document.querySelector('.plot').plot; u.setScale('x', { min: 20, max: 40 });"
        "return new Promise(done => setTimeout(() => done(u.scales.y.max), 50));"
    )
    assert 0.1 / 20 <= top < 0.1 / 15


@pytest.mark.browser
@pytest.mark.parametrize("width", [360, 768])
def test_twelve_runs_fit_on_every_screen(tmp_path, browser, width):
    runs = [
        make_run(tmp_path / f"{i:05d}-a-rather-long-name-of-a-data-set-from-crayon64",
                 [kid(t) for t in range(1, 3)], {"lr": i, "batch": i}, pictures=[])
        for i in range(12)
    ]  # fmt: skip
    try:
        resize(browser, width, 900)
        opened(browser, runs, tmp_path)
        assert script(browser, "document.documentElement.scrollWidth") <= width
    finally:
        resize(browser, 1280, 900)
    dashes = "document.querySelector('.plot').plot.series.slice(1).map(s => s.dash ? 1 : 0)"
    assert script(browser, dashes) == [0] * 6 + [1] * 6
    swatches = """[...document.querySelectorAll('.keys .swatch')].map(s => getComputedStyle(s)).map(
        look => look.backgroundImage + look.backgroundColor)"""
    assert len(set(script(browser, swatches))) == 12


def test_the_data_in_the_page_are_those_of_the_runs(tmp_path):
    text = made([make_run(tmp_path / n, [kid(t) for t in (1, 2, 3)]) for n in "ab"], tmp_path)
    data = json.loads(text.partition('id="data">')[2].partition("</script>")[0])
    chart = data["charts"][0]
    assert data["names"] == ["a", "b"]
    assert chart["title"].startswith("Kernel distance (KID)")
    assert chart["curves"][1]["values"] == [0.1, 0.05, 0.0333333]
    assert chart["curves"][1]["bars"][0] == [0.098, 0.102]
