"""FINN's conversion to its hardware layers, and a refusal by name and reason of all it leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qonnx.transformation.base import Transformation
from qonnx.transformation.general import (
    GiveReadableTensorNames,
    GiveUniqueNodeNames,
    RemoveUnusedTensors,
)
from qonnx.transformation.infer_data_layouts import InferDataLayouts
from qonnx.transformation.infer_datatypes import InferDataTypes
from qonnx.transformation.infer_shapes import InferShapes

from flow.finn.errors import MapError
from flow.finn.library import apply_all, custom_op, prepare_finn

if TYPE_CHECKING:
    from onnx import NodeProto
    from qonnx.core.modelwrapper import ModelWrapper

_REASONS = {
    "Add": "two activations are added (residual connections are out of scope), or a bias stayed "
    "behind the last layer",
    "Mul": "a scale could not be absorbed into a threshold; drop the scale behind the last layer "
    "and keep BatchNorm scales positive where a pool stands in front of the BatchNorm",
    "MultiThreshold": "the activation does not follow a matrix product",
    "MatMul": "its input or its weights are not integers",
    "Conv": "its input or its weights are not integers",
    "Transpose": "the layers around it disagree on the data layout",
    "AveragePool": "only max-pooling is supported",
    "GlobalAveragePool": "only max-pooling is supported",
}


def threshold_biases(model: ModelWrapper) -> dict[str, int]:
    """Return the lowest code of each MultiThreshold by the tensor it gives."""
    return {
        node.output[0]: int(custom_op(node).get_nodeattr("out_bias"))
        for node in model.graph.node
        if node.op_type == "MultiThreshold"
    }


class KeepThresholdBias(Transformation):
    """Give MVAUs the lowest code of the MultiThreshold they absorbed (`threshold_biases`).

    FINN's InferBinaryMatrixVectorActivation takes the smallest value of the output type, which is
    -2 for INT2, where a bipolar or narrow activation starts at -1.
    """

    def __init__(self, biases: dict[str, int]) -> None:
        super().__init__()
        self._biases = biases

    def apply(self, model: ModelWrapper) -> tuple[ModelWrapper, bool]:
        for node in model.graph.node:
            if node.op_type != "MVAU":
                continue
            op = custom_op(node)
            if not op.get_nodeattr("noActivation") and op.get_nodeattr("outputDataType") not in (
                "BINARY",
                "BIPOLAR",
            ):
                op.set_nodeattr("ActVal", self._biases[node.output[0]])
        return model, False


def to_hardware(model: ModelWrapper) -> ModelWrapper:
    """Return `model` with every node replaced by a FINN hardware layer.

    Raises UserError naming the first node that has none, with its operator and the reason.
    """
    model = convert(model)
    for node in unmapped(model):
        raise MapError(
            f"{node.name} ({node.op_type}) cannot be mapped to hardware: "
            f"{refusal(model, node)}; see docs/numeric_contract.md for the supported operators"
        )
    return model


def unmapped(model: ModelWrapper) -> list[NodeProto]:
    """Return the nodes of a converted graph that are no hardware layer."""
    return [n for n in model.graph.node if not n.domain.startswith("finn.custom_op.fpgadataflow")]


def refusal(model: ModelWrapper, node: NodeProto) -> str:
    """Return why FINN's conversion leaves a node as it is."""
    if node.op_type == "Mul" and node.output[0] == model.graph.output[0].name:
        return (
            "the scores have a scale of their own in each class, or one that is not positive, so "
            "they are not proportional to the accumulators; give the last layer's weights one "
            "positive scale for the whole tensor"
        )
    return _REASONS.get(node.op_type, "there is no hardware layer for this operator")


def convert(model: ModelWrapper) -> ModelWrapper:
    """Return `model` with FINN hardware layers wherever there is one; the rest is left."""
    prepare_finn()
    from finn.transformation.fpgadataflow.convert_to_hw.binary_matrix_vector_activation import (
        InferBinaryMatrixVectorActivation,
    )
    from finn.transformation.fpgadataflow.convert_to_hw.conv_inp_gen import InferConvInpGen
    from finn.transformation.fpgadataflow.convert_to_hw.pool import InferPool
    from finn.transformation.fpgadataflow.convert_to_hw.quantized_matrix_vector_activation import (
        InferQuantizedMatrixVectorActivation,
    )
    from finn.transformation.fpgadataflow.convert_to_hw.thresholding import (
        InferThresholdingLayer,
    )
    from finn.transformation.fpgadataflow.minimize_accumulator_width import (
        MinimizeAccumulatorWidth,
    )
    from finn.transformation.move_reshape import RemoveCNVtoFCFlatten
    from finn.transformation.streamline.absorb import AbsorbConsecutiveTransposes
    from finn.transformation.streamline.round_thresholds import RoundAndClipThresholds

    return apply_all(
        model,
        [
            InferBinaryMatrixVectorActivation(),
            InferQuantizedMatrixVectorActivation(),
            KeepThresholdBias(threshold_biases(model)),
            InferPool(),
            InferThresholdingLayer(),
            InferConvInpGen(),
            AbsorbConsecutiveTransposes(),
            RemoveCNVtoFCFlatten(),
            InferDataLayouts(),
            InferShapes(),
            InferDataTypes(),
            MinimizeAccumulatorWidth(),
            RoundAndClipThresholds(),
            RemoveUnusedTensors(),
            GiveUniqueNodeNames(),
            GiveReadableTensorNames(),
        ],
    )
