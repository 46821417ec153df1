"""A spec becomes a QONNX file: operators by onnx.helper, numbers from the spec's seed.

Scales and normalisations follow from what the values in front of them are expected to be, so that
codes use their range; expectations come from samples of independent values, never from a run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from fuzz.spec import Activation, Input, Layer, Mode, Spec, Style, Weights, shapes
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

QONNX = "qonnx.custom_op.general"
_SAMPLES = 4096


def build(spec: Spec) -> onnx.ModelProto:
    """Return the network as a QONNX file; IllegalSpec where there is none."""
    read = shapes(spec)
    one_axis = spec.input.axes == "CL"
    net = _Net(np.random.default_rng(spec.seed), one_axis, spec.form == "qcdq")
    _input(net, spec.input)
    flat = len(read[0]) == 1
    for k, (layer, shape) in enumerate(zip(spec.layers, read, strict=False)):
        last = k == len(spec.layers) - 1
        if len(shape) == 1 and not flat:
            _flatten(net, spec)
            flat = True
        _product(net, layer, shape)
        if not last:
            _behind(net, layer, shape)
        elif layer.norm.kind:
            _norm(net, layer, _rank(net, shape))
    if not flat:
        _flatten(net, spec)
    factor, addend = spec.score
    if factor != 1:
        net.add("Mul", net.const(factor))
    if addend:
        net.add("Add", net.const(addend))
    if spec.end:
        net.add(spec.end, axis=1)
    return net.model(spec, read[-1][0])


@dataclass
class _Net:
    """The file as it grows. `sample`: values that the last tensor may hold, (channels, n).

    scale: float32 of the last codes; unit: of the last accumulators (per channel or one).
    """

    rng: np.random.Generator
    one_axis: bool = False
    qcdq: bool = False
    last: str = "x"
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    initializers: list[onnx.TensorProto] = field(default_factory=list)
    sample: NDArray[np.float64] = field(default_factory=lambda: np.zeros((1, 1)))
    scale: float = 1.0
    unit: float = 1.0

    def const(self, values: Any, dtype: Any = np.float32) -> str:
        name = f"c{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.asarray(values, dtype), name))
        return name

    def node(self, op: str, inputs: Sequence[str], domain: str = "", **attributes: Any) -> str:
        output = f"t{len(self.nodes)}"
        node = helper.make_node(op, inputs, [output], name=f"{op}_{len(self.nodes)}", **attributes)
        node.domain = domain
        self.nodes.append(node)
        return output

    def add(self, op: str, *constants: str, **attributes: Any) -> None:
        self.last = self.node(op, [self.last, *constants], **attributes)

    def quant(
        self, source: str, scale: Any, bits: int, zero: float = 0.0, **attributes: Any
    ) -> str:
        """Append a Quant, or a BipolarQuant where `bits` is 0; in QCDQ the three nodes for it."""
        if self.qcdq:
            signed, narrow = bool(attributes["signed"]), int(attributes["narrow"])
            return self._three(
                source, np.asarray(scale), limits(bits, signed, narrow), zero, signed
            )
        if bits == 0:
            return self.node("BipolarQuant", [source, self.const(scale)], QONNX)
        inputs = [source, self.const(scale), self.const(zero), self.const(float(bits))]
        return self.node("Quant", inputs, QONNX, **attributes)

    def _three(
        self, source: str, scale: NDArray[Any], ends: tuple[int, int], zero: float, signed: bool
    ) -> str:
        """Append QuantizeLinear, a Clip where it narrows the type, and DequantizeLinear."""
        kind = np.int8 if signed else np.uint8
        axis = int(np.argmax(scale.shape)) if scale.size > 1 else 0
        flat = scale.reshape(-1) if scale.size > 1 else scale.reshape(())
        parameters = [self.const(flat), self.const(np.full(flat.shape, zero), kind)]
        along = {"axis": axis} if scale.size > 1 else {}
        codes = self.node("QuantizeLinear", [source, *parameters], **along)
        if ends != (np.iinfo(kind).min, np.iinfo(kind).max):
            codes = self.node("Clip", [codes, *(self.const(end, kind) for end in ends)])
        return self.node("DequantizeLinear", [codes, *parameters], **along)

    def stored(self, values: NDArray[Any], scale: float) -> str:
        """Append a DequantizeLinear of int32 codes, as QCDQ files keep their biases."""
        codes = self.const(np.rint(values / scale), np.int32)
        return self.node("DequantizeLinear", [codes, self.const(scale), self.const(0, np.int32)])

    def model(self, spec: Spec, classes: int) -> onnx.ModelProto:
        batch: int | str = spec.batch or "N"
        height, width, channels = spec.input.shape
        axes = {
            "CHW": (channels, height, width),
            "HWC": (height, width, channels),
            "CL": (channels, width),
        }
        shape: tuple[int | str, ...] = (batch, *axes[spec.input.axes])
        if spec.input.flat == "vector":
            shape = (batch, channels * height * width)
        stored = self.qcdq and spec.input.kind == "pixels"
        kind = TensorProto.UINT8 if stored else TensorProto.FLOAT
        graph = helper.make_graph(
            self.nodes,
            "fuzz",
            [helper.make_tensor_value_info("x", kind, shape)],
            [helper.make_tensor_value_info(self.last, TensorProto.FLOAT, (batch, classes))],
            self.initializers,
        )
        if spec.input.annotated and not self.qcdq:
            annotation = graph.quantization_annotation.add(tensor_name="x")
            annotation.quant_parameter_tensor_names.add(key="finn_datatype", value="UINT8")
        opsets = [helper.make_opsetid("", 20)]
        if not self.qcdq:
            opsets.append(helper.make_opsetid(QONNX, 2))
        return helper.make_model(graph, opset_imports=opsets, ir_version=9)


def _input(net: _Net, spec: Input) -> None:
    pixels = net.rng.integers(0, 256, (1, _SAMPLES)).astype(np.float64)
    if net.qcdq and spec.kind == "pixels":
        net.add("DequantizeLinear", net.const(1.0), net.const(0, np.uint8))
    if spec.axes == "HWC" and not spec.late:
        net.add("Transpose", perm=[0, 3, 1, 2])
    if spec.normed:
        _normalise(net, spec)
    if spec.flat == "flatten":
        net.add("Flatten", axis=1)
    _codes(net, spec, pixels)
    if spec.axes == "HWC" and spec.late:
        net.add("Transpose", perm=[0, 3, 1, 2])


def _normalise(net: _Net, spec: Input) -> None:
    """Append a shift and a factor for each channel; of values they are far apart."""
    size = int(np.prod(spec.shape)) if spec.flat == "vector" else spec.shape[2]
    column = [1] * (2 if spec.flat == "vector" else 3 if spec.axes == "CL" else 4)
    column[-1 if spec.axes == "HWC" and spec.late else 1] = size
    far, factors = (90.0, (0.02, 40.0)) if spec.values else (0.6, (0.2, 0.4))
    shift = net.rng.uniform(0.4 if not spec.values else -far, far, size)
    factor = net.rng.uniform(*factors, size)
    if spec.values:
        factor *= net.rng.choice([-1, 1], size)
    net.add("Sub", net.const(shift.reshape(column)))
    net.add("Div", net.const(factor.reshape(column)))


def _codes(net: _Net, spec: Input, pixels: NDArray[np.float64]) -> None:
    net.sample, net.scale = pixels, 1.0
    if spec.kind == "pixels":
        return
    top = 255.0 if spec.annotated else 1.0
    net.sample = pixels if spec.annotated else pixels / 255
    factor, shift = spec.scaling
    if spec.kind == "sign":
        factor, shift = 1.0, 0.5
    if factor != 1:
        net.add("Mul", net.const(factor))
    if shift:
        net.add("Sub", net.const(shift * top))
    net.sample = net.sample * factor - shift * top
    if spec.kind == "sign":
        net.last = net.quant(net.last, 1.0, 0)
        net.sample, net.scale = np.where(net.sample >= 0, 1.0, -1.0), 1.0
        return
    levels = 2 ** (spec.bits - spec.signed) - 1
    wanted = float(np.abs(net.sample).max()) / levels
    net.scale = float(np.float32(wanted)) if spec.style == "one" else _styled(spec.style, wanted, 1)
    _quantise(net, spec.bits, spec.signed, spec.narrow, spec.mode)
    if spec.values:  # every code is drawn alike
        codes = np.unique(np.rint(net.sample / net.scale))
        low, high = min(codes.min(), -levels * spec.signed), max(codes.max(), levels)
        net.sample = net.rng.integers(low, high + 1, (1, _SAMPLES)) * net.scale


def _quantise(net: _Net, bits: int, signed: bool, narrow: bool, mode: Mode, zero: int = 0) -> None:
    """Append a Quant of scale `net.scale` and give the samples its codes."""
    attributes = {"signed": int(signed), "narrow": int(narrow), "rounding_mode": mode}
    net.last = net.quant(net.last, net.scale, bits, zero, **attributes)
    low, high = (end - zero for end in limits(bits, signed, narrow))
    net.sample = np.rint(np.clip(net.sample / net.scale, low, high)) * net.scale


def limits(bits: int, signed: bool, narrow: int) -> tuple[int, int]:
    """Return the lowest and the highest code of a quantiser, its zero point among them."""
    if signed:
        return -(2 ** (bits - 1)) + narrow, 2 ** (bits - 1) - 1
    return 0, 2**bits - 1 - narrow


def _styled(style: Style, wanted: float, unit: float) -> float:
    """Return a float32 scale near `wanted` of that style; `unit` is what `halves` multiplies."""
    wanted = max(wanted, 1e-6)
    if style == "one":
        return 1.0
    if style == "power2":
        wanted = 2.0 ** np.round(np.log2(wanted))
    elif style == "decimal":
        digit = 10.0 ** np.floor(np.log10(wanted))
        wanted = max(1.0, np.round(wanted / digit)) * digit
    elif style == "halves":
        wanted = unit * 2.0 ** max(1.0, np.round(np.log2(wanted / unit)))
    return float(np.float32(wanted))


def _flatten(net: _Net, spec: Spec) -> None:
    if spec.flatten == "Flatten":
        net.add("Flatten", axis=1)
    else:
        net.add("Reshape", net.const([spec.batch or 0, -1], np.int64))


def _weights(net: _Net, spec: Weights, shape: tuple[int, ...], axis: int) -> str:
    """Append quantised weights of `shape`, outputs along `axis`, and keep sums' expectations."""
    channels = shape[axis]
    spread = [1] * len(shape)
    if spec.per_channel:
        spread[axis] = channels
    drawn = net.rng.uniform(0.05, 0.6, spread)
    scale = np.vectorize(lambda s: _styled(spec.style, s, 1.0))(drawn).astype(np.float32)
    low = -(2 ** (spec.bits - 1)) + spec.narrow
    high = 2 ** (spec.bits - 1) - 1
    codes = net.rng.normal(size=shape) * max(1.0, high / 2)
    raw = (codes * scale).astype(np.float32)
    if spec.bits == 1:
        real = np.where(raw >= 0, scale, -scale)
        source = net.const(raw)
        one = {"signed": 1, "narrow": 1, "rounding_mode": "ROUND"}
        scalar = scale if spec.per_channel else scale.reshape(())
        name = net.quant(source, scalar, int(spec.as_quant), **(one if spec.as_quant else {}))
    else:
        real = np.rint(np.clip(raw / scale, low, high)) * scale
        scalar = scale if spec.per_channel else scale.reshape(())
        attributes = {"signed": 1, "narrow": int(spec.narrow), "rounding_mode": spec.mode}
        name = net.quant(net.const(raw), scalar, spec.bits, **attributes)
    rows = np.moveaxis(real, axis, 0).reshape(channels, -1).astype(np.float64)
    mean, deviation = net.sample.mean(), net.sample.std()
    width = 256
    normal = net.rng.normal(size=(channels, width))
    sums = mean * rows.sum(axis=1, keepdims=True)
    sums = sums + deviation * np.sqrt((rows**2).sum(axis=1, keepdims=True)) * normal
    net.unit = float(np.float32(net.scale) * scale.reshape(-1)[0])
    net.sample = sums
    return name


def _product(net: _Net, layer: Layer, shape: tuple[int, ...]) -> None:
    features = shape[0]
    if layer.kind == "conv":
        axes = slice(1, 2) if net.one_axis else slice(2)
        attributes: dict[str, Any] = {
            "kernel_shape": list(layer.kernel[axes]),
            "strides": list(layer.strides[axes]),
        }
        top, left, bottom, right = layer.pads
        ends = [left, right] if net.one_axis else [top, left, bottom, right]
        if layer.auto_pad:
            attributes["auto_pad"] = "SAME_UPPER"
        elif layer.pad_value:
            half = len(ends) // 2
            pads = net.const([0, 0, *ends[:half], 0, 0, *ends[half:]], np.int64)
            net.add("Pad", pads, net.const(-net.scale))
        else:
            attributes["pads"] = ends
        weights = _weights(net, layer.weights, (layer.out, features, *layer.kernel[axes]), 0)
        bias = [] if not layer.bias else [_bias(net, layer)]
        net.add("Conv", weights, *bias, **attributes)
        return
    by_rows = layer.transposed != (layer.product == "Gemm transB")
    size = (layer.out, features) if by_rows else (features, layer.out)
    weights = _weights(net, layer.weights, size, 0 if by_rows else 1)
    if layer.transposed:
        weights = net.node("Transpose", [weights], perm=[1, 0])
    if layer.product == "MatMul":
        net.add("MatMul", weights)
        if layer.bias:
            net.add("Add", _bias(net, layer))
        return
    bias = [] if not layer.bias else [_bias(net, layer)]
    net.add("Gemm", weights, *bias, transB=int(layer.product == "Gemm transB"))


def _bias(net: _Net, layer: Layer) -> str:
    values = net.rng.normal(0, net.sample.std() / 2 + 1e-3, layer.out)
    net.sample = net.sample + values[:, None]
    if layer.bias == "float":
        return net.const(values)
    bits = int(layer.bias.removeprefix("int"))
    # 32 bits: the accumulators' own scale, as quantisers choose it; no code then needs 32.
    finest = max(np.abs(values).max(), 1e-3) / (2 ** (min(bits, 16) - 1) - 1)
    scale = float(np.float32(max(net.unit, finest / 2**8) if bits == 32 else finest))
    if net.qcdq:
        return net.stored(values, scale)
    attributes = {"signed": 1, "narrow": 0, "rounding_mode": "ROUND"}
    return net.quant(net.const(values), scale, bits, **attributes)


def _pool(net: _Net, layer: Layer, at: str) -> None:
    if layer.pool != (1, 1) and layer.pool_at == at:
        axes = slice(1, 2) if net.one_axis else slice(2)
        top, left, bottom, right = layer.pool_pads
        attributes = {
            "kernel_shape": list(layer.pool[axes]),
            "strides": list(layer.pool_strides[axes]),
            "pads": [left, right] if net.one_axis else [top, left, bottom, right],
        }
        if not layer.average:
            net.add("MaxPool", **attributes)
            return
        net.add("AveragePool", count_include_pad=1, **attributes)
        act = Activation(bits=layer.average, signed=layer.act.signed, style="decimal")
        _activation(net, act, normed=True)


def _behind(net: _Net, layer: Layer, shape: tuple[int, ...]) -> None:
    """Append norm, pool and activation of a layer that is not the last."""
    _pool(net, layer, "sums")
    if layer.norm.kind:
        _norm(net, layer, _rank(net, shape))
    _pool(net, layer, "norm")
    _activation(net, layer.act, normed=bool(layer.norm.kind))
    _pool(net, layer, "codes")


def _rank(net: _Net, shape: tuple[int, ...]) -> int:
    return len(shape) - (net.one_axis and len(shape) == 3)


def _norm(net: _Net, layer: Layer, rank: int) -> None:
    count = layer.out
    mean, deviation = net.sample.mean(axis=1), net.sample.std(axis=1) + 1e-3
    gamma = net.rng.uniform(0.5, 1.5, count)
    if layer.norm.negative:
        gamma *= np.where(net.rng.permutation(count) <= count // 2, -1, 1)
    gamma[net.rng.permutation(count)[: layer.norm.dead]] = 0.0
    beta = net.rng.normal(0, 0.5, count)
    centre = mean + net.rng.normal(0, 0.3, count) * deviation
    if layer.norm.kind == "batch_norm":
        parameters = [net.const(p) for p in (gamma, beta, centre, deviation**2)]
        net.add("BatchNormalization", *parameters, epsilon=1e-5)
        factor, addend = gamma / deviation, beta - centre * gamma / deviation
    else:
        factor, addend = gamma / deviation, beta
        column = (1, count, *[1] * (rank - 1))
        net.add("Mul", net.const(factor.reshape(column)))
        net.add("Add", net.const(addend.reshape(column)))
    net.sample = net.sample * factor[:, None] + addend[:, None]


def _activation(net: _Net, act: Activation, *, normed: bool) -> None:
    reach = np.inf
    if act.before == "relu":
        net.add("Relu")
        net.sample = np.maximum(net.sample, 0)
    elif act.before == "relu6":
        reach = 6.0
        net.add("Clip", net.const(0.0), net.const(reach))
        net.sample = np.clip(net.sample, 0, reach)
    elif act.before:
        reach = 1.0 if act.before == "hardtanh" else float(np.float32(1.3 * net.sample.std()))
        low = -1.0 if act.before == "hardtanh" else -reach if act.is_sign else 0.0
        net.add("Clip", net.const(low), net.const(reach))
        net.sample = np.clip(net.sample, low, reach)
    levels = max(1, 2 ** (act.bits - act.signed) - 1)
    wanted = float(np.percentile(np.abs(net.sample), 95)) / levels
    unit = 1 / 8 if normed else net.unit
    net.scale = _styled(act.style, wanted, unit)
    while act.bits > 1 and net.scale * (2 if act.again == "coarser" else 1) > reach:
        net.scale /= 2  # else FLOOR gives one code for all that the clip lets through
    for k in range(1 + bool(act.again)):
        coarser = bool(k) and act.again == "coarser"
        if act.is_sign:
            attributes = {"signed": 1, "narrow": 1, "rounding_mode": "ROUND"}
            extra = attributes if act.as_quant else {}
            net.last = net.quant(net.last, net.scale, int(act.as_quant), **extra)
            net.sample = np.where(net.sample >= 0, net.scale, -net.scale)
        else:
            net.scale = float(np.float32(net.scale * (2 if coarser else 1)))
            zero = 0 if coarser else act.zero
            _quantise(net, act.bits - coarser, act.signed, act.narrow, act.mode, zero)
