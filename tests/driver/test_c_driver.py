"""The C driver of a package on the simulated board: UIO as shipped, and bare metal."""

from __future__ import annotations

import platform
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from c_board import TRAP, CBoard, compile_c
from driver_packages import GOLDEN_IMAGES, Packaged
from loadable_package import IMAGES, Weights

from driver.scores import ScoreMap
from flow.deploy.ip_core import DESIGN_HEADER, design_header
from flow.hardware.design import Design
from flow.hardware.shell import ShellInfo
from flow.paths import repository_root

pytestmark = pytest.mark.skipif(
    (platform.system(), platform.machine()) != ("Linux", "x86_64"),
    reason="single instructions are run by the trap flag of x86-64",
)

SLAVE_ERROR, DECODE_ERROR = 0x20, 0x40
MM2S, S2MM = 0x00, 0x30
OK = ["0", "0", "0", "done"]

Steps = list[list[str]]


class Bare:
    """bare_metal.c with the driver of a package, compiled; what it prints in words."""

    def __init__(self, package: Path, images: np.ndarray, folder: Path, driver: Path) -> None:
        self.board = CBoard(package / "sim" / "bnn_accel_sim", folder / "board")
        self.images = folder / "images.bin"
        images.tofile(self.images)
        self.count = len(images)
        includes = ("-I", package / "driver" / "c", "-I", TRAP.parent)
        self.program = compile_c(
            *(folder / "bare_metal", "-DBNN_BARE_METAL", *includes),
            *(driver, TRAP, TRAP.parent / "bare_metal.c"),
        )

    def run(self, *weights: Path) -> Steps:
        argv = (self.program, self.board.memory, self.images, str(self.count), *weights)
        done = self.board.run(*argv)
        assert done.returncode == 0, done.stderr
        return [line.split() for line in done.stdout.splitlines()]


Start = Callable[..., Bare]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Compile and simulate; everything ends with the test."""
    started: list[Bare] = []

    def begin(package: Path, images: np.ndarray, driver: Path | None = None) -> Bare:
        source = driver or package / "driver" / "c" / "bnn.c"
        started.append(Bare(package, images, tmp_path, source))
        return started[-1]

    yield begin
    for bare in started:
        bare.board.close()


@pytest.fixture(scope="module")
def golden(packaged: Packaged) -> tuple[np.ndarray, np.ndarray]:
    with np.load(packaged.dir / "golden.npz") as vectors:
        return vectors["images"], vectors["scores"].reshape(GOLDEN_IMAGES, -1)


def scores_of(steps: Steps) -> list[np.ndarray]:
    return [np.array(words[1:], np.int32) for words in steps if words[0] == "scores"]


def results(steps: Steps) -> list[list[str]]:
    """What each step of the driver returned: step, error, DMA status, loader's error, message."""
    return [[*words[:4], " ".join(words[4:])] for words in steps if words[0] in ("load", "run")]


def test_uio_classifies_golden_images_as_golden_does(
    packaged: Packaged, golden: tuple[np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    images, scores = golden
    source = packaged.dir / "driver" / "c"
    program = compile_c(
        tmp_path / "classify", *(source / name for name in ("bnn.c", "bnn_uio.c", "classify.c"))
    )
    trap = compile_c(tmp_path / "trap.so", "-shared", "-fPIC", "-DTRAP_PRELOADED", TRAP)
    images.tofile(tmp_path / "images.bin")
    board = CBoard(packaged.dir / "sim" / "bnn_accel_sim", tmp_path / "board")
    argv = (program, "uio0", "uio1", "uio2")
    done = board.run(*argv, tmp_path / "images.bin", preload=trap)
    missing = board.run(program, "uio7", "uio1", "uio2", tmp_path / "images.bin", preload=trap)
    board.close()
    assert done.returncode == 0, done.stderr
    rows = np.array([line.split() for line in done.stdout.splitlines()], np.int32)
    assert len(rows) == 10 and np.array_equal(rows[:, 1:], scores)
    assert np.array_equal(rows[:, 0], scores.argmax(axis=1))
    assert "10 frames in, 10 out" in done.stderr
    assert missing.returncode == 1 and "error: uio7: there is no such UIO" in missing.stderr


def test_bare_metal_runs_batches_and_names_each_fault(
    packaged: Packaged, golden: tuple[np.ndarray, np.ndarray], start: Start
) -> None:
    images, scores = golden
    bare = start(packaged.dir, images)
    steps = bare.run()
    assert steps[0] == ["open", *OK]
    assert [tuple(found) for found in scores_of(steps)] == [tuple(scores.ravel())] * 2
    counted = [words for words in steps if words[0] == "counters"]
    assert counted == [["counters", "10", "10", "1", "1"]] * 2
    dma = bare.board.dma
    for channel, bit in ((MM2S, SLAVE_ERROR), (S2MM, DECODE_ERROR)):
        dma.error_faults[channel] = bit
        steps = bare.run()
        failed, fine = results(steps)
        assert failed[4].startswith("the DMA has stopped with an error") and int(failed[2]) & bit
        assert fine == ["run", *OK] and np.array_equal(scores_of(steps)[0], scores.ravel())
    dma.packet_faults.append(lambda packet: packet[:-100])
    steps = bare.run()
    assert [found[4] for found in results(steps)] == ["the transfer did not end in time", "done"]
    assert np.array_equal(scores_of(steps)[0], scores.ravel())


MUTANTS = {
    "a forgotten flush": ("bnn_flush(in, sent);", ""),
    "a forgotten invalidate": ("BARRIER();\n  bnn_invalidate(out, wanted);", ""),
    "scores without a sign": ("(int32_t)(half ^ 0x8000u) - 0x8000", "(int32_t)half"),
    "a reset left out": ("if (!error) error = reset(device, BNN_CONTROL_RESET);", ""),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_fault_of_the_driver_shows(
    mutant: str,
    packaged: Packaged,
    golden: tuple[np.ndarray, np.ndarray],
    start: Start,
    tmp_path: Path,
) -> None:
    text = (packaged.dir / "driver" / "c" / "bnn.c").read_text()
    old, new = MUTANTS[mutant]
    assert text.count(old) == 1
    (tmp_path / "bnn.c").write_text(text.replace(old, new))
    images, scores = golden
    bare = start(packaged.dir, images, tmp_path / "bnn.c")
    bare.board.dma.packet_faults.append(lambda packet: packet[:-100])
    found = scores_of(bare.run())
    assert not found or not np.array_equal(found[0], scores.ravel())


def test_an_accelerator_of_another_package_is_refused(
    packaged: Packaged,
    loadable: Path,
    golden: tuple[np.ndarray, np.ndarray],
    start: Start,
    tmp_path: Path,
) -> None:
    mixed = tmp_path / "mixed"
    shutil.copytree(packaged.dir / "sim", mixed / "sim")
    shutil.copytree(loadable / "driver" / "c", mixed / "driver" / "c")
    steps = start(mixed, golden[0]).run()
    assert len(steps) == 1 and " ".join(steps[0]).endswith("are of two packages")


def test_weights_are_loaded_swapped_and_refused(
    loadable: Path, start: Start, tmp_path: Path
) -> None:
    with np.load(loadable / "golden.npz") as vectors:
        images = vectors["images"]
    other = Weights(1)
    names = {
        "other": other.image,
        "text": b"no weights at all" * 20,
        "shapes": other.image[:8] + b"\x18" + other.image[9:-4] + b"more" + other.image[-4:],
        "flipped": other.image[:60] + b"\xff\xff" + other.image[62:],
    }
    files = {}
    for name, data in names.items():
        files[name] = tmp_path / f"{name}.bin"
        files[name].write_bytes(data)
    own = loadable / "weights.bin"
    bare = start(loadable, images)
    steps = bare.run(own, files["other"], files["text"], files["shapes"], files["flipped"], own)
    loads = [found for found in results(steps) if found[0] == "load"]
    assert [found[4] for found in loads] == [
        "done",
        "done",
        "this is no weight image of this version, or not all of it",
        "the weight image has another number of words than the accelerator's memories",
        "the accelerator refused the weights: see load_error",
        "done",
    ]
    assert loads[4][3] == "4"  # the CRC
    first, second = (Weights(seed).scores(images).ravel() for seed in (0, 1))
    wanted = [first, second, second, second, second, first]  # a refused image changes nothing
    assert [found.tolist() for found in scores_of(steps)] == [each.tolist() for each in wanted]
    assert len(images) == IMAGES


def test_loadable_weights_are_asked_for(loadable: Path, start: Start) -> None:
    steps = start(loadable, np.zeros((1, 48), np.uint8)).run()
    assert steps[0] == ["open", *OK]
    assert [found[4] for found in results(steps)] == ["weights have to be loaded first"] * 2


@pytest.mark.parametrize("bits", [16, 32])
def test_scores_keep_their_sign_and_frames_are_filled_with_zeros(bits: int, tmp_path: Path) -> None:
    limits = np.iinfo(f"int{bits}")
    drawn = np.random.default_rng(bits).integers(limits.min, limits.max, 60, endpoint=True)
    values = np.concatenate([drawn, [limits.min, -1, 0, limits.max]]).astype(f"<i{bits // 8}")
    source = repository_root() / "driver" / "c"
    program = compile_c(tmp_path / "words", "-I", source, TRAP.parent / "words.c")
    argv = [program, str(bits), str(len(values))]
    done = subprocess.run(argv, input=values.tobytes(), capture_output=True, check=True)
    scores, packed = done.stdout.decode().splitlines()
    assert scores.split() == [str(value) for value in values.tolist()]
    assert bytes.fromhex(packed) == values.tobytes()[:-1] + b"\0" + b"\xa5" * 4


def test_the_class_is_that_of_the_greatest_output_and_ties_go_to_the_lower(
    tmp_path: Path,
) -> None:
    """Each class has its own factor and addend, as in driver/scores.py."""
    rng = np.random.default_rng(7)
    scores = rng.integers(-20, 20, (200, 6)).astype("<i4")
    outputs = ScoreMap((0.1, -0.7, 0.3, 0.1, 1e-3, 0.0), (0.0, 0.2, -1.0, 0.0, 3.3, 2.0))
    shell = ShellInfo(
        dma_width_bits=64,
        in_frame_bytes=8,
        in_image_bytes=8,
        out_frame_bytes=24,
        out_elem_bits=32,
        sources=[],
    )
    design = Design.model_construct(identity="0123456789abcdef" * 4, shell=shell)
    (tmp_path / DESIGN_HEADER).write_text(design_header(design, "six classes", outputs, 1.5))
    driver = repository_root() / "driver" / "c"
    sources = (driver / "bnn.c", TRAP.parent / "class.c")
    program = compile_c(tmp_path / "class", "-I", driver, "-I", tmp_path, *sources)
    done = subprocess.run([program], input=scores.tobytes(), capture_output=True, check=True)
    found = [int(word) for word in done.stdout.split()]
    assert found == outputs.predicted(scores).tolist()
    assert found != scores.argmax(axis=1).tolist() and len(set(found)) >= 3


@pytest.mark.parametrize("defines", [(), ("-DBNN_BARE_METAL",)])
def test_it_needs_no_library(defines: tuple[str, ...], packaged: Packaged, tmp_path: Path) -> None:
    source = packaged.dir / "driver" / "c" / "bnn.c"
    built = compile_c(tmp_path / "bnn.o", "-ffreestanding", *defines, "-c", source)
    said = subprocess.run(["nm", "-u", built], capture_output=True, text=True, check=True).stdout
    ours = {"bnn_flush", "bnn_invalidate"} if defines else set()
    # What gcc may call for a loop of its own, with and without an operating system.
    assert set(said.split()) - {"U", "memcpy", "memset"} <= ours
