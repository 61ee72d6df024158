"""Every command and option that README and the manual show is one that the programs know."""

import importlib
import importlib.util
import re
import shlex

import click
import pytest

from dataset_tool.cli import cli as dataset_tool
from stylegan_pokemon.cli.finetune import finetune
from stylegan_pokemon.cli.generate import main as generate
from stylegan_pokemon.cli.main import cli as program
from tests.conftest import ROOT
from tests.docs.pages import PAGES, blocks, names, read

_OTHERS = {"--index-url", "--force-reinstall", "--no-deps", "--system-site-packages"}  # pip's
_OTHERS |= {"--seed", "--count", "--json", "--sheet"}  # of modules that are not click commands


def _program(words):
    """The click command and its arguments; None for other people's programs."""
    while words and re.fullmatch(r"\w+=.*", words[0]):  # variables of the environment
        words = words[1:]
    match words:
        case ["python", "finetune.py", *rest]:
            return finetune, rest
        case ["python", "generate.py", *rest]:
            return generate, rest
        case ["python", "-m", "dataset_tool", *rest]:
            return dataset_tool, rest
        case ["python", "-m", "stylegan_pokemon", *rest]:
            return program, rest
        case ["python", "-m", module, *rest] if module.startswith("benchmarks."):
            package = importlib.util.find_spec(module).submodule_search_locations
            return importlib.import_module(f"{module}.__main__" if package else module).main, rest
    return None


def _check(command, words):
    """Follow sub-commands as click does, and refuse an option that the command lacks."""
    context = click.Context(command, **command.context_settings)
    known = {name: p for p in command.get_params(context) for name in (*p.opts, *p.secondary_opts)}
    while words:
        word, *words = words
        if word.startswith("--"):
            name = word.partition("=")[0]
            assert name in known, f"{command.name} has no option {name}"
            if not (known[name].is_flag or known[name].is_eager) and "=" not in word:
                words = words[1:]
        elif isinstance(command, click.Group):
            inner = command.get_command(context, word)
            assert inner is not None, f"{command.name} has no command {word}"
            _check(inner, words)
            return


def _commands(page):
    """The command lines of shell blocks, and what stands in backticks and begins like one."""
    for block in blocks(page, "bash"):
        yield from (line for line in block.replace("\\\n", " ").splitlines() if line.strip())
    yield from re.findall(r"`((?:[A-Z_]+=\S+ )?python (?:-m |\w+\.py)[^`]*)`", read(page))


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_every_command_of_a_page_has_its_options(page):
    for line in _commands(page):
        found = _program(shlex.split(line, comments=True))
        if found is not None:
            _check(*found)


def _all_options():
    known, queue = set(_OTHERS), [finetune, generate, dataset_tool, program]
    modules = sorted(path.stem for path in (ROOT / "benchmarks").glob("*.py"))
    loaded = [importlib.import_module(f"benchmarks.{name}") for name in modules if name != "__init__"]
    queue += [module.main for module in loaded if isinstance(getattr(module, "main", None), click.Command)]
    while queue:
        command = queue.pop()
        context = click.Context(command, **command.context_settings)
        known |= {name for p in command.get_params(context) for name in (*p.opts, *p.secondary_opts)}
        if isinstance(command, click.Group):
            queue += [command.get_command(context, name) for name in command.list_commands(context)]
    return known


def test_every_option_that_the_text_names_exists():
    known = _all_options()
    for page in PAGES:
        for code in re.findall(r"`([^`\n]+)`", read(page)):
            for name in re.findall(r"(?<![\w-])--[a-z][a-z-]*", code):
                assert name in known, f"{page.name}: {name}"
