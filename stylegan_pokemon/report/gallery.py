"""The pictures of the report: slider, before and after, film, the real ones, and the sheets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from stylegan_pokemon.render.rows import classes_of_rows
from stylegan_pokemon.render.runs import Tick
from stylegan_pokemon.report.finding import Record
from stylegan_pokemon.report.markup import Section, command_block, image, text
from stylegan_pokemon.report.pictures import (
    Cache,
    Picture,
    as_frame,
    as_still,
    film_frames,
    small_film,
    thinned,
    whole_film,
)
from stylegan_pokemon.report.reading import Run
from stylegan_pokemon.report.words import command, duration, number, percent

_PLAY = (
    '<svg viewBox="0 0 20 20" fill="currentColor" aria-hidden="true"><path class="go" d="M5 3v14l12-7Z"/>'
    '<path class="pause" d="M4 3h4v14H4zM12 3h4v14h-4z"/></svg>'
)


@dataclass(frozen=True)
class Gallery:
    """Encoded pictures of a run. frames and sources are what the page's program reads."""

    frames: list[dict[str, Any]] = field(default_factory=list)
    sources: dict[str, str] = field(default_factory=dict)
    size: tuple[int, int] = (1, 1)  # pixels of a grid
    before: tuple[Tick, Picture] | None = None
    after: tuple[Tick, Picture] | None = None
    reals: Picture | None = None
    adaptation: Picture | None = None
    film: Picture | None = None
    filmed: str = ""  # where a film made here ends
    left_out: int = 0  # grids in the run directory that the slider skips


def gallery_of(run: Run, cache: Cache, always: Sequence[float] = ()) -> Gallery:
    """Encode what the page shows of a run. always: kimg whose grids are kept when grids are thinned."""
    wanted = list(always)
    if (best := number((run.best or {}).get("kimg"))) is not None:
        wanted.append(best)
    chosen = thinned(run.fakes, wanted)
    encoded = [(tick, picture) for tick in chosen if (picture := cache.picture(tick.path, "frame", as_frame))]
    stills = (
        [(tick, picture) for tick in (chosen[0], chosen[-1]) if (picture := _still(cache, tick))]
        if chosen
        else []
    )
    of_film = {tick.path for tick in film_frames(run.fakes)}
    filmed = [(tick, picture) for tick, picture in encoded if tick.path in of_film]
    whole = whole_film(run.path / "progression.gif") if len(encoded) > 1 else None
    distinct = len(stills) == 2 and stills[0][0] != stills[1][0]
    return Gallery(
        frames=[_frame(run, tick, picture) for tick, picture in encoded],
        sources={picture.key: picture.source for _, picture in encoded},
        size=(encoded[-1][1].width, encoded[-1][1].height) if encoded else (1, 1),
        before=stills[0] if distinct else None,
        after=stills[-1] if distinct else None,
        reals=cache.picture(run.path / "reals.png", "still", as_still),
        adaptation=cache.picture(run.path / "adaptation.png", "still", as_still),
        film=whole or small_film([picture for _, picture in filmed], cache),
        filmed="" if whole or not filmed else filmed[-1][0].label,
        left_out=len(run.fakes) - len(encoded),
    )


def pictures_section(run: Run, gallery: Gallery) -> Section | None:
    """Slider and real pictures; before and after, what lies between them, and the film."""
    cards = [_viewer(run, gallery), _reals(gallery), _wipe(gallery), _between(run, gallery)]
    cards.append(_film(run, gallery))
    if not any(cards):
        return None
    intro = (
        "The same inputs are drawn again at every tick, so each place of the grid is one creature as it"
        " grows. Move the"
        " slider or press ← and → to go through the training."
    )
    return Section(
        "pictures", "Pictures",
        f'<section class="part" id="pictures"><h2>What it draws</h2><p class="intro">{intro}</p>'
        f'<div class="cards">{"".join(cards)}</div></section>',
    )  # fmt: skip


def sheets(run: Run, cache: Cache) -> str:
    """Cards of the sheets of nearest neighbours and of truncation, with what was measured of them."""
    cards = []
    if neighbours := cache.picture(run.path / "nn.png", "still", as_still):
        cards.append(_sheet(
            "Drawn pictures and their nearest training pictures", neighbours,
            "Each drawn picture with the three training pictures that resemble it most. Alike in kind is"
            " what is wanted;"
            " alike line by line means that the generator copies." + _measured(run.records),
            "Sheet: drawn pictures, each with its three nearest training pictures",
        ))  # fmt: skip
    if truncation := cache.picture(run.path / "truncation.png", "still", as_still):
        cards.append(_sheet(
            "Truncation: how daring it draws", truncation,
            "The same creatures with growing truncation. Near 0 all are the average creature, at 1 they are"
            " as varied as"
            " in training, beyond they break. 0.5 to 0.8 usually looks best (--trunc).",
            "Sheet: seeds in rows, truncation in columns",
        ))  # fmt: skip
    return "".join(cards)


def _still(cache: Cache, tick: Tick) -> Picture | None:
    return cache.picture(tick.path, "still", as_still)


def _frame(run: Run, tick: Tick, picture: Picture) -> dict[str, Any]:
    record = run.record_of(tick)
    if tick.kimg == 0:
        return {"key": picture.key, "kimg": 0, "label": "before training", "facts": ""}
    label = f"tick {record['tick']} · {tick.label}" if record else tick.label
    return {"key": picture.key, "kimg": record["kimg"] if record else tick.kimg, "label": label,
            "facts": _facts(record) if record else ""}  # fmt: skip


def _facts(record: Record) -> str:
    seconds = number(record.get("seconds"))
    return f"after {duration(seconds)} of training" if seconds is not None else ""


def _viewer(run: Run, gallery: Gallery) -> str:
    if not gallery.frames:
        return ""
    width, height = gallery.size
    last = len(gallery.frames) - 1
    skipped = (
        f" To keep this page small the slider leaves out {gallery.left_out} of {len(run.fakes)} grids; all"
        " lie in the run"
        " directory." if gallery.left_out else ""
    )  # fmt: skip
    by_class = " Every row is one class, named at its left." if run.classes else ""
    return (
        '<figure class="card" id="viewer"><h3>Tick by tick</h3>'
        f'<div class="stage">{_rows(run, height)}<div class="holder"><img id="frame" width="{width}"'
        f' height="{height}"'
        f' alt="Grid of drawn pictures"></div></div>'
        '<div class="controls"><button type="button" class="play" id="play" aria-pressed="false"'
        f' aria-label="Play">{_PLAY}'
        f'</button><input type="range" id="slider" min="0" max="{last}" value="{last}" step="1"'
        ' aria-label="Tick that is shown"></div>'
        '<p class="at"><output id="frame-label" for="slider"></output><span id="frame-facts"></span></p>'
        "<figcaption>Drawn with full variety (truncation 1), nothing"
        f" chosen.{by_class}{text(skipped)}</figcaption></figure>"
    )


def _rows(run: Run, height: int) -> str:
    """The class of every row of a grid (training draws one class a row)."""
    side = number(run.config.get("img_resolution"))
    if not run.classes or not side or side < 1:
        return ""
    sizes = run.config.get("class_sizes")
    sizes = sizes if isinstance(sizes, list) and len(sizes) == len(run.classes) else ()
    shown = classes_of_rows(len(run.classes), sizes, min(int(height // side), 64))
    names = [run.classes[label] for label in shown]
    items = "".join(f'<li><span title="{text(name)}">{text(name)}</span></li>' for name in names)
    return f'<ol class="rows" aria-label="Class of each row">{items}</ol>'


def _reals(gallery: Gallery) -> str:
    if gallery.reals is None:
        return ""
    return (
        '<figure class="card"><h3>Real pictures</h3><div class="sheet pixels">'
        f'<button type="button" class="zoom" aria-label="Enlarge the real pictures">'
        f"{image(gallery.reals, 'Grid of real training pictures')}</button></div>"
        "<figcaption>Some of the pictures it learns from. Drawn ones should look like strangers of the same"
        " family."
        "</figcaption></figure>"
    )


def _wipe(gallery: Gallery) -> str:
    if gallery.before is None or gallery.after is None:
        return ""
    (start, before), (end, after) = gallery.before, gallery.after
    first = "before training" if start.kimg == 0 else start.label
    return (
        '<figure class="card"><h3>Before and after</h3><div class="stage wipe" id="wipe"><div class="holder">'
        f"{image(after, f'Grid of drawn pictures at {end.label}')}"
        f'<div class="over">{image(before, f"Grid of drawn pictures {first}")}</div><div class="seam"></div>'
        f'<span class="tag l">{text(first)}</span><span class="tag r">{text(end.label)}</span></div></div>'
        '<div class="controls"><input type="range" id="cut" min="0" max="100" value="50"'
        ' aria-label="How much of the picture is from before"></div>'
        "<figcaption>Move the seam: the same creatures, left before and right after.</figcaption></figure>"
    )


def _between(run: Run, gallery: Gallery) -> str:
    """What the newest snapshot draws on the way from the start to itself, and the command that chooses."""
    if gallery.adaptation is None:
        return ""
    draw = ["python", "generate.py", "--network", str(run.path), "--trunc", "0.7", "--adaptation", "0.5"]
    return _sheet(
        "Between start and end (adaptation)", gallery.adaptation,
        "The same creatures, drawn by the checkpoint that training began with (0), by the newest snapshot (1)"
        " and by networks between them. The drawing style comes first, the build of bodies later. Choose the"
        " last column whose creatures are still whole.",
        "Sheet: seeds in rows, adaptation in columns",
        command_block("Draw 64 pictures halfway", command(draw)),
    )  # fmt: skip


def _film(run: Run, gallery: Gallery) -> str:
    if gallery.film is None:
        return ""
    full = (
        f" This small one ends at {text(gallery.filmed)}; <code>progression.gif</code> in the run directory"
        " has full size and every tick."
        if gallery.filmed and (run.path / "progression.gif").is_file()
        else ""
    )
    return (
        '<figure class="card"><h3>The training as a film</h3><details class="film"'
        " open><summary>Film</summary>"
        '<div class="sheet pixels"><button type="button" class="zoom" aria-label="Enlarge the film">'
        f"{image(gallery.film, 'Film of the grids, from the first tick to the newest')}"
        "</button></div></details>"
        f"<figcaption>A GIF; a right click or a long press saves it.{full}</figcaption></figure>"
    )


def _sheet(title: str, picture: Picture, explanation: str, alt: str, further: str = "") -> str:
    """A card with a sheet. further: markup below its explanation."""
    tall = " tall" if picture.height > 1.4 * picture.width else ""  # further cards stand beside it
    return (
        f'<figure class="card{tall}"><h3>{text(title)}</h3><div class="sheet"><button type="button"'
        f' class="zoom" aria-label="Enlarge: {text(title)}">{image(picture, alt)}</button></div>'
        f'<figcaption class="explain">{text(explanation)}</figcaption>{further}</figure>'
    )


def _measured(records: Sequence[Record]) -> str:
    """What the newest measurement says of copies, as sentences."""
    for record in reversed(records):
        metrics = record.get("metrics")
        found = metrics.get("memorisation") if isinstance(metrics, dict) else None
        if isinstance(found, dict):
            break
    else:
        return ""
    if isinstance(verdict := found.get("verdict"), str) and verdict:
        return f" {verdict}"
    near, reals = number(found.get("near_copies")), number(found.get("near_copies_reals"))
    if near is not None and reals is not None:
        return f" Near copies: {percent(near)}; among the training pictures themselves {percent(reals)}."
    return ""
