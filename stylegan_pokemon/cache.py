"""Where files are kept that can be had again: downloads, forged sprites."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """$STYLEGAN_POKEMON_CACHE, else the platform's per-user cache. It need not exist yet."""
    import platformdirs

    chosen = os.environ.get("STYLEGAN_POKEMON_CACHE")
    if chosen:
        return Path(os.path.expanduser(chosen))
    return Path(platformdirs.user_cache_dir("stylegan_pokemon", appauthor=False))
