"""What a layer could be: legal parallelism and memory styles, each with its cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from flow.errors import UserError
from flow.hw.costs import kernels
from flow.hw.costs.model import CostModel
from flow.hw.folding.layers import INTERNAL_STYLES, STYLES, LayerShape
from flow.hw.netlist import NOTHING, Utilisation
from flow.hw.stream import pooled_pixels

_STYLE_BITS = 64
"""Weight memories of fewer words than this are LUTs: a block RAM would be nearly empty."""


class Wish(NamedTuple):
    """What the user wants of one layer; None where the search is free."""

    pe: int | None = None
    simd: int | None = None
    pixels: int | None = None
    style: str | None = None

    @property
    def fixed(self) -> bool:
        """Whether the layer's speed is given: without a word on pixels it computes one."""
        return self.pe is not None and self.simd is not None


@dataclass(frozen=True)
class LayerFolding:
    """The parallelism of one layer, where its weights lie, and its ideal cycles for a frame."""

    pe: int
    simd: int
    cycles: int
    style: str = "auto"
    cost: Utilisation = NOTHING
    pixels: int = 1
    """Pixels computed at a time."""
    pixels_out: int = 1
    """Pixels of a word behind the pools."""
    window_words: int = 0
    """Words of a frame into the window in front, were each to hold one pixel."""


@dataclass(frozen=True)
class Pricing:
    """What the cost of a layer depends on beside its own geometry."""

    model: CostModel
    family: str
    fifo_depth: int
    loadable: bool = False
    """Whether weights and thresholds are sent in after reset."""
    uram: bool = False
    """Whether the device has UltraRAM."""
    _fifos: dict[int, Utilisation] = field(default_factory=dict, compare=False, repr=False)

    def fifo(self, bits: int) -> Utilisation:
        """Return what a FIFO of words of so many bits takes."""
        if bits not in self._fifos:
            values = kernels.fifo(bits, self.fifo_depth)
            self._fifos[bits] = self.model.kernel("bnn_fifo", values, self.family)
        return self._fifos[bits]

    @property
    def styles(self) -> tuple[str, ...]:
        """Return where weights may lie."""
        return STYLES if self.loadable and self.uram else INTERNAL_STYLES


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


def legal_pixels(shape: LayerShape, wish: int | None) -> list[int]:
    """Return how many pixels at a time are legal, or just `wish`; UserError if that is not."""
    allowed = shape.legal_pixels()
    if wish is None or wish in allowed:
        return allowed if wish is None else [wish]
    raise UserError(
        f"fold: layer {shape.name}: pixels={wish} {_why_not(shape, wish)}; "
        f"use one of {', '.join(map(str, allowed))} ([fold.layers.{shape.name}])"
    )


def _why_not(shape: LayerShape, pixels: int) -> str:
    if shape.window is None:
        return "needs a sliding window in front, which alone hands on several pixels"
    if shape.columns % pixels:
        return f"does not divide the {shape.columns} columns of its output"
    if shape.window.stride[1] != 1:
        return f"needs a convolution of stride 1, not {shape.window.stride[1]}"
    try:
        out = shape.pixels_out(pixels)
    except ValueError:
        return f"does not fit its {shape.pools[0].pool[0]}x{shape.pools[0].pool[1]} pool"
    return f"hands on {out} pixels at a time to a layer without a sliding window"


def legal_styles(shape: LayerShape, wish: str | None, words: int, pricing: Pricing) -> list[str]:
    """Return where `words` words of weights may lie, or just `wish`.

    Raises UserError for UltraRAM that is not there or cannot be loaded.
    """
    if wish is None:
        return list(pricing.styles) if words > _STYLE_BITS else ["distributed"]
    if wish == "ultra" and not pricing.loadable:
        raise UserError(
            f'fold: layer {shape.name}: style "ultra" has no initial contents; '
            'set specialize.weights to "auto" or "loadable"'
        )
    if wish == "ultra" and not pricing.uram:
        raise UserError(
            f'fold: layer {shape.name}: style "ultra", but the device has no UltraRAM; '
            f"use one of {', '.join(INTERNAL_STYLES)} ([fold.layers.{shape.name}])"
        )
    return [wish]


def layer_options(shape: LayerShape, wish: Wish, pricing: Pricing) -> list[LayerFolding]:
    """Return every folding of a layer that no other beats in cycles and in every resource.

    The window in front is not in the cost: it depends on the layer before (`window_cost`), and so
    only foldings of the same SIMD and pixels are held against each other.
    """
    pixels_wish = 1 if wish.fixed and wish.pixels is None else wish.pixels
    parallel = [
        (simd, pixels)
        for simd in legal(shape, "SIMD", wish.simd)
        for pixels in legal_pixels(shape, pixels_wish)
    ]
    found: list[LayerFolding] = []
    for simd, pixels in parallel:
        same = []
        for pe in legal(shape, "PE", wish.pe):
            words = (shape.mh // pe) * (shape.mw // simd)
            for style in legal_styles(shape, wish.style, words, pricing):
                cycles = shape.cycles(pe, simd, pixels)
                option = LayerFolding(
                    pe,
                    simd,
                    cycles,
                    style,
                    layer_cost(shape, pe, simd, style, pricing, pixels),
                    pixels,
                    shape.pixels_out(pixels),
                    shape.window_words(simd),
                )
                same.append(option)
        found += undominated(same)
    return found


def layer_cost(
    shape: LayerShape, pe: int, simd: int, style: str, pricing: Pricing, pixels: int = 1
) -> Utilisation:
    """Return what a layer takes with its FIFOs and the pools behind it, its window left out."""
    unit = kernels.mvu(
        shape.mw,
        shape.mh,
        pe,
        simd,
        pixels=pixels,
        in_bits=shape.in_bits,
        in_signed=shape.in_signed,
        flags=shape.flags,
        weight_bits=shape.weight_bits,
        steps=shape.steps,
        code_bits=shape.code_bits,
        acc_bits=None if pricing.loadable else shape.acc_bits,
        style=style,
        loadable=pricing.loadable,
    )
    model, family = pricing.model, pricing.family
    cost = model.kernel("bnn_mvu", unit, family)
    code_bits = shape.code_bits
    out_bits = pixels * pe * (code_bits if shape.steps else kernels.integer(unit, "AccBits"))
    cost += pricing.fifo(out_bits)
    for pool in shape.pools:
        values = kernels.maxpool(
            pool.size, shape.mh, pe, pool.pool, pixels, code_bits, shape.code_signed
        )
        cost += model.kernel("bnn_maxpool", values, family)
        pixels = pooled_pixels(pixels, pool.pool[1])
        cost += pricing.fifo(pixels * pe * code_bits)
    return cost


def window_cost(
    shape: LayerShape, simd: int, pixels_in: int, pixels_out: int, pricing: Pricing
) -> Utilisation:
    """Return what the window in front of a layer takes; nothing where it has none."""
    if shape.window is None:
        return NOTHING
    values = kernels.sliding_window(
        shape.window.size,
        shape.window.channels,
        simd,
        elem_bits=shape.in_bits,
        kernel=shape.window.kernel,
        stride=shape.window.stride,
        pad=shape.window.pad,
        pixels_in=pixels_in,
        pixels_out=pixels_out,
    )
    return pricing.model.kernel("bnn_sliding_window", values, pricing.family)


def converter_cost(
    layers: list[LayerShape], chosen: Mapping[str, LayerFolding], pricing: Pricing
) -> Utilisation:
    """Return what the width converters between the layers take."""
    total = Utilisation()
    before, pixels = layers[0].simd_divides, 1  # the input comes a pixel at a time
    for layer in layers:
        simd = chosen[layer.name].simd
        if before != simd:
            widths = kernels.width_converter(before * layer.in_bits, simd * layer.in_bits, pixels)
            total += pricing.model.kernel("bnn_width_converter", widths, pricing.family)
        before, pixels = chosen[layer.name].pe, chosen[layer.name].pixels_out
    return total


def undominated(options: Iterable[LayerFolding], speed: bool = True) -> list[LayerFolding]:
    """Return the options that are best at something: cycles (with `speed`) or a resource."""

    def key(option: LayerFolding) -> tuple[float, ...]:
        cost = option.cost
        resources = (cost.lut, cost.bram36, cost.ff, cost.uram, cost.dsp)
        return (option.cycles, *resources) if speed else resources

    kept: list[tuple[tuple[float, ...], LayerFolding]] = []
    for option in sorted(options, key=key):
        mine = key(option)
        if not any(all(a <= b for a, b in zip(theirs, mine, strict=True)) for theirs, _ in kept):
            kept.append((mine, option))
    return [option for _, option in kept]
