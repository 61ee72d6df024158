"""Antialiased masks of outlines and lines, each in the smallest box that holds it, and compositing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

_SUPERSAMPLING = 4


@dataclass(frozen=True)
class Box:
    """A rectangle of pixels, its right and bottom edges excluded."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns of this box in an array of the whole picture."""
        return slice(self.top, self.bottom), slice(self.left, self.right)


def bounding_box(outlines: Sequence[np.ndarray], margin: float, size: int) -> Box:
    """The box of all points grown by `margin` pixels and cut at a picture of size × size."""
    points = np.concatenate(outlines)
    low = np.clip(np.floor(points.min(axis=0) - margin), 0, size - 1).astype(int)
    high = np.clip(np.ceil(points.max(axis=0) + margin) + 1, low + 1, size).astype(int)
    return Box(int(low[0]), int(low[1]), int(high[0]), int(high[1]))


def mask(outlines: Sequence[np.ndarray], box: Box, grow: float = 0.0) -> np.ndarray:
    """Coverage, float32 in 0 … 1, of the union of closed outlines, each grown by `grow` pixels with round
    corners."""
    image, draw = _blank(box)
    for outline in outlines:
        points = _to_box(outline, box)
        draw.polygon(points, fill=255)
        if grow > 0:
            _draw_line(draw, [*points, points[0]], 2 * grow * _SUPERSAMPLING)
    return _reduce(image)


def line_mask(lines: Sequence[np.ndarray], width: float, box: Box) -> np.ndarray:
    """Coverage, float32 in 0 … 1, of open lines of the given width in pixels, with round ends."""
    image, draw = _blank(box)
    for points in lines:
        _draw_line(draw, _to_box(points, box), width * _SUPERSAMPLING)
    return _reduce(image)


def swollen_mask(outlines: Sequence[np.ndarray], shifts: Sequence[np.ndarray], box: Box) -> np.ndarray:
    """Coverage, float32 in 0 … 1, of the union of closed outlines [N, 2], each grown outwards by moving its
    points by `shifts` [N, 2] pixels."""
    image, draw = _blank(box)
    for outline, shift in zip(outlines, shifts, strict=True):
        inner, outer = _to_box(outline, box), _to_box(outline + shift, box)
        draw.polygon(inner, fill=255)
        # One quadrilateral per edge: the grown outline as one polygon has holes where it crosses itself.
        for a, b, c, d in zip(inner, inner[1:] + inner[:1], outer[1:] + outer[:1], outer, strict=True):
            draw.polygon((a, b, c, d), fill=255)
    return _reduce(image)


def outward(outline: np.ndarray) -> np.ndarray:
    """The direction out of a closed outline at its points, [N, 2]: of length 1, at corners up to 2, so that
    an outline grown by a multiple of it keeps its corners sharp (mitred joints)."""
    edges = np.roll(outline, -1, axis=0) - outline
    out = np.stack([edges[:, 1], -edges[:, 0]], axis=1) * np.sign(signed_area(outline))
    out /= np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-9)
    both = out + np.roll(out, 1, axis=0)
    return both / np.maximum((both**2).sum(axis=1, keepdims=True) / 2, 0.5)


def signed_area(outline: np.ndarray) -> float:
    """The area of a closed outline in square pixels, positive if it runs clockwise as seen on screen."""
    x, y = outline.T
    return float(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2


def blank_canvas(size: int) -> np.ndarray:
    """A transparent canvas: premultiplied RGBA in planes, float32 [4, size, size]."""
    return np.zeros((4, size, size), dtype=np.float32)


def over(canvas: np.ndarray, box: Box, colour: np.ndarray, alpha: np.ndarray) -> None:
    """Composite onto a canvas, in place; colour [3] or [3, h, w], alpha float32 [h, w], both in 0 … 1."""
    rows, columns = box.slices
    keep = 1 - alpha
    for plane, value in zip(canvas[:, rows, columns], (*colour.astype(np.float32), None), strict=True):
        plane *= keep
        plane += alpha if value is None else value * alpha


def to_image(canvas: np.ndarray) -> Image.Image:
    """A canvas as a straight-alpha 8-bit picture."""
    alpha = canvas[3]
    straight = np.concatenate([canvas[:3] / np.maximum(alpha, 1e-6), alpha[None]])
    pixels = np.rint(np.clip(straight, 0, 1) * 255).astype(np.uint8)
    pixels *= pixels[3] > 0  # one bit pattern for "nothing here"
    return Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0)), "RGBA")


def blur(values: np.ndarray, sigma: float) -> np.ndarray:
    """Nearly Gaussian blur, float32, by two box filters per axis; outside counts as 0."""
    radius = max(1, round(sigma * 1.2))
    for axis in (0, 1, 0, 1):
        across = values if axis == 0 else values.T  # [n, m]
        n, width = len(across), 2 * radius + 1
        sums = np.zeros((n + width, across.shape[1]), np.float32)  # np.pad does the same, slowly
        sums[radius + 1 : radius + 1 + n] = across
        np.cumsum(sums, axis=0, out=sums)
        across = (sums[width:] - sums[:n]) / width
        values = across if axis == 0 else across.T
    return values


def _blank(box: Box) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    image = Image.new("L", ((box.right - box.left) * _SUPERSAMPLING, (box.bottom - box.top) * _SUPERSAMPLING))
    return image, ImageDraw.Draw(image)


def _to_box(points: np.ndarray, box: Box) -> list[tuple[float, float]]:
    return [tuple(p) for p in ((points - (box.left, box.top)) * _SUPERSAMPLING).tolist()]


def _draw_line(draw: ImageDraw.ImageDraw, points: list[tuple[float, float]], width: float) -> None:
    # Discs at every joint: Pillow's own curved joints look the same and take four times as long.
    pixels = max(1, round(width))
    draw.line(points, fill=255, width=pixels)
    r = (pixels - 1) / 2  # Pillow draws both edges of an ellipse's box: 2 r + 1 pixels across
    for x, y in points:
        draw.ellipse((x - r, y - r, x + r, y + r), fill=255)


def _reduce(image: Image.Image) -> np.ndarray:
    return np.asarray(image.reduce(_SUPERSAMPLING), dtype=np.float32) / 255
