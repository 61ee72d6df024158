"""A run: what it writes, that it repeats, continues exactly, and recovers from NaN."""

import dataclasses
import json
import operator
import os
from pathlib import Path

import pytest
import torch

from stylegan_pokemon.checkpoint import load
from stylegan_pokemon.devices import is_shortage
from stylegan_pokemon.errors import UserError
from stylegan_pokemon.networks.discriminator import Discriminator
from stylegan_pokemon.training.loop import train
from stylegan_pokemon.training.run_dir.state import generations, load_state
from stylegan_pokemon.training.run_dir.tick_writer import TickWriter, kimg_name, tick_line
from stylegan_pokemon.training.settings.config import TrainingConfig
from stylegan_pokemon.training.systems import losses
from stylegan_pokemon.training.systems.fallback import next_fallback
from stylegan_pokemon.training.systems.stylegan2 import StyleGAN2Trainer
from stylegan_pokemon.training.systems.trainer import NonFiniteError
from stylegan_pokemon.training.transfer.start import start_networks
from tests.training.pictures import tiny_config, tiny_trainer, write_dataset


@pytest.fixture
def data(tmp_path):
    return write_dataset(tmp_path / "discs.zip")


def run_of(tmp_path, name, trainer):
    folder = tmp_path / name
    folder.mkdir(exist_ok=True)
    lines = []
    train(trainer, folder, lines.append, show_bar=False)
    return folder, lines


def tensors_of(folder):
    import safetensors.torch

    return safetensors.torch.load_file(generations(folder / "state")[0])


def assert_same_run(a, b):
    ours, theirs = tensors_of(a), tensors_of(b)
    assert ours.keys() == theirs.keys()
    assert [name for name in ours if not torch.equal(ours[name], theirs[name])] == []
    for picture in a.glob("fakes*.png"):
        assert picture.read_bytes() == (b / picture.name).read_bytes()
    untimed = [
        [
            {k: v for k, v in json.loads(line).items() if "sec" not in k and k != "peak_memory_bytes"}
            for line in (folder / "stats.jsonl").read_text().splitlines()
        ]
        for folder in (a, b)
    ]
    assert untimed[0] == untimed[1]


def test_a_tick_writes_grid_snapshot_stats_state_and_progression(tmp_path, data):
    folder, lines = run_of(tmp_path, "run", tiny_trainer(data))
    names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert names == {
        *("config.json", "reals.png", "stats.jsonl", "progression.gif", "truncation.png"),
        *("fakes000000.000.png", "fakes000000.032.png", "fakes000000.064.png"),
        *("snapshots/000000.032.safetensors", "snapshots/000000.064.safetensors"),
        *("state/000000032.safetensors", "state/000000064.safetensors"),
    }
    records = [json.loads(line) for line in (folder / "stats.jsonl").read_text().splitlines()]
    assert [record["kimg"] for record in records] == [0.032, 0.064]
    assert {"p", "r_t", "loss/G", "loss/D_real", "r1/penalty", "pl/penalty", "sec_per_kimg"} <= records[
        0
    ].keys()
    assert sum(line.startswith("tick ") for line in lines) == 2
    networks = load(folder / "snapshots" / "000000.064.safetensors")
    assert networks.G is not None
    assert networks.D is not None
    assert networks.config["kimg"] == 0.064


def test_the_same_seed_gives_the_same_run_whatever_the_ticks(tmp_path, data):
    one, _ = run_of(tmp_path, "one", tiny_trainer(data))
    two, _ = run_of(tmp_path, "two", tiny_trainer(data))
    assert_same_run(one, two)
    other, _ = run_of(tmp_path, "other", tiny_trainer(data, tick=0.016, snap=3))
    ours, theirs = tensors_of(one), tensors_of(other)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    different, _ = run_of(tmp_path, "different", tiny_trainer(data, seed=1))
    assert not torch.equal(
        tensors_of(different)["G_ema.synthesis.b4.const"], ours["G_ema.synthesis.b4.const"]
    )


@pytest.mark.parametrize("options", [{}, {"mirror": True, "aug": "fixed", "p": 0.3, "augpipe": "bgcfnc"}])
def test_a_run_continued_from_its_state_equals_an_uninterrupted_one(tmp_path, data, options):
    whole, _ = run_of(tmp_path, "whole", tiny_trainer(data, **options))
    run_of(tmp_path, "parts", tiny_trainer(data, kimg=0.032, **options))
    parts, lines = run_of(tmp_path, "parts", tiny_trainer(data, **options))
    assert lines[0].startswith("continuing at 0.032 kimg")
    assert_same_run(whole, parts)


def test_a_damaged_newest_state_falls_back_to_the_one_before(tmp_path, data):
    whole, _ = run_of(tmp_path, "whole", tiny_trainer(data))
    parts, _ = run_of(tmp_path, "parts", tiny_trainer(data))
    newest = generations(parts / "state")[0]
    newest.write_bytes(newest.read_bytes()[: newest.stat().st_size // 2])
    _, lines = run_of(tmp_path, "parts", tiny_trainer(data))
    assert "cannot be read (it is damaged or incomplete); going back" in lines[0]
    assert lines[0].startswith("continuing at 0.032 kimg")
    assert_same_run(whole, parts)


def test_a_nan_goes_back_to_the_last_good_state_with_other_randomness(tmp_path, data, monkeypatch):
    trainer = tiny_trainer(data)
    clean = losses.generator_loss

    def sometimes_nan(logits):
        bad = trainer.images_shown == 48 and trainer.retry == 0
        return clean(logits) * (float("nan") if bad else 1)

    monkeypatch.setattr(losses, "generator_loss", sometimes_nan)
    folder, lines = run_of(tmp_path, "run", trainer)
    recovered = [line for line in lines if "not finite" in line]
    assert len(recovered) == 1
    assert "back to 0.032 kimg for try 2" in recovered[0]
    assert all(torch.isfinite(t).all() for t in tensors_of(folder).values())
    assert len((folder / "stats.jsonl").read_text().splitlines()) == 2
    monkeypatch.setattr(losses, "generator_loss", clean)
    undisturbed, _ = run_of(tmp_path, "undisturbed", tiny_trainer(data))
    name = "G.synthesis.b4.const"
    assert not torch.equal(tensors_of(folder)[name], tensors_of(undisturbed)[name])


def test_three_nans_in_a_row_stop_with_advice_and_keep_the_last_good_state(tmp_path, data, monkeypatch):
    trainer = tiny_trainer(data)
    clean = losses.discriminator_real_loss

    def nan_later(logits):
        return clean(logits) * (float("nan") if trainer.images_shown >= 40 else 1)

    monkeypatch.setattr(losses, "discriminator_real_loss", nan_later)
    with pytest.raises(
        UserError, match=r"start again more gently, for example with --resume .* --lr 0.00125 --gamma"
    ):
        run_of(tmp_path, "run", trainer)
    assert generations(tmp_path / "run" / "state")[0].name == "000000032.safetensors"
    assert all(torch.isfinite(t).all() for t in tensors_of(tmp_path / "run").values())


def test_conditional_training_writes_its_classes_and_trains_both_label_networks(tmp_path):
    data = write_dataset(tmp_path / "labelled.zip", classes=3)
    trainer = tiny_trainer(data, cond=True)
    before = {
        name: tensor.clone()
        for name, tensor in [*trainer.D.named_parameters(), *trainer.G.named_parameters()]
    }
    folder, _ = run_of(tmp_path, "run", trainer)
    after = dict([*trainer.D.named_parameters(), *trainer.G.named_parameters()])
    for name in ("mapping.embed.weight", "mapping.fc0.weight", "b16.conv0.weight"):
        assert not torch.equal(before[name], after[name])
    networks = load(folder / "snapshots" / "000000.064.safetensors")
    assert networks.config["classes"] == ["class0", "class1", "class2"]


@pytest.mark.parametrize("half", [False, True])
def test_nan_is_caught_in_either_precision_and_infinities_are_bounded_in_half(data, half):
    trainer = tiny_trainer(data)
    trainer.half = half
    parameter = torch.nn.Parameter(torch.zeros(3))
    parameter.grad = torch.tensor([1.0, float("nan"), 2.0])
    with pytest.raises(NonFiniteError, match="Gmain"):
        trainer._check_gradients("Gmain", [parameter])
    parameter.grad = torch.tensor([1.0, float("inf"), -float("inf")])
    if half:
        trainer._check_gradients("Gmain", [parameter])
        assert parameter.grad.tolist() == [1.0, 1e5, -1e5]
    else:
        with pytest.raises(NonFiniteError):
            trainer._check_gradients("Gmain", [parameter])


def test_kimg_in_file_names(data):
    whole, _ = tiny_config(data, tick=4, kimg=8)
    fractions, _ = tiny_config(data, tick=4, kimg=4.5)
    assert kimg_name(4000, whole) == kimg_name(4032, whole) == "000004"
    assert kimg_name(4032, fractions) == "000004.032"


def test_the_tick_line_is_one_readable_line():
    record = {"tick": 250, "kimg": 1000.0, "p": 0.85, "r_t": -0.61, "seconds": 200000.0}
    record |= {"loss/G": 12.34, "loss/D_fake": 0.5, "loss/D_real": 0.7}
    record |= {"sec_per_kimg": 199.9, "peak_memory_bytes": 7 << 30}
    line = tick_line(record, 123456)
    assert len(line) <= 130
    assert "kimg 1000" in line
    assert "ETA 1d10h" in line
    assert "r_t -0.61" in line


def short_of_memory(monkeypatch, most, first=40, error=torch.OutOfMemoryError):
    """From `first` pictures on the discriminator fails with more than `most` pictures at once."""
    clean = Discriminator.features

    def features(self, img, *arguments, **options):
        if len(img) > most and short_of_memory.trainer.images_shown >= first:
            raise error("DefaultCPUAllocator: can't allocate memory")
        return clean(self, img, *arguments, **options)

    monkeypatch.setattr(Discriminator, "features", features)


def everything(trainer):
    """All that an iteration changes."""
    modules = {"G": trainer.G, "D": trainer.D, "G_ema": trainer.G_ema}
    tensors = {f"{n}.{k}": t.clone() for n, m in modules.items() for k, t in m.state_dict().items()}
    tensors["pl_mean"] = trainer.pl_mean.clone()
    return tensors, trainer.ada.state_dict(), trainer.statistics.state_dict()


@pytest.mark.parametrize("error", [torch.OutOfMemoryError, RuntimeError])
def test_out_of_memory_repeats_the_phase_in_halves_as_if_it_had_begun_so(data, monkeypatch, error):
    """Faults in every phase; the result is bit for bit that of the smaller micro-batch from the start."""
    options = {"p": 0.2, "aug": "fixed", "batch": 8}
    asked = tiny_trainer(data, batch_gpu=4, **options)
    for _ in range(2):
        asked.iteration()
    short_of_memory(monkeypatch, most=4, first=0, error=error)
    trainer = short_of_memory.trainer = tiny_trainer(data, batch_gpu=8, **options)
    (warning,) = trainer.iteration()
    assert "Gmain ran out of memory with 8 pictures at once; continuing with 4, the batch stays 8" in warning
    assert trainer.iteration() == []
    for ours, theirs in zip(everything(trainer), everything(asked), strict=True):
        for name in theirs:
            same = torch.equal if isinstance(theirs[name], torch.Tensor) else operator.eq
            assert same(ours[name], theirs[name]), name


def test_out_of_memory_recomputes_before_groups_shrink_as_if_it_had_begun_so(data, monkeypatch):
    """The discriminator fails with whole groups unless its blocks are recomputed."""
    options = {"p": 0.2, "aug": "fixed", "batch": 8}
    config, dataset = tiny_config(data, batch_gpu=4, **options)
    config = dataclasses.replace(config, recompute=8)
    asked = StyleGAN2Trainer(config, dataset, *start_networks(config, None)[:3])
    for _ in range(2):
        asked.iteration()
    clean = Discriminator.features

    def features(self, img, *arguments, **options):
        if len(img) > 2 and not self.b16.recompute:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return clean(self, img, *arguments, **options)

    monkeypatch.setattr(Discriminator, "features", features)
    trainer = tiny_trainer(data, batch_gpu=4, **options)
    (warning,) = trainer.iteration()
    assert "ran out of memory with 4 pictures at once; continuing with as many, recomputing blocks" in warning
    assert trainer.iteration() == []
    assert trainer.batch_gpu == 4
    for ours, theirs in zip(everything(trainer), everything(asked), strict=True):
        for name in theirs:
            same = torch.equal if isinstance(theirs[name], torch.Tensor) else operator.eq
            assert same(ours[name], theirs[name]), name


def test_steps_to_less_memory_are_taken_dearest_last():
    steps, held = [], (8, 0)
    while held is not None:
        steps.append(held)
        held = next_fallback(*held, batch=8, group=4, resolution=512)
    assert steps == [(8, 0), (4, 0), (4, 64), (2, 64), (1, 64)]
    assert next_fallback(6, 128, batch=6, group=3, resolution=512) == (3, 128)


def test_a_run_older_than_recomputation_goes_on(tmp_path, data):
    folder, _ = run_of(tmp_path, "run", tiny_trainer(data, kimg=0.032))
    values = json.loads((folder / "config.json").read_text())
    assert [values.pop(name) for name in ("recompute", "memory")] == [0, None]
    config = TrainingConfig.from_json(values)
    assert (config.recompute, config.memory) == (0, None)


def test_a_smaller_micro_batch_is_remembered_where_a_run_is_continued(tmp_path, data, monkeypatch):
    short_of_memory(monkeypatch, most=2)
    trainer = short_of_memory.trainer = tiny_trainer(data)
    whole, lines = run_of(tmp_path, "run", trainer)
    assert [trainer.batch_gpu, trainer.config.batch_gpu] == [2, 8]
    (note,) = [line for line in lines if "out of memory" in line]
    assert "with 8 pictures at once; continuing with 4" in note
    assert "with 4 pictures at once; continuing with as many, recomputing blocks from 8×8 up" in note
    assert "continuing with 2, the batch stays 8; the minibatch-std group shrinks from 4 to 2" in note
    again = short_of_memory.trainer = tiny_trainer(data)
    load_state(whole / "state", again)
    assert (again.batch_gpu, again.recompute) == (2, 8)
    assert again.G.synthesis.b16.recompute


def test_too_little_memory_for_one_picture_is_one_sentence(tmp_path, data, monkeypatch):
    short_of_memory(monkeypatch, most=0)
    trainer = short_of_memory.trainer = tiny_trainer(data)
    with pytest.raises(UserError, match="too little memory for one picture") as told:
        run_of(tmp_path, "run", trainer)
    assert "--channel-base" in str(told.value)
    assert "--device cpu" not in str(told.value)  # it is the CPU
    assert generations(tmp_path / "run" / "state")[0].name == "000000032.safetensors"


def test_a_locked_or_damaged_stats_file_costs_a_line_and_not_the_run(tmp_path, data, monkeypatch):
    monkeypatch.setattr("dataset_tool.files._PATIENCE", 0.0)
    replace = os.replace

    def locked(source, target):
        if Path(target).name == "stats.jsonl":
            raise PermissionError(13, "in use")
        replace(source, target)

    monkeypatch.setattr(os, "replace", locked)
    folder, lines = run_of(tmp_path, "run", tiny_trainer(data, kimg=0.032))
    assert "close the program that has it open" in next(
        line for line in lines if "missing from stats.jsonl" in line
    )
    monkeypatch.setattr(os, "replace", replace)
    (folder / "stats.jsonl").write_bytes(b'{"kimg": 0.032}\n\xff\0\n{"kimg": Infinity}\n{"kimg"')
    run_of(tmp_path, "run", tiny_trainer(data))
    kimg = [json.loads(line)["kimg"] for line in (folder / "stats.jsonl").read_text().splitlines()]
    assert kimg == [0.032, 0.064]


def test_continuing_with_less_than_is_done_is_refused_and_changes_nothing(tmp_path, data):
    folder, _ = run_of(tmp_path, "run", tiny_trainer(data))
    before = (folder / "config.json").read_bytes()
    with pytest.raises(UserError, match=r"--kimg 0\.032: .* has trained 0\.064 kimg already"):
        run_of(tmp_path, "run", tiny_trainer(data, kimg=0.032))
    assert (folder / "config.json").read_bytes() == before


def test_a_damaged_configuration_is_a_value_error_that_names_the_setting(data):
    config = tiny_trainer(data).config
    assert TrainingConfig.from_json(config.to_json()) == config
    with pytest.raises(ValueError, match="kimg is 'x'"):
        TrainingConfig.from_json(config.to_json() | {"kimg": "x"})


@pytest.mark.parametrize(
    ("text", "shortage"),
    [
        ("[enforce fail] DefaultCPUAllocator: can't allocate memory", True),
        ("CUDA error: out of memory\nCUDA kernel errors might be reported later", True),
        ("cuDNN error: CUDNN_STATUS_ALLOC_FAILED", True),
        ("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`", True),
        ("GET was unable to find an engine to execute this computation", True),
        ("CUDA error: an illegal memory access was encountered", False),
    ],
)
def test_a_shortage_is_known_by_its_words(text, shortage):
    assert is_shortage(RuntimeError(text)) == shortage


def test_sheets_draw_only_classes_that_have_pictures(tmp_path):
    trainer = tiny_trainer(write_dataset(tmp_path / "labelled.zip", classes=3), cond=True)
    trainer.config = dataclasses.replace(trainer.config, class_sizes=(7, 0, 5))
    source = TickWriter(trainer, tmp_path, print)._source("000000.032.safetensors")
    assert source.learnt == [0, 2]
