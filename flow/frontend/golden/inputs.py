"""What the golden model reads: pixels, integers of the file's own, or codes that the driver makes.

Pixels (uint8, in the file pixel / 255) are what images of one or three channels are made of. Every
other input is values: the accelerator then reads the codes of the file's first quantiser, and what
stands in front of it becomes float32 steps, found by bisection on the golden model's own operators.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isqrt

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto

from driver.inputs import InputRule
from flow.errors import GoldenError
from flow.frontend.golden.builder import Builder, Codes, Value
from flow.frontend.golden.constants import QUANTISERS, attributes, refuse
from flow.frontend.golden.input_settings import InputSettings, get_input_settings
from flow.frontend.golden.model import IMAGES, INPUT_CODES, INPUT_LAYER, Tap
from flow.frontend.golden.operators import HANDLERS
from flow.frontend.segment import ChannelFunctions, Place, Segment
from flow.frontend.views import View
from flow.network import Edge
from flow.network.steps import find_steps

_MOVES = ("Transpose", "Reshape", "Flatten", "Squeeze", "Unsqueeze")
_POINTWISE = (
    *("Add", "Sub", "Mul", "Div", "Clip", "HardTanh", "Hardtanh", "Relu"),
    *("BatchNormalization", "Identity", "Dropout", "Cast"),
)
_ENDS = (*QUANTISERS, "DequantizeLinear")
"""Where the input's values have become codes."""
_PICTURE_CHANNELS = (1, 3)
_LEVELS = 256  # of a byte
_FILE_INPUT = "inputs"
_LARGEST = int(np.array(np.finfo(np.float32).max).view(np.int32))


@dataclass(frozen=True)
class Front:
    """The nodes from the input to its first quantiser, the last of them, and what they compute.

    function: real values (rows, channels) to codes, channel by channel. tap: of those codes.
    """

    nodes: tuple[NodeProto, ...]
    function: ChannelFunctions
    tap: Tap


@dataclass(frozen=True)
class Input:
    """rule: what is fed in. consumed: outputs of the file's nodes that are not lowered any more."""

    rule: InputRule
    consumed: frozenset[str] = frozenset()


def lower_input(
    build: Builder,
    model: onnx.ModelProto,
    source: onnx.ValueInfoProto,
    nodes: Sequence[NodeProto],
) -> Input:
    """Emit what leads from the images to the file's input, or to its first codes.

    nodes: of the file, constants folded. UserError for an input that cannot be fed.
    """
    settings = get_input_settings(model)
    plain = _plain_rule(build, model, source, nodes, settings)
    front = _front(build, source.name, nodes, plain)
    wants_codes = plain.kind == "codes"
    if isinstance(front, str):
        if wants_codes:
            raise GoldenError(f"input '{source.name}': {front}")
        return Input(_emit_plain(build, source, plain))
    if not wants_codes and _alike(front.function, plain):
        return Input(_emit_plain(build, source, plain))
    rule = _with_steps(front, plain)
    return Input(rule, _emit_codes(build, source, front, rule))


def _plain_rule(
    build: Builder,
    model: onnx.ModelProto,
    source: onnx.ValueInfoProto,
    nodes: Sequence[NodeProto],
    settings: InputSettings,
) -> InputRule:
    """Return the rule as far as shape, type and settings say it; "codes" still without steps."""
    shape = build.shapes[source.name][1:]
    last = _channels_last(source.name, nodes, len(shape))
    integers = _integer_range(model, source)
    if not 1 <= len(shape) <= 3:
        raise GoldenError(
            f"input '{source.name}' has shape (N, {', '.join(map(str, shape))}); (N, features), "
            "(N, C, L) and (N, C, H, W) can be fed"
        )
    frame = _frame(shape, last)
    picture = len(shape) == 3 and frame[2] in _PICTURE_CHANNELS
    pixels = settings.kind == "pixels" or (settings.kind == "auto" and picture)
    if settings.normalised and (not pixels or integers or len(settings.mean) != frame[2]):
        raise GoldenError(
            f"[model] mean and std: {len(settings.mean)} numbers for an input of {frame[2]} "
            "channels; they are for pixels, one number for each channel"
        )
    rule = InputRule("codes", frame, shape, last, 0, 0, False, settings.mean, settings.std)
    if integers:
        low, high = integers
        pictures = integers == (0, 255) and (picture or settings.kind == "pixels")
        return rule._replace(kind="integers", low=low, high=high, pictures=pictures, divisor=1)
    if not pixels:
        return rule
    if len(shape) == 1:
        rule = rule._replace(shape=_guess_image_shape(shape[0]))
    if rule.shape[2] not in _PICTURE_CHANNELS:
        raise GoldenError(
            f'[model] input = "pixels": the input has {rule.shape[2]} channels, a picture 1 or 3'
        )
    return rule._replace(kind="pixels", low=0, high=_LEVELS - 1, pictures=True)


def _frame(shape: tuple[int, ...], channels_last: bool) -> tuple[int, int, int]:
    """Return (H, W, C) of what the file's axes are; a vector is one pixel of many channels."""
    if len(shape) == 1:
        return (1, 1, shape[0])
    channels, *size = (shape[-1], *shape[:-1]) if channels_last else shape
    return (1, size[0], channels) if len(size) == 1 else (size[0], size[1], channels)


def _channels_last(name: str, nodes: Sequence[NodeProto], rank: int) -> bool:
    """Whether the first thing that moves the input's axes brings its channels to the front."""
    wanted = [0, rank, *range(1, rank)]
    while True:
        readers = [node for node in nodes if name in node.input]
        if len(readers) != 1 or rank < 2:
            return False
        node = readers[0]
        if node.op_type == "Transpose":
            return list(attributes(node).get("perm", [])) == wanted
        if node.op_type not in (*_POINTWISE, "QuantizeLinear", *_ENDS):
            return False
        name = node.output[0]


def _integer_range(model: onnx.ModelProto, source: onnx.ValueInfoProto) -> tuple[int, int] | None:
    """Return the lowest and highest integer the file itself says its input has, None for floats."""
    kinds: dict[int, str] = {TensorProto.UINT8: "UINT8", TensorProto.INT8: "INT8"}
    name = kinds.get(source.type.tensor_type.elem_type, "")
    for annotation in model.graph.quantization_annotation:
        for entry in annotation.quant_parameter_tensor_names:
            if annotation.tensor_name == source.name and entry.key == "finn_datatype":
                name = entry.value
    kind = name.rstrip("0123456789")
    bits = int(name[len(kind) :] or 0)
    if kind not in ("INT", "UINT"):
        return None
    if bits > 8:
        raise GoldenError(
            f"input '{source.name}' is annotated {name}; the accelerator takes bytes, INT8 or UINT8"
        )
    return (0, 2**bits - 1) if kind == "UINT" else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def _guess_image_shape(length: int) -> tuple[int, int, int]:
    for channels in _PICTURE_CHANNELS:
        side = isqrt(length // channels)
        if side * side * channels == length:
            return (side, side, channels)
    raise GoldenError(
        f'[model] input = "pixels": a vector of {length} values is no square picture of 1 or 3 '
        'channels; with input = "values" it is fed as it is'
    )


def _front(build: Builder, name: str, nodes: Sequence[NodeProto], rule: InputRule) -> Front | str:
    """Return the input's way to its first quantiser, or why there is none."""
    chain: list[NodeProto] = []
    tensor = name
    while not chain or chain[-1].op_type not in _ENDS:
        readers = [node for node in nodes if tensor in node.input]
        if len(readers) != 1:
            return (
                f"{len(readers)} nodes read '{tensor}'; one quantiser has to stand in front of "
                "everything else"
            )
        chain.append(readers[0])
        if readers[0].op_type not in (*_MOVES, *_POINTWISE, "QuantizeLinear", *_ENDS):
            return (
                f"it is values, and {readers[0].op_type} '{readers[0].name}' reads them before "
                "a quantiser does; put one (QuantIdentity) directly behind the input"
            )
        tensor = readers[0].output[0]
    apart = Builder(build.constants, build.shapes, build.batch)
    stored = chain[-1].op_type == "DequantizeLinear" and all(
        node.op_type != "QuantizeLinear" for node in chain
    )
    codes = Codes(np.float32(1), rule.low, rule.high) if stored else None
    apart.values[name] = Value(_FILE_INPUT, build.shapes[name][1:], codes=codes)
    for node in chain:
        HANDLERS[node.op_type](apart, node)
    (tap,) = apart.taps
    index = np.arange(int(np.prod(rule.shape))).reshape(1, *rule.shape)
    view = View(_FILE_INPUT, rule.shape, rule.as_in_file(index)[0])
    edge = Edge(rule.shape, 0, 1)
    segment = Segment(Place(chain[-1].op_type, chain[-1].name), _FILE_INPUT, edge, view)
    aliases: dict[str, str] = {}
    for node in apart.nodes:
        segment.follow(node, apart.arrays, aliases)
    return Front(tuple(chain), segment.function(tap.name), tap)


def _alike(function: ChannelFunctions, rule: InputRule) -> bool:
    """Whether every integer that can be fed gets the same code in all channels."""
    values = np.arange(rule.low, rule.high + 1)
    pixels = np.repeat(values[:, None, None, None], rule.shape[2], axis=3).astype(rule.dtype)
    codes = function(rule.real_pixels(pixels)[:, 0, 0, :])
    return bool(np.all(codes == codes[:, :1]))


def _with_steps(front: Front, plain: InputRule) -> InputRule:
    """Return the rule that compares values with the places where the quantiser's code changes."""
    tap, channels = front.tap, plain.shape[2]
    levels = (tap.high - tap.low) // tap.step + 1
    if levels > _LEVELS:
        refuse(
            front.nodes[-1],
            f"its codes go from {tap.low} to {tap.high}; an input of values has 8 bits at most",
        )

    def codes(keys: NDArray[np.int64]) -> NDArray[np.float32]:
        return front.function(from_keys(keys))

    keys = Edge((1, 1, channels), -_LARGEST, _LARGEST)
    found = find_steps(codes, keys, tap.low, tap.high, tap.step)
    mirrored = np.where(found.falling[:, None], -found.steps[:, ::-1], found.steps)
    steps = np.where(mirrored > _LARGEST, np.float32(np.inf), from_keys(mirrored))
    falling = found.falling
    if np.all(steps == steps[0]) and np.all(falling == falling[0]):
        steps, falling = steps[:1], falling[:1]
    low = tap.low if tap.step == 1 and _fits_a_byte(tap) else 0
    return plain._replace(
        kind="codes", low=low, high=low + levels - 1, steps=steps, falling=falling
    )


def _fits_a_byte(tap: Tap) -> bool:
    return (tap.low >= 0 and tap.high < _LEVELS) or (tap.low >= -128 and tap.high < 128)


def from_keys(keys: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the float32 of integers that count all finite floats in order, 0 for 0."""
    clipped = np.clip(keys, -_LARGEST, _LARGEST)
    magnitudes = np.abs(clipped).astype(np.int32).view(np.float32)
    return np.where(clipped < 0, -magnitudes, magnitudes).astype(np.float32)


def _emit_plain(build: Builder, source: onnx.ValueInfoProto, rule: InputRule) -> InputRule:
    """Emit images -> source input, for pixels and for integers of the file's own."""
    if rule.kind == "integers":
        ordered = _in_file_order(build, rule)
        tensor = build.emit("Cast", [ordered], INPUT_CODES, to=TensorProto.FLOAT)
        ends = (rule.low, rule.high, 1)
        # A quantiser that follows adds a tap of its own.
        build.add_tap(Tap(tensor, source.name, "input", 1.0, INPUT_LAYER, *ends, rule.file_shape))
        codes = Codes(np.float32(1), rule.low, rule.high)
        build.values[source.name] = Value(tensor, rule.file_shape, codes=codes)
        return rule
    x = build.emit("Cast", [IMAGES], to=TensorProto.FLOAT)
    x = build.emit("Div", [x, build.scalar(rule.divisor)])
    if rule.mean:
        for op, values in (("Sub", rule.mean), ("Div", rule.std)):
            x = build.emit(op, [x, build.constant(np.array(values, np.float32))])
    tensor = _in_file_order(build, rule, x)
    build.values[source.name] = Value(tensor, rule.file_shape)
    return rule


def _in_file_order(build: Builder, rule: InputRule, tensor: str = IMAGES) -> str:
    """Emit frames (N, H, W, C) -> (N, *file_shape)."""
    height, width, channels = rule.shape
    ordered = rule.shape if rule.channels_last else (channels, height, width)
    if not rule.channels_last and height * width > 1:
        tensor = build.emit("Transpose", [tensor], perm=[0, 3, 1, 2])
    elif not rule.channels_last:
        ordered = rule.shape  # one pixel: its channels are in order already
    if ordered != rule.file_shape:
        shape = build.constant(np.array([-1, *rule.file_shape], np.int64))
        tensor = build.emit("Reshape", [tensor, shape])
    return tensor


def _emit_codes(
    build: Builder, source: onnx.ValueInfoProto, front: Front, rule: InputRule
) -> frozenset[str]:
    """Emit images -> the first quantiser's codes; of what leads there only moves are left."""
    value = Value(_in_file_order(build, rule), rule.file_shape)
    build.values[source.name] = value
    for node in front.nodes:
        if node.op_type in _MOVES:
            HANDLERS[node.op_type](build, node)
        else:
            build.values[node.output[0]] = build.values[node.input[0]]
    moved = build.values[front.nodes[-1].output[0]]
    tap, shift = front.tap, front.tap.low - rule.low
    stages = [("Cast", 0.0)]
    stages += (
        [("Mul", 2.0), ("Sub", 1.0)] if tap.step == 2 else [("Add", float(shift))] if shift else []
    )
    tensor = moved.tensor
    for k, (op, operand) in enumerate(stages):
        name = INPUT_CODES if k + 1 == len(stages) else None
        if op == "Cast":
            tensor = build.emit(op, [tensor], name, to=TensorProto.FLOAT)
        else:
            tensor = build.emit(op, [tensor, build.scalar(operand)], name)
    build.add_tap(replace(tap, name=tensor))
    codes = Codes(np.float32(tap.scale), tap.low, tap.high)
    last = front.nodes[-1].output[0]
    build.values[last] = replace(moved, tensor=tensor, codes=codes)
    return frozenset(node.output[0] for node in front.nodes)
