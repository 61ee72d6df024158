"""The settings of a run as a table, and the options that start such a run again. Options explain both."""

from __future__ import annotations

import json
from typing import Any

from stylegan_pokemon.report.words import bytes_of, number
from stylegan_pokemon.training.settings.config import STYLEGAN2, facts
from stylegan_pokemon.training.settings.option import Option, plain
from stylegan_pokemon.training.settings.options import OPTIONS


def _meanings() -> dict[str, str]:
    """What each setting means, in the order of the table."""
    explained = {option.recorded: _explained(option) for option in OPTIONS.values() if option.recorded}
    version = {"version": "of the program, when the run began or was last continued"}
    return version | {name: meaning or explained[name] for name, meaning in facts().items()} | explained


def _explained(option: Option) -> str:
    words = option.in_words()
    return words if option.recorded == option.name else f"{words} ({option.flag})"


_MEANINGS = _meanings()


def rows(config: dict[str, Any]) -> list[tuple[str, str, str]]:
    """(name, value, meaning) of every setting, tables inside it flattened to a.b; all plain text."""
    flat = _flat(config)
    known = [name for name in _MEANINGS if name in flat]
    others = [name for name in flat if name not in _MEANINGS]
    return [(name, _shown(name, flat[name]), _MEANINGS.get(name, "")) for name in known + others]


def differences(configs: list[dict[str, Any]]) -> list[tuple[str, list[str], str]]:
    """(name, value in every run, meaning) of the settings in which runs differ."""
    shown = [{name: value for name, value, _ in rows(config)} for config in configs]
    names = list(dict.fromkeys(name for row in shown for name in row))
    ordered = [n for n in _MEANINGS if n in names] + [n for n in names if n not in _MEANINGS]
    table = [(name, [row.get(name, "–") for row in shown], _MEANINGS.get(name, "")) for name in ordered]
    return [row for row in table if len(set(row[1])) > 1]


def same_options(config: dict[str, Any]) -> dict[str, list[str]]:
    """By option, the words of a command line that train another run in the same way, but for its start.

    Left out are defaults, and what a snapshot of the run decides anyway.
    """
    said: dict[str, list[str]] = {}
    for option in OPTIONS.values():
        value = option.recorded_in(config)
        if not option.repeated or not _says_something(option, value) or not _applies(option, config):
            continue
        said[option.name] = [option.flag] if value is True else [option.flag, plain(value)]
    return said


def _says_something(option: Option, value: Any) -> bool:
    if not isinstance(value, int | float | str) or value == "":
        return False
    return value != option.default and plain(value) != option.automatic


def _applies(option: Option, config: dict[str, Any]) -> bool:
    if not option.known_to(_system(config)):
        return False
    if option.needs is None:
        return True
    partner, wanted = option.needs
    return OPTIONS[partner].recorded_in(config) in wanted


def _system(config: dict[str, Any]) -> str:
    """The system that was trained; config.json may be damaged."""
    arch = config.get("arch")
    return arch if isinstance(arch, str) and arch in OPTIONS["arch"].choices else STYLEGAN2


def _flat(table: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name, value in table.items():
        if isinstance(value, dict) and prefix.count(".") < 3:
            result |= _flat(value, f"{prefix}{name}.")
        else:
            result[f"{prefix}{name}"] = value
    return result


def _shown(name: str, value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name.endswith("bytes") and (size := number(value)) is not None and size > 2**20:
        return bytes_of(size)
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
