"""Verilator behind FINN's simulator interface: `exec_mode = "rtlsim"` without Vivado.

FINN reaches its simulator through `finn.xsi`. `install()` puts a twin of Vivado's simulator
interface under it, so that FINN's own engine, transformations and tests run on Verilator.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

_NAMES = (
    "SimEngine",
    "close_rtlsim",
    "compile_sim_obj",
    "get_simkernel_so",
    "load_sim_obj",
    "locate_glbl",
    "reset_rtlsim",
    "rtlsim_multi_io",
)


def install() -> None:
    """Make `finn.xsi` of this process simulate with Verilator; idempotent.

    FINN's settings must be there (`flow.finn.library.prepare_finn`). Processes that a pool starts
    afresh do not inherit it: leave FINN's NUM_DEFAULT_WORKERS at 1.
    """
    from flow.finn.xsi import simulator
    from flow.finn.xsi.compile import compile_sim_obj

    twin = ModuleType("xsi")
    for name in ("Kernel", "Design", "Port"):
        setattr(twin, name, getattr(simulator, name))
    sys.modules["xsi"] = twin
    facade: Any = import_module("finn.xsi")
    adapter: Any = import_module("finn_xsi.adapter")

    adapter.compile_sim_obj = compile_sim_obj
    adapter.get_simkernel_so = _kernel_name
    facade._adapter_module = adapter
    facade.is_available = _is_available
    facade.ensure_available = _is_available
    for name in _NAMES:
        setattr(facade, name, getattr(adapter, name))


def _kernel_name() -> str:
    return "verilator"


def _is_available() -> bool:
    return True
