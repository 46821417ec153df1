"""A folding as data: what a user writes in folding.toml, what the search finds, what is built."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from flow.errors import FoldError


@dataclass(frozen=True)
class LayerFolding:
    """One layer: output channels (PE), input elements (SIMD) and pixels at a time."""

    pe: int
    simd: int
    pixels: int = 1
    style: str = "auto"
    """Where the weights lie: "auto", "distributed", "block" or "ultra"."""


@dataclass(frozen=True)
class Folding:
    """Every layer by name (`MVAU_0`, ...); `loadable`: weights are sent in after reset."""

    layers: Mapping[str, LayerFolding]
    loadable: bool = False

    def to_toml(self) -> str:
        """Return sections of a build configuration, which choose this folding again."""
        weights = "loadable" if self.loadable else "initialised"
        parts = [f'[specialize]\nweights = "{weights}"\n']
        for name, layer in self.layers.items():
            style = f'style = "{layer.style}"\n' if layer.style != "auto" else ""
            parts.append(
                f"[fold.layers.{name}]\n"
                f"pe = {layer.pe}\nsimd = {layer.simd}\npixels = {layer.pixels}\n{style}"
            )
        return "\n".join(parts)

    @classmethod
    def load(cls, path: Path) -> Folding:
        """Read what `to_toml` gave; UserError where a layer's PE or SIMD is missing."""
        found = tomllib.loads(path.read_text(encoding="utf-8"))
        layers = found.get("fold", {}).get("layers", {})
        try:
            chosen = {name: LayerFolding(**values) for name, values in layers.items()}
        except TypeError as error:
            raise FoldError(f"{path}: {error}; a layer has pe, simd, pixels, style") from error
        return cls(chosen, found.get("specialize", {}).get("weights") == "loadable")
