"""The zoo from the outside, against a server that breaks off, lies, redirects, refuses and changes."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys

import pytest
from click.testing import CliRunner

from dataset_tool import fetch as fetch_module
from stylegan_pokemon.checkpoint import load, zoo
from stylegan_pokemon.cli import locate
from stylegan_pokemon.cli.convert import convert
from stylegan_pokemon.cli.finetune import finetune
from stylegan_pokemon.cli.generate import main as generate
from stylegan_pokemon.cli.zoo import zoo as command
from tests.conftest import FIXTURES, ROOT
from tests.serving import serving
from tests.training.pictures import write_dataset

CRAYON = ROOT / "pretrained" / "crayon32.safetensors"
CONTENT = (FIXTURES / "uncond32.pkl").read_bytes()


@pytest.fixture
def server():
    with serving(CONTENT) as running:
        yield running


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("STYLEGAN_POKEMON_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(fetch_module, "_FIRST_PAUSE_SECONDS", 0.0)
    return tmp_path / "cache" / "checkpoints"


@pytest.fixture
def served(server, tmp_path, monkeypatch):
    """The zoo's ffhq512 comes from the local server."""
    manifest = json.loads((ROOT / "pretrained" / "zoo.json").read_text(encoding="utf-8"))
    for row in manifest["networks"]:
        row["url"] = row["url"] and server.url("good", row["name"] + ".pkl")
    changed = tmp_path / "zoo.json"
    changed.write_text(json.dumps(manifest), encoding="utf-8")
    monkeypatch.setattr(zoo, "embedded_file", lambda name: changed if name == changed.name else CRAYON)
    return server


def invoke(tool, *arguments):
    return CliRunner().invoke(tool, [str(argument) for argument in arguments])


def kept(cache):
    """What lies in the cache but for locks."""
    return sorted(path.name for path in cache.glob("*") if path.suffix != ".lock")


def test_the_list_names_every_network_with_size_licence_and_whether_it_is_here(served, cache):
    before = invoke(command)
    assert before.exit_code == 0, before.output
    lines = {line.split()[0]: line.split() for line in before.output.splitlines() if line}
    assert lines["ffhq512"] == ["ffhq512", "512×512", "no", "347", "pytorch", "NVIDIA", "research"]
    assert lines["crayon32"][-2:] == ["Apache-2.0", "yes"]
    assert "research and evaluation only, and so is what is fine-tuned from it" in before.output
    assert max(map(len, before.output.split("\n\n")[0].splitlines())) <= 80
    assert invoke(command, "fetch", "ffhq512").exit_code == 0
    after = {line.split()[0]: line.split() for line in invoke(command).output.splitlines() if line}
    assert after["ffhq512"][-1] == "yes"
    assert after["ffhq256"][-1] != "yes"
    assert "?" in after["stylegan2-car"]


def test_fetch_prints_the_licence_and_the_path_and_records_the_checksum(served, cache):
    result = invoke(command, "fetch", "ffhq512")
    assert result.exit_code == 0, result.output
    assert "licence of ffhq512: NVIDIA Source Code License: research and evaluation only" in result.output
    assert result.output.splitlines()[-1] == str(cache / "ffhq512.pkl")
    record = json.loads((cache / "ffhq512.pkl.json").read_text())
    assert record["sha256"] == hashlib.sha256(CONTENT).hexdigest()
    assert "downloading" not in invoke(command, "fetch", "ffhq512").output
    assert len(served.requests) == 1


@pytest.mark.parametrize("behaviour", ["good", "breaks", "moved"])
def test_a_download_arrives_whole(server, cache, behaviour):
    result = invoke(command, "fetch", server.url(behaviour))
    assert result.exit_code == 0, result.output
    (path,) = cache.glob("*.pkl")
    assert path.read_bytes() == CONTENT
    assert kept(cache) == [path.name, path.name + ".json"]
    if behaviour == "breaks":
        third = len(CONTENT) // 3 + 1
        assert [wanted for _, wanted in server.requests][:3] == [
            None,
            f"bytes={third}-",
            f"bytes={2 * third}-",
        ]


def test_a_broken_download_goes_on_with_the_next_command(server, cache):
    third = len(CONTENT) // 3 + 1
    for start in (None, f"bytes={third}-"):
        server.down = False
        server.requests.clear()
        result = invoke(command, "fetch", server.url("dies"))
        assert server.requests[0] == ("dies", start)
        assert result.exit_code == 2
        assert "later to continue where it stopped" in result.stderr
    server.down = False
    assert invoke(command, "fetch", server.url("dies")).exit_code == 0
    (path,) = cache.glob("*.pkl")
    assert path.read_bytes() == CONTENT


REFUSED = {
    "claims_more": "cannot be downloaded after",
    "claims_less": "ends in the middle of a pickle",
    "claims_terabytes": "is larger than 4 GiB, as no checkpoint is",
    "astray": "not followed",
    "circle": "redirects more than 5 times",
    "missing": "404",
    "failing": "500",
    "page": "is a web page",
    "message": "is no pickle",
}


@pytest.mark.parametrize("behaviour", REFUSED)
def test_a_bad_answer_is_one_sentence_and_nothing_is_kept(server, cache, behaviour):
    result = invoke(command, "fetch", server.url(behaviour))
    assert result.exit_code == 2, result.output
    error = result.stderr
    assert error.startswith("Error: ")
    assert error.count("\n") == 1
    assert REFUSED[behaviour] in error
    assert server.url(behaviour) in error
    assert "--max-size" not in error  # an option of another program
    assert not list(cache.glob("*.pkl"))
    assert not list(cache.glob("*.pkl.json"))


def test_more_bytes_than_any_checkpoint_has_are_refused_while_they_come(server, monkeypatch, cache):
    monkeypatch.setattr(locate, "MAX_BYTES", len(CONTENT) - 1)
    result = invoke(command, "fetch", server.url("good"))
    assert result.exit_code == 2
    assert "is larger than" in result.stderr
    assert kept(cache) == []


def test_offline_it_says_what_to_put_where(cache):
    address = "http://127.0.0.1:9/ffhq-mine.pkl"
    result = invoke(command, "fetch", address)
    assert result.exit_code == 2
    assert "no connection" in result.stderr
    assert f"or download {address} by other means and put it at {cache}" in result.stderr
    assert "--resume FILE" in result.stderr
    place = result.stderr.partition("put it at ")[2].partition(", or")[0]
    shutil.copy(FIXTURES / "uncond32.pkl", place)
    assert invoke(command, "fetch", address).exit_code == 0
    assert load(address).G_ema.img_resolution == 32


def test_content_that_changed_since_the_first_download_is_refused(served, cache):
    assert invoke(command, "fetch", "ffhq512").exit_code == 0
    (cache / "ffhq512.pkl").unlink()
    served.content, served.etag = CONTENT[:-2] + b"\0.", '"v2"'
    result = invoke(command, "fetch", "ffhq512")
    assert result.exit_code == 2
    first, second = (hashlib.sha256(content).hexdigest()[:12] for content in (CONTENT, served.content))
    assert f"now has the checksum {second}…, not {first}…" in result.stderr
    assert kept(cache) == ["ffhq512.pkl.json"]


def test_a_file_of_the_cache_that_changed_is_refused(served, cache):
    assert invoke(command, "fetch", "ffhq512").exit_code == 0
    (cache / "ffhq512.pkl").write_bytes(CONTENT[:-2] + b"\0.")
    result = invoke(generate, "--network", "ffhq512", "--seeds", "0")
    assert result.exit_code == 2
    assert "delete it and run `python -m stylegan_pokemon zoo fetch ffhq512`" in result.stderr


def test_a_download_shows_its_progress(server, monkeypatch):
    shown = []

    class Bar(fetch_module.tqdm):
        def __init__(self, **options):
            assert options["disable"] is False
            super().__init__(**options)

        def update(self, n=1):
            shown.append((self.total, n))

    monkeypatch.setattr(fetch_module, "tqdm", Bar)
    monkeypatch.setattr(fetch_module, "no_bar", lambda wanted: not wanted)  # as on a terminal
    assert invoke(command, "fetch", server.url("good")).exit_code == 0
    assert {total for total, _ in shown} == {len(CONTENT)}
    assert sum(n for _, n in shown) == len(CONTENT)


def test_two_processes_at_once_download_once(server, cache):
    line = [sys.executable, "-m", "stylegan_pokemon", "zoo", "fetch", server.url("good")]
    both = [
        subprocess.Popen(line, cwd=ROOT, env=os.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    said = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert len(server.requests) == 1
    (path,) = cache.glob("*.pkl")
    assert path.read_bytes() == CONTENT


def test_resume_takes_an_address(server, tmp_path):
    data = write_dataset(tmp_path / "d32.zip", resolution=32)
    options = ["--data", data, "--device", "cpu", "--outdir", tmp_path / "runs", "--dry-run"]
    result = invoke(finetune, "--resume", server.url("good"), *options)
    assert result.exit_code == 0, result.output
    assert re.search(r"G_ema +G_ema +\d+ +0 +0\n", result.output), result.output
    assert f"licence of {server.url('good')}: unknown; ask its publisher" in result.output


def test_resume_takes_a_name_and_remembers_the_file(served, cache, tmp_path):
    data = write_dataset(tmp_path / "d32.zip", resolution=32)
    sizes = ["--kimg", "0.004", "--batch", "4", "--tick", "1", "--device", "cpu", "--metrics", "none"]
    result = invoke(finetune, "--resume", "ffhq512", "--data", data, *sizes, "--outdir", tmp_path / "runs")
    assert result.exit_code == 0, result.output
    assert "licence of ffhq512: NVIDIA Source Code License" in result.output
    config = json.loads((tmp_path / "runs" / "00000-d32-from-ffhq512" / "config.json").read_text())
    assert config["start"] == str(cache / "ffhq512.pkl")


@pytest.mark.parametrize(("option", "value"), [("--kimg", "nan"), ("--data", "nowhere.zip")])
def test_nothing_is_downloaded_for_options_that_are_wrong(served, option, value):
    result = invoke(finetune, "--resume", "ffhq512", option, value)
    assert result.exit_code == 2
    assert option in result.stderr
    assert served.requests == []


@pytest.mark.parametrize("what", ["ffhq512", "address", "crayon32"])
def test_generate_and_convert_take_names_and_addresses(served, tmp_path, monkeypatch, what):
    monkeypatch.chdir(tmp_path)
    network = served.url("good") if what == "address" else what
    result = invoke(generate, "--network", network, "--seeds", "0-1", "--outdir", "out")
    assert result.exit_code == 0, result.output
    assert f"licence of {network}: " in result.output
    assert (tmp_path / "out" / "seed0001.png").is_file()
    result = invoke(convert, network, "mine.safetensors", "--only", "G_ema")
    assert result.exit_code == 0, result.output
    assert load("mine.safetensors").G_ema.img_resolution == 32


@pytest.mark.parametrize(
    ("tool", "arguments", "option"),
    [
        (finetune, ["--resume", "fhq512", "--device", "cpu"], "--resume"),
        (generate, ["--network", "fhq512"], "--network"),
        (convert, ["fhq512", "out.safetensors"], "IN"),
        (command, ["fetch", "fhq512"], "NAME|URL"),
    ],
)
def test_an_unknown_name_is_one_sentence_that_names_the_option_and_the_nearest(tool, arguments, option):
    result = invoke(tool, *arguments)
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert f"{option} fhq512 does not exist and is no name in the zoo (near: ffhq512" in result.stderr
