"""The layout loss keeps where and how darkly creatures are drawn near the start, and then lets go."""

import dataclasses

import pytest
import torch
from click.testing import CliRunner

from stylegan_pokemon.cli.finetune import finetune
from stylegan_pokemon.metrics.sprite import FOREGROUND
from stylegan_pokemon.training.planning.memory import footprint
from stylegan_pokemon.training.registry import system_of
from stylegan_pokemon.training.run_dir.state import Progress, load_state, save_state
from stylegan_pokemon.training.settings.config import TrainingConfig
from stylegan_pokemon.training.settings.options import Options
from stylegan_pokemon.training.systems import losses
from stylegan_pokemon.training.systems.stylegan2 import StyleGAN2Trainer
from stylegan_pokemon.training.transfer.start import start_networks
from tests.training.pictures import tiny_config, write_dataset
from tests.training.test_haze import WHITE, disc, dry


def layout(images, before, background, cells):
    """The loss without its second term: with this bound all of the start is a creature."""
    return losses.layout(images, before, background, cells, foreground=-1, reach=1)


def test_it_is_the_mean_square_of_what_each_cell_differs_in():
    before = torch.ones(2, 3, 32, 32)
    after = before.clone()
    after[1, :, :8, :8] = 0.0  # half of the full range in one of 16 cells
    assert layout(after, before, WHITE, 4).tolist() == pytest.approx([0.0, 0.25 / 16])


def test_bits_that_come_off_cost_their_distance():
    bit = disc()
    bit[:, :, 1:3, 1:3] = 0.0
    found = losses.layout(bit, disc(), WHITE, 16, FOREGROUND, reach=2) - layout(bit, disc(), WHITE, 16)
    assert found.item() == pytest.approx(4 * 0.5 / 32**2)
    near = disc()
    near[:, :, 15, 23] = 0.0
    found = losses.layout(near, disc(), WHITE, 16, FOREGROUND, reach=2) - layout(near, disc(), WHITE, 16)
    assert found.item() == 0


def test_hue_and_details_within_a_cell_are_free():
    red, blue = (torch.ones(1, 3, 32, 32) for _ in range(2))
    red[:, 1:, 8:24, 8:24] = -1
    blue[:, :2, 8:24, 8:24] = -1
    assert layout(red, blue, WHITE, 16).item() == 0
    striped, even = disc(body=0.0), disc(body=0.0)
    striped[:, :, ::2] = 1 - (1 - striped[:, :, ::2]) * 2
    striped[:, :, 1::2] = 1
    assert layout(striped, even, WHITE, 8).item() < 1e-3 < layout(even, 0 * even + 1, WHITE, 8)


def test_with_alpha_it_is_the_opacity():
    before = torch.full((1, 4, 16, 16), -1.0)
    after = before.clone()
    after[:, :3] = 0.5
    assert layout(after, before, torch.zeros(4), 4).item() == 0
    after[:, 3] = 1
    assert layout(after, before, torch.zeros(4), 4).item() == 1


def trainer(data, seed=0, **settings):
    config, dataset = tiny_config(data)
    config = dataclasses.replace(
        config, seed=seed, start="a.safetensors", background=(255, 255, 255), layout_loss=9.0, **settings
    )
    return StyleGAN2Trainer(config, dataset, *start_networks(config, None)[:3])


def test_it_compares_with_the_start_and_ends_after_six_halvings(tmp_path):
    found = trainer(write_dataset(tmp_path / "data.zip"))
    start = {name: value.clone() for name, value in found.G_start.state_dict().items()}
    found.iteration()
    found.iteration()
    assert found.statistics.means()["loss/G_layout"] > 0
    assert all(torch.equal(value, start[name]) for name, value in found.G_start.state_dict().items())
    assert not all(torch.equal(value, start[name]) for name, value in found.G_ema.state_dict().items())
    weights = []
    for kimg in (0, 8, 24, 48):
        found.images_shown = 1000 * kimg
        weights.append(found._layout_weight())
    assert weights == [9.0, 4.5, 9.0 / 8, 0.0]


def test_a_state_holds_the_start_so_that_a_continued_run_is_the_same(tmp_path):
    data = write_dataset(tmp_path / "data.zip")
    one, other = trainer(data), trainer(data, seed=5)
    one.iteration()
    save_state(tmp_path / "state", one, Progress())
    other.config = one.config
    load_state(tmp_path / "state", other)
    for each in (one, other):
        each.iteration()
    for name, value in one.G.state_dict().items():
        assert torch.equal(value, other.G.state_dict()[name]), name


def test_the_memory_plan_counts_the_start(tmp_path):
    trained = trainer(write_dataset(tmp_path / "data.zip"))
    config = trained.config
    with_it, without = (
        footprint(dataclasses.replace(config, layout_loss=w), kernels=False) for w in (9.0, 0.0)
    )
    size = sum(value.nbytes for value in trained.G_start.state_dict().values())
    assert with_it.networks - without.networks == size
    assert with_it.phases["Gmain"] >= without.phases["Gmain"]
    assert with_it.phases["Dmain"] == pytest.approx(without.phases["Dmain"], rel=1e-3)


def test_configurations_without_a_start_or_a_background_are_refused(tmp_path):
    config = trainer(write_dataset(tmp_path / "data.zip")).config
    values = config.to_json()
    assert TrainingConfig.from_json(values) == config
    for wrong in ({"background": []}, {"start": "fresh"}):
        with pytest.raises(ValueError, match="layout_loss"):
            TrainingConfig.from_json(values | wrong)
    del values["layout_loss"]
    assert TrainingConfig.from_json(values).layout_loss == 0


def test_a_run_from_nothing_has_none_and_cannot_ask_for_it(tmp_path):
    data = write_dataset(tmp_path / "data.zip")
    assert "layout loss" not in dry("--data", data).output
    refused = dry("--data", data, "--layout-loss", 20)
    assert refused.exit_code == 2
    assert "--layout-loss 20: nothing is there to stay near: name a start with --resume" in refused.output


def test_a_start_on_another_background_has_no_layout_loss_by_default(tmp_path):
    given = trainer(write_dataset(tmp_path / "data.zip"))
    told: list[str] = []
    system = system_of("stylegan2")
    for name, parameter in given.G_ema.named_parameters():
        if name.endswith("torgb.weight"):
            parameter.data.zero_()  # grey pictures
    for background, kept in (((128, 128, 128), True), ((255, 0, 255), False)):
        config = dataclasses.replace(given.config, background=background)
        asked = Options(data="d.zip", layout_loss=9.0)
        assert system.suited(asked, config, given.G_ema, told.append) == config
        usual = system.suited(Options(data="d.zip"), config, given.G_ema, told.append)
        assert bool(usual.layout_loss) == kept
    assert told == ["note: the start does not draw on the set's background, so --layout-loss is left out"]


def test_opacity_below_the_least_costs_as_well():
    before, after = (torch.full((1, 4, 16, 16), value) for value in (-1.0, -2.0))
    assert losses.layout(after, before, torch.zeros(4), 4, FOREGROUND, reach=1).item() > 0.5


def test_the_defaults_written_out_start_from_the_embedded_checkpoint_as_well(tmp_path):
    data = str(write_dataset(tmp_path / "data.zip", resolution=32))
    asked = ["--data", data, "--haze-loss", "60", "--layout-loss", "60", "--metrics", "none", "--dry-run"]
    result = CliRunner().invoke(finetune, asked)
    assert result.exit_code == 0, result.output
    assert "starting from the embedded checkpoint crayon32" in result.output
    assert "layout loss    weight 60" in result.output
