"""Random legal layer stacks: the compiled model gives onnxruntime's scores and activations."""

from __future__ import annotations

import pytest
from check.cppsim.compiled import Compile
from check.cppsim.compiled_network import case_of, check_every_layer
from check.cppsim.stacks import Conv, Stack, stacks, to_qonnx
from hypothesis import HealthCheck, given, settings
from nets import random_inputs_of

IMAGES = 19  # no multiple of a job, of a tile, or of anything else


def check(stack: Stack, compile_library: Compile) -> None:
    case = case_of(to_qonnx(stack))
    images = random_inputs_of(case.network.source, IMAGES, stack.seed % 1000)
    check_every_layer(case, compile_library(case.program), images)


FUZZ = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
}


@settings(max_examples=15, **FUZZ)
@given(stack=stacks())
def test_random_stack_equals_onnxruntime(stack: Stack, compile_library: Compile) -> None:
    check(stack, compile_library)


@pytest.mark.slow
@settings(max_examples=300, **FUZZ)
@given(stack=stacks())
def test_many_random_stacks_equal_onnxruntime(stack: Stack, compile_library: Compile) -> None:
    check(stack, compile_library)


@pytest.mark.parametrize(
    "stack",
    [
        pytest.param(Stack((4, 4, 3), False, (), (10,)), id="scores-from-codes"),
        pytest.param(Stack((4, 4, 3), True, (), (10,)), id="scores-from-bits"),
        pytest.param(
            Stack((8, 8, 3), False, (Conv(64, pads=(1, 1, 1, 1)),), (10,)), id="padded-codes"
        ),
        pytest.param(
            Stack((5, 5, 65), True, (Conv(33, (3, 3), (1, 1), (2, 2, 2, 2), -1),), (10,)),
            id="windows-of-padding-only-in-rows",
        ),
        pytest.param(
            Stack((3, 3, 2), True, (Conv(8, (3, 3), (2, 2), (2, 2, 2, 2), 0, (3, 3)),), (65, 10)),
            id="stride-and-pool-of-three",
        ),
        pytest.param(
            Stack((4, 4, 512), True, (Conv(72, pads=(1, 1, 1, 1)),), (10,)), id="many-words"
        ),
    ],
)
def test_special_stack_equals_onnxruntime(stack: Stack, compile_library: Compile) -> None:
    check(stack, compile_library)
