"""From a QONNX file to the specialised graph in one call, nothing executed, nothing folded."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnx import ModelProto
    from qonnx.core.modelwrapper import ModelWrapper

    from flow.golden import GoldenModel


def specialized_graph(qonnx_model: ModelProto) -> tuple[GoldenModel, ModelWrapper]:
    """Return the golden model of a QONNX network and its graph of our RTL layers.

    The same transformations as in a build, but for folding, which changes no value (PE = SIMD = 1),
    and without the checks in between: for benches and tests. UserError as in the stages.
    """
    from qonnx.core.modelwrapper import ModelWrapper

    from flow.golden import activation_steps, input_table, lower_to_plain_onnx
    from flow.graph.mapping import to_hardware
    from flow.graph.streamlining import streamline
    from flow.graph.tidy import tidy
    from flow.hw.specialize import specialize

    golden = lower_to_plain_onnx(qonnx_model)
    steps = list(activation_steps(golden))
    graph, _ = streamline(tidy(ModelWrapper(qonnx_model)), input_table(golden), steps)
    return golden, specialize(to_hardware(graph))
