"""Which nodes of a network become one hardware layer, and what has no kernel: no folding yet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from flow.errors import UserError
from flow.hardware.form import hardware_form
from flow.hardware.kernels import follower_of
from flow.hardware.kernels.kernel import Kernel, Rows
from flow.hardware.kernels.matrix_vector import MatrixVector
from flow.hardware.kernels.threshold_unit import steps_refusal
from flow.hardware.layers.input import PIXEL_BITS, InputLayer
from flow.hardware.layers.matrix import MatrixLayer
from flow.hardware.layers.product import (
    ProductLayer,
    product_layer,
    product_refusal,
)
from flow.hardware.stream import Element, element_of
from flow.network import Conv, Dense, InputCodes, Network, Node, Scores, Threshold

_NO_KERNEL = {
    "Depthwise": "there is no kernel for convolutions of one channel each",
    "Add": "there is no kernel that adds two branches",
    "Concat": "there is no kernel that joins two branches",
}


@dataclass(frozen=True)
class Refusal:
    """A node that has no hardware, and why."""

    node: str
    kind: str
    reason: str

    def __str__(self) -> str:
        """Return the refusal as a message names it."""
        return f"{self.kind} '{self.node}': {self.reason}"


@dataclass(frozen=True, eq=False)
class Plan:
    """The layers in order. `network` is in the form that hardware computes (`hardware_form`).

    input: None where what comes in goes straight into the first product. pixel: of what comes in,
    a byte each; as narrow as its values where nothing stands in front of the first product.
    """

    network: Network
    input: InputLayer | None
    pixel: Element
    products: tuple[ProductLayer, ...]

    @property
    def layers(self) -> list[MatrixLayer]:
        """The products as geometry: what folding chooses for."""
        return [each.layer for each in self.products]

    def rows(self, edge: str, kernel: Kernel) -> Mapping[str, Rows]:
        """Return what the memories of the kernel that gives `edge` hold, by parameter."""
        if self.input is not None and self.input.codes.name == edge:
            return self.input.rows(kernel)
        for each in self.products:
            if each.edge == edge and isinstance(kernel, MatrixVector):
                return each.rows(kernel)
            for follower, node in zip(each.layer.behind, each.behind, strict=True):
                if node.name == edge:
                    return follower.rows(kernel, node)
        raise KeyError(edge)


def plan_hardware(network: Network) -> Plan:
    """Return the layers of a network; UserError naming the first node that has no hardware."""
    form = hardware_form(network)
    for refusal in _refusals(form):
        raise UserError(f"hardware: {refusal}")
    nodes = list(form.nodes[:-1])
    pixel = Element(PIXEL_BITS, form.source.signed)
    first = None
    if isinstance(nodes[0], InputCodes):
        first = InputLayer.of(form, nodes[0])
        nodes = nodes[1:]
    if first is None:
        pixel = element_of(form.edges[nodes[0].inputs[0]])
    element = pixel if first is None else first.element
    products: list[ProductLayer] = []
    while nodes:
        product = nodes.pop(0)
        assert isinstance(product, Conv | Dense)  # noqa: S101 - or it was refused
        fused = nodes.pop(0) if nodes and _fuses(form, nodes[0]) else None
        threshold = fused if isinstance(fused, Threshold) else None
        behind: list[Node] = []
        while nodes and not isinstance(nodes[0], Conv | Dense):
            behind.append(nodes.pop(0))
        name = f"MVAU_{len(products)}"
        layer = product_layer(form, name, product, threshold, element, last=not nodes)
        products.append(_with_followers(form, layer, behind))
        element = ([layer.element] + [each.element for each in products[-1].layer.behind])[-1]
    return Plan(form, first, pixel, tuple(_with_windows_behind(products)))


def hardware_refusals(network: Network) -> list[Refusal]:
    """Return every node that has no hardware, with the reason; empty where all have some."""
    return list(_refusals(hardware_form(network)))


def _refusals(form: Network) -> Iterator[Refusal]:
    if form.source.bits > PIXEL_BITS or form.source.bipolar:
        yield Refusal(
            form.input, "input", f"it has values {form.source.describe()}; it comes in bytes"
        )
    for name, readers in form.consumers.items():
        if len(readers) > 1:
            kind = form.producers[name].kind if name in form.producers else "input"
            yield Refusal(name, kind, f"{len(readers)} layers read it; a stream has one reader")
    if not list(form.products):
        yield Refusal(form.scores.name, "Scores", "no product stands in front of them")
    for node in form.nodes:
        reason = _reason(form, node)
        if reason:
            yield Refusal(node.name, node.kind, reason)


def _reason(form: Network, node: Node) -> str:
    """Return why a node has no hardware; empty where it has."""
    before = form.producers.get(node.inputs[0])
    if isinstance(node, Scores):
        return ""
    if isinstance(node, InputCodes):
        return "" if before is None else "it does not read the input"
    if isinstance(node, Conv | Dense):
        return product_refusal(form, node)
    if isinstance(node, Threshold) and _fuses(form, node):
        return steps_refusal(node)
    if node.kind in _NO_KERNEL:
        return _NO_KERNEL[node.kind]
    if before is None or isinstance(before, InputCodes):
        return "it stands in front of the first layer that multiplies; it must stand behind one"
    try:
        follower_of(form, node)
    except UserError as error:
        return str(error)
    return ""


def _fuses(form: Network, node: Node) -> bool:
    """Whether a node is a threshold that becomes part of the product in front of it."""
    before = form.producers.get(node.inputs[0])
    return isinstance(node, Threshold) and isinstance(before, Conv | Dense)


def _with_followers(form: Network, layer: ProductLayer, nodes: list[Node]) -> ProductLayer:
    element, behind = layer.element, []
    for node in nodes:
        behind.append(follower_of(form, node).of(form, node, element))
        element = behind[-1].element
    geometry = replace(layer.layer, behind=tuple(behind))
    return replace(layer, layer=geometry, behind=tuple(nodes))


def _with_windows_behind(products: list[ProductLayer]) -> list[ProductLayer]:
    """Note in each layer whether a window reads what comes out of it."""
    behind = [each.layer.window is not None for each in products[1:]] + [False]
    return [
        replace(each, layer=replace(each.layer, window_behind=window))
        for each, window in zip(products, behind, strict=True)
    ]
