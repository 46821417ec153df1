"""flow inspect: every node, every refusal, not only the first."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from nets import Net, padded_net, small_net, tiny_net, two_bit_net
from typer.testing import CliRunner

from flow.board import all_boards, find_board
from flow.check.survey import padding_contract, survey
from flow.cli import app
from flow.commands.inspect import board_fits


def inspect(model: onnx.ModelProto, folder: Path, *options: str) -> dict[str, Any]:
    path = folder / "net.onnx"
    onnx.save(model, str(path))
    result = CliRunner().invoke(app, ["inspect", str(path), "--json", *options])
    found: dict[str, Any] = json.loads(result.stdout)
    assert result.exit_code == (2 if found["refused"] else 0), result.output
    return found


def test_a_supported_network_is_counted_and_mapped_node_by_node(tmp_path: Path) -> None:
    found = inspect(tiny_net().build(), tmp_path, "--quick")
    assert found["builds"] is True
    assert found["image_shape"] == [32, 32, 3]
    # 3x8 and 8x8 kernels of 3x3 on 32x32, 8x8 and 8x8 maps; 8 x 10 at the end.
    assert found["macs_per_frame"] == 216 * 1024 + 576 * 64 + 576 * 64 + 80
    assert found["parameters"] == found["weight_bits"] == 216 + 576 + 576 + 80
    becomes = {node["name"]: node["becomes"] for node in found["nodes"]}
    assert becomes["Conv_4"] == "sliding window + matrix-vector unit"
    assert becomes["Quant_2"] == "input table"


def test_every_refusal_is_listed_with_node_operator_and_reason(tmp_path: Path) -> None:
    net = Net().image_quantiser().conv(3, 8, pad=1).batch_norm(8, 2.0).bipolar()
    net.add("AveragePool", kernel_shape=[2, 2], strides=[2, 2]).add("Sigmoid").bipolar()
    net.add("Conv", net.const(np.ones((4, 8, 3, 3)) / 3), kernel_shape=[3, 3], pads=[0] * 4)
    net.bipolar().add("MaxPool", kernel_shape=[2, 2], strides=[1, 1])
    net.add("Reshape", net.const([1, -1], np.int64)).matmul(4, 10).add("Erf")
    refused = inspect(net.build(), tmp_path)["refused"]
    for part in (
        "(Sigmoid): this operator is not supported",
        "(Conv): float layer: its weights",
        "(Erf): this operator is not supported; supported are",
    ):
        assert any(part in line for line in refused), (part, refused)
    assert len(refused) == 3, refused


def unsigned_bit_net() -> Net:
    net = Net().image_quantiser().conv(3, 8).batch_norm(8, 300 / 128).quant(1, 1.0, signed=0)
    return net.add("Reshape", net.const([1, -1], np.int64)).matmul(288, 10)


def test_several_bits_are_not_refused(tmp_path: Path) -> None:
    found = inspect(two_bit_net().build(), tmp_path, "--deep")
    assert found["builds"] is True, found["refused"]


def pool_with_gaps() -> Net:
    net = Net().image_quantiser().conv(3, 8).batch_norm(8, 300 / 128).bipolar()
    net.add("MaxPool", kernel_shape=[2, 2], strides=[2, 2], dilations=[2, 2])
    return net.add("Reshape", net.const([1, -1], np.int64)).matmul(32, 10)


@pytest.mark.parametrize(
    ("net", "node", "reason"),
    [
        (small_net(bits=9, scale=0.5), "Quant_6", "it has 511 steps a channel; 1 to 255, 8 bits"),
        (pool_with_gaps(), "MaxPool_7", "it is dilated by (2, 2); windows without gaps have"),
    ],
)
def test_what_only_hardware_refuses_is_told_of_its_node(
    tmp_path: Path, net: Net, node: str, reason: str
) -> None:
    found = inspect(net.build(), tmp_path, "--quick")
    assert found["builds"] is False
    refused = {each["name"]: each["refused"] for each in found["nodes"] if each["refused"]}
    assert reason in refused[node], refused
    assert all(each["becomes"] == "" for each in found["nodes"] if each["refused"])


def test_an_output_that_is_no_vector_is_refused(tmp_path: Path) -> None:
    net = Net().image_quantiser().conv(3, 8).add("Relu")
    found = inspect(net.build(), tmp_path, "--quick")
    assert any("output 'n5' has shape" in line for line in found["refused"]), found["refused"]


def test_codes_of_0_and_1_and_global_maxima_build(tmp_path: Path) -> None:
    for net in (unsigned_bit_net(), small_net()):
        assert inspect(net.build(), tmp_path, "--quick")["refused"] == []


@pytest.mark.parametrize(("pad_value", "contract"), [(0, "0"), (-1, "-1")])
def test_the_padding_contract_is_that_of_the_layers_behind_the_first(
    pad_value: int, contract: str
) -> None:
    found = survey(padded_net(pad_value).build())
    assert padding_contract(found) == contract
    assert found.layers[0].padding.startswith("0 (the input has a zero)")


def test_the_deep_look_asks_finn(tmp_path: Path) -> None:
    finn = inspect(padded_net(-1).build(), tmp_path, "--deep")["finn"]
    assert finn["findings"] == []
    assert finn["agreeing"] == finn["layers"] == 3


def test_what_finn_cannot_read_still_builds(tmp_path: Path) -> None:
    found = inspect(unsigned_bit_net().build(), tmp_path, "--deep")
    assert found["builds"] is True
    assert "takes the values 0 and 1" in found["finn"]["findings"][0]


def test_weights_are_held_against_the_budget_of_each_board() -> None:
    budget = find_board("PYNQ-Z2").budget.bram36 * 36 * 1024
    fits = {fit.board: fit for fit in board_fits(budget + 1, all_boards())}
    assert fits["PYNQ-Z2"].fits is False
    assert fits["ZCU104"].fits is True


@pytest.mark.parametrize(
    ("content", "message"), [(None, "there is no file"), (b"no", "is not an ONNX file")]
)
def test_a_file_that_is_no_model_is_one_clear_error(
    tmp_path: Path, content: bytes | None, message: str
) -> None:
    path = tmp_path / "net.onnx"
    if content is not None:
        path.write_bytes(content)
    result = CliRunner().invoke(app, ["inspect", str(path)])
    assert result.exit_code == 2
    assert message in result.stderr
    assert "Traceback" not in result.output
