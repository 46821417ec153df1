"""Address and undefined-behaviour sanitizers find nothing in any instruction set."""

from __future__ import annotations

import platform
import re
from pathlib import Path

import pytest
from check.cppsim.compiled_network import case_of
from check.cppsim.stacks import Conv, Stack, to_qonnx
from nets import random_inputs_of

from flow.check.cpp.generate import BLOB_FILE, generate
from flow.check.cpp.library import (
    COMPILER,
    SOURCE_DIR,
    missing_compiler,
    plan_kernels,
    plan_network,
)
from flow.errors import ToolError
from flow.frontend.golden import GoldenSession
from flow.tools import process

MAIN = Path(__file__).with_name("sanitized_main.cpp")
# Not -O0: intrinsics would be function calls. Every finding ends the program.
FLAGS = ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
STACKS = (
    Stack((7, 6, 3), False, (Conv(17, pads=(1, 1, 1, 1)), Conv(65, (2, 3), (2, 1))), (40, 3)),
    Stack(
        (6, 6, 2),
        True,
        (Conv(130, pads=(1, 1, 1, 1), pool=(2, 2)), Conv(8, pads=(1, 1, 1, 1), pad_value=-1)),
        (5,),
    ),
    Stack((3, 3, 1), False, (), (2,)),
)


@pytest.fixture(scope="module")
def kernels(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    reason = missing_compiler()
    if reason:
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("sanitized")
    for k, plan in enumerate(plan_kernels(folder, machine=platform.machine(), flags=FLAGS)):
        process.execute(plan, log=folder / f"{k}.log", timeout_s=300)
    main = folder / "main.o"
    argv = [COMPILER, "-std=c++17", *FLAGS, "-c", str(MAIN), "-o", str(main)]
    process.run(argv, cwd=folder, log=folder / "main.log", timeout_s=300)
    return sorted(folder.glob("*.o"))


def run_sanitized(stack: Stack, kernels: list[Path], folder: Path, images: int = 35) -> str:
    case = case_of(to_qonnx(stack))
    pixels = random_inputs_of(case.network.source, images)
    scores = GoldenSession(case.golden).run(pixels)
    pixels.tofile(folder / "pixels")
    scores.astype("<i4").tofile(folder / "scores")
    generated = generate(case.program)
    (folder / BLOB_FILE).write_bytes(generated.blob)
    compile_plan, _ = plan_network(generated, folder, kernels, flags=FLAGS)
    process.execute(compile_plan, log=folder / "network.log", timeout_s=300)
    objects = [*map(str, kernels), "network.o"]
    link = [COMPILER, *FLAGS, "-pthread", *objects, "-o", "sanitized"]
    process.run(link, cwd=folder, log=folder / "link.log", timeout_s=300)
    argv = ["./sanitized", str(images), "pixels", "scores"]
    return process.run(argv, cwd=folder, log=folder / "run.log", timeout_s=300).output


@pytest.mark.parametrize("stack", STACKS, ids=["codes", "bits", "least"])
def test_sanitizers_find_nothing(stack: Stack, kernels: list[Path], tmp_path: Path) -> None:
    output = run_sanitized(stack, kernels, tmp_path)
    verdict = re.fullmatch(r"PASS: (\d+) runs\n", output)
    assert verdict
    assert int(verdict[1]) >= 2


def test_sanitizers_see_one_byte_too_many(
    kernels: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The harness itself can fail: the last image reads past its buffer."""
    text = MAIN.read_text().replace("new uint8_t[pixels.size()]", "new uint8_t[pixels.size() - 1]")
    text = text.replace("std::copy(pixels.begin(), pixels.end(), in.get())", "(void)0")
    main = tmp_path / "main.cpp"
    main.write_text(text)
    argv = [COMPILER, "-std=c++17", *FLAGS, "-c", str(main), "-o", "main.o"]
    process.run(argv, cwd=tmp_path, log=tmp_path / "main.log", timeout_s=300)
    broken = [*(path for path in kernels if path.name != "main.o"), tmp_path / "main.o"]
    with pytest.raises(ToolError, match="heap-buffer-overflow"):
        run_sanitized(STACKS[2], broken, tmp_path)
    assert (SOURCE_DIR / "kernels.hpp").name in (tmp_path / "run.log").read_text()
