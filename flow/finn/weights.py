"""Datatypes of integer weights: FINN negates a channel only where the datatype has room for it.

A channel that falls with its accumulator, by a negative BatchNormalization scale, gets its weights
negated. The lowest code of n bits has no negative in n bits, and FINN then leaves a factor of -1
behind the layer. One more bit makes room; the smallest datatype is set once all is absorbed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qonnx.core.datatype import DataType
from qonnx.transformation.base import Transformation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from qonnx.core.modelwrapper import ModelWrapper

_ONE_BIT = ("BINARY", "BIPOLAR")


class MakeRoomForSigns(Transformation):
    """Annotate integer weights of several bits with one more."""

    def apply(self, model: ModelWrapper) -> tuple[ModelWrapper, bool]:
        for name, _ in _integer_weights(model):
            datatype = model.get_tensor_datatype(name)
            bits = datatype.bitwidth() + 1 + (not datatype.signed())
            model.set_tensor_datatype(name, DataType[f"INT{bits}"])
        return model, False


class FitWeightTypes(Transformation):
    """Annotate integer weights of several bits with the fewest bits that hold them, 2 at least."""

    def apply(self, model: ModelWrapper) -> tuple[ModelWrapper, bool]:
        for name, values in _integer_weights(model):
            peak = max(int(values.max()), -int(values.min()) - 1, 1)
            model.set_tensor_datatype(name, DataType[f"INT{peak.bit_length() + 1}"])
        return model, False


def _integer_weights(model: ModelWrapper) -> Iterator[tuple[str, NDArray[np.float32]]]:
    for node in model.graph.node:
        if node.op_type not in ("Conv", "MatMul"):
            continue
        values = model.get_initializer(node.input[1])
        datatype = model.get_tensor_datatype(node.input[1])
        if values is not None and datatype.is_integer() and datatype.name not in _ONE_BIT:
            yield node.input[1], values
