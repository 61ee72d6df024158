"""The command line from end to end, in processes of its own: output, exit status, and no traceback ever."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner

import dataset_tool
import stylegan_pokemon
from dataset_tool.cli import cli
from dataset_tool.options import ConvertOptions
from tests.dataset_tool.pictures import creature, encoded, noise, write

ROOT = Path(__file__).resolve().parents[2]


def tool(*words: object, **options: object) -> subprocess.CompletedProcess[str]:
    """Run `python -m dataset_tool` with `words` and return the finished process."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, "-m", "dataset_tool", *map(str, words)]
    return subprocess.run(
        command, capture_output=True, text=True, encoding="utf-8", env=environment, timeout=120, **options
    )


def run(*words: object) -> tuple[int, str]:
    """Run the command in this process; return the exit status and everything it printed."""
    result = CliRunner().invoke(cli, [str(word) for word in words])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.output


@pytest.fixture
def sprites(tmp_path: Path) -> Path:
    for number, colour in (
        (1, (60, 160, 80)),
        (4, (230, 100, 40)),
        (7, (80, 130, 220)),
        (25, (240, 210, 60)),
    ):
        write(tmp_path / "sprites" / f"{number:03d}.png", creature(48, colour))
    write(tmp_path / "sprites" / "note.txt", b"text")
    return tmp_path / "sprites"


def test_convert_and_inspect_end_to_end(sprites, tmp_path):
    done = tool("convert", sprites, tmp_path / "out.zip", "--resolution", 32, "--labels", "type")
    assert done.returncode == 0, done.stderr
    assert "note.txt  text: leave it out" in done.stderr
    for text in ("electric", "4 × lanczos", "4 pictures of 32×32 (1 skipped)"):
        assert text in done.stdout
    seen = tool("inspect", tmp_path / "out.zip", "--sheet", tmp_path / "sheet.png")
    assert seen.returncode == 0, seen.stderr
    assert "4 × 32×32" in seen.stdout
    assert (tmp_path / "sheet.png").read_bytes().startswith(b"\x89PNG")
    machine = json.loads(tool("inspect", tmp_path / "out.zip", "--json").stdout)
    assert machine["pictures"] == 4


def test_a_file_that_may_not_be_read_is_one_sentence_and_no_fault_of_the_zip(sprites, tmp_path, monkeypatch):
    def denied(*_):
        raise PermissionError(errno.EACCES, "Permission denied", "001.png")

    monkeypatch.setattr("dataset_tool.convert.datasets_among", denied)
    status, output = run("convert", sprites, tmp_path / "out.zip")
    said = "001.png cannot be read or written: Permission denied; check its permissions"
    assert (status, output) == (2, f"Error: {said}\n")


def test_bad_input_is_one_sentence_with_status_2(sprites, tmp_path):
    out = tmp_path / "out.zip"
    for words, text in [
        (("convert", sprites, out, "--resolution", 100), "--resolution 100"),
        (("convert", sprites, out, "--background", "nowhere"), "--background nowhere"),
        (("convert", sprites, out, "--filter", "best"), "--filter"),
        (("convert", sprites, out, "--margin", 50), "--margin 50"),
        (("convert", sprites, out, "--margin", "wide"), "--margin"),
        (("convert", sprites, out, "--tolerance", -1), "--tolerance -1"),
        (("convert", sprites, out, "--labels", "species"), "--labels species"),
        (("convert", sprites, out, "--labels", f"csv:{tmp_path / 'none.csv'}"), "none.csv"),
        (("convert", sprites, out, "--include", "*.tif"), "--include *.tif matched nothing"),
        (("convert", sprites, out, "--workers", 0), "--workers"),
        (("convert", sprites, out, "--seed", "x"), "--seed"),
        (("convert", sprites, out, "--strict"), "--strict"),
        (("convert", tmp_path / "gone", out), "gone does not exist"),
        (("convert", sprites, tmp_path / "out.tar"), "does not end in .zip"),
        (("convert", sprites), "Missing argument"),
        (("inspect", tmp_path / "gone.zip"), "gone.zip does not exist"),
        (("inspect", sprites / "001.png"), "not a zip"),
        (("fetch", "ftp://host/x", tmp_path / "x"), "give http"),
        (("fetch", "kaggle:nothing", tmp_path / "x"), "kaggle:OWNER/SLUG"),
        (("fetch", "http://host/x", tmp_path / "x", "--max-size", 0), "--max-size 0"),
        (("fetch", "http://host/x", tmp_path / "x", "--sha256", "12"), "--sha256 12"),
        (("frobnicate",), "No such command"),
    ]:
        status, output = run(*words)
        assert (status, "Traceback" in output) == (2, False), output
        assert text in output, output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["sprites"]


def test_a_sheet_that_could_not_be_opened_or_written_is_refused_before_the_work(sprites, tmp_path):
    assert run("convert", sprites, tmp_path / "out.zip", "--resolution", 16)[0] == 0
    (tmp_path / "folder.png").mkdir()
    for sheet, text in (("sheet.jpg", "would be a PNG"), ("folder.png", "is a folder")):
        status, output = run("inspect", tmp_path / "out.zip", "--sheet", tmp_path / sheet)
        assert status == 2, output
        assert text in output
        assert "pictures" not in output
    assert not (tmp_path / "sheet.jpg").exists()


def test_a_zip_is_not_converted_to_itself(sprites, tmp_path):
    out = tmp_path / "out.zip"
    run("convert", sprites, out, "--resolution", 16)
    before = out.read_bytes()
    status, output = run("convert", sprites, out, out, "--resolution", 8, "--overwrite")
    assert (status, out.read_bytes()) == (2, before)
    assert "out.zip is both a source and the zip to write" in output


def test_sizes_below_a_mebibyte_are_told_in_kibibytes(sprites, tmp_path):
    _, output = run("convert", sprites, tmp_path / "out.zip", "--resolution", 16)
    kibibytes = -(-(tmp_path / "out.zip").stat().st_size // 1024)
    assert f"(1 skipped), {kibibytes} KiB, " in output


def test_progress_bars_stay_out_of_logs(sprites, tmp_path):
    # A process of its own: its stderr is a pipe, as that of a job that is logged.
    for words in (
        ("forge", tmp_path / "forged", "--count", 2, "--size", 16),
        ("convert", sprites, tmp_path / "o.zip"),
    ):
        done = tool(*words)
        assert (done.returncode, "it/s" in done.stderr, "%|" in done.stderr) == (0, False, False), done.stderr


def test_an_error_of_a_real_process_has_no_traceback(sprites, tmp_path):
    done = tool("convert", sprites, tmp_path / "out.zip", "--strict")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith("Error: 1 of 5 files cannot be used and --strict is given")


def test_output_that_a_pipe_cannot_encode_is_escaped(tmp_path):
    write(tmp_path / "src" / "ポケモン.png", b"no picture")
    write(tmp_path / "src" / "1.png", creature())
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "cp1252"}
    words = [sys.executable, "-m", "dataset_tool", "convert", "src", "out.zip", "--resolution", "16"]
    done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert b"\\u30dd" in done.stderr


def test_faults_of_a_zip_are_status_1(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.write(write(tmp_path / "a.png", noise((20, 10))), "a.png")
    status, output = run("inspect", tmp_path / "x.zip")
    assert status == 1
    assert "20×10: not square" in output


def test_dedupe_says_which_of_which(sprites, tmp_path):
    write(sprites / "004-copy.png", creature(48, (230, 100, 40)))
    status, output = run("convert", sprites, tmp_path / "out.zip", "--resolution", 64, "--dedupe")
    assert status == 0
    assert "1 duplicate dropped:" in output
    assert "004-copy.png  004.png  0.00" in output


def test_quiet_says_nothing_unless_something_is_wrong(sprites, tmp_path):
    assert run("convert", sprites, tmp_path / "a.zip", "--quiet", "--exclude", "*.txt") == (0, "")
    status, output = run("convert", sprites, tmp_path / "b.zip", "--quiet")
    assert (status, "note.txt" in output, "pictures/s" in output) == (0, True, False)


def test_every_setting_is_an_option_with_the_default_of_its_field():
    options = {parameter.name: parameter for parameter in cli.commands["convert"].params}
    for field in dataclasses.fields(ConvertOptions):
        assert options[field.name].default == field.default
        assert options[field.name].help == field.metadata["help"]
    assert set(options) - {field.name for field in dataclasses.fields(ConvertOptions)} == {
        "sources", "dest", "workers", "overwrite", "quiet",
    }  # fmt: skip


@pytest.mark.parametrize("command", [(), ("convert",), ("inspect",), ("fetch",), ("forge",)])
def test_help_is_quick_because_it_imports_nothing_heavy(command):
    code = (
        "import sys; from dataset_tool.cli import cli\n"
        "try: cli(sys.argv[1:] + ['--help'])\n"
        "except SystemExit: pass\n"
        "print(sorted({'torch', 'numpy', 'PIL', 'requests', 'tqdm', 'kagglehub'} & sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *command],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=ROOT,
        timeout=60,
    )
    assert done.stdout.rstrip().endswith("[]"), done.stdout + done.stderr
    assert "Usage:" in done.stdout


def test_converting_imports_neither_torch_nor_the_network(sprites, tmp_path):
    code = (
        "import sys; from pathlib import Path; from dataset_tool.convert import convert, ConvertOptions\n"
        "convert([Path(sys.argv[1])], Path(sys.argv[2]), ConvertOptions(16), progress=False)\n"
        "print(sorted({'torch', 'requests', 'kagglehub', 'stylegan_pokemon'} & sys.modules.keys()))"
    )
    words = [sys.executable, "-c", code, str(sprites), str(tmp_path / "out.zip")]
    done = subprocess.run(words, capture_output=True, text=True, encoding="utf-8", cwd=ROOT, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr


def test_version():
    assert run("--version") == (0, f"dataset_tool, version {dataset_tool.__version__}\n")
    assert dataset_tool.__version__ == stylegan_pokemon.__version__


ENDED = "stopped by a signal; files already written are whole and stay"


@pytest.mark.skipif(os.name == "nt", reason="Windows sends Ctrl-C to whole consoles only")
@pytest.mark.parametrize(
    ("number", "send", "said"),
    [("SIGINT", "killpg", "interrupted"), ("SIGHUP", "killpg", ENDED), ("SIGTERM", "kill", ENDED)],
)
def test_a_signal_ends_with_one_line_and_nothing_written(tmp_path, number, send, said):
    picture = encoded(noise((160, 160)), "PNG")
    for index in range(400):
        write(tmp_path / "src" / f"{index}.png", picture)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    words = ["convert", "src", "out/out.zip", "--resolution", "1024", "--workers", "2"]
    process = subprocess.Popen(
        [sys.executable, "-m", "dataset_tool", *words],
        cwd=tmp_path,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # A shell has its background jobs ignore Ctrl-C, and nohup SIGHUP; children inherit that.
        preexec_fn=lambda: signal.signal(signal.Signals[number], signal.SIG_DFL),
    )
    deadline = time.monotonic() + 60
    while not (tmp_path / "out").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(1.0)
    getattr(os, send)(process.pid, signal.Signals[number])
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.Signals[number], errors
    assert errors.strip().splitlines()[-1] == said
    assert "Traceback" not in errors
    assert list((tmp_path / "out").iterdir()) == []
