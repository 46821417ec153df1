"""Look at one random network: refused as announced, or equal in the eyes of every judge."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import onnx
from fuzz.build import build
from fuzz.spec import Spec
from numpy.typing import NDArray

from flow.errors import UserError
from flow.frontend.witness import compare_with_file
from flow.golden import GoldenModel, GoldenSession, lower_to_plain_onnx
from flow.golden.survey import refuse_what_reorders_scores, survey

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


Judge = Callable[[Case], str]
"""Returns "" where a case is right, else what differs."""


def by_witness(case: Case) -> str:
    """Qonnx's own execution of the file agrees with golden in every tap and score."""
    report = compare_with_file(case.model, case.golden, case.images, found=case.found)
    return report.difference


JUDGES: dict[str, Judge] = {"witness": by_witness}
"""By name, in the order in which they are asked; the first difference ends a case."""


@dataclass(frozen=True)
class Outcome:
    """status: "differs" names the judge first; "refused" gives the reason that survey announces."""

    status: Literal["equal", "refused", "differs"]
    text: str = ""


def check(spec: Spec, judges: Mapping[str, Judge] = JUDGES) -> Outcome:
    """Build the network of `spec` and ask the judges; a refusal has to be announced by survey."""
    model = build(spec)
    announced = announcements(model)
    try:
        refuse_what_reorders_scores(model)
        golden = lower_to_plain_onnx(model)
    except UserError as error:
        known = [reason for reason in announced if reason in str(error)]
        if known:
            return Outcome("refused", known[0])
        return Outcome(
            "differs", f"refusal: '{error}' was not announced ({announced or 'nothing'})"
        )
    if announced:
        return Outcome("refused", announced[0])
    images = some_images(golden.image_shape, spec.seed)
    case = Case(spec, model, golden, images, GoldenSession(golden).run_with_taps(images))
    for name, judge in judges.items():
        difference = judge(case)
        if difference:
            return Outcome("differs", f"{name}: {difference}")
    return Outcome("equal")


def announcements(model: onnx.ModelProto) -> list[str]:
    """Return every reason that `flow inspect` would give against the file."""
    found = survey(model)
    return [node.refused for node in found.nodes if node.refused] + list(found.refused)


def some_images(shape: tuple[int, int, int], seed: int) -> NDArray[np.uint8]:
    """Return IMAGES images of the whole range: black, white, dark, bright and random ones."""
    rng = np.random.default_rng(seed)
    count = IMAGES - 2
    low, high = rng.integers(0, 128, count), rng.integers(128, 256, count)
    low[0], high[0] = 0, 255
    random = [rng.integers(a, b + 1, shape) for a, b in zip(low, high, strict=True)]
    return np.stack([np.zeros(shape), np.full(shape, 255), *random]).astype(np.uint8)
