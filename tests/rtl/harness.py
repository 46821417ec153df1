"""Build and run testbenches of the kernels: many geometries in one Verilator build, many seeds."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from flow.errors import ToolError
from flow.hardware.sources import RTL_SOURCE_DIR
from flow.tools import process
from flow.tools.verilator import Verilator, first_error

ROOT = Path(__file__).resolve().parents[2]
RTL = RTL_SOURCE_DIR.parent
SOURCES = sorted((RTL / "src").glob("*.sv"))
WAIVERS = RTL / "lint" / "waivers.vlt"
RESET_SEEDS = range(1, 9)
TOP = "bnn_tb_top"
BUILD_TIMEOUT_S = 600.0
RUN_TIMEOUT_S = 300.0


@dataclass(frozen=True)
class Image:
    """A memory image that the kernel under test loads: `words`, element 0 first."""

    words: Sequence[int]


@dataclass(frozen=True)
class Case:
    """One geometry: parameters of the kernel, words that go in, words that must come out.

    The first `fast_frames` frames run without idle cycles or stalls; `cycles_per_frame` is then
    checked exactly after `warm_frames` of them (None: not checked).
    """

    parameters: Mapping[str, int | str | Image]
    ins: Sequence[int]
    outs: Sequence[int]
    frames: int = 1
    fast_frames: int = 0
    warm_frames: int = 1
    cycles_per_frame: int | None = None


@dataclass(frozen=True)
class Mutant:
    """A deliberate bug: in `file`, the text `old` becomes `new`."""

    file: str
    old: str
    new: str


@dataclass
class Bench:
    """A built testbench of some cases of one kernel."""

    executable: Path
    directory: Path
    beats: int
    runs: int = field(default=0)

    def run(self, seed: int, *arguments: str) -> None:
        """Run once; raise when it fails, or does not say PASS once with the right beat count."""
        self.runs += 1
        seeding = [f"+verilator+seed+{seed}", "+verilator+rand+reset+2"]
        done = process.run(
            [str(self.executable), *seeding, *arguments],
            cwd=self.directory,
            log=self.directory / f"run_{self.runs}.log",
            timeout_s=RUN_TIMEOUT_S,
            first_error=first_error,
        )
        verdicts = re.findall(r"^PASS: (\d+) beats$", done.output, re.MULTILINE)
        if verdicts != [str(self.beats)] or self.beats == 0:
            raise AssertionError(f"seed {seed}: expected one PASS of {self.beats}, got {verdicts}")

    def run_seeds(self, seeds: Sequence[int] = RESET_SEEDS) -> None:
        """Run with every seed."""
        for seed in seeds:
            self.run(seed)


def build(
    kernel: str,
    cases: Sequence[Case],
    directory: Path,
    mutant: Mutant | None = None,
    optimize: str = "-O0",
    defines: Sequence[str] = (),
) -> Bench:
    """Build the testbench of `kernel` ("fifo" for bnn_fifo) with all `cases` in one program."""
    directory.mkdir(parents=True, exist_ok=True)
    sources = SOURCES if mutant is None else _mutated(mutant, directory / "src")
    instances = [(kernel, case) for case in cases]
    write_images(instances, directory)
    top = bench_top(instances)
    plan = Verilator.locate().plan_build(
        [WAIVERS, *sources, *bench_files(kernel), directory / f"{TOP}.sv"],
        top=TOP,
        build_dir=directory / "obj_dir",
        cpp=[RTL / "tb" / "tb_main.cpp"],
        optimize=optimize,
        defines=defines,
        files={directory / f"{TOP}.sv": top},
    )
    process.execute(
        plan, log=directory / "build.log", timeout_s=BUILD_TIMEOUT_S, first_error=first_error
    )
    return Bench(
        Verilator.executable(TOP, directory / "obj_dir"),
        directory,
        sum(len(case.outs) for case in cases),
    )


def check(kernel: str, cases: Sequence[Case], directory: Path, defines: Sequence[str] = ()) -> None:
    """Build all `cases` and run them with every reset seed."""
    build(kernel, cases, directory, defines=defines).run_seeds()


def check_catches(kernel: str, cases: Sequence[Case], directory: Path, mutant: Mutant) -> None:
    """Fail unless the testbench rejects the mutant, in some geometry with one of the seeds.

    The geometries come a few at a time: most mutants are caught by the first, and compiling them is
    what takes the time.
    """
    size = max(3, -(-len(cases) // 3))
    for start in range(0, len(cases), size):
        bench = build(kernel, cases[start : start + size], directory / f"from_{start}", mutant)
        for seed in RESET_SEEDS:
            try:
                bench.run(seed)
            except (ToolError, AssertionError):
                return
    pytest.fail(f"{mutant} was not caught by {len(RESET_SEEDS)} seeds")


def some_slow(mutants: Sequence[Mutant], default: int) -> list:
    """Return the mutants as test parameters, those after the first `default` in the slow tier."""
    late = [pytest.param(mutant, marks=pytest.mark.slow) for mutant in mutants[default:]]
    return [*mutants[:default], *late]


def write_words(path: Path, words: Sequence[int]) -> None:
    """Write a $readmemh image, one word a line."""
    path.write_text("".join(f"{word:x}\n" for word in words), encoding="utf-8")


def pack(elements: np.ndarray, bits: int) -> list[int]:
    """Pack integers of shape (words, elements) into words, element 0 in the lowest `bits` bits.

    Negative elements become two's complement.
    """
    mask = (1 << bits) - 1
    return [
        sum((int(value) & mask) << (bits * index) for index, value in enumerate(word))
        for word in elements
    ]


def _mutated(mutant: Mutant, directory: Path) -> list[Path]:
    shutil.copytree(RTL / "src", directory)
    target = directory / mutant.file
    text = target.read_text(encoding="utf-8")
    assert text.count(mutant.old) == 1, f"{mutant.old!r} is not there exactly once in {mutant.file}"
    target.write_text(text.replace(mutant.old, mutant.new), encoding="utf-8")
    # A bug often leaves a signal unused; the testbench, not lint, must find it.
    waiver = directory / "mutant.vlt"
    waiver.write_text(
        "`verilator_config\n"
        f'lint_off -rule UNUSEDSIGNAL -file "{directory}/*"\n'
        f'lint_off -rule UNUSEDPARAM -file "{directory}/*"\n',
        encoding="utf-8",
    )
    return [waiver, *sorted(directory.glob("*.sv"))]


def bench_files(kernel: str) -> list[Path]:
    """Return the files of the testbench of `kernel`."""
    return [RTL / "tb" / f"{name}.sv" for name in (*TB_COMMON, f"bnn_{kernel}_tb")]


TB_COMMON = ("bnn_tb_source", "bnn_tb_sink", "bnn_tb_loader", "bnn_tb_chain_memory")


def write_images(instances: Sequence[tuple[str, Case]], directory: Path) -> None:
    """Write the words of all cases, and the memory images of their kernels, into `directory`."""
    for index, (_, case) in enumerate(instances):
        write_words(directory / f"case{index}_in.hex", case.ins)
        write_words(directory / f"case{index}_out.hex", case.outs)
        for name, value in case.parameters.items():
            if isinstance(value, Image):
                write_words(directory / f"case{index}_{name}.hex", value.words)


def bench_top(instances: Sequence[tuple[str, Case]]) -> str:
    """Return the top that runs the testbenches of all (kernel, case) side by side."""
    count = len(instances)
    text = "\n".join(
        _instance(kernel, index, case) for index, (kernel, case) in enumerate(instances)
    )
    kernels = ", ".join(dict.fromkeys(f"bnn_{kernel}" for kernel, _ in instances))
    return f"""// Generated: {count} geometries of {kernels}.
module {TOP} (
    input logic clk_i,
    input logic rst_ni
);
  logic [{count - 1}:0] done;
  logic [31:0] beats[{count}];
  logic [31:0] total;
{text}
  always_comb begin
    total = '0;
    for (int c = 0; c < {count}; c++) total += beats[c];
  end
  always_ff @(posedge clk_i) begin
    if (rst_ni && &done) begin
      $display("PASS: %0d beats", total);
      $finish;
    end
  end
endmodule
"""


def _instance(kernel: str, index: int, case: Case) -> str:
    assert len(case.ins) % case.frames == 0 and len(case.outs) % case.frames == 0
    assert case.fast_frames < case.frames or case.fast_frames == 0
    parameters = {
        **{
            name: f"case{index}_{name}.hex" if isinstance(value, Image) else value
            for name, value in case.parameters.items()
        },
        "InBeats": len(case.ins),
        "OutBeats": len(case.outs),
        "InPerFrame": len(case.ins) // case.frames,
        "OutPerFrame": len(case.outs) // case.frames,
        "FastFrames": case.fast_frames,
        "WarmFrames": case.warm_frames,
        "CyclesPerFrame": case.cycles_per_frame or 0,
        "InFile": f"case{index}_in.hex",
        "OutFile": f"case{index}_out.hex",
    }
    assigned = ", ".join(f".{name}({_literal(value)})" for name, value in parameters.items())
    return (
        f"  bnn_{kernel}_tb #({assigned}) u_case{index} "
        f"(.clk_i, .rst_ni, .done_o(done[{index}]), .beats_o(beats[{index}]));"
    )


def _literal(value: int | str) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


def random_words(rng: np.random.Generator, count: int, bits: int) -> list[int]:
    """Draw `count` words of `bits` bits."""
    return pack(rng.integers(0, 2, (count, bits)), 1)


def chunks(words: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    """Cut `words` into pieces of `size`."""
    for start in range(0, len(words), size):
        yield words[start : start + size]
