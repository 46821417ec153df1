"""The Python module `xsi` that FINN's simulation engine stands on, over a verilated library.

FINN ships the engine (stream drivers, AXI-Lite, watchdogs) as Python and reaches Vivado's
simulator through three classes: Kernel, Design and Port. These are their twins; names and
behaviour follow FINN's `xsi.pyi`.
"""

from __future__ import annotations

import _ctypes
import ctypes
from collections.abc import Iterator
from pathlib import Path
from typing import Any

DEFAULT_SEED = 1
"""What the random contents of unreset registers and memories are drawn from."""

_CELLS = ((8, ctypes.c_uint8), (16, ctypes.c_uint16), (32, ctypes.c_uint32), (64, ctypes.c_uint64))


class Kernel:
    """The simulator's kernel: Verilator needs none, `name` is ignored."""

    seed = DEFAULT_SEED
    """Seed of every design that is opened from now on."""

    def __init__(self, name: str) -> None:
        self.name_of_kernel = name


class Port:
    """A port of the module on top, with a buffer that `read` fills and `write_back` empties."""

    def __init__(self, design: Design, name: str, direction: int, width: int, address: int) -> None:
        self._design = design
        self._name = name
        self._direction = direction
        self._width = width
        self._mask = (1 << width) - 1
        self._value = 0
        narrow = [kind for bits, kind in _CELLS if width <= bits]
        self._cell: Any = narrow[0].from_address(address) if narrow else None
        self._bytes = 4 * ((width + 31) // 32)
        self._address = address

    def name(self) -> str:
        return self._name

    def dir(self) -> int:
        """Return 0 for an input, 1 for an output, 2 for an inout."""
        return self._direction

    def width(self) -> int:
        return self._width

    def isInput(self) -> bool:  # noqa: N802 - FINN's names
        return self._direction == 0

    def isOutput(self) -> bool:  # noqa: N802
        return self._direction == 1

    def isInout(self) -> bool:  # noqa: N802
        return self._direction == 2

    def read(self) -> Port:
        """Take the signal's value into the buffer."""
        self._design.check_open()
        if self._cell is not None:
            self._value = self._cell.value
        else:
            self._value = int.from_bytes(ctypes.string_at(self._address, self._bytes), "little")
        return self

    def write_back(self) -> None:
        """Give the buffer's value to the signal; it acts at the next `Design.run`."""
        self._design.check_open()
        if self._cell is not None:
            self._cell.value = self._value
        else:
            data = self._value.to_bytes(self._bytes, "little")
            ctypes.memmove(self._address, data, self._bytes)
        self._design.touched = True

    def hasUnknown(self) -> bool:  # noqa: N802
        """Return False: Verilator has two states, an unknown is a random value."""
        return False

    def isZero(self) -> bool:  # noqa: N802
        return self._value == 0

    def as_bool(self) -> bool:
        return self._value != 0

    def as_unsigned(self) -> int:
        return self._value

    def as_binstr(self) -> str:
        return f"{self._value:0{self._width}b}"

    def as_hexstr(self) -> str:
        return f"{self._value:0{(self._width + 3) // 4}x}"

    def as_hexstr_2state(self) -> str:
        return self.as_hexstr()

    def clear(self) -> Port:
        self._value = 0
        return self

    def set(self, value: int) -> Port:
        self._value = value & self._mask
        return self

    def set_binstr(self, value: str) -> Port:
        return self.set(int(value, 2))

    def set_hexstr(self, value: str) -> Port:
        return self.set(int(value, 16))


class Design:
    """An open simulation of one compiled library.

    RuntimeError, as from FINN's own binding, for an unknown port, use after `close`, and whatever
    stops the model: $fatal, a failed assertion, a memory image that is not there.
    """

    def __init__(
        self,
        kernel: Kernel,
        design_lib: str,
        log_file: str | None = None,
        wdb_file: str | None = None,
    ) -> None:
        path = Path(design_lib).resolve()
        self._library: Any = ctypes.CDLL(str(path), mode=ctypes.RTLD_LOCAL)
        _declare(self._library)
        trace = None if not wdb_file else str(Path(wdb_file).with_suffix(".vcd")).encode()
        self._handle: int | None = self._library.bnn_open(kernel.seed, trace)
        self._pending = 0
        self.touched = True
        self._ports = {port.name(): port for port in self._make_ports()}
        self.run(0)  # initial blocks read their memory images from the current folder

    def _make_ports(self) -> Iterator[Port]:
        library = self._library
        for index in range(library.bnn_port_count()):
            yield Port(
                self,
                library.bnn_port_name(index).decode(),
                library.bnn_port_direction(index),
                library.bnn_port_width(index),
                library.bnn_port_data(self._handle, index),
            )

    def check_open(self) -> None:
        if self._handle is None:
            raise RuntimeError("the simulation is closed; its ports have no values any more")

    def run(self, cycles: int) -> None:
        """Settle the model at the present time and let `cycles` picoseconds pass."""
        self.check_open()
        if self.touched:
            self.touched = False
            if self._library.bnn_settle(self._handle, self._pending):
                raise RuntimeError(self.get_error_info())
            self._pending = 0
        self._pending += cycles

    def close(self) -> None:
        """End the simulation and unload its library; a second call does nothing."""
        if self._handle is None:
            return
        self._library.bnn_close(self._handle)
        self._handle = None
        _ctypes.dlclose(self._library._handle)

    def is_open(self) -> bool:
        return self._handle is not None

    def trace_all(self) -> None:
        """Do nothing: a design that was opened with a trace file traces every signal."""

    def restart(self) -> None:
        """Refuse: a verilated model starts once; load the simulation again instead."""
        raise RuntimeError("a verilated design cannot be restarted; load it again")

    def get_status(self) -> int:
        """Return 1 after $finish, else 0."""
        self.check_open()
        return int(self._library.bnn_finished(self._handle))

    def get_error_info(self) -> str:
        self.check_open()
        return str(self._library.bnn_error(self._handle).decode(errors="replace"))

    def num_ports(self) -> int:
        return len(self._ports)

    def getPort(self, name: str) -> Port:  # noqa: N802
        if name not in self._ports:
            raise RuntimeError(f"no port {name}; there are {', '.join(self._ports)}")
        return self._ports[name]

    def ports(self) -> Iterator[Port]:
        return iter(self._ports.values())


def _declare(library: Any) -> None:
    """Tell ctypes the signatures of design.cpp."""
    text, number, address = ctypes.c_char_p, ctypes.c_int, ctypes.c_void_p
    signatures: dict[str, tuple[Any, list[Any]]] = {
        "bnn_port_count": (number, []),
        "bnn_port_name": (text, [number]),
        "bnn_port_direction": (number, [number]),
        "bnn_port_width": (number, [number]),
        "bnn_open": (address, [number, text]),
        "bnn_port_data": (address, [address, number]),
        "bnn_settle": (number, [address, ctypes.c_uint64]),
        "bnn_finished": (number, [address]),
        "bnn_error": (text, [address]),
        "bnn_close": (None, [address]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(library, name)
        function.restype = result
        function.argtypes = arguments
