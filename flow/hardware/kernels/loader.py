"""`bnn_loader`: the load image on its way to the memories."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from flow.hardware.kernels.kernel import Features, Kernel, bits_for


@dataclass(frozen=True)
class Loader(Kernel):
    """Turns the load image into the words of the load chain."""

    module: ClassVar[str] = "bnn_loader"
    load_words: int
    chain_length: int = 16

    def features(self, family: str) -> Features:
        """Return what its cost depends on, in a family of devices."""
        features = {"1": 1.0, "count": bits_for(self.load_words + 1)}
        return Features.alike(features)

    @classmethod
    def measured(cls, family: str) -> list[Loader]:
        """Return the geometries that yosys measures for the cost model, in a family of devices."""
        return [cls(words) for words in ((1000, 50_000, 500_000) if family == "xcup" else ())]
