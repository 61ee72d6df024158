"""Run directories made up for tests: records, grids and everything else that a report reads."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
from PIL import Image

CONFIG = {
    "data": "/data/forged-sprites-32.zip", "data_sha256": "0" * 64, "images": 600, "img_resolution": 32,
    "img_channels": 3, "classes": [], "start": "/net/crayon32.safetensors", "kimg": 28.0, "tick_kimg": 1.0,
    "snap": 1, "cfg": "sprites", "batch": 8, "aug": "ada", "p": 0.0, "ada_target": 0.6, "seed": 0,
    "device": "cpu",
    "generator": {"z_dim": 128, "channels": [64, 64]}, "r1_gamma": 10.0, "mirror": False,
}  # fmt: skip


def record(tick, kimg=None, **more):
    """A tick of a healthy run. `more` replaces entries; those that are None are left out."""
    values = {
        "tick": tick,
        "kimg": float(tick if kimg is None else kimg),
        "p": 0.0,
        "r_t": 0.45,
        "loss/G": 0.8 + 0.03 * math.sin(tick),
        "loss/D_fake": 0.62 + 0.02 * math.cos(tick),
        "loss/D_real": 0.64,
        "scores/fake": -0.3,
        "scores/real": 0.4,
        "signs/real": 0.45,
        "signs/fake": -0.4,
        "r1/penalty": 0.02,
        "grad_norm/Gmain": 1.2,
        "grad_norm/Dmain": 0.7,
        "seconds": 30.0 * tick,
        "sec_per_kimg": 30.0,
        "sec_of_phases": {"data": 0.1, "Gmain": 12.0, "Dmain": 15.0},
        "sec_of_tick_work": 0.3,
        "peak_memory_bytes": 450 * 2**20,
    } | {name.replace("__", "/"): value for name, value in more.items()}
    return {name: value for name, value in values.items() if value is not None}


def measured(kid, error=0.001, **more):
    """The "metrics" of a record."""
    return {
        "samples": 600,
        "reals": 600,
        "truncation_psi": 1.0,
        "seed": 0,
        "seconds": 9.0,
        "features": {"efficientnet_lite1": {"file": "x", "sha256": "0" * 64, "dimensions": 1280}},
        "values": {
            "fd_efficientnet_lite1": {
                "value": 900 * kid + 12,
                "interval": [900 * kid + 10, 900 * kid + 14],
                "floor": 12.0,
            },
            "kid_efficientnet_lite1": {
                "value": kid,
                "error": error,
                "interval": [kid - 2 * error, kid + 2 * error],
                "floor": 0.0001,
            },
            "precision_efficientnet_lite1": {"value": 0.6},
            "recall_efficientnet_lite1": {"value": 0.4},
            "f1_efficientnet_lite1": {"value": 0.48},
        },
        "memorisation": {
            "near_copies": 0.01,
            "near_copies_reals": 0.004,
            "median": 3.1,
            "median_reals": 3.0,
            "p_value": 0.4,
            "alarm": False,
            "verdict": "No sign of copying.",
        },
        "diversity": {
            "pairwise": 9.0,
            "pairwise_reals": 10.0,
            "ratio": 0.9,
            "alarm": False,
            "verdict": "As varied as it should be.",
        },
    } | more


def sprite(whole=0.97, haze=0.01, error=0.01):
    """The "sprite" of such metrics: shares of whole pictures and of hazy background; real ones 97 and 1 %."""

    def figure(value, reals, error):
        return {
            "value": value, "error": error, "interval": [value - 2 * error, value + 2 * error],
            "reals": reals, "error_reals": 0.0, "distance": (value - reals) / error,
        }  # fmt: skip

    others = ("pieces", "holes", "speckle", "sharpness", "saturation", "palette")
    return {
        "background": "#ffffff",
        "figures": {
            "whole": figure(whole, 0.97, error),
            "haze": figure(100 * haze, 1.0, 100 * error),
            **{name: figure(1.1, 1.0, 0.05) for name in others},
        },
        "verdict": "As whole and clean as the real ones.",
    }


def style(value=50.0):
    """The entry of SWD among the "values" of such metrics."""
    levels = {"32": {"value": value, "floor": 10.0}, "16": {"value": 2 * value, "floor": 30.0}}
    return {"value": value, "floor": 20.0, "ratio": value / 20, "pictures": 300, "levels": levels}


def grid(seed, side=32, columns=8, rows=8):
    """Blobs on white, one a place; `seed` shades them, so that grids of two ticks differ."""
    y, x = np.mgrid[0:side, 0:side] / side - 0.5
    canvas = np.full((rows * side, columns * side, 3), 255, dtype=np.uint8)
    random = np.random.RandomState(7)
    for place in range(rows * columns):
        a, b, r = random.uniform(0.5, 2.0, 3)
        inside = a * x**2 + b * y**2 < 0.05 * r
        tile = canvas[place // columns * side :, place % columns * side :][:side, :side]
        colour = random.randint(0, 200, 3)
        tile[inside] = np.clip(colour + 6 * seed + random.randint(0, 25, (inside.sum(), 3)), 0, 255)
    return canvas


def make_run(folder: Path, records=(), config=None, pictures=None, names="{:06d}", side=32):
    """Write a run directory. pictures: ticks that have a grid (default: 0 and those of the records)."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "snapshots").mkdir(exist_ok=True)
    if config is not False:
        (folder / "config.json").write_text(json.dumps(CONFIG | (config or {})), encoding="utf-8")
    (folder / "stats.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records), encoding="utf-8")
    for tick in [0, *(r["tick"] for r in records)] if pictures is None else pictures:
        Image.fromarray(grid(tick, side)).save(folder / f"fakes{names.format(tick)}.png")
        if tick:
            (folder / "snapshots" / f"{names.format(tick)}.safetensors").write_bytes(b"x")
    Image.fromarray(grid(3, side)).save(folder / "reals.png")
    return folder
