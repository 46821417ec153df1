"""Folding of a network for a board: the search, and words on what limits its result."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from flow.errors import FoldError
from flow.hardware.costs.model import CostModel, load_model
from flow.hardware.folding.options import (
    Option,
    Pricing,
    Wish,
    converter_cost,
    layer_options,
    window_cost,
)
from flow.hardware.folding.prune import RESOURCES, Link
from flow.hardware.folding.search import (
    Problem,
    Solution,
    faster_than,
    fastest,
    least_excess,
    smallest,
)
from flow.hardware.folding.target import Choice, Target
from flow.hardware.kernels.input_offset import InputOffset
from flow.hardware.kernels.loader import Loader
from flow.hardware.kernels.shell import Shell
from flow.hardware.layers.matrix import MatrixLayer, scaled
from flow.hardware.synthesis.utilisation import Utilisation

_WIDTHS = (0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125)
_UNITS = {
    "lut": "LUTs",
    "ff": "registers",
    "bram36": "block RAMs",
    "uram": "UltraRAMs",
    "dsp": "DSP slices",
}
_ROUNDS = 4
_LOAD_WORDS = 1 << 18
"""Of a load image whose size is not known yet: one counter depends on it."""


def choose_folding(
    layers: Iterable[MatrixLayer],
    target: Target,
    wanted: Mapping[str, Wish] | None = None,
    model: CostModel | None = None,
) -> Choice:
    """Choose PE, SIMD, pixels and memory style of each layer.

    "smallest": the least area that reaches the target; "fastest": the highest speed within the
    budget, not below the target. `wanted`: wishes by layer name; PE and SIMD that are both wanted
    are used whatever their speed. Weights are loaded after reset where the target says so, or,
    left to the search ("auto"), where only UltraRAM reaches the target or a higher speed, or where
    the design then takes half the LUTs or less.
    Raises UserError naming the layer that cannot reach the target, an illegal wish, or what the
    board lacks.
    """
    shapes, wanted, model = list(layers), dict(wanted or {}), model or load_model()
    unknown = sorted(set(wanted) - {shape.name for shape in shapes})
    if unknown:
        raise FoldError(
            f"there is no layer {unknown[0]}; the layers are "
            f"{', '.join(shape.name for shape in shapes)} ([fold.layers.{unknown[0]}])"
        )
    best: Choice | None = None
    failed: list[_Failure] = []
    for loadable in _kinds_of_weights(shapes, target, wanted):
        found = _choose(shapes, target, wanted, _pricing(target, model, loadable))
        if isinstance(found, _Failure):
            failed.append(found)
        elif best is None or _much_better(found, best, target):
            best = found
    if best is None:
        raise FoldError(_does_not_fit(shapes, target, failed[-1]))
    return best


def _much_better(loaded: Choice, initialised: Choice, target: Target) -> bool:
    """Tell whether loading the weights after reset is worth it: faster, or half the LUTs."""
    if target.objective == "fastest":
        return loaded.bottleneck_cycles < initialised.bottleneck_cycles
    return loaded.cost.lut <= initialised.cost.lut / 2


@dataclass(frozen=True)
class _Failure:
    """A search that found nothing, and what was left of the budget for the layers."""

    problem: Problem
    pricing: Pricing
    reserved: Utilisation


def _kinds_of_weights(
    shapes: list[MatrixLayer], target: Target, wanted: Mapping[str, Wish]
) -> tuple[bool, ...]:
    """Return what to try, the preferred first: whether weights are loadable."""
    built_in = next((shape.name for shape in shapes if not shape.loadable), "")
    ultra = any(wish.style == "ultra" for wish in wanted.values())
    if built_in and (target.weights == "loadable" or ultra):
        raise FoldError(
            f"layer {built_in}: what follows it is made for its weights, which then cannot be "
            'loaded after reset; set specialize.weights to "initialised"'
        )
    if built_in:
        return (False,)
    if target.weights != "auto":
        return (target.weights == "loadable",)
    if any(wish.style == "ultra" for wish in wanted.values()):
        return (True,)
    return (False, True) if target.budget.uram else (False,)


def _choose(
    shapes: list[MatrixLayer], target: Target, wanted: Mapping[str, Wish], pricing: Pricing
) -> Choice | _Failure:
    """Return the folding with such weights, or what was tried."""
    problem = _problem(shapes, target, wanted, pricing)
    _check_reach(problem, target)
    fixed = _fixed_cost(shapes, target, pricing)
    reserved = fixed
    for _ in range(_ROUNDS):
        solution = _search(problem.with_budget(_minus(target.budget, reserved)), target)
        if solution is None:
            break
        others = fixed + converter_cost(shapes, solution.chosen, pricing)
        if _fits(solution.cost + others, target.budget):
            advice = _advice(problem.with_budget(_minus(target.budget, others)), target, solution)
            cost = solution.cost + others
            return Choice(solution.chosen, cost, solution.proven, advice, pricing.loadable)
        reserved = others  # the converters of this folding did not fit: leave room for them
    return _Failure(problem, pricing, reserved)


def _pricing(target: Target, model: CostModel, loadable: bool) -> Pricing:
    return Pricing(model, target.family, target.fifo_depth, loadable, bool(target.budget.uram))


def _problem(
    shapes: list[MatrixLayer], target: Target, wanted: Mapping[str, Wish], pricing: Pricing
) -> Problem:
    known: dict[tuple[MatrixLayer, Wish], list[Option]] = {}
    options = {}
    for shape in shapes:
        same = (replace(shape, name=""), wanted.get(shape.name, Wish()))
        if same not in known:
            known[same] = layer_options(shape, same[1], pricing)
        options[shape.name] = known[same]
    links = []
    into, before = {1}, ""
    for shape in shapes:
        windows = {(option.simd, option.pixels) for option in options[shape.name]}
        cost = {
            (pixels, *window): window_cost(shape, window[0], pixels, window[1], pricing)
            for pixels in into
            for window in windows
        }
        if shape.window is not None:
            links.append(Link(before, shape.name, cost))
        into, before = {option.pixels_out for option in options[shape.name]}, shape.name
    return Problem(
        options,
        target.budget,
        frozenset(name for name, wish in wanted.items() if wish.fixed),
        links,
    )


def _search(problem: Problem, target: Target) -> Solution | None:
    if target.objective == "smallest":
        return smallest(problem, target.cycles)
    found = fastest(problem)
    reached = found is not None and (found.cycles <= target.cycles or bool(problem.fixed))
    return found if reached else None


def _check_reach(problem: Problem, target: Target) -> None:
    for name in problem.options:
        best, cycles = min(problem.possible(name), key=lambda pair: pair[1])
        if cycles > target.cycles and name not in problem.fixed:
            raise FoldError(
                f"layer {name} needs {cycles} cycles a frame at its most parallel "
                f"({_parallel(best)}), {target.cycles} are allowed for "
                f"{target.target_fps:g} fps at {target.clock_mhz:g} MHz; set fold.target_fps "
                f"to {int(target.fps(cycles))} or less"
            )


def _parallel(option: Option) -> str:
    pixels = f", pixels={option.pixels}" if option.pixels > 1 else ""
    return f"PE={option.pe}, SIMD={option.simd}{pixels}"


def _fixed_cost(shapes: list[MatrixLayer], target: Target, pricing: Pricing) -> Utilisation:
    """Return what the shell and the input layer take, and the loader where there is one."""
    lanes, bits = shapes[0].simd_divides, shapes[0].in_bits
    if shapes[0].window is None:
        lanes = 1  # a flat input: its width is not known before the first layer is folded
    cost = pricing.of(InputOffset(lanes, offset=0, out_bits=bits))
    around = Shell(
        dma_width=target.dma_width_bits,
        in_width=lanes * 8,
        in_words=1024,
        in_beats=lanes * 8 * 1024 // target.dma_width_bits,
        out_lanes=1,
        out_elem_bits=shapes[-1].mw.bit_length() + 1,
        out_signed=True,
        out_dma_bits=16,
        out_words=shapes[-1].mh,
        load_words=_LOAD_WORDS if pricing.loadable else 0,
    )
    cost += pricing.of(around)
    if pricing.loadable:
        cost += pricing.of(Loader(_LOAD_WORDS))
    return cost + pricing.fifo(lanes * bits)


def _advice(problem: Problem, target: Target, solution: Solution) -> str:
    """Say which layer limits and what the next faster folding would need."""
    slowest = max(solution.chosen, key=lambda name: solution.chosen[name].cycles)
    option = solution.chosen[slowest]
    said = f"{slowest} limits with {option.cycles:,} cycles ({_parallel(option)})"
    faster = faster_than(problem, solution.cycles)
    if slowest in problem.fixed:
        return f"{said}: its PE and SIMD are given in [fold.layers.{slowest}]"
    if faster is None:
        return f"{said}: it is as parallel as it can be; a higher clock would relieve it"
    best = fastest(problem) if target.objective == "smallest" else None
    if best is not None and best.cycles < solution.cycles:
        return (
            f"{said}; up to {target.fps(best.cycles):,.0f} fps fit on {target.board} "
            "(fold.target_fps)"
        )
    needed = least_excess(problem, faster)
    lacks = _lacking(needed.cost, problem.budget) if needed is not None else []
    if not lacks:
        return said
    return f"{said}; {target.fps(faster):,.0f} fps would need {' and '.join(lacks)} more"


def _does_not_fit(shapes: list[MatrixLayer], target: Target, failure: _Failure) -> str:
    reserved, pricing = failure.reserved, failure.pricing
    left = failure.problem.with_budget(_minus(target.budget, reserved))
    needed = least_excess(left, target.cycles)
    lines = [f"{target.target_fps:g} fps at {target.clock_mhz:g} MHz do not fit on {target.board}"]
    if needed is not None:
        total = needed.cost + reserved
        over = [
            f"{_UNITS[name]}: {getattr(total, name):,.0f} needed, "
            f"{getattr(target.budget, name):,.0f} allowed, "
            f"{getattr(total, name) - getattr(target.budget, name):,.0f} missing"
            for name in RESOURCES
            if getattr(total, name) > getattr(target.budget, name)
        ]
        lines[0] += ": " + "; ".join(over)
    slower = fastest(left)
    if slower is not None:
        lines.append(f"{target.fps(slower.cycles):,.0f} fps fit (fold.target_fps)")
    else:
        lines.append("no speed fits: the weights alone are too many")
    width = _width_that_fits(shapes, target, pricing)
    if width is not None:
        lines.append(
            f"width {width:g} of this network (channels times {width:g}, about "
            f"{100 * (1 - width * width):.0f} % of the weights pruned) fits at "
            f"{target.target_fps:g} fps"
        )
    else:
        lines.append("no width down to 0.125 fits either: choose a larger board or a lower target")
    return "; ".join(lines)


def _width_that_fits(shapes: list[MatrixLayer], target: Target, pricing: Pricing) -> float | None:
    relaxed = replace(target, objective="smallest")
    for width in _WIDTHS:
        smaller = scaled(shapes, width)
        problem = _problem(smaller, relaxed, {}, pricing)
        room = _minus(target.budget, _fixed_cost(smaller, relaxed, pricing))
        found = smallest(problem.with_budget(room), target.cycles)
        if found is None:
            continue
        total = found.cost + converter_cost(smaller, found.chosen, pricing)
        if _fits(total, room):
            return width
    return None


def _lacking(cost: Utilisation, budget: Utilisation) -> list[str]:
    return [
        f"{getattr(cost, name) - getattr(budget, name):,.0f} {_UNITS[name]}"
        for name in RESOURCES
        if getattr(cost, name) > getattr(budget, name)
    ]


def _fits(cost: Utilisation, budget: Utilisation) -> bool:
    return all(getattr(cost, name) <= getattr(budget, name) for name in RESOURCES)


def _minus(budget: Utilisation, used: Utilisation) -> Utilisation:
    return Utilisation(
        *(max(0.0, getattr(budget, name) - getattr(used, name)) for name in RESOURCES)
    )
