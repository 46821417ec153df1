"""The padding repair: what a 1-bit tensor cannot say, said so that FINN's semantics stay exact.

A bipolar tensor holds -1 and +1 and no 0. Stock FINN lowers a padded binary convolution all the
same and, once the matrix product has become XNOR-popcount, reads the padding zeros as binary 0,
which is bipolar -1: the network computes something else and nothing says so. The two paddings a
network can mean are repaired apart:

- `pad_value = -1` arrives as a `Pad` node in front of an unpadded convolution. It is folded into
  the convolution (`FoldBipolarPad`), because the binary zero-fill is then exactly right.
- `pad_value = 0` arrives as the convolution's own `pads`. The activation that feeds it becomes INT2
  with its one threshold doubled, so that it takes the values -1 and +1 and the padding the value 0
  (`WidenPaddedActivations`). The hardware still moves 1 bit and a flag.

The accumulators of the last layer are read as numbers too, so the same widening keeps the last
matrix product out of the XNOR-popcount form, whose output is a count and not a dot product.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qonnx.core.datatype import DataType
from qonnx.transformation.base import Transformation
from qonnx.util.basic import get_by_name

from flow.finn.errors import StreamlineError
from flow.finn.library import custom_op

if TYPE_CHECKING:
    from onnx import NodeProto
    from qonnx.core.modelwrapper import ModelWrapper

_TRANSPARENT = frozenset({"MaxPool", "MaxPoolNHWC", "Transpose", "Flatten", "Reshape", "Im2Col"})
"""Operators that hand values on unchanged between an activation and the layer that reads it."""


class FoldBipolarPad(Transformation):
    """Fold `Pad(-1)` into the Conv behind it and annotate the weights with `pad_value = -1`.

    Runs before the convolutions are lowered. From here until `MarkPadValues` the Conv node alone
    does not tell the padding's value, so nothing executes the graph in between.
    """

    def apply(self, model: ModelWrapper) -> tuple[ModelWrapper, bool]:
        for pad in [n for n in model.graph.node if n.op_type == "Pad"]:
            conv = model.find_consumer(pad.output[0])
            if conv is None or conv.op_type != "Conv":
                raise StreamlineError(
                    f"{pad.name} (Pad) does not feed a convolution; "
                    "put the padding directly in front of a Conv"
                )
            value = _pad_value(model, pad)
            if value != -1:
                raise StreamlineError(
                    f"{pad.name} pads with {value:g}; a bipolar activation is padded "
                    "with -1 (Pad node) or 0 (the convolution's own padding)"
                )
            amounts = [int(v) for v in model.get_initializer(pad.input[1])]
            if len(amounts) != 8 or any(amounts[:2] + amounts[4:6]):
                raise StreamlineError(
                    f"{pad.name} pads {amounts}; only height and width of an NCHW "
                    "tensor can be padded"
                )
            own = get_by_name(conv.attribute, "pads")
            if own is not None and any(own.ints):
                raise StreamlineError(
                    f"{conv.name} pads with 0 behind {pad.name}, which pads with -1; "
                    "use one of the two"
                )
            if own is not None:
                conv.attribute.remove(own)
            conv.attribute.append(_ints("pads", amounts[2:4] + amounts[6:8]))
            conv.input[0] = pad.input[0]
            model.graph.node.remove(pad)
            metadata = model.model.metadata_props.add()
            metadata.key, metadata.value = _marker(conv.input[1]), "-1"
        return model, False


class MarkPadValues(Transformation):
    """Set `pad_value` of each Im2Col whose weights `FoldBipolarPad` annotated."""

    def apply(self, model: ModelWrapper) -> tuple[ModelWrapper, bool]:
        marked = {p.key for p in model.model.metadata_props if p.value == "-1"}
        for im2col in [n for n in model.graph.node if n.op_type == "Im2Col"]:
            matmul = model.find_consumer(im2col.output[0])
            if matmul is not None and _marker(matmul.input[1]) in marked:
                custom_op(im2col).set_nodeattr("pad_value", -1)
        return model, False


class WidenPaddedActivations(Transformation):
    """Turn bipolar activations whose consumers need a zero or a number into INT2 in {-1, +1}."""

    def apply(self, model: ModelWrapper) -> tuple[ModelWrapper, bool]:
        for threshold in [n for n in model.graph.node if n.op_type == "MultiThreshold"]:
            op = custom_op(threshold)
            if op.get_nodeattr("out_dtype") != "BIPOLAR" or not _needs_numbers(model, threshold):
                continue
            steps = model.get_initializer(threshold.input[1])
            model.set_initializer(threshold.input[1], np.repeat(steps, 2, axis=1))
            op.set_nodeattr("out_dtype", "INT2")
            op.set_nodeattr("out_scale", 1.0)
            op.set_nodeattr("out_bias", -1.0)
            tensor, consumer = threshold.output[0], model.find_consumer(threshold.output[0])
            model.set_tensor_datatype(tensor, DataType["INT2"])
            while consumer is not None and consumer.op_type in _TRANSPARENT:
                tensor = consumer.output[0]
                model.set_tensor_datatype(tensor, DataType["INT2"])
                consumer = model.find_consumer(tensor)
        return model, False


class ClearBinaryPadValues(Transformation):
    """Write the padding of BINARY tensors as FINN does: binary 0, which is bipolar -1."""

    def apply(self, model: ModelWrapper) -> tuple[ModelWrapper, bool]:
        for im2col in [n for n in model.graph.node if n.op_type == "Im2Col"]:
            op = custom_op(im2col)
            if op.get_nodeattr("pad_value") != -1:
                continue
            datatype = model.get_tensor_datatype(im2col.input[0])
            if datatype != DataType["BINARY"]:
                raise StreamlineError(
                    f"{im2col.name} pads a {datatype.name} tensor with -1; "
                    "only binary activations can be padded with -1"
                )
            op.set_nodeattr("pad_value", 0)
        return model, False


def _needs_numbers(model: ModelWrapper, threshold: NodeProto) -> bool:
    """Whether the layer behind `threshold` pads with 0 or hands its accumulators out."""
    consumer = model.find_consumer(threshold.output[0])
    while consumer is not None and consumer.op_type in _TRANSPARENT:
        if consumer.op_type == "Im2Col":
            op = custom_op(consumer)
            if any(op.get_nodeattr("pad_amount")) and op.get_nodeattr("pad_value") == 0:
                return True
        consumer = model.find_consumer(consumer.output[0])
    if consumer is None or consumer.op_type != "MatMul":
        return False
    behind = model.find_consumer(consumer.output[0])
    while behind is not None and behind.op_type in _TRANSPARENT:
        behind = model.find_consumer(behind.output[0])
    return behind is None or behind.op_type != "MultiThreshold"


def _pad_value(model: ModelWrapper, pad: NodeProto) -> float:
    mode = get_by_name(pad.attribute, "mode")
    if mode is not None and mode.s not in (b"", b"constant"):
        raise StreamlineError(f"{pad.name} pads by {mode.s.decode()}; use constant padding")
    if len(pad.input) < 3 or not pad.input[2]:
        return 0.0
    return float(np.asarray(model.get_initializer(pad.input[2])).reshape(()))


def _marker(weights: str) -> str:
    return f"pad_value:{weights}"


def _ints(name: str, values: list[int]) -> Any:
    from onnx import helper

    return helper.make_attribute(name, values)
