"""The golden model: a plain ONNX graph and the names of the tensors that later forms must equal."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from driver.inputs import InputRule, rule_from_record
from driver.scores import ScoreMap, score_map_from_record
from flow.errors import GoldenError

TapKind = Literal["input", "bipolar", "quant"]

INPUT_LAYER = -1  # `Tap.layer` of what comes before the first Conv or MatMul
EXACT_FLOAT32 = 2**24  # integers up to here, and so sums of integers below it, are exact
MOST_ACCUMULATOR = 2**31
GOLDEN_OPSET = 20
IMAGES = "images"
INPUT_CODES = "input.codes"
SCORES = "scores"
ONES = ".ones"
"""How the weights of a convolution end that adds up windows: an average without its division."""
_METADATA_KEY = "bnnflow.golden"
_CLASS_NAMES_KEY = "class_names"


@dataclass(frozen=True)
class Tap:
    """An activation quantiser's output, as integer codes; its real value is code * scale.

    name: tensor in the golden graph that holds the codes (integer-valued float32, batch first).
    source: tensor in the QONNX graph that holds the real values.
    layer: index of the layer whose accumulators it quantises; INPUT_LAYER for the images.
    low, high: smallest and largest code the quantiser can give, whatever its input; step: distance
    between neighbouring codes (2 for a bipolar one, which gives -1 or +1).
    shape: without the batch dimension, channels first.
    """

    name: str
    source: str
    kind: TapKind
    scale: float
    layer: int
    low: int
    high: int
    step: int
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Layer:
    """A Conv or MatMul on integer codes; its sums are exact.

    accumulator: integer-valued tensor in the golden graph, float32, or float64 where `is_wide`; its
    real value is accumulator * scale[channel] (`scale` has one entry where all channels share it).
    weights: initializer of the golden graph, integer-valued, (O, I, KH, KW) or (I, O); where
    `is_wide`, several whose names begin with it and whose sum it is.
    taps: names of the quantisers that read this layer, in order; none for the scores.
    bound: no accumulator is larger in magnitude, whatever the images.
    shape: of the accumulators, without the batch dimension.
    """

    index: int
    kind: Literal["conv", "fc"]
    source: str
    accumulator: str
    weights: str
    scale: tuple[float, ...]
    taps: tuple[str, ...]
    bound: int
    shape: tuple[int, ...]

    @property
    def is_wide(self) -> bool:
        """Whether the accumulators need float64."""
        return self.bound >= EXACT_FLOAT32


@dataclass(frozen=True)
class GoldenModel:
    """Plain ONNX from `images`, integers (N, H, W, C), to float32 `scores` (N, classes).

    taps and layers are in graph order. input: how pixels or values become the images. The scores
    are the last integers of the network, which is what an accelerator hands out; score_map says
    what they stand for. output: the tensor of the file that this is.
    """

    onnx_model: onnx.ModelProto
    taps: tuple[Tap, ...]
    layers: tuple[Layer, ...]
    input: InputRule
    classes: int
    score_map: ScoreMap
    class_names: tuple[str, ...] = ()
    """Names of the classes where the file carries them (`set_class_names`), else empty."""
    output: str = ""

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(H, W, C) of an image."""
        return self.input.shape

    def tap(self, name: str) -> Tap:
        """Return the tap of that name; UserError if there is none."""
        for tap in self.taps:
            if tap.name == name:
                return tap
        raise GoldenError(f"no tap {name!r}; there are {', '.join(t.name for t in self.taps)}")

    def layer(self, index: int) -> Layer:
        """Return the layer of that index; UserError if there is none."""
        if not 0 <= index < len(self.layers):
            raise GoldenError(f"no layer {index}; there are 0..{len(self.layers) - 1}")
        return self.layers[index]

    def weights(self, index: int) -> NDArray[np.int64]:
        """Return a layer's integer weights as rows of outputs: (O, I, KH, KW) or (O, I)."""
        layer = self.layer(index)
        parts = [
            numpy_helper.to_array(tensor).astype(np.int64)
            for tensor in self.onnx_model.graph.initializer
            if tensor.name == layer.weights or tensor.name.startswith(f"{layer.weights}.")
        ]
        if not parts:
            raise GoldenError(f"initializer {layer.weights!r} of layer {index} is missing")
        values = np.sum(parts, axis=0)
        return values if layer.kind == "conv" else np.ascontiguousarray(values.T)

    def with_outputs(self, names: list[str]) -> onnx.ModelProto:
        """Return a copy of the graph that also gives the named intermediate tensors."""
        model = onnx.ModelProto()
        model.CopyFrom(self.onnx_model)
        wide = {layer.accumulator for layer in self.layers if layer.is_wide}
        for name in names:
            kind = TensorProto.DOUBLE if name in wide else TensorProto.FLOAT
            model.graph.output.append(helper.make_tensor_value_info(name, kind, None))
        return model

    def save(self, path: Path) -> None:
        """Write one .onnx file; taps and layers travel in its metadata."""
        record = {
            "taps": [asdict(t) for t in self.taps],
            "layers": [asdict(layer) for layer in self.layers],
            "input": self.input.record(),
            "steps": None if self.input.steps is None else self.input.steps.tolist(),
            "falling": None if self.input.falling is None else self.input.falling.tolist(),
            "classes": self.classes,
            "score_map": self.score_map._asdict(),
            "output": self.output,
            "class_names": self.class_names,
        }
        model = self.with_outputs([])
        helper.set_model_props(model, {_METADATA_KEY: json.dumps(record)})
        onnx.save(model, str(path))

    @staticmethod
    def load(path: Path) -> GoldenModel:
        """Read what `save` wrote; UserError if the file is anything else."""
        model = load_onnx(path)
        records = [p.value for p in model.metadata_props if p.key == _METADATA_KEY]
        if not records:
            raise GoldenError(
                f"{path} is an ONNX file but not a golden model; "
                "lower it first (lower_to_plain_onnx)"
            )
        record = json.loads(records[0])
        taps = tuple(Tap(**{**t, "shape": tuple(t["shape"])}) for t in record["taps"])
        layers = tuple(
            Layer(
                **{
                    **v,
                    "scale": tuple(v["scale"]),
                    "taps": tuple(v["taps"]),
                    "shape": tuple(v["shape"]),
                }
            )
            for v in record["layers"]
        )
        arrays = {name: record[name] for name in ("steps", "falling")}
        has_steps = arrays["steps"] is not None
        rule = rule_from_record(record["input"], arrays if has_steps else None)
        return GoldenModel(
            model,
            taps,
            layers,
            rule,
            record["classes"],
            score_map_from_record(record["score_map"]),
            tuple(record["class_names"]),
            record["output"],
        )


def set_class_names(model: onnx.ModelProto, names: Sequence[str]) -> None:
    """Write the names of the classes, in order of the scores, into a model's metadata."""
    kept = {prop.key: prop.value for prop in model.metadata_props}
    helper.set_model_props(model, kept | {_CLASS_NAMES_KEY: json.dumps(list(names))})


def get_class_names(model: onnx.ModelProto, classes: int) -> tuple[str, ...]:
    """Return what `set_class_names` wrote; empty if nothing, or not one name for each class."""
    found = [prop.value for prop in model.metadata_props if prop.key == _CLASS_NAMES_KEY]
    try:
        names = json.loads(found[0]) if found else []
    except json.JSONDecodeError:
        return ()
    plain = isinstance(names, list) and all(isinstance(name, str) for name in names)
    return tuple(names) if plain and len(names) == classes else ()


def load_onnx(path: Path) -> onnx.ModelProto:
    """Read an ONNX file; UserError if it is missing, is not ONNX or lacks its weight file."""
    if not path.is_file():
        raise GoldenError(f"{path} is not a file; name an exported .onnx model")
    try:
        model = onnx.load(str(path))
    except DecodeError as error:
        raise GoldenError(f"{path} is not an ONNX file ({error})") from error
    except (onnx.checker.ValidationError, FileNotFoundError) as error:
        raise GoldenError(
            f"{path} keeps its weights in another file that cannot be read ({error}); "
            "put it beside the model"
        ) from error
    if not model.graph.node:
        raise GoldenError(f"{path} is not an ONNX file, or its graph is empty")
    return model
