"""settings.toml, the environment and per-customer overrides, as an operator meets them."""

from __future__ import annotations

import itertools
import re
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from watcher.cli import watcher
from watcher.errors import ConfigError
from watcher.settings import Settings, as_toml, load, masked

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


def test_every_line_of_the_shipped_file_has_its_comment() -> None:
    """One sentence right above each setting, and above nothing else."""
    lines = SHIPPED.read_text(encoding="utf-8").splitlines()
    unset = re.compile(r"# [a-z_]+ =$")
    for before, line in itertools.pairwise(lines):
        is_setting = re.match(r"[a-z_]+ = ", line) is not None or unset.fullmatch(line)
        if is_setting:
            assert before.startswith("# "), line
            assert before[-1] in ".;:" or before.endswith('"have it";'), before
        if before.startswith("# ") and not unset.fullmatch(before):
            assert is_setting or line.startswith("# "), line


def test_what_somebody_put_into_a_url_is_not_shown(tmp_path: Path) -> None:
    """Neither by check-config nor as JSON: users, passwords, queries; for customers too."""
    url = "https://user:hunter2@ai.example/in?token=hunter2#hunter2"
    path = written(
        tmp_path,
        f'[deliver]\nurl = "{url}"\nproxy = "http://me:hunter2@proxy:3128"\n'
        f'secret = "env:TOKEN"\n[customers.north.deliver]\noauth_token_url = "{url}"\n',
    )
    shown = masked(load(path, {}))
    for text in (as_toml(shown), shown.model_dump_json()):
        assert "hunter2" not in text
        assert "https://***@ai.example/in?***" in text
        assert "http://***@proxy:3128" in text
        assert "env:TOKEN" in text


def test_a_token_in_place_of_its_place_is_not_repeated(tmp_path: Path) -> None:
    """The refusal names the setting, never what stands there."""
    with pytest.raises(ConfigError) as refusal:
        load(written(tmp_path, '[deliver]\nsecret = "hunter2"\n'), {})
    assert "deliver.secret" in str(refusal.value)
    assert "hunter2" not in str(refusal.value)


def test_check_config_shows_what_is_in_effect(tmp_path: Path) -> None:
    """Defaults, the file and the customer's own, merged; it can be read back."""
    path = written(
        tmp_path,
        '[deliver]\nurl = "https://ai.example"\n[customers."north.wing".render]\n'
        'mode = "lossless"\n',
    )
    done = CliRunner().invoke(watcher, ["check-config", "--settings", str(path)])
    assert done.exit_code == 0, done.output
    shown = tomllib.loads(done.stdout)
    own = shown["customers"]["north.wing"]
    assert own["render"]["mode"] == "lossless"
    assert own["deliver"]["url"] == "https://ai.example"
    assert shown["render"]["mode"] == "display"
    assert load(written(tmp_path, done.stdout), {}).of("north.wing").render.mode == "lossless"


def test_a_missing_file_is_said_and_not_ignored(tmp_path: Path) -> None:
    """A gateway on defaults it was not given would drop files into the wrong place."""
    with pytest.raises(ConfigError, match="cannot read"):
        load(tmp_path / "nowhere.toml", {})


def test_what_is_printed_can_be_read_back(tmp_path: Path) -> None:
    """check-config's output is a settings file."""
    path = written(tmp_path, as_toml(load(None, {})))
    again = load(path, {})
    assert as_toml(again) == path.read_text(encoding="utf-8")
