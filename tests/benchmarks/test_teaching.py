"""Lessons from the forge: choices come back from latents, and each lesson moves what it should."""

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from scipy.special import ndtr

from benchmarks.teaching.__main__ import main
from benchmarks.teaching.choices import choices_of, plans
from benchmarks.teaching.codes import (
    CHIMERA,
    CHIMERAS,
    EYES,
    FLIP,
    PALETTE,
    WORDS,
    Z_DIM,
    Codes,
    _hue,
    record,
)
from benchmarks.teaching.critic import ToldCritic
from benchmarks.teaching.lessons import _PlainMapping, map_lesson, picture_metric
from benchmarks.teaching.teacher import Teacher, features_of
from dataset_tool.convert import convert
from dataset_tool.forge import draw_creature, forge_folder
from dataset_tool.forge.anatomy import PLANS
from dataset_tool.forge.builds import SIDEWAYS, givers
from dataset_tool.forge.palettes import EYE_COLOURS, SCHEMES, TYPES
from dataset_tool.options import ConvertOptions
from stylegan_pokemon.checkpoint import Networks, load, save
from stylegan_pokemon.networks.config import DiscriminatorConfig, GeneratorConfig
from stylegan_pokemon.networks.discriminator import Discriminator
from stylegan_pokemon.networks.generator import Generator
from stylegan_pokemon.networks.mapping import MappingNetwork

COUNT = 124  # two decks of body plans


@pytest.fixture(scope="module")
def codes(tmp_path_factory):
    path = tmp_path_factory.mktemp("codes") / "choices.npz"
    record(7, range(COUNT), path)
    return Codes(path)


def test_choices_are_those_of_the_drawn_creature():
    for index in range(8):
        made, drawn = choices_of(7, index), draw_creature(7, index, "sprite", 16)
        assert (f"{made.body}+{made.head}".strip("+"), made.type) == (drawn.body, drawn.type)


def test_latents_of_a_creature_say_its_plan_its_head_and_its_colours(codes):
    z = codes.latents(np.arange(COUNT), np.random.default_rng(0))
    names, start = plans(), 0
    words = {}
    for name, bits in WORDS.items():
        words[name] = ((z[:, start : start + bits] > 0) << np.arange(bits)).sum(axis=1)
        start += bits
    for index in range(COUNT):
        made = choices_of(7, index)
        assert words["body"][index] % len(names) == names.index(made.body)
        types = PLANS[made.body].types
        assert types[made.design[0].chosen] == made.type
        palettes = [(kind, k) for kind in types for k in range(4)]
        place = int(ndtr(z[index, PALETTE]) * len(palettes))
        assert sorted(palettes, key=lambda p: _hue(SCHEMES[p[0]][p[1]][0]))[place] == (
            made.type,
            made.palette[0].chosen,
        )
        eyes = sorted(range(8), key=lambda k: _hue(EYE_COLOURS[k]))
        assert eyes[int(ndtr(z[index, EYES]) * 8)] == made.palette[3].chosen
        assert (z[index, FLIP] > 0) == bool(made.design[-1].chosen)
        if made.head:
            assert ndtr(z[index, CHIMERA]) >= 1 - CHIMERAS - 1e-4
            word = words["head"][index]
            named = names[word] if word < len(names) else ""
            others = {*givers(made.body in SIDEWAYS)} - {made.body}
            assert named == made.head or named not in others  # other words stand for one of these, too


def test_latents_of_all_creatures_are_normal(codes):
    rng = np.random.default_rng(1)
    z = np.concatenate([codes.latents(np.arange(COUNT), rng) for _ in range(20)])
    assert z.shape == (20 * COUNT, Z_DIM)
    assert np.abs(z.mean(axis=0)).max() < 0.5  # some numbers are fixed for all of these few creatures
    assert np.abs(z.mean()) < 0.02
    assert abs(z.var() - 1) < 0.03


def test_what_does_not_matter_to_a_creature_is_drawn_anew(codes):
    first, second = (codes.latents(np.arange(COUNT), np.random.default_rng(seed)) for seed in (2, 3))
    fixed = codes.low == codes.high
    assert fixed.any()
    assert np.array_equal(first[fixed], second[fixed])
    assert np.isclose(first[~fixed], second[~fixed]).mean() < 0.01


def test_the_teacher_sees_every_choice(codes):
    features = features_of(codes)
    teacher = Teacher(codes, 8)
    with torch.no_grad():
        before = teacher(features)
    assert before.shape == (COUNT, 8)
    assert features["type"].max() < len(TYPES)
    chimera = int(np.flatnonzero(codes.arrays["head"] < len(plans()))[0])
    for name, values in features.items():
        other = values.clone()
        other[chimera] = (other[chimera] + 1) % 18 if values.dtype == torch.int64 else other[chimera] + 1
        with torch.no_grad():
            after = teacher(features | {name: other})
        assert not torch.equal(before[chimera], after[chimera]), name


def test_palettes_lie_by_hue_the_grey_ones_first():
    assert _hue("#404040") < _hue("#c0c0c0") < _hue("#ff2000") < _hue("#20c020") < _hue("#2020ff")


def test_the_mapping_network_stores_what_the_lesson_learnt(codes):
    ws = Teacher(codes, 8)(features_of(codes)).detach()
    mapping = MappingNetwork(Z_DIM, 0, 8, 1, num_layers=3, layer_features=128, w_avg_beta=None)
    untaught = map_lesson(codes, ws, mapping, torch.eye(8), 1)
    taught = map_lesson(codes, ws, mapping, torch.eye(8), 200)
    assert taught < 0.75 * untaught
    plain, z = _PlainMapping(mapping), torch.randn(4, Z_DIM)
    with torch.no_grad():
        plain.write_to(mapping)
        assert torch.allclose(mapping(z)[:, 0], plain(z), atol=1e-4)


def test_the_metric_is_what_pictures_show_of_w():
    class Linear:
        """Draws w, as numbers, at twice the resolution."""

        config = GeneratorConfig(img_resolution=8, w_dim=4)

        def __call__(self, ws, noise_mode):
            assert noise_mode == "const"
            seen = ws[:, 0] * torch.tensor([1.0, 3.0, 0.0, 0.0])
            return seen.reshape(-1, 1, 2, 2).repeat_interleave(2, 2).repeat_interleave(2, 3)

    ws = torch.randn(4000, 4, generator=torch.Generator().manual_seed(0)) * torch.tensor([3.0, 1.0, 1.0, 1.0])
    metric = picture_metric(Linear(), ws)
    weights = torch.tensor([1.0, 9.0, 0.0, 0.0]) / 18 + 0.1 / 12  # variances are 9, 1, 1, 1
    assert torch.allclose(metric, torch.diag(weights), rtol=0.1, atol=2e-3)


def test_a_critic_judges_by_what_it_is_told():
    torch.manual_seed(0)
    critic = ToldCritic(
        Discriminator(DiscriminatorConfig(img_resolution=16, channel_base=128, channel_max=8)), 3, 5
    )
    images, told, plan = torch.randn(4, 3, 16, 16), torch.randn(4, 5), torch.tensor([0, 1, 2, 0])
    logits, places = critic(images, told, plan)
    assert (logits.shape, places.shape) == ((4, 1), (4, 1, 4, 4))
    assert torch.allclose(logits, critic.D(images))  # nothing is expected at the start
    for parameter in (
        critic.of_told.weight,
        critic.of_plan.weight,
        critic.told_places.weight,
        critic.plan_places,
    ):
        torch.nn.init.normal_(parameter)
    told_at_first = torch.cat([told[:1] + 1, told[1:]])
    for other in ((told, torch.tensor([1, 1, 2, 0])), (told_at_first, plan)):
        before, after = critic(images, told, plan), critic(images, *other)
        for old, new in zip(before, after, strict=True):
            assert not torch.isclose(old[0], new[0]).any()
            torch.testing.assert_close(old[1:], new[1:])


def test_the_lessons_end_in_networks_that_finetune_takes(tmp_path):
    forge_folder(tmp_path / "drawn", 40, "sprite", seed=7, size=32, workers=1, progress=False)
    convert([tmp_path / "drawn"], tmp_path / "set.zip", ConvertOptions(resolution=16, labels="folder"))
    shape = {"img_resolution": 16, "channel_base": 128, "channel_max": 8}
    torch.manual_seed(0)
    start = Networks(
        G_ema=Generator(GeneratorConfig(**shape, z_dim=8, w_dim=8, num_layers=2, use_noise=False)),
        D=Discriminator(DiscriminatorConfig(**shape)),
    )
    start.record_architectures()
    save(tmp_path / "start.safetensors", start)
    data, out = str(tmp_path / "set.zip"), ["--out", str(tmp_path / "out")]
    for command in (
        ["record", data, "--seed", "7"],
        ["draw", data, "--start", str(tmp_path / "start.safetensors"), "--kimg", "0.064"],
        ["ink", data, "--kimg", "0.064"],
        ["map", data, "--steps", "2"],
    ):
        result = CliRunner().invoke(main, [*command, *out], catch_exceptions=False)
        assert result.exit_code == 0, result.output
    taught = load(tmp_path / "out" / "map.safetensors")
    assert taught.G_ema.z_dim == Z_DIM
    assert {path.name for path in (tmp_path / "out").glob("*.png")} == {"draw.png", "ink.png", "map.png"}
    for name, value in taught.G_ema.synthesis.state_dict().items():
        if name.endswith("weight"):
            assert not torch.equal(value, start.G_ema.synthesis.state_dict()[name]), name
