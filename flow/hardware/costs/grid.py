"""The geometries that yosys measured the cost model on: those that each kernel names."""

from __future__ import annotations

from flow.hardware.kernels import KERNELS
from flow.hardware.kernels.kernel import Kernel
from flow.hardware.kernels.matrix_vector import MatrixVector
from flow.hardware.synthesis import mapping

_ANY_IMAGE = '"image.mem"'
FAMILIES = ("xcup", "xc7")


def mappable(kernel: Kernel) -> mapping.Kernel:
    """Return a kernel as yosys is to map it: with a name for each memory image."""
    images = {memory.parameter: _ANY_IMAGE for memory in kernel.memories()}
    if isinstance(kernel, MatrixVector) and not kernel.steps:
        images["ThreshFile"] = '""'
    return mapping.Kernel.of(kernel.module, {**kernel.parameters(), **images})


def grid() -> list[tuple[str, mapping.Kernel]]:
    """Return (family, kernel) of every measurement."""
    return [
        (family, mappable(kernel))
        for family in FAMILIES
        for kind in KERNELS.values()
        for kernel in kind.measured(family)
    ]
