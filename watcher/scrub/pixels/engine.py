"""One ONNX model on one CPU core, its failures turned into refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import onnxruntime
from numpy.typing import NDArray

from watcher.errors import ConfigError, RefusedError
from watcher.model import Reason

# A worker has one core; its pool would fight with the other workers'.
cv2.setNumThreads(1)

# onnxruntime's own exceptions share no base but Exception; they are named after their status.
_FAILURES: tuple[type[Exception], ...] = (
    *(
        value
        for value in vars(onnxruntime.capi.onnxruntime_pybind11_state).values()
        if isinstance(value, type) and issubclass(value, Exception)
    ),
    RuntimeError,
    ValueError,
)


class Engine:
    """A session with one thread that keeps no arena: memory goes back after each picture."""

    def __init__(self, model: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        options.enable_cpu_mem_arena = False
        try:
            self._session = onnxruntime.InferenceSession(
                str(model), options, providers=["CPUExecutionProvider"]
            )
        except _FAILURES:
            raise ConfigError(f"the reader's model {model.name} cannot be loaded") from None
        self._input = self._session.get_inputs()[0].name

    def run(self, batch: NDArray[Any]) -> list[NDArray[Any]]:
        """The model's outputs for one input, (n, channels, rows, columns)."""
        try:
            answers: list[NDArray[Any]] = self._session.run(None, {self._input: batch})
        except _FAILURES:
            raise RefusedError(Reason.BURNED_IN, "the reader failed") from None
        return answers

    def metadata(self, key: str) -> str:
        """A string that the model's maker put into the file, or ""."""
        return str(self._session.get_modelmeta().custom_metadata_map.get(key, ""))
