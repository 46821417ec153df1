"""Faults to plant in a reader or a lowering: what the random networks have to find.

A fault has a name, a way to tell which networks it may change, and a function that plants it by
monkeypatching. Those of other forms (network, cppsim) go into the same table, with their judge.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from fuzz.features import WANTED, features
from fuzz.spec import Spec
from onnx import NodeProto, helper, numpy_helper

import flow.check.cpp.generate as generate
import flow.check.cpp.program as program
import flow.frontend.golden.constants as constants
import flow.frontend.golden.lower as lower
import flow.frontend.golden.operators as operators
import flow.frontend.golden.products as products
import flow.frontend.product_nodes as product_nodes
import flow.frontend.to_network as to_network
from flow.check.cpp.steps import Step
from flow.frontend.golden.builder import Builder
from flow.network import Dense, MaxPool, stored_weights

Plant = Callable[[pytest.MonkeyPatch], None]
Concerns = Callable[[Spec], bool]


@dataclass(frozen=True)
class Fault:
    """concerns: whether a network is worth trying. judge: who has to find it."""

    name: str
    plant: Plant
    concerns: Concerns
    judge: str = "witness"


FAULTS: list[Fault] = []


def fault(
    name: str, *needs: str, only: Concerns = lambda spec: True, judge: str = "witness"
) -> Callable[[Plant], Plant]:
    """Enter a planting function into the table; `needs` are features of the networks (WANTED)."""
    assert set(needs) <= set(WANTED), needs

    def enter(plant: Plant) -> Plant:
        FAULTS.append(
            Fault(name, plant, lambda spec: set(needs) <= features(spec) and only(spec), judge)
        )
        return plant

    return enter


def _handler(
    patch: pytest.MonkeyPatch, op: str, change: Callable[[Builder, NodeProto], None]
) -> None:
    """Replace the lowering of one operator; `change` may call the right one first."""
    patch.setitem(operators.HANDLERS, op, change)


def _after(
    patch: pytest.MonkeyPatch, op: str, change: Callable[[Builder, list[NodeProto]], None]
) -> None:
    """Run the right lowering of `op`, then `change` on the nodes it has emitted."""
    right = operators.HANDLERS[op]

    def wrong(build: Builder, node: NodeProto) -> None:
        before = len(build.nodes)
        right(build, node)
        change(build, build.nodes[before:])

    _handler(patch, op, wrong)


def _set(build: Builder, name: str, change: Callable[[Any], Any]) -> None:
    """Change an initializer of the plain graph."""
    tensor = next(t for t in build.initializers if t.name == name)
    values = np.asarray(change(numpy_helper.to_array(tensor).copy()))
    tensor.CopyFrom(numpy_helper.from_array(values, name))


@fault("CEIL and FLOOR swapped", "FLOOR")
def _(patch: pytest.MonkeyPatch) -> None:
    other = {"Ceil": "Floor", "Floor": "Ceil", "Round": "Round"}
    right = operators.rounding
    patch.setattr(operators, "rounding", lambda node: other[right(node)])


@fault("halves rounded up", "halves", "ROUND")
def _(patch: pytest.MonkeyPatch) -> None:
    """What FINN's thresholds do: floor(x + 1/2)."""

    def change(build: Builder, nodes: list[NodeProto]) -> None:
        for node in nodes:
            if node.op_type == "Round":
                half = build.emit("Add", [node.input[0], build.scalar(0.5)])
                build.nodes.insert(build.nodes.index(node), build.nodes.pop())
                node.op_type, node.input[0] = "Floor", half

    _after(patch, "Quant", change)


@fault("-1 padding with 0", "pad -1")
def _(patch: pytest.MonkeyPatch) -> None:
    def change(build: Builder, nodes: list[NodeProto]) -> None:
        _set(build, nodes[-1].input[2], np.zeros_like)

    _after(patch, "Pad", change)


@fault("padding with the input's lowest code", "pad 0", "input 8 bits signed")
def _(patch: pytest.MonkeyPatch) -> None:
    """A Conv that pads with -128 what the file pads with 0."""
    right = operators.HANDLERS["Conv"]

    def wrong(build: Builder, node: NodeProto) -> None:
        value = build.single_input(node)
        right(build, node)
        conv = next(n for n in reversed(build.nodes) if n.op_type == "Conv")
        pads = next((a for a in conv.attribute if a.name == "pads"), None)
        if pads is None or not any(pads.ints) or value.codes is None or len(build.layers) > 1:
            return
        top, left, bottom, right_side = pads.ints
        full = build.constant(np.array([0, 0, top, left, 0, 0, bottom, right_side], np.int64))
        padded = build.emit("Pad", [conv.input[0], full, build.scalar(value.codes.low)])
        build.nodes.insert(build.nodes.index(conv), build.nodes.pop())
        conv.input[0] = padded
        pads.ints[:] = [0, 0, 0, 0]

    _handler(patch, "Conv", wrong)


@fault("top and bottom padding swapped", "uneven pads")
def _(patch: pytest.MonkeyPatch) -> None:
    def change(build: Builder, nodes: list[NodeProto]) -> None:
        for attribute in (a for n in nodes if n.op_type == "Conv" for a in n.attribute):
            if attribute.name == "pads":
                attribute.ints[:] = [*attribute.ints[2:], *attribute.ints[:2]]

    _after(patch, "Conv", change)


@fault("SAME_UPPER as SAME_LOWER", "SAME")
def _(patch: pytest.MonkeyPatch) -> None:
    def change(build: Builder, nodes: list[NodeProto]) -> None:
        for attribute in (a for n in nodes if n.op_type == "Conv" for a in n.attribute):
            if attribute.name == "auto_pad":
                attribute.s = b"SAME_LOWER"

    _after(patch, "Conv", change)


@fault("strides of height and width swapped", "stride")
def _(patch: pytest.MonkeyPatch) -> None:
    """Shows as another map where the strides differ, so shapes need not even agree."""

    def change(build: Builder, nodes: list[NodeProto]) -> None:
        for attribute in (a for n in nodes if n.op_type == "Conv" for a in n.attribute):
            if attribute.name == "strides":
                attribute.ints[:] = attribute.ints[::-1]

    _after(patch, "Conv", change)


@fault("bias of a convolution lost", "bias of a conv")
def _(patch: pytest.MonkeyPatch) -> None:
    right = Builder.array

    def array(self: Builder, node: NodeProto, index: int) -> Any:
        return None if node.op_type == "Conv" and index == 2 else right(self, node, index)

    patch.setattr(Builder, "array", array)


@fault("scale of one channel 5 % off", "weight scale per channel", "activation 5 to 8 bits")
def _(patch: pytest.MonkeyPatch) -> None:
    right = products.per_channel

    def wrong(*args: Any) -> Any:
        scale = right(*args).copy()
        scale[-1] *= np.float32(1.05)
        return scale

    patch.setattr(products, "per_channel", wrong)


@fault("rows of a flatten in channel-last order", "flattened map")
def _(patch: pytest.MonkeyPatch) -> None:
    def flatten(right: Callable[[Builder, NodeProto], None]) -> Callable[..., None]:
        def wrong(build: Builder, node: NodeProto) -> None:
            value = build.single_input(node)
            if len(value.shape) == 3 and value.layer >= 0:
                moved = build.emit("Transpose", [value.tensor], perm=[0, 2, 3, 1])
                build.values[node.input[0]] = replace(value, tensor=moved)
            right(build, node)

        return wrong

    for op in ("Flatten", "Reshape"):
        _handler(patch, op, flatten(operators.HANDLERS[op]))


@fault("upper clip bound one too low", "unsigned activation")
def _(patch: pytest.MonkeyPatch) -> None:
    right = operators.quant_range

    def wrong(*args: Any) -> Any:
        found = right(*args)
        return found if found.bipolar or found.low < 0 else replace(found, high=found.high - 1)

    patch.setattr(operators, "quant_range", wrong)


@fault("narrow range of an activation ignored", "narrow activation", "signed activation")
def _(patch: pytest.MonkeyPatch) -> None:
    right = operators.quant_range

    def wrong(node: NodeProto, *given: Any) -> Any:
        wide = NodeProto()
        wide.CopyFrom(node)
        for attribute in wide.attribute:
            if attribute.name == "narrow":
                attribute.i = 0
        return right(wide, *given)

    patch.setattr(operators, "quant_range", wrong)


@fault("narrow range of weights ignored", "weights narrow", "weights 2 bits")
def _(patch: pytest.MonkeyPatch) -> None:
    right = constants.quant_range

    def wrong(*args: Any) -> Any:
        found = right(*args)
        narrow = not found.bipolar and found.low == -found.high
        return replace(found, low=found.low - 1) if narrow else found

    patch.setattr(constants, "quant_range", wrong)


@fault("dead channels give 0", "dead channels of several bits")
def _(patch: pytest.MonkeyPatch) -> None:
    """A BatchNormalization of scale 0 gives its bias, not 0."""

    def change(build: Builder, nodes: list[NodeProto]) -> None:
        factor, addend = nodes[-2].input[1], nodes[-1].input[1]
        dead = numpy_helper.to_array(next(t for t in build.initializers if t.name == factor)) == 0
        _set(build, addend, lambda b: np.where(dead, np.float32(0), b))

    _after(patch, "BatchNormalization", change)


@fault("sign of a falling channel lost", "falling channels", "BatchNormalization")
def _(patch: pytest.MonkeyPatch) -> None:
    def change(build: Builder, nodes: list[NodeProto]) -> None:
        _set(build, nodes[-2].input[1], np.abs)

    _after(patch, "BatchNormalization", change)


@fault("pool moved behind a falling norm", "pool in front of falling norm")
def _(patch: pytest.MonkeyPatch) -> None:
    """max(-x) instead of -max(x): a maximum of sums taken as their minimum."""

    def change(build: Builder, nodes: list[NodeProto]) -> None:
        pool = build.nodes[-1]
        if not build.values or build.layers == []:
            return
        down = build.emit("Neg", [pool.input[0]])
        build.nodes.insert(build.nodes.index(pool), build.nodes.pop())
        pool.input[0] = down
        up = build.emit("Neg", [pool.output[0]])
        for name, value in build.values.items():
            if value.tensor == pool.output[0]:
                build.values[name] = replace(value, tensor=up)

    _after(patch, "MaxPool", change)


def _sums_signed(spec: Spec) -> bool:
    """Signs of sums, with nothing between them."""
    return any(v.act.is_sign and not v.norm.kind and not v.bias for v in spec.layers[:-1])


@fault("sign of 0 is -1", "sign", "input sign", only=_sums_signed)
def _(patch: pytest.MonkeyPatch) -> None:
    def change(build: Builder, nodes: list[NodeProto]) -> None:
        for node in nodes:
            if node.op_type == "GreaterOrEqual":
                node.input[1] = build.scalar(1e-30)  # only sums above 0 reach that

    for op in ("BipolarQuant", "Quant"):
        _after(patch, op, change)


@fault(
    "second of two quantisers dropped",
    "two quantisers in a row",
    only=lambda spec: any(layer.act.again == "coarser" for layer in spec.layers[:-1]),
)
def _(patch: pytest.MonkeyPatch) -> None:
    right = operators.HANDLERS["Quant"]

    def wrong(build: Builder, node: NodeProto) -> None:
        value = build.single_input(node)
        if value.codes is not None and value.layer >= 0:
            build.set_value(node, value)
        else:
            right(build, node)

    _handler(patch, "Quant", wrong)


@fault("pixels divided by 256", "input 8 bits unsigned")
def _(patch: pytest.MonkeyPatch) -> None:
    right = lower.lower_input

    def wrong(build: Builder, *args: Any) -> Any:
        image = right(build, *args)
        for node in build.nodes:
            if node.op_type == "Div":
                _set(build, node.input[1], lambda v: v + np.float32(1))
        return image

    patch.setattr(lower, "lower_input", wrong)


@fault("Relu in front of a signed quantiser dropped", "Relu", "signed activation")
def _(patch: pytest.MonkeyPatch) -> None:
    _handler(patch, "Relu", operators.lower_identity)


@fault("Gemm with transB read untransposed", "Gemm", "vectors only")
def _(patch: pytest.MonkeyPatch) -> None:
    """Square or not: a matrix of the wrong order, of the right shape."""
    right = operators.HANDLERS["Gemm"]

    def wrong(build: Builder, node: NodeProto) -> None:
        weights = build.constants[node.input[1]]
        if helper.get_node_attr_value(node, "transB") and weights.codes is not None:
            turned = weights.codes.T.reshape(weights.codes.shape)
            changed = {**build.constants, node.input[1]: replace(weights, codes=turned)}
            build.constants = changed
        right(build, node)

    _handler(patch, "Gemm", wrong)


# -- golden to network ----------------------------------------------------------------------------


@fault("columns of a dense layer left in the file's order", "flattened map", judge="network")
def _(patch: pytest.MonkeyPatch) -> None:
    def wrong(golden: Any, layer: Any, view: Any) -> Dense:
        rows = golden.weights(layer.index)
        return Dense(layer.accumulator, (view.edge,), stored_weights(rows))

    patch.setattr(to_network, "dense", wrong)


@fault("minimum of a falling channel lost", "pool in front of falling norm", judge="network")
def _(patch: pytest.MonkeyPatch) -> None:
    def wrong(name: str, inputs: Any, window: Any, minimum: Any) -> MaxPool:
        return MaxPool(name, inputs, window, np.zeros_like(minimum))

    patch.setattr(to_network, "MaxPool", wrong)


@fault("padding above and below swapped", "uneven pads", "pad 0", judge="network")
def _(patch: pytest.MonkeyPatch) -> None:
    right = product_nodes.window_of

    def wrong(*args: Any) -> Any:
        window = right(*args)
        top, left, bottom, end = window.pad
        return replace(window, pad=(bottom, left, top, end))

    patch.setattr(product_nodes, "window_of", wrong)


@fault("every step one too late", judge="network")
def _(patch: pytest.MonkeyPatch) -> None:
    right = to_network.find_steps

    def wrong(*args: Any) -> Any:
        found = right(*args)
        return replace(found, steps=found.steps + 1)

    patch.setattr(to_network, "find_steps", wrong)


# -- network to cppsim: what is packed, padded and turned around ----------------------------------


def _layers_changed(patch: pytest.MonkeyPatch, change: Callable[[Step], Step]) -> None:
    right = generate._entry
    patch.setattr(generate, "_entry", lambda layer, blob: right(change(layer), blob))


@fault("weights of bits packed from the other end", "weights 1 bits", judge="cppsim")
def _(patch: pytest.MonkeyPatch) -> None:
    right = generate.bit_weights
    patch.setattr(generate, "bit_weights", lambda weights: right(weights[..., ::-1]))


@fault("weights of falling channels not negated", "falling channels", judge="cppsim")
def _(patch: pytest.MonkeyPatch) -> None:
    right = program._Builder._product

    def wrong(builder: Any, node: Any, sign: Any) -> Step:
        return right(builder, node, np.ones_like(sign))

    patch.setattr(program._Builder, "_product", wrong)


@fault("padding with -1 computed as none", "pad -1", judge="cppsim")
def _(patch: pytest.MonkeyPatch) -> None:
    _layers_changed(patch, lambda layer: replace(layer, pad_value=0))


@fault("minima of pools computed as maxima", "pool in front of falling norm", judge="cppsim")
def _(patch: pytest.MonkeyPatch) -> None:
    def change(layer: Step) -> Step:
        if layer.map == "max_pool" and layer.constants is not None:
            return replace(layer, constants=np.zeros_like(layer.constants))
        bits = layer.kind == "pool" and layer.mask is not None
        return replace(layer, mask=np.zeros_like(layer.mask)) if bits else layer

    _layers_changed(patch, change)


@fault("windows of cppsim shifted by a row", "pad 0", judge="cppsim")
def _(patch: pytest.MonkeyPatch) -> None:
    _layers_changed(patch, lambda layer: replace(layer, pad=(layer.pad[1], layer.pad[1])))
