"""`flow verify --cppsim`: the compiled model over the whole test set again."""

from __future__ import annotations

from driver.cpu import CpuBackend
from flow.check import cppsim
from flow.engine.artifact import Artifact
from flow.engine.state import Build
from flow.engine.verify import Verifier, VerifyOptions, VerifyResult
from flow.finn import cppsim as finn_cppsim
from flow.finn.opinion import agreed_graph
from flow.frontend.golden import GoldenModel
from flow.frontend.golden.vectors import GoldenVectors
from flow.hardware.folding.data import Folding
from flow.network import load_network


class CppsimVerifier(Verifier):
    """Compare every score of the test set, and every layer of the golden images."""

    id = "cppsim"

    def run(self, build: Build, options: VerifyOptions) -> VerifyResult:
        settings = build.config.cppsim
        library = build.artifact(Artifact.CPPSIM_LIBRARY)
        golden_file = build.artifact(Artifact.GOLDEN_MODEL)
        golden = GoldenModel.load(golden_file)
        vectors = GoldenVectors.load(build.artifact(Artifact.GOLDEN_VECTORS))
        count = settings.images if options.images is None else options.images
        images = cppsim.choose_images(build.data_dir, count, vectors, golden.input)
        threads = cppsim.default_threads(settings.threads)
        key = cppsim.scores_key(golden_file, images.images)
        wanted = cppsim.load_scores(build.artifact(Artifact.CPPSIM_SCORES), key)
        if wanted is None:
            wanted = cppsim.golden_scores(
                golden, images.images, threads, lambda done, total, text: None
            )
        network = load_network(build.artifact(Artifact.NETWORK))
        backend = CpuBackend(library, threads=threads)
        outcome = cppsim.compare(backend, network, golden, vectors, images, wanted)
        lines = [f"cppsim: {outcome.describe()}"]
        if outcome.confusion is not None and outcome.bit_exact:
            lines += cppsim.confusion_table(outcome.confusion, images.class_names)
        ok = outcome.bit_exact
        if build.config.impl == "hls":
            folding = Folding.load(build.artifact(Artifact.FOLDING))
            graph = agreed_graph(build.artifact(Artifact.FINN))
            finn = finn_cppsim.check(graph, folding, vectors, build.board.part)
            lines.append(finn.line)
            ok = ok and finn.ok
        report = {"verify": {"cppsim": cppsim.report_part(outcome)}}
        return VerifyResult("\n".join(lines), ok=ok, report=report)
