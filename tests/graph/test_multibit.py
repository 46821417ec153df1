"""Weights and activations of several bits stay exact in every form; what is not mapped is named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from graph.test_padding_repair import IMAGES, every_form, golden_vectors
from nets import Net, byte_ends_net, mixed_net, two_bit_net
from qonnx.core.modelwrapper import ModelWrapper

from flow.errors import UserError
from flow.golden import GoldenSession, lower_to_plain_onnx
from flow.golden.survey import refuse_what_reorders_scores
from flow.graph.mapping import to_hardware
from flow.graph.streamlining import streamline
from flow.graph.tidy import tidy

NETS = {
    "byte-ends": byte_ends_net,
    "two-bit": two_bit_net,
    "two-bit-unsigned": lambda seed: two_bit_net(seed, signed=0),
    "mixed": mixed_net,
}


@pytest.mark.parametrize("make", NETS.values(), ids=NETS)
def test_every_form_equals_golden(make: Callable[[int], Net]) -> None:
    for form, outcome in every_form(make(1)):
        assert outcome.bit_exact, f"{form}: {outcome.difference}"


def test_scores_are_accumulators_and_their_scale_is_kept() -> None:
    whole, scaled = (lower_to_plain_onnx(byte_ends_net(last_scale=s).build()) for s in (1.0, 0.03))
    first, second = (GoldenSession(golden).run(IMAGES) for golden in (whole, scaled))
    assert whole.score_scale == 1
    assert scaled.score_scale == pytest.approx(0.03)
    for scores in (first, second):
        np.testing.assert_array_equal(scores, np.round(scores))
    assert [layer.bound for layer in scaled.layers][-1] >= np.abs(second).max()


def with_tensor_norm(net: Net) -> Net:
    """A normalisation by one mean and one deviation for all scores, as BNN-PYNQ's networks have."""
    for op, value in (("Sub", 0.75), ("Div", 1.7), ("Mul", 0.9), ("Add", -0.3)):
        net.add(op, net.const([value]))
    return net


@pytest.mark.parametrize("make", [byte_ends_net, two_bit_net])
def test_one_scale_and_shift_for_all_scores_is_taken_off(make: Callable[..., Net]) -> None:
    plain, normed = make(1), with_tensor_norm(make(1))
    golden = lower_to_plain_onnx(normed.build())
    factor = 0.9 / 1.7
    scale = lower_to_plain_onnx(plain.build()).score_scale
    assert golden.score_scale == pytest.approx(scale * factor)
    assert golden.score_offset == pytest.approx(-0.75 * factor - 0.3)
    refuse_what_reorders_scores(normed.build())
    for form, outcome in every_form(normed):
        assert outcome.bit_exact, f"{form}: {outcome.difference}"


@pytest.mark.parametrize(
    ("op", "value"), [("Mul", -2.0), ("Mul", np.arange(1, 11)), ("Add", np.arange(10)), ("Div", 0)]
)
def test_what_reorders_the_scores_is_refused_by_name(op: str, value: Any) -> None:
    net = byte_ends_net(1)
    net.add(op, net.const(np.atleast_1d(value).astype(np.float32)))
    with pytest.raises(UserError, match=rf"\({op}\): stands behind the last layer .* leave it out"):
        refuse_what_reorders_scores(net.build())


def test_a_score_scale_for_each_class_is_refused() -> None:
    net = byte_ends_net(last_scale=np.linspace(0.1, 1.0, 10)[None])
    _, steps, codes = golden_vectors(net)
    model, _ = streamline(tidy(ModelWrapper(net.build())), codes, steps)
    with pytest.raises(UserError, match=r"\(Mul\) cannot be mapped.* one positive scale"):
        to_hardware(model)


@pytest.mark.parametrize(
    ("quantiser", "said"),
    [
        ({"bits": 3, "zero": 2.0, "signed": 0}, r"has the zero point 2; use a quantiser"),
        ({"bits": 1, "signed": 0}, r"takes the values 0 and 1, .* use BipolarQuant, or 2 bits"),
    ],
)
def test_quantisers_without_a_finn_form_are_named(quantiser: dict, said: str) -> None:
    net = Net().image_quantiser().conv(3, 8).batch_norm(8, 300 / 128)
    net.quant(scale=1.0, **quantiser).add("Reshape", net.const([1, -1], np.int64)).matmul(288, 10)
    with pytest.raises(UserError, match=said):
        tidy(ModelWrapper(net.build()))


def test_minus_one_padding_of_codes_is_refused() -> None:
    net = Net().image_quantiser().conv(3, 8, pad=1).batch_norm(8, 300 / 128).bipolar()
    net.add("Pad", net.const([0, 0, 1, 1, 0, 0, 1, 1], np.int64), net.const(-1.0))
    net.conv(8, 8, bits=4).batch_norm(8).bipolar()
    net.add("Reshape", net.const([1, -1], np.int64)).matmul(512, 10)
    _, steps, codes = golden_vectors(net)
    with pytest.raises(UserError, match="with -1; only binary activations"):
        streamline(tidy(ModelWrapper(net.build())), codes, steps)
