"""The graph's input: uint8 pixels in NHWC order instead of scaled floats in NCHW order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import qonnx.core.data_layout as layout
from qonnx.core.datatype import DataType
from qonnx.transformation.base import Transformation

from flow.finn.errors import StreamlineError
from flow.finn.library import custom_op

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnx import NodeProto
    from qonnx.core.modelwrapper import ModelWrapper

PIXEL_VALUES = 256
_FLATTENING = ("Reshape", "Flatten")
_SCALING = ("Mul", "Div", "Add", "Sub")


class FlattenBehindQuantiser(Transformation):
    """Move a flattening of the input behind its scaling and quantiser, which act on each value.

    BNN-PYNQ's TFC and LFC flatten their images first.
    """

    def apply(self, model: ModelWrapper) -> tuple[ModelWrapper, bool]:
        source = model.graph.input[0].name
        flatten = model.find_consumer(source)
        if flatten is None or flatten.op_type not in _FLATTENING:
            return model, False
        steps: list[NodeProto] = []
        following = model.find_consumer(flatten.output[0])
        while following is not None and self._acts_on_each_value(model, following):
            steps.append(following)
            following = model.find_consumer(following.output[0])
        if not any(step.op_type == "MultiThreshold" for step in steps):
            return model, False  # TakePixels refuses what stands there
        flat, last = flatten.output[0], steps[-1].output[0]
        for consumer in model.find_consumers(last):
            consumer.input[list(consumer.input).index(last)] = flat
        first = steps[0]
        first.input[list(first.input).index(flat)] = source
        for step in steps:
            model.set_tensor_shape(step.output[0], model.get_tensor_shape(source))
        model.set_tensor_datatype(flat, model.get_tensor_datatype(last))
        flatten.input[0] = last
        model.graph.node.remove(flatten)
        model.graph.node.insert(list(model.graph.node).index(steps[-1]) + 1, flatten)
        return model, False

    def _acts_on_each_value(self, model: ModelWrapper, node: NodeProto) -> bool:
        if node.op_type not in (*_SCALING, "MultiThreshold"):
            return False
        constants = [
            each for name in node.input if (each := model.get_initializer(name)) is not None
        ]
        if node.op_type == "MultiThreshold":
            return bool(constants[0].shape[0] == 1)
        return all(each.size == 1 for each in constants)


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
            raise StreamlineError(
                f"{found} stands between the input and its quantiser; "
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
        if len(shape) != 4 or behind is None or behind.op_type not in ("Transpose", *_FLATTENING):
            return model, False
        batch, channels, height, width = shape
        nhwc = [batch, height, width, channels]
        op.set_nodeattr("data_layout", "NHWC")
        for tensor in (source, first.output[0]):
            model.set_tensor_shape(tensor, nhwc)
            model.set_tensor_layout(tensor, layout.NHWC)
        if behind.op_type == "Transpose":
            for consumer in model.find_consumers(behind.output[0]):
                consumer.input[0] = first.output[0]
            model.graph.node.remove(behind)
        else:
            dense = model.find_consumer(behind.output[0])
            _take_channels_last(model, dense, (channels, height, width))
        return model, False


def _take_channels_last(
    model: ModelWrapper, dense: NodeProto | None, shape: tuple[int, int, int]
) -> None:
    """Sort the rows of a dense layer behind a flattened image of `shape`, (C, H, W), by H, W, C."""
    weights = None if dense is None else model.get_initializer(dense.input[-1])
    if dense is None or dense.op_type != "MatMul" or weights is None:
        found = "nothing" if dense is None else f"{dense.op_type} ({dense.name})"
        raise StreamlineError(f"{found} stands behind the flattened input; a dense layer has to")
    rows = weights.reshape(*shape, -1).transpose(1, 2, 0, 3)
    model.set_initializer(dense.input[1], rows.reshape(weights.shape))


def pixel_steps(
    codes: NDArray[np.int64], steps: int, scale: float, bias: float
) -> NDArray[np.float32]:
    """Return thresholds on the pixel value, float32 (1, steps), that reproduce `codes`.

    A quantiser with `steps` thresholds outputs bias + scale * (number of thresholds reached);
    threshold k is the smallest pixel value whose code counts k + 1 steps or more, 256 for none.
    """
    reached = np.round((codes - bias) / scale).astype(np.int64)
    if np.any(np.diff(reached) < 0) or reached.min() < 0 or reached.max() > steps:
        raise StreamlineError("the input quantiser does not rise with the pixel value")
    thresholds = np.searchsorted(reached, np.arange(1, steps + 1), side="left")
    return thresholds.astype(np.float32)[None, :]
