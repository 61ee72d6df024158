"""How much longer the converter takes than the work that cannot be avoided.

The yardstick is a bare loop in two processes. It reads, decodes, resizes, lays on white and encodes the same
files with the same filter and PNG settings, and does nothing else: no checks, no order, no zip. Both are
timed as whole processes, in turns, so that other work on the machine affects both alike.
"""

from __future__ import annotations

import io
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any

from stylegan_pokemon.errors import UserError

PROCESSES = 2
# Enough pictures that starting the processes does not decide the outcome. Crayon drawings are no pixel art,
# which the converter would rightly scale by another filter than the bare loop.
_FORGE = ("--count", 200, "--style", "crayon", "--seed", 0)


def bench_convert(source: Path | None, resolution: int = 512, repeats: int = 3) -> dict[str, Any]:
    """Time `dataset_tool convert` and the bare loop on the same pictures, `repeats` times in turns.

    source: a folder or zip of pictures; None forges 200 creatures first. resolution: side of the output in
    pixels. Returns medians and all times in seconds, the ratio of the medians (1.0: as fast as the bare
    loop), pictures per second, bytes per picture, and the machine. Raises UserError when a process fails.
    """
    with tempfile.TemporaryDirectory() as temporary:
        target = Path(temporary) / "bench.zip"
        if source is None:
            source = Path(temporary) / "forged"
            _seconds("dataset_tool forge", [["dataset_tool", "forge", source, *_FORGE]])
        words = ("--resolution", resolution, "--workers", PROCESSES, "--overwrite", "--quiet")
        command = ["dataset_tool", "convert", source, target, *words]
        converter, bare = [], []
        for _ in range(repeats):
            converter.append(_seconds("dataset_tool convert", [command]))
            with zipfile.ZipFile(target) as archive:
                png = json.loads(archive.read("dataset.json"))["convert"]["png"]
                sizes = [info.file_size for info in archive.infolist() if info.filename.endswith(".png")]
            settings = json.dumps({"source": str(source), "resolution": resolution, "png": png})
            shares = [["stylegan_pokemon.bench.convert", settings, share] for share in range(PROCESSES)]
            bare.append(_seconds("the bare loop", shares))
    seconds, yardstick = statistics.median(converter), statistics.median(bare)
    return {
        "pictures": len(sizes),
        "resolution": resolution,
        "processes": PROCESSES,
        "seconds": round(seconds, 3),
        "bare_seconds": round(yardstick, 3),
        "ratio": round(seconds / yardstick, 3),
        "pictures_per_second": round(len(sizes) / seconds, 1),
        "bytes_per_picture": round(sum(sizes) / len(sizes)),
        "all_seconds": [round(value, 3) for value in converter],
        "all_bare_seconds": [round(value, 3) for value in bare],
        "png": png,
        "machine": f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}",
    }


def _seconds(name: str, modules: list[list[Any]]) -> float:
    """The wall time of Python modules that run side by side, each with its arguments."""
    started = time.perf_counter()
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", *map(str, words)],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )
        for words in modules
    ]  # fmt: skip
    said = "".join(process.communicate()[1] for process in processes)
    if any(process.returncode for process in processes):
        raise UserError(f"{name} failed: {(said.strip().splitlines() or ['it printed no reason'])[-1]}")
    return time.perf_counter() - started


def bare_loop(source: Path, resolution: int, png: dict[str, int], share: int) -> None:
    """Decode, resize, lay on white and encode every second picture of `source`, and keep nothing."""
    from PIL import Image

    if source.is_dir():
        files = sorted(path for path in source.rglob("*.png"))[share::PROCESSES]
        contents = (path.read_bytes() for path in files)
    else:
        archive = zipfile.ZipFile(source)
        names = [name for name in archive.namelist() if name.endswith(".png")][share::PROCESSES]
        contents = (archive.read(name) for name in names)
    for content in contents:
        picture = Image.open(io.BytesIO(content)).convert("RGBA")
        scale = resolution / max(picture.size)
        size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        scaled = picture.resize(size, Image.Resampling.LANCZOS)
        page = Image.new("RGB", (resolution, resolution), "white")
        corner = ((resolution - size[0]) // 2, (resolution - size[1]) // 2)
        page.paste(scaled, corner, mask=scaled.getchannel("A"))
        page.save(io.BytesIO(), "PNG", compress_level=png["level"], compress_type=png["strategy"])


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    bare_loop(Path(given["source"]), given["resolution"], given["png"], int(sys.argv[2]))
