"""The typed network: what golden knows, as integers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from flow.engine.artifact import Artifact
from flow.engine.metrics import AT_LEAST_ONE, IS_TRUE, Metrics
from flow.engine.stage import Stage, StageContext, StageResult
from flow.frontend.compare import compare_with_golden
from flow.frontend.golden import GoldenModel
from flow.frontend.golden.vectors import GoldenVectors
from flow.frontend.to_network import network_from_golden
from flow.network import Network, save_network


@dataclass(frozen=True)
class NetworkMetrics(Metrics):
    """What `network` measures."""

    images: Annotated[int, AT_LEAST_ONE]
    tensors: int
    bit_exact: Annotated[bool, IS_TRUE]


class NetworkStage(Stage):
    """Read the golden model as a graph of integer operations; every edge must equal golden."""

    id = "network"
    metrics = NetworkMetrics
    requires = (Artifact.GOLDEN_MODEL, Artifact.GOLDEN_VECTORS)
    produces = (Artifact.NETWORK,)
    packages = ("numpy", "onnx", "onnxruntime")

    def run(self, ctx: StageContext) -> StageResult:
        golden = GoldenModel.load(ctx.input(Artifact.GOLDEN_MODEL))
        network = network_from_golden(golden)
        save_network(network, ctx.output(Artifact.NETWORK))
        vectors = GoldenVectors.load(ctx.input(Artifact.GOLDEN_VECTORS))
        outcome = compare_with_golden(network, golden, vectors.images)
        return StageResult(
            metrics=NetworkMetrics(
                images=outcome.images,
                tensors=outcome.tensors,
                bit_exact=outcome.bit_exact,
            ),
            summary=f"{_contents(network)}; equal to golden in {outcome.tensors} tensors "
            f"on {outcome.images} images",
            detail=outcome.difference,
            report={
                "verify": {"python": {"images": outcome.images, "bit_exact": outcome.bit_exact}},
                "model": {
                    "parameters": sum(int(node.weights.size) for node in network.products),
                    "macs_per_frame": sum(network.macs(node) for node in network.products),
                },
            },
        )


def _contents(network: Network) -> str:
    """Return the kinds of nodes and how many there are of each."""
    counts: dict[str, int] = {}
    for node in network.nodes:
        counts[node.kind] = counts.get(node.kind, 0) + 1
    return ", ".join(f"{count} {kind}" for kind, count in counts.items())
