"""Whether a network fits a board, judged by the flow's own cost model before anything is built."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import nn

from flow.board import Board
from flow.config.sections import FoldConfig
from flow.errors import UserError
from flow.hardware.folding import Target, choose_folding
from flow.hardware.kernels.max_pool import PoolShape
from flow.hardware.layers.matrix import MatrixLayer, WindowShape
from flow.hardware.stream import Element
from flow.hardware.synthesis.utilisation import Utilisation
from flow.models.registry import ModelSpec
from flow.training.pruning import fits_weight_memory
from flow.training.twin import TwinKit

_PIXEL_BITS = 8


def layer_shapes_of(spec: ModelSpec) -> list[MatrixLayer]:
    """Return the layers that the plan of a 1-bit network will have, in order.

    The same as `flow.hardware.plan` makes of the trained network, but for accumulators: these are
    as wide as any weights may need, the plan's as its own weights do.
    """
    shapes: list[MatrixLayer] = []
    own_padding = False
    with torch.device("meta"):
        layers = spec.layers(TwinKit()).eval()
        x = torch.empty(1, 3, spec.image_side, spec.image_side)
    for name, layer in layers.named_children():
        before = x.shape
        x = layer(x)
        if isinstance(layer, nn.ConstantPad2d):
            own_padding, padded = True, before
        elif isinstance(layer, nn.Conv2d):
            size = padded if own_padding else before
            edge = 1 if own_padding else int(layer.padding[0])
            window = WindowShape(
                (size[2], size[3]), size[1], (3, 3), pad=(edge,) * 4 if edge else (0, 0, 0, 0)
            )
            flags = bool(edge) and not own_padding and bool(shapes)
            shape = _shape(name, layer, x.shape[2] * x.shape[3], window, flags)
            shapes.append(replace(shape, columns=x.shape[3]))
            own_padding = False
        elif isinstance(layer, nn.Linear):
            shapes.append(_shape(name, layer, 1, None, False))
        elif isinstance(layer, nn.MaxPool2d):
            side = int(layer.kernel_size)  # type: ignore[arg-type]  # always one number here
            pool = PoolShape(Element(1), (before[2], before[3]), (side, side))
            shapes[-1] = replace(shapes[-1], behind=(*shapes[-1].behind, pool))
    shapes = [
        replace(shape, window_behind=behind is not None and behind.window is not None)
        for shape, behind in zip(shapes, [*shapes[1:], None], strict=True)
    ]
    first, last = shapes[0], shapes[-1]
    largest = first.mw << (_PIXEL_BITS - 1)
    shapes[0] = replace(
        first, in_bits=_PIXEL_BITS, in_signed=True, acc_bits=largest.bit_length() + 1
    )
    shapes[-1] = replace(last, steps=0, acc_bits=last.mw.bit_length() + 1)
    return shapes


def _shape(
    name: str, layer: nn.Conv2d | nn.Linear, vectors: int, window: WindowShape | None, flags: bool
) -> MatrixLayer:
    outputs, inputs = layer.weight.shape[0], layer.weight[0].numel()
    divides = window.channels if window is not None else inputs
    return MatrixLayer(name, inputs, outputs, vectors, divides, flags=flags, window=window)


def fits_board(board: Board) -> Callable[[ModelSpec], bool]:
    """Return the test whether a folding of a network fits a board's budget.

    At the board's clock and the frame rate that a build folds for unless told otherwise. Weights
    have to leave a quarter of the memory as well, for what stands between the layers.
    """
    small_enough = fits_weight_memory(board.budget)
    target = Target(
        FoldConfig().target_fps,
        board.clock_mhz(),
        board.yosys_family,
        Utilisation(**board.budget.model_dump()),
        board.name,
        dma_width_bits=board.dma_width_bits,
    )

    def fits(spec: ModelSpec) -> bool:
        if not small_enough(spec):
            return False
        try:
            choose_folding(layer_shapes_of(spec), target)
        except UserError:
            return False
        return True

    return fits
