"""Latents outside of a network: `.npz` files, and the text chunk by which a PNG can be made again.

A latent file holds the array `w`, float32 [N, num_ws, w_dim], as the projector of the official programs
writes it; a JSON file of the same name beside it says where the latents are from. A picture's chunk holds its
seed, or the latent itself where no seed makes it.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dataset_tool.reading.sniff import UNKNOWN, Kind, kind_of_file
from stylegan_pokemon.errors import UserError
from stylegan_pokemon.files import whole_file, write_json
from stylegan_pokemon.render.seeds import MAX_SEED, Key, StoredLatent

if TYPE_CHECKING:
    import numpy as np

CHUNK = "stylegan_pokemon"  # the keyword of the PNG text chunk
_MOST_TRUNCATION = 100  # as of --trunc
_MOST_BYTES = 256 * 2**20  # a file of 10,000 latents of the largest network
_MOST_FACTS = 2**20  # characters of a chunk or 64 of these of a JSON file


def read_latents(path: Path) -> list[StoredLatent]:
    """Read the latents of an `.npz` file, or the one that a PNG of ours was drawn from.

    Raises UserError for a file that cannot be read, is larger than 256 MiB, or holds no array `w` of finite
    numbers [N, num_ws, w_dim]. No pickle is read.
    """
    if path.suffix.casefold() == ".png":
        return [read_picture(path)]
    ws = _array(path)
    facts = _facts_beside(path)
    listed = facts.get("latents")
    own = listed if isinstance(listed, list) and len(listed) == len(ws) else [{}] * len(ws)
    shared = {key: value for key, value in facts.items() if key != "latents"}
    return [
        StoredLatent(path, index, len(ws), w, shared | (one if isinstance(one, dict) else {}))
        for index, (w, one) in enumerate(zip(ws, own, strict=True))
    ]


def write_latents(path: Path, ws: np.ndarray, latents: Sequence[Mapping[str, Any]], **shared: Any) -> None:
    """Write ws [N, num_ws, w_dim] as `path` (.npz), and beside it what is known of them as JSON.

    latents: for each what tells it apart, such as its seed. shared: what holds for all, such as the network.
    """
    import numpy as np

    with whole_file(path) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, w=np.asarray(ws, dtype=np.float32))
    write_json(path.with_suffix(".json"), shared | {"latents": [dict(latent) for latent in latents]})


def chunk_of(key: Key, w: np.ndarray | None, **facts: Any) -> str:
    """Return the content of a PNG's chunk; w [num_ws, w_dim] is kept where `key` is no seed."""
    if w is None:
        assert isinstance(key, int)
        return json.dumps(facts | {"seed": key})
    rows = w[:1] if (w == w[:1]).all() else w  # in W all layers share one row
    data = base64.b64encode(rows.astype("<f4").tobytes()).decode("ascii")
    return json.dumps(facts | {"w": data, "rows": len(rows)})


def read_picture_facts(path: Path) -> dict[str, Any]:
    """Return what the chunk of a PNG says, or {} where it has none. Raises UserError for no PNG."""
    from PIL import Image

    try:
        with Image.open(path, formats=["PNG"]) as image:
            image.load()
            content = getattr(image, "text", {}).get(CHUNK, "{}")
        facts = json.loads(content[:_MOST_FACTS])
    except (OSError, SyntaxError, ValueError, RecursionError) as error:
        raise UserError(_no_picture_of_ours(path)) from error
    return facts if isinstance(facts, dict) else {}


def _no_picture_of_ours(path: Path) -> str:
    kind = kind_of_file(path) if path.is_file() else Kind("", "")
    remedy = kind.remedy_or("name another")
    if kind.what in ("", "a PNG picture", *UNKNOWN):
        return f"{path} cannot be read as a PNG that generate.py wrote; {remedy}"
    return f"{path} is {kind.what}, no PNG that generate.py wrote; {remedy}"


def read_picture(path: Path) -> StoredLatent:
    """Read what a PNG of ours was drawn from: a latent, or a seed, as `StoredLatent` tells.

    Raises UserError for any other file.
    """
    import numpy as np

    facts = read_picture_facts(path)
    seed, data, rows = facts.pop("seed", None), facts.pop("w", None), facts.pop("rows", None)
    try:
        if type(seed) is int and 0 <= seed <= MAX_SEED:
            said = {"seed": seed, "noise_seed": seed, "truncation": float(facts.get("truncation", 1))}
            if not abs(said["truncation"]) <= _MOST_TRUNCATION:
                raise ValueError
            return StoredLatent(path, 0, 1, None, facts | said)
        w = np.frombuffer(base64.b64decode(data, validate=True), "<f4").reshape(rows, -1)
        if not np.isfinite(w).all():
            raise ValueError
    except (TypeError, ValueError, OverflowError, binascii.Error):
        raise UserError(
            f"{path} holds no seed and no latent; name a PNG that generate.py wrote, or project it"
        ) from None
    return StoredLatent(path, 0, 1, w.astype(np.float32), facts)


def _array(path: Path) -> np.ndarray:
    import numpy as np

    try:
        with zipfile.ZipFile(path) as archive:
            size = archive.getinfo("w.npy").file_size
        if size > _MOST_BYTES:
            raise UserError(f"{path} holds more than {_MOST_BYTES // 2**20} MiB of latents; split it")
        with np.load(path, allow_pickle=False) as file:
            ws = file["w"]
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}; name a latent file") from error
    except (KeyError, ValueError, EOFError, zipfile.BadZipFile, zipfile.LargeZipFile) as error:
        raise UserError(
            f"{path} is no latent file: it must be an .npz with an array w [N, num_ws, w_dim]"
        ) from error
    if ws.ndim != 3 or 0 in ws.shape or ws.dtype.kind not in "fiu":
        raise UserError(f"{path}: its array w has the shape {list(ws.shape)}, not [N, num_ws, w_dim]")
    if not np.isfinite(ws).all():
        raise UserError(f"{path}: its array w holds values that are not finite numbers; make it again")
    return ws.astype(np.float32)


def _facts_beside(path: Path) -> dict[str, Any]:
    try:
        beside = path.with_suffix(".json")
        if os.path.getsize(beside) > 64 * _MOST_FACTS:
            return {}
        facts = json.loads(beside.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}  # latents of other programs have none
    return facts if isinstance(facts, dict) else {}
