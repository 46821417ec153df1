"""The public cases, built and verified to the driver of the package. Half a minute each."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flow.cli import app

CASES = Path(__file__).resolve().parents[3] / "shared" / "cases"
NAMES = (
    *("default_last_perch", "last_bias", "last_output_quant", "flat784", "four_channels"),
    *("normalise_outside", "int8_annotated_with_quant", "uint8_annotated_input"),
    *("radioml_conv1d", "radioml_conv1d_as_2d", "same_upper_stride2", "hls4ml_740"),
    *("maxpool_3x3_s2", "trunc_avgpool", "gap_at_the_end", "float_gap_then_quant"),
)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_public_case_is_exact_down_to_the_package(name: str, tmp_path: Path) -> None:
    path = CASES / f"{name}.onnx"
    if not path.is_file():
        pytest.skip(f"{path.name} is kept beside the repository and is not there")
    about = ["--board", "ZCU104", "--model", str(path), "--build-dir", str(tmp_path)]
    fixed = ["--target-fps", "2000", "--set", "fifo.sizing=fixed"]
    built = CliRunner().invoke(app, ["build", *about, *fixed, "--to", "package", "--quiet"])
    assert built.exit_code == 0, built.output
    checks = ["--cppsim", "--rtlsim", "--driver"]
    verified = CliRunner().invoke(app, ["verify", *about, *checks])
    assert verified.exit_code == 0, verified.output
    (report,) = tmp_path.rglob("report.json")
    found = json.loads(report.read_text())["verify"]
    assert all(found[which[2:]]["bit_exact"] for which in checks)
