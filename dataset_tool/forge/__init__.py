"""A procedural artist: draws creatures of our own, deterministic and free of anybody's rights.

`draw_creature(seed, index, style, size)` draws one, `forge_folder(dest, count, style, seed)` a folder of
them.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataset_tool.forge.folder import contact_sheet, forge_folder
    from dataset_tool.forge.studio import STYLES, Creature, draw_creature

__all__ = ["STYLES", "Creature", "contact_sheet", "draw_creature", "forge_folder"]

_HOMES = {"contact_sheet": "folder", "forge_folder": "folder"}


def __getattr__(name: str) -> Any:
    # Imported at first use: `--help` of the forge command passes through here and needs no NumPy.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES.get(name, 'studio')}"), name)
