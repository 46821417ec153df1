"""From a network to layers and a design: what fuses, what is padded how, what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from accelerator import generate_network, network_of
from nets import mixed_net, padded_net, tiny_net

from flow.errors import UserError
from flow.hardware.build import build_design
from flow.hardware.decoded import decode
from flow.hardware.depths import FifoDepths
from flow.hardware.design import Design
from flow.hardware.folding import Folding, LayerFolding
from flow.hardware.form import hardware_form
from flow.hardware.plan import Plan, hardware_refusals, plan_hardware
from flow.network import (
    Add,
    Conv,
    Dense,
    Depthwise,
    Edge,
    InputCodes,
    MaxPool,
    Network,
    Node,
    Scores,
    SumPool,
    Threshold,
    Window,
)

RNG = np.random.default_rng(5)


def bits(shape: tuple[int, ...]) -> np.ndarray:
    return RNG.choice(np.array([-1, 1], np.int8), shape)


def sign(name: str, source: str, channels: int, **values: object) -> Threshold:
    steps = RNG.integers(-9, 9, (channels, 1))
    falling = np.zeros(channels, bool)
    return Threshold(name, (source,), values.get("steps", steps), falling, -1, 2)


def network(*nodes: Node, classes: int = 4, channels: int = 2) -> Network:
    scores = Scores(
        "scores", (nodes[-1].name,), np.ones(classes, np.float32), np.zeros(classes, np.float32)
    )
    return Network("x", Edge((6, 6, channels), 0, 255), (*nodes, scores), {})


DEPTHS = FifoDepths(8, {})


def designed(plan: Plan, depths: FifoDepths = DEPTHS) -> Design:
    layers = {layer.name: LayerFolding(1, 1) for layer in plan.layers}
    return build_design(plan, Folding(layers), depths, 64)


def test_padding_becomes_flags_for_zero_and_bits_for_minus_one() -> None:
    for pad_value in (0, -1):
        design = designed(plan_hardware(network_of(padded_net(pad_value))))
        windows = [node for node in design.nodes if node.module == "bnn_sliding_window"]
        streams = [design.stream(node.sink) for node in windows]
        assert [s.flagged for s in streams] == [False, pad_value == 0, pad_value == 0]
        assert [s.elem_bits for s in streams] == [8, 1, 1]
        assert all("PadElem" not in node.parameters for node in windows)  # 0 is -1


def test_layers_know_their_bits() -> None:
    layers = plan_hardware(network_of(mixed_net())).layers
    assert [s.in_bits for s in layers] == [8, 1, 3, 2, 1, 4]
    # Falling channels have their weights negated, for which -4 and -2 need a bit more.
    assert [s.weight_bits for s in layers] == [1, 4, 3, 1, 1, 4]
    assert [s.steps for s in layers] == [1, 7, 2, 1, 15, 0]
    assert [s.flags for s in layers] == [False, True, False, False, False, False]


def test_windows_get_no_fifo_and_every_other_layer_but_the_last_gets_one() -> None:
    plan = plan_hardware(network_of(tiny_net()))
    design = designed(plan, FifoDepths(8, {"Fifo_MVAU_0": 16}))
    layers = [node.name for node in design.nodes if not node.plumbing]
    fifos = {
        node.name: node.parameters["Depth"] for node in design.nodes if node.module == "bnn_fifo"
    }
    expected = {f"Fifo_{name}": 8 for name in layers[:-1] if "Window" not in name}
    assert fifos == {**expected, "Fifo_MVAU_0": 16}
    for stream in design.streams:
        assert not stream.producer or design.node(stream.producer).sink == stream.name
        assert not stream.consumer or design.node(stream.consumer).source == stream.name


def test_an_unknown_fifo_is_refused_with_an_example() -> None:
    plan = plan_hardware(network_of(tiny_net()))
    with pytest.raises(UserError, match=r"there is no FIFO Fifo_MVAU_9; .* Fifo_"):
        designed(plan, FifoDepths(32, {"Fifo_MVAU_9": 4}))


def test_pixels_that_are_their_own_codes_need_no_layer() -> None:
    table = np.arange(256, dtype=np.int32)
    dense = Dense("d", ("q",), bits((4, 72)))
    plan = plan_hardware(network(InputCodes("q", ("x",), table, 0, 255), dense))
    assert plan.input is None
    assert (plan.layers[0].in_bits, plan.layers[0].in_signed) == (8, False)
    design = designed(plan)
    assert design.nodes[0].module == "bnn_width_converter"
    assert design.input_stream.carries.edge == plan.products[0].product.inputs[0]


def test_a_pool_of_sums_becomes_a_pool_of_codes_that_takes_minima() -> None:
    conv = Conv("c", ("x",), bits((3, 3, 3, 2)), Window((3, 3), pad=(1, 1, 1, 1)))
    pool = MaxPool("p", ("c",), Window((2, 2), (2, 2)), np.zeros(3, bool))
    steps = RNG.integers(-400, 400, (3, 1))
    threshold = Threshold("t", ("p",), steps, np.array([False, True, False]), -1, 2)
    whole = network(conv, pool, threshold, Dense("d", ("t",), bits((4, 27))))
    plan = plan_hardware(whole)
    assert [pool.minimum for pool in plan.layers[0].behind] == [0b010]
    images = RNG.integers(0, 256, (5, 6, 6, 2))
    form = hardware_form(whole)
    for edge in ("t", "d"):
        assert np.array_equal(form.run(images)[edge], whole.run(images)[edge])
    # Falling channels rise once their weights are negated.
    kernel = conv.weights.reshape(3, -1)
    assert np.array_equal(plan.products[0].weights, kernel * np.array([[1], [-1], [1]]))


@pytest.mark.parametrize(
    ("size", "pad"),
    [
        ((3, 1), (1, 0, 0, 1)),
        ((1, 1), (0, 2, 1, 0)),
        ((2, 1), (2, 3, 4, 1)),
        ((1, 2), (1, 1, 1, 2)),
    ],
)
def test_a_window_smaller_than_its_padding_is_widened_by_weights_of_0(
    size: tuple[int, int], pad: tuple[int, int, int, int]
) -> None:
    conv = Conv("c", ("x",), bits((3, *size, 2)), Window(size, (1, 2), pad))
    height, width, _ = network_edges([conv])
    whole = network(conv, sign("t", "c", 3), Dense("d", ("t",), bits((4, 3 * height * width))))
    form = hardware_form(whole)
    window = form.producers["c"].window
    assert all(window.pad[k] < window.size[k % 2] for k in range(4))
    images = RNG.integers(0, 256, (3, 6, 6, 2))
    assert np.array_equal(form.run(images)["c"], whole.run(images)["c"])
    assert not hardware_refusals(whole)


def test_codes_of_one_bit_that_are_no_signs_take_two() -> None:
    dense = Dense("d", ("x",), bits((5, 72)))
    relu = Threshold("t", ("d",), RNG.integers(-9, 9, (5, 1)), np.zeros(5, bool), 0, 1)
    plan = plan_hardware(network(dense, relu, Dense("e", ("t",), bits((4, 5)))))
    first = plan.products[0]
    assert (first.layer.steps, first.layer.code_bits, first.element.bits) == (2, 2, 2)
    assert np.all(first.thresholds[:, 1] > plan.network.edges["d"].high)


@pytest.mark.parametrize(
    ("nodes", "name", "reason"),
    [
        (
            [Depthwise("w", ("x",), bits((2, 3, 3)), Window((3, 3))), sign("s", "w", 2)],
            "w",
            "no kernel for convolutions of one channel",
        ),
        (
            [
                Conv("c", ("x",), bits((4, 3, 3, 2)), Window((3, 3), dilation=(2, 2))),
                sign("s", "c", 4),
            ],
            "c",
            r"it is dilated by \(2, 2\)",
        ),
        (
            [Conv("c", ("x",), bits((4, 3, 3, 2)), Window((3, 3)))],
            "d",
            "it reads the sums of 'c'",
        ),
        (
            [
                Conv("c", ("x",), bits((4, 3, 3, 2)), Window((3, 3))),
                sign("s", "c", 4),
                MaxPool("p", ("s",), Window((2, 2), dilation=(2, 2)), np.zeros(4, bool)),
            ],
            "p",
            "it is dilated by",
        ),
        (
            [MaxPool("p", ("x",), Window((2, 2), (2, 2)), np.zeros(2, bool))],
            "p",
            "it stands in front of the first layer that multiplies",
        ),
        (
            [
                Conv("c", ("x",), bits((2, 3, 3, 2)), Window((3, 3), pad=(1, 1, 1, 1))),
                sign("s", "c", 2),
                Conv("e", ("s",), bits((2, 3, 3, 2)), Window((3, 3), pad=(1, 1, 1, 1))),
                sign("t", "e", 2),
                Add("a", ("s", "t")),
            ],
            "a",
            "no kernel that adds",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_has_no_kernel_is_refused_by_name_and_reason(
    nodes: list[Node], name: str, reason: str
) -> None:
    height, width, channels = network_edges(nodes)
    dense = Dense("d", (nodes[-1].name,), bits((4, height * width * channels)))
    whole = network(*nodes, dense)
    refused = {refusal.node: refusal.reason for refusal in hardware_refusals(whole)}
    assert name in refused
    with pytest.raises(UserError, match=rf"hardware: .*{reason}|hardware: .*layers read it"):
        plan_hardware(whole)
    import re

    assert re.search(reason, refused[name])


def network_edges(nodes: list[Node]) -> tuple[int, int, int]:
    edges = {"x": Edge((6, 6, 2), 0, 255)}
    for node in nodes:
        edges[node.name] = node.edge([edges[name] for name in node.inputs])
    return edges[nodes[-1].name].shape


def test_wide_weights_and_codes_are_refused_by_name() -> None:
    wide = Dense("d", ("x",), np.full((4, 72), 300, np.int32))
    (refusal,) = hardware_refusals(network(wide))
    assert str(refusal).startswith("Dense 'd': its weights need 10 bits")
    codes = InputCodes("q", ("x",), np.arange(256, dtype=np.int32) * 512, 0, 255 * 512)
    (refusal,) = hardware_refusals(network(codes, Dense("d", ("q",), bits((4, 72)))))
    assert refusal.node == "d" and "17 bits; 16 are possible" in refusal.reason


def test_a_folding_of_another_network_is_refused() -> None:
    plan = plan_hardware(network_of(tiny_net()))
    with pytest.raises(UserError, match="there is no folding for layer MVAU_0"):
        build_design(plan, Folding({}), FifoDepths(8, {}), 64)
    layers = {layer.name: LayerFolding(1, 1) for layer in plan.layers}
    layers["MVAU_3"] = replace(layers["MVAU_3"], pixels=2)
    with pytest.raises(UserError, match="MVAU_3 computes 2 pixels at a time, 1 come in a word"):
        build_design(plan, Folding(layers), FifoDepths(8, {}), 64)


@pytest.mark.parametrize(
    "pool",
    [
        MaxPool(
            "p", ("s",), Window((3, 3), (2, 2), pad=(1, 1, 1, 1)), np.array([0, 1, 0, 1], bool)
        ),
        MaxPool("p", ("s",), Window((3, 3), (3, 3)), np.zeros(4, bool)),
        SumPool("p", ("s",), Window((2, 3), (1, 2), pad=(0, 1, 1, 0))),
    ],
    ids=["overlapping, padded", "an edge left out", "sum, padded"],
)
def test_any_window_becomes_a_pool_whose_files_compute_the_network(
    pool: Node, tmp_path: Path
) -> None:
    conv = Conv("c", ("x",), bits((4, 3, 3, 2)), Window((3, 3)))
    nodes = [conv, sign("s", "c", 4), pool]
    height, width, channels = network_edges(nodes)
    whole = network(*nodes, Dense("d", ("p",), bits((4, height * width * channels))))
    images = np.random.default_rng(1).integers(0, 256, (5, *whole.source.shape))
    made = generate_network(whole, tmp_path, images)
    assert "bnn_pool" in [node.module for node in made.design.nodes]
    made.design.save(tmp_path / "design.json")
    (tmp_path / "rtl").symlink_to(tmp_path)  # decode looks for a build's folders
    wanted = whole.run(images)[whole.scores.name]
    assert np.array_equal(decode(tmp_path).run(images), wanted.reshape(5, -1))


@pytest.mark.parametrize(
    ("pooled", "low", "step", "columns"),
    [("s", -1, 2, 1), ("s", 0, 1, 1), ("s", -3, 1, 6), ("c", 0, 1, 3), ("c", -1, 2, 1)],
    ids=["bits", "two codes", "signed codes", "codes of sums", "bits of sums"],
)
def test_a_threshold_behind_a_pool_stands_alone(
    pooled: str, low: int, step: int, columns: int, tmp_path: Path
) -> None:
    rng = np.random.default_rng(6)  # its own: other tests draw from RNG
    signs = np.array([-1, 1], np.int8)
    conv = Conv("c", ("x",), rng.choice(signs, (4, 3, 3, 2)), Window((3, 3)))
    pool = SumPool("p", (pooled,), Window((2, 2), (2, 2)))
    nodes = [
        conv,
        *([sign("s", "c", 4, steps=rng.integers(-9, 9, (4, 1)))] if pooled == "s" else []),
        pool,
    ]
    furthest = 4 if pooled == "s" else 4000
    steps = np.sort(rng.integers(-furthest, furthest, (4, columns)), axis=1)
    threshold = Threshold("t", ("p",), steps, np.array([0, 1, 1, 0], bool), low, step)
    whole = network(*nodes, threshold, Dense("d", ("t",), rng.choice(signs, (4, 16))))
    images = rng.integers(0, 256, (40, *whole.source.shape))
    made = generate_network(whole, tmp_path, images)
    assert "bnn_threshold" in [node.module for node in made.design.nodes]
    assert not plan_hardware(whole).layers[0].loadable
    made.design.save(tmp_path / "design.json")
    (tmp_path / "rtl").symlink_to(tmp_path)
    wanted = whole.run(images)[whole.scores.name]
    assert len(np.unique(wanted)) > 3
    assert np.array_equal(decode(tmp_path).run(images), wanted.reshape(len(images), -1))
