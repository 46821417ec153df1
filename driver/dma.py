"""The real `pynq.lib.dma.DMA`, with what it lacks: a time limit, named errors, recovery.

Its own `wait()` reads the status register for ever; here it is called only when the transfer has
ended, for what it does then (cache, bytes transferred). Register names are those of PG021.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from driver.errors import DmaError, DmaTimeout

if TYPE_CHECKING:
    from typing import Any, Callable

MM2S, S2MM = 0x00, 0x30
_CR, _SR, _LENGTH = 0x00, 0x04, 0x28
_CR_RUN, _CR_RESET = 0x1, 0x4
_SR_HALTED, _SR_IDLE = 0x1, 0x2
_SR_ERRORS = {
    0x10: "internal error: a length of zero, or a packet larger than its buffer",
    0x20: "slave error: the memory answered with an error",
    0x40: "decode error: there is no memory at that address",
}
_RECOVERY_POLLS = 1000
_NAMES = {MM2S: "sending images (MM2S)", S2MM: "receiving scores (S2MM)"}
_NAME_OF_WEIGHTS = "sending weights (MM2S)"


class DmaEngine:
    """Both channels of one AXI DMA in simple mode.

    dma: a `pynq.lib.dma.DMA`. clock: gives the seconds that time limits are measured in. pause: is
    called between two looks at the status register.
    """

    def __init__(self, dma: Any, clock: Callable[[], float], pause: Callable[[], None]) -> None:
        self._dma = dma
        self._clock = clock
        self._pause = pause
        self.max_bytes = int(dma.buffer_max_size)
        """Largest transfer."""

    def send(self, buffer: Any, nbytes: int) -> None:
        """Start sending the first `nbytes` of a buffer as one packet."""
        self._dma.sendchannel.transfer(buffer, 0, nbytes)

    def receive(self, buffer: Any, nbytes: int) -> None:
        """Start receiving one packet of at most `nbytes` into a buffer."""
        self._dma.recvchannel.transfer(buffer, 0, nbytes)

    def wait_sent(self, timeout_s: float, *, weights: bool = False) -> None:
        """Wait until everything has been sent; DmaTimeout or DmaError if that does not happen."""
        self._await(MM2S, timeout_s, _NAME_OF_WEIGHTS if weights else _NAMES[MM2S])
        self._dma.sendchannel.wait()

    def wait_received(self, timeout_s: float) -> int:
        """Wait for the packet; return its bytes. DmaTimeout or DmaError if it does not come."""
        try:
            self._await(S2MM, timeout_s, _NAMES[S2MM])
        except DmaTimeout:
            self._checked(MM2S, _NAMES[MM2S])  # nothing comes back where nothing could be sent
            raise
        received: int = self._dma.mmio.read(S2MM + _LENGTH)
        self._dma.recvchannel.wait()
        return received

    def look(self) -> None:
        """Read a status register and pause; in simulation this lets time pass."""
        self._dma.mmio.read(MM2S + _SR)
        self._pause()

    def stop(self) -> None:
        """Abort everything: nothing is sent any more, and what S2MM has taken in is gone.

        S2MM takes up to four beats from its stream while no transfer is open, also right after
        this. Raises DmaError if the DMA does not come out of its reset.
        """
        mmio = self._dma.mmio
        mmio.write(MM2S + _CR, _CR_RESET)  # resets both channels
        self._poll(lambda: not mmio.read(MM2S + _CR) & _CR_RESET, "does not come out of its reset")

    def recover(self) -> None:
        """Abort everything and make both channels ready again, whatever state they are in.

        The accelerator must be silent, or its beats lead the next packet (see `stop`). Raises
        DmaError if the DMA does not come out of its reset.
        """
        mmio = self._dma.mmio
        self.stop()
        mmio.write(MM2S + _CR, _CR_RUN)
        mmio.write(S2MM + _CR, _CR_RUN)
        self._poll(lambda: not mmio.read(MM2S + _SR) & _SR_HALTED, "does not start sending")
        self._poll(lambda: not mmio.read(S2MM + _SR) & _SR_HALTED, "does not start receiving")
        # Both run already, so that these cannot hang; they reset the objects' own state.
        self._dma.sendchannel.start()
        self._dma.recvchannel.start()

    def _await(self, offset: int, timeout_s: float, name: str) -> None:
        deadline = self._clock() + timeout_s
        while True:
            if self._checked(offset, name) & _SR_IDLE:
                return
            if self._clock() > deadline:
                raise DmaTimeout(f"DMA {name}: not done after {timeout_s:.3g} s")
            self._pause()

    def _checked(self, offset: int, name: str) -> int:
        """Return a channel's status; raises DmaError if it has failed."""
        status: int = self._dma.mmio.read(offset + _SR)
        for bit, meaning in _SR_ERRORS.items():
            if status & bit:
                raise DmaError(f"DMA {name}: {meaning} (status 0x{status:08x})")
        if status & _SR_HALTED:
            raise DmaError(f"DMA {name}: it has stopped (status 0x{status:08x})")
        return status

    def _poll(self, done: Callable[[], bool], trouble: str) -> None:
        for _ in range(_RECOVERY_POLLS):
            if done():
                return
            self._pause()
        raise DmaError(f"the DMA {trouble}; load the bitstream again, or restart the board")
