"""A network goes in, the verified accelerator comes out: the command line, end to end."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import pytest
from nets import Net, tiny_net
from typer.testing import CliRunner, Result

from flow.cli import app
from flow.frontend.golden.vectors import GoldenVectors
from flow.hardware.design import Design

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Project:
    """A model and the folder its builds go to."""

    model: Path
    builds: Path

    @property
    def build(self) -> Path:
        return self.builds / self.model.stem / "zcu104"

    def flow(self, command: str, *options: str) -> Result:
        arguments = [command, "--board", "ZCU104", "--model", str(self.model)]
        return run(*arguments, "--build-dir", str(self.builds), *options)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def said(result: Result) -> str:
    return " ".join((result.output + result.stderr).split())


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Project:
    folder = tmp_path_factory.mktemp("first_light")
    onnx.save(tiny_net().build(), str(folder / "tiny.onnx"))
    project = Project(folder / "tiny.onnx", folder / "build")
    result = project.flow("build", "--target-fps", "400")
    assert result.exit_code == 0, said(result)
    return project


@pytest.fixture
def copy(built: Project, tmp_path: Path) -> Project:
    """The finished build once more, to be spoilt."""
    shutil.copytree(built.builds, tmp_path / "build")
    return Project(built.model, tmp_path / "build")


def test_the_report_says_what_was_compared_and_measured(built: Project) -> None:
    report = json.loads((built.build / "report.json").read_text())
    rtlsim = report["verify"]["rtlsim"]
    assert rtlsim["bit_exact"] is True
    assert rtlsim["images"] == 4
    ideal = Design.load(built.build / "60-generate_rtl" / "design.json").bottleneck.ideal_cycles
    assert ideal <= rtlsim["cycles_per_frame"] <= 1.01 * ideal
    assert report["throughput"]["fps_rtlsim"] == pytest.approx(
        187.5e6 / rtlsim["cycles_per_frame"], rel=1e-3
    )
    assert report["verify"]["python"] == {"images": 4, "bit_exact": True}
    states = {stage["id"]: stage for stage in report["stages"]}
    assert states["netlist"]["status"] == states["bitstream"]["status"] == "skipped"
    assert "Vivado" in states["netlist"]["reason"]
    assert "Vivado" in states["bitstream"]["reason"]
    assert "Vivado" in report["bitstream"]["reason"]
    assert states["netlist_sim"]["status"] == "skipped"
    assert "netlist_sim.images" in states["netlist_sim"]["reason"]
    skipped = ("netlist_sim", "netlist", "bitstream")
    assert {s["status"] for s in report["stages"] if s["id"] not in skipped} == {"done"}


def test_a_netlist_is_verified_only_where_one_was_simulated(built: Project) -> None:
    result = built.flow("verify", "--netlist")
    assert result.exit_code == 2
    assert "--set netlist_sim.images=2" in said(result)


@pytest.mark.slow
def test_the_netlist_is_simulated_on_request_and_kept(copy: Project) -> None:
    asked = ("--target-fps", "400", "--set", "netlist_sim.images=2")
    result = copy.flow("build", *asked, "--to", "netlist_sim")
    assert result.exit_code == 0, said(result)
    stage = json.loads((copy.build / "81-netlist_sim" / "stage.json").read_text())
    report = json.loads((copy.build / "report.json").read_text())["verify"]["netlist"]
    design = Design.load(copy.build / "60-generate_rtl" / "design.json")
    for found in (stage["metrics"], report):
        assert (found["images"], found["bit_exact"], found["family"]) == (2, True, "xcup")
        assert found["streams"] == len(design.streams) and found["cells"] > 1000
    assert "netlist_sim: cached" in said(copy.flow("build", *asked, "--to", "netlist_sim"))
    result = copy.flow("verify", "--netlist")
    assert result.exit_code == 0, said(result)
    streams = len(design.streams)
    wanted = rf"netlist: [\d,]+ cells on xcup, {streams} streams and \d+ registers"
    assert re.search(wanted, said(result))
    result = copy.flow("verify", "--netlist", "--images", "3")
    assert result.exit_code == 2 and "holds 2" in said(result)


def test_every_layer_stream_is_compared(built: Project) -> None:
    record = json.loads((built.build / "75-rtlsim" / "rtlsim.json").read_text())
    design = Design.load(built.build / "60-generate_rtl" / "design.json")
    layers = [node for node in design.nodes if not node.plumbing]
    assert record["streams"] == len(layers) == 10
    assert record["words"] == 4 * sum(s.beats for s in design.compared_streams)


def test_a_second_build_does_nothing_and_says_so(built: Project) -> None:
    result = built.flow("build", "--target-fps", "400")
    assert result.exit_code == 0
    assert " done" not in said(result).split(" on ZCU104:")[-1].split("bitstream skipped")[0]
    assert "running" not in said(result)


def test_one_option_re_runs_what_depends_on_it_and_says_why(copy: Project) -> None:
    result = copy.flow("build", "--target-fps", "2500", "--to", "size_fifos")
    assert result.exit_code == 0, said(result)
    text = said(result)
    assert re.search(
        r"fold: running \(re-run: .*fold.target_fps changed 400(\.0)? -> 2500(\.0)?", text
    )
    for stage in ("golden", "network"):
        assert f"{stage}: cached" in text
    for stage in ("fold", "size_fifos"):
        assert f"{stage}: running" in text


def test_verify_repeats_only_the_check_and_says_what_was_compared(copy: Project) -> None:
    before = {p: p.stat().st_mtime_ns for p in copy.build.rglob("*.onnx")}
    result = copy.flow("verify", "--rtlsim")
    assert result.exit_code == 0, said(result)
    assert re.search(r"rtlsim: 10 streams of 4 images equal to golden, [\d,]+ words", said(result))
    assert before == {p: p.stat().st_mtime_ns for p in copy.build.rglob("*.onnx")}


def test_fewer_images_can_be_simulated_than_golden_has(copy: Project) -> None:
    result = copy.flow("build", "--target-fps", "400", "--set", "rtlsim.images=2", "--to", "rtlsim")
    assert result.exit_code == 0, said(result)
    report = json.loads((copy.build / "report.json").read_text())
    assert report["verify"]["rtlsim"]["images"] == 2


@pytest.mark.parametrize("kind", ["weights", "thresholds", "table"])
def test_a_changed_memory_image_is_caught_by_its_hash(copy: Project, kind: str) -> None:
    images = sorted((copy.build / "60-generate_rtl" / "rtl").glob(f"*_{kind}.mem"))
    assert images
    for image in images:
        original = image.read_bytes()
        image.write_bytes(bytes([original[0] ^ 1]) + original[1:])
        result = copy.flow("verify", "--rtlsim")
        assert result.exit_code == 3
        assert "was changed" in said(result)
        image.write_bytes(original)


def test_one_wrong_bit_exits_3_and_names_the_first_layer_that_differs(copy: Project) -> None:
    design = Design.load(copy.build / "60-generate_rtl" / "design.json")
    node = next(node for node in design.nodes if node.name == "MVAU_1")
    memory = next(m for m in design.memories if m.node == "MVAU_1" and "thresholds" in m.file)
    vectors = GoldenVectors.load(copy.build / "20-golden" / "golden.npz")
    codes = vectors.taps[2][1]  # input, MVAU_0, MVAU_1
    switching = [c for c in range(codes.shape[1]) if len(np.unique(codes[:, c])) == 2]
    assert switching, "no channel of MVAU_1 switches on these images"
    path = copy.build / "60-generate_rtl" / "rtl" / memory.file
    words = path.read_text().split()
    pe = int(node.parameters["PE"])
    bits = int(node.parameters["ThreshBits"])
    fold, lane = divmod(switching[0], pe)
    # The highest bit of a channel that switches: half the range up or down, it hardly switches now.
    chunks = int(node.parameters["ThreshChunks"])
    width = -(-bits // chunks)
    chunk, place = divmod(bits - 1, width)
    row = fold * chunks + chunk
    words[row] = f"{int(words[row], 16) ^ 1 << (lane * width + place):0{len(words[row])}x}"
    path.write_text("\n".join(words) + "\n")
    result = copy.flow("verify", "--rtlsim", "--no-hash-check")
    assert result.exit_code == 3
    assert "stream mvau_1 (MVAU_1) differs" in said(result)


def net_with_float_layer() -> onnx.ModelProto:
    net = tiny_net()
    return net.add("MatMul", net.const(np.ones((10, 10)))).build()


def net_with_unsupported_op() -> onnx.ModelProto:
    return tiny_net().add("Erf").build()


def refused(copy: Project, model: Path, *options: str) -> str:
    """Build; expect exit 2, one line, no traceback and an untouched earlier result."""
    report = (copy.build / "report.json").read_bytes()
    result = run(
        "build", "--board", "ZCU104", "--model", model, "--build-dir", copy.builds, *options
    )
    assert result.exit_code == 2, said(result)
    assert "Traceback" not in result.output + result.stderr
    assert (copy.build / "report.json").read_bytes() == report
    errors = [line for line in result.stderr.splitlines() if line.startswith("error:")]
    assert len(errors) == 1, result.stderr
    return said(result)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (net_with_float_layer, r"MatMul_\d+ \(MatMul\): float layer"),
        (net_with_unsupported_op, r"Erf_\d+ \(Erf\): this operator is not supported"),
    ],
)
def test_a_layer_that_cannot_be_built_is_named_with_its_reason(
    copy: Project, tmp_path: Path, make: Callable[[], onnx.ModelProto], message: str
) -> None:
    onnx.save(make(), str(tmp_path / "other.onnx"))
    assert re.search(message, refused(copy, tmp_path / "other.onnx"))


def test_a_file_that_is_not_onnx_is_refused(copy: Project, tmp_path: Path) -> None:
    (tmp_path / "other.onnx").write_text("no model")
    assert "is not an ONNX file" in refused(copy, tmp_path / "other.onnx")


def test_a_missing_model_is_refused(copy: Project, tmp_path: Path) -> None:
    assert "there is no file" in refused(copy, tmp_path / "gone.onnx")


def test_an_unknown_board_gets_the_nearest_name(built: Project) -> None:
    result = run("build", "--board", "ZCU014", "--model", built.model)
    assert result.exit_code == 2
    assert "did you mean ZCU104?" in said(result)


def test_an_unknown_config_key_gets_the_nearest_name(built: Project) -> None:
    result = built.flow("build", "--set", "fold.target_fpz=3")
    assert result.exit_code == 2
    assert "target_fps" in said(result)


def test_pe_that_does_not_divide_mh_is_refused_and_earlier_results_stay(copy: Project) -> None:
    before = (copy.build / "45-fold" / "folding.toml").read_bytes()
    result = copy.flow("build", "--target-fps", "400", "--set", "fold.layers.MVAU_1.pe=3")
    assert result.exit_code == 2
    assert re.search(r"MVAU_1: PE=3 does not divide MH=8; use one of 1, 2, 4", said(result))
    assert (copy.build / "45-fold" / "folding.toml").read_bytes() == before


def test_the_folding_that_was_found_can_be_kept_in_a_configuration(
    copy: Project, tmp_path: Path
) -> None:
    """Whatever the target says then: the search has nothing left to choose."""
    found = (copy.build / "45-fold" / "folding.toml").read_text()
    kept = tmp_path / "kept.toml"
    kept.write_text(f'[model]\nsource = "{copy.model}"\n\n{found}')
    options = ["--board", "ZCU104", "--build-dir", tmp_path, "--set", "fold.target_fps=1"]
    result = run("build", "--config", kept, "--to", "fold", *options)
    assert result.exit_code == 0, said(result)
    again = tmp_path / "kept" / "zcu104" / "45-fold"
    assert (again / "folding.toml").read_text() == found


def test_a_residual_network_is_refused(copy: Project, tmp_path: Path) -> None:
    net = Net(input_shape=(1, 3, 32, 32)).image_quantiser().conv(3, 8, pad=1)
    net.batch_norm(8, 300 / 128).bipolar()
    first = net.last
    net.conv(8, 8, pad=1).batch_norm(8).bipolar().add("Add", first)
    net.add("Reshape", net.const([1, -1], np.int64)).matmul(8 * 1024, 10)
    onnx.save(net.build(), str(tmp_path / "residual.onnx"))
    assert re.search(
        r"Add_\d+ \(Add\): there is no kernel that adds two branches",
        refused(copy, tmp_path / "residual.onnx"),
    )
