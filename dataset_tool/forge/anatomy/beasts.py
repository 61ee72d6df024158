"""Furry four-legged and upright animals. All face right; the studio mirrors half of them."""

from __future__ import annotations

from dataset_tool.forge.draft import Draft, Mark, keeps_shape
from dataset_tool.forge.faces import draw_mouth, face, mood, nose, one_eye
from dataset_tool.forge.ornaments import brow_mark, crown, pattern, tail_tip
from dataset_tool.forge.shapes import (
    Outline,
    blob,
    egg,
    ellipse,
    leaf,
    polar,
    polygon,
    scallops,
    spike,
    tube,
)

# Coordinates read like a drawing, several to a line.
# fmt: off


def leg(x: float, top: float, ground: float, width: float, step: float = 0.0, foot: float = 1.25) -> Outline:
    """A short leg from (x, top) down to the ground, its foot `step` in front of the hip."""
    half = width / 2
    return blob([(x - half * 1.1, top), (x + half * 1.1, top), (x + step + half * 0.9, ground - half * 1.2),
                 (x + step + half * foot * 1.2, ground - half * 0.55), (x + step + half * foot, ground),
                 (x + step - half * 0.9, ground), (x + step - half, ground - half * 0.7)])


def socks(ground: float, height: float, paint: str = "accent") -> list[Mark]:
    """Coloured feet for legs that stand on `ground`."""
    return [Mark(paint, polygon((-200, ground - height), (200, ground - height), (200, ground + 20),
                                (-200, ground + 20)))]


@keeps_shape
def muzzle(d: Draft, x: float, y: float, w: float, paint: str = "belly", feeling: str = "happy") -> None:
    """A light snout with a nose on top and a small mouth, its middle at (x, y)."""
    d.part(paint, ellipse(x, y, w, w * 0.72), line=0, relief=0.6, solid=True)
    nose(d, x + w * 0.25, y - w * 0.36, w * 0.34)
    draw_mouth(d, x + w * 0.2, y + w * 0.12, w * 0.5, feeling)


def fox(d: Draft) -> None:
    """A fox-like quadruped with big ears and a bushy tail."""
    head, ear, leg_w = d.between(27, 33), d.between(30, 46), d.between(11, 14)
    feeling = mood(d)
    feet = d.pick(("accent", "detail", "belly"))
    ground, hip = 62.0, 24.0
    tail_end = (d.between(-84, -66), d.between(-66, -40))
    tx, ty = tail_end
    plump = d.between(0.9, 1.2)
    tail = blob([(-24, 22), (-52, 28), (tx - 10 * plump, ty + 62), (tx - 20 * plump, ty + 30), tail_end,
                 (tx + 26 * plump, ty + 26), (tx + 34 * plump, ty + 50), (-34, 14)], corners=(4,))
    tip = [Mark(d.pick(("belly", "accent")), ellipse(*tail_end, 42, 27, 10))]
    d.part("body", tail, marks=tip)
    if d.chance(0.45):
        tail_tip(d, (tail_end[0] * 0.96, tail_end[1] * 0.94), -125, 17)
    for x, step in ((-14, 4), (26, 5)):
        d.part("far", leg(x, hip, ground - 4, leg_w, step), marks=socks(ground - 4, 12, feet))
    near = [leg(x, hip, ground, leg_w * 1.12, step) for x, step in ((-25, -3), (14, 4))]
    d.part("body", egg(-2, 22, 36, 20, 0.05), *near,
           marks=[*pattern(d, -8, 20, 30, 18, kinds="none none stripes spots saddle freckles"),
                  *socks(ground, 13, feet)])
    d.stroke([(-14, 24), (-17, 36), (-18, 46)], 0.7, "body")
    d.part("belly", blob([(6, 2), (38, 0), (34, 22), (26, 20), (22, 34), (16, 24), (8, 24)],
                         corners=(2, 4, 6)))
    hx, hy = 26.0, -20.0
    d.head(hx, hy, head * 0.84)
    ear_tip = d.between(-8, 8)
    for x, tip_x, paint in ((14, 22 + ear_tip, "far"), (-15, -20 + ear_tip, "body")):
        base, end = (hx + x, hy - head * 0.5), (hx + tip_x, hy - head * 0.6 - ear)
        d.part(paint, leaf(base, end, 25, 0.02 * x, belly=0.3), shadow=False)
        d.part("detail" if d.type != "normal" else "belly",
               leaf((base[0], base[1] - 2), (end[0] * 0.75 + base[0] * 0.25, end[1] * 0.75 + base[1] * 0.25),
                    12, 0.02 * x, belly=0.3), line=0, relief=0)
    if d.chance(0.5):
        crown(d, (hx, hy - head * 0.75), 18)
    cheek = head * 1.22
    skull = blob([(hx - 4, hy - head * 0.9), (hx + head * 0.8, hy - head * 0.5),
                  (hx + cheek * 0.95, hy + head * 0.28), (hx + head * 0.45, hy + head * 0.75),
                  (hx - head * 0.3, hy + head * 0.8), (hx - cheek * 1.08, hy + head * 0.38),
                  (hx - head * 0.92, hy - head * 0.3)], corners=(2, 5))
    mask = [Mark("belly", ellipse(hx + 8, hy + head * 0.95, head * 0.95, head * 0.62))]
    d.part("body", skull, marks=mask, shadow=True)
    face(d, hx + 6, hy - 1, 15, d.between(7.5, 9), 0.6, feeling, mouth=False)
    nose(d, hx + 13, hy + head * 0.36, 3.6)
    draw_mouth(d, hx + 12, hy + head * 0.5, 6, feeling)
    if d.chance(0.3):
        brow_mark(d, hx + 6, hy - head * 0.55, 6)


def bunny(d: Draft) -> None:
    """An upright rabbit with long ears, seen from the front."""
    head, ear = d.between(30, 36), d.between(48, 70)
    flop = d.pick((0.0, 0.0, 1.0))
    d.part("belly", scallops(-30, 52, 14, 14, 6))
    d.head(0, -27, 31)
    for side in (-1, 1):
        base = (side * 13, -52.0)
        bend = flop if side > 0 else flop * d.between(0, 0.4)
        tip = (side * (20 + 26 * bend), -60 - ear * (1 - 0.45 * bend))
        d.part("body", leaf(base, tip, 24, 0.10 * side + 0.25 * bend * side, belly=0.6))
        inner = (base[0] * 0.2 + tip[0] * 0.8, base[1] * 0.2 + tip[1] * 0.8)
        d.part("blush" if d.chance(0.6) else "accent", leaf((base[0], base[1] - 4), inner, 11,
                                                            0.10 * side + 0.25 * bend * side, belly=0.6),
               line=0, relief=0)
    d.head_end()
    d.pair("body", ellipse(20, 64, 17, 9, -8))
    d.part("body", egg(0, 32, 27, 33, 0.2), marks=[Mark("belly", egg(0, 40, 18, 24, 0.2)),
                                                   *pattern(d, 0, 25, 30, 24, kinds="none none spots")])
    paw = d.between(14, 30)
    d.pair("body", tube([(20, 16), (30, paw + 8), (24, paw + 12)], [7, 7]))
    if d.chance(0.4):
        d.part("accent", blob([(-26, 6), (0, 12), (26, 6), (22, 18), (0, 23), (-22, 18)]), shadow=True)
    d.head(0, -27, 31)
    if d.type not in ("normal", "fairy") or d.chance(0.3):
        crown(d, (0, -54), 20)
    d.part("body", blob([(0, -60), (head * 0.75, -50), (head * 1.1, -22), (head * 0.6, 0), (0, 5),
                         (-head * 0.6, 0), (-head * 1.1, -22), (-head * 0.75, -50)]), shadow=True)
    feeling = mood(d)
    face(d, 0, -28, 15, d.between(7.5, 9.5), 0, feeling, mouth=False, blush=0.8)
    d.part("belly", ellipse(0, -12, 13, 9), line=0, relief=0, solid=True)
    nose(d, 0, -17, 3.4, "detail" if d.type == "normal" else "ink")
    draw_mouth(d, 0, -12, 6, feeling if feeling != "fierce" else "cheeky")


def deer(d: Draft) -> None:
    """A slender deer with antlers."""
    neck, antler = d.between(22, 32), d.between(30, 46)
    ground = 66.0
    hoof = socks(ground, 9, "detail")
    for x, step in ((-20, 3), (24, 4)):
        d.part("far", tube([(x, 20), (x + step * 0.4, 44), (x + step, ground - 6)], [7, 4.5, 4.5]),
               marks=socks(ground - 6, 8, "detail"))
    d.part("belly", leaf((-32, 2), (-48, d.between(-24, -6)), 17, -0.1))
    hx, hy = 38.0, -16.0 - neck
    body = blob([(-34, 4), (-20, -6), (8, -2), (18, -14), (hx - 12, hy + 8), (hx + 8, hy + 12), (34, 4),
                 (30, 20), (0, 26), (-28, 24), (-38, 14)])
    spots = [Mark("belly", ellipse(-20 + 11 * k, 3 + 6 * (k % 2), 3.6, 3.2)) for k in range(4)]
    near = [tube([(x, 12), (x + step * 0.5, 42), (x + step, ground)], [10, 5.4, 4.6])
            for x, step in ((-27, -3), (17, 3))]
    d.part("body", body, *near, marks=[*spots, Mark("belly", ellipse(32, 10, 11, 22)), *hoof])
    d.stroke([(-17, 18), (-21, 28), (-22, 38)], 0.7, "body")
    d.head(hx + 2, hy - 2, 17, profile=True)
    branches = d.count(2, 3)
    horn = {"grass": "wood", "ice": "frost", "psychic": "detail", "electric": "accent"}.get(d.type, "bone")
    for side, root in ((1, hx + 5), (-1, hx - 9)):
        top = (root + side * antler * 0.55 - 6, hy - 18 - antler)
        middle = (root + side * antler * 0.5, hy - 16 - antler * 0.5)
        parts = [tube([(root, hy - 14), middle, top], [3.6, 3, 2])]
        for k in range(branches):
            share = 0.35 + 0.5 * k / branches
            p = (root + side * antler * 0.45 * min(1, share * 2), hy - 16 - antler * share)
            parts.append(tube([p, (p[0] + side * 12, p[1] - 11)], [2.8, 1.8]))
        d.part(horn, *parts)
        if d.type in ("grass", "fairy"):
            d.part("leaf" if d.type == "grass" else "accent", ellipse(*top, 7, 6))
            d.part("leaf" if d.type == "grass" else "accent",
                   ellipse(middle[0] + side * 9, middle[1] - 10, 6, 5))
    d.part("body", leaf((hx - 14, hy - 6), (hx - 40, hy - 16), 15, 0.1))
    d.part("body", blob([(hx - 18, hy - 8), (hx - 4, hy - 19), (hx + 12, hy - 12), (hx + 24, hy + 2),
                         (hx + 22, hy + 12), (hx + 4, hy + 15), (hx - 14, hy + 8)]), shadow=True)
    d.part("belly", ellipse(hx + 17, hy + 8, 9, 6.5), line=0, relief=0, solid=True)
    nose(d, hx + 22, hy + 2, 3.6)
    feeling = mood(d)
    one_eye(d, hx + 1, hy - 2, 7.2, feeling, d.pick(("bead", "iris")), 1, 0.9)
    draw_mouth(d, hx + 15, hy + 9, 4, "calm")
    if d.chance(0.5):
        brow_mark(d, hx + 8, hy - 13, 5)


def mole(d: Draft) -> None:
    """A low, round digger with huge claws, half out of its mound."""
    w = d.between(40, 46)
    if d.chance(0.6):
        crown(d, (-4, -34), 16)
    d.part("body", blob([(-w, 44), (-w * 0.95, 0), (-w * 0.5, -36), (w * 0.15, -40), (w * 0.8, -14), (w, 16),
                         (w, 44)]), marks=[Mark("belly", ellipse(10, 36, w * 0.62, 30))])
    for side, x, y in ((-1, -34, 26), (1, 44, 24)):
        for k in (-26, 0, 26):
            root = polar((x, y), 8, 70 + k - 20 * side)
            d.part("bone", spike(root, polar((x, y), 30, 70 + k - 20 * side), 12), line=0.9)
        d.part("detail", ellipse(x, y, 15, 13))
    mound = [(-74, 64), (-58, 44), (-34, 50), (-12, 40), (10, 48), (36, 41), (58, 49), (76, 64), (0, 70)]
    d.part("soil", blob(mound))
    d.part("soil", ellipse(-46, 66, 13, 9), ellipse(56, 67, 15, 9))
    feeling = mood(d)
    snout = (w * 0.72, -2.0)
    d.part("belly", tube([(w * 0.3, -4), snout], [15, 11]), line=0.8)
    nose(d, snout[0] + 9, snout[1] - 3, 8, "tongue")
    if d.chance(0.35):
        d.part("ink", ellipse(2, -15, 12, 10), ellipse(30, -17, 10, 9), line=0.6)
        d.stroke([(-8, -18), (-40, -16)], 1.2, smooth=False)
        for x in (-1, 27):
            d.part("white", ellipse(x, -18, 3, 3), line=0, relief=0, solid=True)
    else:
        face(d, 16, -16, 13, d.between(5, 6.5), 0.5, feeling, mouth=False, blush=0.7)
    draw_mouth(d, w * 0.56, 11, 6, feeling)


def bear(d: Draft) -> None:
    """A heavy upright bear."""
    arm = d.pick(("hang", "up"))
    d.part("body", ellipse(-38, 44, 9, 9))
    d.pair("body", ellipse(22, 64, 17, 11), marks=[])
    if arm == "up":
        d.pair("body", tube([(30, 6), (52, -6), (58, -28)], [13, 12, 12]))
    d.part("body", egg(0, 26, 42, 42, 0.16), marks=[*pattern(d, 0, 10, 40, 34,
                                                             kinds="none none stripes saddle"),
                                                    Mark("belly", egg(2, 34, 27, 28, 0.1))])
    if arm == "hang":
        d.pair("body", tube([(34, 2), (46, 24), (38, 44)], [12, 12, 11]), marks=socks(48, 14))
    d.pair("belly", ellipse(22, 66, 9, 6), line=0.7)
    if d.chance(0.5):
        d.part("belly", blob([(-18, 8), (0, 18), (18, 8), (0, 26)], corners=(0, 2)), line=0, relief=0)
    d.head(0, -35, 33)
    for side in (-1, 1):
        d.part("body", ellipse(side * 27, -58, 13, 13))
        d.part("accent", ellipse(side * 27, -57, 6.5, 6.5), line=0, relief=0)
    if d.chance(0.6):
        crown(d, (0, -60), 18)
    d.part("body", blob([(0, -68), (28, -58), (40, -32), (28, -8), (0, -2), (-28, -8), (-40, -32),
                         (-28, -58)]), shadow=True)
    feeling = mood(d)
    face(d, 3, -38, 17, d.between(5.5, 7), 0.2, feeling, mouth=False, blush=0.6)
    muzzle(d, 4, -20, 16, feeling=feeling)


def mouse(d: Draft) -> None:
    """A round mouse with dish ears and a whip of a tail."""
    ear = d.between(19, 27)
    tail = [(-24, 40), (-58, 48), (-74, 22), (-60, 0), (-78, -18)]
    if d.type == "electric":  # a cord with a plug
        for dx in (-5, 5):
            d.part("metal", tube([(-78 + dx, -26), (-80 + dx, -48)], [2.6, 2.6]), line=0.8)
        d.part("ink", tube(tail, [4, 3.6, 3.4, 3.2]), line=0.5)
        d.part("accent", ellipse(-79, -25, 13, 11, -6, power=3.5))
    else:
        d.part("accent", tube(tail, [4.5, 3.6, 3, 2.4]))
        tail_tip(d, tail[-1], -110, 14)
    d.part("far", ellipse(30, -50, ear * 0.85, ear))
    d.part("body", ellipse(16, 58, 16, 8), ellipse(-16, 58, 16, 8))
    d.part("body", ellipse(-24, -48, ear, ear * 1.05))
    d.part("blush", ellipse(-24, -47, ear * 0.62, ear * 0.66), ellipse(31, -49, ear * 0.48, ear * 0.62),
           line=0, relief=0)
    if d.chance(0.4):
        crown(d, (4, -44), 17)
    d.part("body", egg(0, 4, 42, 52, 0.16), marks=[*pattern(d, -6, 0, 36, 44),
                                                   Mark("belly", egg(8, 34, 27, 26, 0.1))])
    d.part("body", tube([(30, 20), (40, 28), (34, 36)], [6.5, 6]))
    d.part("body", tube([(-10, 24), (2, 34), (12, 32)], [6.5, 6]), shadow=True)
    feeling = mood(d)
    face(d, 12, -14, 17, d.between(7.5, 9.5), 0.5, feeling, mouth=False, blush=0.9)
    d.part("tongue", ellipse(20, -4, 4.2, 3.4), line=0.8, solid=True)
    draw_mouth(d, 19, 5, 8, feeling)
    for y in (-2, 5):
        d.stroke([(-14, y), (-34, y - 3 + (y > 0) * 6)], 0.5, smooth=False)
