"""How much the converter costs beyond the work that cannot be avoided.

The yardstick is a bare loop in two processes that reads, decodes, resizes, lays on white and encodes the
same files with the same filter and PNG settings, and does nothing else: no checks, no order, no zip. Both
are timed as whole processes, in turns, so that what else the machine does hits both alike.

    python -m stylegan_pokemon bench convert sprites.zip
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
# Enough pictures that starting the processes does not decide the outcome; crayon drawings are no pixel
# art, which the converter would rightly scale by another filter than the bare loop.
_FORGED = 200


def bench_convert(source: Path | None, resolution: int = 512, repeats: int = 3) -> dict[str, Any]:
    """Time `dataset_tool convert` and the bare loop on the same pictures, `repeats` times in turns.

    source: a folder or zip of pictures; None forges 200 creatures first. resolution: side of the output
    in pixels. Returns the medians and all times in seconds, the ratio of the medians (1.0: as fast as the
    bare loop), pictures per second, bytes per picture and what machine it was. Raises UserError when a
    process fails.
    """
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if source is None:
            source = folder / "forged"
            _run("dataset_tool", "forge", source, "--count", _FORGED, "--style", "crayon", "--seed", 0)
        target = folder / "bench.zip"
        converter: list[float] = []
        bare: list[float] = []
        for _ in range(repeats):
            converter.append(_time_converter(source, target, resolution))
            metadata, pictures, size = _describe(target)
            bare.append(_time_bare(source, resolution, metadata["png"]))
    seconds, yardstick = statistics.median(converter), statistics.median(bare)
    return {
        "pictures": pictures,
        "resolution": resolution,
        "processes": PROCESSES,
        "seconds": round(seconds, 3),
        "bare_seconds": round(yardstick, 3),
        "ratio": round(seconds / yardstick, 3),
        "pictures_per_second": round(pictures / seconds, 1),
        "bytes_per_picture": round(size / pictures),
        "all_seconds": [round(value, 3) for value in converter],
        "all_bare_seconds": [round(value, 3) for value in bare],
        "png": metadata["png"],
        "machine": {
            "system": platform.platform(),
            "cores": os.cpu_count(),
            "python": platform.python_version(),
        },
    }


def _time_converter(source: Path, target: Path, resolution: int) -> float:
    start = time.perf_counter()
    words = (source, target, "--resolution", resolution, "--workers", PROCESSES, "--overwrite", "--quiet")
    _run("dataset_tool", "convert", *words)
    return time.perf_counter() - start


def _time_bare(source: Path, resolution: int, png: dict[str, int]) -> float:
    """Return the wall time of two processes that each take every second picture."""
    settings = json.dumps({"source": str(source), "resolution": resolution, "png": png})
    start = time.perf_counter()
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "stylegan_pokemon.bench.convert", settings, str(share)],
            env=_environment(),
            stderr=subprocess.PIPE,
            text=True,
        )
        for share in range(PROCESSES)
    ]
    errors = [process.communicate()[1] for process in processes]
    if any(process.returncode for process in processes):
        raise UserError(f"the bare loop failed on {source}: {_last_line(''.join(errors))}")
    return time.perf_counter() - start


def _run(module: str, *words: object) -> None:
    command = [sys.executable, "-m", module, *map(str, words)]
    done = subprocess.run(command, env=_environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(f"{module} {words[0]} failed: {_last_line(done.stderr)}")


def _environment() -> dict[str, str]:
    # A checkout need not be installed, and the benchmark may be started from anywhere.
    root = str(Path(__file__).resolve().parents[2])
    inherited = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": root if not inherited else root + os.pathsep + inherited}


def _describe(target: Path) -> tuple[dict[str, Any], int, int]:
    """Return the recorded options of a dataset zip, its number of pictures and their bytes."""
    with zipfile.ZipFile(target) as archive:
        sizes = [info.file_size for info in archive.infolist() if info.filename.endswith(".png")]
        return json.loads(archive.read("dataset.json"))["convert"], len(sizes), sum(sizes)


def _last_line(text: str) -> str:
    return text.strip().splitlines()[-1] if text.strip() else "it said nothing"


def bare_loop(source: Path, resolution: int, png: dict[str, int], share: int) -> None:
    """Decode, resize, lay on white and encode every second picture of `source`, and keep nothing."""
    from PIL import Image

    if source.is_dir():
        files = sorted(path for path in source.rglob("*.png"))[share::PROCESSES]
        contents = (path.read_bytes() for path in files)
    else:
        archive = zipfile.ZipFile(source)
        names = [name for name in archive.namelist() if name.endswith(".png")][share::PROCESSES]
        contents = map(archive.read, names)
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
