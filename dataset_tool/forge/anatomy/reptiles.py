"""Dragons, dinosaurs, turtles, snakes, frogs and newts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dataset_tool.forge.anatomy.beasts import leg, socks
from dataset_tool.forge.draft import Draft, Mark
from dataset_tool.forge.faces import draw_mouth, face, mood, one_eye
from dataset_tool.forge.ornaments import blossom, brow_mark, crown, crystal, pattern, tail_tip, web_wing
from dataset_tool.forge.shapes import (
    blob,
    egg,
    ellipse,
    flame,
    leaf,
    polar,
    polygon,
    spike,
    spline,
    tube,
)

# Coordinates read like a drawing, several to a line.
# fmt: off


def back_spikes(d: Draft, line: Sequence[tuple[float, float]], count: int, size: float,
                paint: str = "accent") -> None:
    """A row of plates along a back, largest in its middle; drawn before the body."""
    points = spline(line, 16)
    for k in range(count):
        i = int((k + 0.5) / count * (len(points) - 1))
        tangent = points[min(i + 1, len(points) - 1)] - points[max(i - 1, 0)]
        up = float(np.degrees(np.arctan2(tangent[1], tangent[0]))) - 90
        length = size * (0.65 + 0.5 * np.sin(np.pi * (k + 0.5) / count))
        foot = (float(points[i][0]), float(points[i][1]))
        d.part(paint, spike(foot, polar(foot, length, up), length * 0.95))


def longneck(d: Draft) -> None:
    """A gentle four-legged giant with a long neck."""
    neck, girth = d.between(38, 54), d.between(22, 26)
    ground = 66.0
    hx, hy = 48.0, -26.0 - neck
    tail = [(-28, 26), (-56, 38), (-80, 30), (-96, d.between(4, 22))]
    for x, step in ((-16, 3), (28, 4)):
        d.part("far", leg(x, 30, ground - 4, 17, step))
    kind = d.pick(("plates", "plates", "leaves", "none"))
    spine = [(-50, 30), (-26, 4), (2, 0), (22, -12), (34, -34)]
    if kind == "plates":
        back_spikes(d, spine, d.count(5, 7), 19)
    elif kind == "leaves" and d.type == "grass":
        for k in (-34, -10, 14):
            d.part("leaf", leaf((k, 4), (k - 16, -30), 24, 0.1))
    near = [leg(-26, 26, ground, 19, -2), leg(14, 26, ground, 19, 3)]
    throat = Mark("belly", tube([(8, 52), (34, 30), (40, -4), (hx - 1, hy + 16)], [14, 11, 7, 4]))
    d.part("body", ellipse(-6, 26, 36, girth), tube([(14, 20), (34, -6), (36, -26 - neck * 0.5),
                                                     (hx - 4, hy)], [21, 15, 11, 11]),
           tube(tail, [16, 11, 7, 3]), *near, marks=[*pattern(d, -12, 20, 36, 26,
                                                              kinds="none spots stripes freckles"), throat,
                                                     *socks(ground, 7, "detail")])
    tail_tip(d, tail[-1], -110, 15)
    d.head(hx + 3, hy - 1, 16, profile=True)
    if d.chance(0.65):
        crown(d, (hx - 6, hy - 13), 17, -16)
    d.part("body", blob([(hx - 16, hy - 6), (hx - 4, hy - 18), (hx + 12, hy - 12), (hx + 26, hy - 4),
                         (hx + 28, hy + 8), (hx + 8, hy + 15), (hx - 12, hy + 10)]), shadow=True)
    feeling = mood(d)
    one_eye(d, hx + 3, hy - 4, 7, feeling, d.pick(("bead", "iris")), 1, 0.95)
    d.part("blush", ellipse(hx + 2, hy + 6, 4.5, 2.6), line=0, relief=0)
    d.stroke([(hx + 10, hy + 7), (hx + 18, hy + 8), (hx + 25, hy + 4)], 0.9)
    d.part("ink", ellipse(hx + 23, hy - 2, 1.4, 1.4), line=0, relief=0, solid=True)


def turtle(d: Draft) -> None:
    """A turtle with a domed shell."""
    dome = d.between(58, 80)
    d.part("body", tube([(-44, 44), (-64, 48), (-74, 40)], [8, 5, 2]))
    for x, step in ((-18, 0), (36, 6)):
        d.part("far", leg(x, 38, 58, 17, step))
    feeling = mood(d)
    top = {"fire": "fire", "grass": "leaf", "rock": "stone", "ground": "stone", "ice": "stone"}.get(d.type,
                                                                                                    "")
    if top == "fire":
        d.part("fire", flame(-14, 44 - dome * 0.75, 34, 40))
        d.part("fire_core", flame(-14, 44 - dome * 0.75, 18, 22), line=0, relief=0)
    elif top == "leaf":
        d.part("wood", tube([(-12, 0), (-14, 44 - dome - 20)], [5, 4]))
        for a in (-150, -30, -90):
            p = (-14, 44 - dome - 18)
            d.part("leaf", leaf(p, polar(p, 28, a), 19, 0.08))
    elif top == "stone":
        for x, h in ((-38, 18), (14, 18), (-14, 30)):
            y = 50 - dome * (1.0 if x == -14 else 0.8)
            d.part("detail", crystal((x, y + 8), (x * 1.2, y - h), 18), relief=0.7)
    for x, step in ((-36, -4), (20, 3)):
        d.part("body", leg(x, 36, 62, 19, step), marks=socks(62, 5, "belly"))
    hx, hy = 56.0, 4.0
    d.part("body", tube([(22, 36), (44, 26), (hx, hy + 4)], [14, 12, 12]))
    shell = blob([(-58, 44), (-52, 44 - dome * 0.62), (-12, 44 - dome * 1.06), (28, 44 - dome * 0.6),
                  (36, 44), (-10, 52)], corners=(0, 4))
    shell_paint = d.pick(("accent", "detail", "wood"))
    plate = "detail" if shell_paint == "accent" else "belly"
    plates = [Mark(plate, ellipse(x, y, 12.5, 12.5, power=3))
            for x, y in ((-12, 44 - dome * 0.62), (-38, 30), (14, 30))]
    swirl = d.chance(0.3)
    d.part(shell_paint, shell, marks=[] if swirl else plates)
    if swirl:
        t = np.linspace(0, 4.2 * np.pi, 60)
        d.stroke(np.stack([-10 + 1.9 * t * np.cos(t), 26 + 1.5 * t * np.sin(t) - 8], 1), 0.9, "ink",
                 smooth=False)
    d.part("belly", tube([(-56, 47), (-10, 53), (36, 47)], [5, 5, 5]))
    d.head(hx, hy - 2, 20)
    d.part("body", blob([(hx - 22, hy - 2), (hx - 10, hy - 22), (hx + 10, hy - 22), (hx + 24, hy - 4),
                         (hx + 20, hy + 12), (hx, hy + 18), (hx - 16, hy + 12)]), shadow=True)
    face(d, hx + 3, hy - 4, 10.5, 7, 0.5, feeling, blush=0.7, drop=0.95)
    if d.chance(0.3):
        brow_mark(d, hx + 3, hy - 16, 4.5)


def serpent(d: Draft) -> None:
    """A snake risen from its coils."""
    hood, head = d.chance(0.4), d.between(21, 25)
    tail = [(34, 50), (62, 50), (78, 36), (82, d.between(10, 24))]
    d.part("body", tube(tail, [10, 8, 6, 3]))
    tail_tip(d, tail[-1], -75, 15)
    stripes = [Mark("belly", tube([(-44, y), (44, y)], [3.4, 3.4])) for y in (40, 53)]
    d.part("body", ellipse(0, 50, 52, 17), marks=[Mark("belly", ellipse(0, 66, 60, 10))])
    d.part("body", ellipse(-2, 33, 42, 15), marks=[Mark("belly", ellipse(-2, 47, 50, 9))])
    lean = d.between(-4, 12)
    neck = [(18, 26), (-22, 14), (-14, -18), (lean, -46)]
    if hood:
        d.part("accent", blob([(lean, -62), (lean + 30, -44), (lean + 24, -14), (lean - 6, 6),
                               (lean - 36, -14), (lean - 32, -44)]))
    kinds = "none stripes spots"
    d.part("body", tube(neck, [16, 15, 14, 15]), marks=[Mark("belly",
                                                             tube([(30, 26), (-8, 16), (0, -18),
                                                                   (lean + 12, -44)], [8, 8, 8, 6])),
                                                        *(pattern(d, -14, 6, 12, 40,
                                                                  kinds=kinds) if d.chance(0.5) else [])])
    for k in range(4):
        y = 12 - 13 * k
        d.stroke([(-8 + (k > 1) * 4, y), (8 + (k > 1) * 4, y + 1)], 0.4)
    hx, hy = lean + 6, -54.0
    d.head(hx, hy, head * 0.85)
    if not hood or d.chance(0.5):
        crown(d, (hx - 6, hy - head * 0.7), 19, -8)
    d.part("body", blob([(hx - head, hy), (hx - head * 0.6, hy - head * 0.8),
                         (hx + head * 0.5, hy - head * 0.8), (hx + head * 1.15, hy - head * 0.05),
                         (hx + head * 0.95, hy + head * 0.6), (hx, hy + head * 0.75),
                         (hx - head * 0.8, hy + head * 0.5)]), shadow=True)
    feeling = mood(d)
    face(d, hx + 4, hy - 5, 11, d.between(6.5, 8), 0.6, feeling, mouth=False, blush=0.3)
    mx, my = hx + 8, hy + head * 0.36
    if d.chance(0.55):
        d.stroke([(mx + 5, my + 2), (mx + 9, my + 13), (mx + 5, my + 19)], 0.8, "tongue")
        d.stroke([(mx + 9, my + 13), (mx + 14, my + 18)], 0.8, "tongue")
    draw_mouth(d, mx, my, 9, feeling if feeling != "surprised" else "happy")
    del stripes


def dragon(d: Draft) -> None:
    """A winged dragon that stands on its hind legs."""
    span, up = d.between(62, 76), d.between(-60, -36)
    web = d.pick(("accent", "detail"))
    web_wing(d, (20, -4), span * 0.85, up - 6, web, 1, "far")
    tail = [(-14, 46), (-46, 60), (-72, 48), (-78, d.between(18, 34))]
    back_spikes(d, [(-72, 46), (-46, 48), (-30, 20), (-22, -14)], 5, 14)
    d.part("body", tube(tail, [17, 12, 8, 4]))
    if d.type == "fire":  # a spade rather than a flame
        d.part("accent", leaf(tail[-1], (tail[-1][0] - 3, tail[-1][1] - 24), 22, belly=0.35))
    else:
        tail_tip(d, tail[-1], -100, 19)
    start = len(d.parts)
    web_wing(d, (20, -4), span, up, web)
    d.reflect(start)
    d.part("far", leg(22, 36, 64, 19, 5))
    d.part("body", egg(2, 22, 31, 36, 0.24), tube([(4, -4), (8, -22)], [19, 16]),
           marks=[*pattern(d, -10, 10, 28, 30, kinds="none spots stripes"),
                  Mark("belly", egg(13, 28, 20, 34, 0.2))])
    for y in (12, 26, 40):
        d.stroke([(2, y), (14, y + 4), (27, y + 1)], 0.4)
    d.part("body", ellipse(-10, 44, 17, 17), leg(-8, 44, 67, 20, 4), marks=socks(67, 5, "belly"))
    d.part("body", tube([(22, 4), (36, 14), (42, 8)], [8, 7, 6.5]))
    d.part("body", tube([(-12, 6), (0, 20), (12, 16)], [8.5, 7.5, 7]), shadow=True)
    hx, hy = 12.0, -44.0
    d.head(hx + 1, hy - 2, 22)
    if d.type in ("dragon", "dark", "fire", "ice", "flying"):
        horn = d.between(22, 32)
        for side, tint in ((1, "bone"), (-1, "bone")):
            foot = (hx - 4 + side * 13, hy - 18)
            d.part(tint, spike(foot, (foot[0] + side * 4 - 14, foot[1] - horn), 12, -0.15))
    else:
        crown(d, (hx - 4, hy - 20), 22, -10)
    if d.type == "fire":
        crown(d, (hx - 6, hy - 18), 20, -18)
    d.part("body", blob([(hx - 25, hy), (hx - 16, hy - 22), (hx + 8, hy - 24), (hx + 22, hy - 10),
                         (hx + 38, hy + 2), (hx + 36, hy + 14), (hx + 12, hy + 19), (hx - 16, hy + 14)]),
           shadow=True)
    feeling = mood(d)
    face(d, hx + 5, hy - 5, 12, d.between(7, 8.5), 0.65, feeling, mouth=False, blush=0.35)
    d.part("ink", ellipse(hx + 32, hy + 2, 1.6, 1.3), line=0, relief=0, solid=True)
    d.stroke([(hx + 8, hy + 9), (hx + 20, hy + 12), (hx + 33, hy + 8)], 0.9)
    d.part("white", polygon((hx + 25, hy + 10.5), (hx + 31, hy + 9), (hx + 29, hy + 16)), line=0.6, relief=0,
           solid=True)


def frog(d: Draft) -> None:
    """A squatting frog with eyes on top."""
    w = d.between(46, 54)
    for side in (-1, 1):
        d.part("body", ellipse(side * (w - 4), 40, 18, 25, side * 16),
               marks=[Mark("detail", ellipse(side * w, 24, 8, 6))])
        d.part("accent", *(ellipse(side * (w + 4) + k * 9, 63, 6.5, 5) for k in (-1, 0, 1)))
    throat = [Mark("belly", ellipse(0, 42, w * 0.7, 34))]
    d.part("body", blob([(-w, 20), (-w * 0.8, -18), (0, -30), (w * 0.8, -18), (w, 20), (w * 0.72, 56),
                         (0, 64), (-w * 0.72, 56)]), ellipse(-26, -26, 19, 18), ellipse(26, -26, 19, 18),
           marks=[*pattern(d, 0, 0, w, 40, kinds="none spots stripes"), *throat])
    feeling = mood(d)
    kind = d.pick(("iris", "bead"))
    for side in (-1, 1):
        d.part("belly", ellipse(side * 26, -27, 13.5, 13), line=0.6, relief=0, solid=True)
        one_eye(d, side * 25, -27, 10.5, feeling, kind, -side, turned=0)
    wide = w * d.between(0.55, 0.72)
    d.stroke([(-wide, 2), (-wide * 0.5, 13), (0, 16), (wide * 0.5, 13), (wide, 2)], 1.1)
    if d.chance(0.35):
        d.part("tongue", blob([(2, 15), (18, 13), (20, 30), (11, 36), (3, 30)]), line=0.8, relief=0.5)
    for side in (-1, 1):
        d.part("blush", ellipse(side * wide * 1.02, 10, 7, 4.5), line=0, relief=0)
        d.part("body", tube([(side * 24, 32), (side * 22, 58)], [9, 7]), shadow=True)
        d.part("accent", *(ellipse(side * 22 + k * 8, 63, 5.6, 4.6) for k in (-1, 0, 1)))
    if d.type == "grass":  # a lily pad for a hat
        pad = [polar((0, -46), 1.0, a) for a in range(-60, 240, 20)]
        d.part("leaf", blob([(0, -46), *((x * 34, -46 + (y + 46) * 10) for x, y in pad)], corners=(0,)))
        blossom(d, (14, -52), 11)
    elif d.type in ("fighting", "water"):
        crown(d, (0, -27), 16)


def rex(d: Draft) -> None:
    """A two-legged dinosaur with huge jaws and tiny arms."""
    tail = [(-10, 26), (-42, 30), (-70, 16), (-88, d.between(-20, 2))]
    back_spikes(d, [(-64, 16), (-38, 8), (-16, -14), (-8, -40)], d.count(4, 6), d.between(12, 20))
    d.part("body", tube(tail, [22, 16, 9, 3]), marks=pattern(d, -50, 20, 36, 14,
                                                             kinds="none stripes stripes"))
    tail_tip(d, tail[-1], -130, 16)
    d.part("far", leg(20, 36, 64, 20, 8))
    d.part("body", blob([(-20, -30), (16, -24), (26, 8), (20, 40), (-10, 50), (-32, 34), (-30, 2)]),
           marks=[*pattern(d, -14, 0, 24, 40, kinds="none spots stripes"),
                  Mark("belly", ellipse(22, 22, 18, 36))])
    d.part("body", ellipse(-8, 38, 20, 19), leg(-8, 40, 67, 21, 6), marks=socks(67, 5, "belly"))
    for x in (6, 13, 20):
        d.part("bone", spike((x - 8, 66), (x - 1, 68), 6), line=0.7)
    d.part("body", tube([(18, 4), (30, 12), (36, 7)], [6.5, 5, 4]), shadow=True)
    hx, hy = 16.0, -44.0
    d.head(hx - 1, hy + 2, 25, profile=True)
    crown(d, (hx - 12, hy - 24), 19, -16)
    gape = d.between(6, 16)
    d.part("body", blob([(hx - 14, hy + 6), (hx + 10, hy + 10), (hx + 42, hy + 10 + gape),
                         (hx + 40, hy + 20 + gape), (hx + 8, hy + 26), (hx - 16, hy + 20)]),
           marks=[Mark("belly", ellipse(hx + 24, hy + 28 + gape * 0.6, 30, 9))])
    d.part("mouth", blob([(hx - 2, hy + 6), (hx + 42, hy + 4), (hx + 40, hy + 12 + gape),
                          (hx + 8, hy + 14)]), line=0.6, relief=0, solid=True)
    d.part("tongue", ellipse(hx + 23, hy + 12 + gape * 0.5, 13, 3.6, -gape), line=0, relief=0, solid=True)
    for k in range(4):
        tooth = hx + 12 + 9 * k
        d.part("white", polygon((tooth - 4, hy + 5), (tooth + 4, hy + 5), (tooth, hy + 12)), line=0.5,
               relief=0, solid=True)
    d.part("body", blob([(hx - 26, hy), (hx - 18, hy - 24), (hx + 6, hy - 26), (hx + 18, hy - 16),
                         (hx + 42, hy - 12), (hx + 50, hy), (hx + 40, hy + 7), (hx + 4, hy + 8),
                         (hx - 16, hy + 16)]), shadow=True)
    one_eye(d, hx + 4, hy - 9, 8, d.pick(("fierce", "cheeky", "happy", "fierce")), "iris", 1)
    d.part("ink", ellipse(hx + 43, hy - 5, 2, 1.6), line=0, relief=0, solid=True)


def axolotl(d: Draft) -> None:
    """A long, low newt with feathery gills and a broad smile."""
    tail = [(-20, 30), (-46, 32), (-62, 14), (-64, d.between(-30, -12))]
    d.part("accent", blob([(-26, 14), (-44, -2), (-62, -44), (-82, -6), (-72, 34), (-40, 46)], corners=(2,)))
    d.part("body", tube(tail, [18, 13, 8, 3]))
    for x, step in ((-20, -4), (22, 6)):
        d.part("far", leg(x, 34, 56, 13, step))
    fin = d.chance(0.5)
    if fin:
        d.part("accent", blob([(14, 6), (-8, -16), (-24, 8)], corners=(1,)))
    near = [leg(-28, 34, 62, 14, -5), leg(12, 34, 62, 14, 4)]
    d.part("body", ellipse(-6, 28, 38, 19), *near, marks=[*pattern(d, -12, 22, 34, 16,
                                                                   kinds="none spots stripes freckles"),
                                                          Mark("belly", ellipse(4, 44, 34, 9))])
    hx, hy = 36.0, 2.0
    d.head(hx, hy - 4, 31)
    gill = d.pick(("accent", "detail", "red"))
    for side in (-1, 1):
        for k in (-34, 0, 34):
            root = (hx + side * 28, hy + k * 0.2)
            angle = (0 if side > 0 else 180) + side * (k - 18)
            end = polar(root, 30 - abs(k) * 0.12, angle)
            d.part(gill, tube([root, polar(root, 16, angle + 6), end], [5.5, 4.4, 3]),
                   *(ellipse(*polar(root, r, angle + s), 4.2, 4.2) for r in (17, 25) for s in (-14, 14)))
    if d.chance(0.4):
        crown(d, (hx, hy - 24), 17)
    d.part("body", ellipse(hx, hy - 4, 37, 31, power=2.3), shadow=True)
    feeling = mood(d)
    face(d, hx + 3, hy - 7, 19, d.between(7, 9), 0.2, feeling, mouth=False, blush=0.9)
    d.stroke([(hx - 12, hy + 8), (hx + 4, hy + 15), (hx + 20, hy + 8)], 1.0)


def chameleon(d: Draft) -> None:
    """A lizard on a branch with a curled tail and a crest."""
    branch = [(-78, 56), (-30, 50), (30, 56), (78, 47)]
    d.part("wood", tube(branch, [7, 8, 7, 5]))
    d.part("leaf", leaf((70, 48), (84, 24), 15, 0.1), leaf((-70, 54), (-86, 36), 14, -0.1))
    t = np.linspace(0, 2.9 * np.pi, 40)
    r = 24 - 2.1 * t
    curl = np.stack([-54 + r * np.sin(t + 0.3) * 1.0, 22 - r * np.cos(t + 0.3) * 1.0 + 6], 1)
    join = np.array([(-22.0, 14.0), (-40.0, 4.0)])
    d.part("body", tube(np.concatenate([join, curl[4::3]]), [14, 9, 8, 7, 6, 5, 3.5]))
    back_spikes(d, [(-36, 8), (-10, -14), (14, -18), (30, -26)], 6, 11)
    d.part("far", tube([(24, 20), (34, 36), (30, 48)], [7, 5.5, 5]))
    d.part("body", blob([(-38, 12), (-14, -12), (16, -14), (34, 4), (24, 28), (-6, 34), (-30, 26)]),
           marks=[*pattern(d, -4, 4, 32, 24, kinds="stripes spots stripes"),
                  Mark("belly", ellipse(0, 38, 34, 12))])
    for x in (-18, 14):
        d.part("body", tube([(x, 22), (x - 8, 36), (x, 50)], [7.5, 6, 6]), shadow=True)
    hx, hy = 44.0, -12.0
    d.head(hx + 1, hy, 20, profile=True)
    crest = d.between(18, 30)
    d.part("accent", blob([(hx - 20, hy + 8), (hx - 24, hy - 14 - crest), (hx + 6, hy - 18)], corners=(1,)))
    d.part("body", blob([(hx - 22, hy + 2), (hx - 10, hy - 20), (hx + 10, hy - 16), (hx + 32, hy + 2),
                         (hx + 30, hy + 12), (hx + 6, hy + 20), (hx - 14, hy + 16)]), shadow=True)
    d.part("accent", ellipse(hx + 3, hy - 3, 12, 12), relief=0.6)
    one_eye(d, hx + 4, hy - 3, 6.4, d.pick(("calm", "sleepy", "happy", "surprised")), "iris", 1)
    d.stroke([(hx + 4, hy + 13), (hx + 18, hy + 11), (hx + 29, hy + 8)], 0.9)
    if d.chance(0.4):
        t = np.linspace(0, 3 * np.pi, 24)
        d.part("tongue", tube([(hx + 30, hy + 6), (hx + 44, hy + 2), (hx + 52, hy - 10)], [2.4, 2.2, 2.4]),
               ellipse(hx + 53, hy - 12, 4, 4))
