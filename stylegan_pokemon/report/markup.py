"""Pieces of HTML that the report and the comparison share. All text is escaped here or by the caller."""

from __future__ import annotations

import base64
import functools
import hashlib
import html
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

from stylegan_pokemon import __version__
from stylegan_pokemon.report.finding import BAD, GOOD, INFO, WARN, Finding
from stylegan_pokemon.report.pictures import Picture

_SHAPES = {  # a circle, a circle, a triangle and an octagon: colour alone says nothing
    GOOD: '<circle cx="12" cy="12" r="10"/><path d="m7.5 12.5 3 3 6-6.5"/>',
    INFO: '<circle cx="12" cy="12" r="10"/><path d="M12 11v6M12 7v.5"/>',
    WARN: '<path d="M12 3 22 20.5H2Z"/><path d="M12 9.5v5M12 17.3v.4"/>',
    BAD: '<path d="M8 2h8l6 6v8l-6 6H8l-6-6V8Z"/><path d="m8.5 8.5 7 7m0-7-7 7"/>',
}
_LEVELS = {GOOD: "Good", INFO: "Note", WARN: "Warning", BAD: "Trouble"}


@dataclass(frozen=True)
class Section:
    """A part of the page and its name in the list of contents."""

    id: str
    name: str
    markup: str


def text(value: Any) -> str:
    """Any value as text between tags or inside quotes of an attribute."""
    return html.escape(str(value), quote=True).encode("utf-8", "replace").decode("utf-8")


def data_block(id: str, value: Any) -> str:
    """JSON for the page's program; nothing in it can end the element it stands in."""
    words = json.dumps(value, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    for letter in "<>&":
        words = words.replace(letter, f"\\u{ord(letter):04x}")
    return f'<script type="application/json" id="{id}">{words}</script>'


def document(title: str, body: str, blocks: Mapping[str, Any], program: str) -> str:
    """A whole page that reaches for nothing outside itself.

    body: markup. blocks: data by id, see `data_block`. program: which of the assets drives the page.
    The policy allows the scripts and the style written here, by their hashes, pictures inside the page, and
    no connection.
    """
    style = asset("vendor/uPlot.min.css") + "\n" + asset("assets/style.css")
    scripts = [asset("vendor/uPlot.iife.min.js"), asset("assets/charts.js"), asset(f"assets/{program}")]
    policy = (
        f"default-src 'none'; script-src {' '.join(map(_hash, scripts))}; style-src {_hash(style)};"
        " img-src data:; base-uri 'none'; form-action 'none'"
    )
    return "\n".join([
        '<!doctype html>',
        '<html lang="en">',
        '<head>',
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<link rel="icon" href="data:,">',
        f"<title>{text(title)}</title>",
        f"<style>{style}</style>",
        '</head>',
        '<body>',
        '<div class="page">',
        body,
        _footer(),
        '</div>',
        *(data_block(id, value) for id, value in blocks.items()),
        *(f"<script>{script}</script>" for script in scripts),
        '</body>',
        '</html>',
        '',
    ])  # fmt: skip


@functools.cache
def asset(name: str) -> str:
    """A file of this package, without what would end the element it is put into."""
    content = resources.files("stylegan_pokemon.report").joinpath(name).read_text(encoding="utf-8")
    if "</script" in content.lower() or "</style" in content.lower():
        raise ValueError(f"{name} cannot stand inside a page")
    return content


def sign(level: str) -> str:
    """The sign of a level, with its name for those who do not see it."""
    return (
        f'<svg class="sign" viewBox="0 0 24 24" role="img" aria-label="{_LEVELS[level]}" fill="none"'
        f' stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round">'
        f"{_SHAPES[level]}</svg>"
    )


def verdict(findings: Sequence[Finding], advice: Mapping[str, str] | None = None) -> str:
    """The first finding large, the others listed below it. advice: further markup by the finding's kind."""
    first, *others = findings
    extra = advice or {}
    head = (
        f'<section class="verdict {first.level}" id="verdict" aria-label="Verdict">{sign(first.level)}<div>'
        f"<h2>{text(first.sentence)}</h2>{_advice(first, extra)}</div></section>"
    )
    if not others:
        return head
    items = "".join(
        f'<li class="{f.level}">{sign(f.level)}<div><p><strong>{text(f.sentence)}</strong></p>'
        f"{_advice(f, extra)}</div></li>"
        for f in others
    )
    return f'{head}<ul class="also" aria-label="Further findings">{items}</ul>'


def image(picture: Picture, alt: str, **attributes: str) -> str:
    """An <img> that a later page can reuse without encoding it again (`pictures.Cache`)."""
    more = "".join(f' {name}="{text(value)}"' for name, value in attributes.items())
    return (
        f'<img data-key="{picture.key}" src="{picture.source}" width="{picture.width}"'
        f' height="{picture.height}" alt="{text(alt)}"{more}>'
    )


def facts(rows: Sequence[tuple[str, str, str]]) -> str:
    """Tiles of (name, figure, small print), all plain text."""
    cells = "".join(
        f"<div><dt>{text(name)}</dt><dd>{text(value)}<small>{text(small)}</small></dd></div>"
        for name, value, small in rows
    )
    return f'<dl class="facts">{cells}</dl>'


def command_block(purpose: str, line: str) -> str:
    """A command to copy. purpose: plain text."""
    words = " ".join(f"<span>{text(word)}</span>" for word in line.split(" "))
    return (
        f'<div class="cmd"><p>{text(purpose)}</p><div><pre><code>{words}</code></pre>'
        '<button type="button" class="copy" aria-label="Copy the command:'
        f' {text(purpose)}">Copy</button></div></div>'
    )


def contents(sections: Sequence[Section]) -> str:
    """Links to the parts of a page."""
    links = "".join(f'<a href="#{section.id}">{text(section.name)}</a>' for section in sections)
    return f'<nav class="contents" aria-label="Contents">{links}</nav>' if links else ""


def theme_button() -> str:
    """The switch between light and dark; charts.js puts its words in."""
    return '<button type="button" class="theme" id="theme">Colours</button>'


def _advice(finding: Finding, extra: Mapping[str, str]) -> str:
    # An option in code keeps its two hyphens on one line.
    spelt = re.sub(r"--[a-z][a-z-]*", r'<code class="option">\g<0></code>', text(finding.advice))
    words = f'<p class="advice">{spelt}</p>' if spelt else ""
    return words + extra.get(finding.kind, "")


def _footer() -> str:
    licence = text(asset("vendor/LICENSE"))
    return (
        f"<footer><p>Made by stylegan_pokemon {text(__version__)}. This page needs no network: pictures,"
        " figures and"
        " program are inside it.</p><details><summary>Licence of uPlot, which draws the charts</summary>"
        f"<pre>{licence}</pre></details></footer>"
    )


def _hash(content: str) -> str:
    digest = hashlib.sha256(content.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"
