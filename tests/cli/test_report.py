"""`report` and `compare` on the command line."""

from click.testing import CliRunner

from stylegan_pokemon.cli.report import compare, report
from tests.report.runs import make_run, record


def test_report_writes_the_page_of_every_run_named(tmp_path):
    runs = [make_run(tmp_path / name, [record(1)]) for name in ("a", "b")]
    result = CliRunner().invoke(report, [str(run) for run in runs])
    assert result.exit_code == 0, result.output
    assert result.output.split() == [str(run / "report.html") for run in runs]
    assert all((run / "report.html").is_file() for run in runs)


def test_compare_writes_a_page_and_a_picture_beside_it(tmp_path):
    runs = [str(make_run(tmp_path / name, [record(1), record(2)])) for name in ("a", "b")]
    page = tmp_path / "both.html"
    result = CliRunner().invoke(compare, [*runs, "--page", str(page)])
    assert result.exit_code == 0, result.output
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert page.with_suffix(".png").read_bytes().startswith(b"\x89PNG")


def test_what_is_no_run_is_one_sentence_and_status_2(tmp_path):
    for command in (report, compare):
        result = CliRunner().invoke(command, [str(tmp_path / "absent")])
        assert result.exit_code == 2
        assert result.output.count("\n") == 1
        assert "name one" in result.output
