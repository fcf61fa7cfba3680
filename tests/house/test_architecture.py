"""The plan of the house, kept true: imports point down, each library has one home."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[2] / "watcher"
MODULES = sorted(HOUSE.rglob("*.py"))

FOUNDATION = {"model", "errors", "options", "digest"}
ROOMS = {
    "intake": {"dicom"},
    "scrub": {"dicom"},
    "render": {"dicom"},
    "deliver": set(),
    "store": set(),
    "observe": {"store"},
    "receiver": {"deliver"},
    "page": set(),
    "dicom": set(),
}
HOMES = {
    "watchdog": {"intake"},
    "deid": {"scrub"},
    "pydicom": {"dicom"},
    "PIL": {"render"},
    "isal": {"render"},
    "zlib_ng": {"render"},
    "blake3": {"digest"},
    "pybase64": {"deliver"},
    "sqlite3": {"store", "cli"},  # the verbs hold the connection that store opened
    "pebble": {"workers"},
    "prometheus_client": {"observe"},
    "aiohttp.web": {"receiver", "observe", "page"},
}


def home_of(module: Path) -> str:
    """The room of a module, or the module's own name when it stands at the top."""
    inner = module.relative_to(HOUSE)
    return inner.parts[0].removesuffix(".py")


def imports(module: Path) -> Iterator[str]:
    """Every dotted name a module imports, wherever in it."""
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def name_of(module: Path) -> str:
    """A module's dotted name."""
    parts = module.relative_to(HOUSE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_a_room_imports_only_what_stands_below_it(module: Path) -> None:
    """A room knows the foundation, what the plan lists for it, and itself."""
    home = home_of(module)
    if home not in ROOMS:
        pytest.skip("not a room: it composes them")
    allowed = FOUNDATION | ROOMS[home] | {home}
    used = {name.split(".")[1] for name in imports(module) if name.startswith("watcher.")}
    assert used <= allowed


@pytest.mark.parametrize("library", HOMES)
def test_each_library_has_one_home(library: str) -> None:
    """So that it can be replaced there."""
    users = {
        home_of(module)
        for module in MODULES
        if any(f"{name}.".startswith(f"{library}.") for name in imports(module))
    }
    assert users, "the plan names a library that nobody uses"
    assert users <= HOMES[library]


def test_no_imports_go_in_circles() -> None:
    """The modules can be put in an order in which each needs only earlier ones."""
    names = {name_of(module) for module in MODULES}
    needs = {
        name_of(module): {n for n in imports(module) if n in names} - {name_of(module)}
        for module in MODULES
    }
    for package in [n for n in names if any(m.startswith(f"{n}.") for m in names)]:
        # `from package import module` names the package too; only its own imports count.
        for users in needs.values():
            if any(used.startswith(f"{package}.") for used in users):
                users.discard(package)
    while needs:
        free = {name for name, wants in needs.items() if not wants & needs.keys()}
        assert free, f"in a circle: {sorted(needs)}"
        needs = {name: wants for name, wants in needs.items() if name not in free}


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_a_module_is_one_sentence_long(module: Path) -> None:
    """It says what it is, and has not outgrown that: at most 300 lines."""
    text = module.read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(text)), "no docstring"
    assert len(text.splitlines()) <= 300


def test_only_scrub_makes_what_may_leave() -> None:
    """The type that render and deliver accept is made in one room."""
    makers = {
        home_of(module)
        for module in MODULES
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "Scrubbed"
    }
    assert makers == {"scrub"}


def test_the_broad_excepts_are_the_ones_that_were_argued() -> None:
    """Anything unexpected is caught once, at the worker's edge; the ledger hands errors over."""
    found = {
        name_of(module)
        for module in MODULES
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8")))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or ast.unparse(node.type) in {"Exception", "BaseException"})
        and not isinstance(node.body[-1], ast.Raise)  # tidies up and passes it on
    }
    assert found <= {"watcher.prepare", "watcher.store.writer"}


def test_every_dependency_has_a_lower_bound() -> None:
    """Declared in pyproject.toml; the lock files pin the rest."""
    project = tomllib.loads((HOUSE.parent / "pyproject.toml").read_text())["project"]
    assert all(">=" in dependency for dependency in project["dependencies"])
