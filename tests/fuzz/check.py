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

from flow.check.cpp.library import compile_program
from flow.check.cpp.program import program_of
from flow.check.survey import reasons, survey
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

    images: uint8 (N, H, W, C), black, white and random ones. found: golden's codes of every tap and
    its scores on them, as `GoldenSession.run_with_taps` gives them.
    """

    spec: Spec
    model: onnx.ModelProto
    golden: GoldenModel
    images: NDArray[np.uint8]
    found: Mapping[str, NDArray[Any]]

    @cached_property
    def network(self) -> Network:
        """What golden becomes."""
        return network_from_golden(self.golden)


Judge = Callable[[Case], str]
"""Returns "" where a case is right, else what differs."""


def by_witness(case: Case) -> str:
    """Qonnx's own execution of the file agrees with golden in every tap and score."""
    report = compare_with_file(case.model, case.golden, case.images, found=case.found)
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
        edge: codes_as_frames(case.found[tap], network.edges[edge].shape)
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
        images = some_images(golden.image_shape, spec.seed)
        found = GoldenSession(golden).run_with_taps(images)
        case = Case(spec, model, golden, images, found)
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


def some_images(shape: tuple[int, int, int], seed: int) -> NDArray[np.uint8]:
    """Return IMAGES images of the whole range: black, white, dark, bright and random ones."""
    rng = np.random.default_rng(seed)
    count = IMAGES - 2
    low, high = rng.integers(0, 128, count), rng.integers(128, 256, count)
    low[0], high[0] = 0, 255
    random = [rng.integers(a, b + 1, shape) for a, b in zip(low, high, strict=True)]
    return np.stack([np.zeros(shape), np.full(shape, 255), *random]).astype(np.uint8)
