"""`report` and `compare` on the command line."""

import pytest
from click.testing import CliRunner

from stylegan_pokemon.cli.report import compare, report
from tests.report.runs import make_run, record


def test_report_writes_the_page_of_every_run_named_and_prints_its_size(tmp_path):
    runs = [make_run(tmp_path / name, [record(1)]) for name in ("a", "b")]
    result = CliRunner().invoke(report, [str(run) for run in runs])
    assert result.exit_code == 0, result.output
    for run, line in zip(runs, result.output.splitlines(), strict=True):
        page = run / "report.html"
        assert line == f"{page} ({page.stat().st_size / 1e6:.2f} MB)"


def test_a_folder_of_runs_is_its_newest_for_report_and_all_of_them_for_compare(tmp_path):
    runs = [make_run(tmp_path / "runs" / f"{i:05d}-x", [record(1)]) for i in range(3)]
    (tmp_path / "runs" / "notes").mkdir()
    result = CliRunner().invoke(report, [str(tmp_path / "runs")])
    assert result.output.startswith(str(runs[2] / "report.html"))
    result = CliRunner().invoke(compare, [str(tmp_path / "runs"), "--out", str(tmp_path / "c.html")])
    assert result.exit_code == 0, result.output
    assert "3 runs compared" in (tmp_path / "c.html").read_text(encoding="utf-8")


def test_compare_writes_a_page_where_it_is_told(tmp_path):
    runs = [str(make_run(tmp_path / name, [record(1), record(2)])) for name in ("a", "b")]
    page = tmp_path / "both.html"
    result = CliRunner().invoke(compare, [*runs, "--out", str(page)])
    assert result.exit_code == 0, result.output
    assert [line.partition(" (")[0] for line in result.output.splitlines()] == [str(page)]
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")


@pytest.mark.parametrize("command", [report, compare])
def test_what_is_no_run_is_one_sentence_and_status_2(tmp_path, command):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    for name in ("absent", "empty", "file"):
        result = CliRunner().invoke(command, [str(tmp_path / name)])
        assert result.exit_code == 2
        assert result.output.count("\n") == 1
        assert "name one" in result.output


def test_compare_wants_two_runs(tmp_path):
    run = str(make_run(tmp_path / "a", [record(1)]))
    result = CliRunner().invoke(compare, [run, run, "--out", str(tmp_path / "c.html")])
    assert result.exit_code == 2
    assert "needs two runs or more, and only" in result.output
