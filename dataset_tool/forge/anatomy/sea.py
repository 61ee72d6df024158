"""Everything that swims, drifts or scuttles in the sea."""

from __future__ import annotations

import numpy as np

from dataset_tool.forge.anatomy.reptiles import back_spikes
from dataset_tool.forge.draft import Draft, Mark
from dataset_tool.forge.faces import draw_mouth, face, mood, one_eye
from dataset_tool.forge.ornaments import brow_mark, crown, pattern, tail_tip
from dataset_tool.forge.shapes import (
    blob,
    egg,
    ellipse,
    leaf,
    mirror,
    polar,
    spline,
    star,
    tube,
)

# Coordinates read like a drawing, several to a line.
# fmt: off


def fish(d: Draft) -> None:
    """A fish in profile with fan-like fins."""
    high = d.between(36, 46)
    fin = d.between(24, 40)
    fan, notch = d.between(34, 44), d.between(14, 26)
    d.part("accent", blob([(-36, -6), (-62, -fan * 0.7), (-86, -fan), (-78, -fan * 0.3), (-86 + notch, 0),
                           (-78, fan * 0.3), (-84, fan * 0.95), (-62, fan * 0.6), (-36, 8)],
                          corners=(0, 2, 4, 6, 8)))
    for k in (-0.4, 0.0, 0.4):
        d.stroke([(-46, k * 10), (-72 + abs(k) * 4, k * fan)], 0.5, "accent", smooth=False)
    if d.chance(0.4):
        back_spikes(d, [(-26, -high * 0.7), (0, -high * 0.95), (28, -high * 0.75)], 4, fin * 0.8)
    else:
        d.part("accent", blob([(-28, -high * 0.6), (-22, -high - fin * 0.6), (6, -high - fin),
                               (30, -high * 0.7)], corners=(1,)))
    d.part("accent", leaf((-2, high * 0.6), (-18, high + fin * 0.8), 22, -0.1))
    shape = blob([(-46, 0), (-20, -high * 0.8), (18, -high * 0.95), (46, -high * 0.45), (54, 2),
                  (44, high * 0.5), (14, high * 0.92), (-22, high * 0.72)])
    kind = d.count(0, 2)
    if kind == 0:
        skin = [Mark("detail", tube([(x, -60), (x + 6, 0), (x, 60)], [5, 6, 5])) for x in (-22, 2)]
    elif kind == 1:
        skin = [Mark("accent", ellipse(-30 + 12 * k + 6 * (r % 2), -22 + 11 * r, 4, 3.4)) for r in range(4)
                for k in range(4)]
    else:
        skin = pattern(d, -6, 0, 40, high, kinds="saddle spots")
    d.part("body", shape, marks=[*skin, Mark("belly", ellipse(18, high, 52, high * 0.62))])
    d.part("accent", leaf((4, 10), (-22, d.between(14, 30)), 21, 0.1, belly=0.6))
    feeling = mood(d)
    one_eye(d, 28, -8, d.between(9, 12), feeling, d.pick(("iris", "iris", "bead")), 1)
    d.part("blush", ellipse(30, 9, 6.5, 4), line=0, relief=0)
    lips = d.chance(0.4)
    if lips:
        d.part("detail", ellipse(54, 4, 5.5, 4.2), ellipse(53, 10, 5, 4))
    else:
        d.stroke([(38, 13), (45, 15), (51, 9)], 1.0)


def manta(d: Draft) -> None:
    """A ray gliding towards us on its wings."""
    span, lift = d.between(70, 84), d.between(-34, 10)
    d.part("body", tube([(0, 20), (6, 56), (-8, 84)], [6, 3.5, 2]))
    tail_tip(d, (-8, 84), 110, 15)
    wing = [(0, -34), (16, -32), (40, -18), (span, lift), (46, 24), (20, 36), (0, 42)]
    outline = blob([*wing, *[(-x, y) for x, y in wing[-2:0:-1]]], corners=(3, 9))
    marks = [Mark("accent", ellipse(side * span, lift, 26, 30)) for side in (-1, 1)]
    spots = [Mark("detail", ellipse(side * x, y, 4.5, 4)) for side in (-1, 1)
            for x, y in ((30, -6), (40, 4), (28, 12))]
    d.pair("detail", leaf((13, -28), (24, d.between(-62, -48)), 12, 0.14))
    d.part("body", outline, marks=[*marks, *(spots if d.chance(0.6) else []),
                                   Mark("belly", ellipse(0, 34, 30, 22))])
    face(d, 0, -8, 17, d.between(6.5, 8.5), 0, mood(d), blush=0.8)
    if d.chance(0.4):
        brow_mark(d, 0, -24, 5.5)


def jellyfish(d: Draft) -> None:
    """A jellyfish under its bell."""
    wide, high = d.between(48, 56), d.between(48, 60)
    along = np.linspace(0, 1, 9)
    for k, x in enumerate((-35, -13, 13, 35)):
        sway, long = d.between(6, 10) * (-1) ** k, d.between(66, 86)
        wave = np.stack([x * (1 + 0.12 * along) + sway * np.sin(along * 7.5) * (0.4 + 0.6 * along),
                         long * along], 1)
        d.part("accent" if k % 2 else "detail", tube(wave, [6.5, 5.5, 4.5, 2]))
    for x in (-22, 0, 22):
        frill = np.stack([x + 4.5 * np.sin(along * 11 + x), 46 * along], 1)
        d.part("belly", tube(frill, [9, 8, 6, 3]))
    hem = [(wide * k / 4, 4 + 9 * (k % 2)) for k in range(4, -5, -1)]
    bell = blob([(-wide, 4), (-wide * 0.98, -high * 0.45), (-wide * 0.55, -high * 0.92), (0, -high * 1.05),
                 (wide * 0.55, -high * 0.92), (wide * 0.98, -high * 0.45), *hem[:-1]])
    rim = Mark("accent", blob([(-80, -5), (-30, 2), (0, -3), (30, 2), (80, -5), (80, 30), (-80, 30)]))
    dots = [Mark("belly", ellipse(wide * x, -high * y, 7, 6))
            for x, y in ((-0.45, 0.72), (0, 0.88), (0.45, 0.72))]
    d.head(0, -high * 0.42, high * 0.7)
    if d.chance(0.3):
        crown(d, (0, -high * 0.98), 16)
    d.part("body", bell, marks=[rim, *(dots if d.chance(0.7) else [])], shadow=True)
    face(d, 0, -high * 0.34, 18, d.between(7.5, 9.5), 0, mood(d), blush=0.9)


def octopus(d: Draft) -> None:
    """An octopus, all head and arms."""
    head = d.between(38, 45)
    for reach, drop, paint in ((62, 44, "far"), (50, 62, "body"), (24, 70, "body")):
        for side in (-1, 1):
            curl = d.between(12, 24)
            path = [(side * reach * 0.22, 8), (side * reach * 0.55, drop * 0.55),
                    (side * reach * 0.82, drop), (side * (reach * 0.82 + 16), drop + 3),
                    (side * (reach * 0.82 + 25), drop - 8),
                    (side * (reach * 0.82 + 22), drop - 8 - curl * 0.6),
                    (side * (reach * 0.82 + 14), drop - 8 - curl * 0.5)]
            cups = [Mark("belly", ellipse(x, y + 7, 3.2, 3)) for x, y in spline(path)[10:34:6]]
            d.part(paint, tube(path, [13, 12, 10, 7.5, 6, 4.5, 3]), marks=cups)
    d.head(0, -18, head)
    if d.chance(0.6):
        crown(d, (0, -head * 1.25), 19)
    d.part("body", egg(0, -18, head, head * 1.12, -0.12), marks=pattern(d, 0, -26, head, head,
                                                                        kinds="none spots freckles stripes"),
           shadow=True)
    feeling = mood(d)
    face(d, 0, -6, 16, d.between(8, 10), 0, feeling, mouth=False, blush=0.9)
    if d.chance(0.5):
        d.part("accent", ellipse(0, 14, 7.5, 6.5))
        d.part("mouth", ellipse(0, 14, 3.6, 3), line=0.5, relief=0, solid=True)
    else:
        draw_mouth(d, 0, 10, 9, feeling)


def crab(d: Draft) -> None:
    """A crab with one claw perhaps larger than the other."""
    w = d.between(42, 50)
    claws = (d.between(17, 20), d.between(22, 29)) if d.chance(0.5) else (23.0, 23.0)
    for side in (-1, 1):
        for k in range(3):
            x = side * (w * 0.7 + 4 * k)
            knee = (x + side * (20 - 4 * k), 20 + 8 * k)
            d.part("far", tube([(side * w * 0.6, 24 + 3 * k), knee, (knee[0] + side * 4, 50 + 5 * k)],
                               [5.5, 4.6, 2]))
    for side, size in zip((-1, 1), claws, strict=True):
        elbow, hand = (side * (w + 16), 4.0), (side * (w + 8), -32.0)
        d.part("body", tube([(side * w * 0.8, 14), elbow, hand], [8, 7, 7]))
        jaw = [(hand[0] - 0.75 * size, hand[1] - 0.1 * size), (hand[0] - 0.8 * size, hand[1] - 1.1 * size),
               (hand[0] - 0.1 * size, hand[1] - 1.65 * size), (hand[0] - 0.16 * size, hand[1] - 0.75 * size),
               (hand[0] + 0.5 * size, hand[1] - 1.5 * size), (hand[0] + 0.95 * size, hand[1] - 0.7 * size),
               (hand[0] + 0.6 * size, hand[1] + 0.45 * size), (hand[0] - 0.2 * size, hand[1] + 0.6 * size)]
        shape = blob(jaw, corners=(2, 3, 4))
        d.part("accent", shape if side > 0 else mirror(shape, hand[0]), shadow=True)
    for side in (-1, 1):
        d.part("body", tube([(side * 14, -8), (side * 17, -34)], [4.5, 4.5]))
    if d.type in ("rock", "ice", "fire", "grass", "steel"):
        crown(d, (0, -10), 22)
    d.part("body", blob([(-w, 10), (-w * 0.7, -12), (0, -20), (w * 0.7, -12), (w, 10), (w * 0.6, 38),
                         (0, 44), (-w * 0.6, 38)]), marks=[*pattern(d, 0, 4, w, 24,
                                                                    kinds="none spots saddle"),
                                                           Mark("belly", ellipse(0, 40, w * 0.7, 17))])
    feeling, kind = mood(d), d.pick(("iris", "bead"))
    for side in (-1, 1):
        one_eye(d, side * 17, -38, 9.5, feeling, kind, -side, turned=0)
        d.part("blush", ellipse(side * 26, 10, 6, 4), line=0, relief=0)
    draw_mouth(d, 0, 10, 12, feeling)


def seahorse(d: Draft) -> None:
    """A seahorse with its curled tail."""
    t = np.linspace(0, 2.35 * np.pi, 22)
    r = 21 - 2.1 * t
    curl = np.stack([-2 + r * np.cos(t - 0.6) + 8, 62 + r * np.sin(t - 0.6)], 1)
    back = [(-2, -52), (-22, -26), (-24, 4), (-12, 30)]
    back_spikes(d, [*back[::-1]], d.count(5, 6), d.between(10, 15))
    d.part("accent", blob([(-20, -16), (-46, -22 - d.between(0, 12)), (-54, 0), (-44, 14), (-18, 8)],
                          corners=(1, 3)))
    trunk = np.array([(4, -50), (-8, -26), (-4, 2), (6, 24), (20, 40)], dtype=float)
    path = np.concatenate([trunk, curl[2::2]])
    d.part("body", tube(path, [15, 18, 20, 18, 13, 10, 8.5, 7.5, 6.5, 5.5, 5, 4, 3]))
    belly = [Mark("belly", ellipse(14, y, 14, 4.6, -8)) for y in (-22, -10, 2, 14)]
    d.part("body", blob([(-6, -34), (8, -34), (15, -14), (18, 4), (18, 24), (6, 30), (-12, 16), (-20, -4),
                         (-18, -22)]), line=0, relief=0, marks=belly)
    hx, hy = 4.0, -56.0
    d.head(hx, hy, 19, profile=True)
    crown(d, (hx - 6, hy - 14), 20, -12)
    snout = d.between(26, 36)
    d.part("body", tube([(hx + 8, hy + 3), (hx + snout, hy + 12), (hx + snout + 6, hy + 12)], [10, 6.5, 8]))
    d.part("body", ellipse(hx, hy, 20, 18.5), shadow=False)
    d.part("body", ellipse(hx + 11, hy + 4, 12, 8.5, 14), line=0, relief=0)
    feeling = mood(d)
    one_eye(d, hx + 4, hy - 2, 7.5, feeling, d.pick(("iris", "bead")), 1)
    d.part("blush", ellipse(hx + 4, hy + 10, 5, 3), line=0, relief=0)


def whale(d: Draft) -> None:
    """A plump whale with its spout."""
    w, h = d.between(60, 68), d.between(40, 48)
    for angle in (-128, -62):
        d.part("body", leaf((-w - 4, -22), polar((-w - 4, -22), 36, angle), 22,
                            0.12 * (1 if angle < -90 else -1)))
    spout = d.pick(("water", "frost")) if d.type in ("water", "ice", "flying") else "accent"
    for a in (-132, -48):
        top = (18.0, -h - 20)
        d.part(spout, tube([(18, -h + 8), top, polar(top, 22, a),
                            polar(top, 30, a + (-55 if a < -90 else 55))], [4.5, 4.5, 5.5, 3.5]))
    shape = blob([(-w - 10, -26), (-w * 0.62, -8), (-w * 0.2, -h * 0.8), (w * 0.35, -h), (w * 0.9, -h * 0.5),
                  (w, 6), (w * 0.75, h * 0.72), (0, h * 0.9), (-w * 0.6, h * 0.55), (-w * 0.98, 2)])
    belly = Mark("belly", blob([(-w, 20), (-10, 16), (30, 10), (w + 10, 12), (w + 10, 60), (-w, 60)]))
    d.part("body", shape, marks=[*pattern(d, 0, -8, w * 0.7, h * 0.8, kinds="none spots saddle freckles"),
                                 belly])
    for k in range(3):
        d.stroke([(-14 + 16 * k, 22 + (k == 1) * 2), (-16 + 17 * k, h * 0.8)], 0.5)
    d.part("body", leaf((0, 16), (-22, 46), 24, 0.14, belly=0.6), shadow=True)
    feeling = mood(d)
    one_eye(d, w * 0.55, -4, 7.5, feeling, d.pick(("bead", "iris")), 1)
    d.part("blush", ellipse(w * 0.5, 8, 7, 4), line=0, relief=0)
    d.stroke([(w * 0.6, 12), (w * 0.82, 14), (w * 0.98, 8)], 1.0)


def starfish(d: Draft) -> None:
    """A chubby five-armed star with a face."""
    arms, inner = 5, d.between(0.46, 0.58)
    tilt = -90 + d.between(-14, 14)
    ring = star(0, 0, 66, 66 * inner, arms, tilt, soft=True)
    edge = star(0, 0, 52, 52 * inner, arms, tilt, soft=True)
    dots = [Mark("belly", ellipse(*polar((0, 0), r, tilt + 72 * k), 6.5 - r * 0.045, 6.5 - r * 0.045))
            for k in range(arms) for r in (38, 52)]
    style = d.count(0, 2)
    marks = dots if style == 0 else [Mark("accent", edge)] if style == 1 else [
        Mark("accent", ellipse(*polar((0, 0), 62, tilt + 72 * k), 20, 20)) for k in range(arms)]
    d.head(0, 0, 66 * inner, takes=False)
    d.part("body", ring, marks=marks)
    if d.chance(0.4):
        d.part("detail", star(0, -34, 10, 4.5), line=0.8)
    face(d, 0, -2, 14, d.between(8, 10), 0, mood(d), blush=0.9)


def clam(d: Draft) -> None:
    """A clam that looks out between its shells."""
    gape = d.between(-24, -10)
    fan = [polar((0, 20), r, a) for a, r in ((180, 58), (200, 66), (222, 70), (248, 74), (270, 76),
                                             (292, 74), (318, 70), (340, 66), (360, 58))]
    ribs = [polar((0, 30), 80, a) for a in (212, 241, 270, 299, 328)]
    upper = blob([(x, y + gape * 0.5) for x, y in fan])
    d.part("accent", upper)
    for x, y in ribs:
        d.stroke([(x * 0.25, 0), (x * 0.88, (y + gape * 0.5) * 0.9)], 0.6, "accent", smooth=False)
    d.part("mouth", ellipse(0, 18, 50, 26), line=0.8, relief=0.5)
    d.head(0, 5, 30)
    d.part("body", egg(0, 8, 31, 31, 0.1))
    feeling = mood(d)
    face(d, 0, 2, 12, d.between(7, 9), 0, feeling, blush=0.9)
    if d.chance(0.5):
        crown(d, (0, -22), 15)
    d.head_end()
    lip = [(62 - 124 * k / 8, 30 + 5 * (k % 2)) for k in range(9)]
    d.part("accent", blob([*lip, (-56, 48), (-30, 64), (0, 69), (30, 64), (56, 48)], corners=(0, 8)),
           shadow=True)
    for k in (-2, -1, 0, 1, 2):
        d.stroke([(k * 19, 38), (k * 12, 62)], 0.6, "accent", smooth=False)
    if d.chance(0.7):
        d.part("white", ellipse(d.pick((-30, 30)), 24, 9.5, 9.5), shadow=True)
