"""Networks by name: one checked description, from which all their forms are built."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import nn

from flow.errors import UserError
from flow.models.bvgg16 import bvgg16_layers
from flow.models.cnv import cnv_layers
from flow.models.kit import LayerKit
from flow.models.quantizers import BrevitasKit

MODEL_NAMES = ("bvgg16", "cnv")
_CHANNEL_STEP = 8  # widths keep every channel count a multiple of this, so folding has divisors


class ModelSpec(BaseModel):
    """Everything that fixes a network but its weights."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Literal["bvgg16", "cnv"] = Field("bvgg16", description="Topology.")
    width: float = Field(1.0, gt=0, le=4, description="Factor on all channel counts.")
    pad_value: Literal[0, -1] = Field(
        0,
        description="What surrounds the maps of a padded 1-bit convolution (bvgg16 only; "
        "the first layer always pads 0).",
    )
    head: Literal["global-max", "flatten"] = Field(
        "global-max", description="How the last 4 x 4 map becomes features (bvgg16 only)."
    )
    classes: int = Field(10, ge=2, description="Number of output scores.")

    @model_validator(mode="after")
    def _channels_divide(self) -> ModelSpec:
        if (64 * self.width) % _CHANNEL_STEP:
            raise ValueError(
                f"width {self.width} makes {64 * self.width:g} channels in the first stack; "
                f"choose a multiple of {_CHANNEL_STEP / 64} (0.125, 0.25, 0.5, 1.0, 1.5, ...)"
            )
        return self

    def layers(self, kit: LayerKit) -> nn.Sequential:
        """Return the network's layers made with `kit`."""
        if self.name == "cnv":
            return cnv_layers(kit, width=self.width, classes=self.classes)
        return bvgg16_layers(
            kit,
            width=self.width,
            pad_value=self.pad_value,
            head=self.head,
            classes=self.classes,
        )


def build_model(
    name: str,
    *,
    width: float = 1.0,
    pad_value: int = 0,
    head: str = "global-max",
    classes: int = 10,
) -> nn.Sequential:
    """Return the Brevitas network `name` in training mode, with PyTorch's initial weights.

    Input float32 in [0, 1] (pixel / 255), shape (N, 3, 32, 32); output float32 integers, shape
    (N, classes). UserError for a name or value that is not known.
    """
    if name not in MODEL_NAMES:
        raise UserError(f"models: {name!r} is not known; use one of {', '.join(MODEL_NAMES)}")
    try:
        spec = ModelSpec.model_validate(
            {
                "name": name,
                "width": width,
                "pad_value": pad_value,
                "head": head,
                "classes": classes,
            }
        )
    except ValueError as error:
        raise UserError(f"models: {name}: {error}") from error
    return spec.layers(BrevitasKit())
