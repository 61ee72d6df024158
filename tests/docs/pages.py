"""README and the manual as text: their pages, fenced blocks, links and headings."""

from __future__ import annotations

import re
from pathlib import Path

from tests.conftest import ROOT

README = ROOT / "README.md"
DOCS = ROOT / "docs"
PAGES = [README, ROOT / "CONTRIBUTING.md", *sorted(DOCS.glob("*.md"))]

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")


def names(pages):
    """Test ids."""
    return [str(page.relative_to(ROOT)) for page in pages]


def read(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of one language ("" for those without)."""
    return [body for kind, body in _FENCE.findall(read(page)) if kind == language]


def links(page: Path) -> list[str]:
    """The targets of links and pictures outside of code."""
    return _LINK.findall(re.sub(r"`[^`\n]*`", "", _FENCE.sub("", read(page))))


def anchors(page: Path) -> set[str]:
    """What can stand after # in a link to the page: its headings as the manual's generator names them."""
    headings = re.findall(r"^#+ (.+)$", _FENCE.sub("", read(page)), re.MULTILINE)
    return {re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", title).strip().lower()) for title in headings}
