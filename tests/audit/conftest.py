"""The box and the backend of `tests.way`."""

from tests.way.conftest import backend, box, faults

__all__ = ["backend", "box", "faults"]
