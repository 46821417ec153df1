"""The clock registers of a Zynq's PS as memory, put below the real pynq package. Python 3.8."""

import types

import numpy as np

SLCR, CRL_APB, CRF_APB = 0xF800_0000, 0xFF5E_0000, 0xFD1A_0000
ARCHITECTURES = {"processing_system7": "armv7l", "zynq_ultra_ps_e": "aarch64"}


class SimulatedPs:
    """What pynq calls a device, as far as clocks need it."""

    name = tag = "simulated PS"
    parser = None

    def __init__(self, cell, pll_factor):
        self.arch = ARCHITECTURES[cell]
        self.blocks = {base: np.zeros(1024, np.uint32) for base in (SLCR, CRL_APB, CRF_APB)}
        if cell == "processing_system7":
            self.set(SLCR, 0x108, int(pll_factor) << 12)
            self.set(SLCR, 0x170, 10 << 8 | 1 << 20)
        else:
            self.set(CRL_APB, 0x20, int(2 * pll_factor) << 8 | 1 << 16)
            self.set(CRL_APB, 0xC0, 15 << 8 | 1 << 16)

    def set(self, base, offset, value):
        self.blocks[base][offset // 4] = value

    def get(self, base, offset):
        return int(self.blocks[base][offset // 4])

    def has_capability(self, capability):
        return capability == "MEMORY_MAPPED"

    def open(self, base, length):
        """Return what reads a block's registers, as pynq.MMIO does."""
        return types.SimpleNamespace(read=lambda offset: self.get(base, offset))

    def mmap(self, base, length):
        return self.blocks[base][: length // 4]


def activate(pynq, device):
    """Make `device` the one that pynq's Clocks and MMIO work on."""
    import pynq.ps
    from pynq.pl_server.device import Device

    Device.active_device = device
    pynq.ps.CPU_ARCH = device.arch
    for name in ("_real_instance", "device"):
        if name in vars(pynq.ps.Clocks):
            delattr(pynq.ps.Clocks, name)
    pynq.ps.Clocks.device = device
