"""What reports say of systems of earlier projects, which lack much of what StyleGAN2-ADA has."""

from pathlib import Path

from stylegan_pokemon.report.charts import charts_of
from stylegan_pokemon.report.curves import comparisons
from stylegan_pokemon.report.finding import Plan
from stylegan_pokemon.report.reading import Run
from stylegan_pokemon.report.verdicts import findings
from tests.report.test_verdicts import alarm, blind, ticks, won


def test_a_critics_scores_are_not_read_as_losses_of_a_classifier():
    for rows in (won(3), blind(8), ticks(8, r_t=[0.95] * 8)):
        kinds = {finding.kind for finding in findings(rows, Plan(kimg=100, arch="progan"))}
        assert not kinds & {"won", "blind", "overfits"}
        kinds = {finding.kind for finding in findings(rows, Plan(kimg=100, arch="dcgan64"))}
        assert kinds & {"won", "blind", "overfits"}


def test_an_earlier_system_that_overfits_is_not_told_to_augment():
    (said,) = (f for f in findings(ticks(8, r_t=[0.95] * 8), Plan(kimg=100, arch="dcgan64"))
               if f.kind == "overfits")  # fmt: skip
    assert said.sentence.endswith("Stop, or train on more images.")
    assert "--" not in said.advice


def test_no_advice_names_options_that_an_earlier_system_lacks():
    for rows in (won(3), alarm("diversity", False, True)):
        said = findings(rows, Plan(kimg=100, arch="dcgan64"))
        assert said[0].kind in ("won", "collapsing")
        assert not any("--gamma" in finding.advice for finding in said)
        assert any("--gamma" in finding.advice for finding in findings(rows, Plan(kimg=100)))


def test_charts_of_earlier_systems_show_nothing_of_what_they_do_not_have():
    rows = ticks(4, r_t=0.5, p=0.0)
    of = {
        arch: {c.id: c for c in charts_of(rows, Plan(arch=arch))}
        for arch in ("stylegan2", "progan", "dcgan64")
    }
    assert "r_t" in of["stylegan2"]
    assert not {"r_t"} & (of["progan"].keys() | of["dcgan64"].keys())
    assert [bool(charts["losses"].lines) for charts in of.values()] == [True, False, True]
    assert ["chance level" in charts["losses"].explanation for charts in of.values()] == [True, False, True]


def test_what_an_earlier_system_alone_has_is_shown():
    rows = ticks(4, D_waits=0.25, gp__penalty=0.5)
    balanced = charts_of(rows, Plan(arch="dcgan64-balanced"))
    shown = {c.id: [s.read(rows[0]) for s in c.series] for c in balanced}
    assert (shown["waits"], shown["gp"]) == ([0.25], [0.5])
    assert not {"waits", "gp"} & {c.id for c in charts_of(ticks(4), Plan(arch="dcgan64"))}


def test_comparisons_leave_out_what_an_earlier_system_does_not_have():
    archs = ("stylegan2", "progan", "dcgan64")
    runs = [Run(Path(arch), {"arch": arch}, ticks(4, r_t=0.5, p=0.1), [], [], None) for arch in archs]
    shown = {chart.title: [curve["run"] for curve in spec["curves"]] for chart, spec in comparisons(runs)}
    assert shown["Augmentation p"] == [0]
    assert [shown[title] for title in shown if title.startswith("r_t")] == [[0]]
    assert shown["Generator loss"] == shown["Discriminator loss, real images"] == [0, 2]
    assert not any("loss" in chart.title.lower() for chart, _ in comparisons(runs[1:2]))
    assert shown["Speed"] == [0, 1, 2]


def test_a_run_with_classes_has_a_chart_of_their_losses():
    known = {"loss__D_class": 2.5, "loss__G_uncond": 0.7, "loss__D_fake_uncond": 0.6}
    for losses in ({}, {"loss__D_class": 2.5}, known):
        chart = {chart.id: chart for chart in charts_of(ticks(4, **losses), Plan())}.get("classes")
        shown = [s.read(ticks(1, **losses)[0]) for s in chart.series] if chart else []
        assert [value for value in shown if value is not None] == list(losses.values())
