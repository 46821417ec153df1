"""bnn_axi_lite and bnn_axi_regs: every register, counted exactly, at the driver's addresses."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness import Case, Mutant, check, check_catches, some_slow

from driver import interface

READ, WRITE, DRIVE, PAUSE = range(4)
CONTROL, STATUS, FRAMES_IN = 0x0C, 0x10, 0x14
IN_VALID, IN_READY, IN_FRAME, IN_ERROR, OUT_VALID, OUT_READY, OUT_FRAME = (1 << k for k in range(7))
LOAD_END, LOAD_DONE = 1 << 7, 1 << 8
LOAD_WORDS = 475_000
RESET_CYCLES = 40

MUTANTS = [
    Mutant("bnn_axi_lite.sv", "aw_q && w_q && !b_q", "(aw_q || w_q) && !b_q"),
    Mutant("bnn_axi_lite.sv", "else if (s_axi_rready) r_q <= 1'b0", "else r_q <= 1'b0"),
    Mutant("bnn_axi_regs.sv", "write_data_i[ControlLoad] && Loadable", "write_data_i[ControlLoad]"),
    Mutant("bnn_axi_regs.sv", "(error_q || bad_q) && !in_reset", "bad_q && !in_reset"),
    Mutant("bnn_axi_regs.sv", "stall_q <= in_valid_i && !in_ready_i", "stall_q <= in_valid_i"),
    Mutant("bnn_axi_regs.sv", "begun_q && idle_q", "idle_q"),
    Mutant("bnn_axi_regs.sv", "write_strobe_i[0])", "write_strobe_i[1])"),
    Mutant(
        "bnn_axi_regs.sv",
        "Identity[255-32*read_index_i[2:0]-:32]",
        "Identity[32*read_index_i[2:0]+:32]",
    ),
    Mutant("bnn_axi_lite.sv", "ReadLatency = 2", "ReadLatency = 1"),
    Mutant("bnn_axi_regs.sv", "else if (load_end_i) loading_q", "else if (load_done_i) loading_q"),
]


class Script:
    """Commands for the master, and the values its reads must give."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.ins: list[int] = []
        self.outs: list[int] = []

    def read(self, address: int, wanted: int) -> None:
        self._add(READ, address=address)
        self.outs.append(wanted)

    def write(self, address: int, data: int, strobe: int = 0xF) -> None:
        self._add(WRITE, address=address, data=data, strobe=strobe)

    def drive(self, events: int, cycles: int) -> None:
        self._add(DRIVE, data=events, count=cycles)

    def pause(self, cycles: int) -> None:
        self._add(PAUSE, count=cycles)

    def counters(self, *wanted: int) -> None:
        for k, value in enumerate(wanted):
            self.read(FRAMES_IN + 4 * k, value)

    def _add(
        self, kind: int, count: int = 1, strobe: int = 0, address: int = 0, data: int = 0
    ) -> None:
        self.ins.append(kind << 56 | count << 48 | strobe << 44 | address << 32 | data)


def make_case(seed: int, *, loadable: bool = False) -> Case:
    script = Script(seed)
    script.pause(RESET_CYCLES)
    script.read(0x00, interface.MAGIC)
    script.read(0x04, interface.SHELL_VERSION)
    script.read(0x08, 4 + loadable)
    identity = [
        0x1357_9BDF ^ (1 if k == 0 else 0x8000_0000 ^ seed if k == 7 else 0) for k in range(8)
    ]
    for k, word in enumerate(identity):
        script.read(0x80 + 4 * k, word)
    for k, word in enumerate(identity):
        script.read(0xC0 + 4 * k, (word ^ 0xFFFF_FFFF ^ (seed if k == 7 else 0)) * loadable)
    script.read(0xE0, LOAD_WORDS * loadable)
    script.read(0xE4, 0)
    script.read(0xFFC, 0)
    script.counters(0, 0, 0, 0, 0)
    script.read(0x30, 0)  # nothing has come in
    script.drive(IN_READY, 3)  # before the first beat: not starved
    script.drive(IN_VALID, 5)
    script.drive(IN_VALID | IN_READY | IN_FRAME, 3)
    script.drive(IN_READY, 4)
    script.drive(OUT_VALID, 6)
    script.counters(3, 0, 5, 4, 6)
    script.read(STATUS, interface.STATUS_BUSY)
    script.drive(OUT_VALID | OUT_READY | OUT_FRAME, 2)
    script.counters(3, 2, 5, 4, 6)
    script.read(STATUS, interface.STATUS_BUSY)
    script.drive(OUT_VALID | OUT_READY | OUT_FRAME, 1)
    script.read(STATUS, 0)
    script.write(CONTROL, 2, strobe=0xE)  # not the byte with the bits
    script.counters(3, 3, 5, 4, 6)
    script.write(CONTROL, 2)
    script.counters(0, 0, 0, 0, 0)
    script.read(0x40, 0)
    script.drive(IN_VALID | IN_READY | IN_ERROR, 1)
    script.read(STATUS, interface.STATUS_PACKET_ERROR)
    script.write(CONTROL, 2)
    script.read(STATUS, interface.STATUS_PACKET_ERROR)
    script.drive(IN_FRAME, 7)
    script.write(CONTROL, 1)
    script.pause(RESET_CYCLES)
    script.read(STATUS, 0)
    script.counters(0, 0, 0, 0, 0)
    script.write(CONTROL, 4)  # load: resets, then sends the input to the loader
    script.read(STATUS, (interface.STATUS_IN_RESET | interface.STATUS_LOADING) * loadable)
    script.pause(RESET_CYCLES)
    script.read(STATUS, interface.STATUS_LOADING * loadable)
    script.drive(LOAD_DONE, 1)
    script.read(STATUS, interface.STATUS_LOADED | interface.STATUS_LOADING * loadable)
    script.drive(LOAD_END | LOAD_DONE, 1)
    script.read(STATUS, interface.STATUS_LOADED)
    for error in range(1, 8):
        script.drive(error << 9, 1)
        script.read(STATUS, error << 8)
    script.write(CONTROL, 4)
    script.pause(RESET_CYCLES)
    script.write(CONTROL, 1)  # a plain reset takes that back
    script.pause(RESET_CYCLES)
    script.drive(0, 1)
    script.read(STATUS, 0)
    # Twice: it ends in the state after a reset, and the second time the master dawdles.
    parameters = {"Seed": seed, "Loadable": int(loadable)}
    return Case(parameters, 2 * script.ins, 2 * script.outs, frames=2, fast_frames=1)


def test_registers_say_what_happened(tmp_path: Path) -> None:
    check("axi_regs", [make_case(0), make_case(1, loadable=True), make_case(5)], tmp_path)


@pytest.mark.parametrize("mutant", some_slow(MUTANTS, 8), ids=lambda mutant: mutant.new)
def test_testbench_catches(mutant: Mutant, tmp_path: Path) -> None:
    check_catches("axi_regs", [make_case(0), make_case(1, loadable=True)], tmp_path, mutant)
