"""The README is true: its commands exist, its settings are settings, its links lead somewhere."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from watcher.cli import VERBS, watcher
from watcher.settings import Settings, load


def _command(name: str) -> click.Command | None:
    return watcher.get_command(click.Context(watcher), name)


ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


GROUPS = {name: command for name in VERBS if isinstance(command := _command(name), click.Group)}


def mentioned_verbs() -> list[list[str]]:
    """Each `watcher ...` in the README as words, without arguments."""
    found = re.findall(r"watcher ((?:[a-z-]+ ?)+)", README)
    return [words.split() for words in found if words.split()[0] in VERBS]


@pytest.mark.parametrize("words", mentioned_verbs(), ids=" ".join)
def test_every_verb_in_the_readme_has_help(words: list[str]) -> None:
    """`watcher VERB --help` works for each that is named."""
    verb = words[:2] if words[0] in GROUPS else words[:1]
    result = CliRunner().invoke(watcher, [*verb, "--help"])
    assert result.exit_code == 0, result.output
    assert "Usage:" in result.output


def test_every_verb_is_in_the_readme() -> None:
    """And none is missing."""
    assert {words[0] for words in mentioned_verbs()} == set(VERBS)


@pytest.mark.parametrize("option", sorted(set(re.findall(r"`?(--[a-z]+)", README))))
def test_every_option_in_the_readme_exists(option: str) -> None:
    """In some verb's help, in the test script, or as an argument of a benchmark."""
    verbs = [[verb] for verb in VERBS]
    verbs += [[group, verb] for group, command in GROUPS.items() for verb in command.commands]
    helps = [CliRunner().invoke(watcher, [*verb, "--help"]).output for verb in verbs]
    scripts = (ROOT / "scripts" / "test").read_text(encoding="utf-8")
    benchmarks = (ROOT / "scripts" / "benchmarks").glob("*.py")
    measured = any(f'"{option}"' in path.read_text(encoding="utf-8") for path in benchmarks)
    assert option == "--help" or measured or any(option in text for text in [*helps, scripts])


def test_every_setting_in_the_readme_exists(tmp_path: Path) -> None:
    """Dotted names, and the example file as a whole."""
    known = Settings().model_dump()
    for section, key in set(re.findall(r"`([a-z]+)\.([a-z_]+)`", README)):
        if key not in {"jsonl", "toml", "json", "py"}:  # names of files
            assert key in known[section], f"{section}.{key}"
    (example,) = re.findall(r"```toml\n(.*?)```", README, re.DOTALL)
    assert tomllib.loads(example)
    path = tmp_path / "settings.toml"
    path.write_text(example, encoding="utf-8")
    assert load(path, {}).of("north").render.mode == "lossless"


@pytest.mark.parametrize(
    "path", sorted(set(re.findall(r"(?:\]\(|`|\./)((?:scripts|watcher)/[\w./]+)", README)))
)
def test_every_file_in_the_readme_is_there(path: str) -> None:
    """Folders and files that are named or linked."""
    assert (ROOT / path).exists()
