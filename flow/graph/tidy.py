"""From a QONNX file to FINN's internal dialect: shapes known, constants folded, names readable."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
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
