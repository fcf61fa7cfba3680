"""`python -m scripts.training NETWORK`: learn for some minutes, then write the ONNX file."""

from __future__ import annotations

import argparse
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from scripts.training import networks
from scripts.training.planting import Example, Planter
from watcher.scrub.pixels.textness import inputs

_BATCH, _RATE, _REPORT = 32, 3e-3, 100
# Making examples costs as much as learning from them: each is seen a few times, turned.
_POOL, _FRESH = 384, 12


def batch(network: str, examples: list[Example]) -> tuple[torch.Tensor, ...]:
    """Inputs, labels and weights of some examples, at the network's stride."""
    label = np.stack([e.label for e in examples])
    weight = np.stack([e.weight for e in examples])
    if network == "textness":
        shown = np.stack([inputs(e.plane) for e in examples])
        return tuple(map(torch.from_numpy, (shown, label.astype(np.float32), weight)))
    planes = torch.from_numpy(np.stack([e.plane for e in examples])).float()[:, None]
    shape = (len(label), label.shape[1] // 2, 2, label.shape[2] // 2, 2)
    text = (weight * label).reshape(shape).max((2, 4))
    other = weight.reshape(shape).min((2, 4))
    found = text > 0.3
    return (
        functional.pad(planes, (1, 1, 1, 1), mode="reflect"),
        torch.from_numpy(found.astype(np.float32)),
        torch.from_numpy(np.where(found, text, other).astype(np.float32)),
    )


def turned(example: Example, rng: np.random.Generator) -> Example:
    """Upside down, standing or inverted by chance: still the same text in the same places."""
    plane, label, weight = example.plane, example.label, example.weight
    if rng.random() < 0.5:
        plane, label, weight = plane[::-1, ::-1], label[::-1, ::-1], weight[::-1, ::-1]
    if rng.random() < 0.2:
        plane, label, weight = plane.T, label.T, weight.T
    if rng.random() < 0.3:
        plane = 255 - plane
    return Example(plane.copy(), label.copy(), weight.copy())


def loss(logits: torch.Tensor, label: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Cross entropy that cares most for what is still wrong."""
    entropy = functional.binary_cross_entropy_with_logits(logits, label, reduction="none")
    sure = torch.sigmoid(logits.detach())
    right = torch.where(label > 0, sure, 1 - sure)
    return (entropy * weight * (1.15 - right)).sum() / weight.sum()


def learn(
    network: str, minutes: float, planter: Planter, weights: dict[str, torch.Tensor], rate: float
) -> None:
    """Train `weights` in place with a rate that falls as a cosine over the time given."""
    forward: Any = networks.scan if network == "scan" else networks.textness
    optimiser = torch.optim.AdamW(list(weights.values()), rate, weight_decay=1e-4)
    rng = np.random.default_rng(0)
    pool = deque((planter.example() for _ in range(_BATCH)), maxlen=_POOL)
    start, step = time.monotonic(), 0
    while (share := (time.monotonic() - start) / (60 * minutes)) < 1:
        for group in optimiser.param_groups:
            group["lr"] = rate * min(1, (step + 1) / 50) * 0.5 * (1 + np.cos(np.pi * share))
        pool.extend(planter.example() for _ in range(_FRESH))
        chosen = [turned(pool[int(n)], rng) for n in rng.integers(len(pool), size=_BATCH)]
        shown, label, weight = batch(network, chosen)
        shown = shown.to(memory_format=torch.channels_last)
        error = loss(forward(weights, shown), label, weight)
        optimiser.zero_grad()
        error.backward()
        optimiser.step()
        step += 1
        if step % _REPORT == 0:
            print(f"{step} steps, {time.monotonic() - start:.0f} s, loss {error.item():.4f}")


def main(argv: list[str]) -> int:
    """Train and export one network."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("network", choices=("scan", "textness"))
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--fonts", type=Path, help="a folder of .ttf fonts to use as well")
    parser.add_argument("--begin", type=Path, help="go on from this file, at a tenth of the rate")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(argv)
    torch.manual_seed(options.seed)
    fonts = sorted(options.fonts.rglob("*.ttf")) if options.fonts else []
    layers: Any = networks.SCAN if options.network == "scan" else networks.TEXTNESS
    weights = networks.fresh(layers)
    if options.begin:
        networks.load(options.begin, weights)
    rate = _RATE / 10 if options.begin else _RATE
    learn(options.network, options.minutes, Planter(options.seed, fonts), weights, rate)
    export = networks.export_scan if options.network == "scan" else networks.export_textness
    export(weights, options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
