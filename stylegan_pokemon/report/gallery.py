"""The images of the report: slider, training images, and the sheets of the run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from stylegan_pokemon.render.rows import classes_of_rows
from stylegan_pokemon.render.runs import Tick
from stylegan_pokemon.report.finding import Record, dig
from stylegan_pokemon.report.markup import Section, command_block, sheet, text
from stylegan_pokemon.report.pictures import Cache, Picture, as_frame, as_still, thinned
from stylegan_pokemon.report.reading import Run
from stylegan_pokemon.report.words import command, duration, number

_PLAY = (
    '<svg viewBox="0 0 20 20" fill="currentColor" aria-hidden="true"><path class="go" d="M5 3v14l12-7Z"/>'
    '<path class="pause" d="M4 3h4v14H4zM12 3h4v14h-4z"/></svg>'
)


@dataclass(frozen=True)
class Gallery:
    """The encoded grids of a run. frames and sources are what the page's program reads."""

    frames: list[dict[str, Any]]
    sources: dict[str, str]
    size: tuple[int, int]  # pixels of a grid


def gallery_of(run: Run, cache: Cache) -> Gallery:
    """Encode the grids that the page shows, that of the best snapshot among them."""
    chosen = thinned(run.fakes, number((run.best or {}).get("kimg")))
    encoded = [(tick, picture) for tick in chosen if (picture := cache.picture(tick.path, "frame", as_frame))]
    return Gallery(
        frames=[_frame(run, tick, picture) for tick, picture in encoded],
        sources={picture.key: picture.source for _, picture in encoded},
        size=(encoded[-1][1].width, encoded[-1][1].height) if encoded else (1, 1),
    )


def images_section(run: Run, gallery: Gallery, cache: Cache) -> Section | None:
    """Slider, training images, and what lies between the start and the newest snapshot."""
    reals = cache.picture(run.path / "reals.png", "still", as_still)
    cards = [
        _viewer(run, gallery),
        _card("Training images", reals, "Generated images should look as if they belonged to this set."),
        _adaptation(run, cache),
    ]
    if not any(cards):
        return None
    return Section(
        "images", "Images", "What it draws",
        "Every tick draws the same latents, so each place of the grid shows how one image develops. Move the"
        " slider or press ← and →.", f'<div class="cards">{"".join(cards)}</div>',
    )  # fmt: skip


def sheets(run: Run, cache: Cache) -> str:
    """Cards of the sheets of nearest neighbours and of truncation."""
    neighbours, truncation = (cache.picture(run.path / f"{name}.png", "still", as_still)
                              for name in ("nn", "truncation"))  # fmt: skip
    return _card(
        "Generated images and their nearest training images", neighbours,
        "Every generated image with the three most similar training images. Similar is good; nearly identical"
        " means that the generator copies." + _measured(run.records), pixels=False,
    ) + _card(
        "Truncation", truncation,
        "The same latents with increasing truncation psi. At 0 all show the average image. At 1 they are as"
        " diverse as in training. 0.5 to 0.8 usually looks best (--trunc).", pixels=False,
    )  # fmt: skip


def _frame(run: Run, tick: Tick, picture: Picture) -> dict[str, Any]:
    record = run.record_of(tick)
    if tick.kimg == 0:
        return {"key": picture.key, "kimg": 0, "label": "before training", "facts": ""}
    seconds = number(record.get("seconds")) if record else None
    return {
        "key": picture.key,
        "kimg": record["kimg"] if record else tick.kimg,
        "label": f"tick {record['tick']} · {tick.label}" if record else tick.label,
        "facts": f"after {duration(seconds)} of training" if seconds is not None else "",
    }


def _viewer(run: Run, gallery: Gallery) -> str:
    if not gallery.frames:
        return ""
    (width, height), shown = gallery.size, len(gallery.frames)
    words = "Truncation 1; the latents were not selected."
    words += " Each row is one class." if run.classes else ""
    if shown < len(run.fakes):
        words += f" The slider shows {shown} of {len(run.fakes)} grids; all are in the run directory."
    return (
        '<figure class="card" id="viewer"><h3>Tick by tick</h3>'
        f'<div class="stage">{_rows(run, height)}<div class="holder"><img id="frame" width="{width}"'
        f' height="{height}" alt="Grid of generated images"></div></div>'
        '<div class="controls"><button type="button" class="play" id="play" aria-pressed="false"'
        f' aria-label="Play">{_PLAY}</button><input type="range" id="slider" min="0" max="{shown - 1}"'
        f' value="{shown - 1}" step="1" aria-label="Tick that is shown"></div>'
        '<p class="at"><output id="frame-label" for="slider"></output><span id="frame-facts"></span></p>'
        f"<figcaption>{text(words)}</figcaption></figure>"
    )


def _rows(run: Run, height: int) -> str:
    """The class of every row of a grid (training draws one class a row)."""
    side = number(run.config.get("img_resolution"))
    if not run.classes or not side or side < 1:
        return ""
    sizes = run.config.get("class_sizes")
    sizes = sizes if isinstance(sizes, list) and len(sizes) == len(run.classes) else ()
    shown = classes_of_rows(len(run.classes), sizes, min(int(height // side), 64))
    names = [text(run.classes[label]) for label in shown]
    items = "".join(f'<li><span title="{name}">{name}</span></li>' for name in names)
    return f'<ol class="rows" aria-label="Class of each row">{items}</ol>'


def _adaptation(run: Run, cache: Cache) -> str:
    """What networks between the start and the newest snapshot draw, and the command that uses one."""
    draw = ["python", "generate.py", "--network", str(run.path), "--trunc", "0.7", "--adaptation", "0.5"]
    return _card(
        "Between start and end (adaptation)", cache.picture(run.path / "adaptation.png", "still", as_still),
        "The same latents, drawn by the checkpoint that training started from (0), by the newest snapshot (1)"
        " and by networks between them. The drawing style changes first, the shapes later. Choose the last"
        " column whose sprites are intact.",
        command_block("Generate 64 images halfway", command(draw)), pixels=False,
    )  # fmt: skip


def _card(title: str, picture: Picture | None, words: str, further: str = "", pixels: bool = True) -> str:
    """A card with a picture; nothing without one. further: markup below its caption."""
    if picture is None:
        return ""
    return (
        f'<figure class="card"><h3>{text(title)}</h3>{sheet(picture, title, pixels)}'
        f"<figcaption>{text(words)}</figcaption>{further}</figure>"
    )


def _measured(records: Sequence[Record]) -> str:
    """What the newest measurement says about copies."""
    said = (dig(record, "metrics", "memorisation", "verdict") for record in reversed(records))
    return next((f" {verdict}" for verdict in said if isinstance(verdict, str)), "")
