"""A package whose accelerator is loadable_core.sv in the real shell: loading alone, in seconds."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
from driver_packages import SCRIPTS
from nets import picture_rule
from numpy.typing import NDArray

from driver.interface import SHELL_VERSION
from driver.manifest import MANIFEST_SCHEMA
from driver.scores import ScoreMap
from driver.weight_image import WEIGHTS_FILE, build_weight_image, parse_weight_image
from flow.check.axi.build import PROGRAM, build_simulator, collect_simulator
from flow.deploy.ip_core import DESIGN_HEADER, design_header
from flow.hardware.design import Design
from flow.hardware.emit import template
from flow.hardware.shell import shell_info, write_shell
from flow.hardware.sources import RTL_SOURCE_DIR
from flow.hardware.stream import Stream
from flow.stages.package import copy_driver, write_checksums

IDENTITY = "0123456789abcdef" * 4
CLASSES = 10
IMAGES = 6
CYCLES = 26.0
LOAD_WORDS = 23
SCORES = ScoreMap((2.0,) * CLASSES, (0.0,) * CLASSES, 4.0)
SIDE = 4


class Weights:
    """What is loaded, and what the core then computes."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.rows = rng.integers(0, 256, (CLASSES, 5), dtype=np.uint8)
        self.offsets = rng.integers(0, 256, (3, 2), dtype=np.uint8)
        self.image = build_weight_image([self.rows, self.offsets])
        self.sha256 = parse_weight_image(self.image, "image").sha256

    def scores(self, images: NDArray[np.uint8]) -> NDArray[np.int32]:
        sums = images.reshape(len(images), -1).sum(axis=1, dtype=np.uint16)
        low = np.ascontiguousarray(self.rows[:, :2]).view("<u2")[:, 0]
        high = np.ascontiguousarray(self.rows[:, 3:]).view("<u2")[:, 0]
        key = low ^ high ^ np.bitwise_xor.reduce(self.offsets.view("<u2")[:, 0])
        return (sums[:, None] ^ key[None, :]).astype(np.int16).astype(np.int32)

    def save(self, folder: Path, name: str) -> None:
        """Write <name>.bin, and <name>.npz with golden vectors for it."""
        images = np.random.default_rng(9).integers(0, 256, (IMAGES, SIDE, SIDE, 3), np.uint8)
        (folder / f"{name}.bin").write_bytes(self.image)
        np.savez(
            folder / f"{name}.npz",
            images=images,
            labels=np.full(IMAGES, -1),
            scores=self.scores(images),
            source=np.array("random pixels"),
        )


def write_loadable_package(folder: Path, work: Path) -> None:
    """Build the accelerator's simulator in `work`; write the package into `folder`."""
    folder.mkdir()
    design = _write_rtl(work)
    program = build_simulator(design, work, work / "build", timeout_s=600)
    collect_simulator(design, work, program, folder / "sim")
    copy_driver(folder / "driver")
    header = design_header(design, "loadable", SCORES, CYCLES)
    (folder / "driver" / "c" / DESIGN_HEADER).write_text(header)
    weights = Weights(0)
    weights.save(folder, "weights")
    (folder / "weights.npz").rename(folder / "golden.npz")
    manifest = {
        "schema": MANIFEST_SCHEMA,
        "name": "loadable",
        "board": "ZCU104",
        "identity": IDENTITY,
        "shell_version": SHELL_VERSION,
        "clock_mhz": 187.499998,
        "login": {"kind": "pynq_image", "image": "PYNQ 2.7", "environment": []},
        "ps": {"cell": "zynq_ultra_ps_e", "ref_mhz": 33.333333},
        "input": {
            **picture_rule((SIDE, SIDE, 3)).record(),
            "frame_bytes": design.shell.in_frame_bytes,
        },
        "output": {
            "classes": CLASSES,
            "elem_bits": design.shell.out_elem_bits,
            "frame_bytes": design.shell.out_frame_bytes,
        },
        "class_names": [f"class {k}" for k in range(CLASSES)],
        "scores": SCORES._asdict(),
        "cycles_per_frame": CYCLES,
        "weights": {
            "loadable": True,
            "file": WEIGHTS_FILE,
            "sha256": weights.sha256,
            "words": LOAD_WORDS,
        },
        "bitstream": None,
        "golden": "golden.npz",
        "golden_onnx": "golden.onnx",
        "simulator": f"sim/{PROGRAM}",
        "cpu_library": None,
        "ip_core": "bnnflow:accelerators:loadable:2.0",
        "versions": {},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    write_checksums(folder)


def _write_rtl(work: Path) -> Design:
    core = ["bnn_tb_chain_memory.sv", "bnn_crc32.sv", "bnn_loader.sv", "bnn_top.sv"]
    for name in core[1:3]:
        shutil.copyfile(RTL_SOURCE_DIR / name, work / name)
    shutil.copyfile(RTL_SOURCE_DIR.parent / "tb" / core[0], work / core[0])
    shutil.copyfile(SCRIPTS / "loadable_core.sv", work / core[3])
    streams = (Stream(3, 8, False, SIDE * SIDE), Stream(1, 16, True, CLASSES))
    shell = shell_info(*streams, 128, core, load_words=LOAD_WORDS)
    write_shell(template("accel.v.j2"), "a test", work, "bnn_top", streams, shell, IDENTITY)
    return Design(
        identity=IDENTITY,
        shell=shell,
        input_shape=[1, SIDE, SIDE, 3],
        output_shape=[1, CLASSES],
        nodes=[],
        streams=[],
        memories=[],
        sources=core,
    )
