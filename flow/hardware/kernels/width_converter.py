"""`bnn_width_converter`: words of one width become words of another."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from flow.hardware.kernels.kernel import Features, Kernel, bits_for

_MEASURED = (
    *((8, 8), (24, 24), (4, 16), (1, 64), (8, 64), (64, 256), (16, 4), (64, 8), (128, 32)),
    *((160, 4), (12, 8), (48, 64), (32, 36)),
    *((16, 64, 4), (64, 16, 2), (8, 8, 4), (12, 8, 2)),
)


@dataclass(frozen=True)
class WidthConverter(Kernel):
    """Regroups the lanes of every pixel; the widths are those of one pixel."""

    module: ClassVar[str] = "bnn_width_converter"
    plumbing: ClassVar[bool] = True
    in_width: int
    out_width: int
    pixels: int = 1

    def features(self, family: str) -> Features:
        """Return what its cost depends on, in a family of devices."""
        width_in, width_out = self.in_width, self.out_width
        pixels = self.pixels
        common = math.gcd(width_in, width_out)
        up, down = width_out // common, width_in // common
        wide = pixels * up * width_in
        features = {
            "1": 1.0,
            "in": pixels * width_in,
            "up": wide * float(up > 1),
            "up_ratio": bits_for(up) * float(up > 1),
            "down_in": wide * float(down > 1),
            "down_out": pixels * width_out * float(down > 1),
            "down_ratio": bits_for(down) * float(down > 1),
        }
        return Features.alike(features)

    @classmethod
    def measured(cls, family: str) -> list[WidthConverter]:
        """Return the geometries that yosys measures for the cost model, in a family of devices."""
        return [cls(*shape) for shape in (_MEASURED if family == "xcup" else ())]
