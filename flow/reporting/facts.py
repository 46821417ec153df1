"""What a build folder says about itself, gathered for a page; nothing is computed anew.

Only files that stages wrote are read, and each is optional: what has not run is left out. Nothing
here imports the stages or FINN, so that a page is made at once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from driver.scores import score_map_from_record
from flow.engine.report import Report, ResourceReport, read_report
from flow.engine.state import RECORD_NAME, StageRecord, read_record

SAMPLES = 8
LAYER_COUNTS = (*ResourceReport.model_fields, "logic_levels")


@dataclass(frozen=True)
class StageFact:
    """One stage: its state in the last run and how long its result took when it was made."""

    id: str
    status: str
    seconds: float
    text: str
    """Summary of a finished stage, reason of a skipped or failed one."""


@dataclass(frozen=True)
class LayerFact:
    """One layer of the accelerator; shapes are words a frame, lanes a word, bits a lane."""

    name: str
    kind: str
    size: str
    input: str
    output: str
    pe: int | None
    simd: int | None
    cycles: int
    memory_bits: int
    stalls: int | None
    """Cycles in which its output waited, over all simulated frames."""
    resources: Mapping[str, float]


@dataclass(frozen=True)
class FifoFact:
    """One FIFO: words it can hold and the most it held in the simulation (None: not recorded)."""

    name: str
    depth: int
    high_water: int | None


@dataclass(frozen=True)
class SampleFact:
    """One golden image, uint8 (H, W, C), with the network's output for it, float64 (classes,).

    label: -1 where unknown.
    """

    pixels: NDArray[np.uint8]
    label: int
    scores: NDArray[np.float64]


@dataclass(frozen=True)
class BuildFacts:
    """Everything a page shows of one build."""

    directory: Path
    report: Report
    stages: Sequence[StageFact]
    layers: Sequence[LayerFact]
    fifos: Sequence[FifoFact]
    samples: Sequence[SampleFact]
    sample_source: str
    class_names: Sequence[str]
    confusion: NDArray[np.int64] | None
    """int64 (classes, classes), [label, predicted]."""
    simulated_cycles: float | None
    compared: str
    """What the simulation compared: streams, words, images."""
    identity: str
    settings: Mapping[str, Any]
    """Dotted names and values of the configuration that the stages' results depend on."""
    warnings: Sequence[str]

    @property
    def title(self) -> str:
        """Configuration and board."""
        return f"{self.report.config} on {self.report.board}"

    @property
    def slowest(self) -> list[LayerFact]:
        """The layers with the most cycles, in order; none before the RTL is generated."""
        most = max((layer.cycles for layer in self.layers), default=0)
        return [layer for layer in self.layers if layer.cycles == most]

    def class_name(self, index: int) -> str:
        """Return the name of a class, its number where names are unknown."""
        return self.class_names[index] if index < len(self.class_names) else f"class {index}"


def gather(directory: Path) -> BuildFacts:
    """Read a build folder.

    Raises UserError if it holds no report.json of this version.
    """
    report = read_report(directory / "report.json")
    files = _Files(directory)
    design, simulated = files.json("design.json"), files.json("rtlsim.json")
    samples, source = _samples(files.path("golden.npz"))
    confusion, warnings = _confusion(files)
    return BuildFacts(
        directory=directory,
        report=report,
        stages=_stages(report, files.records),
        layers=_layers(design, simulated, files),
        fifos=_fifos(design, simulated, files.records),
        samples=samples,
        sample_source=source,
        class_names=_metric(files.records, "golden", "class_names", []),
        confusion=confusion,
        simulated_cycles=simulated.get("cycles_per_frame"),
        compared=_compared(simulated),
        identity=str(design.get("identity", "")),
        settings={
            name: value
            for record in files.records.values()
            for name, value in record.parts.get("config", {}).items()
        },
        warnings=[
            *_metric(files.records, "golden", "warnings", []),
            *warnings,
            *_blind(files.records),
        ],
    )


class _Files:
    """The finished results in a build folder, found by file name whatever their stage's number."""

    def __init__(self, directory: Path) -> None:
        self._places: dict[str, Path] = {}
        self.records: dict[str, StageRecord] = {}
        for path in sorted(directory.glob(f"*-*/{RECORD_NAME}")):
            record = read_record(path.parent)
            if record is None or path.parent.suffix in (".unfinished", ".replaced"):
                continue
            self.records[record.stage] = record
            for name in record.outputs:
                self._places[name] = path.parent / name

    def path(self, name: str) -> Path | None:
        """Return where a stage's output is, or None."""
        found = self._places.get(name)
        return found if found is not None and found.exists() else None

    def json(self, name: str) -> dict[str, Any]:
        """Return the object in a JSON output, empty where there is none."""
        path = self.path(name)
        if path is None:
            return {}
        value = json.loads(path.read_text(encoding="utf-8"))
        return value if isinstance(value, dict) else {}


def _stages(report: Report, records: Mapping[str, StageRecord]) -> list[StageFact]:
    facts = []
    for stage in report.stages:
        record = records.get(stage.id)
        if record is not None and stage.status in ("done", "cached"):
            facts.append(StageFact(stage.id, stage.status, record.seconds, record.summary))
        else:
            facts.append(StageFact(stage.id, stage.status, stage.seconds, stage.reason))
    return facts


def _layers(
    design: Mapping[str, Any], simulated: Mapping[str, Any], files: _Files
) -> list[LayerFact]:
    streams = {stream["name"]: stream for stream in design.get("streams", [])}
    memory: dict[str, int] = {}
    for image in design.get("memories", []):
        bits = int(image["depth"]) * int(image["width_bits"])
        memory[image["node"]] = memory.get(image["node"], 0) + bits
    costs = layer_resources(files.json("synthesis.json")) or layer_resources(
        files.json("estimate.json")
    )
    stalls = simulated.get("stalls", {})
    facts = []
    for node in design.get("nodes", []):
        if node["plumbing"]:
            continue
        parameters = {name.lower(): value for name, value in node["parameters"].items()}
        facts.append(
            LayerFact(
                name=node["name"],
                kind=node["module"],
                size=_size(parameters),
                input=_stream(streams[node["source"]]),
                output=_stream(streams[node["sink"]]),
                pe=_integer(parameters.get("pe")),
                simd=_integer(parameters.get("simd")),
                cycles=int(node["ideal_cycles"]),
                memory_bits=memory.get(node["name"], 0),
                stalls=_integer(stalls.get(node["sink"])),
                resources=costs.get(node["name"], {}),
            )
        )
    return facts


def layer_resources(record: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Return counts by layer name from estimate.json or synthesis.json, empty where it has none."""
    result: dict[str, dict[str, float]] = {}
    for name, item in record.get("instances", {}).items():
        found = {key: item[key] for key in LAYER_COUNTS if isinstance(item.get(key), int | float)}
        if found:
            result[name] = found
    return result


def _fifos(
    design: Mapping[str, Any], simulated: Mapping[str, Any], records: Mapping[str, StageRecord]
) -> list[FifoFact]:
    """Marks are those of rtlsim, else those of the simulation the FIFOs were sized with."""
    marks = simulated.get("high_water") or _metric(records, "size_fifos", "high_water", {})
    facts = []
    for node in design.get("nodes", []):
        parameters = {name.lower(): value for name, value in node["parameters"].items()}
        depth = _integer(parameters.get("depth"))
        if "fifo" in node["module"].lower() and depth is not None:
            facts.append(FifoFact(node["name"], depth, _integer(marks.get(node["name"]))))
    return facts


def _samples(path: Path | None) -> tuple[list[SampleFact], str]:
    if path is None:
        return [], ""
    with np.load(path) as data:
        images, labels, scores = data["images"], data["labels"], data["scores"]
        source = str(data["source"])
        means = score_map_from_record(json.loads(str(data["score_map"])))
    pictures = images.dtype == np.uint8 and images.shape[-1] in (1, 3)
    count = min(SAMPLES, len(images)) if pictures else 0
    real = means.real(scores)
    return [SampleFact(images[k], int(labels[k]), real[k]) for k in range(count)], source


def _confusion(files: _Files) -> tuple[NDArray[np.int64] | None, list[str]]:
    """Return the confusion matrix cppsim recorded, with a remark where it is no square matrix."""
    found = files.json("cppsim.json").get("confusion")
    if found is None:
        return None, []
    matrix = np.asarray(found, np.int64)
    if matrix.ndim == 2 and matrix.shape[0] == matrix.shape[1]:
        return matrix, []
    return None, [f"cppsim.json: the confusion matrix has shape {matrix.shape}; it is not shown"]


def _blind(records: Mapping[str, StageRecord]) -> list[str]:
    blind = _metric(records, "golden", "blind", [])
    if not blind:
        return []
    return [
        f"Most channels of {', '.join(blind)} are the same for all compared images: an error there "
        "could go unseen. Build with more images (--set verify.images=N)."
    ]


def _metric(records: Mapping[str, StageRecord], stage: str, name: str, absent: Any) -> Any:
    """Return what a stage measured, `absent` where it has not run."""
    return records[stage].metrics.get(name, absent) if stage in records else absent


def _compared(simulated: Mapping[str, Any]) -> str:
    if "streams" not in simulated:
        return ""
    return (
        f"{simulated['streams']} streams, {simulated.get('words', 0):,} words, "
        f"{simulated.get('images', 0)} images"
    )


def _size(parameters: Mapping[str, Any]) -> str:
    if "mw" in parameters and "mh" in parameters:
        return f"{parameters['mw']} × {parameters['mh']}"
    return ""


def _stream(stream: Mapping[str, Any]) -> str:
    return f"{stream['beats']:,} × {stream['lanes']} × {stream['elem_bits']} bit"


def _integer(value: object) -> int | None:
    return int(value) if isinstance(value, int | float) else None
