"""What a layer could be: legal parallelism and memory styles, each with its cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flow.errors import UserError
from flow.hw.costs import kernels
from flow.hw.costs.model import CostModel
from flow.hw.folding.layers import INTERNAL_STYLES, LayerShape
from flow.hw.netlist import NOTHING, Utilisation

Wish = tuple[int | None, int | None]
_STYLE_BITS = 64
"""Weight memories of fewer words than this are LUTs: a block RAM would be nearly empty."""


@dataclass(frozen=True)
class LayerFolding:
    """The parallelism of one layer, where its weights lie, and its ideal cycles for a frame."""

    pe: int
    simd: int
    cycles: int
    style: str = "auto"
    cost: Utilisation = NOTHING


def divisors(value: int) -> list[int]:
    """Return the divisors of `value`, ascending."""
    return [d for d in range(1, value + 1) if value % d == 0]


def legal(shape: LayerShape, what: str, wish: int | None) -> list[int]:
    """Return the legal values of "PE" or "SIMD", or just `wish`; UserError if that is illegal."""
    size, divides = (shape.mh, shape.mh) if what == "PE" else (shape.mw, shape.simd_divides)
    allowed = divisors(divides)
    if wish is None:
        return allowed
    if wish not in allowed:
        near = sorted(sorted(allowed, key=lambda value: abs(value - wish))[:3])
        why = f"does not divide {'MH' if what == 'PE' else 'MW'}={size}"
        if what == "SIMD" and size % wish == 0:
            why = f"does not divide the {divides} channels of a pixel"
        raise UserError(
            f"fold: layer {shape.name}: {what}={wish} {why}; "
            f"use one of {', '.join(map(str, near))} ([fold.layers.{shape.name}])"
        )
    return [wish]


def layer_options(
    shape: LayerShape, wish: Wish, model: CostModel, family: str, fifo_depth: int
) -> list[LayerFolding]:
    """Return every folding of a layer that no other beats in cycles and in every resource."""
    pe_wish, simd_wish = wish
    found = []
    for pe in legal(shape, "PE", pe_wish):
        for simd in legal(shape, "SIMD", simd_wish):
            words = (shape.mh // pe) * (shape.mw // simd)
            styles = INTERNAL_STYLES if words > _STYLE_BITS else ("distributed",)
            for style in styles:
                cost = layer_cost(shape, pe, simd, style, model, family, fifo_depth)
                found.append(LayerFolding(pe, simd, shape.cycles(pe, simd), style, cost))
    return _undominated(found)


def layer_cost(
    shape: LayerShape,
    pe: int,
    simd: int,
    style: str,
    model: CostModel,
    family: str,
    fifo_depth: int,
) -> Utilisation:
    """Return what a layer takes with its window, its FIFOs and the pool behind it."""
    unit = kernels.mvu(
        shape.mw,
        shape.mh,
        pe,
        simd,
        in_bits=shape.in_bits,
        in_signed=shape.in_signed,
        flags=shape.flags,
        thresholds=shape.thresholds,
        acc_bits=shape.acc_bits,
        style=style,
    )
    cost = model.kernel("bnn_mvu", unit, family)
    out_bits = pe * (1 if shape.thresholds else kernels.integer(unit, "AccBits"))
    cost += model.kernel("bnn_fifo", kernels.fifo(out_bits, fifo_depth), family)
    if shape.window is not None:
        window = kernels.sliding_window(
            shape.window.size,
            shape.window.channels,
            simd,
            elem_bits=shape.in_bits,
            kernel=shape.window.kernel,
            stride=shape.window.stride,
            pad=shape.window.pad,
        )
        cost += model.kernel("bnn_sliding_window", window, family)
    for pool in shape.pools:
        values = kernels.maxpool(pool.size, shape.mh, pe, pool.pool)
        cost += model.kernel("bnn_maxpool", values, family)
        cost += model.kernel("bnn_fifo", kernels.fifo(pe, fifo_depth), family)
    return cost


def converter_cost(
    layers: list[LayerShape],
    chosen: Mapping[str, LayerFolding],
    model: CostModel,
    family: str,
) -> Utilisation:
    """Return what the width converters between the layers take."""
    total = Utilisation()
    before = layers[0].simd_divides  # the input comes a pixel at a time
    for layer in layers:
        simd = chosen[layer.name].simd
        if before != simd:
            widths = kernels.width_converter(before * layer.in_bits, simd * layer.in_bits)
            total += model.kernel("bnn_width_converter", widths, family)
        before = chosen[layer.name].pe
    return total


def _undominated(options: list[LayerFolding]) -> list[LayerFolding]:
    """Return the options that are best at something: cycles, LUT, FF or block RAM."""

    def key(option: LayerFolding) -> tuple[float, ...]:
        cost = option.cost
        return (option.cycles, cost.lut, cost.bram36, cost.ff, cost.uram, cost.dsp)

    kept: list[tuple[tuple[float, ...], LayerFolding]] = []
    for option in sorted(options, key=key):
        mine = key(option)
        if not any(all(a <= b for a, b in zip(theirs, mine, strict=True)) for theirs, _ in kept):
            kept.append((mine, option))
    return [option for _, option in kept]
