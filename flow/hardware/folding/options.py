"""What a layer could be: legal parallelism and memory styles, each with its cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from flow.errors import FoldError
from flow.hardware.costs.model import CostModel
from flow.hardware.kernels.fifo import Fifo
from flow.hardware.kernels.kernel import Kernel
from flow.hardware.kernels.width_converter import WidthConverter
from flow.hardware.layers.matrix import INTERNAL_STYLES, STYLES, MatrixLayer
from flow.hardware.synthesis.utilisation import NOTHING, Utilisation

_FEWEST_WORDS = 64
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
class Option:
    """The parallelism of one layer, where its weights lie, and its ideal cycles for a frame."""

    pe: int
    simd: int
    cycles: int
    style: str = "auto"
    cost: Utilisation = NOTHING
    pixels: int = 1
    """Pixels computed at a time."""
    pixels_out: int = 1
    """Pixels of a word behind all that follows."""
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

    def of(self, kernel: Kernel) -> Utilisation:
        """Return what a kernel takes."""
        return self.model.cost(kernel, self.family)

    def fifo(self, bits: int) -> Utilisation:
        """Return what a FIFO of words of so many bits takes."""
        if bits not in self._fifos:
            self._fifos[bits] = self.of(Fifo(bits, self.fifo_depth))
        return self._fifos[bits]

    @property
    def styles(self) -> tuple[str, ...]:
        """Return where weights may lie."""
        return STYLES if self.loadable and self.uram else INTERNAL_STYLES


def divisors(value: int) -> list[int]:
    """Return the divisors of `value`, ascending."""
    return [d for d in range(1, value + 1) if value % d == 0]


def legal(shape: MatrixLayer, what: str, wish: int | None) -> list[int]:
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
        raise FoldError(
            f"layer {shape.name}: {what}={wish} {why}; "
            f"use one of {', '.join(map(str, near))} ([fold.layers.{shape.name}])"
        )
    return [wish]


def legal_pixels(shape: MatrixLayer, wish: int | None) -> list[int]:
    """Return how many pixels at a time are legal, or just `wish`; UserError if that is not."""
    allowed = shape.legal_pixels()
    if wish is None or wish in allowed:
        return allowed if wish is None else [wish]
    raise FoldError(
        f"layer {shape.name}: pixels={wish} {_why_not(shape, wish)}; "
        f"use one of {', '.join(map(str, allowed))} ([fold.layers.{shape.name}])"
    )


def _why_not(shape: MatrixLayer, pixels: int) -> str:
    if shape.window is None:
        return "needs a sliding window in front, which alone hands on several pixels"
    if shape.columns % pixels:
        return f"does not divide the {shape.columns} columns of its output"
    if shape.window.stride[1] != 1:
        return f"needs a convolution of stride 1, not {shape.window.stride[1]}"
    try:
        out = shape.pixels_out(pixels)
    except ValueError as error:
        return f"does not fit what follows ({error})"
    return f"hands on {out} pixels at a time to a layer without a sliding window"


def legal_styles(shape: MatrixLayer, wish: str | None, words: int, pricing: Pricing) -> list[str]:
    """Return where `words` words of weights may lie, or just `wish`.

    Raises UserError for UltraRAM that is not there or cannot be loaded.
    """
    if wish is None:
        return list(pricing.styles) if words > _FEWEST_WORDS else ["distributed"]
    if wish == "ultra" and not pricing.loadable:
        raise FoldError(
            f'layer {shape.name}: style "ultra" has no initial contents; '
            'set specialize.weights to "auto" or "loadable"'
        )
    if wish == "ultra" and not pricing.uram:
        raise FoldError(
            f'layer {shape.name}: style "ultra", but the device has no UltraRAM; '
            f"use one of {', '.join(INTERNAL_STYLES)} ([fold.layers.{shape.name}])"
        )
    return [wish]


def layer_options(shape: MatrixLayer, wish: Wish, pricing: Pricing) -> list[Option]:
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
    found: list[Option] = []
    for simd, pixels in parallel:
        same = []
        for pe in legal(shape, "PE", wish.pe):
            words = (shape.mh // pe) * (shape.mw // simd)
            for style in legal_styles(shape, wish.style, words, pricing):
                cycles = shape.cycles(pe, simd, pixels)
                option = Option(
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
    shape: MatrixLayer, pe: int, simd: int, style: str, pricing: Pricing, pixels: int = 1
) -> Utilisation:
    """Return what a layer takes with its FIFOs and what follows it, its window left out."""
    unit = shape.unit(pe, simd, pixels=pixels, style=style, loadable=pricing.loadable)
    cost = pricing.of(unit) + pricing.fifo(pixels * pe * unit.out_bits)
    for kernel, follower in zip(shape.followers(pe, pixels), shape.behind, strict=True):
        lanes, pixels_out = kernel.word
        cost += pricing.of(kernel) + pricing.fifo(pixels_out * lanes * follower.element.bits)
    return cost


def window_cost(
    shape: MatrixLayer, simd: int, pixels_in: int, pixels_out: int, pricing: Pricing
) -> Utilisation:
    """Return what the window in front of a layer takes; nothing where it has none."""
    unit = shape.window_unit(simd, pixels_in, pixels_out)
    return NOTHING if unit is None else pricing.of(unit)


def converter_cost(
    layers: list[MatrixLayer], chosen: Mapping[str, Option], pricing: Pricing
) -> Utilisation:
    """Return what the width converters between the layers take."""
    total = Utilisation()
    before, pixels = layers[0].simd_divides, 1  # the input comes a pixel at a time
    for layer in layers:
        simd = chosen[layer.name].simd
        if before != simd:
            total += pricing.of(
                WidthConverter(before * layer.in_bits, simd * layer.in_bits, pixels)
            )
        before, pixels = chosen[layer.name].pe, chosen[layer.name].pixels_out
    return total


def undominated(options: Iterable[Option], speed: bool = True) -> list[Option]:
    """Return the options that are best at something: cycles (with `speed`) or a resource."""

    def key(option: Option) -> tuple[float, ...]:
        cost = option.cost
        resources = (cost.lut, cost.bram36, cost.ff, cost.uram, cost.dsp)
        return (option.cycles, *resources) if speed else resources

    kept: list[tuple[tuple[float, ...], Option]] = []
    for option in sorted(options, key=key):
        mine = key(option)
        if not any(all(a <= b for a, b in zip(theirs, mine, strict=True)) for theirs, _ in kept):
            kept.append((mine, option))
    return [option for _, option in kept]
