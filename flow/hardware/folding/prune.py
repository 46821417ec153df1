"""Leave out what cannot be in the best folding: the search is exact with the rest, and quicker.

An option goes where another of the same layer is no worse whatever its neighbours are: in its own
cost, in the window in front of it for each width that may come, and in the window behind it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from flow.hardware.folding.options import Option, undominated
from flow.hardware.synthesis.utilisation import Utilisation

if TYPE_CHECKING:
    from numpy.typing import NDArray

RESOURCES = tuple(f.name for f in fields(Utilisation))
_NEVER = 1 << 40
"""A cost that no budget holds: of a window that would be too slow."""


@dataclass(frozen=True)
class Link:
    """The window between two layers: what it takes depends on both."""

    before: str
    """Empty in front of the first layer: the input comes a pixel at a time."""
    after: str
    cost: Mapping[tuple[int, int, int], Utilisation]
    """By pixels of a word in, SIMD and pixels of a word out."""


def halves(cost: Utilisation) -> list[int]:
    """Return a cost in whole halves, rounded up: what the solver counts in."""
    return [math.ceil(2 * getattr(cost, name)) for name in RESOURCES]


def pruned(
    options: Mapping[str, Sequence[Option]],
    links: Sequence[Link],
    fixed: frozenset[str],
    cycles: int,
) -> dict[str, list[Option]]:
    """Return what is left of options that are all fast enough, layer by layer.

    A window must take its words in within `cycles`, but for the layers in `fixed`.
    """
    left = {name: _cheapest(found) for name, found in options.items()}
    front = {link.after: link for link in links}
    behind = {link.before: link for link in links if link.before}
    for name in left:
        left[name] = _undominated(left, name, front.get(name), behind.get(name), fixed, cycles)
    return left


def _cheapest(options: Sequence[Option]) -> list[Option]:
    """Leave out what takes more of everything than another with the same windows around it."""
    groups: dict[tuple[int, int, int], list[Option]] = {}
    for option in options:
        windows = (option.simd, option.pixels, option.pixels_out)
        groups.setdefault(windows, []).append(option)
    return [option for group in groups.values() for option in undominated(group, speed=False)]


def _undominated(
    left: Mapping[str, list[Option]],
    name: str,
    front: Link | None,
    behind: Link | None,
    fixed: frozenset[str],
    cycles: int,
) -> list[Option]:
    options = left[name]
    own = np.array([halves(option.cost) for option in options])[:, None, :]
    if front is not None:
        into = sorted({o.pixels_out for o in left[front.before]}) if front.before else [1]
        limit = None if name in fixed else cycles
        own = own + np.array(
            [[_window(front, pixels, option, limit) for pixels in into] for option in options]
        )
    more = np.zeros((len(options), len(options), len(RESOURCES)), np.int64)
    if behind is not None:
        limit = None if behind.after in fixed else cycles
        widths = sorted({option.pixels_out for option in options})
        readers = list({(o.simd, o.pixels): o for o in left[behind.after]}.values())
        cost = np.array([[_window(behind, w, o, limit) for o in readers] for w in widths])
        possible = cost[:, :, 0] < _NEVER
        apart = np.where(possible[None, :, :, None], cost[:, None] - cost[None, :], -_NEVER)
        place = [widths.index(option.pixels_out) for option in options]
        more = apart.max(axis=2)[np.ix_(place, place)]
    kept: list[int] = []
    for k in sorted(range(len(options)), key=lambda index: own[index].sum()):
        if not kept or not np.any(np.all(own[kept] + more[kept, k][:, None] <= own[k], (1, 2))):
            kept.append(k)
    return [options[k] for k in sorted(kept)]


def _window(link: Link, pixels: int, option: Option, cycles: int | None) -> NDArray[np.int64]:
    """Return what the window between takes, in halves."""
    if cycles is not None and option.window_words > cycles * pixels:
        return np.full(len(RESOURCES), _NEVER)
    return np.array(halves(link.cost[pixels, option.simd, option.pixels]))
