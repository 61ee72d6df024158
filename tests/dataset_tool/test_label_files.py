"""Label files: which column holds what, which row is for which picture, and what is no table of labels."""

from __future__ import annotations

import codecs
import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dataset_tool.labels import Labelling, label_entries, recorded_kind
from dataset_tool.labels.table import split_kind
from dataset_tool.problems import Problem, UserError
from dataset_tool.reading.sources import list_sources
from tests.dataset_tool.pictures import write

# Columns as in the tables of Pokémon that people download.
POKEDEX = (
    "#,Name,Type 1,Type 2,Total\n1,Bulbasaur,Grass,Poison,318\n4,Charmander,Fire,,309\n"
    "25,Pikachu,Electric,,320\n122,Mr. Mime,Psychic,Fairy,460\n"
)


def label(folder: Path, names: list[str], table: str | bytes, column: str = "") -> Labelling:
    """Label pictures of these names by a label file with this content."""
    for name in names:
        write(folder / "src" / name, b"not looked at")
    content = table if isinstance(table, bytes) else table.encode()
    kind = f"csv:{write(folder / 'l.csv', content)}{column and ':'}{column}"
    return label_entries(kind, list_sources([folder / "src"]).entries, [folder / "src"])


def named(labelling: Labelling) -> dict[str, str]:
    return {name: labelling.classes[number] for name, number in labelling.labels.items()}


def test_header_names_and_extra_columns(tmp_path):
    table = "\ufeffartist,Label,file\nme,water,a.png\nme,fire,sub/b.png\nme,fire,c.png\n"
    labelling = label(tmp_path, ["a.png", "sub/b.png", "c.png"], table)
    assert labelling.classes == ("fire", "water")
    assert named(labelling) == {"a.png": "water", "sub/b.png": "fire", "c.png": "fire"}


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("header", ["", "sep=\n"])
def test_no_header_and_any_separator(tmp_path, separator, header):
    table = f"{header and f'sep={separator}'}{header[4:]}a.png{separator}2\nb.png{separator}0\n"
    labelling = label(tmp_path, ["a.png", "deep/b.png"], table)
    assert labelling.classes == ("0", "1", "2")
    assert labelling.labels == {"a.png": 2, "deep/b.png": 0}


@pytest.mark.parametrize(
    ("table", "labels"),
    [
        ('file;label\na.png;"Grass; and, more"\nb.png;Fire\n', ("Grass; and, more", "Fire")),
        ("a.png\tx,y\nb.png\tz,w\n", ("x,y", "z,w")),
        ("a.png,x;y\nb.png,z;w\n", ("x;y", "z;w")),
        ('"a.png", "Fire"\n"b.png", "Water, cold"\n', ("Fire", "Water, cold")),
        ("a.png,x\r\nb.png,y\r\n", ("x", "y")),
        ("\na.png,x\n\nb.png,y\n\n", ("x", "y")),
        (",file,label\n0,a.png,1.0\n1,b.png,0.0\n", ("1", "0")),  # as Pandas writes them
        ("file,label\na.png,x\nfile,label\nb.png,y\n", ("x", "y")),  # two tables, joined
    ],
)
def test_separators_quotation_marks_and_habits_of_programs(tmp_path, table, labels):
    assert tuple(named(label(tmp_path, ["a.png", "b.png"], table)).values()) == labels


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings(tmp_path, encoding):
    table = "file,label\nÉ.png,ほのお\ne.png,огонь\n".encode(encoding)
    assert set(named(label(tmp_path, ["É.png", "e.png"], table)).values()) == {"ほのお", "огонь"}


def test_the_most_specific_row_wins(tmp_path):
    table = "file,label\nb.png,plain\nsub/b.png,special\nc,stem\n"
    labelling = label(tmp_path, ["b.png", "sub/b.png", "c.webp"], table)
    assert named(labelling) == {"b.png": "plain", "sub/b.png": "special", "c.webp": "stem"}


@pytest.mark.parametrize(
    ("picture", "row"),
    [
        ("abra.jpg", "images/Abra.PNG"),
        ("abra.jpg", "ABRA"),
        ("sub/abra.png", "abra.png"),
        ("sub/abra.png", r"C:\data\set\sub\Abra.png"),
        ("sub/abra.png", "/home/me/set/Sub/abra.webp"),
        ("25.png", "https://example.org/sprites/25.png?size=2"),
        ("004.png", "4"),
        ("4.png", "#004"),
        ("mr-mime.png", "Mr. Mime"),
        ("type_null.png", "Type: Null"),
        ("nidoran-f.png", "Nidoran♀"),
        ("farfetchd.png", "Farfetch’d"),
        ("flabebe.png", "Flabébé"),
        ("ポケモン.png", "ポケモン"),
        (unicodedata.normalize("NFD", "Élan.png"), unicodedata.normalize("NFC", "élan.png")),
        (unicodedata.normalize("NFC", "Élan.png"), unicodedata.normalize("NFD", "Élan.png")),
    ],
)
def test_rows_find_pictures_whatever_the_form_of_the_name(tmp_path, picture, row):
    labelling = label(tmp_path, [picture, "other.png"], f'file,label\n"{row}",x\nother.png,y\n')
    assert sorted(named(labelling).values()) == ["x", "y"]


@pytest.mark.parametrize(
    ("picture", "row"),
    [("test/abra.png", "train/abra.png"), ("1-2.png", "12"), ("25-belle.png", "25"), ("kadabra.png", "abra")],
)
def test_rows_do_not_find_other_pictures(tmp_path, picture, row):
    labelling = label(tmp_path, [picture, "other.png"], f"file,label\n{row},x\nother.png,y\n")
    assert labelling.problems == (Problem(picture, "--labels: l.csv has no row for it"),)


@pytest.mark.parametrize(
    ("picture", "rows"),
    [
        ("a.png", "x/a.png,fire\ny/a.png,water\n"),
        ("004.png", "4,fire\n04,water\n"),
        ("A.gif", "a,fire\na.png,water\n"),
    ],
)
def test_rows_that_fit_equally_well_are_a_problem(tmp_path, picture, rows):
    (problem,) = label(tmp_path, [picture], rows).problems
    assert problem == Problem(picture, "--labels: lines 1 and 2 of l.csv fit it: fire or water")


@pytest.mark.parametrize(
    ("names", "file"),
    [
        (["1.png", "004.png", "0025.png", "122.png"], "#"),
        (["bulbasaur.png", "charmander.JPG", "mr-mime.png"], "Name"),
    ],
)
@pytest.mark.parametrize("column", ["Type 1", "type1", "TYPE 1", "3"])
def test_a_column_is_named_in_any_case(tmp_path, names, file, column):
    labelling = label(tmp_path, names, POKEDEX, column)
    assert labelling.classes == ("Electric", "Fire", "Grass", "Psychic")
    assert len(labelling.labels) == len(names)
    assert labelling.notes[0] == (
        f"l.csv has the columns #, Name, Type 1, Type 2, Total: files from {file}, labels from Type 1"
    )


@pytest.mark.parametrize(
    ("table", "column", "reason", "columns"),
    [
        (
            POKEDEX,
            "",
            "does not say which column holds the labels",
            '#, Name, Type 1, Type 2, Total, such as --labels "csv:',
        ),
        (POKEDEX, "Typ", "has no column Typ", "#, Name, Type 1, Type 2, Total"),
        (POKEDEX, "#", "names the pictures in column #", "#, Name, Type 1, Type 2, Total"),
        ("Name,Type1,Type2\n1,Psychic,\n", "", "does not say", "Name, Type1, Type2"),
        ("#,Name\n1,Bulbasaur\n4,Charmander\n", "", "does not say", "#, Name"),
        ("file,label,class\n1,x,0\n4,y,1\n", "", "does not say", "file, label, class"),
        ("1.png,Fire,x\n4.png,Water,y\n", "", "does not say", "1 (1.png), 2 (Fire), 3 (x)"),
    ],
)
def test_where_the_column_is_not_clear_the_columns_are_listed(tmp_path, table, column, reason, columns):
    with pytest.raises(UserError) as error:
        label(tmp_path, ["1.png", "4.png"], table, column)
    assert reason in str(error.value)
    assert columns in str(error.value)
    assert f'--labels "csv:{tmp_path / "l.csv"}:' in str(error.value)


@pytest.mark.parametrize(
    ("names", "table", "classes"),
    [
        (["abra.png", "pikachu.png"], "Name,Type\nabra,Psychic\npikachu,Electric\n", ("Electric", "Psychic")),
        (["a.png", "b.png"], "Sprite,Kind\na,Fire\nb,Water\n", ("Fire", "Water")),
        (["a.png", "b.png"], "Fake,Kind\na,Fire\nb,Water\n", ("Fire", "Water")),
        (["name.png", "b.png"], "name,label\nname,Fire\nb,Water\n", ("Fire", "Water")),
        # A picture that is missing makes no header.
        (["a.png", "b.png"], "missing.png,Ghost\na.png,Fire\nb.png,Water\n", ("Fire", "Ghost", "Water")),
        (["abra.png", "b.png"], "kadabra,Ghost\nabra,Fire\nb,Water\n", ("Fire", "Ghost", "Water")),
        (["4.png", "7.png"], "1,Grass\n4,Fire\n7,Water\n", ("Fire", "Grass", "Water")),
        (["a.png", "b.png"], "zzz,Fire\na,Fire\nb,Water\n", ("Fire", "Water")),
        (["a.png", "b.png"], "x,a.png\ny,b.png\n", ("x", "y")),
        (["a.png", "b.png"], "# labels, by me\nfile,label\na,Fire\nb,Water\n", ("Fire", "Water")),
        (["a.png", "b.png"], "Labels,2023\n# a, x\nfile,label\na,Fire\nb,Water\n", ("Fire", "Water")),
        (["a.png", "b.png"], "My labels,\n\nfile,label\na,Fire\nb,Water\n", ("Fire", "Water")),
        (["a.png", "b.png"], "My labels\nFake;Kind\na;Fire\nb;Water\n", ("Fire", "Water")),
        (["a.png", "b.png", "c.png"], "c,\na,Fire\nb,Water\n", ("Fire", "Water")),
        (["1.png", "4.png"], "#,Type\n1,Grass\n4,Fire\n", ("Fire", "Grass")),
    ],
)
def test_headers_are_told_from_rows(tmp_path, names, table, classes):
    labelling = label(tmp_path, names, table)
    assert labelling.classes == classes
    assert len(labelling.labels) == 2


@pytest.mark.parametrize(
    ("table", "classes"),
    [
        ("file,split\na.png,train\nb.png,test\nc.png,val\n", "classes of the splits test, train, val"),
        (
            "a.png,Bulbasaur\nb.png,Charmander\nc.png,Mew\n",
            "3 classes of 3 pictures, such as Bulbasaur, Charmander",
        ),
        ("".join(f"{mark}.png,one of {mark}\n" for mark in "abcdef"), "6 classes of 6 pictures"),
    ],
)
def test_classes_that_cannot_be_meant_are_refused_unless_the_column_is_named(tmp_path, table, classes):
    names = [f"{mark}.png" for mark in "abcdef"[: table.count("\n") - table.startswith("file")]]
    with pytest.raises(UserError, match=classes) as error:
        label(tmp_path, names, table)
    assert "if you mean it, name the column" in str(error.value)
    assert len(label(tmp_path, names, table, "2").labels) == len(names)


def test_the_column_that_is_named_makes_the_first_row_a_header(tmp_path):
    labelling = label(tmp_path, ["a.png", "b.png"], "Sprite 1,Type 1\na,Fire\nb,Water\n", "type 1")
    assert labelling.classes == ("Fire", "Water")


def test_spellings_of_one_label_are_one_class_and_a_note(tmp_path):
    nfc, nfd = (unicodedata.normalize(form, "Électrique") for form in ("NFC", "NFD"))
    rows = zip("abcdef", ("Grass", "grass\u200b ", "GRASS", "Grass", nfc, nfd), strict=True)
    labelling = label(
        tmp_path, [f"{mark}.png" for mark in "abcdef"], "".join(f"{m}.png,{n}\n" for m, n in rows)
    )
    assert labelling.classes == ("Grass", "Électrique")
    assert list(labelling.labels.values()) == [0, 0, 0, 0, 1, 1]
    assert labelling.notes == (
        f"spellings of one name are one class: “Grass”, “GRASS”, “grass\u200b ”; “{nfd}”, “{nfc}”",
    )


def test_missing_rows_and_labels_are_problems_and_unused_rows_are_mentioned(tmp_path):
    table = "file,label\na.png,x\nghost.png,y\nc.png,\n"
    labelling = label(tmp_path, ["a.png", "b.png", "c.png"], table)
    assert labelling.problems == (
        Problem("b.png", "--labels: l.csv has no row for it"),
        Problem("c.png", "--labels: line 4 of l.csv has no label"),
    )
    assert labelling.notes == ("1 of 3 rows of l.csv name no picture",)


@pytest.mark.parametrize("header", [",Pokedex,Type,Speed", "id,dex,Type,Speed", "Unnamed: 0,#,Type,Speed"])
def test_a_column_that_counts_rows_from_0_on_names_no_pictures(tmp_path, header):
    table = f"{header}\n0,1,Grass,45\n1,2,Grass,2\n2,3,Fire,2\n3,4,Fire,65\n"
    labelling = label(tmp_path, ["1.png", "2.png", "3.png"], table, "Type")
    assert named(labelling) == {"1.png": "Grass", "2.png": "Grass", "3.png": "Fire"}


@pytest.mark.parametrize("word", ["#", "Ndex", "pokedex_id", "Pokédex Number"])
def test_numbers_that_recur_with_forms_are_still_those_of_pictures(tmp_path, word):
    table = f"{word},Name,Type,HP\n3,Venusaur,Grass,6\n3,Mega Venusaur,Grass,6\n6,Charizard,Fire,3\n"
    assert named(label(tmp_path, ["3.png", "6.png"], table, "Type")) == {"3.png": "Grass", "6.png": "Fire"}


def test_the_column_that_is_proposed_has_a_name(tmp_path):
    with pytest.raises(UserError, match=r'such as --labels "csv:.*l\.csv:Type"'):
        label(tmp_path, ["abra.png", "mew.png"], ",Name,Type\n0,abra,Psychic\n1,mew,Psychic\n")


def test_the_column_that_is_proposed_holds_words_that_recur(tmp_path):
    rows = [
        f"['Skill {number}'],{number % 3},{number},{'fire' if number % 2 else 'ice'}\n" for number in range(9)
    ]
    with pytest.raises(UserError, match=r'such as --labels "csv:.*l\.csv:kind"'):
        label(tmp_path, [f"{n}.png" for n in range(9)], "skills,against,number,kind\n" + "".join(rows))


@pytest.mark.parametrize("empty", ["nan", "NaN", " NULL", "#N/A", "<NA>", ""])
def test_what_programs_write_for_an_empty_cell_is_no_class(tmp_path, empty):
    labelling = label(tmp_path, ["a.png", "b.png", "c.png"], f"a.png,none\nb.png,{empty}\nc.png,ice\n")
    assert labelling.classes == ("ice", "none")
    assert labelling.problems == (Problem("b.png", "--labels: line 2 of l.csv has no label"),)


def test_a_column_that_is_there_twice_is_asked_for_by_number(tmp_path):
    names, table = ["a.png", "b.png", "c.png"], "file,Type,type\na.png,x,v\nb.png,y,w\nc.png,x,w\n"
    assert label(tmp_path, names, table, "type").classes == ("v", "w")
    assert label(tmp_path, names, table, "Type").classes == ("x", "y")
    with pytest.raises(UserError, match=r"has several columns TYPE: .* file, Type, type, such as"):
        label(tmp_path, names, table, "TYPE")
    same = table.replace("type", "Type")
    with pytest.raises(UserError, match=r'has several columns Type: .* Type \(2\), Type \(3\), .*csv:2"'):
        label(tmp_path, names, same, "Type")
    assert label(tmp_path, names, same, "3").classes == ("v", "w")


def test_a_row_that_fits_several_pictures_is_noted(tmp_path):
    labelling = label(tmp_path, ["a/1.png", "b/1.png", "a/2.png"], "file,label\n1.png,x\n2.png,y\n")
    assert labelling.notes == (
        "pictures share a row of l.csv, such as 1.png for a/1.png and b/1.png; "
        "write paths to tell them apart",
    )


def test_numbers_with_a_decimal_point_are_whole(tmp_path):
    assert len(label(tmp_path, ["025.png", "4.png"], "id,kind\n25.0,x\n4.0,y\n").labels) == 2


def test_few_pictures_a_class_are_noted(tmp_path):
    names = [f"{mark}{number}.png" for mark in "abcdefghijklm" for number in (1, 2)]
    labelling = label(tmp_path, names, "".join(f"{name},kind {name[0]}\n" for name in names))
    assert labelling.notes == ("13 classes of 26 pictures: --cond learns little from so few a class",)


def test_hit_points_and_row_numbers_are_no_wrong_labels_where_names_are_missing(tmp_path):
    table = ",Name,Type,HP\n0,Bulbasaur,Grass,1\n1,Ivysaur,Grass,2\n2,Venusaur,Fire,2\n"
    with pytest.raises(UserError, match="no row for any of the 2 files"):
        label(tmp_path, ["1.png", "2.png"], table, "Type")


def test_a_file_that_fits_no_picture_is_one_hint_with_the_nearest_row(tmp_path):
    with pytest.raises(UserError) as error:
        label(tmp_path, ["ab/kadabra.png", "ab/x.png"], "file,label\nimgs/zz.png,y\nimgs/Kadabra_1.png,x\n")
    assert (
        "no row for any of the 2 files; the nearest is line 3, imgs/Kadabra_1.png, for ab/kadabra.png"
        in str(error.value)
    )


def test_forms_of_one_number_with_different_labels_cost_the_pictures_of_that_number(tmp_path):
    table = (
        "#,Name,Type 2\n4,Charmander,Fire\n6,Charizard,Flying\n6,Mega Charizard X,Dragon\n7,Squirtle,Water\n"
    )
    labelling = label(tmp_path, ["4.png", "6.png", "7.png"], table, "Type 2")
    assert sorted(labelling.labels) == ["4.png", "7.png"]
    (problem,) = labelling.problems
    assert (problem.file, problem.reason) == (
        "6.png",
        "--labels: lines 3 and 4 of l.csv fit it: Flying or Dragon",
    )


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\n\n,\n", "holds no rows"),
        (b"file,label\na.png\n", "line 2"),
        (b"file,label\na.png,\n", "line 2"),
        (b"file,label\n", "holds a header and no rows: give one row"),
        (b"a.png x\nb.png y\n", "are needed, with a comma, semicolon or tab between"),
        (b"a.png\n", "line 1: a file and a label are needed"),
        (b"a.png,1\na.png,2\n", "two labels"),
        (b"a.png,99999\n", "class number 99999"),
        (b"a.png,\xff\xfe\n", "not UTF-8"),
        ("a.png,É\n".encode("latin-1"), "not UTF-8 text: save it as CSV in UTF-8"),
        ("a.png,x\n".encode("utf-16-le"), "not UTF-8"),
        (codecs.BOM_UTF16_LE + b"\x00", "not UTF-8"),
        (b'file,label\n"a.png,x\n', "line"),
        (b'file,label\n"a.png,x\n' + b"b.png,y\n" * 30_000, "a quotation mark is not closed"),
        (b'{"a.png": 1}', "JSON, not a CSV file"),
        (b'[["a.png", 1]]', "JSON, not a CSV file"),
        (b"PK\x03\x04" + bytes(40), "a zip archive, not a CSV file: save it as CSV in UTF-8"),
        (b"\x1f\x8b\x08\x00....", "a gzip archive, not a CSV file: unpack it first"),
        (b"\x89PNG\r\n\x1a\n" + bytes(40), "a PNG picture, not a CSV file: save it as CSV"),
        (bytes(100), "nothing but zeros, not a CSV file: download or copy it again"),
        (b"", "an empty file, not a CSV file"),
        (b"\xd0\xcf\x11\xe0....", "an Excel workbook"),
        (b"<!doctype html><html>", "a web page"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid x\n",
            "a Git LFS pointer, .*: fetch the real",
        ),
        (b"," * 1000 + b"\n", "holds no rows"),
        (b"a.png" + b",x" * 1000 + b"\n", "1001 columns"),
    ],
)
def test_an_unusable_csv_is_one_sentence_that_names_it(tmp_path, content, reason):
    with pytest.raises(UserError, match=reason) as error:
        label(tmp_path, ["a.png"], content)
    assert str(error.value).count("l.csv") == 1
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("column", ["", ":Type 1"])
def test_a_missing_csv_is_one_sentence(tmp_path, column):
    with pytest.raises(UserError, match=r"none\.csv, the label file, cannot be read: No such file"):
        label_entries(f"csv:{tmp_path / 'none.csv'}{column}", [], [tmp_path])


def test_a_colon_in_the_path_is_no_column(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in (r"C:\data\a.csv", "b:c.csv"):
        write(Path(name), b"")
    assert split_kind(r"csv:C:\data\a.csv") == (Path(r"C:\data\a.csv"), None)
    assert split_kind(r"csv:C:\data\a.csv:Type 1") == (Path(r"C:\data\a.csv"), "Type 1")
    assert split_kind("csv:b:c.csv:a:b") == (Path("b:c.csv"), "a:b")
    assert split_kind(r"csv:D:\gone.csv:Type 1") == (Path(r"D:\gone.csv"), "Type 1")


def test_the_zip_records_a_csv_by_content_and_column_not_by_place(tmp_path):
    first, second = (write(tmp_path / name / "l.csv", b"a.png,1\n") for name in ("one", "two"))
    assert recorded_kind(f"csv:{first}") == recorded_kind(f"csv:{second}")
    assert recorded_kind(f"csv:{first}:2") == f"{recorded_kind(f'csv:{first}')} column 2"
    write(second, b"a.png,2\n")
    assert recorded_kind(f"csv:{first}") != recorded_kind(f"csv:{second}")


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.one_of(st.binary(max_size=200), st.text(',;\t|"\n .#1abpngé/\\:', max_size=80).map(str.encode)))
def test_any_content_is_labels_or_one_sentence(tmp_path, content):
    try:
        labelling = label(tmp_path, ["a.png", "b/1.png"], content)
    except UserError as error:
        sentence = str(error)
    else:
        assert len(labelling.labels) + len(labelling.problems) == 2
        return
    assert "l.csv" in sentence
    assert "\n" not in sentence


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes of POSIX")
def test_pipes_and_links_to_themselves_are_no_label_files(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "loop.csv").symlink_to("loop.csv")
    with pytest.raises(UserError, match=r"pipe\.csv is a device or a pipe, not a CSV file"):
        label_entries(f"csv:{tmp_path / 'pipe.csv'}", [], [tmp_path])
    list_sources([tmp_path], skip=[tmp_path / "loop.csv"])
    with pytest.raises(UserError, match=r"loop\.csv, the label file, cannot be read"):
        label_entries(f"csv:{tmp_path / 'loop.csv'}", [], [tmp_path])


def test_a_table_whose_first_cell_looks_like_a_format_is_a_table(tmp_path):
    assert label(tmp_path, ["P1 1.png"], b"P1 1.png,grass\n").classes == ("grass",)


def test_names_with_an_extension_go_before_row_numbers(tmp_path):
    names = [f"{number}.png" for number in (17, 3, 1, 9, 12, 4)]
    table = "row,image_file,label\n" + "".join(
        f"{row},{name},{'fire' if row % 2 else 'water'}\n" for row, name in enumerate(names, 1)
    )
    assert named(label(tmp_path, names, table))["1.png"] == "fire"
    assert named(label(tmp_path, names, table))["17.png"] == "fire"
    assert named(label(tmp_path, names, table))["3.png"] == "water"
