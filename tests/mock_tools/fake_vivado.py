"""A stand-in for `vivado -mode batch`: a Tcl interpreter whose Vivado commands check their use.

A command or option it does not know, an unknown IP, property, pin or board file, a second driver,
an open input, buses of different width, a wrong order: each is an error, as it would be in Vivado.
It checks what the scripts ask for; it synthesises nothing. FAKE_VIVADO in the environment chooses
how the run ends: "" (well), synthesis, licence, kill, placement, timing, critical,
critical_route, latch, no_board_file.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import tkinter
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from vivado_catalogue import ADDED_BOARD_PARTS, BOARD_PARTS, IPS, PS_CLOCKS
from vivado_design import BlockDesign, Refused
from vivado_reports_text import POWER, timing, utilisation

VERSION = os.environ.get("FAKE_VIVADO_VERSION", "2022.2")
MODE = os.environ.get("FAKE_VIVADO", "")

# Tcl's own commands that scripts may use; everything else is unknown, as an external program is.
ERRORS = {
    "synthesis": "ERROR: [Synth 8-439] module 'bnn_popcount' not found [bnn_xnor_neuron.sv:41]",
    "licence": (
        "ERROR: [Common 17-345] A valid license was not found for feature 'Synthesis' and/or "
        "device 'xczu7ev'. Please run the Vivado License Manager for assistance in determining "
        "which features and devices are licensed for your system."
    ),
    "placement": (
        "ERROR: [Place 30-640] Place Check : This design requires more RAMB36/FIFO cells than are "
        "available in the target device."
    ),
}


class FakeVivado:
    """State of one run."""

    def __init__(self, log: Path | None) -> None:
        self.tcl = tkinter.Tcl()
        self.log = log.open("w") if log else None
        self.part = self.project = self.top = self.board_part = ""
        self.repo_paths = self.project_repo_paths = ""
        self.period = ""
        self.files: list[Path] = []
        self.design: BlockDesign | None = None
        self.opened = ""  # "", "synth_1", "checkpoint"
        self.done: list[str] = []
        self.run_failed = False
        self.threads_set = False
        for name in dir(self):
            if name.startswith("cmd_"):
                self.tcl.createcommand(name[4:], self._guarded(name[4:], getattr(self, name)))
        self.tcl.createcommand("puts", self._puts)
        self.tcl.eval('proc unknown {args} {error "invalid command name \\"[lindex $args 0]\\""}')
        for name in ("exec", "socket", "load"):
            self.tcl.eval(f"rename {name} {{}}")

    def say(self, text: str) -> None:
        print(text, flush=True)
        if self.log:
            print(text, file=self.log, flush=True)

    def source(self, script: str) -> int:
        try:
            self.tcl.eval(f"source {{{script}}}")
        except tkinter.TclError as error:
            told = self.tcl.eval("set ::errorInfo")
            self.say(f"ERROR: [Common 17-39] '{Path(script).name}' failed: {error}\n{told}")
            return 1
        self.say("INFO: [Common 17-206] Exiting Vivado")
        return 0

    def _puts(self, *arguments: str) -> None:
        self.say(arguments[-1])

    def _guarded(self, name: str, call: Callable[..., str | None]) -> Callable[..., str]:
        def run(*arguments: str) -> str:
            try:
                return call(*(str(a) for a in arguments)) or ""
            except Refused as refused:
                self.say(f"ERROR: {refused}")
                raise
            except (TypeError, ValueError, KeyError, StopIteration) as error:
                self.say(f"ERROR: [Common 17-170] {name} {' '.join(arguments)}: {error!r}")
                raise

        return run

    def _list(self, text: str) -> list[str]:
        return [str(item) for item in self.tcl.splitlist(text)]

    def _options(
        self, arguments: tuple[str, ...], values: str = "", flags: str = ""
    ) -> tuple[dict[str, str], list[str]]:
        """Take options apart; one that is not listed is an error."""
        options, rest, k = {}, [], 0
        while k < len(arguments):
            word = arguments[k]
            if word in values.split():
                options[word] = arguments[k + 1]
                k += 1
            elif word in flags.split():
                options[word] = "1"
            elif word.startswith("-"):
                raise Refused(f"[Common 17-170] Unknown option '{word}'")
            else:
                rest.append(word)
            k += 1
        return options, rest

    def _need(self, condition: object, message: str) -> None:
        if not condition:
            raise Refused(message)

    def _bd(self) -> BlockDesign:
        self._need(self.design, "[BD 5-104] A block design must be open to run this command")
        assert self.design is not None
        return self.design

    # Project ------------------------------------------------------------------------------------

    def cmd_set_param(self, name: str, value: str) -> None:
        known = ("general.maxThreads", "board.repoPaths")
        self._need(name in known, f"[Common 17-54] parameter '{name}' does not exist")
        if name == "general.maxThreads":
            in_range = 1 <= int(value) <= 8
            self._need(in_range, "[Common 17-171] general.maxThreads: the limit is 8")
        else:
            self._need(not self.project, "board.repoPaths has to be set before the project is made")
            self._need(not self.opened, "board.repoPaths has to be set before the checkpoint")
            for folder in self._list(value):
                self._need(Path(folder).is_dir(), f"[Board 49-4] no folder {folder}")
            self.repo_paths = value

    def cmd_create_project(self, *arguments: str) -> None:
        options, (name, folder) = self._options(arguments, "-part", "-force")
        self._need(not self.project, "[Coretcl 2-1] a project is open already")
        self.project, self.part = name, options["-part"]
        Path(folder).mkdir(exist_ok=True)
        self.say(f"create_project {name} {folder} -part {self.part}")

    def cmd_get_board_parts(self, *arguments: str) -> str:
        _, (pattern,) = self._options(arguments, "", "-quiet")
        regex = re.escape(pattern).replace(r"\*", ".*")
        if MODE == "no_board_file":
            return ""
        return " ".join(name for name in self._board_parts() if re.fullmatch(regex, name))

    def _board_parts(self) -> dict[str, str]:
        return {**BOARD_PARTS, **(ADDED_BOARD_PARTS if self.repo_paths else {})}

    def _board_warning(self, board_part: str, repo_paths: str) -> list[str]:
        """Return what a process says that does not find the board part of its project."""
        if board_part not in ADDED_BOARD_PARTS or repo_paths:
            return []
        return [
            f"CRITICAL WARNING: [Board 49-67] The board_part definition was not found for "
            f"{board_part}. This can happen sometimes when you use custom board part."
        ]

    def cmd_add_files(self, *arguments: str) -> None:
        _, (names,) = self._options(arguments, "-fileset", "-norecurse")
        self._need(self.project, "[Common 17-53] No open project")
        for name in self._list(names):
            self._need(
                Path(name).is_file(), f"[Vivado 12-172] File or Directory '{name}' not found"
            )
            self.files.append(Path(name))

    def cmd_update_compile_order(self, *arguments: str) -> None:
        self._options(arguments, "-fileset")
        self._need(self.project, "[Common 17-53] No open project")

    def cmd_current_project(self) -> str:
        self._need(self.project, "[Common 17-53] No open project")
        return "project"

    def cmd_get_files(self, name: str) -> str:
        names = {path.name: str(path) for path in self.files}
        if self.design is not None:
            names[f"{self.design.name}.bd"] = f"{self.design.name}.bd"
        self._need(name in names, f"[Vivado 12-818] No files matched '{name}'")
        return names[name]

    def cmd_get_filesets(self, name: str) -> str:
        self._need(name in ("sources_1", "constrs_1", "sim_1"), f"no fileset {name}")
        return f"fileset:{name}"

    def cmd_close_project(self) -> None:
        self._need(self.project, "[Common 17-53] No open project")
        self.project = ""

    # Properties ---------------------------------------------------------------------------------

    def cmd_set_property(self, *arguments: str) -> None:
        if arguments[0] == "-dict":
            pairs, target = self._list(arguments[1]), arguments[2]
            settings = dict(zip(pairs[::2], pairs[1::2], strict=True))
        else:
            settings, target = {arguments[0]: arguments[1]}, arguments[2]
        self._need(target, "[Common 17-55] 'set_property' expects at least one object.")
        for name, value in settings.items():
            self._set(target, name, value)

    def _set(self, target: str, name: str, value: str) -> None:
        if target.startswith("cell:"):
            self._need(name.startswith("CONFIG."), f"[Common 17-58] '{name}' is no cell property")
            self._bd().configure(target[5:], name.removeprefix("CONFIG."), value)
        elif (target, name) == ("project", "board_part"):
            self._need(
                self._board_parts().get(value) == self.part,
                f"[Board 49-71] board part {value} is unknown or not of part {self.part}",
            )
            self.board_part = value
        elif (target, name) == ("project", "board_part_repo_paths"):
            self.project_repo_paths = value
        elif (target, name) == ("project", "target_language"):
            self._need(value in ("Verilog", "VHDL"), f"target_language {value}")
        elif target.endswith(".bd") and name == "synth_checkpoint_mode":
            self._need(value in ("None", "Singular", "Hierarchical"), f"{name} {value}")
            self._bd().checkpoint_mode = value
        elif (target, name) == ("fileset:sources_1", "top"):
            self._need(value == self._bd().wrapper, f"[Common 17-162] no module {value} to be top")
            self.top = value
        else:
            raise Refused(f"[Common 17-58] '{name}' is not a valid property of {target}")

    def cmd_get_property(self, name: str, target: str) -> str:
        if target.startswith("run:"):
            folder = f"project/{self._bd().name}.runs/{target[4:]}"
            status = "synth_design ERROR" if self.run_failed else "synth_design Complete!"
            values = {
                "PROGRESS": "0%" if self.run_failed else "100%",
                "STATUS": status,
                "DIRECTORY": folder,
            }
            return values[name]
        if target.startswith("cell:") and name.startswith("CONFIG."):
            return self._bd().setting(target[5:], name.removeprefix("CONFIG."))
        self._need((target, name) == ("clk_pl_0", "PERIOD"), f"{name} of {target}")
        return os.environ.get("FAKE_VIVADO_PERIOD", self.period)

    # Block design -------------------------------------------------------------------------------

    def cmd_create_bd_design(self, name: str) -> str:
        self._need(self.project, "[Common 17-53] No open project")
        self._need(self.design is None, "[BD 5-1] a block design is open already")
        self.design = BlockDesign(name, self.files, self.part)
        return name

    def cmd_get_ipdefs(self, *arguments: str) -> str:
        _, (pattern,) = self._options(arguments, "", "-quiet -all")
        regex = re.escape(pattern).replace(r"\*", ".*")
        return " ".join(ip.vlnv for ip in IPS.values() if re.fullmatch(regex, ip.vlnv))

    def cmd_create_bd_cell(self, *arguments: str) -> str:
        options, (name,) = self._options(arguments, "-type -vlnv -reference")
        if options["-type"] == "module":
            self._bd().add_module(name, options["-reference"])
        else:
            self._bd().add_ip(name, options["-vlnv"])
        return f"cell:{name}"

    def cmd_apply_bd_automation(self, *arguments: str) -> None:
        options, (cell,) = self._options(arguments, "-rule -config")
        self._bd().automate(
            cell[5:], options["-rule"], self._list(options["-config"]), self.board_part
        )

    def cmd_get_bd_cells(self, name: str) -> str:
        return f"cell:{self._bd().cell(name).name}"

    def cmd_get_bd_pins(self, path: str) -> str:
        return self._bd().pin(path)

    def cmd_get_bd_intf_pins(self, path: str) -> str:
        return self._bd().interface_path(path)

    def cmd_connect_bd_net(self, source: str, sink: str) -> None:
        self._bd().connect(source, sink)

    def cmd_connect_bd_intf_net(self, first: str, second: str) -> None:
        self._bd().connect_interfaces(first, second)

    def cmd_get_bd_addr_segs(self, path: str) -> str:
        return self._bd().segment(path)

    def cmd_assign_bd_address(self, *arguments: str) -> None:
        options, segments = self._options(arguments, "-offset -range")
        if not segments:
            self._bd().assign_rest()
            return
        size = options["-range"]
        scale = {"K": 1024, "M": 1024**2}[size[-1]]
        self._bd().assign(segments[0], int(options["-offset"], 0), int(size[:-1]) * scale)

    def cmd_validate_bd_design(self) -> None:
        self._bd().validate()

    def cmd_save_bd_design(self) -> None:
        self._bd().saved = True

    # Synthesis ----------------------------------------------------------------------------------

    def cmd_generate_target(self, what: str, file: str) -> None:
        bd = self._bd()
        self._need(what == "all" and file.endswith(".bd"), f"generate_target {what} {file}")
        self._need(bd.validated and bd.saved, "[BD 41-1031] the block design is not validated")
        folder = Path(f"project/{bd.name}.gen/sources_1/bd/{bd.name}/hw_handoff")
        folder.mkdir(parents=True)
        (folder / f"{bd.name}.hwh").write_text(bd.handoff(VERSION, self.part))
        bd.generated = True

    def cmd_make_wrapper(self, *arguments: str) -> str:
        options, _ = self._options(arguments, "-files", "-top -import")
        bd = self._bd()
        self._need(bd.generated, "make_wrapper before generate_target")
        self._need("-import" in options, "the wrapper is made, but is not in the project")
        bd.wrapper = f"{bd.name}_wrapper"
        return bd.wrapper

    def cmd_launch_runs(self, *arguments: str) -> None:
        _, (run,) = self._options(arguments, "-jobs -to_step", "-force")
        self._need(run == "synth_1", f"[Common 17-70] no run {run}")
        self._need(self.top, "[Project 1-1] no top module is set")
        self._need(self._bd().checkpoint_mode == "None", "the checkpoint would hold black boxes")
        self._check_memory_files()
        lines = [f"Command: synth_design -top {self.top} -part {self.part}"]
        lines += self._board_warning(self.board_part, self.project_repo_paths)
        if MODE == "critical":
            lines.append(
                "CRITICAL WARNING: [Synth 8-6859] multi-driven net on pin out_valid with 1st driver"
            )
        if MODE == "latch":
            lines.append("WARNING: [Synth 8-327] inferring latch for variable 'state_q_reg'")
        if MODE in ("synthesis", "licence"):
            self.run_failed = True
            failed = "Command failed: Synthesis failed - please see the console or run log file"
            lines += [ERRORS[MODE], f"ERROR: [Common 17-69] {failed} for details"]
        folder = Path(f"project/{self._bd().name}.runs/{run}")
        folder.mkdir(parents=True)
        (folder / "runme.log").write_text("\n".join(lines) + "\n")
        self.done.append(run)

    def _check_memory_files(self) -> None:
        have = {path.name for path in self.files}
        for path in self.files:
            for name in re.findall(r'"([\w.]+\.mem)"', path.read_text()):
                self._need(
                    name in have, f"[Synth 8-4445] could not open $readmem data file '{name}'"
                )

    def cmd_wait_on_run(self, run: str) -> None:
        self._need(run in self.done, f"{run} was not launched")

    def cmd_get_runs(self, run: str) -> str:
        self._need(run in ("synth_1", "impl_1"), f"[Common 17-70] no run {run}")
        return f"run:{run}"

    def cmd_open_run(self, run: str) -> None:
        self._need(run in self.done and not self.run_failed, f"[Common 17-69] {run} is not done")
        self.opened = run

    # Implementation -----------------------------------------------------------------------------

    def cmd_open_checkpoint(self, path: str) -> None:
        self._need(Path(path).is_file(), f"[Common 17-69] checkpoint {path} does not exist")
        self.period, board_part, self.part = Path(path).read_text().split()[-3:]
        for line in self._board_warning(board_part, self.repo_paths):
            self.say(line)
        self.opened = "checkpoint"

    def cmd_read_xdc(self, path: str) -> None:
        self._need(self.opened == "checkpoint", "[Common 17-53] No open design")
        for line in Path(path).read_text().splitlines():
            known = re.match(
                r"#|$|set_property BITSTREAM\.GENERAL\.COMPRESS TRUE \[current_design\]", line
            )
            self._need(known, f"[Designutils 20-1307] unknown constraint: {line}")

    def cmd_get_clocks(self, *arguments: str) -> str:
        _, (names,) = self._options(arguments, "", "-quiet")
        self._need(self.opened, "[Common 17-53] No open design")
        self._need("clk_pl_0" in names and "clk_fpga_0" in names, f"no clock matches {names}")
        return "clk_pl_0"

    def cmd_set_clock_uncertainty(self, *arguments: str) -> None:
        options, _ = self._options(arguments, "-setup")
        self._need(float(options["-setup"]) > 0, "[Constraints 18-1] uncertainty must be positive")
        self.say(f"INFO: uncertainty {options['-setup']}")

    def _step(self, name: str, after: str) -> None:
        self._need(self.opened == "checkpoint", "[Common 17-53] No open design")
        self._need(after in ("", *self.done), f"[Common 17-69] {name} needs {after} first")
        self.say(f"Command: {name}")
        self.done.append(name)

    def cmd_opt_design(self) -> None:
        self._step("opt_design", "")

    def cmd_place_design(self) -> None:
        self._step("place_design", "opt_design")
        if MODE == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if MODE == "placement":
            raise Refused(ERRORS["placement"].removeprefix("ERROR: "))

    def cmd_phys_opt_design(self) -> None:
        self._step("phys_opt_design", "place_design")

    def cmd_route_design(self) -> None:
        self._step("route_design", "place_design")
        if MODE == "critical_route":
            self.say("CRITICAL WARNING: [Route 99-1] nobody has seen this one before")
        if MODE == "timing":
            self.say("CRITICAL WARNING: [Route 35-39] The design did not meet timing requirements.")

    def _report(self, arguments: tuple[str, ...], text: str) -> None:
        self._need(self.opened, "[Common 17-53] No open design")
        options, _ = self._options(arguments, "-file")
        Path(options["-file"]).write_text(text)

    def cmd_report_utilization(self, *arguments: str) -> None:
        self._report(arguments, utilisation(self.part, 1 if MODE == "latch" else 0))

    def cmd_report_timing_summary(self, *arguments: str) -> None:
        self._need("route_design" in self.done, "timing of an unrouted design")
        self._report(arguments, timing(self.part, "-0.412" if MODE == "timing" else "0.104"))

    def cmd_report_power(self, *arguments: str) -> None:
        self._report(arguments, POWER)

    def cmd_report_route_status(self, *arguments: str) -> None:
        self._report(arguments, "Design Route Status\n")

    def cmd_report_drc(self, *arguments: str) -> None:
        self._report(arguments, "Report DRC\n")

    def cmd_write_checkpoint(self, *arguments: str) -> None:
        _, (path,) = self._options(arguments, "", "-force")
        self._need(self.opened, "[Common 17-53] No open design")
        board_part = self.board_part or "none"
        Path(path).write_text(
            f"checkpoint after {self.opened} {self._period()} {board_part} {self.part}"
        )

    def _period(self) -> str:
        """Return the period that the constraints of the PS give its clock, in ns."""
        if self.design is None:
            return self.period
        (ps,) = (cell for cell in self.design.cells.values() if cell.kind in PS_CLOCKS)
        return f"{1000 / float(self.design.setting('ps', PS_CLOCKS[ps.kind].made)):.3f}"

    def cmd_write_bitstream(self, *arguments: str) -> None:
        _, (path,) = self._options(arguments, "", "-force")
        self._need("route_design" in self.done, "[Common 17-69] the design is not routed")
        Path(path).write_bytes(b"fake bitstream for " + self.part.encode())

    def cmd_close_design(self) -> None:
        self._need(self.opened, "[Common 17-53] No open design")
        self.opened = ""


def main(arguments: list[str]) -> int:
    """Understand the arguments the flow uses, and no others."""
    if arguments == ["-version"]:
        print(f"Vivado v{VERSION} (64-bit)\nSW Build 3671981 on Fri Oct 14 04:59:54 MDT 2022")
        return 0
    values: dict[str, str] = {}
    while arguments:
        name = arguments.pop(0)
        if name in ("-mode", "-log", "-source"):
            values[name] = arguments.pop(0)
        elif name not in ("-notrace", "-nojournal"):
            print(f"ERROR: [Common 17-170] Unknown option '{name}'")
            return 1
    if values.get("-mode") != "batch":
        print("ERROR: only batch mode is known here")
        return 1
    log = Path(values["-log"]) if "-log" in values else None
    return FakeVivado(log).source(values["-source"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
