"""report.html: what is in it, what damaged files do to it, how large it gets and what a refresh costs."""

import base64
import io
import json
import math
import re
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from stylegan_pokemon.errors import UserError
from stylegan_pokemon.render.runs import Tick
from stylegan_pokemon.report import write_report
from stylegan_pokemon.report.pictures import MAX_FRAMES, thinned
from tests.report.runs import grid, make_run, measured, record

HOSTILE = "<script>window.broken=1</script>\"'&</style>\u2028"


def blocks(page):
    text = page.read_text(encoding="utf-8")
    found = re.findall(r'<script type="application/json" id="(\w+)">(.*?)</script>', text, re.S)
    return {name: json.loads(value) for name, value in found}


def written(run):
    write_report(run)
    return run / "report.html"


def test_charts_hold_every_tick_and_numbers_as_the_records_have_them(tmp_path):
    records = [record(t, r_t=t / 100, loss__G=math.nan if t == 7 else 0.5 + t) for t in range(1, 41)]
    data = blocks(written(make_run(tmp_path / "r", records)))["data"]
    assert data["x"]["tick"] == list(range(1, 41))
    charts = {chart["id"]: chart for chart in data["charts"]}
    assert all(len(series["values"]) == 40 for chart in charts.values() for series in chart["series"])
    assert charts["r_t"]["series"][0]["values"] == [t / 100 for t in range(1, 41)]
    generator = charts["losses"]["series"][0]
    assert generator["nan"] == [6]
    assert generator["values"] == [None if t == 7 else 0.5 + t for t in range(1, 41)]


def test_what_was_not_recorded_has_no_chart_and_what_was_has_one(tmp_path):
    bare = blocks(written(make_run(tmp_path / "bare", [record(1)])))["data"]["charts"]
    assert {chart["id"] for chart in bare} == {
        "losses",
        "r_t",
        "signs",
        "scores",
        "r1",
        "gradients",
        "speed",
        "phases",
        "memory",
    }
    more = record(
        1,
        metrics=measured(0.02),
        colourfulness=40.0,
        colourfulness_reals=50.0,
        weight_norm__G=3.0,
        lr__G=0.002,
        pl__length=1.0,
        signs__heldout=0.1,
    )
    full = blocks(written(make_run(tmp_path / "full", [more])))["data"]["charts"]
    added = {chart["id"] for chart in full} - {chart["id"] for chart in bare}
    assert added == {
        "metric-fd-efficientnet-lite1",
        "metric-kid-efficientnet-lite1",
        "metric-precision-efficientnet-lite1",
        "memorisation",
        "diversity",
        "clusters",
        "colour",
        "weights",
        "lr",
        "pl",
        "distances",
    }
    kid = next(chart for chart in full if chart["id"].startswith("metric-kid"))
    assert kid["series"][0]["bars"] == [[0.018, 0.022]]
    assert kid["lines"] == [{"label": "a perfect generator", "value": 0.0001}]


def test_losses_within_ticks_are_means_of_equal_stretches(tmp_path):
    run = make_run(tmp_path / "r", [record(1), record(2)])
    values = np.arange(4000, dtype=np.float32)
    np.savez(run / "losses.npz", **{"images_shown": 8 * (values + 1), "loss/G": values, "p": values})
    chart = blocks(written(run))["data"]["charts"][-1]
    assert chart["id"] == "within"
    assert chart["series"][0]["values"] == [4 * i + 1.5 for i in range(1000)]
    assert chart["x"]["values"][0] == 0.02  # 8 · (1 + 2 + 3 + 4) / 4 pictures


@pytest.mark.parametrize(
    "damage",
    [
        "no stats",
        "torn stats",
        "no config",
        "broken config",
        "odd config",
        "torn pictures",
        "no pictures",
        "broken extras",
        "empty folder entries",
    ],
)
def test_nothing_damaged_stops_the_report(tmp_path, damage):
    run = make_run(tmp_path / "r", [record(t, metrics=measured(0.1)) for t in range(1, 5)])
    if damage == "no stats":
        (run / "stats.jsonl").unlink()
    elif damage == "torn stats":
        text = (run / "stats.jsonl").read_bytes()
        text = b"\xff\xfe{]\n" + text[: len(text) // 2] + b'\n{"tick": 1e999, "kimg": []}'
        (run / "stats.jsonl").write_bytes(text)
    elif damage == "no config":
        (run / "config.json").unlink()
    elif damage == "broken config":
        (run / "config.json").write_text("[" * 100_000)
    elif damage == "odd config":
        odd = {"kimg": "x", "classes": 3, "images": [], "data": 5, "start": {"a": 1}, "img_resolution": 0}
        (run / "config.json").write_text(json.dumps(odd))
    elif damage == "torn pictures":
        for picture in run.glob("*.png"):
            picture.write_bytes(picture.read_bytes()[:200])
    elif damage == "no pictures":
        for picture in run.glob("*.png"):
            picture.unlink()
    elif damage == "broken extras":
        for name in ("nn.png", "truncation.png", "progression.gif", "losses.npz", "best.json", "report.html"):
            (run / name).write_bytes(b"\x00broken")
    else:
        (run / "stats.jsonl").unlink()
        (run / "stats.jsonl").mkdir()
        (run / "reals.png").unlink()
        (run / "reals.png").mkdir()
    page = written(run)
    assert "<h1>r</h1>" in page.read_text(encoding="utf-8")
    assert blocks(page)


def test_a_folder_that_is_no_run_is_told_so(tmp_path):
    for path in (tmp_path, tmp_path / "absent"):
        with pytest.raises(UserError, match="name"):
            write_report(path)


def test_text_from_files_stays_text(tmp_path):
    config = {"data": f"/x/{HOSTILE}.zip", "start": HOSTILE, "classes": [HOSTILE, "b"], HOSTILE: HOSTILE}
    metrics = measured(0.1)
    metrics["values"][f"kid_{HOSTILE}"] = {"value": 1.0}
    metrics["features"][HOSTILE] = {"sha256": HOSTILE}
    metrics["memorisation"]["verdict"] = HOSTILE
    hostile = record(1, sec_of_phases={HOSTILE: 1.0}, metrics=metrics)
    run = make_run(tmp_path / "it's <b>here</b>", [hostile], config)
    Image.fromarray(grid(1)).save(run / "nn.png")
    best = {"tick": 1, "value": 1.0, "name": HOSTILE, "snapshot": HOSTILE}
    (run / "best.json").write_text(json.dumps(best))
    text = written(run).read_text(encoding="utf-8")
    assert "<script>window.broken" not in text
    assert "<b>here" not in text
    assert text.count("</style>") == 1
    assert text.count("<script>") == 3
    assert len(blocks(run / "report.html")) == 2
    assert "it&#x27;s &lt;b&gt;here" in text
    # The command is quoted for the console before it is escaped for the page.
    assert "&#x27;&quot;&#x27;&quot;&#x27;s &lt;b&gt;here&lt;/b&gt;&#x27;" in text


def test_the_page_reaches_for_nothing_outside(tmp_path):
    text = written(make_run(tmp_path / "r", [record(1)])).read_text(encoding="utf-8")
    assert "default-src 'none'" in text
    assert not re.findall(r'(?:src|href)="(?!data:|#)[^"]*"', text)
    assert not re.search(r"\son\w+=|<iframe|<link rel=\"stylesheet|@import|url\(", text)


def test_pictures_of_the_page_before_are_reused_and_changed_ones_are_not(tmp_path):
    run = make_run(tmp_path / "r", [record(t) for t in range(1, 21)])
    first = blocks(written(run))
    again = written(run).read_text(encoding="utf-8")
    assert blocks(run / "report.html") == first
    # A picture whose bytes the page gives away as taken from the cache:
    key = first["data"]["frames"][5]["key"]
    forged = "data:image/webp;base64,AAAA"
    (run / "report.html").write_text(again.replace(first["sources"][key], forged), encoding="utf-8")
    assert blocks(written(run))["sources"][key] == forged
    Image.fromarray(grid(40)).save(run / "fakes000005.png")
    after = blocks(written(run))
    assert after["data"]["frames"][5]["key"] != key
    assert forged not in after["sources"].values()


def test_what_the_slider_shows_is_the_grid(tmp_path):
    run = make_run(tmp_path / "r", [record(t) for t in range(1, 4)])
    page = blocks(written(run))
    assert [frame["label"] for frame in page["data"]["frames"]] == [
        "before training",
        "tick 1 · 1 kimg",
        "tick 2 · 2 kimg",
        "tick 3 · 3 kimg",
    ]
    for frame, tick in zip(page["data"]["frames"], range(4), strict=True):
        content = base64.b64decode(page["sources"][frame["key"]].partition(",")[2])
        with Image.open(io.BytesIO(content)) as image:
            seen = np.asarray(image.convert("RGB").resize((256, 256), Image.Resampling.BOX)).astype(float)
        assert abs(seen - grid(tick)).mean() < 4
        assert min(range(4), key=lambda other: abs(seen - grid(other)).mean()) == tick


def test_thinning_keeps_first_last_and_wanted_and_only_drops_as_a_run_grows():
    before: set[float] = set()
    for count in range(1, 700):
        ticks = [Tick(float(kimg), None) for kimg in range(count)]
        kept = [tick.kimg for tick in thinned(ticks, [13.0])]
        newest = float(count - 1)
        assert kept == sorted(set(kept))
        assert {0.0, newest} <= set(kept)
        assert count < 14 or 13.0 in kept
        assert len(kept) <= MAX_FRAMES + 2
        assert set(kept) - before == {newest}  # so a refresh encodes one grid
        before = set(kept)
    assert len(thinned([Tick(float(k), None) for k in range(101)])) == 101


def noisy_run(folder, count, side):
    """Grids of noise, which compress worse than any picture."""
    records = [record(t, metrics=measured(0.1)) for t in range(1, count + 1)]
    run = make_run(folder, records, pictures=[], side=side)
    for tick in range(count + 1):
        noise = np.random.RandomState(tick).randint(0, 256, (8 * side, 8 * side, 3), dtype=np.uint8)
        Image.fromarray(noise).save(run / f"fakes{tick:06d}.png", compress_level=0)
    for name in ("nn.png", "truncation.png", "reals.png"):
        Image.fromarray(noise).resize((1600, 1600)).save(run / name, compress_level=0)
    (run / "progression.gif").write_bytes(b"GIF89a" + bytes(3_000_000))
    return run


def test_a_hundred_ticks_of_noise_stay_below_eight_megabytes(tmp_path):
    page = written(noisy_run(tmp_path / "r", 100, 32))
    assert len(blocks(page)["data"]["frames"]) == 101
    assert page.stat().st_size < 8_000_000


def test_a_refresh_after_a_hundred_ticks_costs_below_one_percent_of_a_tick(tmp_path):
    run = make_run(tmp_path / "r", [record(t, metrics=measured(0.1)) for t in range(1, 101)])
    written(run)
    Image.fromarray(grid(101)).save(run / "fakes000101.png")
    with open(run / "stats.jsonl", "a", encoding="utf-8") as file:
        file.write(json.dumps(record(101)) + "\n")
    started = time.process_time()
    written(run)
    assert time.process_time() - started < 2.0  # of a tick of 200 s


def test_the_room_needs_no_torch():
    code = "import sys; from stylegan_pokemon.report import write_report; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
