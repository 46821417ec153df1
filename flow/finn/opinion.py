"""FINN's second opinion: what FINN makes of the same file, held against the network.

FINN reads the user's file by itself: its dialect, its streamlining, its own thresholds, its
hardware layers. Where it agrees, two readers found the same network. Where it refuses or differs,
that is a finding with layer and values; our path goes on, `impl = "hls"` does not.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from flow.errors import UserError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnx import NodeProto
    from qonnx.core.modelwrapper import ModelWrapper as ModelWrapper

    from flow.finn.thresholds import ExactThresholds
    from flow.frontend.golden.vectors import GoldenVectors
    from flow.network import Network

HARDWARE_GRAPH = "hardware.onnx"
_OPINION = "opinion.json"
_MOST_MOVED = 1
"""Steps by which a threshold may be off: what float32 rounding does. More is another function."""


@dataclass
class Opinion:
    """What FINN said.

    layers: activations of the network that were compared; agreeing: of which FINN has the same.
    moved: thresholds that FINN places one sum too early or too late. mapped: hardware layers.
    findings: what FINN refuses, and where it computes something else; empty where it agrees.
    """

    layers: int = 0
    agreeing: int = 0
    moved: int = 0
    mapped: int = 0
    findings: list[str] = field(default_factory=list)

    @property
    def agrees(self) -> bool:
        """Whether FINN reads the file as we do, to the last hardware layer."""
        return not self.findings

    def describe(self) -> str:
        """Return one line."""
        if self.findings:
            return f"FINN does not agree: {self.findings[0]}"
        moved = f", {self.moved} thresholds moved by one" if self.moved else ""
        return f"FINN agrees in {self.agreeing} of {self.layers} layers{moved}"

    def save(self, folder: Path) -> None:
        """Write the opinion beside FINN's graphs."""
        (folder / _OPINION).write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")


def load_opinion(folder: Path) -> Opinion:
    """Return the opinion that `Opinion.save` wrote."""
    return Opinion(**json.loads((folder / _OPINION).read_text(encoding="utf-8")))


def agreed_graph(folder: Path) -> Path:
    """Return FINN's hardware graph where FINN agrees; UserError where it does not."""
    opinion = load_opinion(folder)
    if not opinion.agrees:
        raise UserError(
            f"finn: {opinion.describe()}; FINN cannot build this network, our own layers can: "
            'set impl = "rtl"'
        )
    return folder / HARDWARE_GRAPH


def load_graph(path: Path) -> ModelWrapper:
    """Read an ONNX file the way qonnx and FINN handle one."""
    from qonnx.core.modelwrapper import ModelWrapper as ModelWrapper

    return ModelWrapper(str(path))


def ask_finn(
    file: Path,
    network: Network,
    vectors: GoldenVectors,
    folder: Path,
    progress: Callable[[int, int | None, str], None] = lambda done, total, text: None,
) -> Opinion:
    """Run FINN on the user's file and write its graphs into `folder` as far as it comes.

    What FINN raises, whatever it is, becomes a finding.
    """
    opinion, model = Opinion(), load_graph(file)
    steps: list[tuple[str, Callable[[ModelWrapper], ModelWrapper]]] = [
        ("tidy", _tidy),
        ("streamline", lambda graph: _streamline(graph, network, opinion)),
        ("map_layers", lambda graph: _map(graph, opinion)),
    ]
    names = ("tidy.onnx", "streamlined.onnx", HARDWARE_GRAPH)
    for k, ((name, step), kept) in enumerate(zip(steps, names, strict=True)):
        progress(k, len(steps) + 1, f"FINN: {name}")
        try:
            model = step(model)
        except UserError as error:
            opinion.findings.append(f"{name}: {error.text}")
            return opinion
        except Exception as error:  # noqa: BLE001  # FINN stops with assertions and KeyErrors alike
            text = (str(error).splitlines() or [""])[0]
            opinion.findings.append(f"{name}: FINN stops with {type(error).__name__}: {text}")
            return opinion
        model.save(str(folder / kept))
    progress(len(steps), len(steps) + 1, "FINN: executing its graph")
    _execute(model, vectors, opinion)
    return opinion


def _tidy(model: ModelWrapper) -> ModelWrapper:
    from flow.finn.tidy import tidy

    return tidy(model)


def _streamline(model: ModelWrapper, network: Network, opinion: Opinion) -> ModelWrapper:
    from flow.finn.streamlining import finish_streamlining, streamline
    from flow.finn.thresholds import activations, exact_thresholds

    model = streamline(model, input_codes(network))
    exact = exact_thresholds(network)
    opinion.layers = len(exact)
    _compare_thresholds(model, activations(model, exact), exact, opinion)
    return finish_streamlining(model, exact)


def input_codes(network: Network) -> NDArray[np.int64]:
    """Return the code of each pixel value, int64 (256,); pixels that are codes themselves."""
    from flow.network import InputCodes

    tables = network.of_kind(InputCodes)
    return tables[0].table.astype(np.int64) if tables else np.arange(256)


def _compare_thresholds(
    model: ModelWrapper,
    nodes: Sequence[NodeProto],
    expected: Sequence[ExactThresholds],
    opinion: Opinion,
) -> None:
    """Count layers that agree and thresholds that moved; a threshold further off is a finding."""
    for node, exact in zip(nodes, expected, strict=True):
        theirs = np.broadcast_to(model.get_initializer(node.input[1]), exact.thresholds.shape)
        distance = np.abs(exact.clipped(theirs) - exact.thresholds)
        if not np.any(distance > _MOST_MOVED):
            opinion.agreeing += 1
            opinion.moved += int(np.count_nonzero(distance))
            continue
        channel, step = (int(v) for v in np.argwhere(distance > _MOST_MOVED)[0])
        opinion.findings.append(
            f"streamline: {exact.name}, channel {channel}: FINN's threshold {step} is "
            f"{float(theirs[channel, step]):g}, ours {int(exact.thresholds[channel, step])}"
        )


def _map(model: ModelWrapper, opinion: Opinion) -> ModelWrapper:
    from flow.finn.mapping import to_hardware

    model = to_hardware(model)
    opinion.mapped = len(model.graph.node)
    return model


def _execute(model: ModelWrapper, vectors: GoldenVectors, opinion: Opinion) -> None:
    """Execute FINN's hardware graph on the golden images and compare it with golden."""
    from flow.finn.check import compare_graph

    try:
        difference = compare_graph(model, vectors, takes_pixels=True).difference
    except UserError as error:
        difference = str(error)
    except Exception as error:  # noqa: BLE001  # as above: qonnx's execution of FINN's own layers
        difference = f"FINN's graph cannot be executed ({type(error).__name__}: {error})"
    if difference:
        opinion.findings.append(f"map_layers: {difference}")
