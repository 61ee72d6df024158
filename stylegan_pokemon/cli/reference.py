"""The manual's reference of `finetune.py`: `python -m stylegan_pokemon.cli.reference > docs/options.md`."""

from __future__ import annotations

from stylegan_pokemon.cli.grouped import GROUPS, default_of, in_words, values_of
from stylegan_pokemon.training.settings.config import STYLEGAN2
from stylegan_pokemon.training.settings.option import Option
from stylegan_pokemon.training.settings.options import OPTIONS

_HEAD = """\
# Options of `finetune.py`

<!-- Generated from training/settings/options.py by `make docs`. Do not edit. -->

`python finetune.py --help` prints the same text. The last column says whether a continued run
(`--resume RUN`) may have another value.

Besides these, `--dry-run` prints the configuration and the memory plan without starting a run.
"""
_CONTINUED = {
    "fixed": "no",
    "replaced": "yes",
    "session": "yes, for this session",
    "ignored": "ignored",
}


def reference() -> str:
    """The page, as Markdown: a table of options for each group, then the values that need words."""
    parts = [_HEAD]
    for group in GROUPS:
        options = [option for option in OPTIONS.values() if option.group == group]
        rows = [_row(option) for option in options]
        head = ["| option | what it does | default | may change |", "|---|---|---|---|"]
        parts.append("\n".join([f"## {group}", "", *head, *rows, ""]))
        for option in options:
            if option.choices_help:
                listed = [f"* `{name}`: {words}" for name, words in option.choices_help.items()]
                parts.append("\n".join([f"Values of `{option.flag}`:", "", *listed, ""]))
    return "\n".join([*parts, f"`--arch` refuses what its system does not have: {_refused()}.\n"])


def _refused() -> str:
    """The options that only StyleGAN2-ADA has, with the values that every system takes."""
    words = []
    for option in OPTIONS.values():
        if option.systems is not None and option.known_to(STYLEGAN2):
            taken = f" (but {', '.join(option.elsewhere)})" if option.elsewhere else ""
            words.append(f"`{option.flag}`{taken}")
    return ", ".join(words)


def _row(option: Option) -> str:
    values = values_of(option).replace("|", " / ")
    cells = [
        f"`{option.flag} {values}`" if values else f"`{option.flag}`",
        in_words(option),
        default_of(option) or "–",
        _CONTINUED[option.continued],
    ]
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    print(reference(), end="")
