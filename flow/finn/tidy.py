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
from qonnx.util.basic import get_by_name

from flow.finn.errors import TidyError
from flow.finn.library import apply_all, prepare_finn

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


def refuse_quantisers(model: ModelWrapper) -> None:
    """Raise UserError naming the first quantiser whose FINN form is none or another function."""
    for node in model.graph.node:
        if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
            raise TidyError(f"FINN reads QONNX only, and {node.name} is a {node.op_type}")
        if node.op_type not in ("Quant", "IntQuant") or len(node.input) < 4:
            continue
        zero, bits = (model.get_initializer(name) for name in node.input[2:4])
        if zero is not None and np.any(zero != 0):
            raise TidyError(
                f"{node.name} ({node.op_type}) has the zero point "
                f"{float(np.asarray(zero).reshape(-1)[0]):g}; use a quantiser whose zero point is 0"
            )
        signed = get_by_name(node.attribute, "signed")
        if bits is not None and np.all(bits == 1) and signed is not None and not signed.i:
            raise TidyError(
                f"{node.name} ({node.op_type}) takes the values 0 and 1, which FINN reads as "
                "-1 and +1; use BipolarQuant, or 2 bits"
            )


def tidy(model: ModelWrapper) -> ModelWrapper:
    """Return the FINN form of a QONNX `model`: quantisers become MultiThreshold nodes.

    Raises UserError for a quantiser that has no such form.
    """
    prepare_finn()
    refuse_quantisers(model)
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
