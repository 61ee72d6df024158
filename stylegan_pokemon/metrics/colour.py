"""Colourfulness: with small sets, colours often fade during training."""

from __future__ import annotations

import numpy as np

_AT_ONCE = 256  # pictures


def colourfulness(images: np.ndarray) -> float:
    """Mean colourfulness M of pictures (D. Hasler and S. Süsstrunk 2003, "M³" of table 2).

    images: uint8 [N, H, W, 3]. With rg = R − G and yb = (R + G) / 2 − B over a picture's pixels, M is the
    length of their standard deviations plus 0.3 times that of their means: 0 for greys, 33 "moderately", 59
    "quite", 109 "extremely" colourful photographs. A white background counts as grey, in every set alike.
    """
    values = []
    for start in range(0, len(images), _AT_ONCE):
        red, green, blue = np.moveaxis(images[start : start + _AT_ONCE].astype(np.float32), -1, 0)
        opponents = (red - green, (red + green) / 2 - blue)
        spread = np.hypot(*(o.std(axis=(1, 2), dtype=np.float64) for o in opponents))
        values.append(spread + 0.3 * np.hypot(*(o.mean(axis=(1, 2), dtype=np.float64) for o in opponents)))
    return float(np.concatenate(values).mean())
