"""The registers of the shell, as the driver reads and writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from driver.errors import CheckFailed, DriverError
from driver.interface import (
    ADDRESS_CAPABILITIES,
    ADDRESS_CONTROL,
    ADDRESS_CYCLE,
    ADDRESS_FIRST_IN,
    ADDRESS_FIRST_OUT,
    ADDRESS_FRAMES_IN,
    ADDRESS_FRAMES_OUT,
    ADDRESS_IDENTITY,
    ADDRESS_IN_STALLS,
    ADDRESS_IN_STARVED,
    ADDRESS_LAST_OUT,
    ADDRESS_LOAD_WORDS,
    ADDRESS_MAGIC,
    ADDRESS_OUT_STALLS,
    ADDRESS_STATUS,
    ADDRESS_VERSION,
    ADDRESS_WEIGHTS,
    CAPABILITIES_LOADABLE,
    CONTROL_CLEAR,
    CONTROL_LOAD,
    CONTROL_RESET,
    MAGIC,
    SHELL_VERSION,
    STATUS_IN_RESET,
    STATUS_LOAD_ERROR_MASK,
    STATUS_LOAD_ERROR_SHIFT,
    STATUS_LOADED,
)

if TYPE_CHECKING:
    from typing import Optional, Protocol, Tuple

    class RegisterBus(Protocol):
        """What reads and writes 32-bit registers: `pynq.MMIO`, for instance."""

        def read(self, offset: int) -> int:
            """Return the register at a byte offset."""

        def write(self, offset: int, data: int) -> None:
            """Write the register at a byte offset."""


_COUNTERS = (
    ADDRESS_FRAMES_IN,
    ADDRESS_FRAMES_OUT,
    ADDRESS_IN_STALLS,
    ADDRESS_IN_STARVED,
    ADDRESS_OUT_STALLS,
)
_RESET_POLLS = 1000


class Counters(NamedTuple):
    """What the shell counted since the counters were cleared; times in cycles."""

    frames_in: int
    frames_out: int
    in_stalls: int
    """Cycles in which the DMA offered data and the accelerator was not ready."""
    in_starved: int
    """Cycles after the first beat in which the accelerator was ready and the DMA had nothing."""
    out_stalls: int
    """Cycles in which scores were ready and the DMA did not take them."""
    cycle: int
    first_in: int
    first_out: int
    last_out: int

    @property
    def cycles_per_frame(self) -> Optional[float]:
        """Mean distance between the ends of frames; None for fewer than two."""
        if self.frames_out < 2:
            return None
        return (self.last_out - self.first_out) / (self.frames_out - 1)

    @property
    def latency_cycles(self) -> Optional[int]:
        """From the first beat in to the end of the first frame; None before that."""
        return self.first_out - self.first_in if self.frames_out else None

    def core_fps(self, clock_mhz: float) -> Optional[float]:
        """Frames a second inside the accelerator; of a single frame, by its latency."""
        cycles = self.cycles_per_frame or self.latency_cycles
        return clock_mhz * 1e6 / cycles if cycles else None


class Registers:
    """The shell's register block on a bus."""

    def __init__(self, bus: RegisterBus) -> None:
        self._bus = bus

    def check_identity(self, identity: str, version: int = SHELL_VERSION) -> None:
        """Raise CheckFailed unless the accelerator is the one with this identity and version."""
        magic = self._bus.read(ADDRESS_MAGIC)
        if magic != MAGIC:
            raise CheckFailed(
                f"the loaded bitstream has no bnnflow accelerator at this address (magic word "
                f"0x{magic:08x}, expected 0x{MAGIC:08x}); load the .bit of this package"
            )
        found = self._bus.read(ADDRESS_VERSION)
        if found != version:
            raise CheckFailed(
                f"the accelerator's registers have version {found}, this driver speaks {version}"
            )
        loaded = self.identity()
        if loaded != identity:
            raise CheckFailed(
                f"wrong bitstream for this manifest: the accelerator says {loaded[:12]}…, "
                f"manifest.json {identity[:12]}…; keep .bit, .hwh and manifest.json of one package "
                "together"
            )

    def identity(self) -> str:
        """Return the accelerator's sha256, hexadecimal."""
        return self._sha256(ADDRESS_IDENTITY)

    def status(self) -> int:
        """Return the status bits."""
        return self._bus.read(ADDRESS_STATUS)

    def can_load_weights(self) -> bool:
        """Tell whether the accelerator's weights can be replaced."""
        return bool(self._bus.read(ADDRESS_CAPABILITIES) & CAPABILITIES_LOADABLE)

    def load_words(self) -> int:
        """Return the words of payload that the accelerator's memories take."""
        return self._bus.read(ADDRESS_LOAD_WORDS)

    def weights(self) -> str:
        """Return the sha256, hexadecimal, that the weights loaded last came with."""
        return self._sha256(ADDRESS_WEIGHTS)

    def soft_reset(self) -> None:
        """Empty the accelerator and its counters, loadable weights too; the DMA must be idle.

        Raises DriverError if it does not come out of reset.
        """
        self._reset(CONTROL_RESET)

    def begin_load(self) -> None:
        """Reset as `soft_reset` does; the next packet sent is weights."""
        self._reset(CONTROL_LOAD)

    def load_state(self) -> Tuple[bool, int]:
        """Return whether the weights are loaded, and the loader's error (see LOAD_ERRORS)."""
        status = self.status()
        error = status >> STATUS_LOAD_ERROR_SHIFT & STATUS_LOAD_ERROR_MASK
        return bool(status & STATUS_LOADED), error

    def clear_counters(self) -> None:
        """Start counting anew."""
        self._bus.write(ADDRESS_CONTROL, CONTROL_CLEAR)

    def counters(self) -> Counters:
        """Return what was counted."""
        words = [self._bus.read(address) for address in _COUNTERS]
        times = [
            self._wide(a)
            for a in (ADDRESS_CYCLE, ADDRESS_FIRST_IN, ADDRESS_FIRST_OUT, ADDRESS_LAST_OUT)
        ]
        return Counters(*words, *times)

    def cycle(self) -> int:
        """Return the cycle counter."""
        return self._wide(ADDRESS_CYCLE)

    def _reset(self, control: int) -> None:
        self._bus.write(ADDRESS_CONTROL, control)
        for _ in range(_RESET_POLLS):
            if not self.status() & STATUS_IN_RESET:
                return
        raise DriverError("the accelerator does not come out of reset; is its clock running?")

    def _sha256(self, offset: int) -> str:
        return "".join(f"{self._bus.read(offset + 4 * k):08x}" for k in range(8))

    def _wide(self, offset: int) -> int:
        low = self._bus.read(offset)  # holds the high word
        return (self._bus.read(offset + 4) << 32) | low
