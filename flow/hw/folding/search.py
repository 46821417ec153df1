"""The search: one option for each layer, exactly, with a constraint solver (OR-Tools CP-SAT)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

from flow.hw.folding.options import LayerFolding
from flow.hw.netlist import Utilisation

RESOURCES = tuple(f.name for f in fields(Utilisation))
_PARTS = 1_000_000_000
"""A whole budget, in the units of the area that is minimised."""
_WEIGHTS = {"lut": 1.0, "ff": 0.25, "bram36": 0.5, "uram": 0.5, "dsp": 0.5}
"""What a share of each resource counts: spare LUTs ease routing, spare memories ease nothing."""


@dataclass(frozen=True)
class Solution:
    """One option for each layer; `proven` if the solver showed that none is better."""

    chosen: Mapping[str, LayerFolding]
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

    options: Mapping[str, Sequence[LayerFolding]]
    budget: Utilisation
    fixed: frozenset[str] = frozenset()
    """Layers whose parallelism the user gave: they are as slow as they are."""
    seconds: float = 10.0
    """For one search; the solver is single-threaded and seeded, so results repeat."""

    def with_budget(self, budget: Utilisation) -> Problem:
        """Return the same problem with another budget."""
        return replace(self, budget=budget)

    def steps(self) -> list[int]:
        """Return the cycles of a frame that some folding has, ascending."""
        free = [o for name, o in self.options.items() if name not in self.fixed]
        floor = max((min(option.cycles for option in options) for options in free), default=0)
        found = {option.cycles for options in free for option in options}
        return sorted(step for step in found if step >= floor) or [0]


def smallest(problem: Problem, cycles: int) -> Solution | None:
    """Return the least area within the budget with no layer over `cycles`, or None."""
    return _solve(problem, cycles, within=True)


def least_excess(problem: Problem, cycles: int) -> Solution | None:
    """Return the folding within `cycles` that goes least over the budget, or None."""
    return _solve(problem, cycles, within=False)


def fastest(problem: Problem) -> Solution | None:
    """Return the fastest folding within the budget, the smallest of those, or None.

    The cycles of a frame are those of some option, so a binary search over them is exact.
    """
    steps = problem.steps()
    low, high, best = 0, len(steps) - 1, None
    while low <= high:
        middle = (low + high) // 2
        found = smallest(problem, steps[middle])
        if found is None:
            low = middle + 1
        else:
            best, high = found, middle - 1
    return best


def faster_than(problem: Problem, cycles: int) -> int | None:
    """Return the greatest cycles below `cycles` at which every layer has an option, or None."""
    reachable = [step for step in problem.steps() if step < cycles]
    return max(reachable) if reachable else None


def _solve(problem: Problem, cycles: int, within: bool) -> Solution | None:
    from ortools.sat.python import cp_model

    model = cp_model.CpModel()
    chosen = {}
    for name, options in problem.options.items():
        usable = [o for o in options if o.cycles <= cycles or name in problem.fixed]
        if not usable:
            return None
        chosen[name] = [
            (option, model.new_bool_var(f"{name}_{k}")) for k, option in enumerate(usable)
        ]
        model.add_exactly_one(variable for _, variable in chosen[name])
    area = []
    for resource in RESOURCES:
        limit = getattr(problem.budget, resource)
        used = [
            (math.ceil(2 * getattr(option.cost, resource)), variable)
            for pairs in chosen.values()
            for option, variable in pairs
            if getattr(option.cost, resource)
        ]
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
    model.minimize(sum(weight * variable for weight, variable in area))
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = 1
    solver.parameters.max_time_in_seconds = problem.seconds
    status = solver.status_name(solver.solve(model))
    if status not in ("OPTIMAL", "FEASIBLE"):
        return None
    return Solution(
        {
            name: next(option for option, variable in pairs if solver.boolean_value(variable))
            for name, pairs in chosen.items()
        },
        status == "OPTIMAL",
    )
