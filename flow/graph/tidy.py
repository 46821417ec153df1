"""From a QONNX file to FINN's internal dialect: shapes known, constants folded, names readable."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from onnx import helper
from qonnx.transformation.base import Transformation
from qonnx.transformation.fold_constants import FoldConstants
from qonnx.transformation.general import (
    GiveReadableTensorNames,
    GiveUniqueNodeNames,
    RemoveStaticGraphInputs,
)
from qonnx.transformation.infer_datatypes import InferDataTypes
from qonnx.transformation.infer_shapes import InferShapes

from flow.tools.finn import apply_all, prepare_finn

if TYPE_CHECKING:
    from qonnx.core.modelwrapper import ModelWrapper

_FAR = np.float32(2**22)
"""Beyond every accumulator a supported layer can reach, and exact in float32."""


class WriteDefaultAttributes(Transformation):
    """Write the attributes ONNX lets an exporter leave out; qonnx and FINN read them unasked."""

    def apply(self, model: ModelWrapper) -> tuple[ModelWrapper, bool]:
        for node in model.graph.node:
            if node.op_type not in ("Conv", "MaxPool"):
                continue
            present = {attribute.name for attribute in node.attribute}
            defaults: dict[str, object] = {"pads": [0] * 4, "strides": [1] * 2}
            if node.op_type == "Conv":
                shape = model.get_tensor_shape(node.input[1])
                defaults |= {"dilations": [1] * 2, "group": 1, "kernel_shape": shape[2:]}
            for name, value in defaults.items():
                if name not in present:
                    node.attribute.append(helper.make_attribute(name, value))
        return model, False


class ReviveDeadChannels(Transformation):
    """Replace a BatchNormalization scale of exactly 0 by a constant of the same sign.

    Pruning leaves such channels. Their output is `bias` whatever the input, but streamlining
    divides by the scale: FINN is left with an infinite threshold and a Mul that blocks the mapping.
    With scale 1 and a bias far outside the reachable range the sign that follows is unchanged.
    """

    def apply(self, model: ModelWrapper) -> tuple[ModelWrapper, bool]:
        for node in model.graph.node:
            if node.op_type != "BatchNormalization":
                continue
            scale, bias, mean, var = (model.get_initializer(name) for name in node.input[1:5])
            dead = scale == 0
            if not dead.any():
                continue
            far = np.where(bias >= 0, _FAR, -_FAR)
            values = (
                np.where(dead, 1, scale),
                np.where(dead, far, bias),
                np.where(dead, 0, mean),
                np.where(dead, 1, var),
            )
            for name, value in zip(node.input[1:5], values, strict=True):
                model.set_initializer(name, value.astype(np.float32))
        return model, False


def tidy(model: ModelWrapper) -> ModelWrapper:
    """Return the FINN form of a QONNX `model`: quantisers become MultiThreshold nodes."""
    prepare_finn()
    from finn.transformation.qonnx.convert_qonnx_to_finn import ConvertQONNXtoFINN
    from qonnx.util.cleanup import cleanup_model

    return apply_all(
        cleanup_model(model),
        [
            WriteDefaultAttributes(),
            ReviveDeadChannels(),
            ConvertQONNXtoFINN(),
            InferShapes(),
            FoldConstants(),
            GiveUniqueNodeNames(),
            GiveReadableTensorNames(),
            InferDataTypes(),
            RemoveStaticGraphInputs(),
        ],
    )
