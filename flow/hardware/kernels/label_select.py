"""`bnn_label_select`: scores become the classes of the greatest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from flow.hardware.kernels.kernel import Features, Kernel, called


@dataclass(frozen=True)
class LabelSelect(Kernel):
    """Gives the classes of the greatest scores; a tie goes to the lower one."""

    module: ClassVar[str] = "bnn_label_select"
    num_labels: int = 10
    in_bits: int = 8
    lanes: int = 1
    top_k: int = called("TopK", 1)

    def features(self, family: str) -> Features:
        """Return what its cost depends on, in a family of devices."""
        features = {
            "1": 1.0,
            "in": self.lanes * self.in_bits,
            "bits": self.in_bits,
        }
        return Features.alike(features)

    @classmethod
    def measured(cls, family: str) -> list[LabelSelect]:
        """Return the geometries that yosys measures for the cost model, in a family of devices."""
        shapes = ((10, 1), (11, 10), (12, 2)) if family == "xcup" else ()
        return [cls(in_bits=bits, lanes=lanes) for bits, lanes in shapes]
