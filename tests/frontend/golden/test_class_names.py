"""Names of the classes travel in the ONNX file, through golden, to `flow infer`."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import pytest
from nets import tiny_net
from PIL import Image
from typer.testing import CliRunner

from flow.cli import app
from flow.frontend.golden import GoldenModel, lower_to_plain_onnx
from flow.frontend.golden.model import set_class_names

NAMES = tuple(f"thing {k}" for k in range(10))


def test_names_are_read_from_the_file_and_kept_by_golden(tmp_path: Path) -> None:
    model = tiny_net().build()
    assert lower_to_plain_onnx(model).class_names == ()
    set_class_names(model, NAMES)
    golden = lower_to_plain_onnx(model)
    assert golden.class_names == NAMES
    golden.save(tmp_path / "golden.onnx")
    assert GoldenModel.load(tmp_path / "golden.onnx").class_names == NAMES


@pytest.mark.parametrize("value", ["no json", '"one"', "[1, 2]", '["too", "few"]'])
def test_what_is_not_one_name_a_class_is_left_alone(value: str) -> None:
    model = tiny_net().build()
    onnx.helper.set_model_props(model, {"class_names": value})
    assert lower_to_plain_onnx(model).class_names == ()


def test_infer_says_the_names_of_the_file(tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    Image.new("RGB", (64, 64), (200, 40, 40)).save(photo)
    model = tiny_net().build()
    set_class_names(model, NAMES)
    onnx.save(model, tmp_path / "named.onnx")
    arguments = ["infer", str(photo), "--model", str(tmp_path / "named.onnx"), "--json"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output + result.stderr
    assert "thing" in json.dumps(json.loads(result.stdout))
