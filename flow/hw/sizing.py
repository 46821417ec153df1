"""Width converters and FIFOs between the layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from onnx import helper

from flow.errors import UserError
from flow.tools.finn import RTL_DOMAIN, custom_op

if TYPE_CHECKING:
    from onnx import NodeProto
    from qonnx.core.modelwrapper import ModelWrapper

    from flow.hw.base import BnnOp


def insert_plumbing(
    model: ModelWrapper, depth_words: int, wanted: Mapping[str, int] | None = None
) -> ModelWrapper:
    """Put a width converter where neighbours disagree, and a FIFO behind every layer but a window.

    A chain cannot deadlock whatever the depths; FIFOs even out bursts. A window has its line
    buffer: a FIFO behind it would only be filled ahead of time. `wanted`: depths by FIFO
    name, the name of a FIFO being "Fifo_" and the layer before it ("Fifo_MVAU_0").
    Raises UserError for a name in `wanted` that does not exist.
    """
    wanted = dict(wanted or {})
    nodes = list(model.graph.node)
    placed: list[NodeProto] = []
    for k, node in enumerate(nodes):
        placed.append(node)
        if k + 1 == len(nodes):
            break
        following = nodes[k + 1]
        tensor = node.output[0]
        for name, op_type, attributes in _between(node, following, depth_words, wanted):
            output = f"{name}_out"
            model.set_tensor_shape(output, model.get_tensor_shape(node.output[0]))
            model.set_tensor_datatype(output, model.get_tensor_datatype(node.output[0]))
            placed.append(
                helper.make_node(
                    op_type,
                    [tensor],
                    [output],
                    name=name,
                    domain=RTL_DOMAIN,
                    backend="fpgadataflow",
                    **attributes,
                )
            )
            tensor = output
        following.input[0] = tensor
    if wanted:
        raise UserError(
            f"size_fifos: there is no FIFO {sorted(wanted)[0]}; a FIFO is named after the layer "
            f"before it, for instance Fifo_{nodes[0].name} ([fifo.layers])"
        )
    del model.graph.node[:]
    model.graph.node.extend(placed)
    return model


def _between(
    node: NodeProto, following: NodeProto, depth_words: int, wanted: dict[str, int]
) -> list[tuple[str, str, dict[str, Any]]]:
    """Return (name, op_type, attributes) of what stands between two layers; uses up `wanted`."""
    op: BnnOp = custom_op(node)
    out, into = op.out_stream(), custom_op(following).in_stream()
    datatype = op.get_nodeattr("outputDataType")
    common = {
        "inputDataType": datatype,
        "outputDataType": datatype,
        "Shape": list(op.get_normal_output_shape()),
        "Pixels": out.pixels,
    }
    fifo = f"Fifo_{node.name}"
    result: list[tuple[str, str, dict[str, Any]]] = []
    if node.op_type != "BnnSlidingWindow_rtl":
        depth = wanted.pop(fifo, depth_words)
        lanes = {"InLanes": out.lanes, "OutLanes": out.lanes}
        result.append((fifo, "BnnFifo_rtl", {**common, **lanes, "Depth": depth}))
    if out.lanes != into.lanes:
        result.append(
            (
                f"WidthConverter_{node.name}",
                "BnnWidthConverter_rtl",
                {**common, "InLanes": out.lanes, "OutLanes": into.lanes},
            )
        )
    return result
