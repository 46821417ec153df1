"""The ports of the accelerator with its shell, grouped into AXI interfaces: one table.

The generated Verilog top, the shell's instance in it and the description as an IP core read it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from flow.hardware.shell import ShellInfo

ADDRESS_BITS = 12
CLOCK, RESET = "aclk", "aresetn"


class Port(NamedTuple):
    """One port of the module."""

    name: str
    output: bool
    width: int
    """In bits."""

    @property
    def declaration(self) -> str:
        """Return it as Verilog."""
        vector = f"[{self.width - 1}:0]" if self.width > 1 else ""
        return f"{'output' if self.output else 'input '} wire {vector:<9} {self.name}"


class Interface(NamedTuple):
    """The ports of one AXI interface; each is named <interface>_<signal>."""

    name: str
    kind: str
    """`aximm` or `axis`, as Vivado calls them."""
    master: bool
    text: str
    ports: tuple[Port, ...]

    def signal(self, port: Port) -> str:
        """Return what the AXI specification calls a port of this interface: "TDATA"."""
        return port.name.removeprefix(f"{self.name}_").upper()


def interfaces(shell: ShellInfo) -> tuple[Interface, Interface, Interface]:
    """Return registers, input and output of an accelerator with this shell."""
    data = shell.dma_width_bits
    lite = (
        *(("awvalid", False, 1), ("awready", True, 1), ("awaddr", False, ADDRESS_BITS)),
        *(("wvalid", False, 1), ("wready", True, 1), ("wdata", False, 32), ("wstrb", False, 4)),
        *(("bvalid", True, 1), ("bready", False, 1), ("bresp", True, 2)),
        *(("arvalid", False, 1), ("arready", True, 1), ("araddr", False, ADDRESS_BITS)),
        *(("rvalid", True, 1), ("rready", False, 1), ("rdata", True, 32), ("rresp", True, 2)),
    )
    images = (
        *(("tvalid", False, 1), ("tready", True, 1)),
        *(("tdata", False, data), ("tlast", False, 1)),
    )
    scores = (
        *(("tvalid", True, 1), ("tready", False, 1)),
        *(("tdata", True, data), ("tkeep", True, data // 8), ("tlast", True, 1)),
    )
    return (
        _interface("s_axi", "aximm", False, "AXI4-Lite: registers of bnn_axi_regs", lite),
        _interface(
            *("s_axis", "axis", False),
            f"AXI4-Stream in: {shell.in_frame_bytes} bytes a frame",
            images,
        ),
        _interface(
            *("m_axis", "axis", True),
            f"AXI4-Stream out: {shell.out_frame_bytes} bytes a frame, "
            f"{shell.out_elem_bits} bits an element",
            scores,
        ),
    )


def _interface(
    name: str, kind: str, master: bool, text: str, signals: tuple[tuple[str, bool, int], ...]
) -> Interface:
    ports = tuple(Port(f"{name}_{signal}", output, width) for signal, output, width in signals)
    return Interface(name, kind, master, text, ports)
