"""The graph's input: uint8 pixels in NHWC order instead of scaled floats in NCHW order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import qonnx.core.data_layout as layout
from qonnx.core.datatype import DataType
from qonnx.transformation.base import Transformation

from flow.errors import UserError
from flow.tools.finn import custom_op

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from qonnx.core.modelwrapper import ModelWrapper

PIXEL_VALUES = 256


class TakePixels(Transformation):
    """Let the input quantiser read raw pixels, and drop the transposition behind it.

    `codes`: int64 (256,), non-decreasing: what the golden model's input quantiser gives for each
    pixel value (as integers in units of its step; -1 and +1 where it is bipolar).
    """

    def __init__(self, codes: NDArray[np.int64]) -> None:
        super().__init__()
        self._codes = codes

    def apply(self, model: ModelWrapper) -> tuple[ModelWrapper, bool]:
        source = model.graph.input[0].name
        first = model.find_consumer(source)
        if first is None or first.op_type != "MultiThreshold":
            found = "nothing" if first is None else f"{first.op_type} ({first.name})"
            raise UserError(
                f"streamline: {found} stands between the input and its quantiser; "
                "scale the input by one scalar and shift it by one scalar only"
            )
        op = custom_op(first)
        steps = model.get_initializer(first.input[1]).shape[1]
        scale, bias = op.get_nodeattr("out_scale"), op.get_nodeattr("out_bias")
        model.set_initializer(first.input[1], pixel_steps(self._codes, steps, scale, bias))
        model.set_tensor_datatype(first.input[1], DataType["UINT16"])
        model.set_tensor_datatype(source, DataType["UINT8"])
        shape = model.get_tensor_shape(source)
        behind = model.find_consumer(first.output[0])
        if len(shape) == 4 and behind is not None and behind.op_type == "Transpose":
            batch, channels, height, width = shape
            nhwc = [batch, height, width, channels]
            model.set_tensor_shape(source, nhwc)
            op.set_nodeattr("data_layout", "NHWC")
            model.set_tensor_shape(first.output[0], nhwc)
            for tensor in (source, first.output[0]):
                model.set_tensor_layout(tensor, layout.NHWC)
            consumer = model.find_consumer(behind.output[0])
            consumer.input[0] = first.output[0]
            model.graph.node.remove(behind)
        return model, False


def pixel_steps(
    codes: NDArray[np.int64], steps: int, scale: float, bias: float
) -> NDArray[np.float32]:
    """Return thresholds on the pixel value, float32 (1, steps), that reproduce `codes`.

    A quantiser with `steps` thresholds outputs bias + scale * (number of thresholds reached);
    threshold k is the smallest pixel value whose code counts k + 1 steps or more, 256 for none.
    """
    reached = np.round((codes - bias) / scale).astype(np.int64)
    if np.any(np.diff(reached) < 0) or reached.min() < 0 or reached.max() > steps:
        raise UserError("streamline: the input quantiser does not rise with the pixel value")
    thresholds = np.searchsorted(reached, np.arange(1, steps + 1), side="left")
    return thresholds.astype(np.float32)[None, :]
