"""settings.toml and the environment, read once, as one frozen object.

Order, later wins: the defaults in `watcher.options`, settings.toml, `WATCHER_SECTION__KEY` in the
environment, and for one customer `[customers.NAME.section]`.
"""

from __future__ import annotations

import difflib
import json
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from watcher.errors import ConfigError
from watcher.options import (
    ArchiveOptions,
    DeliverOptions,
    DiskOptions,
    IntakeOptions,
    Limits,
    LogOptions,
    ObserveOptions,
    Options,
    PixelOptions,
    RenderOptions,
    ScrubOptions,
    WorkerOptions,
)

_PREFIX = "WATCHER_"
_BARE = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)  # a TOML key that needs no quotes


class Customer(Options):
    """`[customers.NAME]`: what one customer has otherwise; whole sections are merged key by key."""

    intake: IntakeOptions = IntakeOptions()
    scrub: ScrubOptions = ScrubOptions()
    pixels: PixelOptions = PixelOptions()
    render: RenderOptions = RenderOptions()
    deliver: DeliverOptions = DeliverOptions()
    archive: ArchiveOptions = ArchiveOptions()
    paused: bool = False
    """Take nothing of this customer to the backend, until this is false again."""


class Settings(Options):
    """Everything that can be set, after defaults, file, environment and overrides are merged."""

    state: Path = Path("state")
    """Folder of the ledger, outbox, quarantine, archive, keys and log; mode 0700."""
    intake: IntakeOptions = IntakeOptions()
    limits: Limits = Limits()
    scrub: ScrubOptions = ScrubOptions()
    pixels: PixelOptions = PixelOptions()
    render: RenderOptions = RenderOptions()
    deliver: DeliverOptions = DeliverOptions()
    archive: ArchiveOptions = ArchiveOptions()
    workers: WorkerOptions = WorkerOptions()
    disk: DiskOptions = DiskOptions()
    log: LogOptions = LogOptions()
    observe: ObserveOptions = ObserveOptions()
    customers: Mapping[str, Customer] = Field(default_factory=dict)

    def of(self, customer: str) -> Customer:
        """The effective sections of one customer."""
        known = self.customers.get(customer)
        if known is not None:
            return known
        # Asked several times a file; what is valid here need not be looked at again.
        return Customer.model_construct(**{name: getattr(self, name) for name in _SHARED})

    def every_scrub(self) -> list[tuple[ScrubOptions, PixelOptions]]:
        """Each combination of scrub sections that some customer has."""
        everyone = [(self.scrub, self.pixels)]
        everyone += [(own.scrub, own.pixels) for own in self.customers.values()]
        return [pair for n, pair in enumerate(everyone) if pair not in everyone[:n]]


_SHARED = ("intake", "scrub", "pixels", "render", "deliver", "archive")


def load(path: Path | None, environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings. Relative paths in the file are relative to its folder.

    Raises ConfigError, which names every wrong key with the nearest right one.
    """
    raw = {} if path is None else _file(path)
    _overlay(raw, environment)
    _inherit(raw)
    try:
        settings = Settings.model_validate(raw)
    except ValidationError as error:
        raise ConfigError(_explain(error)) from None
    return _anchored(settings, Path.cwd() if path is None else path.resolve().parent)


def _file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError:
        raise ConfigError(f"cannot read the settings file {path}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from None


def _overlay(raw: dict[str, Any], environment: Mapping[str, str]) -> None:
    for name, value in sorted(environment.items()):
        if not name.startswith(_PREFIX):
            continue
        *sections, key = name.removeprefix(_PREFIX).lower().split("__")
        place = raw
        for section in sections:
            place = place.setdefault(section, {})
        place[key] = _value(value)


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"v = {text}")["v"]
    except tomllib.TOMLDecodeError:
        return text


def _inherit(raw: dict[str, Any]) -> None:
    for own in raw.get("customers", {}).values():
        if not isinstance(own, dict):
            continue
        for section in _SHARED:
            shared = raw.get(section, {})
            mine = own.get(section, {})
            if isinstance(shared, dict) and isinstance(mine, dict):
                own[section] = shared | mine


def _explain(error: ValidationError) -> str:
    return "\n".join(_one(item["loc"], item["type"], item["msg"]) for item in error.errors())


def _one(location: tuple[int | str, ...], kind: str, message: str) -> str:
    name = ".".join(str(part) for part in location)
    if kind != "extra_forbidden":
        return f"{name}: {message}"
    near = difflib.get_close_matches(str(location[-1]), _keys(location[:-1]), n=1)
    return f"{name}: no such setting" + (f"; did you mean {near[0]!r}?" if near else "")


def _keys(location: tuple[int | str, ...]) -> list[str]:
    model: type[Options] = Settings
    parts = list(location)
    while parts:
        part = str(parts.pop(0))
        if part == "customers":
            model, parts = Customer, parts[1:]
            continue
        inner = model.model_fields[part].annotation
        if not (isinstance(inner, type) and issubclass(inner, Options)):
            return []
        model = inner
    return list(model.model_fields)


def _anchored(settings: Settings, base: Path) -> Settings:
    """Make every relative path absolute, seen from the folder of the settings file."""
    return _anchor(settings, base)  # type: ignore[return-value] # same type in, same type out


def _anchor(options: Options, base: Path) -> Options:
    changes: dict[str, Any] = {}
    for name in type(options).model_fields:
        value = getattr(options, name)
        if isinstance(value, Path):
            changes[name] = base / value
        elif isinstance(value, Options):
            changes[name] = _anchor(value, base)
        elif isinstance(value, Mapping):
            changes[name] = {
                key: _anchor(item, base) if isinstance(item, Options) else item
                for key, item in value.items()
            }
    return options.model_copy(update=changes)


def masked(settings: Settings) -> Settings:
    """The same, with whatever somebody may have put into a URL masked: user, password, query."""
    own = {
        name: customer.model_copy(update={"deliver": _masked(customer.deliver)})
        for name, customer in settings.customers.items()
    }
    return settings.model_copy(update={"deliver": _masked(settings.deliver), "customers": own})


def _masked(deliver: DeliverOptions) -> DeliverOptions:
    urls = {name: getattr(deliver, name) for name in ("url", "oauth_token_url", "proxy")}
    return deliver.model_copy(update={name: _bare(url) for name, url in urls.items()})


def _bare(url: str) -> str:
    """`https://user:password@host/path?key=1#x` as `https://***@host/path?***`."""
    front, query, _ = re.match(r"([^?#]*)([?#]?)(.*)", url, re.DOTALL).groups()  # type: ignore[union-attr] # matches anything
    return re.sub(r"//.*@", "//***@", front) + (f"{query}***" if query else "")


def as_toml(settings: Settings) -> str:
    """The settings as TOML, one comment line above each key: its meaning in one sentence."""
    lines = _toml(settings, "")
    for name, own in sorted(settings.customers.items()):
        lines += _toml(own, f"customers.{name if _BARE.fullmatch(name) else json.dumps(name)}")
    return "\n".join(lines).lstrip("\n") + "\n"


def _toml(options: Options, section: str) -> list[str]:
    lines = [f"\n[{section}]"] if section else []
    inner: list[str] = []
    for name, info in type(options).model_fields.items():
        value = getattr(options, name)
        if isinstance(value, Options):
            inner += _toml(value, f"{section}.{name}".lstrip("."))
        elif not isinstance(value, Mapping):
            lines += [f"# {line}" for line in (info.description or "").splitlines()]
            lines.append(f"# {name} =" if value is None else f"{name} = {_literal(value)}")
    return lines + inner


def _literal(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, tuple | list | frozenset):
        return "[" + ", ".join(_literal(item) for item in value) + "]"
    return json.dumps(str(value), ensure_ascii=False)
