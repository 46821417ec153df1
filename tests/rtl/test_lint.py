"""Every kernel, testbench and shape of parameters is clean under `verilator -Wall`."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness import ROOT, RTL, SOURCES, WAIVERS, write_words

from flow.errors import ToolError
from flow.tools import process
from flow.tools.verilator import Verilator, first_error

FILES = {"WeightFile": '"image.hex"', "ThreshFile": '"image.hex"'}

VARIANTS: list[tuple[str, dict[str, str]]] = [
    ("bnn_stream_reg", {}),
    ("bnn_copy", {"Width": "3"}),
    ("bnn_reset", {}),
    ("bnn_fifo", {}),
    ("bnn_fifo", {"Depth": "31"}),
    ("bnn_width_converter", {"InWidth": "8", "OutWidth": "8"}),
    ("bnn_width_converter", {"InWidth": "12", "OutWidth": "8"}),
    ("bnn_sliding_window", {}),
    ("bnn_sliding_window", {"PadTop": "1", "PadLeft": "2", "PadElem": "1'b1"}),
    ("bnn_sliding_window", {"KernelH": "1", "KernelW": "1"}),
    ("bnn_sliding_window", {"KernelH": "1", "KernelW": "1", "StrideH": "2", "StrideW": "3"}),
    ("bnn_maxpool", {}),
    ("bnn_maxpool", {"PoolH": "4", "PoolW": "4"}),
    ("bnn_pool", {}),
    ("bnn_pool", {"PoolH": "3", "PadBottom": "1", "Minimum": "2'b10"}),
    ("bnn_pool", {"PoolW": "1", "StrideW": "1", "Sum": "1", "OutBits": "3"}),
    ("bnn_pool", {"IfmWidth": "999", "PadLeft": "1", "ElemBits": "4", "OutBits": "4"}),
    ("bnn_mvu", FILES),
    ("bnn_mvu", {**FILES, "PadFlags": "1"}),
    ("bnn_mvu", {**FILES, "PadFlags": "1", "MW": "9", "SIMD": "3", "Steps": "0"}),
    ("bnn_mvu", {**FILES, "MW": "80", "SIMD": "80", "PE": "4", "ThreshBits": "7"}),
    ("bnn_mvu", {**FILES, "Steps": "0"}),
    ("bnn_mvu", {**FILES, "InBits": "8", "InSigned": "1"}),
    ("bnn_mvu", {**FILES, "InBits": "4", "Steps": "0", "SIMD": "1", "AccBits": "12"}),
    ("bnn_threshold", {"ThreshFile": '"image.hex"'}),
    ("bnn_threshold", {"Loadable": "1", "Falls": "1", "InBits": "1", "Steps": "1"}),
    ("bnn_threshold", {"Loadable": "1", "InSigned": "1", "Channels": "2", "ReadLatency": "2"}),
    ("bnn_input_table", {"Lanes": "3", "TableFile": '"image.hex"'}),
    ("bnn_input_offset", {"Lanes": "3"}),
    ("bnn_label_select", {}),
    ("bnn_label_select", {"Lanes": "10"}),
    ("bnn_loader", {}),
    ("bnn_loader", {"LoadWords": "475000", "ChainLength": "32"}),
    ("bnn_event_counter", {"Parts": "4", "Stops": "1'b0"}),
    ("bnn_shell", {}),
    ("bnn_shell", {"Loadable": "1'b1", "LoadWords": "9", "DmaWidth": "32", "InBeats": "768"}),
]

ILLEGAL = [
    ("bnn_fifo", {"Depth": "1"}, "Depth=1"),
    ("bnn_sliding_window", {"Channels": "6", "Simd": "4"}, "Simd=4 does not divide Channels=6"),
    ("bnn_sliding_window", {"KernelH": "5"}, "KernelH=5 does not fit the padded height 4"),
    ("bnn_sliding_window", {"PadTop": "3"}, "PadTop=3, PadBottom=0 must be smaller"),
    ("bnn_sliding_window", {"StrideW": "0"}, "StrideW=0"),
    ("bnn_maxpool", {"IfmHeight": "5"}, "PoolH=2 does not divide IfmHeight=5"),
    ("bnn_pool", {"PoolH": "5"}, "PoolH=5 does not fit the padded height 4"),
    ("bnn_pool", {"PadRight": "2"}, "PadLeft=0, PadRight=2 must be smaller than PoolW=2"),
    ("bnn_pool", {"OutBits": "2"}, "OutBits=2 with ElemBits=1, Sum=0"),
    ("bnn_mvu", {**FILES, "PE": "3"}, "PE=3 does not divide MH=4"),
    ("bnn_mvu", {**FILES, "SIMD": "3"}, "SIMD=3 does not divide MW=8"),
    ("bnn_mvu", {**FILES, "InBits": "2", "PadFlags": "1"}, "PadFlags=1 needs InBits=1, got 2"),
    ("bnn_mvu", {**FILES, "Steps": "0", "AccBits": "3"}, "AccBits=3 cannot hold -MW..MW, MW=8"),
    ("bnn_mvu", {"ThreshFile": '"image.hex"'}, "a ROM needs an image"),
    ("bnn_threshold", {"Loadable": "1", "Pe": "3"}, "Pe=3 does not divide Channels=4"),
    ("bnn_threshold", {"Loadable": "1", "Steps": "256"}, "Steps=256 in 1..255"),
    ("bnn_input_offset", {"Offset": "100"}, "values -100..155 do not fit OutBits=8"),
    ("bnn_label_select", {"Lanes": "3"}, "Lanes=3 does not divide NumLabels=10"),
    ("bnn_loader", {"LoadWords": "0"}, "LoadWords=0, ChainLength=1"),
    ("bnn_event_counter", {"Parts": "1"}, "Parts=1, PartBits=16"),
    ("bnn_axi_lite", {"ReadLatency": "0"}, "ReadLatency=0"),
]


def lint(top: str, parameters: dict[str, str], directory: Path) -> None:
    write_words(directory / "image.hex", [0])
    plan = Verilator.locate().plan_lint(
        [WAIVERS, *SOURCES], top=top, cwd=directory, parameters=parameters
    )
    process.execute(plan, log=directory / "lint.log", timeout_s=120, first_error=first_error)


@pytest.mark.parametrize(("top", "parameters"), VARIANTS, ids=str)
def test_kernel_is_clean(top: str, parameters: dict[str, str], tmp_path: Path) -> None:
    lint(top, parameters, tmp_path)


@pytest.mark.parametrize(("top", "parameters", "told"), ILLEGAL, ids=str)
def test_illegal_parameters_stop_elaboration(
    top: str, parameters: dict[str, str], told: str, tmp_path: Path
) -> None:
    with pytest.raises(ToolError):
        lint(top, parameters, tmp_path)
    assert told in (tmp_path / "lint.log").read_text()


def test_files_are_short_and_hold_one_module_each() -> None:
    for source in [*SOURCES, *sorted((RTL / "tb").glob("*.sv"))]:
        lines = source.read_text().splitlines()
        modules = [line.split()[1] for line in lines if line.startswith("module ")]
        assert modules == [source.stem], source.relative_to(ROOT)
        assert len(lines) <= 300, f"{source.relative_to(ROOT)}: {len(lines)} lines"
        assert max(map(len, lines)) <= 100, f"{source.relative_to(ROOT)}: a line over 100 columns"


def test_every_waiver_says_why() -> None:
    reasoned = False
    for line in WAIVERS.read_text().splitlines():
        if line.startswith("lint_off"):
            assert reasoned and "-file" in line and "-rule" in line and "-match" in line, line
        else:
            reasoned = line.startswith("//")
