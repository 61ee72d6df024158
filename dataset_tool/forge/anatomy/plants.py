"""Plants and fungi that grew a face."""

from __future__ import annotations

import numpy as np

from dataset_tool.forge.anatomy.beasts import leg
from dataset_tool.forge.draft import Draft, Mark
from dataset_tool.forge.faces import draw_mouth, face, mood
from dataset_tool.forge.ornaments import blossom, pattern
from dataset_tool.forge.shapes import blob, egg, ellipse, leaf, polar, polygon, scallops, spike, star, tube

# Coordinates read like a drawing, several to a line.
# fmt: off


def mushroom(d: Draft) -> None:
    """A mushroom that walks on its stalk."""
    wide, high = d.between(54, 64), d.between(50, 64)
    shape = d.pick(("dome", "cone", "flat"))
    for side in (-1, 1):
        d.part("belly", ellipse(side * 16, 64, 14, 8))
        d.part("belly", tube([(side * 22, 22), (side * d.between(36, 42), d.between(18, 42))], [7, 6.5]))
    d.part("belly", blob([(-22, -10), (22, -10), (26, 30), (28, 54), (0, 64), (-28, 54), (-26, 30)]))
    d.part("accent", ellipse(0, -2, wide * 0.82, 12), relief=0.5)
    top = {"dome": [(-wide, -4), (-wide * 0.8, -high * 0.7), (0, -high), (wide * 0.8, -high * 0.7),
                    (wide, -4)], "cone": [(-wide, -2), (-wide * 0.52, -high * 0.5),
                                          (wide * 0.1, -high * 1.3), (wide * 0.48, -high * 0.5), (wide, -2)],
           "flat": [(-wide, -14), (-wide * 0.72, -high * 0.62), (0, -high * 0.72),
                    (wide * 0.72, -high * 0.62), (wide, -14)]}[shape]
    spots = [Mark("belly", ellipse(x * wide, y * high, r, r * 0.86))
            for x, y, r in ((-0.55, -0.36, 10), (0.02, -0.62, 12), (0.6, -0.3, 9.5),
                            (-0.2, -0.18, 6), (0.3, -0.1, 5))]
    d.part("body", blob([*top, (wide * 0.5, 6), (0, -1), (-wide * 0.5, 6)]), marks=spots, shadow=True)
    glow = "glow" if d.type == "ghost" and d.chance(0.7) else ""
    face(d, 0, 24, 11.5, d.between(7, 8.5), 0, mood(d), blush=0.9, eye_paint=glow)


def cactus(d: Draft) -> None:
    """A cactus with raised arms, perhaps in bloom."""
    tall = d.between(64, 76)
    arms = [((-20, 18), (-48, 14), (-50, d.between(-26, -6))), ((20, 8), (46, 4), (50, d.between(-40, -16)))]
    for path in arms:
        d.part("body", tube(path, [12, 12.5, 11.5]))
        x, y = path[-1]
        if d.chance(0.4):
            blossom(d, (x, y - 12), 12)
    d.pair("detail", ellipse(15, 66, 15, 8))
    d.part("body", blob([(-26, 60), (-30, 10), (-25, -tall * 0.6), (0, -tall * 0.92), (25, -tall * 0.6),
                         (30, 10), (26, 60), (0, 66)]), marks=[Mark("far",
                                                                    tube([(x, -80), (x * 1.25, 0), (x, 80)],
                                                                         [1.8, 1.8])) for x in (-15, 0, 15)])
    for x, y in ((-21, -30), (21, -22), (-23, 36), (22, 40), (0, 46), (-50, 6), (49, -4), (-8, -46),
                 (9, -48)):
        d.stroke([(x - 3, y - 3), (x + 3, y + 3)], 0.55, smooth=False)
        d.stroke([(x + 3, y - 3), (x - 3, y + 3)], 0.55, smooth=False)
    hat = d.pick(("flower", "flower", "hat", "none"))
    if hat == "flower":
        blossom(d, (d.between(-8, 8), -tall * 0.92), 24, d.count(5, 6), d.pick(("accent", "blush")))
    elif hat == "hat":
        d.part("wood", ellipse(0, -tall * 0.76, 42, 9))
        d.part("wood", blob([(-21, -tall * 0.76), (-15, -tall * 0.76 - 30), (15, -tall * 0.76 - 30),
                             (21, -tall * 0.76)]))
        d.part("red", tube([(-20, -tall * 0.76 - 5), (0, -tall * 0.76 - 1), (20, -tall * 0.76 - 5)], [4, 4]),
               line=0.7)
    d.part("belly", ellipse(0, 4, 21, 22), line=0, relief=0)
    face(d, 0, 0, 11, d.between(6.5, 8), 0, mood(d), blush=0.9)


def flower(d: Draft) -> None:
    """A flower whose disc is a face, on a leafy stem."""
    n, r = d.count(6, 11), d.between(28, 33)
    long = d.between(1.75, 2.05)
    pointed = d.chance(0.5)
    leaf_paint = "leaf" if d.type in ("grass", "fairy", "poison", "bug") else "detail"
    d.part(leaf_paint, tube([(0, 0), (d.between(-8, 8), 40), (0, 74)], [5.5, 5, 6]))
    lift = d.between(18, 46)
    for side in (-1, 1):
        d.part(leaf_paint, leaf((0, 66), (side * 50, 66 - lift), 25, -0.16 * side, belly=0.55))
    cx, cy = 0.0, -18.0
    d.head(cx, cy, r * 1.35)
    for ring in (0, 1) if d.chance(0.4) else (1,):
        for k in range(n):
            a = -90 + 360 * (k + 0.5 * (1 - ring)) / n
            tip = polar((cx, cy), r * (long if ring else long * 1.14), a)
            width = 2 * np.pi * r * 1.35 / n
            d.part("body" if ring else "accent", leaf(polar((cx, cy), r * 0.6, a), tip, width * 1.15, 0,
                                                      belly=0.5) if pointed else egg(*polar((cx, cy),
                                                                                            r * long * 0.74,
                                                                                            a), width * 0.62,
                                                                                     r * 0.62, -0.16, a + 90))
    d.part("gold" if d.type in ("grass", "fairy") and d.chance(0.5) else "belly", ellipse(cx, cy, r, r),
           shadow=True)
    face(d, cx, cy - 4, 12, d.between(7.5, 9), 0, mood(d), blush=0.9)


def sprout(d: Draft) -> None:
    """A bulb with feet and two leaves on its head."""
    w = d.between(40, 47)
    grow = d.pick(("leaves", "leaves", "tulip", "long"))
    root = (0.0, -34.0)
    d.head(0, 8, 44, takes=False)
    if grow == "leaves":
        for side, a in ((-1, d.between(-165, -140)), (1, d.between(-40, -15))):
            tip = polar(root, d.between(46, 58), a)
            d.part("leaf", leaf(root, tip, 29, -0.14 * side, belly=0.6))
            d.stroke([root, (root[0] * 0.35 + tip[0] * 0.65, root[1] * 0.35 + tip[1] * 0.65 - 4)], 0.5,
                     "leaf")
    elif grow == "tulip":
        d.part("leaf", tube([root, (3, -52), (0, -66)], [4, 3.5]))
        for a, paint in ((-130, "accent"), (-50, "accent"), (-90, "accent")):
            d.part(paint, leaf((0, -58), polar((0, -58), 34, a), 26, 0, belly=0.45))
    else:
        for a, k in ((-128, 48), (-52, 48), (-106, 66), (-74, 66)):
            d.part("leaf", leaf(root, polar(root, k, a), 17, 0.08 * np.sign(a + 90), belly=0.5))
    d.head_end()
    for side in (-1, 1):
        d.part("far", ellipse(side * 20, 60, 15, 9))
        d.part("body", tube([(side * w * 0.8, 18), (side * (w + 13), d.between(4, 30))], [6.5, 5.5]))
    d.head(0, 8, 44, takes=False)
    marks = [Mark("belly", ellipse(0, 62, w * 0.9, 24))] if d.chance(0.5) else pattern(d, 0, 8, w, 40,
        kinds="stripes freckles")
    d.part("body", blob([(0, -46), (12, -34), (w * 0.8, -16), (w, 20), (w * 0.72, 52), (0, 60),
                         (-w * 0.72, 52), (-w, 20), (-w * 0.8, -16), (-12, -34)], corners=(0,)), marks=marks)
    face(d, 0, 8, 16, d.between(8, 10), 0, mood(d), blush=0.9)


def pumpkin(d: Draft) -> None:
    """A pumpkin with a carved grin."""
    w, h = d.between(54, 62), d.between(44, 50)
    d.head(0, 4, 47, takes=False)
    d.part("leaf" if d.type != "ghost" else "detail", tube([(0, -34), (4, -52), (18, -62)], [9, 7, 6]))
    vine = d.pick((-1, 1))
    t = np.linspace(0, 2.6 * np.pi, 24)
    d.part("leaf", tube(np.stack([vine * (8 + 3.4 * t), -44 + 7 * np.sin(t) - 1.2 * t], 1)[::2], [2.4, 1.8]),
           line=0.8)
    d.part("leaf", leaf((-vine * 4, -42), (-vine * 40, -58), 24, 0.12))
    d.head_end()
    d.pair("detail", ellipse(22, 54, 14, 9))
    d.head(0, 4, 47, takes=False)
    for k in (0.66, 0.36):
        d.pair("far" if k > 0.5 else "body", ellipse(w * k, 4, w * (1 - k) * 1.04,
                                                     h * (1.0 if k < 0.5 else 0.92)))
    d.part("body", ellipse(0, 5, w * 0.4, h * 1.02))
    lit = d.pick(("glow", "fire_core"))
    slant = d.between(0.0, 12.0)
    for side in (-1, 1):
        d.part(lit, polygon((side * 10, -2), (side * 32, -4 - slant), (side * 23, -20 + slant * 0.4)),
               line=1.0, relief=0, solid=True)
    teeth = [(-34, 12), (-22, 16), (-18, 22), (-12, 17), (0, 19), (6, 25), (12, 17), (24, 16), (34, 12),
             (26, 30), (10, 33), (6, 39), (-6, 39), (-10, 34), (-26, 30)]
    d.part(lit, polygon(*[(x * d.between(0.99, 1.01), y) for x, y in teeth]), relief=0, solid=True)


def tree(d: Draft) -> None:
    """A walking tree: a trunk with arms under a bushy crown."""
    kind = d.pick(("round", "round", "fir", "palm"))
    foliage = {"ghost": "detail", "ice": "frost", "fire": "fire", "rock": "detail",
               "fairy": "accent"}.get(d.type, "leaf")
    for side in (-1, 1):
        d.part("wood", leg(side * 13, 48, 70, 17, side * 5))
        hand = (side * 46, d.between(4, 30))
        d.part("wood", tube([(side * 16, 28), (side * 34, 32), hand], [6, 5.5, 4]),
               tube([hand, (hand[0] + side * 9, hand[1] - 4)], [3, 2]),
               tube([hand, (hand[0] + side * 3, hand[1] - 11)], [3, 2]))
    if kind == "palm":
        d.part("wood", blob([(-17, -34), (17, -34), (20, 10), (26, 54), (0, 62), (-26, 54), (-20, 10)]))
        for a in (-176, -150, -30, -4, -120, -60, -90):
            d.part(foliage, leaf((0, -34), polar((0, -34), d.between(50, 60), a), 23,
                                 0.14 * np.sign(a + 90.5), belly=0.5))
        d.part("wood", ellipse(-9, -32, 7.5, 7.5), ellipse(9, -32, 7.5, 7.5))
    elif kind == "fir":
        d.part("wood", blob([(-22, -10), (22, -10), (25, 30), (24, 56), (0, 62), (-24, 56), (-25, 30)]))
        for k in range(3):
            y, w = 6 - 25 * k, 54 - 12 * k
            d.part(foliage, blob([(0, y - 44), (w * 0.6, y - 12), (w, y), (w * 0.5, y + 7), (0, y + 2),
                                  (-w * 0.5, y + 7), (-w, y), (-w * 0.6, y - 12)], corners=(0, 2, 6)),
                   shadow=k == 0)
        d.part("gold", star(0, -92, 11, 5), line=0.8)
    else:
        d.part("wood", blob([(-22, -10), (22, -10), (25, 30), (24, 56), (0, 62), (-24, 56), (-25, 30)]))
        fruit = d.pick(("accent", "red", "none"))
        d.part(foliage, scallops(0, -38, 54, 44, d.count(7, 9), phase=d.between(0, 6)), shadow=True)
        if fruit != "none":
            for x, y in ((-30, -46), (2, -62), (28, -36), (-8, -30), (34, -56)):
                d.part(fruit, ellipse(x, y, 6.5, 6.5), line=0.8)
    feeling = mood(d)
    glow = "glow" if d.type in ("ghost", "dark") else ""
    face(d, 0, 26, 10, d.between(6, 7.5), 0, feeling, mouth=not glow, blush=0.6, eye_paint=glow)
    if glow:
        draw_mouth(d, 0, 40, 7, "surprised")


def pitcher(d: Draft) -> None:
    """A carnivorous trap plant: a stalk with a toothed maw."""
    d.part("leaf", tube([(4, 66), (-22, 44), (-10, 16), (2, -4)], [6.5, 6.5, 6, 6]))
    for side in (-1, 1):
        d.part("leaf", leaf((4, 66), (side * 54, d.between(34, 56)), 25, -0.2 * side, belly=0.5))
        d.part("leaf", leaf((4, 66), (side * 30, 78), 18, 0.1 * side))
    d.head(6, -24, 34)
    gape = d.between(16, 26)
    d.part("body", blob([(-34, -18), (-20, 8), (16, 18 + gape * 0.4), (58, 4 + gape * 0.6), (20, -6),
                         (-10, -18)], corners=(3,)), marks=[Mark("belly", ellipse(10, 22, 40, 10))])
    d.part("mouth", blob([(-20, -22), (-6, -4), (18, 6 + gape * 0.3), (54, 2 + gape * 0.5), (58, -30),
                          (20, -34)]), line=0.6, relief=0, solid=True)
    d.part("tongue", ellipse(18, -2 + gape * 0.2, 20, 6, 10), line=0, relief=0, solid=True)
    for k in range(5):
        x = -2 + 12 * k
        d.part("white", spike((x, 2 + gape * 0.08 * k), (x + 1, -10 + gape * 0.08 * k), 7), line=0.6,
               relief=0, solid=True)
    d.part("body", blob([(-38, -20), (-34, -52), (0, -70), (40, -60), (66, -34), (62, -20), (30, -30),
                         (-4, -22), (-22, -10)], corners=(5,)),
           marks=pattern(d, 8, -46, 40, 22, kinds="spots spots stripes"), shadow=True)
    for k in range(5):
        x = 4 + 12 * k
        d.part("white", spike((x, -27 + 1.0 * abs(k - 2)), (x + 1, -13), 7), line=0.6, relief=0, solid=True)
    feeling = d.pick(("fierce", "happy", "cheeky", "calm"))
    face(d, 14, -48, 14, d.between(6.5, 8), 0.5, feeling, mouth=False, blush=0.3)
    if d.chance(0.5):
        for a in (-128, -104, -80):
            d.part("accent", leaf((-10, -62), polar((-10, -62), 30, a), 15))
