"""Eyes, mouths and cheeks: what makes a shape someone."""

from __future__ import annotations

import numpy as np

from dataset_tool.forge.draft import Draft, keeps_shape
from dataset_tool.forge.shapes import blob, ellipse, polygon, spline

# Coordinates read like a drawing, several to a line.
# fmt: off
_FIERCE_TYPES = ("dragon", "dark", "fighting", "fire", "poison", "rock")
_MOODS = ("happy", "calm", "fierce", "sleepy", "surprised", "joyful", "cheeky")


def mood(d: Draft) -> str:
    """An expression that suits the creature's type, one of seven."""
    weights = np.array([3.0, 2.4, 0.9, 0.55, 0.9, 0.8, 1.6])
    if d.type in _FIERCE_TYPES:
        weights[2] = 4.0
    if d.type in ("ghost", "psychic"):
        weights[[3, 6]] = 1.6
    return _MOODS[int(d.rng.choice(len(_MOODS), p=weights / weights.sum()))]


def face(d: Draft, x: float, y: float, spread: float, eye: float, turned: float = 0.0, feeling: str = "",
         mouth: bool = True, blush: float = 0.45, drop: float = 1.05, eye_paint: str = "") -> None:
    """Two eyes around (x, y), a mouth below, perhaps blushing cheeks.

    `spread` is half the distance between the eyes, `eye` their radius. `turned` 0 looks at us, 1 well to the
    right: the far eye comes closer and gets narrower. `drop` places the mouth, in multiples of `eye` + half
    the spread. `eye_paint` gives glowing eyes without a pupil in that colour.
    """
    feeling = feeling or mood(d)
    near, far = x - spread * (1 - 0.10 * turned), x + spread * (1 - 0.42 * turned)
    cheeks = d.chance(blush)
    if cheeks:
        cheek_y, cheek = y + eye * 1.25, eye * 0.55
        for cx, width in ((near - eye * 0.75, 1.0), (far + eye * 0.75 * (1 - 0.6 * turned),
                                                     1 - 0.5 * turned),):
            d.part("blush", ellipse(cx, cheek_y, cheek * width * 1.15, cheek * 0.72), line=0, relief=0)
    kind = d.pick(("bead", "bead", "iris"))
    for ex, inner, narrow in ((near, 1, 1 - 0.08 * turned), (far, -1, 1 - 0.3 * turned)):
        one_eye(d, ex, y, eye, feeling, kind, inner, narrow, turned, eye_paint)
    if mouth:
        drop_y = y + drop * (eye + 0.32 * spread)
        draw_mouth(d, (near + far) / 2 + turned * spread * 0.12, drop_y, min(spread * 0.62, eye * 1.5),
                   feeling)


@keeps_shape
def one_eye(d: Draft, x: float, y: float, r: float, feeling: str, kind: str = "bead", inner: int = 1,
            narrow: float = 1.0, turned: float = 0.4, eye_paint: str = "") -> None:
    """One eye of radius r. `inner` says on which side the nose is (+1: to the right), `narrow` squeezes its
    width."""
    w = r * 0.84 * narrow
    if feeling == "joyful" and not eye_paint:
        d.stroke([(x - w, y + r * 0.35), (x - w * 0.5, y - r * 0.35), (x, y - r * 0.52),
                  (x + w * 0.5, y - r * 0.35), (x + w, y + r * 0.35)], width=1.35)
        return
    lid, tilt = {"fierce": (-0.42, 0.42), "sleepy": (-0.08, 0.0), "cheeky": (-0.55, -0.1)}.get(feeling,
                                                                                               (-2.0, 0.0))

    def under_lid(outline: np.ndarray) -> np.ndarray:
        cut = outline.copy()
        cut[:, 1] = np.maximum(cut[:, 1], y + r * lid + tilt * inner * (cut[:, 0] - x))
        return cut

    shift = r * 0.14 * (1 if turned > 0 else 0)
    if eye_paint:
        d.part(eye_paint, under_lid(ellipse(x, y, w, r)), line=0.7, relief=0, solid=True)
        return
    if kind == "iris":
        small = 0.8 if feeling == "surprised" else 1.0
        d.part("white", under_lid(ellipse(x, y, w * 1.08, r * 1.06)), line=0.75, relief=0, solid=True)
        d.part("iris", under_lid(ellipse(x + shift, y + r * 0.06, w * 0.74 * small, r * 0.84 * small)),
               line=0, relief=0, solid=True)
        d.part("ink", under_lid(ellipse(x + shift, y + r * 0.08, w * 0.46 * small, r * 0.56 * small)),
               line=0, relief=0, solid=True)
    else:
        d.part("ink", under_lid(ellipse(x, y, w, r)), line=0.25, relief=0, solid=True)
        d.part("iris", under_lid(ellipse(x, y + r * 0.52, w * 0.56, r * 0.28)), line=0, relief=0, solid=True)
    top = max(lid, -1.0)
    d.part("white", ellipse(x - w * 0.28 + shift, y + r * max(-0.38, top + 0.34), w * 0.36, r * 0.33),
           line=0, relief=0, solid=True)
    if lid > -2:
        edge = np.array([(x - w * 1.15, 0.0), (x + w * 1.15, 0.0)])
        edge[:, 1] = y + r * lid + tilt * inner * (edge[:, 0] - x)
        d.stroke(edge, width=1.25, smooth=False)


@keeps_shape
def draw_mouth(d: Draft, x: float, y: float, w: float, feeling: str) -> None:
    """A mouth of half width w whose middle is near (x, y)."""
    shape = {
        "happy": d.pick(("smile", "open", "cat")), "calm": d.pick(("smile", "cat", "flat")),
        "fierce": d.pick(("fang", "grin", "frown")), "sleepy": d.pick(("flat", "oh")), "surprised": "oh",
        "joyful": "open", "cheeky": d.pick(("fang", "tongue", "smile")),
    }[feeling]
    arc = [(x - w, y - w * 0.12), (x - w * 0.5, y + w * 0.28), (x, y + w * 0.4), (x + w * 0.5, y + w * 0.28),
           (x + w, y - w * 0.12)]
    if shape in ("smile", "fang", "tongue"):
        if shape == "tongue":
            d.part("tongue", ellipse(x + w * 0.4, y + w * 0.52, w * 0.3, w * 0.42), line=0.7, relief=0,
                   solid=True,)
        d.stroke(arc, width=0.9)
        if shape == "fang":
            for side in (-1, 1):
                fx = x + side * w * 0.5
                d.part("white", polygon((fx - w * 0.2, y + w * 0.2), (fx + w * 0.2, y + w * 0.22),
                                        (fx, y + w * 0.72)), line=0.6, relief=0, solid=True)
    elif shape == "open":
        lip = spline([(x - w, y - w * 0.15), (x, y + w * 0.08), (x + w, y - w * 0.15)])
        jaw = spline([(x + w, y - w * 0.15), (x + w * 0.62, y + w * 0.72), (x, y + w * 0.98),
                      (x - w * 0.62, y + w * 0.72), (x - w, y - w * 0.15)])
        d.part("mouth", np.concatenate([lip, jaw]), line=0.75, relief=0, solid=True)
        d.part("tongue", ellipse(x, y + w * 0.68, w * 0.46, w * 0.24), line=0, relief=0, solid=True)
    elif shape == "cat":
        d.stroke([(x - w, y), (x - w * 0.55, y + w * 0.36), (x, y), (x + w * 0.55, y + w * 0.36),
                  (x + w, y)], width=0.9)
    elif shape == "oh":
        d.part("mouth", ellipse(x, y + w * 0.3, w * 0.36, w * 0.46), line=0.7, relief=0, solid=True)
    elif shape == "grin":
        d.part("white", blob([(x - w * 1.1, y - w * 0.1), (x, y + w * 0.14), (x + w * 1.1, y - w * 0.1),
                              (x + w * 0.66, y + w * 0.6), (x - w * 0.66, y + w * 0.6)], corners=(0, 2)),
               line=0.75, relief=0, solid=True)
        d.stroke([(x - w * 0.85, y + w * 0.26), (x + w * 0.85, y + w * 0.26)], width=0.5, smooth=False)
        for k in (-0.35, 0.0, 0.35):
            d.stroke([(x + k * w, y + w * 0.04), (x + k * w, y + w * 0.62)], width=0.5, smooth=False)
    else:
        bend = -0.3 if shape == "frown" else 0.05
        d.stroke([(x - w * 0.8, y + w * (0.2 - bend)), (x, y + w * 0.2),
                  (x + w * 0.8, y + w * (0.2 - bend))], width=0.9)


@keeps_shape
def nose(d: Draft, x: float, y: float, w: float, paint: str = "ink") -> None:
    """A small rounded-triangle nose of half width w."""
    d.part(paint, blob([(x - w, y - w * 0.5), (x, y - w * 0.7), (x + w, y - w * 0.5), (x, y + w * 0.7)]),
           line=0.3, relief=0, solid=True)
