"""More mammals and the two-legged folk: cat, elephant, sheep, hedgehog, monkey, boxer, pixie."""

from __future__ import annotations

import numpy as np

from dataset_tool.forge.anatomy.beasts import leg, socks
from dataset_tool.forge.draft import Draft, Mark
from dataset_tool.forge.faces import draw_mouth, face, mood, nose
from dataset_tool.forge.ornaments import blossom, brow_mark, crown, pattern, tail_tip
from dataset_tool.forge.shapes import (
    blob,
    egg,
    ellipse,
    heart,
    leaf,
    polar,
    polygon,
    scallops,
    spike,
    star,
    tube,
)

# Coordinates read like a drawing, several to a line.
# fmt: off


def cat(d: Draft) -> None:
    """A cat that sits upright, its tail a question mark."""
    hook = d.between(8, 20)
    tail = [(24, 54), (52, 50), (58, 22), (46, -2), (54, -22), (54 + hook, -18)]
    d.part("body", tube(tail, [8, 8, 7.5, 7, 6, 5]), marks=[Mark(d.pick(("accent", "belly")),
                                                                 ellipse(56, -20, 26, 17))])
    if d.chance(0.4):
        tail_tip(d, (54 + hook, -18), 20, 13)
    bib = Mark("belly", egg(0, 22, 17, 26, -0.2))
    d.part("body", blob([(-17, -8), (17, -8), (24, 20), (37, 46), (32, 62), (0, 66), (-32, 62), (-37, 46),
                         (-24, 20)]), marks=[*pattern(d, 0, 20, 32, 40, kinds="none stripes spots"), bib])
    paw = d.pick(("belly", "accent", "body"))
    for side in (-1, 1):
        d.part("body", tube([(side * 9, 26), (side * 10, 58)], [8, 8]),
               marks=[Mark(paw, ellipse(side * 10, 66, 14, 11))])
    ear = d.between(26, 34)
    d.head(0, -27, 29)
    for side in (-1, 1):
        outer = [(side * 8, -50), (side * 34, -44 - ear), (side * 38, -34)]
        d.part("body", blob(outer, corners=(0, 1, 2)))
        d.part("blush", polygon((side * 17, -48), (side * 32, -38 - ear * 0.8), (side * 34, -38)), line=0,
               relief=0)
    if d.chance(0.35):
        crown(d, (0, -54), 18)
    skull = blob([(0, -56), (26, -50), (38, -30), (46, -16), (30, -4), (0, 2), (-30, -4), (-46, -16),
                  (-38, -30), (-26, -50)], corners=(3, 7))
    brows = [Mark("detail", polygon((x - 4, -62), (x + 4, -62), (x * 0.8, -42))) for x in (-12, 0, 12)]
    d.part("body", skull, marks=brows if d.chance(0.5) else [], shadow=True)
    feeling = mood(d)
    face(d, 0, -26, 17, d.between(8, 10), 0, feeling, mouth=False, blush=0.6)
    nose(d, 0, -14, 3.2, "tongue")
    draw_mouth(d, 0, -10, 7, d.pick(("calm", "happy", "cheeky")))
    for side in (-1, 1):
        for y in (-15, -9):
            d.stroke([(side * 30, y), (side * 54, y + (y + 12) * 1.2)], 0.5, smooth=False)
    if d.chance(0.3):
        brow_mark(d, 0, -44, 6)
    if d.chance(0.4):
        d.part("red", tube([(-16, -1), (0, 4), (16, -1)], [3.4, 3.4]), line=0.8)
        d.part("gold", ellipse(0, 8, 5.6, 5.6), line=0.8)


def elephant(d: Draft) -> None:
    """A little elephant with sail-like ears."""
    ear_w, ear_h = d.between(24, 32), d.between(34, 42)
    ground = 66.0
    d.part("body", tube([(-42, 14), (-58, 26), (-56, 40)], [4, 3, 2.4]), ellipse(-56, 43, 5, 6))
    for x, step in ((-14, 2), (28, 3)):
        d.part("far", leg(x, 34, ground - 4, 20, step))
    near = [leg(-26, 30, ground, 23, 0), leg(14, 30, ground, 23, 2)]
    d.part("body", ellipse(-6, 20, 42, 30), *near, marks=[*pattern(d, -10, 14, 38, 28,
                                                                   kinds="none none spots stripes saddle"),
                                                          Mark("belly", ellipse(0, 52, 44, 12)),
                                                          *socks(ground, 6, "belly")])
    hx, hy = 32.0, -12.0
    d.head(hx, hy, 32)
    d.part("far", ellipse(hx + 26, hy - 6, ear_w * 0.5, ear_h * 0.85))
    curl = d.pick(("up", "down", "down"))
    trunk = [(hx + 12, hy + 8), (hx + 34, hy + 20), (hx + 40, hy + 44),
             (hx + 52, hy + 44)] if curl == "down" else [(hx + 12, hy + 8), (hx + 36, hy + 20),
                                                         (hx + 54, hy + 8), (hx + 52, hy - 16)]
    if d.chance(0.5):
        crown(d, (hx, hy - 30), 20)
    d.part("body", ellipse(hx, hy, 33, 32), tube(trunk, [14, 11, 8.5, 7]), shadow=True)
    for k in (0.45, 0.6, 0.75):
        fx, fy = (1 - k) * trunk[1][0] + k * trunk[2][0], (1 - k) * trunk[1][1] + k * trunk[2][1]
        d.stroke([(fx - 5, fy - 1), (fx + 5, fy - 3)], 0.4)
    d.part("bone", leaf((hx + 14, hy + 18), (hx + 32, hy + 34), 9, -0.2, belly=0.3))
    d.part("body", blob([(hx - 8, hy - 20), (hx - 8 - ear_w, hy - 28), (hx - 14 - ear_w * 1.5, hy - 4),
                         (hx - 8 - ear_w, hy + ear_h * 0.8), (hx - 12, hy + 16)]),
           marks=[Mark("accent", ellipse(hx - 10 - ear_w * 0.7, hy, ear_w * 0.5, ear_h * 0.42))], shadow=True)
    feeling = mood(d)
    face(d, hx + 12, hy - 5, 11, d.between(6.5, 8), 0.5, feeling, mouth=False, blush=0.7)


def sheep(d: Draft) -> None:
    """A sheep in a cloud of wool."""
    for x, step in ((-18, 0), (20, 0)):
        d.part("detail", tube([(x + 8, 36), (x + 8 + step, 60)], [5.5, 5]))
    for x in (-26, 12):
        d.part("detail", tube([(x, 38), (x, 65)], [6.5, 6]))
    fleece = "belly" if d.chance(0.65) else "body"
    skin = "detail" if fleece == "body" else d.pick(("body", "detail"))
    d.part(fleece, scallops(-56, 12, 14, 13, 6))
    if d.type in ("flying", "fairy"):
        for angle in (-150, -128):
            d.part("accent", leaf((-18, -14), polar((-18, -14), 52, angle), 22, 0.12, belly=0.6))
    d.part(fleece, scallops(-8, 12, 52, 38, 9, 0.16))
    hx, hy = 34.0, -12.0
    d.head(hx, hy + 2, 25)
    horns = d.chance(0.55)
    d.part(skin, leaf((hx + 14, hy - 4), (hx + 46, hy + 6), 16, 0.1))
    d.part(skin, egg(hx, hy + 4, 24, 29, -0.1), shadow=True)
    d.part(fleece, scallops(hx, hy - 23, 25, 16, 7))
    if horns:
        for side, root in ((1, hx + 20), (-1, hx - 22)):
            t = np.linspace(0, 2.0 * np.pi, 16)
            r = 17 - 1.9 * t
            curl = np.stack([root + side * (4 - r * np.cos(t) * 0.55), hy - 8 - r * np.sin(t + 0.6) * 0.9], 1)
            d.part("gold" if d.type != "rock" else "accent", tube(curl[::2], [7, 6.5, 6, 5, 3]))
    else:
        d.part(skin, leaf((hx - 18, hy - 6), (hx - 44, hy + 4), 16, -0.1))
        crown(d, (hx, hy - 34), 18)
    feeling = mood(d)
    face(d, hx + 3, hy, 12, d.between(6.5, 8), 0.25, feeling, mouth=False, blush=0.9)
    nose(d, hx + 4, hy + 15, 3.6, "ink" if skin != "detail" else "tongue")
    draw_mouth(d, hx + 4, hy + 20, 5, "calm" if feeling == "fierce" else feeling)


def hedgehog(d: Draft) -> None:
    """A hedgehog under its coat of spines."""
    long, n = d.between(20, 32), d.count(8, 11)
    spines = {"grass": "leaf", "ice": "frost", "steel": "metal", "fire": "fire"}.get(d.type, "accent")
    for ring, (radius, size) in enumerate(((46, long), (38, long * 0.9))):
        for k in range(n):
            a = 168 + (k + 0.5 * ring) * 150 / n
            root = polar((-8, 22), radius, a)
            width = 2.6 * 46 * np.pi * 150 / 360 / n * 1.2
            d.part(spines if ring == 0 else "detail" if spines == "accent" else spines,
                   spike(polar((-8, 22), radius * 0.7, a), polar(root, size, a + 8), width, 0.06), relief=0.8)
    d.part(spines, blob([(-54, 44), (-52, 6), (-24, -26), (14, -26), (30, -4), (22, 30), (-10, 56)]),
           marks=[Mark("detail", polygon((x - 3, y), (x + 3, y), (x - 2, y - 9)))
                   for x, y in ((-36, 18), (-22, 0), (-14, 24), (-32, 36), (-4, -8), (-2, 10))])
    for x in (-30, 14):
        d.part("body", ellipse(x, 58, 13, 8))
    d.part("belly", blob([(-40, 46), (-6, 34), (20, 30), (26, 46), (12, 58), (-24, 60)]))
    hx, hy = 30.0, 18.0
    d.head(hx + 4, hy, 26)
    for dx, paint in ((14, "far"), (-14, "body")):
        d.part(paint, ellipse(hx + dx * 0.9, hy - 26, 9.5, 10))
        d.part("blush", ellipse(hx + dx * 0.9, hy - 25, 4.8, 5), line=0, relief=0)
    d.part("body", blob([(hx - 26, hy), (hx - 12, hy - 26), (hx + 14, hy - 22), (hx + 30, hy - 2),
                         (hx + 50, hy + 10), (hx + 46, hy + 19), (hx + 12, hy + 27), (hx - 16, hy + 22)]),
           marks=[Mark("belly", ellipse(hx + 20, hy + 22, 34, 15))], shadow=True)
    nose(d, hx + 49, hy + 11, 5.5)
    feeling = mood(d)
    face(d, hx + 9, hy - 3, 13, d.between(7, 8.5), 0.6, feeling, mouth=False, blush=0.8)
    draw_mouth(d, hx + 22, hy + 16, 7, feeling)


def monkey(d: Draft) -> None:
    """A monkey with long arms and a curled tail."""
    t = np.linspace(0, 1.7 * np.pi, 14)
    curl = np.stack([-62 + 15 * np.cos(t - 0.2) * (1 - t / 9), -14 - 15 * np.sin(t - 0.2) * (1 - t / 9)], 1)
    path = np.concatenate([np.array([(-14.0, 50.0), (-38.0, 54.0), (-52.0, 34.0), (-48.0, 8.0)]), curl[1::2]])
    d.part("body", tube(path, [6.5, 6, 5.5, 5, 4.5, 4]))
    d.part("body", ellipse(20, 62, 16, 8), ellipse(-20, 62, 16, 8), marks=[])
    pose = d.pick(("hang", "wave", "cheer"))
    d.part("body", egg(0, 32, 27, 31, 0.16), marks=[Mark("belly", egg(1, 38, 18, 24, 0.1))])
    for side in (-1, 1):
        raised = pose == "cheer" or (pose == "wave" and side > 0)
        arm = [(side * 22, 16), (side * 46, 8), (side * 54, -24)] if raised else [(side * 22, 18),
                                                                                  (side * 42, 36),
                                                                                  (side * 36, 58)]
        d.part("body", tube(arm, [8, 7, 7]))
        d.part("belly", ellipse(*arm[-1], 9, 9))
    d.head(0, -27, 31)
    d.pair("belly", ellipse(37, -22, 13, 15))
    d.pair("accent", ellipse(37, -22, 6.5, 8), line=0, relief=0)
    crown(d, (0, -50), 22)
    mask = [Mark("belly", ellipse(-13, -26, 16, 17)), Mark("belly", ellipse(14, -26, 16, 17)),
            Mark("belly", ellipse(1, -9, 27, 17))]
    d.part("body", blob([(0, -58), (26, -50), (36, -26), (28, -4), (0, 4), (-28, -4), (-36, -26),
                         (-26, -50)]), marks=mask, shadow=True)
    feeling = mood(d)
    face(d, 1, -25, 13, d.between(6.5, 8), 0.1, feeling, mouth=False, blush=0.7)
    for x in (-3, 4):
        d.part("ink", ellipse(x, -13, 1.3, 1.6), line=0, relief=0, solid=True)
    draw_mouth(d, 1, -7, 10, feeling)


def boxer(d: Draft) -> None:
    """A small fighter with big gloves and a headband."""
    glove = d.between(17, 22)
    guard = d.pick(("guard", "punch", "up"))
    band = d.pick(("red", "accent", "detail"))
    d.head(0, -34, 32)
    for a in (166, 196):
        d.part(band, leaf((-26, -40), polar((-26, -40), d.between(30, 42), a), 14, 0.14))
    d.head_end()
    for side in (-1, 1):
        d.part("body" if side < 0 else "far", leg(side * 15, 34, 68, 19, side * 5, 1.5),
               marks=socks(68, 9, "detail"))
    d.part("far", tube([(20, 8), (36, 12), (40, -4)], [8, 7, 7]))
    d.part("body", blob([(-26, -4), (26, -4), (28, 16), (20, 42), (0, 48), (-20, 42), (-28, 16)]))
    d.part(band if d.chance(0.5) else "detail", blob([(-22, 30), (0, 34), (22, 30), (25, 52), (8, 52),
                                                      (0, 46), (-8, 52), (-25, 52)],
                                                     corners=(0, 2, 3, 4, 6, 7)))
    d.stroke([(-12, 10), (0, 14), (12, 10)], 0.5)
    spots = {"guard": ((46, 2), (-24, 14)), "punch": ((66, 0), (-30, 14)),
             "up": ((48, -46), (-48, -46))}[guard]
    head = blob([(0, -66), (26, -56), (34, -34), (24, -10), (0, -2), (-24, -10), (-34, -34), (-26, -56)])
    d.head(0, -34, 32)
    ears = d.pick(("round", "point", "none"))
    if ears != "none":
        d.pair("body", ellipse(28, -56, 9, 10) if ears == "round" else leaf((22, -54), (40, -80), 19,
                                                                            belly=0.3))
    if d.type not in ("fighting",):
        crown(d, (0, -60), 20)
    d.part("body", head, marks=[Mark("belly", ellipse(3, -16, 24, 19)),
                                Mark(band, polygon((-60, -50), (60, -50), (60, -41), (-60, -41)))],
           shadow=True)
    feeling = d.pick(("fierce", "fierce", "cheeky", "happy"))
    face(d, 5, -28, 13, d.between(6.5, 8), 0.3, feeling, blush=0.2)
    d.head_end()
    (rx, ry), (lx, ly) = spots
    d.part("body", tube([(24, 6), ((24 + rx) / 2 + 4, (6 + ry) / 2 + 8), (rx, ry)], [7.5, 7, 7]), shadow=True)
    d.part("accent" if band != "accent" else "red", ellipse(rx, ry, glove, glove * 0.92),
           ellipse(rx - glove * 0.7, ry - glove * 0.35, glove * 0.42, glove * 0.42), shadow=True)
    d.part("body", tube([(-24, 6), ((-24 + lx) / 2 - 8, (6 + ly) / 2 + 8), (lx, ly)], [7.5, 7, 7]),
           shadow=True)
    d.part("accent" if band != "accent" else "red", ellipse(lx, ly, glove * 1.05, glove),
           ellipse(lx + glove * 0.7, ly - glove * 0.4, glove * 0.42, glove * 0.42), shadow=True)


def pixie(d: Draft) -> None:
    """A winged sprite in a petal dress with a wand."""
    wing = d.pick(("frost", "detail", "accent"))
    for angle, long in ((-38, d.between(62, 74)), (8, d.between(44, 52))):
        d.pair(wing, leaf((6, 8), polar((6, 8), long, angle), 34, 0.06, belly=0.66), relief=0.7)
    for side in (-1, 1):
        d.part("belly", tube([(side * 8, 44), (side * 9, 64)], [5, 5.5]))
        d.part("detail", ellipse(side * 11, 68, 9, 6))
    n = 5
    for k in range(n):
        x = (k - (n - 1) / 2) * 11
        d.part("accent", leaf((x * 0.3, 4), (x * 1.7, 58 - abs(x) * 0.3), 23, 0, belly=0.68))
    d.part("accent", blob([(-13, 0), (13, 0), (17, 26), (0, 32), (-17, 26)]))
    wand = (46.0, d.between(-6, 8))
    d.part("wood", tube([(wand[0] - 6, wand[1] + 16), (wand[0] + 8, wand[1] - 24)], [2.4, 2.2]), line=0.8)
    tip = (wand[0] + 9, wand[1] - 28)
    d.part("gold", star(*tip, 13, 6) if d.chance(0.5) else heart(*tip, 22))
    for side, hand in ((-1, (-30, d.between(10, 30))), (1, (wand[0] - 2, wand[1] + 6))):
        d.part("belly", tube([(side * 11, 8), (side * 20, 18), hand], [4.6, 4.4, 4.8]))
    d.head(0, -28, 31)
    hair = d.pick(("bun", "long", "leafy"))
    if hair == "long":
        d.part("body", blob([(0, -70), (36, -54), (46, -12), (50, 20), (30, 10), (0, 4), (-30, 10),
                             (-50, 20), (-46, -12), (-36, -54)], corners=(3, 7)))
    elif hair == "bun":
        d.pair("body", ellipse(29, -62, 15, 15))
    d.pair("belly", leaf((26, -24), (52, -34), 15, 0.1))
    d.part("belly", ellipse(0, -28, 34, 30), shadow=True)
    fringe = [(-36, -20), (-36, -46), (-14, -66), (14, -66), (36, -46), (36, -20), (26, -38), (12, -44),
              (2, -36), (-10, -45), (-26, -36)]
    d.part("body", blob(fringe, corners=(0, 5, 8)))
    if hair == "leafy":
        for a in (-140, -90, -40):
            d.part("body", leaf((0, -56), polar((0, -56), 32, a), 22, 0.1))
    if d.chance(0.5):
        blossom(d, (d.pick((-20, 20)), -54), 14, paint="detail")
    face(d, 0, -24, 14, d.between(7.5, 9.5), 0, d.pick(("happy", "calm", "joyful", "cheeky", "surprised")),
         blush=0.95)
