"""The accelerator in simulation, driven by the real pynq package's DMA class.

`pynq.lib.dma.DMA`, `pynq.MMIO` and `PynqBuffer` are pynq's own; only the device below them is ours.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

import numpy as np

from driver.axi_dma_model import SPAN, AxiDmaModel, Memory
from driver.errors import InputError
from driver.sim_server import SimServer

if TYPE_CHECKING:
    from typing import Any

    from driver.manifest import Manifest

_ACCELERATOR, _DMA, _RANGE = 0xA000_0000, 0xA001_0000, 0x1000
_MIN_CYCLES = 100_000


class SimDevice:
    """What pynq calls a device: registers by address, and cache maintenance of buffers."""

    name = "bnnflow simulation"

    def __init__(self, server: SimServer) -> None:
        self.memory = Memory()
        self.dma = AxiDmaModel(server, self.memory)
        self._server = server

    def has_capability(self, capability: str) -> bool:
        """Tell pynq.MMIO that registers are reached by calls, not by mapped memory."""
        return capability == "REGISTER_RW"

    def read_registers(self, address: int, length: int) -> bytes:
        """Read 32-bit registers."""
        words = [self._read(address + offset) for offset in range(0, length, 4)]
        return b"".join(int(word).to_bytes(4, "little") for word in words)

    def write_registers(self, address: int, data: bytes) -> None:
        """Write 32-bit registers."""
        for offset in range(0, len(data), 4):
            self._write(address + offset, int.from_bytes(data[offset : offset + 4], "little"))

    def flush(self, address: int, offset: int, pointer: int, nbytes: int) -> None:
        """Copy what the processor wrote to where the DMA sees it."""
        memory = self.memory.find(address + offset, nbytes)
        if memory is not None:
            memory[:] = ctypes.string_at(pointer, nbytes)

    def invalidate(self, address: int, offset: int, pointer: int, nbytes: int) -> None:
        """Copy what the DMA wrote to where the processor sees it."""
        memory = self.memory.find(address + offset, nbytes)
        if memory is not None:
            ctypes.memmove(pointer, bytes(memory), nbytes)

    def _read(self, address: int) -> int:
        if _DMA <= address < _DMA + SPAN:
            return self.dma.read(address - _DMA)
        return self._server.read(address - _ACCELERATOR)

    def _write(self, address: int, value: int) -> None:
        if _DMA <= address < _DMA + SPAN:
            self.dma.write(address - _DMA, value)
        else:
            self._server.write(address - _ACCELERATOR, value)


class SimPlatform:
    """A simulated board. Time is the accelerator's: its cycles at the manifest's clock."""

    name = "sim"

    def __init__(self, manifest: Manifest, seed: int = 1) -> None:
        """Start the package's simulator.

        Raises InputError if the package has none, or pynq is missing.
        """
        if manifest.simulator is None:
            raise InputError(
                "--backend sim: this package carries no simulator; build it with "
                "flow build --set package.simulator=true"
            )
        mmio, dma_class, self._buffer_class = _pynq_classes()
        self.clock_mhz = manifest.clock_mhz
        self.timeout_floor_s = (_MIN_CYCLES + 8 * manifest.cycles_per_frame) / (
            manifest.clock_mhz * 1e6
        )
        self.server = SimServer(manifest.path(manifest.simulator), seed)
        self.device = SimDevice(self.server)
        self.bus = mmio(_ACCELERATOR, _RANGE, device=self.device)
        self.dma = dma_class(_description(self.device))

    def allocate(self, nbytes: int) -> Any:
        """Return a PynqBuffer; what is in it before the first write is not zero."""
        address = self.device.memory.allocate(nbytes)
        buffer = self._buffer_class(
            (nbytes,), np.uint8, device=self.device, device_address=address, bo=address
        )
        buffer[:] = 0xA5
        return buffer

    def clock(self) -> float:
        """Return the simulated time in seconds."""
        return self.server.cycles / (self.clock_mhz * 1e6)

    def pause(self) -> None:
        """Do nothing: reading a status lets time pass."""

    def close(self) -> None:
        """End the simulation."""
        self.server.close()


def _pynq_classes() -> Any:
    """Return pynq's MMIO, DMA and PynqBuffer."""
    try:
        from pynq import MMIO
        from pynq.buffer import PynqBuffer
        from pynq.lib.dma import DMA
    except ImportError as error:
        raise InputError(
            f"--backend sim: needs the pynq package, whose DMA class it runs, and {error}; "
            "use an environment with pynq and numpy<2, for instance: "
            "uv run --with pynq==4.0.0 --with 'numpy<2' --with pillow python driver/infer.py"
        ) from error
    return MMIO, DMA, PynqBuffer


def _description(device: SimDevice) -> Any:
    """Describe our DMA as pynq reads it from a .hwh file: simple mode, no interrupts."""
    parameters = {
        "c_include_sg": "0",
        "c_micro_dma": "0",
        "c_sg_length_width": "26",
        "c_include_mm2s": "1",
        "c_include_mm2s_dre": "0",
        "c_m_axi_mm2s_data_width": "128",
        "c_include_s2mm": "1",
        "c_include_s2mm_dre": "0",
        "c_m_axi_s2mm_data_width": "128",
    }
    return {
        "phys_addr": _DMA,
        "addr_range": _RANGE,
        "device": device,
        "parameters": parameters,
        "interrupts": {},
        "fullpath": "axi_dma_0",
        "type": "xilinx.com:ip:axi_dma:7.1",
    }
