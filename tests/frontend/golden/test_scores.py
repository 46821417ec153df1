"""What may stand behind the last layer: a factor and an addend of each class, and what ranks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from nets import Net, random_images

from driver.scores import ScoreMap, score_map_from_record
from flow.errors import GoldenError, NetworkError
from flow.frontend.golden import GoldenModel, GoldenSession, lower_to_plain_onnx
from flow.frontend.to_network import network_from_golden
from flow.frontend.witness import compare_with_file

CLASSES = 10
SLOPE = np.linspace(-2.0, 3.0, CLASSES, dtype=np.float32)
SHIFT = np.linspace(40.0, -40.0, CLASSES, dtype=np.float32)


def dense(last_scale: Any = 1.0) -> Net:
    net = Net((1, 3, 4, 4), seed=5).image_quantiser()
    net.add("Reshape", net.const([1, -1], np.int64))
    return net.matmul(48, CLASSES, scale=last_scale)


def scaled() -> Net:
    net = dense()
    return net.add("Mul", net.const(SLOPE[None]))


def biased() -> Net:
    net = dense(np.abs(SLOPE[None]) + 0.1)
    return net.add("Add", net.const(SHIFT[None]))


def normalised() -> Net:
    return dense().batch_norm(CLASSES, 3.0)


def turned_around() -> Net:
    net = scaled()
    net.nodes.append(onnx.helper.make_node("Sub", [net.const(SHIFT[None]), net.last], ["turned"]))
    net.last = "turned"
    return net


@pytest.mark.parametrize("build", [scaled, biased, normalised, turned_around])
def test_a_scale_and_an_offset_of_each_class_are_left_to_the_host(build: Any) -> None:
    model = build().build()
    golden = lower_to_plain_onnx(model)
    images = random_images(20, golden.image_shape)
    scores = GoldenSession(golden).run(images)
    assert np.array_equal(scores, np.round(scores)), "the accelerator gives integers"
    assert not compare_with_file(model, golden, images).difference
    wrong = golden.score_map._replace(offset=(0.5, *golden.score_map.offset[1:]))
    assert compare_with_file(model, replace(golden, score_map=wrong), images).difference
    network = network_from_golden(golden)
    found = network.run(images, keep=["scores"])["scores"].reshape(scores.shape)
    assert np.array_equal(found, scores)
    means = golden.score_map
    assert np.array_equal(network.scores.scale, means.scale)
    assert np.array_equal(network.scores.offset, means.offset)


def test_the_class_is_that_of_the_output_and_not_of_the_greatest_integer() -> None:
    golden = lower_to_plain_onnx(scaled().build())
    scores = GoldenSession(golden).run(random_images(40, golden.image_shape))
    assert (golden.score_map.predicted(scores) != scores.argmax(axis=1)).any()


def ended(op: str, **attributes: Any) -> onnx.ModelProto:
    net = biased()
    if op != "TopK":
        return net.add(op, **attributes).build(None)
    names = [net.last, net.const([3], np.int64)]
    net.nodes.append(onnx.helper.make_node(op, names, ["values", "places"], **attributes))
    net.last = "values"
    model = net.build(None)
    model.graph.output.append(onnx.ValueInfoProto(name="places"))
    return model


@pytest.mark.parametrize(
    ("op", "attributes"),
    [("Softmax", {"axis": -1}), ("ArgMax", {"axis": 1}), ("TopK", {}), ("LogSoftmax", {"axis": 1})],
)
def test_what_only_ranks_the_scores_is_left_to_the_host(op: str, attributes: dict) -> None:
    plain = lower_to_plain_onnx(biased().build())
    golden = lower_to_plain_onnx(ended(op, **attributes))
    assert golden.score_map.scale == plain.score_map.scale
    images = random_images(10, golden.image_shape)
    scores = GoldenSession(golden).run(images)
    assert np.array_equal(scores, GoldenSession(plain).run(images))
    assert not compare_with_file(ended(op, **attributes), golden, images).difference


def test_the_softmax_of_a_file_is_the_one_that_is_shown() -> None:
    golden = lower_to_plain_onnx(ended("Softmax", axis=-1))
    scores = GoldenSession(golden).run(random_images(5, golden.image_shape))
    real = golden.score_map.real(scores).astype(np.float32)
    softmax = onnx.helper.make_model(
        onnx.helper.make_graph(
            [onnx.helper.make_node("Softmax", ["x"], ["y"], axis=-1)],
            "softmax",
            [onnx.helper.make_tensor_value_info("x", 1, ["N", CLASSES])],
            [onnx.helper.make_tensor_value_info("y", 1, ["N", CLASSES])],
        ),
        opset_imports=[onnx.helper.make_opsetid("", 13)],
        ir_version=8,
    )
    session = onnxruntime.InferenceSession(softmax.SerializeToString())
    (theirs,) = session.run(None, {"x": real})
    np.testing.assert_allclose(golden.score_map.probabilities(scores), theirs, atol=1e-6)


def test_what_is_no_factor_and_no_addend_is_refused_by_name() -> None:
    net = biased().add("Relu")
    with pytest.raises(NetworkError, match="Relu stands behind the last integers"):
        network_from_golden(lower_to_plain_onnx(net.build()))


def test_two_outputs_of_different_operators_are_refused() -> None:
    model = biased().build()
    model.graph.output.append(onnx.ValueInfoProto(name=model.graph.node[-2].output[0]))
    with pytest.raises(GoldenError, match="exactly one output"):
        lower_to_plain_onnx(model)


def test_a_tie_goes_to_the_lower_class_and_the_order_is_stable() -> None:
    means = ScoreMap((1.0, 0.5, 1.0), (0.0, 2.0, 0.0))
    scores = np.array([[4, 4, 4], [0, 0, 5]])
    assert means.predicted(scores).tolist() == [0, 2]
    assert means.order(scores).tolist() == [[0, 1, 2], [2, 1, 0]]


def test_golden_keeps_the_scores_meaning_on_disk(tmp_path: Any) -> None:
    golden = lower_to_plain_onnx(biased().build())
    golden.save(tmp_path / "golden.onnx")
    again = GoldenModel.load(tmp_path / "golden.onnx")
    assert (again.score_map, again.output) == (golden.score_map, golden.output)
    with pytest.raises(ValueError, match="2 scales and 1 offsets"):
        score_map_from_record({"scale": [1, 2], "offset": [0], "softmax_divisor": 1})
