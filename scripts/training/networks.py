"""The two networks as plain functions of their weights, and their export to ONNX."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch.nn import functional

Weights = Mapping[str, torch.Tensor]


@dataclass(frozen=True, slots=True)
class Layer:
    """A convolution with `kernel` x `kernel` weights; padded to keep its size but for `stride`."""

    inputs: int
    outputs: int
    kernel: int = 3
    stride: int = 1
    dilation: int = 1
    bias: bool = True
    padded: bool = True

    @property
    def padding(self) -> int:
        return self.dilation * (self.kernel // 2) if self.padded else 0


# No biases: a darker picture of the same text gives the same evidence over contrast, scaled.
SCAN = {
    "c1": Layer(1, 16, 6, 4, bias=False, padded=False),
    "c2": Layer(16, 16, 3, 2, bias=False),
    "c3": Layer(16, 16, bias=False),
    "c4": Layer(16, 16, dilation=2, bias=False),
    "a": Layer(16, 1, 1, bias=False),
    "n": Layer(16, 1, 1, bias=False),
}
TEXTNESS = {
    "c1": Layer(2, 10, 3, 2),
    "c2": Layer(10, 10),
    "c3": Layer(10, 24, 3, 2),
    "c4": Layer(24, 24),
    "c5": Layer(24, 32, 3, 2),
    "c6": Layer(32, 32),
    "c7": Layer(32, 32, dilation=2),
    "c8": Layer(32, 32, dilation=4),
    "l4": Layer(24, 24, 1),
    "u8": Layer(32, 24, 1),
    "f1": Layer(24, 24),
    "out": Layer(24, 1, 1),
}


def fresh(layers: Mapping[str, Layer]) -> dict[str, torch.Tensor]:
    """He-initialised weights; `k` is the scan's gain, offset and logarithm of least contrast."""
    weights: dict[str, torch.Tensor] = {"k": torch.tensor([4.0, -2.0, 1.0])}
    for name, layer in layers.items():
        shape = (layer.outputs, layer.inputs, layer.kernel, layer.kernel)
        spread = (2.0 / (layer.inputs * layer.kernel**2)) ** 0.5
        weights[f"{name}.weight"] = torch.randn(shape) * spread
        if layer.bias:
            weights[f"{name}.bias"] = torch.full((layer.outputs,), -3.0 if name == "out" else 0.0)
    if "n" in layers:
        weights["n.weight"] = torch.full((1, layers["n"].inputs, 1, 1), 1.0 / layers["n"].inputs)
    for tensor in weights.values():
        tensor.requires_grad_()
    return weights


def load(path: Path, weights: dict[str, torch.Tensor]) -> None:
    """Take over the weights of a file that `export_textness` wrote."""
    suffixes = {"weight": "w", "bias": "b"}
    held = {c.name: numpy_helper.to_array(c) for c in onnx.load(path).graph.initializer}
    with torch.no_grad():
        for name, tensor in weights.items():
            layer, _, kind = name.partition(".")
            if kind:
                tensor.copy_(torch.from_numpy(held[layer + suffixes[kind]].copy()))


def scan(weights: Weights, x: torch.Tensor) -> torch.Tensor:
    """Logits at stride 8 of planes (n, 1, rows + 2, columns + 2), 0 to 255."""
    zero_mean = weights["c1.weight"] - weights["c1.weight"].mean((1, 2, 3), keepdim=True)
    first = functional.relu(_applied(SCAN, {**weights, "c1.weight": zero_mean}, "c1", x))
    second = functional.relu(_applied(SCAN, weights, "c2", first))
    deep = functional.relu(_applied(SCAN, weights, "c3", second))
    deep = deep + functional.relu(_applied(SCAN, weights, "c4", deep))
    contrast = functional.conv2d(second, weights["n.weight"].abs())
    contrast = functional.avg_pool2d(contrast, 3, 1, 1, count_include_pad=False)
    gain, offset, least = weights["k"]
    evidence = _applied(SCAN, weights, "a", deep) / (contrast + torch.exp(least))
    return (gain * evidence + offset)[:, 0]


def textness(weights: Weights, x: torch.Tensor) -> torch.Tensor:
    """Logits at stride 4 of (n, 2, rows, columns), as `watcher.scrub.pixels.textness.inputs`."""

    def layer(name: str, value: torch.Tensor) -> torch.Tensor:
        return _applied(TEXTNESS, weights, name, value)

    fine = x
    for name in ("c1", "c2", "c3", "c4"):
        fine = functional.relu(layer(name, fine))
    coarse = functional.relu(layer("c6", functional.relu(layer("c5", fine))))
    coarse = coarse + functional.relu(layer("c7", coarse))
    coarse = coarse + functional.relu(layer("c8", coarse))
    up = functional.interpolate(layer("u8", coarse), scale_factor=2, mode="nearest")
    joined = functional.relu(layer("l4", fine) + up)
    return layer("out", functional.relu(layer("f1", joined)))[:, 0]


def _applied(
    layers: Mapping[str, Layer], weights: Weights, name: str, x: torch.Tensor
) -> torch.Tensor:
    layer = layers[name]
    return functional.conv2d(
        x,
        weights[f"{name}.weight"],
        weights.get(f"{name}.bias"),
        layer.stride,
        layer.padding,
        layer.dilation,
    )


class Graph:
    """An ONNX graph in the making."""

    def __init__(self, layers: Mapping[str, Layer], weights: Weights) -> None:
        self._layers = layers
        self._weights = {k: v.detach().float().numpy() for k, v in weights.items()}
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def constant(self, name: str, value: Any) -> str:
        """Name a float32 constant."""
        self._constants.append(numpy_helper.from_array(np.asarray(value, np.float32), name))
        return name

    def node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        """Add a node; returns the name of its output."""
        self._nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def layer(self, name: str, x: str, *, relu: bool, weight: Any = None) -> str:
        """Add a convolution."""
        layer = self._layers[name]
        weight = self._weights[f"{name}.weight"] if weight is None else weight
        inputs = [x, self.constant(f"{name}w", weight)]
        if layer.bias:
            inputs.append(self.constant(f"{name}b", self._weights[f"{name}.bias"]))
        out = self.node(
            "Conv",
            inputs,
            name,
            kernel_shape=[layer.kernel] * 2,
            strides=[layer.stride] * 2,
            pads=[layer.padding] * 4,
            dilations=[layer.dilation] * 2,
        )
        return self.node("Relu", [out], f"{name}r") if relu else out

    def weight(self, name: str) -> Any:
        """One of the weights as an array."""
        return self._weights[name]

    def save(self, path: Path, source: tuple[str, int], result: tuple[str, int]) -> None:
        """Write the model; `source` and `result` are names, with channels and stride."""
        ends = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", channels, "h", "w"])
            for name, channels in (source, (result[0], 1))
        ]
        ends[1].type.tensor_type.shape.dim[2].dim_param = f"h{result[1]}"
        ends[1].type.tensor_type.shape.dim[3].dim_param = f"w{result[1]}"
        graph = helper.make_graph(self._nodes, result[0], ends[:1], ends[1:], self._constants)
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", 13)], producer_name="img-ingestion"
        )
        model.ir_version = 8
        onnx.checker.check_model(model)
        onnx.save(model, path)


def export_scan(weights: Weights, path: Path) -> None:
    """Write `scan` with a sigmoid at its end."""
    graph = Graph(SCAN, weights)
    first = graph.weight("c1.weight")
    zero_mean = first - first.mean((1, 2, 3), keepdims=True)
    gain, offset, least = graph.weight("k")
    second = graph.layer("c2", graph.layer("c1", "plane", relu=True, weight=zero_mean), relu=True)
    deep = graph.layer("c3", second, relu=True)
    deep = graph.node("Add", [deep, graph.layer("c4", deep, relu=True)], "deep")
    contrast = graph.node(
        "AveragePool",
        [graph.layer("n", second, relu=False, weight=np.abs(graph.weight("n.weight")))],
        "contrast",
        kernel_shape=[3, 3],
        pads=[1] * 4,
        count_include_pad=0,
    )
    below = graph.node("Add", [contrast, graph.constant("least", [np.exp(least)])], "below")
    above = graph.layer("a", deep, relu=False, weight=graph.weight("a.weight") * gain)
    logit = graph.node(
        "Add", [graph.node("Div", [above, below], "over"), graph.constant("offset", [offset])], "z"
    )
    graph.node("Sigmoid", [logit], "suspicion")
    graph.save(path, ("plane", 1), ("suspicion", 8))


def export_textness(weights: Weights, path: Path) -> None:
    """Write `textness` with a sigmoid at its end."""
    graph = Graph(TEXTNESS, weights)
    fine = "planes"
    for name in ("c1", "c2", "c3", "c4"):
        fine = graph.layer(name, fine, relu=True)
    coarse = graph.layer("c6", graph.layer("c5", fine, relu=True), relu=True)
    for name in ("c7", "c8"):
        coarse = graph.node("Add", [coarse, graph.layer(name, coarse, relu=True)], f"s{name}")
    up = graph.node(
        "Resize",
        [graph.layer("u8", coarse, relu=False), "", graph.constant("scales", [1, 1, 2, 2])],
        "up",
        mode="nearest",
        coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
    )
    joined = graph.node("Add", [graph.layer("l4", fine, relu=False), up], "sum")
    joined = graph.node("Relu", [joined], "joined")
    out = graph.layer("out", graph.layer("f1", joined, relu=True), relu=False)
    graph.node("Sigmoid", [out], "textness")
    graph.save(path, ("planes", 2), ("textness", 4))
