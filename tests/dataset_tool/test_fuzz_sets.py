"""Damaged dataset zips and label files end in a result or in one sentence, and both readers of a zip agree.

`FUZZ_SETS=100000 pytest tests/dataset_tool/test_fuzz_sets.py --timeout 0` runs each at length.
"""

from __future__ import annotations

import io
import json
import os
import random
import time
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from dataset_tool.inspect import inspect
from dataset_tool.labels import label_entries
from dataset_tool.problems import UserError
from dataset_tool.reading.dataset_zip import read_dataset
from dataset_tool.reading.sources import Entry, close_archives
from stylegan_pokemon.data.dataset import SpriteDataset
from tests.dataset_tool.mutation import JARGON, mutated
from tests.dataset_tool.pictures import encoded, noise

resource = pytest.importorskip("resource", reason="measures memory as Unix does")

COUNT = int(os.environ.get("FUZZ_SETS", "300"))
SECONDS = 10.0  # of a processor, for one file
MEMORY_MIB = 3000


LABELS = [[f"00000/img{number}.png", number % 2] for number in range(3)]
METADATA = {"labels": LABELS, "classes": ["cats", "dragons"], "sources": [["00000/img0.png", "a"]]}
PICTURES = {f"00000/img{number}.png": encoded(noise((8, 8), seed=number), "PNG") for number in range(3)}
ENTRIES_OF_ZIPS = [PICTURES | {"dataset.json": json.dumps(METADATA).encode()}, PICTURES]


def damaged_zip(rng: random.Random) -> bytes:
    """A zip that is damaged, or a sound one with a damaged entry or name."""
    entries, inside = dict(rng.choice(ENTRIES_OF_ZIPS)), rng.random() < 0.7
    if inside:
        name = rng.choice(list(entries))
        if rng.random() < 0.2:
            entries["x" + mutated(name.encode(), rng).decode("utf-8", "replace")] = entries.pop(name)
        else:
            entries[name] = mutated(entries[name], rng)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return content.getvalue() if inside else mutated(content.getvalue(), rng)


TABLES = [
    b"a.png,fire\nb.png,water\nc.png,fire\n",
    b'\xef\xbb\xbffile;label\r\na.png;fire\r\nb.png;water\r\n"c.png";"fire, or not"\r\n',
    "#\tName\tType 1\n1\tBulbasaur\tGrass\n4\tCharmander\tFire\n".encode("utf-16"),
    b"Name,Type1,Type2\nabra,Psychic,\nb,Water,Ice\nc,Fire,\n",
]
ENTRIES = [
    Entry(name, 0, name, Path(name), None) for name in ("a.png", "b.png", "x/c.png", "1.png", "abra.png")
]


@pytest.fixture
def rng():
    return random.Random(os.environ.get("FUZZ_SEED", "0"))


def check(text: str, path: object) -> None:
    """A sentence: names the file, and nothing of a library; what it quotes of the file may be anything."""
    text = text.replace(str(path), "FILE")
    assert 5 <= len(text) < 1000, text
    assert text.isprintable(), text
    assert not JARGON.search(text.split("FILE", 1)[0]), text
    for word in ("Traceback", "NoneType", "object at 0x", "codec can", "Error:", "int()"):
        assert word not in text, text


def test_damaged_zips_are_read_by_both_programs_or_by_none(tmp_path, rng):
    outcomes: Counter[str] = Counter()
    slowest = 0.0
    for number in range(COUNT):
        path = tmp_path / "set.zip"
        path.write_bytes(damaged_zip(rng))
        start, faults, trained = time.process_time(), None, True
        try:
            found = inspect(path, workers=1, progress=False)
            of_labels = read_dataset(path).label_faults  # which stop training with --cond only
            faults = [problem for problem in found.faults if problem not in of_labels]
        except UserError as error:
            check(str(error), path)
        try:
            with SpriteDataset(path) as dataset:
                assert dataset.images(range(len(dataset))).shape[0] == found.pictures
        except UserError as error:
            trained = False
            check(str(error), path)
        close_archives()
        slowest = max(slowest, time.process_time() - start)
        assert trained == (faults == []), (number, faults)
        assert slowest < SECONDS, number
        outcomes["taken" if trained else "refused"] += 1
    print(f"{COUNT} zips: {dict(outcomes)}, slowest {slowest:.2f} s, peak {_peak()} MiB")
    assert len(outcomes) == 2
    assert _peak() < MEMORY_MIB


def test_damaged_label_files_end_in_labels_or_in_one_sentence(tmp_path, rng):
    outcomes: Counter[str] = Counter()
    slowest = 0.0
    for number in range(COUNT):
        path = tmp_path / "l.csv"
        path.write_bytes(mutated(TABLES[number % len(TABLES)], rng))
        column = rng.choice(("", "", ":Type 1", ":2", ":label"))
        start = time.process_time()
        try:
            labelling = label_entries(f"csv:{path}{column}", ENTRIES, [tmp_path])
        except UserError as error:
            outcomes["refused"] += 1
            check(str(error), path)
        else:
            outcomes["labelled"] += 1
            assert all(0 <= number < len(labelling.classes) for number in labelling.labels.values())
        slowest = max(slowest, time.process_time() - start)
        assert slowest < SECONDS, number
    print(f"{COUNT} label files: {dict(outcomes)}, slowest {slowest:.2f} s, peak {_peak()} MiB")
    assert len(outcomes) == 2
    assert _peak() < MEMORY_MIB


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
