"""README is short, every page is in the manual, and nothing that a page names is missing."""

import re

import pytest

from tests.conftest import ROOT
from tests.docs.pages import DOCS, PAGES, README, anchors, links, names, read

# Files that tests of the manual's promises are named after may carry a test's name: FILE::test.
_TEST = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")
_FILE = re.compile(r"`((?:stylegan_pokemon|dataset_tool|benchmarks|pretrained|vendor|tests|docs)/[\w./-]+)`")


def test_readme_has_at_most_1200_words():
    assert len(read(README).split()) <= 1200


def test_no_line_of_readme_is_longer_than_160_characters():
    assert [line for line in read(README).splitlines() if len(line) > 160] == []


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_every_link_leads_somewhere(page):
    dead = []
    for link in links(page):
        path, _, anchor = link.partition("#")
        if re.match(r"[a-z]+:", link):
            continue
        target = page.parent / path if path else page
        if not target.is_file() or (anchor and anchor not in anchors(target)):
            dead.append(link)
    assert dead == []


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_every_file_that_a_page_names_exists(page):
    missing = [path for path in _FILE.findall(read(page)) if not (ROOT / path).exists()]
    assert missing == []


def test_every_page_is_in_the_manual_once():
    listed = re.findall(r": ([\w-]+\.md)$", read(ROOT / "mkdocs.yml"), re.MULTILINE)
    assert sorted(listed) == sorted(path.name for path in DOCS.glob("*.md"))


def test_every_page_is_named_in_readme():
    named = {link.removeprefix("docs/") for link in links(README) if link.endswith(".md")}
    assert {path.name for path in DOCS.glob("*.md")} - named - {"index.md"} == set()


def test_every_guarantee_names_tests_that_exist():
    rows = [row for row in read(DOCS / "guarantees.md").splitlines() if row.startswith("| ")]
    promises = [row for row in rows if not row.startswith("| promise ")]
    assert len(promises) > 40
    for row in promises:
        proofs = _TEST.findall(row.split("|")[2])
        assert proofs, row
        for path, test in proofs:
            text = read(ROOT / path)
            assert f"def {test}(" in text if test else "def test_" in text, (path, test)


def test_the_list_of_quick_tests_names_tests_that_exist():
    for line in read(ROOT / "tests" / "quick.txt").splitlines():
        path, _, test = line.partition("::")
        assert f"def {test or 'test_'}" in read(ROOT / path), line
    for place in ("Makefile", ".github/workflows/ci.yml"):
        assert "@tests/quick.txt" in read(ROOT / place)


def test_every_picture_of_the_manual_is_shown():
    shown = {link.rpartition("/")[2] for page in PAGES for link in links(page)}
    pictures = {path.name for path in DOCS.iterdir() if path.suffix in (".png", ".gif", ".svg")}
    assert pictures - shown == set()
