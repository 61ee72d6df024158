"""The settings of a run as a table: what each means, in the order in which people ask."""

from __future__ import annotations

import json
from typing import Any

from stylegan_pokemon.report.words import bytes_of, number

_MEANINGS = {
    "data": "the training pictures",
    "images": "how many of them",
    "img_resolution": "pixels a side",
    "img_channels": "colour channels",
    "classes": "kinds of pictures that it is told apart",
    "holdout": "share kept out of training, to test with",
    "start": "the file the weights come from; empty: none",
    "kimg": "length: thousands of pictures shown",
    "tick_kimg": "thousands of pictures between two ticks",
    "snap": "ticks between two snapshots",
    "keep": "one snapshot in so many stays",
    "patience": "ticks without improvement before it stops; 0: never",
    "metrics": "what is measured at snapshots",
    "metrics_num": "pictures drawn for measuring",
    "metrics_features": "network whose features are compared",
    "cfg": "preset that chose what follows",
    "arch": "stylegan2, or a system of an earlier project",
    "batch": "pictures for one step of the optimisers",
    "batch_gpu": "of them at once on the device",
    "lr": "learning rate",
    "r1_gamma": "weight of the gradient penalty (--gamma)",
    "pl_weight": "weight of the path-length penalty",
    "style_mixing": "share of pictures made from two latents",
    "ema_kimg": "half-life of the averaged generator",
    "mirror": "every picture is shown mirrored too",
    "subset": "pictures drawn from a larger set",
    "aug": "augmentation: ada adapts p, fixed keeps it, noaug has none",
    "p": "augmentation probability at the start",
    "ada_target": "r_t that ada steers towards",
    "ada_kimg": "thousands of pictures in which p can rise from 0 to 1",
    "balance": "every class is shown as often as any other",
    "class_sizes": "pictures of each class",
    "class_loss": "weight of the discriminator's loss as a classifier of real pictures",
    "uncond_loss": "weight of the losses that ask whether a picture is real whatever its class",
    "haze_loss": "weight of the loss that keeps the background clean",
    "background": "background colour of the set, 0 to 255 by channel",
    "augpipe": "which augmentations",
    "freeze_d": "layers of the discriminator that stay as they are",
    "seed": "all randomness derives from it",
    "device": "where it trains",
    "precision": "of numbers in the networks",
    "recompute": "blocks from this resolution up compute twice to save memory; 0: none",
}

# What the systems of earlier projects do not have; their runs note a value all the same.
_OF_STYLEGAN2 = {
    "cfg", "batch_gpu", "r1_gamma", "pl_weight", "style_mixing", "ema_kimg", "ema_rampup", "ema_floor_kimg",
    "aug", "p", "ada_target", "ada_kimg", "augpipe", "freeze_d", "recompute", "memory", "class_loss",
    "uncond_loss", "haze_loss", "background",
}  # fmt: skip


def rows(config: dict[str, Any]) -> list[tuple[str, str, str]]:
    """(name, value, meaning) of every setting, tables inside it flattened to a.b; all plain text."""
    flat = _flat(config)
    if str(config.get("arch") or "stylegan2") != "stylegan2":
        flat = {name: value for name, value in flat.items() if name not in _OF_STYLEGAN2}
    known = [name for name in _MEANINGS if name in flat]
    others = [name for name in flat if name not in _MEANINGS]
    return [(name, _shown(name, flat[name]), _MEANINGS.get(name, "")) for name in known + others]


def differences(configs: list[dict[str, Any]]) -> list[tuple[str, list[str], str]]:
    """(name, value in every run, meaning) of the settings in which runs differ."""
    shown = [{name: value for name, value, _ in rows(config)} for config in configs]
    names = list(dict.fromkeys(name for row in shown for name in row))
    ordered = [n for n in _MEANINGS if n in names] + [n for n in names if n not in _MEANINGS]
    table = [(name, [row.get(name, "–") for row in shown], _MEANINGS.get(name, "")) for name in ordered]
    return [row for row in table if len(set(row[1])) > 1]


def _flat(table: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name, value in table.items():
        if isinstance(value, dict) and prefix.count(".") < 3:
            result |= _flat(value, f"{prefix}{name}.")
        else:
            result[f"{prefix}{name}"] = value
    return result


def _shown(name: str, value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name.endswith("bytes") and (size := number(value)) is not None and size > 2**20:
        return bytes_of(size)
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
