"""FINN's own folding of the same graph, to compare with: greedy, blind to resources."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flow.hw.costs.model import CostModel, load_model
from flow.hw.folding.choose import Target
from flow.hw.folding.layers import LayerShape
from flow.hw.folding.options import LayerFolding, Pricing, converter_cost, layer_cost, window_cost
from flow.hw.netlist import Utilisation
from flow.tools.finn import apply_all, custom_op, prepare_finn

if TYPE_CHECKING:
    from qonnx.core.modelwrapper import ModelWrapper


@dataclass(frozen=True)
class Compared:
    """FINN's choice, priced by our cost model on our kernels."""

    layers: dict[str, LayerFolding]
    cost: Utilisation

    @property
    def cycles(self) -> int:
        """Cycles of the slowest layer."""
        return max(layer.cycles for layer in self.layers.values())


def set_folding(graph: ModelWrapper, target: Target, part: str) -> dict[str, tuple[int, int]]:
    """Return (PE, SIMD) by layer as FINN's SetFolding gives them to a copy of `graph`."""
    import copy

    prepare_finn()
    from finn.transformation.fpgadataflow.set_folding import SetFolding
    from finn.transformation.fpgadataflow.specialize_layers import SpecializeLayers

    names = [node.name for node in graph.graph.node if node.op_type == "MVAU"]
    theirs = apply_all(
        copy.deepcopy(graph),
        [SpecializeLayers(part), SetFolding(target.cycles)],
    )
    units = [node for node in theirs.graph.node if node.op_type.startswith("MVAU")]
    return {
        name: (int(custom_op(unit).get_nodeattr("PE")), int(custom_op(unit).get_nodeattr("SIMD")))
        for name, unit in zip(names, units, strict=True)
    }


def price(
    layers: Iterable[LayerShape],
    given: dict[str, tuple[int, int]],
    target: Target,
    model: CostModel | None = None,
) -> Compared:
    """Return what that folding takes with our kernels, weights where yosys would put them.

    FINN's SIMD may span pixels, which our window does not: it then hands on as many channels as
    divide both, and the product is as fast as FINN's.
    """
    shapes = list(layers)
    pricing = Pricing(model or load_model(), target.family, target.fifo_depth)
    chosen: dict[str, LayerFolding] = {}
    total = Utilisation()
    for shape in shapes:
        pe, simd = given[shape.name]
        product = (shape.mh // pe) * (shape.mw // simd) * shape.vectors
        narrow = math.gcd(simd, shape.simd_divides)
        cost = layer_cost(shape, pe, simd, "auto", pricing)
        cost += window_cost(shape, narrow, 1, 1, pricing)
        chosen[shape.name] = LayerFolding(pe, simd, product, "auto", cost)
        total += cost
    return Compared(chosen, total + converter_cost(shapes, chosen, pricing))
