"""Spirits and animated things: ghosts, slimes, flames, clouds, candles, golems, robots."""

from __future__ import annotations

import numpy as np

from dataset_tool.forge.draft import Draft, Mark
from dataset_tool.forge.faces import draw_mouth, face, mood
from dataset_tool.forge.ornaments import crown, crystal, pattern
from dataset_tool.forge.shapes import (
    blob,
    ellipse,
    flame,
    leaf,
    move,
    polar,
    polygon,
    scallops,
    spike,
    star,
    tube,
)

# Coordinates read like a drawing, several to a line.
# fmt: off


def ghost(d: Draft) -> None:
    """A floating sheet of a ghost with a ragged hem."""
    w = d.between(40, 48)
    hem_y, waves = d.between(56, 66), d.count(3, 4)
    hem = []
    for k in range(2 * waves + 1):
        x = w * 1.06 * (1 - k / waves)
        hem.append((x, hem_y - (0 if k % 2 else 17) + d.between(-3, 3)))
    tail = d.chance(0.35)
    if tail:
        hem = [(w * 0.66, 40), (w * 0.1, 62), (-w * 0.7, 78), (-w * 0.75, 52), (-w * 0.95, 34)]
    if d.chance(0.5):
        crown(d, (0, -58), 22)
    for side in (-1, 1):
        reach = d.between(-30, 20)
        d.part("body", tube([(side * w * 0.7, 2), (side * (w + 12), 8 + reach * 0.3),
                             (side * (w + 20), 6 + reach)], [11, 9, 5]))
    d.part("body", blob([(-w * 1.02, 16), (-w * 0.92, -34), (0, -66), (w * 0.92, -34), (w * 1.02, 16),
                         *hem]), marks=[Mark("accent", move(star(0, 0, 9, 4), 0,
                                                            34))] if d.chance(0.25) else [])
    style = d.pick(("eyes", "eyes", "mask"))
    feeling = mood(d)
    if style == "mask":
        d.part("bone", blob([(-27, -30), (0, -38), (27, -30), (24, 0), (0, 16), (-24, 0)]), shadow=True)
        face(d, 0, -14, 13, d.between(7, 9), 0, "surprised" if feeling == "joyful" else feeling, mouth=False,
             blush=0)
    else:
        face(d, 0, -16, 16, d.between(9, 12), 0, feeling, mouth=False, blush=0.5,
             eye_paint=d.pick(("", "", "glow", "detail")))
        draw_mouth(d, 0, 6, 10, d.pick(("cheeky", "joyful", "surprised", "happy")))


def slime(d: Draft) -> None:
    """A drop of slime, perhaps a king."""
    w = d.between(52, 62)
    drip = d.pick((True, False))
    d.head(0, 8, 50, takes=False)
    d.part("body", blob([(0, -58 if drip else -46), (w * 0.3, -36), (w * 0.86, -6), (w, 34), (w * 0.6, 54),
                         (0, 58), (-w * 0.6, 54), (-w, 34), (-w * 0.86, -6), (-w * 0.3, -36)],
                        corners=(0,) if drip else ()), marks=[Mark("accent", ellipse(x, y, r, r))
                                for x, y, r in ((-30, 30, 5), (34, 22, 4), (22, 44, 6),
                                                                    (-14, 46, 3.5))])
    d.part("white", ellipse(-w * 0.5, -10, 6, 11, 32), line=0, relief=0, solid=True)
    d.part("white", ellipse(-w * 0.64, 8, 3, 4.6, 24), line=0, relief=0, solid=True)
    top = -48.0 if drip else -42.0
    hat = d.pick(("crown", "crown", "type", "none"))
    if hat == "crown":
        d.part("gold", polygon((-24, top + 16), (-30, top - 18), (-14, top - 4), (0, top - 26),
                               (14, top - 4), (30, top - 18), (24, top + 16)))
        for x, y in ((-30, top - 19), (0, top - 27), (30, top - 19)):
            d.part("red", ellipse(x, y, 4.5, 4.5), line=0.8)
        d.part("detail", polygon((0, top - 7), (6, top + 3), (0, top + 12), (-6, top + 3)), line=0.6)
    elif hat == "type":
        crown(d, (0, top + 6), 24)
    d.head_end()
    for side in (-1, 1):
        if d.chance(0.5):
            d.part("body", ellipse(side * (w + 1), d.between(46, 52), 9, 7))
    d.head(0, 8, 50, takes=False)
    face(d, 2, 6, 20, d.between(9.5, 12), 0.1, mood(d), blush=0.9)


def wildfire(d: Draft) -> None:
    """A living flame."""
    lean = d.between(-14, 14)
    outer, inner = {"fire": ("fire", "fire_core"), "ghost": ("body", "belly")}.get(d.type, ("body", "belly"))
    for side in (-1, 1):
        x, y = side * d.between(48, 54), d.between(-50, -30)
        d.part(outer, leaf((x - side * 14, y + 36), (x + lean * 0.3, y - 17), 19, 0.1 * side, belly=0.45))
    for side in (-1, 1):
        d.part(outer, leaf((side * 30, 34), (side * 68, d.between(4, 26)), 22, -0.2 * side, belly=0.4))
    body = [(0, 66), (-38, 56), (-52, 22), (-46, -10), (-52 + lean * 0.4, -46), (-26, -26), (lean - 6, -82),
            (20, -32), (46 + lean * 0.4, -52), (45, -10), (52, 22), (38, 56)]
    core = [(0, 62), (-26, 54), (-34, 26), (-26, 0), (-20, -14), (-8, -4), (lean * 0.5, -32), (10, -4),
            (22, -16), (28, 2), (34, 26), (26, 54)]
    d.head(0, 22, 43, takes=False)
    d.part(outer, blob(body, corners=(4, 6, 8)), marks=[Mark(inner, blob(core, corners=(4, 6, 8)))])
    face(d, 0, 22, 14, d.between(8, 10.5), 0, mood(d), blush=0.4)


def cloud(d: Draft) -> None:
    """A cloud with weather below it."""
    w = d.between(56, 64)
    weather = {"electric": "bolt", "water": "drops", "ice": "flakes", "fairy": "stars",
               "grass": "drops"}.get(d.type, "wisps")
    for k, x in enumerate((-30, 2, 32)):
        y = 46 + 6 * (k % 2)
        if weather == "bolt":
            d.part("gold", polygon((x - 4, y - 16), (x + 8, y - 16), (x + 3, y - 2), (x + 11, y - 2),
                                   (x - 7, y + 22), (x - 2, y + 6), (x - 10, y + 6)))
        elif weather == "drops":
            d.part("water", leaf((x, y + 14), (x + 4, y - 14), 14, belly=0.3))
        elif weather == "flakes":
            d.part("frost", star(x, y, 11, 4.5, 6), line=0.8)
        elif weather == "stars":
            d.part("gold", star(x, y, 11, 5), line=0.8)
        else:
            d.part("accent", tube([(x - 12, y - 4), (x, y - 9), (x + 10, y - 2), (x + 2, y + 3)],
                                  [3.6, 3.4, 2.6]))
    d.head(0, 0, 42, takes=False)
    if d.chance(0.45):
        crown(d, (0, -34), 22)
    for side in (-1, 1):
        d.part("body", scallops(side * (w + 4), 8, 15, 12, 6))
    bumps = [ellipse(x * w, y, r, r) for x, y, r in ((-0.66, 6, 27), (-0.3, -16, d.between(27, 34)),
                                                     (0.26, -20, d.between(28, 35)), (0.68, 2, 27),
                                                     (0.3, 18, 26), (-0.26, 18, 27))]
    d.part("body", *bumps, marks=[Mark("belly", ellipse(0, 40, w, 15))])
    face(d, 0, -2, 19, d.between(8.5, 11), 0, mood(d), blush=0.95)


def candle(d: Draft) -> None:
    """A candle with dripping wax on its saucer."""
    tall = d.between(60, 74)
    d.part("gold" if d.chance(0.5) else "detail", ellipse(0, 58, 46, 13), ellipse(50, 54, 12, 9))
    d.part("mouth", ellipse(50, 54, 5, 3.6), line=0.6, relief=0)
    for side in (-1, 1):
        d.part("body", tube([(side * 26, 18), (side * 42, 22), (side * 46, d.between(2, 14))], [7, 6.5, 5.5]))
    tint = ("fire", "fire_core") if d.type in ("fire", "normal", "fairy") else ("accent", "belly")
    d.part("ink", tube([(0, 54 - tall), (2, 40 - tall)], [2.4, 2.2]), line=0.4)
    lick = flame(0, 46 - tall, 44, d.between(46, 58), d.between(-6, 6)) if d.chance(0.5) else \
        leaf((0, 48 - tall), (d.between(-6, 6), -8 - tall), 36, 0.05, belly=0.32)
    d.part(tint[0], lick, relief=0.7)
    d.part(tint[1], leaf((0, 46 - tall), (0, 16 - tall), 17, belly=0.34), line=0, relief=0)
    d.part("body", blob([(-29, 54 - tall), (29, 54 - tall), (31, 56), (0, 64), (-31, 56)], corners=(0, 1)))
    wax = [(-33, 56 - tall), (0, 50 - tall), (33, 56 - tall), (32, 78 - tall), (24, 84 - tall),
           (19, 70 - tall), (8, 68 - tall), (4, 92 - tall), (-5, 92 - tall), (-9, 69 - tall),
           (-19, 68 - tall), (-25, 100 - tall), (-32, 96 - tall)]
    d.part("belly", blob(wax))
    face(d, 0, 26, 13, d.between(7, 9), 0, mood(d), blush=0.8)


def golem(d: Draft) -> None:
    """A golem piled up from boulders or blocks."""
    power = d.pick((2.6, 3.4, 5.0))
    stance = d.between(-10, 8)
    for side in (-1, 1):
        d.part("body", ellipse(side * 23, 58, 18, 13, power=power))
    for side, paint in ((-1, "body"), (1, "body")):
        d.part("far", ellipse(side * 56, 0 + stance * side, 13, 14, power=power))
        d.part(paint, ellipse(side * 64, 32 + stance * side, 19, 22, power=power))
    gem = d.pick(("crystals", "moss", "plates"))
    if gem == "crystals":
        for a, k in ((-130, 50), (-50, 50), (-108, 66), (-72, 60)):
            d.part("accent", crystal((0, -14), polar((0, -14), k, a), 19), relief=0.7)
    cracks = [Mark("far", polygon((-46, -4), (-22, 2), (-26, 8), (-14, 18), (-30, 10)))]
    d.part("body", ellipse(0, 18, 47, 39, power=power), marks=[*cracks,
                                                               *pattern(d, 0, 16, 40, 36,
                                                                        kinds="none none spots")])
    if gem == "moss":
        d.part("leaf", ellipse(-56, -10, 12, 6), ellipse(-50, -13, 8, 6))
    d.part("detail" if d.chance(0.5) else "accent", polygon((0, 6), (11, 18), (0, 34), (-11, 18)), relief=0.8)
    d.head(0, -29, 26)
    d.part("body", ellipse(0, -30, 30, 24, power=power), shadow=True)
    if gem == "moss":
        d.part("leaf", blob([(-30, -40), (-24, -54), (0, -60), (24, -54), (30, -40), (18, -44), (8, -36),
                             (-4, -44), (-16, -37)]))
    elif gem == "plates":
        crown(d, (0, -50), 22)
    feeling = d.pick(("fierce", "calm", "happy", "sleepy"))
    glow = d.pick(("glow", "glow", ""))
    face(d, 0, -32, 12, d.between(5.5, 7), 0, feeling, mouth=not glow, blush=0.2, eye_paint=glow)
    if glow:
        d.stroke([(-9, -17), (9, -17)], 1.1, smooth=False)


def gem(d: Draft) -> None:
    """A floating cluster of crystals with a face in its middle."""
    n = d.pick((4, 6))
    for k in range(n):
        a = -90 + (k + 0.5) * 360 / n
        d.part("accent", crystal(polar((0, 0), 18, a), polar((0, 0), d.between(62, 74), a), 25), relief=0.7)
    for side in (-1, 1):
        d.part("detail", polygon((side * 46, -6 - 18), (side * 58, -6), (side * 46, 12), (side * 34, -6)),
               relief=0.8)
    d.head(0, 0, 42, takes=False)
    w, h = d.between(36, 42), d.between(54, 62)
    outline = polygon((0, -h), (w, -h * 0.42), (w * 0.92, h * 0.38), (0, h), (-w * 0.92, h * 0.38),
                      (-w, -h * 0.42))
    facet = [Mark("belly", polygon((0, -h), (w, -h * 0.42), (0, -h * 0.24), (-w, -h * 0.42))),
             Mark("far", polygon((0, h), (w * 0.92, h * 0.38), (0, h * 0.52), (-w * 0.92, h * 0.38)))]
    d.part("body", outline, marks=facet, shadow=True)
    face(d, 0, 2, 14, d.between(8, 10), 0, mood(d), blush=0.7, eye_paint=d.pick(("", "", "glow")))


def robot(d: Draft) -> None:
    """A tin robot on feet or a wheel."""
    wheel, box = d.chance(0.4), d.pick((2.6, 4.5, 6.0))
    if wheel:
        d.part("detail", ellipse(0, 58, 20, 20))
        d.part("metal", ellipse(0, 58, 9, 9))
    else:
        for side in (-1, 1):
            d.part("metal", tube([(side * 15, 38), (side * 16, 58)], [6, 6]))
            d.part("detail", ellipse(side * 19, 66, 17, 9, power=3))
    for side in (-1, 1):
        hand = (side * 56, d.between(-16, 38))
        d.part("metal", tube([(side * 34, 8), (side * 52, 14), hand], [5.5, 5, 5]))
        for a in (-46, 46):
            turned = -90 + a if hand[1] < 10 else 90 + a
            d.part("accent", tube([hand, polar(hand, 13, turned), polar(hand, 17, turned - a)],
                                  [5, 4.4, 3.4]))
    d.part("body", ellipse(0, 22, 36, 28, power=box), marks=[Mark("accent",
                                                                  polygon((-60, 36), (60, 36), (60, 70),
                                                                          (-60, 70)))])
    panel = d.pick(("dial", "heart", "buttons"))
    if panel == "dial":
        d.part("white", ellipse(0, 18, 12, 12), line=0.8, relief=0)
        d.stroke([(0, 18), (7, 11)], 0.9, "red", smooth=False)
    elif panel == "heart":
        d.part("red", ellipse(0, 18, 9, 9), relief=0.8)
    else:
        for x, paint in ((-14, "red"), (0, "gold"), (14, "leaf")):
            d.part(paint, ellipse(x, 18, 5.4, 5.4), line=0.7)
    d.part("metal", tube([(0, -6), (0, 0)], [12, 12]))
    d.head(0, -30, 29)
    mast = d.pick(("bulb", "bulb", "twin", "bolts"))
    if mast == "bulb":
        d.part("metal", tube([(0, -50), (0, -72)], [3, 3]))
        d.part("gold" if d.type != "steel" else "red", ellipse(0, -77, 9, 9))
    elif mast == "twin":
        for side in (-1, 1):
            d.part("metal", tube([(side * 14, -50), (side * 24, -74)], [2.6, 2.6]),
                   ellipse(side * 24, -75, 5.5, 5.5))
    else:
        crown(d, (0, -52), 21)
    for side in (-1, 1):
        d.part("accent", ellipse(side * 42, -30, 9, 12, power=3))
    d.part("body", ellipse(0, -30, 39, 27, power=max(box, 3)), shadow=True)
    d.part("ink", ellipse(0, -30, 31, 19, power=max(box, 3)), line=0.5, relief=0, solid=True)
    lamp = d.pick(("glow", "frost", "gold"))
    feeling = d.pick(("happy", "calm", "fierce", "sleepy"))
    for side in (-1, 1):
        face_x, face_y = side * 13, -33
        if feeling == "happy":
            arc = tube([(face_x - 7, face_y + 4), (face_x, face_y - 5), (face_x + 7, face_y + 4)], [2.4, 2.4])
            d.part(lamp, arc, line=0, relief=0, solid=True)
        else:
            eye = ellipse(face_x, face_y, 7.5, 8, power=3)
            if feeling != "calm":
                lid = -2 if feeling == "sleepy" else -3 + 0.5 * -side * (eye[:, 0] - face_x)
                eye[:, 1] = np.maximum(eye[:, 1], face_y + lid)
            d.part(lamp, eye, line=0, relief=0, solid=True)
    d.part(lamp, tube([(-8, -19), (0, -17), (8, -19)], [1.8, 1.8]), line=0, relief=0, solid=True)


def bell(d: Draft) -> None:
    """A bell with a bow that rings as it floats."""
    w = d.between(46, 54)
    d.part("detail", ellipse(0, 54, 13, 13))
    for side in (-1, 1):
        d.part("accent", leaf((side * 30, 2), (side * d.between(66, 78), d.between(-34, 10)), 26,
                              0.16 * side, belly=0.6))
    d.part("metal" if d.type != "steel" else "gold", ellipse(0, -60, 14, 14))
    d.part("body", ellipse(0, -61, 6, 6), line=0.8, relief=0)
    d.part("body", blob([(0, -56), (22, -50), (w * 0.72, -20), (w * 0.8, 16), (w * 1.12, 46), (0, 54),
                         (-w * 1.12, 46), (-w * 0.8, 16), (-w * 0.72, -20), (-22, -50)], corners=(4, 6)),
           marks=[Mark("accent", tube([(-80, 42), (0, 48), (80, 42)], [5, 5])),
                  Mark("belly", ellipse(0, -52, 40, 12))])
    if d.chance(0.6):
        for side in (-1, 1):
            d.part("red" if d.chance(0.5) else "accent", leaf((0, -46), (side * 34, -54), 27, 0, belly=0.7))
        d.part("gold", ellipse(0, -46, 7, 7))
    face(d, 0, 0, 16, d.between(8, 10), 0, mood(d), blush=0.9)


def snowman(d: Draft) -> None:
    """Two or three snowballs with a carrot."""
    hat = d.pick(("top", "cap", "ice"))
    for side in (-1, 1):
        hand = (side * 64, d.between(-24, 12))
        d.part("wood", tube([(side * 30, 18), hand], [3, 2.6]),
               tube([hand, (hand[0] + side * 9, hand[1] - 9)], [2.4, 2]),
               tube([(hand[0] - side * 6, hand[1] + 2), (hand[0] + side * 5, hand[1] + 9)], [2.2, 2]))
    d.part("belly", ellipse(0, 36, 43, 36))
    for y in (22, 38, 54):
        d.part("ink", ellipse(2, y, 4, 4), line=0.3, relief=0, solid=True)
    d.head(0, -18, 32)
    d.part("belly", ellipse(0, -18, 34, 31), shadow=True)
    scarf = d.pick(("accent", "red", "detail"))
    if hat == "top":
        d.part("detail", blob([(-22, -44), (-20, -78), (20, -78), (22, -44)], corners=(0, 1, 2, 3)))
        d.part(scarf, polygon((-21.5, -54), (21.5, -54), (22, -45), (-22, -45)), line=0.6)
        d.part("detail", ellipse(0, -44, 35, 6.5))
    elif hat == "cap":
        d.part(scarf, blob([(-33, -34), (-26, -60), (4, -74), (28, -56), (33, -34)], corners=(0, 4)))
        d.part("white", scallops(2, -74, 10, 10, 6))
        d.part("white", tube([(-32, -35), (0, -40), (32, -35)], [6, 6]))
    else:
        crown(d, (0, -44), 26)
    d.part(scarf, blob([(-30, 2), (0, 11), (30, 2), (30, 13), (0, 22), (-30, 13)]))
    d.part(scarf, tube([(16, 14), (22, 32), (17, 46)], [6.5, 7, 7]))
    face(d, 2, -22, 13, d.between(6.5, 8.5), 0.15, mood(d), mouth=False, blush=0.9)
    d.part("beak", spike((3, -12), (34, -9), 10), line=0.9)
    d.stroke([(-10, -4), (2, 1), (14, -4)], 0.9)
