"""What a creature may wear beyond its plan: wings, tails, spikes, shells, manes, collars, horns.

They are fitted to the body's largest outline and to the head, and drawn behind the body or behind the head,
so that they never hide a face and always hang on to something.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from dataset_tool.forge.anatomy.insects import feelers
from dataset_tool.forge.draft import Draft, Head, Mark, Part, Stroke, moved
from dataset_tool.forge.ornaments import crown, crystal, tail_tip, web_wing
from dataset_tool.forge.shapes import (
    Outline,
    Point,
    blob,
    ellipse,
    flame,
    leaf,
    mirror,
    polar,
    scallops,
    spike,
    spline,
    tube,
    turn,
)

# Which plans wear what: those that have none of the kind yet and where it looks right.
WEARERS: dict[str, frozenset[str]] = {
    kind: frozenset(plans.split())
    for kind, plans in {
        "wings": "fox bunny deer bear mouse cat elephant sheep monkey boxer longneck turtle serpent frog rex"
        " axolotl crab whale starfish octopus caterpillar snail spider mushroom cactus sprout pumpkin ghost"
        " slime cloud candle golem robot snowman fish seahorse tree mole gem",
        "tail": "bear boxer frog ghost slime pumpkin robot snowman golem sprout mushroom spider crab cactus"
        " pixie cloud owl penguin chick candle gem starfish bat jellyfish",
        "back": "fox bunny bear cat elephant longneck frog mouse monkey whale caterpillar ghost slime"
        " pumpkin snowman robot golem penguin mole octopus bell beetle owl crab chick",
        "shell": "fox bunny deer bear cat elephant longneck frog mouse monkey axolotl boxer robot",
        "mane": "fox bunny deer bear cat monkey boxer elephant longneck turtle serpent dragon rex crane"
        " octopus caterpillar bee golem robot snowman seahorse beetle bat dragonfly spider chameleon",
        "collar": "fox bunny deer bear cat elephant monkey boxer longneck serpent dragon rex crane peacock"
        " seahorse turtle golem robot caterpillar bee",
        "top": "fox bear cat turtle octopus jellyfish elephant spider dragonfly ghost slime gem frog"
        " manta whale penguin mole mushroom pumpkin sprout cloud chick mouse crab tree candle",
    }.items()
}

# Plans that face right; the others face us.
_RIGHT = (
    "fox deer mole elephant sheep hedgehog chick crane toucan longneck turtle serpent dragon rex axolotl"
    " chameleon fish seahorse whale beetle caterpillar snail bee mantis pitcher"
)
SIDEWAYS = frozenset(_RIGHT.split())


@dataclass
class Frame:
    """What attachments hold on to, and what they add: `behind` everything, and `before` the head.

    `torso` is the body's main outline, `head` its head if that is a part of its own.
    """

    torso: Outline
    head: Head | None
    sideways: bool
    behind: list[Part | Stroke] = field(default_factory=list)
    before: list[Part | Stroke] = field(default_factory=list)

    @property
    def middle(self) -> Point:
        """The centre of the torso's box."""
        x, y = (self.torso.min(axis=0) + self.torso.max(axis=0)) / 2
        return float(x), float(y)

    @property
    def unit(self) -> float:
        """The side of a square as large as the torso."""
        return float(np.sqrt(area(self.torso)))

    def rim(self, angle: float, depth: float = 1.0) -> Point:
        """The torso's outermost point in a direction (degrees, -90 is up), or `depth` of the way to it."""
        rays = self.torso - self.middle
        off = np.abs(np.angle(np.exp(1j * (np.arctan2(rays[:, 1], rays[:, 0]) - np.deg2rad(angle)))))
        length = np.hypot(*rays.T)
        reach = float(np.where(off < off.min() + 0.08, length, 0).max())
        return polar(self.middle, reach * depth, angle)


def area(outline: Outline) -> float:
    """What a closed outline encloses."""
    x, y = outline.T
    return abs(float(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1)))) / 2


def attach(frame: Frame, kind: str, d: Draft) -> None:
    """Add one attachment, a key of WEARERS, to a frame; `d` is a draft of its own for the purpose."""
    if kind in ("mane", "collar") and frame.head is None:
        return
    {"wings": _wings, "tail": _tail, "back": _back, "shell": _shell, "mane": _mane, "collar": _collar,
     "top": _top}[kind](frame, d)  # fmt: skip


# Coordinates read like a drawing, several to a line.
# fmt: off


def _wings(frame: Frame, d: Draft) -> None:
    kinds = {"dragon": "web web fin", "dark": "web web feather", "poison": "web fairy", "fire": "web feather",
             "bug": "fairy fairy butterfly", "fairy": "fairy butterfly feather", "grass": "leaf leaf fairy",
             "water": "fin fin", "flying": "feather", "ghost": "web fairy", "ice": "feather fairy fin"}
    kind = d.pick(kinds.get(d.type, "feather web fairy butterfly").split())
    tones = {"fairy": ("frost", "accent", "detail"), "leaf": ("leaf",)}.get(kind, ("accent", "detail"))
    paint = d.pick(tones)
    unit = frame.unit
    if frame.sideways:
        root, length = frame.rim(d.between(-118, -104), 0.55), unit * d.between(0.95, 1.25)
        angle = d.between(-150, -128)
        _wing(d, kind, (root[0] + unit * 0.14, root[1] - unit * 0.04), length * 0.92, angle + 20, paint, -1)
        frame.behind += d.parts
        d.parts.clear()
        _wing(d, kind, root, length, angle, paint, -1)
        (frame.before if frame.head else frame.behind).extend(d.parts)
    else:
        root, length = frame.rim(d.between(-30, -10), 0.6), unit * d.between(0.85, 1.15)
        _wing(d, kind, root, length, d.between(-48, -20), paint, 1)
        axis = frame.middle[0]
        frame.behind += [*d.parts, *(moved(p, lambda o: mirror(o, axis)) for p in d.parts)]


def _wing(d: Draft, kind: str, at: Point, length: float, angle: float, paint: str, side: int) -> None:
    """One wing from its root; `side` (+1/-1) to which side it hangs."""
    if kind == "web":
        web_wing(d, at, length, angle, paint, side)
    elif kind == "feather":
        for share, spread in ((0.66, 46), (0.85, 23), (1.0, 0)):
            tip = polar(at, length * share, angle + side * spread)
            d.part(paint, leaf(at, tip, length * 0.34, 0.1 * -side, belly=0.6))
        d.part("body", ellipse(*polar(at, length * 0.1, angle), length * 0.13, length * 0.13))
    elif kind == "fin":
        tips = [polar(at, length * k, angle + side * a) for k, a in ((1.0, 0), (0.86, 26), (0.68, 52))]
        dents = [polar(at, length * k, angle + side * a) for k, a in ((0.66, 14), (0.54, 40))]
        d.part(paint, blob([at, polar(at, length * 0.5, angle - side * 14), tips[0], dents[0], tips[1],
                            dents[1], tips[2]], corners=(0, 2, 3, 4, 5, 6)))
        for tip in tips:
            d.stroke([at, (at[0] * 0.25 + tip[0] * 0.75, at[1] * 0.25 + tip[1] * 0.75)], 0.6, paint)
    elif kind == "butterfly":
        for share, spread in ((0.7, 58), (1.0, 4)):
            tip = polar(at, length * share, angle + side * spread)
            spot = ellipse(*polar(at, length * share * 0.62, angle + side * spread), length * 0.12,
                           length * 0.12)
            d.part(paint, leaf(at, tip, length * 0.56 * share, belly=0.68), marks=[Mark("belly", spot)])
    else:
        for share, spread in ((0.72, 44), (1.0, 0)):
            tip = polar(at, length * share, angle + side * spread)
            d.part(paint, leaf(at, tip, length * 0.36, 0.06 * -side, belly=0.66), relief=0.7)


def _tail(frame: Frame, d: Draft) -> None:
    unit = frame.unit
    side = -1 if frame.sideways else d.pick((-1, 1))
    root = frame.rim(150 if side < 0 else 30, 0.7)
    edge = frame.rim(150 if side < 0 else 30)
    x, y = edge
    kind = d.pick(("tip", "tip", "bushy", "lizard", "fan", "sting"))
    reach = unit * d.between(0.4, 0.6)
    end = (x + side * reach * 1.05, y - reach * d.between(0.7, 1.3))
    bow = (x + side * reach * 0.85, y + reach * 0.12)
    if kind == "tip":
        d.part("body", tube([root, edge, bow, end], [unit * 0.07, unit * 0.065, unit * 0.06, unit * 0.05]))
        tail_tip(d, end, -90 + side * 15, unit * 0.24)
    elif kind == "bushy":
        wide = unit * d.between(0.2, 0.26)
        ex, ey = end
        brush = leaf((ex - side * wide * 0.2, ey + wide), (ex + side * wide * 0.2, ey - wide * 1.2),
                     wide * 1.3)
        tip = ellipse(ex, ey - wide * 0.2, wide * 1.6, wide)
        d.part("body", tube([root, edge, bow, end], [wide * 0.5, wide * 0.7, wide * 1.1, wide * 0.5]), brush,
               marks=[Mark(d.pick(("belly", "accent")), tip)])
    elif kind == "lizard":
        path = [root, edge, (x + side * reach * 0.7, y + reach * 0.35),
                (x + side * reach * 1.5, y + reach * 0.1)]
        d.part("body", tube(path, [unit * 0.16, unit * 0.15, unit * 0.1, unit * 0.03]),
               marks=[Mark("accent", ellipse(*path[-1], unit * 0.24, unit * 0.3))])
    elif kind == "fan":
        up = 180 * (side < 0) - side * 28
        for a in (-30, 0, 30):
            feather = leaf(root, polar(edge, reach, up + a), unit * 0.24, belly=0.62)
            d.part(d.pick(("accent", "detail")), feather)
    else:
        points = [root, edge, bow, (x + side * reach * 1.15, y - reach * 0.5),
                  (x + side * reach * 0.8, y - reach)]
        for k, (px, py) in enumerate(spline(points, 2)):  # beads close enough to touch
            d.part("body", ellipse(px, py, unit * (0.15 - 0.007 * k), unit * (0.15 - 0.007 * k)))
        last = points[-1]
        d.part("accent", spike(last, polar(last, unit * 0.26, -90 - side * 50), unit * 0.17, -0.1 * side))
    frame.behind += d.parts


def _back(frame: Frame, d: Draft) -> None:
    unit = frame.unit
    paints = {"grass": ("leaf", "leaf"), "bug": ("spike", "leaf"), "ice": ("crystal", "crystal"),
              "rock": ("crystal", "spike"), "fire": ("flame", "spike"), "electric": ("spike", "plate"),
              "water": ("fin", "plate")}
    kind = d.pick(paints.get(d.type, ("spike", "plate", "fin", "crystal")))
    paint = {"leaf": "leaf", "flame": "fire"}.get(kind, d.pick(("accent", "detail")))
    if frame.sideways:
        count = d.count(4, 6)
        angles = np.linspace(-172, -78, count)
    else:
        count = d.count(2, 3)
        half = np.linspace(-172, -125, count)
        angles = np.concatenate([half, -180 - half])
    size = unit * d.between(0.26, 0.36)
    if kind == "fin":
        for group in (angles,) if frame.sideways else (angles[:count], angles[count:]):
            crest = [frame.rim(float(group[0]), 0.8)]
            for k, a in enumerate(group):
                rim = frame.rim(float(a))
                crest.append(polar(rim, size * 0.9, float(a)))
                if k < len(group) - 1:
                    crest.append(polar(frame.rim(float(a + group[k + 1]) / 2), size * 0.25, float(a)))
            crest.append(frame.rim(float(group[-1]), 0.8))
            d.part(paint, blob([*crest, frame.middle], corners=tuple(range(len(crest) + 1))))
    for a in angles if kind != "fin" else ():
        rim = frame.rim(float(a))
        root = polar(rim, -0.16 * unit, float(a))
        long = size * (0.75 + 0.4 * np.sin(np.pi * (float(a) + 180) / 110) if frame.sideways else 1.0)
        tip = polar(rim, long, float(a))
        if kind == "spike":
            d.part(paint, spike(root, tip, size * 0.95, 0.06), relief=0.8)
        elif kind == "plate":
            d.part(paint, leaf(root, tip, size * 0.85, belly=0.7))
        elif kind == "leaf":
            d.part(paint, leaf(root, polar(rim, long * 1.3, float(a)), size * 0.7, 0.08, belly=0.6))
        elif kind == "flame":
            d.part("fire", turn(flame(*root, size * 0.9, size * 1.7), float(a) + 90, root), relief=0.6)
        else:
            d.part(paint, crystal(root, tip, size * 0.6), relief=0.7)
    frame.behind += d.parts


def _shell(frame: Frame, d: Draft) -> None:
    (x0, y0), (x1, y1) = frame.torso.min(axis=0), frame.torso.max(axis=0)
    w, h = x1 - x0, y1 - y0
    x, y = frame.middle
    paint = d.pick(("accent", "detail", "wood"))
    plate = "detail" if paint == "accent" else "belly"
    if not frame.sideways:
        rx, ry = w * 0.64, h * 0.6
        d.part(paint, ellipse(x, y, rx, ry))
        d.part("belly", ellipse(x, y, rx * 0.88, ry * 0.86), line=0.7)
        frame.behind += d.parts
        return
    top = y0 - h * d.between(0.16, 0.3)
    left, right, low = x0 - w * 0.03, x1 - w * 0.2, y + h * 0.06
    mid = (left + right) / 2
    level = (low + top) / 2
    dome = blob([(left, low), (left + w * 0.08, level), (mid, top), (right - w * 0.08, level), (right, low),
                 (mid, low + h * 0.1)], corners=(0, 4))
    r = min(w, low - top) * 0.17
    plates = [Mark(plate, ellipse(mid + w * dx, (top + low * share) / (1 + share), r, r, power=3))
              for dx, share in ((0, 1), (-0.26, 2), (0.26, 2))]
    d.part(paint, dome, marks=plates, shadow=True)
    d.part("belly", tube([(left, low + h * 0.02), (mid, low + h * 0.11), (right, low + h * 0.02)],
                         [h * 0.06, h * 0.06, h * 0.06]), line=0.9)
    frame.before += d.parts


def _mane(frame: Frame, d: Draft) -> None:
    head = frame.head
    assert head is not None
    at, r = (head.x, head.y + head.radius * 0.08), head.radius
    kind = d.pick({"fire": ("flames",), "grass": ("petals", "leaves")}.get(
        d.type, ("petals", "fluff", "spikes", "petals")))
    paint = {"leaves": "leaf", "flames": "fire"}.get(kind, d.pick(("accent", "detail", "belly")))
    if kind == "fluff":
        d.part(paint, scallops(*at, r * 1.42, r * 1.36, d.count(8, 11), 0.2))
    else:
        n = d.count(10, 14)
        width = 2 * np.pi * r * 1.25 / n
        for k in range(n):
            a = -90 + 360 * (k + 0.5) / n
            root, tip = polar(at, r * 0.7, a), polar(at, r * (1.62 if k % 2 else 1.5), a)
            tone = paint if k % 2 or kind != "petals" else "accent" if paint != "accent" else "detail"
            d.part(tone, spike(root, tip, width * 1.5, 0.05) if kind == "spikes" else
                   leaf(root, tip, width * 1.2, 0.12 if kind == "flames" else 0.0, belly=0.55))
    frame.before += d.parts


def _collar(frame: Frame, d: Draft) -> None:
    head = frame.head
    assert head is not None
    r = head.radius
    x, y = frame.middle
    towards = float(np.degrees(np.arctan2(y - head.y, x - head.x)))
    at = polar((head.x, head.y), r * 0.86, towards)
    tilt = towards - 90
    kind = d.pick(("ruff", "ruff", "scarf", "leaves", "bell"))
    paint = d.pick(("accent", "belly", "detail", "red"))
    if kind == "ruff":
        ruff = scallops(*at, r * 0.85, r * 0.42, d.count(8, 10), 0.22)
        d.part(paint if paint != "red" else "belly", turn(ruff, tilt, at))
    elif kind == "leaves":
        for a in (-64, 64, -34, 34, 0):
            d.part("leaf" if d.type in ("grass", "bug") else "accent",
                   leaf(polar(at, r * 0.1, towards), polar(at, r * 0.85, towards + a), r * 0.42))
    else:
        d.part(paint if paint != "belly" else "red", turn(ellipse(*at, r * 0.7, r * 0.3), tilt, at))
        if kind == "bell":
            d.part("gold", ellipse(*polar(at, r * 0.34, towards), r * 0.2, r * 0.2), line=0.8)
    frame.before += d.parts


def _top(frame: Frame, d: Draft) -> None:
    if frame.head:
        (x, y), r = (frame.head.x, frame.head.y), frame.head.radius
    else:
        r = frame.unit * 0.34
        x, y = frame.rim(-90)
        y += r
    kind = d.pick(("crown", "crown", "horns", "horns", "unicorn", "feelers", "sprout", "antlers"))
    paint = d.pick(("bone", "accent", "detail"))
    if kind == "crown":
        crown(d, (x, y - r * 0.72), r * 0.75)
    elif kind == "horns":
        bend, out = d.pick((-0.25, 0.0, 0.2)), d.between(0.3, 0.7)
        for side in (-1, 1):
            foot = (x + side * r * 0.5, y - r * 0.6)
            tip = (foot[0] + side * r * out, foot[1] - r * d.between(0.95, 1.1))
            d.part(paint, spike(foot, tip, r * 0.42, bend * side))
    elif kind == "unicorn":
        d.part("gold" if paint == "detail" else paint,
               spike((x + r * 0.1, y - r * 0.7), (x + r * 0.3, y - r * 2.0), r * 0.4))
    elif kind == "feelers":
        feelers(d, x, y - r * 0.7, r * d.between(0.8, 1.1), d.pick(("ink", "accent")), r * 0.7, r * 0.15)
    elif kind == "sprout":
        foot = (x, y - r * 0.8)
        for side in (-1, 1):
            tip = polar(foot, r * 1.1, -90 + side * d.between(35, 55))
            d.part("leaf", leaf(foot, tip, r * 0.55, -0.12 * side))
    else:
        horn = d.pick(("bone", "wood"))
        for side in (-1, 1):
            foot, knee = (x + side * r * 0.35, y - r * 0.7), (x + side * r * 0.75, y - r * 1.25)
            tip = (knee[0] - side * r * 0.05, knee[1] - r * 0.55)
            d.part(horn, tube([foot, knee, tip], [r * 0.12, r * 0.1, r * 0.07]),
                   tube([knee, (knee[0] + side * r * 0.5, knee[1] - r * 0.3)], [r * 0.09, r * 0.07]))
    frame.before += d.parts


def largest_outline(parts: Sequence[Part | Stroke], near: Head | None) -> Outline:
    """The torso among some parts: their largest outline, small ones near the head before large ones away
    from it."""
    outlines = [o for p in parts if isinstance(p, Part) and p.line > 0 for o in p.outlines]
    if near is None:
        return max(outlines, key=area)

    def weight(outline: Outline) -> float:
        x, y = (outline.min(axis=0) + outline.max(axis=0)) / 2
        return area(outline) / (near.radius + float(np.hypot(x - near.x, y - near.y))) ** 2

    return max(outlines, key=weight)
