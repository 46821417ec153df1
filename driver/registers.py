"""The registers of the shell; bnn_axi_regs.sv has the same addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from driver.errors import CheckFailed, DriverError

if TYPE_CHECKING:
    from typing import Optional, Protocol, Tuple

    class RegisterBus(Protocol):
        """What reads and writes 32-bit registers: `pynq.MMIO`, for instance."""

        def read(self, offset: int) -> int:
            """Return the register at a byte offset."""

        def write(self, offset: int, data: int) -> None:
            """Write the register at a byte offset."""


MAGIC = 0x424E4E46  # "BNNF"
SHELL_VERSION = 2
STATUS_BUSY, STATUS_PACKET_ERROR, STATUS_IN_RESET, STATUS_LOADED, STATUS_LOADING = 1, 2, 4, 8, 16
LOAD_ERRORS = {
    1: "what came does not begin as a weight image",
    2: "the format version of the image is not the accelerator's",
    3: "the image has another number of words than the accelerator's memories",
    4: "the CRC is wrong: words were changed on the way",
}
"""Error of the loader in the status register (bits 10:8), see bnn_loader.sv."""
_CONTROL_RESET, _CONTROL_CLEAR, _CONTROL_LOAD = 1, 2, 4
_A_MAGIC, _A_VERSION, _A_CAPABILITIES, _A_CONTROL, _A_STATUS = 0x00, 0x04, 0x08, 0x0C, 0x10
_A_COUNTERS = 0x14
_A_CYCLES, _A_FIRST_IN, _A_FIRST_OUT, _A_LAST_OUT = 0x28, 0x30, 0x38, 0x40
_A_IDENTITY, _A_WEIGHTS, _A_LOAD_WORDS = 0x80, 0xC0, 0xE0
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
        magic = self._bus.read(_A_MAGIC)
        if magic != MAGIC:
            raise CheckFailed(
                f"the loaded bitstream has no bnnflow accelerator at this address (magic word "
                f"0x{magic:08x}, expected 0x{MAGIC:08x}); load the .bit of this package"
            )
        found = self._bus.read(_A_VERSION)
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
        return self._sha256(_A_IDENTITY)

    def status(self) -> int:
        """Return the status bits."""
        return self._bus.read(_A_STATUS)

    def can_load_weights(self) -> bool:
        """Tell whether the accelerator's weights can be replaced."""
        return bool(self._bus.read(_A_CAPABILITIES) & 1)

    def load_words(self) -> int:
        """Return the words of payload that the accelerator's memories take."""
        return self._bus.read(_A_LOAD_WORDS)

    def weights(self) -> str:
        """Return the sha256, hexadecimal, that the weights loaded last came with."""
        return self._sha256(_A_WEIGHTS)

    def soft_reset(self) -> None:
        """Empty the accelerator and its counters, loadable weights too; the DMA must be idle.

        Raises DriverError if it does not come out of reset.
        """
        self._reset(_CONTROL_RESET)

    def begin_load(self) -> None:
        """Reset as `soft_reset` does; the next packet sent is weights."""
        self._reset(_CONTROL_LOAD)

    def load_state(self) -> Tuple[bool, int]:
        """Return whether the weights are loaded, and the loader's error (see LOAD_ERRORS)."""
        status = self.status()
        return bool(status & STATUS_LOADED), (status >> 8) & 7

    def clear_counters(self) -> None:
        """Start counting anew."""
        self._bus.write(_A_CONTROL, _CONTROL_CLEAR)

    def counters(self) -> Counters:
        """Return what was counted."""
        words = [self._bus.read(_A_COUNTERS + 4 * k) for k in range(5)]
        times = [self._wide(a) for a in (_A_CYCLES, _A_FIRST_IN, _A_FIRST_OUT, _A_LAST_OUT)]
        return Counters(*words, *times)

    def cycle(self) -> int:
        """Return the cycle counter."""
        return self._wide(_A_CYCLES)

    def _reset(self, control: int) -> None:
        self._bus.write(_A_CONTROL, control)
        for _ in range(_RESET_POLLS):
            if not self.status() & STATUS_IN_RESET:
                return
        raise DriverError("the accelerator does not come out of reset; is its clock running?")

    def _sha256(self, offset: int) -> str:
        return "".join(f"{self._bus.read(offset + 4 * k):08x}" for k in range(8))

    def _wide(self, offset: int) -> int:
        low = self._bus.read(offset)  # holds the high word
        return (self._bus.read(offset + 4) << 32) | low
