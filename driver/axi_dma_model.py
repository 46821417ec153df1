"""The registers of an AXI DMA 7.1 in simple (direct register) mode, after PG021.

Modelled: both channels' control, status, address and length registers; run/stop, reset, halted and
idle, interrupt status (write one to clear), the three errors, that an error halts a channel until
reset, and that S2MM takes up to four beats from its stream while no transfer is open. They lead the
next packet, and only a reset throws them away. Not modelled: scatter-gather, unaligned transfers,
the moment of a stop. A packet larger than the receive buffer, which PG021 leaves undefined, is an
internal error here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Callable, Dict, List, Optional

    from driver.sim_server import SimServer

MM2S, S2MM = 0x00, 0x30
SPAN = 0x60
_CR, _SR, _ADDRESS, _ADDRESS_MSB, _LENGTH = 0x00, 0x04, 0x18, 0x1C, 0x28
_CR_RUN, _CR_RESET, _CR_WRITABLE, _CR_INITIAL = 0x1, 0x4, 0x00FF_F013, 0x0001_0002
_SR_HALTED, _SR_IDLE = 0x1, 0x2
_SR_INTERNAL, _SR_DECODE = 0x10, 0x40
_IOC_IRQ, _ERR_IRQ, _IRQS = 0x1000, 0x4000, 0x7000
_LENGTH_MASK = (1 << 26) - 1
_CYCLES_PER_LOOK = 1000
"""Cycles of the accelerator that pass while the processor reads a control or status register."""
_PREFETCHED_BEATS = 4


class Memory:
    """The DDR memory, as far as buffers have been allocated in it.

    It holds what the DMA sees; the processor's arrays are separate, and only flush and invalidate
    copy between the two: a driver that forgets one of them computes with old data here, too.
    """

    _BASE, _STEP = 0x1000_0000, 0x1000

    def __init__(self) -> None:
        self._blocks: Dict[int, bytearray] = {}
        self._next = self._BASE

    def allocate(self, nbytes: int) -> int:
        """Return the address of new memory, page-aligned, with a gap behind it."""
        address = self._next
        self._blocks[address] = bytearray(b"\xa5" * nbytes)
        self._next += (nbytes // self._STEP + 2) * self._STEP
        return address

    def find(self, address: int, nbytes: int) -> Optional[memoryview]:
        """Return the memory at an address, None if not all of it is there."""
        for start, block in self._blocks.items():
            if start <= address and address + nbytes <= start + len(block):
                return memoryview(block)[address - start : address - start + nbytes]
        return None


class _Channel:
    """The registers of one channel."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.control = _CR_INITIAL
        self.status = _SR_HALTED
        self.address = self.length = 0
        self.active = False

    @property
    def running(self) -> bool:
        return not self.status & _SR_HALTED

    def start_or_stop(self, value: int) -> None:
        self.control = (value & _CR_WRITABLE) | 0x2
        if value & _CR_RUN:
            self.status &= ~_SR_HALTED
        else:
            self.active = False
            self.status = (self.status | _SR_HALTED) & ~_SR_IDLE

    def done(self) -> None:
        self.active = False
        self.status |= _SR_IDLE | _IOC_IRQ

    def fail(self, error: int) -> None:
        self.active = False
        self.control &= ~_CR_RUN
        self.status = (self.status & ~_SR_IDLE) | error | _SR_HALTED | _ERR_IRQ


class AxiDmaModel:
    """An AXI DMA between `memory` and the streams of a simulated accelerator.

    `error_faults` and `packet_faults` make the next transfers go wrong, for tests.
    """

    def __init__(self, server: SimServer, memory: Memory) -> None:
        self._server = server
        self._memory = memory
        self._channels = {MM2S: _Channel(), S2MM: _Channel()}
        self._in_reset = False
        server.prefetch(_PREFETCHED_BEATS)
        self.error_faults: Dict[int, int] = {}
        """Channel -> status bit with which its next transfer fails."""
        self.packet_faults: List[Callable[[bytes], bytes]] = []
        """Applied to the next packets sent, one each."""

    def read(self, offset: int) -> int:
        """Return a register; looking at control or status lets the accelerator run on."""
        base, register = self._split(offset)
        channel = self._channels[base]
        if register == _CR:
            self._advance()
            value = channel.control | (_CR_RESET if self._in_reset else 0)
            self._in_reset = False
            return value
        if register == _SR:
            self._advance()
            return channel.status
        low, high = channel.address & 0xFFFF_FFFF, channel.address >> 32
        return {_ADDRESS: low, _ADDRESS_MSB: high, _LENGTH: channel.length}.get(register, 0)

    def write(self, offset: int, value: int) -> None:
        """Write a register."""
        base, register = self._split(offset)
        channel = self._channels[base]
        if register == _CR and value & _CR_RESET:  # of either channel: it resets the whole engine
            self._in_reset = True
            self._server.drop()
            for each in self._channels.values():
                each.reset()
        elif register == _CR:
            channel.start_or_stop(value)
        elif register == _SR:
            channel.status &= ~(value & _IRQS)
        elif register == _ADDRESS:
            channel.address = (channel.address & ~0xFFFF_FFFF) | value
        elif register == _ADDRESS_MSB:
            channel.address = (channel.address & 0xFFFF_FFFF) | value << 32
        elif register == _LENGTH and channel.running and not channel.active:
            self._start(base, channel, value & _LENGTH_MASK)

    @staticmethod
    def _split(offset: int) -> "tuple[int, int]":
        base = S2MM if offset >= S2MM else MM2S
        return base, offset - base

    def _start(self, base: int, channel: _Channel, nbytes: int) -> None:
        channel.length = nbytes
        channel.status &= ~_SR_IDLE
        memory = self._memory.find(channel.address, nbytes)
        if nbytes == 0:
            channel.fail(_SR_INTERNAL)
        elif base in self.error_faults:
            channel.fail(self.error_faults.pop(base))
        elif memory is None:
            channel.fail(_SR_DECODE)
        elif base == MM2S:
            packet = bytes(memory)
            if self.packet_faults:
                packet = self.packet_faults.pop(0)(packet)
            self._server.send(packet)
            channel.active = True
        else:
            self._server.receive(nbytes)
            channel.active = True

    def _advance(self) -> None:
        sending, receiving = self._server.run(_CYCLES_PER_LOOK)
        sender, receiver = self._channels[MM2S], self._channels[S2MM]
        if sender.active and not sending:
            sender.done()
        if receiver.active and not receiving:
            packet, _, overflow = self._server.take()
            memory = self._memory.find(receiver.address, len(packet))
            if overflow or memory is None:
                receiver.fail(_SR_INTERNAL)
            else:
                memory[:] = packet
                receiver.length = len(packet)
                receiver.done()
