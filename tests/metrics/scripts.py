"""Small TorchScript networks that take their arguments as the standard files do."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F


class Inception(torch.nn.Module):
    """2048 features: averages of 8 × 8 places, mixed; 10 classes."""

    def __init__(self) -> None:
        super().__init__()
        random = torch.Generator().manual_seed(0)
        self.register_buffer("mixing", torch.randn(192, 2048, generator=random) / 14)
        self.register_buffer("classes", torch.randn(2048, 10, generator=random) / 5)

    def forward(
        self, img: torch.Tensor, return_features: bool = False, no_output_bias: bool = False
    ) -> torch.Tensor:
        x = F.adaptive_avg_pool2d(img.to(torch.float32) / 128 - 1, 8).flatten(1) @ self.mixing
        if return_features:
            return x
        logits = x @ self.classes
        if not no_output_bias:
            logits = logits + 5
        return F.softmax(logits, dim=1)


class VGG(torch.nn.Module):
    """4096 features."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer(
            "mixing", torch.randn(192, 4096, generator=torch.Generator().manual_seed(1)) / 14
        )

    def forward(self, img: torch.Tensor, return_features: bool = False) -> torch.Tensor:
        x = img.to(torch.float32)
        return F.adaptive_avg_pool2d(x / 128 - 1, 8).flatten(1) @ self.mixing


class Plain(torch.nn.Module):
    """48 features of uint8 pictures, no arguments besides."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        assert x.dtype == torch.uint8
        return F.adaptive_avg_pool2d(x.to(torch.float32) / 255, 4).flatten(1)


class Flat(torch.nn.Module):
    """Returns one number for all pictures, as no feature network should."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.to(torch.float32).mean()


def save(module: torch.nn.Module, path: Path) -> Path:
    torch.jit.script(module).save(str(path))
    return path
