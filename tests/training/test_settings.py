"""An option has one home: command line, manual, report and continued runs agree; older runs still load."""

import dataclasses
import json

import pytest

from stylegan_pokemon.cli.finetune import finetune
from stylegan_pokemon.cli.reference import reference
from stylegan_pokemon.data.dataset import DatasetFacts
from stylegan_pokemon.errors import UserError
from stylegan_pokemon.report import settings
from stylegan_pokemon.training.settings.check import check, check_system
from stylegan_pokemon.training.settings.config import (
    BaselineRunConfig,
    StyleGAN2Config,
    TrainingConfig,
    facts,
)
from stylegan_pokemon.training.settings.continued import continued_config, read_config
from stylegan_pokemon.training.settings.options import OPTIONS, Options, changeable
from stylegan_pokemon.training.settings.resolve import resolve, resolve_baseline
from tests.conftest import ROOT

FACTS = DatasetFacts("d.zip", 100, 64, 3, ("a", "b"), "", (60, 40))


def stylegan2(**options):
    return resolve(Options(**options), FACTS, None, "cpu", "fp32")


def earlier(**options):
    return resolve_baseline(Options(arch="progan", **options), FACTS, "cpu", "fp32")


def test_the_manual_lists_the_options_that_there_are():
    page = (ROOT / "docs" / "options.md").read_text(encoding="utf-8")
    assert page == reference(), "stale: python -m stylegan_pokemon.cli.reference > docs/options.md"
    assert all(f"`{option.flag}" in page for option in OPTIONS.values())


def test_help_lists_every_option_once_under_a_heading():
    text = finetune.get_help(finetune.make_context("finetune.py", []))
    for option in OPTIONS.values():
        assert sum(line.startswith(f"  {option.flag} ") for line in text.splitlines()) == 1, option.flag
        assert f"\n{option.group}:\n" in text


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"kimg": 0.0}, "--kimg 0 must be at least 0.001; it counts thousands of pictures"),
        ({"hours": float("nan")}, "--hours nan must be more than 0; fractions are allowed"),
        ({"lr": 1.0}, "--lr 1 must lie between 0 and 1; the papers use 0.0025"),
        ({"gamma": -1.0}, "--gamma -1 must be 0 or more"),
        ({"cfg": "huge"}, "--cfg huge is unknown; choose one of sprites, auto,"),
        ({"target": 0.0, "aug": "fixed", "p": 0.1},
         "--target 0 needs --aug ada and contradicts --aug fixed; leave one of them out"),
        ({"class_loss": 1.0}, "--class-loss 1 needs --cond; add it, or leave --class-loss out"),
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_is_one_sentence_with_a_remedy(options, sentence):
    with pytest.raises(UserError) as refused:
        check(Options(**options))
    assert str(refused.value).startswith(sentence)


def test_a_loss_of_weight_0_needs_nothing():
    check(Options(class_loss=0.0, uncond_loss=0.0, aug="noaug", p=0.0))


def test_every_setting_of_a_run_is_explained_in_the_report():
    for config in (stylegan2(cond=True), earlier()):
        shown = settings.rows(json.loads(json.dumps(config.to_json())))
        silent = [name for name, _, meaning in shown if not meaning and "." not in name]
        assert not silent
    assert {
        option.recorded.partition(".")[0] for option in OPTIONS.values() if option.recorded
    } <= facts().keys()


def test_a_run_starts_again_with_the_options_that_made_it():
    chosen = {
        "cond": True,
        "gamma": 0.0,
        "haze_loss": 0.0,
        "uncond_loss": 2.0,
        "aug": "fixed",
        "p": 0.25,
        "snap": 3,
    }
    config = stylegan2(**chosen)
    words = [word for words in settings.same_options(config.to_json()).values() for word in words]
    assert " ".join(words) == (
        "--data d.zip --snap 3 --batch 8 --lr 0.005 --gamma 0 --haze-loss 0 --layout-loss 0 --cond"
        " --class-loss 0.5 --uncond-loss 2 --aug fixed --p 0.25 --metrics-num 100 --precision fp32"
    )
    given = finetune.make_context("finetune.py", words).params
    del given["dry_run"]
    again = resolve(Options(**given), FACTS, None, "cpu", "fp32")
    assert again == config


@pytest.mark.parametrize("option", [name for name, option in OPTIONS.items() if option.continued == "fixed"])
def test_only_what_is_said_to_may_change_when_a_run_is_continued(option, tmp_path, monkeypatch):
    """Any other value of any other option is refused by name."""
    config = dataclasses.replace(stylegan2(cond=True), mirror=True, balance=True)
    known = OPTIONS[option]
    others = {int: 3, float: 0.45, str: "other", bool: False}
    value = {"device": "cuda", "arch": "progan", "precision": "bf16"}.get(
        option, next(c for c in known.choices if c != known.recorded_in(config.to_json())) if known.choices
        else others[known.kind],
    )  # fmt: skip
    monkeypatch.setattr("stylegan_pokemon.training.settings.continued.resolve_device", lambda name: name)
    monkeypatch.setattr(
        "stylegan_pokemon.training.settings.continued.resolve_precision", lambda name, device, half: name
    )
    with pytest.raises(UserError, match="cannot change when a run is continued") as refused:
        continued_config(config, {option: value}, tmp_path)
    assert known.spelt(value) in str(refused.value)
    assert f"only {changeable()} can" in str(refused.value)


def test_what_may_change_does(tmp_path):
    asked = {
        "kimg": 2.0,
        "snap": 5,
        "keep": 3,
        "metrics": "kid, fd",
        "metrics_num": 50,
        "patience": 4,
        "hours": 1.0,
    }
    config = continued_config(stylegan2(), asked | {"data": str(tmp_path / "d.zip"), "batch": 8}, tmp_path)
    assert (config.kimg, config.snap, config.keep, config.metrics_num, config.patience) == (2, 5, 3, 50, 4)
    assert config.metrics == "fd,kid"
    assert config.data == str(tmp_path / "d.zip")


def test_an_earlier_system_records_its_own_settings_alone(tmp_path):
    config = earlier(kimg=30.0)
    assert type(config) is BaselineRunConfig
    assert config.stage_kimg == 10
    assert not {"r1_gamma", "ada_target", "cfg", "memory"} & config.to_json().keys()
    continued_config(config, {"aug": "noaug", "precision": "fp32"}, tmp_path)  # as it is anyway
    with pytest.raises(UserError, match=r"--gamma 0 \(the run began without it\)"):
        continued_config(config, {"gamma": 0.0}, tmp_path)


@pytest.mark.parametrize(("made", "words"), [({"version": "9.9"}, "version 9.9"), ({}, "an earlier version")])
def test_a_run_that_another_version_made_is_refused_and_names_it(tmp_path, made, words):
    values = made | stylegan2().to_json() | {"unknown": 1}
    (tmp_path / "config.json").write_text(json.dumps(values))
    with pytest.raises(
        UserError, match=f"{words} of this program made it, .*; start a new run with --resume"
    ):
        read_config(tmp_path)


def test_runs_of_older_versions_load():
    """They lack what is newer than they."""
    config = stylegan2()
    values = config.to_json()
    for later in (
        "arch",
        "keep",
        "holdout",
        "patience",
        "background",
        "haze_loss",
        "class_sizes",
        "recompute",
    ):
        del values[later]
    loaded = TrainingConfig.from_json(values)
    assert type(loaded) is StyleGAN2Config
    assert loaded == config
    for wrong in ({"arch": "gan"}, {"batch": "8"}, {"memory": 3}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            TrainingConfig.from_json(values | wrong)
    with pytest.raises(TypeError, match="nonsense"):
        TrainingConfig.from_json(values | {"nonsense": 1})


def test_an_option_of_another_system_is_refused_even_with_its_default():
    for option in OPTIONS.values():
        if option.systems is None or option.name in ("resume", "arch"):
            continue
        arch = "progan" if option.known_to("stylegan2") else "stylegan2"
        value = next((v for v in option.choices if v not in option.elsewhere), 1)
        with pytest.raises(
            UserError, match=rf"^{option.flag}.* belongs to {option.systems.called} and not to"
        ):
            check_system(Options(**{"arch": arch, option.name: value}), given={option.name})
    check_system(Options(arch="progan", resume="none", aug="noaug", precision="bf16"))
