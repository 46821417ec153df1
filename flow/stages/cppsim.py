"""The compiled bit model of the network, over the whole test set."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from typing import Annotated

from driver.cpu import CpuBackend
from flow.check import cppsim
from flow.check.cpp.library import compile_program, missing_compiler
from flow.check.cpp.program import program_of
from flow.engine.artifact import Artifact
from flow.engine.metrics import AT_LEAST_ONE, IS_TRUE, Metrics
from flow.engine.stage import Stage, StageContext, StageResult
from flow.finn import cppsim as finn_cppsim
from flow.finn.opinion import agreed_graph
from flow.frontend.golden import GoldenModel
from flow.frontend.golden.vectors import GoldenVectors
from flow.hardware.folding.data import Folding
from flow.network import load_network


@dataclass(frozen=True)
class CppsimMetrics(Metrics):
    """What `cppsim` measures."""

    images: Annotated[int, AT_LEAST_ONE]
    bit_exact: Annotated[bool, IS_TRUE]
    source: str
    layers: int
    layer_images: int
    accuracy: float | None
    confusion: list[list[int]] | None
    images_per_second: float
    threads: int
    isa: str
    macs: int
    library_bytes: int
    compile_seconds: float
    finn: str | None
    """With `impl = "hls"`: what FINN's own cppsim gave."""


class Cppsim(Stage):
    """Compile the network to C++ and compare every score with onnxruntime."""

    id = "cppsim"
    metrics = CppsimMetrics
    requires = (Artifact.NETWORK, Artifact.GOLDEN_MODEL, Artifact.GOLDEN_VECTORS)
    optional = (Artifact.FINN, Artifact.FOLDING)
    produces = (Artifact.CPPSIM_LIBRARY, Artifact.CPPSIM_SCORES, Artifact.CPPSIM_RESULT)
    config_fields = ("cppsim", "impl")
    board_fields = ("part",)
    packages = ("finn-plus", "onnx", "onnxruntime", "qonnx")
    sources = ("flow/check/cpp/*.cpp", "flow/check/cpp/*.hpp")

    def needs_tool(self) -> str | None:
        return missing_compiler()

    def external_files(self, build):  # type: ignore[no-untyped-def]
        return {"images": build.data_dir} if build.data_dir is not None else {}

    def run(self, ctx: StageContext) -> StageResult:
        settings = ctx.config.cppsim
        threads = cppsim.default_threads(settings.threads)
        network = load_network(ctx.input(Artifact.NETWORK))
        program = program_of(network)
        ctx.report_progress(0, None, "compiling")
        compiled = compile_program(program, ctx.dir / "compile")
        library = ctx.output(Artifact.CPPSIM_LIBRARY)
        shutil.move(compiled.path, library)
        shutil.rmtree(ctx.dir / "compile")
        golden_file = ctx.input(Artifact.GOLDEN_MODEL)
        golden = GoldenModel.load(golden_file)
        vectors = GoldenVectors.load(ctx.input(Artifact.GOLDEN_VECTORS))
        images = cppsim.choose_images(ctx.data_dir, settings.images, vectors, golden.input)
        key = cppsim.scores_key(golden_file, images.images)
        before = ctx.build.stage_dir(self.id) / Artifact.CPPSIM_SCORES.filename
        wanted = cppsim.load_scores(before, key)
        if wanted is None:
            wanted = cppsim.golden_scores(golden, images.images, threads, ctx.report_progress)
        cppsim.save_scores(ctx.output(Artifact.CPPSIM_SCORES), key, wanted)
        backend = CpuBackend(library, threads=threads)
        outcome = cppsim.compare(backend, network, golden, vectors, images, wanted)
        summary = outcome.describe()
        finn = None
        if ctx.config.impl == "hls":
            folding = Folding.load(ctx.input(Artifact.FOLDING))
            graph = agreed_graph(ctx.input(Artifact.FINN))
            finn = finn_cppsim.check(graph, folding, vectors, ctx.board.part)
            summary += f"; {finn.line}"
        record = CppsimMetrics(
            images=outcome.images,
            bit_exact=outcome.bit_exact and (finn is None or finn.ok),
            source=outcome.source,
            layers=outcome.layers,
            layer_images=outcome.layer_images,
            accuracy=outcome.accuracy,
            confusion=None if outcome.confusion is None else outcome.confusion.tolist(),
            images_per_second=round(outcome.images_per_second, 1),
            threads=backend.threads,
            isa=backend.isa,
            macs=program.macs,
            library_bytes=library.stat().st_size,
            compile_seconds=round(compiled.seconds, 2),
            finn=None if finn is None else finn.line,
        )
        ctx.output(Artifact.CPPSIM_RESULT).write_text(json.dumps(record.as_dict(), indent=1) + "\n")
        return StageResult(
            metrics=record,
            summary=summary,
            detail=summary,
            report={"verify": {"cppsim": cppsim.report_part(outcome)}},
        )
