"""The manifest of a package for a board, whose bitstream is a stand-in."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from nets import picture_rule

from driver.manifest import MANIFEST_SCHEMA
from driver.scores import ScoreMap

IDENTITY = "0123456789abcdef" * 4


def write_package(folder: Path, **changes: object) -> Path:
    manifest = {
        "schema": MANIFEST_SCHEMA,
        "name": "toy",
        "board": "ZCU104",
        "identity": IDENTITY,
        "shell_version": 1,
        "clock_mhz": 187.499998,
        "login": {"kind": "pynq_image", "image": "PYNQ 2.7", "environment": []},
        "ps": {"cell": "zynq_ultra_ps_e", "ref_mhz": 33.333333},
        "input": {**picture_rule((4, 4, 3)).record(), "frame_bytes": 48},
        "output": {"classes": 2, "elem_bits": 16, "frame_bytes": 16},
        "class_names": ["cat", "dog"],
        "cycles_per_frame": 100.0,
        "weights": {"loadable": False},
        "bitstream": "accelerator.bit",
        "golden": "golden.npz",
        "golden_onnx": "golden.onnx",
        "simulator": None,
        "cpu_library": None,
        "versions": {},
        **changes,
    }
    classes = manifest["output"].get("classes", 2)
    manifest.setdefault("scores", ScoreMap((2.0,) * classes, (0.0,) * classes, 4.0)._asdict())
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "accelerator.bit").write_bytes(b"bits")
    digest = hashlib.sha256(b"bits").hexdigest()
    (folder / "SHA256SUMS").write_text(f"{digest}  accelerator.bit\n")
    return folder
