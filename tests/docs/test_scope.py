"""docs/scope.md says what the code does: a network for each row of both tables."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from nets import Net, small_net

from flow.check.survey import reasons, survey
from flow.errors import UserError
from flow.frontend.golden.operators import HANDLERS
from flow.frontend.golden.scores import ON_THE_HOST

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "scope.md").read_text(encoding="utf-8")


def rows(heading: str) -> list[str]:
    """Return the first cells of the table under a heading."""
    part = PAGE.split(f"## {heading}")[1].split("\n## ")[0]
    cells = re.findall(r"^\| ([^|]+?) \|", part, re.M)
    return [cell for cell in cells if cell not in ("part", "not supported") and set(cell) != {"-"}]


def front(channels: int = 8) -> Net:
    """Signs of 6x6 pixels."""
    return Net().image_quantiser().conv(3, channels).batch_norm(channels, 300 / 128).bipolar()


def ended(net: Net, features: int) -> onnx.ModelProto:
    net.add("Reshape", net.const([1, -1], np.int64))
    return net.matmul(features, 10).build()


def grouped(**attributes: object) -> onnx.ModelProto:
    net = front()
    weights = net._weights((8, 8 // attributes.get("group", 1), 3, 3), 1.0)
    net.add("Conv", weights, kernel_shape=[3, 3], pads=[0] * 4, **attributes)
    size = 2 if "dilations" in attributes else 4
    return ended(net.batch_norm(8).bipolar(), 8 * size * size)


def branches() -> onnx.ModelProto:
    net = front()
    skip = net.last
    net.conv(8, 8, pad=1).batch_norm(8).bipolar()
    return ended(net.add("Add", skip).quant(2, 1.0), 8 * 36)


def averaged_over_one_axis() -> onnx.ModelProto:
    net = Net((1, 4, 12)).quant(4, 0.1)
    weights = net._weights((8, 4, 3), 1.0)
    net.add("Conv", weights, kernel_shape=[3], pads=[0, 0]).batch_norm(8, 5.0).bipolar()
    return ended(net.add("AveragePool", kernel_shape=[2], strides=[2]).quant(4, 0.5), 40)


def quantised_twice() -> onnx.ModelProto:
    net = Net((1, 4, 8, 8)).quant(10, 0.01)
    return ended(net.conv(4, 8).batch_norm(8, 30.0).bipolar(), 8 * 36)


def multi_threshold() -> onnx.ModelProto:
    net = front()
    net.add("MultiThreshold", net.const(np.zeros((8, 1))), domain="finn.custom_op.general")
    return ended(net, 8 * 36)


def float_layer() -> onnx.ModelProto:
    net = front()
    net.add("Conv", net.const(np.ones((8, 8, 3, 3)) / 3), kernel_shape=[3, 3])
    return ended(net.batch_norm(8).bipolar(), 8 * 16)


def of_operator(op: str) -> onnx.ModelProto:
    return ended(front().add(op), 8 * 36)


OUTSIDE: dict[str, tuple[Callable[[], onnx.ModelProto], str]] = {
    "FINN-ONNX": (multi_threshold, "export the network as QONNX"),
    "residual additions": (branches, "layers read it|no kernel that adds"),
    "floating-point layers": (float_layer, "float layer: its weights"),
    "activations or weights of more": (lambda: small_net(bits=9, scale=0.5).build(), "511 steps"),
    "a sign behind a Relu": (
        lambda: ended(front().add("Relu").quant(1, 1.0), 8 * 36),
        "it gives 1 whatever the image",
    ),
    "anything else behind": (
        lambda: small_net().add("Relu").build(),
        "Relu stands behind the last integers",
    ),
    "depthwise, grouped": (lambda: grouped(group=2), "2 groups"),
    "values of more than 8 bits": (quantised_twice, "10 bits|8 bits"),
    "per-image statistics": (lambda: of_operator("GlobalLpPool"), "not supported"),
    "transposed convolution": (lambda: of_operator("Softplus"), "not supported"),
}
NO_NETWORK = ("average accuracy promises",)


@pytest.mark.parametrize("row", rows("Outside, and what to do instead"))
def test_what_the_page_refuses_is_refused_with_a_reason(row: str) -> None:
    if row in NO_NETWORK:
        return
    named = [each for each in OUTSIDE if row.startswith(each)]
    assert len(named) == 1, f"no network stands for '{row}'"
    build, reason = OUTSIDE[named[0]]
    try:
        found = reasons(survey(build()))
    except UserError as error:
        found = [str(error)]
    assert found and re.search(reason, "\n".join(found)), found


def test_dilated_and_depthwise_convolutions_are_refused_too() -> None:
    for attributes in ({"dilations": [2, 2]}, {"group": 8}):
        assert reasons(survey(grouped(**attributes)))


def pooled(op: str, **attributes: object) -> onnx.ModelProto:
    net = front().add(op, kernel_shape=[3, 3], strides=[2, 2], **attributes)
    net = net.quant(3, 0.25) if op == "AveragePool" else net
    return ended(net, 8 * 9 if "pads" in attributes else 8 * 4)


INSIDE: dict[str, list[Callable[[], onnx.ModelProto]]] = {
    "topology": [lambda: small_net().build()],
    "convolution": [lambda: small_net(pad=0).build()],
    "padding": [lambda: small_net(pad=1).build()],
    "fully connected": [lambda: small_net(seed=2).build()],
    "activation": [lambda: small_net(bits=4, scale=0.5).build()],
    "pooling": [
        lambda: pooled("MaxPool"),
        lambda: pooled("MaxPool", pads=[1, 1, 1, 1]),
        lambda: pooled("AveragePool"),
        averaged_over_one_axis,
    ],
    "input": [lambda: ended(Net((1, 20)).quant(3, 0.5).matmul(20, 12).bipolar(), 12)],
    "end": [
        lambda: small_net().batch_norm(10).build(),
        lambda: small_net().add("Softmax", axis=-1).build(),
    ],
    "weight scale": [lambda: ended(front().conv(8, 4, scale=0.3).batch_norm(4).bipolar(), 64)],
}
ELSEWHERE = ("file",)  # tests/frontend/golden/test_qcdq.py


@pytest.mark.parametrize("row", rows("Inside"))
def test_what_the_page_takes_builds(row: str) -> None:
    if row in ELSEWHERE:
        return
    for build in INSIDE[row]:
        assert reasons(survey(build())) == []


def test_the_operators_of_the_page_are_those_of_the_reader() -> None:
    listed = re.search(r"Operators that are read: (.+?)\.\n", PAGE, re.S)
    assert listed
    wanted = sorted({*HANDLERS, *ON_THE_HOST}, key=lambda name: (name.lower(), name))
    assert re.findall(r"`(\w+)`", listed[1]) == wanted
