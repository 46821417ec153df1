"""A QONNX model, what golden makes of it, and the compiled model's layers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx
from check.cppsim.compiled import backends

from flow.check.cpp.program import program_of
from flow.check.cpp.steps import Program
from flow.check.cppsim import compared_layers
from flow.frontend.golden import GoldenModel, GoldenSession, lower_to_plain_onnx
from flow.frontend.to_network import network_from_golden
from flow.frontend.views import codes_as_frames
from flow.network import Network


@dataclass
class Case:
    golden: GoldenModel
    network: Network
    program: Program


def case_of(model: onnx.ModelProto) -> Case:
    golden = lower_to_plain_onnx(model)
    network = network_from_golden(golden)
    return Case(golden, network, program_of(network))


def check_every_layer(case: Case, library: object, images: np.ndarray) -> None:
    """Every activation and score of `images` equals onnxruntime's, on each instruction set."""
    wanted = GoldenSession(case.golden).run_with_taps(images)
    for backend in backends(library):
        scores, outputs = backend.run_with_layers(images)
        compared = compared_layers(backend, case.network)
        assert len(compared) >= len(backend.layers) - 1 - _without_tap(case.program)
        for tap, layer in compared.items():
            codes = codes_as_frames(wanted[tap], case.network.edges[layer].shape)
            np.testing.assert_array_equal(outputs[layer], codes, f"{backend.isa} {layer}")
        np.testing.assert_array_equal(scores, wanted["scores"], backend.isa)
        np.testing.assert_array_equal(backend.run(images[:1]), wanted["scores"][:1])


def _without_tap(program: Program) -> int:
    """Layers whose output golden does not have: pools of codes, what a pool reads, padding."""
    without = ("pool", "max_pool", "pad")
    return sum((layer.map or layer.kind) in without for layer in program.layers)
