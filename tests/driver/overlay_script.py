"""Run with pynq: its own Overlay on the .hwh of every board, below our platform; prints JSON.

Arguments: the folder of the driver, and a JSON list of [cell, pll_factor, package folder].
"""

import json
import os
import sys
import warnings
from pathlib import Path

sys.path.insert(0, sys.argv[1])
sys.path.insert(1, str(Path(__file__).resolve().parent.parent))

import numpy as np
import pynq
import pynq.lib.dma
import pynq.ps
from pynq.pl_server import hwh_parser
from simulated_ps import SimulatedPs, activate

from driver.errors import DriverError
from driver.manifest import load_manifest
from driver.platform_pynq import PynqPlatform

try:  # since pynq 3
    from pynq.pl_server.embedded_device import Metadata, RuntimeMetadataParser
except ImportError:
    RuntimeMetadataParser = None

warnings.simplefilter("ignore")
os.geteuid = lambda: 0
PARSERS = {
    "processing_system7": hwh_parser._HWHZynq,
    "zynq_ultra_ps_e": hwh_parser._HWHUltrascale,
}


class Board(SimulatedPs):
    """The PS with its clocks, and plain memory where the PL's registers are."""

    def __init__(self, cell, pll_factor):
        super().__init__(cell, pll_factor)
        self.cell = cell
        self.loaded = []
        self.bitfile_name = None

    def get_bitfile_metadata(self, bitfile, partial=False):
        hwh = Path(bitfile).with_suffix(".hwh")
        if RuntimeMetadataParser is not None:
            return RuntimeMetadataParser(Metadata(input=hwh))
        return PARSERS[self.cell](str(hwh))

    def set_bitfile_name(self, name):
        self.bitfile_name = name
        self.parser = self.get_bitfile_metadata(name)
        for each in ("mem_dict", "ip_dict", "gpio_dict", "interrupt_controllers", "hierarchy_dict"):
            setattr(self, each, getattr(self.parser, each))

    timestamp = ""

    def download(self, bitstream, parser=None):
        self.loaded.append(Path(bitstream.bitfile_name).name)
        self.bitfile_name = bitstream.bitfile_name
        # pynq asks by it whether this overlay is still the loaded one.
        self.timestamp = bitstream.timestamp = "now"

    def mmap(self, base, length):
        if base not in self.blocks:
            # Both channels of the DMA idle and running, everything else 0.
            self.blocks[base] = np.zeros(max(length, 4096) // 4, np.uint32)
        return super().mmap(base, length)


rows = []
for cell, pll_factor, package in json.loads(sys.argv[2]):
    board = Board(cell, pll_factor)
    activate(pynq, board)
    manifest = load_manifest(Path(package))
    try:
        platform = PynqPlatform(manifest)
    except DriverError as error:
        rows.append({"error": str(error)})
        continue
    rows.append(
        {
            "clock_mhz": platform.clock_mhz,
            "closed_mhz": manifest.clock_mhz,
            "pynq_mhz": pynq.Clocks.fclk0_mhz,
            "loaded": board.loaded,
            "accelerator": platform.bus.mmio.base_addr,
            "dma": platform.dma.mmio.base_addr,
            "dma_class": type(platform.dma).__module__ + "." + type(platform.dma).__name__,
            "max_bytes": platform.dma.buffer_max_size,
        }
    )
print(json.dumps(rows))
