"""The accelerator on a board with PYNQ."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import numpy as np

from driver.errors import DriverError, InputError

if TYPE_CHECKING:
    from typing import Any, Dict

    from driver.manifest import Manifest

_DMA_TYPE = "xilinx.com:ip:axi_dma:"
_ACCELERATOR_MARK = "bnn_accel"
_CLOCK_TOLERANCE = 0.005
_PAUSE_S = 0.0001


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
        pynq = _import_pynq()
        overlay = _load(pynq, str(path))
        self._pynq = pynq
        self.bus = _find(overlay, lambda name, ip: _ACCELERATOR_MARK in str(ip.get("type", name)))
        self.dma = _find(overlay, lambda name, ip: str(ip.get("type", "")).startswith(_DMA_TYPE))
        self.clock_mhz = _set_clock(pynq.Clocks, manifest.clock_mhz)

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


def _import_pynq() -> Any:
    try:
        import pynq
        import pynq.lib.dma
    except ImportError as error:
        raise InputError(
            f"--backend pynq: the pynq package cannot be imported ({error}); run this on the "
            "board's PYNQ image, with sudo -E or from its Jupyter, or use --backend sim or cpu"
        ) from error
    return pynq


def _load(pynq: Any, path: str) -> Any:
    if os.geteuid() != 0:
        raise InputError(
            "--backend pynq: no permission to load a bitstream; run as root: "
            "sudo -E python3 driver/infer.py ..., or use the board's Jupyter"
        )
    try:
        return pynq.Overlay(path)
    except PermissionError as error:
        raise InputError(
            f"--backend pynq: no permission to load {path} ({error}); run with sudo -E"
        ) from error
    except (OSError, RuntimeError, ValueError, AttributeError) as error:
        raise DriverError(
            f"--backend pynq: {path} cannot be loaded: {error}; is this the board the manifest "
            "names, with its PYNQ image running?"
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
    return getattr(overlay, names[0])


def _set_clock(clocks: Any, mhz: float) -> float:
    """Set PL clock 0 and return what it is now; an accelerator is never run faster than built."""
    clocks.fclk0_mhz = mhz
    found = float(clocks.fclk0_mhz)
    if found > mhz * (1 + _CLOCK_TOLERANCE):
        raise DriverError(
            f"PL clock 0 is {found:g} MHz after it was set to {mhz:g} MHz; the accelerator is "
            "built for no more than that"
        )
    return found
