"""FINN's own cppsim of its HLS layers, where Vitis HLS and finn-hlslib are there."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from flow.environment import read_environment
from flow.finn.folding import apply_folding
from flow.finn.library import apply_all, custom_op, prepare_finn

if TYPE_CHECKING:
    from qonnx.core.modelwrapper import ModelWrapper

    from flow.frontend.golden.vectors import GoldenVectors
    from flow.hardware.folding.data import Folding

_HLS_HEADER = Path("include") / "ap_int.h"
_HLSLIB_HEADER = "bnn-library.h"


@dataclass(frozen=True)
class FinnOutcome:
    """One line on what FINN's cppsim gave, or why it was skipped (which is no failure)."""

    line: str
    ok: bool


def missing_tools() -> str | None:
    """Return what FINN's cppsim lacks here, by name, or None."""
    hls = read_environment().xilinx_hls
    if hls is None:
        return "Vitis HLS is not here (XILINX_HLS is not set)"
    if not (hls / _HLS_HEADER).is_file():
        return f"XILINX_HLS={hls} has no {_HLS_HEADER}"
    prepare_finn()
    from finn.util.settings import get_settings

    hlslib = Path(get_settings().finn_deps) / "finn-hlslib"
    if not (hlslib / _HLSLIB_HEADER).is_file():
        return f"finn-hlslib is not in {hlslib}"
    return None


def check(hardware_graph: Path, folding: Folding, vectors: GoldenVectors, part: str) -> FinnOutcome:
    """Run the golden images through FINN's HLS layers in C++ and compare the scores.

    One executable a layer, data through files: seconds for each image.
    """
    reason = missing_tools()
    if reason:
        return FinnOutcome(f"FINN's cppsim skipped: {reason}", ok=True)
    from qonnx.core.modelwrapper import ModelWrapper

    from flow.finn.check import execute

    with tempfile.TemporaryDirectory() as folder:
        folded = apply_folding(ModelWrapper(str(hardware_graph)), folding)
        model = compile_layers(hls_layers(folded, part), Path(folder))
        output = model.graph.output[0].name
        for k, image in enumerate(vectors.images):
            scores = execute(model, image[None])[output].reshape(-1)
            if not np.array_equal(scores, vectors.scores[k]):
                line = f"FINN's cppsim: image {k}: scores {scores} instead of {vectors.scores[k]}"
                return FinnOutcome(line, ok=False)
    return FinnOutcome(f"FINN's cppsim: equal on {len(vectors.images)} images", ok=True)


def hls_layers(model: ModelWrapper, part: str) -> ModelWrapper:
    """Return the folded graph with FINN's HLS implementation of every layer."""
    prepare_finn()
    from finn.transformation.fpgadataflow.specialize_layers import SpecializeLayers
    from qonnx.transformation.general import GiveUniqueNodeNames

    for node in model.graph.node:
        custom_op(node).set_nodeattr("preferred_impl_style", "hls")
    return apply_all(model, [SpecializeLayers(part), GiveUniqueNodeNames()])


def compile_layers(model: ModelWrapper, folder: Path) -> ModelWrapper:
    """Generate and compile the C++ of every HLS layer below `folder`; returns the ready graph."""
    prepare_finn()
    from finn.transformation.fpgadataflow.compile_cppsim import CompileCppSim
    from finn.transformation.fpgadataflow.prepare_cppsim import PrepareCppSim
    from finn.transformation.fpgadataflow.set_exec_mode import SetExecMode
    from finn.util.settings import get_settings

    get_settings().finn_build_dir = folder
    return apply_all(model, [PrepareCppSim(), CompileCppSim(), SetExecMode("cppsim")])
