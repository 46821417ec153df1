"""The whole-design simulation notices what is wrong and names the stream."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from accelerator import Accelerator, generate
from nets import Net, tiny_net

from flow.check import rtlsim
from flow.check.compare import compare_streams
from flow.check.simulator import keep_simulator, kept_simulator
from flow.errors import CheckFailed
from flow.hardware.folding import Wish


@pytest.fixture(scope="module")
def accelerator(tmp_path_factory: pytest.TempPathFactory) -> Accelerator:
    return generate(tiny_net(seed=3), tmp_path_factory.mktemp("rtl"))


def simulate(accelerator: Accelerator, rtl: Path, folder: Path, **options: float) -> object:
    binary = rtlsim.build(accelerator.design, rtl, folder, timeout_s=600, optimize="-O0")
    return rtlsim.simulate(
        accelerator.design, binary, rtl, accelerator.images, seed=1, timeout_s=600, **options
    )


def mutated(accelerator: Accelerator, tmp_path: Path, file: str, old: str, new: str) -> Path:
    folder = tmp_path / "rtl"
    shutil.copytree(accelerator.rtl, folder)
    text = (folder / file).read_text()
    assert old in text, f"{file} no longer holds {old!r}"
    (folder / file).write_text(text.replace(old, new))
    return folder


def test_streams_are_equal_under_random_stalls_with_every_seed(
    accelerator: Accelerator, tmp_path: Path
) -> None:
    design = accelerator.design
    binary = rtlsim.build(design, accelerator.rtl, tmp_path, timeout_s=600, optimize="-O0")
    for seed in range(1, 9):
        pause = 0.4 * (seed % 3)
        result = rtlsim.simulate(
            design,
            binary,
            accelerator.rtl,
            accelerator.images,
            seed=seed,
            timeout_s=600,
            idle=pause,
            stall=pause,
        )
        outcome = compare_streams(design, accelerator.expected, result)
        assert not outcome.difference, f"seed {seed}: {outcome.difference}"
        assert outcome.words == sum(len(words) for words in accelerator.expected.values())


def test_one_simulator_serves_for_other_fifo_depths(
    accelerator: Accelerator, tmp_path: Path
) -> None:
    """Compiled with deep FIFOs and told the depths, it does the same in the same cycles."""
    design, rtl = accelerator.design, accelerator.rtl
    nodes = [
        node.model_copy(update={"parameters": {**node.parameters, "Depth": 64}})
        if node.module == "bnn_fifo"
        else node
        for node in design.nodes
    ]
    deep = design.model_copy(update={"nodes": nodes})
    folder = tmp_path / "rtl"
    shutil.copytree(rtl, folder)
    top = folder / "bnn_top.sv"
    top.write_text(top.read_text().replace(".Depth(4)", ".Depth(64)"))
    binary = rtlsim.build(deep, folder, tmp_path / "sim", timeout_s=600, optimize="-O0")
    keep_simulator(binary, deep, folder, tmp_path)
    kept = kept_simulator(design, rtl, tmp_path)
    assert kept is not None
    shallow = rtlsim.build(design, rtl, tmp_path / "own", timeout_s=600, optimize="-O0")
    runs = [
        rtlsim.simulate(design, each, rtl, accelerator.images, seed=3, timeout_s=600, stall=0.5)
        for each in (shallow, kept)
    ]
    assert not compare_streams(design, accelerator.expected, runs[1]).difference
    assert runs[0].cycles == runs[1].cycles
    assert runs[0].stalls == runs[1].stalls
    assert runs[0].high_water == runs[1].high_water
    assert max(runs[0].high_water.values()) == 4
    top.write_text(top.read_text().replace("endmodule", "// changed\nendmodule"))
    assert kept_simulator(deep, folder, tmp_path) is None


def test_a_broken_kernel_is_named_by_the_first_stream_that_differs(
    accelerator: Accelerator, tmp_path: Path
) -> None:
    rtl = mutated(accelerator, tmp_path, "bnn_maxpool.sv", "beat_q | partial;", "beat_q & partial;")
    result = simulate(accelerator, rtl, tmp_path / "sim")
    outcome = compare_streams(accelerator.design, accelerator.expected, result)
    assert outcome.difference.startswith("stream max_pool_0 (MaxPool_0) differs: ")


def test_a_deadlock_names_who_waits_for_whom(accelerator: Accelerator, tmp_path: Path) -> None:
    taken = ".in_valid_i(fifo_mvau_1_valid),\n      .in_ready_o(fifo_mvau_1_ready)"
    stuck = ".in_valid_i(1'b0),\n      .in_ready_o(unused_ready)"
    rtl = mutated(accelerator, tmp_path, "bnn_top.sv", taken, stuck)
    top = rtl / "bnn_top.sv"
    declared = "  logic unused_ready;\n  assign fifo_mvau_1_ready = 1'b0;\nendmodule"
    top.write_text(top.read_text().replace("endmodule", declared))
    with pytest.raises(
        CheckFailed,
        match=r"deadlock after \d+ cycles: Fifo_MVAU_1 offers a word on fifo_mvau_1 that "
        r"(WidthConverter_MVAU_1|SlidingWindow_2) does not take \(0 words had come out\)",
    ):
        simulate(accelerator, rtl, tmp_path / "sim")


def test_a_lost_word_is_counted(accelerator: Accelerator, tmp_path: Path) -> None:
    """The output claims one frame more than it holds: the run ends as a deadlock or a miscount."""
    design = accelerator.design
    streams = list(design.streams)
    streams[-1] = streams[-1].model_copy(update={"beats": streams[-1].beats - 1})
    wrong = replace(
        accelerator,
        design=design.model_copy(update={"streams": streams}),
    )
    with pytest.raises(CheckFailed, match=r"carried \d+ words in 2 frames; \d+ are right"):
        simulate(wrong, accelerator.rtl, tmp_path)


def test_an_edge_that_a_pool_leaves_out_still_arrives(tmp_path: Path) -> None:
    """The last score leaves long before the slow convolution has given the rows nobody needs."""
    net = Net((1, 3, 9, 9), seed=2).image_quantiser().conv(3, 4).bipolar()
    net.add("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
    net.add("Reshape", net.const([1, -1], np.int64)).matmul(36, 10)
    (tmp_path / "rtl").mkdir()
    wishes = {"MVAU_0": Wish(1, 1), "MVAU_1": Wish(10, 4)}
    made = generate(net, tmp_path / "rtl", wishes=wishes)
    result = simulate(made, made.rtl, tmp_path / "sim")
    outcome = compare_streams(made.design, made.expected, result)
    assert not outcome.difference
    assert outcome.words == sum(len(words) for words in made.expected.values())
