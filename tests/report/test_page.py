"""report.html: what is in it, what damaged files do to it, how large it gets and what a refresh encodes."""

import base64
import html
import io
import json
import math
import os
import re
import shlex
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from stylegan_pokemon.cli.finetune import finetune
from stylegan_pokemon.errors import UserError
from stylegan_pokemon.render.runs import Tick
from stylegan_pokemon.report import pictures, write_report
from stylegan_pokemon.report.page import eta
from stylegan_pokemon.report.pictures import (
    FRAME_BYTES,
    MAX_FRAMES,
    STILL_BYTES,
    as_frame,
    as_still,
    thinned,
)
from stylegan_pokemon.report.reading import read_run
from tests.report.runs import grid, make_run, measured, record, sprite, style

HOSTILE = "<script>window.broken=1</script>\"'&</style>\u2028"
METRIC_NAMES = ("fd", "kid", "precision", "recall", "f1", "density", "coverage", "is")


def blocks(page):
    text = page.read_text(encoding="utf-8")
    found = re.findall(r'<script type="application/json" id="(\w+)">(.*?)</script>', text, re.S)
    return {name: json.loads(value) for name, value in found}


def without_spans(page):
    """The page's text with commands in one piece."""
    return html.unescape(re.sub(r"</?span>", "", page.read_text(encoding="utf-8")))


def written(run):
    write_report(run)
    return run / "report.html"


def test_whole_creatures_haze_and_style_have_charts_beside_the_real_sets_values(tmp_path):
    records = []
    for tick in range(1, 6):
        metrics = measured(0.1, sprite=sprite(0.5 + 0.09 * tick, 0.2 - 0.03 * tick))
        metrics["values"]["swd"] = style(100.0 - 10 * tick)
        records.append(record(tick, metrics=metrics))
    page = written(make_run(tmp_path / "r", records))
    charts = {chart["id"]: chart for chart in blocks(page)["data"]["charts"]}
    for id, drawn, real in (("whole", [0.59, 0.68, 0.77, 0.86, 0.95], 0.97), ("haze", [17, 14, 11, 8, 5], 1)):
        assert charts[id]["series"][0]["values"] == pytest.approx(drawn)
        assert charts[id]["series"][0]["bars"][0] == pytest.approx(
            [drawn[0] - (0.02 if id == "whole" else 2), drawn[0] + (0.02 if id == "whole" else 2)]
        )
        assert charts[id]["series"][1]["faint"]
        assert charts[id]["series"][1]["values"] == [real] * 5
    assert {"speckle", "sharpness", "holes", "saturation", "palette"} <= set(charts)
    assert charts["metric-swd-"]["lines"] == [{"label": "halves of the training images", "value": 20.0}]
    assert "Do the sprites hold together?" in page.read_text(encoding="utf-8")


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
        "speed",
        "memory",
    }
    more = record(
        1,
        metrics=measured(0.02),
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
    }
    kid = next(chart for chart in full if chart["id"].startswith("metric-kid"))
    assert kid["series"][0]["bars"] == [[0.018, 0.022]]
    assert kid["lines"] == [{"label": "halves of the training images", "value": 0.0001}]


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
        for name in ("nn.png", "truncation.png", "adaptation.png", "progression.gif",
                     "best.json", "report.html"):  # fmt: skip
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
    command = re.search("<pre><code>(.*?)</code></pre>", without_spans(run / "report.html"))[1]
    assert command == shlex.join(["python", "finetune.py", "--resume", str(run)])


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
        kept = [tick.kimg for tick in thinned(ticks, 13.0)]
        newest = float(count - 1)
        assert kept == sorted(set(kept))
        assert {0.0, newest} <= set(kept)
        assert count < 14 or 13.0 in kept
        assert len(kept) <= MAX_FRAMES + 2
        assert set(kept) - before == {newest}  # so a refresh encodes one grid
        before = set(kept)
    assert len(thinned([Tick(float(k), None) for k in range(101)])) == 101


def grids_of_64(folder, count):
    """A run with 8×8 tiles of 64 pixels a grid, as detailed as sprites are, all else at its largest."""
    full = {"interval": [0.1, 0.2], "value": 0.1234567, "error": 0.001234567, "floor": 0.1}
    metrics = measured(0.1) | {"values": {f"{name}_efficientnet_lite1": full for name in METRIC_NAMES}}
    records = [record(t, metrics=metrics, r_t=t / 777) for t in range(1, count + 1)]
    run = make_run(folder, records, pictures=[], side=64)
    tile = np.asarray(Image.fromarray(grid(3)).resize((512, 512), Image.Resampling.BICUBIC)).astype(float)
    shapes = (tile.mean(axis=2, keepdims=True) < 250) * np.random.RandomState(0).normal(0, 25, tile.shape)
    Image.fromarray(np.clip(tile + shapes, 0, 255).astype(np.uint8)).save(run / "grid.png", compress_level=1)
    for tick in range(count + 1):
        os.link(run / "grid.png", run / f"fakes{tick:06d}.png")
    noise = np.random.RandomState(1).randint(0, 256, (1600, 1600, 3), dtype=np.uint8)
    for name in ("nn.png", "truncation.png", "adaptation.png", "reals.png"):
        Image.fromarray(noise).save(run / name, compress_level=0)
    return run


@pytest.mark.parametrize("count", [100, pytest.param(500, marks=pytest.mark.slow)])
def test_grids_of_512_pixels_stay_below_eight_megabytes_and_a_refresh_encodes_what_is_new(
    tmp_path, count, monkeypatch
):
    run = grids_of_64(tmp_path / "r", count)
    started = time.process_time()
    page = written(run)
    all_of_it = time.process_time() - started
    frames = blocks(page)["data"]["frames"]
    assert {frames[0]["kimg"], frames[-1]["kimg"]} == {0, count}
    assert len(frames) == 101 if count == 100 else 50 <= len(frames) <= 103
    assert all(len(chart["series"][0]["values"]) == count for chart in blocks(page)["data"]["charts"])
    assert page.stat().st_size < 8_000_000
    os.link(run / "grid.png", run / f"fakes{count + 1:06d}.png")
    with open(run / "stats.jsonl", "a", encoding="utf-8") as file:
        file.write(json.dumps(record(count + 1)) + "\n")
    encoded, whole = [], pictures._within
    monkeypatch.setattr(pictures, "_within", lambda *a: encoded.append(a[1:]) or whole(*a))
    started = time.process_time()
    written(run)
    assert time.process_time() - started < all_of_it / 3  # a twentieth, where nothing else runs
    assert sorted(limit for _, limit in encoded) == [FRAME_BYTES]  # the new picture
    assert blocks(page)["data"]["frames"][-1]["kimg"] == count + 1


def test_the_largest_pictures_there_can_be_fit_into_eight_megabytes():
    """Noise compresses worse than any picture."""
    noise = Image.fromarray(np.random.RandomState(0).randint(0, 256, (512, 512, 3), dtype=np.uint8))
    frame, still = len(as_frame(noise)), len(as_still(noise.resize((1600, 1600))))
    assert frame <= FRAME_BYTES * 4 / 3 + 30
    assert still <= STILL_BYTES * 4 / 3 + 30
    # Frames with those kept for the best tick and for verdicts, and six stills; the rest is figures.
    assert (MAX_FRAMES + 5) * FRAME_BYTES * 4 / 3 + 6 * STILL_BYTES * 4 / 3 < 7_000_000


def test_what_is_left_to_do_counts_the_measuring_too(tmp_path):
    """30 s for every 1,000 pictures and 0.3 s of work at every tick of 1 kimg."""
    run = make_run(tmp_path / "r", [record(t) for t in range(1, 9)], {"kimg": 28.0})
    assert eta(read_run(run)) == pytest.approx(20 * 30 + 20 * 0.3)
    assert eta(read_run(make_run(tmp_path / "done", [record(t) for t in range(1, 9)], {"kimg": 8.0}))) == 0


def test_a_collapse_comes_with_the_command_that_goes_back(tmp_path):
    def row(tick, alarm):
        return record(tick, metrics=measured(0.02 * tick, diversity={"ratio": 0.3, "alarm": alarm}))

    config = {"mirror": True, "holdout": 0.1, "classes": ["a", "b"]}
    run = make_run(tmp_path / "r", [row(t, t > 4) for t in range(1, 9)], config)
    page = without_spans(written(run))
    assert (
        f"python finetune.py --resume {run}/snapshots/000004.safetensors --data /data/forged-sprites-32.zip"
        " --mirror --holdout 0.1 --kimg 28 --tick 1 --batch 8 --gamma 20 --cond</code>"
    ) in page
    assert page.count("<p>Restart from the snapshot") == 1


def test_what_starts_again_is_told_all_that_was_chosen(tmp_path):
    config = {"batch": 32, "lr": 0.001, "aug": "fixed", "p": 0.3, "precision": "bf16",
              "kimg": 28.0, "tick_kimg": 2.0, "keep": 5, "snap": 2, "subset": 100, "seed": 7,
              "metrics": "fd,kid", "patience": 9, "balance": True, "r1_gamma": 3.0}  # fmt: skip
    rows = [
        record(t, metrics=measured(0.02 * t, diversity={"ratio": 0.3, "alarm": t > 4})) for t in range(1, 9)
    ]
    page = without_spans(written(make_run(tmp_path / "r", rows, config)))
    line = re.search(r"python finetune.py --resume \S+000004.safetensors ([^<]*)<", page)[1]
    options = ("--kimg 28", "--tick 2", "--snap 2", "--keep 5", "--batch 32", "--lr 0.001", "--aug fixed",
               "--p 0.3", "--precision bf16", "--metrics fd,kid", "--patience 9",
               "--subset 100", "--seed 7", "--balance", "--gamma 6")  # fmt: skip
    for option in options:
        assert f"{option} " in f"{line} ", option
    assert line.count("--gamma") == 1
    known = {name for option in finetune.params for name in option.opts}
    assert set(re.findall(r"--[a-z-]+", line)) <= known


def test_a_run_that_lost_its_patience_is_continued_without(tmp_path):
    rows = [record(t, metrics=measured(0.02 if t == 1 else 0.05)) for t in range(1, 7)]
    page = without_spans(written(make_run(tmp_path / "r", rows, {"patience": 3, "kimg": 400.0})))
    assert f"python finetune.py --resume {tmp_path / 'r'} --patience 0" in page
    assert "Continue this run exactly" not in page


def test_held_out_pictures_have_lines_of_their_own(tmp_path):
    held = {"memorisation_heldout": {"near_copies": 0.0, "near_copies_reals": 0.25}}
    asked = {"r_v": 0.1, "loss__D_heldout": 0.7, "signs__heldout": 0.1}
    rows = [record(t, metrics=measured(0.02) | held, **asked) for t in (1, 2)]
    charts = {
        chart["id"]: chart for chart in blocks(written(make_run(tmp_path / "r", rows)))["data"]["charts"]
    }
    lines = {
        s["label"]: s["values"] for id in ("memorisation", "r_t", "losses") for s in charts[id]["series"]
    }
    assert lines["held-out images"] == [0.25] * 2
    assert lines["r_v"] == [0.1] * 2
    assert lines["discriminator loss, held-out images"] == [0.7] * 2


def test_the_room_needs_no_torch():
    code = "import sys; from stylegan_pokemon.report import write_report; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_a_verdict_that_says_go_back_gives_the_command(tmp_path):
    records = [record(t, loss__G=math.nan if t > 3 else 0.8) for t in range(1, 6)]
    run = make_run(tmp_path / "a run", records)
    text = without_spans(written(run))
    assert "Go back to tick 3." in text
    quoted = f"--resume '{run}/snapshots/000003.safetensors' --data /data/forged-sprites-32.zip"
    assert quoted in text
    (run / "snapshots" / "000003.safetensors").unlink()
    assert quoted.replace("000003", "000002") in without_spans(written(run))


def test_classes_without_pictures_are_not_counted_and_classes_have_a_sheet_to_make(tmp_path):
    config = {"classes": ["fire", "water", "grass"], "class_sizes": [3, 0, 2]}
    page = without_spans(written(make_run(tmp_path / "few", [record(1)], config)))
    assert ", 2 classes)" in page
    assert "python generate.py classes --seeds 0-9 --network" in page
    for odd in ([3, 0], "many", None, [0, 0, 0]):
        page = without_spans(
            written(make_run(tmp_path / f"{odd}", [record(1)], config | {"class_sizes": odd}))
        )
        assert ", 3 classes)" in page
    page = without_spans(written(make_run(tmp_path / "none", [record(1)], {})))
    assert "generate.py classes" not in page
    assert " classes" not in page.partition("</h1>")[2][:400]


def test_what_lies_between_start_and_end_is_shown_with_the_command_that_draws_it(tmp_path):
    run = make_run(tmp_path / "r", [record(1)])
    assert "adaptation" not in without_spans(written(run))
    Image.fromarray(grid(1)).save(run / "adaptation.png")
    page = without_spans(written(run))
    assert "<h3>Between start and end (adaptation)</h3>" in page
    assert f"python generate.py --network {run} --trunc 0.7 --adaptation 0.5" in page
