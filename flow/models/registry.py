"""Networks by name: one checked description, from which all their forms are built."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import nn

from flow.data.images import ImageShape
from flow.errors import UserError
from flow.models import bvgg16, cnv, mlp, vgg_small
from flow.models.floating import FloatKit
from flow.models.kit import Channels, LayerKit, WeightBits
from flow.models.quantizers import BrevitasKit

MODEL_NAMES = ("bvgg16", "vgg16", "cnv", "vgg_small", "tfc", "lfc")
_CHANNEL_STEP = 8  # widths keep every channel count a multiple of this, so folding has divisors
_PADDED = ("bvgg16", "vgg16", "vgg_small")


class ModelSpec(BaseModel):
    """Everything that fixes a network but its weights."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Literal["bvgg16", "vgg16", "cnv", "vgg_small", "tfc", "lfc"] = Field(
        "bvgg16", description="Topology; vgg16 is the floating-point reference of bvgg16."
    )
    width: float = Field(1.0, gt=0, le=4, description="Factor on all channel counts.")
    pad_value: Literal[0, -1] = Field(
        0,
        description="What surrounds the maps of a padded 1-bit convolution (bvgg16 and vgg_small; "
        "the first layer always pads 0).",
    )
    head: Literal["global-max", "flatten"] = Field(
        "global-max",
        description="How the last map becomes features (bvgg16, vgg16 and vgg_small).",
    )
    classes: int = Field(10, ge=2, description="Number of output scores.")
    image_side: int = Field(32, ge=8, le=512, description="Height and width of the images.")
    channels: tuple[int, ...] | None = Field(
        None,
        description="Channels of each layer but the last, instead of width (a pruned network's).",
    )
    first_weight_bits: WeightBits = Field(1, description="Weight bits of the first layer.")
    last_weight_bits: WeightBits = Field(1, description="Weight bits of the last layer.")
    activations: Literal["sign", "relu"] = Field(
        "sign",
        description="relu keeps real activations, as BinaryConnect and BWN were published; such a "
        "network does not map to the accelerator.",
    )

    @model_validator(mode="after")
    def _channels_divide(self) -> ModelSpec:
        if self.channels is None and (64 * self.width) % _CHANNEL_STEP:
            raise ValueError(
                f"width {self.width} makes {64 * self.width:g} channels in the first stack; "
                f"choose a multiple of {_CHANNEL_STEP / 64} (0.125, 0.25, 0.5, 1.0, 1.5, ...)"
            )
        wanted = len(self.full_width_channels)
        if self.channels is not None and (
            len(self.channels) != wanted or any(count < 1 for count in self.channels)
        ):
            raise ValueError(
                f"channels {list(self.channels)}: {self.name} has {wanted} layers in front of the "
                "last one; give as many positive numbers"
            )
        return self

    @model_validator(mode="after")
    def _image_side_fits(self) -> ModelSpec:
        if self.name in _PADDED and self.image_side % 8:
            raise ValueError(
                f"image_side {self.image_side}: {self.name} halves the map three times; "
                "use a multiple of 8"
            )
        if self.name == "cnv" and cnv.map_side(self.image_side) < 1:
            raise ValueError(f"image_side {self.image_side}: cnv needs images of 32 x 32 or larger")
        return self

    @model_validator(mode="after")
    def _reference_is_plain(self) -> ModelSpec:
        if self.name == "vgg16" and (self.pad_value, *self.end_bits, self.activations) != (
            *(0, 1, 1),
            "sign",
        ):
            raise ValueError(
                "vgg16 is the floating-point reference: pad_value, weight bits and activations "
                "have no meaning for it; leave them out"
            )
        return self

    @property
    def end_bits(self) -> tuple[WeightBits, WeightBits]:
        """Weight bits of the first and of the last layer."""
        return self.first_weight_bits, self.last_weight_bits

    @property
    def image_shape(self) -> ImageShape:
        """Height, width and channels of its images."""
        return (self.image_side, self.image_side, 3)

    @property
    def is_quantised(self) -> bool:
        """Whether it has no real weights and no real activations, as hardware needs it."""
        return self.name != "vgg16" and self.activations == "sign"

    @property
    def is_binary(self) -> bool:
        """Whether every weight and every activation has 1 bit."""
        return self.is_quantised and self.end_bits == (1, 1)

    @property
    def full_width_channels(self) -> tuple[int, ...]:
        """Channels of each layer but the last at width 1."""
        if self.name in mlp.HIDDEN:
            return mlp.HIDDEN[self.name]
        stacks, hidden = {
            "cnv": (cnv.STACKS, cnv.HIDDEN),
            "vgg_small": (vgg_small.STACKS, ()),
        }.get(self.name, (bvgg16.STACKS, bvgg16.HIDDEN))
        return (*(count for stack in stacks for count in stack), *hidden)

    def layers(self, kit: LayerKit) -> nn.Sequential:
        """Return the network's layers made with `kit` (vgg16: always floating point)."""
        options: dict[str, Any] = {
            "channels": Channels(self.width, self.channels),
            "classes": self.classes,
            "side": self.image_side,
            "end_bits": self.end_bits,
        }
        if self.name == "cnv":
            return cnv.cnv_layers(kit, **options)
        if self.name in mlp.HIDDEN:
            return mlp.mlp_layers(kit, name=self.name, **options)
        options |= {"pad_value": self.pad_value, "head": self.head}
        if self.name == "vgg_small":
            return vgg_small.vgg_small_layers(kit, **options)
        return bvgg16.bvgg16_layers(FloatKit() if self.name == "vgg16" else kit, **options)

    def brevitas_layers(self) -> nn.Sequential:
        """Return the network's layers in the form that can be exported."""
        return self.layers(BrevitasKit(real_activations=self.activations == "relu"))


def build_model(
    name: str,
    *,
    width: float = 1.0,
    pad_value: int = 0,
    head: str = "global-max",
    classes: int = 10,
    **options: Any,
) -> nn.Sequential:
    """Return the Brevitas network `name` in training mode, with PyTorch's initial weights.

    Input float32 in [0, 1] (pixel / 255), shape (N, 3, S, S) with S = image_side, 32 by default;
    output float32, shape (N, classes). `options`: the further fields of ModelSpec. UserError for a
    name or value that is not known.
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
                **options,
            }
        )
    except ValueError as error:
        raise UserError(f"models: {name}: {error}") from error
    return spec.brevitas_layers()
