"""What the ports of an instance are connected to: for the generated top, and for a kernel alone."""

from __future__ import annotations

from dataclasses import dataclass

from flow.hardware.kernels.fifo import Fifo
from flow.hardware.kernels.kernel import Kernel


@dataclass(frozen=True)
class Pins:
    """What a kernel's ports are connected to, as expressions of the module around it."""

    source: str
    """Prefix of the signals of the stream that it reads."""
    sink: str
    flagged: bool = False
    """Whether padding flags go with the stream it reads."""
    flags_used: bool = False
    """Whether padding flags go with the stream it drives."""
    link: int = 0
    """Its place in the load chain."""


def connections(kernel: type[Kernel], pins: Pins) -> dict[str, str]:
    """Return port -> expression of one instance, clock and reset left out."""
    source, sink = pins.source, pins.sink
    found = {
        "in_valid_i": f"{source}_valid",
        "in_ready_o": f"{source}_ready",
        "in_data_i": f"{source}_data",
        "out_data_o": f"{sink}_data",
    }
    if kernel is Fifo:
        found["high_water_o"] = f"{sink}_high_water"
        if pins.flagged:
            found["in_data_i"] = f"{{{source}_pad, {source}_data}}"
            found["out_data_o"] = f"{{{sink}_pad, {sink}_data}}"
    if kernel.takes_flags:
        found["in_pad_i"] = f"{source}_pad" if pins.flagged else "'0"
    if kernel.is_link:
        for what in ("start", "valid", "data"):
            found[f"load_{what}_i"] = f"load_{what}[{pins.link}]"
        for what in ("start", "valid", "data"):
            found[f"load_{what}_o"] = f"load_{what}[{pins.link + 1}]"
    if kernel.gives_flags:
        found["out_pad_o"] = f"{sink}_{'pad' if pins.flags_used else 'unused_pad'}"
    return {**found, "out_valid_o": f"{sink}_valid", "out_ready_i": f"{sink}_ready"}
