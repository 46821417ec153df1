"""Weights are loaded, swapped and refused on the simulated board, through pynq's own DMA class."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from driver_packages import run_script
from loadable_package import Weights

from driver.weight_image import build_weight_image

AGAIN = "the weights used before were loaded again"

# fault -> (exit status, what the message says)
FAULTS = {
    "swap, without golden": (2, ["golden vectors of this package belong to its own weights"]),
    "swap, golden of the package": (3, ["not equal to the golden vectors: 6 of 6 images differ"]),
    "golden without check": (2, ["is for --check"]),
    "fault after the swap": (1, ["short read: 64 bytes of scores came for 4 images", "were reset"]),
    "no image": (2, ["text.bin: is no weight image (it does not begin with BNNW)"]),
    "no file": (2, ["none.bin: cannot be read: No such file"]),
    "other version": (2, ["image of format version 5, this driver reads 1"]),
    "other shapes": (2, ["has 24 words of weights, this accelerator takes 23", "other shapes"]),
    "truncated": (3, ["truncated.bin: is damaged: 135 bytes, its header says 140"]),
    "flipped bit": (3, ["flipped.bin: is damaged: the CRC of its 23 words is wrong"]),
    "flipped hash": (3, ["hash.bin: is damaged: sha256 of the weights"]),
    "bit flipped on the way": (1, ["refused the weights: the CRC is wrong", AGAIN]),
    "magic changed on the way": (1, ["refused the weights: what came does not begin", AGAIN]),
    "version changed on the way": (1, ["refused the weights: the format version", AGAIN]),
    "count changed on the way": (1, ["refused the weights: the image has another number", AGAIN]),
    "hash changed on the way": (3, ["the accelerator says that it has the weights", AGAIN]),
    "truncated on the way": (1, ["got only a part of the weights", AGAIN]),
    "nothing on the way": (1, ["got only a part of the weights", AGAIN]),
    "slave error": (1, ["DMA sending weights (MM2S): slave error", AGAIN]),
    "twice": (1, ["refused the weights: the CRC is wrong"]),
    "package, other weights": (3, ["weights.bin: these are the weights", "manifest.json says"]),
    "package, damaged": (3, ["weights.bin: is damaged: the CRC of its 23 words is wrong"]),
}


@pytest.fixture(scope="module")
def said(
    loadable: Path, pynq: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict]:
    scratch = tmp_path_factory.mktemp("scratch")
    Weights(1).save(scratch, "other")
    (scratch / "shapes.bin").write_bytes(build_weight_image([np.zeros((24, 4), np.uint8)]))
    return run_script(pynq, "load_script.py", loadable, str(scratch))


def test_packaged_weights_are_loaded_and_others_take_their_place(said: dict) -> None:
    assert said["sound"]["status"] == 0, said["sound"]
    assert "check: 6 images (random pixels) bit for bit equal to golden" in said["sound"]["said"]
    assert said["swap"]["status"] == 0, said["swap"]
    assert f"sha256 {Weights(1).sha256[:12]}, loaded" in said["swap"]["said"]
    assert "bit for bit equal to" in said["swap"]["said"]
    assert "other.npz" in said["swap"]["said"]
    assert said["swap back"]["status"] == 0, said["swap back"]
    assert "equal to golden" in said["swap back"]["said"]


def test_every_fault_has_its_test(said: dict) -> None:
    assert set(said) == {"sound", "swap", "swap back", "images", *FAULTS}


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_is_named_and_the_next_call_works(said: dict, fault: str) -> None:
    status, parts = FAULTS[fault]
    assert said[fault]["status"] == status, said[fault]
    for part in parts:
        assert part in said[fault]["message"]
    assert said[fault]["message"].count("\n") == 0
    if "next" in said[fault]:
        assert (said[fault]["next"]["status"], said[fault]["next"]["message"]) == (0, "")
