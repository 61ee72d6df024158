"""Line charts as a PNG, drawn by matplotlib: pip install -e '.[plot]'."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import harness
from stylegan_pokemon.files import whole_file


@dataclass(frozen=True)
class Line:
    """Points of the system with that number in the key."""

    system: int
    xs: Sequence[float]
    ys: Sequence[float]


@dataclass(frozen=True)
class Panel:
    """One chart. heights: dashed lines with their labels."""

    title: str
    axis: str
    lines: Sequence[Line]
    heights: Sequence[tuple[str, float]] = ()


def save_panels(path: Path, panels: Sequence[Panel], key: Sequence[tuple[str, str]], title: str) -> None:
    """Write charts side by side as a PNG, whole or not at all.

    key: of every system its name and result. Raises Refusal where matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise harness.Refusal("the chart needs matplotlib; run pip install -e '.[plot]'") from error
    sheet = Figure(figsize=(16, 6), layout="constrained")
    sheet.suptitle(title, fontsize=15)
    for axes, panel in zip(sheet.subplots(1, len(panels), squeeze=False).flat, panels, strict=True):
        axes.set_title(panel.title, loc="left")
        axes.set_xlabel(panel.axis)
        axes.grid(alpha=0.3)
        for line in panel.lines:
            label = "  ".join(key[line.system])
            axes.plot(line.xs, line.ys, f"C{line.system}", marker=".", label=label)
        for label, height in panel.heights:
            axes.axhline(height, color="grey", ls="--", label=label)
        axes.set_ylim(bottom=0)
    sheet.legend(*sheet.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    with whole_file(path) as temporary:
        sheet.savefig(temporary, format="png", dpi=100)
