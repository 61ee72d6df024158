"""Outlines: every body part is a closed polygon, sampled densely enough to pass for a curve.

The y axis points down, as in pictures. Units are free; the studio scales the finished creature into its
frame.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

Point = tuple[float, float]
Outline = np.ndarray  # [N, 2] float64, closed implicitly: the last point joins the first

_STEPS = 8  # samples between two control points of a spline


def ellipse(cx: float, cy: float, rx: float, ry: float, angle: float = 0.0, power: float = 2.0) -> Outline:
    """A (super)ellipse: `power` 2 is round, larger is boxier; `angle` turns it clockwise, in degrees."""
    t = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    cos, sin = np.cos(t), np.sin(t)
    x = rx * np.sign(cos) * np.abs(cos) ** (2 / power)
    y = ry * np.sign(sin) * np.abs(sin) ** (2 / power)
    return move(turn(np.stack([x, y], axis=1), angle), cx, cy)


def egg(cx: float, cy: float, rx: float, ry: float, bottom: float = 0.2, angle: float = 0.0) -> Outline:
    """An egg; `bottom` > 0 makes the lower half wider than the upper one, < 0 the other way round."""
    t = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    x = rx * np.cos(t) * (1 + bottom * np.sin(t))
    return move(turn(np.stack([x, ry * np.sin(t)], axis=1), angle), cx, cy)


def spline(points: Sequence[Point] | np.ndarray, steps: int = _STEPS) -> np.ndarray:
    """An open Catmull-Rom curve through the points (Catmull & Rom 1974), [(N-1)*steps+1, 2]."""
    p = np.asarray(points, dtype=np.float64)
    if len(p) < 3:
        return p
    p = np.concatenate([2 * p[:1] - p[1:2], p, 2 * p[-1:] - p[-2:-1]])
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    pieces = [_catmull_rom(p[i : i + 4], t) for i in range(len(p) - 3)]
    return np.concatenate([*pieces, p[-2:-1]])


def blob(points: Sequence[Point] | np.ndarray, corners: Collection[int] = ()) -> Outline:
    """A closed smooth curve through the points; those whose index is in `corners` stay sharp."""
    p = np.asarray(points, dtype=np.float64)
    if not corners:
        t = np.linspace(0, 1, _STEPS, endpoint=False)[:, None]
        ring = np.concatenate([p[-1:], p, p[:2]])
        return np.concatenate([_catmull_rom(ring[i : i + 4], t) for i in range(len(p))])
    cuts = sorted(c % len(p) for c in corners)
    pieces = []
    for start, stop in zip(cuts, [*cuts[1:], cuts[0] + len(p)], strict=True):
        indices = [i % len(p) for i in range(start, stop + 1)]
        pieces.append(spline(p[indices])[:-1])
    return np.concatenate(pieces)


def tube(points: Sequence[Point] | np.ndarray, radii: Sequence[float]) -> Outline:
    """A limb, neck or tail: a curve through the points, `radii` thick along its way, with round ends."""
    line = spline(points)
    along = np.linspace(0, 1, len(line))
    radius = np.interp(along, np.linspace(0, 1, len(radii)), radii)[:, None]
    tangent = np.gradient(line, axis=0)
    tangent /= np.maximum(np.linalg.norm(tangent, axis=1, keepdims=True), 1e-9)
    normal = np.stack([-tangent[:, 1], tangent[:, 0]], axis=1)
    t = np.linspace(-np.pi / 2, np.pi / 2, 9)[1:-1, None]
    start = line[0] + radius[0] * (np.sin(t) * normal[0] - np.cos(t) * tangent[0])
    end = line[-1] + radius[-1] * (np.cos(t) * tangent[-1] - np.sin(t) * normal[-1])
    left, right = line + radius * normal, line - radius * normal
    return np.concatenate([left, end, right[::-1], start])


def leaf(base: Point, tip: Point, width: float, bend: float = 0.0, belly: float = 0.45) -> Outline:
    """A pointed shape from base to tip: leaf, ear, feather, fang, petal.

    `width` is its full width, `belly` where along the axis it is widest (0 base … 1 tip), `bend` how far the
    axis swings sideways, as a share of the length.
    """
    a, b = np.asarray(base, float), np.asarray(tip, float)
    axis = b - a
    side = np.array([-axis[1], axis[0]])
    half = width / max(float(np.hypot(*axis)), 1e-9) / 2
    t = np.linspace(0, 1, 16)
    across = half * np.sin(np.pi * t ** (np.log(0.5) / np.log(belly))) ** 0.8  # widest where t == belly
    centre = bend * np.sin(np.pi * t)
    along = np.concatenate([t, t[-2:0:-1]])[:, None]
    offset = np.concatenate([centre + across, (centre - across)[-2:0:-1]])[:, None]
    return a + along * axis + offset * side


def spike(base: Point, tip: Point, width: float, bend: float = 0.0) -> Outline:
    """A horn, claw or thorn: broad at the base, sharp at the tip, bent sideways by a share of its length."""
    a, b = np.asarray(base, float), np.asarray(tip, float)
    axis = b - a
    side = np.array([-axis[1], axis[0]])
    half = width / max(float(np.hypot(*axis)), 1e-9) / 2
    t = np.linspace(0, 1, 9)
    centre = bend * np.sin(np.pi * t * 0.5) * t
    left = np.stack([t, centre + half * (1 - t)], axis=1)
    right = np.stack([t, centre - half * (1 - t)], axis=1)
    local = np.concatenate([left, right[-2::-1]])
    return a + local[:, :1] * axis + local[:, 1:] * side


def star(cx: float, cy: float, outer: float, inner: float, points: int = 5, angle: float = -90.0,
         soft: bool = False) -> Outline:  # fmt: skip
    """A star with the given number of points, first one at `angle`; `soft` rounds its corners."""
    t = np.deg2rad(angle) + np.arange(2 * points) * np.pi / points
    radius = np.where(np.arange(2 * points) % 2 == 0, outer, inner)
    ring = np.stack([cx + radius * np.cos(t), cy + radius * np.sin(t)], axis=1)
    return blob(ring) if soft else ring


def polygon(*points: Point) -> Outline:
    """Straight edges between the given points."""
    return np.asarray(points, dtype=np.float64)


def scallops(cx: float, cy: float, rx: float, ry: float, count: int, depth: float = 0.18,
             phase: float = 0.0) -> Outline:  # fmt: skip
    """A fluffy, cloud-like ring of `count` bumps around an ellipse; `depth` is the bumps' share of the
    radius."""
    t = np.linspace(0, 2 * np.pi, 14 * count, endpoint=False)
    bump = np.abs(np.sin((t + phase) * count / 2))
    r = 1 - depth + depth * bump**0.7 * 1.6
    return np.stack([cx + rx * r * np.cos(t), cy + ry * r * np.sin(t)], axis=1)


def flame(cx: float, base: float, width: float, height: float, lean: float = 0.0) -> Outline:
    """A three-tongued flame standing on `base`; `lean` moves its tips sideways."""
    w, h = width / 2, height
    points = [(0, 0), (-w, -0.28 * h), (-0.92 * w + lean * 0.4, -0.66 * h), (-0.42 * w + lean * 0.2, -0.46 *
    h),
              (0.1 * w + lean, -h), (0.42 * w + lean * 0.2, -0.5 * h), (0.86 * w + lean * 0.5, -0.74 * h),
              (w, -0.26 * h)]  # fmt: skip
    return move(blob(points, corners=(2, 4, 6)), cx, base)


def heart(cx: float, cy: float, size: float) -> Outline:
    """A heart of about `size` across, its point down."""
    points = [(0, 0.5), (-0.45, 0.08), (-0.5, -0.26), (-0.26, -0.46), (0, -0.24), (0.26, -0.46), (0.5, -0.26),
              (0.45, 0.08)]  # fmt: skip
    return move(blob(np.array(points) * size, corners=(0, 4)), cx, cy)


def bolt(base: Point, tip: Point, width: float) -> Outline:
    """A lightning bolt that zigzags from base to tip and widens on its way."""
    a, b = np.asarray(base, float), np.asarray(tip, float)
    axis = b - a
    side = np.array([-axis[1], axis[0]]) / max(float(np.hypot(*axis)), 1e-9) * width
    local = np.array([(0, -0.12), (0.34, 0.42), (0.42, 0.1), (0.70, 0.62), (0.76, 0.26), (1.0, 0.75), (0.98,
    -0.55),
                      (0.62, -0.28), (0.58, -0.02), (0.28, -0.30), (0.24, -0.02), (0, -0.30)])  # fmt: skip
    return a + local[:, :1] * axis + local[:, 1:] * side


def turn(points: np.ndarray, angle: float, about: Point = (0.0, 0.0)) -> np.ndarray:
    """The points turned clockwise (as seen on screen) by `angle` degrees around `about`."""
    a = np.deg2rad(angle)
    matrix = np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]])
    return (np.asarray(points, float) - about) @ matrix + about


def move(points: np.ndarray, dx: float, dy: float) -> np.ndarray:
    """The points shifted by (dx, dy)."""
    return np.asarray(points, float) + np.array([dx, dy])


def mirror(points: np.ndarray, axis: float = 0.0) -> np.ndarray:
    """The points reflected at the vertical line x = axis."""
    return np.asarray(points, float) * np.array([-1.0, 1.0]) + np.array([2.0 * axis, 0.0])


def polar(centre: Point, radius: float, angle: float) -> Point:
    """The point at `radius` from the centre; angle 0 is right, -90 is up, in degrees."""
    a = np.deg2rad(angle)
    return centre[0] + radius * float(np.cos(a)), centre[1] + radius * float(np.sin(a))


def _catmull_rom(p: np.ndarray, t: np.ndarray) -> np.ndarray:
    """The segment between p[1] and p[2] of the uniform Catmull-Rom spline, at parameters t in [0, 1]."""
    return 0.5 * (2 * p[1] + (p[2] - p[0]) * t + (2 * p[0] - 5 * p[1] + 4 * p[2] - p[3]) * t**2
                  + (3 * p[1] - p[0] - 3 * p[2] + p[3]) * t**3)  # fmt: skip
