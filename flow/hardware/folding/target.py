"""What a folding is to reach, and what was chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from flow.hardware.folding.data import Folding, LayerFolding
from flow.hardware.folding.options import (
    Option,
)
from flow.hardware.synthesis.utilisation import NOTHING, Utilisation

Objective = Literal["smallest", "fastest"]
Weights = Literal["auto", "initialised", "loadable"]


@dataclass(frozen=True)
class Target:
    """What folding is for: a speed at a clock, inside a board's budget."""

    target_fps: float
    clock_mhz: float
    family: str
    budget: Utilisation
    board: str = "the board"
    objective: Objective = "smallest"
    fifo_depth: int = 32
    dma_width_bits: int = 64
    weights: Weights = "auto"
    """Whether weights may, or must, be loaded after reset."""

    @classmethod
    def unlimited(cls, target_fps: float, clock_mhz: float, family: str = "xcup") -> Target:
        """Return a target on a device as large as they come (XCVU13P), whatever the board."""
        return cls(target_fps, clock_mhz, family, Utilisation(1.728e6, 3.456e6, 2688, 1280, 12288))

    @property
    def cycles(self) -> int:
        """Return the cycles a frame may take."""
        return int(self.clock_mhz * 1e6 / self.target_fps)

    def fps(self, cycles: int) -> float:
        """Return frames per second at so many cycles a frame."""
        return self.clock_mhz * 1e6 / cycles


@dataclass(frozen=True)
class Choice:
    """What the search chose for every layer, and what it takes all together."""

    layers: Mapping[str, Option]
    cost: Utilisation = NOTHING
    proven: bool = True
    """Whether the solver showed that no folding is better, by the cost model."""
    advice: str = ""
    """What limits the speed, and what would relieve it."""
    loadable: bool = False
    """Whether weights and thresholds are loaded after reset."""

    @property
    def folding(self) -> Folding:
        """The choice alone, as data."""
        chosen = {
            name: LayerFolding(each.pe, each.simd, each.pixels, each.style)
            for name, each in self.layers.items()
        }
        return Folding(chosen, self.loadable)

    @property
    def bottleneck(self) -> str:
        """Name of the slowest layer."""
        return max(self.layers, key=lambda name: self.layers[name].cycles)

    @property
    def bottleneck_cycles(self) -> int:
        """Ideal cycles of the slowest layer for a frame."""
        return self.layers[self.bottleneck].cycles
