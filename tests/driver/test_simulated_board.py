"""The package on the simulated board, through pynq's own DMA class: results, order, faults."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from driver_packages import GOLDEN_IMAGES, Packaged, run_script

from flow.frontend.golden import GoldenModel, GoldenSession

FRAMES = 1000

# fault -> (exit status, what the message says)
FAULTS = {
    "timeout": (1, ["receiving scores (S2MM): not done after", "took 0 frames", "were reset"]),
    "packet inside a frame": (
        1,
        ["not done after", "took 3 frames", "a packet ended inside a frame"],
    ),
    "short read": (1, ["short read: 96 bytes of scores came for 4 images, expected 128"]),
    "internal error": (1, ["receiving scores (S2MM): internal error", "status 0x"]),
    "slave error": (1, ["sending images (MM2S): slave error", "took 0 frames and gave 0"]),
    "slave error receiving": (1, ["receiving scores (S2MM): slave error"]),
    "decode error": (1, ["receiving scores (S2MM): decode error"]),
    "too large a packet": (1, ["internal error: a length of zero, or a packet larger"]),
    "wrong array": (
        2,
        ["wrong.npy: is uint8 (2, 3, 31, 32); this network takes (N, 3, 32"],
    ),
    "float array": (2, ["float.npy: is float32 (2, 32, 32, 3)"]),
    "corrupt golden": (3, ["golden.npz: is damaged: sha256", "unzip the package again"]),
    "fixed weights": (2, ["this accelerator has fixed weights"]),
    "wrong bitstream": (3, ["wrong bitstream for this manifest: the accelerator says"]),
}


@pytest.fixture(scope="module")
def faults(packaged: Packaged, pynq: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory):
    scratch = tmp_path_factory.mktemp("faults")
    return run_script(pynq, "fault_script.py", packaged.dir, str(scratch))


def test_package_alone_classifies_real_images_equal_to_golden(
    packaged: Packaged, pynq: tuple[str, ...]
) -> None:
    argv = [*pynq, "driver/infer.py", "--backend", "sim", "--check", "--batch", "4"]
    done = subprocess.run(argv, cwd=packaged.dir, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    expected = f"check: {GOLDEN_IMAGES} images (photographs bundled with scikit-image) bit for bit"
    assert expected in done.stdout


def test_every_fault_has_its_test(faults: dict) -> None:
    assert set(faults) == {"sound", *FAULTS}
    assert faults["sound"]["status"] == 0


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_is_named_and_the_next_call_works(faults: dict, fault: str) -> None:
    status, parts = FAULTS[fault]
    assert faults[fault]["status"] == status, faults[fault]
    for part in parts:
        assert part in faults[fault]["message"]
    assert faults[fault]["message"].count("\n") == 0
    assert faults[fault]["next"] == {"status": 0, "message": ""}


def test_a_thousand_images_with_stalls_on_both_streams_keep_their_order(
    packaged: Packaged, pynq: tuple[str, ...], tmp_path: Path
) -> None:
    images = np.random.default_rng(3).integers(0, 256, (FRAMES, 32, 32, 3), dtype=np.uint8)
    golden = GoldenModel.load(packaged.dir / "golden.onnx")
    scores = GoldenSession(golden).run(images).astype(np.int32)
    assert len(np.unique(scores, axis=0)) > 5
    np.save(tmp_path / "images.npy", images)
    np.save(tmp_path / "scores.npy", scores)
    files = (str(tmp_path / "images.npy"), str(tmp_path / "scores.npy"))
    said = run_script(pynq, "stream_script.py", packaged.dir, *files, "60", "90", "64")
    counted = said["counters"]
    assert said["images"] == FRAMES
    assert said["wrong"] == []
    assert not said["busy"]
    assert (counted["frames_in"], counted["frames_out"]) == (FRAMES, FRAMES)
    assert counted["out_stalls"] > FRAMES
    assert counted["in_stalls"] + counted["in_starved"] > 0
    assert counted["first_in"] < counted["first_out"] < counted["last_out"] < counted["cycle"]


def test_without_pynq_the_sim_backend_says_what_it_needs(packaged: Packaged) -> None:
    import sys

    argv = [sys.executable, "driver/infer.py", "--backend", "sim", "--check"]
    done = subprocess.run(argv, cwd=packaged.dir, capture_output=True, text=True)
    assert done.returncode == 2
    assert "needs the pynq package" in done.stderr
    argv[3] = "pynq"
    done = subprocess.run(argv, cwd=packaged.dir, capture_output=True, text=True)
    assert done.returncode == 2
    assert "carries no bitstream" in done.stderr


def test_verify_driver_runs_the_package(packaged: Packaged, pynq: tuple[str, ...]) -> None:
    said = packaged.flow("verify", "--driver", "--images", "2")
    assert "driver: 2 images (photographs" in said


def test_after_a_stop_at_any_phase_of_a_transfer_the_next_frames_are_right(
    packaged: Packaged, pynq: tuple[str, ...]
) -> None:
    """S2MM takes up to four beats without a transfer: none may lead the next packet."""
    said = run_script(pynq, "recovery_script.py", packaged.dir, "97")
    assert len(said["phases"]) > 50
    assert said["wrong"] == {}
