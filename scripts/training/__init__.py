"""How the two small text networks are made: plant text in pictures, learn, export to ONNX.

Needs the optional group `train` of pyproject.toml (torch, onnx), which no lock holds and nothing
that is shipped imports: `uv pip install -e '.[train]'` in a venv of its own, then

    python -m scripts.training scan --minutes 10 --out watcher/scrub/pixels/scan.onnx
    python -m scripts.training textness --minutes 40 --out watcher/scrub/pixels/textness.onnx

and, before a new file is kept, `scripts/bench burned-in` over seeds it has not seen. The networks
in the package learned from an earlier generator with the same parts and more typefaces; this is
that generator in order, and the same two architectures.
"""
