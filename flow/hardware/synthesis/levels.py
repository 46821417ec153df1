"""How many logic levels a clock allows: a stand-in for timing where there is no Vivado."""

from __future__ import annotations

import math
import re

_LEVEL_NS = {
    # (7 series?, speed grade): one LUT and the wire to it, from routed designs of this kind
    (True, 1): 0.9,
    (True, 2): 0.75,
    (True, 3): 0.65,
    (False, 1): 0.6,
    (False, 2): 0.5,
    (False, 3): 0.45,
}
"""Rules of thumb, not measurements: a LUT is 0.1 ns or less, the rest is routing."""
_REGISTER_NS = {True: 1.0, False: 0.6}
"""Clock to output, set-up and skew."""


def allowed_levels(part: str, clock_mhz: float) -> int:
    """Return the logic levels between two registers that should close `clock_mhz` on `part`."""
    seven = re.match(r"xc7|xa7|xq7", part) is not None
    grade = re.search(r"-(\d)(LV)?(-[a-z])?$", part)
    # -2LV is a -2 at 0.72 V, about as fast as a -1 at 0.85 V (DS925, DS987).
    speed = min(3, max(1, int(grade[1]))) if grade is not None and not grade[2] else 1
    room = 1e3 / clock_mhz - _REGISTER_NS[seven]
    return max(1, math.floor(room / _LEVEL_NS[seven, speed]))
