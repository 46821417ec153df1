"""How the library is compiled: what is planned, kept, and told when it fails."""

from __future__ import annotations

import platform
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from check.cppsim.compiled_network import case_of
from check.cppsim.stacks import Conv, Stack, to_qonnx

from driver.cpu import CpuBackend
from flow.check.cpp import library
from flow.check.cpp.generate import bit_weights, code_weights, generate
from flow.check.cpp.steps import Program
from flow.errors import ToolError, UserError
from flow.tools.process import Plan


@pytest.fixture(scope="module")
def program() -> Program:
    stack = Stack((4, 4, 2), True, (Conv(9),), (3,))
    return case_of(to_qonnx(stack)).program


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    reason = library.missing_compiler()
    if reason:
        pytest.skip(reason)
    return tmp_path_factory.mktemp("libraries")


def test_each_instruction_set_is_compiled_for_itself_and_the_rest_for_any_processor() -> None:
    plans = library.plan_kernels(Path("/w"), machine="x86_64")
    flags = {Path(p.argv[p.argv.index("-c") + 1]).name: p.argv for p in plans}
    assert set(flags) == {"plan.cpp", "runtime.cpp", "portable.cpp", "avx2.cpp", "avx512.cpp"}
    for name, argv in flags.items():
        machine_flags = [flag for flag in argv if flag.startswith("-m")]
        assert bool(machine_flags) == name.startswith("avx"), name
    assert "-mavx512vpopcntdq" in flags["avx512.cpp"]
    assert all("-march=native" not in argv for argv in flags.values())


def test_other_processors_get_the_portable_kernels_only() -> None:
    plans = library.plan_kernels(Path("/w"), machine="aarch64")
    assert [Path(p.argv[-1]).stem for p in plans] == ["plan", "runtime", "portable"]


def test_kernels_are_compiled_once_for_a_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[list[Plan]] = []
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(library, "_execute", lambda plans, folder: [calls.append(plans), 1.5][-1])
    assert library.compiled_kernels()[1] == 1.5
    assert library.compiled_kernels()[1] == 0.0 and len(calls) == 1
    assert library.compiled_kernels(("-DX",))[1] == 1.5
    monkeypatch.setattr(library, "_kernel_sources", lambda: ["other sources"])
    assert library.compiled_kernels()[1] == 1.5 and len(calls) == 3


@pytest.mark.skipif(platform.machine() != "x86_64", reason="has one instruction set only")
def test_code_for_one_instruction_set_cannot_replace_that_of_another() -> None:
    """A shared inline function would be taken from any object: an illegal instruction elsewhere."""
    objects, _ = library.compiled_kernels()
    assert len(objects) == 5
    for path in objects:
        if path.stem in ("avx2", "avx512", "portable"):
            symbols = subprocess.run(["nm", "-C", path], capture_output=True, text=True, check=True)
            kinds = re.findall(r"^\S+ (\w) (.*)$", symbols.stdout, re.MULTILINE)
            assert kinds
            assert [name for kind, name in kinds if kind in "WVuwv"] == []


def test_compiled_library_is_used_again(program: Program, folder: Path) -> None:
    renamed = Program(tuple(replace(layer, name=f"{layer.name}_") for layer in program.layers))
    first = library.compile_program(renamed, folder)
    again = library.compile_program(renamed, folder)
    assert first.seconds > 0
    assert again.seconds == 0
    assert again.path == first.path
    assert CpuBackend(first.path).identity == first.identity == generate(renamed).identity
    assert not list(folder.glob("*.[0-9]*"))  # nothing half done is left


def test_a_relative_folder_is_the_callers(
    program: Program, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The compiler runs in a folder of its own: a relative path must not be taken from there."""
    library.compile_program(program, folder)
    monkeypatch.chdir(folder.parent)
    relative = Path(folder.name)
    for path in folder.glob("*/cppsim.so"):
        path.unlink()
        path.parent.rename(path.parent.with_suffix(".old"))
    assert library.compile_program(program, relative).path.is_file()


def test_other_weights_make_another_library(program: Program, folder: Path) -> None:
    last = program.layers[-1]
    assert last.weights is not None
    weights = last.weights.copy()
    weights[0, 0] *= -1
    layers = (*program.layers[:-1], replace(last, weights=weights))
    other = library.compile_program(Program(layers), folder)
    assert other.path != library.compile_program(program, folder).path


def test_missing_compiler_is_told(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    with pytest.raises(UserError, match=r"cppsim: g\+\+ is not on PATH; install it"):
        library.compile_program(program, tmp_path)


def test_failed_compilation_shows_the_compilers_first_error(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(ToolError, match="unrecognized command-line option"):
        library.compile_program(program, tmp_path, flags=("--no-such-flag",))


def test_bit_weights_put_eight_outputs_side_by_side() -> None:
    weights = np.full((9, 2, 65), -1)
    weights[1, 0, 0] = weights[8, 1, 64] = 1
    packed = bit_weights(weights)
    assert packed.shape == (2, 2, 2, 8)  # group, tap, word, output
    assert packed[0, 0, 0, 1] == 1
    assert packed[1, 1, 1, 0] == 1
    assert np.count_nonzero(packed) == 2


def test_code_weights_put_pairs_of_inputs_side_by_side() -> None:
    weights = np.arange(1, 7).reshape(1, 2, 3)
    packed = code_weights(weights)
    assert packed.shape == (1, 2, 2, 16, 2)  # group, tap, pair, output, input
    assert packed[0, :, :, 0].tolist() == [[[1, 2], [3, 0]], [[4, 5], [6, 0]]]
    assert np.count_nonzero(packed) == 6
