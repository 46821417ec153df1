"""bnn_design.h: what the C driver has to know about one accelerator."""

from __future__ import annotations

import math

from driver.scores import ScoreMap
from flow.deploy.templates import template
from flow.hardware.design import Design

DESIGN_HEADER = "bnn_design.h"


def design_header(design: Design, name: str, scores: ScoreMap, cycles_per_frame: float) -> str:
    """Return the header; cycles_per_frame: as rtlsim measured them, rounded up here."""
    return template(f"{DESIGN_HEADER}.j2").render(
        name=name,
        identity=[f"0x{design.identity[8 * k : 8 * k + 8]}u" for k in range(8)],
        shell=design.shell,
        classes=len(scores.scale),
        scale=[value.hex() for value in scores.scale],
        offset=[value.hex() for value in scores.offset],
        cycles=math.ceil(cycles_per_frame),
    )
