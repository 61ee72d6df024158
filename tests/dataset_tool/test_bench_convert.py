"""The benchmark of the converter: its figures fit together, and its failures are one sentence."""

from __future__ import annotations

import json

import pytest

from stylegan_pokemon.bench.convert import bare_loop, bench_convert
from stylegan_pokemon.errors import UserError
from tests.dataset_tool.pictures import creature, write


def test_the_benchmark_compares_converter_and_bare_loop(tmp_path):
    for index in range(6):
        write(tmp_path / "src" / f"{index}.png", creature(40, (40 * index, 90, 120)))
    result = bench_convert(tmp_path / "src", resolution=32, repeats=2)
    assert json.loads(json.dumps(result)) == result
    assert (result["pictures"], result["resolution"], result["processes"]) == (6, 32, 2)
    assert len(result["all_seconds"]) == len(result["all_bare_seconds"]) == 2
    assert result["ratio"] == pytest.approx(result["seconds"] / result["bare_seconds"], rel=0.01)
    assert 100 < result["bytes_per_picture"] < 32 * 32 * 3


def test_a_source_that_cannot_be_converted_is_one_sentence(tmp_path):
    with pytest.raises(UserError, match=r"dataset_tool convert failed: Error: .*gone does not exist"):
        bench_convert(tmp_path / "gone", resolution=32, repeats=1)


def test_the_bare_loop_takes_every_second_picture(tmp_path, monkeypatch):
    from PIL import Image

    for index in range(5):
        write(tmp_path / f"{index}.png", creature(40))
    saved = []
    monkeypatch.setattr(
        Image.Image, "save", lambda image, *_, **settings: saved.append((image.size, settings))
    )
    bare_loop(tmp_path, 64, {"level": 1, "strategy": 3}, share=0)
    assert saved == [((64, 64), {"compress_level": 1, "compress_type": 3})] * 3
