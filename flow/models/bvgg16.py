"""B-VGG16: VGG16 with 1-bit weights and activations for small images."""

from __future__ import annotations

from collections import OrderedDict
from typing import Literal

from torch import nn

from flow.models.kit import Channels, LayerKit, WeightBits

Head = Literal["global-max", "flatten"]

STACKS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
POOLED_STACKS = 3
HIDDEN = (1024,)


def bvgg16_layers(
    kit: LayerKit,
    *,
    channels: Channels,
    pad_value: int,
    head: Head,
    classes: int,
    side: int = 32,
    end_bits: tuple[WeightBits, WeightBits] = (1, 1),
    stacks: tuple[tuple[int, ...], ...] = STACKS,
    pooled_stacks: int = POOLED_STACKS,
    hidden: tuple[int, ...] = HIDDEN,
) -> nn.Sequential:
    """Return the layers in order; input (N, 3, side, side), output (N, classes).

    With head "global-max" the last convolution is followed by a max-pool over its whole map, then
    BatchNorm and sign: the maximum of signs would be +1 nearly always. That BatchNorm, named
    `bn_head`, must keep a positive scale (the training loop sees to it), so that hardware may take
    the OR of sign bits. `end_bits`: weight bits of the first and of the last layer.
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict(input=kit.input())
    inputs, index = 3, 0
    count = sum(len(stack) for stack in stacks)
    for number, stack in enumerate(stacks):
        for full_width in stack:
            outputs = channels.next(full_width)
            # A 1-bit tensor has no zero, so -1 padding is a layer of its own; pixels pad with 0.
            own_padding = pad_value != 0 and index > 0
            if own_padding:
                layers[f"pad{index}"] = nn.ConstantPad2d(1, float(pad_value))
            bits: WeightBits = end_bits[0] if index == 0 else 1
            layers[f"conv{index}"] = kit.conv(inputs, outputs, 0 if own_padding else 1, bits)
            is_last = index == count - 1
            if is_last and head == "global-max":
                layers["pool_head"] = nn.MaxPool2d(side)
                layers["bn_head"] = kit.batch_norm_2d(outputs)
                side = 1
            else:
                layers[f"bn{index}"] = kit.batch_norm_2d(outputs)
            layers[f"sign{index}"] = kit.sign()
            inputs, index = outputs, index + 1
        if number < pooled_stacks and side > 1:
            layers[f"pool{number}"] = nn.MaxPool2d(2)
            side //= 2
    layers["flatten"] = nn.Flatten()
    inputs *= side * side
    for number, full_width in enumerate(hidden):
        outputs = channels.next(full_width)
        layers[f"fc{number}"] = kit.linear(inputs, outputs)
        layers[f"bn_fc{number}"] = kit.batch_norm_1d(outputs)
        layers[f"sign_fc{number}"] = kit.sign()
        inputs = outputs
    layers[f"fc{len(hidden)}"] = kit.linear(inputs, classes, end_bits[1])
    return nn.Sequential(layers)
