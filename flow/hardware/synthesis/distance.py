"""How far a net reaches: a stand-in for wire where nothing is placed and routed.

Calibrated on a B-VGG16 that was routed for a 7020-1 with open tools (docs/netlist.md): a net of
2,961 loads took 7.8 ns, as much as eight logic levels beside its own. The loads of a net fill an
area, so its length grows with the root of their number; the classes are steps of that curve.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Distance:
    """A class of nets."""

    name: str
    most_loads: int
    levels: int
    """Logic levels that the wire takes the time of, beside what every level has of it."""


NEAR = Distance("near", 16, 0)
KERNEL = Distance("kernel", 128, 1)
REGION = Distance("region", 512, 3)
WIDE = Distance("wide", 2048, 6)
DEVICE = Distance("device", 1 << 30, 8)
CLASSES = (NEAR, KERNEL, REGION, WIDE, DEVICE)


def distance(loads: int) -> Distance:
    """Return the class of a net with so many loads."""
    return next(each for each in CLASSES if loads <= each.most_loads)
