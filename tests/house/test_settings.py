"""settings.toml, the environment and per-customer overrides, as an operator meets them."""

from __future__ import annotations

from pathlib import Path

import pytest

from watcher.errors import ConfigError
from watcher.settings import Settings, as_toml, load

SHIPPED = Path(__file__).parents[2] / "settings.toml"


def written(folder: Path, text: str) -> Path:
    path = folder / "settings.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_shipped_file_holds_every_setting_with_its_default_and_its_comment() -> None:
    """What the file says is what the program does when the file says nothing."""
    assert SHIPPED.read_text(encoding="utf-8") == as_toml(Settings())


def test_the_shipped_file_gives_the_defaults(tmp_path: Path) -> None:
    """Paths apart, which are anchored at the file's folder."""
    shipped = load(SHIPPED, {})
    assert shipped.state == SHIPPED.parent / "state"
    default = Settings()
    assert shipped.limits == default.limits
    assert shipped.deliver == default.deliver
    assert shipped.scrub == default.scrub


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    """WATCHER_SECTION__KEY, typed as in TOML; a bare word is a string."""
    path = written(tmp_path, "[workers]\nprocesses = 1\n")
    environment = {
        "WATCHER_WORKERS__PROCESSES": "3",
        "WATCHER_DELIVER__URL": "https://ai.example",
        "PATH": "/bin",
    }
    settings = load(path, environment)
    assert settings.workers.processes == 3
    assert settings.deliver.url == "https://ai.example"


def test_a_customer_inherits_a_section_key_by_key(tmp_path: Path) -> None:
    """Only what the customer's table names is different."""
    path = written(
        tmp_path,
        '[deliver]\nurl = "https://a.example"\nconcurrency = 2\n'
        '[customers.north.deliver]\nurl = "https://b.example"\n',
    )
    settings = load(path, {})
    assert settings.of("north").deliver.url == "https://b.example"
    assert settings.of("north").deliver.concurrency == 2
    assert settings.of("south").deliver.url == "https://a.example"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[delivr]\n", "delivr: no such setting; did you mean 'deliver'?"),
        ("[intake]\nscan_evry = 1\n", "intake.scan_evry: no such setting; did you mean"),
        ("[customers.n.render]\nmod = 'x'\n", "did you mean 'mode'?"),
        ("[intake]\nscan_every = -1\n", "intake.scan_every"),
        ("[workers]\nprocesses = 'many'\n", "workers.processes"),
        ("[intake\n", "is not valid TOML"),
    ],
)
def test_what_is_wrong_is_named_with_the_nearest_right_one(
    tmp_path: Path, text: str, says: str
) -> None:
    """Nothing starts on a setting that was not understood."""
    with pytest.raises(ConfigError) as refusal:
        load(written(tmp_path, text), {})
    assert says in str(refusal.value)


def test_a_missing_file_is_said_and_not_ignored(tmp_path: Path) -> None:
    """A gateway on defaults it was not given would drop files into the wrong place."""
    with pytest.raises(ConfigError, match="cannot read"):
        load(tmp_path / "nowhere.toml", {})


def test_what_is_printed_can_be_read_back(tmp_path: Path) -> None:
    """check-config's output is a settings file."""
    path = written(tmp_path, as_toml(load(None, {})))
    again = load(path, {})
    assert as_toml(again) == path.read_text(encoding="utf-8")
