"""The accelerator on a board with PYNQ."""

from __future__ import annotations

import os
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from driver.clocks import MAX_DIVISOR, TOLERANCE, PsRegisters, pl_clock
from driver.errors import DriverError, InputError

if TYPE_CHECKING:
    from typing import Any, Dict

    from driver.manifest import Manifest

_DMA_TYPE = "xilinx.com:ip:axi_dma:"
_ACCELERATOR_MARK = "bnn_accel"
_PAUSE_S = 0.0001
_OLDEST_PYNQ = (2, 7)
_SOURCED = "BNNFLOW_SOURCED"
"""What run.sh has sourced."""


class PynqPlatform:
    """A board: bitstream loaded, clock set."""

    name = "pynq"
    timeout_floor_s = 2.0
    """Linux may keep a process waiting that long under load."""

    def __init__(self, manifest: Manifest) -> None:
        """Load the package's bitstream and set its clock.

        Raises InputError if this is no board, or the user may not; DriverError if loading fails or
        the clock cannot be had.
        """
        if manifest.bitstream is None:
            raise InputError(
                "--backend pynq: this package carries no bitstream (it was built without Vivado); "
                "try --backend sim or --backend cpu"
            )
        path = manifest.checked_path(manifest.bitstream)
        _need_root()
        pynq = _import_pynq(manifest)
        overlay = _load(pynq, str(path), manifest)
        self._pynq = pynq
        self.bus = _find(overlay, lambda name, ip: _ACCELERATOR_MARK in str(ip.get("type", name)))
        self.dma = _find(overlay, lambda name, ip: str(ip.get("type", "")).startswith(_DMA_TYPE))
        self.clock_mhz = set_clock(pynq, manifest.ps_cell, manifest.ps_ref_mhz, manifest.clock_mhz)

    def allocate(self, nbytes: int) -> Any:
        """Return contiguous memory; raises DriverError if there is not enough."""
        try:
            return self._pynq.allocate(shape=(nbytes,), dtype=np.uint8)
        except (MemoryError, RuntimeError, OSError) as error:
            raise DriverError(
                f"no {nbytes:,} bytes of contiguous memory for the DMA ({error}); use a smaller "
                "--batch, or free memory held by other notebooks"
            ) from error

    def clock(self) -> float:
        """Return a steady time in seconds."""
        return time.monotonic()

    def pause(self) -> None:
        """Leave the processor to others for a moment."""
        time.sleep(_PAUSE_S)

    def close(self) -> None:
        """Leave the bitstream loaded: the next program checks its identity anyway."""


def _need_root() -> None:
    if os.geteuid() != 0:
        raise InputError(
            "--backend pynq: no permission to load a bitstream; run as root: sudo bash run.sh ..., "
            "or use the board's Jupyter"
        )


def _import_pynq(manifest: Manifest) -> Any:
    try:
        import pynq
        import pynq.lib.dma
    except ImportError as error:
        raise InputError(
            f"--backend pynq: the pynq package cannot be imported by {sys.executable} ({error}); "
            f"{_way_to_pynq(manifest)}"
        ) from error
    version = str(getattr(pynq, "__version__", "0"))
    if tuple(int(part) for part in re.findall(r"\d+", version)[:2]) < _OLDEST_PYNQ:
        raise InputError(
            f"--backend pynq: this is pynq {version}; 2.7 is the oldest that works: write a newer "
            "image to the SD card"
        )
    return pynq


def _way_to_pynq(manifest: Manifest) -> str:
    """Return what to do, as root, where python3 has no pynq; never the step that led here."""
    login = manifest.login
    scripts = [str(script) for script in login.get("environment", [])]
    there = [script for script in scripts if Path(script).exists()]
    if there and not any(script in os.environ.get(_SOURCED, "") for script in there):
        return f"start it with: sudo bash run.sh ... (which sources {', '.join(there)})"
    if login.get("kind") == "kria_ubuntu":
        return f"the {manifest.board} needs {login.get('image')}"
    if scripts and not there:
        return (
            f"{scripts[0]} is not here either, so this is not the image of the {manifest.board}, "
            f"or one older than PYNQ 2.7; it needs {login.get('image')}; elsewhere use --backend "
            "sim or cpu"
        )
    return f"the {manifest.board} needs {login.get('image')}"


def _load(pynq: Any, path: str, manifest: Manifest) -> Any:
    try:
        return pynq.Overlay(path)
    except PermissionError as error:
        raise InputError(
            f"--backend pynq: no permission to load {path} ({error}); run as root: sudo bash "
            "run.sh ..."
        ) from error
    except (OSError, RuntimeError, ValueError, AttributeError, TypeError, KeyError) as error:
        dropped = manifest.ps_cell == "processing_system7" and pynq.__version__[:2] == "4."
        hint = (
            "pynq 4 loads no overlay on a Zynq-7000: take the image of 3.0.1"
            if dropped
            else f"is this the {manifest.board}, with its PYNQ image running?"
        )
        raise DriverError(
            f"--backend pynq: {path} cannot be loaded by pynq {pynq.__version__}: {error!r}; {hint}"
        ) from error


def _find(overlay: Any, wanted: Any) -> Any:
    """Return the driver of the only IP in the overlay that `wanted(name, description)` accepts."""
    known: Dict[str, Any] = overlay.ip_dict
    names = [name for name, ip in known.items() if wanted(name, ip)]
    if len(names) != 1:
        raise DriverError(
            f"the .hwh file has {len(names)} matching blocks ({', '.join(known) or 'none'}); "
            "exactly one accelerator and one AXI DMA are expected"
        )
    found = overlay
    for part in names[0].split("/"):  # a hierarchy, or the bus of a module reference
        found = getattr(found, part)
    return found


def set_clock(pynq: Any, cell: str, ref_mhz: float, limit_mhz: float) -> float:
    """Set PL clock 0 to the fastest clock that is not above `limit_mhz`; return what it is now.

    The divisors are ours (see driver/clocks.py), pynq writes them. Raises DriverError if the clock
    that the registers give then is faster than what timing was closed for, or stands still.
    """
    registers = PsRegisters(cell, ref_mhz, lambda address, length: pynq.MMIO(address, length))
    try:
        # A slow clock first: it is switched on, and its source can be read.
        pynq.Clocks.set_pl_clk(0, MAX_DIVISOR, MAX_DIVISOR)
        wanted = pl_clock(registers.source_mhz(), limit_mhz)
        pynq.Clocks.set_pl_clk(0, wanted.div0, wanted.div1)
    except (ValueError, RuntimeError, AttributeError, TypeError, KeyError) as error:
        raise DriverError(
            f"PL clock 0 cannot be set: {error}; restart the board, and check that its image is "
            "the one of this board"
        ) from error
    found = registers.pl_clock_mhz()
    if found > limit_mhz * (1 + TOLERANCE):
        raise DriverError(
            f"PL clock 0 is {found:g} MHz after it was set to {wanted.mhz:g} MHz; timing was "
            f"closed for {limit_mhz:g} MHz, and nothing above that is run; restart the board"
        )
    return round(found, 6)
