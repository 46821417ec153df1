"""Make a failing spec small: layers go, and every field goes towards its default."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any

from fuzz.spec import IllegalSpec, Layer, Spec, shapes


def shrink(spec: Spec, fails: Callable[[Spec], bool], seconds: float = 60) -> Spec:
    """Return the smallest spec found that still fails; one pass is repeated until none helps."""
    end = time.monotonic() + seconds
    smaller: Spec | None = spec
    tried = {spec}
    while smaller is not None:
        spec, smaller = smaller, None
        for candidate in simpler(spec):
            if time.monotonic() > end:
                return spec
            if candidate in tried or not _legal(candidate):
                continue
            tried.add(candidate)
            if fails(candidate):
                smaller = candidate
                break
    return spec


def simpler(spec: Spec) -> Iterator[Spec]:
    """Give specs that are simpler in one point, the largest steps first."""
    for k in range(len(spec.layers)):
        if len(spec.layers) > 1:
            yield replace(spec, layers=(*spec.layers[:k], *spec.layers[k + 1 :]))
            as_last = Layer(kind=spec.layers[k].kind, out=spec.layers[k].out)
            kept = replace(as_last, weights=replace(spec.layers[k].weights, per_channel=False))
            kept = replace(kept, kernel=spec.layers[k].kernel, product=spec.layers[k].product)
            yield replace(spec, layers=(*spec.layers[:k], kept))
    for image in _simpler(spec.input):
        yield replace(spec, input=image)
    for k, layer in enumerate(spec.layers):
        for candidate in (*_simpler(layer), *_narrower(layer)):
            yield replace(spec, layers=(*spec.layers[:k], candidate, *spec.layers[k + 1 :]))
    for candidate in _simpler(replace(spec, layers=(Layer(),), input=type(spec.input)())):
        yield replace(candidate, layers=spec.layers, input=spec.input)


def _narrower(layer: Layer) -> Iterator[Layer]:
    """Give copies with a kernel and a pad smaller by one: the map behind keeps its size."""
    for end, pad in enumerate(layer.pads):
        kernel = list(layer.kernel)
        kernel[end % 2] -= 1
        if pad and min(kernel) >= 1:
            pads = (*layer.pads[:end], pad - 1, *layer.pads[end + 1 :])
            yield replace(layer, kernel=(kernel[0], kernel[1]), pads=pads)


def _simpler(record: Any) -> Iterator[Any]:
    """Give copies of a record with one field at, or half-way to, its default."""
    plain = type(record)()
    for field in fields(record):
        value, default = getattr(record, field.name), getattr(plain, field.name)
        if value == default or field.name in ("layers", "input", "seed"):
            continue
        yield replace(record, **{field.name: default})
        if is_dataclass(value):
            for inner in _simpler(value):
                yield replace(record, **{field.name: inner})
        elif isinstance(value, int) and not isinstance(value, bool) and abs(value - default) > 1:
            yield replace(record, **{field.name: (value + default) // 2})
            yield replace(record, **{field.name: value - 1})
        elif isinstance(value, tuple) and value and isinstance(value[0], int):
            for k, item in enumerate(value):
                for step in {default[k], (item + default[k]) // 2, item - 1}:
                    if default[k] <= step < item:
                        changed = (*value[:k], step, *value[k + 1 :])
                        yield replace(record, **{field.name: changed})


def _legal(spec: Spec) -> bool:
    try:
        shapes(spec)
    except IllegalSpec:
        return False
    return True
