"""Read Vivado's reports: timing summary, utilisation, power, and the messages of a log."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from flow.config import read_toml
from flow.errors import CheckFailed
from flow.paths import boards_dir

WAIVED_FILE = "critical_warnings.toml"

_SITE_TYPES: Mapping[str, tuple[str, ...]] = {
    # Names differ between the 7 series and UltraScale+.
    "lut": ("CLB LUTs", "Slice LUTs"),
    "ff": ("CLB Registers", "Slice Registers"),
    "latch": ("Register as Latch",),
    "bram36": ("Block RAM Tile",),
    "uram": ("URAM",),
    "dsp": ("DSPs",),
}
_OPTIONAL = ("uram",)  # the 7 series has none


@dataclass(frozen=True)
class Timing:
    """The design timing summary, in ns."""

    wns_ns: float
    tns_ns: float
    failing_endpoints: int
    whs_ns: float
    wpws_ns: float


@dataclass(frozen=True)
class Used:
    """One row of the utilisation report."""

    used: float
    available: int

    @property
    def share(self) -> float:
        """Share of the device, 0 to 1."""
        return self.used / self.available if self.available else 0.0


@dataclass(frozen=True)
class Power:
    """Vivado's vectorless estimate, in W."""

    total_w: float
    dynamic_w: float
    static_w: float


def parse_timing(text: str) -> Timing:
    """Read `report_timing_summary`. Raises CheckFailed if it has no design timing summary."""
    heading = re.search(r"^\s*WNS\(ns\)\s+TNS\(ns\).*\n[\s-]+\n(.*)$", text, re.MULTILINE)
    cells = heading[1].split() if heading else []
    if len(cells) < 12:
        raise CheckFailed("timing.rpt: no design timing summary; Vivado's report changed its form")
    if "NA" in (cells[0], cells[4]):
        raise CheckFailed("timing.rpt: no timing path was analysed: the design has no clock")
    wpws = float(cells[8]) if cells[8] != "NA" else 0.0
    return Timing(float(cells[0]), float(cells[1]), int(cells[2]), float(cells[4]), wpws)


def parse_utilisation(text: str) -> dict[str, Used]:
    """Read `report_utilization`: lut, ff, latch, bram36, uram (0 on the 7 series), dsp.

    Raises CheckFailed naming a row that is missing.
    """
    found = {}
    for name, site_types in _SITE_TYPES.items():
        row = next((row for row in (_row(text, s) for s in site_types) if row), None)
        if row is None and name not in _OPTIONAL:
            raise CheckFailed(
                f"utilization.rpt: no row {site_types[0]}; Vivado's report changed its form"
            )
        found[name] = row or Used(0.0, 0)
    return found


def parse_power(text: str) -> Power:
    """Read `report_power`. Raises CheckFailed naming a row that is missing."""
    return Power(
        _watts(text, "Total On-Chip Power (W)"),
        _watts(text, "Dynamic (W)"),
        _watts(text, "Device Static (W)"),
    )


def waived_warnings(more: Mapping[str, str]) -> dict[str, str]:
    """Return id -> reason of the critical warnings that do not stop a build.

    Those of board/common/critical_warnings.toml, and `more`, from the build's configuration.
    """
    known: dict[str, str] = read_toml(boards_dir() / "common" / WAIVED_FILE)["waived"]
    return {**known, **more}


def critical_warnings(log: str, waived: Mapping[str, str]) -> Counter[str]:
    """Return how often each critical warning that no waiver names occurs, by "[id] text"."""
    found: Counter[str] = Counter()
    for match in re.finditer(r"^CRITICAL WARNING: \[([^\]]+)\] *(.*)$", log, re.MULTILINE):
        if match[1] not in waived:
            found[f"[{match[1]}] {match[2][:200]}"] += 1
    return found


def how_to_waive(warnings: Iterable[str]) -> str:
    """Return what to do about the first critical warning, empty where there is none."""
    for warning in warnings:
        number = re.match(r"\[([^\]]+)\]", warning)
        if number is not None:
            return (
                "; correct what it names, or, if it does no harm, waive it: "
                f'--set \'vivado.waive={{"{number[1]}" = "why"}}\' (Vivado\'s results are kept '
                "for that; it does not run again)"
            )
    return ""


def inferred_latches(log: str) -> list[str]:
    """Return the variables for which synthesis made a latch ([Synth 8-327])."""
    return re.findall(r"\[Synth 8-327\] inferring latch for variable '([^']+)'", log)


def _row(text: str, site_type: str) -> Used | None:
    """Return the first row of `site_type`; its columns are found by the table's heading."""
    columns: list[str] = []
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if cells[0] == "Site Type":
            columns = cells
        # A footnote mark belongs to the name: "CLB LUTs*".
        elif columns and cells[0].rstrip("*") == site_type and len(cells) == len(columns):
            row = dict(zip(columns, cells, strict=True))
            return Used(float(row["Used"]), int(row["Available"]))
    return None


def _watts(text: str, name: str) -> float:
    match = re.search(rf"^\|\s*{re.escape(name)}\s*\|\s*<?([\d.]+)", text, re.MULTILINE)
    if match is None:
        raise CheckFailed(f"power.rpt: no row {name}; Vivado's report changed its form")
    return float(match[1])
