"""What people run, on a CUDA card: `pytest -m gpu`. Skipped elsewhere."""

import dataclasses
import gc

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from stylegan_pokemon.baselines.recipes import RECIPES
from stylegan_pokemon.bench.memory import bench_memory
from stylegan_pokemon.bench.workload import Workload
from stylegan_pokemon.cli.finetune import finetune
from stylegan_pokemon.cli.generate import main as generate
from stylegan_pokemon.devices import prepare
from stylegan_pokemon.metrics.features import extract, load_default
from stylegan_pokemon.training.systems.stylegan2 import StyleGAN2Trainer
from stylegan_pokemon.training.transfer.start import start_networks
from tests.training.pictures import tiny_config, write_dataset
from tests.training.sameness import assert_same_run

CARD, CPU = torch.device("cuda:0"), torch.device("cpu")
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA card here"),
]


def call(command, *arguments):
    result = CliRunner().invoke(command, list(map(str, arguments)))
    assert result.exit_code == 0, result.output
    return result.output


def run(outdir, data, kimg, *more):
    arguments = ["--data", data, "--outdir", outdir, "--device", "cuda", "--kimg", kimg, "--tick", 0.016]
    call(finetune, *arguments, *more)
    return next(outdir.iterdir())


@pytest.mark.parametrize("options", [
    ["--precision", "fp32", "--mirror"],
    ["--precision", "fp16", "--cfg", "auto", "--aug", "fixed", "--p", "0.5", "--augpipe", "bgcfnc"],
    ["--precision", "bf16", "--cond", "--balance", "--class-loss", "0.5"],
], ids=lambda options: options[1])  # fmt: skip
def test_a_continued_run_is_the_run_that_was_not_stopped(tmp_path, options):
    data = write_dataset(tmp_path / "discs.zip", 24, resolution=32, classes=2)
    small = ["--resume", "none", "--batch", 8, "--channel-base", 512, "--channel-max", 32]
    small += ["--metrics", "fd", "--metrics-num", 16, *options]
    whole = run(tmp_path / "a", data, 0.048, *small)
    parts = run(tmp_path / "b", data, 0.016, *small)
    call(finetune, "--resume", parts, "--kimg", 0.048)
    assert_same_run(whole, parts)


@pytest.mark.parametrize(("arch", "more"), [
    *((arch, []) for arch in RECIPES),
    ("progan", ["--precision", "bf16"]),
    ("dcgan-tricks", ["--precision", "bf16"]),
])  # fmt: skip
def test_earlier_systems_train_and_continue(tmp_path, arch, more):
    data = write_dataset(tmp_path / "discs.zip", 24, resolution=128, classes=2)
    small = ["--arch", arch, "--batch", 4, "--metrics", "none", *more]
    whole = run(tmp_path / "a", data, 0.032, *small)
    parts = run(tmp_path / "b", data, 0.032, *small, "--hours", 1e-9)
    assert not (parts / "stats.jsonl").exists()
    call(finetune, "--resume", parts)
    assert_same_run(whole, parts)


def test_pictures_of_the_card_are_those_of_the_cpu(tmp_path):
    """Nine pictures of the embedded checkpoint: values that round differ by one."""
    pictures = []
    for device in ("cpu", "cuda"):
        out = tmp_path / device
        call(generate, "--network", "creatures64", "--seeds", "0-8", "--outdir", out, "--device", device)
        pictures.append(np.stack([np.asarray(Image.open(path)) for path in sorted(out.glob("seed*.png"))]))
    differences = np.abs(pictures[0].astype(int) - pictures[1])
    assert len(pictures[0]) == 9
    assert differences.max() <= 1


def test_features_of_the_card_are_those_of_the_cpu():
    pictures = np.random.RandomState(0).randint(0, 256, (24, 64, 64, 3), np.uint8)
    prepare(CARD)
    here, there = (extract(load_default(device), pictures, device)[0] for device in (CPU, CARD))
    assert (here - there).abs().max() <= 1e-3 * here.abs().max()


def test_a_card_that_is_too_small_halves_the_micro_batch(tmp_path):
    """PyTorch is held to ever less, until convolutions without workspace do not suffice any more."""
    prepare(CARD)
    data = write_dataset(tmp_path / "discs.zip", 24, resolution=64)
    options = {"batch": 32, "batch_gpu": 32, "channel_base": 2048, "channel_max": 64}
    config, dataset = tiny_config(data, **options)
    config = dataclasses.replace(config, device="cuda:0")

    def trainer():
        return StyleGAN2Trainer(config, dataset, *start_networks(config, None)[:3])

    whole = torch.cuda.get_device_properties(CARD).total_memory
    free = trainer()
    torch.cuda.reset_peak_memory_stats(CARD)
    free.iteration()
    needed = torch.cuda.max_memory_allocated(CARD)
    del free
    gc.collect()
    torch.cuda.empty_cache()
    try:
        for percent in range(60, 5, -5):
            held = trainer()
            kept = torch.cuda.memory_allocated(CARD)
            torch.cuda.set_per_process_memory_fraction(max(kept * 1.1, needed * percent / 100) / whole)
            if warning := held.iteration():
                break
            torch.cuda.set_per_process_memory_fraction(1.0)
        assert held.iteration() == []
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert "out of memory with 32 pictures at once; continuing with 16, the batch stays 32" in str(warning)
    assert held.batch_gpu < 32
    assert all(torch.isfinite(p).all() for p in held.G.parameters())


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
@pytest.mark.parametrize("recompute", [0, 64])
def test_training_is_not_divided_where_it_has_what_was_planned(precision, recompute):
    workload = Workload(128, 8192, 256, batch=8, device="cuda", precision=precision)
    found = bench_memory(workload, recompute)
    assert found["measured_parts"]["shortages"] == []
    assert found["measured_parts"]["program"] <= found["planned_parts"]["program"], found
