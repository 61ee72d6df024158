"""The conversion as a whole: what the zip holds, and that equal input gives equal bytes."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dataset_tool.convert import ConvertOptions, convert
from dataset_tool.problems import InputError


def save(path: Path, size: tuple[int, int], seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 4), dtype=np.uint8)
    Image.fromarray(pixels).save(path, "PNG")


def test_the_zip_has_the_layout_that_stylegan_tools_share(tmp_path):
    for index in range(3):
        save(tmp_path / "src" / f"{index + 1}.png", (40, 30), index)
    report = convert([tmp_path / "src"], tmp_path / "out.zip", ConvertOptions(resolution=32, labels="type"))
    assert report.pictures == 3
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        assert archive.namelist() == [*(f"00000/img{index:08d}.png" for index in range(3)), "dataset.json"]
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
        for name in archive.namelist()[:-1]:
            picture = Image.open(io.BytesIO(archive.read(name)))
            assert (picture.format, picture.mode, picture.size) == ("PNG", "RGB", (32, 32))
        metadata = json.loads(archive.read("dataset.json"))
    assert metadata["labels"] == [[f"00000/img{index:08d}.png", 3] for index in range(3)]
    assert metadata["classes"][3] == "grass"
    assert [source for _, source in metadata["sources"]] == ["1.png", "2.png", "3.png"]
    assert metadata["convert"]["resolution"] == 32


def test_an_existing_zip_is_replaced_only_on_request(tmp_path):
    save(tmp_path / "1.png", (40, 30), 0)
    options = ConvertOptions(resolution=16)
    convert([tmp_path / "1.png"], tmp_path / "out.zip", options)
    with pytest.raises(InputError, match="--overwrite"):
        convert([tmp_path / "1.png"], tmp_path / "out.zip", options)
    convert([tmp_path / "1.png"], tmp_path / "out.zip", options, overwrite=True)
