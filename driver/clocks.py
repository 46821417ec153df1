"""PL clock 0: which frequencies the PS can make, and which one it makes now.

The PS divides a PLL by two whole numbers of 1 to 63 each. With `pl_clock` the flow plans what
Vivado closes and the manifest says; the board sets the same divisors. PYNQ's own choice is not
used: it takes the divisor nearest to source / wanted, which can make a faster clock, and it assumes
a PS reference of 50 MHz for every Zynq-7000. Registers: UG585 (Zynq-7000) and UG1087.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from driver.errors import DriverError

if TYPE_CHECKING:
    from typing import Callable, Dict, Tuple

    from driver.registers import RegisterBus

MAX_DIVISOR = 63
TOLERANCE = 2e-5
"""Relative. Board files write the same crystal as 33.333 and as 33.333333 MHz: that is 1e-5."""


class PlClock(NamedTuple):
    """A clock that the PS can make."""

    mhz: float
    div0: int
    div1: int


def pl_clock(source_mhz: float, limit_mhz: float) -> PlClock:
    """Return the fastest clock that is not above `limit_mhz`.

    Raises ValueError if the limit is below what the divisors reach.
    """
    lowest = source_mhz / MAX_DIVISOR**2
    if not limit_mhz >= lowest:
        raise ValueError(f"a PLL of {source_mhz:g} MHz makes no clock below {lowest:.3f} MHz")
    smallest = max(1, math.ceil(source_mhz / (limit_mhz * (1 + TOLERANCE))))
    product, div1, div0 = min(
        (div0 * div1, div1, div0)
        for div1 in range(1, MAX_DIVISOR + 1)
        for div0 in (max(div1, -(-smallest // div1)),)
        if div0 <= MAX_DIVISOR
    )
    return PlClock(round(source_mhz / product, 6), div0, div1)


class PsRegisters:
    """The clock registers of the PS.

    cell: Vivado's name of the PS. ref_mhz: its reference clock on this board. open_registers: takes
    address and length, gives what reads 32-bit registers (`pynq.MMIO`).
    """

    def __init__(
        self, cell: str, ref_mhz: float, open_registers: Callable[[int, int], RegisterBus]
    ) -> None:
        """Raises DriverError for a PS that is not known here."""
        self._ref_mhz = ref_mhz
        self._buses: Dict[int, RegisterBus] = {}
        self._open = open_registers
        if cell == "processing_system7":
            self._control = (_SLCR, 0x170)
        elif cell == "zynq_ultra_ps_e":
            self._control = (_CRL_APB, 0xC0)
        else:
            raise DriverError(
                f"manifest.json: the PS is {cell!r}; this driver knows processing_system7 and "
                "zynq_ultra_ps_e"
            )

    def divisors(self) -> Tuple[int, int]:
        """Return both divisors of PL clock 0."""
        value = self._read(*self._control)
        shift = 20 if self._control[0] == _SLCR else 16
        return (value >> 8) & 0x3F, (value >> shift) & 0x3F

    def source_mhz(self) -> float:
        """Return the frequency of the PLL that PL clock 0 is divided from.

        Raises DriverError if it is none that runs.
        """
        value = self._read(*self._control)
        if self._control[0] == _SLCR:
            # 0 and 1: IO PLL, 2: ARM PLL, 3: DDR PLL
            pll = self._read(_SLCR, (0x108, 0x108, 0x100, 0x104)[(value >> 4) & 3])
            return self._running(self._ref_mhz * ((pll >> 12) & 0x7F), pll, 0x13)
        if not (value >> 24) & 1:
            raise DriverError("PL clock 0 is switched off (CLKACT of PL0_REF_CTRL is 0)")
        select = value & 7
        if select not in _ULTRASCALE_PLLS:
            raise DriverError(f"PL clock 0 comes from source {select}, which is no PLL")
        base, offset, fraction_offset, onward = _ULTRASCALE_PLLS[select]
        pll = self._read(base, offset)
        if (pll >> 20) & 7 > 3:
            raise DriverError("the PLL of PL clock 0 does not run on the PS reference clock")
        fraction = self._read(base, fraction_offset)
        factor = ((pll >> 8) & 0x7F) + ((fraction & 0xFFFF) / 65536 if fraction >> 31 else 0)
        mhz = self._ref_mhz * factor / (2 if (pll >> 16) & 1 else 1)
        if onward:
            mhz /= max(1, (self._read(base, onward) >> 8) & 0x3F)
        return self._running(mhz, pll, 0x9)

    def pl_clock_mhz(self) -> float:
        """Return the frequency of PL clock 0; raises DriverError if it stands still."""
        div0, div1 = self.divisors()
        if not div0 or not div1:
            raise DriverError(f"PL clock 0 has the divisors {div0} and {div1}; 0 stops it")
        return self.source_mhz() / (div0 * div1)

    def _running(self, mhz: float, pll: int, off: int) -> float:
        if pll & off or not mhz:
            raise DriverError(
                f"the PLL of PL clock 0 is in reset or bypassed (its control register is "
                f"0x{pll:08x}); restart the board"
            )
        return mhz

    def _read(self, base: int, offset: int) -> int:
        if base not in self._buses:
            self._buses[base] = self._open(base, _LENGTH)
        return self._buses[base].read(offset)


_SLCR, _CRL_APB, _CRF_APB, _LENGTH = 0xF800_0000, 0xFF5E_0000, 0xFD1A_0000, 0x200
_ULTRASCALE_PLLS = {
    # select -> block, control, fraction, divisor on the way to the low-power domain (0: none)
    0: (_CRL_APB, 0x20, 0x28, 0),  # IOPLL
    2: (_CRL_APB, 0x30, 0x38, 0),  # RPLL
    3: (_CRF_APB, 0x2C, 0x34, 0x4C),  # DPLL
}
