"""`bnn_shell`: AXI around the core."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from flow.hardware.kernels.kernel import Features, Kernel, Parameters, literal

_MEASURED = (
    # DMA width, score lanes, bits of a score, words of the load image
    *((64, 1, 10, 0), (128, 1, 11, 0), (128, 10, 10, 0), (32, 2, 9, 0)),
    *((128, 1, 11, 50_000), (64, 1, 10, 500_000)),
)


@dataclass(frozen=True)
class Shell(Kernel):
    """AXI around a core; the identity is any constant, as good as another where it is priced."""

    module: ClassVar[str] = "bnn_shell"
    dma_width: int
    in_width: int
    in_words: int
    in_beats: int
    out_lanes: int
    out_elem_bits: int
    out_signed: bool
    out_dma_bits: int
    out_words: int
    load_words: int = 0

    def parameters(self) -> Parameters:
        """Return the parameters but for file names, those derived from fields included."""
        return {
            "Identity": "256'h" + "c35a" * 16,
            **super().parameters(),
            "Loadable": literal(self.load_words > 0),
        }

    def features(self, family: str) -> Features:
        """Return what its cost depends on, in a family of devices."""
        scores = self.out_lanes * self.out_elem_bits
        features = {
            "1": 1.0,
            "dma": self.dma_width,
            "out": scores,
            "loadable": float(self.load_words > 0),
        }
        return Features.alike(features)

    @classmethod
    def measured(cls, family: str) -> list[Shell]:
        """Return the geometries that yosys measures for the cost model, in a family of devices."""
        return [
            cls(
                dma_width=dma,
                in_width=24,
                in_words=1024,
                in_beats=24 * 1024 // dma,
                out_lanes=lanes,
                out_elem_bits=bits,
                out_signed=True,
                out_dma_bits=16,
                out_words=10 // lanes,
                load_words=words,
            )
            for dma, lanes, bits, words in (_MEASURED if family == "xcup" else ())
        ]
