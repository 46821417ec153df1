"""LUTs a lane of the matrix-vector unit: the figure to compare arrays of XNOR and popcount by."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from flow.hardware.costs.grid import mappable
from flow.hardware.kernels.matrix_vector import MatrixVector
from flow.hardware.sources import RTL_SOURCE_DIR
from flow.hardware.synthesis.mapping import Kernel, cache_dir, map_kernels
from flow.hardware.synthesis.memory import memory

_MW, _MH = 4608, 512
"""The widest layer of B-VGG16: the longest accumulators and thresholds."""
_REPLAY = "bnn_replay"


@dataclass(frozen=True)
class Array:
    """PE x SIMD lanes for each of `pixels`; `flags`: three-valued, zero padding counts as 0."""

    pe: int
    simd: int
    pixels: int = 1
    flags: bool = False

    @property
    def lanes(self) -> int:
        """XNOR lanes: activations met by a weight in a cycle."""
        return self.pe * self.simd * self.pixels


ARRAYS = (
    *(Array(16, simd, flags=flags) for simd in (32, 64, 128) for flags in (False, True)),
    Array(32, 64),
    Array(16, 64, 2),
    Array(16, 64, 4, flags=True),
)


@dataclass(frozen=True)
class LaneCost:
    """What one array takes without weight memory and replay buffer.

    Counted: XNOR, popcount, accumulators, threshold memory, schedule, output FIFO.
    """

    array: Array
    lut: float
    ff: float
    logic_levels: int

    @property
    def lut_per_lane(self) -> float:
        """LUTs divided by lanes."""
        return self.lut / self.array.lanes


def measure_lanes(
    arrays: Sequence[Array] = ARRAYS,
    *,
    family: str = "xcup",
    jobs: int = 1,
    cache: Path | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> list[LaneCost]:
    """Map each array with yosys, and its replay buffer alone, which is then taken off.

    Raises UserError or ToolError from yosys.
    """
    units = [_unit(array) for array in arrays]
    buffers = [_buffer(array) for array in arrays]
    mapped = map_kernels(
        units + [Kernel.of(_REPLAY, buffer) for buffer in buffers],
        RTL_SOURCE_DIR,
        family,
        cache=cache or cache_dir(),
        jobs=jobs,
        timeout_s=3600.0,
        progress=progress,
    )
    found = []
    for array, unit, buffer in zip(arrays, units, buffers, strict=True):
        whole = mapped[unit]
        replay = mapped[Kernel.of(_REPLAY, buffer)].utilisation
        words = (_MW // array.simd) * (_MH // array.pe)
        weights = memory(array.pe * array.simd, words, "block", family, load=False)
        found.append(
            LaneCost(
                array,
                whole.utilisation.lut - replay.lut - weights.lut,
                whole.utilisation.ff - replay.ff - weights.ff,
                whole.logic_levels,
            )
        )
    return found


def _unit(array: Array) -> Kernel:
    return mappable(
        MatrixVector(
            _MW,
            _MH,
            array.pe,
            array.simd,
            pad_flags=array.flags,
            weight_style="block",
            pixels=array.pixels,
        )
    )


def _buffer(array: Array) -> Mapping[str, int | str]:
    return {
        "Width": array.pixels * (array.simd + array.flags),
        "Beats": _MW // array.simd,
        "Passes": _MH // array.pe,
        "Latency": 2,
    }
