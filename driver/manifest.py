"""manifest.json: what the driver knows about the accelerator in its package."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from driver.errors import CheckFailed, InputError
from driver.inputs import InputRule, rule_from_record
from driver.scores import ScoreMap, score_map_from_record

if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Tuple

MANIFEST_NAME = "manifest.json"
MANIFEST_SCHEMA = 7
SUMS_NAME = "SHA256SUMS"


class WeightsEntry(NamedTuple):
    """The weights in the package, for an accelerator that they are loaded into after reset."""

    file: str
    sha256: str
    """Of the payload, as the accelerator says it after loading (see driver/weight_image.py)."""
    words: int


class Manifest(NamedTuple):
    """One accelerator: what it is, how images and scores lie in memory, what was measured."""

    folder: Path
    name: str
    board: str
    identity: str
    """sha256 over the sources, and over the memory images unless they are loaded; the shell's
    registers hold the same."""
    shell_version: int
    login: Dict[str, Any]
    """How one gets to the board's shell (board.toml, [login])."""
    clock_mhz: float
    """What timing was closed for."""
    ps_cell: str
    ps_ref_mhz: float
    """Reference clock of the PS on this board."""
    input: InputRule
    """How values and pixels become what the DMA carries."""
    in_frame_bytes: int
    out_frame_bytes: int
    out_elem_bits: int
    classes: int
    class_names: List[str]
    scores: ScoreMap
    """What the scores stand for, and which class they mean."""
    cycles_per_frame: float
    weights: Optional[WeightsEntry]
    """None: the weights are part of the bitstream."""
    bitstream: Optional[str]
    golden: str
    golden_onnx: str
    simulator: Optional[str]
    cpu_library: Optional[str]
    versions: Dict[str, str]

    @property
    def image_shape(self) -> Tuple[int, int, int]:
        """Height, width and channels of what goes in."""
        return self.input.shape

    def path(self, name: str) -> Path:
        """Return a file of the package.

        Raises InputError where it is missing.
        """
        path = self.folder / name
        if not path.is_file():
            raise InputError(f"{path}: is missing; copy or unzip the whole package again")
        return path

    def checked_path(self, name: str) -> Path:
        """Return a file whose sha256 is the one in SHA256SUMS; raises CheckFailed where not."""
        path = self.path(name)
        sums = self.path(SUMS_NAME).read_text(encoding="utf-8").splitlines()
        expected = {file: digest for digest, _, file in (line.partition("  ") for line in sums)}
        found = sha256_of(path)
        if found != expected.get(name):
            raise CheckFailed(
                f"{path}: is damaged: sha256 {found[:12]}…, {SUMS_NAME} says "
                f"{expected.get(name, 'nothing')[:12]}…; copy or unzip the package again"
            )
        return path


def load_manifest(folder: Path) -> Manifest:
    """Read the manifest of the package in `folder`.

    Raises InputError if there is none, or one that this driver does not understand.
    """
    path = folder / MANIFEST_NAME
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read: {error.strerror}; name the unzipped package with --package"
        ) from error
    except ValueError as error:
        raise InputError(f"{path}: is not JSON: {error}; unzip the package again") from error
    if not isinstance(values, dict) or values.get("schema") != MANIFEST_SCHEMA:
        found = values.get("schema") if isinstance(values, dict) else None
        raise InputError(
            f"{path}: has schema {found}, this driver reads {MANIFEST_SCHEMA}; use the driver that "
            "lies in the same package"
        )
    try:
        return _manifest(folder, values)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: an entry is missing or wrong: {error!r}") from error


def sha256_of(path: Path) -> str:
    """Return the hexadecimal sha256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _manifest(folder: Path, values: Dict[str, Any]) -> Manifest:
    identity = str(values["identity"])
    if len(identity) != 64 or int(identity, 16) < 0:
        raise ValueError(f"identity {identity!r}")
    names = [str(name) for name in values["class_names"]]
    classes = int(values["output"]["classes"])
    if len(names) != classes:
        raise ValueError(f"{len(names)} class_names for {classes} classes")
    bits = int(values["output"]["elem_bits"])
    if bits not in (16, 32):
        raise ValueError(f"elem_bits {bits}")
    return Manifest(
        folder=folder,
        name=str(values["name"]),
        board=str(values["board"]),
        identity=identity,
        shell_version=int(values["shell_version"]),
        login=dict(values["login"]),
        clock_mhz=float(values["clock_mhz"]),
        ps_cell=str(values["ps"]["cell"]),
        ps_ref_mhz=float(values["ps"]["ref_mhz"]),
        input=_input(folder, values["input"]),
        in_frame_bytes=int(values["input"]["frame_bytes"]),
        out_frame_bytes=int(values["output"]["frame_bytes"]),
        out_elem_bits=bits,
        classes=classes,
        class_names=names,
        scores=_score_map(values["scores"], classes),
        cycles_per_frame=float(values["cycles_per_frame"]),
        weights=_weights(values["weights"]),
        bitstream=values["bitstream"],
        golden=str(values["golden"]),
        golden_onnx=str(values["golden_onnx"]),
        simulator=values["simulator"],
        cpu_library=values["cpu_library"],
        versions={str(key): str(value) for key, value in values["versions"].items()},
    )


def _input(folder: Path, values: Dict[str, Any]) -> InputRule:
    """Return the rule of the input; its steps are a file of the package."""
    name = values["steps"]
    if name is None:
        return rule_from_record(values)
    try:
        with np.load(str(folder / name), allow_pickle=False) as arrays:
            return rule_from_record(values, arrays)
    except OSError as error:
        raise InputError(f"{folder / name}: cannot be read ({error}); unzip it again") from error


def _weights(values: Dict[str, Any]) -> Optional[WeightsEntry]:
    if not values["loadable"]:
        return None
    sha256 = str(values["sha256"])
    if len(sha256) != 64 or int(sha256, 16) < 0:
        raise ValueError(f"weights.sha256 {sha256!r}")
    return WeightsEntry(str(values["file"]), sha256, int(values["words"]))


def _score_map(record: Dict[str, Any], classes: int) -> ScoreMap:
    found = score_map_from_record(record)
    if len(found.scale) != classes:
        raise ValueError(f"{len(found.scale)} scales of scores for {classes} classes")
    return found
