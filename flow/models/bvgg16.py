"""B-VGG16: VGG16 with 1-bit weights and activations for 32 x 32 images."""

from __future__ import annotations

from collections import OrderedDict
from typing import Literal

from torch import nn

from flow.models.kit import LayerKit, batch_norm_1d, batch_norm_2d

Head = Literal["global-max", "flatten"]

STACKS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
_POOLED_STACKS = 3
_HIDDEN = 1024
_MAP_SIDE = 4


def bvgg16_layers(
    kit: LayerKit, *, width: float, pad_value: int, head: Head, classes: int
) -> nn.Sequential:
    """Return the layers of B-VGG16 in order; input (N, 3, 32, 32), output (N, classes) integers.

    With head "global-max" the last convolution is followed by a 4 x 4 max-pool, then BatchNorm and
    sign: the maximum of signs would be +1 nearly always. That BatchNorm, named `bn_head`, must keep
    a positive scale (the training loop sees to it), so that hardware may take the OR of sign bits.
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict(input=kit.input())
    channels, index = 3, 0
    count = sum(len(stack) for stack in STACKS)
    for number, stack in enumerate(STACKS):
        for full_width in stack:
            outputs = round(full_width * width)
            # A 1-bit tensor has no zero, so -1 padding is a layer of its own; pixels pad with 0.
            own_padding = pad_value != 0 and index > 0
            if own_padding:
                layers[f"pad{index}"] = nn.ConstantPad2d(1, float(pad_value))
            layers[f"conv{index}"] = kit.conv(channels, outputs, 0 if own_padding else 1)
            is_last = index == count - 1
            if is_last and head == "global-max":
                layers["pool_head"] = nn.MaxPool2d(_MAP_SIDE)
                layers["bn_head"] = batch_norm_2d(outputs)
            else:
                layers[f"bn{index}"] = batch_norm_2d(outputs)
            layers[f"sign{index}"] = kit.sign()
            channels, index = outputs, index + 1
        if number < _POOLED_STACKS:
            layers[f"pool{number}"] = nn.MaxPool2d(2)
    features = channels * (1 if head == "global-max" else _MAP_SIDE**2)
    hidden = round(_HIDDEN * width)
    layers["flatten"] = nn.Flatten()
    layers["fc0"] = kit.linear(features, hidden)
    layers["bn_fc0"] = batch_norm_1d(hidden)
    layers["sign_fc0"] = kit.sign()
    layers["fc1"] = kit.linear(hidden, classes)
    return nn.Sequential(layers)
