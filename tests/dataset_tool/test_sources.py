"""Files are found in a stable order wherever they lie, and nothing unsafe is ever opened."""

from __future__ import annotations

import os
import random
import stat
import unicodedata
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_tool.problems import UserError
from dataset_tool.reading import sources
from dataset_tool.reading.sources import close_archives, list_sources, natural_key, read_entry
from tests.dataset_tool.pictures import write


@pytest.fixture(autouse=True)
def _closed():
    yield
    close_archives()


def make_zip(path: Path, files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def names(*paths: Path, **options: object) -> list[str]:
    return [entry.name for entry in list_sources(paths, **options).entries]


def reasons(*paths: Path) -> dict[str, str]:
    return {problem.file: problem.reason for problem in list_sources(paths).problems}


def test_natural_order():
    texts = [
        "img10.png",
        "img9.png",
        "IMG1.png",
        "img09.png",
        "a/2/x",
        "a/10/x",
        "25-belle",
        "25",
        "150-mega-x",
    ]
    assert sorted(texts, key=natural_key) == [
        "25", "25-belle", "150-mega-x", "a/2/x", "a/10/x", "IMG1.png", "img9.png", "img09.png", "img10.png",
    ]  # fmt: skip


@given(st.lists(st.text(alphabet="aB09/-é", max_size=12), unique=True))
def test_natural_order_is_total_and_does_not_depend_on_the_start(texts):
    shuffled = random.Random(0).sample(texts, len(texts))
    assert sorted(texts, key=natural_key) == sorted(shuffled, key=natural_key)
    assert len({natural_key(text) for text in texts}) == len(texts)


def test_folders_are_searched_recursively(tmp_path):
    for name in ("b/10.png", "b/9.png", "a.png", "b/c/d/e.png"):
        write(tmp_path / name, b"x")
    assert names(tmp_path) == ["a.png", "b/9.png", "b/10.png", "b/c/d/e.png"]


def test_zips_are_read_like_folders(tmp_path):
    archive = make_zip(tmp_path / "s.zip", {"b/10.png": b"ten", "b/9.png": b"nine", "empty/": b""})
    entries = list_sources([archive]).entries
    assert [(entry.name, read_entry(entry)) for entry in entries] == [
        ("b/9.png", b"nine"),
        ("b/10.png", b"ten"),
    ]


def test_single_files_keep_their_names_and_several_sources_are_told_apart(tmp_path):
    first, second = write(tmp_path / "x/1.png", b"1"), write(tmp_path / "y/1.png", b"2")
    other = write(tmp_path / "y/2.png", b"2")
    archive = make_zip(tmp_path / "x.zip", {"1.png": b"3"})
    assert names(first) == ["1.png"]
    assert names(first, other) == ["1.png", "2.png"]
    assert names(tmp_path / "x", archive) == ["x/1.png", "x-2/1.png"]
    assert names(first, second) == ["1/1.png", "1-2/1.png"]


def test_droppings_of_systems_are_not_worth_a_problem(tmp_path):
    for name in (
        ".DS_Store",
        "Thumbs.db",
        "desktop.ini",
        ".git/HEAD",
        "__MACOSX/._1.png",
        "sub/._2.png",
        "@eaDir/1.png/SYNOPHOTO_THUMB_M.jpg",
        ".@__thumb/s1001.png",
        "#recycle/1.png",
        "$RECYCLE.BIN/S-1-5/1.png",
        ".Trash/1.png",
        "System Volume Information/1.png",
        "sub/ehthumbs.db",
        "1.png",
    ):
        write(tmp_path / name, b"x")
    listing = list_sources([tmp_path])
    assert [entry.name for entry in listing.entries] == ["1.png"]
    assert listing.problems == ()


def test_include_and_exclude_patterns(tmp_path):
    for name in ("1.PNG", "2.png", "shiny/3.png", "shiny/4.gif", "note.txt"):
        write(tmp_path / name, b"x")
    assert names(tmp_path, include=["*.png"]) == ["1.PNG", "2.png", "shiny/3.png"]
    assert names(tmp_path, include=["*.png"], exclude=["shiny/*"]) == ["1.PNG", "2.png"]
    assert names(tmp_path, include=["[12].*", "*.gif"]) == ["1.PNG", "2.png", "shiny/4.gif"]
    listing = list_sources([tmp_path], include=["*.png"], exclude=["*.jpg"])
    assert listing.unused_patterns == ("--exclude *.jpg",)


def test_the_zip_that_is_being_written_is_no_source_of_itself(tmp_path):
    write(tmp_path / "1.png", b"x")
    target = make_zip(tmp_path / "out.zip", {"a": b"b"})
    assert names(tmp_path, skip=[target]) == ["1.png"]


def test_links_are_followed_to_files_only(tmp_path):
    real = write(tmp_path / "real/1.png", b"x")
    folder = tmp_path / "src"
    folder.mkdir()
    try:
        (folder / "good.png").symlink_to(real)
    except OSError:
        pytest.skip("this system allows no links")
    (folder / "broken.png").symlink_to(tmp_path / "gone.png")
    (folder / "loop").symlink_to(folder, target_is_directory=True)
    assert names(folder) == ["good.png"]
    assert reasons(folder) == {
        "broken.png": "a broken link",
        "loop": "a link to a folder, not followed: give the folder as a source",
    }


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes in folders")
def test_pipes_are_never_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    assert reasons(tmp_path) == {"pipe.png": "not a regular file"}


def test_empty_and_oversized_files_are_problems(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "MAX_FILE_BYTES", 2**20)
    write(tmp_path / "empty.png", b"")
    write(tmp_path / "big.png", bytes(2**20 + 1))
    assert reasons(tmp_path) == {"big.png": "1 MiB, larger than 1 MiB", "empty.png": "empty file"}


def test_unsafe_entries_of_a_zip_are_problems(tmp_path):
    path = tmp_path / "bad.zip"
    link = zipfile.ZipInfo("link.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    secret = zipfile.ZipInfo("secret.png")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("../up.png", "/root.png", "C:\\disk.png", "a/../../b.png"):
            archive.writestr(name, b"x")
        archive.writestr(link, b"/etc/passwd")
        archive.writestr(secret, b"x")
        archive.writestr("empty.png", b"")
        archive.writestr("bomb.bmp", bytes(40 * 2**20))
        archive.writestr("good.png", b"x")
    data = bytearray(path.read_bytes())
    directory = data.rfind(b"secret.png") - 46
    assert data[directory : directory + 4] == b"PK\x01\x02"
    data[directory + 8] |= 1
    path.write_bytes(data)
    found = reasons(path)
    assert names(path) == ["good.png"]
    assert {name: reason.split(":")[0] for name, reason in found.items()} == {
        "../up.png": "an unsafe path",
        "/root.png": "an unsafe path",
        "C:/disk.png": "an unsafe path",
        "a/../../b.png": "an unsafe path",
        "bomb.bmp": "a decompression bomb",
        "empty.png": "empty file",
        "link.png": "a link inside the archive",
        "secret.png": "encrypted",
    }


@pytest.mark.parametrize(
    "pattern",
    ["fire/", "Fire\\*", "./Fire/a [x].png", "a [X].png", "one/Fire/a [x].png", "SRC/one/Fire/a [x].png"],
)
def test_patterns_may_be_folders_or_the_names_that_messages_and_the_shell_write(tmp_path, pattern):
    for name in ("one/Fire/a [x].png", "one/b.png", "two/fire.png"):
        write(tmp_path / name, b"x")
    sources = [tmp_path / "one", tmp_path / "two"]
    listing = list_sources(sources, exclude=[pattern.replace("SRC", tmp_path.as_posix())])
    assert [entry.name for entry in listing.entries] == ["one/b.png", "two/fire.png"]
    assert listing.unused_patterns == ()


def test_a_pattern_is_composed_as_names_are(tmp_path):
    write(tmp_path / "Électrik.png", b"x")
    nfd = unicodedata.normalize("NFD", "é*")
    assert list_sources([tmp_path], exclude=[nfd]).entries == ()


def test_a_file_of_two_sources_is_used_once(tmp_path):
    write(tmp_path / "a" / "b" / "1.png", b"x")
    listing = list_sources([tmp_path / "a", tmp_path / "a" / "b", tmp_path / "a" / "b" / "1.png"])
    assert [entry.name for entry in listing.entries] == ["a/b/1.png"]
    assert [problem.reason for problem in listing.problems] == ["already in the set, as a/b/1.png"] * 2


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_occurs_twice_in_a_zip_is_used_once(tmp_path):
    path = tmp_path / "twice.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("1.png", b"first")
        archive.writestr("1.png", b"second")
    entry, *others = list_sources([path]).entries
    assert (read_entry(entry), others) == (b"first", [])
    assert reasons(path) == {"1.png": "the name occurs twice; convert uses the first"}


@pytest.mark.parametrize("share", [0.3, 0.7, 0.99])
def test_a_truncated_zip_is_one_sentence(tmp_path, share):
    path = make_zip(tmp_path / "s.zip", {f"{index}.png": os.urandom(500) for index in range(20)})
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(UserError, match=r"s\.zip is a damaged or incomplete zip"):
        list_sources([path])


@pytest.mark.parametrize(
    "method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
)
def test_a_damaged_entry_of_a_zip_is_a_problem_of_that_entry(tmp_path, method):
    content = os.urandom(5000)
    path = make_zip(tmp_path / "s.zip", {"1.png": content, "2.png": content}, method)
    data = bytearray(path.read_bytes())
    data[2000:2100] = bytes(100)
    path.write_bytes(data)
    first, second = list_sources([path]).entries
    with pytest.raises(ValueError, match=r"damaged in the archive|cannot be read"):
        read_entry(first)
    assert read_entry(second) == content


def test_archives_are_bounded_as_a_whole(tmp_path, monkeypatch):
    path = make_zip(tmp_path / "s.zip", {f"{index}.png": bytes(100) for index in range(20)})
    monkeypatch.setattr(sources, "MAX_ARCHIVE_BYTES", 1999)
    with pytest.raises(UserError, match="would unpack to"):
        list_sources([path])
    monkeypatch.setattr(sources, "MAX_ARCHIVE_ENTRIES", 19)
    with pytest.raises(UserError, match="holds 20 entries"):
        list_sources([path])


def test_sources_that_do_not_exist_are_one_sentence(tmp_path):
    with pytest.raises(UserError, match="gone does not exist"):
        list_sources([tmp_path / "gone"])


def test_a_file_that_vanishes_between_listing_and_reading_is_a_problem(tmp_path):
    path = write(tmp_path / "1.png", b"x")
    (entry,) = list_sources([tmp_path]).entries
    path.unlink()
    with pytest.raises(ValueError, match="cannot be read"):
        read_entry(entry)
