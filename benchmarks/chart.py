"""Line charts as a PNG, drawn by matplotlib, which only the extra `plot` installs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stylegan_pokemon.errors import UserError
from stylegan_pokemon.files import whole_file
from stylegan_pokemon.report.markup import asset

_FEW = 4  # lines in a chart that still has room for bands


@dataclass(frozen=True)
class Line:
    """Points of one run; a y of None breaks the line. bars: [low, high] of each point, or None."""

    run: int
    xs: Sequence[float]
    ys: Sequence[float | None]
    bars: Sequence[Sequence[float] | None] = ()


@dataclass(frozen=True)
class Panel:
    """One chart. heights: dashed lines with their labels. range: of the y axis, at least."""

    title: str
    axis: str
    lines: Sequence[Line]
    heights: Sequence[tuple[str, float]] = ()
    range: tuple[float, float] | None = None
    log: bool = False


def colours() -> list[str]:
    """Colours of runs: those of the page in its light theme. The seventh run is the first one's, dashed."""
    return re.findall(r"--c\d: (#[0-9a-f]{6})", asset("assets/style.css").partition("}")[0])


def save_panels(
    path: Path, panels: Sequence[Panel], names: Sequence[tuple[str, str]], title: str, said: Sequence[str]
) -> None:
    """Write charts two in a row as a PNG of 1,600 pixels, whole or not at all.

    names: of the runs, each with its result. said: sentences below the title. Raises UserError where
    matplotlib is not installed or the file cannot be written.
    """
    try:
        from matplotlib.figure import Figure
        from matplotlib.lines import Line2D
    except ImportError as error:
        raise UserError("a PNG needs matplotlib; install it with pip install -e '.[plot]'") from error
    rows = -(-len(panels) // 2)
    sheet = Figure(figsize=(16, 2 + 4 * rows), dpi=100, layout="constrained")
    sheet.suptitle("\n".join([title, *said]), x=0.02, ha="left", wrap=True, parse_math=False)
    inks = colours()
    looks = [{"color": inks[i % len(inks)], "ls": "-" if i < len(inks) else "--"} for i in range(2 * len(inks))]
    for axes, panel in zip(sheet.subplots(rows, 2, squeeze=False).flat if rows else (), panels, strict=False):
        axes.set_title(panel.title, loc="left", parse_math=False)
        axes.set_xlabel(panel.axis)
        axes.grid(alpha=0.3)
        axes.set_yscale("log" if panel.log else "linear")
        for line in panel.lines:
            ys = [float("nan") if y is None else y for y in line.ys]
            axes.plot(line.xs, ys, **looks[line.run], marker="." if len(ys) < 40 else None)
            known = [(x, *bar) for x, bar in zip(line.xs, line.bars, strict=False) if bar is not None]
            if known and len(panel.lines) <= _FEW:
                axes.fill_between(*zip(*known, strict=True), color=looks[line.run]["color"], alpha=0.15, lw=0)
        for label, height in panel.heights:
            axes.axhline(height, color="grey", ls=":")
            axes.annotate(label, (1, height), (-4, 3), ("axes fraction", "data"), "offset points", ha="right")
        if panel.range and not panel.log:
            axes.update_datalim([(axes.dataLim.x0, y) for y in panel.range])
            axes.autoscale_view()
    handles = [Line2D([], [], **look) for look, _ in zip(looks, names, strict=False)]
    if handles:
        sheet.legend(handles, [f"{name}  {result}" for name, result in names], loc="outside lower left", ncols=2)
    with whole_file(path) as temporary:
        sheet.savefig(temporary, format="png")
