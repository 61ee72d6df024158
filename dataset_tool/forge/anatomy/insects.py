"""Creeping and flying small fry: insects, spiders, snails and caterpillars."""

from __future__ import annotations

import numpy as np

from dataset_tool.forge.draft import Draft, Mark
from dataset_tool.forge.faces import draw_mouth, face, mood, one_eye
from dataset_tool.forge.ornaments import crown, pattern, tail_tip
from dataset_tool.forge.shapes import blob, egg, ellipse, leaf, polar, scallops, spike, star, tube

# Coordinates read like a drawing, several to a line.
# fmt: off


def feelers(d: Draft, x: float, y: float, length: float, paint: str = "ink", spread: float = 26.0,
            knob: float = 4.5) -> None:
    """Two antennae with knobs, curling outwards from (x, y)."""
    for side in (-1, 1):
        end = (x + side * spread, y - length)
        d.part(paint, tube([(x + side * 6, y), (x + side * 9, y - length * 0.6), end], [2.2, 1.9]),
               ellipse(*end, knob, knob), line=0.7)


def beetle(d: Draft) -> None:
    """A rhinoceros beetle: armoured, with a great horn."""
    horn = d.between(40, 56)
    for x, step in ((-30, -14), (-4, -4), (22, 8)):
        d.part("far", tube([(x, 38), (x + step, 52), (x + step + 6, 62)], [5.5, 4.5, 3.5]))
    d.part("accent", blob([(-58, 36), (-54, -4), (-22, -34), (14, -26), (24, 6), (20, 36), (-20, 46)]),
           marks=[*pattern(d, -18, -4, 34, 30, kinds="none spots stripes"),
                  Mark("detail", ellipse(-20, 48, 50, 12))])
    d.stroke([(-56, 18), (-20, -6), (18, -22)], 0.8, "accent")
    for x, step in ((-36, -10), (-10, -2), (16, 10)):
        d.part("body", tube([(x, 36), (x + step, 52), (x + step + 9, 66)], [6.5, 5.2, 4]))
    hx, hy = 36.0, 8.0
    fork = d.chance(0.55)
    tip = (hx + 20, hy - horn - 8)
    shapes = [tube([(hx + 14, hy - 6), (hx + 31, hy - horn * 0.45), tip], [9, 7, 3.5])]
    if fork:
        shapes += [tube([tip, (tip[0] - 13, tip[1] - 12)], [4, 2.4]),
                   tube([tip, (tip[0] + 12, tip[1] - 10)], [4, 2.4])]
    d.part("body", ellipse(hx - 18, hy + 4, 20, 28), shadow=True)
    d.head(hx, hy + 9, 23)
    d.part(d.pick(("detail", "body")), *shapes)
    d.part("body", egg(hx, hy + 10, 24, 24, 0.05), shadow=True)
    face(d, hx + 5, hy + 6, 11, d.between(7, 8.5), 0.6, mood(d), blush=0.4)


def moth(d: Draft) -> None:
    """A moth or butterfly with spread wings."""
    span, drop = d.between(58, 70), d.between(34, 52)
    tone, rim = d.pick((("accent", "detail"), ("accent", "belly"), ("detail", "accent"), ("belly", "accent")))
    pointed = d.chance(0.5)
    start = len(d.parts)
    lower = [(6, 8), (36, 8), (span * 0.78, 26), (span * 0.66, 30 + drop * 0.6), (30, 24 + drop * 0.62),
             (8, 28)]
    upper = [(6, -8), (14, -34), (span * 0.7, -62), (span, -54), (span * 1.04, -20), (span * 0.66, 10),
             (20, 14)]
    d.part(tone, blob(lower, corners=(3,) if pointed else ()),
           marks=[Mark(rim, ellipse(span * 0.5, 28 + drop * 0.3, 9, 10))])
    ring = ellipse(span * 0.66, -28, 15, 14)
    d.part(tone, blob(upper, corners=(3,) if pointed else ()),
           marks=[Mark(rim, ring), Mark("ink" if d.chance(0.4) else tone, ellipse(span * 0.66, -28, 8, 8)),
                  *(Mark(rim, ellipse(span * 1.02, y, 6, 5)) for y in (-48, -34, -20))])
    wings = d.parts[start:]
    d.reflect(start)
    d.parts += wings
    d.part("body", tube([(0, 4), (0, 34), (0, 52)], [14, 12, 5]),
           marks=[Mark("belly", ellipse(0, y, 20, 3)) for y in (24, 36, 47)])
    if d.chance(0.6):
        d.part("belly", scallops(0, 2, 21, 13, 9), line=0.8)
    d.head(0, -22, 22)
    feelers(d, 0, -36, d.between(20, 32), "accent" if tone != "accent" else "body")
    d.part("body", ellipse(0, -22, 25, 22), shadow=True)
    glow = "glow" if d.type in ("ghost", "poison") and d.chance(0.4) else ""
    face(d, 0, -22, 11.5, d.between(7.5, 9.5), 0, mood(d), blush=0.7, drop=0.95, eye_paint=glow)


def caterpillar(d: Draft) -> None:
    """A caterpillar of round segments, rearing."""
    n = d.count(4, 5)
    arch = d.between(10, 30)
    centres = [(-70 + 104 * k / n, 44 - arch * np.sin(np.pi * k / n) ** 1.0) for k in range(n)]
    if d.chance(0.7):
        tail_tip(d, (centres[0][0] - 8, centres[0][1] - 12), -120, 17)
    spiky = d.chance(0.4)
    for k, (x, y) in enumerate(centres):
        size = 20 + 2.0 * k
        for dx in (-8, 8):
            d.part("detail", ellipse(x + dx, y + size * 0.86, 6, 7))
        if spiky:
            d.part("accent", spike((x, y - size * 0.7), (x - 4, y - size - 15), 12))
        d.part("body" if k % 2 else d.pick(("body", "accent")), ellipse(x, y, size, size),
               marks=[Mark("belly", ellipse(x, y + size * 0.9, size, size * 0.5)),
                      Mark("detail", ellipse(x, y - size * 0.2, 6, 6))])
    hx, hy = 38.0, 4.0
    d.part("body", ellipse(34, 38, 25, 25), marks=[Mark("belly", ellipse(36, 50, 20, 20))])
    for y in (34, 48):
        d.part("detail", ellipse(55, y, 7, 5.5))
    d.head(hx, hy, 31)
    if d.type in ("bug", "fairy"):
        feelers(d, hx, hy - 26, 24, "accent", 18)
    else:
        crown(d, (hx - 2, hy - 25), 22)
    d.part("body", ellipse(hx, hy, 34, 31), shadow=True)
    face(d, hx + 6, hy - 2, 15, d.between(8.5, 10.5), 0.4, mood(d), blush=0.9)
    d.part("accent", ellipse(hx + 9, hy + 8, 4.5, 3.8), line=0.7)


def snail(d: Draft) -> None:
    """A snail below its spiral house."""
    r = d.between(36, 43)
    d.part("body", blob([(-66, 62), (-40, 46), (10, 44), (30, 26), (36, -4), (48, -14), (64, -4), (66, 22),
                         (56, 50), (44, 63), (0, 66)], corners=(0,)),
           marks=[Mark("belly", ellipse(10, 68, 70, 10)), Mark("belly", ellipse(66, 36, 14, 30))])
    cx, cy = -12.0, 14.0
    tip = d.pick(("round", "round", "spiky"))
    if tip == "spiky":
        for a in (-170, -130, -90, -50):
            d.part("detail", spike(polar((cx, cy), r * 0.8, a), polar((cx, cy), r * 1.38, a), 19))
    d.part("accent", ellipse(cx, cy, r, r), shadow=True)
    t = np.linspace(0.4, 5.0 * np.pi, 90)
    k = r * 0.94 / t[-1]
    spiral = np.stack([cx + k * t * np.cos(t + 1.2), cy + k * t * np.sin(t + 1.2)], 1)
    d.stroke(spiral, 1.25, "accent", smooth=False)
    if d.type == "fire":
        crown(d, (cx, cy - r + 2), 24)
    hx, hy = 52.0, -2.0
    d.head(hx - 1, hy, 23, gives=False)
    feeling, kind = mood(d), d.pick(("iris", "bead"))
    stalk = d.between(20, 34)
    for dx, lean, paint in ((8, 10, "far"), (-4, -6, "body")):
        end = (hx + dx + lean, hy - stalk - 6)
        d.part(paint, tube([(hx + dx * 0.6, hy), end], [4.6, 4.2]))
        d.part(paint, ellipse(*end, 10.5, 10.5), relief=0.5)
        one_eye(d, end[0] + 1, end[1], 8, feeling, kind, 1 if dx < 0 else -1)
    d.part("blush", ellipse(hx - 1, hy + 12, 5, 3.2), line=0, relief=0)
    draw_mouth(d, hx + 4, hy + 10, 7, feeling)


def bee(d: Draft) -> None:
    """A plump striped bee in the air."""
    for tip, w in (((-30, -74), 34), ((12, -78), 34)):
        d.part("frost", leaf((-4, -20), tip, w, 0.08 * np.sign(tip[0]), belly=0.66), relief=0.6)
    d.part("ink", spike((-46, 18), (-74, d.between(20, 34)), 15))
    stripe = "ink" if d.type in ("bug", "electric") else d.pick(("detail", "accent"))
    bands = [Mark(stripe, tube([(x, -50), (x - 7, 4), (x, 60)], [6.5, 7.5, 6.5])) for x in (-32, -8)]
    d.part("body", ellipse(-8, 8, 47, 36, 6), marks=bands)
    for x in (-18, -2, 14):
        d.part("ink", tube([(x, 40), (x + 3, 54)], [4, 3.4]), line=0.6)
    if d.chance(0.6):
        d.part("belly", scallops(22, 8, 19, 27, 9), line=0.9)
    hx, hy = 38.0, 2.0
    d.head(hx, hy, 29)
    feelers(d, hx + 2, hy - 26, d.between(16, 26), "ink", 17)
    d.part("body", ellipse(hx, hy, 30, 29), shadow=True)
    face(d, hx + 6, hy - 2, 13, d.between(8, 9.5), 0.5, mood(d), blush=0.9)


def spider(d: Draft) -> None:
    """A round spider on eight legs."""
    for side in (-1, 1):
        for k, (kx, ky, fx, fy) in enumerate(((44, -40, 62, -14), (60, -20, 80, 24), (58, 4, 76, 56),
                                              (40, 22, 48, 68))):
            d.part("far" if k < 2 else "body", tube([(side * 20, 8 + 4 * k), (side * kx, ky),
                                                     (side * (kx + fx) / 2 + side * 4, (ky + fy) / 2),
                                                     (side * fx, fy)], [6, 5, 4.5, 2.5]),
                   marks=[Mark("accent", ellipse(side * fx, fy, 11, 13))])
    if d.chance(0.35):
        d.stroke([(0, -30), (0, -88)], 0.6, smooth=False)
    sign = d.pick(("cross", "dots", "stripe"))
    marks = {"cross": [Mark("accent", star(0, -36, 15, 5, 4))],
             "dots": [Mark("accent", ellipse(x, y, 6.5, 6)) for x, y in ((-16, -34), (16, -34), (0, -42))],
             "stripe": [Mark("accent", ellipse(0, -20, 46, 6)), Mark("accent", ellipse(0, -37, 40, 5))]}[sign]
    d.part("body", ellipse(0, -18, 38, 34), marks=marks)
    if d.type in ("electric", "ice", "ghost"):
        crown(d, (0, -48), 18)
    d.head(0, 15, 29)
    d.part("body", ellipse(0, 16, 33, 28), marks=[Mark("belly", ellipse(0, 40, 28, 14))], shadow=True)
    feeling = mood(d)
    face(d, 0, 14, 12, d.between(7, 9), 0, feeling, mouth=False, blush=0.5)
    for side in (-1, 1):
        d.part("ink", ellipse(side * 23, 2, 3.6, 3.6), ellipse(side * 10, -2, 3.2, 3.2), line=0.3, relief=0,
               solid=True)
        d.part("white", ellipse(side * 23 - 1, 1, 1.3, 1.3), line=0, relief=0, solid=True)
        d.part("white", spike((side * 6, 28), (side * 5, 40), 7), line=0.7, relief=0, solid=True)
    d.stroke([(-9, 28), (0, 31), (9, 28)], 0.9)


def dragonfly(d: Draft) -> None:
    """A dragonfly: four long wings and a needle of a body."""
    bend = d.between(-18, 18)
    tail = [(0, 0), (-2, 28), (bend * 0.5, 58), (bend, 84)]
    for angle, length in ((-34, 84), (8, 70)):
        d.pair("frost" if d.chance(0.3) else "accent", leaf((6, -6), polar((6, -6), length, angle), 27, 0.06,
                                                            belly=0.66), relief=0.7)
    d.part("body", tube(tail, [10, 7.5, 6.5, 5]), marks=[Mark("detail",
                                                              ellipse(bend * k * 0.14, 20 + 13 * k, 14, 3.2))
                                                         for k in range(5)])
    tail_tip(d, tail[-1], 90 - bend, 13)
    d.part("body", ellipse(0, -4, 16, 17), marks=[Mark("belly", ellipse(0, 6, 11, 10))])
    d.head(0, -31, 21)
    if d.type in ("bug", "fairy", "dragon", "electric"):
        crown(d, (0, -46), 17)
    d.part("body", ellipse(0, -32, 23, 20), shadow=True)
    feeling = mood(d)
    for side in (-1, 1):
        d.part("detail", ellipse(side * 18, -38, 14, 15), relief=0.6)
        one_eye(d, side * 17, -37, 9.5, feeling, "iris", -side, turned=0)
    draw_mouth(d, 0, -23, 8, feeling)


def mantis(d: Draft) -> None:
    """A praying mantis with scythes."""
    tail = blob([(-4, 20), (-30, 24), (-66, 52), (-58, 62), (-24, 56), (6, 38)], corners=(2,))
    for x, fx in ((-20, -40), (-6, 2), (2, 22)):
        d.part("far", tube([(x, 36), ((x + fx) / 2 - 6, 40), (fx, 70)], [4.5, 3.6, 3]))
    d.part("leaf" if d.type in ("grass", "bug") else "accent", tail)
    d.part("body", tube([(-24, 42), (0, 30), (8, 6), (6, -26)], [13, 12, 8.5, 8]),
           marks=[Mark("belly", tube([(6, 34), (14, 6), (12, -26)], [5, 5, 4]))])
    for dx, dy, paint in ((10, -6, "far"), (0, 0, "body")):
        elbow, wrist = (34 + dx, 14 + dy), (42 + dx, -16 + dy)
        d.part(paint, tube([(10, -8), elbow], [6, 5.5]), tube([elbow, wrist], [6, 6.5]))
        d.part("accent" if d.type not in ("steel",) else "metal",
               leaf((wrist[0] - 6, wrist[1] - 8), (wrist[0] + 24, wrist[1] + 36), 17, 0.22, belly=0.4))
    hx, hy = 10.0, -44.0
    d.head(hx, hy - 1, 19)
    feelers(d, hx - 2, hy - 14, d.between(22, 34), "accent", 22, 3.2)
    d.part("body", blob([(hx - 34, hy - 14), (hx, hy - 18), (hx + 34, hy - 14), (hx + 22, hy + 6),
                         (hx + 3, hy + 24), (hx - 16, hy + 8)]), shadow=True)
    feeling = d.pick(("fierce", "calm", "cheeky", "happy", "fierce"))
    for side in (-1, 1):
        one_eye(d, hx + 2 + side * 19, hy - 6, 9, feeling, "iris", -side)
    draw_mouth(d, hx + 3, hy + 9, 5.5, feeling)
