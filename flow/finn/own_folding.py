"""FINN's own folding and estimate of a converted graph, to stand beside ours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flow.finn.library import apply_all, prepare_finn

if TYPE_CHECKING:
    from qonnx.core.modelwrapper import ModelWrapper


@dataclass(frozen=True)
class FinnFolding:
    """What FINN's SetFolding chose, by FINN's own estimates of its layers.

    FIFOs, width converters and the shell come later in FINN's flow and are not counted.
    """

    cycles: int
    """Cycles a frame of the slowest layer."""
    slowest: str
    lut: float
    bram36: float
    uram: float
    dsp: float


def set_folding(model: ModelWrapper, part: str, target_cycles: int) -> FinnFolding:
    """Fold `model`, a graph of FINN's hardware layers not yet specialised, as FINN does.

    SpecializeLayers chooses HLS or RTL (1-bit matrix-vector units: HLS), SetFolding has its default
    settings. target_cycles: cycles a frame, at most. Source: finn.transformation.fpgadataflow.
    """
    prepare_finn()
    from finn.analysis.fpgadataflow.dataflow_performance import dataflow_performance
    from finn.analysis.fpgadataflow.res_estimation import res_estimation
    from finn.transformation.fpgadataflow.annotate_cycles import AnnotateCycles
    from finn.transformation.fpgadataflow.set_folding import SetFolding
    from finn.transformation.fpgadataflow.specialize_layers import SpecializeLayers
    from qonnx.transformation.general import GiveUniqueNodeNames

    folded = apply_all(
        model,
        [
            SpecializeLayers(part),
            GiveUniqueNodeNames(),
            SetFolding(target_cycles),
            AnnotateCycles(),
        ],
    )
    speed = dataflow_performance(folded)
    layers = res_estimation(folded, part).values()

    def total(resource: str) -> float:
        return float(sum(layer.get(resource, 0) for layer in layers))

    return FinnFolding(
        cycles=int(speed["max_cycles"]),
        slowest=str(speed["max_cycles_node_name"]),
        lut=total("LUT"),
        bram36=total("BRAM_18K") / 2 + total("BRAM_36K"),
        uram=total("URAM"),
        dsp=total("DSP"),
    )
