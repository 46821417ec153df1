"""Averages and truncations: integer sums, with the division in what stands behind them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from fuzz.check import JUDGES, Case, some_inputs
from fuzz.draw import draw
from nets import QONNX, Net
from onnx import helper

from flow.errors import UserError
from flow.frontend.golden import GoldenSession, load_onnx, lower_to_plain_onnx
from flow.network import Conv, Dense, MaxPool, SumPool, Threshold, Window

CASES = Path(__file__).resolve().parents[3] / "shared" / "cases"


def judged(model: onnx.ModelProto) -> Case:
    """Return the case of a file on which every judge agrees."""
    golden = lower_to_plain_onnx(model)
    images, values = some_inputs(golden.input, 3)
    found = GoldenSession(golden).run_with_taps(images)
    case = Case(draw(0), model, golden, images, values, found)
    assert len(np.unique(case.found["scores"])) > 1
    assert {name: judge(case) for name, judge in JUDGES.items()} == dict.fromkeys(JUDGES, "")
    return case


def codes(channels: int = 4, bits: int = 4, scale: float = 0.37, size: int = 7) -> Net:
    """Codes 0..15 of a convolution, on a map of 7 x 7."""
    net = Net((1, 3, size, size), seed=2).image_quantiser().conv(3, channels, pad=1)
    return net.batch_norm(channels, 9.0).quant(bits, scale, signed=0)


def ended(net: Net, features: int) -> onnx.ModelProto:
    return net.add("Flatten", axis=1).matmul(features, 10, bits=4, scale=0.3).build()


def trunc(net: Net, scale: float, in_bits: int, out_bits: int, mode: str, **options: Any) -> Net:
    """Append a Trunc: version 1, or 2 where `out_scale` is given."""
    inputs = [net.last, net.const(scale), net.const(0.0), net.const(float(in_bits))]
    attributes: dict[str, Any] = {"rounding_mode": mode}
    if "out_scale" in options:
        inputs.append(net.const(options["out_scale"]))
        attributes |= {"signed": 0, "narrow": 0}
    inputs.append(net.const(float(out_bits)))
    node = helper.make_node("Trunc", inputs, ["truncated"], "Trunc", **attributes)
    node.domain = QONNX
    net.nodes.append(node)
    net.last = "truncated"
    return net


@pytest.mark.parametrize("name", ["trunc_avgpool", "gap_at_the_end", "float_gap_then_quant"])
def test_public_cases_are_exact(name: str) -> None:
    path = CASES / f"{name}.onnx"
    if not path.is_file():
        pytest.skip(f"{path.name} is kept beside the repository and is not there")
    case = judged(load_onnx(path))
    (node,) = case.network.of_kind(SumPool)
    assert node.window == Window((16, 16), node.window.stride)


WHOLE: dict[str, Callable[[Net], Net]] = {
    "GlobalAveragePool": lambda n: n.add("GlobalAveragePool"),
    "AveragePool": lambda n: n.add("AveragePool", kernel_shape=[7, 7]),
    "ReduceMean": lambda n: n.add("ReduceMean", n.const([-1, 2], np.int64), keepdims=1),
    "ReduceMean without the axes": lambda n: n.add(
        "ReduceMean", n.const([2, 3], np.int64), keepdims=0
    ),
}


@pytest.mark.parametrize("name", WHOLE)
def test_an_average_of_the_map_is_its_sum_and_a_threshold(name: str) -> None:
    net = WHOLE[name](codes())
    case = judged(ended(net.quant(8, 0.02, signed=0), 4))
    pool = case.network.of_kind(SumPool)[0]
    assert pool.window == Window((7, 7))
    step = case.network.of_kind(Threshold)[-1]
    assert step.inputs == (pool.name,)
    # Half-way between two codes of the average: 49 pixels, codes of 0.37, then of 0.02.
    assert step.steps[0, 0] == int(np.ceil(0.01 / (0.37 / 49)))


WINDOWS: dict[str, tuple[dict[str, Any], Window]] = {
    "odd map": ({"kernel_shape": [2, 2], "strides": [2, 2]}, Window((2, 2), (2, 2))),
    "overlapping": ({"kernel_shape": [3, 3], "strides": [2, 2]}, Window((3, 3), (2, 2))),
    "padded": (
        {"kernel_shape": [3, 2], "strides": [1, 2], "pads": [1, 0, 0, 1]},
        Window((3, 2), (1, 2), (1, 0, 0, 1)),
    ),
    "SAME_UPPER": (
        {"kernel_shape": [2, 2], "strides": [2, 2], "auto_pad": "SAME_UPPER"},
        Window((2, 2), (2, 2), (0, 0, 1, 1)),
    ),
    "SAME_LOWER": (
        {"kernel_shape": [2, 2], "strides": [2, 2], "auto_pad": "SAME_LOWER"},
        Window((2, 2), (2, 2), (1, 1, 0, 0)),
    ),
}


@pytest.mark.parametrize("name", WINDOWS)
@pytest.mark.parametrize("op", ["AveragePool", "MaxPool"])
def test_windows_of_pools(op: str, name: str) -> None:
    options, window = WINDOWS[name]
    average = {"count_include_pad": 1} if op == "AveragePool" else {}
    net = codes().add(op, **options, **average)
    if op == "AveragePool":
        net.quant(3, 0.5, signed=0)
    height, width = window.out_size((7, 7, 4))
    case = judged(ended(net, 4 * height * width))
    (pool,) = case.network.of_kind(SumPool if op == "AveragePool" else MaxPool)
    assert pool.window == window


@pytest.mark.parametrize("keepdims", [0, 1])
def test_a_global_maximum(keepdims: int) -> None:
    net = codes()
    net.add("ReduceMax", net.const([2, 3], np.int64), keepdims=keepdims)
    (pool,) = judged(ended(net, 4)).network.of_kind(MaxPool)
    assert pool.window == Window((7, 7), (7, 7))


@pytest.mark.parametrize("mode", ["FLOOR", "CEIL", "ROUND"])
@pytest.mark.parametrize("version", [1, 2])
def test_truncation_drops_the_low_bits_of_the_sum(version: int, mode: str) -> None:
    net = codes(size=8).add("AveragePool", kernel_shape=[4, 4], strides=[4, 4])
    scale = float(np.float32(0.37) / np.float32(16))
    options = {} if version == 1 else {"out_scale": scale * 16}
    trunc(net, scale, 8, 4, mode, **options)
    case = judged(ended(net, 16))
    assert case.golden.taps[-1].scale == pytest.approx(scale if version == 1 else scale * 16)
    step = case.network.of_kind(Threshold)[-1]
    # Of sums up to 240, sixteen give a code; ROUND moves by half of them, half to even.
    assert step.steps[0, 0] == {"FLOOR": 16, "CEIL": 1, "ROUND": 9}[mode]
    if mode != "ROUND":
        assert np.unique(np.diff(step.steps[0])).tolist() == [16]


def test_an_average_behind_a_pointwise_convolution_stands_in_front_of_it() -> None:
    """All-convolutional heads: summing 49 codes and one product cost less than 49 products."""
    net = codes().conv(4, 10, kernel=1, bits=4, scale=0.3)
    net.add("Add", net.const(np.arange(10.0).reshape(1, 10, 1, 1) / 7))
    net.add("GlobalAveragePool").add("Flatten", axis=1).quant(8, 0.05)
    case = judged(net.build())
    kinds = [node.kind for node in case.network.nodes]
    assert kinds[-4:] == ["SumPool", "Conv", "Threshold", "Scores"]
    product = case.network.of_kind(Conv)[-1]
    assert case.network.edges[product.name].shape == (1, 1, 10)
    assert not case.network.of_kind(Dense)


def test_averages_of_the_last_convolution_are_scores() -> None:
    net = codes().conv(4, 10, kernel=1, bits=4, scale=0.3).add("GlobalAveragePool")
    case = judged(net.add("Flatten", axis=1).build())
    scale = np.float32(0.37) * np.float32(0.3) / 49
    assert list(case.golden.score_map.scale) == pytest.approx([scale] * 10, rel=1e-6)


REFUSALS: dict[str, tuple[Callable[[Net], Net], str]] = {
    "real values": (
        lambda n: n.conv(4, 4).batch_norm(4).add("Relu").add("GlobalAveragePool"),
        r"'GlobalAveragePool_\d+': it averages what are no codes; put a quantiser in front",
    ),
    "sums of a larger kernel": (
        lambda n: n.conv(4, 4).add("GlobalAveragePool"),
        r"no codes; put a quantiser in front of it, or let it follow a 1x1 convolution",
    ),
    "border divided by less": (
        lambda n: n.add("AveragePool", kernel_shape=[3, 3], pads=[1] * 4),
        r"AveragePool_\d+': it divides by fewer pixels at the border.*count_include_pad=1",
    ),
    "cut windows": (
        lambda n: n.add("AveragePool", kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1),
        r"AveragePool_\d+': ceil_mode=1 cuts its last windows",
    ),
    "mean of channels": (
        lambda n: n.add("ReduceMean", n.const([1], np.int64)),
        r"ReduceMean_\d+': it reduces axes \[1\]",
    ),
    "truncated real values": (
        lambda n: trunc(n.add("Relu"), 0.1, 8, 4, "FLOOR"),
        r"Trunc 'Trunc': it truncates what are no integers",
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_what_is_no_sum_of_codes_is_refused(name: str) -> None:
    make, message = REFUSALS[name]
    with pytest.raises(UserError, match=message):
        lower_to_plain_onnx(make(codes()).build(None))
