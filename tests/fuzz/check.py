"""Look at one random network: refused as announced, or equal in the eyes of every judge."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
from check.cppsim.compiled import backends
from fuzz.build import build
from fuzz.spec import Spec
from numpy.typing import NDArray

from driver.inputs import InputRule
from flow.check.cpp.library import compile_program
from flow.check.cpp.program import program_of
from flow.check.survey import reasons, survey
from flow.data.input_values import random_inputs, real_values
from flow.errors import UserError
from flow.frontend.compare import compare_with_golden, first_difference
from flow.frontend.golden import GoldenModel, GoldenSession, lower_to_plain_onnx
from flow.frontend.to_network import network_from_golden
from flow.frontend.views import codes_as_frames
from flow.frontend.witness import compare_with_file
from flow.hardware.plan import plan_hardware
from flow.network import Network

IMAGES = 6


@dataclass(frozen=True)
class Case:
    """A network ready to be judged.

    images: integers (N, H, W, C): the lowest, the highest and random ones. values: what they stand
    for. found: golden's codes of every tap and its scores on them, as
    `GoldenSession.run_with_taps` gives them.
    """

    spec: Spec
    model: onnx.ModelProto
    golden: GoldenModel
    images: NDArray[Any]
    values: NDArray[np.float32]
    found: Mapping[str, NDArray[Any]]

    @cached_property
    def network(self) -> Network:
        """What golden becomes."""
        return network_from_golden(self.golden)


Judge = Callable[[Case], str]
"""Returns "" where a case is right, else what differs."""


def by_witness(case: Case) -> str:
    """Qonnx's own execution of the file agrees with golden in every tap and score."""
    report = compare_with_file(
        case.model, case.golden, case.images, values=case.values, found=case.found
    )
    return report.difference


def by_network(case: Case) -> str:
    """The network equals golden in every tensor, the sums of products included."""
    return compare_with_golden(case.network, case.golden, case.images).difference


def by_cppsim(case: Case) -> str:
    """The compiled model equals golden in every layer, on each instruction set."""
    network = case.network
    program = program_of(network)
    library = compile_program(program, compiled_folder())
    wanted = {
        edge: codes_as_frames(
            case.found[tap],
            network.edges[edge].shape,
            channels_last=tap in network.channels_last,
        )
        for tap, edge in network.taps.items()
        if tap in case.found
    }
    for backend in backends(library.path):
        scores, outputs = backend.run_with_layers(case.images)
        outputs["scores"] = scores.reshape(wanted["scores"].shape)
        for edge in wanted.keys() & outputs.keys():
            what = f"{backend.isa} {edge}"
            difference = first_difference(what, outputs[edge], wanted[edge])
            if difference:
                return difference
    return ""


@cache
def compiled_folder() -> Path:
    """A folder of this process for what is compiled once, the kernels, and for each network."""
    folder = Path(tempfile.mkdtemp(prefix="fuzz_"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


JUDGES: dict[str, Judge] = {
    "witness": by_witness,
    "network": by_network,
    "cppsim": by_cppsim,
}
"""By name, in the order in which they are asked; the first difference ends a case."""


@dataclass(frozen=True)
class Outcome:
    """status: "differs" names the judge first; "refused" gives the reason that survey announces."""

    status: Literal["equal", "refused", "differs"]
    text: str = ""


def check(spec: Spec, judges: Mapping[str, Judge] = JUDGES) -> Outcome:
    """Build the network of `spec` and ask the judges; a refusal has to be announced by survey."""
    model = build(spec)
    announced = reasons(survey(model))
    try:
        golden = lower_to_plain_onnx(model)
        images, values = some_inputs(golden.input, spec.seed)
        found = GoldenSession(golden).run_with_taps(images)
        case = Case(spec, model, golden, images, values, found)
        if "witness" in judges:  # it needs no network, and so sees also what the network refuses
            difference = judges["witness"](case)
            if difference:
                return Outcome("differs", f"witness: {difference}")
        if not announced:
            plan_hardware(case.network)
    except UserError as error:
        if not announced:
            return Outcome("differs", f"refusal: '{error}' was not announced")
    if announced:
        return Outcome("refused", announced[0])
    for name, judge in judges.items():
        difference = judge(case) if name != "witness" else ""
        if difference:
            return Outcome("differs", f"{name}: {difference}")
    return Outcome("equal")


def some_inputs(rule: InputRule, seed: int) -> tuple[NDArray[Any], NDArray[np.float32]]:
    """Return IMAGES inputs, integers and real values: lowest, highest, dark, bright, random ones.

    Each value of a code lies anywhere between its steps.
    """
    rng = np.random.default_rng(seed)
    images, values = random_inputs(rule, IMAGES, rng)
    if rule.kind == "codes":
        images[0], images[1] = rule.low, rule.high
        ends = real_values(rule, images[:2])
        values[:2] = ends
        return rule.encode(values), values  # some code may be one that no value has
    count, middle = IMAGES - 3, (rule.low + rule.high + 1) // 2
    lows, highs = rng.integers(rule.low, middle, count), rng.integers(middle, rule.high + 1, count)
    for k, (low, high) in enumerate(zip(lows, highs, strict=True)):
        images[3 + k] = rng.integers(low, high + 1, rule.shape)
    images[0], images[1] = rule.low, rule.high
    return images, real_values(rule, images)
