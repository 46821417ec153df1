"""flow waves: a layer cut out of a design, its words, and a trace with the layer's signals."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import pytest
from nets import tiny_net
from typer.testing import CliRunner, Result

from flow.check.waves import cut_out, missing_headers
from flow.cli import app
from flow.errors import UserError
from flow.hardware.design import Design


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny design up to its RTL."""
    folder = tmp_path_factory.mktemp("waves")
    onnx.save(tiny_net().build(), str(folder / "tiny.onnx"))
    result = flow(folder, "build", "--to", "generate_rtl", "--set", "verify.images=2")
    assert result.exit_code == 0, result.output
    return folder


def flow(folder: Path, command: str, *options: str) -> Result:
    where = ["--model", str(folder / "tiny.onnx"), "--build-dir", str(folder / "build")]
    return CliRunner().invoke(app, [command, "--board", "ZCU104", *where, *options])


@pytest.mark.slow
def test_the_trace_of_a_layer_is_equal_to_golden_and_around_the_first_word(built: Path) -> None:
    found = json.loads(flow(built, "waves", "MVAU_1", "--json").stdout)
    assert found["first_difference"] is None
    assert found["nodes"] == ["SlidingWindow_1", "MVAU_1"]
    first, last = found["cycles"]
    assert first <= found["around"] < last
    trace = Path(found["trace"])
    assert trace.suffix == (".vcd" if missing_headers() else ".fst")
    assert trace.stat().st_size > 500


@pytest.mark.slow
def test_a_wrong_weight_is_found_at_its_first_wrong_word(built: Path) -> None:
    rtl = next((built / "build" / "tiny" / "zcu104").glob("*-generate_rtl")) / "rtl"
    image = rtl / "mvau_1_weights.mem"
    kept = image.read_text()
    digits = {"0": "f", "1": "e", "2": "d", "3": "c", "4": "b", "5": "a", "6": "9", "7": "8"}
    swap = {**digits, **{value: key for key, value in digits.items()}}
    image.write_text("".join(swap.get(char, char) for char in kept))
    try:
        found = json.loads(flow(built, "waves", "MVAU_1", "--json").stdout)
    finally:
        image.write_text(kept)
    assert found["first_difference"] is not None
    assert found["around"] == found["first_difference"]
    assert found["reason"] == "first output word that differs from golden"


@pytest.mark.slow
def test_unknown_layers_and_images_are_refused_by_name(built: Path) -> None:
    wrong = flow(built, "waves", "MVAU_11")
    assert wrong.exit_code == 2
    assert 'waves: there is no layer "MVAU_11"; did you mean MVAU_1?' in wrong.stderr
    assert (
        "--image: 9; the build has images 0 to 1"
        in flow(built, "waves", "MVAU_1", "--image", "9").stderr
    )
    late = flow(built, "waves", "MVAU_1", "--cycle", "100000000")
    assert late.exit_code == 2
    assert "--cycle: 100000000; the last word of MVAU_1 is out in cycle " in late.stderr
    design = Design.load(
        next((built / "build" / "tiny" / "zcu104").glob("*-generate_rtl")) / "design.json"
    )
    assert cut_out(design, "MVAU_0").nodes[-1].name == "MVAU_0"
    flagged = [s.producer for s in design.streams if s.flagged]
    with pytest.raises(UserError, match="hands out padding flags beside its words"):
        cut_out(design, flagged[0])
