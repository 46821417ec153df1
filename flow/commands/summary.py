"""A report in a few lines for the terminal; what was not measured is not mentioned."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from flow.engine.report import CheckReport, Report, ResourceReport
from flow.paths import shown


def summary_lines(report: Report, directory: Path) -> list[str]:
    """Return the lines `flow build` and `flow report` print."""
    lines = [f"{report.config} on {report.board}: {_stages(report)}"]
    lines += [
        f"  {stage.id} {stage.status}: {stage.reason}"
        for stage in report.stages
        if stage.status in ("skipped", "failed")
    ]
    lines += [f"  {name}: {said}" for name, said in report.opinions.items()]
    lines += _verify(report) + _throughput(report) + _resources(report)
    if report.bitstream is not None and report.bitstream.path is not None:
        lines.append(f"  bitstream: {report.bitstream.path}")
    lines.append(f"  everything measured: {shown(directory / 'report.json')}")
    return lines


def _stages(report: Report) -> str:
    counts = Counter(stage.status for stage in report.stages)
    return ", ".join(f"{count} {status}" for status, count in counts.items()) or "no stage has run"


def _verify(report: Report) -> list[str]:
    if report.verify is None:
        return []
    lines = []
    for name, check in report.verify:
        if isinstance(check, CheckReport):
            images = f"{check.images} image{'s' if check.images != 1 else ''}"
            outcome = "bit-exact" if check.bit_exact else "NOT bit-exact"
            lines.append(f"  {name}: {outcome} on {images}")
    return lines


def _throughput(report: Report) -> list[str]:
    found = report.throughput
    if found is None:
        return []
    parts = []
    if found.fps_rtlsim is not None:
        parts.append(f"{found.fps_rtlsim:,.1f} frames/s simulated")
    if found.fps_estimate is not None:
        parts.append(f"{found.fps_estimate:,.1f} frames/s estimated")
    if found.clock_mhz is not None:
        parts.append(f"at {found.clock_mhz:g} MHz")
    if found.bottleneck is not None:
        parts.append(f"slowest layer {found.bottleneck}")
    return [f"  throughput: {', '.join(parts)}"] if parts else []


def _resources(report: Report) -> list[str]:
    found = report.resources
    if found is None:
        return []
    lines = []
    for name in ("estimate", "yosys", "vivado"):
        used: ResourceReport | None = getattr(found, name)
        if used is not None:
            lines.append(f"  {name}: {_usage(used, found.device)}")
    if lines and found.fits is not None:
        lines.append("  fits the device" if found.fits else "  DOES NOT FIT the device")
    return lines


def _usage(used: ResourceReport, device: ResourceReport | None) -> str:
    parts = []
    for name in ResourceReport.model_fields:
        count, total = getattr(used, name), getattr(device, name, None)
        if count is not None:
            parts.append(f"{count:,g} {name}" + (f" of {total:,g}" if total is not None else ""))
    return ", ".join(parts)
