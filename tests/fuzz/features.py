"""Names for what is in a spec, and the shares in which random networks have it."""

from __future__ import annotations

from fuzz.spec import Activation, Input, Layer, Spec, map_behind, shapes

WANTED = (
    *(f"weights {bits} bits" for bits in (1, 2, 3, 4, 8)),
    *("weight scale per channel", "weights narrow", "weights Quant of 1 bit"),
    *("pad 0", "pad -1", "uneven pads", "SAME", "stride", "oblong kernel", "even kernel"),
    *("sign", "activation 2 bits", "activation 3 or 4 bits", "activation 5 to 8 bits"),
    *("unsigned activation", "signed activation", "narrow activation"),
    *("ROUND", "HALF_EVEN", "CEIL", "FLOOR"),
    *("input 8 bits unsigned", "input 8 bits signed", "input below 8 bits", "input sign"),
    *("pixels UINT8", "UINT8 with quantiser", "input scaled", "flat input"),
    *("values", "values of a vector", "values signed", "other channels than 1 and 3"),
    *("one axis", "channels last", "input normalised per channel"),
    *("BatchNormalization", "falling channels", "dead channels", "dead channels of several bits"),
    *("pool in front of falling norm", "pool between falling norm and quantiser"),
    *("pool behind falling quantiser", "oblong pool"),
    *("bias of a conv", "bias of a dense", "bias of 8 bits", "bias of 16 or 32 bits"),
    *("QCDQ", "QCDQ with zero point", "zero point", "codes 0 and 1"),
    *("Relu", "ReLU6", "HardTanh", "Clip", "two quantisers in a row", "halves"),
    *("oblong map", "odd channels", "flattened map", "vectors only", "conv gives scores"),
    *("overlapping pool", "padded pool", "pool leaves an edge", "average pool"),
    *("score of its own scale", "score of its own addend", "softmax or arg-max"),
    *("MatMul", "Gemm", "weights transposed", "batch 4", "open batch", "scores shifted"),
)
"""At least 8 % of the networks have each: 40 of 500."""


def features(spec: Spec) -> frozenset[str]:
    """Return the names of what is in the network, out of WANTED."""
    found = _input(spec.input)
    read = shapes(spec)
    for k, layer in enumerate(spec.layers):
        last = k == len(spec.layers) - 1
        found |= _layer(layer)
        if not last:
            found |= _behind(layer) | _activation(layer.act)
            found |= _pool(layer, read[k]) if layer.pool != (1, 1) else set()
        else:
            own = layer.weights.per_channel or layer.norm.kind
            found |= {"score of its own scale"} if own else set()
            found |= {"score of its own addend"} if layer.bias or layer.norm.kind else set()
        if layer.kind == "dense" and k and spec.layers[k - 1].kind == "conv":
            pixels = read[k][0] // spec.layers[k - 1].out
            found |= {"flattened map"} if pixels > 1 else set()
    height, width, _ = spec.input.shape
    found |= {"oblong map"} if height != width and spec.layers[0].kind == "conv" else set()
    found |= {"odd channels"} if any(v.out % 2 and v.out > 1 for v in spec.layers[:-1]) else set()
    found |= {"vectors only"} if all(v.kind == "dense" for v in spec.layers) else set()
    found |= {"conv gives scores"} if spec.layers[-1].kind == "conv" else set()
    if spec.form == "qcdq":
        shifted = "zero point" in found
        found |= {"QCDQ"} | ({"QCDQ with zero point"} if shifted else set())
    found |= {0: {"open batch"}, 4: {"batch 4"}}.get(spec.batch, set())
    found |= {"scores shifted"} if spec.score != (1.0, 0.0) else set()
    found |= {"softmax or arg-max"} if spec.end else set()
    unknown = found - set(WANTED)
    assert not unknown, unknown
    return frozenset(found)


def _input(spec: Input) -> set[str]:
    found = {"flat input"} if spec.flat else set()
    found |= {"values"} if spec.values else set()
    found |= {"values of a vector"} if spec.values and spec.flat else set()
    found |= {"values signed"} if spec.values and spec.signed else set()
    found |= {"other channels than 1 and 3"} if spec.shape[2] not in (1, 3) else set()
    found |= {"one axis"} if spec.axes == "CL" else set()
    found |= {"channels last"} if spec.axes == "HWC" else set()
    found |= {"input normalised per channel"} if spec.normed else set()
    if spec.kind == "pixels":
        return found | {"pixels UINT8"}
    if spec.kind == "sign":
        return found | {"input sign"}
    found |= {spec.mode}
    found |= {"UINT8 with quantiser"} if spec.annotated else set()
    found |= {"input scaled"} if spec.scaling != (1.0, 0.0) else set()
    if spec.bits < 8:
        return found | {"input below 8 bits"}
    return found | {"input 8 bits signed" if spec.signed else "input 8 bits unsigned"}


def _layer(layer: Layer) -> set[str]:
    weights = layer.weights
    found = {f"weights {weights.bits} bits"}
    found |= {"weight scale per channel"} if weights.per_channel else set()
    found |= {"weights narrow"} if weights.narrow and weights.bits > 1 else set()
    found |= {"weights Quant of 1 bit"} if weights.as_quant and weights.bits == 1 else set()
    if layer.kind == "dense":
        found |= {"weights transposed"} if layer.transposed else set()
        return found | {layer.product.split()[0]}
    padded = any(layer.pads)
    if layer.auto_pad:
        found |= {"SAME"}
    elif padded:
        found |= {"pad -1" if layer.pad_value else "pad 0"}
        top, left, bottom, right = layer.pads
        found |= {"uneven pads"} if (top, left) != (bottom, right) else set()
    found |= {"stride"} if max(layer.strides) > 1 else set()
    found |= {"oblong kernel"} if layer.kernel[0] != layer.kernel[1] else set()
    found |= {"even kernel"} if any(size % 2 == 0 for size in layer.kernel) else set()
    return found


def _behind(layer: Layer) -> set[str]:
    norm = layer.norm
    found = {"BatchNormalization"} if norm.kind == "batch_norm" else set()
    falling = bool(norm.kind) and norm.negative
    found |= {"falling channels"} if falling else set()
    if norm.kind and norm.dead:
        found |= {"dead channels"}
        found |= {"dead channels of several bits"} if layer.act.bits > 1 else set()
    if layer.pool != (1, 1):
        found |= {"oblong pool"} if layer.pool[0] != layer.pool[1] else set()
        if falling:
            places = {
                "sums": "pool in front of falling norm",
                "norm": "pool between falling norm and quantiser",
                "codes": "pool behind falling quantiser",
            }
            found |= {places[layer.pool_at]}
    if layer.bias:
        found |= {f"bias of a {layer.kind}"}
        found |= {"bias of 8 bits"} if layer.bias == "int8" else set()
        found |= {"bias of 16 or 32 bits"} if layer.bias in ("int16", "int32") else set()
    return found


def _pool(layer: Layer, read: tuple[int, ...]) -> set[str]:
    size = map_behind(layer, read[1:])
    pads = [layer.pool_pads[k] + layer.pool_pads[k + 2] for k in range(2)]
    sides = list(zip(size, pads, layer.pool, layer.pool_strides, strict=True))
    found = {"average pool"} if layer.average else set()
    found |= {"padded pool"} if any(layer.pool_pads) else set()
    found |= {"overlapping pool"} if any(k > d for _, _, k, d in sides) else set()
    return found | (
        {"pool leaves an edge"} if any((s + p - k) % d for s, p, k, d in sides) else set()
    )


def _activation(act: Activation) -> set[str]:
    names = {"relu": "Relu", "relu6": "ReLU6", "hardtanh": "HardTanh", "clip": "Clip"}
    found = {names[act.before]} if act.before else set()
    found |= {"two quantisers in a row"} if act.again else set()
    found |= {"halves"} if act.style == "halves" else set()
    if act.is_sign:
        return found | {"sign"}
    found |= {"zero point"} if act.zero else set()
    if act.bits == 1:
        return found | {"codes 0 and 1", act.mode}
    width = "2 bits" if act.bits == 2 else "3 or 4 bits" if act.bits < 5 else "5 to 8 bits"
    found |= {f"activation {width}", act.mode}
    found |= {"signed activation" if act.signed else "unsigned activation"}
    return found | ({"narrow activation"} if act.narrow else set())
