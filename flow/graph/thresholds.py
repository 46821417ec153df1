"""Thresholds taken from the golden model's own arithmetic instead of a rearranged formula.

Streamlining solves the BatchNormalization for its threshold; the golden model evaluates it. In
float32 the two disagree by one accumulator step on a few channels in a million. The golden model is
what was trained and measured, so its tabulated steps replace the solved ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qonnx.core.datatype import DataType
from qonnx.transformation.base import Transformation

from flow.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from qonnx.core.modelwrapper import ModelWrapper

    from flow.golden import ChannelSteps


class SetExactThresholds(Transformation):
    """Write `layers[k]` into the (k+1)-th MultiThreshold; the first one quantises the input.

    `moved` counts the thresholds that changed after rounding up to integers; a channel that cannot
    switch within the reachable accumulators is not counted.
    """

    def __init__(self, layers: Sequence[ChannelSteps]) -> None:
        super().__init__()
        self._layers = layers
        self.moved = 0

    def apply(self, model: ModelWrapper) -> tuple[ModelWrapper, bool]:
        nodes = [n for n in model.graph.node if n.op_type == "MultiThreshold"][1:]
        if len(nodes) != len(self._layers):
            raise UserError(
                f"streamline: {len(nodes)} activations are left of {len(self._layers)} in the "
                "golden model; two activations in a row, or one behind no matrix product, are "
                "not supported"
            )
        for node, layer in zip(nodes, self._layers, strict=True):
            exact = hardware_steps(layer)
            solved = np.broadcast_to(np.ceil(model.get_initializer(node.input[1])), exact.shape)
            clipped = np.clip(solved, layer.accumulator_min, layer.accumulator_max + 1)
            self.moved += int(np.count_nonzero(clipped != exact))
            model.set_initializer(node.input[1], exact.astype(np.float32))
            # Not an integer type: counting equal bits halves the thresholds later on.
            model.set_tensor_datatype(node.input[1], DataType["FLOAT32"])
        return model, False


def hardware_steps(layer: ChannelSteps) -> NDArray[np.int64]:
    """Return the thresholds of accumulators whose falling channels had their weights negated.

    int64 (C, n_steps), ascending per channel, each in accumulator_min .. accumulator_max + 1; the
    output rises by one step at every threshold <= accumulator.
    """
    steps = np.asarray(layer.steps, dtype=np.int64)
    negated = -steps[:, ::-1]
    thresholds = np.where(np.asarray(layer.rising)[:, None], steps, negated)
    return np.clip(thresholds, layer.accumulator_min, layer.accumulator_max + 1)
