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

from stylegan_pokemon._version import __version__
from stylegan_pokemon.report.finding import BAD, GOOD, INFO, WARN, Finding
from stylegan_pokemon.report.pictures import Picture

_SHAPES = {  # differ in shape, because some people do not see the colours
    GOOD: '<circle cx="12" cy="12" r="10"/><path d="m7.5 12.5 3 3 6-6.5"/>',
    INFO: '<circle cx="12" cy="12" r="10"/><path d="M12 11v6M12 7v.5"/>',
    WARN: '<path d="M12 3 22 20.5H2Z"/><path d="M12 9.5v5M12 17.3v.4"/>',
    BAD: '<path d="M8 2h8l6 6v8l-6 6H8l-6-6V8Z"/><path d="m8.5 8.5 7 7m0-7-7 7"/>',
}
_LEVELS = {GOOD: "Good", INFO: "Note", WARN: "Warning", BAD: "Problem"}


@dataclass(frozen=True)
class Section:
    """A part of the page. name: in the list of contents. markup: all below its introduction."""

    id: str
    name: str
    title: str
    intro: str
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


def document(
    title: str,
    kicker: str,
    header: str,
    sections: Sequence[Section],
    blocks: Mapping[str, Any],
    program: str,
    bar: str = "",
) -> str:
    """A whole page that loads nothing from outside.

    title: of the window. kicker: plain text above the header. header, bar: markup above the sections. blocks:
    data by id, see `data_block`. program: the asset that drives the page. The policy allows these scripts and
    this style by their hashes, pictures inside the page, and no connection.
    """
    style = asset("vendor/uPlot.min.css") + "\n" + asset("assets/style.css")
    scripts = [asset(name) for name in ("vendor/uPlot.iife.min.js", "assets/charts.js", f"assets/{program}")]
    policy = (
        f"default-src 'none'; script-src {' '.join(map(_hash, scripts))}; style-src {_hash(style)};"
        " img-src data:; base-uri 'none'; form-action 'none'"
    )
    links = "".join(f'<a href="#{section.id}">{text(section.name)}</a>' for section in sections)
    return "\n".join([
        '<!doctype html>',
        '<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<link rel="icon" href="data:,">',
        f"<title>{text(title)}</title>",
        f"<style>{style}</style>",
        '</head><body><div class="page"><a class="skip" href="#verdict">To the verdict</a>',
        f'<header><p class="kicker">{text(kicker)}</p>{header}</header>',
        f'<nav class="contents" aria-label="Contents">{links}</nav>' if links else "",
        bar,
        "<main>", *map(_section, sections), "</main>",
        '<dialog id="larger"><button type="button" aria-label="Close">Close</button><img alt=""></dialog>',
        f"<footer><p>Made by stylegan_pokemon {text(__version__)}. This page works offline: images, numbers"
        " and program are inside it.</p><details><summary>Licence of uPlot, which draws the charts</summary>"
        f"<pre>{text(asset('vendor/LICENSE'))}</pre></details></footer>",
        '</div>',
        *(data_block(id, value) for id, value in blocks.items()),
        *(f"<script>{script}</script>" for script in scripts),
        '</body></html>\n',
    ])  # fmt: skip


def _section(section: Section) -> str:
    intro = f'<p class="intro">{text(section.intro)}</p>' if section.intro else ""
    head = f'<section class="part" id="{section.id}"><h2>{text(section.title)}</h2>'
    return f"{head}{intro}{section.markup}</section>"


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


def image(picture: Picture, alt: str) -> str:
    """An <img> that a later page can reuse without encoding it again (`pictures.Cache`)."""
    return (
        f'<img data-key="{picture.key}" src="{picture.source}" width="{picture.width}"'
        f' height="{picture.height}" alt="{text(alt)}">'
    )


def sheet(picture: Picture, alt: str, pixels: bool = True) -> str:
    """A picture that opens larger. pixels: show each pixel as a square, and not a smooth picture."""
    return (
        f'<div class="sheet{" pixels" if pixels else ""}"><button type="button" class="zoom"'
        f' aria-label="Enlarge: {text(alt)}">{image(picture, alt)}</button></div>'
    )


def chart_card(index: int, title: str, alt: str, explanation: str, log: bool) -> str:
    """A card with the chart of that index in the page's data."""
    scale = " (logarithmic scale)" if log else ""
    return (
        f'<article class="card"><h3>{text(title + scale)}</h3>'
        f'<div class="plot" data-chart="{index}" role="img" aria-label="{text(alt)}"></div>'
        f'<p class="explain">{text(explanation)}</p>'
        '<details class="numbers"><summary>Numbers</summary></details></article>'
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; head: plain text. rows: markup, the first of each being its heading."""
    top = "".join(f'<th scope="col">{text(name)}</th>' for name in head)
    body = "".join(
        f'<tr><th scope="row">{first}</th>{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>'
        for first, *cells in rows
    )
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def swatch(run: int) -> str:
    """The line of a run in the key of a comparison."""
    return f'<span class="swatch" data-run="{run}"></span>'


def command_block(purpose: str, line: str) -> str:
    """A command to copy. purpose: plain text."""
    words = " ".join(f"<span>{text(word)}</span>" for word in line.split(" "))
    return (
        f'<div class="cmd"><p>{text(purpose)}</p><div><pre><code>{words}</code></pre>'
        '<button type="button" class="copy" aria-label="Copy the command:'
        f' {text(purpose)}">Copy</button></div></div>'
    )


def _advice(finding: Finding, extra: Mapping[str, str]) -> str:
    # As code, an option stays on one line.
    spelt = re.sub(r"--[a-z][a-z-]*", r'<code class="option">\g<0></code>', text(finding.advice))
    words = f'<p class="advice">{spelt}</p>' if spelt else ""
    return words + extra.get(finding.kind, "")


def _hash(content: str) -> str:
    digest = hashlib.sha256(content.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"
