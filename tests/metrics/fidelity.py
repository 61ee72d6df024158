"""torch-fidelity's functions of features: they need no torchvision, though its package does."""

from __future__ import annotations

import importlib.util
import sys
from unittest.mock import MagicMock

import pytest

_STANDINS = (
    "torchvision",
    "torchvision.datasets",
    "torchvision.transforms",
    "torchvision.transforms.functional",
)


def fidelity(module: str):
    """A module of torch-fidelity, such as "metric_fid"; skips where it is not installed.

    torchvision fits one PyTorch version alone, and where it does not fit importing it fails; a stand-in then
    takes its place while torch-fidelity is imported.
    """
    if importlib.util.find_spec("torch_fidelity") is None:
        pytest.skip("torch-fidelity is not installed")
    replaced = []
    try:
        import torchvision  # noqa: F401
    except (ImportError, RuntimeError):
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        for name in _STANDINS:
            sys.modules[name] = MagicMock()
            replaced.append(name)
        # Classes are derived from these.
        sys.modules["torchvision.datasets"].configure_mock(
            **{name: type(name, (), {}) for name in ("CIFAR10", "STL10", "CIFAR100")}
        )
    try:
        return importlib.import_module(f"torch_fidelity.{module}")
    finally:
        for name in replaced:
            del sys.modules[name]
