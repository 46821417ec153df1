"""report.json and the gates."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import pytest

from flow.commands.summary import summary_lines
from flow.engine.metrics import IS_TRUE, Metrics, judge
from flow.engine.pipeline import HLS_STAGES, Pipeline, load_pipeline, load_stage
from flow.engine.report import Report, deep_merge, new_report, read_report, write_report
from flow.engine.stage import StageContractError
from flow.errors import CheckFailed, UserError

if TYPE_CHECKING:
    from conftest import BuildFactory, StageFactory


def test_what_was_not_measured_is_absent(make_build: BuildFactory) -> None:
    report = new_report(make_build()).to_json()
    assert set(report) == {"schema", "config", "board", "stages", "resources", "versions"}
    assert report["resources"] == {
        "device": {"lut": 230400, "ff": 460800, "bram36": 312, "uram": 96, "dsp": 1728}
    }
    assert {"python", "onnx", "verilator", "finn-plus"} <= set(report["versions"])


def test_a_report_comes_back_as_it_was_written(make_build: BuildFactory, tmp_path: Path) -> None:
    build = make_build(dir=tmp_path)
    report = new_report(build).with_part(
        {"verify": {"python": {"images": 1, "bit_exact": True}}}, "t"
    )
    write_report(build, report)
    assert read_report(build.report_path) == report


def test_parts_are_merged_and_unknown_keys_refused(make_build: BuildFactory) -> None:
    report = new_report(make_build())
    report = report.with_part({"throughput": {"fps_estimate": 5}}, "fold")
    report = report.with_part({"throughput": {"clock_mhz": 200}}, "rtlsim")
    assert report.to_json()["throughput"] == {"fps_estimate": 5, "clock_mhz": 200}
    with pytest.raises(ValueError, match="rtlsim: does not fit the schema"):
        report.with_part({"throughput": {"fps": 5}}, "rtlsim")


def test_merging_does_not_change_its_arguments() -> None:
    base = {"a": {"b": 1}}
    assert deep_merge(base, {"a": {"c": 2}, "d": 3}) == {"a": {"b": 1, "c": 2}, "d": 3}
    assert base == {"a": {"b": 1}}


def test_a_file_that_is_no_report_is_refused(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text("{}")
    with pytest.raises(UserError, match="no report of this version"):
        read_report(tmp_path / "report.json")


def test_the_summary_mentions_exactly_what_is_there() -> None:
    report = Report.model_validate(
        {
            "schema": 1,
            "config": "net",
            "board": "ZCU104",
            "stages": [
                {"id": "fold", "status": "done", "seconds": 1, "reason": "first run"},
                {"id": "bitstream", "status": "skipped", "seconds": 0, "reason": "no Vivado"},
            ],
            "verify": {"rtlsim": {"images": 1, "bit_exact": False}},
            "resources": {
                "estimate": {"lut": 50000, "dsp": 0},
                "device": {"lut": 230400},
                "fits": True,
            },
        }
    )
    assert summary_lines(report, Path("build"))[:-1] == [
        "net on ZCU104: 1 done, 1 skipped",
        "  bitstream skipped: no Vivado",
        "  rtlsim: NOT bit-exact on 1 image",
        "  estimate: 50,000 lut of 230,400, 0 dsp",
        "  fits the device",
    ]


def test_the_summary_says_what_witness_and_finn_say() -> None:
    witness = {"images": 4, "agrees": True, "codes": 1234, "near_boundary": 2}
    finn = {"agrees": True, "layers": 3, "agreeing": 3, "moved_thresholds": 2, "findings": []}
    parts = {"schema": 1, "config": "net", "board": "b", "verify": {"witness": witness}}
    report = Report.model_validate({**parts, "finn": finn})
    assert summary_lines(report, Path("build"))[1:3] == [
        "  witness: qonnx's execution of the file agrees: 1,234 codes, 2 of them on a rounding "
        "boundary",
        "  FINN: agrees in 3 of 3 layers, 2 thresholds moved by one",
    ]
    finding = {**finn, "agrees": False, "findings": ["tidy: no"]}
    assert Report.model_validate({**parts, "finn": finding}).opinions["FINN"] == (
        "does not agree, our layers go on without: tidy: no"
    )
    parts["verify"] = {"witness": {**witness, "executor": "onnxruntime"}}
    said = Report.model_validate(parts).opinions["witness"]
    assert said.startswith("onnxruntime's execution of the file agrees")


@pytest.mark.parametrize(
    ("stage", "values", "message"),
    [
        ("rtlsim", {"bit_exact": False}, "rtlsim: bit_exact must be true, but is False"),
        ("rtlsim", {"bit_exact": 1}, "bit_exact must be true, but is 1"),
        ("rtlsim", {"images": 0}, "images must be at least 1, but is 0"),
        ("rtlsim", {"slowdown": 1.02}, "slowdown must be at most 1.01"),
        ("rtlsim", {"images": ...}, "images must be at least 1, but was not measured"),
        ("network", {"bit_exact": False}, "network: bit_exact must be true"),
        ("witness", {"agrees": False}, "agrees must be true, but is False"),
        ("cppsim", {"bit_exact": False}, "cppsim: bit_exact must be true"),
        ("lint_rtl", {"warnings": 2}, "warnings must be 0, but is 2"),
        ("synthesize", {"logic_levels": 5}, "logic_levels must be at most 4, but is 5"),
        ("synthesize", {"widest_net_loads": 2049}, "must be at most 2048: a net of more loads"),
        ("netlist_sim", {"bit_exact": False}, "netlist_sim: bit_exact must be true"),
        ("netlist_sim", {"images": 0}, "netlist_sim: images must be at least 1"),
        ("bitstream", {"wns_ns": -0.1}, "wns_ns must not be negative, but is -0.1"),
    ],
)
def test_a_bad_or_missing_metric_fails_its_gate(
    stage: str, values: dict[str, object], message: str
) -> None:
    kind = load_stage(stage).metrics
    changed = {**GOOD[stage], **values}
    with pytest.raises(CheckFailed, match=message) as caught:
        judge(stage, kind, {name: value for name, value in changed.items() if value is not ...})
    assert caught.value.exit_code == 3
    judge(stage, kind, GOOD[stage])


GOOD: dict[str, dict[str, object]] = {
    "rtlsim": {"bit_exact": True, "images": 4, "slowdown": None},
    "network": {"bit_exact": True, "images": 4},
    "witness": {"agrees": True, "images": 4},
    "cppsim": {"bit_exact": True, "images": 4},
    "lint_rtl": {"warnings": 0},
    "synthesize": {"logic_levels": 4, "fits": True, "widest_net_loads": 2048},
    "netlist_sim": {"bit_exact": True, "images": 2, "cells": 9, "streams": 3},
    "bitstream": {
        **dict.fromkeys(("wns_ns", "whs_ns", "failing_endpoints", "latches"), 0),
        "critical_warnings": 0,
        "utilisation": 1.0,
    },
}


@dataclass(frozen=True)
class Ungated(Metrics):
    images: int
    bit_exact: bool


@dataclass(frozen=True)
class Gated(Metrics):
    bit_exact: Annotated[bool, IS_TRUE]


def test_a_stage_that_measures_bit_exact_without_a_gate_is_refused(
    make_stage: StageFactory,
) -> None:
    with pytest.raises(StageContractError, match="check: measures bit_exact, and no gate"):
        Pipeline(((10, make_stage("check", metrics=Ungated)),))
    Pipeline(((10, make_stage("check", metrics=Gated)),))


def test_with_hls_the_flow_still_runs_cppsim_before_finn_s_builder() -> None:
    assert list(load_pipeline(HLS_STAGES).ids[-3:]) == ["fold", "cppsim", "finn_build"]


def test_ops_per_cycle_and_lut_follow_once_both_stages_have_run() -> None:
    report = Report(config="a", board="b").with_part({"model": {"macs_per_frame": 1000}}, "x")
    cycles = {"images": 1, "bit_exact": True, "cycles_per_frame": 50}
    simulated = report.with_part({"verify": {"rtlsim": cycles}}, "rtlsim")
    assert simulated.throughput is None
    mapped = simulated.with_part({"resources": {"yosys": {"lut": 80}}}, "synthesize")
    assert mapped.throughput is not None
    assert mapped.throughput.ops_per_cycle_per_lut == 0.5
    again = mapped.with_part({"resources": {"yosys": {"lut": 160}}}, "synthesize")
    assert again.throughput is not None and again.throughput.ops_per_cycle_per_lut == 0.25
