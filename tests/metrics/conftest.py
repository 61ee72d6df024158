"""Small generators of the tests of rendering, and one thread for small arithmetic."""

from __future__ import annotations

from tests.render.conftest import conditional, generator, one_thread

__all__ = ["conditional", "generator", "one_thread"]
