"""Archives from strangers: no path leaves the folder, no link is made, nothing fills the disk."""

from __future__ import annotations

import io
import os
import stat
import tarfile
import unicodedata
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset_tool import unpack as unpack_module
from dataset_tool.pokedex import find_species
from dataset_tool.problems import UserError
from dataset_tool.reading.sources import close_archives, list_sources, read_entry
from dataset_tool.unpack import Unpacked, _Paths, copy_folder, is_archive, parts_inside, safe_name, unpack
from tests.dataset_tool.pictures import encoded, noise

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
    assert unpack(path, folder, GIB) == Unpacked(2, 6)
    assert tree(folder) == {"x/1.png": b"one", "2.png": b"two"}


def test_zips_are_unpacked(tmp_path, folder):
    path = zipped(tmp_path / "a.zip", [("x/", b""), ("x/1.png", b"one"), ("windows\\2.png", b"two")])
    assert unpack(path, folder, GIB) == Unpacked(2, 6)
    assert tree(folder) == {"x/1.png": b"one", "windows/2.png": b"two"}


def test_the_second_half_of_a_split_zip_gives_the_entries_that_are_whole(tmp_path, folder):
    files = [(name, bytes(600)) for name in ("1.png", "2.png")]
    path = zipped(tmp_path / "a.zip", files, zipfile.ZIP_STORED)
    path.write_bytes(path.read_bytes()[600:])
    left_out = "entries that are damaged, left out: 1, such as '1.png'"
    assert unpack(path, folder, GIB) == Unpacked(1, 600, (left_out,))
    entries = list_sources([path]).entries
    with pytest.raises(ValueError, match="damaged in the archive"):
        read_entry(entries[0])
    assert read_entry(entries[1]) == bytes(600)
    close_archives()


def test_a_cut_off_zip_is_an_archive_and_a_picture_with_a_zip_behind_it_is_a_picture(tmp_path, folder):
    path = zipped(tmp_path / "a.zip", [("1.png", b"one")])
    whole = path.read_bytes()
    path.write_bytes(whole[:-30])
    assert is_archive(path)
    with pytest.raises(UserError, match=r"a\.zip is a damaged archive: fetch it again"):
        unpack(path, folder, GIB)
    path.write_bytes(encoded(noise((8, 8)), "JPEG") + whole)
    assert not is_archive(path)
    assert [entry.index for entry in list_sources([path]).entries] == [None]


OUTSIDE = [
    "../evil", "a/../../evil", "/evil", "//evil", "..\\evil", "C:\\evil", "C:evil", "a/..", "..", ".",
]  # fmt: skip
SAFE = {
    "Type: Null.png": "Type_ Null.png", "Mime Jr./1.png": "Mime Jr/1.png", "nul": "_nul",
    "x/CON.png": "x/_CON.png",
    "com1.txt": "_com1.txt", "COM².png": "_COM².png", "con .png": "_con .png", "console.png": "console.png",
    "a /b": "a/b", "new\nline": "new_line", "tab\t": "tab_", "c1\x9b.png": "c1_.png",
    "que?ry": "que_ry", 'quo"te': "quo_te", "x/C:/y": "x/C_/y", ".../x": "_/x", ".. /y": "_/y",
    "Flab\udce9b\udce9.png": "Flab_b_.png", "Flabe\u0301be\u0301.png": "Flabébé.png",
    "x" * 256 + ".png": "x" * 251 + ".png", "é" * 200: "é" * 127, "Farfetch’d.png": "Farfetch’d.png",
}  # fmt: skip


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_path_that_leaves_the_folder_costs_its_own_entry(tmp_path, folder, name):
    path = tarred(tmp_path / "a.tar", [("good.png", b"x"), (name, b"evil")])
    found = unpack(path, folder, GIB)
    assert found[:2] == (1, 1)
    assert found.notes == (f"entries whose path leaves the folder, left out: 1, such as {name!r}",)
    assert tree(folder) == {"good.png": b"x"}
    assert {path.name for path in tmp_path.iterdir()} == {"out", "a.tar"}


def test_odd_names_are_stored_as_every_system_can_and_one_note_counts_them(tmp_path, folder):
    path = tarred(tmp_path / "a.tar", [(name, name.encode(errors="replace")) for name in SAFE])
    found = unpack(path, folder, GIB)
    assert tree(folder) == {safe: name.encode(errors="replace") for name, safe in SAFE.items()}
    changed = sum(safe != unicodedata.normalize("NFC", name) for name, safe in SAFE.items())
    such = "'Type: Null.png' to 'Type_ Null.png'"
    note = f"names changed so that every system can store them: {changed}, such as {such}"
    assert found.notes == (note,)


@pytest.mark.parametrize("name", ["Type: Null", "Mime Jr.", "Mr. Mime", "Farfetch'd", "Flabébé", "Nidoran♀"])
def test_convert_finds_the_creature_by_its_safe_name(name):
    assert find_species(safe_name(name)) == find_species(name)
    assert find_species(f"{safe_name(name)} (2)") == find_species(name)  # a second of that name


def test_a_path_that_the_disk_cannot_store_costs_its_own_entry(tmp_path, folder):
    deep = "/".join(["d" * 200] * 30 + ["x.png"])
    found = unpack(tarred(tmp_path / "a.tar", [(deep, b"deep"), ("good.png", b"x")]), folder, GIB)
    assert found[:2] == (1, 1)
    assert found.notes[0].startswith("entries whose path this disk cannot store, left out: 1, such as 'dddd")


@given(st.lists(st.text(st.characters(codec=None), max_size=30), max_size=8))
def test_whatever_the_names_the_paths_stay_inside_and_apart(names):
    paths, seen = _Paths(), set()
    for parts in filter(None, map(parts_inside, names)):
        path = paths.claim(parts)
        assert (Path("/inside") / path).resolve().is_relative_to("/inside")
        assert all(0 < len(part.encode()) <= 255 and part[-1] not in ". " for part in path.split("/"))
        assert not set('<>:"|?*\\\0') & set(path)
        assert path.casefold() not in seen
        seen.add(path.casefold())


def test_links_and_devices_are_left_out(tmp_path, folder):
    members = [
        (special("link.png", tarfile.SYMTYPE, "/etc/passwd"), b""),
        (special("hard.png", tarfile.LNKTYPE, "/etc/passwd"), b""),
        (special("fifo", tarfile.FIFOTYPE), b""),
        (special("device", tarfile.CHRTYPE), b""),
        ("link.png/through.png", b"x"),
        ("good.png", b"good"),
    ]
    note = "entries that are links or devices, left out: 4, such as 'link.png'"
    assert unpack(tarred(tmp_path / "a.tar", members), folder, GIB) == Unpacked(2, 5, (note,))
    assert tree(folder) == {"good.png": b"good", "link.png/through.png": b"x"}
    assert not any(path.is_symlink() for path in folder.rglob("*"))


def test_links_in_zips_are_left_out(tmp_path, folder):
    link = zipfile.ZipInfo("link.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    path = zipped(tmp_path / "a.zip", [(link, b"/etc/passwd"), ("good.png", b"good")])
    note = "entries that are links or devices, left out: 1, such as 'link.png'"
    assert unpack(path, folder, GIB) == Unpacked(1, 4, (note,))
    assert tree(folder) == {"good.png": b"good"}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    ("names", "stored"),
    [
        (("a.png", "a.png"), {"a.png", "a (2).png"}),
        (("a.png", "A.PNG", "a (2).png"), {"a.png", "A (2).PNG", "a (2) (2).png"}),
        (("x", "x/y", "X/z"), {"x", "x (2)/y", "x (2)/z"}),
        (("X/y", "x"), {"X/y", "x (2)"}),
        (("Abra/1.png", "ABRA/2.png"), {"Abra/1.png", "Abra/2.png"}),
        (("é.png", "e\u0301.png"), {"é.png", "é (2).png"}),
        (("b" * 256, "b" * 257), {"b" * 255, "b" * 251 + " (2)"}),
    ],
)
def test_names_that_are_one_file_on_some_system_are_numbered(tmp_path, folder, names, stored):
    path = zipped(tmp_path / "a.zip", [(name, name.encode()) for name in names])
    assert unpack(path, folder, GIB).files == len(names)
    assert set(tree(folder)) == stored


def test_many_files_of_one_name_take_linear_time():
    paths = _Paths()
    assert [paths.claim(("x", "y.png")) for _ in range(50_000)][-1] == "x/y (50000).png"


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


@pytest.mark.parametrize("kind", ["tar.gz", "tar.xz"])
def test_damaged_archives_are_one_sentence(tmp_path, folder, kind):
    files = [(f"{index}.png", os.urandom(5000)) for index in range(5)]
    path = tmp_path / f"a.{kind}"
    path = tarred(path, files, f"w:{kind[4:]}")
    data = bytearray(path.read_bytes())
    data[12_000:12_100] = bytes(100)
    path.write_bytes(data[:18_000])
    with pytest.raises(UserError, match=r"a\..* is a damaged archive"):
        unpack(path, folder, GIB)


def test_damage_and_encryption_cost_the_entry_of_a_zip(tmp_path, folder):
    files = [(f"{index}.png", os.urandom(5000)) for index in range(5)]
    path = zipped(tmp_path / "a.zip", files)
    data = bytearray(path.read_bytes())
    data[12_000:12_100] = bytes(100)  # in the third
    data[data.index(b"PK\x01\x02") + 8] |= 1  # the first
    path.write_bytes(data)
    found = unpack(path, folder, GIB)
    assert tree(folder) == {name: content for name, content in files if name not in ("0.png", "2.png")}
    assert (found.files, found.notes) == (
        3,
        (
            "entries that are encrypted, left out: 1, such as '0.png'",
            "entries that are damaged, left out: 1, such as '2.png'",
        ),
    )


def test_a_zip_of_damaged_entries_alone_is_damaged(tmp_path, folder):
    path = zipped(tmp_path / "a.zip", [("1.png", os.urandom(500))])
    data = bytearray(path.read_bytes())
    data[200:300] = bytes(100)
    path.write_bytes(data)
    with pytest.raises(UserError, match=r"a\.zip is a damaged archive: fetch it again"):
        unpack(path, folder, GIB)
    assert tree(folder) == {}


def test_a_tar_with_a_damaged_header_is_not_taken_for_a_shorter_one(tmp_path, folder):
    path = tarred(tmp_path / "a.tar", [("1.png", b"one"), ("2.png", b"two")])
    data = bytearray(path.read_bytes())
    data[2 * tarfile.BLOCKSIZE + 100 : 2 * tarfile.BLOCKSIZE + 160] = b"?" * 60
    path.write_bytes(data)
    with pytest.raises(UserError, match="is a damaged archive"):
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
    found = copy_folder(origin, folder, GIB, "kaggle:a/b")
    assert found[:2] == (1, 3)
    assert "links or devices, left out: 1" in found.notes[0]
    assert tree(folder) == {"sub/1.png": b"one"}
    with pytest.raises(UserError, match="kaggle:a/b"):
        copy_folder(origin, folder, 2, "kaggle:a/b")


def test_an_entry_without_a_name_costs_that_entry(tmp_path, folder):
    path = zipped(tmp_path / "a.zip", [("1.png", b"one")])
    nameless = zipfile.ZipInfo("x")
    nameless.filename = ""
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(nameless, b"x")
    assert [entry.name for entry in list_sources([path]).entries] == ["1.png"]
    found = unpack(path, folder, GIB)
    assert tree(folder) == {"1.png": b"one"}
    assert found.notes == ("entries whose path leaves the folder, left out: 1, such as ''",)
