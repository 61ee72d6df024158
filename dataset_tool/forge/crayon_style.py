"""The `crayon` style: a child's wax-crayon drawing of the same creature.

A box of a few bright crayons; outlines drawn twice by an unsteady hand; fills hatched along one direction,
their ends falling short of or past the outline; wax that catches on the grain of the paper, which shows
through everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from PIL import Image

from dataset_tool.forge.draft import Part, Stroke
from dataset_tool.forge.palettes import Palette, hex_to_rgb, paint, to_oklab
from dataset_tool.forge.raster import Box, blank_canvas, bounding_box, line_mask, mask, over, to_image
from dataset_tool.forge.shapes import turn

CRAYONS = ("#e5322d", "#f47b20", "#ffc81e", "#ffe34d", "#a6cf3a", "#3fa845", "#1f7a4d", "#35b5b0", "#5cc4f0",
           "#2f7de0", "#2b46b5", "#8a4fd0", "#c06be0", "#f26bb0", "#f9a8c9", "#f5c39a", "#c98b4e", "#8a5430",
           "#5b3424", "#a7a9b0", "#6d6f7a", "#3a3540", "#ffffff", "#f3e2b8", "#bfe3f5")  # fmt: skip
_OUTLINE = 3.4  # pixels of one outline stroke in a frame of 256
_PAPER = 512  # side of the paper's texture, in pixels of a 256 frame


def render_crayon(
    parts: Sequence[Part | Stroke], palette: Palette, size: int, rng: np.random.Generator
) -> Image.Image:
    """Draw fitted parts (pixel coordinates) as an RGBA picture of size × size, transparent between the
    strokes."""
    hand = _Hand(palette, size, rng)
    for part in parts:
        if isinstance(part, Stroke):
            hand.line(part)
        else:
            hand.colour_in(part)
    return to_image(hand.canvas)


class _Hand:
    """One drawing in progress: its canvas, its sheet of paper, and a hand that trembles by `rng`."""

    def __init__(self, palette: Palette, size: int, rng: np.random.Generator) -> None:
        self.canvas = blank_canvas(size)
        self.size, self.unit, self.rng, self.palette = size, size / 256, rng, palette
        shift = rng.integers(_PAPER, size=2)
        self.paper = _sheet(size, int(shift[0]), int(shift[1]))
        self.slant = float(rng.choice([-58, -45, -35, 35, 45, 58])) + float(rng.uniform(-6, 6))
        self.crayons: dict[str, np.ndarray] = {}

    def crayon(self, role: str) -> np.ndarray:
        """The crayon of the box that comes closest to the palette's colour."""
        if role not in self.crayons:
            base = "body" if role == "far" else role  # a child owns one crayon per colour
            # Children reach for the brighter of two crayons, except for cheeks and other small things.
            vivid = 1.35 if base in ("body", "accent", "belly", "detail") else 1.0
            self.crayons[role] = _nearest_crayon(
                self.palette[base].base, vivid, white=base in ("white", "belly")
            )
        return self.crayons[role]

    def line(self, stroke: Stroke) -> None:
        width = max(stroke.width, 0.8) * 0.8 * _OUTLINE * self.unit
        points = self._tremble(stroke.points, 0.7, closed=False)
        box = bounding_box([points], width + 1, self.size)
        colour = _INK if stroke.paint == "ink" else _line_colour(self.crayon(stroke.paint))
        self._rub(box, colour, line_mask([points], width, box), 0.95)

    def colour_in(self, part: Part) -> None:
        margin = 9 * self.unit
        box = bounding_box(part.outlines, margin, self.size)
        inside = mask(part.outlines, box)
        # What lies behind is not drawn where this part will be: a child leaves that paper free.
        rows, columns = box.slices
        self.canvas[:, rows, columns] *= 1 - inside
        colour = self.crayon(part.paint)
        marks = [(self.crayon(m.paint), m.outline) for m in part.marks]
        for mark_colour, outline in marks:
            covered = mask([outline], box) * inside
            self._fill(box, mark_colour, [outline], covered, within=inside)
            inside = inside * (1 - covered)
        self._fill(box, colour, part.outlines, inside, within=None if not marks else inside, solid=part.solid)
        if part.line > 0:
            self._outline(box, part)

    def _fill(self, box: Box, colour: np.ndarray, outlines: Sequence[np.ndarray], inside: np.ndarray,
              within: np.ndarray | None, solid: bool = False) -> None:  # fmt: skip
        if solid or inside.sum() < 260 * self.unit**2:
            self._rub(box, colour, inside, 1.15)
            return
        allowed = _grow(inside if within is None else within, 3.2 * self.unit)
        gap = 6.0 * self.unit
        if not _is_white(colour):
            self._rub(box, colour, inside, 0.16)
        # A second, sparser layer over the first: where wax lies twice it is deeper.
        deeper = 0.45 * colour + 0.55 * _shade(tuple(colour))
        for layer, turned, pressure, share in ((colour, 0.0, 0.80, 1.0), (deeper, 9.0, 0.42, 0.5)):
            strokes = self._hatch(outlines, gap, self.slant + turned, share)
            if strokes and (layer is colour or not _is_white(colour)):
                wax = line_mask(strokes, gap * 0.86, box)
                self._rub(box, layer, wax * allowed, pressure)

    def _hatch(
        self, outlines: Sequence[np.ndarray], gap: float, slant: float, share: float
    ) -> list[np.ndarray]:
        """Strokes across the union of the outlines, their ends a little off; a `share` of them, chosen at
        random."""
        rng = self.rng
        upright = [turn(o, -slant) for o in outlines]
        low = min(float(o[:, 1].min()) for o in upright)
        high = max(float(o[:, 1].max()) for o in upright)
        edges = np.concatenate([np.concatenate([o, np.roll(o, -1, axis=0)], axis=1) for o in upright])
        owner = np.repeat(np.arange(len(upright)), [len(o) for o in upright])
        strokes = []
        y = low + gap * 0.4
        while y < high:
            for start, stop in _spans(edges, owner, y):
                a, b = start + rng.normal(0, 0.5) * gap, stop + rng.normal(0, 0.5) * gap
                if b - a > gap * 0.3 and (share == 1 or rng.random() < share):
                    bow = rng.normal(0, 0.16, 3) * gap
                    line = np.array([(a, y + bow[0]), ((a + b) / 2, y + bow[1]), (b, y + bow[2])])
                    strokes.append(turn(line, slant))
            y += gap * float(rng.uniform(0.82, 1.24))
        return strokes

    def _outline(self, box: Box, part: Part) -> None:
        colour = _INK if part.paint == "ink" else _line_colour(self.crayon(part.paint))
        width = _OUTLINE * self.unit * (0.45 + 0.55 * part.line)
        union = len(part.outlines) > 1
        hidden = [mask([o], box) for o in part.outlines] if union else []
        for strength, wobble in ((0.66, 1.15), (0.5, 2.2)):
            for k, outline in enumerate(part.outlines):
                points = self._tremble(outline, wobble, closed=True)
                wax = line_mask([points], width * (1.0 if wobble < 2 else 0.7), box)
                for j, other in enumerate(hidden):
                    if j != k:
                        wax = wax * (1 - other)
                self._rub(box, colour, wax, strength)

    def _tremble(self, points: np.ndarray, amount: float, closed: bool) -> np.ndarray:
        """The points moved by a slow, smooth wander of about `amount` pixels of a 256 frame."""
        n = len(points)
        t = np.linspace(0, 1, n, endpoint=not closed)[:, None]
        wander = np.zeros((n, 2))
        for harmonic in (1, 2, 3, 5, 8):
            phase, size = self.rng.uniform(0, 2 * np.pi, (1, 2)), self.rng.normal(0, 1, (1, 2))
            wander += size * np.sin(2 * np.pi * harmonic * t + phase) / harmonic**0.5
        moved = points + wander * amount * self.unit * 0.62
        if closed:  # the pencil runs a little past its start
            overlap = max(2, n // 16)
            moved = np.concatenate([moved, moved[:overlap] + self.rng.normal(0, 0.8 * self.unit, 2)])
        return moved

    def _rub(self, box: Box, colour: np.ndarray, wax: np.ndarray, pressure: float) -> None:
        """Wax sticks where the pressed crayon reaches down to the paper's grain."""
        grain = self.paper[box.slices]
        alpha = np.clip((wax * (0.55 + pressure) - grain) * 2.6, 0, 1) * np.minimum(wax * 1.6, 1)
        over(self.canvas, box, colour, alpha.astype(np.float32))


def _spans(edges: np.ndarray, owner: np.ndarray, y: float) -> list[tuple[float, float]]:
    """Intervals of x in which the horizontal at y lies inside a union of closed outlines.

    `edges` [N, 4] are (x0, y0, x1, y1), `owner` [N] the number of the outline that an edge belongs to.
    """
    crosses = (edges[:, 1] <= y) != (edges[:, 3] <= y)
    x0, y0, x1, y1 = edges[crosses].T
    x = x0 + (y - y0) / (y1 - y0) * (x1 - x0)
    order = np.lexsort((x, owner[crosses]))  # outline by outline, and each is crossed an even number of times
    xs = x[order].tolist()
    spans = zip(xs[::2], xs[1::2], strict=True)
    merged: list[tuple[float, float]] = []
    for start, stop in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(stop, merged[-1][1]))
        else:
            merged.append((start, stop))
    return merged


def _grow(inside: np.ndarray, reach: float) -> np.ndarray:
    """The mask grown by about `reach` pixels, so that strokes may overshoot the outline a little."""
    steps = max(1, round(reach))
    padded = np.pad(inside, steps)
    h, w = inside.shape
    rows = np.maximum(np.maximum(padded[:h], padded[2 * steps :]), padded[steps : steps + h])
    return np.maximum(np.maximum(rows[:, :w], rows[:, 2 * steps :]), rows[:, steps : steps + w])


def _nearest_crayon(rgb: np.ndarray, vivid: float, white: bool) -> np.ndarray:
    """The crayon for a colour whose chroma counts `vivid` times.

    Only where `white` is allowed may it be the one that leaves the paper white.
    """
    box = np.array([hex_to_rgb(c) for c in CRAYONS if white or c != "#ffffff"])
    difference = (to_oklab(box) - to_oklab(rgb) * (1, vivid, vivid)) * (
        0.8,
        1.5,
        1.5,
    )  # hue matters more than lightness
    return box[int(np.argmin((difference**2).sum(axis=1)))]


@lru_cache(maxsize=len(CRAYONS))
def _shade(rgb: tuple[float, ...]) -> np.ndarray:
    return paint(np.array(rgb)).shade


def _is_white(rgb: np.ndarray) -> bool:
    return float(rgb.min()) > 0.99


def _line_colour(rgb: np.ndarray) -> np.ndarray:
    """The crayon for the outline of a fill: brown, navy, green, purple or black, whichever suits its hue."""
    lightness, a, b = to_oklab(rgb)
    if np.hypot(a, b) < 0.035 or lightness < 0.42:
        return _INK
    darks = np.array(
        [hex_to_rgb(c) for c in ("#7a2a1f", "#5b3424", "#7a4d10", "#1f5a36", "#23367f", "#52267f", "#8f1f5a")]
    )
    lab = to_oklab(darks)
    towards = (lab[:, 1] * a + lab[:, 2] * b) / np.hypot(lab[:, 1], lab[:, 2])
    return darks[int(np.argmax(towards))]


_INK = hex_to_rgb("#2a2630")


@lru_cache(maxsize=1)
def _tooth() -> np.ndarray:
    """The paper's grain: tileable band-passed noise, float32 [512, 512], uniformly spread over 0 … 1."""
    noise = np.random.default_rng(819).standard_normal((_PAPER, _PAPER))
    f = np.fft.fftfreq(_PAPER)
    radius = np.hypot(f[:, None], f[None, :])
    band = np.exp(-(((radius - 0.22) / 0.11) ** 2)) + 0.8 * np.exp(-((radius / 0.03) ** 2))
    grain = np.fft.ifft2(np.fft.fft2(noise) * band).real
    rank = np.empty(grain.size)
    rank[np.argsort(grain, axis=None)] = np.linspace(0, 1, grain.size)
    return rank.reshape(grain.shape).astype(np.float32)


def _sheet(size: int, x: int, y: int) -> np.ndarray:
    """A size × size cut of the grain from offset (x, y), enlarged or reduced with the frame."""
    grain = np.roll(_tooth(), (y, x), (0, 1))
    if size == 256:
        return grain[:256, :256]
    image = Image.fromarray(grain[:256, :256], "F").resize((size, size), Image.Resampling.BICUBIC)
    return np.clip(np.asarray(image), 0, 1)
