"""Our folding written into FINN's hardware graph, for what FINN itself builds or simulates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flow.errors import UserError
from flow.finn.library import custom_op

if TYPE_CHECKING:
    from qonnx.core.modelwrapper import ModelWrapper

    from flow.hardware.folding.data import Folding


def apply_folding(model: ModelWrapper, folding: Folding) -> ModelWrapper:
    """Write each layer's PE, SIMD and memory style into a graph of FINN's hardware layers.

    Ours and FINN's products are the same ones in the same order. A window takes the SIMD of the
    layer behind it, a pool the PE of the layer before it. FINN computes one pixel at a time.
    Raises UserError where the two have different numbers of products.
    """
    units = [node for node in model.graph.node if node.op_type == "MVAU"]
    if len(units) != len(folding.layers):
        raise UserError(
            f"finn: FINN's graph has {len(units)} matrix-vector layers, the folding "
            f"{len(folding.layers)}; FINN's own layers cannot be folded alike"
        )
    layers = dict(zip((node.name for node in units), folding.layers.values(), strict=True))
    lanes = 1
    for node in model.graph.node:
        op = custom_op(node)
        if node.op_type == "MVAU":
            layer = layers[node.name]
            op.set_nodeattr("PE", layer.pe)
            op.set_nodeattr("SIMD", layer.simd)
            op.set_nodeattr("ram_style", layer.style)
            window = model.find_producer(node.input[0])
            if window is not None and window.op_type == "ConvolutionInputGenerator":
                custom_op(window).set_nodeattr("SIMD", layer.simd)
                padding = model.find_producer(window.input[0])
                if padding is not None and padding.op_type == "FMPadding":
                    custom_op(padding).set_nodeattr("SIMD", layer.simd)
            lanes = layer.pe
        elif node.op_type == "Pool":
            op.set_nodeattr("PE", lanes)
            custom_op(model.find_producer(node.input[0])).set_nodeattr("SIMD", lanes)
    return model
