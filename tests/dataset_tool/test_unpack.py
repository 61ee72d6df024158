"""Archives from strangers: no path leaves the folder, no link is made, nothing fills the disk."""

from __future__ import annotations

import io
import os
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_tool import unpack as unpack_module
from dataset_tool.problems import UserError
from dataset_tool.unpack import Unpacked, copy_folder, is_archive, safe_parts, unpack

GIB = 2**30


def zipped(
    path: Path, files: list[tuple[str | zipfile.ZipInfo, bytes]], method: int = zipfile.ZIP_DEFLATED
) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in files:
            archive.writestr(name, data)
    return path


def tarred(path: Path, members: list[tuple[tarfile.TarInfo | str, bytes]], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:
        for member, data in members:
            info = tarfile.TarInfo(member) if isinstance(member, str) else member
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_tars_are_unpacked(tmp_path, folder, mode):
    path = tarred(
        tmp_path / "a.tar",
        [("x/1.png", b"one"), ("./2.png", b"two"), (special("x", tarfile.DIRTYPE), b"")],
        mode,
    )
    assert is_archive(path)
    assert unpack(path, folder, GIB) == Unpacked(2, 6, 0)
    assert tree(folder) == {"x/1.png": b"one", "2.png": b"two"}


def test_zips_are_unpacked(tmp_path, folder):
    path = zipped(tmp_path / "a.zip", [("x/", b""), ("x/1.png", b"one"), ("windows\\2.png", b"two")])
    assert unpack(path, folder, GIB) == Unpacked(2, 6, 0)
    assert tree(folder) == {"x/1.png": b"one", "windows/2.png": b"two"}


UNSAFE = [
    "../evil", "a/../../evil", "/evil", "//evil", "..\\evil", "C:\\evil", "C:evil", "a/..", "..", "nul",
    "x/CON.png", "com1.txt", "evil.", "evil ", "a /b", "new\nline",
    "tab\t", "que?ry", "st*r", 'quo"te', "pi|pe",
    "a:stream", "x" * 256, "é" * 128,
]  # fmt: skip


@pytest.mark.parametrize("name", UNSAFE)
def test_unsafe_paths_are_refused_and_nothing_leaves_the_folder(tmp_path, folder, name):
    with pytest.raises(UserError, match="unsafe path"):
        safe_parts(name, "a.zip")
    if "\0" not in name:
        path = zipped(tmp_path / "a.zip", [("good.png", b"x"), (name, b"evil")])
        with pytest.raises(UserError, match=r"a\.zip holds the unsafe path"):
            unpack(path, folder, GIB)
    assert {path.name for path in tmp_path.iterdir()} <= {"out", "a.zip"}


@given(st.text(max_size=60))
def test_whatever_the_name_the_path_stays_inside(name):
    try:
        parts = safe_parts(name, "archive")
    except UserError:
        return
    assert (Path("/inside").joinpath(*parts)).resolve().is_relative_to("/inside")
    assert ".." not in parts


def test_links_and_devices_are_left_out(tmp_path, folder):
    members = [
        (special("link.png", tarfile.SYMTYPE, "/etc/passwd"), b""),
        (special("hard.png", tarfile.LNKTYPE, "/etc/passwd"), b""),
        (special("fifo", tarfile.FIFOTYPE), b""),
        (special("device", tarfile.CHRTYPE), b""),
        ("link.png/through.png", b"x"),
        ("good.png", b"good"),
    ]
    assert unpack(tarred(tmp_path / "a.tar", members), folder, GIB) == Unpacked(2, 5, 4)
    assert tree(folder) == {"good.png": b"good", "link.png/through.png": b"x"}
    assert not any(path.is_symlink() for path in folder.rglob("*"))


def test_links_in_zips_are_left_out(tmp_path, folder):
    link = zipfile.ZipInfo("link.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    path = zipped(tmp_path / "a.zip", [(link, b"/etc/passwd"), ("good.png", b"good")])
    assert unpack(path, folder, GIB) == Unpacked(1, 4, 1)
    assert tree(folder) == {"good.png": b"good"}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    "names", [("a.png", "a.png"), ("a.png", "A.PNG"), ("x", "x/y"), ("X/y", "x"), ("é.png", "e\u0301.png")]
)
def test_names_that_are_one_file_on_some_system_are_refused(tmp_path, folder, names):
    path = zipped(tmp_path / "a.zip", [(name, b"x") for name in names])
    with pytest.raises(UserError, match="twice"):
        unpack(path, folder, GIB)


def test_a_bomb_is_refused_before_it_is_written(tmp_path, folder):
    path = zipped(tmp_path / "a.zip", [("bomb.bmp", bytes(70 * 2**20))])
    with pytest.raises(UserError, match="decompression bomb"):
        unpack(path, folder, GIB)
    assert tree(folder) == {}


def test_many_small_bombs_count_together(tmp_path, folder, monkeypatch):
    monkeypatch.setattr(unpack_module, "RATIO_EXEMPT_BYTES", 2**20)
    path = zipped(tmp_path / "a.zip", [(f"{index}.bmp", bytes(2**18)) for index in range(8)])
    with pytest.raises(UserError, match="decompression bomb"):
        unpack(path, folder, GIB)


def test_a_zip_that_lies_about_its_sizes_is_refused(tmp_path, folder):
    path = zipped(tmp_path / "a.zip", [("lie.png", bytes(10**6))])
    data = bytearray(path.read_bytes())
    # The size of the content in the central directory, which is what readers believe.
    place = data.rfind(b"PK\x01\x02") + 24
    data[place : place + 4] = (10).to_bytes(4, "little")
    path.write_bytes(data)
    with pytest.raises(UserError, match="damaged"):
        unpack(path, folder, GIB)
    assert sum(len(content) for content in tree(folder).values()) <= 10


def test_the_total_is_bounded_by_the_caller(tmp_path, folder):
    path = zipped(
        tmp_path / "a.zip", [("1.png", os.urandom(600)), ("2.png", os.urandom(600))], zipfile.ZIP_STORED
    )
    with pytest.raises(UserError, match="--max-size"):
        unpack(path, folder, 1000)
    assert sum(len(content) for content in tree(folder).values()) <= 1000


def test_the_number_of_entries_is_bounded(tmp_path, folder, monkeypatch):
    monkeypatch.setattr(unpack_module, "MAX_ENTRIES", 3)
    path = zipped(tmp_path / "a.zip", [(f"{index}.png", b"x") for index in range(4)])
    with pytest.raises(UserError, match="more than 3 entries"):
        unpack(path, folder, GIB)


@pytest.mark.parametrize("kind", ["zip", "tar.gz", "tar.xz"])
def test_damaged_archives_are_one_sentence(tmp_path, folder, kind):
    files = [(f"{index}.png", os.urandom(5000)) for index in range(5)]
    path = tmp_path / f"a.{kind}"
    path = zipped(path, files) if kind == "zip" else tarred(path, files, f"w:{kind[4:]}")
    data = bytearray(path.read_bytes())
    data[12_000:12_100] = bytes(100)
    path.write_bytes(data if kind == "zip" else data[:18_000])
    with pytest.raises(UserError, match=r"a\..* is a damaged archive"):
        unpack(path, folder, GIB)


def test_a_tar_with_a_damaged_header_is_not_taken_for_a_shorter_one(tmp_path, folder):
    path = tarred(tmp_path / "a.tar", [("1.png", b"one"), ("2.png", b"two")])
    data = bytearray(path.read_bytes())
    data[2 * tarfile.BLOCKSIZE + 100 : 2 * tarfile.BLOCKSIZE + 160] = b"?" * 60
    path.write_bytes(data)
    with pytest.raises(UserError, match="a header cannot be read"):
        unpack(path, folder, GIB)


def test_a_damaged_checksum_of_a_compressed_tar_is_noticed(tmp_path, folder):
    path = tarred(tmp_path / "a.tar.gz", [("1.png", b"one")], "w:gz")
    path.write_bytes(path.read_bytes()[:-8] + bytes(8))
    with pytest.raises(UserError, match="damaged"):
        unpack(path, folder, GIB)


def test_an_encrypted_zip_is_one_sentence(tmp_path, folder):
    path = zipped(tmp_path / "a.zip", [("secret.png", b"x")])
    data = bytearray(path.read_bytes())
    data[data.rfind(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(UserError, match="encrypted"):
        unpack(path, folder, GIB)


def test_folders_are_copied_without_links_and_within_the_bound(tmp_path, folder):
    origin = tmp_path / "origin"
    (origin / "sub").mkdir(parents=True)
    (origin / "sub" / "1.png").write_bytes(b"one")
    try:
        (origin / "link.png").symlink_to(origin / "sub" / "1.png")
    except OSError:
        pytest.skip("this system allows no links")
    assert copy_folder(origin, folder, GIB, "kaggle:a/b") == Unpacked(1, 3, 1)
    assert tree(folder) == {"sub/1.png": b"one"}
    with pytest.raises(UserError, match="kaggle:a/b"):
        copy_folder(origin, folder, 2, "kaggle:a/b")
