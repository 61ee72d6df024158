"""What tells a creature's element: tail tips, crowns on the head, marks on the brow; and patterns of the
skin."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from dataset_tool.forge.draft import Draft, Mark
from dataset_tool.forge.shapes import (
    Point,
    blob,
    bolt,
    ellipse,
    flame,
    heart,
    leaf,
    move,
    polar,
    polygon,
    scallops,
    spike,
    star,
    tube,
    turn,
)

# Coordinates read like a drawing, several to a line.
# fmt: off

def tail_tip(d: Draft, at: Point, angle: float, size: float) -> None:
    """The end of a tail, by type; `angle` is where the tail points (-90 is up)."""
    x, y = at
    side = d.pick((-1, 1))
    match d.type:
        case "fire":
            outer = flame(x, y + size * 0.25, size * 0.95, size * 1.35)
            inner = flame(x, y + size * 0.22, size * 0.5, size * 0.75)
            d.part("fire", turn(outer, angle + 90, at), relief=0.6)
            d.part("fire_core", turn(inner, angle + 90, at), line=0, relief=0)
        case "electric":
            d.part("accent", bolt(at, polar(at, size * 1.5, angle), size * 0.75))
        case "grass" | "bug":
            for turned in (-38, 0, 38) if d.chance(0.5) else (-24, 24):
                d.part("leaf", leaf(at, polar(at, size * 1.15, angle + turned), size * 0.5, 0.08 * side))
        case "water":
            for turned in (-34, 34):
                d.part("accent", leaf(at, polar(at, size * 1.15, angle + turned), size * 0.55, 0.12))
        case "ice" | "rock":
            for turned, length in ((-42, 0.8), (42, 0.8), (0, 1.15)):
                d.part("accent", crystal(at, polar(at, size * length, angle + turned), size * 0.42),
                       relief=0.7)
        case "fairy":
            d.part("accent", turn(heart(x, y - size * 0.35, size), angle + 90, at))
        case "psychic":
            x, y = polar(at, size * 0.35, angle)
            d.part("detail", ellipse(x, y, size * 0.42, size * 0.42))
        case "steel":
            d.part("metal", polygon(polar(at, size * 0.5, angle - 100), polar(at, size * 1.3, angle),
                                    polar(at, size * 0.5, angle + 100)))
        case "dragon" | "dark" | "poison":
            d.part("accent", blob([polar(at, size * 0.25, angle - 120), polar(at, size * 0.7, angle - 75),
                                   polar(at, size * 1.25, angle), polar(at, size * 0.7, angle + 75),
                                   polar(at, size * 0.25, angle + 120)], corners=(1, 2, 3)))
        case "ghost":
            d.part("accent", scallops(*polar(at, size * 0.4, angle), size * 0.5, size * 0.5, 5, 0.25))
        case "ground" | "fighting":
            cx, cy = polar(at, size * 0.35, angle)
            spikes = [spike(polar((cx, cy), size * 0.3, angle + k), polar((cx, cy), size * 0.85, angle + k),
                            size * 0.3) for k in (-80, 0, 80)]
            d.part("accent", ellipse(cx, cy, size * 0.5, size * 0.5), *spikes)
        case _:
            tuft = [leaf(at, polar(at, size * k, angle + a), size * 0.5) for a,
                    k in ((-30, 0.9), (0, 1.2), (30, 0.9))]
            d.part("accent", ellipse(x, y, size * 0.3, size * 0.3), *tuft)


def crown(d: Draft, at: Point, size: float, lean: float = 0.0) -> None:
    """Something on top of the head, by type, drawn behind what follows; `lean` tilts it, in degrees."""
    x, y = at
    up = -90 + lean

    def fan(paint: str, angles: tuple[float, ...], lengths: tuple[float, ...], width: float) -> None:
        for a, k in zip(angles, lengths, strict=True):
            d.part(paint, leaf(at, polar(at, size * k, up + a), size * width))

    match d.type:
        case "fire":
            d.part("fire", turn(flame(x, y + size * 0.3, size * 1.1, size * 1.35, size * 0.1), lean, at),
                   relief=0.6,)
            d.part("fire_core", turn(flame(x, y + size * 0.3, size * 0.6, size * 0.75), lean, at), line=0,
                   relief=0,)
        case "grass":
            if d.chance(0.4):
                blossom(d, (x, y - size * 0.1), size * 0.55)
            else:
                angles = d.pick(((-42, 42), (-55, 0, 55), (-62, -22, 22, 62)))
                fan("leaf", angles, (1.05,) * len(angles), 0.46)
        case "electric":
            for a in (-32, 32):
                d.part("accent", bolt(at, polar(at, size * 1.3, up + a), size * 0.42))
        case "water":
            d.part("accent", *(leaf(at, polar(at, size * k, up + a), size * 0.5) for a,
                               k in ((-46, 0.8), (0, 1.15), (46, 0.8))))
        case "ice" | "rock":
            for a, k in ((-36, 0.8), (36, 0.8), (0, 1.2)):
                d.part("accent", crystal(at, polar(at, size * k, up + a), size * 0.42), relief=0.7)
        case "dragon" | "dark":
            for a in (-34, 34):
                foot = (x + size * a * 0.012, y)
                d.part("bone" if d.type == "dragon" else "accent",
                       spike(foot, polar(foot, size * 1.1, up + a), size * 0.42, -0.22 * np.sign(a)))
        case "bug" | "fairy":
            for a in (-30, 30):
                end = polar(at, size * 1.15, up + a)
                bend = polar(at, size * 0.75, up + a * 0.35)
                d.part("ink" if d.type == "bug" else "accent",
                       tube([at, bend, end], [size * 0.06, size * 0.05]), line=0.6)
                if d.type == "fairy":
                    d.part("detail", heart(*end, size * 0.42))
                else:
                    d.part("accent", ellipse(*end, size * 0.17, size * 0.17))
        case "psychic":
            d.part("accent", tube([at, polar(at, size * 0.7, up + 12), polar(at, size * 1.15, up - 12),
                                   polar(at, size * 1.1, up - 42)], [size * 0.14, size * 0.1, size * 0.05]))
            d.part("detail", ellipse(*polar(at, size * 1.1, up - 42), size * 0.2, size * 0.2))
        case "ghost":
            d.part("accent", tube([at, polar(at, size * 0.6, up + 14), polar(at, size * 1.1, up - 8),
                                   polar(at, size * 1.2, up - 40)], [size * 0.26, size * 0.18, size * 0.04]))
        case "poison":
            d.part("accent", *(spike(polar(at, size * 0.1, up + a), polar(at, size * k, up + a), size * 0.34)
                               for a, k in ((-50, 0.85), (0, 1.1), (50, 0.85))))
        case "steel":
            d.part("metal", polygon((x - size * 0.3, y + size * 0.2), polar(at, size * 1.15, up),
                                    (x + size * 0.3, y + size * 0.2)))
        case "fighting":
            d.part("red", *(leaf(at, polar(at, size * 1.1, up + a), size * 0.3, 0.1) for a in (-105, -130)))
        case "ground":
            d.part("accent", blob([(x - size * 0.6, y + size * 0.1), (x - size * 0.3, y - size * 0.45),
                                   (x + size * 0.05, y - size * 0.25), (x + size * 0.35, y - size * 0.5),
                                   (x + size * 0.6, y + size * 0.1)], corners=(0, 2, 4)))
        case "flying":
            fan("accent", (-58, -30, 0), (0.8, 1.05, 1.2), 0.34)
        case _:
            d.part("accent", *(leaf(at, polar(at, size * k, up + a), size * 0.36, 0.1) for a,
                               k in ((-34, 0.7), (-4, 1.0), (28, 0.75))))


def brow_mark(d: Draft, x: float, y: float, size: float) -> None:
    """A small sign on the forehead: gem, star, drop or moon."""
    match d.pick(("gem", "star", "drop", "disc")):
        case "gem":
            shape = polygon((x, y - size), (x + size * 0.62, y), (x, y + size), (x - size * 0.62, y))
        case "star":
            shape = star(x, y, size, size * 0.45)
        case "drop":
            shape = leaf((x, y + size * 0.8), (x, y - size * 1.1), size * 1.1, belly=0.3)
        case _:
            shape = ellipse(x, y, size * 0.7, size * 0.7)
    d.part("detail", shape, line=0.7, relief=0.7, solid=True)


def crystal(base: Point, tip: Point, width: float) -> np.ndarray:
    """A faceted shard standing on base, its shoulder at three quarters of its length."""
    a, b = np.asarray(base, float), np.asarray(tip, float)
    axis = b - a
    side = np.array([-axis[1], axis[0]]) / max(float(np.hypot(*axis)), 1e-9) * width / 2
    return np.array([a + side * 0.6, a + axis * 0.66 + side, b, a + axis * 0.72 - side, a - side * 0.6])


def blossom(d: Draft, at: Point, size: float, petals: int = 5, paint: str = "accent") -> None:
    """A flower seen from the front."""
    for k in range(petals):
        x, y = polar(at, size * 0.55, -90 + 360 * k / petals)
        d.part(paint, ellipse(x, y, size * 0.42, size * 0.42), line=0.8)
    d.part("gold", ellipse(*at, size * 0.34, size * 0.34), line=0.7)


def web_wing(d: Draft, at: Point, length: float, angle: float, paint: str = "accent", side: int = 1,
             arm: str = "body") -> None:
    """A bat's or dragon's wing: `angle` is where its arm points, `side` (+1/-1) to which side the web
    hangs."""
    wrist = polar(at, length * 0.62, angle - side * 16)
    tips = [polar(at, length * k, angle + side * a) for k, a in ((1.12, 10), (1.0, 42), (0.78, 76))]
    edge: list[Point] = [at, wrist, tips[0]]
    for a, b in pairwise(tips):
        middle = ((a[0] + b[0]) / 2, (a[1] + b[1]) / 2)
        edge += [(middle[0] * 0.72 + at[0] * 0.28, middle[1] * 0.72 + at[1] * 0.28), b]
    d.part(paint, blob(edge, corners=(0, 1, 2, 4, 6)))
    for tip in tips[1:]:
        d.stroke([wrist, tip], width=0.6, paint=paint, smooth=False)
    d.part(arm, tube([at, wrist], [length * 0.075, length * 0.05]), line=0.8)
    d.part("bone", spike(wrist, polar(wrist, length * 0.17, angle - side * 50), length * 0.1), line=0.8)


def pattern(
    d: Draft, cx: float, cy: float, rx: float, ry: float, belly: float = 0.0, kinds: str = ""
) -> list[Mark]:
    """Marks for a part of about the given extent: perhaps stripes, spots, a saddle or a band from its back.

    `belly` > 0 adds a light patch on the lower front, `belly` of the extent wide. `kinds` restricts the
    choice, as words in one string.
    """
    marks = []
    kind = d.pick(kinds.split() if kinds else ("none", "none", "stripes", "spots", "saddle", "freckles",
                                               "socks"))
    if kind == "stripes":
        n = d.count(3, 4)
        for k in range(n):
            x = cx + rx * (-0.75 + 1.5 * (k + 0.5) / n) * 0.9
            depth = cy - ry * d.between(0.0, 0.25)
            marks.append(Mark("detail", polygon((x - rx * 0.14, cy - ry * 1.3),
                                                (x + rx * 0.14, cy - ry * 1.3), (x + rx * 0.02, depth))))
    elif kind == "spots":
        for _ in range(d.count(5, 8)):
            r = min(rx, ry) * d.between(0.10, 0.24)
            x, y = cx + rx * d.between(-0.9, 0.8), cy - ry * d.between(-0.15, 0.9)
            marks.append(Mark("detail", ellipse(x, y, r * 1.1, r)))
    elif kind == "saddle":
        marks.append(Mark("accent", blob([(cx - rx * 1.4, cy - ry * 1.5), (cx + rx * 1.4, cy - ry * 1.5),
                                          (cx + rx * 1.2, cy - ry * 0.55), (cx + rx * 0.4, cy - ry * 0.25),
                                          (cx - rx * 0.4, cy - ry * 0.5), (cx - rx * 1.2, cy - ry * 0.15)])))
    elif kind == "freckles":
        for a in range(6):
            x, y = polar((cx - rx * 0.25, cy - ry * 0.45), min(rx, ry) * 0.26, a * 60)
            marks.append(Mark("accent", ellipse(x, y, min(rx, ry) * 0.08, min(rx, ry) * 0.08)))
    elif kind == "socks":
        marks.append(Mark("accent", move(ellipse(0, 0, rx * 1.6, ry * 0.5), cx, cy + ry * 1.15)))
    if belly > 0:
        marks.append(Mark("belly", ellipse(cx + rx * 0.25, cy + ry * 0.55, rx * belly, ry * 0.72)))
    return marks
