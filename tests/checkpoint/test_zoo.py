"""Names, addresses, the cache and its checksums; the downloads themselves are in tests/cli/test_zoo.py."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import threading
import time
from pathlib import Path

import pytest
import torch

from stylegan_pokemon.cache import cache_folder
from stylegan_pokemon.checkpoint import load, zoo
from stylegan_pokemon.errors import UserError
from tests.conftest import FIXTURES, ROOT

CONTENT = (FIXTURES / "uncond32.pkl").read_bytes()
CRAYON = ROOT / "pretrained" / "crayon32.safetensors"
ADDRESS = "https://example.org/networks/mine.pkl"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("STYLEGAN_POKEMON_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "checkpoints"


def bringing(content, calls=None):
    """A downloader that brings this content."""

    def download(url, path):
        if calls is not None:
            calls.append(url)
        path.write_bytes(content)
        return hashlib.sha256(content).hexdigest()

    return download


def names(folder):
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".lock")


def test_the_manifest_lists_the_published_networks_with_their_licences():
    found = zoo.entries()
    ada = "https://nvlabs-fi-cdn.nvidia.com/stylegan2-ada-pytorch/pretrained/"
    sources = ada + "transfer-learning-source-nets/"
    ngc = "https://api.ngc.nvidia.com/v2/models/nvidia/research/stylegan2/versions/1/files/"
    expected = {
        "ffhq": (ada + "ffhq.pkl", 1024, False, "pytorch"),
        "cifar10": (ada + "cifar10.pkl", 32, True, "pytorch"),
        "afhqwild": (ada + "afhqwild.pkl", 512, False, "pytorch"),
        "ffhq256": (sources + "ffhq-res256-mirror-paper256-noaug.pkl", 256, False, "pytorch"),
        "ffhq512": (sources + "ffhq-res512-mirror-stylegan2-noaug.pkl", 512, False, "pytorch"),
        "lsundog256": (sources + "lsundog-res256-paper256-kimg100000-noaug.pkl", 256, False, "pytorch"),
        "ngc-ffhq-512": (ngc + "stylegan2-ffhq-512x512.pkl", 512, None, "pytorch"),
        "ngc-metfaces-1024": (ngc + "stylegan2-metfaces-1024x1024.pkl", 1024, None, "pytorch"),
        "stylegan2-car": (
            "https://nvlabs-fi-cdn.nvidia.com/stylegan2/networks/stylegan2-car-config-f.pkl",
            None,
            None,
            "tensorflow",
        ),
    }
    for name, facts in expected.items():
        entry = found[name]
        assert (entry.url, entry.resolution, entry.conditional, entry.format) == facts
    published = [entry for entry in found.values() if entry.url]
    assert len(published) == 12 + 12 + 5
    assert len({entry.url for entry in published}) == len({entry.path for entry in published}) == 29
    assert all("research and evaluation only" in entry.licence.text for entry in published)
    assert {entry.mib for entry in published if entry.resolution == 512} == {347}


def test_every_embedded_checkpoint_is_listed_as_what_it_is():
    embedded = {name: entry for name, entry in zoo.entries().items() if entry.url is None}
    assert set(embedded) == {path.stem for path in (ROOT / "pretrained").glob("*.safetensors")}
    for entry in embedded.values():
        generator = load(entry.path).G_ema
        assert (entry.resolution, entry.conditional) == (generator.img_resolution, generator.c_dim > 0)
        assert entry.mib == round(entry.path.stat().st_size / 2**20, 1)
        assert entry.licence.short == "Apache-2.0"


def test_the_embedded_checkpoint_loads_by_name():
    by_name, by_path = load("crayon32").G_ema.state_dict(), load(CRAYON).G_ema.state_dict()
    assert all(torch.equal(by_name[key], by_path[key]) for key in by_path)


def test_a_file_wins_over_a_name_in_the_zoo(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(CRAYON, "ffhq512")
    assert zoo.identify("ffhq512") == Path("ffhq512")
    with pytest.raises(UserError, match=r"ffhq512 is a safetensors .* rename it to ffhq512\.safetensors"):
        load("ffhq512")


@pytest.mark.parametrize(
    ("what", "near"), [("fhq512", "ffhq512"), ("ffhq512.pkl", "ffhq512"), ("Metfaces", "metfaces")]
)
def test_an_unknown_name_is_one_sentence_with_the_nearest_ones(what, near):
    with pytest.raises(
        UserError, match=rf"{what} does not exist .*\(near: .*{near}.*python -m stylegan_pokemon zoo"
    ):
        load(what)
    with pytest.raises(UserError) as error:
        load("nothing/like/it.pkl")
    assert "near" not in str(error.value)


def test_without_a_downloader_the_command_that_fetches_is_named(cache):
    with pytest.raises(UserError, match=r"run `python -m stylegan_pokemon zoo fetch ffhq512` first"):
        load("ffhq512")
    with pytest.raises(UserError, match=rf'zoo fetch "{ADDRESS}"'):
        load(ADDRESS)
    assert not cache.exists()


def test_a_download_lies_in_the_cache_with_its_checksum_and_is_not_repeated(cache):
    calls, said = [], []
    path = zoo.locate("ffhq512", bringing(CONTENT, calls), said.append)
    assert path == cache / "ffhq512.pkl"
    assert path.read_bytes() == CONTENT
    assert "about 347 MiB" in said[0]
    assert names(cache) == ["ffhq512.pkl", "ffhq512.pkl.json"]
    record = json.loads((cache / "ffhq512.pkl.json").read_text())
    assert record["sha256"] == hashlib.sha256(CONTENT).hexdigest()
    assert record["source"] == calls[0] == zoo.entries()["ffhq512"].url
    assert zoo.locate("ffhq512", bringing(b"", calls)) == path
    assert len(calls) == 1
    assert load("ffhq512").G_ema.img_resolution == 32


def test_a_file_put_there_by_hand_is_recorded_and_compared_ever_after(cache):
    cache.mkdir(parents=True)
    path = cache / "ffhq512.pkl"
    shutil.copy(FIXTURES / "uncond32.pkl", path)
    assert load("ffhq512").G_ema.img_resolution == 32
    path.write_bytes(CONTENT[:-1] + b"x")
    with pytest.raises(
        UserError, match=r"has the checksum \w{12}…, not \w{12}… .*delete it and run .*zoo fetch"
    ):
        load("ffhq512")


@pytest.mark.parametrize(
    ("content", "flaw"),
    [
        (b"<!doctype html><html></html>", "is no pickle but a web page"),
        (b"", "is no pickle but an empty file"),
        (CONTENT[:-1], "ends in the middle of a pickle"),
    ],
)
def test_a_file_put_there_by_hand_that_is_no_checkpoint_is_one_sentence(cache, content, flaw):
    cache.mkdir(parents=True)
    (cache / "ffhq512.pkl").write_bytes(content)
    with pytest.raises(UserError, match=rf"ffhq512\.pkl {flaw}; delete it and run"):
        load("ffhq512")
    assert names(cache) == ["ffhq512.pkl"]


def test_a_file_is_hashed_again_only_when_its_size_or_time_changed(cache, monkeypatch):
    path = zoo.locate("ffhq512", bringing(CONTENT))
    hashed, sha256 = [], zoo.sha256_of
    monkeypatch.setattr(zoo, "sha256_of", lambda file: hashed.append(file) or sha256(file))
    zoo.locate("ffhq512")
    assert hashed == []
    os.utime(path, (1, 1))
    zoo.locate("ffhq512")
    zoo.locate("ffhq512")
    assert hashed == [path]


def test_a_source_that_changed_since_its_first_download_is_refused(cache):
    path = zoo.locate("ffhq512", bringing(CONTENT))
    path.unlink()
    other = CONTENT[:-2] + b"\0."
    with pytest.raises(
        UserError, match=r"now has the checksum .* trust the change, delete .*ffhq512\.pkl\.json"
    ):
        zoo.locate("ffhq512", bringing(other))
    assert names(cache) == ["ffhq512.pkl.json"]
    assert zoo.locate("ffhq512", bringing(CONTENT)) == path
    path.unlink()
    (cache / "ffhq512.pkl.json").unlink()
    assert zoo.locate("ffhq512", bringing(other)).read_bytes() == other


@pytest.mark.parametrize(
    ("address", "content", "flaw"),
    [
        (ADDRESS, CONTENT[: len(CONTENT) // 2], "ends in the middle of a pickle"),
        (ADDRESS, b'{"error": "quota exceeded"}', "is no pickle"),
        ("https://example.org/a.safetensors", CRAYON.read_bytes()[:-1], "is no whole safetensors file"),
        ("https://example.org/a.safetensors", b"no", "is no whole safetensors file"),
    ],
)
def test_what_is_no_whole_checkpoint_is_neither_kept_nor_recorded(cache, address, content, flaw):
    with pytest.raises(UserError, match=f"{address} {flaw}"):
        zoo.locate(address, bringing(content))
    assert names(cache) == []


def test_a_damaged_record_counts_as_none(cache):
    path = zoo.locate("ffhq512", bringing(CONTENT))
    record = cache / "ffhq512.pkl.json"
    for damaged in ("{", "[]", "{}", '{"sha256": 3}'):
        record.write_text(damaged)
        assert zoo.locate("ffhq512") == path
        assert json.loads(record.read_text())["bytes"] == len(CONTENT)


def test_addresses_keep_their_suffix_and_do_not_meet():
    download = bringing(CONTENT)
    addresses = [
        ADDRESS,
        ADDRESS + "?version=2",
        ADDRESS.replace("networks", "other"),
        ADDRESS.replace("mine.pkl", "%2e%2e%2F%2e%2e%2Fmine.PKL"),
        ADDRESS.replace("mine", "ein Bär: " + "x" * 300),
    ]
    paths = [zoo.locate(address, download) for address in addresses]
    assert len(set(paths)) == len(addresses)
    for path in paths:
        assert path.suffix == ".pkl"
        assert path.parent == cache_folder() / "checkpoints"
        assert len(path.name) < 90
        assert path.name.isascii()
    assert paths[0].name.startswith("mine-")
    assert zoo.locate(ADDRESS + "#top") == paths[0]


def test_the_address_of_a_network_of_the_zoo_is_that_network():
    entry = zoo.entries()["metfaces"]
    assert zoo.identify(entry.url) == entry


def test_passwords_and_tokens_are_neither_written_nor_repeated(cache):
    secret = "https://me:hunter2@example.org/mine.pkl?token=t0ps3cret"
    said = []
    zoo.locate(secret, bringing(CONTENT), said.append)
    written = " ".join(said) + "".join(path.name for path in cache.iterdir())
    written += "".join(path.read_text() for path in cache.glob("*.json"))
    with pytest.raises(UserError) as error:
        zoo.locate(secret.replace("mine", "other"))
    for word in ("hunter2", "t0ps3cret"):
        assert word not in written + str(error.value)


@pytest.mark.parametrize(
    ("address", "complaint"),
    [
        ("ftp://example.org/x.pkl", "begins with https:// or http://"),
        ("file:///etc/passwd.pkl", "begins with https:// or http://"),
        ("http:///x.pkl", "begins with https:// or http://"),
        ("http://[x/x.pkl", "no valid address"),
        ("https://example.org/x.zip", r"neither in \.pkl nor in \.safetensors"),
        ("https://example.org/", r"neither in \.pkl nor in \.safetensors"),
        ("https://example.org/download?file=x.pkl", r"neither in \.pkl nor in \.safetensors"),
    ],
)
def test_addresses_that_cannot_be_used_are_one_sentence(address, complaint):
    with pytest.raises(UserError, match=complaint):
        zoo.locate(address, bringing(CONTENT))


def test_a_failed_download_says_what_to_put_where(cache):
    def offline(url, path):
        raise UserError("no connection")

    with pytest.raises(UserError) as error:
        zoo.locate("ffhq512", offline)
    for word in ("no connection", zoo.entries()["ffhq512"].url, str(cache / "ffhq512.pkl"), "--resume FILE"):
        assert word in str(error.value)


def test_the_cache_is_where_the_environment_variable_says(monkeypatch):
    monkeypatch.setenv("STYLEGAN_POKEMON_CACHE", os.path.join("~", "nets"))
    assert cache_folder() == Path.home() / "nets"
    monkeypatch.delenv("STYLEGAN_POKEMON_CACHE")
    assert "stylegan_pokemon" in cache_folder().parts


def test_a_cache_that_cannot_be_written_is_one_sentence(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("STYLEGAN_POKEMON_CACHE", str(tmp_path / "file"))
    with pytest.raises(UserError, match="set STYLEGAN_POKEMON_CACHE to another folder"):
        zoo.locate("ffhq512", bringing(CONTENT))

    def full(url, path):
        raise OSError(28, "No space left on device")

    monkeypatch.setenv("STYLEGAN_POKEMON_CACHE", str(tmp_path / "cache"))
    with pytest.raises(UserError, match="No space left on device; make room"):
        zoo.locate("ffhq512", full)


def test_two_at_once_download_once():
    calls, said, paths = [], [], []

    def slow(url, path):
        time.sleep(0.2)
        return bringing(CONTENT, calls)(url, path)

    threads = [
        threading.Thread(target=lambda: paths.append(zoo.locate("ffhq512", slow, said.append)))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1
    assert len(paths) == 3
    assert len(set(paths)) == 1
    assert any("another process is downloading" in line for line in said)
