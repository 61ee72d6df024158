"""The scripts behind the comparison's tables run from nothing, and judge types as they say."""

import hashlib
import json
import re
import sys
from pathlib import Path

import click
import pytest
import torch
from click.testing import CliRunner

from benchmarks import by_type, earlier_systems, harness, progress, show, starting_point
from stylegan_pokemon.data.dataset import SpriteDataset
from tests.training.pictures import write_dataset


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
        (starting_point, [f"{name}, seed 0, 0.064 kimg" for name in ("sprites", "fine-tuned")]),
        (by_type, ["seed 0, 0.032 kimg", "seed 0, 0.064 kimg"]),
        (progress, [f"{name}, seed 0" for name in ("dcgan64-balanced", "dcgan-tricks", "progan")]),
    ],
)
def test_every_table_comes_from_nothing(work, script, rows):
    options = ["--quick", *(["--seeds", "0"] if script is earlier_systems else [])]
    options += ["--only", "dcgan64-balanced,dcgan-tricks,progan"] if script is progress else []
    result = CliRunner().invoke(script.main, options, catch_exceptions=False)
    assert result.exit_code == 0
    for row in rows:
        values = json.loads(re.search(rf": {re.escape(row)}: (.*)", result.output)[1])
        assert values["fd"] > 0
    assert not harness.RESULTS.exists()  # a try is no result


def test_results_are_kept_row_by_row_with_commit_and_machine(work):
    harness.WORK.mkdir()
    for kind in ("sprites", "gen5", "forged", "quick"):
        data = harness.WORK / f"{kind}64.zip"
        harness.record("table", "one", {"fd": 1.0, "of": kind}, data)
        harness.record("table", f"two {kind}", {"fd": 2.0, "of": kind}, data)
        harness.record("table", "one", {"fd": 3.0, "of": kind}, data)
    rows = harness.recorded("table")
    assert {name: row["fd"] for name, row in rows.items()} == {
        "one": 3.0,
        "two sprites": 2.0,
        "two gen5": 2.0,
    }
    assert all({"commit", "machine", "day"} <= set(row) for row in rows.values())
    assert rows["one"]["of"] == "gen5"
    forged = harness.recorded("table", harness.WORK / "forged64.zip")
    assert set(forged) == {"one", "two forged"}  # never among those of the sprites; quick tries nowhere


def test_the_classifier_of_types_learns_what_there_is_and_no_more():
    torch.manual_seed(1)
    labels = torch.arange(600) % 6
    creatures = torch.arange(600) // 2  # of two forms each
    centres = torch.randn(6, 40) * 2
    features = centres[labels] + torch.randn(600, 40)
    judge = by_type.classifier(features[:400], labels[:400], 6)
    assert by_type.balanced_accuracy(judge(features[400:]).argmax(1), labels[400:]) > 0.95
    assert by_type.balanced_accuracy(by_type.unseen(features, labels, 6, creatures), labels) > 0.95
    shuffled = labels[torch.randperm(600)]
    assert by_type.balanced_accuracy(by_type.unseen(features, shuffled, 6, creatures), shuffled) < 0.3
    noise = by_type.classifier(torch.randn(400, 40), labels[:400], 6)
    assert by_type.balanced_accuracy(noise(torch.randn(200, 40)).argmax(1), labels[400:]) < 0.35


def test_balanced_accuracy_counts_every_class_the_same():
    labels = torch.tensor([0] * 98 + [1, 1])
    assert by_type.balanced_accuracy(torch.zeros(100), labels) == 0.5


def test_a_run_halts_at_its_share_of_the_time_and_the_heavier_it_is_the_shorter_its_ticks(work, monkeypatch):
    asked = []
    monkeypatch.setattr(
        harness, "trained", lambda name, data, kimg, tick, *_: asked.append((name, kimg, tick))
    )
    monkeypatch.setattr(
        harness, "speed", lambda system, *_: {"auto": 500.0, "sprites": 50.0}.get(system, 10.0)
    )
    monkeypatch.setattr(harness, "pictures", lambda data: 819)
    harness.table_run("sprites", "1", work, False, 40.0)
    share = round(harness.PASSES * 0.819 / 5, 3)
    assert asked == [("table-sprites-1", kimg, harness.TICK) for kimg in (share, 40.0)]
    asked.clear()
    harness.table_run("fine-tuned", "0", work, False, share, 2 * share)  # with a share of five times these
    assert [kimg for _, kimg, _ in asked] == [share, 2 * share]
    asked.clear()
    harness.table_run("auto", "0", work, False, share / 10)
    assert asked[-1][1:] == (share / 10, pytest.approx(share / 40))


def begun(folder, data, **config):
    """A run that has trained for 50 kimg, 20 s each."""
    run = harness.WORK / folder / "00001-x"
    run.mkdir(parents=True)
    dead = run.with_name("00002-x")  # which ended before it had a configuration
    dead.mkdir()
    lines = [json.dumps({"kimg": kimg, "sec_per_kimg": 20.0}) for kimg in (25.0, 50.0)]
    (run / "stats.jsonl").write_text("\n".join(lines) + "\n")
    start = hashlib.sha256(harness.EMBEDDED.read_bytes()).hexdigest()
    known = {"start_sha256": start, "data_sha256": SpriteDataset(data).facts.sha256}
    (run / "config.json").write_text(json.dumps(known | config))
    return run


@pytest.fixture
def sprites(work):
    harness.WORK.mkdir()
    return write_dataset(harness.WORK / "sprites64.zip", count=6, resolution=16)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"start_sha256": "0" * 64}, "started from another creatures64"),
        ({"data_sha256": "0" * 64}, "learnt from other pictures than sprites64.zip; delete"),
    ],
)
def test_a_run_that_began_otherwise_is_not_taken_for_this_one(sprites, config, message):
    run = begun("table-fine-tuned-0", sprites)
    assert harness.trained("table-fine-tuned-0", sprites, 40.0, 4.0) == run
    begun("table-fine-tuned-1", sprites, **config)
    with pytest.raises(click.ClickException, match=message):
        harness.trained("table-fine-tuned-1", sprites, 40.0, 4.0)


def test_runs_on_other_art_have_names_of_their_own(sprites, monkeypatch):
    begun("table-x-0", sprites)
    started = []
    monkeypatch.setattr(harness, "command", lambda *a: started.append(a) or begun("table-x-0-forged", forged))
    forged = write_dataset(harness.WORK / "forged64.zip", count=4, resolution=16)
    assert harness.trained("table-x-0", forged, 4.0, 1.0).parent.name == "table-x-0-forged"
    assert len(started) == 1


def test_a_speed_is_measured_on_this_machine_while_it_is_idle(sprites, monkeypatch):
    harness.RESULTS.write_text('{"speed": {"dcgan64": {"sec_per_kimg": 7.0}}}')  # of another machine
    monkeypatch.setattr(harness, "_PAUSE", 0)
    monkeypatch.setattr(harness.os, "cpu_count", lambda: 2)
    monkeypatch.setattr(harness.os, "getloadavg", lambda: (1.5, 1.0, 1.0))
    with pytest.raises(click.ClickException, match="idle"):
        harness.speed("dcgan64", sprites, quick=False)
    loads = iter([1.5, 1.5, 0.6, 0.4])  # what it did itself just before fades
    monkeypatch.setattr(harness.os, "getloadavg", lambda: (next(loads), 1.0, 1.0))
    monkeypatch.setattr(harness, "command", lambda *_: begun("speed-sprites", sprites))
    assert harness.speed("sprites", sprites, quick=False) == 20
    assert harness.recorded("speed")["sprites"]["sec_per_kimg"] == 20
    assert next(loads, None) is None
    begun("speed-dcgan64", sprites, start_sha256="0" * 64)  # whose speed is the same
    assert harness.speed("dcgan64", sprites, quick=False) == 20
    assert harness.recorded("speed")["dcgan64"]["sec_per_kimg"] == 7  # measured some other time
    assert harness.equal_time("dcgan64", sprites, quick=False) == (0.78, 0.78 * 20)  # 130 passes over six


def test_a_command_that_fails_is_one_sentence(work):
    with pytest.raises(
        click.ClickException, match=r"stylegan_pokemon inspect nowhere.pkl ended with status 2"
    ):
        harness.command("inspect", "nowhere.pkl")


def test_a_snapshot_that_was_not_kept_is_not_replaced_by_another(tmp_path):
    with pytest.raises(click.ClickException, match="no snapshot near 4 kimg"):
        harness.snapshot(tmp_path, 4)
    (tmp_path / "snapshots").mkdir()
    for kimg in (4.096, 22.952):
        (tmp_path / "snapshots" / f"{kimg:010.3f}.safetensors").touch()
    assert harness.snapshot(tmp_path, 22.947).name == "000022.952.safetensors"
    assert harness.snapshot(tmp_path, 4.0).name == "000004.096.safetensors"
    with pytest.raises(click.ClickException, match="no snapshot near 20 kimg"):
        harness.snapshot(tmp_path, 20)


def _results():
    systems = {
        f"{name}, seed {seed}": {
            **{"sec_per_kimg": 50.0, "kimg": 20.0, "seconds": 1000.0, "fd": 100.0 + seed, "fd_floor": 39.0},
            **{"kid": -0.01, "kid_error": 0.003, "precision": 0.5, "recall": 0.25, "coverage": 0.125},
            **{
                "near_copies": 0.01,
                "near_copies_reals": 0.005,
                "course": [[200.0, 150.0], [1000.0, 100.0 + seed]],
            },
        }
        for name in ("dcgan64", "dcgan64-balanced")
        for seed in (0, 1)
    }
    return {"systems": systems}


def test_tables_show_both_seeds_and_leave_out_what_is_not_measured():
    text = show.tables(_results())
    assert "| `--arch dcgan64` | 50.0 | 20.0 | 100 / 101 | −0.010 / −0.010 ± 0.003 |" in text
    assert "1.0 / 1.0 %" in text
    said, title, table = text.split("\n\n")
    assert title == "**At equal time** (`benchmarks.earlier_systems`):"
    assert len(table.splitlines()) == 4  # head, rule and two systems: no other table
    assert "as take 16.7 minutes" in said
    assert "Two halves of the real set have an FD of 39; " in said

    others = {"recall": 0.1, "coverage": 0.2, "near_copies": 0.01}
    results = _results() | {
        "starting point": {
            **{f"sprites, seed 0, {k} kimg": {"kimg": k, "fd": 300 - k} for k in (4, 8)},
            **{f"fine-tuned, seed 0, {k} kimg": {"kimg": k, "fd": 100 - k} for k in (0, 4, 8)},
        },
        "progress": {
            "progan, seed 0": {
                "pictures": 9,
                "fd_after_5_passes": 200,
                "fd": 50,
                "improvement": 0.75,
                "arithmetic": "bf16",
                **others,
            }
        },
    }
    text = show.tables(results)
    assert "| from scratch, our settings |  | 296 | 292 |" in text
    assert (
        "| `progan` | 9 sprites by type, 32×32 growing to 64×64 | 200 | 50 | 75 % | 0.10 | 0.20 | 1.0 % |"
        in text
    )
    assert "Trained with `--precision bf16`: `progan`." in text


def test_what_was_asked_for_is_told_met_or_missed():
    results = _results()
    row = results["systems"]["dcgan64, seed 0"]
    copies = {"near_copies": 0.02, "near_copies_reals": 0.005}
    results["systems"] |= {
        f"fine-tuned, seed {i}": row | copies | {"fd": fd} for i, fd in enumerate((50, 80))
    }
    results["starting point"] = {
        **{f"sprites, seed 0, {k} kimg": {"kimg": k, "fd": 300 - 5 * k} for k in (4, 41)},
        **{f"fine-tuned, seed 0, {k} kimg": {"kimg": k, "fd": fd} for k, fd in ((4, 96), (12, 90), (41, 60))},
    }
    types = {
        **{"kid": 0.1, "kid_error": 0.01, "recall": 0.1, "coverage": 0.2, "near_copies": 0.01},
        "kimg": 20,
        "agreement": 0.1,
        "chance": 0.05,
        "times_chance": 2,
        "classifier_held_out_accuracy": 0.2,
    }
    early = types | {"kimg": 10, "times_chance": 1, "fd": 100, "fd_without_types": 100}
    results["by type"] = {
        "seed 0, 20 kimg": types | {"fd": 120, "fd_without_types": 100}, "seed 0, 10 kimg": early
    }  # fmt: skip
    results["progress"] = {
        f"{name}, seed 0": row | {"pictures": 9, "fd_after_5_passes": 200, "improvement": better}
        for name, better in (("progan", 0.6), ("dcgan-tricks", 0.29))
    }
    said = show.tables(results).split("beforehand:\n\n")[1].splitlines()
    assert said == [
        "* Fine-tuning reaches 0.65 of `dcgan64`'s FD, **missed** (goal: at most 0.6), with 2.0 % near copies"
        " (goal: at most 2.5 %).",
        "* Training from scratch reaches an FD of 95 in 41 kimg. Fine-tuning is there after 12 kimg (goal:"
        " within 15 kimg). At the end its FD is 37 % lower (goal: 15 %).",
        "* The classifier recognises the requested type 2.0 times as often as chance would, **missed** (goal:"
        " 2.5). The FD is 20 % above that without types, **missed** (goal: at most 15 %).",
        "* Between 5 and 130 passes, the FD of every baseline system falls by at least 29 %, **missed**"
        " (goal: 30 %); the least is that of `dcgan-tricks` on sprites, trimmed, 28×28.",
    ]


def test_the_chart_has_a_line_for_every_system():
    panels, key = show.chart(_results())
    assert [line.xs for line in panels[0].lines] == [[200 / 60, 1000 / 60]] * 2
    assert key == [("--arch dcgan64", "FD 100 / 101"), ("--arch dcgan64-balanced", "FD 100 / 101")]


def test_the_chart_is_a_png_where_matplotlib_is_installed_and_a_sentence_elsewhere(tmp_path, monkeypatch):
    panels, key = show.chart(_results())
    with monkeypatch.context() as context:
        context.setitem(sys.modules, "matplotlib.figure", None)
        with pytest.raises(harness.Refusal, match=r"pip install -e '\.\[plot\]'"):
            show.save_panels(tmp_path / "chart.png", panels, key, "A title")
    assert not list(tmp_path.iterdir())
    pytest.importorskip("matplotlib")
    show.save_panels(tmp_path / "chart.png", panels, key, "A title")
    assert (tmp_path / "chart.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(("page", "made"), [(show.PAGE, show.tables), (show.README, show.summary)])
def test_the_manual_and_readme_show_results_json(page, made):
    results = {name: harness.recorded(name) for name in show.TABLES}
    text = page.read_text(encoding="utf-8")
    assert text.partition(show.BEGIN)[2].partition(show.END)[0].strip() == made(results)


def test_a_set_that_was_made_from_other_sprites_is_refused(work, monkeypatch):
    monkeypatch.setattr(harness, "command", lambda *arguments: Path(arguments[3]).write_bytes(b"a set"))
    mine, yours = work / "mine.zip", work / "yours.zip"
    mine.write_bytes(b"mine")
    yours.write_bytes(b"yours")
    made = harness.dataset(str(mine), quick=False)
    assert harness.dataset(str(mine), quick=False) == made
    with pytest.raises(click.ClickException, match="made from other sprites; delete"):
        harness.dataset(str(yours), quick=False)


def test_earlier_systems_learn_from_what_their_authors_had(work, monkeypatch):
    asked, made, shared = {}, {}, []

    def dataset(given, quick, **kind):
        return work / f"{Path(given).stem}-{'-'.join(f'{name}={value}' for name, value in kind.items())}"

    monkeypatch.setattr(harness, "dataset", dataset)
    monkeypatch.setattr(harness, "pictures", lambda data: 1000)
    monkeypatch.setattr(harness, "snapshot", lambda run, kimg: (run, kimg))
    monkeypatch.setattr(harness, "table_run", lambda system, *_: shared.append(system))
    monkeypatch.setattr(
        harness,
        "trained",
        lambda name, data, late, early, *more: asked.setdefault(name, (data.name, late, early, more)),
    )
    monkeypatch.setattr(harness, "measured", lambda at, data, num: {"fd": 300 - at[1]})
    monkeypatch.setattr(harness, "record", lambda table, name, row, data: made.update({name: row}))
    (work / "gen5.zip").touch(), (work / "mine.zip").touch()
    arguments = ["--sprites", str(work / "mine.zip"), "--gen5", str(work / "gen5.zip")]
    result = CliRunner().invoke(progress.main, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    sets = {name: (data, more[4:]) for name, (data, *_, more) in asked.items()}
    assert sets == {
        "progress-dcgan64-0": ("gen5-name=gen5", ()),
        "progress-dcgan-tricks-0": ("mine-trimmed=True", ("--size", "28")),
        "progress-progan-0": ("mine-labels=True", ("--cond", "--precision", "bf16")),
        "progress-convgan120-0": ("mine-size=128", ("--precision", "bf16")),
    }
    assert shared == ["dcgan64", "dcgan64-balanced"]  # from the sprites of all tables, with the table's run
    assert {(late, early) for _, late, early, _ in asked.values()} == {(130, 5)}
    assert {name for name, row in made.items() if row["arithmetic"] == "bf16"} == {
        "progan, seed 0", "convgan120, seed 0"
    }  # fmt: skip
    assert made["progan, seed 0"]["improvement"] == pytest.approx(1 - 170 / 295)


def test_an_unknown_system_is_one_sentence(work):
    for script in (progress, earlier_systems):
        result = CliRunner().invoke(script.main, ["--quick", "--only", "dcgan65"])
        assert result.exit_code == 2
        assert "--only dcgan65: there are dcgan64, " in result.output
