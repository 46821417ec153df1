"""What a random network is made of: small frozen records that become JSON and back.

Every default is the simplest value of its field; the shrinker (fuzz.shrink) goes towards them.
"""

from __future__ import annotations

import json
import types
import typing
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from typing import Any, Literal

Mode = Literal["ROUND", "HALF_EVEN", "CEIL", "FLOOR"]
Style = Literal["one", "power2", "decimal", "free", "halves"]
"""Of a scale: 1, a power of two, a short decimal fraction, any float32; `halves`: a multiple of the
accumulators' own scale, so that values in front of the rounding are halves again and again."""


class IllegalSpec(ValueError):
    """The records contradict each other: no such network exists, or scope.md leaves it out."""


@dataclass(frozen=True)
class Weights:
    """bits 1: -1 and +1, by a BipolarQuant, or a Quant where `as_quant`. Scales are positive."""

    bits: int = 1
    style: Style = "one"
    per_channel: bool = False
    narrow: bool = False
    mode: Mode = "ROUND"
    as_quant: bool = False


@dataclass(frozen=True)
class Activation:
    """bits 1: sign, or codes 0 and 1 where not `signed`. zero: the zero point.

    before: what clips real values first. again: a second quantiser behind it.
    """

    bits: int = 1
    signed: bool = True
    narrow: bool = False
    zero: int = 0
    mode: Mode = "ROUND"
    style: Style = "one"
    before: Literal["", "relu", "relu6", "hardtanh", "clip"] = ""
    again: Literal["", "same", "coarser"] = ""
    as_quant: bool = False

    @property
    def is_sign(self) -> bool:
        """Whether it gives -1 and +1."""
        return self.bits == 1 and self.signed


@dataclass(frozen=True)
class Norm:
    """negative: some channels have a negative scale; dead: so many channels have a scale of 0."""

    kind: Literal["", "mul_add", "batch_norm"] = ""
    negative: bool = False
    dead: int = 0


@dataclass(frozen=True)
class Layer:
    """A product with what stands behind it; the last one of a network has no activation.

    kernel, strides, pool: (height, width); pads: (top, left, bottom, right). pad_value -1 stands
    for a Pad node with the tensor's own -1. pool_at: behind the product, the norm or the
    quantiser. every: the pool's strides, (0, 0) for its size; pool_pads as pads. average: the pool
    is an average, and a quantiser of `average` bits stands behind it; 0: it is a maximum.
    transposed: the weights of a dense layer pass a Transpose.
    """

    kind: Literal["conv", "dense"] = "dense"
    out: int = 1
    kernel: tuple[int, int] = (1, 1)
    strides: tuple[int, int] = (1, 1)
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)
    pad_value: int = 0
    auto_pad: bool = False
    weights: Weights = field(default_factory=Weights)
    bias: Literal["", "float", "int8", "int16", "int32"] = ""
    product: Literal["MatMul", "Gemm", "Gemm transB"] = "MatMul"
    transposed: bool = False
    norm: Norm = field(default_factory=Norm)
    pool: tuple[int, int] = (1, 1)
    pool_at: Literal["sums", "norm", "codes"] = "codes"
    every: tuple[int, int] = (0, 0)
    pool_pads: tuple[int, int, int, int] = (0, 0, 0, 0)
    average: int = 0
    act: Activation = field(default_factory=Activation)

    @property
    def pool_strides(self) -> tuple[int, int]:
        """How far a pool moves."""
        return self.pool if self.every == (0, 0) else self.every


@dataclass(frozen=True)
class Input:
    """The inputs: (height, width, channels), and how they become codes.

    Images of 1 or 3 channels and annotated inputs are pixels, all others values.
    axes: of the file: channels first, channels last, or (C, L), over which windows have one axis;
    late: channels last are moved behind the quantiser. normed: a shift and a factor for each
    channel. flat: "vector": the file takes a flat vector; "flatten": it flattens images first.
    kind: a quantiser of several bits, a sign, or the pixels themselves (annotated UINT8).
    scaling: x * factor - shift in front of the quantiser, in the terms of x in 0..1.
    """

    shape: tuple[int, int, int] = (1, 1, 1)
    axes: Literal["CHW", "HWC", "CL"] = "CHW"
    late: bool = False
    normed: bool = False
    flat: Literal["", "vector", "flatten"] = ""
    kind: Literal["pixels", "sign", "quant"] = "pixels"
    annotated: bool = False
    scaling: tuple[float, float] = (1.0, 0.0)
    bits: int = 8
    signed: bool = False
    narrow: bool = False
    mode: Mode = "ROUND"
    style: Style = "one"

    @property
    def values(self) -> bool:
        """Whether the file takes any numbers, not pixels."""
        picture = self.shape[2] in (1, 3) and self.axes != "CL" and self.flat != "vector"
        return not (self.annotated or picture)


@dataclass(frozen=True)
class Spec:
    """A network: a chain of layers from images to scores; `seed` gives its numbers.

    form: the file's language; QCDQ has no signs and rounds to the nearest.
    batch: images of the declared input, 0 for an open one. score: factor and addend behind the last
    layer, the same for all scores. end: what ranks the scores. flatten: the operator between map
    and vector.
    """

    input: Input = field(default_factory=Input)
    layers: tuple[Layer, ...] = (Layer(),)
    form: Literal["qonnx", "qcdq"] = "qonnx"
    batch: int = 1
    score: tuple[float, float] = (1.0, 0.0)
    end: Literal["", "Softmax", "LogSoftmax", "ArgMax"] = ""
    flatten: Literal["Flatten", "Reshape"] = "Flatten"
    seed: int = 0


def to_json(spec: Spec) -> str:
    """Return the spec as JSON text."""
    return json.dumps(asdict(spec), indent=1)


def from_json(text: str) -> Spec:
    """Return what `to_json` wrote."""
    spec: Spec = _parsed(Spec, json.loads(text))
    return spec


def _parsed(kind: Any, value: Any) -> Any:
    if is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        given = [f.name for f in fields(kind) if f.name in value]  # older files lack new fields
        return kind(**{name: _parsed(hints[name], value[name]) for name in given})
    if typing.get_origin(kind) in (tuple, types.GenericAlias):
        inner = typing.get_args(kind)
        kinds = [inner[0]] * len(value) if inner[-1] is Ellipsis else inner
        return tuple(_parsed(k, v) for k, v in zip(kinds, value, strict=True))
    return value


def shapes(spec: Spec) -> list[tuple[int, ...]]:
    """Return what each layer reads, (C, H, W) or (features,), and the scores' shape at the end.

    IllegalSpec where kernels or pools do not fit, or where scope.md leaves a combination out.
    """
    height, width, channels = spec.input.shape
    shape: tuple[int, ...] = (channels, height, width)
    if spec.input.flat:
        shape = (channels * height * width,)
    _need(spec.input.kind != "pixels" or spec.input.annotated, "bare pixels are annotated UINT8")
    _need(spec.input.axes == "CHW" or not spec.input.flat, "a flattened input has one order")
    _need(spec.input.axes != "CL" or height == 1, "one axis is no map")
    _need(not (spec.input.normed and spec.input.annotated), "annotated integers are not normalised")
    _need(spec.form == "qonnx" or _says_qcdq(spec), "QCDQ has no such quantiser")
    bipolar = spec.input.kind == "sign"
    found = []
    for k, layer in enumerate(spec.layers):
        last = k == len(spec.layers) - 1
        if layer.kind == "conv":
            _need(len(shape) == 3, "a convolution behind a vector")
            flat = (layer.kernel[0], layer.strides[0], layer.pool[0]) == (1, 1, 1)
            level = flat and layer.pads[0] == layer.pads[2] == 0
            _need(spec.input.axes != "CL" or level, "a window over one axis has a height of 1")
            found.append(shape)
            shape = (layer.out, *map_behind(layer, shape[1:]))
            _need(not (layer.auto_pad and layer.pad_value), "SAME pads with 0")
            if layer.pad_value:
                _need(bipolar and layer.weights.bits == 1, "-1 padding is for bits and 1-bit words")
        else:
            shape = (int(np_prod(shape)),)
            found.append(shape)
            shape = (layer.out,)
            _need(layer.pool == (1, 1), "a pool of a vector")
        if last:
            _need(layer.pool == (1, 1), "a pool of the scores")
            _need(np_prod(shape) == layer.out, "scores are no map")
        else:
            if len(shape) == 3:
                shape = (shape[0], *_pooled(layer, shape[1:]))
            _need(layer.norm.dead <= layer.out, "more dead channels than channels")
            _legal(layer.act)
        bipolar = layer.act.is_sign and not layer.average
    return [*found, shape]


def _says_qcdq(spec: Spec) -> bool:
    """Whether QuantizeLinear, Clip and DequantizeLinear can say what the quantisers do."""
    modes = {"ROUND", "HALF_EVEN"}
    image = spec.input
    if image.kind == "sign" or image.mode not in modes:
        return False
    if image.kind == "quant" and image.annotated:
        return False
    inner = spec.layers[:-1]
    acts = all(not v.act.is_sign and v.act.mode in modes for v in inner)
    return acts and all(v.weights.bits > 1 and v.weights.mode in modes for v in spec.layers)


def np_prod(shape: tuple[int, ...]) -> int:
    """Return the number of elements."""
    product = 1
    for size in shape:
        product *= size
    return product


def map_behind(layer: Layer, size: tuple[int, ...]) -> tuple[int, int]:
    """Return (height, width) of a convolution's output."""
    if layer.auto_pad:
        return tuple(-(-s // d) for s, d in zip(size, layer.strides, strict=True))  # type: ignore[return-value]
    top, left, bottom, right = layer.pads
    padded = (size[0] + top + bottom, size[1] + left + right)
    _need(all(p >= k for p, k in zip(padded, layer.kernel, strict=True)), "kernel larger than map")
    return tuple(  # type: ignore[return-value]
        (p - k) // d + 1 for p, k, d in zip(padded, layer.kernel, layer.strides, strict=True)
    )


def _pooled(layer: Layer, size: tuple[int, ...]) -> tuple[int, int]:
    """Return (height, width) behind a layer's pool; an edge that fills no window is left out."""
    _need(not layer.average or layer.pool_at == "codes", "an average is of codes")
    top, left, bottom, right = layer.pool_pads
    padded = (size[0] + top + bottom, size[1] + left + right)
    pairs = list(zip(padded, layer.pool, layer.pool_strides, strict=True))
    _need(all(p >= k for p, k, _ in pairs), "pool larger than map")
    _need(all(a < k for a, k in zip(layer.pool_pads, layer.pool * 2, strict=True)), "pool of pads")
    return tuple((p - k) // d + 1 for p, k, d in pairs)  # type: ignore[return-value]


def _legal(act: Activation) -> None:
    _need(act.signed or act.bits > 1 or not act.narrow, "one code")
    cut = act.before in ("relu", "relu6")
    _need(not act.is_sign or not cut, "a sign behind a Relu is always +1")
    low = -(2 ** (act.bits - 1)) if act.signed else 0
    _need(
        not act.zero or low < act.zero < low + 2**act.bits - 1, "a zero point is one of the codes"
    )
    _need(not (act.is_sign and act.zero), "a sign has no zero point")
    _need(act.bits > 1 or act.again != "coarser", "nothing is coarser than a sign")
    _need(act.bits > 2 or act.again != "coarser", "a coarser quantiser has 2 bits or more")


def _need(condition: bool, reason: str) -> None:
    if not condition:
        raise IllegalSpec(reason)
