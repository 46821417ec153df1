"""The scores: what the accelerator hands out are the last layer's accumulators."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qonnx.transformation.base import Transformation

if TYPE_CHECKING:
    from onnx import NodeProto
    from qonnx.core.modelwrapper import ModelWrapper

_MOVES_NO_VALUE = frozenset({"Flatten", "Reshape", "Squeeze", "Transpose", "Unsqueeze"})


class DropScoreScale(Transformation):
    """Drop a positive factor or an addend behind the last layer, one number for all scores.

    It does not change the order of the scores; the golden model keeps it in its
    `score_map`. A number for each channel stays: without it another class may win.
    """

    def apply(self, model: ModelWrapper) -> tuple[ModelWrapper, bool]:
        node = model.find_producer(model.graph.output[0].name)
        while node is not None and node.op_type in _MOVES_NO_VALUE:
            node = model.find_producer(node.input[0])
        if node is None or not _keeps_order(model, node):
            return model, False
        producer = model.find_producer(node.input[0])
        if producer is None:
            return model, False
        producer.output[0] = node.output[0]
        model.graph.node.remove(node)
        return model, True


def _keeps_order(model: ModelWrapper, node: NodeProto) -> bool:
    if node.op_type not in ("Add", "Mul"):
        return False
    value = model.get_initializer(node.input[1])
    if value is None or value.size != 1:
        return False
    return node.op_type == "Add" or float(np.asarray(value).reshape(())) > 0
