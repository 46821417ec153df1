"""A network that takes pixels 0 to 255 and divides by itself, as FINN's ToTensor makes one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from flow_check import through_the_flow
from nets import random_images, tiny_net
from onnx import TensorProto, helper, numpy_helper
from qonnx.core.datatype import DataType
from qonnx.core.modelwrapper import ModelWrapper

from flow.commands.inspect import unmapped_nodes
from flow.golden import GoldenSession, load_onnx, lower_to_plain_onnx


def with_division(model: onnx.ModelProto, path: Path) -> None:
    """Save `model` with a Div by 255 in front and an input that is annotated as UINT8."""
    source = model.graph.input[0].name
    for node in model.graph.node:
        for place, name in enumerate(node.input):
            if name == source:
                node.input[place] = "scaled"
    model.graph.initializer.append(numpy_helper.from_array(np.array(255, np.float32), "full"))
    model.graph.node.insert(0, helper.make_node("Div", [source, "full"], ["scaled"]))
    shape = [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim]
    model.graph.value_info.append(helper.make_tensor_value_info("scaled", TensorProto.FLOAT, shape))
    wrapped = ModelWrapper(model)
    wrapped.set_tensor_datatype(source, DataType["UINT8"])
    wrapped.save(str(path))


def test_raw_pixels_give_the_scores_of_scaled_ones_through_the_flow(tmp_path: Path) -> None:
    images = random_images(3, (32, 32, 3))
    net = tiny_net().build()
    onnx.save(net, str(tmp_path / "scaled.onnx"))
    with_division(net, tmp_path / "raw.onnx")
    scores = [
        GoldenSession(lower_to_plain_onnx(load_onnx(tmp_path / f"{name}.onnx"))).run(images)
        for name in ("scaled", "raw")
    ]
    np.testing.assert_array_equal(scores[0], scores[1])
    assert unmapped_nodes(tmp_path / "raw.onnx") == []
    outcome = through_the_flow(tmp_path / "raw.onnx", images)
    assert outcome.bit_exact, outcome.difference
