"""Birds and the bat: beaks, wings and two legs."""

from __future__ import annotations

from dataset_tool.forge.draft import Draft, Mark
from dataset_tool.forge.faces import draw_mouth, face, mood, one_eye
from dataset_tool.forge.ornaments import blossom, brow_mark, crown, pattern, web_wing
from dataset_tool.forge.shapes import (
    blob,
    egg,
    ellipse,
    leaf,
    polar,
    polygon,
    spike,
    tube,
)

# Coordinates read like a drawing, several to a line.
# fmt: off


def bird_foot(d: Draft, x: float, top: float, ground: float, paint: str = "beak") -> None:
    """A thin leg with three toes."""
    toes = [tube([(x, ground - 2), (x + dx, ground)], [2.6, 2.2]) for dx in (-8, 3, 11)]
    d.part(paint, tube([(x, top), (x, ground - 1)], [2.8, 2.6]), *toes)


def chick(d: Draft) -> None:
    """A bird as round as a ball."""
    wide = d.between(44, 52)
    for k in range(3):
        d.part("accent", leaf((-wide * 0.7, 10), polar((-wide * 0.7, 10), d.between(34, 42), 168 + 24 * k),
                              17))
    bird_foot(d, -6, 42, 66)
    bird_foot(d, 16, 42, 65)
    d.head(0, 4, 46, takes=False)
    crown(d, (6, -40), 24, 8)
    tummy = Mark("belly", ellipse(20, 26, wide * 0.72, 32))
    d.part("body", egg(0, 4, wide, 47, 0.08), marks=[*pattern(d, -14, -4, wide, 40,
                                                              kinds="none none saddle spots"), tummy])
    d.head_end()
    flap = d.pick((0, 0, 52))
    root = (-wide * 0.28, 6.0)
    for length, angle in ((44, 158), (40, 138), (34, 116)):
        d.part("accent" if d.type != "fire" else "detail",
               leaf(root, polar(root, length, angle + flap), 22, 0.1, belly=0.55))
    d.part("body", ellipse(root[0] + 3, root[1], 10, 10), line=0, relief=0)
    d.head(0, 4, 46, takes=False)
    feeling = mood(d)
    face(d, 18, -10, 18, d.between(8, 10), 0.55, feeling, mouth=False, blush=0.8)
    beak = d.between(11, 17)
    if feeling in ("joyful", "surprised", "happy") and d.chance(0.6):
        d.part("beak", polygon((12, 8), (36, 8), (26, 8 + beak * 0.9)))
        d.part("tongue", ellipse(25, 10, 5, 3.4), line=0, relief=0)
    d.part("beak", blob([(12, 6), (22, -4), (34, 0), (28 + beak, 9), (22, 12)], corners=(3,)))


def owl(d: Draft) -> None:
    """An owl: two dials for eyes, ear tufts, folded wings."""
    tuft = d.between(22, 34)
    for side in (-1, 1):
        d.part("body", leaf((side * 20, -40), (side * (38 + tuft * 0.2), -46 - tuft), 22, -0.1 * side,
                            belly=0.35))
    d.part("detail", leaf((0, 40), (-10, 76), 16), leaf((0, 40), (10, 76), 16), leaf((0, 40), (0, 80), 18))
    scale = [Mark("accent", ellipse(x * 14 + 7 * (row % 2), 20 + row * 12, 4.6, 3.6)) for row in range(4)
             for x in range(-2, 3)]
    d.part("body", egg(0, 6, 44, 56, 0.02), marks=[Mark("belly", egg(0, 30, 30, 36, 0)), *scale])
    lift = d.chance(0.35)
    for k in range(3):
        angle = 98 - 12 * k if not lift else 40 - 34 * k
        d.pair("accent", leaf((36, -2), polar((36, -2), 56 - 9 * k, angle), 25, 0.16, belly=0.45))
    for x in (-14, 14):
        d.part("beak", *(ellipse(x + k * 6, 60, 4.4, 6.5) for k in (-1, 0, 1)))
    if d.chance(0.35):
        crown(d, (0, -46), 17)
    feeling = d.pick(("calm", "calm", "fierce", "sleepy", "surprised"))
    d.part("belly", ellipse(-18, -18, 22, 22), ellipse(18, -18, 22, 22), relief=0.5)
    for side in (-1, 1):
        d.part("accent" if d.chance(0.5) else "detail", ellipse(side * 18, -18, 16.5, 16.5), line=0.5,
               relief=0)
        one_eye(d, side * 17, -18, 12, feeling, "iris", -side, turned=0)
    d.part("beak", blob([(-7, -14), (7, -14), (0, 6)], corners=(2,)))
    if d.chance(0.3):
        brow_mark(d, 0, -38, 6)


def penguin(d: Draft) -> None:
    """A penguin in its tailcoat."""
    tall = d.between(52, 60)
    d.pair("beak", ellipse(18, 66, 17, 8, -6))
    wave = d.pick((0, 0, 1))
    for side in (-1, 1):
        raised = wave and side > 0
        tip = (side * 66, -34.0) if raised else (side * d.between(50, 60), 44.0)
        d.part("body", leaf((side * 22, -6), tip, 26, 0.14 * side * (1 if raised else -1), belly=0.55))
    if d.chance(0.75):
        crown(d, (0, -tall + 6), 20)
    d.part("body", egg(0, 6, 38, tall, 0.16), marks=[Mark("belly", egg(4, 32, 27, 40, 0.1)),
                                                     Mark("belly", ellipse(-11, -18, 17, 19)),
                                                     Mark("belly", ellipse(19, -18, 16, 19))])
    feeling = mood(d)
    face(d, 5, -22, 14, d.between(6.5, 8), 0.25, feeling, mouth=False, blush=0.8)
    d.part("beak", blob([(-6, -9), (6, -16), (18, -9), (8, 1)], corners=(0, 2)))
    if d.chance(0.45):
        d.part("detail" if d.chance(0.5) else "red", blob([(-34, 4), (0, 12), (34, 4), (33, 15), (0, 23),
                                                           (-33, 15)]))
        d.part("detail" if d.chance(0.5) else "red", tube([(18, 18), (22, 36), (18, 46)], [6, 7, 7]))


def crane(d: Draft) -> None:
    """A wading bird on one stilt-like leg or two, its neck an S."""
    neck = d.between(34, 50)
    ground = 86.0
    d.part("far" if d.chance(0.5) else "beak", tube([(-6, 28), (-20, 42), (-2, 52)], [3, 2.4]))
    bird_foot(d, 6, 24, ground)
    for k in range(3):
        d.part("accent", leaf((-26, 8), (-60 - 6 * k, -6 + 13 * k), 18, -0.1))
    hx, hy = 34.0, -22.0 - neck
    body = blob([(-40, 6), (-18, -12), (12, -10), (32, 2), (26, 24), (0, 32), (-28, 26)])
    d.part("body", body, tube([(20, 6), (38, -12), (24, -14 - neck * 0.55), (hx, hy)], [13, 9, 7.5, 9]),
           marks=[Mark("belly", ellipse(28, 14, 18, 24))])
    for length, angle in ((58, 172), (52, 156), (42, 140)):
        d.part("accent" if angle > 150 else "detail", leaf((10, 4), polar((10, 4), length, angle), 21, 0.12,
                                                           belly=0.5))
    d.part("body", ellipse(6, 4, 11, 9), line=0, relief=0)
    d.head(hx, hy, 15, profile=True)
    crown(d, (hx - 3, hy - 10), 20, -14)
    d.part("body", ellipse(hx, hy, 15, 13.5))
    beak = d.between(24, 36)
    down = d.between(2, 14)
    d.part("beak", blob([(hx + 9, hy - 6), (hx + 16, hy - 3), (hx + 12 + beak, hy + down), (hx + 14, hy + 6),
                         (hx + 8, hy + 6)], corners=(2,)))
    one_eye(d, hx + 3, hy - 3, 5.2, d.pick(("calm", "happy", "sleepy", "joyful")), "bead", 1)


def peacock(d: Draft) -> None:
    """A small bird before a great fan of tail feathers."""
    n = d.count(7, 9)
    length = d.between(88, 98)
    root = (0.0, 30.0)
    for k in sorted(range(n), key=lambda i: -abs(i - (n - 1) / 2)):
        angle = -90 + (k - (n - 1) / 2) * 190 / n
        tip = polar(root, length, angle)
        d.part("accent" if k % 2 else "detail", leaf(root, tip, 30, 0, belly=0.74))
        eye = polar(root, length * 0.74, angle)
        d.part("belly", ellipse(*eye, 9, 9), line=0, relief=0)
        d.part("iris", ellipse(*eye, 5.4, 5.4), line=0, relief=0, solid=True)
    bird_foot(d, -9, 58, 76)
    bird_foot(d, 11, 58, 76)
    for side in (-1, 1):
        d.part("body", leaf((side * 18, 30), (side * 40, 54), 20, 0.2 * side))
    d.part("body", blob([(0, -30), (17, -22), (20, -4), (18, 10), (29, 34), (22, 58), (0, 65), (-22, 58),
                         (-29, 34), (-18, 10), (-20, -4), (-17, -22)]),
           marks=[Mark("belly", ellipse(0, 50, 18, 22))])
    d.head(0, -10, 19)
    for k in (-26, 0, 26):
        end = polar((0, -22), 22, -90 + k)
        d.part("accent", tube([(0, -20), end], [1.8, 1.5]), ellipse(*end, 4.2, 4.2), line=0.8)
    d.part("body", ellipse(0, -10, 20.5, 20), shadow=True)
    face(d, 0, -9, 9.5, 6.2, 0, mood(d), mouth=False, blush=0.6)
    d.part("beak", blob([(-5, -3), (5, -3), (0, 9)], corners=(2,)))


def bat(d: Draft) -> None:
    """A bat, all ears and wings."""
    span, up = d.between(56, 66), d.between(-46, -18)
    web = d.pick(("accent", "detail"))
    start = len(d.parts)
    web_wing(d, (24, 4), span, up, web)
    d.reflect(start)
    web_wing(d, (24, 4), span, up, web)
    d.head(0, 2, 35)
    ear = d.between(30, 46)
    for side in (-1, 1):
        tip = (side * 34, -30 - ear)
        d.part("body", leaf((side * 18, -18), tip, 26, 0.08 * side, belly=0.35))
        d.part("blush", leaf((side * 18, -20), (tip[0] * 0.92, tip[1] * 0.85), 13, 0.08 * side, belly=0.35),
               line=0, relief=0)
    d.head_end()
    d.pair("detail", ellipse(12, 38, 7, 8))
    d.head(0, 2, 35)
    d.part("body", ellipse(0, 2, 36, 36), marks=[Mark("belly", ellipse(0, 30, 24, 18)),
                                                 *pattern(d, 0, 0, 34, 30, kinds="none none stripes")])
    feeling = mood(d)
    glow = "glow" if d.type == "ghost" and d.chance(0.6) else ""
    face(d, 0, -5, 14, d.between(7.5, 9.5), 0, feeling, mouth=False, eye_paint=glow)
    draw_mouth(d, 0, 11, 9, d.pick(("cheeky", "fierce", "happy")))
    for side in (-1, 1):
        d.part("white", spike((side * 5, 13), (side * 5, 22), 5), line=0.6, relief=0, solid=True)


def toucan(d: Draft) -> None:
    """A perched bird behind an enormous beak."""
    for k in (-1, 0, 1):
        d.part("accent", leaf((-22, 36), (-52 + 8 * k, 78 + 2 * k), 17))
    bird_foot(d, -2, 48, 68)
    bird_foot(d, 14, 48, 68)
    crown(d, (-6, -48), 18, -8)
    d.part("body", blob([(-4, -54), (20, -46), (30, -24), (26, -4), (32, 24), (20, 50), (-8, 56), (-30, 40),
                         (-34, 8), (-28, -22), (-24, -44)]), marks=[Mark("belly", ellipse(26, 8, 22, 30))])
    for length, angle in ((58, 118), (50, 106), (40, 94)):
        d.part("accent", leaf((-16, 2), polar((-16, 2), length, angle), 24, 0.12, belly=0.5))
    beak = d.between(56, 72)
    upper = blob([(14, -38), (34, -46), (14 + beak * 0.7, -40), (14 + beak, -12), (10 + beak * 0.8, -20),
                  (16, -18)], corners=(3, 5))
    d.part("beak", blob([(14, -22), (10 + beak * 0.75, -18), (16, -8)], corners=(1,)), relief=0.6)
    d.part("beak", upper, marks=[Mark("detail", ellipse(14 + beak, -16, beak * 0.3, 26)),
                                 Mark("red", ellipse(16, -28, beak * 0.18, 24))])
    d.part("white", ellipse(6, -32, 13, 13), line=0.5, relief=0, solid=True)
    one_eye(d, 7, -32, 8.5, d.pick(("calm", "happy", "cheeky", "surprised")), "iris", 1)
    if d.type == "grass":
        blossom(d, (-8, -50), 13)
