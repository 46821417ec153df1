"""`flow inspect`: what is in a model, what becomes hardware, what does not and why."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from flow.board import Board, all_boards
from flow.commands.output import print_json, print_table
from flow.errors import UserError
from flow.paths import shown

if TYPE_CHECKING:
    from onnx import ModelProto

    from flow.check.survey import Survey
    from flow.finn.opinion import Opinion

BRAM36_BITS = 36 * 1024
URAM_BITS = 288 * 1024
_FINN_IMAGES = 2


@dataclass(frozen=True)
class BoardFit:
    """Whether a network's weights fit the memory that builds may plan with on a board."""

    board: str
    memory_bits: int
    share: float
    fits: bool


def inspect(model: Path, *, deep: bool, as_json: bool) -> None:
    """Print what is in `model`, node by node, and what can be built.

    deep: also ask FINN, whose opinion decides nothing but what `impl = "hls"` can build.
    Ends with exit code 2 where the network cannot be built. UserError where there is no such file
    or it is no ONNX file.
    """
    from flow.check.survey import padding_contract, reasons, survey
    from flow.frontend.golden import load_onnx

    if not model.is_file():
        raise UserError(f"inspect: there is no file {shown(model)}; give a QONNX or QCDQ file")
    proto = load_onnx(model)
    found = survey(proto)
    refused = reasons(found)
    finn = finn_opinion(model) if deep and not refused else None
    warning = "" if refused else input_warning(proto)
    operators = Counter(node.op_type for node in proto.graph.node)
    weight_bits = sum(layer.weights * layer.weight_bits for layer in found.layers)
    fits = board_fits(weight_bits, all_boards())
    if as_json:
        print_json(
            {
                "model": str(model),
                "builds": not refused,
                "image_shape": None if found.input is None else found.input.shape,
                "operators": dict(operators),
                "macs_per_frame": sum(layer.macs for layer in found.layers),
                "parameters": sum(layer.weights for layer in found.layers),
                "weight_bits": weight_bits,
                "padding": padding_contract(found),
                "input": None if found.input is None else found.input.record(),
                "warning": warning or None,
                "layers": [asdict(layer) for layer in found.layers],
                "nodes": [asdict(node) for node in found.nodes],
                "refused": refused,
                "finn": None if finn is None else asdict(finn),
                "boards": [asdict(fit) for fit in fits],
            }
        )
        if refused:
            raise typer.Exit(2)
        return
    if warning:
        typer.echo(f"warning: {warning}\n")
    _print_nodes(found)
    _print_layers(found)
    shape = "x".join(map(str, found.input.shape)) if found.input else "unknown"
    typer.echo(
        f"\n{shown(model)}: {found.input.kind if found.input else 'input'} {shape} (H, W, C), "
        f"{sum(layer.macs for layer in found.layers):,} MACs a frame, "
        f"{sum(layer.weights for layer in found.layers):,} weights = {weight_bits:,} bits, "
        f"padding behind the first layer: {padding_contract(found)}"
    )
    typer.echo("operators: " + ", ".join(f"{n} {op}" for op, n in operators.most_common()))
    print_table(
        ["board", "on-chip memory for weights", "share", "weights fit"],
        [
            [fit.board, f"{fit.memory_bits:,} bit", f"{fit.share:.0%}", "yes" if fit.fits else "NO"]
            for fit in fits
        ],
    )
    if refused:
        typer.echo(f"\ncannot be built, {len(refused)} reason{'s' if len(refused) > 1 else ''}:")
        typer.echo("\n".join(f"  {line}" for line in refused))
        typer.echo("docs/scope.md says what to do instead")
        raise typer.Exit(2)
    if finn is not None:
        typer.echo(f"\n{finn.describe()}")
    typer.echo(f"\ncan be built: flow build --board BOARD --model {shown(model)}")


def input_warning(model: ModelProto) -> str:
    """Return what is remarkable about the codes that can come in; empty for nothing."""
    from flow.frontend.golden import lower_to_plain_onnx
    from flow.frontend.input_codes import codes_seen
    from flow.frontend.to_network import network_from_golden

    golden = lower_to_plain_onnx(model)
    return codes_seen(golden, network_from_golden(golden), None).warning


def finn_opinion(model: Path) -> Opinion:
    """Return what FINN makes of the file, on two random inputs."""
    from tempfile import TemporaryDirectory

    import numpy as np

    from flow.data.images import ImageSet
    from flow.data.input_values import random_inputs
    from flow.finn.opinion import ask_finn
    from flow.frontend.golden import load_onnx, lower_to_plain_onnx
    from flow.frontend.golden.session import record_vectors
    from flow.frontend.to_network import network_from_golden

    golden = lower_to_plain_onnx(load_onnx(model))
    images, _ = random_inputs(golden.input, _FINN_IMAGES, np.random.default_rng(0))
    data = ImageSet(images, np.full(_FINN_IMAGES, -1), (), "random")
    vectors = record_vectors(golden, data)
    with TemporaryDirectory() as folder:
        network = network_from_golden(golden)
        return ask_finn(model, network, vectors, Path(folder))


def board_fits(weight_bits: int, boards: list[Board]) -> list[BoardFit]:
    """Return for each board how much of the block RAM and UltraRAM in its budget weights take."""
    fits = []
    for board in boards:
        budget = board.budget
        memory = budget.bram36 * BRAM36_BITS + budget.uram * URAM_BITS
        share = weight_bits / memory
        fits.append(BoardFit(board.name, memory, share, share <= 1))
    return fits


def _print_nodes(found: Survey) -> None:
    rows: list[list[Any]] = [
        [
            node.name,
            node.op,
            "x".join(map(str, node.shape)) or "?",
            node.becomes or f"NO: {node.refused}",
        ]
        for node in found.nodes
    ]
    print_table(["node", "operator", "output", "becomes"], rows)


def _print_layers(found: Survey) -> None:
    if not found.layers:
        return
    typer.echo("")
    print_table(
        ["layer", "kind", "weights", "weight bits", "MACs a frame", "padding"],
        [
            [
                layer.name,
                layer.kind,
                f"{layer.weights:,}",
                str(layer.weight_bits),
                f"{layer.macs:,}",
                layer.padding,
            ]
            for layer in found.layers
        ],
    )
