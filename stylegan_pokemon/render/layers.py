"""The layers that a style acts on, as people write them: coarse, middle, fine, all, 0-6. Without torch.

Row i of ws drives one convolution (the last row the last ToRGB): row 0 the one at 4×4, rows 1 and 2 those at
8×8, and so on. Coarse layers decide pose and build, middle ones parts, fine ones colours and texture
(StyleGAN, section 3.1).
"""

from __future__ import annotations

import re

from stylegan_pokemon.errors import UserError

GROUPS = {"coarse": (0, 3), "middle": (3, 7), "fine": (7, 1_000_000)}
"""First row of each group, and the first after it: up to 8×8, 16×16 and 32×32, larger."""


def parse_layers(text: str, option: str = "--layers") -> str:
    """Check how layers are written and return them. Raises UserError, which names `option`."""
    if text not in (*GROUPS, "all") and not re.fullmatch(r"\d{1,3}(-\d{1,3})?", text, re.ASCII):
        raise UserError(f"{option}: “{text}” names no layers; choose coarse, middle, fine, all, or write 0-6")
    return text


def rows_of(layers: str, num_ws: int) -> range:
    """The rows of ws [N, num_ws, w_dim] that `layers` means. Raises UserError where the network has none."""
    if layers == "all":
        return range(num_ws)
    if layers in GROUPS:
        first, end = GROUPS[layers]
        end = min(end, num_ws)
    else:
        first, last = map(int, layers.split("-") if "-" in layers else (layers, layers))
        end = last + 1
    if not first < end <= num_ws:
        raise UserError(f"layers {layers}: this network has the layers 0-{num_ws - 1}; choose some of these")
    return range(first, end)


def groups_of(num_ws: int) -> dict[str, range]:
    """The groups that a network has, with their rows."""
    return {name: rows_of(name, num_ws) for name, (first, _) in GROUPS.items() if first < num_ws}


def describe_layers(layers: str, num_ws: int) -> str:
    """Layers in words for sheets, such as "middle layers (3-6)"."""
    rows = rows_of(layers, num_ws)
    numbers = f"{rows[0]}-{rows[-1]}" if len(rows) > 1 else str(rows[0])
    return f"{layers} layers ({numbers})" if layers in (*GROUPS, "all") else f"layers {numbers}"
