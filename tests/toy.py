"""What the stages of toy pipelines measure (see `make_stage`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from flow.engine.metrics import IS_TRUE, Metrics


@dataclass(frozen=True)
class ToyMetrics(Metrics):
    """What a toy stage may measure."""

    bit_exact: Annotated[object, IS_TRUE] = True
    cycles: object = None
