"""The teacher: from clean choices to w. The mapping network learns it, and it is not needed afterwards."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from benchmarks.teaching.choices import plans
from benchmarks.teaching.codes import FLIP, Codes
from dataset_tool.forge.palettes import TYPES

Features = dict[str, torch.Tensor]

_HIDDEN = 512
_COLOUR_MEAN, _COLOUR_SPREAD = 0.55, 0.27
_STEPS = 8  # parts of a number behind a face: many of them choose one of a few kinds of eyes or mouths


class Teacher(nn.Module):
    """w [N, w_dim] of creatures: a vector for the body plan and for the head, numbers with weights of their
    plan, all else with the same weights for all, and a small network over the sum."""

    def __init__(self, codes: Codes, w_dim: int) -> None:
        super().__init__()
        count, self.w_dim = len(plans()), w_dim
        self.body, self.head = nn.Embedding(count, w_dim), nn.Embedding(count + 1, w_dim)
        columns = {room: codes.numbers(room).shape[1] for room in ("face", "body", "head", "build")}
        self.of_body = nn.Embedding(count, columns["body"] * w_dim)
        self.of_head = nn.Embedding(count + 1, columns["head"] * w_dim)
        known = len(TYPES) + 15 + 1 + (1 + _STEPS) * columns["face"] + columns["build"]
        self.common = nn.Linear(known, w_dim)
        self.inner, self.outer = nn.Linear(w_dim, _HIDDEN), nn.Linear(_HIDDEN, w_dim)
        for layer, spread in ((self.body, 0.7), (self.head, 0.5), (self.of_body, 0.02), (self.of_head, 0.02),
                              (self.common, 0.12)):  # fmt: skip
            nn.init.normal_(layer.weight, std=spread)

    def forward(self, features: Features) -> torch.Tensor:
        """`features`: rows of `features_of`."""
        plan, head = features["plan"], features["head"]
        known = torch.cat([2 * F.one_hot(features["type"], len(TYPES)), features["common"]], dim=1)
        w = self.body(plan) + self.head(head) + self.common(known)
        for table, choice, numbers in ((self.of_body, plan, "body"), (self.of_head, head, "of_head")):
            weights = table(choice).view(len(w), -1, self.w_dim)
            w = w + torch.einsum("nk,nkw->nw", features[numbers], weights)
        return w + self.outer(F.leaky_relu(self.inner(w), 0.2))


def features_of(codes: Codes) -> Features:
    """What the teacher is told of N creatures; each tensor has N rows."""
    arrays = codes.arrays
    flip = np.where(codes.low[:, FLIP] > 0, 3, -3)[:, None]
    colours = (arrays["colours"] - _COLOUR_MEAN) / _COLOUR_SPREAD
    face = codes.numbers("face")
    common = np.concatenate([colours, flip, face, _steps(face), codes.numbers("build")], axis=1)
    return {
        "plan": torch.from_numpy(arrays["plan"]),
        "head": torch.from_numpy(arrays["head"]),
        "type": torch.from_numpy(arrays["type"]),
        "common": torch.from_numpy(common.astype(np.float32)),
        "body": torch.from_numpy(codes.numbers("body")),
        "of_head": torch.from_numpy(codes.numbers("head")),
    }


def _steps(numbers: np.ndarray) -> np.ndarray:
    """Which part of the unit interval numbers [N, K] come from, [N, K · `_STEPS`]; zeros for no number."""
    part = np.floor((numbers / np.sqrt(12) + 0.5) * _STEPS).clip(0, _STEPS - 1)
    chosen = (part[:, :, None] == np.arange(_STEPS)) & (numbers != 0)[:, :, None]
    return chosen.reshape(len(numbers), -1)
