"""The doctor's answer: a table and a verdict for people, an object for bug reports."""

from __future__ import annotations

import dataclasses
import textwrap
from typing import Any

from stylegan_pokemon._version import __version__
from stylegan_pokemon.doctor.cards import training_card
from stylegan_pokemon.doctor.facts import NOTE, PROBLEM, Facts, Finding

_WIDTH = 110


def lines(facts: Facts, findings: list[Finding]) -> list[str]:
    """The whole answer for people."""
    wide = max(len(finding.check) for finding in findings)
    out = []
    for finding in findings:
        out += _wrapped(finding.found, f"{finding.level:8} {finding.check:{wide}}  ")
    problems = [finding for finding in findings if finding.level == PROBLEM]
    notes = [finding for finding in findings if finding.level == NOTE and finding.advice]
    out += ["", f"Verdict: {verdict(facts, findings)}"]
    for number, finding in enumerate(problems, 1):
        out += _remedy(f"{number}.", finding)
    if problems:
        out += ["", f"Then run `{facts.python_command} -m stylegan_pokemon doctor` again."]
    out += ["", "Notes:"] if notes else []
    for finding in notes:
        out += _remedy("-", finding)
    return out


def verdict(facts: Facts, findings: list[Finding]) -> str:
    """One sentence: whether training can start, and on which device."""
    problems = [finding for finding in findings if finding.level == PROBLEM]
    index = training_card(facts)
    device = "the CPU" if index is None or not facts.torch else facts.torch.cards[index].name
    if not problems:
        return f"ready. Training runs on {device}."
    fix = "Fix this:" if len(problems) == 1 else f"Fix these {len(problems)}, the most important first:"
    if any(problem.stops for problem in problems):
        return f"training cannot start. {fix}"
    return f"training runs on {device}, but not everything works. {fix}"


def as_object(facts: Facts, findings: list[Finding]) -> dict[str, Any]:
    """The answer for programs and bug reports: verdict, findings and all facts."""
    return {
        "stylegan_pokemon": __version__,
        "verdict": verdict(facts, findings),
        "ok": not any(finding.level == PROBLEM for finding in findings),
        "findings": [dataclasses.asdict(finding) for finding in findings],
        "facts": dataclasses.asdict(facts),
    }


def _remedy(mark: str, finding: Finding) -> list[str]:
    """What to do, and the command on a line of its own, which is never wrapped: it is to be copied."""
    command = [f"{' ' * 9}{finding.command}"] if finding.command else []
    return _wrapped(f"{finding.check}: {finding.advice}", f"  {mark:3}") + command


def _wrapped(text: str, head: str) -> list[str]:
    """Lines of at most _WIDTH characters that start below the end of `head`."""
    return textwrap.wrap(
        text, _WIDTH, initial_indent=head, subsequent_indent=" " * len(head),
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
