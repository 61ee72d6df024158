"""Refusals of options: values out of range, contradictions, and options that a system does not have."""

from __future__ import annotations

from collections.abc import Collection

from stylegan_pokemon.data.dataset import DatasetFacts
from stylegan_pokemon.errors import UserError
from stylegan_pokemon.training.settings.metrics import check_metrics
from stylegan_pokemon.training.settings.option import Option
from stylegan_pokemon.training.settings.options import OPTIONS, Options


def check(options: Options) -> None:
    """Refuse values out of range and contradictions. Raises UserError naming the option."""
    for option in OPTIONS.values():
        option.check(getattr(options, option.name))
    for option in OPTIONS.values():
        _check_needs(option, options)
    if options.adapt and options.resume == "none":
        raise UserError("--adapt fits a checkpoint to other widths or classes and contradicts --resume none")
    if options.aug == "fixed" and options.p is None:
        raise UserError("--aug fixed needs --p, the probability to keep")
    check_metrics(options.metrics, options.patience, options.metrics_features)


def check_system(options: Options, given: Collection[str] = ()) -> None:
    """Refuse options that the system of --arch does not have. Raises UserError naming one.

    given: names of options that the user wrote, even if with their default value.
    """
    for option in OPTIONS.values():
        value = getattr(options, option.name)
        written = value != option.default or option.name in given
        if not written or option.known_to(options.arch) or value in option.elsewhere:
            continue
        if option.name == "resume":
            raise UserError(
                f"{option.spelt(value)} with --arch {options.arch}: a baseline system always"
                " starts from new networks; leave it out. To continue one of its runs, give --resume and"
                " the run directory alone"
            )
        assert option.systems is not None
        raise UserError(
            f"{option.spelt(value)} belongs to {option.systems.called} and not to --arch {options.arch};"
            f" leave it out, or choose --arch {option.systems.example}"
        )


def check_data(options: Options, facts: DatasetFacts) -> None:
    """Refuse labels that the data set lacks, and more pictures than it has. Raises UserError."""
    if options.subset and options.subset > facts.images:
        raise UserError(
            f"--subset {options.subset}: {facts.path} has {facts.images} pictures; give fewer or leave it out"
        )
    for flag, wanted in (("--cond", options.cond), ("--balance", options.balance)):
        if wanted and not facts.classes:
            fault = facts.label_fault or f"{facts.path} has no labels"
            raise UserError(f"{flag}: {fault}; convert it with --labels KIND, or leave {flag} out")


def _check_needs(option: Option, options: Options) -> None:
    """Refuse an option whose partner has another value than it needs."""
    value = getattr(options, option.name)
    if option.needs is None or value is None or (value == 0 and option.at_least == 0):
        return
    partner, wanted = OPTIONS[option.needs[0]], option.needs[1]
    if (found := getattr(options, partner.name)) in wanted:
        return
    if partner.kind is bool:
        raise UserError(f"{option.spelt(value)} needs {partner.flag}; add it, or leave {option.flag} out")
    raise UserError(
        f"{option.spelt(value)} needs {partner.flag} {' or '.join(wanted)} and contradicts"
        f" {partner.spelt(found)}; leave one of them out"
    )
