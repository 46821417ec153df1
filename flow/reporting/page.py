"""Facts to HTML: one file that needs nothing else, neither network nor script."""

from __future__ import annotations

import base64
import io
import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from numpy.typing import NDArray
from PIL import Image

from flow.config import find_config, load_config, parse_config
from flow.engine.report import CheckReport, Report, ResourceReport
from flow.errors import UserError
from flow.paths import PACKAGE_DIR, shown
from flow.reporting import plots
from flow.reporting.facts import LAYER_COUNTS, BuildFacts, gather

PAGE_NAME = "report.html"
OVERVIEW_NAME = "index.html"
RESOURCES = tuple(ResourceReport.model_fields)


def write_page(directory: Path) -> Path:
    """Write the page of the build in `directory` beside its report.json and return its path.

    Raises UserError if there is no report of this version.
    """
    path = directory / PAGE_NAME
    path.write_text(render_page(gather(directory)), encoding="utf-8")
    return path


def write_overview(build_dir: Path) -> Path:
    """Write the page of every build below `build_dir`, and an overview that links them.

    Raises UserError if there is no build.
    """
    found = find_builds(build_dir)
    if not found:
        raise UserError(f"{shown(build_dir)}: there is no build here; run flow build first")
    facts = [gather(directory) for directory in found]
    for one in facts:
        (one.directory / PAGE_NAME).write_text(render_page(one), encoding="utf-8")
    path = build_dir / OVERVIEW_NAME
    path.write_text(render_overview(facts, build_dir), encoding="utf-8")
    return path


def find_builds(build_dir: Path) -> list[Path]:
    """Return the folders below `build_dir` that hold a report: <configuration>/<board>."""
    return [path.parent for path in sorted(build_dir.glob("*/*/report.json"))]


def render_page(facts: BuildFacts) -> str:
    """Return the HTML of one build."""
    report = facts.report
    layers = [(layer.name, layer.cycles) for layer in facts.layers]
    used = used_resources(report)
    device = _counts(report.resources.device if report.resources else None)
    names = [facts.class_name(k) for k in range(_classes(facts))]
    figures = {
        "cycles": plots.cycle_bars(layers, facts.simulated_cycles) if layers else None,
        "utilisation": plots.utilisation_bars(used, device) if used else None,
        "confusion": (
            plots.confusion_map(
                [facts.class_name(k) for k in range(len(facts.confusion))], facts.confusion
            )
            if facts.confusion is not None
            else None
        ),
    }
    samples = [
        {
            "image": png_uri(sample.pixels),
            "bars": plots.score_bars(names, sample.scores, sample.label, f"sample{k}"),
            "label": facts.class_name(sample.label) if sample.label >= 0 else "",
            "predicted": names[int(np.argmax(sample.scores))],
            "right": sample.label == int(np.argmax(sample.scores)),
        }
        for k, sample in enumerate(facts.samples)
    ]
    return _template("report.html.j2").render(
        facts=facts,
        report=report,
        figures=figures,
        samples=samples,
        verdicts=verdicts(report),
        used=used,
        device=device,
        resources=[
            n for n in LAYER_COUNTS if any(layer.resources.get(n) for layer in facts.layers)
        ],
        resource_names=RESOURCES,
        commands=reproduce(facts),
        has_stalls=any(layer.stalls is not None for layer in facts.layers),
    )


def render_overview(facts: Sequence[BuildFacts], build_dir: Path) -> str:
    """Return the HTML that lists builds; links are relative to `build_dir`."""
    rows = [
        {
            "facts": one,
            "link": one.directory.relative_to(build_dir).as_posix() + f"/{PAGE_NAME}",
            "verdicts": verdicts(one.report),
            "failed": [s.id for s in one.stages if s.status == "failed"],
            "skipped": [s.id for s in one.stages if s.status == "skipped"],
        }
        for one in facts
    ]
    return _template("overview.html.j2").render(rows=rows, build_dir=shown(build_dir))


def verdicts(report: Report) -> list[dict[str, Any]]:
    """Return name, images and outcome of every check that ran."""
    if report.verify is None:
        return []
    return [
        {"name": name, "images": check.images, "bit_exact": check.bit_exact, "check": check}
        for name, check in report.verify
        if isinstance(check, CheckReport)
    ]


def used_resources(report: Report) -> dict[str, dict[str, float]]:
    """Return what is used by source, only counts that are there."""
    if report.resources is None:
        return {}
    found = {
        name: _counts(getattr(report.resources, name)) for name in ("estimate", "yosys", "vivado")
    }
    return {name: counts for name, counts in found.items() if counts}


def reproduce(facts: BuildFacts) -> list[str]:
    """Return the commands that make this build again from a checkout, settings included."""
    report = facts.report
    source = report.model.source if report.model is not None else None
    options = ["--board", report.board]
    try:
        base = load_config(find_config(report.config))
        options += ["--config", report.config]
    except UserError:
        base = parse_config({"name": report.config, "model": {"source": source or ""}}, None)
        options += ["--model", source or f"{report.config}.onnx"]
    known = base.model_dump(mode="json")
    for name, value in sorted(facts.settings.items()):
        if name.split(".")[0] in ("name", "model") or value == _setting(known, name):
            continue
        text = json.dumps(value) if isinstance(value, str | bool) else str(value)
        options += ["--set", f"{name}={text}"]
    return [
        shlex.join(["flow", "build", *options]),
        shlex.join(["flow", "verify", *options]),
    ]


def _setting(values: Any, name: str) -> Any:
    """Return the value of a dotted name, None where there is none."""
    for part in name.split("."):
        values = values.get(part) if isinstance(values, dict) else None
    return values


def png_uri(pixels: NDArray[np.uint8]) -> str:
    """Return an image, uint8 (H, W, C) with one or three channels, as a data: address."""
    stream = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(stream, "PNG")
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()


def _classes(facts: BuildFacts) -> int:
    return len(facts.samples[0].scores) if facts.samples else 0


def _counts(found: ResourceReport | None) -> dict[str, float]:
    if found is None:
        return {}
    counts = {name: getattr(found, name) for name in RESOURCES}
    return {name: count for name, count in counts.items() if count is not None}


def _template(name: str) -> Template:
    environment = Environment(
        loader=FileSystemLoader(PACKAGE_DIR / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["count"] = lambda value: f"{value:,.0f}"
    environment.filters["seconds"] = _seconds
    return environment.get_template(name)


def _seconds(value: float) -> str:
    if value < 60:
        return f"{value:.1f} s"
    return f"{value / 60:.1f} min"
