"""Blind sheets show what the key says and betray nothing else; each judge's counts stay apart."""

import csv
import json
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from benchmarks import blind, harness
from stylegan_pokemon.render.latents import one_hot, seed_classes
from tests.render.conftest import CLASSES, make_generator, make_run, write_snapshot
from tests.training.pictures import write_dataset, write_same

pytestmark = pytest.mark.usefixtures("one_thread")
CONTENDERS = ("net.safetensors@0.7", "classes.safetensors", "made", "net.safetensors@0.7")


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Networks this small are faster on one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    """A folder with contenders of every kind, a data set, and sheets of them."""
    folder = tmp_path_factory.mktemp("blind")
    write_dataset(folder / "data.zip", count=60)
    write_snapshot(folder / "net.safetensors", make_generator())
    write_snapshot(
        folder / "classes.safetensors", make_generator(seed=1, c_dim=len(CLASSES)), classes=CLASSES
    )
    (folder / "made").mkdir()
    random = np.random.RandomState(0)
    for i in range(50):
        pixels = random.randint(0, 256, (16, 16, 4)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / "made" / f"{i:02d}.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        done(*CONTENDERS, "--data", "data.zip", "--outdir", "first")
    return folder


@pytest.fixture
def small(monkeypatch):
    """Sheets of small pictures: soon written."""
    monkeypatch.setattr(blind, "TILE", 16)


@pytest.fixture
def here(room, monkeypatch):
    monkeypatch.chdir(room)
    return room


def done(*arguments: str) -> str:
    result = CliRunner().invoke(blind.main, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def refused(*arguments: str) -> str:
    """The one sentence of a refusal, status 2."""
    result = CliRunner().invoke(blind.main, list(arguments), catch_exceptions=False)
    assert result.exit_code == 2
    assert result.output.startswith("Error: ")
    assert len(result.output.splitlines()) == 1, result.output
    return result.output


def key_of(name: str) -> dict:
    return json.loads(Path(f"{name}-key.json").read_text(encoding="utf-8"))


def cells(path: Path) -> np.ndarray:
    """The 48 pictures of a sheet as they are shown, [48, 192, 192, 3]."""
    page = np.asarray(Image.open(path))
    corners = [blind.tile_corner(number) for number in range(1, 49)]
    return np.stack([page[top : top + 192, left : left + 192] for left, top in corners])


def enlarged(picture: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(picture).resize((192, 192), Image.Resampling.LANCZOS))


def as_generated(name: str, one: dict) -> np.ndarray:
    """What the network draws of the key's seeds, one by one, without the package's rendering."""
    G = make_generator(seed=1, c_dim=len(CLASSES)) if name.startswith("classes") else make_generator()
    pictures = []
    for seed in one["seeds"]:
        z = torch.from_numpy(np.random.RandomState(seed).randn(1, G.z_dim)).float()
        c = one_hot(seed_classes([seed], G.c_dim), G.c_dim) if G.c_dim else None
        w = G.mapping(z, c)
        psi = one["truncation_psi"]
        if psi != 1:
            w = G.mapping.w_avg + psi * (w - G.mapping.w_avg)
        image = G.synthesis(w, noise_mode="const")[0].permute(1, 2, 0)
        pictures.append(np.clip(image.numpy() * 127.5 + 128, 0, 255).astype(np.uint8))
    return np.stack(pictures)


def as_stored(one: dict) -> np.ndarray:
    """The files that the key names, alpha laid over white by Pillow."""
    if one["pictures"] == "data.zip":
        archive = zipfile.ZipFile("data.zip")
        files = [archive.open(f"00000/img{i:08d}.png") for i in one["indices"]]
    else:
        files = [Path("made") / f"{i:02d}.png" for i in one["indices"]]
    pictures = []
    for file in files:
        picture = Image.open(file).convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        pictures.append(np.asarray(Image.alpha_composite(white, picture).convert("RGB")))
    return np.stack(pictures)


def test_every_cell_shows_the_picture_that_the_key_names(here):
    sheets = key_of("first")["sheets"]
    names = ["real pictures", *(name.removesuffix("@0.7") for name in CONTENDERS)]
    assert [one["contender"] for one in sheets] == names
    assert [one["truncation_psi"] for one in sheets] == [None, 0.7, 1.0, None, 0.7]
    assert sorted(one["sheet"] for one in sheets) == [f"sheet-{i}.png" for i in range(1, 6)]
    for name, one in zip(names, sheets, strict=True):
        truth = as_generated(name, one) if "seeds" in one else as_stored(one)
        shown = cells(here / "first" / one["sheet"])
        wanted = np.stack([enlarged(picture) for picture in truth])
        assert np.abs(shown.astype(int) - wanted).max() <= 2  # of rounding to 8 bits, once on either way
    drawn = [tuple(one.get("seeds") or one["indices"]) for one in sheets]
    assert all(len(set(which)) == 48 for which in drawn)
    assert not set(drawn[1]) & set(drawn[4])  # named twice, a network shows other pictures


def chunks(content: bytes) -> list[tuple[bytes, int]]:
    """Type and length of a PNG's chunks; what follows the last one must be zeros."""
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    found, at = [], 8
    while not found or found[-1][0] != b"IEND":
        length, kind = struct.unpack(">I4s", content[at : at + 8])
        found.append((kind, length))
        at += 12 + length
    assert not any(content[at:])
    return found


def test_sheets_differ_in_nothing_but_their_pictures(here):
    folder = here / "first"
    paths = [folder / f"sheet-{i}.png" for i in range(1, 6)]
    assert {path.name for path in folder.iterdir()} == {
        *(path.name for path in paths),
        "form.csv",
        "instructions.md",
    }
    assert len({path.stat().st_size for path in paths}) == 1
    assert {kind for path in paths for kind, _ in chunks(path.read_bytes())} == {b"IHDR", b"IDAT", b"IEND"}
    assert all(not Image.open(path).info for path in paths)
    pages = np.stack([np.asarray(Image.open(path)) for path in paths])
    for number in range(1, 49):
        left, top = blind.tile_corner(number)
        pages[:, top : top + 192, left : left + 192] = 0
    assert (pages == pages[0]).all()  # paper and numbers
    for path in (folder / "form.csv", folder / "instructions.md"):
        said = path.read_text(encoding="utf-8")
        assert not any(word in said for word in ("safetensors", "net", "made", "data.zip", "0.7"))


def test_pictures_and_order_come_from_the_seed(here, small):
    args = ("net.safetensors@0.7", "made", "--data", "data.zip", "--seed")
    done(*args, "3", "--outdir", "again-a")
    done(*args, "3", "--outdir", "again-b")
    for path in (here / "again-a").iterdir():
        assert path.read_bytes() == (here / "again-b" / path.name).read_bytes()
    assert key_of("again-a") == key_of("again-b")
    places, seeds = set(), set()
    for seed in range(4, 10):
        done(*args, str(seed), "--outdir", f"seed{seed}")
        key = key_of(f"seed{seed}")
        places.add(key["sheets"][0]["sheet"])
        seeds.add(tuple(key["sheets"][1]["seeds"]))
    assert len(places) > 1  # the real ones are not always on the same sheet
    assert len(seeds) == 6


def test_a_run_is_its_newest_snapshot_or_its_best(here, small):
    run = make_run(here / "runs" / "00003-forge-none")
    (run / "best.json").write_text(json.dumps({"snapshot": "000000.5.safetensors"}), encoding="utf-8")
    done(
        *(str(run), f"{run}/best@0.5", "runs", "--data", "data.zip", "--trunc", "0.8"),
        *("--outdir", "of-runs", "--key", "elsewhere.json"),
    )
    key = json.loads((here / "elsewhere.json").read_text(encoding="utf-8"))
    found = [(Path(one["network"]).name, one["truncation_psi"]) for one in key["sheets"][1:]]
    assert found == [
        ("000010.safetensors", 0.8),
        ("000000.5.safetensors", 0.5),
        ("000010.safetensors", 0.8),
    ]


def test_what_a_judge_reads_stands_word_for_word_in_the_manual(here):
    said = (here / "first" / "instructions.md").read_text(encoding="utf-8")
    assert said.strip() in (harness.ROOT / "docs" / "judging.md").read_text(encoding="utf-8")
    assert "how many of the 48 would you keep as a creature of your own game?" in said
    assert not any(word in said.lower() for word in ("real", "network", "checkpoint", "control", "train"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--data data.zip", "name the contenders and --data, or forms with --score"),
        ("net.safetensors", "name the contenders and --data, or forms with --score"),
        (
            "net.safetensor --data data.zip",
            "contender net.safetensor does not exist and is no name in the zoo",
        ),
        ("data.png --data data.zip", "contender data.png does not exist"),
        ("net.safetensors --data nothing.zip", "--data nothing.zip does not exist"),
        ("net.safetensors --data made", "--data made is a folder"),
        ("net.safetensors@1000 --data data.zip", "truncation is within −100 … 100"),
        ("net.safetensors --trunc big --data data.zip", "--trunc: “big” is not a number"),
        (
            "made@0.7 --data data.zip",
            "made holds finished pictures, which cannot be truncated; leave out @0.7",
        ),
        ("few --data data.zip", "contender few holds 2 different pictures, a sheet takes 48"),
        ("empty --data data.zip", "contender empty holds no pictures"),
        ("net.safetensors --data same.zip", "--data same.zip holds 1 different pictures, a sheet takes 48"),
        ("large.safetensors --data data.zip", "pictures of 32×32, --data data.zip of 16×16; bring both"),
        ("net.safetensors --data data.zip --outdir first --key other.json", "first is there already"),
        (
            "net.safetensors --data data.zip --outdir new --key first-key.json",
            "first-key.json is there already",
        ),
        (
            "net.safetensors --data data.zip --outdir new --key new/key.json",
            "lies in the folder for the judges",
        ),
        ("net.safetensors --data data.zip --outdir new --key no/key.json", "its folder does not exist"),
        ("--score form.csv", "--score needs the key"),
        ("net.safetensors --score form.csv --key first-key.json", "--score only reads forms"),
        ("--score none.csv --key first-key.json", "--score none.csv cannot be read"),
        ("--score form.csv --key none.json", "--key none.json cannot be read"),
        ("--score form.csv --key net.safetensors", "--key net.safetensors is no key"),
        ("--score data.zip --key first-key.json", "--score data.zip is no form"),
        ("--score form.csv --score ./form.csv --key first-key.json", "a form is given twice"),
    ],
)
def test_bad_input_is_one_sentence(here, arguments, message):
    if not Path("few").exists():
        write_same(here / "same.zip", count=60)
        write_snapshot(here / "large.safetensors", make_generator(img_resolution=32))
        Path("empty").mkdir()
        Path("few").mkdir()
        for i in range(50):
            Image.new("RGB", (16, 16), "red" if i % 2 else "blue").save(f"few/{i}.png")
        filled("form.csv", [1] * 5)
    assert message in refused(*arguments.split())
    assert not Path("new").exists()


def filled(name, counts, numbers=None, remarks=None, delimiter=","):
    """The form of the sheets in `first`, filled in by the order of the sheets."""
    with open("first/form.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["sheet"] for row in rows] == [f"sheet-{i}.png" for i in range(1, 6)]
    lines = [delimiter.join(rows[0])]
    for i, row in enumerate(rows):
        kept = "" if counts is None else str(counts[i])
        listed, said = (numbers or [""] * 5)[i], (remarks or [""] * 5)[i]
        lines.append(delimiter.join([row["session"], row["sheet"], kept, listed, said]))
    Path(name).write_text("\n".join(lines) + "\n", encoding="utf-8")


def test_each_judge_has_a_column_and_each_contender_a_row(here):
    remarks = ["", "", "bodies in pieces, and haze", "", ""]
    filled("anna.csv", [10, 20, 30, 40, 48], remarks=remarks)
    filled("ben.csv", [0, 1, 2, 3, 4], delimiter=";")
    text = Path("ben.csv").read_text(encoding="utf-8")
    Path("ben.csv").write_text(text, encoding="utf-8-sig")  # as spreadsheets save it
    said = done("--score", "anna.csv", "--score", "ben.csv", "--key", "first-key.json").splitlines()
    assert said[:4] == [
        "Kept of 48, by judge:",
        "",
        "| pictures of | psi | sheet | anna | ben |",
        "|" + " --- |" * 5,
    ]
    sheets = key_of("first")["sheets"]
    for line, one in zip(said[4:9], sheets, strict=True):
        number = int(one["sheet"][6])
        psi = "–" if one["truncation_psi"] is None else f"{one['truncation_psi']:g}"
        counts = f"{[10, 20, 30, 40, 48][number - 1]} | {number - 1}"
        assert line == f"| {one['contender']} | {psi} | {one['sheet']} | {counts} |"
    third = next(one for one in sheets if one["sheet"] == "sheet-3.png")
    (remark,) = said[10:]
    assert remark.startswith(f"* {third['contender']}")
    assert remark.endswith("anna: bodies in pieces, and haze")


def test_pictures_that_all_judges_keep_are_counted(here):
    filled("a.csv", [3, 0, 1, 2, 1], ["1 2 48", "", "7", "5 6", "9"])
    filled("b.csv", None, ["2 48", "1", "8", "6 5", "9 10"])
    said = done("--score", "a.csv", "--score", "b.csv", "--key", "first-key.json").splitlines()
    assert said[2] == "| pictures of | psi | sheet | a | b | kept by all |"
    found = {cells[3]: cells[4:7] for line in said[4:9] if (cells := line.replace(" ", "").split("|"))}
    assert found == {
        "sheet-1.png": ["3", "2", "2"],
        "sheet-2.png": ["0", "1", "0"],
        "sheet-3.png": ["1", "1", "0"],
        "sheet-4.png": ["2", "2", "2"],
        "sheet-5.png": ["1", "2", "1"],
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("sheet-2.png,7", "sheet-2.png,49"), "sheet-2.png has “49” kept; write a count from 0 to 48"),
        (("sheet-2.png,7", "sheet-2.png,many"), "has “many” kept"),
        (("sheet-2.png,7", "sheet-2.png,"), "has “” kept"),
        (("sheet-2.png,7,", "sheet-2.png,7,1 2 3"), "has 7 kept, but lists 3"),
        (("sheet-2.png,7,", "sheet-2.png,7,1 2 50"), "lists “50”; write numbers from 1 to 48"),
        (("sheet-2.png", "sheet-1.png"), "has two rows of sheet-1.png"),
        (("sheet-2.png", "sheet-9.png"), "has a row of “sheet-9.png”, unknown to the key"),
        (("kept,", "count,"), "has no column “kept”"),
        (None, "is of other sheets than the key"),
    ],
)
def test_a_form_that_is_not_whole_is_not_counted(here, change, message):
    filled("bad.csv", [7] * 5)
    text = Path("bad.csv").read_text(encoding="utf-8")
    Path("bad.csv").write_text(text.replace(*(change or (key_of("first")["session"], "0"))), encoding="utf-8")
    assert message in refused("--score", "bad.csv", "--key", "first-key.json")
    Path("bad.csv").write_text("\n".join(text.splitlines()[:-1]), encoding="utf-8")
    assert "has no row of sheet-5.png" in refused("--score", "bad.csv", "--key", "first-key.json")
