"""List the benchmarks with the first line of what each says of itself."""

from __future__ import annotations

import importlib
import pkgutil

import scripts.benchmarks as home


def main() -> None:
    """Print one line a benchmark."""
    for module in pkgutil.iter_modules(home.__path__):
        loaded = None if module.name.startswith("_") else _load(module.name)
        if loaded is not None and hasattr(loaded, "main"):
            summary = (loaded.__doc__ or "").strip().splitlines()[0]
            print(f"{module.name.replace('_', '-'):12} {summary}")


def _load(name: str) -> object:
    return importlib.import_module(f"scripts.benchmarks.{name}")


if __name__ == "__main__":
    main()
