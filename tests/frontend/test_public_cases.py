"""Small networks that people's reports are about: right in every eye, or refused with the reason.

The files are kept outside of this repository; where they are absent these tests are skipped.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from fuzz.check import JUDGES, Case, some_inputs
from fuzz.draw import draw
from typer.testing import CliRunner

from flow.check.survey import reasons, survey
from flow.cli import app
from flow.frontend.golden import GoldenSession, load_onnx, lower_to_plain_onnx
from flow.network import Add

CASES = Path(__file__).resolve().parents[3] / "shared" / "cases"
BUILT = (
    *("uint8_input_quant", "floor_act", "narrow_relu", "lenet_int8bias_nolastbias"),
    *("two_acts_in_a_row", "batch4", "dynamic_batch", "random_2", "random_18", "random_19"),
    *("random_27", "uint8_annotated_input", "last_output_quant", "four_channels", "flat784"),
    *("int8_annotated_with_quant", "normalise_outside", "same_upper_stride2"),
    *("last_bias", "default_last_perch", "maxpool_3x3_s2", "hls4ml_740"),
    *("radioml_conv1d", "radioml_conv1d_as_2d"),
    *("trunc_avgpool", "gap_at_the_end", "float_gap_then_quant"),
)
ONLY_READ = ("residual", "mobilenet_small", "grouped")
"""Networks whose hardware comes later: golden, witness, network and cppsim agree already."""


def model_of(name: str) -> onnx.ModelProto:
    path = CASES / f"{name}.onnx"
    if not path.is_file():
        pytest.skip(f"{path.name} is kept beside the repository and is not there")
    return load_onnx(path)


def case_of(model: onnx.ModelProto) -> Case:
    golden = lower_to_plain_onnx(model)
    images, values = some_inputs(golden.input, 3)
    found = GoldenSession(golden).run_with_taps(images)
    return Case(draw(0), model, golden, images, values, found)


@pytest.mark.parametrize("name", [*BUILT, *ONLY_READ])
def test_witness_network_and_cppsim_agree_with_golden(name: str) -> None:
    case = case_of(model_of(name))
    assert len(np.unique(case.found["scores"])) > 1
    for judge in JUDGES.values():
        assert judge(case) == ""


@pytest.mark.parametrize("name", BUILT)
def test_what_builds_is_not_refused(name: str) -> None:
    assert reasons(survey(model_of(name))) == []


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("relu_1bit", "it gives 1 whatever the image, in every channel"),
        ("residual", "there is no kernel that adds two branches"),
        ("mobilenet_small", "there is no kernel for convolutions of one channel each"),
        ("grouped", "groups; only dense convolutions have a kernel"),
    ],
)
def test_what_cannot_be_built_is_refused_by_inspect_and_build_alike(
    name: str, reason: str, tmp_path: Path
) -> None:
    model_of(name)
    path = str(CASES / f"{name}.onnx")
    inspected = CliRunner().invoke(app, ["inspect", path, "--quick"])
    assert inspected.exit_code == 2
    assert reason in inspected.output
    options = ["--board", "ZCU104", "--model", path, "--build-dir", str(tmp_path)]
    built = CliRunner().invoke(app, ["build", *options, "--to", "golden", "--quiet"])
    assert built.exit_code == 2
    assert reason in built.output


def test_few_input_codes_are_a_warning_of_inspect_and_build(tmp_path: Path) -> None:
    model_of("normalise_outside")
    path = str(CASES / "normalise_outside.onnx")
    warning = "49 of 256 input codes occur: is the network trained on pixels/255?"
    inspected = CliRunner().invoke(app, ["inspect", path, "--quick"])
    assert inspected.output.startswith(f"warning: {warning}")
    options = ["--board", "ZCU104", "--model", path, "--build-dir", str(tmp_path)]
    built = CliRunner().invoke(app, ["build", *options, "--to", "golden"])
    assert warning in built.output + built.stderr
    said = CliRunner().invoke(app, ["report", *options[:4], "--build-dir", str(tmp_path), "--json"])
    assert said.exit_code == 0
    normalised = ["--set", "model.mean=[0.48,0.46,0.41]", "--set", "model.std=[0.23,0.22,0.23]"]
    better = CliRunner().invoke(app, ["build", *options, "--to", "golden", *normalised])
    assert "input codes occur" not in better.output + better.stderr
    assert better.exit_code == 0


def test_a_residual_block_adds_the_codes_of_its_branches() -> None:
    (node,) = case_of(model_of("residual")).network.of_kind(Add)
    assert node.factors == (1, 1)
