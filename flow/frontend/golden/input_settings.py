"""What the user says about a network's input; it travels in the metadata of the QONNX file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Literal

import onnx
from onnx import helper

from flow.errors import GoldenError

InputKind = Literal["auto", "pixels", "values"]
_KEY = "bnnflow.input"


@dataclass(frozen=True)
class InputSettings:
    """kind: "auto": images of 1 or 3 channels are pixels, everything else is values.

    mean, std: what training took from pixel / 255 and divided by outside of the file, one number
    for each channel; empty for nothing.
    """

    kind: InputKind = "auto"
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()

    @property
    def normalised(self) -> bool:
        """Whether pixels are normalised before the file sees them."""
        return bool(self.mean)


def set_input_settings(model: onnx.ModelProto, settings: InputSettings) -> None:
    """Write the settings into a model's metadata."""
    kept = {prop.key: prop.value for prop in model.metadata_props}
    helper.set_model_props(model, kept | {_KEY: json.dumps(asdict(settings))})


def get_input_settings(model: onnx.ModelProto) -> InputSettings:
    """Return what `set_input_settings` wrote, else the defaults; UserError where it is garbled."""
    found = [prop.value for prop in model.metadata_props if prop.key == _KEY]
    if not found:
        return InputSettings()
    try:
        record = json.loads(found[0])
        return InputSettings(record["kind"], tuple(record["mean"]), tuple(record["std"]))
    except (ValueError, KeyError, TypeError) as error:
        raise GoldenError(f"its metadata entry {_KEY} cannot be read ({error})") from error
