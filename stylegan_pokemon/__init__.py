"""Fine-tune StyleGAN2-ADA on a folder of sprites.

`import stylegan_pokemon as sp` offers convert, finetune, load, generate and measure (see `api`). The import
itself takes milliseconds: torch and NumPy are imported when a function needs them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stylegan_pokemon._version import __version__

if TYPE_CHECKING:
    from stylegan_pokemon.api import convert, finetune, generate, load, measure
    from stylegan_pokemon.errors import Interrupted, UserError

__all__ = [
    "Interrupted",
    "UserError",
    "__version__",
    "convert",
    "finetune",
    "generate",
    "load",
    "measure",
]


def __getattr__(name: str) -> Any:
    if name in ("convert", "finetune", "generate", "load", "measure"):
        from stylegan_pokemon import api

        return getattr(api, name)
    if name in ("Interrupted", "UserError"):
        from stylegan_pokemon import errors

        return getattr(errors, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
