"""The search: one option for each layer, exactly, with a constraint solver (OR-Tools CP-SAT)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from flow.hardware.folding.options import Option
from flow.hardware.folding.prune import RESOURCES, Link, halves, pruned
from flow.hardware.synthesis.utilisation import NOTHING, Utilisation

_PARTS = 1_000_000_000
"""A whole budget, in the units of the area that is minimised."""
_WEIGHTS = {"lut": 1.0, "ff": 0.25, "bram36": 0.5, "uram": 0.5, "dsp": 0.5}
"""What a share of each resource counts: spare LUTs ease routing, spare memories ease nothing."""


@dataclass(frozen=True)
class Solution:
    """One option for each layer; `proven` if the solver showed that none is better.

    Cost and cycles of an option include the window in front of it.
    """

    chosen: Mapping[str, Option]
    proven: bool

    @property
    def cycles(self) -> int:
        """Cycles of the slowest layer."""
        return max(option.cycles for option in self.chosen.values())

    @property
    def cost(self) -> Utilisation:
        """Sum over the layers."""
        total = Utilisation()
        for option in self.chosen.values():
            total += option.cost
        return total


@dataclass(frozen=True)
class Problem:
    """Options by layer, and how much of each resource they may take together."""

    options: Mapping[str, Sequence[Option]]
    budget: Utilisation
    fixed: frozenset[str] = frozenset()
    """Layers whose parallelism the user gave: they are as slow as they are."""
    links: Sequence[Link] = ()
    seconds: float = 10.0
    """For one search; the solver is single-threaded and seeded, so results repeat."""

    def with_budget(self, budget: Utilisation) -> Problem:
        """Return the same problem with another budget."""
        return replace(self, budget=budget)

    def steps(self) -> list[int]:
        """Return the cycles of a frame that some folding has, ascending."""
        free = [
            {cycles for _, cycles in self.possible(name)}
            for name in self.options
            if name not in self.fixed
        ]
        floor = max((min(cycles) for cycles in free), default=0)
        return sorted({step for cycles in free for step in cycles if step >= floor}) or [0]

    def possible(self, name: str) -> list[tuple[Option, int]]:
        """Return a layer's options with the cycles each may have, by what comes to its window."""
        before = next((link.before for link in self.links if link.after == name), "")
        into = {option.pixels_out for option in self.options[before]} if before else {1}
        return [
            (option, max(option.cycles, math.ceil(option.window_words / pixels)))
            for option in self.options[name]
            for pixels in into
        ]


def smallest(problem: Problem, cycles: int) -> Solution | None:
    """Return the least area within the budget with no layer over `cycles`, or None."""
    return _solve(problem, cycles, within=True)


def least_excess(problem: Problem, cycles: int) -> Solution | None:
    """Return the folding within `cycles` that goes least over the budget, or None."""
    return _solve(problem, cycles, within=False)


def fastest(problem: Problem) -> Solution | None:
    """Return the fastest folding within the budget, the smallest of those, or None.

    The cycles of a frame are those of some option, so a binary search over them is exact. It asks
    only whether something fits; the area is minimised once, at the end.
    """
    steps = problem.steps()
    low, high, best, sure = 0, len(steps) - 1, None, True
    while low <= high:
        middle = (low + high) // 2
        found = _solve(problem, steps[middle], within=True, minimise=False)
        if found is None:
            low = middle + 1
        elif not found.chosen:  # the time was up
            low, sure = middle + 1, False
        else:
            best, high = found, middle - 1
    if best is None:
        return None
    small = smallest(problem, best.cycles) or best
    return replace(small, proven=small.proven and sure)


def faster_than(problem: Problem, cycles: int) -> int | None:
    """Return the greatest cycles below `cycles` at which every layer has an option, or None."""
    reachable = [step for step in problem.steps() if step < cycles]
    return max(reachable) if reachable else None


def _solve(problem: Problem, cycles: int, within: bool, minimise: bool = True) -> Solution | None:
    """Return the best folding within `cycles`, or None where there is none.

    With `minimise` false any will do, and one without a choice says that the time was up.
    """
    from ortools.sat.python import cp_model

    model = cp_model.CpModel()
    usable = {
        name: [o for o in options if o.cycles <= cycles or name in problem.fixed]
        for name, options in problem.options.items()
    }
    if not all(usable.values()):
        return None
    chosen: dict[str, list[tuple[Option, Any]]] = {}
    for name, left in pruned(usable, problem.links, problem.fixed, cycles).items():
        chosen[name] = [(o, model.new_bool_var(f"{name}_{k}")) for k, o in enumerate(left)]
        model.add_exactly_one(variable for _, variable in chosen[name])
    costs = [(halves(o.cost), variable) for pairs in chosen.values() for o, variable in pairs]
    for link in problem.links:
        costs += _linked(model, link, chosen, cycles if link.after not in problem.fixed else None)
    area = []
    for k, resource in enumerate(RESOURCES):
        limit = getattr(problem.budget, resource)
        used = [(cost[k], variable) for cost, variable in costs if cost[k]]
        if not used:
            continue
        total = sum(amount * variable for amount, variable in used)
        if within:
            model.add(total <= int(2 * limit))
            unit = _WEIGHTS[resource] * _PARTS / max(2 * limit, 1)
            area += [(max(1, round(amount * unit)), variable) for amount, variable in used]
        else:
            over = model.new_int_var(0, sum(amount for amount, _ in used), f"over_{resource}")
            model.add(over >= total - int(2 * limit))
            area.append((max(1, round(_PARTS / max(2 * limit, 1))), over))
    # The area guides the search to a first solution also where any will do.
    model.minimize(sum(weight * variable for weight, variable in area))
    solver = cp_model.CpSolver()
    solver.parameters.stop_after_first_solution = not minimise
    solver.parameters.linearization_level = 2
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = 1
    solver.parameters.max_time_in_seconds = problem.seconds
    status = solver.status_name(solver.solve(model))
    if status not in ("OPTIMAL", "FEASIBLE"):
        return Solution({}, False) if status == "UNKNOWN" and not minimise else None
    picked = {
        name: next(option for option, variable in pairs if solver.boolean_value(variable))
        for name, pairs in chosen.items()
    }
    return Solution(_with_windows(problem, picked), status == "OPTIMAL")


def _linked(
    model: Any,
    link: Link,
    chosen: Mapping[str, list[tuple[Option, Any]]],
    cycles: int | None,
) -> list[tuple[list[int], Any]]:
    """Add what ties two layers; return what the window between them takes, by variable.

    One variable stands for each pair of (pixels in) and (SIMD, pixels out). The window must take
    its words in within `cycles` (None: the layer's speed is given).
    """
    into: dict[int, list[Any]] = {}
    for option, variable in chosen.get(link.before, []):
        into.setdefault(option.pixels_out, []).append(variable)
    onto: dict[tuple[int, int], list[Any]] = {}
    words = {}
    for option, variable in chosen[link.after]:
        key = (option.simd, option.pixels)
        onto.setdefault(key, []).append(variable)
        words[key] = option.window_words
    pairs = {
        (pixels, *key): model.new_bool_var(f"{link.after}_{pixels}_{key[0]}_{key[1]}")
        for pixels in into or (1,)
        for key in onto
        if cycles is None or words[key] <= cycles * pixels
    }
    for pixels, variables in into.items():
        model.add(sum(v for key, v in pairs.items() if key[0] == pixels) == sum(variables))
    for key, variables in onto.items():
        model.add(sum(v for pair, v in pairs.items() if pair[1:] == key) == sum(variables))
    return [(halves(link.cost[pair]), variable) for pair, variable in pairs.items()]


def _with_windows(problem: Problem, picked: Mapping[str, Option]) -> dict[str, Option]:
    """Return what was picked with the cost and the cycles of the windows in front."""
    result = dict(picked)
    for link in problem.links:
        option = picked[link.after]
        pixels = picked[link.before].pixels_out if link.before else 1
        cost = link.cost.get((pixels, option.simd, option.pixels), NOTHING)
        result[link.after] = replace(
            option,
            cycles=max(option.cycles, math.ceil(option.window_words / pixels)),
            cost=option.cost + cost,
        )
    return result
