"""A whole accelerator, shell included, mapped and run beside its RTL on images.

Knows nothing of graphs or of design.json: an `Accelerator` is a folder of sources and names. The
simulation compares, in every cycle, each port and each monitored stream of the netlist with the
RTL's, and the beats that come out with what must come out; all registers are read at the end.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from driver import interface
from flow.check.netlist.emit import MODELS, emit
from flow.check.netlist.lockstep import Watched, read_header, stand_in
from flow.check.netlist.mapping import HdlModule, map_targets
from flow.errors import CheckFailed, ToolError
from flow.hardware.sources import LINT_WAIVERS, RTL_SOURCE_DIR
from flow.tools.process import execute, run
from flow.tools.verilator import Verilator, first_error

NAME = "whole"
_BENCH = RTL_SOURCE_DIR.parent / "tb"
_TOP = "bnn_tb_top"
BEAT, CONTROL, UNTIL, READ = range(4)
"""Operations of bnn_netlist_bench."""
REGISTERS = (*range(0x00, 0x48, 4), *range(0x80, 0xA0, 4), *range(0xC0, 0xE4, 4))
"""Every register of the shell but the write-only one's effect (bnn_axi_regs)."""
_BUSY, _IN_RESET, _LOADED = (
    interface.STATUS_BUSY,
    interface.STATUS_IN_RESET,
    interface.STATUS_LOADED,
)
_NO_IMAGE = 1 << interface.STATUS_LOAD_ERROR_SHIFT
"""The loader's first error: what came does not begin as a weight image."""
_LOAD = interface.CONTROL_LOAD


@dataclass(frozen=True)
class Accelerator:
    """A generated accelerator as files and names."""

    folder: Path
    """SystemVerilog, Verilog and memory images; images are named relative to it."""
    sources: tuple[str, ...]
    streams: tuple[Watched, ...]
    dma_width_bits: int
    top: str = "bnn_accel"
    core: str = "u_core"
    """The instance below `top` that has the streams."""
    core_reset: str = "core_rst_n"
    """The net of `top` that resets it, active low."""


@dataclass(frozen=True)
class Traffic:
    """What goes in and must come out, in beats of the DMA's width; each packet a list of beats."""

    images: Sequence[Sequence[int]]
    scores: Sequence[Sequence[int]]
    """A packet for each packet of images."""
    load: Sequence[int] = ()
    """The weights' packet of an accelerator that is loaded."""


@dataclass(frozen=True)
class NetlistRun:
    """What one simulation showed."""

    registers: Mapping[int, int]
    """Value of each register at the end, by byte address."""
    seconds: float


def map_whole(
    accelerator: Accelerator, family: str, folder: Path, timeout_s: float
) -> dict[str, Any]:
    """Map the accelerator in `folder`; return its flat netlist (yosys JSON).

    The monitored streams are kept as nets, so that they can be compared.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for image in sorted(accelerator.folder.glob("*.mem")):
        link = folder / image.name
        link.unlink(missing_ok=True)
        link.symlink_to(image.resolve())
    sources = [(accelerator.folder / name).resolve() for name in accelerator.sources]
    kept = [net for watched in accelerator.streams for net in _nets(accelerator, watched).values()]
    targets = {NAME: HdlModule(accelerator.top, {})}
    return map_targets(targets, sources, family, folder, timeout_s, keep=kept)[NAME]


def build(
    accelerator: Accelerator,
    netlists: Mapping[str, Mapping[str, Any]],
    traffic: Traffic,
    folder: Path,
    *,
    patience: int,
    timeout_s: float,
    optimize: str = "-O1",
    jobs: int = 1,
) -> Path:
    """Compile RTL and `netlists` (by a name of each) into one program; return it.

    `+netlist=<n>` chooses the n-th of them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    header = read_header(accelerator.folder / f"{accelerator.top}.v")
    files: dict[Path, str] = {}
    for label, netlist in netlists.items():
        probes = {
            name: net
            for watched in accelerator.streams
            for name, net in _nets(accelerator, watched).items()
        }
        files[folder / f"{NAME}_{label}.sv"] = emit(netlist, f"{NAME}_{label}", probes)
    choices: dict[tuple[tuple[str, str], ...], list[str]] = {
        (): [f"{NAME}_{label}" for label in netlists]
    }
    files[folder / f"{NAME}_both.sv"] = stand_in(
        header,
        f"{NAME}_both",
        choices,
        watched=accelerator.streams,
        path=accelerator.core,
        awake=accelerator.core_reset,
    )
    ops, beats = operations(traffic, accelerator.dma_width_bits)
    (folder / "ops.hex").write_text("".join(f"{op:x}\n" for op in ops), encoding="ascii")
    (folder / "beats.hex").write_text("".join(f"{beat:x}\n" for beat in beats), encoding="ascii")
    files[folder / f"{_TOP}.sv"] = _top(accelerator, header.ports, len(ops), len(beats), patience)
    plan = Verilator.locate().plan_build(
        [
            LINT_WAIVERS,
            *(accelerator.folder / name for name in accelerator.sources),
            *sorted(MODELS.glob("*.sv")),
            _BENCH / "bnn_tb_source.sv",
            *files,
        ],
        top=_TOP,
        build_dir=folder / "obj",
        cpp=[_BENCH / "tb_main.cpp"],
        optimize=optimize,
        jobs=jobs,
        files=files,
    )
    execute(plan, log=folder / "build.log", timeout_s=timeout_s, first_error=first_error)
    for image in sorted(accelerator.folder.glob("*.mem")):
        link = folder / image.name
        link.unlink(missing_ok=True)
        link.symlink_to(image.resolve())
    return Verilator.executable(_TOP, folder / "obj")


def simulate(
    binary: Path, folder: Path, pick: int, seed: int, timeout_s: float, log: Path | None = None
) -> NetlistRun:
    """Run once; CheckFailed where netlist and RTL, or RTL and the expected scores, differ.

    The log lies in `folder` unless `log` says where.
    """
    arguments = [f"+netlist={pick}", f"+verilator+seed+{seed}", "+verilator+rand+reset+2"]
    log = log or folder / f"run_{pick}_{seed}.log"
    try:
        done = run(
            [str(binary), *arguments],
            cwd=folder,
            log=log,
            timeout_s=timeout_s,
            first_error=first_error,
        )
    except ToolError as error:
        told = first_error(log.read_text(encoding="utf-8", errors="replace"))
        if told is not None and "%Fatal" in told:
            raise CheckFailed(f"{told} (log: {log})") from error
        raise
    if "PASS: " not in done.output:
        raise CheckFailed(f"the simulation ended without a verdict (log: {log})")
    registers = {
        int(address, 16): int(value, 16)
        for address, value in re.findall(r"^REGISTER (\w+) (\w+)$", done.output, re.MULTILINE)
    }
    return NetlistRun(registers, done.seconds)


def operations(traffic: Traffic, width: int) -> tuple[list[int], list[int]]:
    """Return the bench's operations and the beats it must see."""

    def op(kind: int, data: int, last: bool = False) -> int:
        return kind << width + 1 | int(last) << width | data

    def packet(beats: Sequence[int]) -> list[int]:
        return [op(BEAT, beat, k == len(beats) - 1) for k, beat in enumerate(beats)]

    ops = [op(UNTIL, _IN_RESET << 16)]
    if traffic.load:
        # First what is no weight image: the loader says so, and loads all the same afterwards.
        ops += [op(CONTROL, _LOAD), op(UNTIL, _IN_RESET << 16), *packet([0, 0])]
        ops.append(op(UNTIL, _NO_IMAGE << 16 | _NO_IMAGE))
        ops += [op(CONTROL, _LOAD), op(UNTIL, _IN_RESET << 16), *packet(traffic.load)]
        ops.append(op(UNTIL, _LOADED << 16 | _LOADED))
    for images in traffic.images:
        ops += packet(images)
    ops.append(op(UNTIL, _BUSY << 16))
    ops += [op(READ, address) for address in REGISTERS]
    beats = [
        int(k == len(scores) - 1) << width | beat
        for scores in traffic.scores
        for k, beat in enumerate(scores)
    ]
    return ops, beats


def _nets(accelerator: Accelerator, watched: Watched) -> dict[str, str]:
    """Return probe names of one stream -> names of the nets in the flat netlist."""
    ends = ["valid", "ready", "data", *(["pad"] if watched.flags else [])]
    return {f"{watched.name}_{end}": f"{accelerator.core}.{watched.name}_{end}" for end in ends}


def _top(
    accelerator: Accelerator,
    ports: Sequence[tuple[str, str, str]],
    ops: int,
    beats: int,
    patience: int,
) -> str:
    names = [port for _, _, port in ports if port.startswith(("s_axi", "m_axis"))]
    ours = [name for name in names if not name.endswith(("bresp", "rresp"))]
    declared = [
        f"  logic {kind.removeprefix('wire')} {port};" for _, kind, port in ports if port in names
    ]
    return "\n".join(
        [
            f"module {_TOP} (input logic clk_i, input logic rst_ni);",
            "  logic done;",
            *declared,
            "  logic unused;",
            "  assign unused = ^{s_axi_bresp, s_axi_rresp};",
            "  bnn_netlist_bench #(",
            f"    .DmaWidth({accelerator.dma_width_bits}), .Ops({ops}), .Beats({beats}),",
            f'    .Patience({patience}), .OpFile("ops.hex"), .BeatFile("beats.hex")',
            "  ) u_bench (.clk_i, .rst_ni, .done_o(done), "
            + ", ".join(f".{name}" for name in ours)
            + ");",
            f"  {NAME}_both u_both (.aclk(clk_i), .aresetn(rst_ni), "
            + ", ".join(f".{name}" for name in names)
            + ");",
            "  always_ff @(posedge clk_i) begin",
            "    if (rst_ni && done) begin",
            f'      $display("PASS: {beats} beats");',
            "      $finish;",
            "    end",
            "  end",
            "endmodule",
            "",
        ]
    )
