"""Stock FINN computes padded binary convolutions wrongly and says nothing; the repair is exact."""

from __future__ import annotations

import numpy as np
import pytest
from nets import Net, padded_net, random_images
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.bipolar_to_xnor import ConvertBipolarMatMulToXnorPopcount
from qonnx.transformation.infer_datatypes import InferDataTypes
from qonnx.transformation.lower_convs_to_matmul import LowerConvsToMatMul

from flow.errors import UserError
from flow.frontend.compare import compare_with_golden as network_comparison
from flow.frontend.to_network import network_from_golden
from flow.golden import (
    GoldenSession,
    activation_steps,
    input_table,
    lower_to_plain_onnx,
)
from flow.graph.check import Comparison, GoldenVectors, compare_with_golden, execute
from flow.graph.mapping import to_hardware
from flow.graph.streamlining import streamline
from flow.graph.tidy import tidy
from flow.tools.finn import apply_all

IMAGES = random_images(3, (8, 8, 3))


def golden_vectors(net: Net) -> tuple[GoldenVectors, list, np.ndarray]:
    golden = lower_to_plain_onnx(net.build())
    results = GoldenSession(golden).run_with_taps(IMAGES)
    vectors = GoldenVectors(
        IMAGES,
        np.full(len(IMAGES), -1),
        results["scores"],
        [(tap.name, results[tap.name]) for tap in golden.taps],
        "random",
        golden.score_scale,
        golden.score_offset,
    )
    return vectors, list(activation_steps(golden)), input_table(golden)


def every_form(net: Net) -> list[tuple[str, Comparison]]:
    """Return how each form of the graph compares with golden."""
    vectors, steps, codes = golden_vectors(net)
    outcomes = []
    tidied = tidy(ModelWrapper(net.build()))
    if not any(node.op_type == "Pad" for node in tidied.graph.node):
        outcomes.append(("tidy", compare_with_golden(tidied, vectors, takes_pixels=False)))
    streamlined, _ = streamline(tidied, codes, steps)
    outcomes.append(("streamlined", compare_with_golden(streamlined, vectors, takes_pixels=True)))
    hardware = to_hardware(streamlined)
    outcomes.append(("hardware", compare_with_golden(hardware, vectors, takes_pixels=True)))
    golden = lower_to_plain_onnx(net.build())
    network = network_from_golden(golden)
    found = network_comparison(network, golden, IMAGES)
    outcomes.append(("network", Comparison(found.images, found.tensors, found.difference)))
    return outcomes


def stock_scores(net: Net) -> np.ndarray:
    """Run the conversion as stock FINN orders it, without the repair; scores of IMAGES."""
    from finn.transformation.streamline import Streamline
    from finn.transformation.streamline.absorb import (
        AbsorbConsecutiveTransposes,
        AbsorbScalarBiasIntoMultiThreshold,
        AbsorbTransposeIntoMultiThreshold,
    )
    from finn.transformation.streamline.reorder import MakeMaxPoolNHWC

    model = apply_all(
        tidy(ModelWrapper(net.build())),
        [
            AbsorbScalarBiasIntoMultiThreshold(),
            Streamline(),
            LowerConvsToMatMul(),
            MakeMaxPoolNHWC(),
            AbsorbTransposeIntoMultiThreshold(),
            MakeMaxPoolNHWC(),
            AbsorbConsecutiveTransposes(),
            InferDataTypes(),
            ConvertBipolarMatMulToXnorPopcount(),
            Streamline(),
        ],
    )
    output = model.graph.output[0].name
    scaled = (IMAGES.astype(np.float32) / np.float32(255)).transpose(0, 3, 1, 2)
    return np.concatenate([execute(model, image[None])[output] for image in scaled])


@pytest.mark.parametrize("pad_value", [0, -1])
def test_the_stock_conversion_of_a_padded_binary_convolution_is_wrong(pad_value: int) -> None:
    net = padded_net(pad_value)
    vectors, _, _ = golden_vectors(net)
    assert not np.array_equal(stock_scores(net), vectors.scores)


@pytest.mark.parametrize("pad_value", [0, -1])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_repaired_conversion_equals_golden_in_every_form(pad_value: int, seed: int) -> None:
    for form, outcome in every_form(padded_net(pad_value, seed)):
        assert outcome.bit_exact, f"{form}: {outcome.difference}"
        assert outcome.tensors >= 4


def test_dead_channels_become_constants_and_stay_exact() -> None:
    net = padded_net(0)
    for tensor in net.initializers:
        if tensor.name == net.nodes[5].input[1]:  # the first BatchNormalization's scale
            scale = np.frombuffer(tensor.raw_data, np.float32).copy()
            scale[[0, 3]] = 0
            tensor.raw_data = scale.tobytes()
            break
    assert net.nodes[5].op_type == "BatchNormalization"
    for form, outcome in every_form(net):
        assert outcome.bit_exact, f"{form}: {outcome.difference}"


def test_other_pad_values_are_refused_by_name() -> None:
    net = Net().image_quantiser().conv(3, 8, pad=1).batch_norm(8, 300 / 128).bipolar()
    net.add("Pad", net.const([0, 0, 1, 1, 0, 0, 1, 1], np.int64), net.const(1.0)).conv(8, 8)
    net.batch_norm(8).bipolar().add("Reshape", net.const([1, -1], np.int64)).matmul(512, 10)
    _, steps, codes = golden_vectors(net)
    with pytest.raises(UserError, match=r"Pad_0 pads with 1; .* -1 \(Pad node\) or 0"):
        streamline(tidy(ModelWrapper(net.build())), codes, steps)


def test_a_threshold_finn_moves_by_one_step_is_put_back() -> None:
    """A BatchNormalization whose rearranged threshold rounds to the other side of an integer."""
    net = padded_net(0)
    vectors, steps, codes = golden_vectors(net)
    shifted = steps[1].steps.copy()
    shifted[0, 0] += 2  # as if the solved formula had been the one that is off
    import dataclasses

    moved_steps = [steps[0], dataclasses.replace(steps[1], steps=shifted), steps[2]]
    model, moved = streamline(tidy(ModelWrapper(net.build())), codes, moved_steps)
    assert moved == 1
    assert not compare_with_golden(model, vectors, takes_pixels=True).bit_exact
