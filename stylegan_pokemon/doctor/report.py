"""The doctor's answer: a table and a verdict for people, an object for bug reports."""

from __future__ import annotations

import dataclasses
import textwrap
from typing import Any

from stylegan_pokemon import __version__
from stylegan_pokemon.doctor.cards import training_card
from stylegan_pokemon.doctor.facts import Facts
from stylegan_pokemon.doctor.finding import NOTE, PROBLEM, Finding

_WIDTH = 110


def lines(facts: Facts, findings: list[Finding]) -> list[str]:
    """The whole answer for people."""
    wide = max(len(finding.check) for finding in findings)
    out = []
    for finding in findings:
        head = f"{finding.level:8} {finding.check:{wide}}  "
        out += textwrap.wrap(
            finding.found, _WIDTH, initial_indent=head, subsequent_indent=" " * len(head),
            break_long_words=False, break_on_hyphens=False,
        )  # fmt: skip
    problems = [finding for finding in findings if finding.level == PROBLEM]
    notes = [finding for finding in findings if finding.level == NOTE and finding.advice]
    out += ["", f"Verdict: {verdict(facts, findings)}"]
    for number, finding in enumerate(problems, 1):
        out += _remedy(f"{number}.", finding, problems[: number - 1])
    if problems:
        out += ["", f"Then run `{facts.python_command} -m stylegan_pokemon doctor` again."]
    if notes:
        out += ["", "Worth knowing:"]
        for finding in notes:
            out += _remedy("-", finding, problems)
    return out


def verdict(facts: Facts, findings: list[Finding]) -> str:
    """In one sentence whether training can go on, and on what."""
    problems = [finding for finding in findings if finding.level == PROBLEM]
    index = training_card(facts)
    device = "the CPU" if index is None or not facts.torch else facts.torch.cards[index].name
    if not problems:
        return f"ready. Training runs on {device}."
    things = "One thing is" if len(problems) == 1 else f"{len(problems)} things are"
    order = "" if len(problems) == 1 else ", the most important first"
    if any(problem.stops for problem in problems):
        return f"training cannot start. {things} to be repaired{order}:"
    return f"training runs on {device} as it is. {things} to be repaired{order}:"


def as_object(facts: Facts, findings: list[Finding]) -> dict[str, Any]:
    """The same for programs and bug reports: the facts too."""
    return {
        "stylegan_pokemon": __version__,
        "verdict": verdict(facts, findings),
        "ok": not any(finding.level == PROBLEM for finding in findings),
        "findings": [dataclasses.asdict(finding) for finding in findings],
        "facts": dataclasses.asdict(facts),
    }


def _remedy(mark: str, finding: Finding, said: list[Finding]) -> list[str]:
    """What to do, and under it the command; one that `said` has already is named by its number."""
    indent = " " * 5
    numbers = [number for number, other in enumerate(said, 1) if other.command == finding.command]
    same = f" The command of {numbers[0]} does that." if finding.command and numbers else ""
    out = textwrap.wrap(
        f"{finding.check}: {finding.advice}{same}",
        _WIDTH,
        initial_indent=f"  {mark:3}",
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    if finding.command and not same:
        out.append(f"{indent}    {finding.command}")  # never wrapped: it is to be copied
    return out
